use crate::error::{Error, Result};
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The larger of x and 0.
    Relu,
    /// x between two bounds, as ONNX has it: `max` wherever `min` is above it. An infinite bound is none.
    Clip {
        /// The lower bound.
        min: f32,
        /// The upper bound.
        max: f32,
    },
}

/// A checked function of each element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnaryGeometry {
    pub(crate) op: Unary,
    pub(crate) shape: Shape,
}

impl UnaryGeometry {
    /// Checks the input's shape, of any rank; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty input, [`Error::Attribute`] for a bound that is NaN.
    pub fn new(op: &Unary, input: Shape) -> Result<Self> {
        if let Unary::Clip { min, max } = op {
            for (argument, bound) in [("min", min), ("max", max)] {
                if bound.is_nan() {
                    return Err(Error::attribute(argument, format!("{argument} is NaN; clip needs a number")));
                }
            }
        }
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

op!(Unary: Input => Output, UnaryGeometry::output_shape, |op, shape| UnaryGeometry::new(op, *shape));
