//! The training loop, the test, and what is told of them.

use std::path::PathBuf;

use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use pliant::Adam;
use pliant::{Gpu, Recorder, Tensor};
use pliant_support::chart;
use pliant_support::device::Device;
use pliant_support::network::{Design, Layer, Network};
use pliant_support::output;

use crate::Failure;
use crate::digits::{Batch, CLASSES, Digit, Digits, SIDE, View};
use crate::picture::{self, Curve, Losses, Samples};

const BATCH: usize = 64;
/// The largest learning rate.
const LEARNING_RATE: f32 = 0.01;
/// Steps in which the learning rate grows to its largest; then it falls to 0 along a cosine.
const WARM_UP: u32 = 32;
/// Seed of the views of the validation set, by which the settings were chosen, and of the test set: fixed, whatever the seed of the
/// training.
const VALIDATION_SEED: u64 = 1001;
const TEST_SEED: u64 = 1002;
/// How often each digit of the validation and of the test is drawn, each time in another view.
const VIEWS: usize = 2;

#[derive(clap::Parser)]
#[command(about = "Train plain and deformable networks on handwritten digits, and compare them")]
pub(crate) struct Arguments {
    /// How often the training digits are gone through
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Train each network from so many seeds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// The first of the seeds
    #[arg(long, value_name = "SEED", default_value_t = 1, value_parser = clap::value_parser!(u32).range(..1_000_000))]
    first: u32,
    /// Train this network only; may be given more than once
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Variant>,
    /// A smoke test, eight steps of each network and no pictures: whether all works, and gives the same bits again
    #[arg(long)]
    quick: bool,
    /// The learning rate of what offsets and masks are made of, in parts of the others'
    #[arg(long, value_name = "PART", default_value_t = 0.1)]
    offset_rate: f32,
    /// Where the pictures go; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "output")]
    output: PathBuf,
    #[command(flatten)]
    device: Device,
}

/// The networks, which differ in their last two convolutions.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Variant {
    Plain,
    /// Plain, with more channels, so that it has no fewer parameters than the deformable one.
    Wide,
    Deformable,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Plain, Self::Wide, Self::Deformable];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Wide => "wide",
            Self::Deformable => "deformable",
        }
    }

    fn design(self) -> Design {
        let layer = |channels, stride, deformable| Layer { channels, stride, deformable };
        let (channels, deformable) = (if self == Self::Wide { 40 } else { 24 }, self == Self::Deformable);
        let last = layer(channels, 1, deformable);
        let layers = vec![layer(8, 2, false), layer(16, 2, false), last, last];
        Design { batch: BATCH as u32, side: SIDE, layers, classes: CLASSES }
    }
}

/// Result of a training.
struct Trained {
    network: Network,
    /// The mean loss of each epoch.
    losses: Vec<f32>,
    /// Of the losses of all steps and of the parameters in the end.
    digest: u64,
}

/// The pictures that are written.
const PICTURES: [&str; 2] = ["losses.png", "positions.png"];

pub(crate) async fn main(arguments: Arguments) -> Result<(), Failure> {
    if !arguments.quick {
        output::directory(&arguments.output, &PICTURES)?;
    }
    let gpu = arguments.device.gpu().await?;
    println!("{gpu:?}");
    let mut digits = Digits::read()?;
    let (epochs, seeds) = if arguments.quick { (2, 1) } else { (arguments.epochs, arguments.seeds) };
    if arguments.quick {
        digits.training.truncate(4 * BATCH);
    }
    let mut variants = Variant::ALL.to_vec();
    variants.retain(|variant| arguments.only.is_empty() || arguments.only.contains(variant));
    for variant in &variants {
        let parameters = variant.design().parameters(&mut Rng::with_seed(0));
        let count: usize = parameters.iter().map(|parameter| parameter.elements.len()).sum();
        println!("{}: {count} parameters, {epochs} epochs of {} digits", variant.name(), digits.training.len());
    }

    if arguments.quick {
        let steps = epochs as usize * (digits.training.len() / BATCH);
        println!("a smoke test: after {steps} steps a network still reads by chance, one digit in {CLASSES}");
    }

    println!("\n{:<12} {:>4} {:>10} {:>12} {:>10}  digest", "network", "seed", "loss", "validation", "test");
    let (mut curves, mut tests, mut shown) = (Vec::new(), vec![Vec::new(); variants.len()], None);
    for seed in (arguments.first..arguments.first + seeds).map(u64::from) {
        for (&variant, tests) in variants.iter().zip(&mut tests) {
            let trained = train(&gpu, &digits.training, variant, seed, epochs, arguments.offset_rate).await?;
            let validation = accuracy(&gpu, &trained.network, &digits.validation, VALIDATION_SEED).await?;
            let test = accuracy(&gpu, &trained.network, &digits.test, TEST_SEED).await?;
            let Trained { network, losses, digest } = trained;
            let loss = losses.last().copied().unwrap_or(f32::NAN);
            println!(
                "{:<12} {seed:>4} {loss:>10.4} {:>10.2} % {:>8.2} %  {digest:016x}",
                variant.name(),
                100.0 * validation,
                100.0 * test
            );
            tests.push(test);
            curves.push(Curve { name: variant.name(), losses });
            if variant == Variant::Deformable {
                shown.get_or_insert(network);
            }
        }
    }
    for (variant, tests) in variants.iter().zip(&tests) {
        let mean = tests.iter().sum::<f32>() / tests.len() as f32;
        let (least, most) =
            tests.iter().fold((1.0f32, 0.0f32), |(least, most), &test| (least.min(test), most.max(test)));
        println!(
            "{}: {:.2} % of the test, from {:.2} to {:.2}",
            variant.name(),
            100.0 * mean,
            100.0 * least,
            100.0 * most
        );
    }
    if arguments.quick {
        return Ok(());
    }
    let [losses, places] = PICTURES.map(|name| arguments.output.join(name));
    chart::save(&Losses(&curves), &losses)?;
    println!("wrote {}", losses.display());
    if let Some(network) = shown {
        output::save(&positions(&gpu, &network, &digits.test).await?, &places)?;
        println!("wrote {}", places.display());
    }
    Ok(())
}

async fn train(
    gpu: &Gpu,
    digits: &[Digit],
    variant: Variant,
    seed: u64,
    epochs: u32,
    offset_rate: f32,
) -> Result<Trained, Failure> {
    let (name, design) = (variant.name(), variant.design());
    let adam = Adam::default();
    let network = Network::new(gpu, &design, &adam, &design.parameters(&mut Rng::with_seed(seed)))?;
    // One recording serves all steps: what changes lies in tensors.
    let mut step = Recorder::new(gpu);
    network.forward(&mut step)?;
    network.backward(&mut step)?;
    network.step(&mut step)?;

    // All networks see the same images in the same order.
    let mut rng = Rng::with_seed(seed);
    let mut order: Vec<&Digit> = digits.iter().collect();
    let steps = epochs * (digits.len() / BATCH) as u32;
    let bar = ProgressBar::new(steps.into()).with_prefix(format!("{name} {seed}"));
    bar.set_style(ProgressStyle::with_template("{prefix:<12} {wide_bar} {pos}/{len}, loss {msg}, {eta} left")?);
    let (mut losses, mut digest, mut done) = (Vec::new(), Digest::new(), 0);
    for _ in 0..epochs {
        rng.shuffle(&mut order);
        let mut sum = 0.0;
        for chosen in order.chunks_exact(BATCH) {
            let batch = Batch::drawn(chosen.iter().copied(), &mut rng);
            let rate = learning_rate(done, steps);
            write(&network.images, &batch.images);
            write(&network.labels, &batch.labels);
            write(&network.rates[0], &adam.rates(done, rate));
            write(&network.rates[1], &adam.rates(done, rate * offset_rate));
            step.submit()?;
            let loss = network.loss.download::<f32>()?.await?;
            digest.add(&loss);
            sum += loss[0];
            done += 1;
            bar.set_message(format!("{:.3}", loss[0]));
            bar.inc(1);
        }
        losses.push(sum / (digits.len() / BATCH) as f32);
    }
    bar.finish_and_clear();
    for parameter in network.parameters() {
        let elements: Vec<f32> = parameter.value.download()?.await?;
        if !elements.iter().all(|element| element.is_finite()) {
            return Err(format!("{name}, seed {seed}: {} is not finite", parameter.name).into());
        }
        digest.add(&elements);
    }
    Ok(Trained { network, losses, digest: digest.0 })
}

fn learning_rate(step: u32, steps: u32) -> f32 {
    let begun = (step + 1) as f32 / WARM_UP as f32;
    let done = step as f32 / steps as f32;
    LEARNING_RATE * begun.min(1.0) * 0.5 * (1.0 + (std::f32::consts::PI * done).cos())
}

/// The part of the digits that is read right, over several views of each.
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
                let answer = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                right += usize::from(answer == Some(digit.label as usize));
                all += 1;
            }
        }
    }
    Ok(right as f32 / all as f32)
}

/// Digits of the test in several views each, and where the middle output pixel of the last layer samples them. The first picture of a row
/// has the samples of a plain network.
async fn positions(gpu: &Gpu, network: &Network, digits: &[Digit]) -> Result<image::RgbImage, Failure> {
    // Degrees and scale.
    let views = [(0.0, 0.7), (0.0, 1.0), (0.0, 1.4), (-45.0, 1.0), (45.0, 1.0)];
    let heading = |&(degrees, scale): &(f32, f32)| match (degrees, scale) {
        (0.0, scale) => format!("scale {scale}"),
        (degrees, _) => format!("turned {degrees}"),
    };
    let headings: Vec<_> = std::iter::once("plain".to_string()).chain(views.iter().map(heading)).collect();
    let views = views.map(|(degrees, scale)| View { angle: degrees.to_radians(), scale, shift: [0.0; 2] });
    let digits: Vec<_> =
        [2, 3, 4, 7].iter().filter_map(|&label| digits.iter().find(|digit| digit.label == label)).collect();
    let mut batch = Batch::default();
    for (digit, view) in digits.iter().flat_map(|digit| views.iter().map(move |view| (digit, view))) {
        batch.push(digit, view);
    }
    let pixels = (SIDE * SIDE) as usize;
    batch.images.resize(BATCH * pixels, 0.0);
    write(&network.images, &batch.images);
    let mut forward = Recorder::new(gpu);
    network.forward(&mut forward)?;
    forward.submit()?;
    let mut fields = Vec::new();
    for tensor in network.fields() {
        fields.push(tensor.download::<f32>()?.await?);
    }
    let undeformed: Vec<_> = fields.iter().map(|field| vec![0.0; field.len()]).collect();

    let images: Vec<_> = batch.images.chunks_exact(pixels).collect();
    let rows = (0..digits.len()).map(|row| {
        let plain = picture::samples(images[row * views.len() + 1], &samples(&undeformed, 0, Some(1.0)));
        let columns = (row * views.len()..(row + 1) * views.len())
            .map(|image| picture::samples(images[image], &samples(&fields, image, None)));
        std::iter::once(plain).chain(columns).collect()
    });
    let words = "Where one output pixel of the last convolution looks, the middle one: red, its own place; orange, where its taps and \
                 those of the convolution before sample the digit, fainter where masks count less. First column: plain \
                 convolutions; the others: deformable ones, on five views of each digit.";
    Ok(picture::sheet(&headings, &rows.collect::<Vec<_>>(), words))
}

/// Where the middle output pixel of the last layer samples an image through the deformable layers before it, each sample taken on at the
/// pixel that it is nearest to, and the product of the masks on the way; or `part` for all.
fn samples(fields: &[Vec<f32>], image: usize, part: Option<f32>) -> Samples {
    // Pixels of the image from one pixel of the layers to the next.
    const STEP: f32 = 4.0;
    const WIDTH: usize = SIDE as usize / 4;
    let own = [(WIDTH / 2) as f32; 2];
    let mut places = vec![(own, 1.0)];
    for field in fields.iter().rev() {
        let value = |channel: usize, pixel: usize| field[(image * 27 + channel) * WIDTH * WIDTH + pixel];
        let mut further = Vec::new();
        for (place, before) in places {
            let [y, x] = place.map(f32::round);
            if ![y, x].iter().all(|along| (0.0..WIDTH as f32).contains(along)) {
                continue;
            }
            let pixel = y as usize * WIDTH + x as usize;
            for tap in 0..9 {
                let moved = [2 * tap, 2 * tap + 1].map(|channel| value(channel, pixel));
                let place = [y + (tap / 3) as f32 - 1.0 + moved[0], x + (tap % 3) as f32 - 1.0 + moved[1]];
                further.push((place, before * part.unwrap_or(value(18 + tap, pixel))));
            }
        }
        places = further;
    }
    let on_image = |place: [f32; 2]| place.map(|along| STEP * along);
    Samples { own: on_image(own), places: places.into_iter().map(|(place, part)| (on_image(place), part)).collect() }
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
