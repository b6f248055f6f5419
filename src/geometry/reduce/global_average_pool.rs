use crate::error::{Error, Result};
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// The mean of each plane, or volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GlobalAveragePool;

/// A checked mean of planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalAveragePoolGeometry {
    pub(crate) shape: Shape,
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) pixels: u32,
}

impl GlobalAveragePoolGeometry {
    /// Checks the input's shape, (batch, channels, ...).
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than 3 axes, or an image without channels or pixels.
    pub fn new(GlobalAveragePool: &GlobalAveragePool, input: Shape) -> Result<Self> {
        let [batch, channels, pixels] = planes(input)?;
        Ok(Self { shape: input, batch, channels, pixels })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// (batch, channels, 1, ...)
    pub fn output_shape(&self) -> Shape {
        one_of_each(self.shape)
    }
}

/// Batch, channels, and the elements of each plane of an input (batch, channels, ...).
pub(crate) fn planes(input: Shape) -> Result<[u32; 3]> {
    any_rank("input", input)?;
    match input.extents() {
        [batch, channels, pixels @ ..] if !pixels.is_empty() => Ok([*batch, *channels, pixels.iter().product()]),
        extents => {
            let message =
                format!("input ({input}) has {} axes; batch, channels and planes need 3 at least", extents.len());
            Err(Error::shape("input", message))
        }
    }
}

/// The shape of one element for each plane.
pub(crate) fn one_of_each(input: Shape) -> Shape {
    (2..input.rank()).fold(input, |shape, axis| shape.with_extent(axis, 1))
}

op!(GlobalAveragePool: Input => Output, GlobalAveragePoolGeometry::output_shape, |op, shape| GlobalAveragePoolGeometry::new(op, *shape));
