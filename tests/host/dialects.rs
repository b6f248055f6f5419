//! The rules in which systems differ, so that no two are confused, and what each refuses.

use pliant::dialect::{AutoPad, mindspore, mmcv, onnx, openvino, torchvision};
use pliant::geometry::*;
use pliant::reference;
use pliant::*;
use pliant::{Error, Result, Shape};

/// Extents of which no two are alike; 2 groups, 3 offset groups.
const INPUT: [u32; 4] = [5, 6, 9, 8];
const WEIGHT: [u32; 4] = [4, 3, 3, 2];

/// Shapes for a convolution with stride 2, 1 and dilation 1, 3 of an image padded so.
fn shapes(padding: [u32; 4], offset_channels: u32) -> DeformConv2dInputs<Shape> {
    let window = Im2col { kernel: [3, 2], stride: [2, 1], padding, dilation: [1, 3] };
    let [rows, columns] = Im2colGeometry::new(&window, INPUT.into()).unwrap().out_extents();
    DeformConv2dInputs {
        input: INPUT.into(),
        offset: [5, offset_channels, rows, columns].into(),
        mask: None,
        weight: WEIGHT.into(),
        bias: None,
    }
}

fn masked(shapes: DeformConv2dInputs<Shape>) -> DeformConv2dInputs<Shape> {
    let [batch, _, rows, columns] = *shapes.offset.extents() else { unreachable!() };
    DeformConv2dInputs { mask: Some([batch, 18, rows, columns].into()), ..shapes }
}

fn torchvision() -> torchvision::DeformConv2d {
    torchvision::DeformConv2d { stride: [2, 1], padding: [1, 2], dilation: [1, 3] }
}

fn mmcv1() -> mmcv::DeformConv2d {
    mmcv::DeformConv2d { stride: [2, 1], padding: [1, 2], dilation: [1, 3], groups: 2, deform_groups: 3 }
}

fn mmcv2() -> mmcv::ModulatedDeformConv2d {
    mmcv::ModulatedDeformConv2d { stride: [2, 1], padding: [1, 2], dilation: [1, 3], groups: 2, deform_groups: 3 }
}

fn onnx() -> onnx::DeformConv {
    onnx::DeformConv {
        dilations: vec![1, 3],
        group: 2,
        kernel_shape: vec![3, 2],
        offset_group: 3,
        pads: vec![1, 2, 3, 4],
        strides: vec![2, 1],
    }
}

fn openvino1() -> openvino::DeformableConvolution1 {
    openvino::DeformableConvolution1 {
        strides: vec![2, 1],
        pads_begin: vec![1, 2],
        pads_end: vec![3, 4],
        dilations: vec![1, 3],
        auto_pad: AutoPad::Explicit,
        group: 2,
        deformable_group: 3,
    }
}

fn openvino8(bilinear_interpolation_pad: bool) -> openvino::DeformableConvolution8 {
    openvino::DeformableConvolution8 {
        strides: vec![2, 1],
        pads_begin: vec![1, 2],
        pads_end: vec![3, 4],
        dilations: vec![1, 3],
        auto_pad: AutoPad::Explicit,
        group: 2,
        deformable_group: 3,
        bilinear_interpolation_pad,
    }
}

fn mindspore() -> mindspore::DeformableConv2d {
    mindspore::DeformableConv2d {
        kernel_size: vec![3, 2],
        strides: vec![1, 1, 2, 1],
        padding: vec![1, 2, 3, 4],
        dilations: vec![1, 1, 1, 3],
        groups: 2,
        deformable_groups: 3,
        modulated: true,
    }
}

#[test]
fn each_system_has_its_own_rules() {
    use Border::{ClampHi, Zeros};
    use EdgeDerivative::{OneSided, Zero};
    use OffsetLayout::{Planes, Separate};
    // Top, left, bottom, right from what each system was given: 1, 2 or 1, 2, 3, 4.
    let (both_sides, by_corner, by_axis) = ([1, 2, 1, 2], [1, 2, 3, 4], [1, 3, 2, 4]);
    let plain = |padding| shapes(padding, 36);
    let table = [
        (torchvision().op(&plain(both_sides)), both_sides, Zeros, OneSided, Separate),
        (torchvision().op(&masked(plain(both_sides))), both_sides, Zeros, OneSided, Separate),
        (mmcv1().op(&plain(both_sides)), both_sides, Zeros, Zero, Separate),
        (mmcv2().op(&masked(plain(both_sides))), both_sides, Zeros, Zero, Separate),
        (onnx().op(&plain(by_corner)), by_corner, Zeros, OneSided, Separate),
        (openvino1().op(&plain(by_corner)), by_corner, ClampHi, OneSided, Separate),
        (openvino8(false).op(&masked(plain(by_corner))), by_corner, ClampHi, OneSided, Separate),
        (openvino8(true).op(&masked(plain(by_corner))), by_corner, Zeros, OneSided, Separate),
        (openvino8(true).op(&plain(by_corner)), by_corner, Zeros, OneSided, Separate),
        (mindspore().op(&shapes(by_axis, 54)), by_axis, Zeros, OneSided, Planes),
    ];
    for (index, (op, padding, border, edge_derivative, offset_layout)) in table.into_iter().enumerate() {
        let (stride, dilation, groups, offset_groups) = ([2, 1], [1, 3], 2, 3);
        let expected =
            DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, offset_layout };
        assert_eq!(op, Ok(expected), "row {index}");
    }
}

#[test]
fn defaults_are_upstreams() {
    let shapes = DeformConv2dInputs {
        input: Shape::from([1, 2, 5, 6]),
        offset: [1, 12, 3, 5].into(),
        mask: None,
        weight: [3, 2, 3, 2].into(),
        bias: None,
    };
    let ours = DeformConv2d::default();
    assert_eq!(torchvision::DeformConv2d::default().op(&shapes), Ok(ours));
    assert_eq!(onnx::DeformConv::default().op(&shapes), Ok(ours));
    let with_mask = DeformConv2dInputs { mask: Some([1, 6, 3, 5].into()), ..shapes };
    let zero = DeformConv2d { edge_derivative: EdgeDerivative::Zero, ..ours };
    assert_eq!(mmcv::DeformConv2d::default().op(&shapes), Ok(zero));
    assert_eq!(mmcv::ModulatedDeformConv2d::default().op(&with_mask), Ok(zero));
    assert!(!openvino::DeformableConvolution8::default().bilinear_interpolation_pad);

    let plain = Conv2dInputs { input: shapes.input, weight: shapes.weight, bias: None };
    let ours = Conv2d::default();
    assert_eq!(torchvision::Conv2d::default().op(&plain), Ok(ours));
    assert_eq!(onnx::Conv::default().op(&plain), Ok(ours));
    assert_eq!(mindspore::Conv2d::default().op(&plain), Ok(ours));
}

/// Three numbers of an offset sample another pixel in MindSpore than in every other system.
#[test]
fn dx_comes_first_in_mindspore_alone() {
    let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let weight = [1.0];
    // 3x3 pixels; the sample of the first one moves by 1 and by 2, and has the mask 10.
    let first = |value: f64| [vec![value], vec![0.0; 8]].concat();
    let (planes, mask) = ([first(1.0), first(2.0)].concat(), first(10.0));
    let joint = [planes.clone(), mask.clone()].concat();
    let all = DeformConv2dInputs {
        input: Shape::from([1, 1, 3, 3]),
        offset: [1, 2, 3, 3].into(),
        mask: Some([1, 1, 3, 3].into()),
        weight: [1, 1, 1, 1].into(),
        bias: None,
    };
    let one = DeformConv2dInputs { offset: [1, 3, 3, 3].into(), mask: None, ..all };
    let sample = |op: Result<DeformConv2d>, shapes, offset: &[f64], mask: Option<&[f64]>| {
        let geometry = DeformConv2dGeometry::new(&op.unwrap(), shapes).unwrap();
        let inputs = DeformConv2dInputs { input: &input[..], offset, mask, weight: &weight[..], bias: None };
        reference::deform_conv2d(&geometry, &inputs).unwrap().value[0]
    };
    let attributes = mindspore::DeformableConv2d {
        kernel_size: vec![1, 1],
        strides: vec![1; 4],
        padding: vec![0; 4],
        ..mindspore::DeformableConv2d::default()
    };
    // dx 1, dy 2: the pixel with 8; dy 1, dx 2: the one with 6.
    assert_eq!(sample(attributes.op(&one), &one, &joint, None), 80.0);
    for op in [
        torchvision::DeformConv2d::default().op(&all),
        onnx::DeformConv::default().op(&all),
        mmcv::ModulatedDeformConv2d::default().op(&all),
    ] {
        assert_eq!(sample(op, &all, &planes, Some(&mask)), 60.0);
    }
}

#[test]
fn automatic_padding() {
    use AutoPad::{SameLower, SameUpper, Valid};
    // Image, kernel, stride, dilation -> padding. By hand: out = ceil(image / stride), total = (out - 1) * stride + span - image.
    let table = [
        (SameUpper, [7, 8], [3, 4], [2, 2], [1, 1], [1, 1, 1, 1]),
        (SameLower, [7, 8], [3, 4], [2, 2], [1, 1], [1, 1, 1, 1]),
        (SameUpper, [6, 5], [2, 4], [1, 1], [1, 1], [0, 1, 1, 2]),
        (SameLower, [6, 5], [2, 4], [1, 1], [1, 1], [1, 2, 0, 1]),
        (SameUpper, [9, 7], [4, 2], [3, 1], [1, 4], [0, 2, 1, 2]),
        (SameLower, [9, 7], [4, 2], [3, 1], [1, 4], [1, 2, 0, 2]),
        (SameUpper, [5, 6], [1, 1], [3, 4], [1, 1], [0, 0, 0, 0]),
        (Valid, [6, 5], [2, 4], [1, 1], [1, 1], [0, 0, 0, 0]),
    ];
    for (auto_pad, image, kernel, stride, dilation, padding) in table {
        let shapes = Conv2dInputs {
            input: Shape::from([1, 1, image[0], image[1]]),
            weight: [1, 1, kernel[0], kernel[1]].into(),
            bias: None,
        };
        let expected = Ok(Conv2d { stride, padding, dilation, groups: 1 });
        let (strides, dilations) = (stride.map(i64::from).to_vec(), dilation.map(i64::from).to_vec());
        let conv =
            onnx::Conv { auto_pad, strides: strides.clone(), dilations: dilations.clone(), ..onnx::Conv::default() };
        assert_eq!(conv.op(&shapes), expected, "{conv:?} over {image:?}");
        // Pads are ignored, or need not be there.
        for pads in [vec![9, 9], vec![]] {
            let conv = openvino::Convolution1 {
                strides: strides.clone(),
                pads_begin: pads.clone(),
                pads_end: pads,
                dilations: dilations.clone(),
                auto_pad,
            };
            assert_eq!(conv.op(&shapes), expected, "{conv:?} over {image:?}");
        }
        let (stride, dilation) = (stride.map(i64::from), dilation.map(i64::from));
        let pad_mode = match auto_pad {
            SameUpper => mindspore::PadMode::Same,
            Valid => mindspore::PadMode::Valid,
            _ => continue,
        };
        let conv = mindspore::Conv2d { stride, pad_mode, dilation, ..mindspore::Conv2d::default() };
        assert_eq!(conv.op(&shapes), expected, "{conv:?} over {image:?}");
        let padding = if auto_pad == Valid { torchvision::Padding::Valid } else { torchvision::Padding::Same };
        if stride == [1, 1] || auto_pad == Valid {
            let conv = torchvision::Conv2d { stride, padding, dilation, groups: 1 };
            assert_eq!(conv.op(&shapes), expected, "{conv:?} over {image:?}");
        }
    }
}

#[test]
fn pads_of_plain_convolutions() {
    let shapes = Conv2dInputs { input: INPUT.into(), weight: Shape::from([4, 6, 3, 2]), bias: None };
    let with = |padding| Ok(Conv2d { padding, ..Conv2d::default() });
    let torch = torchvision::Conv2d { padding: [1, 2].into(), ..torchvision::Conv2d::default() };
    assert_eq!(torch.op(&shapes), with([1, 2, 1, 2]));
    let onnx = onnx::Conv { pads: vec![1, 2, 3, 4], ..onnx::Conv::default() };
    assert_eq!(onnx.op(&shapes), with([1, 2, 3, 4]));
    let openvino = openvino::Convolution1 {
        strides: vec![1, 1],
        pads_begin: vec![1, 2],
        pads_end: vec![3, 4],
        dilations: vec![1, 1],
        auto_pad: AutoPad::Explicit,
    };
    assert_eq!(openvino.op(&shapes), with([1, 2, 3, 4]));
    let pad_mode = mindspore::PadMode::Pad;
    let mindspore = mindspore::Conv2d { pad_mode, padding: [1, 2, 3, 4], ..mindspore::Conv2d::default() };
    assert_eq!(mindspore.op(&shapes), with([1, 3, 2, 4]));

    let openvino::Convolution1 { strides, pads_begin, pads_end, dilations, auto_pad } = openvino;
    let grouped = openvino::GroupConvolution1 { strides, pads_begin, pads_end, dilations, auto_pad };
    let shapes = Conv2dInputs { weight: Shape::from([2, 5, 3, 3, 2]), ..shapes };
    assert_eq!(grouped.op(&shapes), Ok(Conv2d { padding: [1, 2, 3, 4], groups: 2, ..Conv2d::default() }));
    let error = grouped.op(&Conv2dInputs { weight: WEIGHT.into(), ..shapes }).unwrap_err();
    let needs = "it needs 5: groups, out_channels, channels, kernel_height, kernel_width";
    assert_eq!(error.to_string(), format!("weight (4x3x3x2) has 4 axes; {needs}"));
}

#[test]
fn torchvision_infers_groups() {
    // Channels, channels of the weight, channels of the offset -> groups, offset groups.
    for (channels, group_channels, offset_channels, groups, offset_groups) in
        [(6, 6, 12, 1, 1), (6, 3, 12, 2, 1), (6, 2, 36, 3, 3), (6, 1, 72, 6, 6), (6, 6, 24, 1, 2)]
    {
        let shapes = DeformConv2dInputs {
            input: Shape::from([1, channels, 3, 2]),
            offset: [1, offset_channels, 1, 1].into(),
            mask: None,
            weight: [6, group_channels, 3, 2].into(),
            bias: None,
        };
        let op = torchvision::DeformConv2d::default().op(&shapes).unwrap();
        assert_eq!((op.groups, op.offset_groups), (groups, offset_groups), "{shapes:?}");
    }
}

#[test]
fn names_of_automatic_padding() {
    for (name, auto_pad) in [
        ("explicit", AutoPad::Explicit),
        ("NOTSET", AutoPad::Explicit),
        ("SAME_UPPER", AutoPad::SameUpper),
        ("same_lower", AutoPad::SameLower),
        ("VALID", AutoPad::Valid),
    ] {
        assert_eq!(name.parse(), Ok(auto_pad));
    }
    let error = "SAME".parse::<AutoPad>().unwrap_err();
    let known = "explicit (or notset), same_upper, same_lower and valid are known";
    assert_eq!(error.to_string(), format!("auto_pad is SAME; {known}"));
}

/// Holds a refusal's kind, argument and text.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, attribute: bool, argument: &str, message: &str) {
    let error = result.expect_err(message);
    assert_eq!(error.to_string(), message);
    match error {
        Error::Attribute { argument: named, .. } if attribute => assert_eq!(named, argument),
        Error::Shape { argument: named, .. } if !attribute => assert_eq!(named, argument),
        error => panic!("{error:?}"),
    }
}

#[track_caller]
fn attribute<T: std::fmt::Debug>(result: Result<T>, argument: &str, message: &str) {
    refused(result, true, argument, message);
}

#[track_caller]
fn shape<T: std::fmt::Debug>(result: Result<T>, argument: &str, message: &str) {
    refused(result, false, argument, message);
}

#[test]
fn torchvision_refuses() {
    let given = shapes([1, 2, 1, 2], 36);
    let op = |change: fn(&mut torchvision::DeformConv2d)| {
        let mut attributes = torchvision();
        change(&mut attributes);
        attributes.op(&given)
    };
    attribute(op(|a| a.stride = [0, 1]), "stride", "stride is 0; at least 1 is needed");
    attribute(op(|a| a.stride = [1, -1]), "stride", "stride is -1; at least 1 is needed");
    attribute(op(|a| a.padding = [1, -1]), "padding", "padding is -1; at least 0 is needed");
    attribute(op(|a| a.dilation = [0, 1]), "dilation", "dilation is 0; at least 1 is needed");
    attribute(op(|a| a.stride = [1 << 32, 1]), "stride", "stride is 4294967296; at most 4294967295 is possible");

    let op = |change: fn(&mut DeformConv2dInputs<Shape>)| {
        let mut shapes = masked(given);
        change(&mut shapes);
        torchvision().op(&shapes)
    };
    shape(
        op(|s| s.input = [5, 7, 9, 8].into()),
        "weight",
        "weight takes 3 input channels per group; they do not divide 7 input channels",
    );
    shape(
        op(|s| s.input = [5, 8, 9, 3].into()),
        "weight",
        "weight takes 3 input channels per group; they do not divide 8 input channels; input (5x8x9x3) is read as \
         (batch, channels, height, width) and has 3 along axis 3: are its axes in another order?",
    );
    shape(
        op(|s| s.offset = [5, 18, 5, 9].into()),
        "offset",
        "offset has 18 channels; 2 x 3 x 2 taps need a multiple of 12; \
         18 would fit OffsetLayout::Joint or OffsetLayout::Planes, which hold the mask too",
    );
    shape(
        op(|s| s.offset = [5, 34, 5, 9].into()),
        "offset",
        "offset has 34 channels; 2 x 3 x 2 taps need a multiple of 12",
    );
    shape(
        op(|s| s.offset = [5, 48, 5, 9].into()),
        "offset",
        "offset has 48 channels, which makes 4 offset groups; they do not divide 6 input channels",
    );
    shape(op(|s| s.offset = [5, 36, 4, 9].into()), "offset", "offset has 4 rows; the output's height is 5");
    shape(op(|s| s.offset = [4, 36, 5, 9].into()), "offset", "offset has 4 images; the input's batch is 5");
    shape(
        op(|s| s.mask = Some([5, 17, 5, 9].into())),
        "mask",
        "mask has 17 channels; 1 x 3 offset groups x 3 x 2 taps need 18",
    );
    attribute(op(|s| s.weight = [3, 3, 3, 2].into()), "groups", "groups is 2; it does not divide 3 output channels");
    shape(
        op(|s| s.weight = [4, 3, 3].into()),
        "weight",
        "weight (4x3x3) has 3 axes; it needs 4: out_channels, channels, kernel_height, kernel_width",
    );

    let plain = Conv2dInputs { input: INPUT.into(), weight: WEIGHT.into(), bias: None };
    let op = |change: fn(&mut torchvision::Conv2d)| {
        let mut attributes = torchvision::Conv2d { groups: 2, ..torchvision::Conv2d::default() };
        change(&mut attributes);
        attributes.op(&plain)
    };
    assert!(op(|_| {}).is_ok());
    attribute(op(|a| a.padding = [-1, 0].into()), "padding", "padding is -1; at least 0 is needed");
    attribute(op(|a| a.groups = 0), "groups", "groups is 0; at least 1 is needed");
    attribute(op(|a| a.groups = 4), "groups", "groups is 4; it does not divide 6 input channels");
    attribute(
        op(|a| (a.padding, a.stride) = (torchvision::Padding::Same, [2, 1])),
        "padding",
        "padding is same and stride is 2, 1; same needs 1, 1",
    );
}

#[test]
fn mmcv_refuses() {
    let given = shapes([1, 2, 1, 2], 36);
    let op = |change: fn(&mut mmcv::DeformConv2d)| {
        let mut attributes = mmcv1();
        change(&mut attributes);
        attributes.op(&given)
    };
    attribute(op(|a| a.stride = [2, 0]), "stride", "stride is 0; at least 1 is needed");
    attribute(op(|a| a.padding = [-2, 0]), "padding", "padding is -2; at least 0 is needed");
    attribute(op(|a| a.dilation = [1, 0]), "dilation", "dilation is 0; at least 1 is needed");
    attribute(op(|a| a.groups = -2), "groups", "groups is -2; at least 1 is needed");
    attribute(op(|a| a.deform_groups = 0), "deform_groups", "deform_groups is 0; at least 1 is needed");
    attribute(op(|a| a.deform_groups = 4), "deform_groups", "deform_groups is 4; it does not divide 6 input channels");
    shape(
        op(|a| a.groups = 1),
        "weight",
        "weight takes 3 input channels per group; 6 input channels in 1 group give 6",
    );
    shape(op(|a| a.deform_groups = 1), "offset", "offset has 36 channels; 2 x 1 offset group x 3 x 2 taps need 12");
    shape(
        mmcv1().op(&DeformConv2dInputs { bias: Some([4].into()), ..given }),
        "bias",
        "bias (4) was given; mmcv's DeformConv2d has none, ModulatedDeformConv2d has",
    );
    shape(
        mmcv1().op(&masked(given)),
        "mask",
        "mask (5x18x5x9) was given; mmcv's DeformConv2d has none, ModulatedDeformConv2d has",
    );
    shape(mmcv2().op(&given), "mask", "mask is absent; mmcv's ModulatedDeformConv2d needs one, DeformConv2d has none");
    // What limits its implementation is no rule.
    let empty = |shape: &Shape| match shape.extents() {
        [5, c, h, w] => [0, *c, *h, *w].into(),
        _ => *shape,
    };
    assert!(mmcv1().op(&given.map(empty)).is_ok());
}

#[test]
fn onnx_refuses() {
    let given = shapes([1, 2, 3, 4], 36);
    let op = |change: fn(&mut onnx::DeformConv)| {
        let mut attributes = onnx();
        change(&mut attributes);
        attributes.op(&given)
    };
    attribute(op(|a| a.pads = vec![1, 2]), "pads", "pads has 2 numbers; it needs 4: top, left, bottom, right");
    attribute(op(|a| a.pads = vec![1, 2, -3, 4]), "pads", "pads is -3; at least 0 is needed");
    attribute(op(|a| a.strides = vec![2]), "strides", "strides has 1 number; it needs 2: height, width");
    attribute(op(|a| a.strides = vec![2, 0]), "strides", "strides is 0; at least 1 is needed");
    attribute(op(|a| a.dilations = vec![1, 3, 1]), "dilations", "dilations has 3 numbers; it needs 2: height, width");
    attribute(op(|a| a.dilations = vec![-1, 3]), "dilations", "dilations is -1; at least 1 is needed");
    attribute(op(|a| a.kernel_shape = vec![2, 3]), "kernel_shape", "kernel_shape is 2x3; the weight's kernel is 3x2");
    attribute(op(|a| a.kernel_shape = vec![3]), "kernel_shape", "kernel_shape has 1 number; it needs 2: height, width");
    attribute(op(|a| a.group = 0), "group", "group is 0; at least 1 is needed");
    attribute(op(|a| a.group = 5), "group", "group is 5; it does not divide 6 input channels");
    attribute(op(|a| a.group = 3), "group", "group is 3; it does not divide 4 output channels");
    attribute(op(|a| a.offset_group = -1), "offset_group", "offset_group is -1; at least 1 is needed");
    attribute(op(|a| a.offset_group = 4), "offset_group", "offset_group is 4; it does not divide 6 input channels");
    assert!(op(|a| a.kernel_shape = vec![]).is_ok());

    let plain = Conv2dInputs { input: INPUT.into(), weight: WEIGHT.into(), bias: None };
    let op = |change: fn(&mut onnx::Conv)| {
        let mut attributes = onnx::Conv { group: 2, ..onnx::Conv::default() };
        change(&mut attributes);
        attributes.op(&plain)
    };
    assert!(op(|a| (a.auto_pad, a.pads) = (AutoPad::Valid, vec![0; 4])).is_ok());
    attribute(
        op(|a| (a.auto_pad, a.pads) = (AutoPad::SameUpper, vec![1, 1, 0, 0])),
        "pads",
        "pads are [1, 1, 0, 0] and auto_pad is same_upper; one of the two may be given",
    );
    attribute(op(|a| a.kernel_shape = vec![1, 1]), "kernel_shape", "kernel_shape is 1x1; the weight's kernel is 3x2");
    attribute(op(|a| a.group = -1), "group", "group is -1; at least 1 is needed");
}

#[test]
fn openvino_refuses() {
    let given = shapes([1, 2, 3, 4], 36);
    let op = |change: fn(&mut openvino::DeformableConvolution1)| {
        let mut attributes = openvino1();
        change(&mut attributes);
        attributes.op(&given)
    };
    attribute(op(|a| a.strides = vec![0, 1]), "strides", "strides is 0; at least 1 is needed");
    attribute(op(|a| a.strides = vec![]), "strides", "strides has 0 numbers; it needs 2: height, width");
    attribute(op(|a| a.dilations = vec![1, 0]), "dilations", "dilations is 0; at least 1 is needed");
    attribute(op(|a| a.pads_begin = vec![-1, 2]), "pads_begin", "pads_begin is -1; at least 0 is needed");
    attribute(op(|a| a.pads_end = vec![1, 2, 3, 4]), "pads_end", "pads_end has 4 numbers; it needs 2: bottom, right");
    attribute(op(|a| a.group = 0), "group", "group is 0; at least 1 is needed");
    attribute(op(|a| a.group = -1), "group", "group is -1; at least 1 is needed");
    attribute(op(|a| a.group = 4), "group", "group is 4; it does not divide 6 input channels");
    attribute(op(|a| a.deformable_group = 0), "deformable_group", "deformable_group is 0; at least 1 is needed");
    attribute(
        op(|a| a.deformable_group = 4),
        "deformable_group",
        "deformable_group is 4; it does not divide 6 input channels",
    );
    shape(
        op(|a| a.deformable_group = 2),
        "offset",
        "offset has 36 channels; 2 x 2 offset groups x 3 x 2 taps need 24; \
         36 would fit OffsetLayout::Joint or OffsetLayout::Planes, which hold the mask too",
    );
    shape(
        op(|a| a.dilations = vec![7, 3]),
        "input",
        "the output would have no pixels: the padded input has height 13; a kernel of 3 taps 7 apart spans 15",
    );
    shape(
        openvino1().op(&masked(given)),
        "mask",
        "mask (5x18x6x11) was given; DeformableConvolution-1 has none, DeformableConvolution-8 has",
    );
    let biased = DeformConv2dInputs { bias: Some([4].into()), ..given };
    for result in [openvino1().op(&biased), openvino8(true).op(&biased)] {
        shape(result, "bias", "bias (4) was given; the operation has none: it is an Add of its own");
    }
    shape(
        openvino8(false).op(&DeformConv2dInputs { mask: Some([5, 12, 6, 11].into()), ..given }),
        "mask",
        "mask has 12 channels; 1 x 3 offset groups x 3 x 2 taps need 18",
    );
    let plain = openvino::Convolution1 {
        strides: vec![1, 1],
        dilations: vec![1, 1],
        auto_pad: AutoPad::Valid,
        ..openvino::Convolution1::default()
    };
    shape(
        plain.op(&Conv2dInputs { input: INPUT.into(), weight: WEIGHT.into(), bias: None }),
        "weight",
        "weight takes 3 input channels per group; 6 input channels in 1 group give 6",
    );
}

#[test]
fn mindspore_refuses() {
    let given = shapes([1, 3, 2, 4], 54);
    let op = |change: fn(&mut mindspore::DeformableConv2d)| {
        let mut attributes = mindspore();
        change(&mut attributes);
        attributes.op(&given)
    };
    attribute(
        op(|a| a.modulated = false),
        "modulated",
        "modulated is false; only true is possible: the last third of the offset's channels is the mask",
    );
    attribute(
        op(|a| a.strides = vec![2, 1]),
        "strides",
        "strides has 2 numbers; it needs 4: batch, channels, height, width",
    );
    attribute(op(|a| a.strides[0] = 2), "strides", "strides has 2 for batch; only 1 is possible");
    attribute(op(|a| a.strides[1] = -1), "strides", "strides has -1 for channels; only 1 is possible");
    attribute(op(|a| a.strides[3] = 0), "strides", "strides is 0; at least 1 is needed");
    attribute(op(|a| a.dilations[0] = 0), "dilations", "dilations has 0 for batch; only 1 is possible");
    attribute(op(|a| a.dilations[1] = 3), "dilations", "dilations has 3 for channels; only 1 is possible");
    attribute(op(|a| a.dilations[2] = -1), "dilations", "dilations is -1; at least 1 is needed");
    attribute(op(|a| a.padding = vec![1, 2]), "padding", "padding has 2 numbers; it needs 4: top, bottom, left, right");
    attribute(op(|a| a.padding[3] = -1), "padding", "padding is -1; at least 0 is needed");
    attribute(op(|a| a.kernel_size = vec![2, 3]), "kernel_size", "kernel_size is 2x3; the weight's kernel is 3x2");
    attribute(op(|a| a.kernel_size = vec![]), "kernel_size", "kernel_size has 0 numbers; it needs 2: height, width");
    attribute(op(|a| a.groups = 0), "groups", "groups is 0; at least 1 is needed");
    attribute(
        op(|a| a.deformable_groups = 5),
        "deformable_groups",
        "deformable_groups is 5; it does not divide 6 input channels",
    );
    shape(
        mindspore().op(&shapes([1, 3, 2, 4], 36)),
        "offset",
        "offset has 36 channels; 3 x 3 offset groups x 3 x 2 taps need 54; \
         36 would fit OffsetLayout::Separate, whose mask is a tensor of its own",
    );
    shape(
        mindspore().op(&masked(given)),
        "mask",
        "mask (5x18x5x12) was given, and the last 18 channels of the offset are the mask in this layout",
    );

    let plain = Conv2dInputs { input: INPUT.into(), weight: Shape::from([4, 6, 3, 2]), bias: None };
    for (pad_mode, name) in [(mindspore::PadMode::Same, "same"), (mindspore::PadMode::Valid, "valid")] {
        let conv = mindspore::Conv2d { pad_mode, padding: [1, 0, 0, 0], ..mindspore::Conv2d::default() };
        let message = format!("padding is [1, 0, 0, 0] and pad_mode is {name}; only pad takes padding");
        attribute(conv.op(&plain), "padding", &message);
    }
}
