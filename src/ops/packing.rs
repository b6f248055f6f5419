//! Weights that are packed once for many calls.

use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::layout::Layout;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::conv::strategy::WinogradWeight;
use crate::ops::conv::strategy::rule::Strategy;
use crate::ops::matmul::product::Panels;
use crate::ops::plan::{Kernels, Plan};

/// A weight in the order in which a plan's kernels read it: what a model keeps for inference in place of the plain one.
///
/// Made by [`Plan::pack_weight`]. That of a convolution serves every plan with the same weight shape, input channels, groups, offset groups
/// and strategy, whatever the images; that of a product every plan with the same shape of b, transposed alike. [`Strategy::Im2col`] and
/// [`Strategy::Winograd`] take each other's, the latter then to do as the former does.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    pub(crate) gpu: Gpu,
    /// Shape and element type of the plain weight.
    pub(crate) spec: TensorSpec,
    pub(crate) packing: Packing,
    pub(crate) packed: Packed,
}

/// The memory of a packed weight, as the kernels that read it want it.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    Matrix(PackedMatrix),
    Panels(Panels),
    Tensor(Tensor),
    Winograd(WinogradWeight),
}

impl Packed {
    pub(crate) fn matrix(self) -> Result<PackedMatrix> {
        match self {
            Self::Matrix(matrix) => Ok(matrix),
            _ => Err(Self::by_another()),
        }
    }

    pub(crate) fn tensor(self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            _ => Err(Self::by_another()),
        }
    }

    pub(crate) fn winograd(self) -> Result<WinogradWeight> {
        match self {
            Self::Winograd(weight) => Ok(weight),
            _ => Err(Self::by_another()),
        }
    }

    pub(crate) fn by_another() -> Error {
        Error::Validation("the weight was packed for other kernels".to_string())
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
        let (has, argument) = (self.packing, needs.argument());
        if has.serves(needs) {
            return Ok(self.packed.clone());
        }
        if let Packed::Winograd(weight) = &self.packed
            && has.by(Strategy::Im2col) == needs
        {
            return Ok(Packed::Matrix(weight.packed.clone()));
        }
        let message = if needs.in_layout_of(has) == has {
            format!("{argument} was packed for images of another size: the largest are packed in another layout")
        } else {
            format!("{argument} was packed for {has}; the plan has {needs}")
        };
        Err(Error::attribute(argument, message))
    }

    /// The input that takes it.
    pub(crate) fn argument(&self) -> &'static str {
        self.packing.argument()
    }

    /// The tensor, where the weight is kept as it lies.
    pub(crate) fn kept(&self) -> Option<&Tensor> {
        match (self.packing, &self.packed) {
            (Packing::Product { .. }, Packed::Tensor(tensor)) => Some(tensor),
            _ => None,
        }
    }
}

/// Order of a packed weight of a given shape, by all that decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// The weight of a convolution.
    Convolution {
        strategy: Strategy,
        /// The layout of the memory, which is one for all images but the largest.
        layout: Layout,
        groups: u32,
        offset_groups: u32,
    },
    /// The matrices b of a product; one of few rows meets them as they lie where it can.
    Product { transposed: bool, few_rows: bool },
}

impl Packing {
    pub(crate) fn of_convolution(
        strategy: Strategy,
        layout: Layout,
        geometry: &Conv2dGeometry,
        deformation: Option<&Deformation>,
    ) -> Self {
        let offset_groups = deformation.map_or(1, |deformation| deformation.offset_groups);
        Self::Convolution { strategy, layout, groups: geometry.groups, offset_groups }
    }

    /// Whether a plan that needs an order can read a weight in this one.
    fn serves(self, needs: Self) -> bool {
        match (self, needs) {
            (Self::Product { transposed: has, .. }, Self::Product { transposed: needs, .. }) => has == needs,
            _ => self == needs,
        }
    }

    /// This order by another strategy.
    pub(crate) fn by(self, strategy: Strategy) -> Self {
        match self {
            Self::Convolution { layout, groups, offset_groups, .. } => {
                Self::Convolution { strategy, layout, groups, offset_groups }
            }
            Self::Product { .. } => self,
        }
    }

    /// The input that is packed so.
    fn argument(self) -> &'static str {
        match self {
            Self::Convolution { .. } => "weight",
            Self::Product { .. } => "b",
        }
    }

    /// This order in the layout of another.
    fn in_layout_of(self, other: Self) -> Self {
        match (self, other) {
            (Self::Convolution { strategy, groups, offset_groups, .. }, Self::Convolution { layout, .. }) => {
                Self::Convolution { strategy, layout, groups, offset_groups }
            }
            _ => self,
        }
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Convolution { strategy, groups, offset_groups, .. } => {
                write!(f, "{groups} groups and {offset_groups} offset groups by {strategy}")
            }
            Self::Product { transposed: false, .. } => write!(f, "a product with b"),
            Self::Product { transposed: true, .. } => write!(f, "a product with b transposed"),
        }
    }
}

/// An op with an input that may be packed once for many calls.
pub(crate) trait Packs: Kernels {
    /// The name of that input.
    const PACKED: &'static str;

    /// The order in which a plan packs it.
    fn packing(plan: &Plan<Self>) -> Packing;

    /// Records the packing of that input, which has been checked.
    fn pack(plan: &Plan<Self>, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed>;
}

#[expect(private_bounds, reason = "no op of others has a weight that ours pack")]
impl<O: Packs> Plan<O> {
    /// Records the packing of a weight, once for many calls: the weight of a convolution, or b of a product.
    ///
    /// Where kernels read b as it lies, the tensor itself is kept: do not write it while the packed weight is used.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where the weight is not what the plan was made for;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        self.check_input(recorder, O::PACKED, weight)?;
        let packed = O::pack(self, recorder, weight)?;
        Ok(PackedWeight { gpu: recorder.gpu().clone(), spec: weight.spec(), packing: O::packing(self), packed })
    }
}
