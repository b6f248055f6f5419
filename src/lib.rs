#![doc = "Deformable convolution and its family on wgpu."]

pub mod geometry;
pub mod reference;

mod dtype;
mod error;
mod gpu;
mod kernels;
mod ops;
mod shape;

pub use dtype::{DType, Element};
pub use error::{Error, Result};
pub use gpu::{Capabilities, Counts, Download, Gpu, GpuOptions, Recorder, StageTime, Tensor, TensorSpec};
pub use ops::{BilinearSamplePlan, Conv2dPlan, DeformConv2dPlan, DeformIm2colPlan, Im2colPlan, MatmulPlan, Strategy};
pub use shape::Shape;
pub use wgpu;
