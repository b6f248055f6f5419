//! Pictures in, pictures out (feature `image`).
//!
//! A picture is resized, scaled and normalised into the input of a model, and an output is made into a picture again by what it is: a matte,
//! a picture of three channels, labels, boxes, or planes of any number of channels.

mod boxes;
mod input;
mod output;
#[cfg(test)]
mod tests;

use std::fmt;

use image::imageops::FilterType;
use image::{GrayImage, ImageBuffer, Luma, RgbImage, RgbaImage};

use super::ModelPlan;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder};

pub use output::label_colour;

/// How a picture becomes the input of a model, and what is made of its outputs.
///
/// ```no_run
/// use pliant::image::RgbImage;
/// use pliant::onnx::{Model, ModelPlan, Preset, Shown};
/// use pliant::{DType, Gpu};
///
/// # async fn example(gpu: &Gpu, model: &Model, photograph: &RgbImage) -> pliant::Result<()> {
/// let options = Preset::BiRefNet.options();
/// let input = options.input(model, photograph, DType::F32)?;
/// let plan = ModelPlan::new(gpu, model, &[input])?;
/// let (output, shown) = plan.run_image(gpu, photograph, &options).await?;
/// if let Shown::Matte(cut_out) = shown {
///     println!("{output}: {}x{}", cut_out.width(), cut_out.height());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PictureOptions {
    /// The input that takes the picture; `None` where one input alone can.
    pub input: Option<String>,
    /// Height and width of the input where the model leaves them open; `None` for the picture's own.
    pub size: Option<[u32; 2]>,
    /// How the picture is resized to the input, whatever its proportions. [`FilterType::Triangle`] by default: bilinear, over all pixels that it
    /// shrinks.
    pub filter: FilterType,
    /// The factor of the picture's bytes. 1/255 by default.
    pub scale: f32,
    /// The numbers that are then subtracted from red, green and blue; of an input of one channel, which takes the picture in grey, the first.
    pub mean: [f32; 3],
    /// The numbers by which they are then divided.
    pub std: [f32; 3],
    /// The output that is shown; `None` for the one that is meant by `show`: of mattes the last, of all others the first.
    pub output: Option<String>,
    /// The kind of thing that is made of it; `None` for the one that its shape suggests.
    pub show: Option<Show>,
    /// Whether a matte is the sigmoid of the output.
    pub sigmoid: bool,
    /// The least score of a box.
    pub threshold: f32,
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self {
            input: None,
            size: None,
            filter: FilterType::Triangle,
            scale: 1.0 / 255.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            output: None,
            show: None,
            sigmoid: false,
            threshold: 0.5,
        }
    }
}

/// The kind of thing that is made of an output.
///
/// | kind | made of | where nothing else is said |
/// | --- | --- | --- |
/// | `Boxes` | logits (1, queries, classes) and boxes (1, queries, 4) | where there is such a pair |
/// | `Labels` | (1, classes, height, width), or integers (1, height, width) | integers |
/// | `Matte` | (1, 1, height, width) | one channel |
/// | `Picture` | (1, 3, height, width) | three channels |
/// | `Channels` | (1, channels, height, width) or (channels, height, width) | any other number of channels, or three axes |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Show {
    /// The photograph, as opaque as the output says.
    Matte,
    /// A picture of three channels, in the scale of the input.
    Picture,
    /// The channel that is largest at each pixel.
    Labels,
    /// Boxes with scores and labels.
    Boxes,
    /// Every channel by itself.
    Channels,
}

impl Show {
    /// Every kind there is.
    pub const ALL: &'static [Self] = &[Self::Matte, Self::Picture, Self::Labels, Self::Boxes, Self::Channels];
}

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Matte => "matte",
            Self::Picture => "picture",
            Self::Labels => "labels",
            Self::Boxes => "boxes",
            Self::Channels => "channels",
        })
    }
}

/// Result of a model on a picture, to be shown.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Shown {
    /// The photograph with the matte, resized to it, as alpha.
    Matte(RgbaImage),
    /// A picture of the output's size.
    Picture(RgbImage),
    /// The label of each pixel of the photograph.
    Labels(ImageBuffer<Luma<u16>, Vec<u16>>),
    /// Boxes, the highest score first.
    Boxes(Vec<Detection>),
    /// The channels row by row, as many beside each other as below, each from its least value in black to its largest in white.
    Channels(GrayImage),
}

/// An object that was found in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The number of its class.
    pub label: u32,
    /// How sure the model is, from 0 to 1.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the picture; they may lie beyond it.
    pub corners: [f32; 4],
}

/// Options for a family of models, as its authors prepare pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// BiRefNet and RMBG: 1024x1024, ImageNet's mean and deviation; the sigmoid of the last output of one channel is a matte.
    BiRefNet,
    /// RT-DETR and its relatives: 640x640, from 0 to 1; boxes.
    RtDetr,
    /// Super-resolution: the picture's own size, from 0 to 1; a picture.
    SuperResolution,
    /// Segmentation: the picture's own size, ImageNet's mean and deviation; labels.
    Segmentation,
}

impl Preset {
    /// Every preset there is.
    pub const ALL: &'static [Self] = &[Self::BiRefNet, Self::RtDetr, Self::SuperResolution, Self::Segmentation];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BiRefNet => "birefnet",
            Self::RtDetr => "rtdetr",
            Self::SuperResolution => "sr",
            Self::Segmentation => "segment",
        }
    }

    /// The options that it stands for.
    pub fn options(self) -> PictureOptions {
        let from_0_to_1 = PictureOptions::default();
        let image_net =
            PictureOptions { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], ..PictureOptions::default() };
        match self {
            Self::BiRefNet => {
                PictureOptions { size: Some([1024; 2]), show: Some(Show::Matte), sigmoid: true, ..image_net }
            }
            Self::RtDetr => PictureOptions { size: Some([640; 2]), show: Some(Show::Boxes), ..from_0_to_1 },
            Self::SuperResolution => PictureOptions { show: Some(Show::Picture), ..from_0_to_1 },
            Self::Segmentation => PictureOptions { show: Some(Show::Labels), ..image_net },
        }
    }
}

impl ModelPlan {
    /// Runs the model on a picture, and gives what is shown with the name of its output; of boxes, that of their scores. The plan has one input that each
    /// call gives: [`PictureOptions::input`] says for which shape it is made.
    ///
    /// # Errors
    /// As for [`ModelPlan::forward`], [`PictureOptions::tensor`] and [`PictureOptions::show`]; [`Error::Attribute`] where each call gives more
    /// inputs.
    pub async fn run_image(&self, gpu: &Gpu, picture: &RgbImage, options: &PictureOptions) -> Result<(String, Shown)> {
        let inputs: Vec<_> = self.inputs().collect();
        let [(name, spec)] = inputs[..] else {
            let names: Vec<_> = inputs.iter().map(|(name, _)| *name).collect();
            let message = format!("the plan has {} inputs ({}); a picture is 1", inputs.len(), names.join(", "));
            return Err(Error::attribute("input", message));
        };
        let tensor = options.tensor(gpu, picture, spec)?;
        let mut recorder = Recorder::new(gpu);
        let outputs = self.forward(&mut recorder, &[(name, &tensor)])?;
        recorder.submit()?;
        options.show(picture, &outputs).await
    }
}
