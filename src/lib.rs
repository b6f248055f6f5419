//! Deformable convolution and its family as WGSL compute shaders on wgpu.
//!
//! An op is a plain struct of attributes, such as [`DeformConv2d`]. Its `forward` takes tensors that lie on a
//! [`Gpu`] and gives a new one, submitted. A model keeps a plan instead, such as [`DeformConv2dPlan`], and records it with others
//! into a [`Recorder`]. Nothing waits before a [`Tensor::download`] is awaited.
//!
//! ```no_run
//! use pliant::{DeformConv2d, DeformConv2dInputs, Gpu, Tensor};
//!
//! # async fn example() -> pliant::Result<()> {
//! let gpu = Gpu::new().await?;
//! let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
//! let inputs = DeformConv2dInputs {
//!     input: Tensor::upload(&gpu, [1, 3, 32, 32], &vec![1.0f32; 3 * 32 * 32])?,
//!     // dy and dx for each of 9 taps, in pixels.
//!     offset: Tensor::upload(&gpu, [1, 18, 32, 32], &vec![0.5f32; 18 * 32 * 32])?,
//!     mask: None,
//!     weight: Tensor::upload(&gpu, [8, 3, 3, 3], &vec![0.1f32; 8 * 3 * 9])?,
//!     bias: None,
//! };
//! let output: Vec<f32> = op.forward(&inputs)?.download()?.await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | the crate itself | device, tensors, recorder, errors; ops with their inputs, gradients and plans |
//! | [`geometry`] | checked problems: the one place where shapes are refused |
//! | [`op`] | what is common to all ops, for code that is generic over them |
//! | [`nn`] | layers: ops with the parameters that they learn |
//! | [`dialect`] | the ops under the attributes of torchvision, OpenVINO, MindSpore, ONNX and mmcv |
//! | [`reference`](mod@reference) | every op as nested loops in `f64`: the definition |
//! | `onnx` | models in ONNX files, with the feature of that name |
//! | [`guide`] | guides: gradients, layers and training, dialects, ONNX, embedding, numerics, testing |

pub mod dialect;
pub mod geometry;
pub mod guide;
pub mod nn;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod reference;
#[doc(hidden)]
pub mod signature;

pub use geometry::attention::{Attention, AttentionInputs, AttentionLayout};
pub use geometry::conv::conv_transpose2d::{ConvTranspose2d, ConvTranspose2dGradients, ConvTranspose2dInputs};
pub use geometry::conv::conv2d::{Conv2d, Conv2dGradients, Conv2dInputs};
pub use geometry::conv::deform::{
    Border, DeformConv2d, DeformConv2dGradients, DeformConv2dInputs, DeformIm2col, DeformIm2colInputs, EdgeDerivative,
    OffsetLayout,
};
pub use geometry::conv::deform_v3::{
    DeformConvV3, DeformConvV3Gradients, DeformConvV3Inputs, DeformConvV4, DeformConvV4Gradients, DeformConvV4Inputs,
};
pub use geometry::conv::im2col::Im2col;
pub use geometry::elementwise::batch_norm::{BatchNorm, BatchNormGradients, BatchNormInputs};
pub use geometry::elementwise::binary::{Binary, BinaryGradients, BinaryInputs};
pub use geometry::elementwise::cast::{Cast, CastTo};
pub use geometry::elementwise::select::{Select, SelectInputs};
pub use geometry::elementwise::unary::Unary;
pub use geometry::matmul::{Matmul, MatmulGradients, MatmulInputs};
pub use geometry::members::Wanted;
pub use geometry::movement::concat::Concat;
pub use geometry::movement::gather::{Gather, GatherElements, GatherGradients, GatherInputs, GatherNd};
pub use geometry::movement::scatter::{ScatterElements, ScatterInputs, ScatterNd, ScatterReduction};
pub use geometry::movement::split::Split;
pub use geometry::movement::strided_copy::{DepthOrder, PadMode, SliceRange, StridedCopy};
pub use geometry::multi_scale_deform_attn::{
    AttentionLevel, AttentionSampling, MultiScaleDeformAttn, MultiScaleDeformAttnGradients, MultiScaleDeformAttnInputs,
};
pub use geometry::reduce::arg_reduce::ArgReduce;
pub use geometry::reduce::cum_sum::CumSum;
pub use geometry::reduce::global_average_pool::GlobalAveragePool;
pub use geometry::reduce::global_max_pool::GlobalMaxPool;
pub use geometry::reduce::group_norm::{GroupNorm, GroupNormGradients, GroupNormInputs};
pub use geometry::reduce::layer_norm::{LayerNorm, LayerNormGradients, LayerNormInputs};
pub use geometry::reduce::pool::{IndexOrder, Pool, PoolAxis, PoolKind, PoolOutputs};
pub use geometry::reduce::reductions::{Axes, Reduce, ReduceFunction};
pub use geometry::reduce::softmax::Softmax;
pub use geometry::reduce::top_k::{TopK, TopKOutputs};
pub use geometry::roi::{
    DeformPsRoiPool, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs, DeformRoiPool, DeformRoiPoolGradients,
    DeformRoiPoolInputs, OffsetGradient, RoiAlign, RoiAlignGradients, RoiAlignInputs, RoiAlignMax, RoiChannels,
};
pub use geometry::sample::grid_sample::{
    GridSample, GridSampleGradients, GridSampleInputs, NearestOrder, PaddingMode, SampleMode,
};
pub use geometry::sample::resize::{AspectRatio, NearestRounding, Resize, ResizeCoordinates, ResizeMode, ResizeTo};
pub use geometry::sample::{BilinearSample, BilinearSampleGradients, BilinearSampleInputs};
pub use geometry::train::cross_entropy::{CrossEntropy, CrossEntropyInputs, Reduction};
pub use geometry::train::{Adam, AdamInputs, Sgd, SgdInputs};

/// Traits for code that is generic over ops: [`Op`](op::Op), [`Kernels`](op::Kernels), [`Differentiable`](op::Differentiable), and the
/// structures of arguments, [`Members`](op::Members).
pub mod op {
    pub use crate::geometry::members::{
        Input, InputGradient, InputList, InputListGradients, LogitsGradient, Members, Nothing, Of, Output, OutputList,
    };
    pub use crate::geometry::op::Op;
    pub use crate::ops::{Differentiable, Kernels, ToArgument, ToDestination, ToSpec};
}

mod dtype;
mod error;
mod gpu;
mod kernels;
mod ops;
mod shape;

pub use dtype::{DType, Element};
pub use error::{Error, Result};
#[doc(hidden)]
pub use gpu::LoopCounters;
pub use gpu::{Capabilities, Counts, Download, Gpu, GpuOptions, Recorder, StageTime, Tensor, TensorSpec};
pub use half;
#[cfg(feature = "image")]
pub use image;
#[doc(hidden)]
pub use kernels::{ShaderText, shader_texts};
pub use ops::{
    AdamPlan, ArgReducePlan, Argument, AttentionPlan, BatchNormPlan, BilinearSamplePlan, BinaryPlan, CastPlan,
    ConcatPlan, Conv2dPlan, ConvTranspose2dPlan, CrossEntropyPlan, CumSumPlan, DeformConv2dPlan, DeformConvV3Plan,
    DeformConvV4Plan, DeformIm2colPlan, DeformPsRoiPoolPlan, DeformRoiPoolPlan, Destination, GatherElementsPlan,
    GatherNdPlan, GatherPlan, GlobalAveragePoolPlan, GlobalMaxPoolPlan, GridSamplePlan, GroupNormPlan, Im2colPlan,
    LayerNormPlan, MatmulPlan, MultiScaleDeformAttnPlan, PackedWeight, Plan, PoolPlan, ReducePlan, ResizePlan,
    RoiAlignMaxPlan, RoiAlignPlan, ScatterElementsPlan, ScatterNdPlan, SelectPlan, SgdPlan, SoftmaxPlan, SplitPlan,
    Strategy, StridedCopyPlan, TopKPlan, UnaryPlan,
};
#[cfg(not(target_arch = "wasm32"))]
pub use ops::{Candidate, Outcome, Tuned};
pub use shape::Shape;
pub use wgpu;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
