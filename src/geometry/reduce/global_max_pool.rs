use crate::error::Result;
use crate::geometry::reduce::global_average_pool::{one_of_each, planes};
use crate::geometry::{Input, Output, op};
use crate::shape::Shape;

/// The largest element of each plane, or volume; NaN where one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GlobalMaxPool;

/// A checked maximum of planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalMaxPoolGeometry {
    pub(crate) shape: Shape,
    /// Planes: batch times channels.
    pub(crate) planes: u32,
    pub(crate) pixels: u32,
}

impl GlobalMaxPoolGeometry {
    /// Checks the input's shape, (batch, channels, ...).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for fewer than 3 axes, or an image without channels or pixels.
    pub fn new(GlobalMaxPool: &GlobalMaxPool, input: Shape) -> Result<Self> {
        let [batch, channels, pixels] = planes(input)?;
        Ok(Self { shape: input, planes: batch * channels, pixels })
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

op!(GlobalMaxPool: Input => Output, GlobalMaxPoolGeometry::output_shape, |op, shape| GlobalMaxPoolGeometry::new(op, *shape));
