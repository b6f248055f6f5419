//! torch's `grid_sample`. Its `conv2d` stands beside torchvision's operations: [`torchvision::Conv2d`](super::torchvision::Conv2d).

use super::{padding_mode, word};
use crate::error::Result;
use crate::geometry::{self, GridSampleGeometry, GridSampleInputs, NearestOrder, SampleMode};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of `torch.nn.functional.grid_sample`, of images in two dimensions.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, channels, height, width) |
/// | grid | (batch, out_height, out_width, 2): x, then y |
///
/// In mode `nearest` the position is padded, then rounded: [`NearestOrder::PadFirst`].
///
/// Departures: volumes, whose tensors have five axes, are refused; a sample whose grid values are not finite is 0, with gradients of 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GridSample {
    /// `bilinear` by default; `nearest` or `bicubic`.
    pub mode: String,
    /// `zeros` by default; `border` or `reflection`.
    pub padding_mode: String,
    /// False by default, which is what torch takes `None` for.
    pub align_corners: bool,
}

impl Default for GridSample {
    fn default() -> Self {
        Self { mode: "bilinear".into(), padding_mode: "zeros".into(), align_corners: false }
    }
}

impl GridSample {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &GridSampleInputs<Shape>) -> Result<geometry::GridSample> {
        let modes =
            [("bilinear", SampleMode::Bilinear), ("nearest", SampleMode::Nearest), ("bicubic", SampleMode::Bicubic)];
        let op = geometry::GridSample {
            mode: word("mode", &self.mode, modes, "torch")?,
            padding: padding_mode(&self.padding_mode, "torch")?,
            align_corners: self.align_corners,
            nearest_order: NearestOrder::PadFirst,
        };
        GridSampleGeometry::new(&op, shapes).map(|_| op)
    }
}

forward! {
    "The samples, in a new tensor (batch, channels, out_height, out_width), submitted." =>
    GridSample, GridSampleInputs;
}

/// `torch.nn.functional.grid_sample`, its arguments in their order: [`GridSample::forward`]. Submitted.
///
/// # Errors
/// The errors of [`GridSample::forward`].
pub fn grid_sample(
    input: &Tensor,
    grid: &Tensor,
    mode: &str,
    padding_mode: &str,
    align_corners: bool,
) -> Result<Tensor> {
    let attributes = GridSample { mode: mode.into(), padding_mode: padding_mode.into(), align_corners };
    attributes.forward(&GridSampleInputs { input, grid })
}
