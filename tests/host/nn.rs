//! Layers: what they begin with, what they refuse, and their gradients by the reference, against differences.

use std::convert::Infallible;

use fastrand::Rng;
use pliant::nn::*;
use pliant::op::{Members, Of, Op, Output};
use pliant::reference::{Defined, Reference};
use pliant::{DeformConvV3, EdgeDerivative, Error, MultiScaleDeformAttn, Shape};

const SIZES: DeformConv2dSizes =
    DeformConv2dSizes { channels: 6, out_channels: 4, kernel: [3, 2], offset_channels: None, split: false, bias: true };

#[test]
fn layers_begin_as_in_the_papers() {
    let mut rng = Rng::with_seed(101);
    for (mask, split, channels, bound) in [
        // sqrt(6 / (2 channels of a group x 6 taps))
        (Mask::None, false, [36, 0], 0.5f32.sqrt()),
        // 1 / sqrt(6 channels x 6 taps)
        (Mask::Sigmoid, false, [54, 0], 1.0 / 6.0),
        (Mask::TwoSigmoid, true, [36, 18], 1.0 / 6.0),
    ] {
        let layer = DeformConv2dLayer { groups: 3, offset_groups: 3, mask, ..DeformConv2dLayer::default() };
        let sizes = DeformConv2dSizes { out_channels: 300, split, offset_channels: Some(5), ..SIZES };
        let parameters = layer.initial(&sizes, || rng.f32()).unwrap();
        let (shape, weight) = &parameters.weight;
        assert_eq!(*shape, [300, 2, 3, 2].into());
        let largest = weight.iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
        let mean = weight.iter().sum::<f32>() / weight.len() as f32;
        assert!(largest <= bound && largest > 0.99 * bound, "{largest} of {bound}");
        assert!(mean.abs() < 0.05 * bound, "{mean}");
        let zeros = |parameter: &Option<(Shape, Vec<f32>)>| {
            parameter.as_ref().is_none_or(|(_, elements)| elements.iter().all(|&element| element == 0.0))
        };
        assert!(parameters.offset_weight.1.iter().all(|&element| element == 0.0));
        assert!(
            [&parameters.bias, &parameters.offset_bias, &parameters.mask_weight, &parameters.mask_bias]
                .into_iter()
                .all(zeros)
        );
        assert_eq!(parameters.offset_weight.0, [channels[0], 5, 3, 2].into());
        assert_eq!(parameters.mask_weight.map(|(shape, _)| shape), split.then_some([channels[1], 5, 3, 2].into()));
    }
}

/// (batch 2, 6 channels, 5x4), 3x2 taps without padding: the output is 3x3.
fn geometry(
    layer: &DeformConv2dLayer,
    sizes: &DeformConv2dSizes,
    change: impl FnOnce(&mut DeformConv2dLayerInputs<Shape>, &mut DeformConv2dParameters<Shape>),
) -> pliant::Result<DeformConv2dLayerGeometry> {
    let mut inputs = DeformConv2dLayerInputs::new([2, 6, 5, 4].into(), layer.parameter_shapes(sizes)?);
    let mut parameters = inputs.parameters;
    change(&mut inputs, &mut parameters);
    DeformConv2dLayerGeometry::new(layer, &DeformConv2dLayerInputs { parameters, ..inputs })
}

#[test]
fn what_does_not_fit_is_named_with_both_figures() {
    let one = DeformConv2dLayer { offset_groups: 2, ..DeformConv2dLayer::default() };
    let two = DeformConv2dLayer { mask: Mask::Sigmoid, ..one };
    let split = DeformConv2dSizes { split: true, ..SIZES };
    let bounded = |offset_limit| geometry(&DeformConv2dLayer { offset_limit, ..one }, &SIZES, |_, _| {});
    type Change = fn(&mut DeformConv2dLayerInputs<Shape>, &mut DeformConv2dParameters<Shape>);
    let changed = |layer: &DeformConv2dLayer, sizes, change: Change| geometry(layer, sizes, change);
    let table = [
        (bounded(Some(0.0)), "offset_limit is 0; a number above 0 is needed"),
        (bounded(Some(f32::NAN)), "offset_limit is NaN; a number above 0 is needed"),
        (geometry(&one, &split, |_, _| {}), "split is true; a layer of version 1 has 0 masks to compute apart"),
        (
            geometry(&DeformConv2dLayer { groups: 4, ..one }, &SIZES, |_, _| {}),
            "groups is 4; it does not divide 6 input channels",
        ),
        (
            geometry(&DeformConv2dLayer { offset_groups: 0, ..one }, &SIZES, |_, _| {}),
            "offset_groups is 0; at least 1 is needed",
        ),
        (
            changed(&two, &SIZES, |_, parameters| {
                parameters.offset_weight = [24, 6, 3, 2].into();
                parameters.offset_bias = None;
            }),
            "offset_weight has 24 output channels; the layer needs 36; \
             24 would fit a layer without masks (Mask::None), or with a mask_weight",
        ),
        (
            changed(&one, &SIZES, |_, parameters| {
                parameters.offset_weight = [36, 6, 3, 2].into();
                parameters.offset_bias = None;
            }),
            "offset_weight has 36 output channels; the layer needs 24; \
             36 would fit a layer whose offset_weight gives the masks too (Mask::Sigmoid or Mask::TwoSigmoid)",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.flow = Some([2, 3, 3, 2].into())),
            "flow has 2 columns; the output's width is 3; flow (2x3x3x2) is read as (batch, channels, height, width) \
             and has 2 along axis 3: are its axes in another order?",
        ),
        (
            changed(&one, &SIZES, |_, parameters| parameters.offset_weight = [24, 5, 3, 2].into()),
            "offset_weight: weight takes 5 input channels per group; 6 input channels in 1 group give 6",
        ),
        (
            changed(&one, &SIZES, |_, parameters| parameters.offset_weight = [24, 6, 2, 2].into()),
            "offset_weight: offset has 4 rows; the output's height is 3",
        ),
        (
            changed(&one, &SIZES, |_, parameters| parameters.offset_bias = Some([36].into())),
            "offset_bias: bias has 36 channels; the weight's output channels are 24",
        ),
        (
            changed(&two, &split, |_, parameters| {
                parameters.mask_weight = Some([6, 6, 3, 2].into());
                parameters.mask_bias = None;
            }),
            "mask_weight: mask has 6 channels; 1 x 2 offset groups x 3 x 2 taps need 12",
        ),
        (
            changed(&two, &split, |_, parameters| parameters.mask_weight = None),
            "mask_bias (12) was given without a mask_weight, of 1 mask channel at least",
        ),
        (
            changed(&one, &SIZES, |_, parameters| parameters.mask_weight = Some([12, 6, 3, 2].into())),
            "mask_weight (12x6x3x2) was given; a layer of version 1 has 0 masks",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.offset_input = Some([2, 6, 7, 4].into())),
            "offset_weight: offset has 5 rows; the output's height is 3",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.offset_input = Some([2, 6, 2, 4].into())),
            "offset_input: the output would have no pixels: the padded input has height 2; a kernel of 3 taps 1 apart spans 3",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.flow = Some([2, 6, 3, 3].into())),
            "flow has 6 channels, which makes 3 flows; they do not divide 2 offset groups",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.flow = Some([2, 3, 3, 3].into())),
            "flow has 3 channels; dx and dy of each flow need a multiple of 2",
        ),
        (
            changed(&one, &SIZES, |inputs, _| inputs.flow = Some([2, 2, 5, 4].into())),
            "flow has 5 rows; the output's height is 3",
        ),
    ];
    for (result, expected) in table {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Shape { .. } | Error::Attribute { .. }), "{error:?}");
        assert_eq!(error.to_string(), expected);
    }
    assert!(geometry(&two, &split, |inputs, _| inputs.flow = Some([2, 4, 3, 3].into())).is_ok());
}

#[test]
fn sizes_beyond_any_tensor_are_refused() {
    let layer = DeformConv2dLayer { offset_groups: u32::MAX, mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
    let sizes = DeformConv2dSizes { channels: u32::MAX, kernel: [u32::MAX; 2], ..SIZES };
    assert!(matches!(layer.parameter_shapes(&sizes), Err(Error::Shape { .. })));
}

/// Gradients by every input and every parameter, of those drawn and then changed, against central differences of the output.
fn check_by_differences<O: Defined + Op<Outputs = Output>>(
    op: &O,
    shapes: &Of<O::Inputs, Shape>,
    rng: &mut Rng,
    mut change: impl FnMut(&'static str, &mut f64),
) -> usize {
    let geometry = op.geometry(shapes).unwrap();
    let mut drawn = |shape: &Shape| (0..shape.elements()).map(|_| rng.f64() - 0.5).collect::<Vec<_>>();
    let Ok(inputs) = O::Inputs::try_map_named(shapes, |name, shape| {
        let mut elements = drawn(shape);
        elements.iter_mut().for_each(|element| change(name, element));
        Ok::<_, Infallible>(elements)
    });
    let grad_output = drawn(&O::output_shapes(&geometry));
    let slices = O::Inputs::map(&inputs, Vec::as_slice);
    let gradients = O::reference_gradients(&geometry, &slices, &&grad_output[..]).unwrap();
    for (name, Reference { value, .. }) in &gradients {
        for (index, gradient) in value.iter().enumerate() {
            let moved = |step: f64| {
                let Ok(moved) = O::Inputs::try_map_named(&inputs, |input, slice| {
                    let mut slice = slice.clone();
                    if name.strip_prefix("grad_") == Some(input) {
                        slice[index] += step;
                    }
                    Ok::<_, Infallible>(slice)
                });
                let output = O::reference(&geometry, &O::Inputs::map(&moved, Vec::as_slice)).unwrap();
                output.value.iter().zip(&grad_output).map(|(value, grad)| value * grad).sum::<f64>()
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let off = (gradient - difference).abs();
            assert!(off < 1e-6, "{op:?}, {name}[{index}] is {gradient}, the difference {difference}");
        }
    }
    gradients.len()
}

/// Off the kinks, in both versions, with and without limits, flows and another input of the offsets.
#[test]
fn gradients_by_differences() {
    let mut rng = Rng::with_seed(102);
    for (mask, split, limit, flows, offset_channels) in [
        (Mask::None, false, None, 0, None),
        (Mask::Sigmoid, false, Some(1.5), 2, Some(2)),
        (Mask::TwoSigmoid, true, None, 1, None),
    ] {
        let layer = DeformConv2dLayer {
            offset_groups: 2,
            padding: [1, 0, 0, 1],
            offset_limit: limit,
            mask,
            ..DeformConv2dLayer::default()
        };
        let sizes = DeformConv2dSizes { split, offset_channels, channels: 2, out_channels: 2, ..SIZES };
        let parameters = layer.parameter_shapes(&sizes).unwrap();
        let inputs = DeformConv2dLayerInputs {
            input: [1, 2, 4, 3].into(),
            offset_input: offset_channels.map(|channels| [1, channels, 4, 3].into()),
            flow: (flows > 0).then(|| [1, 2 * flows, 3, 3].into()),
            parameters,
        };
        let gradients = check_by_differences(&layer, &inputs, &mut rng, |_, _| ());
        assert_eq!(gradients, inputs.named().filter(|(_, shape)| shape.is_some()).count());
    }
}

/// A query of 6 channels and a value input of 5, two levels, and points of boxes.
fn attention_inputs(layer: &MultiScaleDeformAttnLayer, references: [u32; 2]) -> MultiScaleDeformAttnLayerInputs<Shape> {
    let sizes = MultiScaleDeformAttnSizes { query: 6, value_input: 5, value: 4, output: 3 };
    let pixels = layer.attn.levels.iter().map(|level| level.height * level.width).sum();
    MultiScaleDeformAttnLayerInputs {
        query: [1, 3, 6].into(),
        value_input: [1, pixels, 5].into(),
        reference_points: [1, 3, references[0], references[1]].into(),
        padding_mask: Some([1, pixels].into()),
        query_position: Some([1, 3, 6].into()),
        parameters: layer.parameter_shapes(&sizes).unwrap(),
    }
}

fn attention(points: [u32; 2]) -> MultiScaleDeformAttnLayer {
    let mut attn = MultiScaleDeformAttn::new([[4, 3], [2, 3]], 0);
    attn.levels.iter_mut().zip(points).for_each(|(level, points)| level.points = points);
    MultiScaleDeformAttnLayer::new(attn, 2)
}

#[test]
fn attention_that_does_not_fit_is_named_with_both_figures() {
    type Change = fn(&mut MultiScaleDeformAttnLayer, &mut MultiScaleDeformAttnLayerInputs<Shape>);
    let table: [(Change, &str); 14] = [
        (|layer, _| layer.heads = 3, "heads is 3; it does not divide 4 value channels"),
        (|layer, _| layer.heads = 0, "heads is 0; at least 1 is needed"),
        (|layer, _| layer.offset_scale = f32::NAN, "offset_scale is NaN; a number is needed"),
        (|layer, _| layer.attn.levels.clear(), "levels has no level; at least 1 is needed"),
        (|_, inputs| inputs.query = [0, 3, 6].into(), "query (0x3x6) has batch of extent 0; at least 1 is needed"),
        (|_, inputs| inputs.value_input = [1, 17, 5].into(), "value_input has 17 pixels; the levels have 18"),
        (|_, inputs| inputs.value_input = [2, 18, 5].into(), "value_input has 2 images; the query's batch is 1"),
        (
            |_, inputs| inputs.query_position = Some([1, 1, 6].into()),
            "query_position (1x1x6) must have the shape of query (1x3x6)",
        ),
        (
            |_, inputs| inputs.reference_points = [1, 3, 3, 2].into(),
            "reference_points has 3 levels; 1 serves all, and the attributes have 2",
        ),
        (
            |_, inputs| inputs.reference_points = [1, 3, 2, 3].into(),
            "reference_points has 3 coordinates; a box has 4, and a point 2",
        ),
        (
            |layer, inputs| {
                *layer = attention([1, 3]);
                inputs.reference_points = [1, 3, 2, 2].into();
            },
            "reference_points has 2 levels; levels of 1 and other numbers of points need 1, which serves all",
        ),
        (
            |_, inputs| inputs.parameters.sampling_offsets_weight = [8, 6].into(),
            "sampling_offsets_weight has 8 outputs; x and y of the points of all heads are 16",
        ),
        (
            |_, inputs| inputs.parameters.output_proj_weight = [3, 5].into(),
            "output_proj_weight has 5 inputs; what it reads has 4",
        ),
        (
            |_, inputs| inputs.parameters.value_proj_bias = [5].into(),
            "value_proj_bias has 5 elements; the weight's outputs are 4",
        ),
    ];
    for (change, expected) in table {
        let mut layer = attention([2, 2]);
        let mut inputs = attention_inputs(&layer, [2, 2]);
        change(&mut layer, &mut inputs);
        let error = MultiScaleDeformAttnLayerGeometry::new(&layer, &inputs).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let sizes = MultiScaleDeformAttnSizes::new(u32::MAX - 1);
    assert!(matches!(attention([2, 2]).parameter_shapes(&sizes), Err(Error::Shape { .. })));
}

/// Attention off the kinks: points and boxes, for each level and for all.
#[test]
fn attention_gradients_by_differences() {
    let mut rng = Rng::with_seed(104);
    for (points, references) in [([2, 2], [2, 2]), ([2, 2], [1, 4]), ([1, 3], [1, 4]), ([1, 3], [1, 2])] {
        let layer = attention(points);
        let shapes = attention_inputs(&layer, references);
        let gradients = check_by_differences(&layer, &shapes, &mut rng, |name, element| match name {
            "reference_points" => *element += 0.5,
            "padding_mask" => *element = f64::from(u8::from(*element > 0.3)),
            _ => {}
        });
        assert_eq!(gradients, 12);
    }
}

/// An input of 4 channels, 5x4, and a window of 3x2 that keeps the extents.
fn v3_inputs(layer: &DeformConvV3Layer, center_feature_scale: bool) -> DeformConvV3LayerInputs<Shape> {
    let sizes = DeformConvV3Sizes { input: 4, value: 6, output: 3, dw_kernel: [1, 3], center_feature_scale };
    DeformConvV3LayerInputs { input: [1, 5, 4, 4].into(), parameters: layer.parameter_shapes(&sizes).unwrap() }
}

const V3: DeformConvV3Layer = DeformConvV3Layer { window: V4.window, epsilon: 0.01 };

#[test]
fn version_3_that_does_not_fit_is_named_with_both_figures() {
    type Change = fn(&mut DeformConvV3Layer, &mut DeformConvV3LayerInputs<Shape>);
    let table: [(Change, &str); 10] = [
        (|layer, _| layer.window.groups = 4, "groups is 4; it does not divide 6 input channels"),
        (|layer, _| layer.epsilon = -1.0, "epsilon is -1; it must be finite and at least 0"),
        (|_, inputs| inputs.input = [0, 5, 4, 4].into(), "input (0x5x4x4) has batch of extent 0; at least 1 is needed"),
        (|layer, _| layer.window.stride = [2; 2], "offset_weight: offset has 5 rows; the output has 3"),
        (
            |_, inputs| inputs.parameters.dw_conv_weight = [4, 1, 3, 2].into(),
            "dw_conv_weight has a kernel of 3x2; both must be odd",
        ),
        (
            |_, inputs| inputs.parameters.dw_conv_weight = [4, 2, 1, 3].into(),
            "dw_conv_weight: weight takes 2 input channels per group; 4 input channels in 4 groups give 1",
        ),
        (
            |_, inputs| {
                inputs.parameters.dw_conv_weight = [8, 1, 1, 3].into();
                inputs.parameters.dw_conv_bias = [8].into();
            },
            "dw_conv_weight has 8 output channels; the input's channels are 4",
        ),
        (
            |_, inputs| inputs.parameters.norm_bias = [3].into(),
            "norm_bias: shift is 3; the last 1 axes of input (1x5x4x4) are 4",
        ),
        (
            |_, inputs| {
                inputs.parameters.mask_weight = [13, 4].into();
                inputs.parameters.mask_bias = [13].into();
            },
            "mask_weight: mask has 13 channels; the taps of all groups are 12",
        ),
        (
            |_, inputs| inputs.parameters.center_feature_scale_proj_bias = None,
            "center_feature_scale_proj_bias is absent; center_feature_scale_proj_weight is 2x4",
        ),
    ];
    for (change, expected) in table {
        let mut layer = V3;
        let mut inputs = v3_inputs(&layer, true);
        change(&mut layer, &mut inputs);
        let error = DeformConvV3LayerGeometry::new(&layer, &inputs).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let sizes = DeformConvV3Sizes::new(u32::MAX - 1);
    assert!(matches!(V3.parameter_shapes(&sizes), Err(Error::Shape { .. })));
}

/// Version 3 off the kinks, with and without a scale of the centre.
#[test]
fn version_3_gradients_by_differences() {
    let mut rng = Rng::with_seed(106);
    for center_feature_scale in [false, true] {
        let gradients = check_by_differences(&V3, &v3_inputs(&V3, center_feature_scale), &mut rng, |_, _| ());
        assert_eq!(gradients, if center_feature_scale { 15 } else { 13 });
    }
}

#[test]
fn version_3_begins_as_its_authors_have_it() {
    let mut rng = Rng::with_seed(107);
    let sizes = DeformConvV3Sizes { dw_kernel: [5, 5], center_feature_scale: true, ..DeformConvV3Sizes::new(64) };
    let layer = DeformConvV3Layer { window: DeformConvV3 { groups: 4, ..DeformConvV3::default() }, ..V3 };
    let parameters = layer.initial(&sizes, || rng.f32()).unwrap();
    for (name, parameter) in parameters.named() {
        let (_, elements) = parameter.unwrap();
        let [least, most] =
            [elements.iter().copied().fold(0.0, f32::min), elements.iter().copied().fold(0.0, f32::max)];
        let bound = match name {
            "input_proj_weight" | "output_proj_weight" => (6.0f32 / 128.0).sqrt(),
            "dw_conv_weight" | "dw_conv_bias" => 0.2,
            "norm_weight" => {
                assert!(elements.iter().all(|element| *element == 1.0));
                continue;
            }
            _ => 0.0,
        };
        assert!(
            least >= -bound && most <= bound && least <= -0.9 * bound && most >= 0.9 * bound,
            "{name}: {least}, {most}"
        );
    }
}

/// An input of 3 channels, 5x4, and a window of 3x2 that keeps the extents.
fn v4_inputs(layer: &DeformConvV4Layer, apart: bool) -> DeformConvV4LayerInputs<Shape> {
    let offset_mask_input = if apart { 2 } else { 3 };
    let sizes = DeformConvV4Sizes { input: 3, offset_mask_input, value: 4, output: 3, center_feature_scale: !apart };
    DeformConvV4LayerInputs {
        input: [1, 5, 4, 3].into(),
        offset_mask_input: apart.then(|| [1, 5, 4, 2].into()),
        parameters: layer.parameter_shapes(&sizes).unwrap(),
    }
}

const V4: DeformConvV4Layer = DeformConvV4Layer {
    window: DeformConvV3 {
        kernel: [3, 2],
        stride: [1; 2],
        padding: [1, 0, 1, 1],
        dilation: [1; 2],
        groups: 2,
        offset_scale: 0.75,
        remove_center: false,
        edge_derivative: EdgeDerivative::Zero,
    },
};

#[test]
fn version_4_that_does_not_fit_is_named_with_both_figures() {
    type Change = fn(&mut DeformConvV4Layer, &mut DeformConvV4LayerInputs<Shape>);
    let table: [(Change, &str); 8] = [
        (|layer, _| layer.window.groups = 3, "groups is 3; it does not divide 4 input channels"),
        (|_, inputs| inputs.input = [0, 5, 4, 3].into(), "input (0x5x4x3) has batch of extent 0; at least 1 is needed"),
        (
            |_, inputs| inputs.offset_mask_input = Some([2, 5, 4, 3].into()),
            "offset_mask_input has 2 images; the input's batch is 1",
        ),
        (|layer, _| layer.window.stride = [2; 2], "offset_mask_weight: offset_mask has 5 rows; the output has 3"),
        (
            |_, inputs| {
                inputs.parameters.offset_mask_weight = [32, 3].into();
                inputs.parameters.offset_mask_bias = [32].into();
            },
            "offset_mask_weight: offset_mask has 32 channels; 3 for each tap of each group, rounded up to a multiple of 8, make 40",
        ),
        (
            |_, inputs| inputs.parameters.output_proj_weight = [3, 5].into(),
            "output_proj_weight has 5 inputs; what it reads has 4",
        ),
        (
            |_, inputs| inputs.parameters.center_feature_scale_proj_weight = Some([3, 4].into()),
            "center_feature_scale_proj_weight has 3 outputs; there are as many as groups, 2",
        ),
        (
            |layer, inputs| {
                layer.window.stride = [1, 2];
                inputs.offset_mask_input = Some([1, 5, 2, 3].into());
            },
            "center_feature_scale_proj_weight scales the value (1x5x4x4), which must have the window's output (1x5x2x4)",
        ),
    ];
    for (change, expected) in table {
        let mut layer = V4;
        let mut inputs = v4_inputs(&layer, false);
        change(&mut layer, &mut inputs);
        let error = DeformConvV4LayerGeometry::new(&layer, &inputs).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// Version 4 off the kinks: offsets and masks of the input, with a scale of the centre, or of another tensor.
#[test]
fn version_4_gradients_by_differences() {
    let mut rng = Rng::with_seed(105);
    for apart in [false, true] {
        let gradients = check_by_differences(&V4, &v4_inputs(&V4, apart), &mut rng, |_, _| ());
        assert_eq!(gradients, if apart { 8 } else { 9 });
    }
}
