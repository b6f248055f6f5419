//! The definition: every op as nested loops in `f64` on slices.
//!
//! Nothing here is shared with the kernels, and nothing in the library calls it: tests hold every kernel on every adapter
//! against it, and a reader can hold it against the papers. Slices are dense and row-major, in the shapes of the op's inputs.
//! [`guide::numerics`](crate::guide::numerics) has an example.

mod attention;
mod attention_layer;
mod conv;
mod deform_conv_v3_layer;
mod deform_conv_v4_layer;
mod elementwise;
mod layers;
mod matmul;
mod movement;
mod points;
mod reduce;
mod roi;
mod sample;
mod samples;
mod train;

pub use attention::attention;
pub use attention_layer::{multi_scale_deform_attn_layer, multi_scale_deform_attn_layer_backward};
pub use conv::backward::{bilinear_sample_backward, conv2d_backward, deform_conv2d_backward};
pub use conv::conv_transpose2d::{conv_transpose2d, conv_transpose2d_backward};
pub use conv::conv2d::conv2d;
pub use conv::deform::{deform_conv2d, deform_im2col};
pub use conv::im2col::im2col;
pub use deform_conv_v3_layer::{deform_conv_v3_layer, deform_conv_v3_layer_backward};
pub use deform_conv_v4_layer::{deform_conv_v4_layer, deform_conv_v4_layer_backward};
pub use elementwise::batch_norm::{batch_norm, batch_norm_backward};
#[cfg(feature = "onnx")]
pub(crate) use elementwise::binary::value as binary_value;
pub use elementwise::binary::{binary, binary_backward};
pub use elementwise::cast::cast;
pub use elementwise::select::select;
#[cfg(feature = "onnx")]
pub(crate) use elementwise::unary::value as unary_value;
pub use elementwise::unary::{unary, unary_backward};
pub use layers::{
    deform_conv2d_layer, deform_conv2d_layer_backward, deform_conv2d_layer_field, deform_roi_pool_layer,
    deform_roi_pool_layer_backward,
};
pub use matmul::{matmul, matmul_backward};
pub use movement::gather::{
    gather, gather_backward, gather_elements, gather_elements_backward, gather_nd, gather_nd_backward,
};
pub use movement::scatter::{scatter_elements, scatter_nd};
pub use movement::sections::{concat, concat_backward, split, split_backward};
#[cfg(feature = "onnx")]
pub(crate) use movement::strided_copy::{indices, place};
pub use movement::strided_copy::{strided_copy, strided_copy_backward};
pub use points::{
    deform_conv_v3, deform_conv_v3_backward, deform_conv_v4, deform_conv_v4_backward, multi_scale_deform_attn,
    multi_scale_deform_attn_backward,
};
pub use reduce::global_average_pool::{global_average_pool, global_average_pool_backward};
pub use reduce::group_norm::{group_norm, group_norm_backward};
pub use reduce::layer_norm::{layer_norm, layer_norm_backward};
pub use reduce::pool::{global_max_pool, pool, pool_backward};
pub use reduce::reductions::{arg_reduce, cum_sum, reduce, reduce_backward, top_k};
pub use reduce::softmax::{softmax, softmax_backward};
pub use roi::{
    deform_ps_roi_pool, deform_ps_roi_pool_backward, deform_roi_pool, deform_roi_pool_backward, roi_align,
    roi_align_backward, roi_align_max,
};
pub use sample::bilinear_sample;
pub use sample::grid_sample::{grid_sample, grid_sample_backward};
pub use sample::resize::{resize, resize_backward};
pub use train::adam::adam;
pub use train::cross_entropy::{cross_entropy, cross_entropy_backward};
pub use train::sgd::sgd;

use crate::error::{Error, Result};
use crate::geometry::{
    ArgReduce, Attention, BatchNorm, BilinearSample, Binary, Cast, Concat, Conv2d, ConvTranspose2d, CrossEntropy,
    CumSum, DeformConv2d, DeformConvV3, DeformConvV4, DeformIm2col, DeformPsRoiPool, DeformRoiPool, Gather,
    GatherElements, GatherNd, GlobalAveragePool, GlobalMaxPool, GridSample, GroupNorm, Im2col, LayerNorm, Matmul,
    MultiScaleDeformAttn, Of, Op, Pool, Reduce, ReduceFunction, Resize, RoiAlign, RoiAlignMax, ScatterElements,
    ScatterNd, Select, Softmax, Split, StridedCopy, TopK, Unary,
};
use crate::nn::{
    DeformConv2dLayer, DeformConvV3Layer, DeformConvV4Layer, DeformRoiPoolLayer, MultiScaleDeformAttnLayer,
};
use crate::shape::Shape;

/// Output of an op by definition, element by element.
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

/// Refuses slices that are not whole tensors of their shapes, which are in the same order.
fn check_lens<'a, T: 'a>(
    slices: impl Iterator<Item = (&'static str, Option<&'a &'a [T]>)>,
    shapes: impl Iterator<Item = (&'static str, Option<&'a Shape>)>,
) -> Result<()> {
    let mut both = slices.zip(shapes).filter_map(|((name, slice), (_, shape))| Some((name, slice?, shape?)));
    both.try_for_each(|(name, slice, shape)| check_len(name, slice, *shape))
}

/// An op with a definition.
pub trait Defined: Op {
    /// Computes the op by its definition.
    ///
    /// # Errors
    /// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where an input names what is not there.
    fn reference<T: Copy + Into<f64>>(
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, &[T]>,
    ) -> Result<Of<Self::Outputs, Reference>>;

    /// Computes the vector-Jacobian products of `grad_output` with every input that has one, named after the inputs, in their order: none,
    /// where the op has no backward pass.
    ///
    /// # Errors
    /// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where an input names what is not there.
    fn reference_gradients<T: Copy + Into<f64>>(
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, &[T]>,
        grad_output: &Of<Self::Outputs, &[T]>,
    ) -> Result<Vec<(&'static str, Reference)>>;
}

/// Gives ops their definitions: forward, and the gradients.
macro_rules! defined {
    ($($op:ident: $forward:expr, |$geometry:ident, $inputs:ident, $grad:ident| $backward:expr;)+) => {$(
        impl Defined for $op {
            fn reference<T: Copy + Into<f64>>(
                geometry: &Self::Geometry,
                inputs: &Of<Self::Inputs, &[T]>,
            ) -> Result<Of<Self::Outputs, Reference>> {
                $forward(geometry, inputs)
            }

            fn reference_gradients<T: Copy + Into<f64>>(
                $geometry: &Self::Geometry,
                $inputs: &Of<Self::Inputs, &[T]>,
                $grad: &Of<Self::Outputs, &[T]>,
            ) -> Result<Vec<(&'static str, Reference)>> {
                $backward
            }
        }
    )+};
}

defined! {
    ArgReduce: |geometry, input: &&[_]| arg_reduce(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    Attention: attention, |_geometry, _inputs, _grad| Ok(Vec::new());
    BatchNorm: batch_norm, |geometry, inputs, grad| Ok(present(batch_norm_backward(geometry, inputs, grad)?.named()));
    BilinearSample: bilinear_sample,
        |geometry, inputs, grad| Ok(present(bilinear_sample_backward(geometry, inputs, grad)?.named()));
    Binary: binary, |geometry, inputs, grad| Ok(present(binary_backward(geometry, inputs, grad)?.named()));
    Cast: |geometry, input: &&[_]| cast(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    Concat: |geometry, inputs: &Vec<_>| concat(geometry, inputs), |geometry, _inputs, grad| {
        Ok(concat_backward(geometry, grad)?.into_iter().map(|gradient| ("grad_input", gradient)).collect())
    };
    Conv2d: conv2d, |geometry, inputs, grad| Ok(present(conv2d_backward(geometry, inputs, grad)?.named()));
    ConvTranspose2d: conv_transpose2d,
        |geometry, inputs, grad| Ok(present(conv_transpose2d_backward(geometry, inputs, grad)?.named()));
    CrossEntropy: cross_entropy,
        |geometry, inputs, grad| Ok(vec![("grad_logits", cross_entropy_backward(geometry, inputs, grad)?)]);
    CumSum: |geometry, input: &&[_]| cum_sum(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    DeformConv2d: deform_conv2d,
        |geometry, inputs, grad| Ok(present(deform_conv2d_backward(geometry, inputs, grad)?.named()));
    DeformConv2dLayer: deform_conv2d_layer,
        |geometry, inputs, grad| Ok(present(deform_conv2d_layer_backward(geometry, inputs, grad)?.named()));
    DeformConvV3: deform_conv_v3,
        |geometry, inputs, grad| Ok(present(deform_conv_v3_backward(geometry, inputs, grad)?.named()));
    DeformConvV3Layer: deform_conv_v3_layer,
        |geometry, inputs, grad| Ok(present(deform_conv_v3_layer_backward(geometry, inputs, grad)?.named()));
    DeformConvV4: deform_conv_v4,
        |geometry, inputs, grad| Ok(present(deform_conv_v4_backward(geometry, inputs, grad)?.named()));
    DeformConvV4Layer: deform_conv_v4_layer,
        |geometry, inputs, grad| Ok(present(deform_conv_v4_layer_backward(geometry, inputs, grad)?.named()));
    DeformIm2col: deform_im2col, |_geometry, _inputs, _grad| Ok(Vec::new());
    DeformPsRoiPool: deform_ps_roi_pool,
        |geometry, inputs, grad| Ok(present(deform_ps_roi_pool_backward(geometry, inputs, grad)?.named()));
    DeformRoiPool: deform_roi_pool,
        |geometry, inputs, grad| Ok(present(deform_roi_pool_backward(geometry, inputs, grad)?.named()));
    DeformRoiPoolLayer: deform_roi_pool_layer,
        |geometry, inputs, grad| Ok(present(deform_roi_pool_layer_backward(geometry, inputs, grad)?.named()));
    Gather: gather, |geometry, inputs, grad| Ok(present(gather_backward(geometry, inputs, grad)?.named()));
    GatherElements: gather_elements,
        |geometry, inputs, grad| Ok(present(gather_elements_backward(geometry, inputs, grad)?.named()));
    GatherNd: gather_nd, |geometry, inputs, grad| Ok(present(gather_nd_backward(geometry, inputs, grad)?.named()));
    GlobalAveragePool: |geometry, input: &&[_]| global_average_pool(geometry, input),
        |geometry, _inputs, grad| Ok(vec![("grad_input", global_average_pool_backward(geometry, grad)?)]);
    GlobalMaxPool: |geometry, input: &&[_]| global_max_pool(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    GridSample: grid_sample, |geometry, inputs, grad| Ok(present(grid_sample_backward(geometry, inputs, grad)?.named()));
    GroupNorm: group_norm, |geometry, inputs, grad| Ok(present(group_norm_backward(geometry, inputs, grad)?.named()));
    Im2col: |geometry, input: &&[_]| im2col(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    LayerNorm: layer_norm, |geometry, inputs, grad| Ok(present(layer_norm_backward(geometry, inputs, grad)?.named()));
    Matmul: matmul, |geometry, inputs, grad| Ok(present(matmul_backward(geometry, inputs, grad)?.named()));
    MultiScaleDeformAttn: multi_scale_deform_attn,
        |geometry, inputs, grad| Ok(present(multi_scale_deform_attn_backward(geometry, inputs, grad)?.named()));
    MultiScaleDeformAttnLayer: multi_scale_deform_attn_layer,
        |geometry, inputs, grad| Ok(present(multi_scale_deform_attn_layer_backward(geometry, inputs, grad)?.named()));
    Pool: |geometry, input: &&[_]| pool(geometry, input),
        |geometry, inputs, grad| Ok(vec![("grad_input", pool_backward(geometry, inputs, grad.output)?)]);
    Reduce: |geometry, input: &&[_]| reduce(geometry, input), |geometry, _inputs, grad| match geometry.op.function {
        ReduceFunction::Sum | ReduceFunction::Mean => Ok(vec![("grad_input", reduce_backward(geometry, grad)?)]),
        _ => Ok(Vec::new()),
    };
    Resize: |geometry, input: &&[_]| resize(geometry, input),
        |geometry, _inputs, grad| Ok(vec![("grad_input", resize_backward(geometry, grad)?)]);
    RoiAlign: roi_align, |geometry, inputs, grad| Ok(present(roi_align_backward(geometry, inputs, grad)?.named()));
    RoiAlignMax: roi_align_max, |_geometry, _inputs, _grad| Ok(Vec::new());
    ScatterElements: scatter_elements, |_geometry, _inputs, _grad| Ok(Vec::new());
    ScatterNd: scatter_nd, |_geometry, _inputs, _grad| Ok(Vec::new());
    Select: select, |_geometry, _inputs, _grad| Ok(Vec::new());
    Softmax: |geometry, input: &&[_]| softmax(geometry, input),
        |geometry, inputs, grad| Ok(vec![("grad_input", softmax_backward(geometry, inputs, grad)?)]);
    Split: |geometry, input: &&[_]| split(geometry, input),
        |geometry, _inputs, grad| Ok(vec![("grad_input", split_backward(geometry, grad)?)]);
    StridedCopy: |geometry, input: &&[_]| strided_copy(geometry, input),
        |geometry, _inputs, grad| Ok(vec![("grad_input", strided_copy_backward(geometry, grad)?)]);
    TopK: |geometry, input: &&[_]| top_k(geometry, input), |_geometry, _inputs, _grad| Ok(Vec::new());
    Unary: |geometry, input: &&[_]| unary(geometry, input),
        |geometry, inputs, grad| Ok(vec![("grad_input", unary_backward(geometry, inputs, grad)?)]);
}

fn present<'a>(gradients: impl Iterator<Item = (&'static str, &'a Reference)>) -> Vec<(&'static str, Reference)> {
    gradients.map(|(name, gradient)| (name, gradient.clone())).collect()
}
