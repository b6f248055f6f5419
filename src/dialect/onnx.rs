//! ONNX's `DeformConv`, `Conv` and `GridSample`.

use super::{AutoPad, PAIR, Sizes, checked, checked_plain, counts, exactly, padding_mode, pixels, same_kernel, word};
use crate::error::{Error, Result};
use crate::geometry::{
    self, Border, Conv2dInputs, DeformConv2dInputs, EdgeDerivative, GridSampleGeometry, GridSampleInputs, NearestOrder,
    OffsetLayout, SampleMode,
};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of ONNX's `DeformConv`, opsets 19 and 22, in two dimensions. They differ in element types alone: 22 takes `bf16`
/// too; here both do. A list that is empty counts as absent.
///
/// With `points = offset_group * kernel_height * kernel_width`:
///
/// | tensor | ONNX's | shape |
/// | --- | --- | --- |
/// | input | X | (batch, channels, height, width) |
/// | offset | offset | (batch, 2 · points, out_height, out_width): dy and dx interleaved |
/// | weight | W | (out_channels, channels / group, kernel_height, kernel_width) |
/// | bias, optional | B | (out_channels) |
/// | mask, optional | mask | (batch, points, out_height, out_width) |
///
/// The kernel's shape is inferred from the weight. Border: [`Border::Zeros`]. ONNX states no derivatives;
/// [`EdgeDerivative::OneSided`] is set.
///
/// Departures: two dimensions alone; the output's size is floored and checked against the offset's, where ONNX Runtime truncates
/// towards zero and takes an output without pixels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformConv {
    /// `[height, width]`; absent, 1 each.
    pub dilations: Vec<i64>,
    /// 1 by default.
    pub group: i64,
    /// `[height, width]`; absent, the weight's.
    pub kernel_shape: Vec<i64>,
    /// 1 by default.
    pub offset_group: i64,
    /// `[top, left, bottom, right]`; absent, 0 each.
    pub pads: Vec<i64>,
    /// `[height, width]`; absent, 1 each.
    pub strides: Vec<i64>,
}

impl Default for DeformConv {
    fn default() -> Self {
        let Conv { dilations, group, kernel_shape, pads, strides, .. } = Conv::default();
        Self { dilations, group, kernel_shape, offset_group: 1, pads, strides }
    }
}

impl DeformConv {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        kernel_shape(&self.kernel_shape, sizes.kernel)?;
        let op = geometry::DeformConv2d {
            stride: pair("strides", &self.strides)?,
            padding: pads(&self.pads)?,
            dilation: pair("dilations", &self.dilations)?,
            groups: sizes.groups("group", self.group)?,
            offset_groups: sizes.offset_groups("offset_group", self.offset_group)?,
            border: Border::Zeros,
            edge_derivative: EdgeDerivative::OneSided,
            offset_layout: OffsetLayout::Separate,
        };
        checked(op, shapes)
    }
}

/// The attributes of ONNX's `Conv`, opsets 1 to 22, in two dimensions. A list that is empty counts as absent.
///
/// | tensor | ONNX's | shape |
/// | --- | --- | --- |
/// | input | X | (batch, channels, height, width) |
/// | weight | W | (out_channels, channels / group, kernel_height, kernel_width) |
/// | bias, optional | B | (out_channels) |
///
/// Departures: two dimensions alone; automatic padding takes dilations into account, where ONNX Runtime refuses them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv {
    /// `NOTSET` ([`AutoPad::Explicit`]) by default. With any other, pads that are not 0 are refused.
    pub auto_pad: AutoPad,
    /// `[height, width]`; absent, 1 each.
    pub dilations: Vec<i64>,
    /// 1 by default.
    pub group: i64,
    /// `[height, width]`; absent, the weight's.
    pub kernel_shape: Vec<i64>,
    /// `[top, left, bottom, right]`; absent, 0 each.
    pub pads: Vec<i64>,
    /// `[height, width]`; absent, 1 each.
    pub strides: Vec<i64>,
}

impl Default for Conv {
    fn default() -> Self {
        Self {
            auto_pad: AutoPad::Explicit,
            dilations: Vec::new(),
            group: 1,
            kernel_shape: Vec::new(),
            pads: Vec::new(),
            strides: Vec::new(),
        }
    }
}

impl Conv {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &Conv2dInputs<Shape>) -> Result<geometry::Conv2d> {
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        kernel_shape(&self.kernel_shape, sizes.kernel)?;
        let (stride, dilation) = (pair("strides", &self.strides)?, pair("dilations", &self.dilations)?);
        let explicit = pads(&self.pads)?;
        if self.auto_pad != AutoPad::Explicit && explicit != [0; 4] {
            let message =
                format!("pads are {:?} and auto_pad is {}; one of the two may be given", self.pads, self.auto_pad);
            return Err(Error::attribute("pads", message));
        }
        let padding = self.auto_pad.padding(sizes.image, sizes.kernel, stride, dilation, || Ok(explicit))?;
        let groups = sizes.groups("group", self.group)?;
        checked_plain(geometry::Conv2d { stride, padding, dilation, groups }, shapes)
    }
}

fn pair(argument: &'static str, values: &[i64]) -> Result<[u32; 2]> {
    if values.is_empty() { Ok([1, 1]) } else { counts(argument, exactly(argument, values, PAIR)?) }
}

fn pads(values: &[i64]) -> Result<[u32; 4]> {
    if values.is_empty() { Ok([0; 4]) } else { pixels("pads", exactly("pads", values, "top, left, bottom, right")?) }
}

fn kernel_shape(values: &[i64], kernel: [u32; 2]) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    same_kernel("kernel_shape", exactly("kernel_shape", values, PAIR)?, kernel)
}

forward! {
    DeformConv, DeformConv2dInputs;
    Conv, Conv2dInputs;
}

/// The attributes of ONNX's `GridSample`, opsets 16 to 22, of images in two dimensions. A word that is empty counts as absent.
///
/// | tensor | ONNX's | shape |
/// | --- | --- | --- |
/// | input | X | (batch, channels, height, width) |
/// | grid | grid | (batch, out_height, out_width, 2): x, then y |
///
/// In mode `nearest` the position is rounded, then padded: [`NearestOrder::RoundFirst`]. In the cubic mode each pixel is padded, as in ONNX
/// Runtime; ONNX's own implementation moves a position to the border first.
///
/// Departures: volumes, whose tensors have five axes, are refused; a sample whose grid values are not finite is 0, where ONNX Runtime takes -1
/// for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GridSample {
    /// 0 or 1; 0 by default.
    pub align_corners: i64,
    /// `linear`, `nearest` or `cubic`, but before opset 20 `bilinear`, `nearest` or `bicubic`; absent, the first.
    pub mode: String,
    /// `zeros`, `border` or `reflection`; absent, `zeros`.
    pub padding_mode: String,
    /// The version of ONNX's operators that the model asks for, which is no attribute: at least 16. 22 by default.
    pub opset: i64,
}

impl Default for GridSample {
    fn default() -> Self {
        Self { align_corners: 0, mode: String::new(), padding_mode: String::new(), opset: 22 }
    }
}

impl GridSample {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &GridSampleInputs<Shape>) -> Result<geometry::GridSample> {
        let [linear, cubic] = match self.opset {
            ..16 => {
                let message = format!("opset is {}; GridSample is there from 16 on", self.opset);
                return Err(Error::attribute("opset", message));
            }
            16..20 => ["bilinear", "bicubic"],
            20.. => ["linear", "cubic"],
        };
        let modes = [(linear, SampleMode::Bilinear), ("nearest", SampleMode::Nearest), (cubic, SampleMode::Bicubic)];
        let (mode, padding, opset) = (&self.mode[..], &self.padding_mode[..], format!("opset {}", self.opset));
        let op = geometry::GridSample {
            mode: word("mode", if mode.is_empty() { linear } else { mode }, modes, &opset)?,
            padding: padding_mode(if padding.is_empty() { "zeros" } else { padding }, &opset)?,
            align_corners: match self.align_corners {
                0 => false,
                1 => true,
                other => {
                    let message = format!("align_corners is {other}; only 0 and 1 are possible");
                    return Err(Error::attribute("align_corners", message));
                }
            },
            nearest_order: NearestOrder::RoundFirst,
        };
        GridSampleGeometry::new(&op, shapes).map(|_| op)
    }
}

forward! {
    "The samples, in a new tensor (batch, channels, out_height, out_width), submitted." =>
    GridSample, GridSampleInputs;
}
