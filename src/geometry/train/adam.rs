use crate::error::{Error, Result};
use crate::geometry::{Nothing, any_rank, axis, expect, extents, inputs, op};
use crate::shape::Shape;

/// Adam with decoupled weight decay, by the formula of torch's `AdamW`:
///
/// ```text
/// mean      = beta1 * mean + (1 - beta1) * gradient
/// variance  = beta2 * variance + (1 - beta2) * gradient^2
/// parameter = (1 - rate * weight_decay) * parameter
///             - rate * correction1 * mean / (sqrt(correction2 * variance) + epsilon)
/// ```
///
/// where [`Adam::rates`] gives the rate and the two corrections of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// How much of the mean is kept from step to step.
    pub beta1: f32,
    /// How much of the variance is kept from step to step.
    pub beta2: f32,
    /// Keeps parameters from moving far where gradients are next to nothing.
    pub epsilon: f32,
    /// How strongly a parameter is drawn to 0.
    pub weight_decay: f32,
}

impl Default for Adam {
    /// The attributes of the paper: 0.9, 0.999 and 1e-8, without decay.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

inputs!(
    /// The inputs of a step of [`Adam`]: the first three are updated in place.
    AdamInputs {
        /// Of any shape.
        parameter,
        /// In the parameter's shape; 0 before the first step.
        mean,
        /// In the parameter's shape; 0 before the first step. Of squares, it wants `f32`.
        variance,
        /// In the parameter's shape.
        gradient,
        /// (3): the rates of this step. A tensor, so that they change between two submissions of one recording.
        rates,
    }
);

impl Adam {
    /// The rates of a step, counted from 0: the learning rate, 1 / (1 - beta1^(step + 1)) and 1 / (1 - beta2^(step + 1)), computed in
    /// `f64`.
    ///
    /// ```
    /// let op = pliant::Adam { beta1: 0.5, beta2: 0.75, ..Default::default() };
    /// assert_eq!(op.rates(0, 0.125), [0.125, 2.0, 4.0]);
    /// ```
    pub fn rates(&self, step: u32, learning_rate: f32) -> [f32; 3] {
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powf(f64::from(step) + 1.0))) as f32;
        [learning_rate, correction(self.beta1), correction(self.beta2)]
    }
}

/// A checked step of [`Adam`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamGeometry {
    pub(crate) op: Adam,
    pub(crate) shape: Shape,
}

impl AdamGeometry {
    /// Checks that mean, variance and gradient have the parameter's shape.
    ///
    /// # Errors
    /// [`Error::Shape`] with the two that disagree, [`Error::Attribute`] for a beta that is not in 0..1, or another attribute that is
    /// negative or not finite.
    pub fn new(op: &Adam, shapes: &AdamInputs<Shape>) -> Result<Self> {
        for (argument, beta) in [("beta1", op.beta1), ("beta2", op.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                let message = format!("{argument} is {beta}; a number of at least 0 and below 1 is needed");
                return Err(Error::attribute(argument, message));
            }
        }
        super::not_negative("epsilon", op.epsilon)?;
        super::not_negative("weight_decay", op.weight_decay)?;
        let shape = shapes.parameter;
        any_rank("parameter", shape)?;
        for (argument, other) in [("mean", shapes.mean), ("variance", shapes.variance), ("gradient", shapes.gradient)] {
            super::like_parameter(argument, other, shape)?;
        }
        let [rates] = extents("rates", shapes.rates, [axis("elements")])?;
        expect("rates", "elements", rates, 3, "a learning rate and two corrections are")?;
        Ok(Self { op: *op, shape })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> AdamInputs<Shape> {
        let shape = self.shape;
        AdamInputs { parameter: shape, mean: shape, variance: shape, gradient: shape, rates: [3].into() }
    }

    fn output_shapes(&self) {}
}

op!(Adam: AdamInputs<()> => Nothing, AdamGeometry::output_shapes);
