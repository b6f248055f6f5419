//! From the outputs of a model to what is shown.

use half::{bf16, f16};
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::{PictureOptions, Show, Shown, boxes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Tensor, TensorSpec};
use crate::shape::Shape;

impl PictureOptions {
    /// Makes of the outputs of a model on a picture what is shown, with the name of its output; of boxes, that of their scores.
    ///
    /// # Errors
    /// [`Error::Shape`] where no output, or not the one that is named, can be shown so; what [`Tensor::download`] gives.
    pub async fn show(&self, picture: &RgbImage, outputs: &[(&str, Tensor)]) -> Result<(String, Shown)> {
        let specs: Vec<_> = outputs.iter().map(|(name, tensor)| (*name, tensor.spec())).collect();
        let (show, index, boxes) = self.choose(&specs)?;
        let (name, tensor) = &outputs[index];
        let elements = floats(tensor).await?;
        let shape = tensor.shape();
        let size = [picture.width(), picture.height()];
        let shown = match (show, boxes) {
            (Show::Boxes, Some(boxes)) => {
                let classes = shape.extents()[2] as usize;
                let places = floats(&outputs[boxes].1).await?;
                Shown::Boxes(boxes::detections(&elements, &places, classes, self.threshold, size))
            }
            (Show::Matte, _) => Shown::Matte(matte(elements, planes(shape)?, self.sigmoid, picture)),
            (Show::Picture, _) => Shown::Picture(coloured(&elements, planes(shape)?, self.scale)),
            (Show::Labels, _) if !tensor.dtype().is_float() => Shown::Labels(given(&elements, planes(shape)?, size)),
            (Show::Labels, _) => Shown::Labels(largest(&elements, planes(shape)?, size)),
            _ => Shown::Channels(grid(&elements, planes(shape)?)),
        };
        Ok((name.to_string(), shown))
    }

    /// Chooses what is shown of which output, and for boxes the output that has them.
    pub(super) fn choose(&self, outputs: &[(&str, TensorSpec)]) -> Result<(Show, usize, Option<usize>)> {
        let named = |index: usize| self.output.as_ref().is_none_or(|name| outputs[index].0 == *name);
        let listed = |(name, spec): &(&str, TensorSpec)| format!("{name} ({} of {})", spec.shape, spec.dtype);
        let list = || outputs.iter().map(listed).collect::<Vec<_>>().join(", ");
        if let Some(name) = self.output.as_ref().filter(|_| !(0..outputs.len()).any(named)) {
            return Err(Error::attribute("output", format!("output {name:?} was named; the model has {}", list())));
        }
        let pair = boxes::pair(outputs).filter(|&(scores, boxes)| named(scores) || named(boxes));
        if let (None | Some(Show::Boxes), Some((scores, boxes))) = (self.show, pair) {
            return Ok((Show::Boxes, scores, Some(boxes)));
        }
        let fits = |&index: &usize| match self.show {
            Some(show) => can_be(show, outputs[index].1),
            None => by_shape(outputs[index].1).is_some(),
        };
        let mut fitting = (0..outputs.len()).filter(|&index| named(index)).filter(fits);
        let index = if self.show == Some(Show::Matte) { fitting.next_back() } else { fitting.next() };
        let chosen = index.and_then(|index| Some((self.show.or(by_shape(outputs[index].1))?, index, None)));
        chosen.ok_or_else(|| {
            let which = match &self.output {
                Some(name) => format!("output {name:?} cannot be shown"),
                None => "no output can be shown".to_string(),
            };
            let (what, needs) = match self.show {
                None => ("", "1xCHANNELSxHEIGHTxWIDTH"),
                Some(Show::Matte) => (" as a matte", "1x1xHEIGHTxWIDTH"),
                Some(Show::Picture) => (" as a picture", "1x3xHEIGHTxWIDTH"),
                Some(Show::Labels) => (" as labels", "1xCLASSESxHEIGHTxWIDTH, or 1xHEIGHTxWIDTH of integers"),
                Some(Show::Boxes) => (" as boxes", "1xQUERIESxCLASSES beside 1xQUERIESx4"),
                Some(Show::Channels) => (" as channels", "1xCHANNELSxHEIGHTxWIDTH"),
            };
            Error::shape("output", format!("{which}{what}: {needs} is needed; the model has {}", list()))
        })
    }
}

/// Channels, height and width.
type Planes = [u32; 3];

/// The planes of an output.
fn planes(shape: Shape) -> Result<Planes> {
    match *shape.extents() {
        [1, channels, height, width] | [channels, height, width] if shape.elements() > 0 => {
            Ok([channels, height, width])
        }
        _ => Err(Error::shape("output", format!("the output is {shape}; a picture is 1xCHANNELSxHEIGHTxWIDTH"))),
    }
}

/// Whether an output may be shown as a kind. One of three axes, without a batch, may be anything, such as boxes: floats are shown as channels alone, and integers as
/// labels too.
fn can_be(show: Show, spec: TensorSpec) -> bool {
    let Ok([channels, ..]) = planes(spec.shape) else { return false };
    let batched_floats = spec.dtype.is_float() && is_batched(spec);
    match show {
        Show::Matte => batched_floats && channels == 1,
        Show::Picture => batched_floats && channels == 3,
        // More labels than their type has are no labels.
        Show::Labels => batched_floats && (2..=1 << 16).contains(&channels) || by_shape(spec) == Some(show),
        Show::Boxes => false,
        Show::Channels => true,
    }
}

fn is_batched(spec: TensorSpec) -> bool {
    spec.shape.rank() == 4
}

/// The kind that an output is by its shape, if it is a picture.
fn by_shape(spec: TensorSpec) -> Option<Show> {
    let [channels, ..] = planes(spec.shape).ok()?;
    let batched = is_batched(spec);
    Some(match channels {
        1 if !spec.dtype.is_float() => Show::Labels,
        1 if batched => Show::Matte,
        3 if batched && spec.dtype.is_float() => Show::Picture,
        _ => Show::Channels,
    })
}

async fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(match tensor.dtype() {
        DType::F32 => tensor.download()?.await?,
        DType::F16 => tensor.download()?.await?.into_iter().map(f16::to_f32).collect(),
        DType::BF16 => tensor.download()?.await?.into_iter().map(bf16::to_f32).collect(),
        DType::I32 => tensor.download()?.await?.into_iter().map(|element: i32| element as f32).collect(),
    })
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// A byte of a number from 0 to 1; 0 for NaN.
fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// The picture with the plane as alpha.
pub(super) fn matte(
    mut plane: Vec<f32>,
    [_, height, width]: Planes,
    of_sigmoid: bool,
    picture: &RgbImage,
) -> RgbaImage {
    for value in &mut plane {
        let one = if of_sigmoid { sigmoid(*value) } else { *value };
        *value = if one.is_nan() { 0.0 } else { one.clamp(0.0, 1.0) };
    }
    let alpha = ImageBuffer::<Luma<f32>, _>::from_raw(width, height, plane).unwrap_or_default();
    let alpha = imageops::resize(&alpha, picture.width(), picture.height(), FilterType::Triangle);
    let mut cut_out = RgbaImage::new(picture.width(), picture.height());
    for (pixel, (colour, alpha)) in cut_out.pixels_mut().zip(picture.pixels().zip(alpha.pixels())) {
        let [red, green, blue] = colour.0;
        *pixel = Rgba([red, green, blue, byte(alpha[0])]);
    }
    cut_out
}

/// A picture of three planes, whose bytes were multiplied by `scale`.
pub(super) fn coloured(elements: &[f32], [_, height, width]: Planes, scale: f32) -> RgbImage {
    let pixels = height as usize * width as usize;
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = y as usize * width as usize + x as usize;
        Rgb([0, 1, 2].map(|channel| (elements[channel * pixels + pixel] / scale).round() as u8))
    })
}

/// An image of labels.
pub(super) type Labels = ImageBuffer<Luma<u16>, Vec<u16>>;

/// Labels that the model gives itself, resized without any between them.
pub(super) fn given(elements: &[f32], [_, height, width]: Planes, [to_width, to_height]: [u32; 2]) -> Labels {
    let labels = elements.iter().map(|&label| label as u16).collect();
    let labels = Labels::from_raw(width, height, labels).unwrap_or_default();
    imageops::resize(&labels, to_width, to_height, FilterType::Nearest)
}

/// The channel that is largest at each pixel of a picture, channels being interpolated linearly; the first of several.
pub(super) fn largest(elements: &[f32], [channels, height, width]: Planes, [to_width, to_height]: [u32; 2]) -> Labels {
    let [channels, pixels] = [channels as usize, height as usize * width as usize];
    // Channels last, so that those of a pixel lie together.
    let packed: Vec<_> =
        (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| elements[channel * pixels + pixel])).collect();
    let [columns, rows] = [(width, to_width), (height, to_height)].map(|(from, to)| neighbours(from, to));
    Labels::from_fn(to_width, to_height, |x, y| {
        let ((left, right, across), (up, down, along)) = (columns[x as usize], rows[y as usize]);
        let at = |row: usize, column: usize| &packed[(row * width as usize + column) * channels..][..channels];
        let corners = at(up, left).iter().zip(at(up, right)).zip(at(down, left).iter().zip(at(down, right)));
        let (mut label, mut most) = (0, f32::NEG_INFINITY);
        for (channel, ((a, b), (c, d))) in (0..=u16::MAX).zip(corners) {
            let (above, below) = (a + (b - a) * across, c + (d - c) * across);
            let value = above + (below - above) * along;
            if value > most {
                (label, most) = (channel, value);
            }
        }
        Luma([label])
    })
}

/// The two positions of `from` between which each of `to` lies, and how far from the first, pixels being areas.
fn neighbours(from: u32, to: u32) -> Vec<(usize, usize, f32)> {
    let neighbours = |index: u32| {
        let place = (f64::from(index) + 0.5) * f64::from(from) / f64::from(to) - 0.5;
        let place = place.clamp(0.0, f64::from(from.saturating_sub(1)));
        let first = place as usize;
        // What counts nothing may be NaN.
        (first, first + usize::from(place.fract() > 0.0), place.fract() as f32)
    };
    (0..to).map(neighbours).collect()
}

/// Every channel in a grid, row by row, a pixel apart.
pub(super) fn grid(elements: &[f32], [channels, height, width]: Planes) -> GrayImage {
    let columns = f64::from(channels).sqrt().ceil() as u32;
    let rows = channels.div_ceil(columns);
    let mut grid = GrayImage::new(columns * (width + 1) - 1, rows * (height + 1) - 1);
    let planes = elements.chunks_exact(height as usize * width as usize);
    for (index, plane) in (0..channels).zip(planes) {
        let finite = || plane.iter().copied().filter(|value| value.is_finite());
        let least = finite().fold(f32::INFINITY, f32::min);
        let range = finite().fold(f32::NEG_INFINITY, f32::max) - least;
        let channel = plane.iter().map(|value| byte((value - least) / range.max(f32::MIN_POSITIVE))).collect();
        let channel = GrayImage::from_raw(width, height, channel).unwrap_or_default();
        let [column, row] = [index % columns, index / columns].map(i64::from);
        imageops::replace(&mut grid, &channel, column * i64::from(width + 1), row * i64::from(height + 1));
    }
    grid
}

/// A colour for a label, the same always: neighbouring labels get distant hues.
pub fn label_colour(label: u32) -> [u8; 3] {
    /// The golden section, whose multiples fill a circle evenly.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let hue = 6.0 * (f64::from(label) * GOLDEN + 0.58).fract();
    let brightness = [0.95, 0.7][(label / 8 % 2) as usize];
    let part = |shift: f64| {
        let distance = ((hue + shift).rem_euclid(6.0) - 3.0).abs();
        let saturated = (distance - 1.0).clamp(0.0, 1.0);
        (255.0 * brightness * (0.2 + 0.8 * saturated)).round() as u8
    };
    [part(0.0), part(4.0), part(2.0)]
}
