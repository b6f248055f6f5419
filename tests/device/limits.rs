//! Small limits change nothing but the number of dispatches; what cannot be bound at all is an error.

use fastrand::Rng;
use pliant::*;
use pliant::{
    BinaryPlan, DType, Error, GlobalAveragePoolPlan, Gpu, GpuOptions, Im2colPlan, MatmulPlan, Recorder, SplitPlan,
    Tensor, UnaryPlan, wgpu,
};

use crate::shapes::deform_conv2d;
use crate::some;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::{labels, normal};

pub(crate) fn with_limits(limit: impl FnOnce(&mut wgpu::Limits)) -> Gpu {
    let mut limits = crate::gpu().capabilities().limits.clone();
    limit(&mut limits);
    let options = GpuOptions { limits: Some(limits), ..GpuOptions::default() };
    pollster::block_on(Gpu::with_options(&options)).unwrap()
}

fn check_with(gpu: &Gpu, problem: &Problem) {
    crate::check_each_on(problem, gpu);
}

/// Problems whose tensors are all beyond 16 KiB.
pub(crate) fn large_problems() -> Vec<Problem> {
    let mut rng = Rng::with_seed(11);
    let op = DeformConv2d { padding: [1; 4], groups: 2, offset_groups: 3, ..DeformConv2d::default() };
    let mut problems = Vec::new();
    for offset_layout in [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint] {
        let op = DeformConv2d { offset_layout, ..op };
        problems.push(deform_conv2d(&mut rng, op, [2, 12, 40, 41], [10, 6, 3, 3], true, 3.0));
    }
    let window = Im2col { kernel: [3, 3], padding: [1; 4], ..Im2col::default() };
    problems.push(Problem::Im2col(window, normal(&mut rng, [2, 9, 30, 31], 1.0)));
    let inputs = MatmulInputs {
        a: normal(&mut rng, [3, 90, 70], 1.0),
        b: normal(&mut rng, [3, 70, 110], 1.0),
        bias: Some(normal(&mut rng, [110], 1.0)),
    };
    problems.push(Problem::Matmul(Matmul::default(), inputs));
    let op = Matmul { transpose_a: true, transpose_b: true };
    let inputs =
        MatmulInputs { a: normal(&mut rng, [2, 30, 200], 1.0), b: normal(&mut rng, [2, 250, 30], 1.0), bias: None };
    problems.push(Problem::Matmul(op, inputs));
    let inputs = BilinearSampleInputs {
        input: normal(&mut rng, [3, 5, 50, 51], 1.0),
        positions: Array::from_fn([3, 2, 60, 61], |index| (index % 53) as f32 * 1.01),
    };
    problems.push(Problem::BilinearSample(BilinearSample::default(), inputs));
    for mode in [SampleMode::Bilinear, SampleMode::Nearest, SampleMode::Bicubic] {
        let op = GridSample { mode, padding: PaddingMode::Reflection, ..GridSample::default() };
        let inputs = GridSampleInputs {
            input: normal(&mut rng, [3, 5, 50, 51], 1.0),
            grid: Array::from_fn([3, 60, 61, 2], |index| (index % 1453) as f32 / 512.0 - 1.5),
        };
        problems.push(Problem::GridSample(op, inputs));
    }
    problems.push(Problem::Unary(Unary::Tanh, normal(&mut rng, [3, 50, 411], 1.0)));
    for (a, b) in [([1, 90, 70, 1], [9, 1, 1, 11]), ([9, 1, 70, 11], [1, 90, 1, 1])] {
        let inputs = BinaryInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0) };
        problems.push(Problem::Binary(Binary::Mul, inputs));
    }
    let inputs = [70, 1, 300].map(|size| normal(&mut rng, [31, size, 7], 1.0));
    problems.push(Problem::Concat(Concat { axis: 1 }, inputs.to_vec()));
    let sizes = vec![30_000, 1, 5_000];
    problems.push(Problem::Split(Split { axis: 1, sizes }, normal(&mut rng, [2, 35_001], 1.0)));
    for (op, extents) in [
        (StridedCopy::transpose(&[0, 2, 1, 3]), [2, 50, 60, 20]),
        (StridedCopy::transpose(&[0, 3, 1, 2]), [2, 50, 60, 21]),
        (StridedCopy::tile(&[3, 2, 1, 2]), [2, 50, 60, 5]),
    ] {
        problems.push(Problem::StridedCopy(op, normal(&mut rng, extents, 1.0)));
    }
    problems.extend(large_gathers(&mut rng));
    for (data, many) in [([9, 60_000], 5), ([30_000, 3], 20_000)] {
        let inputs = ScatterInputs {
            data: normal(&mut rng, data, 1.0),
            indices: Array::from_fn([many, 1], |index| (index * 7919 % (data[0] as usize + 3)) as f32),
            updates: normal(&mut rng, [many, data[1]], 1.0),
        };
        problems.push(Problem::ScatterNd(ScatterNd { reduction: ScatterReduction::Add }, inputs));
    }
    problems.push(Problem::Unary(Unary::Gelu, normal(&mut rng, [3, 50, 411], 1.0)));
    let inputs = BinaryInputs { a: normal(&mut rng, [50, 3, 401], 1.0), b: normal(&mut rng, [3, 401], 1.0) };
    problems.push(Problem::Binary(Binary::Pow, inputs));
    let condition = crate::support::problem::Array::from_fn([50, 1, 401], |index| f32::from(u8::from(index % 3 == 0)));
    let inputs = SelectInputs { a: normal(&mut rng, [50, 3, 401], 1.0), b: normal(&mut rng, [401], 1.0), condition };
    problems.push(Problem::Select(Select, inputs));
    problems.push(Problem::Cast(Cast { to: CastTo::Boolean }, normal(&mut rng, [50, 3, 401], 1.0)));
    problems.push(Problem::GlobalAveragePool(GlobalAveragePool, normal(&mut rng, [2, 3, 201, 203], 1.0)));
    let inputs = BatchNormInputs {
        input: normal(&mut rng, [3, 7, 90, 91], 1.0),
        scale: normal(&mut rng, [7], 1.0),
        shift: normal(&mut rng, [7], 1.0),
    };
    problems.push(Problem::BatchNorm(BatchNorm, inputs));
    let inputs = BatchNormInputs {
        input: normal(&mut rng, [2, 20_000], 1.0),
        scale: normal(&mut rng, [20_000], 1.0),
        shift: normal(&mut rng, [20_000], 1.0),
    };
    problems.push(Problem::BatchNorm(BatchNorm, inputs));
    for (reduction, batch, classes) in [(Reduction::None, 5000, 3), (Reduction::Mean, 40, 1001)] {
        let (logits, labels) = (normal(&mut rng, [batch, classes], 3.0), labels(&mut rng, batch, classes));
        problems.push(Problem::CrossEntropy(CrossEntropy { reduction }, CrossEntropyInputs { logits, labels }));
    }
    // Rows that can be bound and rows that cannot, along the last axis and spread over it.
    for (axis, shape) in [(1, [6000, 4, 1]), (1, [2, 60_000, 1]), (0, [3, 30, 601]), (1, [3, 201, 300])] {
        problems.push(Problem::Softmax(Softmax { axis, log: false }, normal(&mut rng, shape, 2.0)));
    }
    for (axes, shape) in [(1, [5000, 12]), (2, [2, 30_000])] {
        let normalised = &shape[2 - axes..];
        let mut each = || Some(normal(&mut rng, pliant::Shape::new(normalised).unwrap(), 1.0));
        let (scale, shift) = (each(), each());
        let inputs = LayerNormInputs { input: normal(&mut rng, shape.map(|extent| extent as u32), 1.0), scale, shift };
        problems.push(Problem::LayerNorm(LayerNorm { axes: axes as u32, ..LayerNorm::default() }, inputs));
    }
    // Rows of many elements and of few, along the last axis and spread over it; the sums of segments are summed in turn.
    for (axis, shape) in [(1, [2, 60_000, 1]), (1, [2, 300, 301]), (0, [40, 3, 601]), (2, [300, 20, 5])] {
        let input = normal(&mut rng, shape, 1.0);
        let function = ReduceFunction::LogSumExp;
        problems.push(Problem::Reduce(Reduce { function, axes: [axis].into(), keep: false }, input.clone()));
        let op = Reduce { function: ReduceFunction::Mean, axes: [0, 2].into(), keep: false };
        problems.push(Problem::Reduce(op, input.clone()));
        problems.push(Problem::ArgReduce(ArgReduce { axis, ..ArgReduce::default() }, input.clone()));
        problems.push(Problem::CumSum(CumSum { axis, reverse: true, exclusive: true }, input));
    }
    for (axis, k, shape) in [(1, 300, [2, 8400, 1]), (0, 5, [80, 2, 30])] {
        problems.push(Problem::TopK(TopK { axis, k, largest: true }, normal(&mut rng, shape, 1.0)));
    }
    let inputs = GroupNormInputs {
        input: normal(&mut rng, [3, 8, 70, 91], 1.0),
        scale: normal(&mut rng, [8], 1.0),
        shift: normal(&mut rng, [8], 1.0),
    };
    problems.push(Problem::GroupNorm(GroupNorm { groups: 2, epsilon: 1e-5 }, inputs));
    problems
}

/// Gatherings from more than a binding shows: rows, elements, and slices by several parts, some of them beyond the data.
fn large_gathers(rng: &mut Rng) -> [Problem; 4] {
    let inputs = |rng: &mut Rng, data: &[u32], at: &[u32], of: i32| GatherInputs {
        data: normal(rng, Shape::new(data).unwrap(), 1.0),
        indices: Array::from_fn(Shape::new(at).unwrap(), |_| rng.i32(-of..=of) as f32),
    };
    [
        Problem::Gather(Gather { axis: 1 }, inputs(rng, &[2, 3000, 20], &[400], 3000)),
        Problem::Gather(Gather { axis: 0 }, inputs(rng, &[700, 90], &[20, 5], 700)),
        Problem::GatherElements(GatherElements { axis: 0 }, inputs(rng, &[700, 3, 31], &[300, 3, 30], 700)),
        Problem::GatherNd(GatherNd::default(), inputs(rng, &[300, 30, 9], &[2000, 2], 30)),
    ]
}

/// Problems without gradients, or whose gradients are not cut so far, of ops that others have gradients of.
fn large_problems_forward() -> [Problem; 3] {
    let mut rng = Rng::with_seed(66);
    let inputs = BinaryInputs { a: normal(&mut rng, [50, 3, 401], 1.0), b: normal(&mut rng, [3, 401], 1.0) };
    let reflected = StridedCopy::pad(&[0, 40, 0, 1], &[0, 9, 0, 0], PadMode::Reflect);
    [
        Problem::Unary(Unary::IsNan, normal(&mut rng, [3, 50, 411], 1.0)),
        Problem::Binary(Binary::Less, inputs),
        Problem::StridedCopy(reflected, normal(&mut rng, [2, 30, 60, 21], 1.0)),
    ]
}

#[test]
fn tensors_beyond_a_binding_are_bound_in_parts() {
    for bytes in [64 << 10, 200_000] {
        let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = bytes);
        for problem in some(large_problems().into_iter().chain(large_problems_forward()), 4) {
            check_with(&gpu, &problem);
        }
    }
}

/// One plane of the input can be bound, and neither two of them nor the image with its channels last.
#[test]
fn images_beyond_a_binding_are_packed_in_bands() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(14);
    for (groups, offset_groups) in [(1, 1), (2, 3)] {
        let op = DeformConv2d { stride: [6, 5], groups, offset_groups, ..DeformConv2d::default() };
        check_with(&gpu, &deform_conv2d(&mut rng, op, [2, 6, 50, 51], [4, 6 / groups, 1, 2], true, 9.0));
    }
    let window = Im2col { kernel: [2, 1], stride: [5, 6], ..Im2col::default() };
    check_with(&gpu, &Problem::Im2col(window, normal(&mut rng, [1, 5, 50, 51], 1.0)));
}

#[test]
fn small_grids_are_folded() {
    let gpu = with_limits(|limits| limits.max_compute_workgroups_per_dimension = 40);
    for problem in large_problems().into_iter().chain(large_problems_forward()) {
        check_with(&gpu, &problem);
    }
}

#[test]
fn grids_beyond_65535_workgroups_work() {
    // 2100 x 2100 positions are 68,907 workgroups.
    let inputs = BilinearSampleInputs {
        input: normal(&mut Rng::with_seed(12), [1, 1, 50, 51], 1.0),
        positions: Array::from_fn([1, 2, 2100, 2100], |index| (index % 5003) as f32 * 0.01),
    };
    crate::check(&Problem::BilinearSample(BilinearSample::default(), inputs));
}

/// Neither the weight nor one row of a product's operands can be bound.
#[test]
fn weights_and_rows_beyond_a_binding_are_bound_in_parts() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(13);
    let op = DeformConv2d { groups: 2, ..DeformConv2d::default() };
    check_with(&gpu, &deform_conv2d(&mut rng, op, [1, 128, 4, 3], [16, 64, 3, 3], true, 1.0));
    // Rows and columns that lie in quads, too: another kernel adds up their halves.
    for (transpose_a, transpose_b, rows, columns) in [
        (false, false, 3, 2),
        (true, true, 3, 2),
        (false, true, 4, 8),
        (true, false, 4, 8),
        (false, false, 7, 2),
        (false, true, 70, 3),
    ] {
        let (a, b) = ([2, rows, 9000], [2, 9000, columns]);
        let swapped = |[batch, rows, columns]: [u32; 3], swap| {
            [batch, if swap { columns } else { rows }, if swap { rows } else { columns }]
        };
        let inputs = MatmulInputs {
            a: normal(&mut rng, swapped(a, transpose_a), 1.0),
            b: normal(&mut rng, swapped(b, transpose_b), 1.0),
            bias: None,
        };
        check_with(&gpu, &Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs));
    }
}

/// More work than a dispatch should take is done in several, each product's axes among them.
#[test]
fn long_work_is_cut() {
    let gpu = crate::gpu();
    let ones = |shape: [u32; 3]| Array::filled(shape, 1.0).upload(gpu).unwrap();
    for [batch, rows, columns, depth] in [[1, 1, 1, 100_000], [6, 3, 5, 20_000], [1, 200, 150, 6_000]] {
        let inputs = MatmulInputs { a: &ones([batch, rows, depth]), b: &ones([batch, depth, columns]), bias: None };
        let plan = MatmulPlan::new(gpu, &Matmul::default(), &inputs).unwrap();
        let mut recorder = Recorder::new(gpu);
        let product = plan.forward(&mut recorder, &inputs).unwrap();
        let stages = pollster::block_on(recorder.profile()).unwrap();
        if gpu.capabilities().software() {
            assert!(recorder.len() > 1, "{batch} x {rows} x {columns} x {depth} in {} dispatches", recorder.len());
        }
        for stage in stages {
            // About half a second; a machine may be busy with other things.
            let seconds = stage.seconds / f64::from(stage.dispatches);
            assert!(seconds < 4.0, "{rows} x {columns} x {depth}: {} takes {seconds} s", stage.kernel);
        }
        let product: Vec<f32> = product.download_blocking().unwrap();
        let off = product.iter().map(|sum| (sum / depth as f32 - 1.0).abs()).fold(0.0, f32::max);
        assert!(off < 0.01, "{rows} x {columns} x {depth}: off by {off}");
    }
}

/// A binding shows 256 elements at most, so that the sums of segments, and the sums of those, do not fit one segment either.
#[test]
fn means_are_taken_in_as_many_stages_as_it_needs() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 1 << 10);
    let input = normal(&mut Rng::with_seed(15), [1, 2, 300, 301], 1.0);
    check_with(&gpu, &Problem::GlobalAveragePool(GlobalAveragePool, input));
}

/// A dispatch of a software adapter moves 2^24 elements at most.
#[test]
fn many_elements_are_cut() {
    let gpu = crate::gpu();
    let input = &pliant::Tensor::new(gpu, [1, 3, 1 << 12, 1 << 11], pliant::DType::F32).unwrap();
    let mut dispatches = Vec::new();
    let mut recorder = Recorder::new(gpu);
    UnaryPlan::new(gpu, &Unary::Relu, &input).unwrap().forward(&mut recorder, input).unwrap();
    dispatches.push(recorder.len());
    let inputs = BinaryInputs { a: input, b: input };
    let plan = BinaryPlan::new(gpu, &Binary::Add, &inputs).unwrap();
    plan.forward(&mut recorder, &inputs).unwrap();
    dispatches.push(recorder.len());
    let sizes = vec![(1 << 12) - 1, 1];
    SplitPlan::new(gpu, &Split { axis: 2, sizes }, &input).unwrap().forward(&mut recorder, input).unwrap();
    dispatches.push(recorder.len());
    let plan = GlobalAveragePoolPlan::new(gpu, &GlobalAveragePool, &input).unwrap();
    plan.forward(&mut recorder, input).unwrap();
    dispatches.push(recorder.len());
    if gpu.capabilities().software() {
        assert_eq!(dispatches, [2, 4, 7, 10]);
    }
}

/// A row of the columns can't be bound, which is found when the images are packed already.
#[test]
fn an_op_that_fails_records_nothing() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let input = Array::filled([1, 600, 3, 3], 1.0).upload(&gpu).unwrap();
    let plan = |kernel| Im2colPlan::new(&gpu, &Im2col { kernel, ..Im2col::default() }, &input).unwrap();
    let mut recorder = Recorder::new(&gpu);
    plan([1, 1]).forward(&mut recorder, &input).unwrap();
    let before = recorder.len();
    assert!(before > 0);
    let error = plan([3, 3]).forward(&mut recorder, &input).unwrap_err();
    assert_eq!(error.to_string(), "columns needs a binding of 21600 bytes at least; the device has 16384 at most");
    assert_eq!(recorder.len(), before);
}

#[test]
fn a_tensor_beyond_the_largest_buffer_is_an_error() {
    let gpu = with_limits(|limits| limits.max_buffer_size = 1 << 20);
    let error = pliant::Tensor::new(&gpu, [1 << 19], pliant::DType::F32).unwrap_err();
    assert_eq!(error.to_string(), "a buffer of 2097152 bytes is needed; the device makes 1048576 at most");
}

#[test]
fn without_its_optional_features_a_device_gives_the_same() {
    for feature in Gpu::OPTIONAL_FEATURES.iter().chain([Gpu::OPTIONAL_FEATURES]) {
        let options = GpuOptions { features: Gpu::OPTIONAL_FEATURES - feature, ..GpuOptions::default() };
        let gpu = pollster::block_on(Gpu::with_options(&options)).unwrap();
        assert!(!gpu.capabilities().features.intersects(feature));
        for problem in some(large_problems().into_iter().chain(large_problems_forward()), 5) {
            check_with(&gpu, &problem);
        }
    }
}

/// A dispatch adds up so many elements of a row at most on adapters that run on the CPU: beyond, it is done in parts.
#[test]
fn long_rows_are_done_in_parts() {
    let mut rng = Rng::with_seed(65);
    let device = Implementation::Device { gpu: crate::gpu(), strategy: None, storage: Storage::F32 };
    let both = |problem: &Problem| {
        crate::check_on(problem, device).unwrap();
        crate::check_backward_on(problem, 65, device, Ways::One).unwrap();
    };
    for (axis, shape) in [(1, [1, 5_000_000]), (0, [70_001, 17])] {
        both(&Problem::Softmax(Softmax { axis, log: false }, normal(&mut rng, shape, 1.0)));
    }
    let [input, scale] = [[1, 4_500_000], [1, 1]].map(|shape| normal(&mut rng, shape, 1.0));
    let scale = Some(Array::filled([4_500_000], scale.elements[0]));
    both(&Problem::LayerNorm(LayerNorm::default(), LayerNormInputs { input, scale, shift: None }));
}

/// A row of logits is done by one workgroup.
#[test]
fn long_rows_of_cross_entropy() {
    let mut rng = Rng::with_seed(64);
    let logits = normal(&mut rng, [1, 2_000_000], 3.0);
    let inputs = CrossEntropyInputs { logits, labels: Array::filled([1], 1_999_999.0) };
    let problem = Problem::CrossEntropy(CrossEntropy::default(), inputs);
    let device = Implementation::Device { gpu: crate::gpu(), strategy: None, storage: Storage::F32 };
    crate::check_on(&problem, device).unwrap();
    crate::check_backward_on(&problem, 65, device, Ways::One).unwrap();

    if crate::gpu().capabilities().software() {
        let logits = Tensor::new(crate::gpu(), [1, (1 << 24) + 1], DType::F32).unwrap();
        let labels = Tensor::new(crate::gpu(), [1], DType::F32).unwrap();
        let inputs = CrossEntropyInputs { logits: &logits, labels: &labels };
        let refused = CrossEntropy::default().forward(&inputs).unwrap_err();
        assert!(matches!(refused, Error::Limit { .. }), "{refused:?}");
    }
}
