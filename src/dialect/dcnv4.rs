//! DCNv4, whose attributes are those of InternImage's DCNv3.

use super::internimage::Dcnv3;
use crate::error::Result;
use crate::geometry::{DeformConvV4, DeformConvV4Geometry, DeformConvV4Inputs};
use crate::gpu::Tensor;
use crate::shape::Shape;

/// The attributes of DCNv4's `DCNv4Function`, behind the tensors: those of [`Dcnv3`], by the same names and with the same defaults.
///
/// | tensor | shape |
/// | --- | --- |
/// | input | (batch, height, width, group · group_channels) |
/// | offset_mask | (batch, out_height, out_width, 3 · group · taps, rounded up to a multiple of 8): by group x and y of each tap, then the masks |
///
/// Edge derivative: [`EdgeDerivative::Zero`](crate::EdgeDerivative::Zero).
///
/// Departures: there are no `im2col_step` and no sizes of blocks, which are an implementation's; a sample whose offset is not finite is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dcnv4(pub Dcnv3);

impl Dcnv4 {
    /// The op for tensors of these shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn op(&self, shapes: &DeformConvV4Inputs<Shape>) -> Result<DeformConvV4> {
        let op = DeformConvV4 { window: self.0.resolve(shapes.input)? };
        DeformConvV4Geometry::new(&op, shapes).map(|_| op)
    }
}

forward! {
    "The sums, in a new tensor (batch, out_height, out_width, channels), submitted." =>
    Dcnv4, DeformConvV4Inputs;
}
