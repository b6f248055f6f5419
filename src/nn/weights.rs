//! Parameters from safetensors files.

use std::fmt::{self, Display};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::samples::CENTER_WEIGHT;
use super::{
    DeformConv2dLayer, DeformConv2dParameters, DeformConv2dSizes, DeformConvV3Layer, DeformConvV3Parameters,
    DeformConvV3Sizes, DeformConvV4Layer, DeformConvV4Parameters, DeformConvV4Sizes, Mask, MultiScaleDeformAttnLayer,
    MultiScaleDeformAttnParameters, MultiScaleDeformAttnSizes,
};
use crate::error::{Error, Result};
use crate::geometry::Members;
use crate::gpu::{Gpu, Tensor};
use crate::shape::Shape;
use crate::signature;

/// A safetensors file that has been checked, over its bytes.
///
/// ```no_run
/// use pliant::nn::{DeformConv2dLayer, Mask, Naming, Weights};
///
/// # fn example(gpu: pliant::Gpu) -> Result<(), Box<dyn std::error::Error>> {
/// let file = std::fs::read("resnet50-dcnv2.safetensors")?;
/// let weights = Weights::read(&file)?;
/// let layer = DeformConv2dLayer { padding: [1; 4], mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
/// let parameters = weights.deform_conv2d(&gpu, &layer, "backbone.layer2.0.conv2", Naming::Mmcv)?;
/// # Ok(())
/// # }
/// ```
pub struct Weights<'a> {
    tensors: SafeTensors<'a>,
}

impl fmt::Debug for Weights<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The names under which a system stores the parameters of a [`DeformConv2dLayer`], behind the layer's own: `layer2.0.conv2`.
///
/// Offsets and masks come of a convolution named
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming<'a> {
    /// as it is named here, in full, or `NAME.conv_offset` where nothing is: torchvision's layer takes its offsets from outside.
    Torchvision(&'a str),
    /// `NAME.conv_offset`, or `NAME_offset` in older files.
    Mmcv,
    /// `NAME_offset`.
    Detectron2,
    /// `NAME.conv_offset.N`, the last of a stack with leaky relus (slope 0.1) between them. The others are plain convolutions of whoever
    /// builds the network: what they give is the layer's `offset_input`.
    BasicVsrPlusPlus,
    /// `NAME.offset_conv` for offsets and `NAME.modulator_conv` for masks, beside `NAME.regular_conv`.
    BiRefNet,
}

impl<'a> Weights<'a> {
    /// Checks a file.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is no safetensors file.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| signature::why(bytes, signature::SAFETENSORS, error))
            .map_err(|why| Error::Malformed(format!("the file is no safetensors file: {why}")))?;
        Ok(Self { tensors })
    }

    /// The names of all tensors, in alphabetical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut names = self.tensors.names();
        names.sort_unstable();
        names.into_iter()
    }

    /// The shape of a tensor, if there is one of that name.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it has more than six axes, or an extent beyond `u32`.
    pub fn shape(&self, name: &str) -> Result<Option<Shape>> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        let shape = Shape::new(view.shape()).map_err(|error| Error::Malformed(format!("{name}: {error}")))?;
        Ok(Some(shape))
    }

    /// A tensor of the given shape, as it is stored.
    ///
    /// # Errors
    /// [`Error::Malformed`] where there is none of that name, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds
    /// neither f32, f16 nor bf16; [`Error::Limit`], [`Error::OutOfMemory`] where the device is too small.
    pub fn tensor(&self, gpu: &Gpu, name: &str, shape: impl Into<Shape>) -> Result<Tensor> {
        let (view, shape) = self.view(name, shape.into())?;
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => Tensor::upload(gpu, shape, &elements(data, f32::from_le_bytes)),
            Dtype::F16 => Tensor::upload(gpu, shape, &elements(data, f16::from_le_bytes)),
            Dtype::BF16 => Tensor::upload(gpu, shape, &elements(data, bf16::from_le_bytes)),
            dtype => Err(unknown(name, dtype)),
        }
    }

    /// The elements of a tensor of the given shape, for the host: what [`BatchNorm::fold`](crate::geometry::BatchNorm::fold) takes.
    ///
    /// # Errors
    /// [`Error::Malformed`] where there is none of that name, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds
    /// neither f32, f16 nor bf16.
    pub fn elements(&self, name: &str, shape: impl Into<Shape>) -> Result<Vec<f32>> {
        let (view, _) = self.view(name, shape.into())?;
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => Ok(elements(data, f32::from_le_bytes)),
            Dtype::F16 => Ok(elements(data, |bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::BF16 => Ok(elements(data, |bytes| bf16::from_le_bytes(bytes).to_f32())),
            dtype => Err(unknown(name, dtype)),
        }
    }

    /// The parameters of a layer: `name` and what the system has put behind it. Whether the convolution itself has a bias is the file's to
    /// say; those of offsets and masks must have theirs, as they do in every system, but for a convolution beside torchvision's layer.
    /// Kernel and channels are those of the weight, and the others must fit it.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a tensor is missing, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds neither
    /// f32, f16 nor bf16; [`Error::Attribute`] where the layer's groups do not divide the channels; [`Error::Limit`],
    /// [`Error::OutOfMemory`] where the device is too small.
    pub fn deform_conv2d(
        &self,
        gpu: &Gpu,
        layer: &DeformConv2dLayer,
        name: &str,
        naming: Naming,
    ) -> Result<DeformConv2dParameters<Tensor>> {
        let names = self.parameter_names(name, naming)?;
        let shapes = self.shapes(layer, &names)?;
        let mut named = names.named().flat_map(|(_, name)| name);
        shapes.try_map(|&shape| match named.next() {
            Some(name) => self.tensor(gpu, name, shape),
            None => Err(Error::Malformed(format!("a parameter of shape {shape} has no name"))),
        })
    }

    /// The parameters of an attention layer: `name` and what mmcv, transformers and the authors' own files have behind it,
    /// `NAME.value_proj.weight` and so on. Channels are those of the weights, and the others must fit them.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a tensor is missing, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds neither
    /// f32, f16 nor bf16; [`Error::Attribute`] where the layer's heads do not divide the channels of the value; [`Error::Limit`],
    /// [`Error::OutOfMemory`] where the device is too small.
    pub fn multi_scale_deform_attn(
        &self,
        gpu: &Gpu,
        layer: &MultiScaleDeformAttnLayer,
        name: &str,
    ) -> Result<MultiScaleDeformAttnParameters<Tensor>> {
        let [value, value_input] = self.connected(name, "value_proj")?;
        let [output, _] = self.connected(name, "output_proj")?;
        let [_, query] = self.connected(name, "sampling_offsets")?;
        let shapes = layer.parameter_shapes(&MultiScaleDeformAttnSizes { query, value_input, value, output })?;
        MultiScaleDeformAttnParameters::<()>::try_map_named(&shapes, |parameter, &shape| {
            self.parameter(gpu, name, parameter, shape)
        })
    }

    /// The parameters of a layer of version 3: `name` and what InternImage's files have behind it, `NAME.input_proj.weight` and so on; `NAME.dw_conv.0` is
    /// the convolution, and `NAME.dw_conv.1.1` its normalisation. The scale of the centre is there where the file has it. Channels and the
    /// convolution's kernel are those of the weights, and the others must fit them.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a tensor is missing, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds neither
    /// f32, f16 nor bf16; [`Error::Attribute`] where the layer's groups do not divide the channels of the value; [`Error::Limit`],
    /// [`Error::OutOfMemory`] where the device is too small.
    pub fn deform_conv_v3(
        &self,
        gpu: &Gpu,
        layer: &DeformConvV3Layer,
        name: &str,
    ) -> Result<DeformConvV3Parameters<Tensor>> {
        let [value, input] = self.connected(name, "input_proj")?;
        let [output, _] = self.connected(name, "output_proj")?;
        let [_, _, dw_rows, dw_columns] = self.weight(&format!("{name}.dw_conv.0.weight"))?;
        let center_feature_scale = self.has(&format!("{name}.{CENTER_WEIGHT}"));
        let sizes = DeformConvV3Sizes { input, value, output, dw_kernel: [dw_rows, dw_columns], center_feature_scale };
        let shapes = layer.parameter_shapes(&sizes)?;
        DeformConvV3Parameters::<()>::try_map_named(&shapes, |parameter, &shape| {
            self.parameter(gpu, name, parameter, shape)
        })
    }

    /// The parameters of a layer of version 4: `name` and what the authors' files have behind it, `NAME.value_proj.weight` and so on; not those of
    /// `NAME.offset_mask_dw`. The scale of the centre is there where the file has it. Channels are those of the weights, and the others must fit them.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a tensor is missing, [`Error::Shape`] where it has another shape, [`Error::DType`] where it holds neither
    /// f32, f16 nor bf16; [`Error::Attribute`] where the layer's groups do not divide the channels of the value; [`Error::Limit`],
    /// [`Error::OutOfMemory`] where the device is too small.
    pub fn deform_conv_v4(
        &self,
        gpu: &Gpu,
        layer: &DeformConvV4Layer,
        name: &str,
    ) -> Result<DeformConvV4Parameters<Tensor>> {
        let [value, input] = self.connected(name, "value_proj")?;
        let [output, _] = self.connected(name, "output_proj")?;
        let [_, offset_mask_input] = self.connected(name, "offset_mask")?;
        let center_feature_scale = self.has(&format!("{name}.{CENTER_WEIGHT}"));
        let sizes = DeformConvV4Sizes { input, offset_mask_input, value, output, center_feature_scale };
        let shapes = layer.parameter_shapes(&sizes)?;
        DeformConvV4Parameters::<()>::try_map_named(&shapes, |parameter, &shape| {
            self.parameter(gpu, name, parameter, shape)
        })
    }

    /// Outputs and inputs of a fully connected layer within another.
    fn connected(&self, name: &str, layer: &str) -> Result<[u32; 2]> {
        self.weight(&format!("{name}.{layer}.weight"))
    }

    /// The extents of a weight with so many axes.
    fn weight<const AXES: usize>(&self, name: &str) -> Result<[u32; AXES]> {
        let shape = self.shape(name)?.ok_or_else(|| self.missing(name))?;
        shape.extents().try_into().map_err(|_| {
            let message = format!("the tensor {name} is {shape}, of {} axes; a weight has {AXES}", shape.rank());
            Error::shape("weight", message)
        })
    }

    /// A parameter of a layer within another: `value_proj_weight` is stored as `NAME.value_proj.weight`.
    fn parameter(&self, gpu: &Gpu, name: &str, parameter: &str, shape: Shape) -> Result<Tensor> {
        let stored = match parameter.rsplit_once('_') {
            // A parameter of the block's own.
            _ if parameter.starts_with("center_feature_scale") => parameter.to_string(),
            Some(("dw_conv", kind)) => format!("dw_conv.0.{kind}"),
            Some(("norm", kind)) => format!("dw_conv.1.1.{kind}"),
            Some((layer, kind)) => format!("{layer}.{kind}"),
            None => parameter.to_string(),
        };
        self.tensor(gpu, &format!("{name}.{stored}"), shape)
    }

    /// The names of a layer's parameters in this file.
    fn parameter_names(&self, name: &str, naming: Naming) -> Result<DeformConv2dParameters<String>> {
        let offset_conv = match naming {
            Naming::Torchvision("") => format!("{name}.conv_offset"),
            Naming::Torchvision(conv) => conv.to_string(),
            Naming::Mmcv if self.is_old(name) => format!("{name}_offset"),
            Naming::Mmcv => format!("{name}.conv_offset"),
            Naming::Detectron2 => format!("{name}_offset"),
            Naming::BasicVsrPlusPlus => self.last_of(&format!("{name}.conv_offset"))?,
            Naming::BiRefNet => format!("{name}.offset_conv"),
        };
        let mask_conv = (naming == Naming::BiRefNet).then(|| format!("{name}.modulator_conv"));
        let conv = if naming == Naming::BiRefNet { format!("{name}.regular_conv") } else { name.to_string() };
        let weight = |conv: &String| format!("{conv}.weight");
        let optional = |conv: &String| Some(format!("{conv}.bias")).filter(|bias| self.has(bias));
        let bias = |conv: &String| match naming {
            Naming::Torchvision(_) => optional(conv),
            _ => Some(format!("{conv}.bias")),
        };
        Ok(DeformConv2dParameters {
            weight: weight(&conv),
            offset_weight: weight(&offset_conv),
            bias: optional(&conv),
            offset_bias: bias(&offset_conv),
            mask_weight: mask_conv.as_ref().map(weight),
            mask_bias: mask_conv.as_ref().and_then(bias),
        })
    }

    /// The last layer of a stack that has a weight.
    fn last_of(&self, stack: &str) -> Result<String> {
        let numbers = self.tensors.names().into_iter().filter_map(|name| {
            name.strip_prefix(stack)?.strip_prefix('.')?.strip_suffix(".weight")?.parse::<u32>().ok()
        });
        match numbers.max() {
            Some(number) => Ok(format!("{stack}.{number}")),
            None => Err(self.missing(&format!("{stack}.N.weight"))),
        }
    }

    /// Whether the offsets of mmcv's layer have the name of older files.
    fn is_old(&self, name: &str) -> bool {
        self.has(&format!("{name}_offset.weight")) && !self.has(&format!("{name}.conv_offset.weight"))
    }

    /// The shapes that the parameters must have, of which the file has those of the same names.
    fn shapes(
        &self,
        layer: &DeformConv2dLayer,
        names: &DeformConv2dParameters<String>,
    ) -> Result<DeformConv2dParameters<Shape>> {
        let [out_channels, channels, rows, columns] = self.weight(&names.weight)?;
        let offset_weight = self.weight(&names.offset_weight)?;
        let [offset_planes, offset_channels, _, _] = offset_weight;
        let sizes = DeformConv2dSizes {
            channels: channels.saturating_mul(layer.groups),
            out_channels,
            kernel: [rows, columns],
            offset_channels: Some(offset_channels),
            split: names.mask_weight.is_some() && layer.mask != Mask::None,
            bias: names.bias.is_some(),
        };
        let shapes = layer.parameter_shapes(&sizes)?;
        let points = [layer.offset_groups, rows, columns].into_iter().map(u64::from).fold(1, u64::saturating_mul);
        if let Some(version) = layer.other_version(offset_planes, points, sizes.split) {
            let (name, has, needs) = (&names.offset_weight, Shape::from(offset_weight), shapes.offset_weight);
            return Err(Error::shape("tensor", format!("the tensor {name} is {has}; {needs} is needed; {version}")));
        }
        Ok(DeformConv2dParameters {
            offset_bias: names.offset_bias.as_ref().and(shapes.offset_bias),
            mask_bias: names.mask_bias.as_ref().and(shapes.mask_bias),
            ..shapes
        })
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    fn view(&self, name: &str, shape: Shape) -> Result<(TensorView<'_>, Shape)> {
        let has = self.shape(name)?.ok_or_else(|| self.missing(name))?;
        if has != shape {
            return Err(Error::shape("tensor", format!("the tensor {name} is {has}; {shape} is needed")));
        }
        let view = self.tensors.tensor(name).map_err(|_| self.missing(name))?;
        Ok((view, has))
    }

    /// The refusal of a name, with those of the file that are near it, or else the first.
    fn missing(&self, name: &str) -> Error {
        const LISTED: usize = 4;
        let mut near: Vec<_> = self.names().filter(|other| is_near(name, other)).collect();
        near.sort_by_key(|other| distance(name, other));
        let (all, what) = match near.is_empty() {
            true => (self.names().collect(), "has"),
            false => (near, "has, near it,"),
        };
        let more = if all.len() > LISTED { format!(" and {} more", all.len() - LISTED) } else { String::new() };
        let listed = all[..all.len().min(LISTED)].join(", ");
        let listed = if listed.is_empty() { "none at all" } else { &listed };
        Error::Malformed(format!("the file has no tensor {name}; it {what} {listed}{more}"))
    }
}

/// Whether one name is the other behind a prefix, or differs from it by few letters.
fn is_near(a: &str, b: &str) -> bool {
    let behind = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|prefix| prefix.ends_with('.'));
    behind(a, b) || behind(b, a) || distance(a, b) <= a.len() / 6
}

/// The letters to be inserted, left out or replaced that make one name of another.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn elements<T, const N: usize>(data: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().map(|&bytes| element(bytes)).collect()
}

fn unknown(name: &str, dtype: impl Display) -> Error {
    Error::dtype("tensor", format!("the tensor {name} holds {dtype}; F32, F16 and BF16 are known"))
}
