use crate::error::Result;
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::reduce::around;
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// The softmax along an axis of a tensor of any rank: exp(x) / sum of exp(x), of each row of elements along the axis; or its logarithm,
/// x - log(sum of exp(x)).
///
/// A negative infinity has probability 0, as masks of attention have it, and the logarithm of that. A row that has NaN or infinity, or nothing but negative infinities, is
/// NaN as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Softmax {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// Whether it is the logarithm.
    pub log: bool,
}

/// A checked softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoftmaxGeometry {
    pub(crate) shape: Shape,
    pub(crate) axis: usize,
    pub(crate) log: bool,
}

impl SoftmaxGeometry {
    /// Checks the input's shape, of any rank, and that it has the axis; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an empty input, [`Error::Attribute`](crate::Error::Attribute) for an axis that there is not.
    pub fn new(op: &Softmax, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        Ok(Self { shape: input, axis: checked_axis(op.axis, input)?, log: op.log })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shape
    }

    /// The elements before, along and behind the axis.
    pub(crate) fn extents(&self) -> [u32; 3] {
        around(self.shape, self.axis)
    }
}

op!(Softmax: Input => Output, SoftmaxGeometry::output_shape, |op, shape| SoftmaxGeometry::new(op, *shape));
