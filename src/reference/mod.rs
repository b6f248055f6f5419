//! The definition: every op as nested loops in `f64` on slices.
//!
//! Nothing here is shared with the kernels, and nothing in the library calls it: tests hold every kernel on every adapter
//! against it, and a reader can hold it against the papers. Slices are dense and row-major, in the shapes of the op's inputs.

mod conv;
mod elementwise;
mod matmul;
mod movement;
pub mod nn;
mod reduce;
mod roi;
mod sample;
mod train;

pub use conv::backward::{bilinear_sample_backward, conv2d_backward, deform_conv2d_backward};
pub use conv::conv2d::conv2d;
pub use conv::deform::{deform_conv2d, deform_im2col};
pub use conv::im2col::im2col;
pub use elementwise::batch_norm::{batch_norm, batch_norm_backward};
pub use elementwise::binary::{binary, binary_backward};
pub use elementwise::unary::{unary, unary_backward};
pub use matmul::{matmul, matmul_backward};
pub use movement::{concat, concat_backward, split, split_backward};
pub use reduce::{global_average_pool, global_average_pool_backward};
pub use roi::{
    deform_ps_roi_pool, deform_ps_roi_pool_backward, deform_roi_pool, deform_roi_pool_backward, roi_align,
    roi_align_backward,
};
pub use sample::bilinear_sample;
pub use train::cross_entropy::{cross_entropy, cross_entropy_backward};

use crate::error::{Error, Result};
use crate::shape::Shape;

/// What an op is by definition, element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The value.
    pub value: Vec<f64>,
    /// The sum of the absolute values of the terms that make up the value: what a rounding error is measured against. A
    /// neighbour of a bilinear sample counts whole, since its weight is rounded too.
    pub magnitude: Vec<f64>,
    /// The number of terms of one value.
    pub terms: u64,
}

impl Reference {
    fn zeros(shape: Shape, terms: u64) -> Self {
        let elements = shape.elements() as usize;
        Self { value: vec![0.0; elements], magnitude: vec![0.0; elements], terms }
    }
}

/// Refuses a slice that is not a whole tensor of the shape.
fn check_len<T>(argument: &'static str, slice: &[T], shape: impl Into<Shape>) -> Result<()> {
    let shape = shape.into();
    if slice.len() as u64 != shape.elements() {
        return Err(Error::shape(
            argument,
            format!("{argument} has {} elements; {shape} needs {}", slice.len(), shape.elements()),
        ));
    }
    Ok(())
}
