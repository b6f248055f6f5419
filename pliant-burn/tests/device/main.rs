//! Tests on an adapter, through burn's public API.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "of tests alone")]

mod case;
mod goldens;
mod inputs;
mod modules;
mod reference;
mod refusals;
mod sharing;
mod training;

use std::sync::LazyLock;

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use pliant::{Gpu, GpuOptions, wgpu};

/// burn on a device of pliant's.
static OURS: LazyLock<(Gpu, Device)> = LazyLock::new(|| {
    let opened = pollster::block_on(pliant_burn::open(&GpuOptions::default()));
    opened.expect("there is an adapter")
});

/// pliant on a device of burn's, which is set up as it is by default: its tensors share pages.
static BURNS: LazyLock<(Gpu, Device, WgpuSetup)> = LazyLock::new(|| {
    let (device, setup) = Device::wgpu_options().init_with_setup().expect("there is an adapter");
    (pliant_burn::share(&device, &setup).expect("the device has enough"), device, setup)
});

/// The devices of both ways of sharing.
fn devices() -> [(&'static str, Device); 2] {
    [("pliant's device", OURS.1.clone()), ("burn's device", BURNS.1.clone())]
}

/// Whether burn has kernels for `f16` here.
fn has_f16() -> bool {
    OURS.0.device().features().contains(wgpu::Features::SHADER_F16)
}

/// A device of pliant's that burn knows nothing of.
fn opened() -> Gpu {
    let options = GpuOptions { others: pliant_burn::FEATURES, ..GpuOptions::default() };
    pollster::block_on(Gpu::with_options(&options)).unwrap()
}

/// Another device of burn's on the handles of a `Gpu`, with the memory that burn has by default, and with those handles.
fn set_up(gpu: &Gpu) -> (Device, WgpuSetup) {
    let setup = WgpuSetup {
        instance: gpu.instance().unwrap().clone(),
        adapter: gpu.adapter().unwrap().clone(),
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
        backend: gpu.capabilities().info.backend,
    };
    (Device::wgpu_options().setup(setup.clone()).init().unwrap(), setup)
}
