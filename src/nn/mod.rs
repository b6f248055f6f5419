//! Layers: ops with the parameters that they learn.
//!
//! A layer is attributes, such as [`DeformConv2dLayer`]; its parameters are plain tensors in a struct among its inputs, to be read,
//! replaced and updated in place by whoever trains them: [`Sgd`](crate::Sgd) and [`Adam`](crate::Adam) do. It is an op in all else.
//! [`guide::layers`](crate::guide::layers) tells of training and of files.
//!
//! ```no_run
//! use pliant::nn::{
//!     DeformConv2dLayer, DeformConv2dLayerInputs, DeformConv2dLayerPlan, DeformConv2dParameters, DeformConv2dSizes, Mask,
//! };
//! use pliant::{DType, Gpu, Recorder, Tensor};
//!
//! # fn example(gpu: Gpu, input: Tensor, grad_output: Tensor, mut uniform: impl FnMut() -> f32) -> pliant::Result<()> {
//! let layer = DeformConv2dLayer { padding: [1; 4], mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
//! let sizes = DeformConv2dSizes::new([64, 64], [3, 3]);
//! let parameters = DeformConv2dParameters::new(&gpu, &layer, &sizes, DType::F32, &mut uniform)?;
//! let inputs = DeformConv2dLayerInputs::new(&input, parameters.as_ref());
//!
//! let plan = DeformConv2dLayerPlan::new(&gpu, &layer, &inputs)?;
//! let field = plan.new_field(&gpu)?; // the offsets and masks, which the forward pass leaves to the backward pass
//! let mut recorder = Recorder::new(&gpu);
//! let output = plan.forward_with(&mut recorder, &inputs, &field)?;
//! let gradients = plan.backward_with(&mut recorder, &inputs, &field, &grad_output)?;
//! recorder.submit()?;
//! # Ok(())
//! # }
//! ```

mod connected;
mod deform_conv2d;
mod deform_conv2d_plan;
mod deform_conv_v3;
mod deform_conv_v3_plan;
mod deform_conv_v4;
mod deform_conv_v4_plan;
mod deform_roi_pool;
mod deform_roi_pool_plan;
mod field;
mod multi_scale_deform_attn;
mod multi_scale_deform_attn_plan;
mod samples;
#[cfg(feature = "safetensors")]
mod weights;

pub use deform_conv_v3::{
    DeformConvV3Layer, DeformConvV3LayerGeometry, DeformConvV3LayerGradients, DeformConvV3LayerInputs,
    DeformConvV3Parameters, DeformConvV3Sizes,
};
pub use deform_conv_v4::{
    DeformConvV4Layer, DeformConvV4LayerGeometry, DeformConvV4LayerGradients, DeformConvV4LayerInputs,
    DeformConvV4Parameters, DeformConvV4Sizes,
};
pub use deform_conv2d::{
    DeformConv2dField, DeformConv2dLayer, DeformConv2dLayerGeometry, DeformConv2dLayerGradients,
    DeformConv2dLayerInputs, DeformConv2dParameters, DeformConv2dSizes, Mask,
};
pub use deform_roi_pool::{
    DeformRoiPoolLayer, DeformRoiPoolLayerGeometry, DeformRoiPoolLayerGradients, DeformRoiPoolLayerInputs,
    DeformRoiPoolParameters, DeformRoiPoolSizes,
};
pub use multi_scale_deform_attn::{
    MultiScaleDeformAttnLayer, MultiScaleDeformAttnLayerGeometry, MultiScaleDeformAttnLayerGradients,
    MultiScaleDeformAttnLayerInputs, MultiScaleDeformAttnParameters, MultiScaleDeformAttnSizes,
};
#[cfg(feature = "safetensors")]
pub use weights::{Naming, Weights};

pub(crate) use deform_conv2d::OffsetField;
pub(crate) use samples::CenterGeometry;

use half::{bf16, f16};

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::check_elements;
use crate::gpu::{Gpu, Tensor};
use crate::ops::plan::Destination;
use crate::ops::{plan_of, short_way, short_way_back};
use crate::shape::Shape;

plan_of! {
    /// | argument | shape |
    /// | --- | --- |
    /// | `input` | (batch, channels, height, width) |
    /// | `offset_input` | (batch, any, height, width), or absent: then it is `input` |
    /// | `flow` | (batch, 2 · flows, out_height, out_width), or absent |
    /// | `parameters` | [`DeformConv2dLayer::parameter_shapes`] |
    /// | output | (batch, out_channels, out_height, out_width) |
    ///
    /// ```no_run
    /// use pliant::nn::{DeformConv2dLayer, DeformConv2dLayerInputs, DeformConv2dLayerPlan, DeformConv2dParameters};
    /// use pliant::{Gpu, Recorder, Tensor};
    ///
    /// # fn example(gpu: &Gpu, input: Tensor, parameters: DeformConv2dParameters<Tensor>) -> pliant::Result<()> {
    /// let layer = DeformConv2dLayer { padding: [1; 4], ..DeformConv2dLayer::default() };
    /// let inputs = DeformConv2dLayerInputs::new(&input, parameters.as_ref());
    /// let plan = DeformConv2dLayerPlan::new(gpu, &layer, &inputs)?;
    /// let mut recorder = Recorder::new(gpu);
    /// let output = plan.forward(&mut recorder, &inputs)?;
    /// recorder.submit()?;
    /// # Ok(())
    /// # }
    /// ```
    DeformConv2dLayer => DeformConv2dLayerPlan
}
plan_of! {
    /// | argument | shape |
    /// | --- | --- |
    /// | `input` | (batch, channels, height, width) |
    /// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
    /// | `parameters` | [`DeformRoiPoolLayer::parameter_shapes`] |
    /// | output | (rois, channels, pooled_height, pooled_width) |
    ///
    /// ```no_run
    /// use pliant::nn::{DeformRoiPoolLayer, DeformRoiPoolLayerInputs, DeformRoiPoolLayerPlan, DeformRoiPoolParameters};
    /// use pliant::{DeformRoiPool, Gpu, Recorder, Tensor};
    ///
    /// # fn example(
    /// #     gpu: &Gpu, input: Tensor, rois: Tensor, parameters: DeformRoiPoolParameters<Tensor>,
    /// # ) -> pliant::Result<()> {
    /// let layer = DeformRoiPoolLayer { pool: DeformRoiPool { pooled: [7, 7], ..DeformRoiPool::default() } };
    /// let inputs = DeformRoiPoolLayerInputs { input: &input, rois: &rois, parameters: parameters.as_ref() };
    /// let plan = DeformRoiPoolLayerPlan::new(gpu, &layer, &inputs)?;
    /// let mut recorder = Recorder::new(gpu);
    /// let output = plan.forward(&mut recorder, &inputs)?;
    /// recorder.submit()?;
    /// # Ok(())
    /// # }
    /// ```
    DeformRoiPoolLayer => DeformRoiPoolLayerPlan
}
plan_of! {
    /// | argument | shape |
    /// | --- | --- |
    /// | `input` | (batch, height, width, channels) |
    /// | `parameters` | [`DeformConvV3Layer::parameter_shapes`] |
    /// | output | (batch, height, width, outputs of `output_proj_weight`) |
    ///
    /// ```no_run
    /// use pliant::nn::{DeformConvV3Layer, DeformConvV3LayerInputs, DeformConvV3LayerPlan, DeformConvV3Parameters};
    /// use pliant::{DeformConvV3, Gpu, Recorder, Tensor};
    ///
    /// # fn example(gpu: &Gpu, input: Tensor, parameters: DeformConvV3Parameters<Tensor>) -> pliant::Result<()> {
    /// let window = DeformConvV3 { groups: 4, ..DeformConvV3::default() };
    /// let layer = DeformConvV3Layer { window, ..DeformConvV3Layer::default() };
    /// let inputs = DeformConvV3LayerInputs { input: &input, parameters: parameters.as_ref() };
    /// let plan = DeformConvV3LayerPlan::new(gpu, &layer, &inputs)?;
    /// let mut recorder = Recorder::new(gpu);
    /// let output = plan.forward(&mut recorder, &inputs)?;
    /// recorder.submit()?;
    /// # Ok(())
    /// # }
    /// ```
    DeformConvV3Layer => DeformConvV3LayerPlan
}
plan_of! {
    /// | argument | shape |
    /// | --- | --- |
    /// | `input` | (batch, height, width, channels) |
    /// | `offset_mask_input` | (batch, out_height, out_width, any), or absent: then it is `input` |
    /// | `parameters` | [`DeformConvV4Layer::parameter_shapes`] |
    /// | output | (batch, out_height, out_width, outputs of `output_proj_weight`) |
    ///
    /// ```no_run
    /// use pliant::nn::{DeformConvV4Layer, DeformConvV4LayerInputs, DeformConvV4LayerPlan, DeformConvV4Parameters};
    /// use pliant::{DeformConvV3, Gpu, Recorder, Tensor};
    ///
    /// # fn example(gpu: &Gpu, input: Tensor, parameters: DeformConvV4Parameters<Tensor>) -> pliant::Result<()> {
    /// let layer = DeformConvV4Layer { window: DeformConvV3 { groups: 4, ..DeformConvV3::default() } };
    /// let inputs = DeformConvV4LayerInputs { input: &input, offset_mask_input: None, parameters: parameters.as_ref() };
    /// let plan = DeformConvV4LayerPlan::new(gpu, &layer, &inputs)?;
    /// let mut recorder = Recorder::new(gpu);
    /// let output = plan.forward(&mut recorder, &inputs)?;
    /// recorder.submit()?;
    /// # Ok(())
    /// # }
    /// ```
    DeformConvV4Layer => DeformConvV4LayerPlan
}
plan_of! {
    /// | argument | shape |
    /// | --- | --- |
    /// | `query` | (batch, queries, channels) |
    /// | `value_input` | (batch, pixels of all levels, any) |
    /// | `reference_points` | (batch, queries, levels or 1, 2 or 4) |
    /// | `padding_mask` | (batch, pixels of all levels), or absent |
    /// | `query_position` | as `query`, or absent |
    /// | `parameters` | [`MultiScaleDeformAttnLayer::parameter_shapes`] |
    /// | output | (batch, queries, outputs of `output_proj_weight`) |
    ///
    /// ```no_run
    /// use pliant::nn::{
    ///     MultiScaleDeformAttnLayer, MultiScaleDeformAttnLayerInputs, MultiScaleDeformAttnLayerPlan, MultiScaleDeformAttnParameters,
    /// };
    /// use pliant::{Gpu, MultiScaleDeformAttn, Recorder, Tensor};
    ///
    /// # fn example(
    /// #     gpu: &Gpu, query: Tensor, value_input: Tensor, reference_points: Tensor, parameters: MultiScaleDeformAttnParameters<Tensor>,
    /// # ) -> pliant::Result<()> {
    /// let attn = MultiScaleDeformAttn::new([[80, 80], [40, 40], [20, 20]], 4);
    /// let layer = MultiScaleDeformAttnLayer::new(attn, 8);
    /// let inputs = MultiScaleDeformAttnLayerInputs {
    ///     query: &query,
    ///     value_input: &value_input,
    ///     reference_points: &reference_points,
    ///     padding_mask: None,
    ///     query_position: None,
    ///     parameters: parameters.as_ref(),
    /// };
    /// let plan = MultiScaleDeformAttnLayerPlan::new(gpu, &layer, &inputs)?;
    /// let mut recorder = Recorder::new(gpu);
    /// let output = plan.forward(&mut recorder, &inputs)?;
    /// recorder.submit()?;
    /// # Ok(())
    /// # }
    /// ```
    MultiScaleDeformAttnLayer => MultiScaleDeformAttnLayerPlan
}
short_way!(DeformConv2dLayer);
short_way!(DeformConvV3Layer);
short_way!(DeformConvV4Layer);
short_way!(DeformRoiPoolLayer);
short_way!(MultiScaleDeformAttnLayer);
short_way_back!(DeformConv2dLayer);
short_way_back!(DeformConvV3Layer);
short_way_back!(DeformConvV4Layer);
short_way_back!(DeformRoiPoolLayer);
short_way_back!(MultiScaleDeformAttnLayer);

/// A tensor with the given elements, rounded to its type.
fn upload(gpu: &Gpu, shape: Shape, dtype: DType, elements: &[f32]) -> Result<Tensor> {
    match dtype {
        DType::F32 => Tensor::upload(gpu, shape, elements),
        DType::F16 => Tensor::upload(gpu, shape, &elements.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>()),
        DType::BF16 => Tensor::upload(gpu, shape, &elements.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>()),
        DType::I32 => Err(Error::dtype("dtype", "dtype is i32; parameters hold f32, f16 or bf16")),
    }
}

/// Refuses parameters with more elements than `u32` counts.
fn check_parameters<'a>(mut shapes: impl Iterator<Item = (&'static str, Option<&'a Shape>)>) -> Result<()> {
    shapes.try_for_each(|(name, shape)| shape.map_or(Ok(()), |shape| check_elements(name, *shape)))
}

/// Draws a weight (outputs, inputs) evenly between ± sqrt(6 / (inputs + outputs)).
fn draw_evenly((shape, elements): &mut (Shape, Vec<f32>), mut uniform: impl FnMut() -> f32) {
    let channels: f64 = shape.extents().iter().map(|&extent| f64::from(extent)).sum();
    let bound = (6.0 / channels).sqrt() as f32;
    elements.fill_with(|| bound * (2.0 * uniform() - 1.0));
}

/// A destination under other extents.
struct Viewed {
    tensor: Tensor,
    add: bool,
}

impl Viewed {
    fn new(destination: &Destination, shape: Shape) -> Self {
        let tensor = destination.tensor().reshaped(shape);
        Self { tensor, add: destination.accumulates() }
    }

    fn destination(&self) -> Destination<'_> {
        if self.add { Destination::Add(&self.tensor) } else { Destination::Write(&self.tensor) }
    }
}
