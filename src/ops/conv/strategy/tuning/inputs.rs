//! Inputs that candidates are measured with, and how far their outputs may differ.

use half::{bf16, f16};

use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::geometry::Deformation;
use crate::gpu::{Gpu, Tensor, TensorSpec};
use crate::ops::conv::strategy::choice::Choice;
use crate::ops::conv::strategy::problem::Problem;
use crate::ops::conv::strategy::rule::Strategy;

/// The furthest that a sample is moved along an axis, in pixels.
const REACH: f32 = 4.0;

/// The input of this name: offsets of a few pixels to either side, and between 0 and 1 all else, weights over the root of the terms. So no sum
/// cancels, and none leaves the range of f16.
pub(super) fn drawn(gpu: &Gpu, problem: &Problem, name: &'static str, spec: &TensorSpec) -> Result<Tensor> {
    let im2col = &problem.geometry.im2col;
    // Behind the offsets of an image, a tensor of offsets may hold masks.
    let (offsets, channels) = match problem.deformation {
        Some(deformation) if name == "offset" => {
            let Deformation { offset_layout, .. } = deformation;
            let points = u64::from(deformation.points(im2col));
            (2 * points, u64::from(offset_layout.channels_per_point()) * points)
        }
        _ => (0, 1),
    };
    let scale = if name == "weight" { terms(problem).sqrt().recip() } else { 1.0 } as f32;
    let seed = name.bytes().fold(0u64, |seed, byte| 31 * seed + u64::from(byte));
    let element = |index: u64| match uniform(seed, index) {
        number if index / u64::from(im2col.out_pixels()) % channels < offsets => REACH * (2.0 * number - 1.0),
        number => scale * number,
    };
    match spec.dtype {
        DType::F32 => upload(gpu, spec, element),
        DType::F16 => upload(gpu, spec, |index| f16::from_f32(element(index))),
        DType::BF16 => upload(gpu, spec, |index| bf16::from_f32(element(index))),
        DType::I32 => upload(gpu, spec, |index| element(index) as i32),
    }
}

fn upload<T: Element>(gpu: &Gpu, spec: &TensorSpec, element: impl Fn(u64) -> T) -> Result<Tensor> {
    // Where the device is too small, it says so before the host holds as much.
    drop(Tensor::new(gpu, spec.shape, spec.dtype)?);
    let elements: Vec<T> = (0..spec.shape.elements()).map(element).collect();
    Tensor::upload(gpu, spec.shape, &elements)
}

/// A number between 0 and 1, which looks random, and is the same everywhere.
fn uniform(seed: u64, index: u64) -> f32 {
    let mut bits = (seed ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (bits >> 40) as f32 / (1u32 << 24) as f32
}

/// The elements of a tensor.
pub(super) async fn elements(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(match tensor.dtype() {
        DType::F32 => tensor.download()?.await?,
        DType::F16 => tensor.download::<f16>()?.await?.into_iter().map(f16::to_f32).collect(),
        DType::BF16 => tensor.download::<bf16>()?.await?.into_iter().map(bf16::to_f32).collect(),
        DType::I32 => tensor.download::<i32>()?.await?.into_iter().map(|element| element as f32).collect(),
    })
}

/// The products that are summed up in an output, and the bias.
fn terms(problem: &Problem) -> f64 {
    f64::from(problem.geometry.group_channels()) * f64::from(problem.geometry.im2col.taps()) + 1.0
}

/// How far two right outputs of drawn inputs may differ.
///
/// Each may be off by (16 + 2 sqrt(terms)) 2^-24 of the sum of absolute terms, of which a bilinear sample has one for each of its four
/// neighbours; those of drawn inputs are below the scale of their weights, and a bias below 1. Since no term is negative, the absolute terms of
/// a product are the output itself: each operand that is rounded to f16 adds 2^-11 of it. Inputs are of like size, so that the error of tiles, which is in
/// proportion to the largest of a tile, is within the same. Storage in 16 bits adds a unit in the last place.
pub(super) struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl Tolerance {
    pub(super) fn new(problem: &Problem, choices: [Choice; 2]) -> Self {
        let terms = terms(problem);
        let neighbours = if problem.deformation.is_some() { 4.0 } else { 1.0 };
        let sum = (16.0 + 2.0 * terms.sqrt()) * 2f64.powi(-24) * (neighbours * terms.sqrt() + 1.0);
        let operands = |choice: Choice| if choice.strategy() == Strategy::FusedCooperative { 2.0 } else { 0.0 };
        let (unit, least) = match problem.dtypes[0] {
            DType::F32 | DType::I32 => (0.0, 0.0),
            DType::F16 => (2f64.powi(-10), 2f64.powi(-24)),
            DType::BF16 => (2f64.powi(-7), 0.0),
        };
        let rounded: f64 = choices.map(operands).iter().sum();
        Self { absolute: 2.0 * (sum + least), relative: 2.0 * unit + rounded * 2f64.powi(-11) }
    }

    /// Says where an output differs from the expected one by more, if it does.
    pub(super) fn miss(&self, expected: &[f32], output: &[f32]) -> Option<String> {
        let differs = |&(_, (&expected, &output)): &(usize, (&f32, &f32))| {
            let [expected, output] = [expected, output].map(f64::from);
            let within = (output - expected).abs() <= self.absolute + self.relative * expected;
            // Not a comparison by >: NaN is within nothing.
            !within
        };
        let mut misses = expected.iter().zip(output).enumerate().filter(differs);
        let (index, (expected, output)) = misses.next()?;
        let more = misses.count();
        Some(format!("element {index} is {output}, and {expected} by the rule's choice; {more} more differ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_numbers_fill_their_range() {
        let numbers: Vec<f32> = (0..1000).map(|index| uniform(7, index)).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let below = |bound: f32| numbers.iter().filter(|number| **number < bound).count();
        for tenth in 1..10 {
            let share = below(tenth as f32 / 10.0);
            assert!(share.abs_diff(100 * tenth) < 60, "{share} of 1000 are below {tenth} tenths");
        }
    }

    #[test]
    fn what_differs_by_more_than_the_tolerance_is_a_miss() {
        let tolerance = Tolerance { absolute: 1e-4, relative: 1e-3 };
        let expected = [0.0, 1.0, 2.0];
        assert_eq!(tolerance.miss(&expected, &[1e-4, 1.001, 1.999]), None);
        let miss = tolerance.miss(&expected, &[0.0, 1.002, 1.99]);
        assert_eq!(miss.as_deref(), Some("element 1 is 1.002, and 1 by the rule's choice; 1 more differ"));
        assert!(tolerance.miss(&expected, &[0.0, f32::NAN, 2.0]).is_some());
        assert!(tolerance.miss(&expected, &[0.0, f32::INFINITY, 2.0]).is_some());
    }
}
