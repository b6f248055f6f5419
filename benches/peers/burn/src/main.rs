//! burn's `deform_conv2d` through wgpu, on the six shapes of `bench --suite cpu`: prints a table in Markdown.
//!
//! `cargo run --release [-- SHAPE...]`. Offsets are normally distributed with a sigma of 2 pixels, masks uniform between 0 and 1; forward
//! and backward are timed together. The first call, in which burn tunes itself, is timed apart, the next few not at all.

use std::time::{Duration, Instant};

use burn::tensor::module::deform_conv2d;
use burn::tensor::ops::DeformConvOptions;
use burn::tensor::{Device, DeviceKind, Distribution, Tensor};

/// A layer: its input, output channels, kernel, stride, padding, groups, offset groups, and whether it has a mask.
struct Layer(&'static str, [usize; 4], usize, usize, usize, usize, usize, usize, bool);

const LAYERS: [Layer; 6] = [
    Layer("s1", [1, 64, 56, 56], 64, 3, 1, 1, 1, 1, true),
    Layer("s2", [1, 256, 50, 84], 256, 3, 1, 1, 1, 1, true),
    Layer("s3", [1, 128, 64, 64], 128, 3, 1, 1, 1, 1, true),
    Layer("s4", [1, 64, 90, 160], 64, 3, 1, 1, 1, 16, true),
    Layer("s5", [1, 256, 32, 32], 256, 7, 1, 3, 1, 1, true),
    Layer("s6", [4, 32, 32, 32], 32, 3, 2, 1, 2, 2, false),
];
const WARM_UPS: usize = 4;
const ENOUGH: Duration = Duration::from_secs(2);

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    println!("burn 0.22.1, wgpu\n");
    println!("| shape | pass | first ms | min ms | median ms | GFLOP/s | runs |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for layer in LAYERS.iter().filter(|layer| names.is_empty() || names.iter().any(|name| name == layer.0)) {
        time(layer, &device);
    }
}

fn time(layer: &Layer, device: &Device) {
    let &Layer(name, input, out_channels, kernel, stride, padding, groups, offset_groups, mask) = layer;
    let [batch, channels, height, width] = input;
    let [out_height, out_width] = [height, width].map(|extent| (extent + 2 * padding - kernel) / stride + 1);
    let points = offset_groups * kernel * kernel;
    let options = DeformConvOptions::new([stride; 2], [padding; 2], [1; 2], groups, offset_groups);
    let normal = |sigma| Distribution::Normal(0.0, sigma);
    let inputs = |device: &Device| {
        (
            Tensor::<4>::random(input, normal(1.0), device),
            Tensor::<4>::random([batch, 2 * points, out_height, out_width], normal(2.0), device),
            mask.then(|| {
                Tensor::<4>::random([batch, points, out_height, out_width], Distribution::Uniform(0.0, 1.0), device)
            }),
            Tensor::<4>::random([out_channels, channels / groups, kernel, kernel], normal(0.1), device),
            Tensor::<1>::random([out_channels], normal(1.0), device),
        )
    };
    let flops = 2 * batch * out_channels * out_height * out_width * (channels / groups) * kernel * kernel;

    let (x, offset, mask_tensor, weight, bias) = inputs(device);
    report(name, "forward", flops, device, || {
        let (x, offset, weight, bias) = (x.clone(), offset.clone(), weight.clone(), bias.clone());
        drop(deform_conv2d(x, offset, weight, mask_tensor.clone(), Some(bias), options.clone()));
    });

    let tracked = device.clone().autodiff();
    let (x, offset, mask_tensor, weight, bias) = inputs(&tracked);
    let grad_output = Tensor::<4>::random([batch, out_channels, out_height, out_width], normal(1.0), &tracked);
    report(name, "forward+backward", 3 * flops, device, || {
        let (x, offset) = (x.clone().require_grad(), offset.clone().require_grad());
        let (weight, bias) = (weight.clone().require_grad(), bias.clone().require_grad());
        let mask = mask_tensor.clone().map(Tensor::require_grad);
        let output =
            deform_conv2d(x.clone(), offset.clone(), weight.clone(), mask.clone(), Some(bias.clone()), options.clone());
        let gradients = (output * grad_output.clone()).sum().backward();
        drop((x.grad(&gradients), offset.grad(&gradients), weight.grad(&gradients), bias.grad(&gradients)));
        drop(mask.and_then(|mask| mask.grad(&gradients)));
    });
}

/// Times the work with the wait for the device: for two seconds, at least three times, and ten times unless that takes ten seconds.
fn report(shape: &str, pass: &str, flops: usize, device: &Device, work: impl Fn()) {
    let run = || {
        let start = Instant::now();
        work();
        device.sync().expect("the device does its work");
        start.elapsed()
    };
    let first = run();
    for _ in 1..WARM_UPS {
        run();
    }
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 3 || begin.elapsed() < ENOUGH || (times.len() < 10 && begin.elapsed() < 5 * ENOUGH) {
        times.push(run());
    }
    times.sort();
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let [least, median] = [times[0], times[times.len() / 2]];
    let rate = flops as f64 / least.as_secs_f64() * 1e-9;
    println!(
        "| {shape} | {pass} | {:.1} | {:.3} | {:.3} | {rate:.1} | {} |",
        ms(first),
        ms(least),
        ms(median),
        times.len()
    );
}
