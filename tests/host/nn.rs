//! Layers: what they begin with, what they refuse, and their gradients by the reference, against differences.

use fastrand::Rng;
use pliant::nn::*;
use pliant::reference::{self, Reference};
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

/// By every input and every parameter, off the kinks, in both versions, with and without limits, flows and another input of the offsets.
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
        let geometry = DeformConv2dLayerGeometry::new(&layer, &inputs).unwrap();
        let mut drawn = |shape: &Shape| (0..shape.elements()).map(|_| rng.f64() - 0.5).collect::<Vec<_>>();
        let inputs = inputs.map(&mut drawn);
        let grad_output = drawn(&geometry.output_shape());
        let loss = |inputs: &DeformConv2dLayerInputs<Vec<f64>>| {
            let output = reference::deform_conv2d_layer(&geometry, &inputs.map(|slice| &slice[..])).unwrap();
            output.value.iter().zip(&grad_output).map(|(value, grad)| value * grad).sum::<f64>()
        };
        let slices = inputs.map(|slice| &slice[..]);
        let gradients = reference::deform_conv2d_layer_backward(&geometry, &slices, &grad_output).unwrap();
        assert_eq!(gradients.named().count(), inputs.named().filter(|(_, slice)| slice.is_some()).count());
        for (name, Reference { value, .. }) in gradients.named() {
            for (index, gradient) in value.iter().enumerate() {
                let moved = |step: f64| {
                    let mut inputs = inputs.clone();
                    let parameters = &mut inputs.parameters;
                    let slice = match name {
                        "grad_input" => &mut inputs.input,
                        "grad_offset_input" => inputs.offset_input.as_mut().unwrap(),
                        "grad_flow" => inputs.flow.as_mut().unwrap(),
                        "grad_weight" => &mut parameters.weight,
                        "grad_offset_weight" => &mut parameters.offset_weight,
                        "grad_bias" => parameters.bias.as_mut().unwrap(),
                        "grad_offset_bias" => parameters.offset_bias.as_mut().unwrap(),
                        "grad_mask_weight" => parameters.mask_weight.as_mut().unwrap(),
                        "grad_mask_bias" => parameters.mask_bias.as_mut().unwrap(),
                        name => panic!("{name}"),
                    };
                    slice[index] += step;
                    loss(&inputs)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let off = (gradient - difference).abs();
                assert!(off < 1e-6, "{mask:?}, {name}[{index}] is {gradient}, the difference {difference}");
            }
        }
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

/// By every input and every parameter of attention, off the kinks: points and boxes, for each level and for all.
#[test]
fn attention_gradients_by_differences() {
    let mut rng = Rng::with_seed(104);
    for (points, references) in [([2, 2], [2, 2]), ([2, 2], [1, 4]), ([1, 3], [1, 4]), ([1, 3], [1, 2])] {
        let layer = attention(points);
        let shapes = attention_inputs(&layer, references);
        let geometry = MultiScaleDeformAttnLayerGeometry::new(&layer, &shapes).unwrap();
        let mut drawn = |shape: &Shape| (0..shape.elements()).map(|_| rng.f64() - 0.5).collect::<Vec<_>>();
        let mut inputs = shapes.map(&mut drawn);
        inputs.reference_points.iter_mut().for_each(|reference| *reference += 0.5);
        inputs.padding_mask.iter_mut().flatten().for_each(|mask| *mask = f64::from(u8::from(*mask > 0.3)));
        let grad_output = drawn(&geometry.output_shape());
        let loss = |inputs: &MultiScaleDeformAttnLayerInputs<Vec<f64>>| {
            let output = reference::multi_scale_deform_attn_layer(&geometry, &inputs.map(|slice| &slice[..])).unwrap();
            output.value.iter().zip(&grad_output).map(|(value, grad)| value * grad).sum::<f64>()
        };
        let slices = inputs.map(|slice| &slice[..]);
        let gradients = reference::multi_scale_deform_attn_layer_backward(&geometry, &slices, &grad_output).unwrap();
        assert_eq!(gradients.named().count(), 12);
        for (name, Reference { value, .. }) in gradients.named() {
            for (index, gradient) in value.iter().enumerate() {
                let moved = |step: f64| {
                    let mut inputs = inputs.clone();
                    let parameters = &mut inputs.parameters;
                    let slice = match name {
                        "grad_query" => &mut inputs.query,
                        "grad_value_input" => &mut inputs.value_input,
                        "grad_reference_points" => &mut inputs.reference_points,
                        "grad_query_position" => inputs.query_position.as_mut().unwrap(),
                        "grad_value_proj_weight" => &mut parameters.value_proj_weight,
                        "grad_value_proj_bias" => &mut parameters.value_proj_bias,
                        "grad_sampling_offsets_weight" => &mut parameters.sampling_offsets_weight,
                        "grad_sampling_offsets_bias" => &mut parameters.sampling_offsets_bias,
                        "grad_attention_weights_weight" => &mut parameters.attention_weights_weight,
                        "grad_attention_weights_bias" => &mut parameters.attention_weights_bias,
                        "grad_output_proj_weight" => &mut parameters.output_proj_weight,
                        "grad_output_proj_bias" => &mut parameters.output_proj_bias,
                        name => panic!("{name}"),
                    };
                    slice[index] += step;
                    loss(&inputs)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let off = (gradient - difference).abs();
                assert!(off < 1e-6, "{points:?}, {name}[{index}] is {gradient}, the difference {difference}");
            }
        }
    }
}

/// An input of 3 channels, 5x4, and a window of 3x2 that keeps the extents.
fn v4_inputs(layer: &DeformConvV4Layer, apart: bool) -> DeformConvV4LayerInputs<Shape> {
    let offset_mask_input = if apart { 2 } else { 3 };
    let sizes = DeformConvV4Sizes { input: 3, offset_mask_input, value: 4, output: 3 };
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
    let table: [(Change, &str); 6] = [
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
    ];
    for (change, expected) in table {
        let mut layer = V4;
        let mut inputs = v4_inputs(&layer, false);
        change(&mut layer, &mut inputs);
        let error = DeformConvV4LayerGeometry::new(&layer, &inputs).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// By every input and every parameter of version 4, off the kinks.
#[test]
fn version_4_gradients_by_differences() {
    let mut rng = Rng::with_seed(105);
    for apart in [false, true] {
        let shapes = v4_inputs(&V4, apart);
        let geometry = DeformConvV4LayerGeometry::new(&V4, &shapes).unwrap();
        let mut drawn = |shape: &Shape| (0..shape.elements()).map(|_| rng.f64() - 0.5).collect::<Vec<_>>();
        let inputs = shapes.map(&mut drawn);
        let grad_output = drawn(&geometry.output_shape());
        let loss = |inputs: &DeformConvV4LayerInputs<Vec<f64>>| {
            let output = reference::deform_conv_v4_layer(&geometry, &inputs.map(|slice| &slice[..])).unwrap();
            output.value.iter().zip(&grad_output).map(|(value, grad)| value * grad).sum::<f64>()
        };
        let slices = inputs.map(|slice| &slice[..]);
        let gradients = reference::deform_conv_v4_layer_backward(&geometry, &slices, &grad_output).unwrap();
        assert_eq!(gradients.named().count(), if apart { 8 } else { 7 });
        for (name, Reference { value, .. }) in gradients.named() {
            for (index, gradient) in value.iter().enumerate() {
                let moved = |step: f64| {
                    let mut inputs = inputs.clone();
                    let parameters = &mut inputs.parameters;
                    let slice = match name {
                        "grad_input" => &mut inputs.input,
                        "grad_offset_mask_input" => inputs.offset_mask_input.as_mut().unwrap(),
                        "grad_value_proj_weight" => &mut parameters.value_proj_weight,
                        "grad_value_proj_bias" => &mut parameters.value_proj_bias,
                        "grad_offset_mask_weight" => &mut parameters.offset_mask_weight,
                        "grad_offset_mask_bias" => &mut parameters.offset_mask_bias,
                        "grad_output_proj_weight" => &mut parameters.output_proj_weight,
                        "grad_output_proj_bias" => &mut parameters.output_proj_bias,
                        name => panic!("{name}"),
                    };
                    slice[index] += step;
                    loss(&inputs)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let off = (gradient - difference).abs();
                assert!(off < 1e-6, "{name}[{index}] is {gradient}, the difference {difference}");
            }
        }
    }
}
