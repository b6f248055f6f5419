use std::ops::Range;

use crate::error::{Error, Result};
use crate::geometry::{
    Conv2d, Conv2dGeometry, Conv2dInputs, Im2col, Im2colGeometry, NCHW, Output, divides, expect, extents, gradients,
    inputs, likely, op,
};
use crate::shape::Shape;

/// Border rule: the value of a sample near and beyond the edge of an image, for a position `p` on an axis of extent `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Border {
    /// Inside where `-1 < p < n`; neighbours outside the image count 0. The rule of torchvision, ONNX, MindSpore,
    /// mmcv, and OpenVINO-8 with `bilinear_interpolation_pad`.
    #[default]
    Zeros,
    /// Inside where `0 <= p < n`; past `n - 1` the last row or column holds. The rule of the original operator,
    /// OpenVINO-1, and OpenVINO-8 by default.
    ClampHi,
    /// Inside where `0 <= p < n`; neighbours outside the image count 0. The rule of TVM's reference.
    Strict,
}

/// The derivative of a sample along an axis on which its position is exactly -1, where [`Border::Zeros`] has a kink.
///
/// Offsets that begin at 0 put the whole first row and column there where the padding is 1. Gradients of offsets and positions depend on
/// it, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EdgeDerivative {
    /// The derivative towards the image. torchvision, MindSpore.
    #[default]
    OneSided,
    /// A derivative of 0. mmcv, Paddle.
    Zero,
}

/// Where dy, dx and mask of a sampling point lie.
///
/// Sampling points are numbered `point = offset_group * taps + tap`; there are `points = offset_groups * taps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OffsetLayout {
    /// `offset` is (batch, 2 · points, out_height, out_width): dy of a point in channel `2 · point`, dx in the next. The mask,
    /// if any, is a tensor of its own: (batch, points, out_height, out_width). torchvision, ONNX, OpenVINO, mmcv.
    #[default]
    Separate,
    /// `offset` is (batch, 3 · points, out_height, out_width): all dx, then all dy, then all masks. MindSpore.
    Planes,
    /// `offset` is (batch, 3 · points, out_height, out_width): dy and dx interleaved as in `Separate`, then all masks: what
    /// the one offset convolution of a version 2 layer puts out, its mask channels activated.
    Joint,
}

/// Where one of dy, dx and mask lies, in planes of out_height · out_width elements:
/// that of `point` in image `n` is plane `n * batch + first + point * step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    /// The plane of point 0.
    pub first: u32,
    /// Planes from one point to the next.
    pub step: u32,
    /// Planes from one image to the next.
    pub batch: u32,
}

impl Planes {
    /// The planes of an image from the first to the last of some points.
    pub(crate) fn of(self, points: &Range<u32>) -> Range<u32> {
        let plane = |point: u32| self.first + point * self.step;
        plane(points.start)..plane(points.end - 1) + 1
    }
}

impl OffsetLayout {
    /// Whether the mask is part of the offset tensor.
    pub fn holds_mask(self) -> bool {
        !matches!(self, Self::Separate)
    }

    /// Channels of the offset tensor for each sampling point.
    pub fn channels_per_point(self) -> u32 {
        if self.holds_mask() { 3 } else { 2 }
    }

    /// The planes of dy and dx in the offset tensor.
    pub fn offset_planes(self, points: u32) -> [Planes; 2] {
        let batch = self.channels_per_point() * points;
        match self {
            Self::Separate | Self::Joint => [Planes { first: 0, step: 2, batch }, Planes { first: 1, step: 2, batch }],
            Self::Planes => [Planes { first: points, step: 1, batch }, Planes { first: 0, step: 1, batch }],
        }
    }

    /// The planes of the mask in the tensor that holds it: the mask's own, or the offset's.
    pub fn mask_planes(self, points: u32) -> Planes {
        match self {
            Self::Separate => Planes { first: 0, step: 1, batch: points },
            Self::Planes | Self::Joint => Planes { first: 2 * points, step: 1, batch: 3 * points },
        }
    }
}

/// Deformable convolution, version 1 (no mask) and version 2 (with one).
///
/// Dai et al., *Deformable Convolutional Networks* (2017), and Zhu et al., *Deformable ConvNets v2* (2019). Each tap of each
/// output pixel samples the input at its regular place plus an offset, bilinearly, times its mask:
///
/// ```text
/// y = oy * stride - top  + i * dilation + dy        x = ox * stride - left + j * dilation + dx
/// output[n, co, oy, ox] = bias[co] + sum over ci, i, j of weight[co, ci, i, j] * mask * input[n, ci, y, x]
/// ```
///
/// Offset groups are chosen by input channel, `ci / (channels / offset_groups)`, over all channels, whatever the groups. Pairs
/// are `[height, width]`; padding is `[top, left, bottom, right]`. A sample whose offset is not finite counts 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformConv2d {
    /// Pixels from one window to the next.
    pub stride: [u32; 2],
    /// Pixels around the image: top, left, bottom, right. What they count is the border's to say.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
    /// Groups of channels that are convolved apart; divides both channel counts.
    pub groups: u32,
    /// Groups of input channels that share their offsets; divides the input channels. Independent of `groups`.
    pub offset_groups: u32,
    /// The border rule: the value of samples near and beyond the edge.
    pub border: Border,
    /// The derivative of samples at the edge, for the backward pass.
    pub edge_derivative: EdgeDerivative,
    /// Where dy, dx and mask lie.
    pub offset_layout: OffsetLayout,
}

impl Default for DeformConv2d {
    fn default() -> Self {
        let Conv2d { stride, padding, dilation, groups } = Conv2d::default();
        Self {
            stride,
            padding,
            dilation,
            groups,
            offset_groups: 1,
            border: Border::default(),
            edge_derivative: EdgeDerivative::default(),
            offset_layout: OffsetLayout::default(),
        }
    }
}

inputs!(
    /// The inputs of a [`DeformConv2d`]: tensors, their shapes, or slices for the reference.
    DeformConv2dInputs {
        /// (batch, channels, height, width)
        input,
        /// (batch, 2 or 3 · offset_groups · taps, out_height, out_width), by [`OffsetLayout`]; in pixels
        offset,
        /// (out_channels, channels / groups, kernel_height, kernel_width). A plan also takes a [`PackedWeight`](crate::PackedWeight).
        weight,
        ;
        /// (batch, offset_groups · taps, out_height, out_width); absent, it counts 1. Always absent where the layout has it in `offset`.
        mask,
        /// (out_channels); absent, it counts 0.
        bias,
    }
);

gradients!(
    /// The gradients of a [`DeformConv2d`]'s inputs. In layouts that hold the mask in the offset, so does the offset's gradient.
    DeformConv2dGradients {
        input,
        offset,
        weight,
        mask,
        bias,
    }
);

/// The checked part of a problem that makes it deformable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deformation {
    pub(crate) offset_groups: u32,
    pub(crate) border: Border,
    pub(crate) edge_derivative: EdgeDerivative,
    pub(crate) offset_layout: OffsetLayout,
    /// Whether samples are modulated, by a mask of its own or in the offset tensor.
    pub(crate) modulated: bool,
}

impl Deformation {
    fn new(im2col: &Im2colGeometry, op: &DeformIm2col, offset: Shape, mask: Option<Shape>) -> Result<Self> {
        let DeformIm2col { offset_groups, border, edge_derivative, offset_layout, .. } = *op;
        divides("offset_groups", offset_groups, im2col.channels, "input")?;
        let planes = |argument, shape: Shape, channels_per_point: u32| {
            let [batch, channels, height, width] = extents(argument, shape, NCHW)?;
            expect(argument, "images", batch, im2col.batch.into(), "the input's batch is")?;
            let [kernel_height, kernel_width] = im2col.window.kernel;
            let points = u64::from(offset_groups) * u64::from(im2col.taps());
            let needs = points.saturating_mul(channels_per_point.into());
            let why = format!(
                "{channels_per_point} x {offset_groups} offset group{} x {kernel_height} x {kernel_width} taps need",
                if offset_groups == 1 { "" } else { "s" }
            );
            expect(argument, "channels", channels, needs, &why).map_err(|error| {
                let other_layout = || likely::other_layout(channels, points, offset_layout);
                let layout = if argument == "offset" { other_layout() } else { None };
                error.perhaps(layout.or_else(|| likely::channels_last(argument, shape, needs)))
            })?;
            expect(argument, "rows", height, im2col.out_height.into(), "the output's height is")?;
            expect(argument, "columns", width, im2col.out_width.into(), "the output's width is")
        };
        planes("offset", offset, offset_layout.channels_per_point())?;
        match mask {
            Some(mask) if offset_layout.holds_mask() => {
                let points = offset_groups * im2col.taps();
                return Err(Error::shape(
                    "mask",
                    format!(
                        "mask ({mask}) was given, and the last {points} channels of the offset are the mask in this layout"
                    ),
                ));
            }
            Some(mask) => planes("mask", mask, 1)?,
            None => {}
        }
        let modulated = mask.is_some() || offset_layout.holds_mask();
        Ok(Self { offset_groups, border, edge_derivative, offset_layout, modulated })
    }

    /// The shapes of offset and mask.
    fn shapes(&self, im2col: &Im2colGeometry) -> (Shape, Option<Shape>) {
        let points = self.points(im2col);
        let planes = |planes| Shape::from([im2col.batch, planes, im2col.out_height, im2col.out_width]);
        let mask = (self.modulated && !self.offset_layout.holds_mask()).then(|| planes(points));
        (planes(self.offset_layout.channels_per_point() * points), mask)
    }

    /// Sampling points of one output pixel: offset groups times taps. Fits, since the offset has more channels.
    pub(crate) fn points(&self, im2col: &Im2colGeometry) -> u32 {
        self.offset_groups * im2col.taps()
    }
}

/// A checked deformable convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformConv2dGeometry {
    pub(crate) conv2d: Conv2dGeometry,
    pub(crate) deformation: Deformation,
}

impl DeformConv2dGeometry {
    /// Checks a deformable convolution's attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &DeformConv2d, shapes: &DeformConv2dInputs<Shape>) -> Result<Self> {
        let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, offset_layout } =
            *op;
        let DeformConv2dInputs { input, offset, mask, weight, bias } = *shapes;
        let conv2d =
            Conv2dGeometry::new(&Conv2d { stride, padding, dilation, groups }, &Conv2dInputs { input, weight, bias })?;
        let window = conv2d.im2col.window;
        let columns = DeformIm2col { window, offset_groups, border, edge_derivative, offset_layout };
        let deformation = Deformation::new(&conv2d.im2col, &columns, offset, mask)?;
        Ok(Self { conv2d, deformation })
    }

    /// (batch, out_channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        self.conv2d.output_shape()
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConv2dInputs<Shape> {
        let Conv2dInputs { input, weight, bias } = self.conv2d.input_shapes();
        let (offset, mask) = self.deformation.shapes(&self.conv2d.im2col);
        DeformConv2dInputs { input, offset, weight, mask, bias }
    }

    /// Floating-point operations of the contraction; those of the sampling are not counted.
    pub fn flops(&self) -> u64 {
        self.conv2d.flops()
    }
}

/// The columns of a deformable convolution: every sample that its windows take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformIm2col {
    /// The window; as for [`Im2col`].
    pub window: Im2col,
    /// Groups of input channels that share their offsets; divides the input channels.
    pub offset_groups: u32,
    /// The border rule: the value of samples near and beyond the edge.
    pub border: Border,
    /// The derivative of samples at the edge, for the backward pass.
    pub edge_derivative: EdgeDerivative,
    /// Where dy, dx and mask lie.
    pub offset_layout: OffsetLayout,
}

impl Default for DeformIm2col {
    fn default() -> Self {
        let DeformConv2d { offset_groups, border, edge_derivative, offset_layout, .. } = DeformConv2d::default();
        Self { window: Im2col::default(), offset_groups, border, edge_derivative, offset_layout }
    }
}

inputs!(
    /// The inputs of a [`DeformIm2col`]: tensors, their shapes, or slices for the reference.
    DeformIm2colInputs {
        /// (batch, channels, height, width)
        input,
        /// (batch, 2 or 3 · offset_groups · taps, out_height, out_width), by [`OffsetLayout`]; in pixels
        offset,
        ;
        /// (batch, offset_groups · taps, out_height, out_width); absent, it counts 1.
        mask,
    }
);

/// Checked deformable columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformIm2colGeometry {
    pub(crate) im2col: Im2colGeometry,
    pub(crate) deformation: Deformation,
}

impl DeformIm2colGeometry {
    /// Checks the attributes and shapes of deformable columns.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &DeformIm2col, shapes: &DeformIm2colInputs<Shape>) -> Result<Self> {
        let im2col = Im2colGeometry::new(&op.window, shapes.input)?;
        im2col.columns_shape()?;
        let deformation = Deformation::new(&im2col, op, shapes.offset, shapes.mask)?;
        Ok(Self { im2col, deformation })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformIm2colInputs<Shape> {
        let (offset, mask) = self.deformation.shapes(&self.im2col);
        DeformIm2colInputs { input: self.im2col.input_shape(), offset, mask }
    }

    /// The columns: (batch, out_height, out_width, taps, channels), channels last.
    pub fn columns_shape(&self) -> Shape {
        let Im2colGeometry { batch, channels, out_height, out_width, .. } = self.im2col;
        [batch, out_height, out_width, self.im2col.taps(), channels].into()
    }
}

op!(DeformConv2d: DeformConv2dInputs<()> => Output, DeformConv2dGeometry::output_shape);
op!(DeformIm2col: DeformIm2colInputs<()> => Output, DeformIm2colGeometry::columns_shape);
