use crate::error::{Error, Result};
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::reduce::around;
use crate::geometry::{Input, any_rank, inputs, op, positive};
use crate::shape::Shape;

/// The largest or smallest elements along an axis, in their order, and their indices; of integers too.
///
/// Of equal elements the one with the lower index comes first. NaN is larger than any number, as in torch: it comes first among the largest and last
/// among the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopK {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// How many elements.
    pub k: u32,
    /// Whether they are the largest, from the largest on, and else the smallest, from the smallest on.
    pub largest: bool,
}

impl Default for TopK {
    /// The largest element along the outermost axis.
    fn default() -> Self {
        Self { axis: 0, k: 1, largest: true }
    }
}

inputs!(
    /// The outputs of a [`TopK`].
    TopKOutputs {
        /// The elements, in the input's element type.
        values,
        /// Their indices along the axis, in `i32`.
        indices,
    }
);

/// A checked search for so many largest or smallest elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopKGeometry {
    pub(crate) op: TopK,
    pub(crate) shape: Shape,
    pub(crate) axis: usize,
    /// The elements before, along and behind the axis.
    pub(crate) rows: [u32; 3],
}

impl TopKGeometry {
    /// Checks the input's shape, of any rank, and that it has the axis, with `k` elements at least; its first axis may be 0 where it is another.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty input, [`Error::Attribute`] for an axis that there is not or has fewer elements.
    pub fn new(op: &TopK, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        let axis = checked_axis(op.axis, input)?;
        let rows = around(input, axis);
        positive("k", op.k)?;
        if op.k > rows[1] {
            let message = format!("k is {}; input ({input}) has {} elements along axis {axis}", op.k, rows[1]);
            return Err(Error::attribute("k", message));
        }
        if rows[1] > i32::MAX as u32 {
            let message =
                format!("input ({input}) has {} elements along axis {axis}; i32 counts {}", rows[1], i32::MAX);
            return Err(Error::shape("input", message));
        }
        Ok(Self { op: *op, shape: input, axis, rows })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shapes of the outputs: the input's, with extent `k` along the axis.
    pub fn output_shapes(&self) -> TopKOutputs<Shape> {
        let shape = self.shape.with_extent(self.axis, self.op.k);
        TopKOutputs { values: shape, indices: shape }
    }
}

op!(TopK: Input => TopKOutputs<()>, TopKGeometry::output_shapes, |op, shape| TopKGeometry::new(op, *shape));
