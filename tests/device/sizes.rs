use fastrand::Rng;
use pliant::*;
use pliant::{Conv2dPlan, DType, DeformConv2dPlan, Recorder, Tensor};

use crate::limits::with_limits;
use crate::shapes::deform_conv2d;
use crate::support::problem::{Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, slow, strategies_for};

/// Forward and backward, by a strategy or the one that the device wants.
fn check_by(gpu: &pliant::Gpu, problem: &Problem, strategy: Option<pliant::Strategy>, storage: Storage) {
    let device = Implementation::Device { gpu, strategy, storage };
    let checked = check_on(problem, device).and_then(|()| check_backward_on(problem, 90, device, Ways::One));
    if let Err(failure) = checked {
        panic!("{strategy:?}, {storage:?}: {failure}\n{}", problem.describe());
    }
}

fn check_with(gpu: &pliant::Gpu, problem: &Problem, storage: Storage) {
    check_by(gpu, problem, None, storage);
}

/// By every strategy, or on a slow adapter by the one that the device wants.
fn check_strategies(gpu: &pliant::Gpu, problem: &Problem, storage: Storage) {
    strategies_for(gpu, problem)
        .take(if slow() { 1 } else { usize::MAX })
        .for_each(|strategy| check_by(gpu, problem, strategy, storage));
}

fn conv2d(rng: &mut Rng, op: Conv2d, input: [u32; 4], weight: [u32; 4]) -> Problem {
    let inputs = Conv2dInputs {
        input: normal(rng, input, 1.0),
        weight: normal(rng, weight, 1.0),
        bias: Some(normal(rng, [weight[0]], 1.0)),
    };
    Problem::Conv2d(op, inputs)
}

/// Packed images take as much as is bound at once, a quad of 2^12 pixels: images that fit, and images of which several strips reach a part each.
#[test]
fn rows_of_a_large_image_are_packed_as_they_are_reached() {
    let gpu = &with_limits(|limits| limits.max_storage_buffer_binding_size = 64 << 10);
    let rng = &mut Rng::with_seed(91);
    let same = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let sparse = Conv2d { stride: [5, 2], padding: [9, 1, 20, 0], dilation: [3, 2], ..Conv2d::default() };
    for height in [60, 220] {
        for (channels, out_channels) in [(2, 1), (3, 4), (4, 6), (6, 3)] {
            let [input, weight] = [[1, channels, height, 65], [out_channels, channels, 3, 3]];
            check_with(gpu, &conv2d(rng, same, input, weight), Storage::F32);
            let weight = [out_channels, channels, 5, 3];
            check_with(gpu, &conv2d(rng, sparse, input, weight), Storage::F32);
        }
    }
    let grouped = Conv2d { groups: 2, ..same };
    check_with(gpu, &conv2d(rng, grouped, [1, 2, 110, 65], [2, 1, 3, 3]), Storage::F32);
    // Strips of windows that reach nothing but padding.
    let beside = Conv2d { padding: [90, 0, 90, 0], ..Conv2d::default() };
    check_with(gpu, &conv2d(rng, beside, [1, 1, 220, 65], [1, 1, 2, 1]), Storage::F32);
}

/// One plane fits a binding of 16 KiB and four do not, or not even one does.
#[test]
fn planes_beyond_a_binding_are_done_in_parts() {
    let gpu = &with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let rng = &mut Rng::with_seed(92);
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    check_strategies(gpu, &conv2d(rng, op, [1, 3, 62, 66], [1, 3, 3, 3]), Storage::F32);
    check_strategies(gpu, &conv2d(rng, op, [1, 3, 63, 67], [1, 3, 3, 3]), Storage::F32);
    check_strategies(gpu, &conv2d(rng, Conv2d { groups: 2, ..op }, [2, 6, 63, 67], [4, 3, 3, 3]), Storage::F32);
    // Sums of the weight's gradient go to the same places again, and are bound group by group.
    check_strategies(gpu, &conv2d(rng, Conv2d { groups: 32, ..op }, [2, 32, 10, 12], [32, 1, 3, 3]), Storage::F32);
    // More padding behind than the window reaches.
    let behind = Conv2d { padding: [0, 1, 4, 3], ..op };
    check_strategies(gpu, &conv2d(rng, behind, [2, 3, 9, 8], [2, 3, 3, 3]), Storage::F32);
    let all_f16 = Storage::new(DType::F16, DType::F16);
    check_strategies(gpu, &conv2d(rng, op, [2, 3, 63, 67], [3, 3, 3, 3]), all_f16);
    for (side, groups, offset_groups, storage) in [(62, 1, 1, Storage::F32), (63, 2, 2, all_f16)] {
        let op = DeformConv2d { padding: [1; 4], groups, offset_groups, ..DeformConv2d::default() };
        let problem = deform_conv2d(rng, op, [1, 4, side, side + 4], [2, 4 / groups, 3, 3], true, 3.0);
        check_strategies(gpu, &problem, storage);
    }
}

/// Each strip has few samples beside the pixels of the image, near where they belong or anywhere.
#[test]
fn gradients_of_large_images_are_right() {
    let gpu = &with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let rng = &mut Rng::with_seed(93);
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    for (offset_groups, sigma) in [(2, 30.0), (1, 2.0)].into_iter().take(if slow() { 1 } else { 2 }) {
        let op = DeformConv2d { offset_groups, ..op };
        check_strategies(gpu, &deform_conv2d(rng, op, [1, 2, 66, 67], [1, 2, 3, 3], true, sigma), Storage::F32);
    }
    // All samples of many strips in one cell.
    let mut crowded = deform_conv2d(rng, op, [2, 1, 66, 67], [1, 1, 1, 1], false, 0.0);
    if let Problem::DeformConv2d(_, inputs) = &mut crowded {
        let (height, width) = (68, 69);
        for (index, offset) in inputs.offset.elements.iter_mut().enumerate() {
            let (axis, y, x) = (index / (height * width) % 2, index / width % height, index % width);
            *offset = 33.25 - [y, x][axis] as f32;
        }
    }
    check_strategies(gpu, &crowded, Storage::F32);
}

/// Dispatches grow with the image, and by the pieces that planes of a large one have to be bound in.
#[test]
fn dispatches_for_each_pixel_do_not_grow_with_the_image() {
    let gpu = &with_limits(|_| {});
    let per_pixel = |side: u32, offset_groups: u32, groups: u32, backward: bool| {
        gpu.trim();
        let channels = 4 * groups;
        let tensor = |shape: [u32; 4]| Tensor::new(gpu, shape, DType::F32).unwrap();
        let input = &tensor([1, channels, side, side]);
        let weight = &tensor([channels, channels / groups, 3, 3]);
        let output = &tensor([1, channels, side, side]);
        let points = 9 * offset_groups;
        let field = (offset_groups > 0).then(|| [2, 1].map(|axes| tensor([1, axes * points, side, side])));
        let mut recorder = Recorder::draft(gpu);
        match &field {
            None => {
                let inputs = Conv2dInputs { input, weight, bias: None };
                let op = Conv2d { padding: [1; 4], groups, ..Conv2d::default() };
                let plan = Conv2dPlan::new(gpu, &op, &inputs).unwrap();
                if backward {
                    plan.backward(&mut recorder, &inputs, output).unwrap();
                } else {
                    plan.forward_into(&mut recorder, &inputs, output).unwrap();
                }
            }
            Some([offset, mask]) => {
                let inputs = DeformConv2dInputs { input, offset, mask: Some(mask), weight, bias: None };
                let op = DeformConv2d { padding: [1; 4], groups, offset_groups, ..DeformConv2d::default() };
                let plan = DeformConv2dPlan::new(gpu, &op, &inputs).unwrap();
                if backward {
                    plan.backward(&mut recorder, &inputs, output).unwrap();
                } else {
                    plan.forward_into(&mut recorder, &inputs, output).unwrap();
                }
            }
        }
        let pixels = f64::from(side) * f64::from(side);
        recorder.len() as f64 / pixels
    };
    for (offset_groups, groups, sides) in
        [(0, 1, [512, 2048, 4096]), (0, 4, [1024, 2048, 3000]), (1, 1, [512, 1024, 3000]), (4, 1, [512, 1024, 1536])]
    {
        for backward in [false, true] {
            let [small, larger @ ..] = sides.map(|side| per_pixel(side, offset_groups, groups, backward));
            for (side, large) in sides[1..].iter().zip(larger) {
                let case = format!("{side}, {offset_groups} offset groups, {groups} groups, backward {backward}");
                assert!(large <= 6.0 * small, "{case}: {large} dispatches a pixel; {small} at {}", sides[0]);
            }
        }
    }
}
