use crate::error::{Error, Result};
use crate::geometry::{InputList, Output, any_rank, check_elements, op};
use crate::shape::Shape;

/// Tensors of any rank, one behind another along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Concat {
    /// The axis, counted from the outermost.
    pub axis: u32,
}

/// A checked concatenation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConcatGeometry {
    pub(crate) sections: Sections,
}

impl ConcatGeometry {
    /// Checks that the inputs, one at least, differ along the axis only.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &Concat, inputs: &[Shape]) -> Result<Self> {
        let Some(&first) = inputs.first() else {
            return Err(Self::none());
        };
        let axis = checked_axis(op.axis, first)?;
        let mut total = 0u64;
        for (index, input) in inputs.iter().enumerate() {
            any_rank("input", *input)?;
            if input.rank() != first.rank() {
                let message = format!(
                    "input {index} ({input}) has {} axes; input 0 ({first}) has {}",
                    input.rank(),
                    first.rank()
                );
                return Err(Error::shape("input", message));
            }
            for (other, (has, needs)) in input.extents().iter().zip(first.extents()).enumerate() {
                if other != axis && has != needs {
                    let message = format!(
                        "input {index} ({input}) has extent {has} along axis {other}; input 0 ({first}) has {needs}"
                    );
                    return Err(Error::shape("input", message));
                }
            }
            total += u64::from(input.extents()[axis]);
        }
        let Ok(total) = u32::try_from(total) else {
            let message =
                format!("the output would have extent {total} along axis {axis}; at most {} is possible", u32::MAX);
            return Err(Error::shape("output", message));
        };
        let whole = first.with_extent(axis, total);
        check_elements("output", whole)?;
        Ok(Self {
            sections: Sections { whole, axis, sizes: inputs.iter().map(|input| input.extents()[axis]).collect() },
        })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> Vec<Shape> {
        self.sections.shapes().collect()
    }

    /// The error of a concatenation without inputs.
    pub(crate) fn none() -> Error {
        Error::shape("input", "0 inputs were given; at least 1 is needed")
    }

    /// The shape of the output: the first input's, with the sum of the extents along the axis.
    pub fn output_shape(&self) -> Shape {
        self.sections.whole
    }
}

/// A tensor cut along an axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sections {
    pub(crate) whole: Shape,
    pub(crate) axis: usize,
    pub(crate) sizes: Vec<u32>,
}

impl Sections {
    pub(crate) fn shapes(&self) -> impl Iterator<Item = Shape> {
        self.sizes.iter().map(|&size| self.whole.with_extent(self.axis, size))
    }

    /// The rows of which each section has a part: as many as there are elements along the axes before.
    pub(crate) fn rows(&self) -> u32 {
        self.whole.extents()[..self.axis].iter().product()
    }

    /// The elements of a row of a section, or of the whole, that has `size` along the axis.
    pub(crate) fn columns(&self, size: u32) -> u32 {
        self.whole.extents()[self.axis + 1..].iter().product::<u32>() * size
    }
}

/// Refuses an axis that a shape lacks.
pub(crate) fn checked_axis(axis: u32, shape: Shape) -> Result<usize> {
    if axis as usize >= shape.rank() {
        return Err(Error::attribute("axis", format!("axis is {axis}; input ({shape}) has {} axes", shape.rank())));
    }
    Ok(axis as usize)
}

op!(Concat: InputList => Output, ConcatGeometry::output_shape);
