//! Checked problems: attributes and shapes in, a checked problem out, by arithmetic alone.
//!
//! This is the one place where shapes and attributes are refused. Whoever holds a geometry knows that every extent and
//! every product of extents in it fits `u32`, and that the output has pixels (though perhaps no batch). One product is refused
//! later, when it is asked for: the columns of a window, which a convolution never holds at once.

pub(crate) mod members;
pub(crate) mod op;

pub(crate) use members::{
    Input, InputGradient, InputList, InputListGradients, LogitsGradient, Members, Nothing, Of, Output, OutputList,
    Wanted,
};
pub(crate) use members::{gradients, inputs};
pub(crate) use op::{Op, op};

pub(crate) mod attention;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod likely;
pub(crate) mod matmul;
pub(crate) mod movement;
pub(crate) mod multi_scale_deform_attn;
pub(crate) mod reduce;
pub(crate) mod roi;
pub(crate) mod sample;
pub(crate) mod train;

pub use attention::AttentionGeometry;
pub(crate) use attention::{Attention, AttentionInputs, AttentionLayout, Vectors};
pub use conv::conv_transpose2d::ConvTranspose2dGeometry;
pub(crate) use conv::conv_transpose2d::{ConvTranspose2d, ConvTranspose2dGradients, ConvTranspose2dInputs};
pub use conv::conv2d::Conv2dGeometry;
pub(crate) use conv::conv2d::{Conv2d, Conv2dGradients, Conv2dInputs};
pub(crate) use conv::deform::{
    Border, DeformConv2d, DeformConv2dGradients, DeformConv2dInputs, DeformIm2col, DeformIm2colInputs, EdgeDerivative,
    OffsetLayout,
};
pub use conv::deform::{DeformConv2dGeometry, DeformIm2colGeometry, Deformation, Planes};
pub(crate) use conv::deform_v3::{
    DeformConvV3, DeformConvV3Gradients, DeformConvV3Inputs, DeformConvV4, DeformConvV4Gradients, DeformConvV4Inputs,
};
pub use conv::deform_v3::{DeformConvV3Geometry, DeformConvV4Geometry};
pub(crate) use conv::im2col::Im2col;
pub use conv::im2col::Im2colGeometry;
pub use elementwise::batch_norm::BatchNormGeometry;
pub(crate) use elementwise::batch_norm::{BatchNorm, BatchNormGradients, BatchNormInputs};
pub use elementwise::binary::BinaryGeometry;
#[cfg(feature = "onnx")]
pub(crate) use elementwise::binary::broadcast;
pub(crate) use elementwise::binary::{Binary, BinaryGradients, BinaryInputs};
pub use elementwise::cast::CastGeometry;
pub(crate) use elementwise::cast::{Cast, CastTo};
pub use elementwise::select::SelectGeometry;
pub(crate) use elementwise::select::{Select, SelectInputs};
pub(crate) use elementwise::unary::Unary;
pub use elementwise::unary::UnaryGeometry;
pub use matmul::MatmulGeometry;
pub(crate) use matmul::{Matmul, MatmulGradients, MatmulInputs};
pub(crate) use movement::concat::Concat;
pub use movement::concat::ConcatGeometry;
pub(crate) use movement::gather::{Gather, GatherElements, GatherGradients, GatherInputs, GatherNd};
pub use movement::gather::{GatherElementsGeometry, GatherGeometry, GatherNdGeometry};
pub(crate) use movement::scatter::{ScatterElements, ScatterInputs, ScatterNd, ScatterReduction};
pub use movement::scatter::{ScatterElementsGeometry, ScatterNdGeometry};
pub(crate) use movement::split::Split;
pub use movement::split::SplitGeometry;
pub use movement::strided_copy::StridedCopyGeometry;
pub(crate) use movement::strided_copy::{DepthOrder, PadMode, StridedCopy};
pub use multi_scale_deform_attn::MultiScaleDeformAttnGeometry;
pub(crate) use multi_scale_deform_attn::{
    AttentionLevel, AttentionSampling, MultiScaleDeformAttn, MultiScaleDeformAttnGradients, MultiScaleDeformAttnInputs,
};
pub(crate) use reduce::arg_reduce::ArgReduce;
pub use reduce::arg_reduce::ArgReduceGeometry;
pub(crate) use reduce::cum_sum::CumSum;
pub use reduce::cum_sum::CumSumGeometry;
pub(crate) use reduce::global_average_pool::GlobalAveragePool;
pub use reduce::global_average_pool::GlobalAveragePoolGeometry;
pub(crate) use reduce::global_max_pool::GlobalMaxPool;
pub use reduce::global_max_pool::GlobalMaxPoolGeometry;
pub use reduce::group_norm::GroupNormGeometry;
pub(crate) use reduce::group_norm::{GroupNorm, GroupNormGradients, GroupNormInputs};
pub use reduce::layer_norm::LayerNormGeometry;
pub(crate) use reduce::layer_norm::{LayerNorm, LayerNormGradients, LayerNormInputs};
pub use reduce::pool::PoolGeometry;
pub(crate) use reduce::pool::{IndexOrder, Pool, PoolAxis, PoolKind, PoolOutputs, PooledAxis};
pub use reduce::reductions::ReduceGeometry;
pub(crate) use reduce::reductions::{Reduce, ReduceFunction};
pub(crate) use reduce::softmax::Softmax;
pub use reduce::softmax::SoftmaxGeometry;
pub use reduce::top_k::TopKGeometry;
pub(crate) use reduce::top_k::{TopK, TopKOutputs};
pub(crate) use roi::{
    DeformPsRoiPool, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs, DeformRoiPool, DeformRoiPoolGradients,
    DeformRoiPoolInputs, OffsetGradient, RoiAlign, RoiAlignGradients, RoiAlignInputs, RoiAlignMax, RoiChannels,
};
pub use roi::{DeformPsRoiPoolGeometry, DeformRoiPoolGeometry, RoiAlignGeometry, RoiAlignMaxGeometry};
pub use sample::BilinearSampleGeometry;
pub use sample::grid_sample::GridSampleGeometry;
pub(crate) use sample::grid_sample::{
    GridSample, GridSampleGradients, GridSampleInputs, NearestOrder, PaddingMode, SampleMode,
};
pub use sample::resize::ResizeGeometry;
pub(crate) use sample::resize::{AspectRatio, Resize, ResizeTo, Taps};
pub(crate) use sample::{BilinearSample, BilinearSampleGradients, BilinearSampleInputs};
pub use train::cross_entropy::CrossEntropyGeometry;
pub(crate) use train::cross_entropy::{CrossEntropy, CrossEntropyInputs, Reduction};
pub(crate) use train::{Adam, AdamInputs, Sgd, SgdInputs};
pub use train::{AdamGeometry, SgdGeometry};

pub(crate) use elementwise::binary::BroadcastAxis;
pub(crate) use movement::concat::Sections;
pub(crate) use movement::indexing::{IndexPart, Indexing};
pub(crate) use movement::strided_copy::{CopyAxis, Outside, repeats_of};
pub(crate) use roi::{FURTHEST, RoiPooling, RoiRule, SampleDerivative};

use crate::error::{Error, Result};
use crate::shape::Shape;

/// A named axis of a tensor: `(name, may be 0)`.
type Axis = (&'static str, bool);

pub(crate) const BATCH: Axis = ("batch", true);

pub(crate) const fn axis(name: &'static str) -> Axis {
    (name, false)
}

/// The four axes of an image tensor.
pub(crate) const NCHW: [Axis; 4] = [BATCH, axis("channels"), axis("height"), axis("width")];

/// The four axes of a convolution's weight.
pub(crate) const WEIGHT: [Axis; 4] =
    [axis("out_channels"), axis("channels"), axis("kernel_height"), axis("kernel_width")];

/// Checks rank, extents and element count of one argument, and hands its extents out.
pub(crate) fn extents<const N: usize>(argument: &'static str, shape: Shape, axes: [Axis; N]) -> Result<[u32; N]> {
    let Ok(extents) = <[u32; N]>::try_from(shape.extents()) else {
        let names: Vec<_> = axes.iter().map(|(name, _)| *name).collect();
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has {} axes; it needs {N}: {}", shape.rank(), names.join(", ")),
        ));
    };
    for ((name, may_be_zero), extent) in axes.into_iter().zip(extents) {
        if extent == 0 && !may_be_zero {
            return Err(Error::shape(
                argument,
                format!("{argument} ({shape}) has {name} of extent 0; at least 1 is needed"),
            ));
        }
    }
    check_elements(argument, shape)?;
    Ok(extents)
}

/// Checks extents and element count of an argument of any rank: its first axis may be 0.
pub(crate) fn any_rank(argument: &'static str, shape: Shape) -> Result<()> {
    if let Some(axis) = shape.extents().iter().skip(1).position(|&extent| extent == 0) {
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has axis {} of extent 0; at least 1 is needed", axis + 1),
        ));
    }
    check_elements(argument, shape)
}

/// Refuses a tensor whose elements cannot be counted in `u32`. A batch of 0 counts as 1, so that products of the other
/// extents fit too.
pub(crate) fn check_elements(argument: &'static str, shape: Shape) -> Result<()> {
    let elements = shape.extents().iter().fold(1u64, |product, &extent| product.saturating_mul(extent.max(1).into()));
    let most = u64::from(u32::MAX);
    if elements > most {
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has {elements} elements; at most {most} are possible"),
        ));
    }
    Ok(())
}

/// Refuses an extent that is not the one the problem needs. `why` says where the need comes from.
pub(crate) fn expect(argument: &'static str, axis: &str, has: u32, needs: u64, why: &str) -> Result<()> {
    if u64::from(has) != needs {
        return Err(Error::shape(argument, format!("{argument} has {has} {axis}; {why} {needs}")));
    }
    Ok(())
}

/// The refusal of a gradient whose input is absent.
pub(crate) fn no_input(gradient: &'static str) -> Error {
    let input = gradient.trim_start_matches("grad_");
    Error::shape(gradient, format!("{gradient} was asked for; the plan was made without {input}"))
}

/// The padded extent beyond which an image is refused: positions are `i32`, and their sums must not overflow.
const MAX_PADDED_EXTENT: u64 = 1 << 29;

/// Refuses an image whose positions could overflow.
pub(crate) fn check_padded_extent(axis: &str, extent: u32, padding: [u32; 2]) -> Result<u64> {
    let padded = u64::from(extent) + u64::from(padding[0]) + u64::from(padding[1]);
    if padded > MAX_PADDED_EXTENT {
        return Err(Error::shape(
            "input",
            format!("the padded input has {axis} {padded}; at most {MAX_PADDED_EXTENT} is possible"),
        ));
    }
    Ok(padded)
}

/// Refuses an attribute of 0.
pub(crate) fn positive(argument: &'static str, value: u32) -> Result<()> {
    if value == 0 {
        return Err(Error::attribute(argument, format!("{argument} is 0; at least 1 is needed")));
    }
    Ok(())
}

/// Refuses channels that groups do not divide.
pub(crate) fn divides(argument: &'static str, groups: u32, channels: u32, of: &str) -> Result<()> {
    positive(argument, groups)?;
    if !channels.is_multiple_of(groups) {
        return Err(Error::attribute(
            argument,
            format!("{argument} is {groups}; it does not divide {channels} {of} channels"),
        ));
    }
    Ok(())
}
