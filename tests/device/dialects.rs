//! The short ways of `pliant::dialect`, on the examples that upstream's documentation gives.

use fastrand::Rng;
use pliant::dialect::{AutoPad, mindspore, mmcv, onnx, openvino, torchvision};
use pliant::*;
use pliant::{Result, Tensor};

use super::gpu;
use crate::support::compare::Expected;
use crate::support::problem::{Array, Problem};
use crate::support::random::normal;

fn upload(array: &Array) -> Tensor {
    array.upload(gpu()).unwrap()
}

/// Holds what a dialect gave against the reference of the op that it stands for.
#[track_caller]
fn check(output: Result<Tensor>, problem: &Problem) {
    let output = pollster::block_on(output.unwrap().download().unwrap()).unwrap();
    let expected = Expected::of_reference(problem.reference().unwrap());
    if let Err(miss) = expected.compare(&output) {
        panic!("output{miss}\n{}", problem.describe());
    }
}

/// 4 images of 3 channels, 10x10; 5 output channels; the output is 8x8.
fn example(rng: &mut Rng, offset_channels: u32, mask: bool) -> DeformConv2dInputs<Array> {
    DeformConv2dInputs {
        input: normal(rng, [4, 3, 10, 10], 1.0),
        offset: normal(rng, [4, offset_channels, 8, 8], 2.0),
        mask: mask.then(|| normal(rng, [4, 9, 8, 8], 1.0)),
        weight: normal(rng, [5, 3, 3, 3], 1.0),
        bias: Some(normal(rng, [5], 1.0)),
    }
}

#[test]
fn torchvision_and_mmcv() {
    let mut rng = Rng::with_seed(61);
    let arrays = example(&mut rng, 18, true);
    let tensors = arrays.map(upload);
    let DeformConv2dInputs { input, offset, weight, mask, bias } = tensors.as_ref();
    let problem = Problem::DeformConv2d(DeformConv2d::default(), arrays.clone());
    check(torchvision::deform_conv2d(input, offset, weight, bias, [1, 1], [0, 0], [1, 1], mask), &problem);
    check(mmcv::ModulatedDeformConv2d::default().forward(&tensors), &problem);

    let plain = DeformConv2dInputs { mask: None, bias: None, ..arrays };
    let problem = Problem::DeformConv2d(DeformConv2d::default(), plain);
    let inputs = DeformConv2dInputs { input, offset, weight, mask: None, bias: None };
    check(mmcv::DeformConv2d::default().forward(&inputs), &problem);
    check(onnx::DeformConv::default().forward(&inputs), &problem);
}

#[test]
fn mindspore_alone() {
    let arrays = example(&mut Rng::with_seed(62), 27, false);
    let tensors = arrays.map(upload);
    let DeformConv2dInputs { input, offset, weight, bias, .. } = tensors.as_ref();
    let op = DeformConv2d { offset_layout: OffsetLayout::Planes, ..DeformConv2d::default() };
    let (ones, zeros) = ([1; 4], [0; 4]);
    let output = mindspore::deformable_conv2d(input, weight, offset, &[3, 3], &ones, &zeros, bias, &ones, 1, 1, true);
    check(output, &Problem::DeformConv2d(op, arrays));
}

/// With offsets of 0, input and mask of 1 and weights of 1/8, each output is the number of weights times 1/8, exactly.
#[test]
fn openvino_with_one_deformable_group_and_four() {
    for (deformable_group, offset_channels) in [(1, 50), (4, 200)] {
        let filled = |shape: [u32; 4], value| upload(&Array::filled(shape, value));
        let attributes = openvino::DeformableConvolution8 {
            strides: vec![1, 1],
            pads_begin: vec![0, 0],
            pads_end: vec![0, 0],
            dilations: vec![1, 1],
            deformable_group,
            ..openvino::DeformableConvolution8::default()
        };
        let (input, weight) = (filled([1, 4, 224, 224], 1.0), filled([64, 4, 5, 5], 0.125));
        let offset = filled([1, offset_channels, 220, 220], 0.0);
        let mask = filled([1, offset_channels / 2, 220, 220], 1.0);
        let inputs =
            DeformConv2dInputs { input: &input, offset: &offset, mask: Some(&mask), weight: &weight, bias: None };
        let output = attributes.forward(&inputs).unwrap();
        assert_eq!(output.shape(), [1, 64, 220, 220].into());
        let output: Vec<f32> = pollster::block_on(output.download().unwrap()).unwrap();
        assert!(output.iter().all(|&value| value == 12.5));
    }
}

#[test]
fn plain_convolutions() {
    let mut rng = Rng::with_seed(63);
    let arrays = Conv2dInputs {
        input: normal(&mut rng, [2, 6, 9, 8], 1.0),
        weight: normal(&mut rng, [10, 3, 3, 2], 1.0),
        bias: Some(normal(&mut rng, [10], 1.0)),
    };
    let tensors = arrays.map(upload);
    let inputs = tensors.as_ref();
    let Conv2dInputs { input, weight, bias } = inputs;
    let same = Conv2d { padding: [1, 0, 1, 1], groups: 2, ..Conv2d::default() };
    let problem = Problem::Conv2d(same, arrays.clone());
    check(torchvision::conv2d(input, weight, bias, [1, 1], torchvision::Padding::Same, [1, 1], 2), &problem);
    check(mindspore::conv2d(input, weight, bias, [1, 1], mindspore::PadMode::Same, [0; 4], [1, 1], 2), &problem);
    let conv = onnx::Conv { auto_pad: AutoPad::SameUpper, group: 2, ..onnx::Conv::default() };
    check(conv.forward(&inputs), &problem);

    let weight = upload(&Array { shape: [2, 5, 3, 3, 2].into(), elements: arrays.weight.elements.clone() });
    let conv = openvino::GroupConvolution1 {
        strides: vec![1, 1],
        dilations: vec![1, 1],
        auto_pad: AutoPad::SameUpper,
        ..openvino::GroupConvolution1::default()
    };
    let problem = Problem::Conv2d(same, Conv2dInputs { bias: None, ..arrays });
    check(conv.forward(&Conv2dInputs { input, weight: &weight, bias: None }), &problem);
}
