//! What needs no device: the structure, the errors, the reference, and the comparison itself.

mod comparison;
mod errors;
mod goldens;
mod layers;
mod reference;
#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;
