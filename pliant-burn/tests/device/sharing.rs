//! One device for both: no copies where pages are exclusive, work in order, tensors where burn has placed them.

use std::sync::Barrier;
use std::thread;

use burn::tensor::{Distribution, GradientCheckpointingStrategy, Tensor};
use fastrand::Rng;
use pliant::{DeformConv2d, DeformConv2dInputs, GridSample};
use pliant_support::random::{normal, uniform};

use crate::case::{elements, tensor};
use crate::{BURNS, OURS, devices, opened, set_up};

#[test]
fn the_same_device_is_given_again() {
    let (gpu, device) = &*OURS;
    assert!(pliant_burn::device(gpu).unwrap() == *device);
    let (gpu, device, setup) = &*BURNS;
    assert_eq!(pliant_burn::share(device, setup).unwrap(), *gpu);
}

/// Threads that ask at once are given one device and one `Gpu`.
#[test]
fn a_device_is_opened_once() {
    fn at_once<T: Send>(ask: impl Fn() -> T + Sync) -> Vec<T> {
        let barrier = Barrier::new(8);
        thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                ask()
            };
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }
    let gpu = opened();
    let devices = at_once(|| pliant_burn::device(&gpu).unwrap());
    assert!(devices.iter().all(|device| *device == devices[0]), "{devices:?}");

    let (device, setup) = set_up(&gpu);
    let gpus = at_once(|| pliant_burn::share(&device, &setup).unwrap());
    assert!(gpus.iter().all(|gpu| *gpu == gpus[0]));
}

/// A device is the same whether it differentiates or not, whichever was named first; what is given back does not differentiate.
#[test]
fn a_device_that_differentiates_is_the_device() {
    let (device, setup) = set_up(&OURS.0);
    let differentiating = device.clone().autodiff();
    let gpu = pliant_burn::share(&differentiating, &setup).unwrap();
    assert_eq!(pliant_burn::share(&device, &setup).unwrap(), gpu);
    assert_eq!(pliant_burn::copies(&device).unwrap(), 0);
    let again = pliant_burn::device(&gpu).unwrap();
    assert!(again == device && !again.is_autodiff(), "{again:?}");
    for device in [device, differentiating] {
        let zeros = |shape| Tensor::<4>::zeros(shape, &device);
        pliant_burn::grid_sample(zeros([1, 1, 2, 2]), zeros([1, 2, 2, 2]), &GridSample::default()).unwrap();
    }
}

/// Results that burn has placed beside an argument are copied, and counted; on a device with a page for each tensor there are none.
#[test]
fn copies_are_counted_and_none_are_made_where_pages_are_exclusive() {
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let run = |device: &burn::tensor::Device| {
        let device = device.clone().autodiff();
        let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Default, &device).require_grad();
        let (image, offset, weight) = (random([1, 8, 16, 16]), random([1, 18, 16, 16]), random([8, 8, 3, 3]));
        let output = pliant_burn::deform_conv2d(image.clone(), offset.clone(), weight, None, None, &op).unwrap();
        let gradients = output.sum().backward();
        elements(image.grad(&gradients).unwrap().sum() + offset.grad(&gradients).unwrap().sum())
    };
    run(&OURS.1);
    assert_eq!(pliant_burn::copies(&OURS.1).unwrap(), 0);
    // Other tests have copies made on the device that they share.
    let (burns, setup) = set_up(&opened());
    pliant_burn::share(&burns, &setup).unwrap();
    run(&burns);
    let copies = pliant_burn::copies(&burns).unwrap();
    assert!((1..=4).contains(&copies), "{copies} of an output and three gradients were copied");
}

/// Chains of work of both, without a wait, on tensors that are not contiguous, and on views.
#[test]
fn work_of_both_is_in_order() {
    let mut rng = Rng::with_seed(3);
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let image = normal(&mut rng, [1, 6, 12, 10], 1.0);
    let offset = normal(&mut rng, [1, 18, 12, 10], 1.0);
    let weight = normal(&mut rng, [6, 6, 3, 3], 0.2);
    let mask = uniform(&mut rng, [1, 9, 12, 10]);

    let gpu = &OURS.0;
    let mut inputs = DeformConv2dInputs {
        input: image.upload(gpu).unwrap(),
        offset: offset.upload(gpu).unwrap(),
        weight: weight.upload(gpu).unwrap(),
        mask: Some(mask.upload(gpu).unwrap()),
        bias: None,
    };
    for _ in 0..3 {
        inputs.input = op.forward(&inputs).unwrap();
    }
    let expected = inputs.input.download_blocking::<f32>().unwrap();

    for (on, device) in devices() {
        let offset = tensor::<4>(&offset, &device, burn::tensor::FloatDType::F32);
        let weight = tensor::<4>(&weight, &device, burn::tensor::FloatDType::F32);
        let mask = tensor::<4>(&mask, &device, burn::tensor::FloatDType::F32);
        // Two images, the second of which is a view; channels last, turned by burn.
        let mut both = Tensor::cat(vec![tensor::<4>(&image, &device, burn::tensor::FloatDType::F32); 2], 0);
        for _ in 0..3 {
            let image = both.clone().slice([1..2, 0..6, 0..12, 0..10]).permute([0, 2, 3, 1]) * 2.0;
            let image = image.permute([0, 3, 1, 2]) / 2.0;
            let (offset, mask) = (offset.clone() + 0.0, mask.clone() * 1.0);
            let next = pliant_burn::deform_conv2d(image, offset, weight.clone(), Some(mask), None, &op).unwrap();
            both = Tensor::cat(vec![next.clone() + 1.0, next], 0);
        }
        let actual = elements(both.slice([1..2, 0..6, 0..12, 0..10]));
        assert_eq!(actual, expected, "{on}");
    }
}

/// Tensors of another thread, whose work burn has not submitted, are complete all the same.
#[test]
fn tensors_of_other_threads_are_complete() {
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    for (on, device) in devices() {
        for round in 0..8 {
            let made = std::thread::scope(|scope| {
                let ones = || Tensor::<4>::ones([1, 4, 16, 16], &device) * (round as f32) + 1.0;
                scope.spawn(ones).join().unwrap()
            });
            let offset = Tensor::<4>::zeros([1, 18, 16, 16], &device);
            let weight = Tensor::<4>::ones([1, 4, 3, 3], &device);
            let output = pliant_burn::deform_conv2d(made, offset, weight, None, None, &op).unwrap();
            let middle = elements(output)[5 * 16 + 5];
            assert_eq!(middle, 36.0 * (round as f32 + 1.0), "{on}");
        }
    }
}

/// Gradients do not depend on whether burn computes some of its own work again.
#[test]
fn either_strategy_of_checkpoints_gives_the_same_gradients() {
    let device = OURS.1.clone().autodiff();
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Default, &device);
    let (image, offset, weight) = (random([1, 4, 8, 8]), random([1, 18, 8, 8]), random([4, 4, 3, 3]));
    let by = |strategy| {
        let [image, offset, weight] = [&image, &offset, &weight]
            .map(|tensor| tensor.clone().with_gradient_checkpointing_strategy(strategy).require_grad());
        let output = pliant_burn::deform_conv2d(image * 2.0, offset.clone().exp(), weight, None, None, &op).unwrap();
        let gradients = output.exp().sum().backward();
        elements(offset.grad(&gradients).unwrap())
    };
    assert_eq!(by(GradientCheckpointingStrategy::Balanced), by(GradientCheckpointingStrategy::Disabled));
}
