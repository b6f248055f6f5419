//! burn's own deformable convolution beside pliant's, on one device: gradients against torchvision's, and times, as tables in Markdown.
//!
//! `cargo run --release --example compare [-- SHAPE...]`, with shapes among s1 to s6, those of `pliant bench --suite cpu`. Offsets are normally distributed with a
//! sigma of 2 pixels, masks uniform between 0 and 1; forward and backward are timed together. The first call, in which burn tunes itself, is timed apart.

use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::module::deform_conv2d;
use burn::tensor::ops::DeformConvOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use pliant::{DeformConv2d, GpuOptions};
use safetensors::SafeTensors;

type Failure = Box<dyn std::error::Error>;

/// The arguments of a deformable convolution.
#[derive(Clone)]
struct Arguments {
    input: Tensor<4>,
    offset: Tensor<4>,
    mask: Option<Tensor<4>>,
    weight: Tensor<4>,
    bias: Tensor<1>,
}

impl Arguments {
    fn differentiated(self) -> Self {
        Self {
            input: self.input.require_grad(),
            offset: self.offset.require_grad(),
            mask: self.mask.map(Tensor::require_grad),
            weight: self.weight.require_grad(),
            bias: self.bias.require_grad(),
        }
    }

    /// By burn, or by pliant.
    fn convolved(self, op: &DeformConv2d, burns: bool) -> pliant::Result<Tensor<4>> {
        let Self { input, offset, mask, weight, bias } = self;
        if !burns {
            return pliant_burn::deform_conv2d(input, offset, weight, mask, Some(bias), op);
        }
        let pair = |[a, b]: [u32; 2]| [a as usize, b as usize];
        let padding = pair([op.padding[0], op.padding[1]]);
        let (groups, offset_groups) = (op.groups as usize, op.offset_groups as usize);
        let options = DeformConvOptions::new(pair(op.stride), padding, pair(op.dilation), groups, offset_groups);
        Ok(deform_conv2d(input, offset, weight, mask, Some(bias), options))
    }
}

fn main() -> Result<(), Failure> {
    let (gpu, device) = pollster::block_on(pliant_burn::open(&GpuOptions::default()))?;
    println!("burn 0.22.1 and pliant on {}\n", gpu.capabilities().info.name);
    gradients(&device)?;
    let names: Vec<String> = std::env::args().skip(1).collect();
    println!("\n| shape | pass | burn first | burn least | pliant first | pliant least ms | times as fast |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for layer in LAYERS.iter().filter(|layer| names.is_empty() || names.iter().any(|name| name == layer.0)) {
        time(layer, &device)?;
    }
    println!("\nResults that were copied: {}", pliant_burn::copies(&device)?);
    Ok(())
}

/// Prints how far gradients are from those of torchvision, as shares of the largest element.
fn gradients(device: &Device) -> Result<(), Failure> {
    let device = device.clone().autodiff();
    println!(
        "| kernel | gradient of | torchvision, its largest | burn, the same | worst miss | pliant, the same | worst miss |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    let files = [("1x1", "torchvision-kernel1x1-f32", [0; 4]), ("3x3", "torchvision-3x3-mask-bias-3to4-f32", [1; 4])];
    for (kernel, file, padding) in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/goldens/{file}.safetensors"));
        let bytes = std::fs::read(path)?;
        let tensors = SafeTensors::deserialize(&bytes)?;
        let elements = |name: &str| -> Result<(Vec<usize>, Vec<f32>), Failure> {
            let view = tensors.tensor(name)?;
            let words = view.data().as_chunks::<4>().0;
            Ok((view.shape().to_vec(), words.iter().map(|word| f32::from_le_bytes(*word)).collect()))
        };
        fn made<const D: usize>((shape, elements): (Vec<usize>, Vec<f32>), device: &Device) -> Tensor<D> {
            Tensor::from_data(TensorData::new(elements, shape), device)
        }
        let arguments = Arguments {
            input: made(elements("input")?, &device),
            offset: made(elements("offset")?, &device),
            mask: Some(made(elements("mask")?, &device)),
            weight: made(elements("weight")?, &device),
            bias: made(elements("bias")?, &device),
        };
        let grad_output = made::<4>(elements("grad_output")?, &device);
        let op = DeformConv2d { padding, ..DeformConv2d::default() };
        let mut of_both = Vec::new();
        for burns in [true, false] {
            let arguments = arguments.clone().differentiated();
            let output = arguments.clone().convolved(&op, burns)?;
            let gradients = (output * grad_output.clone()).sum().backward();
            let mut all = vec![];
            let Arguments { input, offset, mask, weight, .. } = arguments;
            for tensor in [input, offset, mask.ok_or("a mask was made")?, weight] {
                let gradient = tensor.grad(&gradients).ok_or("it was differentiated")?;
                all.push(gradient.into_data().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))?);
            }
            of_both.push(all);
        }
        for (index, name) in ["input", "offset", "mask", "weight"].into_iter().enumerate() {
            let (_, expected) = elements(&format!("expect.grad_{name}"))?;
            let size = |index: &usize| expected[*index].abs();
            let largest = (0..expected.len()).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
            let of = |elements: &[f32]| {
                let differences = elements.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                format!("{:.4} | {:.0e}", elements[largest], differences.fold(0f32, f32::max) / size(&largest))
            };
            let [burns, ours] = [0, 1].map(|whose| of(&of_both[whose][index]));
            println!("| {kernel} | {name} | {:.4} | {burns} | {ours} |", expected[largest]);
        }
    }
    Ok(())
}

/// A layer: its input, output channels, kernel, stride, padding, groups, offset groups, and whether it has a mask.
struct Layer(&'static str, [usize; 4], usize, usize, u32, u32, u32, u32, bool);

const LAYERS: [Layer; 6] = [
    Layer("s1", [1, 64, 56, 56], 64, 3, 1, 1, 1, 1, true),
    Layer("s2", [1, 256, 50, 84], 256, 3, 1, 1, 1, 1, true),
    Layer("s3", [1, 128, 64, 64], 128, 3, 1, 1, 1, 1, true),
    Layer("s4", [1, 64, 90, 160], 64, 3, 1, 1, 1, 16, true),
    Layer("s5", [1, 256, 32, 32], 256, 7, 1, 3, 1, 1, true),
    Layer("s6", [4, 32, 32, 32], 32, 3, 2, 1, 2, 2, false),
];

fn time(layer: &Layer, device: &Device) -> Result<(), Failure> {
    let &Layer(name, input, out_channels, kernel, stride, padding, groups, offset_groups, mask) = layer;
    let [batch, channels, height, width] = input;
    let [rows, columns] = [height, width].map(|extent| (extent + 2 * padding as usize - kernel) / stride as usize + 1);
    let points = offset_groups as usize * kernel * kernel;
    let op =
        DeformConv2d { stride: [stride; 2], padding: [padding; 4], groups, offset_groups, ..DeformConv2d::default() };
    let normal = |sigma| Distribution::Normal(0.0, sigma);
    let drawn = |device: &Device| Arguments {
        input: Tensor::random(input, normal(1.0), device),
        offset: Tensor::random([batch, 2 * points, rows, columns], normal(2.0), device),
        mask: mask.then(|| Tensor::random([batch, points, rows, columns], Distribution::Uniform(0.0, 1.0), device)),
        weight: Tensor::random([out_channels, channels / groups as usize, kernel, kernel], normal(0.1), device),
        bias: Tensor::random([out_channels], normal(1.0), device),
    };
    let arguments = drawn(device);
    report(name, "forward", device, |burns| {
        drop(arguments.clone().convolved(&op, burns)?);
        Ok(())
    })?;
    let tracked = device.clone().autodiff();
    let arguments = drawn(&tracked);
    let grad_output = Tensor::<4>::random([batch, out_channels, rows, columns], normal(1.0), &tracked);
    report(name, "forward, backward", device, |burns| {
        let arguments = arguments.clone().differentiated();
        let output = arguments.clone().convolved(&op, burns)?;
        drop((output * grad_output.clone()).sum().backward());
        Ok(())
    })
}

/// How often each runs in a turn.
const TURN: usize = 3;

/// Times the work of both with the wait for the device, and prints the row.
fn report(shape: &str, pass: &str, device: &Device, work: impl Fn(bool) -> pliant::Result<()>) -> Result<(), Failure> {
    let run = |burns| -> Result<Duration, Failure> {
        let start = Instant::now();
        work(burns)?;
        device.sync()?;
        Ok(start.elapsed())
    };
    let first = [run(true)?, run(false)?];
    let mut least = [Duration::MAX; 2];
    let (begin, mut runs) = (Instant::now(), 0);
    while runs < 4 || begin.elapsed() < Duration::from_secs(4) {
        // By turns: others may be at work on the machine. The first run of a turn finds caches full of the other's data.
        for (least, burns) in least.iter_mut().zip([true, false]) {
            for _ in 0..TURN {
                *least = run(burns)?.min(*least);
            }
        }
        runs += 1;
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "| {shape} | {pass} | {:.0} | {:.1} | {:.0} | {:.1} | {:.1} |",
        ms(first[0]),
        ms(least[0]),
        ms(first[1]),
        ms(least[1]),
        ms(least[0]) / ms(least[1])
    );
    Ok(())
}
