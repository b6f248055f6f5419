//! From a picture to the input of a model.

use half::{bf16, f16};
use image::{RgbImage, imageops};

use super::PictureOptions;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Tensor, TensorSpec};
use crate::onnx::{Model, ValueInfo};
use crate::shape::Shape;

impl PictureOptions {
    /// The input of a model that takes the picture, by name, and the shape that it gets: what the model declares and, where it leaves
    /// extents open, a batch of 1, 3 channels, and the options' size or else the picture's. Floats of 32 bits are stored as `float`.
    ///
    /// # Errors
    /// [`Error::Attribute`] where no input can take a picture, with what is in each one's way, or where several can and the options name none.
    pub fn input<'a>(&self, model: &'a Model, picture: &RgbImage, float: DType) -> Result<(&'a str, TensorSpec)> {
        let fitting: Vec<_> = self.named(model).filter(|input| fault(input).is_none()).collect();
        let [input] = fitting[..] else {
            return Err(Error::attribute("input", self.unfit(model, &fitting)));
        };
        let [height, width] = self.size.unwrap_or([picture.height(), picture.width()]);
        let declared = input.extents.as_deref().unwrap_or_default();
        let extent = |axis: usize, open: u32| declared.get(axis).copied().flatten().unwrap_or(open);
        let shape = Shape::from([extent(0, 1), extent(1, 3), extent(2, height), extent(3, width)]);
        Ok((&input.name, TensorSpec { shape, dtype: input.element.stored(float) }))
    }

    /// The inputs that the options leave for the picture.
    fn named<'a>(&self, model: &'a Model) -> impl Iterator<Item = &'a ValueInfo> {
        model.inputs().iter().filter(|input| self.input.as_ref().is_none_or(|name| input.name == *name))
    }

    /// Why there is not one input for the picture.
    fn unfit(&self, model: &Model, fitting: &[&ValueInfo]) -> String {
        let faults = self.named(model).filter_map(|input| Some(format!("{input}: {}", fault(input)?)));
        let faults: Vec<_> = faults.collect();
        if !fitting.is_empty() {
            let names: Vec<_> = fitting.iter().map(|input| &*input.name).collect();
            format!(
                "the model has {} inputs that a picture could be, {}; 1 must be named",
                names.len(),
                names.join(", ")
            )
        } else if let Some(name) = self.input.as_ref().filter(|_| faults.is_empty()) {
            let names: Vec<_> = model.inputs().iter().map(|input| &*input.name).collect();
            format!("input {name:?} was named for the picture; the model has {}", names.join(", "))
        } else {
            format!("no input of the model can be a picture: {}", faults.join("; "))
        }
    }

    /// Uploads the picture as an input: resized, scaled and normalised, red, green and blue as planes, or grey as one.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`] where the input is no picture's, [`Error::Attribute`] where the picture is empty or a number of the
    /// options is none to scale or divide by; what [`Tensor::upload`] gives.
    pub fn tensor(&self, gpu: &Gpu, picture: &RgbImage, spec: TensorSpec) -> Result<Tensor> {
        let shape = spec.shape;
        let &[1, channels @ (1 | 3), height, width] = shape.extents() else {
            let message = format!("the input is {shape}; a picture is 1x3xHEIGHTxWIDTH, or 1x1 in grey");
            return Err(Error::shape("input", message));
        };
        // Before as many are made on the host.
        gpu.check_buffer(shape.elements().saturating_mul(spec.dtype.size()))?;
        let elements = self.elements(picture, channels, [height, width])?;
        match spec.dtype {
            DType::F32 => Tensor::upload(gpu, shape, &elements),
            DType::F16 => Tensor::upload(gpu, shape, &elements.into_iter().map(f16::from_f32).collect::<Vec<_>>()),
            DType::BF16 => Tensor::upload(gpu, shape, &elements.into_iter().map(bf16::from_f32).collect::<Vec<_>>()),
            other => Err(Error::dtype("input", format!("the input holds {other}; a picture is one of floats"))),
        }
    }

    /// The elements of an input of so many channels, 1 or 3.
    pub(super) fn elements(&self, picture: &RgbImage, channels: u32, [height, width]: [u32; 2]) -> Result<Vec<f32>> {
        let Self { scale, mean, std, .. } = *self;
        if picture.width() == 0 || picture.height() == 0 {
            let (width, height) = picture.dimensions();
            let message = format!("the picture has {width}x{height} pixels; 1x1 are needed");
            return Err(Error::attribute("picture", message));
        }
        if !(scale.is_normal() && mean.iter().all(|mean| mean.is_finite()) && std.iter().all(|std| std.is_normal())) {
            let message = format!(
                "scale is {scale}, mean {mean:?} and std {std:?}; finite numbers are needed, and scale and std not 0"
            );
            return Err(Error::attribute("std", message));
        }
        let resized = imageops::resize(picture, width, height, self.filter);
        let normalised = |byte: u8, channel: usize| (f32::from(byte) * scale - mean[channel]) / std[channel];
        if channels == 1 {
            return Ok(imageops::grayscale(&resized).into_raw().into_iter().map(|byte| normalised(byte, 0)).collect());
        }
        let plane = |channel: usize| resized.pixels().map(move |pixel| normalised(pixel[channel], channel));
        Ok((0..3).flat_map(plane).collect())
    }
}

/// The reason for which an input is no picture, if there is one.
fn fault(input: &ValueInfo) -> Option<String> {
    if !input.element.is_float() {
        return Some(format!("it holds {}; floats are needed", input.element));
    }
    match input.extents.as_deref() {
        None | Some([None | Some(1), None | Some(1 | 3), _, _]) => None,
        Some([None | Some(1), Some(channels), _, _]) => Some(format!("it has {channels} channels; 3 are needed, or 1")),
        Some([Some(batch), _, _, _]) => Some(format!("its batch is {batch}; 1 is needed")),
        Some(extents) => Some(format!("it has {} axes; 4 are needed", extents.len())),
    }
}
