//! The command `run`: a deformable convolution over a photo, its offsets shaped like a lens, its weights a filter bank.

mod filters;
mod lens;
mod photo;
mod picture;
mod problem;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use image::RgbImage;
use pliant::{Error, Gpu, wgpu};
use pliant_support::canvas::captioned;
use pliant_support::device::Device;
use pliant_support::output;

use filters::FILTERS;
use lens::Lens;
use problem::{Problem, Run};

/// The longest side of a photo that a GPU does without a long wait.
const GPU_SIZE: u32 = 2048;
/// The longest side of a photo for an adapter that runs on the CPU.
const SOFTWARE_SIZE: u32 = 1024;
/// The longest side of a photo for the reference.
const REFERENCE_SIZE: u32 = 640;

#[derive(clap::Parser)]
pub(crate) struct Arguments {
    /// The photo, PNG or JPEG; without it, the cat that comes with the project
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Where the pictures go; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "output")]
    output: PathBuf,
    /// How much the lens magnifies, from -1 to 0.9: its middle 1 / (1 - STRENGTH) times
    #[arg(long, default_value_t = 0.6, allow_negative_numbers = true)]
    #[arg(value_parser = |text: &str| number(text, -1.0, 0.9))]
    strength: f64,
    /// How far the lens turns its middle, in degrees clockwise
    #[arg(long, default_value_t = 30.0, allow_negative_numbers = true)]
    #[arg(value_parser = |text: &str| number(text, -720.0, 720.0))]
    swirl: f64,
    /// The radius of the lens, in parts of the photo's shorter side
    #[arg(long, default_value_t = 0.45)]
    #[arg(value_parser = |text: &str| number(text, 0.001, 100.0))]
    radius: f64,
    /// The centre of the lens from the left, in parts of the photo's width
    #[arg(long, default_value_t = 0.38)]
    #[arg(value_parser = |text: &str| number(text, 0.0, 1.0))]
    centre_x: f64,
    /// The centre of the lens from the top, in parts of the photo's height
    #[arg(long, default_value_t = 0.4)]
    #[arg(value_parser = |text: &str| number(text, 0.0, 1.0))]
    centre_y: f64,
    /// Pixels from one tap of the 3x3 kernel to the next; without it, a 150th of the photo's longer side
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    spacing: Option<u32>,
    /// Shrink a photo whose longer side has more pixels than this; without it, than 2048, or 1024 on a software adapter
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=16384))]
    size: Option<u32>,
    #[command(flatten)]
    device: Device,
}

/// A number between two others, both included.
fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {least} to {most} is needed")),
    }
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, crate::Failure> {
    let photo = match &arguments.image {
        Some(file) => photo::read(file)?,
        None => photo::shipped()?,
    };
    output::directory(&arguments.output, &file_names())?;
    let (photo, problem, output) = match arguments.device.gpu().await {
        Ok(gpu) => on_device(&arguments, photo, &gpu).await?,
        Err(error @ Error::NoAdapter(_)) if Gpu::adapters(wgpu::Backends::PRIMARY).await.is_empty() => {
            println!("{error}\n");
            println!("Until then the reference does it on the CPU, on at most {REFERENCE_SIZE} pixels a side.\n");
            by_reference(&arguments, photo)?
        }
        Err(error) => return Err(error.into()),
    };
    write_pictures(&arguments.output, &photo, &problem, &output)?;
    Ok(ExitCode::SUCCESS)
}

/// The photo as convolved, the convolution, its output.
type Done = (RgbImage, Problem, Vec<f32>);

async fn on_device(arguments: &Arguments, photo: RgbImage, gpu: &Gpu) -> Result<Done, crate::Failure> {
    let info = &gpu.capabilities().info;
    println!("adapter      {} ({}, {})", info.name, info.backend, info.driver_info);
    let most = if gpu.capabilities().software() { SOFTWARE_SIZE } else { GPU_SIZE };
    let (photo, problem) = problem(arguments, photo, arguments.size.unwrap_or(most));
    let run = problem.run(gpu).await?;
    print_times(gpu, &run);
    let difference = problem.compare(&run.output)?;
    let compared = match difference.step {
        1 => "all output pixels".to_string(),
        step => format!("one output pixel of every {step}x{step}"),
    };
    println!("\nlargest difference to the reference in f64: {:.2e} ({compared})", difference.largest);
    if !difference.explained {
        return Err("that is more than rounding explains; please report this adapter and driver".into());
    }
    Ok((photo, problem, run.output))
}

fn by_reference(arguments: &Arguments, photo: RgbImage) -> Result<Done, crate::Failure> {
    let most = arguments.size.map_or(REFERENCE_SIZE, |size| size.min(REFERENCE_SIZE));
    let (photo, problem) = problem(arguments, photo, most);
    let start = Instant::now();
    let output = problem.run_reference()?;
    println!("\nreference in f64, by the clock: {:.3} s", start.elapsed().as_secs_f64());
    Ok((photo, problem, output))
}

/// The photo, shrunk if need be, and the convolution over it.
fn problem(arguments: &Arguments, photo: RgbImage, longest: u32) -> (RgbImage, Problem) {
    let (full_width, full_height) = photo.dimensions();
    let photo = photo::shrink(photo, longest);
    let (width, height) = photo.dimensions();
    let shrunk = if width.max(height) < full_width.max(full_height) {
        format!(", shrunk from {full_width}x{full_height}")
    } else {
        String::new()
    };
    let name = arguments.image.as_ref().map_or("chelsea".to_string(), |file| file.display().to_string());
    println!("photo        {name}, {width}x{height}{shrunk}");

    let lens = Lens {
        centre: [arguments.centre_y * f64::from(height - 1), arguments.centre_x * f64::from(width - 1)],
        radius: arguments.radius * f64::from(width.min(height)),
        strength: arguments.strength,
        swirl: arguments.swirl.to_radians(),
    };
    let spacing = arguments.spacing.unwrap_or((width.max(height) / 150).max(1));
    let problem = Problem::new(&photo, &lens, spacing);
    println!(
        "convolution  3x3, taps {spacing} apart, with mask; 3 input and {} output channels",
        filters::out_channels()
    );
    (photo, problem)
}

fn print_times(gpu: &Gpu, run: &Run) {
    let clock = if gpu.capabilities().timestamps() { "the device's timestamps" } else { "the clock" };
    println!("\n{:<40} {:>10} {:>12}", format!("stage, timed by {clock}"), "dispatches", "ms");
    for stage in &run.stages {
        println!("{:<40} {:>10} {:>12.3}", stage.kernel, stage.dispatches, stage.seconds * 1e3);
    }
    let dispatches: u32 = run.stages.iter().map(|stage| stage.dispatches).sum();
    println!("{:<40} {dispatches:>10} {:>12.3}", "sum", problem::seconds(&run.stages) * 1e3);
    println!(
        "{:<40} {dispatches:>10} {:>12.3}",
        "total, submitted at once, by the clock",
        run.total.as_secs_f64() * 1e3
    );
    println!(
        "\nFor the stages and their sum each dispatch runs apart; the total is a run of its own, from submitting all of them to"
    );
    println!("the end. Both are the fastest of {} runs, after one to warm up.", problem::RUNS);
}

/// The pictures that are written, in this order.
fn file_names() -> Vec<String> {
    let filters = FILTERS.iter().map(|filter| filter.name);
    ["original"].into_iter().chain(filters).chain(["samples", "sheet"]).map(|name| format!("{name}.png")).collect()
}

/// Why the pictures darken.
const MASK: &str = "It darkens away from the lens, where the mask lets samples count less.";

fn write_pictures(directory: &Path, photo: &RgbImage, problem: &Problem, output: &[f32]) -> Result<(), crate::Failure> {
    // About forty characters a line.
    let scale = photo.width().div_ceil(300);
    let mut responses = Vec::new();
    let mut pictures = vec![captioned(photo, scale, "original: the photo, undistorted")];
    let mut rest = output;
    for filter in &FILTERS {
        let (own, others) = rest.split_at((filter.out_channels() * problem.width * problem.height) as usize);
        let response = filter.picture(own, problem.width, problem.height);
        pictures.push(captioned(&response, scale, &format!("{}: {}. {MASK}", filter.name, filter.effect)));
        responses.push(response);
        rest = others;
    }
    let samples = picture::sampling_positions(photo, problem);
    let sheet = picture::contact_sheet(photo, problem, &samples, &responses);
    pictures.extend([captioned(&samples, 3, picture::DOTS), sheet]);

    println!();
    for (name, picture) in file_names().iter().zip(&pictures) {
        let file = directory.join(name);
        output::save(picture, &file)?;
        println!("wrote {}", file.display());
    }
    Ok(())
}
