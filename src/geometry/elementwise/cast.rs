use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// Elements as another type: between floats rounded, floats to integers cut towards 0, to the nearest integer where they are beyond the range and
/// to 0 for NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type.
    pub to: CastTo,
}

/// Target of a [`Cast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CastTo {
    /// An element type.
    Type(DType),
    /// 0 where they are 0, else 1: an integer.
    Boolean,
}

/// A checked conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CastGeometry {
    pub(crate) op: Cast,
    pub(crate) shape: Shape,
}

impl CastGeometry {
    /// Checks the input's shape, of any rank; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an empty input.
    pub fn new(op: &Cast, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        Ok(Self { op: *op, shape: input })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shape
    }
}

op!(Cast: Input => Output, CastGeometry::output_shape, |op, shape| CastGeometry::new(op, *shape));
