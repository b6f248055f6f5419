//! On the caller's own device, in the caller's own encoder and pass, among the caller's own work.

use fastrand::Rng;
use pliant::*;
use pliant::{
    Conv2dPlan, DType, DeformConv2dPlan, DeformConvV3Plan, Error, Gpu, GpuOptions, GridSamplePlan, MatmulPlan,
    MultiScaleDeformAttnPlan, Recorder, Result, Strategy, Tensor, wgpu,
};

use crate::calls::convolution;
use crate::dtypes::{STORAGES, every_op};
use crate::grids::grid;
use crate::points::{attention, version_3};
use crate::shapes::deform_conv2d;
use crate::strategies::conv2d;
use crate::support::compare::Expected;
use crate::support::problem::{Array, Implementation, Problem, Storage};
use crate::support::random::normal;
use crate::{check_on, gpu, some};

/// A device that knows nothing of pliant, with those of the features that its adapter has.
pub(crate) fn foreign(limits: wgpu::Limits, features: wgpu::Features) -> (wgpu::Device, wgpu::Queue) {
    pollster::block_on(async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.unwrap();
        let descriptor = wgpu::DeviceDescriptor {
            required_features: features & adapter.features(),
            required_limits: limits,
            ..wgpu::DeviceDescriptor::default()
        };
        adapter.request_device(&descriptor).await.unwrap()
    })
}

/// A pass of the caller's that doubles every element of a buffer.
struct Doubling {
    pipeline: wgpu::ComputePipeline,
}

impl Doubling {
    fn new(device: &wgpu::Device) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(
                "@group(0) @binding(0) var<storage, read_write> elements: array<f32>;
                @compute @workgroup_size(1) fn double(@builtin(workgroup_id) id: vec3<u32>) { elements[id.x] *= 2.0; }"
                    .into(),
            ),
        });
        Self {
            pipeline: device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: None,
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            }),
        }
    }

    fn encode(&self, device: &wgpu::Device, pass: &mut wgpu::ComputePass<'_>, tensor: &Tensor) {
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: tensor.buffer().as_entire_binding() }],
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(tensor.shape().elements() as u32, 1, 1);
    }
}

/// `b` times `a`, and the product once more, doubled in between.
struct Chain {
    a: Array,
    b: Array,
}

impl Chain {
    fn new() -> Self {
        let mut rng = Rng::with_seed(31);
        Self { a: normal(&mut rng, [1, 7, 7], 1.0), b: normal(&mut rng, [1, 7, 7], 1.0) }
    }

    fn product(a: &Array, b: &Array) -> Problem {
        Problem::Matmul(Matmul::default(), MatmulInputs { a: a.clone(), b: b.clone(), bias: None })
    }

    /// (a b) doubled, times b.
    fn expected(&self) -> Expected {
        let once = Self::product(&self.a, &self.b).reference().unwrap();
        let doubled = Array::from_fn([1, 7, 7], |index| 2.0 * once.value[index] as f32);
        let mut twice = Self::product(&doubled, &self.b).reference().unwrap();
        // The first product's rounding is carried into the second.
        twice.magnitude.iter_mut().for_each(|magnitude| *magnitude = *magnitude * 4.0 + 16.0);
        Expected::of_reference(twice)
    }
}

#[test]
fn two_recordings_with_a_foreign_pass_between_are_right() {
    let (device, queue) = foreign(wgpu::Limits::default(), wgpu::Features::empty());
    let gpu = Gpu::from_wgpu(device.clone(), queue.clone(), None).unwrap();
    let (chain, doubling) = (Chain::new(), Doubling::new(&device));
    let op = Matmul::default();
    let (a, b) = (chain.a.upload(&gpu).unwrap(), chain.b.upload(&gpu).unwrap());
    let plan = pliant::MatmulPlan::new(&gpu, &op, &MatmulInputs { a: a.spec(), b: b.spec(), bias: None }).unwrap();

    for one_pass in [false, true] {
        let once = Tensor::new(&gpu, [1, 7, 7], DType::F32).unwrap();
        // Made in the reverse order, both alive at once.
        let mut second = Recorder::new(&gpu);
        let twice = plan.forward(&mut second, &MatmulInputs { a: &once, b: &b, bias: None }).unwrap();
        let mut first = Recorder::new(&gpu);
        plan.forward_into(&mut first, &MatmulInputs { a: &a, b: &b, bias: None }, &once).unwrap();

        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if one_pass {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            first.encode_pass(&mut pass);
            doubling.encode(&device, &mut pass, &once);
            second.encode_pass(&mut pass);
        } else {
            first.encode(&mut encoder);
            doubling.encode(&device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), &once);
            second.encode(&mut encoder);
        }
        drop((first, second));
        queue.submit([encoder.finish()]);
        let actual: Vec<f32> = pollster::block_on(twice.download().unwrap()).unwrap();
        if let Err(miss) = chain.expected().compare(&actual) {
            panic!("output{miss}");
        }
    }
}

/// Problems whose operands are copied into textures on devices that have these: rows and columns of products, in batches and in pieces, tiles of images in
/// strips, columns that are made in a buffer, offsets and masks of strips, by few commands, by one for each plane, in lines longer than a row of a
/// texture, and by dispatches, where planes do not lie by rows and are many, values of attention, and planes that a grid samples.
fn copied() -> Vec<(Problem, Option<Strategy>)> {
    let mut rng = Rng::with_seed(93);
    let matmul = |rng: &mut Rng, a: [u32; 3], b: [u32; 3]| {
        let [a, b] = [a, b].map(|extents| normal(rng, extents, 1.0));
        (Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None }), None)
    };
    let padded = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let deformable = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let of_groups = DeformConv2d { offset_groups: 8, ..deformable };
    let levels = MultiScaleDeformAttn::new([[9, 8], [5, 4]], 4);
    let version = DeformConvV3 { groups: 2, padding: [1; 4], ..DeformConvV3::default() };
    let of_grid = GridSampleInputs { input: normal(&mut rng, [2, 5, 9, 7], 1.0), grid: grid(&mut rng, [2, 6, 8, 2]) };
    let by_columns = Some(Strategy::Im2col);
    vec![
        matmul(&mut rng, [3, 40, 24], [3, 24, 72]),
        matmul(&mut rng, [1, 130, 24], [1, 24, 40]),
        matmul(&mut rng, [1, 70, 36], [1, 36, 33]),
        (conv2d(&mut rng, Conv2d::default(), [2, 16, 8, 10], [20, 16, 1, 1]), by_columns),
        (conv2d(&mut rng, Conv2d::default(), [1, 300, 120, 128], [20, 300, 1, 1]), by_columns),
        (conv2d(&mut rng, Conv2d::default(), [1, 64, 320, 240], [6, 64, 1, 1]), by_columns),
        (conv2d(&mut rng, padded, [1, 64, 304, 40], [13, 64, 3, 3]), Some(Strategy::Winograd)),
        (conv2d(&mut rng, padded, [3, 8, 12, 12], [9, 8, 3, 3]), Some(Strategy::Winograd)),
        (conv2d(&mut rng, Conv2d { groups: 12, ..padded }, [2, 12, 10, 16], [12, 1, 3, 3]), by_columns),
        (conv2d(&mut rng, padded, [1, 80, 240, 128], [1, 80, 3, 3]), by_columns),
        (deform_conv2d(&mut rng, deformable, [2, 8, 14, 13], [20, 8, 3, 3], true, 2.0), by_columns),
        (deform_conv2d(&mut rng, deformable, [1, 128, 60, 64], [3, 128, 3, 3], true, 2.0), by_columns),
        (deform_conv2d(&mut rng, deformable, [1, 128, 61, 63], [3, 128, 3, 3], true, 2.0), by_columns),
        (deform_conv2d(&mut rng, of_groups, [1, 128, 61, 63], [3, 128, 3, 3], true, 2.0), by_columns),
        (deform_conv2d(&mut rng, DeformConv2d::default(), [1, 3, 520, 517], [2, 3, 1, 1], true, 2.0), by_columns),
        (attention(&mut rng, &levels, [2, 30, 3, 8], false, true), None),
        (version_3(&mut rng, version, [2, 7, 6, 16], true), None),
        (Problem::GridSample(GridSample::default(), of_grid), None),
    ]
}

/// Records a problem's forward pass.
fn record(
    recorder: &mut Recorder,
    problem: &Problem,
    strategy: Option<Strategy>,
    upload: impl Fn(&Array) -> Result<Tensor>,
) -> Result<Tensor> {
    let gpu = &recorder.gpu().clone();
    match problem {
        Problem::Matmul(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            MatmulPlan::new(gpu, op, &inputs.map(Tensor::spec))?.forward(recorder, &inputs)
        }
        Problem::Conv2d(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            Conv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy)?.forward(recorder, &inputs)
        }
        Problem::DeformConv2d(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            DeformConv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy)?.forward(recorder, &inputs)
        }
        Problem::GridSample(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            GridSamplePlan::new(gpu, op, &inputs.map(Tensor::spec))?.forward(recorder, &inputs)
        }
        Problem::MultiScaleDeformAttn(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            MultiScaleDeformAttnPlan::new(gpu, op, &inputs.map(Tensor::spec))?.forward(recorder, &inputs)
        }
        Problem::DeformConvV3(op, inputs) => {
            let inputs = inputs.try_map(upload)?;
            DeformConvV3Plan::new(gpu, op, &inputs.map(Tensor::spec))?.forward(recorder, &inputs)
        }
        _ => panic!("{}", problem.describe()),
    }
}

/// Copies that an encoder makes for a recording are made by dispatches in the caller's pass, and where buffers must not be copied from.
#[test]
fn copies_of_an_encoder_are_those_of_dispatches() {
    let gpu = gpu();
    let device = gpu.device();
    for (problem, strategy) in copied() {
        let made = |upload: &dyn Fn(&Array) -> Result<Tensor>, run: &dyn Fn(&Recorder)| {
            let mut recorder = Recorder::new(gpu);
            let output = record(&mut recorder, &problem, strategy, upload).unwrap();
            run(&recorder);
            let bits = output.download_blocking::<f32>().unwrap().into_iter().map(f32::to_bits);
            bits.collect::<Vec<_>>()
        };
        let encoded = |encode: &dyn Fn(&mut wgpu::CommandEncoder)| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encode(&mut encoder);
            gpu.queue().submit([encoder.finish()]);
        };
        let within = |array: &Array, usage: wgpu::BufferUsages, offset: u64| {
            let size = 4 * array.shape.elements() + offset;
            let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            let buffer = device.create_buffer(&descriptor);
            gpu.queue().write_buffer(&buffer, offset, bytemuck::cast_slice(&array.elements));
            Tensor::from_buffer(gpu, buffer, offset, array.shape, DType::F32)
        };
        let not_copied_from = |array: &Array| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            within(array, usage, 0)
        };
        let upload = |array: &Array| array.upload(gpu);
        let submitted = made(&upload, &|recorder| recorder.submit().unwrap());
        assert_eq!(made(&upload, &|recorder| encoded(&|encoder| recorder.encode(encoder))), submitted);
        let in_pass = |encoder: &mut wgpu::CommandEncoder, recorder: &Recorder| {
            recorder.encode_pass(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        };
        assert_eq!(made(&upload, &|recorder| encoded(&|encoder| in_pass(encoder, recorder))), submitted);
        assert_eq!(made(&not_copied_from, &|recorder| recorder.submit().unwrap()), submitted);
        // Tensors that begin within a buffer, at a whole quad and amid one.
        assert_eq!(
            made(&|array| within(array, Tensor::USAGES, 272), &|recorder| recorder.submit().unwrap()),
            submitted
        );
        let amid = made(&|array| within(array, Tensor::USAGES, 4), &|recorder| recorder.submit().unwrap());
        let implementation = Implementation::Device { gpu, strategy, storage: Storage::F32 };
        let expected = problem.expected(problem.reference().unwrap(), implementation).unwrap();
        let floats: Vec<f32> = amid.into_iter().map(f32::from_bits).collect();
        if let Err(miss) = expected.compare(&floats) {
            panic!("output{miss}");
        }
        let profiled = made(&upload, &|recorder| {
            let stages = pollster::block_on(recorder.profile()).unwrap();
            let runs = |kernel: &str| stages.iter().any(|stage| stage.kernel == kernel);
            let copies = stages.iter().any(|stage| stage.kernel.starts_with("copy_lines"));
            assert_eq!(copies, gpu.capabilities().textures(), "{stages:?}");
            let texels = strategy == Some(Strategy::Winograd) && gpu.capabilities().textures();
            assert_eq!(runs("winograd_input.texels"), texels, "{stages:?}");
        });
        assert_eq!(profiled, submitted);
        if let Err(failure) = check_on(&problem, implementation) {
            panic!("{failure}\n{}", problem.describe());
        }
    }
}

/// Copies of backward passes, of samples, shares of points and planes of gradients, are made by dispatches as well.
#[test]
fn copies_of_backward_passes_are_those_of_dispatches() {
    let gpu = gpu();
    let mut rng = Rng::with_seed(94);
    let op = DeformConv2d { padding: [1; 4], offset_groups: 2, ..DeformConv2d::default() };
    let deformable = deform_conv2d(&mut rng, op, [2, 16, 9, 8], [6, 16, 3, 3], true, 2.0);
    let images = GridSampleInputs { input: normal(&mut rng, [2, 8, 9, 8], 1.0), grid: grid(&mut rng, [2, 6, 8, 2]) };
    for problem in [deformable, Problem::GridSample(GridSample::default(), images)] {
        let made = |usage: wgpu::BufferUsages, in_pass: bool| {
            let upload = |array: &Array| -> Result<Tensor> {
                let size = 4 * array.shape.elements();
                let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
                let buffer = gpu.device().create_buffer(&descriptor);
                gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&array.elements));
                Tensor::from_buffer(gpu, buffer, 0, array.shape, DType::F32)
            };
            let mut recorder = Recorder::new(gpu);
            let ones = |shape: Shape| upload(&Array::from_fn(shape, |i| (i % 7) as f32 - 2.5));
            let gradients = match &problem {
                Problem::DeformConv2d(op, inputs) => {
                    let inputs = inputs.try_map(upload).unwrap();
                    let specs = inputs.map(Tensor::spec);
                    let plan = DeformConv2dPlan::with_strategy(gpu, op, &specs, Some(Strategy::Im2col)).unwrap();
                    let grad_output = ones(plan.geometry().output_shape()).unwrap();
                    let gradients = plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
                    vec![gradients.input, gradients.offset, gradients.weight]
                }
                Problem::GridSample(op, inputs) => {
                    let inputs = inputs.try_map(upload).unwrap();
                    let plan = GridSamplePlan::new(gpu, op, &inputs.map(Tensor::spec)).unwrap();
                    let grad_output = ones(plan.geometry().output_shape()).unwrap();
                    let gradients = plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
                    vec![gradients.input, gradients.grid]
                }
                _ => panic!("{}", problem.describe()),
            };
            if in_pass {
                let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                recorder.encode_pass(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
                gpu.queue().submit([encoder.finish()]);
            } else {
                recorder.submit().unwrap();
            }
            let bits = |tensor: &Tensor| -> Vec<u32> {
                tensor.download_blocking::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
            };
            gradients.iter().flatten().map(bits).collect::<Vec<_>>()
        };
        let submitted = made(Tensor::USAGES, false);
        assert_eq!(made(Tensor::USAGES, true), submitted, "{}", problem.describe());
        let not_copied_from = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        assert_eq!(made(not_copied_from, false), submitted, "{}", problem.describe());
    }
}

/// Workspace that a dropped recorder gave back is used again before the caller has submitted what was encoded.
#[test]
fn an_encoded_recording_outlives_its_recorder() {
    let (device, queue) = foreign(wgpu::Limits::default(), wgpu::Features::empty());
    let gpu = Gpu::from_wgpu(device.clone(), queue.clone(), None).unwrap();
    let mut rng = Rng::with_seed(32);
    let problems: Vec<_> = (0..3)
        .map(|_| Conv2dInputs {
            input: normal(&mut rng, [2, 5, 9, 8], 1.0),
            weight: normal(&mut rng, [6, 5, 3, 3], 1.0),
            bias: None,
        })
        .collect();
    let mut encoders = Vec::new();
    for inputs in &problems {
        let tensors = Conv2dInputs {
            input: inputs.input.upload(&gpu).unwrap(),
            weight: inputs.weight.upload(&gpu).unwrap(),
            bias: None,
        };
        let plan = pliant::Conv2dPlan::new(&gpu, &Conv2d::default(), &tensors).unwrap();
        let mut recorder = Recorder::new(&gpu);
        let output = plan.forward(&mut recorder, &tensors).unwrap();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        recorder.encode(&mut encoder);
        encoders.push((encoder, output));
    }
    // The last first.
    let mut outputs: Vec<_> = encoders
        .into_iter()
        .rev()
        .map(|(encoder, output)| {
            queue.submit([encoder.finish()]);
            output
        })
        .collect();
    outputs.reverse();
    for (inputs, output) in problems.into_iter().zip(outputs) {
        let reference = Problem::Conv2d(Conv2d::default(), inputs).reference().unwrap();
        let actual = output.download_blocking::<f32>().unwrap();
        if let Err(miss) = Expected::of_reference(reference).compare(&actual) {
            panic!("output{miss}");
        }
    }
}

#[test]
fn a_device_below_the_default_limits_is_refused() {
    type Lower = fn(&mut wgpu::Limits);
    let lowered: [(&str, Lower); 6] = [
        ("max_storage_buffers_per_shader_stage 4; at least 8 is needed", |l| {
            l.max_storage_buffers_per_shader_stage = 4
        }),
        ("max_bind_groups 0; at least 4 is needed", |l| l.max_bind_groups = 0),
        ("max_bindings_per_bind_group 6; at least 1000 is needed", |l| l.max_bindings_per_bind_group = 6),
        ("max_uniform_buffer_binding_size 128; at least 65536 is needed", |l| l.max_uniform_buffer_binding_size = 128),
        ("max_buffers_and_acceleration_structures_per_shader_stage 4; at least 28 is needed", |l| {
            l.max_buffers_and_acceleration_structures_per_shader_stage = 4;
        }),
        ("max_compute_workgroup_size_x 64; at least 256 is needed", |l| l.max_compute_workgroup_size_x = 64),
    ];
    for (message, lower) in lowered {
        let mut limits = wgpu::Limits::default();
        lower(&mut limits);
        let (device, queue) = foreign(limits, wgpu::Features::empty());
        let error = Gpu::from_wgpu(device, queue, None).unwrap_err();
        assert!(matches!(error, Error::Limit { argument: "device", .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the device has {message}"));
    }
}

/// Storage of 16 bits is the same whether or not the device has f16.
#[test]
fn what_else_is_enabled_changes_nothing() {
    let mut tried = Vec::new();
    for features in [wgpu::Features::empty(), wgpu::Features::SHADER_F16, Gpu::OPTIONAL_FEATURES] {
        let (device, queue) = foreign(wgpu::Limits::default(), features);
        // An adapter may have none of them.
        if tried.contains(&device.features()) {
            continue;
        }
        tried.push(device.features());
        let gpu = Gpu::from_wgpu(device, queue, None).unwrap();
        for problem in some(every_op(), 3) {
            for storage in STORAGES {
                let device = Implementation::Device { gpu: &gpu, strategy: None, storage };
                if let Err(failure) = check_on(&problem, device) {
                    panic!("{features:?}, {storage:?}: {failure}\n{}", problem.describe());
                }
            }
        }
    }
}

/// A command buffer that was encoded and is still to be submitted keeps its workspace, from whatever is recorded meanwhile.
#[test]
fn workspace_comes_back_when_what_was_encoded_can_no_longer_run() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let (inputs, plan) = convolution(&gpu);
    let references = inputs.as_ref();
    let record = || {
        let mut recorder = Recorder::new(&gpu);
        let output = plan.forward(&mut recorder, &references).unwrap();
        (recorder, output)
    };
    let encoded = |pass: bool| {
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let (recorder, output) = record();
        if pass {
            recorder.encode_pass(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        } else {
            recorder.encode(&mut encoder);
        }
        (encoder.finish(), output)
    };
    drop(record());
    let one = gpu.counts().buffers;
    drop(record());
    assert_eq!(gpu.counts().buffers, one);
    for pass in [false, true] {
        let (commands, output) = encoded(pass);
        drop(record());
        let two = gpu.counts().buffers;
        assert!(two > one);
        let expected = {
            let (recorder, output) = record();
            recorder.submit().unwrap();
            output.download_blocking::<f32>().unwrap()
        };
        gpu.queue().submit([commands]);
        assert_eq!(output.download_blocking::<f32>().unwrap(), expected);
        gpu.wait().unwrap();
        // What was submitted has run; what is dropped never will.
        drop(encoded(pass));
        let made = gpu.counts().buffers;
        drop((record(), record()));
        assert_eq!(gpu.counts().buffers, made);
        gpu.trim();
        drop(record());
    }
}

/// A device that pliant has opened has what others need of it, and can be handed to them whole.
#[test]
fn others_find_their_features_and_the_handles_of_a_device() {
    let adapter = gpu().adapter().unwrap();
    let others = wgpu::Features::SHADER_F16 | wgpu::Features::SHADER_INT64;
    let opened = pollster::block_on(Gpu::with_options(&GpuOptions { others, ..GpuOptions::default() })).unwrap();
    assert_eq!(opened.device().features() & others, adapter.features() & others);
    assert!(!opened.capabilities().features.contains(wgpu::Features::SHADER_INT64));
    assert_eq!(opened.adapter().unwrap().get_info(), opened.capabilities().info);
    assert!(opened.instance().is_some());

    let theirs = Gpu::from_wgpu(opened.device().clone(), opened.queue().clone(), opened.adapter()).unwrap();
    assert!(theirs.adapter().is_some() && theirs.instance().is_none());
    assert!(theirs == theirs.clone() && theirs != opened);
}

/// Recordings in several submissions, among those of another thread that were encoded and whose recorders are gone.
#[test]
fn recordings_in_several_submissions_are_right_among_others() {
    let options =
        GpuOptions { features: Gpu::OPTIONAL_FEATURES - wgpu::Features::TIMESTAMP_QUERY, ..Default::default() };
    let gpu = pollster::block_on(Gpu::with_options(&options)).unwrap();
    let mut rng = Rng::with_seed(33);
    let mut inputs = || Conv2dInputs {
        input: normal(&mut rng, [1, 32, 48, 48], 1.0).upload(&gpu).unwrap(),
        weight: normal(&mut rng, [16, 32, 3, 3], 1.0).upload(&gpu).unwrap(),
        bias: None,
    };
    let (mine, others) = (inputs(), inputs());
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let plan = pliant::Conv2dPlan::new(&gpu, &op, &mine).unwrap();
    let expected = op.forward(&mine).unwrap().download_blocking::<f32>().unwrap();
    for _ in 0..5 {
        let commands: Vec<_> = (0..40)
            .map(|_| {
                let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                let mut recorder = Recorder::new(&gpu);
                plan.forward(&mut recorder, &others).unwrap();
                recorder.encode(&mut encoder);
                encoder.finish()
            })
            .collect();
        let mut recorder = Recorder::new(&gpu);
        let output = plan.forward(&mut recorder, &mine).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for commands in commands {
                    gpu.queue().submit([commands]);
                    std::thread::yield_now();
                }
            });
            pollster::block_on(recorder.profile()).unwrap();
        });
        assert!(output.download_blocking::<f32>().unwrap() == expected);
    }
}
