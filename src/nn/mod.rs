//! Layers: ops with the parameters that they learn.
//!
//! A layer is attributes, such as [`DeformConv2d`]; its parameters are plain tensors in a struct beside it, to be read, replaced and updated
//! in place by whoever trains them: [`Sgd`] and [`Adam`] do. A plan binds it to the shapes of what it reads, and records it like an op.
//!
//! ```no_run
//! use pliant::nn::{
//!     DeformConv2d, DeformConv2dGradients, DeformConv2dInputs, DeformConv2dParameters, DeformConv2dPlan, DeformConv2dSizes, Mask,
//! };
//! use pliant::{DType, Gpu, Recorder, Tensor};
//!
//! # fn example(gpu: Gpu, input: Tensor, grad_output: Tensor, mut uniform: impl FnMut() -> f32) -> pliant::Result<()> {
//! let layer = DeformConv2d { padding: [1; 4], mask: Mask::Sigmoid, ..DeformConv2d::default() };
//! let sizes = DeformConv2dSizes::new([64, 64], [3, 3]);
//! let parameters = DeformConv2dParameters::new(&gpu, &layer, &sizes, DType::F32, &mut uniform)?;
//! let (inputs, parameters) = (DeformConv2dInputs::from(&input), parameters.map(|tensor| tensor));
//!
//! let plan = DeformConv2dPlan::new(&gpu, &layer, &inputs.map(|t| t.spec()), &parameters.map(|t| t.spec()))?;
//! let field = plan.new_field(&gpu)?; // what the forward pass leaves to the backward pass
//! let mut recorder = Recorder::new(&gpu);
//! let output = plan.forward_with(&mut recorder, &inputs, &parameters, &field)?;
//! let gradients =
//!     plan.backward(&mut recorder, &inputs, &parameters, &field, &grad_output, &DeformConv2dGradients::ALL)?;
//! recorder.submit()?;
//! # Ok(())
//! # }
//! ```

mod deform_conv2d;
mod deform_roi_pool;
#[cfg(feature = "safetensors")]
mod weights;

pub use crate::geometry::DeformRoiPool;
pub use crate::geometry::nn::{
    Adam, AdamGeometry, AdamInputs, DeformConv2d, DeformConv2dField, DeformConv2dGeometry, DeformConv2dGradients,
    DeformConv2dInputs, DeformConv2dParameters, DeformConv2dSizes, DeformRoiPoolGeometry, DeformRoiPoolGradients,
    DeformRoiPoolInputs, DeformRoiPoolParameters, DeformRoiPoolSizes, Mask, Sgd, SgdGeometry, SgdInputs,
};
pub use crate::ops::{AdamPlan, SgdPlan};
pub use deform_conv2d::DeformConv2dPlan;
pub use deform_roi_pool::DeformRoiPoolPlan;
#[cfg(feature = "safetensors")]
pub use weights::{Naming, Weights};

use half::{bf16, f16};

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Gpu, Tensor};
use crate::shape::Shape;

/// A tensor with the given elements, rounded to its type.
fn upload(gpu: &Gpu, shape: Shape, dtype: DType, elements: &[f32]) -> Result<Tensor> {
    match dtype {
        DType::F32 => Tensor::upload(gpu, shape, elements),
        DType::F16 => Tensor::upload(gpu, shape, &elements.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>()),
        DType::BF16 => Tensor::upload(gpu, shape, &elements.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>()),
    }
}
