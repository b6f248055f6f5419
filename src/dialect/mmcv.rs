//! mmcv's `DeformConv2d` (version 1), `ModulatedDeformConv2d` (version 2), `DeformRoIPool`, `RoIAlign` and multi-scale deformable
//! attention. Its plain convolution is torch's:
//! [`torchvision::Conv2d`](super::torchvision::Conv2d).

use super::attention::{check_starts, of_weights};
use super::{Sizes, absent, checked, counts, pixels, sampling_ratio};
use crate::error::{Error, Result};
use crate::geometry::{
    self, Border, DeformConv2dInputs, DeformRoiPoolGeometry, DeformRoiPoolInputs, EdgeDerivative, MultiScaleDeformAttn,
    MultiScaleDeformAttnInputs, OffsetGradient, OffsetLayout, RoiAlignGeometry, RoiAlignInputs, RoiChannels,
};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of mmcv's `DeformConv2d` and `deform_conv2d`: no mask and no bias; both are refused. Pairs are
/// `[height, width]`; padding is the same on both sides.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | offset | (batch, 2 · deform_groups · kernel_height · kernel_width, out_height, out_width): dy and dx interleaved |
/// | weight | (out_channels, channels / groups, kernel_height, kernel_width) |
///
/// Nothing is inferred but the layer's channels and kernel size, which are the weight's. Border: [`Border::Zeros`]; edge derivative:
/// [`EdgeDerivative::Zero`].
///
/// Departures: `im2col_step` and what it must divide are an implementation's; a batch of 0 is legal; an image smaller than the
/// kernel is refused, mmcv's layer pads it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformConv2d {
    /// 1 by default.
    pub stride: [i64; 2],
    /// 0 by default.
    pub padding: [i64; 2],
    /// 1 by default.
    pub dilation: [i64; 2],
    /// 1 by default.
    pub groups: i64,
    /// Offset groups; 1 by default.
    pub deform_groups: i64,
}

/// The attributes of mmcv's `ModulatedDeformConv2d` and `modulated_deform_conv2d`: those of [`DeformConv2d`], with a mask, and a
/// bias that may be absent.
///
/// | tensor | shape |
/// | --- | --- |
/// | input, offset, weight | as of [`DeformConv2d`] |
/// | mask | (batch, deform_groups · kernel_height · kernel_width, out_height, out_width) |
/// | bias, optional | (out_channels) |
///
/// The mask is needed. Border: [`Border::Zeros`]; edge derivative: [`EdgeDerivative::Zero`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModulatedDeformConv2d {
    /// 1 by default.
    pub stride: [i64; 2],
    /// 0 by default.
    pub padding: [i64; 2],
    /// 1 by default.
    pub dilation: [i64; 2],
    /// 1 by default.
    pub groups: i64,
    /// Offset groups; 1 by default.
    pub deform_groups: i64,
}

impl Default for DeformConv2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, deform_groups: 1 }
    }
}

impl Default for ModulatedDeformConv2d {
    fn default() -> Self {
        let DeformConv2d { stride, padding, dilation, groups, deform_groups } = DeformConv2d::default();
        Self { stride, padding, dilation, groups, deform_groups }
    }
}

impl DeformConv2d {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        absent("mask", shapes.mask, "mmcv's DeformConv2d has none, ModulatedDeformConv2d has")?;
        absent("bias", shapes.bias, "mmcv's DeformConv2d has none, ModulatedDeformConv2d has")?;
        self.resolve(shapes)
    }

    fn resolve(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        let [rows, columns] = pixels("padding", self.padding)?;
        let op = geometry::DeformConv2d {
            stride: counts("stride", self.stride)?,
            padding: [rows, columns, rows, columns],
            dilation: counts("dilation", self.dilation)?,
            groups: sizes.groups("groups", self.groups)?,
            offset_groups: sizes.offset_groups("deform_groups", self.deform_groups)?,
            border: Border::Zeros,
            edge_derivative: EdgeDerivative::Zero,
            offset_layout: OffsetLayout::Separate,
        };
        checked(op, shapes)
    }
}

impl ModulatedDeformConv2d {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        if shapes.mask.is_none() {
            let message = "mask is absent; mmcv's ModulatedDeformConv2d needs one, DeformConv2d has none";
            return Err(Error::shape("mask", message));
        }
        let Self { stride, padding, dilation, groups, deform_groups } = *self;
        DeformConv2d { stride, padding, dilation, groups, deform_groups }.resolve(shapes)
    }
}

forward! {
    DeformConv2d, DeformConv2dInputs;
    ModulatedDeformConv2d, DeformConv2dInputs;
}

/// The attributes of mmcv's `DeformRoIPool` and `deform_roi_pool`.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | rois | (rois, 5): image, x1, y1, x2, y2 |
/// | offset, optional | (rois, 2, height, width) of the output: a plane of x, then a plane of y |
///
/// The gradient of the offset is mmcv's: [`OffsetGradient::Mmcv`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformRoiPool {
    /// `[height, width]`; required, 0 by default, which is refused.
    pub output_size: [i64; 2],
    /// 1 by default.
    pub spatial_scale: f32,
    /// 0 by default: as many samples as pixels.
    pub sampling_ratio: i64,
    /// 0.1 by default.
    pub gamma: f32,
}

/// The attributes of mmcv's `RoIAlign` and `roi_align`.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | rois | (rois, 5): image, x1, y1, x2, y2 |
///
/// Departure: there is no `pool_mode`; it is `avg`, which is mmcv's default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// `[height, width]`; required, 0 by default, which is refused.
    pub output_size: [i64; 2],
    /// 1 by default.
    pub spatial_scale: f32,
    /// 0 by default: as many samples as pixels.
    pub sampling_ratio: i64,
    /// True by default.
    pub aligned: bool,
}

impl Default for DeformRoiPool {
    fn default() -> Self {
        Self { output_size: [0; 2], spatial_scale: 1.0, sampling_ratio: 0, gamma: 0.1 }
    }
}

impl Default for RoiAlign {
    fn default() -> Self {
        Self { output_size: [0; 2], spatial_scale: 1.0, sampling_ratio: 0, aligned: true }
    }
}

impl DeformRoiPool {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformRoiPoolInputs<Shape>) -> Result<geometry::DeformRoiPool> {
        let op = geometry::DeformRoiPool {
            pooled: counts("output_size", self.output_size)?,
            spatial_scale: self.spatial_scale,
            sampling_ratio: sampling_ratio(self.sampling_ratio)?,
            gamma: self.gamma,
            offset_gradient: OffsetGradient::Mmcv,
        };
        DeformRoiPoolGeometry::new(&op, shapes).map(|_| op)
    }
}

impl RoiAlign {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &RoiAlignInputs<Shape>) -> Result<geometry::RoiAlign> {
        let op = geometry::RoiAlign {
            pooled: counts("output_size", self.output_size)?,
            spatial_scale: self.spatial_scale,
            sampling_ratio: sampling_ratio(self.sampling_ratio)?,
            aligned: self.aligned,
            channels: RoiChannels::Each,
        };
        RoiAlignGeometry::new(&op, shapes).map(|_| op)
    }
}

forward! {
    "The averages, in a new tensor (rois, channels, height, width), submitted." =>
    DeformRoiPool, DeformRoiPoolInputs;
    RoiAlign, RoiAlignInputs;
}

/// The arguments of mmcv's `MultiScaleDeformableAttnFunction` that are no tensors of floats.
///
/// | tensor | mmcv's | shape |
/// | --- | --- | --- |
/// | value | value | (batch, pixels of all levels, heads, channels) |
/// | locations | sampling_locations | (batch, queries, heads, levels, points, 2): x, then y, in 0..1 |
/// | weights | attention_weights | (batch, queries, heads, levels, points), after the softmax |
/// | padding_mask, optional | its layer's key_padding_mask | (batch, pixels of all levels): not 0 where the value counts 0 |
///
/// Edge derivative: [`EdgeDerivative::Zero`], as its kernels have it; that of `multi_scale_deformable_attn_pytorch` is one-sided.
///
/// Departures: there is no `im2col_step`, and what it must divide, which are an implementation's; a location that is not finite makes a sample
/// of 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct MultiScaleDeformableAttention {
    /// `[height, width]` of each level.
    pub value_spatial_shapes: Vec<[i64; 2]>,
    /// The pixels in front of each level.
    pub value_level_start_index: Vec<i64>,
}

impl MultiScaleDeformableAttention {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &MultiScaleDeformAttnInputs<Shape>) -> Result<MultiScaleDeformAttn> {
        check_starts("value_level_start_index", &self.value_level_start_index, &self.value_spatial_shapes)?;
        of_weights(&self.value_spatial_shapes, EdgeDerivative::Zero, shapes)
    }
}

forward! {
    "The sums, in a new tensor (batch, queries, heads · channels), submitted." =>
    MultiScaleDeformableAttention, MultiScaleDeformAttnInputs;
}
