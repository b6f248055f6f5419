use crate::error::{Error, Result};
use crate::geometry::{
    BATCH, NCHW, Output, axis, check_elements, check_padded_extent, expect, extents, gradients, inputs, likely, op,
};
use crate::shape::Shape;

/// Samples of an image at a grid of normalised positions: torch's `grid_sample` and ONNX's `GridSample`, of images in two dimensions.
///
/// A grid value of -1 is the first end of an axis and 1 the last. A position on an axis of `n` pixels is `(value + 1) / 2 · (n - 1)` where
/// corners are aligned, and `((value + 1) · n - 1) / 2` where not; 0 is the centre of the first pixel. A sample with a grid value that is not
/// finite is 0 and has no gradients. A position that is reflected from far outside is as exact as `f32` holds it.
///
/// [`BilinearSample`](crate::BilinearSample) takes positions in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GridSample {
    /// The interpolation between pixels. [`SampleMode::Bilinear`] by default.
    pub mode: SampleMode,
    /// The image beyond its edge. [`PaddingMode::Zeros`] by default.
    pub padding: PaddingMode,
    /// Whether -1 and 1 are the centres of the outermost pixels; else they are the image's edges, half a pixel further out. False by
    /// default.
    pub align_corners: bool,
    /// The order of padding and rounding in [`SampleMode::Nearest`]; other modes have none. [`NearestOrder::PadFirst`] by default.
    pub nearest_order: NearestOrder,
}

/// Interpolation of a [`GridSample`] between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SampleMode {
    /// Between 2x2 pixels.
    #[default]
    Bilinear,
    /// One pixel, the even one of two that are as near. Its gradient by the grid is 0.
    Nearest,
    /// Cubic convolution of 4x4 pixels, with A = -0.75.
    Bicubic,
}

/// The image beyond its edge, as a [`GridSample`] sees it.
///
/// In [`SampleMode::Bicubic`] it is each of the 4x4 pixels that is padded, else the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PaddingMode {
    /// Pixels outside are 0.
    #[default]
    Zeros,
    /// A position outside is moved to the edge: to the centre of the outermost pixel, where the derivative is 0.
    Border,
    /// A position outside is reflected at the ends of the axis, -1 and 1 in grid values, as often as it takes, and then treated as by
    /// `Border`.
    Reflection,
}

/// Order of padding and rounding in [`SampleMode::Nearest`].
///
/// The two differ with [`PaddingMode::Reflection`], where corners are not aligned and a position outside is halfway between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NearestOrder {
    /// The position is padded, then rounded. torch.
    #[default]
    PadFirst,
    /// The position is rounded, then padded. ONNX, ONNX Runtime, OpenVINO.
    RoundFirst,
}

inputs!(
    /// The inputs of a [`GridSample`].
    GridSampleInputs {
        /// (batch, channels, height, width)
        input,
        /// (batch, out_height, out_width, 2): x, then y, of each sample
        grid,
    }
);

gradients!(
    /// The gradients of a [`GridSample`]'s inputs.
    GridSampleGradients {
        input,
        grid,
    }
);

/// A checked grid of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GridSampleGeometry {
    pub(crate) op: GridSample,
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) out_height: u32,
    pub(crate) out_width: u32,
}

impl GridSampleGeometry {
    /// Checks the shapes of image and grid.
    ///
    /// # Errors
    /// [`Error::Shape`] with the two figures that disagree, and for volumes, whose tensors have five axes.
    pub fn new(op: &GridSample, shapes: &GridSampleInputs<Shape>) -> Result<Self> {
        planar("input", shapes.input)?;
        planar("grid", shapes.grid)?;
        let [batch, channels, height, width] = extents("input", shapes.input, NCHW)?;
        check_padded_extent("height", height, [0, 0])?;
        check_padded_extent("width", width, [0, 0])?;
        let axes = [BATCH, axis("out_height"), axis("out_width"), axis("coordinates")];
        let [images, out_height, out_width, coordinates] = extents("grid", shapes.grid, axes)?;
        expect("grid", "images", images, batch.into(), "the input's batch is")?;
        expect("grid", "coordinates", coordinates, 2, "x and y need")
            .map_err(|error| error.perhaps(likely::coordinates_first("grid", shapes.grid)))?;
        let geometry = Self { op: *op, batch, channels, height, width, out_height, out_width };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> GridSampleInputs<Shape> {
        GridSampleInputs {
            input: [self.batch, self.channels, self.height, self.width].into(),
            grid: [self.batch, self.out_height, self.out_width, 2].into(),
        }
    }

    /// (batch, channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        [self.batch, self.channels, self.out_height, self.out_width].into()
    }
}

/// Refuses a tensor of volumes.
fn planar(argument: &'static str, shape: Shape) -> Result<()> {
    if shape.rank() == 5 {
        let message = format!("{argument} ({shape}) has 5 axes; volumes are not sampled, images need 4");
        return Err(Error::shape(argument, message));
    }
    Ok(())
}

op!(GridSample: GridSampleInputs<()> => Output, GridSampleGeometry::output_shape);
