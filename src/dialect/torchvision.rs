//! torchvision's `deform_conv2d`, `roi_align` and `ps_roi_align`, and torch's `conv2d`.

use super::{AutoPad, Sizes, checked, checked_plain, counts, pixels, sampling_ratio};
use crate::error::{Error, Result};
use crate::geometry::{
    self, BATCH, Border, Conv2dInputs, DeformConv2dInputs, EdgeDerivative, OffsetLayout, RoiAlignGeometry,
    RoiAlignInputs, RoiChannels, axis, extents, likely,
};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of `torchvision.ops.deform_conv2d`. Pairs are `[height, width]`; padding is the same on both sides.
///
/// With `points = offset_groups * kernel_height * kernel_width`:
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | offset | (batch, 2 · points, out_height, out_width): dy and dx interleaved |
/// | mask, optional | (batch, points, out_height, out_width) |
/// | weight | (out_channels, channels / groups, kernel_height, kernel_width) |
/// | bias, optional | (out_channels) |
///
/// Groups are inferred from the channels of input and weight, offset groups from the offset's channels. Border:
/// [`Border::Zeros`]; edge derivative: [`EdgeDerivative::OneSided`].
///
/// Departures: the output's size is floored, torchvision truncates towards zero; a sample at NaN counts 0.
///
/// The example of torchvision's documentation, whose output is 8x8:
///
/// ```
/// use pliant::dialect::torchvision::DeformConv2d;
/// use pliant::geometry::{DeformConv2dGeometry};
/// use pliant::{DeformConv2dInputs};
///
/// let shapes = DeformConv2dInputs {
///     input: [4, 3, 10, 10].into(),
///     offset: [4, 2 * 3 * 3, 8, 8].into(),
///     mask: Some([4, 3 * 3, 8, 8].into()),
///     weight: [5, 3, 3, 3].into(),
///     bias: None,
/// };
/// let op = DeformConv2d::default().op(&shapes)?;
/// assert_eq!(DeformConv2dGeometry::new(&op, &shapes)?.output_shape(), [4, 5, 8, 8].into());
/// # Ok::<(), pliant::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeformConv2d {
    /// 1 by default.
    pub stride: [i64; 2],
    /// 0 by default.
    pub padding: [i64; 2],
    /// 1 by default.
    pub dilation: [i64; 2],
}

impl Default for DeformConv2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0, 0], dilation: [1, 1] }
    }
}

impl DeformConv2d {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConv2dInputs<Shape>) -> Result<geometry::DeformConv2d> {
        let sizes = Sizes::new(shapes.input, shapes.weight)?;
        let Sizes { channels, group_channels, kernel: [kernel_height, kernel_width], .. } = sizes;
        if !channels.is_multiple_of(group_channels) {
            let message = format!(
                "weight takes {group_channels} input channels per group; they do not divide {channels} input channels"
            );
            return Err(Error::shape("weight", message).perhaps(sizes.channels_last(1)));
        }
        // What the offset's height and width should be is the geometry's to say.
        let axes = [BATCH, axis("channels"), ("height", true), ("width", true)];
        let [_, offset_channels, _, _] = extents("offset", shapes.offset, axes)?;
        let each = 2 * u64::from(kernel_height) * u64::from(kernel_width);
        if !u64::from(offset_channels).is_multiple_of(each) {
            let message = format!(
                "offset has {offset_channels} channels; 2 x {kernel_height} x {kernel_width} taps need a multiple of {each}"
            );
            let points = each / 2 * (u64::from(offset_channels) / (each / 2 * 3));
            let layout = likely::other_layout(offset_channels, points, OffsetLayout::Separate);
            return Err(Error::shape("offset", message).perhaps(layout));
        }
        let offset_groups = (u64::from(offset_channels) / each) as u32;
        if !channels.is_multiple_of(offset_groups) {
            let message = format!(
                "offset has {offset_channels} channels, which makes {offset_groups} offset groups; \
                 they do not divide {channels} input channels"
            );
            return Err(Error::shape("offset", message));
        }
        let [rows, columns] = pixels("padding", self.padding)?;
        let op = geometry::DeformConv2d {
            stride: counts("stride", self.stride)?,
            padding: [rows, columns, rows, columns],
            dilation: counts("dilation", self.dilation)?,
            groups: channels / group_channels,
            offset_groups,
            border: Border::Zeros,
            edge_derivative: EdgeDerivative::OneSided,
            offset_layout: OffsetLayout::Separate,
        };
        checked(op, shapes).map_err(|error| match error {
            // Groups that were inferred from an axis that is none of channels.
            Error::Attribute { argument: "groups", .. } => error.perhaps(sizes.channels_last(1)),
            error => error,
        })
    }
}

/// `torchvision.ops.deform_conv2d`, its arguments in their order: [`DeformConv2d::forward`]. Submitted.
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use pliant::dialect::torchvision::deform_conv2d;
/// use pliant::{Gpu, Tensor};
///
/// let gpu = Gpu::new().await?;
/// let input = Tensor::upload(&gpu, [4, 3, 10, 10], &vec![1.0f32; 4 * 3 * 10 * 10])?;
/// let offset = Tensor::upload(&gpu, [4, 18, 8, 8], &vec![0.5f32; 4 * 18 * 8 * 8])?;
/// let mask = Tensor::upload(&gpu, [4, 9, 8, 8], &vec![1.0f32; 4 * 9 * 8 * 8])?;
/// let weight = Tensor::upload(&gpu, [5, 3, 3, 3], &vec![0.1f32; 5 * 3 * 3 * 3])?;
/// let output = deform_conv2d(&input, &offset, &weight, None, [1, 1], [0, 0], [1, 1], Some(&mask))?;
/// assert_eq!(output.shape(), [4, 5, 8, 8].into());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The errors of [`DeformConv2d::forward`].
#[allow(clippy::too_many_arguments, reason = "upstream's signature")]
pub fn deform_conv2d(
    input: &Tensor,
    offset: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: [i64; 2],
    padding: [i64; 2],
    dilation: [i64; 2],
    mask: Option<&Tensor>,
) -> Result<Tensor> {
    let inputs = DeformConv2dInputs { input, offset, weight, mask, bias };
    DeformConv2d { stride, padding, dilation }.forward(&inputs)
}

/// The padding of torch's `conv2d`: pixels on both sides of `[height, width]`, or one of two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding {
    /// As many pixels on both sides of each axis.
    Pixels([i64; 2]),
    /// `"valid"`: none.
    Valid,
    /// `"same"`: the output has the input's extents, which needs strides of 1. An odd pixel goes behind the image.
    Same,
}

impl Default for Padding {
    fn default() -> Self {
        Self::Pixels([0, 0])
    }
}

impl From<[i64; 2]> for Padding {
    fn from(pixels: [i64; 2]) -> Self {
        Self::Pixels(pixels)
    }
}

/// The attributes of `torch.nn.functional.conv2d`, which mmcv uses too. Pairs are `[height, width]`.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | weight | (out_channels, channels / groups, kernel_height, kernel_width) |
/// | bias, optional | (out_channels) |
///
/// Departure: an input without a batch axis is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// 1 by default.
    pub stride: [i64; 2],
    /// 0 by default.
    pub padding: Padding,
    /// 1 by default.
    pub dilation: [i64; 2],
    /// 1 by default.
    pub groups: i64,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: Padding::default(), dilation: [1, 1], groups: 1 }
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
        let (auto_pad, [rows, columns]) = match self.padding {
            Padding::Pixels(pair) => (AutoPad::Explicit, pixels("padding", pair)?),
            Padding::Valid => (AutoPad::Valid, [0, 0]),
            Padding::Same => (AutoPad::SameUpper, [0, 0]),
        };
        if self.padding == Padding::Same && stride != [1, 1] {
            let message = format!("padding is same and stride is {}, {}; same needs 1, 1", stride[0], stride[1]);
            return Err(Error::attribute("padding", message));
        }
        let explicit = || Ok([rows, columns, rows, columns]);
        let padding = auto_pad.padding(sizes.image, sizes.kernel, stride, dilation, explicit)?;
        let groups = sizes.groups("groups", self.groups)?;
        checked_plain(geometry::Conv2d { stride, padding, dilation, groups }, shapes)
    }
}

/// `torch.nn.functional.conv2d`, its arguments in their order: [`Conv2d::forward`]. Submitted.
///
/// # Errors
/// The errors of [`Conv2d::forward`].
pub fn conv2d(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: [i64; 2],
    padding: impl Into<Padding>,
    dilation: [i64; 2],
    groups: i64,
) -> Result<Tensor> {
    let attributes = Conv2d { stride, padding: padding.into(), dilation, groups };
    attributes.forward(&Conv2dInputs { input, weight, bias })
}

forward! {
    DeformConv2d, DeformConv2dInputs;
    Conv2d, Conv2dInputs;
}

/// The attributes of `torchvision.ops.roi_align`.
///
/// | tensor | torchvision's | shape |
/// | --- | --- | --- |
/// | input | input | (batch, channels, height, width) |
/// | rois | boxes | (boxes, 5): image, x1, y1, x2, y2 |
///
/// Departure: boxes come as one tensor, not as one for each image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// `[height, width]`; required, 0 by default, which is refused.
    pub output_size: [i64; 2],
    /// 1 by default.
    pub spatial_scale: f32,
    /// -1 by default: as many samples as pixels, as for any number below 1.
    pub sampling_ratio: i64,
    /// False by default.
    pub aligned: bool,
}

/// The attributes of `torchvision.ops.ps_roi_align`.
///
/// | tensor | torchvision's | shape |
/// | --- | --- | --- |
/// | input | input | (batch, out_channels · height · width of the output, height, width) |
/// | rois | boxes | (boxes, 5): image, x1, y1, x2, y2 |
///
/// Departures: boxes come as one tensor, not as one for each image; a bin without samples gives 0, torchvision divides 0 by 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsRoiAlign {
    /// `[height, width]`; required, 0 by default, which is refused.
    pub output_size: [i64; 2],
    /// 1 by default.
    pub spatial_scale: f32,
    /// -1 by default: as many samples as pixels, as for any number below 1.
    pub sampling_ratio: i64,
}

impl Default for RoiAlign {
    fn default() -> Self {
        Self { output_size: [0; 2], spatial_scale: 1.0, sampling_ratio: -1, aligned: false }
    }
}

impl Default for PsRoiAlign {
    fn default() -> Self {
        Self { output_size: [0; 2], spatial_scale: 1.0, sampling_ratio: -1 }
    }
}

impl RoiAlign {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &RoiAlignInputs<Shape>) -> Result<geometry::RoiAlign> {
        self.resolve(shapes, RoiChannels::Each)
    }

    fn resolve(&self, shapes: &RoiAlignInputs<Shape>, channels: RoiChannels) -> Result<geometry::RoiAlign> {
        let op = geometry::RoiAlign {
            pooled: counts("output_size", self.output_size)?,
            spatial_scale: self.spatial_scale,
            sampling_ratio: sampling_ratio(self.sampling_ratio)?,
            aligned: self.aligned,
            channels,
        };
        RoiAlignGeometry::new(&op, shapes).map(|_| op)
    }
}

impl PsRoiAlign {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &RoiAlignInputs<Shape>) -> Result<geometry::RoiAlign> {
        let Self { output_size, spatial_scale, sampling_ratio } = *self;
        let aligned = RoiAlign { output_size, spatial_scale, sampling_ratio, aligned: true };
        aligned.resolve(shapes, RoiChannels::PositionSensitive)
    }
}

forward! {
    "The averages, in a new tensor (boxes, channels, height, width), submitted." =>
    RoiAlign, RoiAlignInputs;
    PsRoiAlign, RoiAlignInputs;
}

/// `torchvision.ops.roi_align`, its arguments in their order: [`RoiAlign::forward`]. Submitted.
///
/// # Errors
/// The errors of [`RoiAlign::forward`].
pub fn roi_align(
    input: &Tensor,
    boxes: &Tensor,
    output_size: [i64; 2],
    spatial_scale: f32,
    sampling_ratio: i64,
    aligned: bool,
) -> Result<Tensor> {
    let attributes = RoiAlign { output_size, spatial_scale, sampling_ratio, aligned };
    attributes.forward(&RoiAlignInputs { input, rois: boxes })
}

/// `torchvision.ops.ps_roi_align`, its arguments in their order: [`PsRoiAlign::forward`]. Submitted.
///
/// # Errors
/// The errors of [`PsRoiAlign::forward`].
pub fn ps_roi_align(
    input: &Tensor,
    boxes: &Tensor,
    output_size: [i64; 2],
    spatial_scale: f32,
    sampling_ratio: i64,
) -> Result<Tensor> {
    let attributes = PsRoiAlign { output_size, spatial_scale, sampling_ratio };
    attributes.forward(&RoiAlignInputs { input, rois: boxes })
}
