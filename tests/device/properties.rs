//! Properties that hold whatever the numbers are.

use fastrand::Rng;
use pliant::*;

use crate::shapes::deform_conv2d;
use crate::support::compare::Expected;
use crate::support::problem::{Array, Problem};
use crate::support::random::normal;
use crate::{gpu, implementations};

/// A problem and its parts, in which groups and offset groups cut the channels at different places.
fn problem(seed: u64, border: Border) -> (DeformConv2d, DeformConv2dInputs<Array>) {
    let op = DeformConv2d { padding: [1, 2, 0, 1], groups: 2, offset_groups: 3, border, ..DeformConv2d::default() };
    match deform_conv2d(&mut Rng::with_seed(seed), op, [2, 12, 7, 6], [8, 6, 3, 3], true, 1.5) {
        Problem::DeformConv2d(op, inputs) => (op, inputs),
        other => panic!("{}", other.describe()),
    }
}

/// Runs two problems on every implementation and holds the first against `f` of the second, within the first's tolerance.
fn agree(one: &Problem, other: &Problem, f: impl Fn(usize, f32) -> f32) {
    for implementation in implementations(gpu()) {
        let actual = pollster::block_on(one.run(implementation)).unwrap();
        let other = pollster::block_on(other.run(implementation)).unwrap();
        let mut expected = Expected::of_reference(one.reference().unwrap());
        expected.value = other.iter().enumerate().map(|(index, &value)| f64::from(f(index, value))).collect();
        if let Err(miss) = expected.compare(&actual) {
            panic!("output{miss}");
        }
    }
}

#[test]
fn with_offsets_of_zero_it_is_a_convolution() {
    let (op, mut inputs) = problem(1, Border::Zeros);
    inputs.offset.elements.fill(0.0);
    inputs.mask = None;
    let DeformConv2d { stride, padding, dilation, groups, .. } = op;
    let plain = Conv2dInputs { input: inputs.input.clone(), weight: inputs.weight.clone(), bias: inputs.bias.clone() };
    let plain = Problem::Conv2d(Conv2d { stride, padding, dilation, groups }, plain);
    agree(&Problem::DeformConv2d(op, inputs), &plain, |_, value| value);
}

#[test]
fn with_whole_offsets_it_is_a_convolution_of_a_shifted_image() {
    let mut rng = Rng::with_seed(2);
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let input = normal(&mut rng, [1, 3, 6, 7], 1.0);
    let weight = normal(&mut rng, [4, 3, 3, 3], 1.0);
    // Down by one and right by two.
    let offset = Array::from_fn([1, 18, 6, 7], |index| if index / 42 % 2 == 0 { 1.0 } else { 2.0 });
    let shifted = Array::from_fn(input.shape, |index| {
        let (plane, y, x) = (index / 42, index / 7 % 6 + 1, index % 7 + 2);
        if y < 6 && x < 7 { input.elements[plane * 42 + y * 7 + x] } else { 0.0 }
    });
    let deformed = DeformConv2dInputs { input, offset, mask: None, weight: weight.clone(), bias: None };
    // Unpadded, so that nothing is shifted in from the padding: the inner pixels agree.
    let plain = Problem::Conv2d(
        Conv2d { padding: [1; 4], ..Conv2d::default() },
        Conv2dInputs { input: shifted, weight, bias: None },
    );
    let deformed = Problem::DeformConv2d(op, deformed);
    for implementation in implementations(gpu()) {
        let [a, b] = [&deformed, &plain].map(|problem| pollster::block_on(problem.run(implementation)).unwrap());
        let tolerance = Expected::of_reference(plain.reference().unwrap()).tolerance;
        for (index, (a, b)) in a.iter().zip(&b).enumerate() {
            let (y, x) = (index / 7 % 6, index % 7);
            if y > 0 && x > 0 {
                assert!(f64::from((a - b).abs()) <= tolerance[index], "({y}, {x}): {a} and {b}");
            }
        }
    }
}

#[test]
fn with_masks_of_zero_it_is_the_bias_whatever_the_input() {
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        let (op, mut inputs) = problem(3, border);
        inputs.mask.as_mut().unwrap().elements.fill(0.0);
        inputs.input.elements.fill(f32::NAN);
        let bias = inputs.bias.clone().unwrap().elements;
        let pixels = inputs.offset.shape.extents()[2..].iter().product::<u32>() as usize;
        let problem = Problem::DeformConv2d(op, inputs);
        for implementation in implementations(gpu()) {
            let output = pollster::block_on(problem.run(implementation)).unwrap();
            for (index, value) in output.iter().enumerate() {
                assert_eq!(*value, bias[index / pixels % bias.len()], "element {index}");
            }
        }
    }
}

#[test]
fn it_is_linear_in_input_weight_and_mask() {
    type Member = fn(&mut DeformConv2dInputs<Array>) -> &mut Array;
    let members: [Member; 3] = [|i| &mut i.input, |i| &mut i.weight, |i| i.mask.as_mut().unwrap()];
    for member in members {
        let (op, mut inputs) = problem(4, Border::ClampHi);
        inputs.bias = None;
        let mut scaled = inputs.clone();
        member(&mut scaled).elements.iter_mut().for_each(|value| *value *= -4.0);
        // A power of two: even the rounding is the same.
        for implementation in implementations(gpu()) {
            let once = pollster::block_on(Problem::DeformConv2d(op, inputs.clone()).run(implementation)).unwrap();
            let scaled = pollster::block_on(Problem::DeformConv2d(op, scaled.clone()).run(implementation)).unwrap();
            assert!(once.iter().zip(&scaled).all(|(once, scaled)| *scaled == -4.0 * once));
        }
    }
}

#[test]
fn offsets_that_are_not_finite_harm_nothing_else() {
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        let (op, mut inputs) = problem(5, border);
        let mut rng = Rng::with_seed(5);
        for offset in &mut inputs.offset.elements {
            if rng.u32(..4) == 0 {
                let values =
                    [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -1e30, f32::MAX, f32::from_bits(0x7f80_0001)];
                *offset = values[rng.usize(..values.len())];
            }
        }
        let problem = Problem::DeformConv2d(op, inputs);
        assert!(problem.reference().unwrap().value.iter().all(|value| value.is_finite()));
        crate::check(&problem);
    }
}

#[test]
fn inputs_that_are_not_finite_harm_only_what_uses_them() {
    let (op, mut inputs) = problem(6, Border::Zeros);
    for (index, value) in [(5, f32::NAN), (100, f32::INFINITY), (300, f32::NEG_INFINITY)] {
        inputs.input.elements[index] = value;
    }
    inputs.weight.elements[7] = f32::NAN;
    let problem = Problem::DeformConv2d(op, inputs);
    let reference = problem.reference().unwrap().value;
    assert!(reference.iter().any(|value| value.is_finite()) && reference.iter().any(|value| value.is_nan()));
    crate::check(&problem);
}

#[test]
fn the_same_inputs_give_the_same_bits() {
    let (op, inputs) = problem(7, Border::Zeros);
    let problem = Problem::DeformConv2d(op, inputs);
    for implementation in implementations(gpu()) {
        let bits = || -> Vec<u32> {
            pollster::block_on(problem.run(implementation)).unwrap().iter().map(|value| value.to_bits()).collect()
        };
        let first = bits();
        assert!((0..10).all(|_| bits() == first));
    }
}
