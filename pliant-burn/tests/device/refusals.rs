//! Bad input: an error that names the argument, and no panic.

use burn::tensor::{DType, Tensor};
use pliant::{DeformConv2d, Error, Gpu, GpuOptions, GridSample, MultiScaleDeformAttn, wgpu};

use crate::{OURS, opened, set_up};

#[test]
fn shapes_that_disagree_are_refused_with_both_figures() {
    let device = &OURS.1;
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let image = Tensor::<4>::zeros([1, 4, 6, 6], device);
    let offset = Tensor::<4>::zeros([1, 16, 6, 6], device);
    let weight = Tensor::<4>::zeros([2, 4, 3, 3], device);
    let error = pliant_burn::deform_conv2d(image, offset, weight, None, None, &op).unwrap_err();
    assert!(matches!(error, Error::Shape { argument: "offset", .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("16") && text.contains("18"), "{text}");
}

#[test]
fn other_elements_are_refused() {
    let device = &OURS.1;
    let image = Tensor::<4>::zeros([1, 4, 6, 6], (device, DType::F64));
    let grid = Tensor::<4>::zeros([1, 6, 6, 2], device);
    let error = pliant_burn::grid_sample(image, grid, &GridSample::default()).unwrap_err();
    assert_eq!(error.to_string(), "input holds f64; f32, f16, bf16 can be taken");
}

#[test]
fn a_device_that_lacks_what_burn_takes_for_granted_is_refused() {
    let gpu = pollster::block_on(Gpu::with_options(&GpuOptions {
        features: Gpu::OPTIONAL_FEATURES - wgpu::Features::TIMESTAMP_QUERY,
        ..GpuOptions::default()
    }))
    .unwrap();
    let error = pliant_burn::device(&gpu).unwrap_err().to_string();
    assert!(error.contains("TIMESTAMP_QUERY") && error.contains("pliant_burn::FEATURES"), "{error}");

    let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
    let foreign = Gpu::from_wgpu(device, queue, gpu.adapter()).unwrap();
    let error = pliant_burn::device(&foreign).unwrap_err().to_string();
    assert!(error.contains("Gpu::from_wgpu") && error.contains("pliant_burn::share"), "{error}");
}

#[test]
fn a_device_that_is_not_shared_is_refused() {
    let (device, _) = set_up(&opened());
    let zeros = |shape| Tensor::<4>::zeros(shape, &device);
    let sampled = pliant_burn::grid_sample(zeros([1, 4, 6, 6]), zeros([1, 6, 6, 2]), &GridSample::default());
    let error = sampled.unwrap_err();
    assert!(matches!(error, Error::Device { argument: "input", .. }), "{error:?}");
    assert!(error.to_string().contains("pliant_burn::share"), "{error}");
    let error = pliant_burn::copies(&device).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "device", .. }), "{error:?}");

    let value = Tensor::<4>::zeros([1, 4, 1, 4], &device);
    let (locations, weights) = (Tensor::zeros([1, 1, 1, 1, 1, 2], &device), Tensor::zeros([1, 1, 1, 1, 1], &device));
    let op = MultiScaleDeformAttn::new([[2, 2]], 1);
    let error = pliant_burn::multi_scale_deform_attn(value, locations, weights, None, &op).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "value", .. }), "{error:?}");
    assert!(error.to_string().starts_with("value is on "), "{error}");

    let image = Tensor::<4>::zeros([1, 4, 6, 6], &device);
    let grid = Tensor::<4>::zeros([1, 6, 6, 2], &OURS.1);
    let error = pliant_burn::grid_sample(image, grid, &GridSample::default()).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "input", .. }), "{error:?}");

    let elsewhere = Tensor::<4>::zeros([1, 6, 6, 2], &device);
    let image = Tensor::<4>::zeros([1, 4, 6, 6], &OURS.1);
    let error = pliant_burn::grid_sample(image, elsewhere, &GridSample::default()).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "grid", .. }), "{error:?}");
}

#[test]
fn the_setup_of_another_device_is_refused() {
    let gpu = opened();
    let (device, _) = set_up(&gpu);
    let (wgpu_device, queue) = pollster::block_on(gpu.adapter().unwrap().request_device(&wgpu::DeviceDescriptor {
        required_features: gpu.device().features(),
        required_limits: gpu.device().limits(),
        ..wgpu::DeviceDescriptor::default()
    }))
    .unwrap();
    let (_, mut setup) = set_up(&gpu);
    (setup.device, setup.queue) = (wgpu_device, queue);
    let error = pliant_burn::share(&device, &setup).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "setup", .. }), "{error:?}");
    assert!(pliant_burn::copies(&device).is_err());
}
