//! Pooling of regions of interest, forward and backward.

use std::time::Instant;

use fastrand::Rng;
use pliant::*;
use pliant::{
    DType, DeformPsRoiPoolPlan, DeformRoiPoolPlan, Destination, Error, Gpu, Recorder, RoiAlignPlan, Tensor, TensorSpec,
};

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::random::draw_roi;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, gpu};

fn on(gpu: &Gpu, storage: Storage) -> Implementation<'_> {
    Implementation::Device { gpu, strategy: None, storage }
}

fn check_with(gpu: &Gpu, problem: &Problem, storage: Storage, ways: Ways) {
    let forward = check_on(problem, on(gpu, storage));
    if let Err(failure) = forward.and_then(|()| check_backward_on(problem, 90, on(gpu, storage), ways)) {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

#[test]
fn drawn() {
    for seed in 0..24 {
        eprintln!("seed {seed}");
        let problem = draw_roi(&mut Rng::with_seed(seed));
        let (ways, storage) = if seed % 4 == 0 {
            (Ways::All, STORAGES[seed as usize / 4])
        } else {
            (Ways::One, STORAGES[seed as usize % 6])
        };
        check_with(gpu(), &problem, Storage::F32, ways);
        check_with(gpu(), &problem, storage, Ways::One);
    }
}

/// Corners with many digits, in `extent` pixels; most reach across an edge.
fn regions(rng: &mut Rng, rois: u32, batch: u32, extent: [f32; 2]) -> Array {
    let mut corners = Vec::new();
    for _ in 0..rois {
        let from = extent.map(|extent| (rng.f32() - 0.2) * extent);
        let to = [0, 1].map(|axis| from[axis] + (0.05 + 0.6 * rng.f32()) * extent[axis]);
        corners.extend([rng.u32(..batch) as f32, from[1], from[0], to[1], to[0]]);
    }
    Array { shape: [rois, 5].into(), elements: corners }
}

/// Problems that a small device cannot bind at once; several words of bins for each tile, and several tiles.
fn large_problems() -> Vec<Problem> {
    let mut rng = Rng::with_seed(91);
    let (batch, extent) = (2, [40.0, 41.0]);
    let rois = regions(&mut rng, 21, batch, extent);
    let mut image = |channels: u32| normal(&mut rng, [batch, channels, 40, 41], 1.0);
    let align = RoiAlign { pooled: [3, 7], channels: RoiChannels::PositionSensitive, ..RoiAlign::default() };
    let aligned = Problem::RoiAlign(align, RoiAlignInputs { input: image(42), rois: rois.clone() });
    let deform = DeformRoiPool { pooled: [7, 5], gamma: 0.3, sampling_ratio: 2, ..DeformRoiPool::default() };
    let inputs = DeformRoiPoolInputs { input: image(7), rois: rois.clone(), offset: None };
    let ps = DeformPsRoiPool {
        output_dim: 10,
        spatial_scale: 0.731,
        group_size: 2,
        pooled_size: 3,
        part_size: 2,
        spatial_bins: [3, 2],
        trans_std: 0.2,
    };
    let ps_inputs = DeformPsRoiPoolInputs { input: image(40), rois, offset: None };
    let offset = Some(normal(&mut rng, [21, 2, 7, 5], 0.5));
    let ps_offset = Some(normal(&mut rng, [21, 4, 2, 2], 0.5));
    vec![
        aligned,
        Problem::DeformRoiPool(deform, DeformRoiPoolInputs { offset, ..inputs }),
        Problem::DeformPsRoiPool(ps, DeformPsRoiPoolInputs { offset: ps_offset, ..ps_inputs }),
    ]
}

/// The output and the gradients, as bits.
fn bits(gpu: &Gpu, problem: &Problem) -> Vec<Vec<u32>> {
    let output = pollster::block_on(problem.run(on(gpu, Storage::F32))).unwrap();
    let grads = normal(&mut Rng::with_seed(92), [output.len() as u32], 1.0);
    let gradients = pollster::block_on(problem.backward_on(gpu, None, Storage::F32, &grads, Ways::One)).unwrap();
    let all = std::iter::once(output).chain(gradients.into_iter().map(|gradient| gradient.value));
    all.map(|values| values.into_iter().map(f32::to_bits).collect()).collect()
}

#[test]
fn the_same_bits_in_whatever_pieces() {
    let small = with_limits(|limits| {
        limits.max_storage_buffer_binding_size = 16 << 10;
        limits.max_compute_workgroups_per_dimension = 40;
    });
    for problem in large_problems() {
        check_with(gpu(), &problem, Storage::F32, Ways::All);
        let once = bits(gpu(), &problem);
        assert!(bits(gpu(), &problem) == once, "again: {}", problem.describe());
        assert!(bits(&small, &problem) == once, "in pieces: {}", problem.describe());
    }
}

/// The largest neighbours of samples: of few and of many, of bins partly and wholly outside, in whatever pieces.
#[test]
fn maxima_of_neighbours() {
    let mut rng = Rng::with_seed(93);
    let small = with_limits(|limits| {
        limits.max_storage_buffer_binding_size = 16 << 10;
        limits.max_compute_workgroups_per_dimension = 40;
    });
    let mut rois = regions(&mut rng, 12, 2, [40.0, 41.0]);
    rois.elements.extend([0.0, 90.0, 90.0, 99.0, 99.0, 1.0, -0.5, 3.0, 2.0, 3.0]);
    rois.shape = [14, 5].into();
    for (sampling_ratio, aligned) in [(0, true), (2, false), (3, true), (601, true)] {
        let input = normal(&mut rng, [2, 5, 40, 41], 1.0);
        let (pooled, rois) =
            if sampling_ratio == 601 { ([1, 2], regions(&mut rng, 2, 2, [40.0; 2])) } else { ([3, 7], rois.clone()) };
        let op = RoiAlignMax { pooled, spatial_scale: 0.9, sampling_ratio, aligned };
        let problem = Problem::RoiAlignMax(op, RoiAlignInputs { input, rois });
        check_with(gpu(), &problem, Storage::F32, Ways::One);
        check_with(gpu(), &problem, STORAGES[0], Ways::One);
        assert!(bits(&small, &problem) == bits(gpu(), &problem), "in pieces: {}", problem.describe());
    }
}

/// Far more samples than pixels, and far more pixels than samples; nothing runs away.
#[test]
fn regions_out_of_all_proportion() {
    let corners = [
        [0.0, -1.6e6, -1.6e6, 1.6e6, 1.6e6],
        [0.0, 1.6e6, 0.0, -1.6e6, 3.0],
        [0.0, -1e6, 1.0, 1e6, 2.0],
        [0.0, f32::MIN, f32::MIN, f32::MAX, f32::MAX],
        [0.0, 1.0, 1.0, 1.0 + f32::EPSILON, 1.0 + f32::EPSILON],
        [0.0, 1e-40, 0.0, 2e-40, 4.0],
        [0.0, f32::NAN, 0.0, 3.0, 3.0],
        [0.0, 0.0, f32::NEG_INFINITY, 3.0, f32::INFINITY],
    ];
    let rois = Array { shape: [8, 5].into(), elements: corners.concat() };
    let input = normal(&mut Rng::with_seed(93), [1, 2, 5, 6], 1.0);
    for sampling_ratio in [0, 2, 300] {
        let op = RoiAlign { pooled: [2, 1], sampling_ratio, ..RoiAlign::default() };
        let inputs = RoiAlignInputs { input: input.clone(), rois: rois.clone() };
        // Where f32 does not tell pixels apart, anything within the tolerance will do.
        check_with(gpu(), &Problem::RoiAlign(op, inputs), Storage::F32, Ways::One);
    }
    for far in [1e30, -3e38] {
        let offset = Some(Array::filled([8, 2, 1, 1], far));
        let op = DeformRoiPool { sampling_ratio: 2, ..DeformRoiPool::default() };
        let inputs = DeformRoiPoolInputs { input: input.clone(), rois: rois.clone(), offset };
        let outputs = pollster::block_on(Problem::DeformRoiPool(op, inputs).run(on(gpu(), Storage::F32))).unwrap();
        assert_eq!(outputs, [0.0; 16]);
    }
}

/// The reference refuses it; a device, which cannot know, gives 0, and no gradients.
#[test]
fn images_that_there_are_not() {
    let upload = |array: Array| array.upload(gpu()).unwrap();
    let input = upload(Array::filled([2, 1, 3, 3], 1.0));
    let numbers = [0.0, -0.9, 1.9, 2.0, -1.0, f32::NAN, f32::INFINITY, -1e30, 5e9];
    let rois = upload(Array::from_fn([9, 5], |index| [numbers[index / 5], 0.0, 0.0, 3.0, 3.0][index % 5]));
    let offset = upload(Array::filled([9, 2, 1, 1], 0.125));
    let inputs = DeformRoiPoolInputs { input: &input, rois: &rois, offset: Some(&offset) };
    let op = DeformRoiPool { sampling_ratio: 1, ..DeformRoiPool::default() };
    let output: Vec<f32> = op.forward(&inputs).unwrap().download_blocking().unwrap();
    assert_eq!(output, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let grads = upload(Array::from_fn([9, 1, 1, 1], |index| if index < 3 { 1.0 } else { f32::NAN }));
    let gradients = op.backward(&inputs, &grads).unwrap();
    let grad_input: Vec<f32> = gradients.input.unwrap().download_blocking().unwrap();
    assert!((grad_input.iter().sum::<f32>() - 3.0).abs() < 1e-5, "{grad_input:?}");
    let grad_offset: Vec<f32> = gradients.offset.unwrap().download_blocking().unwrap();
    assert!(grad_offset[6..].iter().all(|gradient| *gradient == 0.0), "{grad_offset:?}");
}

/// Without RoIs, and without images.
#[test]
fn nothing() {
    for [rois, batch] in [[0, 2], [3, 0], [0, 0]] {
        let input = normal(&mut Rng::with_seed(94), [batch, 4, 3, 3], 1.0);
        let regions = Array::filled([rois, 5], 1.0);
        let offset = Some(Array::filled([rois, 2, 2, 2], 0.5));
        let op = DeformRoiPool { pooled: [2; 2], ..DeformRoiPool::default() };
        let inputs = DeformRoiPoolInputs { input, rois: regions, offset };
        if rois == 0 {
            let problem = Problem::DeformRoiPool(op, inputs.clone());
            check_with(gpu(), &problem, Storage::F32, Ways::All);
            check_with(gpu(), &problem, STORAGES[0], Ways::All);
            continue;
        }
        let inputs = inputs.try_map(|array| array.upload(gpu())).unwrap();
        let inputs = inputs.as_ref();
        let output = op.forward(&inputs).unwrap();
        assert_eq!(output.download_blocking::<f32>().unwrap(), [0.0; 48]);
        let gradients = op.backward(&inputs, &output).unwrap();
        assert_eq!(gradients.offset.unwrap().download_blocking::<f32>().unwrap(), [0.0; 24]);
        assert!(gradients.input.unwrap().download_blocking::<f32>().unwrap().is_empty());
        let sum = Array::filled([3, 2, 2, 2], 2.0).upload(gpu()).unwrap();
        let plan = DeformRoiPoolPlan::new(gpu(), &op, &inputs).unwrap();
        let mut recorder = Recorder::new(gpu());
        let destinations = DeformRoiPoolGradients { input: None, offset: Some(Destination::Add(&sum)) };
        plan.backward_into(&mut recorder, &inputs, &output, &destinations).unwrap();
        recorder.submit().unwrap();
        assert_eq!(sum.download_blocking::<f32>().unwrap(), [2.0; 24]);
    }
}

/// Elements that are not finite harm only what uses them.
#[test]
fn not_finite() {
    let mut rng = Rng::with_seed(95);
    let mut input = normal(&mut rng, [1, 2, 6, 6], 1.0);
    (input.elements[8], input.elements[50]) = (f32::NAN, f32::INFINITY);
    let rois = Array {
        shape: [3, 5].into(),
        elements: [[0, 0, 0, 6, 6], [0, 3, 3, 5, 5], [0, 1, 1, 4, 3]]
            .concat()
            .into_iter()
            .map(|corner: i8| corner.into())
            .collect(),
    };
    let offset = Array::from_fn([3, 2, 2, 2], |index| if index == 5 { f32::NAN } else { 0.125 });
    let op = DeformRoiPool { pooled: [2; 2], sampling_ratio: 2, gamma: 0.25, ..DeformRoiPool::default() };
    let problem = Problem::DeformRoiPool(op, DeformRoiPoolInputs { input, rois, offset: Some(offset) });
    let value = problem.reference().unwrap().value;
    assert!(value.iter().any(|value| value.is_nan()) && value.iter().any(|value| value.is_finite()));
    check_with(gpu(), &problem, Storage::F32, Ways::One);
}

/// Work that is too long for a dispatch is cut, where it follows from the shapes: nothing of it is run.
#[test]
fn long_work_is_cut() {
    let input = Tensor::new(gpu(), [1, 4, 1024, 1024], DType::F32).unwrap();
    let rois = Tensor::new(gpu(), [60, 5], DType::F32).unwrap();
    let inputs = RoiAlignInputs { input: &input, rois: &rois };
    let op = RoiAlign { pooled: [2; 2], sampling_ratio: 1024, ..RoiAlign::default() };
    let plan = RoiAlignPlan::new(gpu(), &op, &inputs).unwrap();
    let mut recorder = Recorder::new(gpu());
    let output = plan.forward(&mut recorder, &inputs).unwrap();
    let forward = recorder.len();
    plan.backward(&mut recorder, &inputs, &output).unwrap();
    if gpu().capabilities().software() {
        assert!((20..20_000).contains(&forward), "{forward}");
        assert!((60..20_000).contains(&(recorder.len() - forward)), "{}", recorder.len() - forward);
    }
}

/// The dispatches of the passes of a [`DeformRoiPool`], and the seconds that it takes to record them.
struct Recorded {
    forward: usize,
    backward: usize,
    seconds: f64,
}

fn recorded(plan: &DeformRoiPoolPlan, inputs: &DeformRoiPoolInputs<&Tensor>, output: &Tensor) -> Recorded {
    let offset = inputs.offset.map(|offset| Tensor::new(gpu(), offset.shape(), DType::F32).unwrap());
    let gradients =
        DeformRoiPoolGradients { input: Some(Tensor::new(gpu(), inputs.input.shape(), DType::F32).unwrap()), offset };
    // The first compiles; machines may be busy with other things.
    let mut best: Option<Recorded> = None;
    for _ in 0..5 {
        let mut recorder = Recorder::new(gpu());
        let start = Instant::now();
        plan.forward_into(&mut recorder, inputs, output).unwrap();
        let (forward, of_forward) = (recorder.len(), start.elapsed().as_secs_f64());
        let start = Instant::now();
        plan.backward_into(&mut recorder, inputs, output, &gradients).unwrap();
        let seconds = of_forward.max(start.elapsed().as_secs_f64());
        let seconds = best.map_or(seconds, |best| best.seconds.min(seconds));
        best = Some(Recorded { forward, backward: recorder.len() - forward, seconds });
    }
    best.unwrap()
}

/// Samples follow from RoIs that nobody knows while recording: up to a thousand of them cost no more than ten times the dispatches of two
/// samples either way, whatever the image.
#[test]
fn samples_as_many_as_pixels_take_few_dispatches() {
    for ([batch, channels, height, width], rois, pooled) in [
        ([2, 256, 200, 304], 1000, [7, 7]),
        ([1, 64, 800, 1344], 1000, [7, 7]),
        ([1, 64, 1080, 1920], 1000, [7, 7]),
        ([1, 64, 1080, 1920], 1000, [1, 1]),
        ([1, 8, 1080, 1920], 1000, [14, 14]),
        ([1, 3, 4096, 4096], 300, [1, 1]),
        ([1000, 1, 64, 64], 1000, [7, 7]),
        ([1, 256, 200, 304], 1, [7, 7]),
        ([1, 256, 200, 304], 3, [50, 50]),
    ] {
        let input = Tensor::new(gpu(), [batch, channels, height, width], DType::F32).unwrap();
        let regions = Tensor::new(gpu(), [rois, 5], DType::F32).unwrap();
        let offset = Tensor::new(gpu(), [rois, 2, pooled[0], pooled[1]], DType::F32).unwrap();
        let output = Tensor::new(gpu(), [rois, channels, pooled[0], pooled[1]], DType::F32).unwrap();
        let [adaptive, fixed] = [0, 2].map(|sampling_ratio| {
            let op = DeformRoiPool { pooled, sampling_ratio, ..DeformRoiPool::default() };
            let inputs = DeformRoiPoolInputs { input: &input, rois: &regions, offset: Some(&offset) };
            let plan = DeformRoiPoolPlan::new(gpu(), &op, &inputs).unwrap();
            recorded(&plan, &inputs, &output)
        });
        let what = format!("{rois} RoIs of {pooled:?} in {batch}x{channels}x{height}x{width}");
        eprintln!(
            "{what}: {} and {} dispatches for {} and {}, {:.1} ms",
            adaptive.forward,
            adaptive.backward,
            fixed.forward,
            fixed.backward,
            1e3 * adaptive.seconds
        );
        assert!(adaptive.forward <= 10 * fixed.forward, "{what}: {} for {}", adaptive.forward, fixed.forward);
        assert!(adaptive.backward <= 10 * fixed.backward, "{what}: {} for {}", adaptive.backward, fixed.backward);
    }
}

/// Bins of more samples than an invocation takes alone, next to those of a few; RoIs that cover the image, and more, and bins that offsets move
/// onto it.
#[test]
fn large_bins() {
    let mut rng = Rng::with_seed(96);
    let corners = [
        [0.0, 0.0, 0.0, 700.0, 500.0],
        [0.0, 3.3, 4.4, 12.6, 9.7],
        [0.0, -900.3, -700.7, 1500.9, 1200.1],
        [0.0, 100.7, 20.3, 690.2, 480.9],
        [0.0, 5.0, 7.0, 690.0, 11.0],
    ];
    let rois = Array { shape: [5, 5].into(), elements: corners.concat() };
    for pooled in [[1, 1], [2, 3]] {
        let input = normal(&mut rng, [1, 2, 500, 700], 1.0);
        let offset = Some(normal(&mut rng, [5, 2, pooled[0], pooled[1]], 2.0));
        let op = DeformRoiPool { pooled, ..DeformRoiPool::default() };
        let problem = Problem::DeformRoiPool(op, DeformRoiPoolInputs { input, rois: rois.clone(), offset });
        check_with(gpu(), &problem, Storage::F32, Ways::One);
        assert!(bits(gpu(), &problem) == bits(gpu(), &problem), "again: {}", problem.describe());
    }
    // As many by their ratio, in classes too.
    let rois = Array { shape: [1, 5].into(), elements: vec![0.0, 0.6, 0.2, 4.9, 3.1] };
    let input = normal(&mut rng, [1, 6, 5, 6], 1.0);
    let align = RoiAlign { sampling_ratio: 601, ..RoiAlign::default() };
    let inputs = RoiAlignInputs { input: input.clone(), rois: rois.clone() };
    check_with(gpu(), &Problem::RoiAlign(align, inputs), Storage::F32, Ways::One);
    let ps = DeformPsRoiPool { output_dim: 6, spatial_bins: [600, 602], ..DeformPsRoiPool::default() };
    let offset = Some(normal(&mut rng, [1, 6, 1, 1], 0.5));
    check_with(
        gpu(),
        &Problem::DeformPsRoiPool(ps, DeformPsRoiPoolInputs { input, rois, offset }),
        Storage::F32,
        Ways::One,
    );
}

/// More samples in a bin than a workgroup sums up in one dispatch.
#[test]
fn bins_beyond_a_dispatch() {
    let input = Array::filled([1, 1, 4, 4], 1.0).upload(gpu()).unwrap();
    let rois = Array { shape: [1, 5].into(), elements: vec![0.0, 1.0, 1.0, 3.0, 3.0] }.upload(gpu()).unwrap();
    let inputs = RoiAlignInputs { input: &input, rois: &rois };
    let op = RoiAlign { sampling_ratio: 4200, ..RoiAlign::default() };
    let output: Vec<f32> = op.forward(&inputs).unwrap().download_blocking().unwrap();
    assert!((output[0] - 1.0).abs() < 1e-3, "{output:?}");
}

/// Each op that pools, of one bin and one sample, over an image of one pixel.
fn of_one_pixel(rois: u32) -> Vec<Problem> {
    let input = Array::filled([1; 4], 1.0);
    let regions = |corner: f32| Array::from_fn([rois, 5], |index| if index % 5 < 3 { 0.0 } else { corner });
    let align = |channels| RoiAlign { sampling_ratio: 1, channels, ..RoiAlign::default() };
    let inputs = RoiAlignInputs { input: input.clone(), rois: regions(1.0) };
    let deform = DeformRoiPool { sampling_ratio: 1, ..DeformRoiPool::default() };
    let deform_inputs = DeformRoiPoolInputs { input: input.clone(), rois: regions(1.0), offset: None };
    let ps_inputs = DeformPsRoiPoolInputs { input, rois: regions(0.0), offset: None };
    vec![
        Problem::RoiAlign(align(RoiChannels::Each), inputs.clone()),
        Problem::RoiAlign(align(RoiChannels::PositionSensitive), inputs),
        Problem::DeformRoiPool(deform, deform_inputs),
        Problem::DeformPsRoiPool(DeformPsRoiPool::default(), ps_inputs),
    ]
}

fn input_gradient(problem: &Problem, grad_output: &Array) -> Vec<f32> {
    let gradients = pollster::block_on(problem.backward_on(gpu(), None, Storage::F32, grad_output, Ways::One)).unwrap();
    gradients.into_iter().next().unwrap().value
}

/// Every bin of many that share a pixel adds to its gradient.
#[test]
fn no_bin_is_lost() {
    for rois in [7_085, 7_086, 20_000, 70_000] {
        for problem in of_one_pixel(rois) {
            let gradient = input_gradient(&problem, &Array::filled([rois, 1, 1, 1], 1.0));
            assert_eq!(gradient, [rois as f32], "{}", problem.describe());
        }
    }
}

#[test]
fn no_bin_of_equal_regions_is_lost() {
    let rois = Array::from_fn([512, 5], |index| if index % 5 < 3 { 0.0 } else { 8.0 });
    let inputs = RoiAlignInputs { input: Array::filled([1, 1, 8, 8], 1.0), rois };
    let op = RoiAlign { pooled: [7; 2], sampling_ratio: 2, ..RoiAlign::default() };
    let grads = Array::filled([512, 1, 7, 7], 1.0);
    let gradient = input_gradient(&Problem::RoiAlign(op, inputs), &grads);
    let sum: f64 = gradient.iter().copied().map(f64::from).sum();
    let bins = f64::from(512 * 7 * 7);
    assert!((sum / bins - 1.0).abs() < 1e-5, "{sum} for {bins}");
}

/// As a detector's proposals lie around an object.
#[test]
fn no_bin_of_proposals_around_an_object_is_lost() {
    let mut rng = Rng::with_seed(97);
    let mut corners = Vec::new();
    for _ in 0..512 {
        let mut near = |corner: f32| corner + 12.0 * (rng.f32() - 0.5);
        corners.extend([0.0, near(10.0), near(8.0), near(60.0), near(58.0)]);
    }
    let rois = Array { shape: [512, 5].into(), elements: corners };
    let input = normal(&mut rng, [1, 2, 64, 68], 1.0);
    for sampling_ratio in [0, 2] {
        let op = RoiAlign { pooled: [7; 2], sampling_ratio, ..RoiAlign::default() };
        let inputs = RoiAlignInputs { input: input.clone(), rois: rois.clone() };
        check_with(gpu(), &Problem::RoiAlign(op, inputs), Storage::F32, Ways::One);
    }
}

/// More bins move with one offset than an invocation adds up.
#[test]
fn no_bin_of_a_part_is_lost() {
    let op = DeformPsRoiPool { pooled_size: 260, part_size: 1, ..DeformPsRoiPool::default() };
    let mut rng = Rng::with_seed(98);
    let input = normal(&mut rng, [1, 1, 9, 8], 1.0);
    let rois = Array { shape: [1, 5].into(), elements: vec![0.0, 1.0, 1.0, 6.0, 7.0] };
    let offset = Some(Array::filled([1, 2, 1, 1], 0.03));
    check_with(
        gpu(),
        &Problem::DeformPsRoiPool(op, DeformPsRoiPoolInputs { input, rois, offset }),
        Storage::F32,
        Ways::One,
    );
}

#[test]
fn refused() {
    let spec = |extents: &[usize]| TensorSpec { shape: pliant::Shape::new(extents).unwrap(), dtype: DType::F32 };
    let inputs = DeformPsRoiPoolInputs { input: spec(&[1, 4, 3, 3]), rois: spec(&[2, 5]), offset: None };
    let op = DeformPsRoiPool { output_dim: 4, ..DeformPsRoiPool::default() };
    let plan = DeformPsRoiPoolPlan::new(gpu(), &op, &inputs).unwrap();
    let new = |spec: &TensorSpec| Tensor::new(gpu(), spec.shape, spec.dtype).unwrap();
    let tensors = inputs.map(new);
    let offset = new(&spec(&[2, 2, 1, 1]));
    let grad = new(&spec(&[2, 4, 1, 1]));
    let mut recorder = Recorder::new(gpu());
    let given = DeformPsRoiPoolInputs { offset: Some(&offset), ..tensors.as_ref() };
    let error = plan.forward(&mut recorder, &given).unwrap_err();
    assert_eq!(error.to_string(), "offset was given; the plan was made without one");
    let wanted = DeformPsRoiPoolGradients { input: None, offset: Some(&offset) };
    let error = plan.backward_into(&mut recorder, &tensors, &grad, &wanted).unwrap_err();
    assert!(matches!(error, Error::Shape { argument: "grad_offset", .. }), "{error:?}");
    assert_eq!(error.to_string(), "grad_offset was asked for; the plan was made without offset");
    assert!(recorder.is_empty());
    // `backward` leaves it out.
    let gradients = plan.backward(&mut recorder, &tensors, &grad);
    assert!(gradients.unwrap().offset.is_none());
}
