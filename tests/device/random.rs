//! Problems drawn at random, held against the reference. A failure prints the seed that draws it again.

use fastrand::Rng;
use pliant::geometry::*;
use proptest::prelude::*;

use crate::dtypes::{STORAGES, on};
use crate::shapes::deform_conv2d;
use crate::support::problem::Problem;
use crate::{check_on, gpu, implementations};

/// A legal deformable convolution.
fn draw(seed: u64) -> Problem {
    let mut rng = Rng::with_seed(seed);
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (groups, offset_groups) = (up_to(4), up_to(4));
    let common = (1..).find(|n: &u32| n.is_multiple_of(groups) && n.is_multiple_of(offset_groups)).unwrap();
    let channels = common * up_to(7);
    let out_channels = groups * up_to(9);
    let kernel = [up_to(4), up_to(4)];
    let dilation = [up_to(3), up_to(3)];
    let stride = [up_to(3), up_to(3)];
    let padding = [up_to(4) - 1, up_to(4) - 1, up_to(4) - 1, up_to(4) - 1];
    let extent = |axis: usize, more: u32| {
        let span = dilation[axis] * (kernel[axis] - 1) + 1;
        (span + more).saturating_sub(padding[axis] + padding[axis + 2]).max(1)
    };
    let (height, width) = (extent(0, up_to(12)), extent(1, up_to(12)));
    let batch = up_to(5);
    let border = [Border::Zeros, Border::ClampHi, Border::Strict][rng.usize(..3)];
    let offset_layout = [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint][rng.usize(..3)];
    let op = DeformConv2d { stride, padding, dilation, groups, offset_groups, border, offset_layout };
    let (mask, sigma) = (rng.bool(), [0.0, 0.5, 3.0, 50.0][rng.usize(..4)]);
    let weight = [out_channels, channels / groups, kernel[0], kernel[1]];
    let mut problem = deform_conv2d(&mut rng, op, [batch, channels, height, width], weight, mask, sigma);
    if let Problem::DeformConv2d(_, inputs) = &mut problem {
        for offset in &mut inputs.offset.elements {
            match rng.u32(..16) {
                // Where rules change.
                0..4 => *offset = (*offset * 2.0).round() / 2.0,
                4 => *offset = f32::NAN,
                5 => *offset = f32::INFINITY,
                _ => {}
            }
        }
        if rng.bool() {
            inputs.bias = None;
        }
    }
    problem
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn drawn_problems_agree_with_the_reference(seed: u64) {
        let problem = draw(seed);
        let storage = STORAGES[seed as usize % STORAGES.len()];
        for implementation in implementations(gpu()).chain([on(storage)]) {
            let result = check_on(&problem, implementation);
            prop_assert!(result.is_ok(), "seed {seed}, {storage:?}: {}\n{}", result.unwrap_err(), problem.describe());
        }
    }
}
