//! Modules: layers of pliant's with the parameters that burn's optimisers train, and that burn's records hold.
//!
//! Parameters have the names and shapes of PyTorch's modules, so a store of burn's loads them without renaming.

mod deform_conv2d;
mod multi_scale_deform_attn;

pub use deform_conv2d::{DeformConv2d, OffsetConv};
pub use multi_scale_deform_attn::{MultiScaleDeformAttn, Projection};

use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use pliant::{Error, Result, Shape};

/// Numbers between 0 and 1, 1 excluded, of burn's generator for the device, of which `count` can be taken.
fn uniform(count: u64, device: &Device) -> Result<impl FnMut() -> f32> {
    let numbers = Tensor::<1>::random([count as usize], Distribution::Uniform(0.0, 1.0), device);
    let numbers = numbers.try_into_vec_as::<f32>();
    let numbers = numbers.map_err(|error| Error::Unsupported(format!("burn gives no random numbers: {error}")))?;
    let mut numbers = numbers.into_iter();
    // What is rounded to 1 counts as the number before it.
    Ok(move || match numbers.next() {
        Some(number) => number.min(1.0f32.next_down()),
        None => unreachable!("{count} numbers were drawn, one for each element of all parameters"),
    })
}

/// The number of elements of all parameters.
fn elements<'a>(shapes: impl Iterator<Item = &'a Shape>) -> u64 {
    shapes.map(Shape::elements).sum()
}

fn parameter<const D: usize>((shape, elements): (Shape, Vec<f32>), device: &Device) -> Param<Tensor<D>> {
    let extents: Vec<_> = shape.extents().iter().map(|&extent| extent as usize).collect();
    Param::from_data(TensorData::new(elements, extents), device)
}
