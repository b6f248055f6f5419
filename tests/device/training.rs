//! What a training loop is made of.

use fastrand::Rng;
use pliant::geometry::*;
use pliant::nn::{Adam, AdamGeometry, AdamInputs, Sgd, SgdGeometry, SgdInputs};
use pliant::{DType, Gpu, Recorder, Tensor, reference};

use crate::gpu;
use crate::limits::with_limits;
use crate::support::compare::Expected;
use crate::support::problem::Array;
use crate::support::random::normal;

fn elements(tensor: &Tensor) -> Vec<f32> {
    match tensor.dtype() {
        DType::F32 => tensor.download_blocking::<f32>().unwrap(),
        DType::F16 => tensor.download_blocking::<half::f16>().unwrap().iter().map(|element| element.to_f32()).collect(),
        DType::BF16 => {
            tensor.download_blocking::<half::bf16>().unwrap().iter().map(|element| element.to_f32()).collect()
        }
    }
}

/// Holds three steps, recorded once, against the reference, each from what the one before left.
fn check_descent(gpu: &Gpu, op: Sgd, shape: &[usize], dtypes: [DType; 4]) {
    let mut rng = Rng::with_seed(91);
    let mut draw = |sigma| normal(&mut rng, pliant::Shape::new(shape).unwrap(), sigma);
    let inputs = SgdInputs {
        parameter: draw(1.0),
        velocity: draw(0.1),
        gradient: draw(3.0),
        learning_rate: Array { shape: [1].into(), elements: vec![0.125] },
    };
    let named: Vec<_> =
        inputs.named().into_iter().zip(dtypes).map(|((_, array), dtype)| (array.unwrap(), dtype)).collect();
    let [parameter, velocity, gradient, learning_rate] =
        [0, 1, 2, 3].map(|index: usize| named[index].0.upload_as(gpu, named[index].1).unwrap());
    let tensors = SgdInputs { parameter, velocity, gradient, learning_rate };
    let geometry = SgdGeometry::new(&op, &tensors.map(|tensor| tensor.shape())).unwrap();
    let plan = SgdPlan::new(gpu, &op, &tensors.map(Tensor::spec)).unwrap();
    let mut recorder = Recorder::new(gpu);
    plan.step(&mut recorder, &tensors.map(|tensor| tensor)).unwrap();
    for step in 0..3 {
        let before = tensors.map(elements);
        recorder.submit().unwrap();
        let expected = reference::nn::sgd(&geometry, &before.map(Vec::as_slice)).unwrap();
        for (expected, tensor) in expected.into_iter().zip([&tensors.parameter, &tensors.velocity]) {
            let compared = Expected::of_reference(expected).stored(tensor.dtype()).compare(&elements(tensor));
            assert!(compared.is_ok(), "{op:?} {shape:?} {dtypes:?}, step {step}: {}", compared.unwrap_err());
        }
    }
}

#[test]
fn steps_agree_with_the_reference() {
    let (wide, half, brain) = (DType::F32, DType::F16, DType::BF16);
    for op in [Sgd::default(), Sgd { momentum: 0.9, weight_decay: 0.0 }, Sgd { momentum: 0.5, weight_decay: 0.25 }] {
        for shape in [&[][..], &[0, 3], &[67], &[5, 3, 3, 3]] {
            check_descent(gpu(), op, shape, [wide; 4]);
        }
        check_descent(gpu(), op, &[67], [wide, wide, half, half]);
        check_descent(gpu(), op, &[67], [brain, half, brain, wide]);
    }
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    check_descent(&small, Sgd { momentum: 0.5, weight_decay: 0.25 }, &[100, 201], [wide; 4]);
}

#[test]
fn steps_are_refused() {
    let new = |extents: [u32; 1]| Tensor::new(gpu(), extents, DType::F32).unwrap();
    let (parameter, velocity, gradient, learning_rate) = (&new([3]), &new([3]), &new([3]), &new([1]));
    let inputs = SgdInputs { parameter, velocity, gradient, learning_rate };
    let plan = SgdPlan::new(gpu(), &Sgd::default(), &inputs.map(|tensor| tensor.spec())).unwrap();
    let mut recorder = Recorder::new(gpu());
    let mut message = |inputs| plan.step(&mut recorder, &inputs).unwrap_err().to_string();
    let other = &new([4]);
    assert_eq!(message(SgdInputs { gradient: other, ..inputs }), "gradient is 4; the plan was made for 3");
    assert_eq!(message(SgdInputs { velocity: parameter, ..inputs }), "velocity and parameter overlap in their buffer");
    assert_eq!(
        message(SgdInputs { gradient: velocity, ..inputs }),
        "velocity lies in the same buffer as gradient; a buffer that is written can't be read"
    );
    assert!(recorder.is_empty());
}
