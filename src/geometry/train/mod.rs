pub(crate) mod adam;
pub(crate) mod cross_entropy;
pub(crate) mod sgd;

pub use adam::{Adam, AdamGeometry, AdamInputs};
pub use sgd::{Sgd, SgdGeometry, SgdInputs};

use crate::error::{Error, Result};
use crate::shape::Shape;

/// Refuses an attribute of an optimiser that is negative or not finite.
fn not_negative(argument: &'static str, value: f32) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::attribute(argument, format!("{argument} is {value}; a finite number of at least 0 is needed")))
}

/// Refuses what a step takes beside a parameter where it has another shape.
fn like_parameter(argument: &'static str, shape: Shape, parameter: Shape) -> Result<()> {
    if shape == parameter {
        return Ok(());
    }
    Err(Error::shape(argument, format!("{argument} is {shape}; the parameter is {parameter}")))
}
