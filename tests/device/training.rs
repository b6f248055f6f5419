//! Parts of a training loop: the steps of optimisers, and a whole network.

use fastrand::Rng;
use pliant::geometry::{AdamGeometry, SgdGeometry};
use pliant::reference::{self, Reference};
use pliant::{Adam, AdamInputs, AdamPlan, DType, Gpu, Recorder, Sgd, SgdInputs, SgdPlan, Shape, Tensor};

use crate::gpu;
use crate::limits::with_limits;
use crate::network::{Design, Layer, Network};
use crate::network_reference::differentiate;
use crate::support::compare::Expected;
use crate::support::problem::Array;
use crate::support::random::{labels, normal, uniform};

fn elements(tensor: &Tensor) -> Vec<f32> {
    match tensor.dtype() {
        DType::F32 => tensor.download_blocking::<f32>().unwrap(),
        DType::F16 => tensor.download_blocking::<half::f16>().unwrap().iter().map(|element| element.to_f32()).collect(),
        _ => tensor.download_blocking::<half::bf16>().unwrap().iter().map(|element| element.to_f32()).collect(),
    }
}

/// Submits a step three times, each from what the one before left, and holds what it updates against the reference.
fn check_steps(recorder: &Recorder, updated: &[&Tensor], expected: impl Fn() -> Vec<Reference>) {
    for step in 0..3 {
        let expected = expected();
        recorder.submit().unwrap();
        for (index, (expected, tensor)) in expected.into_iter().zip(updated).enumerate() {
            let compared = Expected::of_reference(expected).stored(tensor.dtype()).compare(&elements(tensor));
            assert!(compared.is_ok(), "step {step}, tensor {index}: {tensor:?}: {}", compared.unwrap_err());
        }
    }
}

fn check_sgd(gpu: &Gpu, op: Sgd, extents: &[usize], [parameter, velocity, gradient, rate]: [DType; 4]) {
    let mut rng = Rng::with_seed(91);
    let shape = Shape::new(extents).unwrap();
    let mut draw = |sigma, dtype| normal(&mut rng, shape, sigma).upload_as(gpu, dtype).unwrap();
    let tensors = SgdInputs {
        parameter: draw(1.0, parameter),
        velocity: draw(0.1, velocity),
        gradient: draw(3.0, gradient),
        learning_rate: Array::filled([1], 0.125).upload_as(gpu, rate).unwrap(),
    };
    check_sgd_steps(gpu, op, &tensors);
}

pub(crate) fn check_sgd_steps(gpu: &Gpu, op: Sgd, tensors: &SgdInputs<Tensor>) {
    let geometry = SgdGeometry::new(&op, &tensors.map(Tensor::shape)).unwrap();
    let plan = SgdPlan::new(gpu, &op, tensors).unwrap();
    let mut recorder = Recorder::new(gpu);
    plan.step(&mut recorder, tensors).unwrap();
    check_steps(&recorder, &[&tensors.parameter, &tensors.velocity], || {
        reference::sgd(&geometry, &tensors.map(elements).map(Vec::as_slice)).unwrap().into()
    });
}

fn check_adam(gpu: &Gpu, op: Adam, extents: &[usize], [parameter, mean, variance, gradient, rates]: [DType; 5]) {
    let mut rng = Rng::with_seed(92);
    let shape = Shape::new(extents).unwrap();
    let mut draw = |sigma, dtype| normal(&mut rng, shape, sigma).upload_as(gpu, dtype).unwrap();
    let [parameter, mean, gradient] = [draw(1.0, parameter), draw(0.1, mean), draw(3.0, gradient)];
    let tensors = AdamInputs {
        parameter,
        mean,
        variance: uniform(&mut rng, shape).upload_as(gpu, variance).unwrap(),
        gradient,
        rates: Array { shape: [3].into(), elements: op.rates(3, 0.125).to_vec() }.upload_as(gpu, rates).unwrap(),
    };
    check_adam_steps(gpu, op, &tensors);
}

pub(crate) fn check_adam_steps(gpu: &Gpu, op: Adam, tensors: &AdamInputs<Tensor>) {
    let geometry = AdamGeometry::new(&op, &tensors.map(Tensor::shape)).unwrap();
    let plan = AdamPlan::new(gpu, &op, tensors).unwrap();
    let mut recorder = Recorder::new(gpu);
    plan.step(&mut recorder, tensors).unwrap();
    check_steps(&recorder, &[&tensors.parameter, &tensors.mean, &tensors.variance], || {
        reference::adam(&geometry, &tensors.map(elements).map(Vec::as_slice)).unwrap().into()
    });
}

/// A step of each optimiser.
pub(crate) fn check_steps_on(gpu: &Gpu) {
    check_sgd(gpu, Sgd::default(), &[67], [DType::F32; 4]);
    check_adam(gpu, Adam::default(), &[67], [DType::F32; 5]);
}

#[test]
fn steps_agree_with_the_reference() {
    let (wide, half, brain) = (DType::F32, DType::F16, DType::BF16);
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    for op in [Sgd::default(), Sgd { momentum: 0.9, weight_decay: 0.0 }, Sgd { momentum: 0.5, weight_decay: 0.25 }] {
        for extents in [&[][..], &[0, 3], &[67], &[5, 3, 3, 3]] {
            check_sgd(gpu(), op, extents, [wide; 4]);
        }
        check_sgd(gpu(), op, &[67], [wide, wide, half, half]);
        check_sgd(gpu(), op, &[67], [brain, half, brain, wide]);
        check_sgd(&small, op, &[100, 201], [wide; 4]);
    }
    for op in [Adam::default(), Adam { beta1: 0.5, beta2: 0.75, epsilon: 1.0, weight_decay: 0.25 }] {
        for extents in [&[][..], &[0, 3], &[67], &[5, 3, 3, 3]] {
            check_adam(gpu(), op, extents, [wide; 5]);
        }
        check_adam(gpu(), op, &[67], [wide, wide, wide, half, half]);
        check_adam(gpu(), op, &[67], [brain, half, brain, wide, wide]);
        check_adam(&small, op, &[100, 201], [wide; 5]);
    }
}

#[test]
fn steps_are_refused() {
    let new = |extents: [u32; 1]| Tensor::new(gpu(), extents, DType::F32).unwrap();
    let (parameter, velocity, gradient, other) = (&new([3]), &new([3]), &new([3]), &new([4]));
    let inputs = SgdInputs { parameter, velocity, gradient, learning_rate: &new([1]) };
    let plan = SgdPlan::new(gpu(), &Sgd::default(), &inputs).unwrap();
    let mut recorder = Recorder::new(gpu());
    let mut message = |inputs| plan.step(&mut recorder, &inputs).unwrap_err().to_string();
    assert_eq!(message(SgdInputs { gradient: other, ..inputs }), "gradient is 4; the plan was made for 3");
    assert_eq!(message(SgdInputs { velocity: parameter, ..inputs }), "velocity and parameter overlap in their buffer");
    assert_eq!(
        message(SgdInputs { gradient: velocity, ..inputs }),
        "velocity lies in the same buffer as gradient; a buffer that is written can't be read"
    );

    let inputs = AdamInputs { parameter, mean: velocity, variance: &new([3]), gradient, rates: &new([3]) };
    let plan = AdamPlan::new(gpu(), &Adam::default(), &inputs).unwrap();
    let mut message = |inputs| plan.step(&mut recorder, &inputs).unwrap_err().to_string();
    assert_eq!(message(AdamInputs { rates: other, ..inputs }), "rates is 4; the plan was made for 3");
    assert_eq!(message(AdamInputs { variance: inputs.mean, ..inputs }), "variance and mean overlap in their buffer");
    assert_eq!(
        message(AdamInputs { rates: inputs.variance, ..inputs }),
        "variance lies in the same buffer as rates; a buffer that is written can't be read"
    );
    assert!(recorder.is_empty());
}

/// The network of the example `train`, small, with images and labels for it, and parameters of which none are 0.
fn small_network(gpu: &Gpu) -> (Design, Vec<Vec<f64>>, [Array; 2], Network) {
    let layer = |channels, stride, deformable| Layer { channels, stride, deformable };
    let layers = vec![layer(5, 2, false), layer(6, 1, true), layer(3, 2, true)];
    let design = Design { batch: 3, side: 9, layers, classes: 4 };
    let mut rng = Rng::with_seed(93);
    let mut parameters = design.parameters(&mut rng);
    for parameter in parameters.iter_mut().filter(|parameter| parameter.elements.iter().all(|&element| element == 0.0))
    {
        parameter.elements.fill_with(|| rng.f32() - 0.5);
    }
    let data = [uniform(&mut rng, [3, 1, 9, 9]), labels(&mut rng, 3, 4)];
    let network = Network::new(gpu, &design, &Adam::default(), &parameters).unwrap();
    for (tensor, array) in [&network.images, &network.labels].into_iter().zip(&data) {
        gpu.queue().write_buffer(tensor.buffer(), 0, bytemuck::cast_slice(&array.elements));
    }
    let wide = |parameter: &crate::network::Parameter| parameter.elements.iter().copied().map(f64::from).collect();
    let parameters = parameters.iter().map(wide).collect();
    (design, parameters, data, network)
}

#[test]
fn gradients_of_a_network_agree_with_the_reference() {
    let (design, parameters, data, network) = small_network(gpu());
    let mut recorder = Recorder::new(gpu());
    network.forward(&mut recorder).unwrap();
    network.backward(&mut recorder).unwrap();
    recorder.submit().unwrap();
    let [images, labels] = data.map(|array| array.elements.into_iter().map(f64::from).collect::<Vec<_>>());
    let (loss, gradients) = differentiate(&design, &parameters, &images, &labels);
    let compared = Expected::within(vec![loss], 0.0, 1e-5).compare(&elements(&network.loss));
    assert!(compared.is_ok(), "{}", compared.unwrap_err());
    assert_eq!(network.parameters().count(), gradients.len());
    for (parameter, gradient) in network.parameters().zip(gradients) {
        // Behind several layers, what rounding makes of a gradient is measured by the largest of its parameter.
        let largest = gradient.iter().fold(0.0f64, |largest, element| largest.max(element.abs()));
        assert!(largest > 1e-4, "{} has no gradient", parameter.name);
        let compared = Expected::within(gradient, 1e-5 * largest, 1e-5).compare(&elements(&parameter.gradient));
        assert!(compared.is_ok(), "{}{}", parameter.name, compared.unwrap_err());
    }
}

/// A step that is recorded once and submitted again makes nothing and learns, by the same bits each time.
#[test]
fn a_network_learns_from_one_recording() {
    // A device of its own: other tests make things on the common one.
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let train = || {
        let (.., network) = small_network(&gpu);
        let mut step = Recorder::new(&gpu);
        network.forward(&mut step).unwrap();
        network.backward(&mut step).unwrap();
        network.step(&mut step).unwrap();
        let mut counts = None;
        let losses: Vec<f32> = (0..40)
            .map(|index| {
                let rates = Adam::default().rates(index, 0.02);
                for tensor in &network.rates {
                    gpu.queue().write_buffer(tensor.buffer(), 0, bytemuck::cast_slice(&rates));
                }
                step.submit().unwrap();
                let loss = elements(&network.loss)[0];
                assert_eq!(*counts.get_or_insert_with(|| gpu.counts()), gpu.counts());
                loss
            })
            .collect();
        let parameters = network.parameters().flat_map(|parameter| elements(&parameter.value)).collect::<Vec<_>>();
        (losses, parameters)
    };
    let (losses, parameters) = train();
    assert!(losses[39] < 0.2 * losses[0], "{losses:?}");
    assert!((losses, parameters) == train(), "two trainings differ");
}
