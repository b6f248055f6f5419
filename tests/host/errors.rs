//! Every refusal of a geometry names the argument and both numbers.

use crate::support::problem::uneven;
use pliant::geometry::*;
use pliant::geometry::{AdamGeometry, SgdGeometry};
use pliant::*;
use pliant::{Adam, AdamInputs, Error, Sgd, SgdInputs, Shape, Tensor};

/// A legal deformable convolution in which every axis has another extent.
fn legal() -> (DeformConv2d, DeformConv2dInputs<Shape>) {
    let op = uneven();
    let shapes = DeformConv2dInputs {
        input: [33, 6, 5, 4].into(),
        offset: [33, 36, 2, 6].into(),
        mask: Some([33, 18, 2, 6].into()),
        weight: [4, 3, 3, 2].into(),
        bias: Some([4].into()),
    };
    (op, shapes)
}

#[test]
fn the_legal_problem_is_taken() {
    let (op, shapes) = legal();
    assert_eq!(DeformConv2dGeometry::new(&op, &shapes).unwrap().output_shape(), [33, 4, 2, 6].into());
}

#[test]
fn shapes_are_refused_with_both_numbers() {
    type Change = fn(&mut DeformConv2dInputs<Shape>);
    let table: &[(Change, &str, &str)] = &[
        (
            |s| s.input = [33, 6, 5].into(),
            "input",
            "input (33x6x5) has 3 axes; it needs 4: batch, channels, height, width",
        ),
        (
            |s| s.input = [33, 0, 5, 4].into(),
            "input",
            "input (33x0x5x4) has channels of extent 0; at least 1 is needed",
        ),
        (
            |s| s.weight = [4, 3, 0, 2].into(),
            "weight",
            "weight (4x3x0x2) has kernel_height of extent 0; at least 1 is needed",
        ),
        (
            |s| s.weight = [4, 2, 3, 2].into(),
            "weight",
            "weight takes 2 input channels per group; 6 input channels in 2 groups give 3; input (33x6x5x4) is read as \
             (batch, channels, height, width) and has 4 along axis 3: are its axes in another order?",
        ),
        (|s| s.bias = Some([5].into()), "bias", "bias has 5 channels; the weight's output channels are 4"),
        (
            |s| s.offset = [33, 34, 2, 6].into(),
            "offset",
            "offset has 34 channels; 2 x 3 offset groups x 3 x 2 taps need 36",
        ),
        (
            |s| s.offset = [33, 54, 2, 6].into(),
            "offset",
            "offset has 54 channels; 2 x 3 offset groups x 3 x 2 taps need 36; \
             54 would fit OffsetLayout::Joint or OffsetLayout::Planes, which hold the mask too",
        ),
        (|s| s.offset = [32, 36, 2, 6].into(), "offset", "offset has 32 images; the input's batch is 33"),
        (|s| s.offset = [33, 36, 3, 6].into(), "offset", "offset has 3 rows; the output's height is 2"),
        (|s| s.offset = [33, 36, 2, 5].into(), "offset", "offset has 5 columns; the output's width is 6"),
        (
            |s| s.mask = Some([33, 36, 2, 6].into()),
            "mask",
            "mask has 36 channels; 1 x 3 offset groups x 3 x 2 taps need 18",
        ),
        (|s| s.mask = Some([1, 18, 2, 6].into()), "mask", "mask has 1 images; the input's batch is 33"),
        (
            |s| s.input = [33, 6, 1, 4].into(),
            "input",
            "the output would have no pixels: the padded input has height 4; a kernel of 3 taps 2 apart spans 5",
        ),
        (
            |s| s.input = [65536, 6, 256, 256].into(),
            "input",
            "input (65536x6x256x256) has 25769803776 elements; at most 4294967295 are possible",
        ),
        (
            |s| s.input = [0, 1 << 16, 1 << 16, 4].into(),
            "input",
            "input (0x65536x65536x4) has 17179869184 elements; at most 4294967295 are possible",
        ),
    ];
    for (change, argument, message) in table {
        let (op, mut shapes) = legal();
        change(&mut shapes);
        let error = DeformConv2dGeometry::new(&op, &shapes).expect_err(message);
        assert_eq!(error.to_string(), *message);
        assert!(matches!(error, Error::Shape { argument: named, .. } if named == *argument), "{error:?}");
    }
}

#[test]
fn attributes_are_refused_with_both_numbers() {
    type Change = fn(&mut DeformConv2d);
    let table: &[(Change, &str, &str)] = &[
        (|op| op.stride = [0, 1], "stride", "stride is 0; at least 1 is needed"),
        (|op| op.stride = [1, 0], "stride", "stride is 0; at least 1 is needed"),
        (|op| op.dilation = [1, 0], "dilation", "dilation is 0; at least 1 is needed"),
        (|op| op.groups = 0, "groups", "groups is 0; at least 1 is needed"),
        (|op| op.offset_groups = 0, "offset_groups", "offset_groups is 0; at least 1 is needed"),
        (|op| op.offset_groups = 4, "offset_groups", "offset_groups is 4; it does not divide 6 input channels"),
    ];
    for (change, argument, message) in table {
        let (mut op, shapes) = legal();
        change(&mut op);
        let error = DeformConv2dGeometry::new(&op, &shapes).expect_err(message);
        assert_eq!(error.to_string(), *message);
        assert!(matches!(error, Error::Attribute { argument: named, .. } if named == *argument), "{error:?}");
    }
    let (op, mut shapes) = legal();
    shapes.weight = [3, 3, 3, 2].into();
    shapes.bias = None;
    let error = DeformConv2dGeometry::new(&op, &shapes).unwrap_err();
    assert_eq!(error.to_string(), "groups is 2; it does not divide 3 output channels");
    shapes.input = [33, 7, 5, 4].into();
    let error = DeformConv2dGeometry::new(&op, &shapes).unwrap_err();
    assert_eq!(error.to_string(), "groups is 2; it does not divide 7 input channels");
}

/// Each tensor as systems have it that keep channels last.
#[test]
fn axes_in_another_order_are_told() {
    let image = |argument: &str, shape: Shape, channels: u32| {
        format!(
            "; {argument} ({shape}) is read as (batch, channels, height, width) and has {channels} along axis 3: \
             are its axes in another order?"
        )
    };
    let refused = |change: fn(&mut DeformConv2d, &mut DeformConv2dInputs<Shape>), input: Shape| {
        let (mut op, mut shapes) = legal();
        shapes.input = input;
        change(&mut op, &mut shapes);
        DeformConv2dGeometry::new(&op, &shapes).unwrap_err().to_string()
    };
    let (message, input) = ("weight takes 3 input channels per group; ", Shape::from([33, 8, 4, 6]));
    let expected = format!("{message}8 input channels in 2 groups give 4{}", image("input", input, 6));
    assert_eq!(refused(|_, _| {}, input), expected);
    let input = [33, 5, 4, 6].into();
    let expected = format!("groups is 2; it does not divide 5 input channels{}", image("input", input, 6));
    assert_eq!(refused(|_, _| {}, input), expected);
    // Where the axis that is taken for the width is smaller than the kernel.
    let input = [33, 224, 224, 6].into();
    let message = "the output would have no pixels: the padded input has width 9; a kernel of 7 taps 2 apart spans 13";
    let kernel: fn(&mut DeformConv2d, &mut DeformConv2dInputs<Shape>) = |op, shapes| {
        shapes.weight = [4, 3, 3, 7].into();
        op.dilation = [2; 2];
    };
    assert_eq!(refused(kernel, input), format!("{message}{}", image("input", input, 6)));

    let read = "is read as (out_channels, channels / groups, kernel_height, kernel_width)";
    for (weight, has, axis) in [([4, 2, 5, 3], 2, 3), ([2, 2, 3, 4], 2, 2)] {
        let shapes = Conv2dInputs { input: Shape::from([33, 6, 5, 7]), weight: Shape::from(weight), bias: None };
        let op = Conv2d { groups: 2, padding: [2; 4], ..Conv2d::default() };
        let expected = format!(
            "weight takes {has} input channels per group; 6 input channels in 2 groups give 3; \
             weight ({}) {read} and has 3 along axis {axis}: are its axes in another order?",
            shapes.weight
        );
        assert_eq!(Conv2dGeometry::new(&op, &shapes).unwrap_err().to_string(), expected);
    }

    let (op, shapes) = legal();
    let offset = [33, 2, 6, 36].into();
    let error = DeformConv2dGeometry::new(&op, &DeformConv2dInputs { offset, ..shapes }).unwrap_err();
    let message = "offset has 2 channels; 2 x 3 offset groups x 3 x 2 taps need 36";
    assert_eq!(error.to_string(), format!("{message}{}", image("offset", offset, 36)));
    let mask = [33, 2, 6, 18].into();
    let error = DeformConv2dGeometry::new(&op, &DeformConv2dInputs { mask: Some(mask), ..shapes }).unwrap_err();
    let message = "mask has 2 channels; 1 x 3 offset groups x 3 x 2 taps need 18";
    assert_eq!(error.to_string(), format!("{message}{}", image("mask", mask, 18)));
    let positions = [1, 5, 6, 2].into();
    let shapes = BilinearSampleInputs { input: [1, 3, 7, 8].into(), positions };
    let error = BilinearSampleGeometry::new(&BilinearSample::default(), &shapes).unwrap_err();
    let message = "positions has 5 planes; y and x need 2";
    assert_eq!(error.to_string(), format!("{message}{}", image("positions", positions, 2)));
    let input = [1, 7, 8, 12].into();
    let op = DeformPsRoiPool { output_dim: 3, group_size: 2, ..DeformPsRoiPool::default() };
    let shapes = DeformPsRoiPoolInputs { input, rois: [1, 5].into(), offset: None };
    let error = DeformPsRoiPoolGeometry::new(&op, &shapes).unwrap_err();
    let message = "input has 7 channels; output_dim 3 in groups of 2 x 2 needs 12";
    assert_eq!(error.to_string(), format!("{message}{}", image("input", input, 12)));
}

/// An offset that holds the mask where a mask of its own is meant, and one that holds none where it should.
#[test]
fn offsets_of_another_layout_are_told() {
    let (op, shapes) = legal();
    for (offset_layout, channels, fits) in [
        (OffsetLayout::Separate, 54, "OffsetLayout::Joint or OffsetLayout::Planes, which hold the mask too"),
        (OffsetLayout::Joint, 36, "OffsetLayout::Separate, whose mask is a tensor of its own"),
        (OffsetLayout::Planes, 36, "OffsetLayout::Separate, whose mask is a tensor of its own"),
    ] {
        let op = DeformConv2d { offset_layout, ..op };
        let shapes = DeformConv2dInputs { offset: [33, channels, 2, 6].into(), mask: None, ..shapes };
        let message = DeformConv2dGeometry::new(&op, &shapes).unwrap_err().to_string();
        assert!(message.ends_with(&format!("; {channels} would fit {fits}")), "{message}");
    }
}

#[test]
fn a_mask_given_twice_is_refused() {
    let (op, mut shapes) = legal();
    shapes.offset = [33, 54, 2, 6].into();
    for offset_layout in [OffsetLayout::Planes, OffsetLayout::Joint] {
        let op = DeformConv2d { offset_layout, ..op };
        let error = DeformConv2dGeometry::new(&op, &shapes).unwrap_err();
        assert!(error.to_string().contains("18 channels of the offset are the mask"), "{error}");
        assert!(DeformConv2dGeometry::new(&op, &DeformConv2dInputs { mask: None, ..shapes }).is_ok());
    }
}

#[test]
fn attention_is_refused_with_both_numbers() {
    let shape = |extents: &[u32]| Shape::new(extents).unwrap();
    let refused = |op: &Attention, [query, key, value]: [&[u32]; 3], bias: Option<&[u32]>| {
        let [key, value] = [key, value].map(|extents| (!extents.is_empty()).then(|| shape(extents)));
        let shapes = AttentionInputs { query: shape(query), key, value, bias: bias.map(shape), mask: None };
        AttentionGeometry::new(op, &shapes).unwrap_err().to_string()
    };
    let op = Attention::default();
    let (query, key): (&[u32], &[u32]) = (&[2, 3, 5, 8], &[2, 3, 7, 8]);
    assert_eq!(refused(&op, [query, &[2, 3, 7, 4], key], None), "key has 4 elements; query has 8");
    assert_eq!(refused(&op, [query, &[2, 4, 7, 8], key], None), "key has 4 heads; query has 3");
    assert_eq!(refused(&op, [query, key, &[2, 3, 6, 8]], None), "value has 6 positions; key has 7");
    assert_eq!(refused(&op, [query, key, &[]], None), "value is absent; layout HeadsFirst needs it");
    let long: &[u32] = &[2, 3, 5, 68];
    let message = "query has 68 elements a head; a multiple of 4 up to 64 is needed";
    assert_eq!(refused(&op, [long, long, long], None), message);
    let message = "value has 6 elements a head; a multiple of 4 up to 64 is needed";
    assert_eq!(refused(&op, [query, key, &[2, 3, 7, 6]], None), message);
    let message = "bias is 5x1x7; it must broadcast to the scores, 2x3x5x7";
    assert_eq!(refused(&op, [query, key, key], Some(&[5, 1, 7])), message);
    let op = Attention { scale: Some(f32::NAN), ..op };
    assert_eq!(refused(&op, [query, key, key], None), "scale is NaN; it must be finite");
    let op = Attention { scale: None, layout: AttentionLayout::Packed };
    assert_eq!(refused(&op, [&[2, 5, 2, 3, 8], &[], &[]], None), "query has 2 tensors; queries, keys and values are 3");
    let message = "key was given; the query has it in layout Packed";
    assert_eq!(refused(&op, [&[2, 5, 3, 3, 8], key, &[]], None), message);
}

#[test]
fn products_and_samples_are_refused_with_both_numbers() {
    let shapes = MatmulInputs { a: Shape::from([2, 3, 4]), b: Shape::from([2, 5, 6]), bias: None };
    let error = MatmulGeometry::new(&Matmul::default(), &shapes).unwrap_err();
    assert_eq!(error.to_string(), "b has 5 rows to sum over; a's depth is 4");
    let shapes = MatmulInputs { a: Shape::from([2, 3, 4]), b: Shape::from([3, 4, 6]), bias: None };
    let error = MatmulGeometry::new(&Matmul::default(), &shapes).unwrap_err();
    assert_eq!(error.to_string(), "b has 3 matrices; a's batch is 2");
    let shapes = MatmulInputs { a: Shape::from([2, 3, 4]), b: Shape::from([2, 4, 6]), bias: Some(Shape::from([3])) };
    let error = MatmulGeometry::new(&Matmul::default(), &shapes).unwrap_err();
    assert_eq!(error.to_string(), "bias has 3 columns; b's columns are 6");
    let shapes = MatmulInputs { a: Shape::from([1, 1 << 17, 1]), b: Shape::from([1, 1, 1 << 17]), bias: None };
    let error = MatmulGeometry::new(&Matmul::default(), &shapes).unwrap_err();
    assert_eq!(error.to_string(), "output (1x131072x131072) has 17179869184 elements; at most 4294967295 are possible");
    let shapes = BilinearSampleInputs { input: Shape::from([1, 2, 3, 4]), positions: Shape::from([1, 3, 5, 6]) };
    let error = BilinearSampleGeometry::new(&BilinearSample::default(), &shapes).unwrap_err();
    assert_eq!(error.to_string(), "positions has 3 planes; y and x need 2");
    let window = Im2col { kernel: [0, 1], ..Im2col::default() };
    let error = Im2colGeometry::new(&window, [1, 1, 4, 4].into()).unwrap_err();
    assert_eq!(error.to_string(), "kernel is 0; at least 1 is needed");
    let window = Im2col { padding: [1 << 29, 0, 0, 0], ..Im2col::default() };
    let error = Im2colGeometry::new(&window, [1, 1, 4, 4].into()).unwrap_err();
    assert_eq!(error.to_string(), "the padded input has height 536870916; at most 536870912 is possible");
}

#[test]
fn operands_that_do_not_broadcast_are_refused_with_both_numbers() {
    let message = |a: &[usize], b: &[usize]| {
        let shapes = BinaryInputs { a: Shape::new(a).unwrap(), b: Shape::new(b).unwrap() };
        BinaryGeometry::new(&Binary::Add, &shapes).unwrap_err().to_string()
    };
    assert_eq!(message(&[2, 3, 4], &[5, 4]), "b (5x4) has extent 5 where a (2x3x4) has 3; one must be the other, or 1");
    assert_eq!(message(&[4], &[2, 3]), "b (2x3) has extent 3 where a (4) has 4; one must be the other, or 1");
    assert_eq!(message(&[0, 4], &[3, 4]), "b (3x4) has extent 3 where a (0x4) has 0; one must be the other, or 1");
    assert_eq!(message(&[2, 0], &[1]), "a (2x0) has axis 1 of extent 0; at least 1 is needed");
    assert_eq!(message(&[2, 1], &[0]), "output (2x0) has axis 1 of extent 0; at least 1 is needed");
    assert_eq!(
        message(&[1 << 17, 1], &[1 << 17]),
        "output (131072x131072) has 17179869184 elements; at most 4294967295 are possible"
    );
}

#[test]
fn sections_are_refused_with_both_numbers() {
    let concat = |axis, inputs: &[&[usize]]| {
        let shapes: Vec<_> = inputs.iter().map(|extents| Shape::new(extents).unwrap()).collect();
        ConcatGeometry::new(&Concat { axis }, &shapes).unwrap_err().to_string()
    };
    assert_eq!(concat(0, &[]), "0 inputs were given; at least 1 is needed");
    assert_eq!(concat(2, &[&[2, 3]]), "axis is 2; input (2x3) has 2 axes");
    assert_eq!(concat(1, &[&[2, 3], &[2, 3, 4]]), "input 1 (2x3x4) has 3 axes; input 0 (2x3) has 2");
    assert_eq!(
        concat(1, &[&[2, 3, 4], &[2, 7, 5]]),
        "input 1 (2x7x5) has extent 5 along axis 2; input 0 (2x3x4) has 4"
    );
    assert_eq!(concat(1, &[&[2, 3], &[2, 0]]), "input (2x0) has axis 1 of extent 0; at least 1 is needed");
    let most = u32::MAX as usize;
    assert_eq!(
        concat(0, &[&[most], &[1]]),
        "the output would have extent 4294967296 along axis 0; at most 4294967295 is possible"
    );
    let split = |axis, sizes: &[u32], input: &[usize]| {
        let op = Split { axis, sizes: sizes.to_vec() };
        SplitGeometry::new(&op, Shape::new(input).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(split(1, &[1, 2], &[2]), "axis is 1; input (2) has 1 axes");
    assert_eq!(split(1, &[], &[2, 3]), "sizes has 0 extents; at least 1 is needed");
    assert_eq!(split(1, &[1, 3], &[2, 3]), "sizes add up to 4; input (2x3) has extent 3 along axis 1");
    assert_eq!(split(1, &[0, 3], &[2, 3]), "output (2x0) has axis 1 of extent 0; at least 1 is needed");
}

#[test]
fn functions_and_normalisations_are_refused_with_both_numbers() {
    let clip = Unary::Clip { min: f32::NAN, max: 1.0 };
    assert_eq!(UnaryGeometry::new(&clip, [2].into()).unwrap_err().to_string(), "min is NaN; clip needs a number");
    let error = UnaryGeometry::new(&Unary::Relu, [2, 3, 0].into()).unwrap_err();
    assert_eq!(error.to_string(), "input (2x3x0) has axis 2 of extent 0; at least 1 is needed");
    let error = GlobalAveragePoolGeometry::new(&GlobalAveragePool, [2, 3].into()).unwrap_err();
    assert_eq!(error.to_string(), "input (2x3) has 2 axes; batch, channels and planes need 3 at least");
    let message = |input: &[usize], scale: u32, shift: u32| {
        let input = Shape::new(input).unwrap();
        let shapes = BatchNormInputs { input, scale: [scale].into(), shift: [shift].into() };
        BatchNormGeometry::new(&BatchNorm, &shapes).unwrap_err().to_string()
    };
    assert_eq!(message(&[2], 2, 2), "input (2) has 1 axes; at least 2 are needed: batch, channels");
    assert_eq!(message(&[2, 3, 4], 2, 3), "scale has 2 channels; the input's channels are 3");
    assert_eq!(message(&[2, 3, 4], 3, 4), "shift has 4 channels; the input's channels are 3");
    let fold = |mean: &[f32], variance: &[f32], epsilon| {
        BatchNorm::fold(&[1.0, 2.0], &[0.0, 1.0], mean, variance, epsilon).unwrap_err().to_string()
    };
    assert_eq!(fold(&[0.0], &[1.0, 1.0], 0.0), "mean has 1 channels; gamma has 2");
    assert_eq!(
        fold(&[0.0; 2], &[1.0, -0.5], 0.25),
        "variance of channel 1 is -0.5 and epsilon 0.25; their sum must be above 0"
    );
    assert!(fold(&[0.0; 2], &[1.0, f32::NAN], 0.25).contains("channel 1 is NaN"));
}

#[test]
fn reductions_are_refused_with_both_numbers() {
    let reduce = Reduce { function: ReduceFunction::Sum, axes: [0, 2].into(), keep: false };
    let refused = |input: &[u32]| ReduceGeometry::new(&reduce, Shape::new(input).unwrap()).unwrap_err().to_string();
    assert_eq!(refused(&[2, 3]), "axes has axis 2; input (2x3) has 2 axes");
    assert!(ReduceGeometry::new(&reduce, [2, 0, 3].into()).is_ok());

    let of = |axis, input: &[u32]| {
        let op = ArgReduce { axis, ..ArgReduce::default() };
        ArgReduceGeometry::new(&op, Shape::new(input).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(of(2, &[2, 3]), "axis is 2; input (2x3) has 2 axes");
    assert_eq!(of(0, &[0, 3]), "input (0x3) has no elements along axis 0");

    let top = |axis, k| TopKGeometry::new(&TopK { axis, k, largest: true }, [2, 3].into()).unwrap_err().to_string();
    assert_eq!(top(2, 1), "axis is 2; input (2x3) has 2 axes");
    assert_eq!(top(1, 0), "k is 0; at least 1 is needed");
    assert_eq!(top(1, 4), "k is 4; input (2x3) has 3 elements along axis 1");

    let sums = |axis| CumSumGeometry::new(&CumSum { axis, ..CumSum::default() }, [2, 3].into()).unwrap_err();
    assert_eq!(sums(2).to_string(), "axis is 2; input (2x3) has 2 axes");

    let legal = GroupNormInputs { input: Shape::from([2, 6, 5]), scale: [6].into(), shift: [6].into() };
    let message = |groups, epsilon, shapes| {
        GroupNormGeometry::new(&GroupNorm { groups, epsilon }, &shapes).unwrap_err().to_string()
    };
    assert_eq!(message(4, 0.0, legal), "groups is 4; it does not divide 6 input channels");
    assert_eq!(message(0, 0.0, legal), "groups is 0; at least 1 is needed");
    assert_eq!(message(2, -1.0, legal), "epsilon is -1; it must be finite and at least 0");
    let spoilt = GroupNormInputs { shift: [5].into(), ..legal };
    assert_eq!(message(2, 0.0, spoilt), "shift has 5 channels; the input's channels are 6");
    let spoilt = GroupNormInputs { input: [6].into(), ..legal };
    assert_eq!(message(2, 0.0, spoilt), "input (6) has 1 axes; it needs 2 at least: batch, channels");
}

#[test]
fn rows_are_refused_with_both_numbers() {
    let softmax = |axis, input: &[usize]| {
        SoftmaxGeometry::new(&Softmax { axis, log: false }, Shape::new(input).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(softmax(2, &[2, 3]), "axis is 2; input (2x3) has 2 axes");
    assert_eq!(softmax(1, &[2, 0]), "input (2x0) has axis 1 of extent 0; at least 1 is needed");

    let legal =
        LayerNormInputs { input: Shape::from([2, 3, 4]), scale: Some([3, 4].into()), shift: Some([3, 4].into()) };
    let op = LayerNorm { axes: 2, ..LayerNorm::default() };
    assert!(LayerNormGeometry::new(&op, &legal).is_ok());
    let message = |op: LayerNorm, shapes| LayerNormGeometry::new(&op, &shapes).unwrap_err().to_string();
    assert_eq!(message(LayerNorm { axes: 0, ..op }, legal), "axes is 0; at least 1 is needed");
    assert_eq!(message(LayerNorm { axes: 4, ..op }, legal), "axes is 4; input (2x3x4) has 3 axes");
    assert_eq!(message(LayerNorm { epsilon: -1.0, ..op }, legal), "epsilon is -1; it must be finite and at least 0");
    assert_eq!(
        message(LayerNorm { epsilon: f32::NAN, ..op }, legal),
        "epsilon is NaN; it must be finite and at least 0"
    );
    assert_eq!(message(LayerNorm { axes: 1, ..op }, legal), "scale is 3x4; the last 1 axes of input (2x3x4) are 4");
    assert_eq!(
        message(op, LayerNormInputs { shift: Some([12].into()), ..legal }),
        "shift is 12; the last 2 axes of input (2x3x4) are 3x4"
    );
    let empty = LayerNormInputs { input: [2, 0].into(), ..legal };
    assert_eq!(message(op, empty), "input (2x0) has axis 1 of extent 0; at least 1 is needed");
}

#[test]
fn losses_and_steps_are_refused_with_both_numbers() {
    let message = |logits: &[usize], labels: &[usize]| {
        let shapes = CrossEntropyInputs { logits: Shape::new(logits).unwrap(), labels: Shape::new(labels).unwrap() };
        CrossEntropyGeometry::new(&CrossEntropy::default(), &shapes).unwrap_err().to_string()
    };
    assert_eq!(message(&[3, 4, 1, 1], &[3]), "logits (3x4x1x1) has 4 axes; it needs 2: batch, classes");
    assert_eq!(message(&[3, 0], &[3]), "logits (3x0) has classes of extent 0; at least 1 is needed");
    assert_eq!(message(&[3, 4], &[3, 4]), "labels (3x4) has 2 axes; it needs 1: batch");
    assert_eq!(message(&[3, 4], &[4]), "labels has 4 elements; the logits' batch is 3");

    let legal = SgdInputs {
        parameter: Shape::from([2, 3]),
        velocity: [2, 3].into(),
        gradient: [2, 3].into(),
        learning_rate: [1].into(),
    };
    assert!(SgdGeometry::new(&Sgd::default(), &legal).is_ok());
    let message = |op: Sgd, shapes| SgdGeometry::new(&op, &shapes).unwrap_err().to_string();
    let plain = Sgd::default();
    assert_eq!(message(plain, SgdInputs { velocity: [6].into(), ..legal }), "velocity is 6; the parameter is 2x3");
    assert_eq!(message(plain, SgdInputs { gradient: [3, 2].into(), ..legal }), "gradient is 3x2; the parameter is 2x3");
    assert_eq!(
        message(plain, SgdInputs { learning_rate: [2].into(), ..legal }),
        "learning_rate has 2 elements; all parameters of a step share 1"
    );
    assert_eq!(
        message(Sgd { momentum: -0.5, ..plain }, legal),
        "momentum is -0.5; a finite number of at least 0 is needed"
    );
    assert_eq!(
        message(Sgd { weight_decay: f32::NAN, ..plain }, legal),
        "weight_decay is NaN; a finite number of at least 0 is needed"
    );

    let like = || Shape::from([2, 3]);
    let legal =
        AdamInputs { parameter: like(), mean: like(), variance: like(), gradient: like(), rates: Shape::from([3]) };
    assert!(AdamGeometry::new(&Adam::default(), &legal).is_ok());
    let message = |op: Adam, shapes| AdamGeometry::new(&op, &shapes).unwrap_err().to_string();
    let plain = Adam::default();
    assert_eq!(message(plain, AdamInputs { mean: [3].into(), ..legal }), "mean is 3; the parameter is 2x3");
    assert_eq!(message(plain, AdamInputs { variance: [3].into(), ..legal }), "variance is 3; the parameter is 2x3");
    assert_eq!(
        message(plain, AdamInputs { rates: [1].into(), ..legal }),
        "rates has 1 elements; a learning rate and two corrections are 3"
    );
    assert_eq!(
        message(Adam { beta1: 1.0, ..plain }, legal),
        "beta1 is 1; a number of at least 0 and below 1 is needed"
    );
    assert_eq!(
        message(Adam { epsilon: -1.0, ..plain }, legal),
        "epsilon is -1; a finite number of at least 0 is needed"
    );
}

#[test]
fn a_batch_of_zero_is_legal() {
    let (op, shapes) = legal();
    let without = |shape: &Shape| match shape.extents() {
        [33, c, h, w] => [0, *c, *h, *w].into(),
        _ => *shape,
    };
    assert_eq!(DeformConv2dGeometry::new(&op, &shapes.map(without)).unwrap().output_shape(), [0, 4, 2, 6].into());
}

#[test]
fn shapes_are_made_of_any_integers() {
    let shape = Shape::from([2, 3, 4]);
    assert_eq!(Shape::new(shape.extents()), Ok(shape));
    assert_eq!(Shape::new(&[2i64, 3, 4]), Ok(shape));
    assert_eq!(Shape::new(&[2usize, 3, 4]), Ok(shape));
    let refused = |result: pliant::Result<Shape>| result.unwrap_err().to_string();
    assert_eq!(refused(Shape::new(&[2, -3])), "axis 1 has extent -3; 0 to 4294967295 are possible");
    assert_eq!(refused(Shape::new(&[1u64 << 32])), "axis 0 has extent 4294967296; 0 to 4294967295 are possible");
}

#[test]
fn errors_and_tensors_cross_threads() {
    fn crosses<T: Clone + Send + Sync>() {}
    crosses::<Error>();
    crosses::<Tensor>();
}

/// A file with the named tensors, of one element each.
#[cfg(feature = "safetensors")]
fn weights(names: &[&str]) -> Vec<u8> {
    use safetensors::tensor::{Dtype, TensorView};

    let tensors = names.iter().map(|name| (*name, TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap()));
    safetensors::serialize(tensors, None).unwrap()
}

#[cfg(feature = "safetensors")]
#[test]
fn missing_tensors_are_told_with_those_near_them() {
    use pliant::nn::Weights;

    let refused = |names: &[&str], name: &str| {
        let bytes = weights(names);
        let weights = Weights::read(&bytes).unwrap();
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        assert_eq!(weights.names().collect::<Vec<_>>(), sorted);
        weights.elements(name, [1]).unwrap_err().to_string()
    };
    let missing = |name, rest| format!("the file has no tensor {name}; it {rest}");
    let [whole, part] = ["model.layer2.0.conv2.weight", "layer2.0.conv2.weight"];
    assert_eq!(refused(&["head.bias", whole], part), missing(part, "has, near it, model.layer2.0.conv2.weight"));
    assert_eq!(refused(&["head.bias", part], whole), missing(whole, "has, near it, layer2.0.conv2.weight"));
    let near = "has, near it, layer2.0.conv1.weight, layer2.1.conv1.weight";
    assert_eq!(refused(&["layer2.1.conv1.weight", "layer2.0.conv1.weight", "head.bias"], part), missing(part, near));
    let first = "has a, b, c, d and 2 more";
    assert_eq!(refused(&["f", "e", "d", "c", "b", "a"], part), missing(part, first));
    assert_eq!(refused(&[], part), missing(part, "has none at all"));
}

#[cfg(feature = "safetensors")]
#[test]
fn files_that_are_no_weights_are_told() {
    use pliant::nn::Weights;

    let refused = |bytes: &[u8]| Weights::read(bytes).unwrap_err().to_string();
    let archive = "a ZIP archive, such as torch.save (.pt, .pth) and np.savez (.npz) write";
    assert_eq!(refused(b"PK\x03\x04\0\0\0\0"), format!("the file is no safetensors file: it looks like {archive}"));
    let bytes = weights(&["a", "b"]);
    for length in [4, bytes.len() - 1] {
        let message = refused(&bytes[..length]);
        assert!(message.ends_with(&format!("; it has {length} bytes: is it complete?")), "{message}");
    }
}

#[test]
fn files_that_are_no_arrays_are_told() {
    use crate::support::npy::Array;

    let folder = std::env::temp_dir().join(format!("pliant-arrays-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("x.npy");
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        Array::read(&file).err().unwrap()
    };
    let begin = format!("cannot read {}: an .npy file of numpy.save is needed: ", file.display());
    assert_eq!(refused(include_bytes!("../../examples/data/chelsea.png")), format!("{begin}it looks like a PNG image"));
    let header = b"\x93NUMPY\x01\0\x46\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    let mut array = header.to_vec();
    array.resize(79, b' ');
    array.push(b'\n');
    array.extend([0; 24]);
    for length in [array.len() - 1, 40] {
        let message = refused(&array[..length]);
        let end = format!("; it has {length} bytes: is it complete?");
        assert!(message.starts_with(&begin) && message.ends_with(&end), "{message}");
    }
    std::fs::write(&file, &array).unwrap();
    assert_eq!(Array::read(&file).map(|array| array.shape), Ok([2, 3].into()));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn files_are_given_for_what_the_model_has() {
    use crate::support::npy::{named, split};

    let given = |files: &[&str]| {
        let files: Vec<_> = files.iter().map(ToString::to_string).collect();
        named(&files, "input", ["x", "/y"].into_iter())
    };
    let files = |files: [(&'static str, &str); 2]| Ok(files.map(|(name, file)| (name, file.into())).to_vec());
    assert_eq!(given(&["a.npy", "b.npy"]), files([("x", "a.npy"), ("/y", "b.npy")]));
    assert_eq!(given(&["/y=b.npy", "x=a=1.npy"]), files([("/y", "b.npy"), ("x", "a=1.npy")]));
    assert_eq!(given(&["./a=1/x.npy", "/y=b.npy"]), files([("x", "./a=1/x.npy"), ("/y", "b.npy")]));
    let unknown = r#"the model has no input "z", which z=x.npy names; it has x, /y"#;
    assert_eq!(given(&["z=x.npy"]), Err(unknown.into()));
    let one = |text| split(text, "input", ["x", "/y"].into_iter());
    assert_eq!(one("z=x.npy"), Err(unknown.into()));
    assert_eq!([one("/y=a=1.png"), one("a.png")], [Ok((Some("/y"), "a=1.png")), Ok((None, "a.png"))]);
    let many = "the model has no input for c.npy; it has x, /y";
    assert_eq!(given(&["a.npy", "b.npy", "c.npy"]), Err(many.into()));
}

#[test]
fn resizes_poolings_and_transposed_convolutions_are_refused_with_both_numbers() {
    let resize = |axes: &[u32], to: ResizeTo| {
        let op = Resize { axes: axes.to_vec(), to, ..Resize::default() };
        ResizeGeometry::new(&op, [2, 3, 4].into()).unwrap_err().to_string()
    };
    let sizes = |sizes: &[u32]| ResizeTo::Sizes(sizes.to_vec(), AspectRatio::Stretch);
    assert_eq!(resize(&[3], sizes(&[5])), "axes has 3; input (2x3x4) has 3 axes");
    assert_eq!(resize(&[1, 1], sizes(&[5, 5])), "axes has 1 twice; each axis is resized once");
    assert_eq!(resize(&[1, 2], sizes(&[5])), "sizes is for 1 axes; axes has 2");
    assert_eq!(resize(&[1], sizes(&[0])), "axis 1 of input (2x3x4) would get extent 0; 1 to 16777216 are possible");
    assert_eq!(resize(&[1], ResizeTo::Scales(vec![-1.0])), "scales has -1; a finite factor above 0 is needed");
    let window = PoolAxis { kernel: 3, ..PoolAxis::default() };
    let pool = |axes: &[PoolAxis], input: &[usize]| {
        let op = Pool { axes: axes.to_vec(), ..Pool::default() };
        PoolGeometry::new(&op, Shape::new(input).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(pool(&[], &[2, 3]), "axes has 0 windows; 1 to 3 are possible");
    assert_eq!(pool(&[window], &[2, 3]), "input (2x3) has 2 axes; batch, channels and 1 windows need 3");
    assert_eq!(pool(&[PoolAxis { stride: 0, ..window }], &[2, 3, 4]), "stride is 0; at least 1 is needed");
    assert_eq!(
        pool(&[window], &[2, 3, 2]),
        "the output would have no elements: the padded input has extent 2; a kernel of 3 elements 1 apart spans 3"
    );
    let shapes = ConvTranspose2dInputs { input: Shape::from([1, 4, 2, 2]), weight: [4, 3, 2, 2].into(), bias: None };
    let transposed = |op: ConvTranspose2d, shapes| ConvTranspose2dGeometry::new(&op, &shapes).unwrap_err().to_string();
    let op = ConvTranspose2d::default();
    assert_eq!(
        transposed(op, ConvTranspose2dInputs { weight: [3, 4, 2, 2].into(), ..shapes }),
        "weight has 3 input channels; the input's channels are 4"
    );
    assert_eq!(
        transposed(ConvTranspose2d { groups: 3, ..op }, shapes),
        "groups is 3; it does not divide 4 input channels"
    );
    assert_eq!(
        transposed(ConvTranspose2d { padding: [1, 0, 2, 0], ..op }, shapes),
        "the output would have no pixels: it has height 3 with its padding, of 1 and 2"
    );
    assert_eq!(
        transposed(op, ConvTranspose2dInputs { bias: Some([4].into()), ..shapes }),
        "bias has 4 channels; the weight's output channels are 3"
    );
}
