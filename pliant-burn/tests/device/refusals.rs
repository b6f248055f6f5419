//! Bad input: an error that names the argument, and no panic.

use burn::tensor::{DType, Tensor};
use pliant::{DeformConv2d, Error, Gpu, GpuOptions, GridSample, wgpu};

use crate::OURS;

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
    let gpu =
        pollster::block_on(Gpu::with_options(&GpuOptions { others: pliant_burn::FEATURES, ..GpuOptions::default() }))
            .unwrap();
    let setup = burn::tensor::wgpu::WgpuSetup {
        instance: gpu.instance().unwrap().clone(),
        adapter: gpu.adapter().unwrap().clone(),
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
        backend: gpu.capabilities().info.backend,
    };
    let device = burn::tensor::Device::wgpu_options().setup(setup).init().unwrap();
    let zeros = |shape| Tensor::<4>::zeros(shape, &device);
    let sampled = pliant_burn::grid_sample(zeros([1, 4, 6, 6]), zeros([1, 6, 6, 2]), &GridSample::default());
    let error = sampled.unwrap_err();
    assert!(matches!(error, Error::Device { argument: "input", .. }), "{error:?}");
    assert!(error.to_string().contains("pliant_burn::share"), "{error}");
    assert!(pliant_burn::copies(&device).is_err());

    let elsewhere = Tensor::<4>::zeros([1, 6, 6, 2], &device);
    let image = Tensor::<4>::zeros([1, 4, 6, 6], &OURS.1);
    let error = pliant_burn::grid_sample(image, elsewhere, &GridSample::default()).unwrap_err();
    assert!(matches!(error, Error::Device { argument: "grid", .. }), "{error:?}");
}
