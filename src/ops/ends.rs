//! Products, and functions of two tensors, that end with a function of each element, where an ONNX model has an activation behind one.

use crate::error::Result;
use crate::geometry::{Binary, ConvTranspose2d, Matmul, Of};
use crate::gpu::{Gpu, TensorSpec};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::binary::Function;
use crate::kernels::elementwise::binary_words;
use crate::ops::conv::conv_transpose2d::Way;
use crate::ops::conv::strategy::Convolves;
use crate::ops::conv::strategy::choice::Choice;
use crate::ops::plan::Kernels;

/// An op whose kernels may put each element through a function as they store it.
pub(crate) trait Ends: Kernels {
    /// Whether the kernels that do this problem on this device know the function.
    fn ends_with(
        gpu: &Gpu,
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, TensorSpec>,
        activation: Activation,
    ) -> Result<bool>;
}

impl Ends for Matmul {
    fn ends_with(_: &Gpu, _: &Self::Geometry, _: &Of<Self::Inputs, TensorSpec>, _: Activation) -> Result<bool> {
        Ok(true)
    }
}

impl<O: Convolves> Ends for O {
    /// Splits are added up by what knows no function.
    fn ends_with(
        gpu: &Gpu,
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, TensorSpec>,
        _: Activation,
    ) -> Result<bool> {
        Ok(match Choice::of(gpu, &O::problem(geometry, inputs))? {
            Choice::Im2col | Choice::Winograd => true,
            Choice::Fused { splits, .. } => splits == 1,
        })
    }
}

impl Ends for ConvTranspose2d {
    /// Kernels that overlap are added up by what knows no function.
    fn ends_with(_: &Gpu, geometry: &Self::Geometry, _: &Of<Self::Inputs, TensorSpec>, _: Activation) -> Result<bool> {
        Ok(matches!(Way::of(geometry), Way::Apart))
    }
}

impl Ends for Binary {
    /// Kernels for floats know bounds.
    fn ends_with(
        _: &Gpu,
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, TensorSpec>,
        activation: Activation,
    ) -> Result<bool> {
        let of_floats = inputs.a.dtype.is_float() && binary_words::function(geometry.op, true).is_none();
        Ok(activation.is_bounds() && of_floats && Function::of(geometry.op).is_some())
    }
}
