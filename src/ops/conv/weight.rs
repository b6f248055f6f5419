//! Weights of convolutions, plain or packed once for many calls.

use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Gpu, Tensor, TensorSpec};
use crate::kernels::layout::Layout;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::conv::strategy::rule::Strategy;

/// A weight in the order in which a plan's kernels read it: what a model keeps for inference in place of the plain one.
///
/// Made by [`Conv2dPlan::pack_weight`](crate::Conv2dPlan::pack_weight) and
/// [`DeformConv2dPlan::pack_weight`](crate::DeformConv2dPlan::pack_weight). It serves every plan with the same weight shape, input channels,
/// groups, offset groups and strategy, whatever the images.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    pub(crate) gpu: Gpu,
    /// Shape and element type of the plain weight.
    pub(crate) spec: TensorSpec,
    pub(crate) packing: Packing,
    pub(crate) packed: Packed,
}

/// The memory of a packed weight, as its strategy keeps it.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    Matrix(PackedMatrix),
    Tensor(Tensor),
}

impl Packed {
    pub(crate) fn matrix(self) -> Result<PackedMatrix> {
        match self {
            Self::Matrix(matrix) => Ok(matrix),
            Self::Tensor(_) => Err(Self::by_another_strategy()),
        }
    }

    pub(crate) fn tensor(self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Matrix(_) => Err(Self::by_another_strategy()),
        }
    }

    fn by_another_strategy() -> Error {
        Error::Validation("the weight was packed by another strategy".to_string())
    }
}

impl PackedWeight {
    /// Shape and element type of the plain weight.
    pub fn spec(&self) -> TensorSpec {
        self.spec
    }

    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The memory, for a plan whose kernels read the weight in a given order.
    pub(crate) fn packed_for(&self, needs: Packing) -> Result<Packed> {
        let has = self.packing;
        if has == (Packing { layout: has.layout, ..needs }) && has != needs {
            let message = "weight was packed for images of another size: the largest are packed in another layout";
            return Err(Error::attribute("weight", message));
        }
        if has != needs {
            return Err(Error::attribute("weight", format!("weight was packed for {has}; the plan has {needs}")));
        }
        Ok(self.packed.clone())
    }
}

/// Order of a packed weight of a given shape, by all that decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    strategy: Strategy,
    /// The layout of the memory, which is one for all images but the largest.
    layout: Layout,
    groups: u32,
    offset_groups: u32,
}

impl Packing {
    pub(crate) fn new(
        strategy: Strategy,
        layout: Layout,
        geometry: &Conv2dGeometry,
        deformation: Option<&Deformation>,
    ) -> Self {
        let offset_groups = deformation.map_or(1, |deformation| deformation.offset_groups);
        Self { strategy, layout, groups: geometry.groups, offset_groups }
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { strategy, groups, offset_groups, .. } = self;
        write!(f, "{groups} groups and {offset_groups} offset groups by {strategy}")
    }
}
