//! MindSpore's `deformable_conv2d` and `conv2d`.

use super::{AutoPad, PAIR, Sizes, checked, checked_plain, count, counts, exactly, pixels, same_kernel};
use crate::error::{Error, Result};
use crate::geometry::{self, Border, Conv2dInputs, DeformConv2dInputs, EdgeDerivative, OffsetLayout};
use crate::gpu::Tensor;
use crate::shape::Shape;

const SIDES: &str = "top, bottom, left, right";
const AXES: &str = "batch, channels, height, width";

/// The attributes of MindSpore's `ops.deformable_conv2d`. The first three have no default upstream: they are empty here, and
/// refused until they are given.
///
/// | tensor | MindSpore's | shape |
/// | --- | --- | --- |
/// | input | x | (batch, channels, height, width) |
/// | weight | weight | (out_channels, channels / groups, kernel_height, kernel_width) |
/// | offset | offsets | (batch, 3 · deformable_groups · kernel_height · kernel_width, out_height, out_width): all dx, then all dy, then all masks |
/// | bias, optional | bias | (out_channels) |
///
/// The mask is part of the offset; one of its own is refused. Nothing is inferred. Border: [`Border::Zeros`]; edge derivative:
/// [`EdgeDerivative::OneSided`].
///
/// The example of MindSpore's documentation, whose output is 8x8:
///
/// ```
/// use pliant::dialect::mindspore::DeformableConv2d;
/// use pliant::geometry::{DeformConv2dGeometry};
/// use pliant::{DeformConv2dInputs};
///
/// let shapes = DeformConv2dInputs {
///     input: [4, 3, 10, 10].into(),
///     offset: [4, 3 * 3 * 3, 8, 8].into(),
///     mask: None,
///     weight: [5, 3, 3, 3].into(),
///     bias: None,
/// };
/// let attributes = DeformableConv2d {
///     kernel_size: vec![3, 3],
///     strides: vec![1, 1, 1, 1],
///     padding: vec![0, 0, 0, 0],
///     ..DeformableConv2d::default()
/// };
/// let op = attributes.op(&shapes)?;
/// assert_eq!(DeformConv2dGeometry::new(&op, &shapes)?.output_shape(), [4, 5, 8, 8].into());
/// # Ok::<(), pliant::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformableConv2d {
    /// `[height, width]`; the weight's.
    pub kernel_size: Vec<i64>,
    /// `[1, 1, height, width]`.
    pub strides: Vec<i64>,
    /// `[top, bottom, left, right]`.
    pub padding: Vec<i64>,
    /// `[1, 1, height, width]`; 1 each by default.
    pub dilations: Vec<i64>,
    /// 1 by default.
    pub groups: i64,
    /// Offset groups; 1 by default.
    pub deformable_groups: i64,
    /// True by default, and nothing else: there is no form without a mask.
    pub modulated: bool,
}

impl Default for DeformableConv2d {
    fn default() -> Self {
        Self {
            kernel_size: Vec::new(),
            strides: Vec::new(),
            padding: Vec::new(),
            dilations: vec![1; 4],
            groups: 1,
            deformable_groups: 1,
            modulated: true,
        }
    }
}

impl DeformableConv2d {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        if !self.modulated {
            let message =
                "modulated is false; only true is possible: the last third of the offset's channels is the mask";
            return Err(Error::attribute("modulated", message));
        }
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        same_kernel("kernel_size", exactly("kernel_size", &self.kernel_size, PAIR)?, sizes.kernel)?;
        let op = geometry::DeformConv2d {
            stride: spatial("strides", &self.strides)?,
            padding: sides(exactly("padding", &self.padding, SIDES)?)?,
            dilation: spatial("dilations", &self.dilations)?,
            groups: sizes.groups("groups", self.groups)?,
            offset_groups: sizes.offset_groups("deformable_groups", self.deformable_groups)?,
            border: Border::Zeros,
            edge_derivative: EdgeDerivative::OneSided,
            offset_layout: OffsetLayout::Planes,
        };
        checked(op, shapes)
    }
}

/// Height and width of a tuple over all four axes.
fn spatial(argument: &'static str, values: &[i64]) -> Result<[u32; 2]> {
    let [batch, channels, height, width] = exactly(argument, values, AXES)?;
    for (axis, value) in [("batch", batch), ("channels", channels)] {
        if value != 1 {
            let message = format!("{argument} has {value} for {axis}; only 1 is possible");
            return Err(Error::attribute(argument, message));
        }
    }
    Ok([count(argument, height)?, count(argument, width)?])
}

/// From top, bottom, left, right to top, left, bottom, right.
fn sides(values: [i64; 4]) -> Result<[u32; 4]> {
    let [top, bottom, left, right] = pixels("padding", values)?;
    Ok([top, left, bottom, right])
}

/// MindSpore's `ops.deformable_conv2d`, its arguments in their order: [`DeformableConv2d::forward`]. Submitted.
///
/// # Errors
/// The errors of [`DeformableConv2d::forward`].
#[allow(clippy::too_many_arguments, reason = "upstream's signature")]
pub fn deformable_conv2d(
    x: &Tensor,
    weight: &Tensor,
    offsets: &Tensor,
    kernel_size: &[i64],
    strides: &[i64],
    padding: &[i64],
    bias: Option<&Tensor>,
    dilations: &[i64],
    groups: i64,
    deformable_groups: i64,
    modulated: bool,
) -> Result<Tensor> {
    let attributes = DeformableConv2d {
        kernel_size: kernel_size.to_vec(),
        strides: strides.to_vec(),
        padding: padding.to_vec(),
        dilations: dilations.to_vec(),
        groups,
        deformable_groups,
        modulated,
    };
    attributes.forward(&DeformConv2dInputs { input: x, offset: offsets, weight, mask: None, bias })
}

/// How MindSpore's `conv2d` finds its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PadMode {
    /// `"same"`: the output has `ceil(extent / stride)` pixels; an odd pixel of padding goes behind the image.
    Same,
    /// `"valid"`: none.
    #[default]
    Valid,
    /// `"pad"`: `padding`.
    Pad,
}

/// The attributes of MindSpore's `ops.conv2d`. Pairs are `[height, width]`.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | weight | (out_channels, channels / groups, kernel_height, kernel_width) |
/// | bias, optional | (out_channels) |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// 1 by default.
    pub stride: [i64; 2],
    /// [`PadMode::Valid`] by default.
    pub pad_mode: PadMode,
    /// `[top, bottom, left, right]`; 0 by default, and nothing else unless the mode is [`PadMode::Pad`].
    pub padding: [i64; 4],
    /// 1 by default.
    pub dilation: [i64; 2],
    /// 1 by default.
    pub groups: i64,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1, 1], pad_mode: PadMode::Valid, padding: [0; 4], dilation: [1, 1], groups: 1 }
    }
}

impl Conv2d {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &Conv2dInputs<Shape>) -> Result<geometry::Conv2d> {
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        let (stride, dilation) = (counts("stride", self.stride)?, counts("dilation", self.dilation)?);
        let explicit = sides(self.padding)?;
        let (auto_pad, mode) = match self.pad_mode {
            PadMode::Same => (AutoPad::SameUpper, "same"),
            PadMode::Valid => (AutoPad::Valid, "valid"),
            PadMode::Pad => (AutoPad::Explicit, "pad"),
        };
        if auto_pad != AutoPad::Explicit && explicit != [0; 4] {
            let message = format!("padding is {:?} and pad_mode is {mode}; only pad takes padding", self.padding);
            return Err(Error::attribute("padding", message));
        }
        let padding = auto_pad.padding(sizes.image, sizes.kernel, stride, dilation, || Ok(explicit))?;
        let groups = sizes.groups("groups", self.groups)?;
        checked_plain(geometry::Conv2d { stride, padding, dilation, groups }, shapes)
    }
}

/// MindSpore's `ops.conv2d`, its arguments in their order: [`Conv2d::forward`]. Submitted.
///
/// # Errors
/// The errors of [`Conv2d::forward`].
#[allow(clippy::too_many_arguments, reason = "upstream's signature")]
pub fn conv2d(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: [i64; 2],
    pad_mode: PadMode,
    padding: [i64; 4],
    dilation: [i64; 2],
    groups: i64,
) -> Result<Tensor> {
    let attributes = Conv2d { stride, pad_mode, padding, dilation, groups };
    attributes.forward(&Conv2dInputs { input, weight, bias })
}

forward! {
    DeformableConv2d, DeformConv2dInputs;
    Conv2d, Conv2dInputs;
}
