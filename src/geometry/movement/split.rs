use crate::error::{Error, Result};
use crate::geometry::movement::concat::{Sections, checked_axis};
use crate::geometry::{Input, OutputList, any_rank, op};
use crate::shape::Shape;

/// A tensor of any rank, cut along an axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Split {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// The extents of the outputs along it.
    pub sizes: Vec<u32>,
}

/// A checked split.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SplitGeometry {
    pub(crate) sections: Sections,
}

impl SplitGeometry {
    /// Checks that the sizes, one at least, make up the axis. Along the first axis a size may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &Split, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        let axis = checked_axis(op.axis, input)?;
        if op.sizes.is_empty() {
            return Err(Error::attribute("sizes", "sizes has 0 extents; at least 1 is needed"));
        }
        let (total, extent) = (op.sizes.iter().map(|&size| u64::from(size)).sum::<u64>(), input.extents()[axis]);
        if total != u64::from(extent) {
            let message = format!("sizes add up to {total}; input ({input}) has extent {extent} along axis {axis}");
            return Err(Error::attribute("sizes", message));
        }
        let sections = Sections { whole: input, axis, sizes: op.sizes.clone() };
        sections.shapes().try_for_each(|shape| any_rank("output", shape))?;
        Ok(Self { sections })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.sections.whole
    }

    /// The shapes of the outputs: the input's, each with its size along the axis.
    pub fn output_shapes(&self) -> Vec<Shape> {
        self.sections.shapes().collect()
    }
}

op!(Split: Input => OutputList, SplitGeometry::output_shapes, |op, shape| SplitGeometry::new(op, *shape));
