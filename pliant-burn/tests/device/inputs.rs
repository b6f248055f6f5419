//! Inputs in every state that burn may give them in: views, repeated elements, none at all, of several threads, differentiated or not.

use burn::tensor::{DType, Device, FloatDType, GradientCheckpointingStrategy, Tensor};
use fastrand::Rng;
use pliant::{DeformConv2d, Error, GridSample, RoiAlign};
use pliant_support::problem::Array;
use pliant_support::random::normal;

use crate::case::{elements, tensor};
use crate::{OURS, devices, has_f16};

fn op() -> DeformConv2d {
    DeformConv2d { padding: [1; 4], ..DeformConv2d::default() }
}

fn drawn(seed: u64, shape: [u32; 4], device: &Device) -> Tensor<4> {
    tensor(&normal(&mut Rng::with_seed(seed), shape, 1.0), device, FloatDType::F32)
}

/// Input, offset and weight of a convolution.
fn arguments(device: &Device) -> [Tensor<4>; 3] {
    [drawn(1, [2, 4, 6, 6], device), drawn(2, [2, 18, 6, 6], device), drawn(3, [3, 4, 3, 3], device)]
}

/// The output, and the gradients of those that have some, of a loss that weighs each element of the output by another number.
fn differentiated(arguments: [Tensor<4>; 3]) -> (Vec<f32>, [Option<Vec<f32>>; 3]) {
    let [input, offset, weight] = arguments.clone();
    let output = pliant_burn::deform_conv2d(input, offset, weight, None, None, &op()).unwrap();
    let weights = drawn(4, output.dims().map(|extent| extent as u32), &output.device());
    let gradients = (output.clone() * weights).sum().backward();
    (elements(output), arguments.map(|argument| argument.grad(&gradients).map(elements)))
}

/// The gradients that are asked for are the same whatever else is asked for.
#[test]
fn any_inputs_may_have_gradients() {
    for (on, device) in devices() {
        let device = device.autodiff();
        let (output, all) = differentiated(arguments(&device).map(Tensor::require_grad));
        for wanted in 1..8 {
            let mut index = 0;
            let some = arguments(&device).map(|argument| {
                index += 1;
                if (wanted >> (index - 1)) & 1 == 1 { argument.require_grad() } else { argument }
            });
            let (same, gradients) = differentiated(some);
            assert_eq!(same, output, "{on}");
            for (index, (gradient, of_all)) in gradients.into_iter().zip(&all).enumerate() {
                assert_eq!(
                    gradient,
                    of_all.clone().filter(|_| (wanted >> index) & 1 == 1),
                    "{on}: {index} of {wanted:b}"
                );
            }
        }
    }
}

/// Tensors that were not asked to be differentiated, or that lie on the device itself, are constants.
#[test]
fn plain_tensors_go_with_differentiated_ones() {
    let device = &OURS.1;
    let (output, all) = differentiated(arguments(&device.clone().autodiff()).map(Tensor::require_grad));
    let [input, _, weight] = arguments(device);
    let [_, offset, _] = arguments(&device.clone().autodiff()).map(Tensor::require_grad);
    let sampled = pliant_burn::deform_conv2d(input, offset.clone(), weight, None, None, &op()).unwrap();
    let weights = drawn(4, [2, 3, 6, 6], &device.clone().autodiff());
    assert_eq!(elements(sampled.clone()), output);
    let gradients = (sampled * weights).sum().backward();
    assert_eq!(offset.grad(&gradients).map(elements), all[1]);
}

#[test]
fn strategies_of_checkpoints_that_differ_are_refused() {
    use GradientCheckpointingStrategy::{Balanced, Disabled};
    let device = OURS.1.clone().autodiff();
    let by = |strategy, tensor: Tensor<4>| tensor.with_gradient_checkpointing_strategy(strategy).require_grad();
    let [input, offset, weight] = arguments(&device);
    let [input, offset] = [by(Balanced, input), by(Disabled, offset)];
    let error = pliant_burn::deform_conv2d(input, offset, weight, None, None, &op()).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "offset", .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Balanced") && text.contains("Disabled"), "{text}");
}

/// One tensor may be two arguments: its gradient is the sum of both.
#[test]
fn one_tensor_may_be_two_arguments() {
    for (on, device) in devices() {
        let device = device.autodiff();
        let op = GridSample::default();
        let of = |tensor: &Tensor<4>, sampled: Tensor<4>| {
            let gradients = (sampled * 3.0).sum().backward();
            elements(tensor.grad(&gradients).unwrap())
        };
        let both = drawn(1, [1, 2, 3, 2], &device).require_grad();
        let twice = of(&both, pliant_burn::grid_sample(both.clone(), both.clone(), &op).unwrap());
        let once = both.clone().detach();
        let first = of(&both, pliant_burn::grid_sample(both.clone(), once.clone(), &op).unwrap());
        let second = of(&both, pliant_burn::grid_sample(once, both.clone(), &op).unwrap());
        let sum: Vec<_> = first.iter().zip(&second).map(|(first, second)| first + second).collect();
        assert_eq!(twice, sum, "{on}");
    }
}

/// Views that begin amid a tensor, transposed ones, and elements that are repeated without being stored so.
#[test]
fn views_are_as_good_as_tensors() {
    for (on, device) in devices() {
        let device = device.autodiff();
        let [input, offset, weight] = arguments(&device);
        let one = |tensor: &Tensor<4>| tensor.clone().slice_dim(0, 0..1);
        let repeated = Tensor::cat(vec![one(&input), one(&input)], 0);
        let expected = differentiated([repeated, offset.clone(), weight.clone()].map(Tensor::require_grad));

        let behind = Tensor::cat(vec![drawn(9, [3, 18, 6, 6], &device), offset.clone()], 0).slice_dim(0, 3..5);
        let turned = elements(weight.clone().swap_dims(0, 3));
        let turned =
            Tensor::<4>::from_data(burn::tensor::TensorData::new(turned, [3, 4, 3, 3]), &device).swap_dims(0, 3);
        let views = [one(&input).expand([2, 4, 6, 6]), behind, turned].map(|view| view.detach().require_grad());
        assert_eq!(differentiated(views), expected, "{on}");
    }
}

/// No regions, no images: outputs and gradients without elements, or zeros.
#[test]
fn tensors_may_be_empty() {
    for (on, device) in devices() {
        let device = device.autodiff();
        let input = drawn(1, [1, 2, 5, 5], &device).require_grad();
        let rois = Tensor::<2>::zeros([0, 5], &device);
        let pooled = pliant_burn::roi_align(input.clone(), rois, &RoiAlign::default());
        let pooled = pooled.unwrap_or_else(|error| panic!("{on}: {error}"));
        assert_eq!(pooled.dims()[0], 0, "{on}");
        let gradients = pooled.sum().backward();
        assert!(elements(input.grad(&gradients).unwrap()).iter().all(|gradient| *gradient == 0.0), "{on}");

        let [input, offset, weight] = arguments(&device);
        let empty = [input, offset].map(|tensor| tensor.slice_dim(0, 0..0));
        let [input, offset] = empty.map(|tensor| tensor.detach().require_grad());
        let weight = weight.require_grad();
        let output = pliant_burn::deform_conv2d(input.clone(), offset, weight.clone(), None, None, &op());
        let output = output.unwrap_or_else(|error| panic!("{on}: {error}"));
        assert_eq!(output.dims(), [0, 3, 6, 6], "{on}");
        let gradients = output.sum().backward();
        assert_eq!(input.grad(&gradients).unwrap().dims(), [0, 4, 6, 6], "{on}");
        assert!(elements(weight.grad(&gradients).unwrap()).iter().all(|gradient| *gradient == 0.0), "{on}");
    }
}

/// A tensor that one thread made and another changed in place, while neither had its work submitted.
#[test]
fn tensors_may_have_gone_through_threads() {
    for (on, device) in devices() {
        for round in 0..8 {
            let made = std::thread::scope(|scope| {
                let ones = || Tensor::<4>::ones([1, 4, 16, 16], &device) * (round as f32);
                let made = scope.spawn(ones).join().unwrap();
                scope.spawn(move || made.exp().log() + 1.0).join().unwrap()
            });
            let offset = Tensor::<4>::zeros([1, 18, 16, 16], &device);
            let weight = Tensor::<4>::ones([1, 4, 3, 3], &device);
            let output = pliant_burn::deform_conv2d(made, offset, weight, None, None, &op()).unwrap();
            let (middle, expected) = (elements(output)[5 * 16 + 5], 36.0 * (round as f32 + 1.0));
            assert!((middle - expected).abs() < 1e-3 * expected, "{on}: {middle} is not {expected}");
        }
    }
}

/// Results of the backward pass lie beside what burn keeps in the same page; in 16 bits they end within a word.
#[test]
fn neighbours_in_a_page_stay_as_they_are() {
    let dtypes = if has_f16() { &[FloatDType::F32, FloatDType::F16][..] } else { &[FloatDType::F32] };
    for &dtype in dtypes {
        let [ours, burns] = devices().map(|(_, device)| {
            let device = device.autodiff();
            let of =
                |seed, shape: [u32; 4]| tensor::<4>(&normal(&mut Rng::with_seed(seed), shape, 0.5), &device, dtype);
            // Tensors with holes between them, in which results find room.
            let filler = Array::from_fn([3], |index| index as f32 + 1.0);
            let fill = || tensor::<1>(&filler, &device, dtype);
            let neighbours: Vec<_> = (0..64).map(|_| (fill(), fill()).0).collect();
            let [input, offset] = [of(1, [1, 3, 5, 3]), of(2, [1, 18, 5, 3])].map(Tensor::require_grad);
            let [weight, mask] = [of(3, [3, 1, 3, 3]), of(4, [1, 9, 5, 3])].map(Tensor::require_grad);
            let bias = fill().require_grad();
            let op = DeformConv2d { groups: 3, ..op() };
            let of_all = [&input, &offset, &weight, &mask];
            let [input, offset, weight, mask] = of_all.map(Clone::clone);
            let output =
                pliant_burn::deform_conv2d(input, offset, weight, Some(mask), Some(bias.clone()), &op).unwrap();
            let gradients = output.clone().sum().backward();
            let mut results = vec![elements(output), elements(bias.grad(&gradients).unwrap())];
            results.extend(of_all.map(|tensor| elements(tensor.grad(&gradients).unwrap())));
            for neighbour in neighbours {
                assert_eq!(elements(neighbour), filler.elements);
            }
            assert_eq!(elements(bias), filler.elements);
            results
        });
        for (ours, burns) in ours.iter().zip(&burns) {
            let near = |(ours, burns): (&f32, &f32)| (ours - burns).abs() <= 4e-3 * ours.abs().max(1.0);
            assert!(ours.len() == burns.len() && ours.iter().zip(burns).all(near), "{dtype:?}: {ours:?} {burns:?}");
        }
    }
}

/// burn has few kernels for it; what it stores and reads is enough for a call.
#[test]
fn bf16_can_be_taken() {
    for (on, device) in devices() {
        let image = Array::from_fn([1, 1, 3, 3], |index| index as f32);
        let grid = Array { shape: [1, 1, 3, 2].into(), elements: vec![-0.5, 0.0, 0.0, 0.5, 0.25, -0.25] };
        let [image, grid] = [image, grid].map(|array| tensor::<4>(&array, &device, FloatDType::BF16));
        let sampled =
            pliant_burn::grid_sample(image, grid, &GridSample { align_corners: true, ..GridSample::default() });
        let sampled = sampled.unwrap();
        assert_eq!(sampled.dtype(), DType::BF16, "{on}");
        assert_eq!(elements(sampled), [3.5, 5.5, 3.5], "{on}");
    }
}
