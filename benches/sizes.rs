//! How the time of convolutions grows with the image, warm: `cargo bench --bench sizes -- --help`.

// A benchmark that cannot run has nothing else to say.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use clap::{Parser, ValueEnum};
use fastrand::Rng;
use pliant::{
    Conv2d, Conv2dGradients, Conv2dInputs, Conv2dPlan, DType, DeformConv2d, DeformConv2dGradients, DeformConv2dInputs,
    DeformConv2dPlan, Gpu, Recorder, Result, Shape, Tensor,
};

/// Windows of 3 x 3 that keep the image's size, over square images.
#[derive(Parser)]
struct Arguments {
    /// The sides of the images
    #[arg(long, value_delimiter = ',', default_value = "512,1024,2048,2700,2900,4096")]
    sides: Vec<u32>,
    /// The convolutions
    #[arg(long, value_enum, value_delimiter = ',', default_value = "plain,grouped,deformable,deformable4")]
    only: Vec<Kind>,
    /// The passes; backward computes all gradients
    #[arg(long, value_enum, value_delimiter = ',', default_value = "forward,backward")]
    pass: Vec<Pass>,
    /// Runs, the least time of which counts
    #[arg(long, default_value_t = 2)]
    runs: u32,
    /// Print the time of each kernel too
    #[arg(long)]
    stages: bool,
    /// Accepted and ignored: `cargo bench` passes it
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// 3 to 1 channels
    Plain,
    /// 16 to 16 channels in 4 groups
    Grouped,
    /// 4 to 4 channels, deformable with masks
    Deformable,
    /// 4 to 4 channels in 4 offset groups, deformable with masks
    Deformable4,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Pass {
    Forward,
    Backward,
}

fn main() {
    let arguments = Arguments::parse();
    let gpu = &pollster::block_on(Gpu::new()).unwrap();
    println!("| convolution | pass | side | ms | ns a pixel | dispatches | extra MB |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for &kind in &arguments.only {
        for &pass in &arguments.pass {
            for &side in &arguments.sides {
                gpu.trim();
                if let Err(error) = measure(gpu, &arguments, (kind, pass), side) {
                    println!("| {} | {} | {side} | {error} | | | |", name(kind), name(pass));
                }
            }
        }
    }
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().unwrap().get_name().to_string()
}

/// Elements between `-spread` and `spread`, from a fixed seed; made piece by piece, since they are many.
fn tensor(gpu: &Gpu, shape: impl Into<Shape>, spread: f32) -> Result<Tensor> {
    let shape = shape.into();
    let mut rng = Rng::with_seed(7);
    let some: Vec<_> = (0..1 << 20).map(|_| spread * (2.0 * rng.f32() - 1.0)).collect();
    let elements: Vec<_> = some.into_iter().cycle().take(shape.elements() as usize).collect();
    Tensor::upload(gpu, shape, &elements)
}

fn like(tensor: &Tensor) -> Result<Tensor> {
    Tensor::new(tensor.gpu(), tensor.shape(), DType::F32)
}

fn measure(gpu: &Gpu, arguments: &Arguments, (kind, pass): (Kind, Pass), side: u32) -> Result<()> {
    let (channels, out_channels, groups, offset_groups) = match kind {
        Kind::Plain => (3, 1, 1, 0),
        Kind::Grouped => (16, 16, 4, 0),
        Kind::Deformable => (4, 4, 1, 1),
        Kind::Deformable4 => (4, 4, 1, 4),
    };
    let input = &tensor(gpu, [1, channels, side, side], 1.0)?;
    let weight = &tensor(gpu, [out_channels, channels / groups, 3, 3], 0.1)?;
    let bias = Some(&tensor(gpu, [out_channels], 1.0)?);
    let output = tensor(gpu, [1, out_channels, side, side], 1.0)?;
    let mut recorder = Recorder::new(gpu);
    let mut before = gpu.counts().buffer_bytes;
    if offset_groups == 0 {
        let inputs = Conv2dInputs { input, weight, bias };
        let op = Conv2d { padding: [1; 4], groups, ..Conv2d::default() };
        let plan = Conv2dPlan::new(gpu, &op, &inputs)?;
        match pass {
            Pass::Forward => plan.forward_into(&mut recorder, &inputs, &output)?,
            Pass::Backward => {
                let gradients = Conv2dGradients {
                    input: Some(like(input)?),
                    weight: Some(like(weight)?),
                    bias: bias.map(like).transpose()?,
                };
                before = gpu.counts().buffer_bytes;
                let gradients = Conv2dGradients {
                    input: gradients.input.as_ref(),
                    weight: gradients.weight.as_ref(),
                    bias: gradients.bias.as_ref(),
                };
                plan.backward_into(&mut recorder, &inputs, &output, &gradients)?;
            }
        }
    } else {
        let points = 9 * offset_groups;
        let offset = &tensor(gpu, [1, 2 * points, side, side], 2.0)?;
        let mask = Some(&tensor(gpu, [1, points, side, side], 1.0)?);
        before = gpu.counts().buffer_bytes;
        let inputs = DeformConv2dInputs { input, offset, mask, weight, bias };
        let op = DeformConv2d { padding: [1; 4], groups, offset_groups, ..DeformConv2d::default() };
        let plan = DeformConv2dPlan::new(gpu, &op, &inputs)?;
        match pass {
            Pass::Forward => plan.forward_into(&mut recorder, &inputs, &output)?,
            Pass::Backward => {
                let DeformConv2dInputs { input, offset, mask, weight, bias } = inputs.try_map(|tensor| like(tensor))?;
                before = gpu.counts().buffer_bytes;
                let gradients = DeformConv2dGradients {
                    input: Some(&input),
                    offset: Some(&offset),
                    mask: mask.as_ref(),
                    weight: Some(&weight),
                    bias: bias.as_ref(),
                };
                plan.backward_into(&mut recorder, &inputs, &output, &gradients)?;
            }
        }
    }
    let extra = gpu.counts().buffer_bytes - before;
    recorder.submit()?;
    gpu.wait()?;
    let mut least = f64::MAX;
    for _ in 0..arguments.runs {
        let start = Instant::now();
        recorder.submit()?;
        gpu.wait()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    let pixels = f64::from(side) * f64::from(side);
    println!(
        "| {} | {} | {side} | {:.1} | {:.0} | {} | {:.1} |",
        name(kind),
        name(pass),
        least * 1e3,
        least * 1e9 / pixels,
        recorder.len(),
        extra as f64 / 1e6,
    );
    if arguments.stages {
        for stage in pollster::block_on(recorder.profile())? {
            let seconds = stage.seconds;
            println!(
                "    {:32} {:6} {:10.1} ms {:8.0} ns",
                stage.kernel,
                stage.dispatches,
                seconds * 1e3,
                seconds * 1e9 / pixels
            );
        }
    }
    Ok(())
}
