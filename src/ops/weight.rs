//! Weights of convolutions, plain or packed once for many calls.

use super::Argument;
use super::quads::Quads;
use crate::gpu::{Gpu, Tensor, TensorSpec};

/// A weight in the order in which a plan's kernels read it: what a model keeps for inference in place of the plain one.
///
/// Made by [`Conv2dPlan::pack_weight`](crate::Conv2dPlan::pack_weight) and
/// [`DeformConv2dPlan::pack_weight`](crate::DeformConv2dPlan::pack_weight). It serves every plan with the same weight shape, input channels,
/// groups, offset groups and strategy, whatever the images.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    pub(super) gpu: Gpu,
    /// Of the plain weight.
    pub(super) spec: TensorSpec,
    pub(super) packing: Packing,
    pub(super) packed: Quads,
}

impl PackedWeight {
    /// Shape and element type of the plain weight.
    pub fn spec(&self) -> TensorSpec {
        self.spec
    }
}

/// What decides the order of a packed weight of a given shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    pub(super) groups: u32,
    pub(super) offset_groups: u32,
}

/// What a plan takes for a weight: a tensor, which is packed in the recording, or one packed before.
#[derive(Debug, Clone, Copy)]
pub enum Weight<'a> {
    /// (out_channels, channels / groups, kernel_height, kernel_width)
    Plain(&'a Tensor),
    /// The same, packed.
    Packed(&'a PackedWeight),
}

impl<'a> From<&'a Tensor> for Weight<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Plain(tensor)
    }
}

impl<'a> From<&'a PackedWeight> for Weight<'a> {
    fn from(packed: &'a PackedWeight) -> Self {
        Self::Packed(packed)
    }
}

impl<'a> From<Weight<'a>> for Argument<'a> {
    fn from(weight: Weight<'a>) -> Self {
        match weight {
            Weight::Plain(tensor) => tensor.into(),
            Weight::Packed(packed) => Self { spec: packed.spec, gpu: &packed.gpu, tensor: None },
        }
    }
}
