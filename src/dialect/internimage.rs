//! InternImage's DCNv3.

use super::{count, pixels};
use crate::error::{Error, Result};
use crate::geometry::{BATCH, DeformConvV3, DeformConvV3Geometry, DeformConvV3Inputs, EdgeDerivative, axis, extents};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of InternImage's `DCNv3Function`, behind the tensors.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, height, width, group · group_channels) |
/// | offset | (batch, out_height, out_width, group · taps · 2): x, then y, tap by tap, column by column |
/// | mask | (batch, out_height, out_width, group · taps), after the softmax |
///
/// Edge derivative: [`EdgeDerivative::Zero`], as its kernels have it; that of `dcnv3_core_pytorch` is one-sided.
///
/// Departures: there is no `im2col_step`, which is an implementation's; `pad_h` pads rows, as in the kernels, where `dcnv3_core_pytorch` pads
/// columns by it; a sample whose offset is not finite is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dcnv3 {
    /// 3 by default.
    pub kernel_h: i64,
    /// 3 by default.
    pub kernel_w: i64,
    /// 1 by default.
    pub stride_h: i64,
    /// 1 by default.
    pub stride_w: i64,
    /// 1 by default.
    pub pad_h: i64,
    /// 1 by default.
    pub pad_w: i64,
    /// 1 by default.
    pub dilation_h: i64,
    /// 1 by default.
    pub dilation_w: i64,
    /// 4 by default.
    pub group: i64,
    /// Channels of a group; required, 0 by default, which is refused.
    pub group_channels: i64,
    /// 1 by default.
    pub offset_scale: f32,
    /// False by default; true needs a square kernel of odd extents.
    pub remove_center: bool,
}

impl Default for Dcnv3 {
    fn default() -> Self {
        Self {
            kernel_h: 3,
            kernel_w: 3,
            stride_h: 1,
            stride_w: 1,
            pad_h: 1,
            pad_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            group: 4,
            group_channels: 0,
            offset_scale: 1.0,
            remove_center: false,
        }
    }
}

impl Dcnv3 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConvV3Inputs<Shape>) -> Result<DeformConvV3> {
        let op = self.resolve(shapes.input)?;
        DeformConvV3Geometry::new(&op, shapes).map(|_| op)
    }

    /// The op for an input of this shape; nothing else is checked.
    pub(super) fn resolve(&self, input: Shape) -> Result<DeformConvV3> {
        let group = count("group", self.group)?;
        let group_channels = count("group_channels", self.group_channels)?;
        let [.., channels] = extents("input", input, [BATCH, axis("height"), axis("width"), axis("channels")])?;
        if u64::from(group) * u64::from(group_channels) != u64::from(channels) {
            let message = format!(
                "group_channels is {group_channels}; {group} groups of them do not make the input's {channels} channels"
            );
            return Err(Error::attribute("group_channels", message));
        }
        let Self { kernel_h, kernel_w, remove_center, .. } = *self;
        if remove_center && (kernel_h != kernel_w || kernel_h % 2 == 0) {
            let message = format!("remove_center needs a square kernel of odd extents; it is {kernel_h}x{kernel_w}");
            return Err(Error::attribute("remove_center", message));
        }
        let [pad_h] = pixels("pad_h", [self.pad_h])?;
        let [pad_w] = pixels("pad_w", [self.pad_w])?;
        Ok(DeformConvV3 {
            kernel: [count("kernel_h", kernel_h)?, count("kernel_w", kernel_w)?],
            stride: [count("stride_h", self.stride_h)?, count("stride_w", self.stride_w)?],
            padding: [pad_h, pad_w, pad_h, pad_w],
            dilation: [count("dilation_h", self.dilation_h)?, count("dilation_w", self.dilation_w)?],
            groups: group,
            offset_scale: self.offset_scale,
            remove_center,
            edge_derivative: EdgeDerivative::Zero,
        })
    }
}

forward! {
    "The sums, in a new tensor (batch, out_height, out_width, channels), submitted." =>
    Dcnv3, DeformConvV3Inputs;
}
