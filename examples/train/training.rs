//! The training loop, the test, and what is told of them.

use std::path::PathBuf;

use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use pliant::nn::Adam;
use pliant::{Gpu, Recorder, Tensor};

use crate::Failure;
use crate::digits::{Batch, CLASSES, Digit, Digits, SIDE};
use crate::network::{Design, Layer, Network};

const BATCH: usize = 64;
/// The largest learning rate; that of the offsets' parameters is a part of it.
const LEARNING_RATE: f32 = 0.01;
/// Steps in which the learning rate grows to its largest, before it falls to 0 along a cosine.
const WARM_UP: u32 = 32;
/// What draws the views of the validation and of the test: fixed, whatever the seed of the training.
const VALIDATION_SEED: u64 = 1001;
const TEST_SEED: u64 = 1002;
/// How often each digit of the validation and of the test is drawn, each time in another view.
const VIEWS: usize = 2;

#[derive(clap::Parser)]
#[command(about = "Train a plain and a deformable network on handwritten digits, and compare them")]
pub(crate) struct Arguments {
    /// How often the training digits are gone through
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Train each network from so many seeds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// A few steps of each network, no pictures: whether all works and gives the same bits again
    #[arg(long)]
    quick: bool,
    /// How fast the offsets' parameters learn, compared with the others
    #[arg(long, default_value_t = 0.1)]
    offset_rate: f32,
    /// Where the pictures go; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "output")]
    output: PathBuf,
    #[command(flatten)]
    device: crate::device::Device,
}

/// The network with its last two convolutions plain or deformable.
fn design(deformable: bool) -> Design {
    let layer = |channels, stride, deformable| Layer { channels, stride, deformable };
    let layers = vec![layer(12, 2, false), layer(24, 2, false), layer(24, 1, deformable), layer(24, 1, deformable)];
    Design { batch: BATCH as u32, side: SIDE, layers, classes: CLASSES }
}

/// What came of a training.
struct Trained {
    /// The mean loss of each epoch.
    losses: Vec<f32>,
    /// Parts of the validation and of the test that were read right.
    validation: f32,
    test: f32,
    /// Of the losses and of all parameters.
    digest: u64,
}

pub(crate) async fn main(arguments: Arguments) -> Result<(), Failure> {
    let gpu = arguments.device.gpu().await?;
    println!("{gpu:?}");
    let digits = Digits::read()?;
    let (epochs, seeds) = if arguments.quick { (1, 1) } else { (arguments.epochs, arguments.seeds) };
    println!("{:<12} {:>4} {:>12} {:>12} {:>12} {:>18}", "network", "seed", "loss", "validation", "test", "digest");
    for seed in 1..=u64::from(seeds) {
        for (name, deformable) in [("plain", false), ("deformable", true)] {
            let trained = train(&gpu, &digits, deformable, seed, epochs, &arguments).await?;
            let Trained { losses, validation, test, digest } = &trained;
            let loss = losses.last().copied().unwrap_or(f32::NAN);
            println!("{name:<12} {seed:>4} {loss:>12.4} {validation:>12.4} {test:>12.4} {digest:>18x}");
        }
    }
    Ok(())
}

async fn train(
    gpu: &Gpu,
    digits: &Digits,
    deformable: bool,
    seed: u64,
    epochs: u32,
    arguments: &Arguments,
) -> Result<Trained, Failure> {
    let design = design(deformable);
    let mut rng = Rng::with_seed(seed);
    let parameters = design.parameters(&mut rng);
    let adam = Adam::default();
    let network = Network::new(gpu, &design, &adam, &parameters)?;
    // One recording serves all steps: what changes lies in tensors.
    let mut step = Recorder::new(gpu);
    network.forward(&mut step)?;
    network.backward(&mut step)?;
    network.step(&mut step)?;

    // Both networks see the same images in the same order.
    let mut rng = Rng::with_seed(seed);
    let mut order: Vec<&Digit> = digits.training.iter().collect();
    if arguments.quick {
        order.truncate(4 * BATCH);
    }
    let steps = epochs * (order.len() / BATCH) as u32;
    let bar = ProgressBar::new(steps.into());
    bar.set_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} {eta}")?);
    bar.set_prefix(format!("{} {seed}", if deformable { "deformable" } else { "plain" }));
    let (mut losses, mut digest, mut done) = (Vec::new(), Digest::new(), 0);
    for _ in 0..epochs {
        rng.shuffle(&mut order);
        let mut sum = 0.0;
        for chosen in order.chunks_exact(BATCH) {
            let batch = Batch::drawn(chosen.iter().copied(), &mut rng);
            write(&network.images, &batch.images);
            write(&network.labels, &batch.labels);
            let rate = learning_rate(done, steps);
            write(&network.rates[0], &adam.rates(done, rate));
            write(&network.rates[1], &adam.rates(done, rate * arguments.offset_rate));
            step.submit()?;
            let loss = network.loss.download::<f32>()?.await?;
            digest.add(&loss);
            sum += loss[0];
            done += 1;
            bar.inc(1);
            bar.set_message(format!("loss {:.3}", loss[0]));
        }
        losses.push(sum / (order.len() / BATCH) as f32);
    }
    bar.finish_and_clear();
    for parameter in network.parameters() {
        digest.add(&parameter.value.download()?.await?);
    }
    let validation = accuracy(gpu, &network, &digits.validation, VALIDATION_SEED).await?;
    let test = accuracy(gpu, &network, &digits.test, TEST_SEED).await?;
    Ok(Trained { losses, validation, test, digest: digest.0 })
}

fn learning_rate(step: u32, steps: u32) -> f32 {
    let begun = (step + 1) as f32 / WARM_UP as f32;
    let done = step as f32 / steps as f32;
    LEARNING_RATE * begun.min(1.0) * 0.5 * (1.0 + (std::f32::consts::PI * done).cos())
}

/// The part of digits that is read right, over several views of each.
async fn accuracy(gpu: &Gpu, network: &Network, digits: &[Digit], seed: u64) -> Result<f32, Failure> {
    let mut forward = Recorder::new(gpu);
    network.forward(&mut forward)?;
    let mut rng = Rng::with_seed(seed);
    let (mut right, mut all) = (0, 0);
    for _ in 0..VIEWS {
        for chosen in digits.chunks_exact(BATCH) {
            write(&network.images, &Batch::drawn(chosen.iter(), &mut rng).images);
            forward.submit()?;
            let logits: Vec<f32> = network.logits().download()?.await?;
            for (row, digit) in logits.chunks_exact(CLASSES as usize).zip(chosen) {
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                right += usize::from(row[digit.label as usize] == largest);
                all += 1;
            }
        }
    }
    Ok(right as f32 / all as f32)
}

/// Gives a tensor other elements, behind all work submitted before.
fn write(tensor: &Tensor, elements: &[f32]) {
    tensor.gpu().queue().write_buffer(tensor.buffer(), tensor.offset(), bytemuck::cast_slice(elements));
}

/// FNV's hash of the bits of numbers.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, elements: &[f32]) {
        for byte in bytemuck::cast_slice::<_, u8>(elements) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
