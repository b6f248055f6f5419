//! Layers: attributes, what they read and learn, and checked problems. Public as `pliant::nn`.

mod adam;
mod deform_conv2d;
mod deform_roi_pool;
mod sgd;

pub use adam::{Adam, AdamGeometry, AdamInputs};
pub use deform_conv2d::{
    DeformConv2d, DeformConv2dField, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs,
    DeformConv2dParameters, DeformConv2dSizes, Mask,
};
pub use sgd::{Sgd, SgdGeometry, SgdInputs};

pub use deform_roi_pool::{
    DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs, DeformRoiPoolParameters, DeformRoiPoolSizes,
};

pub(crate) use deform_conv2d::OffsetField;

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
