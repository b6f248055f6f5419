//! Tests on an adapter, through burn's public API.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "of tests alone")]

mod case;
mod goldens;
mod modules;
mod reference;
mod refusals;
mod sharing;
mod training;

use std::sync::LazyLock;

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use pliant::{Gpu, GpuOptions};

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
