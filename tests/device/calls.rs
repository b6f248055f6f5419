//! Plans, recorders, downloads, counters, and what is refused at the call.

use std::sync::Arc;

use fastrand::Rng;
use pliant::*;
use pliant::{
    Argument, ConcatPlan, Conv2dPlan, DType, Error, Gpu, GpuOptions, MatmulPlan, Recorder, Shape, SplitPlan, Tensor,
    TensorSpec,
};

use crate::gpu;
use crate::support::problem::{Array, Implementation, Problem, Ways};
use crate::support::random::normal;

/// A convolution, its tensors and a plan.
pub(crate) fn convolution(gpu: &Gpu) -> (Conv2dInputs<Tensor>, Conv2dPlan) {
    let mut rng = Rng::with_seed(21);
    let inputs = Conv2dInputs {
        input: normal(&mut rng, [1, 5, 9, 8], 1.0).upload(gpu).unwrap(),
        weight: normal(&mut rng, [5, 5, 3, 3], 1.0).upload(gpu).unwrap(),
        bias: None,
    };
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let plan = Conv2dPlan::new(gpu, &op, &inputs).unwrap();
    (inputs, plan)
}

#[test]
fn what_is_uploaded_is_downloaded() {
    let bits = [0, 1, 0x8000_0000, 0x7f80_0000, 0x7fc1_2345, 0x3f80_0000];
    let elements = bits.map(f32::from_bits);
    let tensor = Tensor::upload(gpu(), [2, 3], &elements).unwrap();
    let back: Vec<f32> = tensor.download_blocking().unwrap();
    assert_eq!(back.map_bits(), bits);
    let back = pollster::block_on(tensor.download::<f32>().unwrap()).unwrap();
    assert_eq!(back.map_bits(), bits);
    // An odd number of 16-bit elements.
    let halves = [1.0, 2.5, -3.0].map(half::f16::from_f32);
    let tensor = Tensor::upload(gpu(), [3], &halves).unwrap();
    assert_eq!(tensor.download_blocking::<half::f16>().unwrap(), halves);
    let empty = Tensor::upload::<f32>(gpu(), [0, 7], &[]).unwrap();
    assert!(empty.download_blocking::<f32>().unwrap().is_empty());
}

trait MapBits {
    fn map_bits(&self) -> Vec<u32>;
}

impl MapBits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|value| value.to_bits()).collect()
    }
}

#[test]
fn a_dropped_download_harms_nothing() {
    let tensor = Tensor::upload(gpu(), [4], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    for _ in 0..20 {
        drop(tensor.download::<f32>().unwrap());
        let mut download = std::pin::pin!(tensor.download::<f32>().unwrap());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = std::future::Future::poll(download.as_mut(), &mut context);
    }
    assert_eq!(tensor.download_blocking::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

/// Another thread, which sees to the device, may be about to map the buffer.
#[test]
fn a_consuming_download_is_dropped_while_others_poll() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let tensor = Tensor::upload(&gpu, [4], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = gpu.device().poll(pliant::wgpu::PollType::Poll);
            }
        });
        let read = || {
            drop(tensor.clone().into_download::<f32>()?);
            tensor.download_blocking::<f32>()
        };
        let results: Vec<_> = (0..2000).map(|_| read()).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(results.into_iter().all(|result| result.unwrap() == [1.0, 2.0, 3.0, 4.0]));
    });
}

#[test]
fn a_consuming_download_gives_the_same_and_the_buffer_back() {
    let elements: Vec<f32> = (0..999).map(|index| index as f32).collect();
    let tensor = Tensor::upload(gpu(), [999], &elements).unwrap();
    assert_eq!(tensor.clone().into_download::<f32>().unwrap().wait().unwrap(), elements);
    assert_eq!(pollster::block_on(tensor.clone().into_download::<f32>().unwrap()).unwrap(), elements);
    drop(tensor.clone().into_download::<f32>().unwrap());
    // The buffer is the tensor's again.
    let one = Array::filled([1, 1, 1], 1.0).upload(gpu()).unwrap();
    let row = Tensor::from_buffer(gpu(), tensor.buffer().clone(), 0, [1, 1, 999], DType::F32).unwrap();
    let product = Matmul::default().forward(&MatmulInputs { a: &one, b: &row, bias: None }).unwrap();
    assert_eq!(product.into_download::<f32>().unwrap().wait().unwrap(), elements);
    // A range of a buffer of the caller's is not mapped.
    assert_eq!(row.into_download::<f32>().unwrap().wait().unwrap(), elements);
    let error = tensor.into_download::<half::f16>().map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the tensor holds f32; f16 was asked for");
}

/// The executor polls when it is woken, and it is woken when there is something to see.
#[test]
fn a_future_that_waits_is_not_polled() {
    let weight = Array::filled([64, 64, 3, 3], 1.0).upload(gpu()).unwrap();
    let input = Array::filled([1, 64, 64, 64], 1.0).upload(gpu()).unwrap();
    let output = Conv2d::default().forward(&Conv2dInputs { input: &input, weight: &weight, bias: None }).unwrap();
    let mut download = output.download::<f32>().unwrap();
    let mut polls = 0;
    let elements = pollster::block_on(std::future::poll_fn(|context| {
        polls += 1;
        std::pin::Pin::new(&mut download).poll(context)
    }));
    assert!((elements.unwrap()[0] - 576.0).abs() < 1e-3);
    assert!(polls <= 3, "{polls} polls");
}

#[test]
fn many_tasks_of_tokio_share_a_device() {
    async fn doubled(value: f32) -> Vec<f32> {
        let row = Tensor::upload(gpu(), [1, 1, 100], &[value; 100]).unwrap();
        let two = Tensor::upload(gpu(), [1, 1, 1], &[2.0f32]).unwrap();
        let product = Matmul::default().forward(&MatmulInputs { a: &two, b: &row, bias: None }).unwrap();
        product.download().unwrap().await.unwrap()
    }
    let one_thread = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    for runtime in [one_thread, threads] {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..32).map(|value| (value, tokio::spawn(doubled(value as f32)))).collect();
            for (value, task) in tasks {
                assert_eq!(task.await.unwrap(), [2.0 * value as f32; 100]);
            }
        });
    }
}

#[test]
fn after_a_warm_up_no_op_compiles() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    // Several at once, and a download meanwhile: nothing is compiled twice.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| pollster::block_on(gpu.warm_up()).unwrap());
        }
        let tensor = Tensor::upload(&gpu, [1], &[1.0f32]).unwrap();
        assert_eq!(tensor.download_blocking::<f32>().unwrap(), [1.0]);
    });
    let counts = gpu.counts();
    assert!(counts.pipelines > 0);
    assert_eq!(counts.pipelines, counts.shader_modules);
    for problem in crate::dtypes::every_op() {
        for storage in crate::dtypes::STORAGES {
            let device = Implementation::Device { gpu: &gpu, strategy: None, storage };
            crate::check_on(&problem, device).unwrap();
        }
    }
    let tiled = crate::strategies::conv2d(
        &mut Rng::with_seed(23),
        Conv2d { padding: [1; 4], ..Conv2d::default() },
        [1, 64, 16, 17],
        [64, 64, 3, 3],
    );
    for storage in crate::dtypes::STORAGES {
        crate::check_on(&tiled, Implementation::Device { gpu: &gpu, strategy: None, storage }).unwrap();
    }
    // Cut along its depth, where operands are packed.
    let [a, b] = [[1, 5, 1 << 20], [1, 1 << 20, 5]].map(|shape| normal(&mut Rng::with_seed(29), shape, 1.0));
    let deep = Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None });
    let device = Implementation::Device { gpu: &gpu, strategy: None, storage: crate::dtypes::STORAGES[0] };
    crate::check_on(&deep, device).unwrap();
    assert_eq!(gpu.counts().pipelines, counts.pipelines);

    pollster::block_on(gpu.warm_up_backward()).unwrap();
    let counts = gpu.counts();
    for problem in crate::dtypes::every_op() {
        let device = Implementation::Device { gpu: &gpu, strategy: None, storage: crate::dtypes::STORAGES[0] };
        crate::check_backward_on(&problem, 3, device, Ways::One).unwrap();
    }
    assert_eq!(gpu.counts().pipelines, counts.pipelines);
}

#[test]
fn downloads_of_many_threads_come_back() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..20 {
                    let value = (thread * 100 + round) as f32;
                    let tensor = Tensor::upload(gpu(), [1000], &[value; 1000]).unwrap();
                    let back = pollster::block_on(tensor.download::<f32>().unwrap()).unwrap();
                    assert!(back.iter().all(|&element| element == value));
                }
            });
        }
    });
}

#[test]
fn recordings_replay_and_may_be_submitted_in_any_order() {
    let (inputs, plan) = convolution(gpu());
    let references = inputs.as_ref();
    let mut first = Recorder::new(gpu());
    let output = plan.forward(&mut first, &references).unwrap();
    let mut second = Recorder::new(gpu());
    let again = plan.forward(&mut second, &Conv2dInputs { input: &output, ..references }).unwrap();
    first.submit().unwrap();
    second.submit().unwrap();
    let expected: Vec<f32> = again.download_blocking().unwrap();
    // Reversed, the second reads what the first left before; the values are the same.
    second.submit().unwrap();
    first.submit().unwrap();
    second.submit().unwrap();
    assert_eq!(again.download_blocking::<f32>().unwrap(), expected);
}

#[test]
fn ops_of_one_recording_run_one_after_another() {
    let (inputs, plan) = convolution(gpu());
    let references = inputs.as_ref();
    let mut recorder = Recorder::new(gpu());
    let once = plan.forward(&mut recorder, &references).unwrap();
    let twice = plan.forward(&mut recorder, &Conv2dInputs { input: &once, ..references }).unwrap();
    recorder.submit().unwrap();
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let apart = op.forward(&Conv2dInputs { input: &op.forward(&references).unwrap(), ..references }).unwrap();
    assert_eq!(twice.download_blocking::<f32>().unwrap(), apart.download_blocking::<f32>().unwrap());
}

#[test]
fn a_repeated_call_makes_nothing() {
    // A device of its own: other tests make things on the common one.
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let (inputs, plan) = convolution(&gpu);
    let references = inputs.as_ref();
    let output = Tensor::new(&gpu, [1, 5, 9, 8], DType::F32).unwrap();
    let call = || {
        let mut recorder = Recorder::new(&gpu);
        plan.forward_into(&mut recorder, &references, &output).unwrap();
        recorder.submit().unwrap();
        output.download_blocking::<f32>().unwrap();
    };
    call();
    let counts = gpu.counts();
    (0..100).for_each(|_| call());
    assert_eq!(gpu.counts(), counts);
    assert!(counts.pipelines > 0 && counts.shader_modules > 0 && counts.buffers > 0 && counts.buffer_bytes > 0);

    // The short way finds its plan.
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    op.forward(&references).unwrap();
    let counts = gpu.counts();
    (0..10).for_each(|_| drop(op.forward(&references).unwrap()));
    assert_eq!(gpu.counts(), counts);
    let [kept, again] = [(); 2].map(|()| Conv2dPlan::cached(&gpu, &op, &references).unwrap());
    assert!(Arc::ptr_eq(&kept, &again));
    assert_eq!(gpu.counts(), counts);

    gpu.trim();
    assert!(gpu.counts().buffer_bytes < counts.buffer_bytes);
}

/// Plans, parameters, tables and workspace of shapes that never come again do not pile up.
#[test]
fn many_shapes_take_no_more_memory_than_a_few() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let weight = Array::filled([2, 3, 3, 3], 1.0).upload(&gpu).unwrap();
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let mut bytes = Vec::new();
    for width in 1..=if crate::slow() { 400 } else { 1000 } {
        let input = Array::filled([1, 3, 2 + width % 7, width], 1.0).upload(&gpu).unwrap();
        let output = op.forward(&Conv2dInputs { input: &input, weight: &weight, bias: None }).unwrap();
        if width % 100 == 0 {
            // At the edge, 18 ones are added up.
            assert_eq!(output.download_blocking::<f32>().unwrap()[1], 18.0);
            bytes.push(gpu.counts().buffer_bytes);
            // What is given back is poisoned, so that no shape lives on what another left.
            gpu.poison_workspace().unwrap();
        }
    }
    // The largest of these problems needs 1.3 MB of workspace; smaller ones left theirs, a few sizes in each octave.
    assert!(bytes.iter().all(|&bytes| bytes < 16 << 20), "{bytes:?}");
}

#[test]
fn a_profile_names_every_kernel() {
    let (inputs, plan) = convolution(gpu());
    let mut recorder = Recorder::new(gpu());
    plan.forward(&mut recorder, &inputs).unwrap();
    let stages = pollster::block_on(recorder.profile()).unwrap();
    assert_eq!(stages.iter().map(|stage| stage.dispatches as usize).sum::<usize>(), recorder.len());
    assert!(stages.iter().all(|stage| stage.seconds >= 0.0 && stage.seconds < 60.0));
    let columns = ["im2col", "matmul_windows", "conv2d_planes"];
    assert!(stages.iter().any(|stage| columns.iter().any(|name| stage.kernel.starts_with(name))), "{stages:?}");
}

#[test]
fn a_packed_weight_serves_every_image_and_no_other_groups() {
    let mut rng = Rng::with_seed(22);
    let weight = normal(&mut rng, [6, 3, 3, 3], 1.0).upload(gpu()).unwrap();
    let plan = |groups, height| {
        let op = Conv2d { groups, ..Conv2d::default() };
        let input = TensorSpec { shape: [1, 3 * groups, height, 5].into(), dtype: DType::F32 };
        Conv2dPlan::new(gpu(), &op, &Conv2dInputs { input, weight: weight.spec(), bias: None }).unwrap()
    };
    let mut recorder = Recorder::new(gpu());
    fn with<'a>(input: &'a Tensor, weight: impl Into<Argument<'a>>) -> Conv2dInputs<Argument<'a>> {
        Conv2dInputs { input: input.into(), weight: weight.into(), bias: None }
    }
    let packed = plan(2, 9).pack_weight(&mut recorder, &weight).unwrap();
    for height in [4, 7] {
        let input = &normal(&mut rng, [1, 6, height, 5], 1.0).upload(gpu()).unwrap();
        let plan = plan(2, height);
        let once = plan.forward(&mut recorder, &with(input, &packed)).unwrap();
        let each = plan.forward(&mut recorder, &with(input, &weight)).unwrap();
        recorder.submit().unwrap();
        assert_eq!(once.download_blocking::<f32>().unwrap(), each.download_blocking::<f32>().unwrap());
    }
    let input = &normal(&mut rng, [1, 3, 4, 5], 1.0).upload(gpu()).unwrap();
    let plan = plan(1, 4);
    let error = plan.forward(&mut recorder, &with(input, &packed)).unwrap_err();
    let by = plan.strategy();
    let expected = format!(
        "weight was packed for 2 groups and 1 offset groups by {by}; the plan has 1 groups and 1 offset groups by {by}"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn tensors_other_than_the_planned_are_refused() {
    let (inputs, plan) = convolution(gpu());
    let references = inputs.as_ref();
    let mut recorder = Recorder::new(gpu());
    let output = Tensor::new(gpu(), [1, 5, 9, 8], DType::F32).unwrap();
    let other = Tensor::new(gpu(), [1, 5, 8, 9], DType::F32).unwrap();
    let mut message = |inputs: &Conv2dInputs<&Tensor>, output: &Tensor| {
        plan.forward_into(&mut recorder, inputs, output).unwrap_err().to_string()
    };
    assert_eq!(
        message(&Conv2dInputs { input: &other, ..references }, &output),
        "input is 1x5x8x9; the plan was made for 1x5x9x8"
    );
    assert_eq!(message(&references, &other), "output is 1x5x8x9; the plan was made for 1x5x9x8");
    assert_eq!(
        message(&Conv2dInputs { bias: Some(&other), ..references }, &output),
        "bias was given; the plan was made without one"
    );
    let half = Tensor::new(gpu(), [1, 5, 9, 8], DType::F16).unwrap();
    assert_eq!(
        message(&Conv2dInputs { input: &half, ..references }, &output),
        "input holds f16; the plan was made for f32"
    );
    assert_eq!(
        message(&references, references.input),
        "output lies in the same buffer as input; a buffer that is written can't be read"
    );
    assert!(recorder.is_empty());
}

#[test]
fn lists_other_than_the_planned_are_refused() {
    let tensor = |extents: [u32; 2]| Tensor::new(gpu(), extents, DType::F32).unwrap();
    let (a, b, whole) = (&tensor([2, 3]), &tensor([2, 1]), &tensor([2, 4]));
    let mut recorder = Recorder::new(gpu());
    let plan = ConcatPlan::new(gpu(), &Concat { axis: 1 }, &vec![a, b]).unwrap();
    let mut message =
        |inputs: &Vec<&Tensor>, output| plan.forward_into(&mut recorder, inputs, output).unwrap_err().to_string();
    assert_eq!(message(&vec![a], whole), "1 inputs were given; the plan was made for 2");
    assert_eq!(message(&vec![a, a], whole), "input is 2x3; the plan was made for 2x1");
    assert_eq!(
        message(&vec![a, b], a),
        "output lies in the same buffer as input; a buffer that is written can't be read"
    );
    assert_eq!(message(&vec![a, b], &tensor([2, 5])), "output is 2x5; the plan was made for 2x4");
    let plan = SplitPlan::new(gpu(), &Split { axis: 1, sizes: vec![3, 1] }, &whole).unwrap();
    let mut message =
        |outputs: &Vec<&Tensor>| plan.forward_into(&mut recorder, whole, outputs).unwrap_err().to_string();
    assert_eq!(message(&vec![a]), "1 outputs were given; the plan was made for 2");
    assert_eq!(message(&vec![b, a]), "output is 2x1; the plan was made for 2x3");
    assert!(recorder.is_empty());
    assert_eq!(
        Concat::default().forward::<Tensor>(&Vec::new()).unwrap_err().to_string(),
        "0 inputs were given; at least 1 is needed"
    );
}

/// Beside one another in a buffer they may be.
#[test]
fn outputs_that_overlap_are_refused() {
    let whole = Tensor::upload(gpu(), [2, 4], &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
    let zeros = Tensor::upload(gpu(), [8], &[0.0f32; 8]).unwrap();
    let at = |word: u64, extents: [u32; 2]| {
        Tensor::from_buffer(gpu(), zeros.buffer().clone(), zeros.offset() + 4 * word, extents, DType::F32).unwrap()
    };
    let halves = SplitPlan::new(gpu(), &Split { axis: 1, sizes: vec![2, 2] }, &whole).unwrap();
    let mut recorder = Recorder::new(gpu());
    for second in [0, 1, 3] {
        let outputs = vec![at(0, [2, 2]), at(second, [2, 2])];
        let refused = halves.forward_into(&mut recorder, &whole, &outputs).unwrap_err();
        assert!(matches!(refused, Error::Aliased { argument: "output", .. }), "{refused:?}");
        assert_eq!(refused.to_string(), "output[1] and output[0] overlap in their buffer");
    }
    assert!(recorder.is_empty());
    halves.forward_into(&mut recorder, &whole, &vec![at(0, [2, 2]), at(4, [2, 2])]).unwrap();
    recorder.submit().unwrap();
    assert_eq!(zeros.download_blocking::<f32>().unwrap(), [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);

    // One without elements overlaps nothing.
    let parts = SplitPlan::new(gpu(), &Split { axis: 0, sizes: vec![2, 0, 0] }, &whole).unwrap();
    let mut recorder = Recorder::new(gpu());
    parts.forward_into(&mut recorder, &whole, &vec![at(0, [2, 4]), at(2, [0, 4]), at(2, [0, 4])]).unwrap();
    recorder.submit().unwrap();
    assert_eq!(zeros.download_blocking::<f32>().unwrap(), whole.download_blocking::<f32>().unwrap());
}

#[test]
fn what_belongs_to_another_device_is_refused() {
    let other = pollster::block_on(Gpu::new()).unwrap();
    let (inputs, plan) = convolution(gpu());
    let references = inputs.as_ref();
    let error = plan.forward(&mut Recorder::new(&other), &references).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "recorder", .. }), "{error:?}");
    let elsewhere = Array::filled([1, 5, 9, 8], 1.0).upload(&other).unwrap();
    let error = plan.forward(&mut Recorder::new(gpu()), &Conv2dInputs { input: &elsewhere, ..references }).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "input", .. }), "{error:?}");
    // Two devices of one adapter have names of their own.
    let names = [format!("{other:?}"), format!("{:?}", gpu())];
    assert!(names[0] != names[1] && names.iter().all(|name| error.to_string().contains(name)), "{error}");
}

#[test]
fn element_types_are_refused_by_name() {
    let tensor = Tensor::new(gpu(), [2], DType::F16).unwrap();
    let error = tensor.download::<f32>().map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the tensor holds f16; f32 was asked for");
}

#[test]
fn tensors_are_refused_with_both_numbers() {
    let error = Tensor::upload(gpu(), [2, 3], &[0.0f32; 5]).unwrap_err();
    assert_eq!(error.to_string(), "5 elements were given; a tensor of 2x3 has 6");
    let error = Shape::new(&[1; 7]).unwrap_err();
    assert_eq!(error.to_string(), "the shape has 7 axes; at most 6 are possible");
}

#[test]
fn an_adapter_that_is_not_there_is_told() {
    let options = GpuOptions { adapter: Some("no such adapter".to_string()), ..GpuOptions::default() };
    let error = pollster::block_on(Gpu::with_options(&options)).unwrap_err();
    let name = &gpu().capabilities().info.name;
    assert!(matches!(error, Error::NoAdapter(_)));
    assert!(error.to_string().contains("no such adapter") && error.to_string().contains(name), "{error}");
}

/// Plans are kept by attributes bit for bit: a relu and a clip at 0 differ in their gradients, and zeros in their signs.
#[test]
fn plans_of_almost_the_same_attributes_are_apart() {
    let input = Tensor::upload(gpu(), [3], &[-1.0f32, 0.0, 1.0]).unwrap();
    let clip = |min| Unary::Clip { min, max: f32::INFINITY };
    let bits = |op: Unary| {
        let output: Vec<f32> = op.forward(&input).unwrap().download_blocking().unwrap();
        output[0].to_bits()
    };
    assert_eq!([bits(clip(0.0)), bits(clip(-0.0)), bits(clip(0.0))], [0, 0x8000_0000, 0]);
    let gradient = |op: Unary| op.backward(&input, &input).unwrap().download_blocking::<f32>().unwrap();
    let ones = Tensor::upload(gpu(), [3], &[1.0f32; 3]).unwrap();
    let slopes = |op: Unary| op.backward(&input, &ones).unwrap().download_blocking::<f32>().unwrap();
    assert_eq!(gradient(Unary::Relu), [0.0, 0.0, 1.0]);
    assert_eq!([slopes(Unary::Relu)[1], slopes(clip(0.0))[1]], [0.0, 1.0]);
}

#[test]
fn a_packed_b_serves_every_a_and_no_transposed_product() {
    let mut rng = Rng::with_seed(23);
    let b = normal(&mut rng, [1, 8, 8], 1.0).upload(gpu()).unwrap();
    let plan = |transpose_a, transpose_b, rows| {
        let shape = if transpose_a { [2, 8, rows] } else { [2, rows, 8] };
        let a = TensorSpec { shape: shape.into(), dtype: DType::F32 };
        MatmulPlan::new(gpu(), &Matmul { transpose_a, transpose_b }, &MatmulInputs { a, b: b.spec(), bias: None })
            .unwrap()
    };
    let mut recorder = Recorder::new(gpu());
    let four = [(1, false), (9, false), (1, true), (9, true)];
    for (transpose_b, (packing_rows, packing_a)) in [false, true].into_iter().flat_map(|t| four.map(|plan| (t, plan))) {
        let packed = plan(packing_a, transpose_b, packing_rows).pack_weight(&mut recorder, &b).unwrap();
        for (rows, transpose_a) in [(1, false), (2, false), (40, false), (3, true), (40, true)] {
            let plan = plan(transpose_a, transpose_b, rows);
            let a = if transpose_a { [2, 8, rows] } else { [2, rows, 8] };
            let a = normal(&mut rng, a, 1.0).upload(gpu()).unwrap();
            let product = |recorder: &mut Recorder, b: Argument| {
                plan.forward(recorder, &MatmulInputs { a: Argument::from(&a), b, bias: None }).unwrap()
            };
            let (once, each) = (product(&mut recorder, (&packed).into()), product(&mut recorder, (&b).into()));
            recorder.submit().unwrap();
            let [once, each] = [once, each].map(|tensor| tensor.download_blocking::<f32>().unwrap());
            let near = once.iter().zip(&each).all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + b.abs()));
            assert!(
                near,
                "{rows} rows, packed for {packing_rows}, {:?}: {once:?} and {each:?}",
                [transpose_a, transpose_b]
            );
        }
        let a = normal(&mut rng, [2, 3, 8], 1.0).upload(gpu()).unwrap();
        let inputs = MatmulInputs { a: Argument::from(&a), b: (&packed).into(), bias: None };
        let error = plan(false, !transpose_b, 3).forward(&mut recorder, &inputs).unwrap_err().to_string();
        let [has, needs] = [transpose_b, !transpose_b].map(|t| if t { " transposed" } else { "" });
        assert_eq!(error, format!("b was packed for a product with b{has}; the plan has a product with b{needs}"));
    }
    let packed = plan(false, false, 9).pack_weight(&mut recorder, &b).unwrap();
    let spec = b.spec();
    let square = MatmulPlan::new(gpu(), &Matmul::default(), &MatmulInputs { a: spec, b: spec, bias: None }).unwrap();
    let inputs = MatmulInputs { a: Argument::from(&packed), b: Argument::from(&b), bias: None };
    let error = square.forward(&mut recorder, &inputs).unwrap_err().to_string();
    assert!(error.starts_with("a is a packed weight where a tensor is needed"), "{error}");

    // Few rows read b as it lies, and so the tensor itself.
    let [a, b] = [[1, 4, 4], [1, 4, 8]].map(|shape| Tensor::new(gpu(), shape, DType::F32).unwrap());
    let few = MatmulInputs { a: a.spec(), b: b.spec(), bias: None };
    let few = MatmulPlan::new(gpu(), &Matmul::default(), &few).unwrap();
    let kept = few.pack_weight(&mut recorder, &b).unwrap();
    let inputs = MatmulInputs { a: Argument::from(&a), b: Argument::from(&kept), bias: None };
    let error = few.forward_into(&mut recorder, &inputs, &b).unwrap_err();
    assert!(matches!(error, Error::Aliased { .. }), "{error}");
}

#[test]
fn packed_weights_are_refused_by_backward_passes() {
    let (inputs, plan) = convolution(gpu());
    let mut recorder = Recorder::new(gpu());
    let packed = plan.pack_weight(&mut recorder, &inputs.weight).unwrap();
    let before = recorder.len();
    let output = Tensor::new(gpu(), plan.output_spec().shape, DType::F32).unwrap();
    let given = Conv2dInputs { weight: Argument::from(&packed), ..inputs.map(Argument::from) };
    let refused = plan.backward(&mut recorder, &given, &output).unwrap_err();
    assert_eq!(refused.to_string(), "weight is packed; a backward pass takes the tensor itself");
    assert_eq!(recorder.len(), before);
}
