//! Deformable convolution and its family as WGSL compute shaders on wgpu.
//!
//! An op is a plain struct of attributes, such as [`DeformConv2d`](geometry::DeformConv2d). Its `forward` takes tensors that lie on a
//! [`Gpu`] and gives a new one, submitted. A model keeps a plan instead, such as [`DeformConv2dPlan`], and records it with others
//! into a [`Recorder`]. Nothing waits before a [`Tensor::download`] is awaited.
//!
//! ```no_run
//! use pliant::geometry::{DeformConv2d, DeformConv2dInputs};
//! use pliant::{Gpu, Tensor};
//!
//! # async fn example() -> pliant::Result<()> {
//! let gpu = Gpu::new().await?;
//! let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
//! let inputs = DeformConv2dInputs {
//!     input: &Tensor::upload(&gpu, [1, 3, 32, 32], &vec![1.0f32; 3 * 32 * 32])?,
//!     // dy and dx for each of 9 taps, in pixels.
//!     offset: &Tensor::upload(&gpu, [1, 18, 32, 32], &vec![0.5f32; 18 * 32 * 32])?,
//!     mask: None,
//!     weight: &Tensor::upload(&gpu, [8, 3, 3, 3], &vec![0.1f32; 8 * 3 * 9])?,
//!     bias: None,
//! };
//! let output: Vec<f32> = op.forward(&inputs)?.download()?.await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`geometry`] | ops as attributes, their inputs, and the one place where shapes are refused |
//! | [`nn`] | layers: ops with the parameters that they learn |
//! | [`dialect`] | the ops under the attributes of torchvision, OpenVINO, MindSpore, ONNX and mmcv |
//! | [`reference`](mod@reference) | every op as nested loops in `f64`: the definition |
//! | `onnx` | models in ONNX files, with the feature of that name |
//! | the crate itself | device, tensors, plans, recorder, errors |

pub mod dialect;
pub mod geometry;
pub mod nn;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod reference;
#[doc(hidden)]
pub mod signature;

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
pub use ops::{
    BatchNormPlan, BilinearSamplePlan, BinaryPlan, ConcatPlan, Conv2dPlan, CrossEntropyPlan, DeformConv2dPlan,
    DeformIm2colPlan, DeformPsRoiPoolPlan, DeformRoiPoolPlan, Destination, GlobalAveragePoolPlan, Im2colPlan,
    MatmulPlan, PackedWeight, RoiAlignPlan, SplitPlan, Strategy, UnaryPlan, Weight,
};
pub use shape::Shape;
pub use wgpu;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
