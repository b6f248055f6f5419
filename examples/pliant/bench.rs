//! `bench`: how fast deformable convolutions and their gradients are, verified before they are timed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use fastrand::Rng;
use pliant::geometry::{DeformConv2d, DeformConv2dGradients, DeformConv2dInputs};
use pliant::{DeformConv2dPlan, Gpu, PackedWeight, Recorder, Shape, StageTime, Strategy, Tensor, Weight};
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
    /// Pack the weight beforehand, once for all forward calls
    #[arg(long)]
    packed: bool,
    /// Time the forward pass alone
    #[arg(long)]
    forward: bool,
    /// Print no times, but for each shape its name and a hash of the bits of output and gradients
    #[arg(long, conflicts_with_all = ["json", "stages", "packed", "forward"])]
    digest: bool,
    /// Compute each digest so many times, and fail where they differ
    #[arg(long, requires = "digest", value_name = "TIMES", default_value_t = 1)]
    repeat: u32,
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
    if !arguments.json && !arguments.digest {
        println!("{gpu:?}");
    }
    for layer in &layers {
        let run = Run::new(&gpu, layer, arguments.strategy.strategy(), arguments.packed)?;
        if arguments.digest {
            let digest = run.digest().await?;
            for _ in 1..arguments.repeat {
                let again = run.digest().await?;
                if again != digest {
                    return Err(format!("{} gave {digest:016x}, and then {again:016x}", layer.name).into());
                }
            }
            println!("{} {digest:016x}", layer.name);
            continue;
        }
        let timing = run.time(layer, !arguments.forward).await?;
        if arguments.json {
            println!("{}", timing.json(&gpu, layer));
        } else {
            timing.print(layer, arguments.stages);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One pass, or forward and backward together.
struct Pass {
    min: Duration,
    median: Duration,
    /// What the host takes to record and submit.
    host_median: Duration,
    dispatches: usize,
    /// Beyond inputs, outputs and gradients.
    extra_bytes: u64,
    stages: Vec<StageTime>,
}

impl Pass {
    fn print(&self, stages: bool) {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        println!(
            "{:9.3} ms min {:9.3} ms median  {:6.1} MB extra  host {:.0} us, {} dispatches",
            ms(self.min),
            ms(self.median),
            self.extra_bytes as f64 * 1e-6,
            self.host_median.as_secs_f64() * 1e6,
            self.dispatches,
        );
        for stage in self.stages.iter().filter(|_| stages) {
            println!("         {:8.3} ms  {} x{}", stage.seconds * 1e3, stage.kernel, stage.dispatches);
        }
    }
}

struct Timing {
    strategy: Strategy,
    flops: u64,
    forward: Pass,
    forward_backward: Option<Pass>,
}

impl Timing {
    fn gflops(&self) -> f64 {
        self.flops as f64 / self.forward.min.as_secs_f64() * 1e-9
    }

    fn print(&self, layer: &Layer, stages: bool) {
        print!("{:8} {}  {:8.1} GFLOP/s  forward          ", layer.name, self.strategy, self.gflops());
        self.forward.print(stages);
        if let Some(pass) = &self.forward_backward {
            print!("{:8} {}                    forward+backward ", layer.name, self.strategy);
            pass.print(stages);
        }
    }

    fn json(&self, gpu: &Gpu, layer: &Layer) -> serde_json::Value {
        let pass = |pass: &Pass| {
            json!({
                "min_ms": pass.min.as_secs_f64() * 1e3,
                "median_ms": pass.median.as_secs_f64() * 1e3,
                "host_median_us": pass.host_median.as_secs_f64() * 1e6,
                "dispatches": pass.dispatches,
                "extra_bytes": pass.extra_bytes,
            })
        };
        json!({
            "name": layer.name,
            "adapter": gpu.capabilities().info.name,
            "strategy": self.strategy.name(),
            "dtype": "f32",
            "gflops": self.gflops(),
            "forward": pass(&self.forward),
            "forward_backward": self.forward_backward.as_ref().map(pass),
        })
    }
}

/// A layer on a device, with its tensors.
struct Run<'a> {
    gpu: &'a Gpu,
    problem: Problem,
    grad: Array,
    plan: DeformConv2dPlan,
    inputs: DeformConv2dInputs<Tensor>,
    grad_output: Tensor,
    output: Tensor,
    gradients: DeformConv2dGradients<Tensor>,
    packed_weight: Option<PackedWeight>,
}

impl<'a> Run<'a> {
    fn new(gpu: &'a Gpu, layer: &Layer, strategy: Option<Strategy>, packed: bool) -> Result<Self, Failure> {
        let arrays = layer.inputs()?;
        let inputs = arrays.try_map(|array| array.upload(gpu))?;
        let specs = inputs.map(Tensor::spec);
        let plan = DeformConv2dPlan::with_strategy(gpu, &layer.op, &specs, strategy)?;
        let mut recorder = Recorder::new(gpu);
        let packed_weight = packed.then(|| plan.pack_weight(&mut recorder, &inputs.weight)).transpose()?;
        recorder.submit()?;
        let grad = random::normal(&mut Rng::with_seed(8), plan.geometry().output_shape(), 1.0);
        let like = |tensor: &Tensor| Tensor::new(gpu, tensor.shape(), tensor.dtype());
        let gradients = inputs.try_map(like)?;
        let DeformConv2dInputs { input, offset, weight, mask, bias } = gradients;
        Ok(Self {
            gpu,
            problem: Problem::DeformConv2d(layer.op, arrays),
            grad_output: grad.upload(gpu)?,
            grad,
            output: Tensor::new(gpu, plan.geometry().output_shape(), pliant::DType::F32)?,
            plan,
            inputs,
            gradients: DeformConv2dGradients {
                input: Some(input),
                offset: Some(offset),
                weight: Some(weight),
                mask,
                bias,
            },
            packed_weight,
        })
    }

    fn forward(&self, recorder: &mut Recorder) -> pliant::Result<()> {
        let DeformConv2dInputs { input, offset, weight, mask, bias } = self.inputs.map(|tensor| tensor);
        let weight = self.packed_weight.as_ref().map_or(Weight::Plain(weight), Weight::Packed);
        let inputs = DeformConv2dInputs { input, offset, weight, mask, bias };
        self.plan.forward_into(recorder, &inputs, &self.output)
    }

    fn forward_backward(&self, recorder: &mut Recorder) -> pliant::Result<()> {
        self.forward(recorder)?;
        let (inputs, gradients) = (self.inputs.map(|tensor| tensor), self.gradients.map(|tensor| tensor));
        self.plan.backward_into(recorder, &inputs, &self.grad_output, &gradients)
    }

    fn once(&self, record: fn(&Self, &mut Recorder) -> pliant::Result<()>) -> pliant::Result<Recorder> {
        let mut recorder = Recorder::new(self.gpu);
        record(self, &mut recorder)?;
        recorder.submit()?;
        Ok(recorder)
    }

    /// A hash (FNV-1a) of the bits of output and gradients.
    async fn digest(&self) -> Result<u64, Failure> {
        self.once(Self::forward_backward)?;
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let gradients = self.gradients.named().map(|(_, gradient)| gradient);
        for tensor in std::iter::once(&self.output).chain(gradients) {
            let elements: Vec<f32> = tensor.download()?.await?;
            for byte in bytemuck::cast_slice::<_, u8>(&elements) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        Ok(hash)
    }

    /// Times the passes, warm, once what they make has been found right.
    async fn time(&self, layer: &Layer, backward: bool) -> Result<Timing, Failure> {
        let forward = self.pass(Self::forward).await?;
        let reference = Expected::of_reference(self.problem.reference()?);
        self.verify(layer, "output", reference, &self.output).await?;
        let forward_backward = if backward { Some(self.pass(Self::forward_backward).await?) } else { None };
        if backward {
            let gradients = self.gradients.named();
            for ((name, reference), (_, gradient)) in self.problem.gradients(&self.grad)?.into_iter().zip(gradients) {
                self.verify(layer, name, Expected::of_reference(reference), gradient).await?;
            }
        }
        Ok(Timing { strategy: self.plan.strategy(), flops: self.plan.geometry().flops(), forward, forward_backward })
    }

    async fn verify(&self, layer: &Layer, name: &str, expected: Expected, tensor: &Tensor) -> Result<(), Failure> {
        let actual: Vec<f32> = tensor.download()?.await?;
        let miss = expected.compare(&actual);
        miss.map_err(|miss| format!("{} is wrong, so its time says nothing: {name}{miss}", layer.name).into())
    }

    /// Times recording, submitting and finishing.
    async fn pass(&self, record: fn(&Self, &mut Recorder) -> pliant::Result<()>) -> Result<Pass, Failure> {
        /// Each is timed for about this long, and at least so many times.
        const ENOUGH: Duration = Duration::from_secs(2);
        const RUNS: usize = 10;

        self.gpu.trim();
        let bytes_before = self.gpu.counts().buffer_bytes;
        drop(self.once(record)?);
        self.gpu.wait()?;
        let extra_bytes = self.gpu.counts().buffer_bytes - bytes_before;

        // How long the host takes to record and submit, and how long it is until the work is done.
        let (mut host, mut whole) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        while whole.len() < RUNS || begin.elapsed() < ENOUGH {
            let start = Instant::now();
            drop(self.once(record)?);
            host.push(start.elapsed());
            self.gpu.wait()?;
            whole.push(start.elapsed());
        }
        host.sort();
        whole.sort();
        let mut recorder = Recorder::new(self.gpu);
        record(self, &mut recorder)?;
        Ok(Pass {
            min: whole[0],
            median: whole[whole.len() / 2],
            host_median: host[host.len() / 2],
            dispatches: recorder.len(),
            extra_bytes,
            stages: recorder.profile().await?,
        })
    }
}
