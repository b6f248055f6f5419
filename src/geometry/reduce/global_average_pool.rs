use crate::error::Result;
use crate::geometry::{Input, NCHW, Output, extents, op};
use crate::shape::Shape;

/// The mean of each plane of an image.
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
    /// Checks the input's shape, (batch, channels, height, width).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for another rank, or an image without channels or pixels.
    pub fn new(GlobalAveragePool: &GlobalAveragePool, input: Shape) -> Result<Self> {
        let [batch, channels, height, width] = extents("input", input, NCHW)?;
        Ok(Self { shape: input, batch, channels, pixels: height * width })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// (batch, channels, 1, 1)
    pub fn output_shape(&self) -> Shape {
        [self.batch, self.channels, 1, 1].into()
    }
}

op!(GlobalAveragePool: Input => Output, GlobalAveragePoolGeometry::output_shape, |op, shape| GlobalAveragePoolGeometry::new(op, *shape));
