//! What needs no device: the structure, the errors, the reference, and the comparison itself.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod comparison;
mod dialects;
mod errors;
mod fuzz;
mod goldens;
mod gradients;
mod layers;
/// The network of the example `train`, on a device.
#[allow(dead_code)]
#[path = "../../examples/train/network.rs"]
mod network;
#[path = "../support/network.rs"]
mod network_reference;
mod nn;
#[cfg(feature = "onnx")]
mod onnx;
mod reference;
mod roi;
#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;
mod training;
#[path = "../support/unchecked.rs"]
mod unchecked;
