//! Ops along axes: sums and extremes, elements in order, cumulative sums, normalised groups. Rows of a few elements and of many, along the last
//! axis and spread over it.

use fastrand::Rng;
use pliant::*;
use pliant::{DType, Shape, Tensor};

use crate::support::compare::Expected;
use crate::support::problem::{Array, Implementation, Problem, Storage};
use crate::support::random::normal;
use crate::{check, check_on, gpu};

pub(crate) const FUNCTIONS: [ReduceFunction; 10] = [
    ReduceFunction::Sum,
    ReduceFunction::Mean,
    ReduceFunction::Max,
    ReduceFunction::Min,
    ReduceFunction::Prod,
    ReduceFunction::L1,
    ReduceFunction::L2,
    ReduceFunction::SumSquare,
    ReduceFunction::LogSum,
    ReduceFunction::LogSumExp,
];

/// Elements of which a function makes an ordinary number.
pub(crate) fn reducible(rng: &mut Rng, function: ReduceFunction, shape: impl Into<Shape>) -> Array {
    let mut input = normal(rng, shape, 1.0);
    for element in &mut input.elements {
        *element = match function {
            ReduceFunction::Prod => 1.0 + *element * 0.01,
            ReduceFunction::LogSum => element.abs(),
            _ => *element,
        };
    }
    input
}

/// A problem of each op.
pub(crate) fn each() -> Vec<Problem> {
    let mut rng = Rng::with_seed(200);
    let mut problems = Vec::new();
    for function in FUNCTIONS {
        let op = Reduce { function, axes: [1].into(), keep: false };
        problems.push(Problem::Reduce(op, reducible(&mut rng, function, [2, 9000])));
    }
    let input = normal(&mut rng, [3, 4200], 1.0);
    problems.push(Problem::ArgReduce(ArgReduce { axis: 1, ..ArgReduce::default() }, input.clone()));
    problems.push(Problem::TopK(TopK { axis: 1, k: 10, largest: true }, input.clone()));
    problems.push(Problem::TopK(TopK { axis: 1, k: 1500, largest: true }, input.clone()));
    problems.push(Problem::CumSum(CumSum { axis: 1, ..CumSum::default() }, input));
    let [scale, shift] = [(); 2].map(|()| normal(&mut rng, [6], 1.0));
    let inputs = GroupNormInputs { input: normal(&mut rng, [2, 6, 30, 31], 1.0), scale, shift };
    problems.push(Problem::GroupNorm(GroupNorm { groups: 3, epsilon: 1e-5 }, inputs));
    problems
}

#[test]
fn every_function_over_any_axes() {
    let mut rng = Rng::with_seed(201);
    for (extents, axes) in [
        (&[][..], Axes::default()),
        (&[7][..], Axes::from([0])),
        (&[7], Axes::default()),
        (&[1], Axes::from([0])),
        (&[67, 4], Axes::from([1])),
        (&[5, 300], Axes::from([1])),
        (&[4, 6, 30, 31], Axes::from([0, 2, 3])),
        (&[300, 70], Axes::from([0])),
        (&[3, 200, 5], Axes::from([1])),
        (&[3, 1, 5], Axes::from([1])),
        (&[2, 3, 4, 5, 6, 7], Axes::from([0, 2, 4])),
        (&[2, 3, 4, 5, 6, 7], Axes::from([1, 3, 5])),
        (&[2, 3, 4, 5, 6, 7], Axes::first(6)),
        (&[0, 3, 4], Axes::from([1])),
    ] {
        for function in FUNCTIONS {
            let input = reducible(&mut rng, function, Shape::new(extents).unwrap());
            for keep in [false, true] {
                check(&Problem::Reduce(Reduce { function, axes, keep }, input.clone()));
            }
        }
    }
}

/// Sums of sums, of one row and of columns.
#[test]
fn long_axes_are_done_in_stages() {
    let mut rng = Rng::with_seed(202);
    for (axis, shape) in [(1, [1, 1_000_003]), (0, [50_001, 17])] {
        let input = normal(&mut rng, shape, 1.0);
        for function in [ReduceFunction::Sum, ReduceFunction::Min, ReduceFunction::LogSumExp] {
            check(&Problem::Reduce(Reduce { function, axes: [axis].into(), keep: false }, input.clone()));
        }
        check(&Problem::ArgReduce(ArgReduce { axis, ..ArgReduce::default() }, input.clone()));
        check(&Problem::CumSum(CumSum { axis, ..CumSum::default() }, input));
    }
}

#[test]
fn arguments_and_orders_of_odd_shapes() {
    let mut rng = Rng::with_seed(203);
    for (axis, extents) in [
        (0, &[1][..]),
        (0, &[9]),
        (1, &[0, 3]),
        (1, &[67, 4]),
        (1, &[5, 257]),
        (0, &[33, 20]),
        (1, &[2, 300, 3]),
        (2, &[2, 3, 21, 5, 2]),
        (1, &[2, 5000]),
    ] {
        let mut input = normal(&mut rng, Shape::new(extents).unwrap(), 2.0);
        for ties in [false, true] {
            if ties {
                input.elements.iter_mut().for_each(|element| *element = element.round());
            }
            for largest in [false, true] {
                for last in [false, true] {
                    let op = ArgReduce { axis, largest, keep: last, last: last ^ largest };
                    check(&Problem::ArgReduce(op, input.clone()));
                }
                let extent = extents[axis as usize] as u32;
                for k in [1, extent.div_ceil(3), extent] {
                    check(&Problem::TopK(TopK { axis, k, largest }, input.clone()));
                }
                for reverse in [false, true] {
                    check(&Problem::CumSum(CumSum { axis, exclusive: largest, reverse }, input.clone()));
                }
            }
        }
    }
}

/// Tiles of tiles, and beyond what tiles hold a sort, of one row and of several that lie across each other.
#[test]
fn orders_of_long_rows() {
    let mut rng = Rng::with_seed(204);
    for (axis, k, shape) in [
        (1, 300, [1, 22_223, 1]),
        (1, 1024, [2, 8400, 1]),
        (1, 1024, [1, 2049, 1]),
        (1, 1025, [1, 2048, 1]),
        (1, 1025, [1, 8400, 1]),
        (1, 3000, [3, 3000, 2]),
        (0, 7, [3000, 3, 5]),
    ] {
        for largest in [false, true] {
            let mut input = normal(&mut rng, shape, 1.0);
            if !largest {
                input.elements.iter_mut().for_each(|element| *element = (*element * 32.0).round());
            }
            check(&Problem::TopK(TopK { axis, k, largest }, input));
        }
    }
}

#[test]
fn group_norm_of_odd_shapes() {
    let mut rng = Rng::with_seed(205);
    for (groups, extents) in [
        (1, &[1, 1][..]),
        (1, &[0, 3, 2]),
        (2, &[5, 6]),
        (6, &[2, 6, 3]),
        (3, &[3, 6, 5, 7]),
        (4, &[2, 8, 61, 67]),
        (1, &[1, 3, 200, 300]),
        (2, &[2, 4, 3, 4, 5, 2]),
    ] {
        let [scale, shift] = [1.0, 2.0].map(|sigma| normal(&mut rng, [extents[1] as u32], sigma));
        // A mean that is large beside the deviation.
        for mean in [0.0, 100.0] {
            let mut input = normal(&mut rng, Shape::new(extents).unwrap(), 1.0);
            input.elements.iter_mut().for_each(|x| *x += mean);
            let inputs = GroupNormInputs { input, scale: scale.clone(), shift: shift.clone() };
            check(&Problem::GroupNorm(GroupNorm { groups, epsilon: 1e-5 }, inputs));
        }
    }
}

#[test]
fn integers() {
    let mut rng = Rng::with_seed(206);
    let whole = Implementation::Device { gpu: gpu(), strategy: None, storage: Storage::new(DType::I32, DType::F32) };
    let check =
        |problem: Problem| check_on(&problem, whole).unwrap_or_else(|miss| panic!("{miss}: {}", problem.describe()));
    for shape in [[3, 5, 7], [2, 700, 3], [1, 3000, 1]] {
        let input = Array::from_fn(shape, |_| (rng.u32(..9) as f32) - 4.0);
        for function in FUNCTIONS {
            use ReduceFunction::{L2, LogSum, LogSumExp, Mean, Prod};
            if matches!(function, L2 | LogSum | LogSumExp | Mean) {
                continue;
            }
            let mut input = input.clone();
            if function == Prod {
                input.elements.iter_mut().for_each(|x| *x = x.signum());
            }
            check(Problem::Reduce(Reduce { function, axes: [1].into(), keep: false }, input));
        }
        for largest in [false, true] {
            check(Problem::ArgReduce(ArgReduce { axis: 1, largest, keep: false, last: !largest }, input.clone()));
            check(Problem::TopK(TopK { axis: 1, k: 5, largest }, input.clone()));
            check(Problem::CumSum(CumSum { axis: 1, exclusive: largest, reverse: largest }, input.clone()));
        }
    }
    // Means are rounded to 0, and extremes have all 32 bits.
    let input = Tensor::upload(gpu(), [3, 3], &[7, -2, 3, -7, 2, -3, i32::MIN, i32::MAX, 16_777_217]).unwrap();
    let rows = |function| {
        let output = Reduce { function, axes: [1].into(), keep: false }.forward(&input).unwrap();
        output.download_blocking::<i32>().unwrap()
    };
    assert_eq!(rows(ReduceFunction::Mean), [2, -2, 5_592_405]);
    assert_eq!(rows(ReduceFunction::Max), [7, 2, i32::MAX]);
    assert_eq!(rows(ReduceFunction::Min), [-2, -7, i32::MIN]);
    let TopKOutputs { values, indices } = TopK { axis: 1, k: 2, largest: true }.forward(&input).unwrap();
    assert_eq!(values.download_blocking::<i32>().unwrap(), [7, 3, 2, -3, i32::MAX, 16_777_217]);
    assert_eq!(indices.download_blocking::<i32>().unwrap(), [0, 2, 1, 2, 1, 2]);
    let refused = Reduce { function: ReduceFunction::L2, axes: [1].into(), keep: false }.forward(&input).unwrap_err();
    assert_eq!(refused.to_string(), "input holds i32; f32, f16, bf16 can be taken");
}

/// Of no elements, as NumPy has it.
#[test]
fn of_no_elements() {
    let empty = Tensor::upload::<f32>(gpu(), [2, 0, 4], &[]).unwrap();
    let infinity = f64::INFINITY;
    let expected = [0.0, f64::NAN, -infinity, infinity, 1.0, 0.0, 0.0, 0.0, -infinity, -infinity];
    for (function, expected) in FUNCTIONS.into_iter().zip(expected) {
        let output = Reduce { function, axes: [1].into(), keep: true }.forward(&empty).unwrap();
        assert_eq!(output.shape(), [2, 1, 4].into());
        let compared = Expected::within(vec![expected; 8], 0.0, 0.0).compare(&output.download_blocking().unwrap());
        assert!(compared.is_ok(), "{function:?}: {compared:?}");
        let output = Reduce { function, axes: [2].into(), keep: false }.forward(&empty).unwrap();
        assert_eq!(output.shape(), [2, 0].into());
    }
}

/// NaN, zeros of either sign, and infinities, held against numbers and not the reference alone.
#[test]
fn orders_by_hand() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let rows = [[1.0, nan, -infinity, nan], [-0.0, 0.0, -0.0, 0.0], [infinity, 2.0, infinity, -infinity]];
    let input = Tensor::upload(gpu(), [3, 4], &rows.concat()).unwrap();
    let arguments = |largest, last| -> Vec<i32> {
        let op = ArgReduce { axis: 1, largest, keep: false, last };
        op.forward(&input).unwrap().download_blocking().unwrap()
    };
    assert_eq!(arguments(true, false), [1, 0, 0]);
    assert_eq!(arguments(true, true), [3, 3, 2]);
    assert_eq!(arguments(false, false), [1, 0, 3]);
    assert_eq!(arguments(false, true), [3, 3, 3]);
    let order = |largest| -> Vec<i32> {
        let TopKOutputs { indices, .. } = TopK { axis: 1, k: 4, largest }.forward(&input).unwrap();
        indices.download_blocking().unwrap()
    };
    assert_eq!(order(true), [1, 3, 0, 2, 0, 1, 2, 3, 0, 2, 1, 3]);
    assert_eq!(order(false), [2, 0, 1, 3, 0, 1, 2, 3, 3, 1, 0, 2]);
    let reduced = |function| -> Vec<f32> {
        Reduce { function, axes: [1].into(), keep: false }.forward(&input).unwrap().download_blocking().unwrap()
    };
    for function in [ReduceFunction::Max, ReduceFunction::Min] {
        assert!(reduced(function)[0].is_nan());
    }
    assert_eq!(reduced(ReduceFunction::Max)[1..], [0.0, infinity]);
    assert_eq!(reduced(ReduceFunction::Min)[1..], [0.0, -infinity]);
}

/// Exponentials that would overflow, and rows that are infinite.
#[test]
fn logarithms_by_hand() {
    let infinity = f32::INFINITY;
    let rows =
        [[1e4, 1e4], [-1e30, -1e30], [-infinity, -infinity], [infinity, -infinity], [-infinity, 3.0], [f32::MAX, 0.0]];
    let input = Tensor::upload(gpu(), [6, 2], &rows.concat()).unwrap();
    let op = Reduce { function: ReduceFunction::LogSumExp, axes: [1].into(), keep: false };
    let sums: Vec<f32> = op.forward(&input).unwrap().download_blocking().unwrap();
    assert_eq!(sums[1..], [-1e30, -infinity, infinity, 3.0, f32::MAX]);
    assert!((sums[0] - 10000.693).abs() < 1e-3, "{sums:?}");
    let input = Tensor::upload(gpu(), [4, 2], &[1.0f32, -1.0, -1.0, -1.0, infinity, 1.0, 2.0, 6.0]).unwrap();
    let op = Reduce { function: ReduceFunction::LogSum, ..op };
    let sums: Vec<f32> = op.forward(&input).unwrap().download_blocking().unwrap();
    assert_eq!(sums[0], -infinity);
    assert!(sums[1].is_nan());
    assert_eq!(sums[2], infinity);
    assert!((sums[3] - 8f32.ln()).abs() < 1e-6, "{sums:?}");
}
