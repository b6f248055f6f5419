//! The multi-scale deformable attention of Hugging Face's transformers: that of Deformable DETR and of RT-DETR, and version 2, of RT-DETRv2 and D-FINE.

use super::attention::{check_starts, of_points, of_weights};
use crate::error::{Error, Result};
use crate::geometry::{AttentionSampling, EdgeDerivative, MultiScaleDeformAttn, MultiScaleDeformAttnInputs};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The arguments of the `MultiScaleDeformableAttention` of Deformable DETR and RT-DETR that are no tensors of floats.
///
/// | tensor | transformers' | shape |
/// | --- | --- | --- |
/// | value | value | (batch, pixels of all levels, heads, channels) |
/// | locations | sampling_locations | (batch, queries, heads, levels, points, 2): x, then y, in 0..1 |
/// | weights | attention_weights | (batch, queries, heads, levels, points), after the softmax |
/// | padding_mask, optional | that by which value is masked, inverted | (batch, pixels of all levels): not 0 where the value counts 0 |
///
/// Edge derivative: [`EdgeDerivative::OneSided`].
///
/// Departures: there is no `im2col_step`, which is an implementation's; a location that is not finite makes a sample of 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct MultiScaleDeformableAttention {
    /// `[height, width]` of each level.
    pub value_spatial_shapes: Vec<[i64; 2]>,
    /// The pixels in front of each level.
    pub level_start_index: Vec<i64>,
}

/// The arguments of `multi_scale_deformable_attention_v2`, of RT-DETRv2 and D-FINE, that are no tensors.
///
/// | tensor | transformers' | shape |
/// | --- | --- | --- |
/// | value | value | (batch, pixels of all levels, heads, channels) |
/// | locations | sampling_locations | (batch, queries, heads, points of all levels, 2): x, then y, in 0..1 |
/// | weights | attention_weights | (batch, queries, heads, points of all levels), after the softmax |
/// | padding_mask, optional | as of [`MultiScaleDeformableAttention`] | |
///
/// Edge derivative: [`EdgeDerivative::OneSided`].
///
/// Departure: a location that is not finite makes a sample of 0, whatever the method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MultiScaleDeformableAttentionV2 {
    /// `[height, width]` of each level.
    pub value_spatial_shapes: Vec<[i64; 2]>,
    /// Points of each query and head in each level.
    pub num_points_list: Vec<i64>,
    /// `default`, which is bilinear and the default, or `discrete`: [`AttentionSampling::Discrete`].
    pub method: String,
}

impl Default for MultiScaleDeformableAttentionV2 {
    fn default() -> Self {
        Self { value_spatial_shapes: Vec::new(), num_points_list: Vec::new(), method: "default".into() }
    }
}

impl MultiScaleDeformableAttention {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &MultiScaleDeformAttnInputs<Shape>) -> Result<MultiScaleDeformAttn> {
        check_starts("level_start_index", &self.level_start_index, &self.value_spatial_shapes)?;
        of_weights(&self.value_spatial_shapes, EdgeDerivative::OneSided, shapes)
    }
}

impl MultiScaleDeformableAttentionV2 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`], with the two figures that disagree.
    pub fn op(&self, shapes: &MultiScaleDeformAttnInputs<Shape>) -> Result<MultiScaleDeformAttn> {
        let sampling = match &self.method[..] {
            "default" => AttentionSampling::Bilinear,
            "discrete" => AttentionSampling::Discrete,
            other => {
                let message = format!("method is {other}; transformers knows default and discrete");
                return Err(Error::attribute("method", message));
            }
        };
        let points = ("num_points_list", &self.num_points_list[..]);
        of_points(&self.value_spatial_shapes, points, sampling, EdgeDerivative::OneSided, shapes)
    }
}

forward! {
    "The sums, in a new tensor (batch, queries, heads · channels), submitted." =>
    MultiScaleDeformableAttention, MultiScaleDeformAttnInputs;
    MultiScaleDeformableAttentionV2, MultiScaleDeformAttnInputs;
}
