use crate::error::{Error, Result};
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::reduce::around;
use crate::geometry::reduce::reductions::without;
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// The index of the largest or smallest element along an axis, in `i32`; of integers too.
///
/// NaN comes before any number, whether the largest is asked for or the smallest, as in NumPy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgReduce {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// Whether it is the largest element, and else the smallest.
    pub largest: bool,
    /// Whether the output has the axis, of extent 1.
    pub keep: bool,
    /// Whether of equal elements the last counts, and else the first.
    pub last: bool,
}

impl Default for ArgReduce {
    /// The first of the largest elements along the outermost axis, which the output has no more.
    fn default() -> Self {
        Self { axis: 0, largest: true, keep: false, last: false }
    }
}

/// A checked search for the largest or smallest elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgReduceGeometry {
    pub(crate) op: ArgReduce,
    pub(crate) shape: Shape,
    pub(crate) output: Shape,
    /// The elements before, along and behind the axis.
    pub(crate) rows: [u32; 3],
}

impl ArgReduceGeometry {
    /// Checks the input's shape, of any rank, and that it has the axis; its first axis may be 0 where it is another.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty input, [`Error::Attribute`] for an axis that there is not.
    pub fn new(op: &ArgReduce, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        let axis = checked_axis(op.axis, input)?;
        let rows = around(input, axis);
        if rows[1] == 0 {
            return Err(Error::shape("input", format!("input ({input}) has no elements along axis {axis}")));
        }
        if rows[1] > i32::MAX as u32 {
            let message =
                format!("input ({input}) has {} elements along axis {axis}; i32 counts {}", rows[1], i32::MAX);
            return Err(Error::shape("input", message));
        }
        let output = without(input, op.keep, |other| other as usize == axis)?;
        Ok(Self { op: *op, shape: input, output, rows })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shape of the output: the input's without the axis, or with extent 1 along it.
    pub fn output_shape(&self) -> Shape {
        self.output
    }
}

op!(ArgReduce: Input => Output, ArgReduceGeometry::output_shape, |op, shape| ArgReduceGeometry::new(op, *shape));
