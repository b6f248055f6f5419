//! `onnx --image`: a picture as the input of a model, and its outputs shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use pliant::onnx::{Detection, Model, PictureOptions, Preset, Show, Shown, ValueInfo, label_colour};
use pliant::{DType, Error, Gpu, Tensor, TensorSpec};
use pliant_support::canvas::{Key, explained};
use pliant_support::frames::{self, Frame};
use pliant_support::{npy, output};

use crate::{Failure, number, photo};

/// The boxes that are printed.
const LISTED: usize = 10;

/// The longest side that a grid of channels is enlarged to at most.
const GRID: u32 = 1024;

#[derive(clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// A picture, PNG or JPEG, as an input; without a name, that which can take one
    #[arg(long, value_name = "[NAME=]FILE")]
    image: Option<String>,
    /// Prepare and show pictures as for models of this family
    #[arg(long, value_name = "FAMILY", requires = "image", value_parser = preset())]
    like: Option<Preset>,
    /// Height and width that the picture is resized to, or one number for both [default: the model's, the family's, or the picture's]
    #[arg(long, value_name = "H,W", requires = "image")]
    #[arg(value_parser = |text: &str| numbers::<_, 2>(text, "whole numbers above 0", |size: u32| size > 0))]
    size: Option<[u32; 2]>,
    /// The factor of the picture's bytes [default: the family's, or 1/255]
    #[arg(long, requires = "image", value_parser = factor)]
    scale: Option<f32>,
    /// Numbers that are then subtracted from red, green and blue, or one for all [default: the family's, or 0]
    #[arg(long, value_name = "R,G,B", requires = "image", allow_hyphen_values = true)]
    #[arg(value_parser = |text: &str| numbers::<_, 3>(text, "numbers", f32::is_finite))]
    mean: Option<[f32; 3]>,
    /// Numbers by which they are then divided, or one for all [default: the family's, or 1]
    #[arg(long, value_name = "R,G,B", requires = "image")]
    #[arg(value_parser = |text: &str| numbers::<_, 3>(text, "numbers other than 0", f32::is_normal))]
    std: Option<[f32; 3]>,
    /// The least score of a box, from 0 to 1 [default: 0.5]
    #[arg(long, value_name = "SCORE", requires = "image", value_parser = |text: &str| number(text, 0f32, 1.0))]
    threshold: Option<f32>,
    /// Names of labels, one a line, the first that of label 0
    #[arg(long, value_name = "FILE", requires = "image")]
    labels: Option<PathBuf>,
}

fn preset() -> impl TypedValueParser<Value = Preset> {
    let find = |name: String| Preset::ALL.iter().copied().find(|preset| preset.name() == name);
    PossibleValuesParser::new(Preset::ALL.iter().map(|preset| preset.name()))
        .try_map(move |name| find(name).ok_or("there is no such family"))
}

/// A number other than 0, perhaps as one divided by another.
fn factor(text: &str) -> Result<f32, String> {
    let part = |text: &str| text.trim().parse::<f32>().ok();
    let factor = match text.split_once('/') {
        Some((above, below)) => part(above).zip(part(below)).map(|(above, below)| above / below),
        None => part(text),
    };
    factor.filter(|factor| factor.is_normal()).ok_or_else(|| "a number other than 0 is needed, such as 1/255".into())
}

/// So many numbers of a kind, or one for all of them.
fn numbers<T: Copy + FromStr, const N: usize>(
    text: &str,
    kind: &str,
    is_one: impl Fn(T) -> bool,
) -> Result<[T; N], String> {
    let number = |text: &str| text.trim().parse().ok().filter(|&number| is_one(number));
    let numbers: Option<Vec<T>> = text.split(',').map(number).collect();
    let numbers = numbers.and_then(|numbers| match numbers[..] {
        [one] => Some([one; N]),
        _ => numbers.try_into().ok(),
    });
    numbers.ok_or_else(|| format!("{N} {kind} are needed, or one for all"))
}

/// Whether a file is a picture, by its ending.
pub(super) fn is_picture(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
    ["png", "jpg", "jpeg"].iter().any(|known| ending == *known)
}

/// A picture with the input that takes it, and where what is made of it goes.
pub(super) struct Picture {
    photo: RgbImage,
    options: PictureOptions,
    input: (String, TensorSpec),
    /// The output that is shown, where one is named, and the file.
    files: Vec<(Option<String>, PathBuf)>,
    labels: Vec<String>,
}

impl Arguments {
    /// Reads the picture, if there is one, and finds its input; `shown` are the outputs that go to pictures.
    pub(super) fn read(&self, model: &Model, shown: &[String], dtype: DType) -> Result<Option<Picture>, Failure> {
        let Some(image) = &self.image else {
            let needless = shown.first().map(|file| format!("{file}: a picture is made where --image gives one"));
            return needless.map_or(Ok(None), |message| Err(message.into()));
        };
        let (input, file) = of_value(image, "input", model.inputs())?;
        let photo = photo::read(&file)?;
        let mut options = self.like.map_or_else(PictureOptions::default, Preset::options);
        options.input = input;
        options.size = self.size.or(options.size);
        options.scale = self.scale.unwrap_or(options.scale);
        options.mean = self.mean.unwrap_or(options.mean);
        options.std = self.std.unwrap_or(options.std);
        options.threshold = self.threshold.unwrap_or(options.threshold);
        let (name, spec) = options.input(model, &photo, dtype)?;
        let &[_, _, height, width] = spec.shape.extents() else { return Err("a picture has four axes".into()) };
        if let Some([down, across]) = self.size.filter(|size| *size != [height, width]) {
            return Err(format!("--size is {down},{across}; the model's input {name} is {}", spec.shape).into());
        }
        let files =
            shown.iter().map(|file| of_value(file, "output", model.outputs())).collect::<Result<Vec<_>, _>>()?;
        if options.show == Some(Show::Matte) {
            files.iter().try_for_each(|(_, file)| holds_alpha(file))?;
        }
        files.iter().try_for_each(|(_, file)| output::file(file))?;
        let labels = match &self.labels {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
                let text = text.trim_start_matches('\u{feff}');
                text.lines().map(|line| line.trim().to_string()).collect()
            }
            None => Vec::new(),
        };
        let picture = Picture { photo, options, input: (name.into(), spec), files, labels };
        picture.print(&file, self.like);
        Ok(Some(picture))
    }
}

/// Refuses a file whose format has no alpha, which a matte is.
fn holds_alpha(file: &Path) -> Result<(), String> {
    if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
        Ok(())
    } else {
        Err(format!("cannot write {}: a matte is alpha, which a .png holds", file.display()))
    }
}

/// The grid with each pixel enlarged by a whole factor, if it is small.
fn enlarged(grid: &GrayImage) -> GrayImage {
    let (width, height) = grid.dimensions();
    let factor = (GRID / width.max(height)).max(1);
    imageops::resize(grid, factor * width, factor * height, FilterType::Nearest)
}

/// A file, and the value of the model that it is for, where it names one.
fn of_value(text: &str, what: &str, values: &[ValueInfo]) -> Result<(Option<String>, PathBuf), String> {
    let (name, file) = npy::split(text, what, values.iter().map(|value| &*value.name))?;
    Ok((name.map(String::from), file.into()))
}

impl Picture {
    fn print(&self, file: &Path, like: Option<Preset>) {
        let Self { photo, options, input: (name, spec), .. } = self;
        let list = |numbers: [f32; 3]| numbers.map(|number| number.to_string()).join(",");
        let (width, height) = photo.dimensions();
        println!("picture  {}, {width}x{height} pixels, as {name} ({} of {})", file.display(), spec.shape, spec.dtype);
        let like = like.map_or(String::new(), |preset| format!("like {}: ", preset.name()));
        let show = match options.show {
            None => "shown by its shape".to_string(),
            Some(Show::Matte) if options.sigmoid => "its sigmoid shown as matte".to_string(),
            Some(Show::Boxes) => format!("shown as boxes of scores from {}", options.threshold),
            Some(show) => format!("shown as {show}"),
        };
        // To a hundredth: 1/255 is no number of 32 bits.
        let scale = (100.0 / options.scale).round() / 100.0;
        println!("         {like}scale 1/{scale}, mean {}, std {}; {show}", list(options.mean), list(options.std));
    }

    /// The name of the input that it is.
    pub(super) fn input(&self) -> &str {
        &self.input.0
    }

    /// The input that it is.
    pub(super) fn tensor(&self, gpu: &Gpu) -> pliant::Result<(&str, Tensor)> {
        let (name, spec) = &self.input;
        Ok((name, self.options.tensor(gpu, &self.photo, *spec)?))
    }

    /// Writes what is made of the outputs where that is asked for; where no output is, prints what is made of one.
    pub(super) async fn show(&self, outputs: &[(&str, Tensor)], asked: bool) -> Result<(), Failure> {
        for (output, file) in &self.files {
            let options = PictureOptions { output: output.clone(), ..self.options.clone() };
            let (output, shown) = options.show(&self.photo, outputs).await?;
            self.list(&shown);
            let [width, height] = self.save(&output, &shown, file)?;
            println!("wrote {}, {width}x{height} pixels: {output} as {}", file.display(), what(&shown));
        }
        if !asked {
            match self.options.show(&self.photo, outputs).await {
                Ok((output, shown)) => {
                    println!("{output} as {}; --output out.png writes a picture", what(&shown));
                    self.list(&shown);
                }
                // Not every model gives something to look at.
                Err(error @ Error::Shape { .. }) => println!("{error}"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Prints the boxes of highest scores, or the share of each label.
    fn list(&self, shown: &Shown) {
        match shown {
            Shown::Labels(labels) => {
                self.keys(labels).iter().for_each(|key| println!("    {}", key.meaning));
                self.list_unnamed(labels.pixels().map(|pixel| pixel[0].into()));
            }
            Shown::Boxes(found) => {
                for frame in found.iter().take(LISTED).map(|found| self.frame(found)) {
                    let Frame { corners: [left, top, right, bottom], words, .. } = frame;
                    println!("    {words}: from {left:.1},{top:.1} to {right:.1},{bottom:.1}");
                }
                if found.len() > LISTED {
                    println!("    and {} more of lower scores", found.len() - LISTED);
                }
                self.list_unnamed(found.iter().map(|found| found.label));
            }
            _ => {}
        }
    }

    /// Prints the first label that has no name, where others have names.
    fn list_unnamed(&self, labels: impl Iterator<Item = u32>) {
        let beyond = labels.filter(|&label| label as usize >= self.labels.len()).min();
        if let Some(label) = beyond.filter(|_| !self.labels.is_empty()) {
            println!("    --labels has {} names; label {label} is among those found", self.labels.len());
        }
    }

    /// Writes what is shown, and gives the width and height of the picture.
    fn save(&self, output: &str, shown: &Shown, file: &Path) -> Result<[u32; 2], Failure> {
        let failed = |error: image::ImageError| format!("cannot write {}: {error}", file.display());
        let coloured = |picture: &RgbImage| -> Result<[u32; 2], Failure> {
            output::save(picture, file)?;
            Ok(picture.dimensions().into())
        };
        match shown {
            Shown::Matte(cut_out) => {
                holds_alpha(file)?;
                cut_out.save(file).map_err(failed)?;
                Ok(cut_out.dimensions().into())
            }
            Shown::Picture(picture) => coloured(picture),
            Shown::Channels(grid) => {
                let grid = enlarged(grid);
                grid.save(file).map_err(failed)?;
                Ok(grid.dimensions().into())
            }
            Shown::Labels(labels) => {
                let (width, height) = labels.dimensions();
                let picture =
                    RgbImage::from_fn(width, height, |x, y| Rgb(label_colour(labels.get_pixel(x, y)[0].into())));
                let caption = format!("labels of {output}");
                coloured(&explained(&picture, width.div_ceil(300), &self.keys(labels), &caption))
            }
            Shown::Boxes(found) => {
                let mut picture = self.photo.clone();
                frames::draw(&mut picture, &found.iter().map(|found| self.frame(found)).collect::<Vec<_>>())?;
                coloured(&picture)
            }
            // What the library may come to show.
            _ => Err(format!("cannot write {}: {output} is shown in another way", file.display()).into()),
        }
    }

    /// The labels with their shares, the largest first.
    fn keys(&self, labels: &ImageBuffer<Luma<u16>, Vec<u16>>) -> Vec<Key> {
        let mut counts = BTreeMap::<_, u32>::new();
        labels.pixels().for_each(|label| *counts.entry(label[0]).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let all = f64::from(labels.width()) * f64::from(labels.height());
        let key = |(label, count): (u16, u32)| Key {
            colour: label_colour(label.into()).map(f32::from),
            meaning: format!("{} {:.1} %", self.label(label.into()), 100.0 * f64::from(count) / all),
        };
        counts.into_iter().map(key).collect()
    }

    fn frame(&self, found: &Detection) -> Frame {
        Frame {
            corners: found.corners,
            colour: label_colour(found.label),
            words: format!("{} {:.2}", self.label(found.label), found.score),
        }
    }

    fn label(&self, label: u32) -> String {
        self.labels.get(label as usize).cloned().unwrap_or_else(|| format!("label {label}"))
    }
}

/// Words for the thing that is shown.
fn what(shown: &Shown) -> String {
    match shown {
        Shown::Matte(_) => "alpha of the photo".into(),
        Shown::Picture(_) => "picture".into(),
        Shown::Channels(_) => "channels, each from its least value to its largest".into(),
        Shown::Labels(_) => "labels".into(),
        Shown::Boxes(found) => format!("{} boxes", found.len()),
        _ => "what the library shows".into(),
    }
}
