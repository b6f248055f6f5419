//! Elements that are not finite, in each input of each op and in the gradient of its output: a device gives what IEEE arithmetic gives, as
//! the reference does. And denormals.

use fastrand::Rng;
use half::f16;
use pliant::DType;
use pliant::*;
use pliant::{Adam, AdamInputs, Sgd, SgdInputs};

use crate::attention;
use crate::grids::{grid, kinds};
use crate::movement::{each_copy, each_gather};
use crate::nn::{KINDS, attentions, layer, pool, v3, v4};
use crate::points;
use crate::reductions::{FUNCTIONS, reducible};
use crate::shapes::deform_conv2d;
use crate::spatial;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways, uneven};
use crate::support::random::{labels, normal, uniform};
use crate::training::{check_adam_steps, check_sgd_steps};
use crate::{check_gradients_on, check_on, gpu, implementations, slow};

const VALUES: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

/// Every op, in each of its forms, in small shapes.
fn problems(rng: &mut Rng) -> Vec<Problem> {
    let mut problems = Vec::new();
    for op in [Unary::Sigmoid, Unary::Tanh, Unary::Relu, Unary::Clip { min: -0.5, max: 1.0 }] {
        problems.push(Problem::Unary(op, normal(rng, [7], 1.0)));
    }
    for op in [Binary::Add, Binary::Mul] {
        let (a, b) = (normal(rng, [2, 3, 4], 1.0), normal(rng, [3, 1], 1.0));
        problems.push(Problem::Binary(op, BinaryInputs { a, b }));
    }
    let halves = vec![normal(rng, [2, 3], 1.0), normal(rng, [2, 2], 1.0)];
    problems.push(Problem::Concat(Concat { axis: 1 }, halves));
    problems.push(Problem::Split(Split { axis: 1, sizes: vec![1, 3] }, normal(rng, [2, 4, 3], 1.0)));
    problems.extend(each_copy(rng));
    problems.extend(each_gather(rng));
    problems.push(Problem::GlobalAveragePool(GlobalAveragePool, normal(rng, [2, 3, 5, 4], 1.0)));
    let (scale, shift) = (normal(rng, [3], 1.0), normal(rng, [3], 1.0));
    let input = normal(rng, [2, 3, 4], 1.0);
    problems.push(Problem::BatchNorm(BatchNorm, BatchNormInputs { input, scale, shift }));
    for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
        let inputs = CrossEntropyInputs { logits: normal(rng, [4, 5], 2.0), labels: labels(rng, 4, 5) };
        problems.push(Problem::CrossEntropy(CrossEntropy { reduction }, inputs));
    }
    problems.extend(attention::each_form(rng));
    for axis in [0, 1, 2] {
        problems.push(Problem::Softmax(Softmax { axis, log: false }, normal(rng, [3, 5, 2], 1.0)));
    }
    for present in [true, false] {
        let [scale, shift] = [(); 2].map(|()| present.then(|| normal(rng, [4], 1.0)));
        let inputs = LayerNormInputs { input: normal(rng, [2, 3, 4], 1.0), scale, shift };
        problems.push(Problem::LayerNorm(LayerNorm::default(), inputs));
    }
    for function in FUNCTIONS {
        let op = Reduce { function, axes: [0, 2].into(), keep: true };
        problems.push(Problem::Reduce(op, reducible(rng, function, [3, 5, 7])));
    }
    for largest in [false, true] {
        let input = normal(rng, [3, 5, 7], 1.0);
        problems.push(Problem::ArgReduce(ArgReduce { axis: 1, largest, keep: true, last: !largest }, input.clone()));
        problems.push(Problem::TopK(TopK { axis: 1, k: 3, largest }, input.clone()));
        problems.push(Problem::CumSum(CumSum { axis: 1, exclusive: largest, reverse: !largest }, input.clone()));
        problems.push(Problem::Softmax(Softmax { axis: 1, log: true }, input.clone()));
        let [scale, shift] = [1.0, 2.0].map(|sigma| normal(rng, [5], sigma));
        let op = GroupNorm { groups: if largest { 5 } else { 1 }, epsilon: 1e-3 };
        problems.push(Problem::GroupNorm(op, GroupNormInputs { input, scale, shift }));
    }
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = if transpose_a { [2, 19, 21] } else { [2, 21, 19] };
        let b = if transpose_b { [2, 18, 19] } else { [2, 19, 18] };
        let bias = transpose_a.then(|| normal(rng, [18], 1.0));
        let inputs = MatmulInputs { a: normal(rng, a, 1.0), b: normal(rng, b, 1.0), bias };
        problems.push(Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs));
    }
    let window = Im2col { kernel: [3, 2], padding: [1, 0, 2, 1], ..Im2col::default() };
    problems.push(Problem::Im2col(window, normal(rng, [2, 3, 4, 5], 1.0)));
    for groups in [1, 2] {
        let inputs = Conv2dInputs {
            input: normal(rng, [2, 6, 5, 4], 1.0),
            weight: normal(rng, [4, 6 / groups, 3, 2], 1.0),
            bias: Some(normal(rng, [4], 1.0)),
        };
        let op = Conv2d { padding: [1, 0, 2, 1], stride: [2, 1], groups, ..Conv2d::default() };
        problems.push(Problem::Conv2d(op, inputs));
    }
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        let input = normal(rng, [2, 3, 5, 4], 1.0);
        let positions = Array { elements: uniform(rng, [2 * 2 * 6]).elements, shape: [2, 2, 3, 2].into() };
        let positions = Array::from_fn(positions.shape, |index| positions.elements[index] * 6.0 - 1.0);
        let op = BilinearSample { border, ..BilinearSample::default() };
        problems.push(Problem::BilinearSample(op, BilinearSampleInputs { input, positions }));
        for offset_layout in [OffsetLayout::Separate, OffsetLayout::Joint] {
            let op = DeformConv2d { border, offset_layout, ..uneven() };
            problems.push(deform_conv2d(rng, op, [2, 6, 5, 6], [4, 3, 3, 2], border != Border::Strict, 1.5));
        }
    }
    for op in kinds() {
        let inputs = GridSampleInputs { input: normal(rng, [2, 3, 5, 4], 1.0), grid: grid(rng, [2, 3, 2, 2]) };
        problems.push(Problem::GridSample(op, inputs));
    }
    let Problem::DeformConv2d(op, inputs) = deform_conv2d(rng, uneven(), [2, 6, 5, 6], [4, 3, 3, 2], true, 1.5) else {
        unreachable!()
    };
    let DeformConv2d { stride, padding, dilation, offset_groups, border, edge_derivative, offset_layout, .. } = op;
    let window = Im2col { kernel: [3, 2], stride, padding, dilation };
    let op = DeformIm2col { window, offset_groups, border, edge_derivative, offset_layout };
    let DeformConv2dInputs { input, offset, mask, .. } = inputs;
    problems.push(Problem::DeformIm2col(op, DeformIm2colInputs { input, offset, mask }));
    let rois = |rng: &mut Rng| {
        Array::from_fn([4, 5], |index| {
            let corner = (rng.f32() * 64.0).round() / 8.0;
            [index as f32 % 2.0, corner, corner, corner + 3.0, corner + 4.0][index % 5]
        })
    };
    for channels in [RoiChannels::Each, RoiChannels::PositionSensitive] {
        let op = RoiAlign { pooled: [2, 2], sampling_ratio: 2, channels, ..RoiAlign::default() };
        let inputs = RoiAlignInputs { input: normal(rng, [2, 4, 8, 9], 1.0), rois: rois(rng) };
        problems.push(Problem::RoiAlign(op, inputs));
    }
    for offset_gradient in [OffsetGradient::Exact, OffsetGradient::Mmcv] {
        let op = DeformRoiPool { pooled: [2, 2], sampling_ratio: 2, offset_gradient, ..DeformRoiPool::default() };
        let offset = Some(normal(rng, [4, 2, 2, 2], 1.0));
        let inputs = DeformRoiPoolInputs { input: normal(rng, [2, 3, 8, 9], 1.0), rois: rois(rng), offset };
        problems.push(Problem::DeformRoiPool(op, inputs));
    }
    let op = DeformPsRoiPool {
        output_dim: 2,
        group_size: 2,
        pooled_size: 2,
        spatial_bins: [2, 2],
        trans_std: 0.125,
        ..DeformPsRoiPool::default()
    };
    let offset = Some(normal(rng, [4, 2, 2, 2], 1.0));
    let inputs = DeformPsRoiPoolInputs { input: normal(rng, [2, 8, 8, 9], 1.0), rois: rois(rng), offset };
    problems.push(Problem::DeformPsRoiPool(op, inputs));
    problems.extend(KINDS.map(|kind| layer(rng, kind, 2)));
    problems.extend(points::each_form(&mut Rng::with_seed(102)));
    problems.extend(spatial::each_form(&mut Rng::with_seed(103)));
    problems
}

/// Makes many of the elements that are multiplied 0, as a relu does.
fn make_sparse(rng: &mut Rng, problem: &mut Problem) {
    problem.change(|name, array| {
        if !["positions", "offset", "locations", "offset_mask", "rois", "labels"].contains(&name) {
            array.elements.iter_mut().for_each(|element| *element = if rng.bool() { 0.0 } else { *element });
        }
    });
}

/// Whether what is infinite there saturates a limit whose slope follows from a difference: it is 0 but for rounding.
fn saturates(problem: &Problem, name: &str) -> bool {
    let Problem::Layer(layer, inputs) = problem else { return false };
    let feeds = if inputs.offset_input.is_some() { "offset_input" } else { "input" };
    let limited = layer.offset_limit.is_some() && inputs.flow.is_some();
    limited && [feeds, "offset_weight", "offset_bias"].contains(&name)
}

fn check(problem: &Problem, grad_output: &Array) -> Result<(), String> {
    let all = if problem.has_strategies() { usize::MAX } else { 1 };
    for implementation in implementations(gpu()).take(all) {
        check_on(problem, implementation)?;
    }
    implementations(gpu())
        .take(1)
        .try_for_each(|implementation| check_gradients_on(problem, grad_output, implementation, Ways::One))
}

#[test]
fn not_finite_is_as_ieee_arithmetic_has_it() {
    let mut rng = Rng::with_seed(101);
    let mut misses = Vec::new();
    for sparse in [false, true] {
        let mut problems = problems(&mut rng);
        if !sparse {
            problems.extend([false, true].map(|modulated| pool(&mut rng, modulated)));
            problems.extend(attentions(&mut Rng::with_seed(103)));
            problems.extend([false, true].map(|scaled| v3(&mut Rng::with_seed(109), scaled)));
            problems.extend([false, true].map(|apart| v4(&mut Rng::with_seed(105), apart)));
        }
        for mut problem in problems {
            if sparse {
                make_sparse(&mut rng, &mut problem);
            }
            let outputs = [problem.reference().unwrap().value.len() as u32];
            let mut grad_output = normal(&mut rng, outputs, 1.0);
            if sparse {
                grad_output.elements.iter_mut().for_each(|grad| *grad = if rng.bool() { 0.0 } else { *grad });
            }
            let arrays = problem.arrays();
            // On a slow adapter an array gets one of the values.
            let all = VALUES.into_iter().enumerate();
            let some = |array: usize| all.clone().filter(move |&(at, _)| !slow() || at == array % VALUES.len());
            let spoils = (0..=arrays).flat_map(|array| some(array).map(move |(_, value)| (array, value)));
            for (array, value) in spoils {
                let (mut spoilt, mut grad_output) = (problem.clone(), grad_output.clone());
                let (mut turn, mut place) = (array, None);
                let mut spoil = |name: &'static str, array: &mut Array| {
                    if turn == 0 {
                        let mut element = rng.usize(..array.elements.len());
                        if name == "rois" {
                            // The image must be there.
                            element += usize::from(element.is_multiple_of(5));
                        }
                        array.elements[element] = value;
                        place = Some((name, element));
                    }
                    turn = turn.wrapping_sub(1);
                };
                spoilt.change(&mut spoil);
                spoil("grad_output", &mut grad_output);
                let (name, element) = place.unwrap();
                if saturates(&problem, name) && value.is_infinite() {
                    continue;
                }
                if let Err(miss) = check(&spoilt, &grad_output) {
                    misses
                        .push(format!("{value} in {name}[{element}], sparse {sparse}: {miss}\n{}", problem.describe()));
                }
            }
        }
    }
    assert!(misses.is_empty(), "{} misses\n{}", misses.len(), misses.join("\n"));
}

/// A copy with this value in a drawn element of the array whose turn it is.
fn spoilt(rng: &mut Rng, value: f32, turn: &mut i32) -> impl FnMut(&Array) -> Array {
    move |array| {
        *turn -= 1;
        let mut array = array.clone();
        if *turn == -1 {
            let element = rng.usize(..array.elements.len());
            array.elements[element] = value;
        }
        array
    }
}

#[test]
fn not_finite_in_steps() {
    let mut rng = Rng::with_seed(103);
    let upload = |array: &Array| array.upload(gpu()).unwrap();
    for value in VALUES {
        for turn in 0..4 {
            let inputs = SgdInputs {
                parameter: normal(&mut rng, [5], 1.0),
                velocity: normal(&mut rng, [5], 1.0),
                gradient: normal(&mut rng, [5], 1.0),
                learning_rate: Array::filled([1], 0.125),
            };
            let inputs = inputs.map(spoilt(&mut rng, value, &mut turn.clone()));
            check_sgd_steps(gpu(), Sgd { momentum: 0.5, weight_decay: 0.25 }, &inputs.map(upload));
        }
        for turn in 0..5 {
            let op = Adam { weight_decay: 0.25, ..Adam::default() };
            let inputs = AdamInputs {
                parameter: normal(&mut rng, [5], 1.0),
                mean: normal(&mut rng, [5], 1.0),
                variance: uniform(&mut rng, [5]),
                gradient: normal(&mut rng, [5], 1.0),
                rates: Array { shape: [3].into(), elements: op.rates(3, 0.125).to_vec() },
            };
            let inputs = inputs.map(spoilt(&mut rng, value, &mut turn.clone()));
            check_adam_steps(gpu(), op, &inputs.map(upload));
        }
    }
}

/// Numbers below the least normal one: what only passes them on keeps them; arithmetic keeps them or takes them for 0, as the adapter has it.
#[test]
fn denormals_are_kept_or_0() {
    let below = [0x007f_ffff, 0x0000_8001, 1, 0x8000_0001].map(f32::from_bits);
    let small = Array { shape: [1, 1, 2, 2].into(), elements: below.to_vec() };
    let run = |problem: &Problem, storage| {
        let device = Implementation::Device { gpu: gpu(), strategy: None, storage };
        pollster::block_on(problem.run(device)).unwrap()
    };
    let both = |op, b| Problem::Binary(op, BinaryInputs { a: small.clone(), b: Array::filled([1], b) });
    let passed = [
        Problem::Unary(Unary::Clip { min: -1.0, max: 1.0 }, small.clone()),
        Problem::Concat(Concat { axis: 0 }, vec![small.clone()]),
        Problem::Split(Split { axis: 2, sizes: vec![1, 1] }, small.clone()),
        Problem::StridedCopy(StridedCopy::transpose(&[2, 0, 1, 3]), small.clone()),
    ];
    for problem in &passed {
        assert_eq!(run(problem, Storage::F32), below, "{}", problem.describe());
    }
    let weight = Array::filled([1, 1, 1, 1], 1.0);
    let conv = Conv2dInputs { input: small.clone(), weight, bias: None };
    let computed = [both(Binary::Add, 0.0), both(Binary::Mul, 1.0), Problem::Conv2d(Conv2d::default(), conv)];
    for problem in &computed {
        for (actual, given) in run(problem, Storage::F32).into_iter().zip(below) {
            assert!(actual == given || actual == 0.0, "{actual:e} of {given:e}: {}", problem.describe());
        }
    }
    // Those of f16 are normal numbers of f32.
    let half = Array { elements: [1u16, 0x3ff, 0x8200, 5].map(|bits| f16::from_bits(bits).to_f32()).to_vec(), ..small };
    let problem = Problem::Binary(Binary::Mul, BinaryInputs { a: half.clone(), b: Array::filled([1], 1.0) });
    assert_eq!(run(&problem, Storage::new(DType::F16, DType::F16)), half.elements);
}
