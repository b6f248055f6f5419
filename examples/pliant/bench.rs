//! `bench`: how fast deformable convolutions are, verified before they are timed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use fastrand::Rng;
use pliant::geometry::{DeformConv2d, DeformConv2dInputs};
use pliant::{DeformConv2dPlan, Gpu, Recorder, Shape, StageTime, Strategy, Tensor, Weight};
use serde_json::json;

use crate::Failure;
use crate::device::{Device, StrategyChoice};
use crate::support::compare::Expected;
use crate::support::problem::{Array, Problem};
use crate::support::random;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shapes to time
    #[arg(long, value_enum, default_value = "cpu", conflicts_with = "input")]
    suite: Suite,
    /// Only the shape of this name
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Print the time of each kernel too
    #[arg(long, conflicts_with = "json")]
    stages: bool,
    /// Pack the weight beforehand, once for all calls
    #[arg(long)]
    packed: bool,
    #[command(flatten)]
    by_hand: ByHand,
    #[command(flatten)]
    strategy: StrategyChoice,
    #[command(flatten)]
    device: Device,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Suite {
    /// Six shapes that a CPU does in under a second
    Cpu,
}

/// One shape given on the command line.
#[derive(clap::Args)]
struct ByHand {
    /// A shape by hand: batch,channels,height,width
    #[arg(long, value_name = "N,C,H,W", value_parser = numbers::<4>)]
    input: Option<[u32; 4]>,
    /// Output channels [default: the input's]
    #[arg(long, requires = "input")]
    out_channels: Option<u32>,
    /// Kernel: height,width
    #[arg(long, requires = "input", default_value = "3,3", value_parser = numbers::<2>)]
    kernel: [u32; 2],
    /// Stride: height,width
    #[arg(long, requires = "input", default_value = "1,1", value_parser = numbers::<2>)]
    stride: [u32; 2],
    /// Padding: top,left,bottom,right [default: what keeps the image's size at stride 1]
    #[arg(long, requires = "input", value_parser = numbers::<4>)]
    padding: Option<[u32; 4]>,
    /// Dilation: height,width
    #[arg(long, requires = "input", default_value = "1,1", value_parser = numbers::<2>)]
    dilation: [u32; 2],
    /// Groups
    #[arg(long, requires = "input", default_value_t = 1)]
    groups: u32,
    /// Offset groups
    #[arg(long, requires = "input", default_value_t = 1)]
    offset_groups: u32,
    /// Version 1: no mask
    #[arg(long, requires = "input")]
    no_mask: bool,
}

fn numbers<const N: usize>(text: &str) -> Result<[u32; N], String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers = numbers.map_err(|error| error.to_string())?;
    numbers.try_into().map_err(|numbers: Vec<u32>| format!("{} numbers were given; {N} are needed", numbers.len()))
}

/// A layer to be timed.
struct Layer {
    name: &'static str,
    op: DeformConv2d,
    input: [u32; 4],
    out_channels: u32,
    kernel: [u32; 2],
    mask: bool,
}

impl Layer {
    /// A square kernel with the same padding on all sides.
    fn square(name: &'static str, input: [u32; 4], out_channels: u32, kernel: u32, padding: u32) -> Self {
        let op = DeformConv2d { padding: [padding; 4], ..DeformConv2d::default() };
        Self { name, op, input, out_channels, kernel: [kernel; 2], mask: true }
    }

    fn by_hand(arguments: &ByHand, input: [u32; 4]) -> Self {
        let ByHand { kernel, stride, dilation, groups, offset_groups, .. } = *arguments;
        let [vertical, horizontal] = [0, 1].map(|axis| dilation[axis].saturating_mul(kernel[axis].saturating_sub(1)));
        let same = [vertical / 2, horizontal / 2, vertical - vertical / 2, horizontal - horizontal / 2];
        let padding = arguments.padding.unwrap_or(same);
        Self {
            name: "by-hand",
            op: DeformConv2d { stride, padding, dilation, groups, offset_groups, ..DeformConv2d::default() },
            input,
            out_channels: arguments.out_channels.unwrap_or(input[1]),
            kernel,
            mask: !arguments.no_mask,
        }
    }

    /// Random inputs from a fixed seed: offsets normal with a sigma of 2 pixels, mask uniform between 0 and 1.
    fn inputs(&self) -> Result<DeformConv2dInputs<Array>, Failure> {
        let [batch, channels, height, width] = self.input;
        let [kernel_height, kernel_width] = self.kernel;
        let DeformConv2d { stride, padding, dilation, groups, offset_groups, .. } = self.op;
        let window = pliant::geometry::Im2col { kernel: self.kernel, stride, padding, dilation };
        let geometry = pliant::geometry::Im2colGeometry::new(&window, self.input.into())?;
        let [out_height, out_width] = geometry.out_extents();
        let points = offset_groups.saturating_mul(geometry.taps());
        let mut rng = Rng::with_seed(7);
        let weight = [self.out_channels, channels / groups.max(1), kernel_height, kernel_width];
        let planes = |channels: u32| Shape::from([batch, channels, out_height, out_width]);
        Ok(DeformConv2dInputs {
            input: random::normal(&mut rng, [batch, channels, height, width], 1.0),
            offset: random::normal(&mut rng, planes(points.saturating_mul(2)), 2.0),
            mask: self.mask.then(|| random::uniform(&mut rng, planes(points))),
            weight: random::normal(&mut rng, weight, 0.1),
            bias: Some(random::normal(&mut rng, [self.out_channels], 1.0)),
        })
    }
}

impl Suite {
    fn layers(self) -> Vec<Layer> {
        match self {
            Self::Cpu => vec![
                Layer::square("s1", [1, 64, 56, 56], 64, 3, 1),
                Layer::square("s2", [1, 256, 50, 84], 256, 3, 1),
                Layer::square("s3", [1, 128, 64, 64], 128, 3, 1),
                {
                    let layer = Layer::square("s4", [1, 64, 90, 160], 64, 3, 1);
                    Layer { op: DeformConv2d { offset_groups: 16, ..layer.op }, ..layer }
                },
                Layer::square("s5", [1, 256, 32, 32], 256, 7, 3),
                {
                    let layer = Layer::square("s6", [4, 32, 32, 32], 32, 3, 1);
                    let op = DeformConv2d { stride: [2, 2], groups: 2, offset_groups: 2, ..layer.op };
                    Layer { op, mask: false, ..layer }
                },
            ],
        }
    }
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut layers = match arguments.by_hand.input {
        Some(input) => vec![Layer::by_hand(&arguments.by_hand, input)],
        None => arguments.suite.layers(),
    };
    if let Some(only) = &arguments.only {
        let names: Vec<_> = layers.iter().map(|layer| layer.name).collect();
        let unknown = format!("no shape is named {only}; there are {}", names.join(", "));
        layers.retain(|layer| layer.name == only);
        if layers.is_empty() {
            return Err(unknown.into());
        }
    }
    let gpu = arguments.device.gpu().await?;
    if !arguments.json {
        println!("{gpu:?}");
    }
    for layer in &layers {
        let timing = time(&gpu, layer, arguments.strategy.strategy(), arguments.packed).await?;
        if arguments.json {
            println!("{}", timing.json(&gpu, layer));
        } else {
            println!("{}", timing.line(layer));
        }
        if arguments.stages {
            for stage in &timing.stages {
                println!("         {:8.3} ms  {} x{}", stage.seconds * 1e3, stage.kernel, stage.dispatches);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Timing {
    strategy: Strategy,
    forward_min: Duration,
    forward_median: Duration,
    /// What the host takes to record and submit.
    host_median: Duration,
    dispatches: usize,
    flops: u64,
    extra_bytes: u64,
    stages: Vec<StageTime>,
}

impl Timing {
    fn gflops(&self) -> f64 {
        self.flops as f64 / self.forward_min.as_secs_f64() * 1e-9
    }

    fn line(&self, layer: &Layer) -> String {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        format!(
            "{:8} {}  forward {:9.3} ms min {:9.3} ms median  {:8.1} GFLOP/s  {:6.1} MB extra  host {:.0} us, {} dispatches",
            layer.name,
            self.strategy,
            ms(self.forward_min),
            ms(self.forward_median),
            self.gflops(),
            self.extra_bytes as f64 * 1e-6,
            self.host_median.as_secs_f64() * 1e6,
            self.dispatches,
        )
    }

    fn json(&self, gpu: &Gpu, layer: &Layer) -> serde_json::Value {
        json!({
            "name": layer.name,
            "adapter": gpu.capabilities().info.name,
            "strategy": self.strategy.name(),
            "dtype": "f32",
            "forward_min_ms": self.forward_min.as_secs_f64() * 1e3,
            "forward_median_ms": self.forward_median.as_secs_f64() * 1e3,
            "host_median_us": self.host_median.as_secs_f64() * 1e6,
            "dispatches": self.dispatches,
            "gflops": self.gflops(),
            "extra_bytes": self.extra_bytes,
        })
    }
}

/// Times recording, submitting and finishing one layer, warm, once its output has been found right.
async fn time(gpu: &Gpu, layer: &Layer, strategy: Option<Strategy>, packed: bool) -> Result<Timing, Failure> {
    /// Each layer is timed for about this long, and at least so many times.
    const ENOUGH: Duration = Duration::from_secs(2);
    const RUNS: usize = 10;

    let inputs = layer.inputs()?;
    gpu.trim();
    let bytes_before = gpu.counts().buffer_bytes;
    let tensors = inputs.try_map(|array| array.upload(gpu))?;
    let tensors = tensors.map(|tensor| tensor);
    let plan = DeformConv2dPlan::with_strategy(gpu, &layer.op, &tensors.map(|tensor| tensor.spec()), strategy)?;
    let output = Tensor::new(gpu, plan.geometry().output_shape(), pliant::DType::F32)?;
    let mut recorder = Recorder::new(gpu);
    let packed_weight = packed.then(|| plan.pack_weight(&mut recorder, tensors.weight)).transpose()?;
    recorder.submit()?;
    let DeformConv2dInputs { input, offset, weight, mask, bias } = tensors;
    let weight = packed_weight.as_ref().map_or(Weight::Plain(weight), Weight::Packed);
    let tensors = DeformConv2dInputs { input, offset, weight, mask, bias };
    // How long the host takes to record and submit, and how long it is until the work is done.
    let run = || -> pliant::Result<[Duration; 2]> {
        let start = Instant::now();
        let mut recorder = Recorder::new(gpu);
        plan.forward_into(&mut recorder, &tensors, &output)?;
        recorder.submit()?;
        let host = start.elapsed();
        gpu.wait()?;
        Ok([host, start.elapsed()])
    };
    run()?;
    let extra_bytes = gpu.counts().buffer_bytes - bytes_before;

    let actual: Vec<f32> = output.download()?.await?;
    let reference = Problem::DeformConv2d(layer.op, inputs).reference()?;
    if let Err(miss) = Expected::of_reference(reference).compare(&actual) {
        return Err(format!("{} is wrong, so it was not timed: output{miss}", layer.name).into());
    }

    let (mut host, mut forward) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while forward.len() < RUNS || start.elapsed() < ENOUGH {
        let [to_submit, to_end] = run()?;
        host.push(to_submit);
        forward.push(to_end);
    }
    host.sort();
    forward.sort();
    let mut recorder = Recorder::new(gpu);
    plan.forward_into(&mut recorder, &tensors, &output)?;
    Ok(Timing {
        dispatches: recorder.len(),
        host_median: host[host.len() / 2],
        stages: recorder.profile().await?,
        strategy: plan.strategy(),
        forward_min: forward[0],
        forward_median: forward[forward.len() / 2],
        flops: plan.geometry().flops(),
        extra_bytes,
    })
}
