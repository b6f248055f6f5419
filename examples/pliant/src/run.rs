//! The command `run`: a deformable convolution over a photo, its offsets shaped like a lens, its weights a filter bank; and a deformable attention
//! that follows the photo's outlines.

mod attention;
mod outlines;
mod picture;
mod problem;
mod timing;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use image::{Rgb, RgbImage};
use pliant::{Error, Gpu, wgpu};
use pliant_support::canvas::{captioned, explained};
use pliant_support::device::Device;
use pliant_support::filters::{self, FILTERS};
use pliant_support::lens::{self, Lens};
use pliant_support::output;

use crate::{number, photo};
use attention::{Attended, Attention};
use problem::{Difference, Problem};

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

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, crate::Failure> {
    let photo = match &arguments.image {
        Some(file) => photo::read(file)?,
        None => photo::shipped()?,
    };
    output::directory(&arguments.output, &file_names())?;
    let done = match arguments.device.gpu().await {
        Ok(gpu) => on_device(&arguments, photo, &gpu).await?,
        Err(error @ Error::NoAdapter(_)) if Gpu::adapters(wgpu::Backends::PRIMARY).await.is_empty() => {
            println!("{error}\n");
            println!("Until then the reference does it on the CPU, on at most {REFERENCE_SIZE} pixels a side.\n");
            by_reference(&arguments, photo)?
        }
        Err(error) => return Err(error.into()),
    };
    write_pictures(&arguments.output, &done)?;
    Ok(ExitCode::SUCCESS)
}

/// Convolution and attention of a photo, with their outputs.
struct Done {
    /// The photo as convolved.
    photo: RgbImage,
    problem: Problem,
    output: Vec<f32>,
    attention: Attention,
    attended: Attended,
}

async fn on_device(arguments: &Arguments, photo: RgbImage, gpu: &Gpu) -> Result<Done, crate::Failure> {
    let info = &gpu.capabilities().info;
    println!("adapter      {} ({}, {})", info.name, info.backend, info.driver_info);
    let most = if gpu.capabilities().software() { SOFTWARE_SIZE } else { GPU_SIZE };
    let (photo, problem) = problem(arguments, photo, arguments.size.unwrap_or(most));
    let attention = attention(&photo);
    let (output, times) = problem.run(gpu).await?;
    let (attended, times_of_attention) = attention.run(gpu).await?;
    times.print("convolution");
    times_of_attention.print("attention");
    timing::explain(gpu);

    let (of_convolution, step) = problem.compare(&output)?;
    let compared = match step {
        1 => "all output pixels".to_string(),
        step => format!("one output pixel of every {step}x{step}"),
    };
    println!("\nlargest difference to the reference in f64:");
    checked("convolution", &of_convolution, &compared)?;
    checked("attention", &attention.compare(&attended)?, "locations, weights and outputs of all queries")?;
    Ok(Done { photo, problem, output, attention, attended })
}

/// Prints how far from the reference a result is, which rounding must explain.
fn checked(of: &str, difference: &Difference, compared: &str) -> Result<(), crate::Failure> {
    println!("{of:<12} {:.2e} ({compared})", difference.largest);
    if difference.explained {
        Ok(())
    } else {
        Err("that is more than rounding explains; please report this adapter and driver".into())
    }
}

fn by_reference(arguments: &Arguments, photo: RgbImage) -> Result<Done, crate::Failure> {
    let most = arguments.size.map_or(REFERENCE_SIZE, |size| size.min(REFERENCE_SIZE));
    let (photo, problem) = problem(arguments, photo, most);
    let attention = attention(&photo);
    println!("\nreference in f64, by the clock:");
    let start = Instant::now();
    let output = problem.run_reference()?;
    println!("convolution  {:.3} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let attended = attention.run_reference()?;
    println!("attention    {:.3} s", start.elapsed().as_secs_f64());
    Ok(Done { photo, problem, output, attention, attended })
}

/// The attention over a photo.
fn attention(photo: &RgbImage) -> Attention {
    let attention = Attention::new(photo);
    println!(
        "attention    {} heads, {} points of each in each level ({}); queries: {}",
        attention::HEADS,
        attention::REACHES.len(),
        attention.levels().join(", "),
        attention.queries
    );
    attention
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
        centre: [arguments.centre_y, arguments.centre_x],
        radius: arguments.radius,
        strength: arguments.strength,
        swirl: arguments.swirl.to_radians(),
    };
    let spacing = arguments.spacing.unwrap_or(lens::spacing(width, height));
    let problem = Problem::new(&photo, &lens.over(width, height), spacing);
    println!(
        "convolution  3x3, taps {spacing} apart, with mask; 3 input and {} output channels",
        filters::out_channels()
    );
    (photo, problem)
}

/// The pictures that are written, in this order.
fn file_names() -> Vec<String> {
    let filters = FILTERS.iter().map(|filter| filter.name);
    ["original"]
        .into_iter()
        .chain(filters)
        .chain(["samples", "attention", "sheet"])
        .map(|name| format!("{name}.png"))
        .collect()
}

/// Why the pictures darken.
const MASK: &str = "It darkens away from the lens, where the mask lets samples count less.";

fn write_pictures(directory: &Path, done: &Done) -> Result<(), crate::Failure> {
    let Done { photo, problem, output, attention, attended } = done;
    // About forty characters a line.
    let scale = photo.width().div_ceil(300);
    let mut responses = Vec::new();
    let mut pictures = vec![captioned(photo, scale, "original: the photo, undistorted")];
    let mut rest = &output[..];
    for filter in &FILTERS {
        let (own, others) = rest.split_at((filter.out_channels() * problem.width * problem.height) as usize);
        let mut colours = filter.colours(own);
        let next = |_, _| Rgb(colours.next().unwrap_or_default());
        let response = RgbImage::from_fn(problem.width, problem.height, next);
        pictures.push(captioned(&response, scale, &format!("{}: {}. {MASK}", filter.name, filter.effect)));
        responses.push(response);
        rest = others;
    }
    let samples = picture::sampling_positions(photo, problem);
    let looks = picture::looks(photo, &attention.looks(attended));
    let keys = picture::keys(attention);
    let sheet = picture::contact_sheet(photo, problem, &responses, &samples, (&looks, &keys));
    pictures.extend([captioned(&samples, 3, picture::DOTS), explained(&looks, 3, &keys, picture::LOOKS), sheet]);

    println!();
    for (name, picture) in file_names().iter().zip(&pictures) {
        let file = directory.join(name);
        output::save(picture, &file)?;
        println!("wrote {}", file.display());
    }
    Ok(())
}
