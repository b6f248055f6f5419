use crate::error::Result;
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// The softmax along an axis of a tensor of any rank: exp(x) / sum of exp(x), of each row of elements along the axis.
///
/// A negative infinity has probability 0, as masks of attention have it. A row that has NaN or infinity, or nothing but negative infinities, is
/// NaN as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Softmax {
    /// The axis, counted from the outermost.
    pub axis: u32,
}

/// A checked softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoftmaxGeometry {
    pub(crate) shape: Shape,
    pub(crate) axis: usize,
}

impl SoftmaxGeometry {
    /// Checks the input's shape, of any rank, and that it has the axis; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an empty input, [`Error::Attribute`](crate::Error::Attribute) for an axis that there is not.
    pub fn new(op: &Softmax, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        Ok(Self { shape: input, axis: checked_axis(op.axis, input)? })
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
        let extents = self.shape.extents();
        let product = |extents: &[u32]| extents.iter().product();
        [product(&extents[..self.axis]), extents[self.axis], product(&extents[self.axis + 1..])]
    }
}

op!(Softmax: Input => Output, SoftmaxGeometry::output_shape, |op, shape| SoftmaxGeometry::new(op, *shape));
