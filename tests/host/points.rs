//! Sums at points: the reference by hand, its gradients against differences, what geometries refuse, and the dialects.

use std::convert::Infallible;

use fastrand::Rng;
use pliant::dialect::{dcnv4, internimage, mmcv, transformers};
use pliant::geometry::*;
use pliant::op::{Members, Of};
use pliant::reference::{self, Defined};
use pliant::*;
use pliant::{Error, Result, Shape};

fn attention() -> (MultiScaleDeformAttn, MultiScaleDeformAttnInputs<Shape>) {
    let level = |height, width, points| AttentionLevel { height, width, points };
    let op = MultiScaleDeformAttn {
        levels: vec![level(3, 4, 2), level(2, 3, 1)],
        sampling: AttentionSampling::Bilinear,
        edge_derivative: EdgeDerivative::OneSided,
    };
    let shapes = MultiScaleDeformAttnInputs {
        value: [2, 18, 3, 5].into(),
        locations: [2, 7, 3, 3, 2].into(),
        weights: [2, 7, 3, 3].into(),
        padding_mask: Some([2, 18].into()),
    };
    (op, shapes)
}

/// 5x6 pixels in 3 groups of 2 channels, 4x3 outputs, 5 of 6 taps.
fn window() -> (DeformConvV3, DeformConvV3Inputs<Shape>) {
    let op = DeformConvV3 {
        kernel: [3, 2],
        stride: [1, 2],
        padding: [1, 0, 2, 1],
        dilation: [2, 1],
        groups: 3,
        offset_scale: 1.5,
        remove_center: true,
        edge_derivative: EdgeDerivative::Zero,
    };
    let shapes =
        DeformConvV3Inputs { input: [2, 5, 6, 6].into(), offset: [2, 4, 3, 30].into(), mask: [2, 4, 3, 15].into() };
    (op, shapes)
}

fn window_4() -> (DeformConvV4, DeformConvV4Inputs<Shape>) {
    let (window, shapes) = window();
    (DeformConvV4 { window }, DeformConvV4Inputs { input: shapes.input, offset_mask: [2, 4, 3, 48].into() })
}

/// Two levels, 2x2 with pixels 1 to 4 and 1x2 with pixels 10 and 20, a point in each.
#[test]
fn attention_by_hand() {
    let sampled = |sampling, locations: [f64; 4], mask: Option<&[f64]>| {
        let op = MultiScaleDeformAttn { sampling, ..MultiScaleDeformAttn::new([[2, 2], [1, 2]], 1) };
        let shapes = MultiScaleDeformAttnInputs {
            value: [1, 6, 1, 1].into(),
            locations: [1, 1, 1, 2, 1, 2].into(),
            weights: [1, 1, 1, 2, 1].into(),
            padding_mask: mask.map(|_| [1, 6].into()),
        };
        let geometry = MultiScaleDeformAttnGeometry::new(&op, &shapes).unwrap();
        let inputs = MultiScaleDeformAttnInputs {
            value: &[1.0, 2.0, 3.0, 4.0, 10.0, 20.0][..],
            locations: &locations,
            weights: &[2.0, 0.5],
            padding_mask: mask,
        };
        let gradients = reference::multi_scale_deform_attn_backward(&geometry, &inputs, &[1.0]).unwrap();
        let output = reference::multi_scale_deform_attn(&geometry, &inputs).unwrap().value[0];
        (output, [gradients.locations, gradients.weights, gradients.value].map(|gradient| gradient.unwrap().value))
    };
    use AttentionSampling::{Bilinear, Discrete};
    // Column 0.5, row 0 of the first; column 1, row 0 of the second.
    let (output, [locations, weights, value]) = sampled(Bilinear, [0.5, 0.25, 0.75, 0.5], None);
    assert_eq!(output, 2.0 * 1.5 + 0.5 * 20.0);
    // Times extents and weights: 2 * 2 * (1, 2), and 0.5 * (2 * -20, 1 * -20), right-hand at the last pixel.
    assert_eq!(locations, [4.0, 8.0, -20.0, -10.0]);
    assert_eq!(weights, [1.5, 20.0]);
    assert_eq!(value, [1.0, 1.0, 0.0, 0.0, 0.0, 0.5]);
    // Where it is masked the value counts 0, and has no gradient.
    let mask = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    let (output, [.., value]) = sampled(Bilinear, [0.5, 0.25, 0.75, 0.5], Some(&mask));
    assert_eq!((output, value), (2.0 * 0.5 + 10.0, vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.5]));
    // trunc(0.375 * 2 + 0.5) is column 1, though the location lies in pixel 0; a location outside reads the border.
    let (output, [locations, ..]) = sampled(Discrete, [0.375, 0.0, 7.0, -7.0], None);
    assert_eq!((output, locations), (2.0 * 2.0 + 0.5 * 20.0, vec![0.0; 4]));
    for sampling in [Bilinear, Discrete] {
        let (output, [locations, weights, _]) = sampled(sampling, [f64::NAN, 0.5, 0.5, f64::INFINITY], None);
        assert_eq!((output, locations, weights), (0.0, vec![0.0; 4], vec![0.0; 2]));
    }
}

/// A row of three pixels 1, 2, 4 and taps in a row of three, 2 pixels apart about the centre by the scale.
#[test]
fn versions_3_and_4_by_hand() {
    let window = DeformConvV3 {
        kernel: [1, 3],
        padding: [0, 1, 0, 1],
        offset_scale: 2.0,
        remove_center: false,
        ..DeformConvV3::default()
    };
    let shapes =
        DeformConvV3Inputs { input: [1, 1, 3, 1].into(), offset: [1, 1, 3, 6].into(), mask: [1, 1, 3, 3].into() };
    let geometry = DeformConvV3Geometry::new(&window, &shapes).unwrap();
    let input = [1.0, 2.0, 4.0];
    // The last tap of the first output moves by -0.25 * 2, to column 1.5.
    let (mut offset, mask) = ([0.0; 18], [10.0, 1.0, 2.0, 10.0, 1.0, 10.0, 5.0, 1.0, 10.0]);
    offset[4] = -0.25;
    let inputs = DeformConvV3Inputs { input: &input[..], offset: &offset, mask: &mask };
    let output = reference::deform_conv_v3(&geometry, &inputs).unwrap();
    assert_eq!(output.value, [1.0 + 2.0 * 3.0, 2.0, 5.0 * 1.0 + 4.0]);
    let gradients = reference::deform_conv_v3_backward(&geometry, &inputs, &[1.0; 3]).unwrap();
    assert_eq!(gradients.offset.unwrap().value[4], 2.0 * 2.0 * (4.0 - 2.0));

    let shapes = DeformConvV4Inputs { input: shapes.input, offset_mask: [1, 1, 3, 16].into() };
    let geometry = DeformConvV4Geometry::new(&DeformConvV4 { window }, &shapes).unwrap();
    // What fills up the channels is not read.
    let joint: Vec<f64> =
        (0..3).flat_map(|o| [&offset[6 * o..][..6], &mask[3 * o..][..3], &[f64::NAN; 7]].concat()).collect();
    let inputs = DeformConvV4Inputs { input: &input[..], offset_mask: &joint };
    assert_eq!(reference::deform_conv_v4(&geometry, &inputs).unwrap().value, output.value);
    let gradients = reference::deform_conv_v4_backward(&geometry, &inputs, &[1.0; 3]).unwrap();
    assert_eq!(
        gradients.offset_mask.unwrap().value[..16],
        [[0.0, 0.0, 2.0, -2.0, 8.0, -12.0].as_slice(), &[0.0, 1.0, 3.0], &[0.0; 7]].concat()
    );
}

/// Holds every gradient against central differences; points are kept off the kinks.
fn by_differences<O: Defined>(op: &O, shapes: &Of<O::Inputs, Shape>) {
    const STEP: f64 = 1e-5;
    let mut rng = Rng::with_seed(311);
    let geometry = op.geometry(shapes).unwrap();
    let inputs = O::Inputs::try_map_named(shapes, |name, shape| {
        let element = |_| match name {
            // Positions off multiples of 1/4, which are all that extents and scales here make of whole numbers.
            "locations" | "offset" | "offset_mask" => (rng.f64() * 8.0 - 3.0).round() / 4.0 + 0.0137,
            "padding_mask" => f64::from(u8::from(rng.u32(..4) == 0)),
            _ => rng.f64() * 2.0 - 1.0,
        };
        Ok::<_, Infallible>((0..shape.elements()).map(element).collect::<Vec<f64>>())
    });
    let Ok(inputs) = inputs;
    let loss = |inputs: &Of<O::Inputs, Vec<f64>>| {
        let outputs = O::reference(&geometry, &O::Inputs::map(inputs, |input| &input[..])).unwrap();
        let weigh = |(_, output): (_, &reference::Reference)| -> f64 {
            output.value.iter().enumerate().map(|(index, value)| value * weight(index)).sum()
        };
        O::Outputs::present(&outputs).map(weigh).sum::<f64>()
    };
    let grads =
        O::Outputs::map(&O::output_shapes(&geometry), |shape| (0..shape.elements() as usize).map(weight).collect());
    let slices = O::Inputs::map(&inputs, |input| &input[..]);
    let gradients =
        O::reference_gradients(&geometry, &slices, &O::Outputs::map(&grads, |grad: &Vec<f64>| &grad[..])).unwrap();
    assert!(!gradients.is_empty());
    for (gradient, reference) in gradients {
        for (index, value) in reference.value.iter().enumerate() {
            let moved = |step: f64| {
                let moved = O::Inputs::try_map_named(&inputs, |name, input| {
                    let mut input = input.clone();
                    if gradient == format!("grad_{name}") {
                        input[index] += step;
                    }
                    Ok::<_, Infallible>(input)
                });
                let Ok(moved) = moved;
                loss(&moved)
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let within = 1e-7 * (1.0 + reference.magnitude[index]);
            assert!((value - difference).abs() < within, "{op:?}, {gradient}[{index}]: {value}, {difference}");
        }
    }
}

fn weight(index: usize) -> f64 {
    ((index * 37) % 17) as f64 / 8.0 - 1.0
}

#[test]
fn gradients_by_differences() {
    let (op, shapes) = attention();
    let shapes =
        MultiScaleDeformAttnInputs { locations: [2, 3, 3, 3, 2].into(), weights: [2, 3, 3, 3].into(), ..shapes };
    by_differences(&op, &shapes);
    by_differences(&MultiScaleDeformAttn { sampling: AttentionSampling::Discrete, ..op }, &shapes);
    let (op, shapes) = window();
    by_differences(&op, &shapes);
    let (op, shapes) = window_4();
    by_differences(&op, &shapes);
}

/// The message of a refusal of shapes or attributes.
fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Shape { .. } | Error::Attribute { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn attention_is_refused_with_both_numbers() {
    type Change = fn(&mut MultiScaleDeformAttn, &mut MultiScaleDeformAttnInputs<Shape>);
    let table: &[(Change, &str)] = &[
        (|_, s| s.value = [2, 18, 15].into(), "value (2x18x15) has 3 axes; it needs 4: batch, pixels, heads, channels"),
        (|op, _| op.levels.clear(), "levels has no level; at least 1 is needed"),
        (|op, _| op.levels[1].width = 0, "level 1 has width 0; at least 1 is needed"),
        (|op, _| op.levels[0].points = 0, "level 0 has points 0; at least 1 is needed"),
        (|op, _| op.levels[0].height = 4, "value has 18 pixels; the levels have 22"),
        (
            |_, s| s.weights = [2, 7, 9].into(),
            "weights (2x7x9) has 3 axes; it needs 4 or 5: (batch, queries, heads, points) or (batch, queries, heads, levels, points)",
        ),
        (|_, s| s.weights = [1, 7, 3, 3].into(), "weights has 1 images; the value's batch is 2"),
        (|_, s| s.weights = [2, 7, 4, 3].into(), "weights has 4 heads; the value's heads are 3"),
        (|_, s| s.weights = [2, 0, 3, 3].into(), "weights (2x0x3x3) has queries of extent 0; at least 1 is needed"),
        (|_, s| s.weights = [2, 7, 3, 4].into(), "weights has 4 points; the levels have 3"),
        (|_, s| s.weights = [2, 7, 3, 3, 1].into(), "weights has 3 levels; the attributes have 2"),
        (|_, s| s.weights = [2, 7, 3, 2, 2].into(), "weights has 2 points in each level; a level has 1"),
        (
            |_, s| s.locations = [2, 7, 3, 2, 3].into(),
            "locations (2x7x3x2x3) must have the axes of weights (2x7x3x3) and then 2, x in front of y: (2x7x3x3x2)",
        ),
        (|_, s| s.padding_mask = Some([1, 18].into()), "padding_mask has 1 images; the value's batch is 2"),
        (|_, s| s.padding_mask = Some([2, 17].into()), "padding_mask has 17 pixels; the value has 18"),
    ];
    let (op, shapes) = attention();
    assert_eq!(MultiScaleDeformAttnGeometry::new(&op, &shapes).unwrap().output_shape(), [2, 7, 15].into());
    for (change, expected) in table {
        let (mut op, mut shapes) = attention();
        change(&mut op, &mut shapes);
        assert_eq!(message(MultiScaleDeformAttnGeometry::new(&op, &shapes)), *expected);
    }
}

#[test]
fn versions_3_and_4_are_refused_with_both_numbers() {
    type Change = fn(&mut DeformConvV3, &mut DeformConvV3Inputs<Shape>);
    let table: &[(Change, &str)] = &[
        (|_, s| s.input = [2, 5, 36].into(), "input (2x5x36) has 3 axes; it needs 4: batch, height, width, channels"),
        (|op, _| op.groups = 4, "groups is 4; it does not divide 6 input channels"),
        (|op, _| op.offset_scale = f32::NAN, "offset_scale is NaN; a finite number is needed"),
        (|op, _| op.stride[0] = 0, "stride is 0; at least 1 is needed"),
        (|op, _| op.kernel = [1; 2], "remove_center leaves no tap of a kernel of 1x1; at least 1 is needed"),
        (|_, s| s.offset = [1, 4, 3, 30].into(), "offset has 1 images; the input's batch is 2"),
        (|_, s| s.offset = [2, 5, 3, 30].into(), "offset has 5 rows; the output has 4"),
        (|_, s| s.mask = [2, 4, 4, 15].into(), "mask has 4 columns; the output has 3"),
        (|_, s| s.offset = [2, 4, 3, 36].into(), "offset has 36 channels; 2 for each tap of each group make 30"),
        (|_, s| s.mask = [2, 4, 3, 18].into(), "mask has 18 channels; the taps of all groups are 15"),
    ];
    let (op, shapes) = window();
    assert_eq!(DeformConvV3Geometry::new(&op, &shapes).unwrap().output_shape(), [2, 4, 3, 6].into());
    for (change, expected) in table {
        let (mut op, mut shapes) = window();
        change(&mut op, &mut shapes);
        assert_eq!(message(DeformConvV3Geometry::new(&op, &shapes)), *expected);
    }
    let (op, shapes) = window_4();
    let shapes = DeformConvV4Inputs { offset_mask: [2, 4, 3, 45].into(), ..shapes };
    let expected = "offset_mask has 45 channels; 3 for each tap of each group, rounded up to a multiple of 8, make 48";
    assert_eq!(message(DeformConvV4Geometry::new(&op, &shapes)), expected);
}

#[test]
fn dialects_of_attention() {
    let shapes = MultiScaleDeformAttnInputs {
        value: Shape::from([2, 18, 3, 5]),
        locations: [2, 7, 3, 2, 4, 2].into(),
        weights: [2, 7, 3, 2, 4].into(),
        padding_mask: None,
    };
    let value_spatial_shapes = vec![[3, 4], [2, 3]];
    let ours = MultiScaleDeformAttn::new([[3, 4], [2, 3]], 4);
    let of_mmcv = |starts: Vec<i64>| {
        let value_spatial_shapes = value_spatial_shapes.clone();
        mmcv::MultiScaleDeformableAttention { value_spatial_shapes, value_level_start_index: starts }.op(&shapes)
    };
    let zero = MultiScaleDeformAttn { edge_derivative: EdgeDerivative::Zero, ..ours.clone() };
    assert_eq!(of_mmcv(vec![0, 12]), Ok(zero));
    assert_eq!(
        message(of_mmcv(vec![0, 6])),
        "value_level_start_index is 6 for level 1; the levels in front have 12 pixels"
    );
    assert_eq!(message(of_mmcv(vec![0])), "value_level_start_index has 1 numbers; value_spatial_shapes has 2 levels");
    let level_start_index = vec![0, 12];
    let first = transformers::MultiScaleDeformableAttention {
        value_spatial_shapes: value_spatial_shapes.clone(),
        level_start_index,
    };
    assert_eq!(first.op(&shapes), Ok(ours));

    let (op, shapes) = attention();
    assert_eq!(
        message(first.op(&shapes)),
        "weights (2x7x3x3) has 4 axes; it needs 5: batch, queries, heads, levels, points"
    );
    let second = |points: Vec<i64>, method: &str| {
        let (value_spatial_shapes, method) = (value_spatial_shapes.clone(), method.to_string());
        transformers::MultiScaleDeformableAttentionV2 { value_spatial_shapes, num_points_list: points, method }
            .op(&shapes)
    };
    let discrete = MultiScaleDeformAttn { sampling: AttentionSampling::Discrete, ..op.clone() };
    assert_eq!(second(vec![2, 1], "default"), Ok(op));
    assert_eq!(second(vec![2, 1], "discrete"), Ok(discrete));
    assert_eq!(message(second(vec![2, 1], "nearest")), "method is nearest; transformers knows default and discrete");
    assert_eq!(message(second(vec![2, 0], "default")), "num_points_list is 0; at least 1 is needed");
    assert_eq!(message(second(vec![3], "default")), "num_points_list has 1 numbers; value_spatial_shapes has 2 levels");
}

#[test]
fn dialects_of_versions_3_and_4() {
    let attributes = internimage::Dcnv3 { group: 2, group_channels: 3, ..internimage::Dcnv3::default() };
    let shapes = DeformConvV3Inputs {
        input: Shape::from([1, 5, 4, 6]),
        offset: [1, 5, 4, 36].into(),
        mask: [1, 5, 4, 18].into(),
    };
    let ours = DeformConvV3 { groups: 2, ..DeformConvV3::default() };
    assert_eq!(attributes.op(&shapes), Ok(ours));
    let joint = DeformConvV4Inputs { input: shapes.input, offset_mask: [1, 5, 4, 56].into() };
    assert_eq!(dcnv4::Dcnv4(attributes).op(&joint), Ok(DeformConvV4 { window: ours }));
    let refused = internimage::Dcnv3 { group_channels: 4, ..attributes };
    let expected = "group_channels is 4; 2 groups of them do not make the input's 6 channels";
    assert_eq!(message(refused.op(&shapes)), expected);
    assert_eq!(message(dcnv4::Dcnv4(refused).op(&joint)), expected);
    let refused = internimage::Dcnv3 { pad_w: -1, ..attributes };
    assert_eq!(message(refused.op(&shapes)), "pad_w is -1; at least 0 is needed");
    let refused = internimage::Dcnv3 { group: 0, ..attributes };
    assert_eq!(message(refused.op(&shapes)), "group is 0; at least 1 is needed");
    for [kernel_h, kernel_w] in [[3, 5], [4, 4]] {
        let refused = internimage::Dcnv3 { kernel_h, kernel_w, remove_center: true, ..attributes };
        let expected = format!("remove_center needs a square kernel of odd extents; it is {kernel_h}x{kernel_w}");
        assert_eq!(message(refused.op(&shapes)), expected);
    }
}
