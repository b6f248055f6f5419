pub(crate) mod grid_sample;
pub(crate) mod resize;

use crate::error::Result;
use crate::geometry::{
    BATCH, Border, EdgeDerivative, NCHW, Output, axis, check_elements, check_padded_extent, expect, extents, gradients,
    inputs, likely, op,
};
use crate::shape::Shape;

/// Bilinear samples of an image at a field of positions, in pixels: (0, 0) is the centre of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BilinearSample {
    /// The border rule: the value of samples near and beyond the edge.
    pub border: Border,
    /// The derivative of samples at the edge, for the backward pass.
    pub edge_derivative: EdgeDerivative,
}

inputs!(
    /// The inputs of a [`BilinearSample`].
    BilinearSampleInputs {
        /// (batch, channels, height, width)
        input,
        /// (batch, 2, out_height, out_width): a plane of y, then a plane of x
        positions,
    }
);

gradients!(
    /// The gradients of a [`BilinearSample`]'s inputs.
    BilinearSampleGradients {
        input,
        positions,
    }
);

/// A checked field of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BilinearSampleGeometry {
    pub(crate) border: Border,
    pub(crate) edge_derivative: EdgeDerivative,
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) out_height: u32,
    pub(crate) out_width: u32,
}

impl BilinearSampleGeometry {
    /// Checks the shapes of image and positions.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the two figures that disagree.
    pub fn new(op: &BilinearSample, shapes: &BilinearSampleInputs<Shape>) -> Result<Self> {
        let [batch, channels, height, width] = extents("input", shapes.input, NCHW)?;
        check_padded_extent("height", height, [0, 0])?;
        check_padded_extent("width", width, [0, 0])?;
        let axes = [BATCH, axis("planes"), axis("height"), axis("width")];
        let [images, planes, out_height, out_width] = extents("positions", shapes.positions, axes)?;
        expect("positions", "images", images, batch.into(), "the input's batch is")?;
        expect("positions", "planes", planes, 2, "y and x need")
            .map_err(|error| error.perhaps(likely::channels_last("positions", shapes.positions, 2)))?;
        let BilinearSample { border, edge_derivative } = *op;
        let geometry = Self { border, edge_derivative, batch, channels, height, width, out_height, out_width };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> BilinearSampleInputs<Shape> {
        BilinearSampleInputs {
            input: [self.batch, self.channels, self.height, self.width].into(),
            positions: [self.batch, 2, self.out_height, self.out_width].into(),
        }
    }

    /// (batch, channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        [self.batch, self.channels, self.out_height, self.out_width].into()
    }
}

op!(BilinearSample: BilinearSampleInputs<()> => Output, BilinearSampleGeometry::output_shape);
