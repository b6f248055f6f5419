use crate::error::{Error, Result};
use crate::geometry::elementwise::binary::{broadcast, broadcast_axes};
use crate::geometry::{BroadcastAxis, Output, any_rank, inputs, op};
use crate::shape::{MAX_RANK, Shape};

/// One of two tensors, element by element, where a condition holds or does not, all three broadcast as in NumPy and ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Select;

inputs!(
    /// The inputs of a [`Select`]. `a` and `b` are of one element type.
    SelectInputs {
        /// Of any rank: the elements where the condition is not 0.
        a,
        /// Of any rank: the others.
        b,
        /// Of any rank, of integers.
        condition,
    }
);

/// A checked choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SelectGeometry {
    pub(crate) shapes: SelectInputs<Shape>,
    pub(crate) output: Shape,
}

impl SelectGeometry {
    /// Checks that the shapes broadcast. Only the output's first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] with the two figures that disagree.
    pub fn new(_: &Select, shapes: &SelectInputs<Shape>) -> Result<Self> {
        let mut output = shapes.a;
        for (name, shape) in shapes.named() {
            let Some(&shape) = shape else { continue };
            any_rank(name, shape)?;
            output = broadcast(output, shape).map_err(|_| {
                let message =
                    format!("{name} ({shape}) does not broadcast with {output}; an extent must be the other's, or 1");
                Error::shape(name, message)
            })?;
        }
        any_rank("output", output)?;
        Ok(Self { shapes: *shapes, output })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> SelectInputs<Shape> {
        self.shapes
    }

    /// The broadcast shape.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    pub(crate) fn axes(&self) -> [BroadcastAxis<3>; MAX_RANK] {
        broadcast_axes(self.output, [self.shapes.a, self.shapes.b, self.shapes.condition])
    }
}

op!(Select: SelectInputs<()> => Output, SelectGeometry::output_shape);
