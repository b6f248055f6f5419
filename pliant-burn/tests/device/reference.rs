//! Every op and layer against its definition: values and gradients, on both kinds of devices, in f32 and f16.

use burn::tensor::FloatDType;
use fastrand::Rng;
use pliant::nn::{DeformConv2dLayer, DeformConv2dSizes, Mask, MultiScaleDeformAttnLayer, MultiScaleDeformAttnSizes};
use pliant::{DType, DeformConv2d, DeformRoiPool, GridSample, MultiScaleDeformAttn, RoiAlign, SampleMode, Shape};
use pliant_support::problem::Array;
use pliant_support::random::{normal, uniform};

use crate::case::{Case, Operation};
use crate::{OURS, devices, has_f16};

/// Boxes over images of 9x11 pixels, of a batch of two.
fn rois(rng: &mut Rng) -> Array {
    let mut elements = Vec::new();
    for roi in 0..5 {
        let [x, y] = [rng.f32() * 6.0, rng.f32() * 5.0];
        elements.extend([(roi % 2) as f32, x, y, x + 1.0 + 4.0 * rng.f32(), y + 1.0 + 3.0 * rng.f32()]);
    }
    Array { shape: [5, 5].into(), elements }
}

/// Cases of all ops. Extents are odd, so that tensors of 16 bits end within a word.
pub fn cases(dtype: DType) -> Vec<Case> {
    let mut rng = Rng::with_seed(41);
    let mut cases = Vec::new();
    for (name, mask, bias) in [("version 1", false, false), ("version 2", true, true)] {
        let op = DeformConv2d { padding: [1; 4], groups: 3, offset_groups: 1, ..DeformConv2d::default() };
        let mut inputs = vec![
            ("input", normal(&mut rng, [1, 3, 7, 9], 1.0)),
            ("offset", normal(&mut rng, [1, 18, 7, 9], 2.0)),
            ("weight", normal(&mut rng, [3, 1, 3, 3], 1.0)),
        ];
        if mask {
            inputs.push(("mask", uniform(&mut rng, [1, 9, 7, 9])));
        }
        if bias {
            inputs.push(("bias", normal(&mut rng, [3], 1.0)));
        }
        cases.push(Case::of_reference(name, Operation::DeformConv2d, op, inputs, dtype));
    }
    let op = DeformConv2d { stride: [2; 2], dilation: [1, 2], offset_groups: 2, ..DeformConv2d::default() };
    let inputs = vec![
        ("input", normal(&mut rng, [3, 4, 9, 11], 1.0)),
        ("offset", normal(&mut rng, [3, 36, 4, 4], 2.0)),
        ("weight", normal(&mut rng, [5, 4, 3, 3], 1.0)),
        ("bias", normal(&mut rng, [5], 1.0)),
    ];
    cases.push(Case::of_reference("strides", Operation::DeformConv2d, op, inputs, dtype));

    for mode in [SampleMode::Bilinear, SampleMode::Bicubic] {
        let op = GridSample { mode, ..GridSample::default() };
        let inputs =
            vec![("input", normal(&mut rng, [1, 3, 7, 9], 1.0)), ("grid", normal(&mut rng, [1, 5, 3, 2], 0.7))];
        cases.push(Case::of_reference("grid", Operation::GridSample, op, inputs, dtype));
    }

    let op = RoiAlign { pooled: [3, 3], sampling_ratio: 2, ..RoiAlign::default() };
    let inputs = vec![("input", normal(&mut rng, [2, 3, 9, 11], 1.0)), ("rois", rois(&mut rng))];
    cases.push(Case::of_reference("RoIs", Operation::RoiAlign, op, inputs, dtype));

    let op = DeformRoiPool { pooled: [3, 3], sampling_ratio: 2, ..DeformRoiPool::default() };
    let inputs = vec![
        ("input", normal(&mut rng, [2, 3, 9, 11], 1.0)),
        ("rois", rois(&mut rng)),
        ("offset", normal(&mut rng, [5, 2, 3, 3], 1.0)),
    ];
    cases.push(Case::of_reference("RoIs with offsets", Operation::DeformRoiPool, op, inputs, dtype));

    let op = MultiScaleDeformAttn::new([[5, 4], [3, 2]], 3);
    let inputs = vec![
        ("value", normal(&mut rng, [1, 26, 2, 5], 1.0)),
        ("locations", uniform(&mut rng, [1, 7, 2, 2, 3, 2])),
        ("weights", uniform(&mut rng, [1, 7, 2, 2, 3])),
        ("padding_mask", Array::from_fn([1, 26], |pixel| f32::from(pixel % 5 == 0))),
    ];
    cases.push(Case::of_reference("attention", Operation::MultiScaleDeformAttn, op, inputs, dtype));
    cases
}

/// Cases of the layers, which compute in f32 between their inputs and their output.
fn layers(dtype: DType) -> Vec<Case> {
    let mut rng = Rng::with_seed(42);
    let mut cases = Vec::new();
    let layer = DeformConv2dLayer { padding: [1; 4], mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
    let shapes = layer.parameter_shapes(&DeformConv2dSizes::new([4, 6], [3, 3])).unwrap();
    let mut inputs = vec![("input", normal(&mut rng, [2, 4, 7, 6], 1.0))];
    inputs.extend(drawn(&mut rng, shapes.named()));
    cases.push(Case::of_reference("layer", Operation::DeformConv2dLayer, layer, inputs, dtype));

    let layer = MultiScaleDeformAttnLayer::new(MultiScaleDeformAttn::new([[5, 4], [3, 2]], 3), 2);
    let shapes = layer.parameter_shapes(&MultiScaleDeformAttnSizes::new(8)).unwrap();
    let mut inputs = vec![
        ("query", normal(&mut rng, [1, 7, 8], 1.0)),
        ("value_input", normal(&mut rng, [1, 26, 8], 1.0)),
        ("reference_points", uniform(&mut rng, [1, 7, 2, 2])),
        ("padding_mask", Array::from_fn([1, 26], |pixel| f32::from(pixel % 5 == 0))),
        ("query_position", normal(&mut rng, [1, 7, 8], 1.0)),
    ];
    inputs.extend(drawn(&mut rng, shapes.named()));
    cases.push(Case::of_reference("attention layer", Operation::MultiScaleDeformAttnLayer, layer, inputs, dtype));
    cases
}

fn drawn<'a>(
    rng: &mut Rng,
    shapes: impl Iterator<Item = (&'static str, Option<&'a Shape>)>,
) -> Vec<(&'static str, Array)> {
    shapes.filter_map(|(name, shape)| Some((name, normal(rng, *shape?, 0.3)))).collect()
}

#[test]
fn ops_and_layers_are_their_definitions() {
    for (on, device) in devices() {
        for case in cases(DType::F32).iter().chain(&layers(DType::F32)) {
            println!("{} on {on}", case.name);
            case.check(&device, FloatDType::F32);
        }
    }
}

#[test]
fn ops_are_their_definitions_in_f16() {
    if !has_f16() {
        println!("burn has no f16 on {}", OURS.0.capabilities().info.name);
        return;
    }
    for (on, device) in devices() {
        for case in &cases(DType::F16) {
            println!("{} on {on}", case.name);
            case.check(&device, FloatDType::F16);
        }
    }
}
