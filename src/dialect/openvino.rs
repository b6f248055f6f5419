//! OpenVINO's `DeformableConvolution`, versions 1 and 8, `Convolution`, `GroupConvolution` and `DeformablePSROIPooling`, version 1.
//!
//! Attributes that upstream requires have no default: they are empty here, and refused until they are given. Pads need not be given
//! where `auto_pad` finds them; they are ignored then, as upstream does.
//!
//! Departures from the specifications' text: strides of 0, which it allows, are refused, as OpenVINO's code does, and so is any
//! element type but ours. None of these operations has a bias, which is an `Add` of its own, and one is refused; to fuse it, make
//! the op from shapes without it and the plan from inputs with it.

use super::{AutoPad, PAIR, Sizes, absent, checked, checked_plain, count, counts, exactly, pixels};
use crate::error::Result;
use crate::geometry::{
    self, Border, Conv2dInputs, DeformConv2dInputs, DeformPsRoiPoolGeometry, DeformPsRoiPoolInputs, EdgeDerivative,
    OffsetLayout, axis, extents,
};
use crate::gpu::Tensor;
use crate::shape::Shape;

const NO_BIAS: &str = "the operation has none: it is an Add of its own";

/// The attributes of OpenVINO's `DeformableConvolution-1`.
///
/// | tensor | OpenVINO's | shape |
/// | --- | --- | --- |
/// | input | data | (batch, channels, height, width) |
/// | offset | offsets | (batch, 2 · deformable_group · kernel_height · kernel_width, out_height, out_width): dy and dx interleaved |
/// | weight | filters | (out_channels, channels / group, kernel_height, kernel_width) |
///
/// The kernel's shape is inferred from the weight; a mask or a bias is refused. Border: [`Border::ClampHi`], which knows no edge
/// derivative.
///
/// The examples of the specification, with one deformable group and with four:
///
/// ```
/// use pliant::dialect::openvino::DeformableConvolution1;
/// use pliant::geometry::{DeformConv2dGeometry};
/// use pliant::{DeformConv2dInputs};
///
/// for (deformable_group, offset_channels) in [(1, 50), (4, 200)] {
///     let shapes = DeformConv2dInputs {
///         input: [1, 4, 224, 224].into(),
///         offset: [1, offset_channels, 220, 220].into(),
///         mask: None,
///         weight: [64, 4, 5, 5].into(),
///         bias: None,
///     };
///     let attributes = DeformableConvolution1 {
///         strides: vec![1, 1],
///         pads_begin: vec![0, 0],
///         pads_end: vec![0, 0],
///         dilations: vec![1, 1],
///         deformable_group,
///         ..DeformableConvolution1::default()
///     };
///     let op = attributes.op(&shapes)?;
///     assert_eq!(DeformConv2dGeometry::new(&op, &shapes)?.output_shape(), [1, 64, 220, 220].into());
/// }
/// # Ok::<(), pliant::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformableConvolution1 {
    /// `[height, width]`.
    pub strides: Vec<i64>,
    /// `[top, left]`.
    pub pads_begin: Vec<i64>,
    /// `[bottom, right]`.
    pub pads_end: Vec<i64>,
    /// `[height, width]`.
    pub dilations: Vec<i64>,
    /// [`AutoPad::Explicit`] by default.
    pub auto_pad: AutoPad,
    /// 1 by default.
    pub group: i64,
    /// Offset groups; 1 by default.
    pub deformable_group: i64,
}

/// The attributes of OpenVINO's `DeformableConvolution-8`: those of [`DeformableConvolution1`], a mask that may be absent, and a choice of
/// borders.
///
/// | tensor | shape |
/// | --- | --- |
/// | input, offset, weight | as of [`DeformableConvolution1`] |
/// | mask, optional | (batch, deformable_group · kernel_height · kernel_width, out_height, out_width) |
///
/// Border: [`Border::Zeros`] with `bilinear_interpolation_pad`, [`Border::ClampHi`] without. OpenVINO has no derivatives;
/// [`EdgeDerivative::OneSided`] is set.
///
/// Departure from the specification's text: without the flag it moves samples within one pixel outside of the image onto its edge;
/// OpenVINO's code counts those in front of it 0, and so do we.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformableConvolution8 {
    /// `[height, width]`.
    pub strides: Vec<i64>,
    /// `[top, left]`.
    pub pads_begin: Vec<i64>,
    /// `[bottom, right]`.
    pub pads_end: Vec<i64>,
    /// `[height, width]`.
    pub dilations: Vec<i64>,
    /// [`AutoPad::Explicit`] by default.
    pub auto_pad: AutoPad,
    /// 1 by default.
    pub group: i64,
    /// Offset groups; 1 by default.
    pub deformable_group: i64,
    /// Whether samples at the edge are interpolated with zeros beyond it; false by default.
    pub bilinear_interpolation_pad: bool,
}

impl Default for DeformableConvolution1 {
    fn default() -> Self {
        let Convolution1 { strides, pads_begin, pads_end, dilations, auto_pad } = Convolution1::default();
        Self { strides, pads_begin, pads_end, dilations, auto_pad, group: 1, deformable_group: 1 }
    }
}

impl Default for DeformableConvolution8 {
    fn default() -> Self {
        let DeformableConvolution1 { strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group } =
            DeformableConvolution1::default();
        let bilinear_interpolation_pad = false;
        Self { strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group, bilinear_interpolation_pad }
    }
}

impl DeformableConvolution1 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        absent("mask", shapes.mask, "DeformableConvolution-1 has none, DeformableConvolution-8 has")?;
        absent("bias", shapes.bias, NO_BIAS)?;
        let Self { strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group } = self;
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        let Window { stride, padding, dilation } =
            Window::new(&sizes, strides, pads_begin, pads_end, dilations, *auto_pad)?;
        let op = geometry::DeformConv2d {
            stride,
            padding,
            dilation,
            groups: sizes.groups("group", *group)?,
            offset_groups: sizes.offset_groups("deformable_group", *deformable_group)?,
            border: Border::ClampHi,
            edge_derivative: EdgeDerivative::OneSided,
            offset_layout: OffsetLayout::Separate,
        };
        checked(op, shapes)
    }
}

impl DeformableConvolution8 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        let Self {
            strides,
            pads_begin,
            pads_end,
            dilations,
            auto_pad,
            group,
            deformable_group,
            bilinear_interpolation_pad,
        } = self.clone();
        let version1 =
            DeformableConvolution1 { strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group };
        let op = version1.op(&DeformConv2dInputs { mask: None, ..*shapes })?;
        let border = if bilinear_interpolation_pad { Border::Zeros } else { Border::ClampHi };
        checked(geometry::DeformConv2d { border, ..op }, shapes)
    }
}

/// The attributes of OpenVINO's `Convolution-1`, in two dimensions. Without groups; [`GroupConvolution1`] has them.
///
/// | tensor | OpenVINO's | shape |
/// | --- | --- | --- |
/// | input | data | (batch, channels, height, width) |
/// | weight | filters | (out_channels, channels, kernel_height, kernel_width) |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Convolution1 {
    /// `[height, width]`.
    pub strides: Vec<i64>,
    /// `[top, left]`.
    pub pads_begin: Vec<i64>,
    /// `[bottom, right]`.
    pub pads_end: Vec<i64>,
    /// `[height, width]`.
    pub dilations: Vec<i64>,
    /// [`AutoPad::Explicit`] by default.
    pub auto_pad: AutoPad,
}

impl Convolution1 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &Conv2dInputs<Shape>) -> Result<geometry::Conv2d> {
        self.resolve(shapes, 1)
    }

    fn resolve(&self, shapes: &Conv2dInputs<Shape>, groups: u32) -> Result<geometry::Conv2d> {
        absent("bias", shapes.bias, NO_BIAS)?;
        let Self { strides, pads_begin, pads_end, dilations, auto_pad } = self;
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        let Window { stride, padding, dilation } =
            Window::new(&sizes, strides, pads_begin, pads_end, dilations, *auto_pad)?;
        checked_plain(geometry::Conv2d { stride, padding, dilation, groups }, shapes)
    }
}

/// The attributes of OpenVINO's `GroupConvolution-1`, in two dimensions.
///
/// | tensor | OpenVINO's | shape |
/// | --- | --- | --- |
/// | input | data | (batch, channels, height, width) |
/// | weight | filters | (groups, out_channels / groups, channels / groups, kernel_height, kernel_width) |
///
/// The groups are inferred from the weight. A plan takes the weight with four axes: [`GroupConvolution1::weight`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GroupConvolution1 {
    /// `[height, width]`.
    pub strides: Vec<i64>,
    /// `[top, left]`.
    pub pads_begin: Vec<i64>,
    /// `[bottom, right]`.
    pub pads_end: Vec<i64>,
    /// `[height, width]`.
    pub dilations: Vec<i64>,
    /// [`AutoPad::Explicit`] by default.
    pub auto_pad: AutoPad,
}

impl GroupConvolution1 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &Conv2dInputs<Shape>) -> Result<geometry::Conv2d> {
        let Self { strides, pads_begin, pads_end, dilations, auto_pad } = self.clone();
        let (groups, weight) = four_axes(shapes.weight)?;
        let plain = Convolution1 { strides, pads_begin, pads_end, dilations, auto_pad };
        plain.resolve(&Conv2dInputs { weight, ..*shapes }, groups)
    }

    /// The weight with groups and output channels as one axis; nothing is copied.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where it has other than five axes.
    pub fn weight(weight: &Tensor) -> Result<Tensor> {
        let (_, shape) = four_axes(weight.shape())?;
        Ok(weight.reshaped(shape))
    }

    /// The convolution, in a new tensor (batch, out_channels, out_height, out_width), submitted.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree;
    /// [`Error::Device`](crate::Error::Device) where the tensors lie on several devices; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn forward(&self, inputs: &Conv2dInputs<&Tensor>) -> Result<Tensor> {
        let op = self.op(&inputs.map(|tensor| tensor.shape()))?;
        op.forward(&Conv2dInputs { weight: &Self::weight(inputs.weight)?, ..*inputs })
    }
}

/// The groups, and the shape with four axes.
fn four_axes(weight: Shape) -> Result<(u32, Shape)> {
    let axes = ["groups", "out_channels", "channels", "kernel_height", "kernel_width"].map(axis);
    let [groups, group_out_channels, channels, kernel_height, kernel_width] = extents("weight", weight, axes)?;
    Ok((groups, [groups * group_out_channels, channels, kernel_height, kernel_width].into()))
}

struct Window {
    stride: [u32; 2],
    padding: [u32; 4],
    dilation: [u32; 2],
}

impl Window {
    fn new(
        sizes: &Sizes,
        strides: &[i64],
        pads_begin: &[i64],
        pads_end: &[i64],
        dilations: &[i64],
        auto_pad: AutoPad,
    ) -> Result<Self> {
        let stride = counts("strides", exactly("strides", strides, PAIR)?)?;
        let dilation = counts("dilations", exactly("dilations", dilations, PAIR)?)?;
        let padding = auto_pad.padding(sizes.image, sizes.kernel, stride, dilation, || {
            let [top, left] = pixels("pads_begin", exactly("pads_begin", pads_begin, "top, left")?)?;
            let [bottom, right] = pixels("pads_end", exactly("pads_end", pads_end, "bottom, right")?)?;
            Ok([top, left, bottom, right])
        })?;
        Ok(Self { stride, padding, dilation })
    }
}

forward! {
    DeformableConvolution1, DeformConv2dInputs;
    DeformableConvolution8, DeformConv2dInputs;
    Convolution1, Conv2dInputs;
}

/// The attributes of OpenVINO's `DeformablePSROIPooling-1`.
///
/// | tensor | OpenVINO's | shape |
/// | --- | --- | --- |
/// | input | first | (batch, output_dim · group_size², height, width) |
/// | rois | second | (rois, 5): image, x1, y1, x2, y2 |
/// | offset, optional | third | (rois, 2 · classes, parts, parts): for each class a plane of x and a plane of y |
///
/// The output has group_size by group_size bins. `mode` has but one value, `bilinear_deformable`, and is left out.
///
/// Departure: where there are offsets, there are as many parts as these have rows, whatever `part_size` is; OpenVINO's own tests state
/// others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformablePsRoiPooling1 {
    /// Required; 0 by default, which is refused.
    pub output_dim: i64,
    /// Required; 0 by default, which is refused.
    pub spatial_scale: f32,
    /// 1 by default.
    pub group_size: i64,
    /// 1 by default.
    pub spatial_bins_x: i64,
    /// 1 by default.
    pub spatial_bins_y: i64,
    /// 1 by default.
    pub trans_std: f32,
    /// 1 by default.
    pub part_size: i64,
}

impl Default for DeformablePsRoiPooling1 {
    fn default() -> Self {
        Self {
            output_dim: 0,
            spatial_scale: 0.0,
            group_size: 1,
            spatial_bins_x: 1,
            spatial_bins_y: 1,
            trans_std: 1.0,
            part_size: 1,
        }
    }
}

impl DeformablePsRoiPooling1 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &DeformPsRoiPoolInputs<Shape>) -> Result<geometry::DeformPsRoiPool> {
        let group_size = count("group_size", self.group_size)?;
        let part_size = count("part_size", self.part_size)?;
        let rows = shapes.offset.and_then(|offset| offset.extents().get(2).copied());
        let op = geometry::DeformPsRoiPool {
            output_dim: count("output_dim", self.output_dim)?,
            spatial_scale: self.spatial_scale,
            group_size,
            pooled_size: group_size,
            part_size: rows.unwrap_or(part_size),
            spatial_bins: [
                count("spatial_bins_y", self.spatial_bins_y)?,
                count("spatial_bins_x", self.spatial_bins_x)?,
            ],
            trans_std: self.trans_std,
        };
        DeformPsRoiPoolGeometry::new(&op, shapes).map(|_| op)
    }
}

forward! {
    "The averages, in a new tensor (rois, output_dim, group_size, group_size), submitted." =>
    DeformablePsRoiPooling1, DeformPsRoiPoolInputs;
}
