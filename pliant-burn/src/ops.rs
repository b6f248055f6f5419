//! Functions on burn's tensors.

use burn::backend::DispatchTensor;
use burn::tensor::{Bool, FloatDType, Tensor};
use pliant::{DeformConv2d, DeformRoiPool, GridSample, MultiScaleDeformAttn, Result, RoiAlign};

use crate::call::call;

pub(crate) fn some<const D: usize>(tensor: Tensor<D>) -> Option<DispatchTensor> {
    Some(tensor.into_dispatch())
}

pub(crate) fn option<const D: usize>(tensor: Option<Tensor<D>>) -> Option<DispatchTensor> {
    tensor.map(Tensor::into_dispatch)
}

/// Ones where a mask is true, and zeros, in `f32` whatever else a device takes by default.
pub(crate) fn numbers(mask: Tensor<2, Bool>) -> Tensor<2> {
    mask.cast(FloatDType::F32)
}

/// Deformable convolution, with a mask (version 2) or without (version 1). All tensors have gradients.
///
/// | argument | shape |
/// | --- | --- |
/// | `input` | (batch, channels, height, width) |
/// | `offset` | (batch, 2 or 3 · offset_groups · taps, out_height, out_width), by [`OffsetLayout`](pliant::OffsetLayout); in pixels |
/// | `weight` | (out_channels, channels / groups, kernel_height, kernel_width) |
/// | `mask` | (batch, offset_groups · taps, out_height, out_width), or absent: it counts 1 |
/// | `bias` | (out_channels), or absent |
/// | result | (batch, out_channels, out_height, out_width) |
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use burn::tensor::{Distribution, Tensor};
/// use pliant::{DeformConv2d, GpuOptions};
///
/// let (_, device) = pliant_burn::open(&GpuOptions::default()).await?;
/// let device = device.autodiff();
/// let normal = |shape, sigma| Tensor::<4>::random(shape, Distribution::Normal(0.0, sigma), &device);
/// let (image, weight) = (normal([1, 64, 56, 56], 1.0), normal([64, 64, 3, 3], 0.1));
/// let offset = normal([1, 18, 56, 56], 2.0).require_grad();
///
/// let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
/// let output = pliant_burn::deform_conv2d(image, offset.clone(), weight, None, None, &op)?;
/// let gradients = output.sum().backward();
/// let of_offset = offset.grad(&gradients);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Shape`](pliant::Error::Shape), [`Error::Attribute`](pliant::Error::Attribute) with the two figures that disagree;
/// [`Error::DType`](pliant::Error::DType) for elements other than floats of 32 or 16 bits; [`Error::Device`](pliant::Error::Device) where tensors lie on
/// several devices or on one that is not shared, or differ in their strategy of checkpoints; [`Error::Limit`](pliant::Error::Limit),
/// [`Error::OutOfMemory`](pliant::Error::OutOfMemory) where the device is too small.
pub fn deform_conv2d(
    input: Tensor<4>,
    offset: Tensor<4>,
    weight: Tensor<4>,
    mask: Option<Tensor<4>>,
    bias: Option<Tensor<1>>,
    op: &DeformConv2d,
) -> Result<Tensor<4>> {
    let inputs = [
        ("input", some(input)),
        ("offset", some(offset)),
        ("weight", some(weight)),
        ("mask", option(mask)),
        ("bias", option(bias)),
    ];
    call(op, inputs).map(Tensor::from_dispatch)
}

/// An image sampled at normalised positions: bilinear, nearest or bicubic, as torch's `grid_sample` does. Both tensors have gradients.
///
/// | argument | shape |
/// | --- | --- |
/// | `input` | (batch, channels, height, width) |
/// | `grid` | (batch, out_height, out_width, 2): x, then y, of each sample |
/// | result | (batch, channels, out_height, out_width) |
///
/// ```no_run
/// # fn example(image: burn::tensor::Tensor<4>, grid: burn::tensor::Tensor<4>) -> pliant::Result<()> {
/// use pliant::{GridSample, SampleMode};
///
/// let op = GridSample { mode: SampleMode::Bicubic, align_corners: true, ..GridSample::default() };
/// let samples = pliant_burn::grid_sample(image, grid, &op)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`deform_conv2d`].
pub fn grid_sample(input: Tensor<4>, grid: Tensor<4>, op: &GridSample) -> Result<Tensor<4>> {
    call(op, [("input", some(input)), ("grid", some(grid))]).map(Tensor::from_dispatch)
}

/// Regions of interest, averaged bin by bin: torchvision's `roi_align` and `ps_roi_align`. The input has a gradient; RoIs have none.
///
/// | argument | shape |
/// | --- | --- |
/// | `input` | (batch, channels, height, width) |
/// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
/// | result | (rois, channels, pooled_height, pooled_width); fewer channels by [`RoiChannels`](pliant::RoiChannels) |
///
/// ```no_run
/// # fn example(image: burn::tensor::Tensor<4>, rois: burn::tensor::Tensor<2>) -> pliant::Result<()> {
/// use pliant::RoiAlign;
///
/// let op = RoiAlign { pooled: [7, 7], spatial_scale: 0.0625, sampling_ratio: 2, ..RoiAlign::default() };
/// let pooled = pliant_burn::roi_align(image, rois, &op)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`deform_conv2d`].
pub fn roi_align(input: Tensor<4>, rois: Tensor<2>, op: &RoiAlign) -> Result<Tensor<4>> {
    call(op, [("input", some(input)), ("rois", some(rois))]).map(Tensor::from_dispatch)
}

/// Regions of interest, averaged bin by bin, whose bins are moved by offsets: mmcv's `deform_roi_pool`. Input and offset have gradients; RoIs have none.
///
/// | argument | shape |
/// | --- | --- |
/// | `input` | (batch, channels, height, width) |
/// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
/// | `offset` | (rois, 2, pooled_height, pooled_width): x, then y; or absent |
/// | result | (rois, channels, pooled_height, pooled_width) |
///
/// ```no_run
/// # fn example(image: burn::tensor::Tensor<4>, rois: burn::tensor::Tensor<2>, offset: burn::tensor::Tensor<4>) -> pliant::Result<()> {
/// use pliant::DeformRoiPool;
///
/// let op = DeformRoiPool { pooled: [7, 7], spatial_scale: 0.0625, ..DeformRoiPool::default() };
/// let pooled = pliant_burn::deform_roi_pool(image, rois, Some(offset), &op)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`deform_conv2d`].
pub fn deform_roi_pool(
    input: Tensor<4>,
    rois: Tensor<2>,
    offset: Option<Tensor<4>>,
    op: &DeformRoiPool,
) -> Result<Tensor<4>> {
    let inputs = [("input", some(input)), ("rois", some(rois)), ("offset", option(offset))];
    call(op, inputs).map(Tensor::from_dispatch)
}

/// Attention that samples levels of images, as in Deformable DETR and RT-DETR. Value, locations and weights have gradients.
///
/// | argument | shape |
/// | --- | --- |
/// | `value` | (batch, pixels of all levels, heads, channels) |
/// | `locations` | (batch, queries, heads, levels, points, 2), x in front of y; of levels that differ in their points one level that has all |
/// | `weights` | the same without the 2 |
/// | `padding_mask` | (batch, pixels of all levels), true where a pixel counts 0; or absent |
/// | result | (batch, queries, heads · channels) |
///
/// ```no_run
/// # fn example(value: burn::tensor::Tensor<4>, locations: burn::tensor::Tensor<6>, weights: burn::tensor::Tensor<5>) -> pliant::Result<()> {
/// use pliant::MultiScaleDeformAttn;
///
/// let op = MultiScaleDeformAttn::new([[80, 80], [40, 40], [20, 20]], 4);
/// let output = pliant_burn::multi_scale_deform_attn(value, locations, weights, None, &op)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`deform_conv2d`].
pub fn multi_scale_deform_attn(
    value: Tensor<4>,
    locations: Tensor<6>,
    weights: Tensor<5>,
    padding_mask: Option<Tensor<2, Bool>>,
    op: &MultiScaleDeformAttn,
) -> Result<Tensor<3>> {
    let one_level = op.levels.iter().any(|level| level.points != op.levels[0].points);
    let (locations, weights) = if one_level {
        let [batch, queries, heads, levels, points, pair] = locations.dims();
        let [rows, columns, depth, layers, places] = weights.dims();
        (
            some(locations.reshape([batch, queries, heads, levels * points, pair])),
            some(weights.reshape([rows, columns, depth, layers * places])),
        )
    } else {
        (some(locations), some(weights))
    };
    let inputs = [
        ("value", some(value)),
        ("locations", locations),
        ("weights", weights),
        ("padding_mask", option(padding_mask.map(numbers))),
    ];
    call(op, inputs).map(Tensor::from_dispatch)
}
