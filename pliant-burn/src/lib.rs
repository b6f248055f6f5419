//! pliant's kernels on burn's tensors: deformable convolution and its family on wgpu, with gradients for burn's automatic differentiation.
//!
//! burn and pliant share a device, one way or the other: [`open`] and [`device`] set burn up on the device of a [`Gpu`](pliant::Gpu), [`share`] makes a
//! `Gpu` of burn's own. Then the functions here take tensors of burn's on that device and give new ones, without a copy and without waiting, with
//! fusion and without, on `device.autodiff()` with gradients.
//!
#![doc = include_str!("../README.md")]

mod backend;
mod call;
mod device;
pub mod nn;
mod ops;
mod run;

pub use device::{FEATURES, copies, device, open, share};
pub use ops::{deform_conv2d, deform_roi_pool, grid_sample, multi_scale_deform_attn, roi_align};
pub use pliant;
