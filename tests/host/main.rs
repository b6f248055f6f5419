//! Tests that need no device: the structure, the wording of doc comments, the errors, the reference, and the comparison itself.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod canvas;
mod charts;
mod comparison;
mod dialects;
mod errors;
mod fuzz;
mod goldens;
mod gradients;
mod grids;
mod layers;
mod nn;
#[cfg(feature = "onnx")]
mod onnx;
mod points;
mod reference;
mod roi;
mod training;
mod words;

use pliant_support::{self as support, network, network_reference, unchecked};
