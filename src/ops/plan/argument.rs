//! Arguments of plans: specs, tensors, packed weights and destinations, owned or borrowed.

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::packing::PackedWeight;
use crate::ops::plan::widened;

/// Anything with a shape and an element type: a tensor, a spec, a packed weight, or a reference to one.
pub trait ToSpec {
    /// Returns the shape and the element type.
    fn to_spec(&self) -> TensorSpec;
}

/// Input of a plan: a tensor, or a weight packed once for many calls, or a reference to one.
pub trait ToArgument: ToSpec {
    /// Borrows the input as an argument.
    fn to_argument(&self) -> Argument<'_>;
}

/// An argument of an op where tensors and packed weights stand side by side.
///
/// ```no_run
/// use pliant::{Argument, Conv2dInputs, Conv2dPlan, PackedWeight, Recorder, Tensor};
///
/// # fn example(plan: Conv2dPlan, recorder: &mut Recorder, input: Tensor, weight: PackedWeight) -> pliant::Result<()> {
/// let inputs = Conv2dInputs { input: Argument::from(&input), weight: Argument::from(&weight), bias: None };
/// let output = plan.forward(recorder, &inputs)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Argument<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// The weight of a convolution, or b of a product, packed.
    Packed(&'a PackedWeight),
}

impl<'a> Argument<'a> {
    pub(crate) fn gpu(self) -> &'a Gpu {
        match self {
            Self::Tensor(tensor) => tensor.gpu(),
            Self::Packed(packed) => packed.gpu(),
        }
    }

    /// The tensor, where it is none that was packed.
    pub(crate) fn plain(self) -> Option<&'a Tensor> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Packed(_) => None,
        }
    }

    /// The tensor.
    pub(crate) fn tensor(self) -> Result<&'a Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Packed(packed) => Err(misplaced(packed.argument())),
        }
    }

    /// The tensor of a packed weight that is kept as it lies.
    pub(crate) fn kept(self) -> Option<&'a Tensor> {
        match self {
            Self::Tensor(_) => None,
            Self::Packed(packed) => packed.kept(),
        }
    }

    /// The tensor itself, or a copy in workspace that holds f32 where it has floats of 16 bits.
    pub(crate) fn wide(self, recorder: &mut Recorder) -> Result<Tensor> {
        widened(recorder, self.tensor()?)
    }

    /// A packed weight as it is; of a tensor what [`Self::wide`] gives.
    pub(crate) fn widened(self, recorder: &mut Recorder) -> Result<Widened<'a>> {
        Ok(match self {
            Self::Tensor(tensor) => Widened::Tensor(widened(recorder, tensor)?),
            Self::Packed(packed) => Widened::Packed(packed),
        })
    }
}

/// Refusal of a packed weight in the place of a tensor.
pub(crate) fn misplaced(argument: &'static str) -> Error {
    let takes = "forward passes take it as the weight of a convolution, or b of a product";
    Error::attribute(argument, format!("{argument} is a packed weight where a tensor is needed: {takes}"))
}

/// An input for kernels that know f32 alone.
pub(crate) enum Widened<'a> {
    Tensor(Tensor),
    Packed(&'a PackedWeight),
}

impl Widened<'_> {
    pub(crate) fn argument(&self) -> Argument<'_> {
        match self {
            Self::Tensor(tensor) => tensor.into(),
            Self::Packed(packed) => (*packed).into(),
        }
    }
}

impl<'a> From<&'a Tensor> for Argument<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl<'a> From<&'a PackedWeight> for Argument<'a> {
    fn from(packed: &'a PackedWeight) -> Self {
        Self::Packed(packed)
    }
}

impl ToSpec for TensorSpec {
    fn to_spec(&self) -> TensorSpec {
        *self
    }
}

impl ToSpec for Tensor {
    fn to_spec(&self) -> TensorSpec {
        self.spec()
    }
}

impl ToSpec for PackedWeight {
    fn to_spec(&self) -> TensorSpec {
        self.spec()
    }
}

impl ToSpec for Argument<'_> {
    fn to_spec(&self) -> TensorSpec {
        match self {
            Self::Tensor(tensor) => tensor.spec(),
            Self::Packed(packed) => packed.spec(),
        }
    }
}

impl<T: ToSpec> ToSpec for &T {
    fn to_spec(&self) -> TensorSpec {
        (**self).to_spec()
    }
}

impl ToArgument for Tensor {
    fn to_argument(&self) -> Argument<'_> {
        self.into()
    }
}

impl ToArgument for PackedWeight {
    fn to_argument(&self) -> Argument<'_> {
        self.into()
    }
}

impl ToArgument for Argument<'_> {
    fn to_argument(&self) -> Argument<'_> {
        *self
    }
}

impl<T: ToArgument> ToArgument for &T {
    fn to_argument(&self) -> Argument<'_> {
        (**self).to_argument()
    }
}

/// Where a gradient goes. Shape and element type are those of the input that it is the gradient of.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// In place of what the tensor holds.
    Write(&'a Tensor),
    /// Added to what the tensor holds, as a training loop does over several calls. Tensors of 16 bits are rounded once for each call.
    Add(&'a Tensor),
}

impl<'a> Destination<'a> {
    /// The tensor, one way or the other.
    pub fn tensor(self) -> &'a Tensor {
        match self {
            Self::Write(tensor) | Self::Add(tensor) => tensor,
        }
    }

    /// Whether the tensor holds terms already, to be added to. Else whatever it holds is to be overwritten.
    pub fn accumulates(self) -> bool {
        matches!(self, Self::Add(_))
    }

    /// The destination with another tensor, written or added to as this one is.
    pub(crate) fn into_tensor(self, tensor: &Tensor) -> Destination<'_> {
        match self {
            Self::Write(_) => Destination::Write(tensor),
            Self::Add(_) => Destination::Add(tensor),
        }
    }
}

impl<'a> From<&'a Tensor> for Destination<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Write(tensor)
    }
}

/// Destination of a gradient: a [`Destination`], or a tensor, which is written.
pub trait ToDestination {
    /// Borrows the destination.
    fn to_destination(&self) -> Destination<'_>;
}

impl ToDestination for Destination<'_> {
    fn to_destination(&self) -> Destination<'_> {
        *self
    }
}

impl ToDestination for Tensor {
    fn to_destination(&self) -> Destination<'_> {
        self.into()
    }
}

impl<T: ToDestination> ToDestination for &T {
    fn to_destination(&self) -> Destination<'_> {
        (**self).to_destination()
    }
}
