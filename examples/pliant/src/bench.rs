//! The command `bench`: how fast deformable convolutions and their gradients are, verified before they are timed.

mod attention;
mod ceiling;
mod check;
mod layers;
mod progress;
mod reckoning;
mod report;
mod roofline;
mod timing;
mod tuning;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use pliant::{DType, DeformConv2dPlan, Error, Gpu};
use pliant_support::chart::{self, Kind};
use pliant_support::device::{DTYPES, Device, StrategyChoice};
use pliant_support::output;

use crate::Failure;
use ceiling::Ceilings;
use check::Check;
use layers::{ByHand, Job, Layer, Offsets, Suite};
use progress::Progress;
use report::{Format, Row, Table};
use roofline::Roofline;
use timing::Run;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shapes to time
    #[arg(long, value_enum, default_value = "cpu", conflicts_with = "input")]
    suite: Suite,
    /// Only the shapes of these names
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(Suite::names()))]
    only: Vec<String>,
    /// How all tensors but offsets are stored, one after another; offsets are f32
    #[arg(long, value_name = DTYPES, default_value = "f32", value_delimiter = ',')]
    dtype: Vec<DType>,
    /// Where the taps sample, one after another
    #[arg(long, value_enum, default_value = "sigma2", value_delimiter = ',')]
    offsets: Vec<Offsets>,
    /// About how long each pass is timed
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print the time of each kernel too
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    stages: bool,
    /// Draw a roofline of all passes, as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Pack the weight beforehand, once for all forward calls
    #[arg(long)]
    packed: bool,
    /// Time the forward pass alone
    #[arg(long)]
    forward: bool,
    /// Verify every element of large shapes too, of which samples are verified otherwise
    #[arg(long)]
    whole: bool,
    /// Print no times, but for each shape its name and a hash of the bits of output and gradients
    #[arg(long, conflicts_with_all = ["json", "markdown", "stages", "plot", "packed", "forward", "whole"])]
    digest: bool,
    /// Compute each digest so many times, and fail where they differ
    #[arg(long, requires = "digest", value_name = "TIMES", default_value_t = 1)]
    repeat: u32,
    /// Measure every way that the device has to do each shape's forward pass, and print them beside the rule's choice
    #[arg(long, conflicts_with_all = ["digest", "reckon", "stages", "plot", "packed", "forward", "whole", "strategy", "every_strategy"])]
    tune: bool,
    /// Use the choices of this file, where there is one; --tune adds what it finds
    #[arg(long, value_name = "FILE")]
    tuning: Option<PathBuf>,
    /// Print, in Markdown, what the kernels of a GPU compute and move in f32, reckoned from the shapes, and run nothing
    #[arg(long, conflicts_with_all = ["digest", "json", "markdown", "stages", "plot", "packed", "whole", "dtype", "offsets", "strategy", "every_strategy"])]
    reckon: bool,
    #[command(flatten)]
    by_hand: ByHand,
    #[command(flatten)]
    strategy: StrategyChoice,
    #[command(flatten)]
    device: Device,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0 to 3600 is needed".to_string()),
    }
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.suite == Suite::Attention && !arguments.by_hand.is_given() {
        arguments.attention().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let layers = arguments.layers()?;
    if let Some(file) = &arguments.plot {
        Kind::of(file)?;
        output::file(file)?;
    }
    if arguments.tune {
        arguments.tunings(&layers).await?
    } else if arguments.digest {
        arguments.digests(&layers).await?
    } else if arguments.reckon {
        reckoning::print(arguments.jobs(&layers), !arguments.forward)?
    } else {
        arguments.times(&layers).await?
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn layers(&self) -> Result<Vec<Layer>, Failure> {
        let mut layers = self.by_hand.layer().map_or_else(|| self.suite.layers(), |layer| vec![layer]);
        let names: Vec<_> = layers.iter().map(|layer| layer.name).collect();
        if let Some(unknown) = self.only.iter().find(|only| !names.contains(&only.as_str())) {
            return Err(format!("{unknown} is not among the shapes to time, {}; see --suite", names.join(", ")).into());
        }
        layers.retain(|layer| self.only.is_empty() || self.only.iter().any(|only| only == layer.name));
        Ok(layers)
    }

    /// Times the suite of attention.
    async fn attention(&self) -> Result<(), Failure> {
        let layers = [self.tune, self.reckon, self.packed, self.plot.is_some()];
        if layers.contains(&true) {
            return Err("--suite attention has no --tune, --reckon, --packed or --plot".into());
        }
        let gpu = self.gpu().await?;
        let named = |name: &&str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let names: Vec<_> = attention::NAMES.into_iter().filter(named).collect();
        for &dtype in &self.dtype {
            let (format, enough) = (self.format(), Duration::from_secs_f64(self.seconds));
            let backward = !self.forward;
            let digests = self.digest.then_some(self.repeat);
            let bench = attention::Bench { gpu: &gpu, dtype, enough, backward, format, stages: self.stages, digests };
            bench.times(&names).await?;
        }
        Ok(())
    }

    /// Every layer with every kind of inputs.
    fn jobs<'a>(&'a self, layers: &'a [Layer]) -> impl Iterator<Item = Result<Job<'a>, Failure>> + 'a {
        layers.iter().flat_map(move |layer| {
            let with = move |&offsets| self.dtype.iter().map(move |&dtype| layer.job(offsets, dtype));
            self.offsets.iter().flat_map(with)
        })
    }

    /// The device, with the choices of the file.
    async fn gpu(&self) -> Result<Gpu, Failure> {
        let gpu = self.device.gpu().await?;
        if let Some(file) = self.tuning.as_ref().filter(|file| file.exists()) {
            let text = std::fs::read_to_string(file)?;
            gpu.set_tuning(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(gpu)
    }

    fn format(&self) -> Format {
        match (self.json, self.markdown) {
            (true, _) => Format::Json,
            (_, true) => Format::Markdown,
            _ => Format::Text,
        }
    }

    async fn tunings(&self, layers: &[Layer]) -> Result<(), Failure> {
        let gpu = self.gpu().await?;
        let mut table = tuning::Table::new(self.format(), &gpu);
        for layer in layers {
            for &dtype in &self.dtype {
                let job = layer.job(Offsets::Zero, dtype)?;
                let progress = Progress::new(format!("{}: tuning", layer.name), 1);
                let tuned = DeformConv2dPlan::tune(&gpu, &layer.op, &job.specs()).await?;
                drop(progress);
                table.print(layer.name, dtype, &tuned);
            }
        }
        if let Some(file) = &self.tuning {
            output::file(file)?;
            std::fs::write(file, gpu.tuning())?;
            eprintln!("wrote {}", file.display());
        }
        Ok(())
    }

    async fn digests(&self, layers: &[Layer]) -> Result<(), Failure> {
        let gpu = self.gpu().await?;
        for job in self.jobs(layers) {
            let job = &job?;
            for strategy in self.strategy.choices() {
                let run = Run::new(&gpu, job, strategy, self.packed)?;
                let name = job.layer.name;
                let progress = run.progress("digest");
                progress.set_units(self.repeat.into());
                let digest = run.digest().await?;
                for _ in 1..self.repeat {
                    progress.advance(1);
                    let again = run.digest().await?;
                    if again != digest {
                        return Err(format!("{name} gave {digest:016x}, and then {again:016x}").into());
                    }
                }
                drop(progress);
                println!("{name} {digest:016x}");
            }
        }
        Ok(())
    }

    async fn times(&self, layers: &[Layer]) -> Result<(), Failure> {
        let enough = Duration::from_secs_f64(self.seconds);
        let gpu = self.gpu().await?;
        let format = self.format();
        let mut table = Table::new(format, gpu.capabilities().info.name.clone(), self.stages);
        let title = format!("{gpu:?}");
        let mut ceilings = Ceilings::new(gpu, enough / 4).await?;
        if format == Format::Text {
            let (copy, best) = (ceilings.copy() * 1e-9, ceilings.best() * 1e-9);
            println!("{title}: a copy {copy:.2} GB/s, a product of 1024 x 1024 matrices {best:.1} GFLOP/s");
        }
        let mut rows = Vec::new();
        for job in self.jobs(layers) {
            let job = &job?;
            let backward = job.layer.backward && !self.forward;
            let matmul = ceilings.matmul(job).await?;
            let own = DeformConv2dPlan::new(ceilings.gpu(), &job.layer.op, &job.specs())?.strategy();
            let mut check = None;
            for strategy in self.strategy.choices() {
                // On a device of its own, that has compiled nothing.
                let gpu = self.gpu().await?;
                let run = match Run::new(&gpu, job, strategy, self.packed) {
                    Err(Error::Unsupported(why)) if self.strategy.every() => {
                        eprintln!("{}: {why}", job.layer.name);
                        continue;
                    }
                    run => run?,
                };
                let flops = run.plan().geometry().flops();
                let check = match &mut check {
                    Some(check) => check,
                    none => none.insert(Check::new(job, flops, backward, self.whole)?),
                };
                let mut add = |backward, pass| {
                    let strategy = run.plan().strategy();
                    let row = Row {
                        shape: job.layer.name,
                        offsets: job.offsets.name(),
                        dtype: job.dtype,
                        strategy,
                        chosen: strategy == own,
                        backward,
                        pass,
                        // Backward has two contractions of the same size.
                        flops: if backward { 3 * flops } else { flops },
                        bytes: job.bytes(backward),
                        packed_bytes: job.packed_bytes(),
                        matmul,
                        copy: ceilings.copy(),
                    };
                    table.print(&row);
                    rows.push(row);
                };
                add(false, run.forward(check, enough).await?);
                if backward {
                    add(true, run.forward_backward(check, enough).await?);
                }
            }
        }
        table.explain();
        if let Some(file) = &self.plot {
            let title = format!("Deformable convolution on {}", ceilings.gpu().capabilities().info.name);
            let roofline = Roofline { title, rows: &rows, matmul: ceilings.best(), copy: ceilings.copy() };
            chart::save(&roofline, file)?;
            // Standard output may be a table for other programs.
            eprintln!("wrote {}", file.display());
        }
        Ok(())
    }
}
