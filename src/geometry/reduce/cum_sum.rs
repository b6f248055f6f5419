use crate::error::Result;
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::reduce::around;
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// The sums of the elements along an axis up to each; of integers too, modulo 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CumSum {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// Whether the element itself is left out.
    pub exclusive: bool,
    /// Whether it is summed from the last element on.
    pub reverse: bool,
}

/// Checked cumulative sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CumSumGeometry {
    pub(crate) op: CumSum,
    pub(crate) shape: Shape,
    /// The elements before, along and behind the axis.
    pub(crate) rows: [u32; 3],
}

impl CumSumGeometry {
    /// Checks the input's shape, of any rank, and that it has the axis; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an empty input, [`Error::Attribute`](crate::Error::Attribute) for an axis that there is not.
    pub fn new(op: &CumSum, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        Ok(Self { op: *op, shape: input, rows: around(input, checked_axis(op.axis, input)?) })
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

op!(CumSum: Input => Output, CumSumGeometry::output_shape, |op, shape| CumSumGeometry::new(op, *shape));
