//! Inputs drawn from a seed.

use fastrand::Rng;
use pliant::Shape;

use crate::problem::Array;

/// Normally distributed elements around 0.
pub fn normal(rng: &mut Rng, shape: impl Into<Shape>, sigma: f32) -> Array {
    Array::from_fn(shape, |_| {
        // Box and Muller's transform; the radius takes a uniform number in (0, 1].
        let radius = (-2.0 * (1.0 - rng.f32()).ln()).sqrt();
        sigma * radius * (std::f32::consts::TAU * rng.f32()).cos()
    })
}

/// Whole numbers below `classes`.
pub fn labels(rng: &mut Rng, batch: u32, classes: u32) -> Array {
    Array::from_fn([batch], |_| rng.u32(..classes) as f32)
}

/// Elements between 0 and 1.
pub fn uniform(rng: &mut Rng, shape: impl Into<Shape>) -> Array {
    Array::from_fn(shape, |_| rng.f32())
}
