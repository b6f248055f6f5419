use crate::error::Result;
use crate::geometry::{Nothing, any_rank, axis, expect, extents, inputs, op};
use crate::shape::Shape;

/// Stochastic gradient descent with momentum, by torch's formula: velocity = momentum * velocity + gradient + weight_decay * parameter,
/// then parameter -= learning_rate * velocity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sgd {
    /// How much of its velocity a parameter keeps from step to step.
    pub momentum: f32,
    /// How strongly a parameter is drawn to 0.
    pub weight_decay: f32,
}

inputs!(
    /// The inputs of a step of an [`Sgd`]: the first two are updated in place.
    SgdInputs {
        /// Of any shape.
        parameter,
        /// In the parameter's shape; 0 before the first step.
        velocity,
        /// In the parameter's shape.
        gradient,
        /// (1): a tensor, so that a schedule changes it between two submissions of one recording.
        learning_rate,
    }
);

/// A checked step of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdGeometry {
    pub(crate) op: Sgd,
    pub(crate) shape: Shape,
}

impl SgdGeometry {
    /// Checks that velocity and gradient have the parameter's shape.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the two that disagree, [`Error::Attribute`](crate::Error::Attribute) for an attribute
    /// that is negative or not finite.
    pub fn new(op: &Sgd, shapes: &SgdInputs<Shape>) -> Result<Self> {
        super::not_negative("momentum", op.momentum)?;
        super::not_negative("weight_decay", op.weight_decay)?;
        let shape = shapes.parameter;
        any_rank("parameter", shape)?;
        for (argument, other) in [("velocity", shapes.velocity), ("gradient", shapes.gradient)] {
            super::like_parameter(argument, other, shape)?;
        }
        let [rates] = extents("learning_rate", shapes.learning_rate, [axis("elements")])?;
        expect("learning_rate", "elements", rates, 1, "all parameters of a step share")?;
        Ok(Self { op: *op, shape })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> SgdInputs<Shape> {
        let shape = self.shape;
        SgdInputs { parameter: shape, velocity: shape, gradient: shape, learning_rate: [1].into() }
    }

    fn output_shapes(&self) {}
}

op!(Sgd: SgdInputs<()> => Nothing, SgdGeometry::output_shapes);
