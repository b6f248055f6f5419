//! Functions of one tensor and of two, choices and conversions.

use fastrand::Rng;
use pliant::*;

use crate::dtypes::on;
use crate::support::problem::{Array, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check, check_backward_on, check_on, gpu};

pub(crate) const FUNCTIONS_OF_ONE: [Unary; 31] = [
    Unary::Sigmoid,
    Unary::Tanh,
    Unary::Relu,
    Unary::Clip { min: -0.5, max: 0.75 },
    Unary::Abs,
    Unary::Neg,
    Unary::Exp,
    Unary::Log,
    Unary::Sqrt,
    Unary::Reciprocal,
    Unary::Erf,
    Unary::Gelu,
    Unary::GeluTanh,
    Unary::Sin,
    Unary::Cos,
    Unary::Tan,
    Unary::Floor,
    Unary::Ceil,
    Unary::Round,
    Unary::Sign,
    Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
    Unary::HardSwish,
    Unary::LeakyRelu { slope: 0.1 },
    Unary::Elu { alpha: 1.5 },
    Unary::Selu { alpha: 1.67, gamma: 1.05 },
    Unary::Celu { alpha: 0.75 },
    Unary::ThresholdedRelu { alpha: 0.5 },
    Unary::Softplus,
    Unary::Softsign,
    Unary::Mish,
    Unary::Silu,
];

pub(crate) const FUNCTIONS_OF_TWO: [Binary; 9] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Min,
    Binary::Max,
    Binary::Fmod,
    Binary::PRelu,
];

const COMPARISONS: [Binary; 5] =
    [Binary::Equal, Binary::Less, Binary::LessOrEqual, Binary::Greater, Binary::GreaterOrEqual];

const INTEGERS: Storage = Storage::new(DType::I32, DType::I32);

fn check_backward(problem: &Problem) {
    if let Err(failure) = check_backward_on(problem, 90, on(Storage::F32), Ways::All) {
        panic!("{failure}\n{}", problem.describe());
    }
}

/// Elements near 0, far out, and on the edges of functions.
fn edges() -> Array {
    let mut elements =
        vec![0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 3.0, -3.0, 1e-3, -1e-3, 80.0, -80.0, 1e3, -1e3];
    elements.extend((0..400).map(|index| (index as f32 - 200.0) * 0.05));
    elements.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    Array { shape: [elements.len() as u32].into(), elements }
}

/// A problem of each kernel, with the storage that it needs.
pub(crate) fn each(rng: &mut Rng) -> Vec<(Problem, Storage)> {
    let whole = |rng: &mut Rng, shape: [u32; 2]| Array::from_fn(shape, |_| rng.i32(-9..=9) as f32);
    let mut problems = Vec::new();
    for op in FUNCTIONS_OF_TWO {
        let inputs = BinaryInputs { a: normal(rng, [3, 70], 2.0), b: normal(rng, [70], 2.0) };
        problems.push((Problem::Binary(op, inputs), Storage::F32));
    }
    for op in [Binary::Add, Binary::Mod, Binary::Equal] {
        problems.push((Problem::Binary(op, BinaryInputs { a: whole(rng, [3, 70]), b: whole(rng, [1, 70]) }), INTEGERS));
    }
    let powers = BinaryInputs { a: whole(rng, [3, 70]), b: Array::from_fn([70], |index| (index % 6) as f32) };
    problems.push((Problem::Binary(Binary::Pow, powers), INTEGERS));
    let inputs = SelectInputs { a: whole(rng, [3, 70]), b: whole(rng, [1, 70]), condition: whole(rng, [3, 1]) };
    problems.push((Problem::Select(Select, inputs), INTEGERS));
    problems.push((Problem::Cast(Cast { to: CastTo::Boolean }, whole(rng, [3, 70])), INTEGERS));
    problems
}

#[test]
fn functions_of_one_tensor() {
    for op in FUNCTIONS_OF_ONE {
        check(&Problem::Unary(op, edges()));
        check_backward(&Problem::Unary(op, normal(&mut Rng::with_seed(3), [3, 70], 2.0)));
    }
    let predicates = [
        Unary::IsNan,
        Unary::IsInf { positive: true, negative: false },
        Unary::IsInf { positive: false, negative: true },
    ];
    predicates.into_iter().for_each(|op| check(&Problem::Unary(op, edges())));
}

#[test]
fn functions_of_two_tensors() {
    let (a, b) = (edges(), Array { shape: [5, 1].into(), elements: vec![0.0, 1.0, -1.0, 0.3, 7.5] });
    for op in FUNCTIONS_OF_TWO.into_iter().chain(COMPARISONS) {
        let inputs = BinaryInputs { a: a.clone(), b: b.clone() };
        check(&Problem::Binary(op, inputs));
    }
    let mut rng = Rng::with_seed(5);
    for op in FUNCTIONS_OF_TWO {
        let inputs = BinaryInputs { a: normal(&mut rng, [2, 3, 1, 9], 2.0), b: normal(&mut rng, [4, 9], 2.0) };
        check_backward(&Problem::Binary(op, inputs));
        // Each with each, so that no sum hides a gradient that is not finite.
        let values = [0.0, 0.5, -1.0, 2.5, -8.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let pairs = |of: fn(usize) -> usize| Array::from_fn([64], |index| values[of(index)]);
        check_backward(&Problem::Binary(op, BinaryInputs { a: pairs(|index| index / 8), b: pairs(|index| index % 8) }));
    }
}

#[test]
fn functions_of_integers() {
    let on_integers = on(INTEGERS);
    let a = Array {
        shape: [3, 5].into(),
        elements: vec![7.0, -7.0, 0.0, 3.0, -8.0, 1.0, 2.0, -1.0, 100.0, -100.0, 5.0, 6.0, -6.0, 9.0, 4.0],
    };
    let b = Array { shape: [5].into(), elements: vec![3.0, -3.0, 2.0, 1.0, 5.0] };
    let ops = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Min,
        Binary::Max,
        Binary::Fmod,
        Binary::Mod,
        Binary::And,
        Binary::Or,
        Binary::Xor,
    ];
    for op in ops.into_iter().chain(COMPARISONS) {
        check_on(&Problem::Binary(op, BinaryInputs { a: a.clone(), b: b.clone() }), on_integers).unwrap();
    }
    for op in [Unary::Abs, Unary::Neg, Unary::Sign, Unary::Not, Unary::Relu, Unary::Clip { min: -2.5, max: 6.5 }] {
        let mut expected = a.clone();
        if let Unary::Clip { .. } = op {
            // Integers have the nearest integers to the bounds.
            expected.elements.iter_mut().for_each(|x| *x = x.clamp(-2.0, 6.0));
            let clipped = op.forward(&a.upload_as(gpu(), DType::I32).unwrap()).unwrap();
            let clipped = clipped.download_blocking::<i32>().unwrap();
            assert!(clipped.iter().zip(&expected.elements).all(|(a, b)| *a as f32 == *b));
        } else {
            check_on(&Problem::Unary(op, a.clone()), on_integers).unwrap();
        }
    }
    // Quotients are cut, and there are none by 0; powers are whole.
    let upload = |elements: &[i32]| Tensor::upload(gpu(), [elements.len() as u32], elements).unwrap();
    let of = |op: Binary, a: &[i32], b: &[i32]| {
        op.forward(&BinaryInputs { a: upload(a), b: upload(b) }).unwrap().download_blocking::<i32>().unwrap()
    };
    assert_eq!(of(Binary::Div, &[7, -7, 7, 5, i32::MIN], &[2, 2, -2, 0, -1])[..4], [3, -3, -3, 0]);
    assert_eq!(of(Binary::Mod, &[7, -7, 7, 5], &[3, 3, -3, 0]), [1, 2, -2, 0]);
    assert_eq!(of(Binary::Pow, &[3, -2, 2, 1, -1], &[4, 5, 0, -3, -3]), [81, -32, 1, 1, -1]);
}

#[test]
fn choices_between_two_tensors() {
    let mut rng = Rng::with_seed(9);
    let condition = Array::from_fn([3, 1, 7], |index| f32::from(u8::from(index % 3 == 0)) * 5.0);
    let inputs = SelectInputs { a: normal(&mut rng, [4, 7], 1.0), b: normal(&mut rng, [7], 1.0), condition };
    check(&Problem::Select(Select, inputs));
    let whole = Array::from_fn([70], |index| index as f32 - 30.0);
    let inputs = SelectInputs { a: whole.clone(), b: Array::filled([1], -4.0), condition: whole };
    check_on(&Problem::Select(Select, inputs), on(INTEGERS)).unwrap();
}

#[test]
fn conversions() {
    // The largest integer is no f32, in which the tests compare.
    let beyond = Tensor::upload(gpu(), [2], &[3e9f32, f32::INFINITY]).unwrap();
    let beyond = Cast { to: CastTo::Type(DType::I32) }.forward(&beyond).unwrap();
    assert_eq!(beyond.download_blocking::<i32>().unwrap(), [i32::MAX; 2]);
    for to in [CastTo::Boolean, CastTo::Type(DType::I32), CastTo::Type(DType::F32)] {
        let mut floats = edges();
        floats.elements.retain(|element| *element != f32::INFINITY);
        floats.elements.extend([0.99, -0.99, -3e9, 2147483500.0]);
        floats.shape = [floats.elements.len() as u32].into();
        check(&Problem::Cast(Cast { to }, floats));
    }
    let whole = Array::from_fn([90], |index| (index as f32 - 40.0) * 1000.0);
    for to in [CastTo::Boolean, CastTo::Type(DType::I32), CastTo::Type(DType::F32)] {
        check_on(&Problem::Cast(Cast { to }, whole.clone()), on(INTEGERS)).unwrap();
    }
    let floats = Tensor::upload(gpu(), [3], &[1.0f32, 1e-3, 65504.0]).unwrap();
    let halves = Cast { to: CastTo::Type(DType::F16) }.forward(&floats).unwrap();
    assert_eq!(halves.dtype(), DType::F16);
    assert_eq!(halves.download_blocking::<half::f16>().unwrap(), [1.0, 1e-3, 65504.0].map(half::f16::from_f32));
}

#[test]
fn what_has_no_gradient_says_so() {
    let one = Tensor::upload(gpu(), [1], &[1.0f32]).unwrap();
    let refused = Binary::Less.backward(&BinaryInputs { a: &one, b: &one }, &one.clone()).unwrap_err();
    assert!(matches!(refused, Error::DType { .. }), "{refused}");
    let whole = Tensor::upload(gpu(), [1], &[1]).unwrap();
    let refused = Unary::Not.backward(&whole, &whole.clone()).unwrap_err();
    assert!(matches!(refused, Error::DType { .. }), "{refused}");
}
