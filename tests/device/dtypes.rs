//! Storage of 16 bits, on every adapter: the integer operations that do it need no feature.

use fastrand::Rng;
use half::{bf16, f16};
use pliant::DType::{BF16, F16, F32};
use pliant::*;
use pliant::{Gpu, GpuOptions, Im2colPlan, Recorder, Tensor};

use crate::attention;
use crate::grids::{grid, kinds};
use crate::movement::{each_copy, each_gather, each_scatter};
use crate::points;
use crate::reductions::{FUNCTIONS, reducible};
use crate::shapes::deform_conv2d;
use crate::spatial;
use crate::support::case;
use crate::support::problem::{Array, Implementation, Problem, Storage, uneven};
use crate::support::random::{labels, normal, uniform};
use crate::{check_on, gpu};

pub(crate) const STORAGES: [Storage; 6] = [
    Storage::new(F16, F16),
    Storage::new(BF16, BF16),
    Storage::new(F16, F32),
    Storage { data: F32, offset: F16, mask: BF16, weight: F16 },
    Storage { data: BF16, offset: F32, mask: F16, weight: F32 },
    Storage { data: F16, offset: BF16, mask: F32, weight: BF16 },
];

pub(crate) fn on(storage: Storage) -> Implementation<'static> {
    Implementation::Device { gpu: gpu(), strategy: None, storage }
}

fn check(problem: &Problem) {
    for storage in STORAGES {
        if let Err(failure) = check_on(problem, on(storage)) {
            panic!("{storage:?}: {failure}\n{}", problem.describe());
        }
    }
}

/// A window of one tap copies: every value of 16 bits goes through f32 and back.
#[test]
fn every_bit_pattern_survives() {
    let shape = [1, 1, 256, 256];
    let patterns: Vec<u16> = (0..=u16::MAX).collect();
    let copy = |tensor: Tensor| {
        let plan = Im2colPlan::new(gpu(), &Im2col::default(), &tensor).unwrap();
        let mut recorder = Recorder::new(gpu());
        let output = plan.forward(&mut recorder, &tensor).unwrap();
        recorder.submit().unwrap();
        output
    };
    let halves: Vec<_> = patterns.iter().map(|&bits| f16::from_bits(bits)).collect();
    let back = copy(Tensor::upload(gpu(), shape, &halves).unwrap()).download_blocking::<f16>().unwrap();
    assert!(halves.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
    let halves: Vec<_> = patterns.iter().map(|&bits| bf16::from_bits(bits)).collect();
    let back = copy(Tensor::upload(gpu(), shape, &halves).unwrap()).download_blocking::<bf16>().unwrap();
    assert!(halves.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
}

/// A product by 1 rounds, and sums nothing: f32 between, on and next to values of 16 bits, the largest and the smallest among them.
#[test]
fn rounding_is_to_nearest_even_and_beyond_the_range_infinite() {
    let mut values = vec![0.0, 65504.0, 65519.996, 65520.0, -65520.0, 1e30, f32::MAX, f32::INFINITY];
    values.extend([
        2f32.powi(-24),
        2f32.powi(-25),
        2f32.powi(-25) * 1.000_001,
        2f32.powi(-26),
        3.0 * 2f32.powi(-25),
        1e-40,
    ]);
    let mut rng = Rng::with_seed(41);
    values.extend((0..20_000).map(|_| f32::from_bits(rng.u32(..0x7f80_0000) | (rng.u32(..2) << 31))));
    // Halfway between neighbours.
    values.extend((0..20_000).map(|_| f32::from_bits((rng.u32(0x3300_0000..0x4780_0000) & !0x1fff) | 0x1000)));
    values.extend((0..20_000).map(|_| f32::from_bits((rng.u32(..0x7f00_0000) & !0xffff) | 0x8000)));
    let rows = values.len() as u32;
    let wide = Tensor::upload(gpu(), [1, rows, 1], &values).unwrap();
    macro_rules! check {
        ($half:ty) => {
            let one = Tensor::upload(gpu(), [1, 1, 1], &[<$half>::from_f32(1.0)]).unwrap();
            // The output has the type of `a`: the column of ones times the row of values.
            let inputs = MatmulInputs { a: &one, b: &wide, bias: None };
            let product = Matmul { transpose_b: true, ..Matmul::default() }.forward(&inputs).unwrap();
            let actual = product.download_blocking::<$half>().unwrap();
            for (value, actual) in values.iter().zip(actual) {
                // A device may take denormals of f32 as 0.
                if value.abs() >= f32::MIN_POSITIVE || *value == 0.0 {
                    assert_eq!(actual.to_bits(), <$half>::from_f32(*value).to_bits(), "{value:e}");
                }
            }
        };
    }
    check!(f16);
    check!(bf16);
}

/// Every op on odd extents, so that half a word is left over.
pub(crate) fn every_op() -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut rng = Rng::with_seed(42);
    let op = uneven();
    for offset_layout in [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint] {
        let op = DeformConv2d { offset_layout, ..op };
        problems.push(deform_conv2d(&mut rng, op, [3, 6, 5, 3], [4, 3, 3, 2], true, 2.0));
    }
    problems.push(deform_conv2d(&mut rng, op, [0, 6, 5, 3], [4, 3, 3, 2], true, 2.0));
    problems.push(deform_conv2d(&mut rng, DeformConv2d::default(), [1, 1, 1, 1], [1, 1, 1, 1], false, 0.5));
    let inputs = Conv2dInputs {
        input: normal(&mut rng, [1, 3, 5, 7], 1.0),
        weight: normal(&mut rng, [5, 3, 3, 1], 1.0),
        bias: Some(normal(&mut rng, [5], 1.0)),
    };
    problems.push(Problem::Conv2d(Conv2d::default(), inputs));
    let inputs = MatmulInputs {
        a: normal(&mut rng, [3, 5, 7], 1.0),
        b: normal(&mut rng, [3, 7, 3], 1.0),
        bias: Some(normal(&mut rng, [3], 1.0)),
    };
    problems.push(Problem::Matmul(Matmul::default(), inputs));
    let window = Im2col { kernel: [3, 2], padding: [1; 4], ..Im2col::default() };
    problems.push(Problem::Im2col(window, normal(&mut rng, [1, 3, 5, 7], 1.0)));
    let inputs = DeformIm2colInputs {
        input: normal(&mut rng, [1, 3, 5, 7], 1.0),
        offset: normal(&mut rng, [1, 12, 5, 8], 1.0),
        mask: Some(uniform(&mut rng, [1, 6, 5, 8])),
    };
    problems.push(Problem::DeformIm2col(DeformIm2col { window, ..DeformIm2col::default() }, inputs));
    let inputs = BilinearSampleInputs {
        input: normal(&mut rng, [1, 3, 5, 7], 1.0),
        positions: Array::from_fn([1, 2, 3, 3], |index| index as f32 * 0.37),
    };
    problems.push(Problem::BilinearSample(BilinearSample::default(), inputs));
    for op in kinds() {
        let inputs =
            GridSampleInputs { input: normal(&mut rng, [1, 3, 5, 7], 1.0), grid: grid(&mut rng, [1, 3, 3, 2]) };
        problems.push(Problem::GridSample(op, inputs));
    }
    for op in [Unary::Sigmoid, Unary::Tanh, Unary::Relu, Unary::Clip { min: -1.0, max: 0.5 }] {
        problems.push(Problem::Unary(op, normal(&mut rng, [3, 5, 7], 2.0)));
    }
    for (a, b) in [([3, 5, 7], [5, 1]), ([3, 1, 7], [5, 1]), ([3, 5, 7], [5, 7])] {
        let inputs = BinaryInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0) };
        problems.push(Problem::Binary(Binary::Add, inputs.clone()));
        problems.push(Problem::Binary(Binary::Mul, inputs));
    }
    let inputs = [3, 1, 7].map(|size| normal(&mut rng, [3, size, 5], 1.0));
    problems.push(Problem::Concat(Concat { axis: 1 }, inputs.to_vec()));
    problems.push(Problem::Split(Split { axis: 1, sizes: vec![3, 1, 7] }, normal(&mut rng, [3, 11, 5], 1.0)));
    problems.extend(each_copy(&mut rng));
    problems.extend(each_gather(&mut rng));
    problems.extend(each_scatter(&mut rng));
    problems.push(Problem::GlobalAveragePool(GlobalAveragePool, normal(&mut rng, [1, 3, 5, 7], 1.0)));
    let inputs = BatchNormInputs {
        input: normal(&mut rng, [3, 5, 7], 1.0),
        scale: normal(&mut rng, [5], 1.0),
        shift: normal(&mut rng, [5], 1.0),
    };
    problems.push(Problem::BatchNorm(BatchNorm, inputs));
    let inputs = DeformRoiPoolInputs {
        input: normal(&mut rng, [2, 3, 5, 7], 1.0),
        rois: Array {
            shape: [3, 5].into(),
            elements: [[0, 1, 0, 5, 3], [1, -2, 1, 4, 9], [0, 3, 4, 2, 2]]
                .concat()
                .into_iter()
                .map(|n: i8| n.into())
                .collect(),
        },
        offset: Some(Array::from_fn([3, 2, 3, 1], |index| index as f32 / 16.0 - 0.5)),
    };
    let op = DeformRoiPool { pooled: [3, 1], sampling_ratio: 2, ..DeformRoiPool::default() };
    problems.push(Problem::DeformRoiPool(op, inputs));
    problems.extend(attention::each_form(&mut rng));
    problems.extend(points::each_form(&mut rng));
    problems.extend(spatial::each_form(&mut rng));
    for reduction in [Reduction::None, Reduction::Mean] {
        let inputs = CrossEntropyInputs { logits: normal(&mut rng, [7, 5], 2.0), labels: labels(&mut rng, 7, 5) };
        problems.push(Problem::CrossEntropy(CrossEntropy { reduction }, inputs));
    }
    for (axis, shape) in [(2, [3, 5, 7]), (1, [3, 5, 7]), (0, [3, 1, 7])] {
        problems.push(Problem::Softmax(Softmax { axis, log: false }, normal(&mut rng, shape, 2.0)));
    }
    for axes in [1, 2] {
        let normalised = &[5, 7][2 - axes..];
        let mut each = |sigma| normal(&mut rng, pliant::Shape::new(normalised).unwrap(), sigma);
        let (scale, shift) = (each(1.0), each(1.0));
        let inputs =
            LayerNormInputs { input: normal(&mut rng, [3, 5, 7], 1.0), scale: Some(scale), shift: Some(shift) };
        problems.push(Problem::LayerNorm(LayerNorm { axes: axes as u32, ..LayerNorm::default() }, inputs));
    }
    for function in FUNCTIONS {
        let op = Reduce { function, axes: [0, 2].into(), keep: true };
        problems.push(Problem::Reduce(op, reducible(&mut rng, function, [3, 5, 7])));
    }
    for largest in [false, true] {
        let input = normal(&mut rng, [3, 5, 7], 1.0);
        problems.push(Problem::ArgReduce(ArgReduce { axis: 1, largest, keep: true, last: !largest }, input.clone()));
        problems.push(Problem::TopK(TopK { axis: 1, k: 3, largest }, input.clone()));
        problems.push(Problem::CumSum(CumSum { axis: 1, exclusive: largest, reverse: !largest }, input.clone()));
        problems.push(Problem::Softmax(Softmax { axis: 1, log: true }, input.clone()));
        let [scale, shift] = [1.0, 2.0].map(|sigma| normal(&mut rng, [5], sigma));
        let op = GroupNorm { groups: if largest { 5 } else { 1 }, epsilon: 1e-3 };
        problems.push(Problem::GroupNorm(op, GroupNormInputs { input, scale, shift }));
    }
    problems
}

#[test]
fn every_op_in_odd_sizes() {
    every_op().iter().for_each(check);
}

/// Strips of an odd number of pixels, so that the output's words straddle them: a binding holds a few columns.
#[test]
fn odd_strips() {
    let mut limits = gpu().capabilities().limits.clone();
    limits.max_storage_buffer_binding_size = 16 << 10;
    let gpu =
        pollster::block_on(Gpu::with_options(&GpuOptions { limits: Some(limits), ..GpuOptions::default() })).unwrap();
    let mut rng = Rng::with_seed(43);
    // A pixel's columns take 9 taps x 5 quads x 16 bytes = 720 bytes, a strip at most 22 pixels; a row has 29.
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let problem = deform_conv2d(&mut rng, op, [3, 19, 3, 29], [5, 19, 3, 3], true, 2.0);
    for storage in STORAGES {
        let device = Implementation::Device { gpu: &gpu, strategy: None, storage };
        if let Err(failure) = check_on(&problem, device) {
            panic!("{storage:?}: {failure}");
        }
    }
}

#[test]
fn goldens_with_their_inputs_rounded() {
    for storage in &STORAGES[..3] {
        let summary = pollster::block_on(case::judge_all(&case::folders()[..1], on(*storage)));
        assert_eq!(summary.failed, 0, "{storage:?}: {summary}");
        assert!(summary.passed > 100, "{storage:?}: {summary}");
    }
}

/// Integers would be read as floats.
#[test]
fn integers_are_refused_by_ops_of_floats() {
    let integers = Tensor::upload(gpu(), [2, 3], &[1, 2, 3, 4, 5, 6]).unwrap();
    let refused = Softmax { axis: 1, log: false }.forward(&integers).unwrap_err();
    assert!(matches!(refused, Error::DType { argument: "input", .. }));
    assert_eq!(refused.to_string(), "input holds i32; f32, f16, bf16 can be taken");
    let floats = Tensor::upload(gpu(), [3, 2], &[0.0f32; 6]).unwrap();
    let operand = |tensor: &Tensor, shape: [u32; 3]| tensor.reshape(shape).unwrap();
    let product = MatmulInputs { a: operand(&floats, [1, 3, 2]), b: operand(&integers, [1, 2, 3]), bias: None };
    let refused = Matmul::default().forward(&product).unwrap_err();
    assert_eq!(refused.to_string(), "b holds i32; f32, f16, bf16 can be taken");
    assert_eq!(integers.download_blocking::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
}
