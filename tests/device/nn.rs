use fastrand::Rng;
use pliant::nn;
use pliant::{
    AttentionLevel, AttentionSampling, DType, DeformConvV3, DeformRoiPool, Error, MultiScaleDeformAttn, OffsetLayout,
    Recorder, Tensor,
};

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, gpu};

/// The choices of a layer that is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    mask: nn::Mask,
    split: bool,
    limit: Option<f32>,
    flows: u32,
    offset_channels: Option<u32>,
}

const PLAIN: Kind = Kind { mask: nn::Mask::None, split: false, limit: None, flows: 0, offset_channels: None };

/// Every part of a layer, in at least two company.
pub(crate) const KINDS: [Kind; 7] = [
    PLAIN,
    Kind { mask: nn::Mask::Sigmoid, ..PLAIN },
    Kind { mask: nn::Mask::TwoSigmoid, split: true, ..PLAIN },
    Kind { limit: Some(3.0), flows: 1, ..PLAIN },
    // BasicVSR++'s.
    Kind { mask: nn::Mask::Sigmoid, limit: Some(2.0), flows: 2, offset_channels: Some(5), ..PLAIN },
    Kind { mask: nn::Mask::Sigmoid, split: true, flows: 4, offset_channels: Some(3), ..PLAIN },
    Kind { mask: nn::Mask::TwoSigmoid, flows: 1, ..PLAIN },
];

/// A layer in which no two axes are alike, its parameters drawn: none of them is 0.
pub(crate) fn layer(rng: &mut Rng, kind: Kind, batch: u32) -> Problem {
    let Kind { mask, split, limit, flows, offset_channels } = kind;
    let layer = nn::DeformConv2dLayer {
        stride: [2, 1],
        padding: [1, 0, 2, 3],
        dilation: [2, 1],
        groups: 2,
        offset_groups: 4,
        mask,
        offset_limit: limit,
        ..nn::DeformConv2dLayer::default()
    };
    let sizes = nn::DeformConv2dSizes { offset_channels, split, ..nn::DeformConv2dSizes::new([8, 6], [3, 2]) };
    let shapes = layer.parameter_shapes(&sizes).unwrap();
    let spread = |name: &str| if name == "weight" || name == "bias" { 1.0 } else { 0.3 };
    let mut named = shapes.named();
    let parameters = shapes.map(|&shape| {
        let (name, _) = named.by_ref().find(|(_, shape)| shape.is_some()).unwrap();
        normal(rng, shape, spread(name))
    });
    let inputs = nn::DeformConv2dLayerInputs {
        input: normal(rng, [batch, 8, 7, 5], 1.0),
        offset_input: offset_channels.map(|channels| normal(rng, [batch, channels, 7, 5], 1.0)),
        flow: (flows > 0).then(|| normal(rng, [batch, 2 * flows, 3, 7], 1.5)),
        parameters,
    };
    Problem::Layer(layer, inputs)
}

fn check(problem: &Problem, implementation: Implementation, ways: Ways) {
    let Implementation::Device { storage, .. } = implementation else { return };
    let checked = check_on(problem, implementation).and_then(|()| check_backward_on(problem, 91, implementation, ways));
    if let Err(failure) = checked {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

fn on(storage: Storage) -> Implementation<'static> {
    Implementation::Device { gpu: gpu(), strategy: None, storage }
}

/// A layer of every kind.
pub(crate) fn layers() -> Vec<Problem> {
    let mut rng = Rng::with_seed(92);
    KINDS.map(|kind| layer(&mut rng, kind, 3)).into()
}

#[test]
fn layers_of_every_kind() {
    for problem in layers() {
        check(&problem, on(Storage::F32), Ways::All);
    }
    let mut rng = Rng::with_seed(92);
    check(&layer(&mut rng, KINDS[4], 0), on(Storage::F32), Ways::All);
}

#[test]
fn layers_in_any_storage() {
    let mut rng = Rng::with_seed(93);
    for (index, (kind, storage)) in KINDS.iter().zip(STORAGES.iter().cycle()).enumerate() {
        check(&layer(&mut rng, *kind, 2), on(*storage), if index < 2 { Ways::All } else { Ways::One });
    }
}

/// Offsets and masks are done image by image, plane by plane, and row by row where no more can be bound.
#[test]
fn fields_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let device = Implementation::Device { gpu: &gpu, strategy: None, storage: Storage::F32 };
    let mut rng = Rng::with_seed(94);
    let wide = nn::DeformConv2dLayer {
        mask: nn::Mask::Sigmoid,
        offset_limit: Some(2.0),
        offset_groups: 2,
        ..nn::DeformConv2dLayer::default()
    };
    let shapes = wide.parameter_shapes(&nn::DeformConv2dSizes::new([2, 3], [1, 1])).unwrap();
    let parameters = shapes.map(|&shape| normal(&mut rng, shape, 0.5));
    let inputs = nn::DeformConv2dLayerInputs {
        flow: Some(normal(&mut rng, [2, 4, 30, 43], 1.0)),
        ..nn::DeformConv2dLayerInputs::new(Array::from_fn([2, 2, 30, 43], |index| (index % 7) as f32 - 3.0), parameters)
    };
    let problem = Problem::Layer(wide, inputs);
    check(&problem, device, Ways::All);

    // Nobody else uses this device: a step repeated makes nothing.
    let Problem::Layer(layer, inputs) = problem else { unreachable!() };
    let inputs = inputs.map(|array| array.upload(&gpu).unwrap());
    let plan = nn::DeformConv2dLayerPlan::new(&gpu, &layer, &inputs).unwrap();
    let field = plan.new_field(&gpu).unwrap();
    let mut recorder = Recorder::new(&gpu);
    let output = plan.forward_with(&mut recorder, &inputs, &field).unwrap();
    let gradients = plan.backward_with(&mut recorder, &inputs, &field, &output).unwrap();
    drop(recorder);
    let step = || {
        let mut recorder = Recorder::new(&gpu);
        plan.forward_with_into(&mut recorder, &inputs, &field, &output).unwrap();
        plan.backward_with_into(&mut recorder, &inputs, &field, &output, &gradients).unwrap();
        recorder.submit().unwrap();
        drop(recorder);
        gpu.counts()
    };
    assert_eq!(step(), step());
}

/// A layer that pools, and how it is stored: RoIs in f32.
pub(crate) fn pool(rng: &mut Rng, modulated: bool) -> Problem {
    let layer = nn::DeformRoiPoolLayer {
        pool: DeformRoiPool { pooled: [2, 3], spatial_scale: 0.5, sampling_ratio: 2, ..DeformRoiPool::default() },
    };
    let shapes = layer.parameter_shapes(&nn::DeformRoiPoolSizes { channels: 3, hidden: 5, modulated }).unwrap();
    let parameters = shapes.map(|&shape| normal(rng, shape, 0.4));
    let corners = [[0.0, 1.0, 2.0, 13.0, 11.0], [1.0, 3.5, 0.0, 16.0, 9.5], [0.0, -3.0, 5.0, 7.0, 20.0]].concat();
    let input = normal(rng, [2, 3, 9, 8], 1.0);
    let rois = Array { shape: [3, 5].into(), elements: corners };
    Problem::PoolLayer(layer, nn::DeformRoiPoolLayerInputs { input, rois, parameters })
}

/// Pooled, moved and modulated, with every gradient, written and added.
#[test]
fn pools_of_regions() {
    let mut rng = Rng::with_seed(95);
    for (modulated, dtype) in [(false, DType::F32), (true, DType::F32), (true, DType::F16)] {
        let (problem, storage) = (pool(&mut rng, modulated), Storage::new(dtype, DType::F32));
        check(&problem, on(storage), Ways::All);
        let stored = problem.stored(storage);
        let grad_output = Array::filled([stored.reference().unwrap().value.len() as u32], 1.0);
        let gradients = stored.gradients(&grad_output).unwrap();
        assert_eq!(gradients.len(), if modulated { 11 } else { 7 });
        for (name, reference) in gradients {
            assert!(reference.value.iter().any(|value| *value != 0.0), "{name} is 0");
        }
    }
}

/// Levels of `[height, width, points]`, levels and coordinates of reference points, and whether there are a padding mask and a query position.
type AttentionKind<'a> = (&'a [[u32; 3]], [u32; 2], bool, AttentionSampling);

/// Points and boxes, for each level and for all, masked or not.
const ATTENTION_KINDS: [AttentionKind; 5] = [
    (&[[5, 4, 2], [3, 2, 2]], [2, 2], false, AttentionSampling::Bilinear),
    (&[[5, 4, 2], [3, 2, 2]], [2, 4], true, AttentionSampling::Bilinear),
    (&[[5, 4, 3], [3, 2, 1], [1, 2, 2]], [1, 4], true, AttentionSampling::Bilinear),
    (&[[5, 4, 3], [3, 2, 1]], [1, 2], false, AttentionSampling::Bilinear),
    (&[[4, 6, 2], [2, 3, 2], [1, 1, 2]], [1, 4], true, AttentionSampling::Discrete),
];

/// An attention layer in which no two axes are alike, all of its parameters drawn.
pub(crate) fn attention(rng: &mut Rng, (levels, [references, coordinates], whole, sampling): AttentionKind) -> Problem {
    let levels = levels.iter().map(|&[height, width, points]| AttentionLevel { height, width, points }).collect();
    let attn = MultiScaleDeformAttn { levels, sampling, ..MultiScaleDeformAttn::new([], 0) };
    let pixels = attn.levels.iter().map(|level| level.height * level.width).sum();
    let layer = nn::MultiScaleDeformAttnLayer { offset_scale: 0.75, ..nn::MultiScaleDeformAttnLayer::new(attn, 3) };
    let sizes = nn::MultiScaleDeformAttnSizes { query: 7, value_input: 5, value: 12, output: 4 };
    let parameters = layer.parameter_shapes(&sizes).unwrap().map(|&shape| normal(rng, shape, 0.5));
    let inputs = nn::MultiScaleDeformAttnLayerInputs {
        query: normal(rng, [2, 6, 7], 1.0),
        value_input: normal(rng, [2, pixels, 5], 1.0),
        reference_points: Array::from_fn([2, 6, references, coordinates], |_| 0.1 + 0.8 * rng.f32()),
        padding_mask: whole.then(|| Array::from_fn([2, pixels], |_| f32::from(u8::from(rng.u32(..4) == 0)))),
        query_position: whole.then(|| normal(rng, [2, 6, 7], 0.5)),
        parameters,
    };
    Problem::AttentionLayer(layer, inputs)
}

/// A layer of every kind.
pub(crate) fn attentions(rng: &mut Rng) -> Vec<Problem> {
    ATTENTION_KINDS.map(|kind| attention(rng, kind)).into()
}

#[test]
fn attention_layers_of_every_kind() {
    let mut rng = Rng::with_seed(97);
    for problem in attentions(&mut rng) {
        check(&problem, on(Storage::F32), Ways::All);
        let grad_output = Array::filled([problem.reference().unwrap().value.len() as u32], 1.0);
        let Problem::AttentionLayer(layer, inputs) = &problem else { unreachable!() };
        let discrete = layer.attn.sampling == AttentionSampling::Discrete;
        let gradients = problem.gradients(&grad_output).unwrap();
        assert_eq!(gradients.len(), if inputs.query_position.is_some() { 12 } else { 11 });
        for (name, reference) in gradients {
            let moves = ["grad_reference_points", "grad_sampling_offsets_weight", "grad_sampling_offsets_bias"];
            let nothing = discrete && moves.contains(&name);
            assert_eq!(reference.value.iter().any(|value| *value != 0.0), !nothing, "{name}");
        }
    }
}

#[test]
fn attention_layers_in_any_storage() {
    let mut rng = Rng::with_seed(98);
    for (kind, storage) in ATTENTION_KINDS.into_iter().take(4).zip(STORAGES.iter().cycle()) {
        check(&attention(&mut rng, kind), on(*storage), Ways::One);
    }
}

/// Tensors between inputs and output are done in pieces, and a step repeated makes nothing.
#[test]
fn attention_layers_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 2 << 10);
    let device = Implementation::Device { gpu: &gpu, strategy: None, storage: Storage::F32 };
    let problem = attention(&mut Rng::with_seed(106), ATTENTION_KINDS[1]);
    check(&problem, device, Ways::All);
    check(&v3(&mut Rng::with_seed(108), true), device, Ways::All);
    check(&v4(&mut Rng::with_seed(107), true), device, Ways::All);

    let Problem::AttentionLayer(layer, inputs) = problem else { unreachable!() };
    let inputs = inputs.map(|array| array.upload(&gpu).unwrap());
    let plan = nn::MultiScaleDeformAttnLayerPlan::new(&gpu, &layer, &inputs).unwrap();
    let mut recorder = Recorder::new(&gpu);
    let output = plan.forward(&mut recorder, &inputs).unwrap();
    let gradients = plan.backward(&mut recorder, &inputs, &output).unwrap();
    drop(recorder);
    let step = || {
        let mut recorder = Recorder::new(&gpu);
        plan.forward_into(&mut recorder, &inputs, &output).unwrap();
        plan.backward_into(&mut recorder, &inputs, &output, &gradients).unwrap();
        recorder.submit().unwrap();
        drop(recorder);
        gpu.counts()
    };
    assert_eq!(step(), step());
}

/// The parameters that training begins with place the points of a head in a line from the reference point on, and weigh all of them the same.
#[test]
fn attention_begins_around_its_reference_points() {
    let mut rng = Rng::with_seed(99);
    let layer = nn::MultiScaleDeformAttnLayer::new(MultiScaleDeformAttn::new([[5, 7]], 2), 4);
    let sizes = nn::MultiScaleDeformAttnSizes::new(8);
    let parameters = nn::MultiScaleDeformAttnParameters::new(gpu(), &layer, &sizes, DType::F32, || rng.f32()).unwrap();
    let identity = Array::from_fn([8, 8], |index| f32::from(u8::from(index % 9 == 0))).upload(gpu()).unwrap();
    let inputs = nn::MultiScaleDeformAttnLayerInputs {
        query: normal(&mut rng, [1, 1, 8], 1.0).upload(gpu()).unwrap(),
        value_input: Array::from_fn([1, 35, 8], |index| (index / 8) as f32).upload(gpu()).unwrap(),
        // The middle of the pixel (2, 3), which is number 17.
        reference_points: Tensor::upload(gpu(), [1, 1, 1, 2], &[0.5f32, 0.5]).unwrap(),
        padding_mask: None,
        query_position: None,
        parameters: nn::MultiScaleDeformAttnParameters {
            value_proj_weight: identity.clone(),
            output_proj_weight: identity,
            ..parameters
        },
    };
    let output = elements(&layer.forward(&inputs).unwrap());
    // Heads look right, down, left and up: at one and two columns, or rows of 7 pixels.
    let expected = [1.5, 1.5, 10.5, 10.5, -1.5, -1.5, -10.5, -10.5].map(|step| 17.0 + step);
    for (output, expected) in output.iter().zip(expected) {
        assert!((output - expected).abs() < 1e-4, "{output}, expected {expected}");
    }
}

/// A layer of version 3: every tap and a scale of the centre, or neither the centre's tap nor its scale.
pub(crate) fn v3(rng: &mut Rng, scaled: bool) -> Problem {
    let window = DeformConvV3 {
        kernel: [3, 2],
        padding: [1, 0, 1, 1],
        groups: 2,
        offset_scale: 0.75,
        remove_center: !scaled,
        ..DeformConvV3::default()
    };
    // A variance of few channels may be near 0.
    let layer = nn::DeformConvV3Layer { window, epsilon: 0.01 };
    let sizes =
        nn::DeformConvV3Sizes { input: 5, value: 6, output: 7, dw_kernel: [1, 3], center_feature_scale: scaled };
    let parameters = layer.parameter_shapes(&sizes).unwrap().map(|&shape| normal(rng, shape, 0.5));
    let inputs = nn::DeformConvV3LayerInputs { input: normal(rng, [2, 5, 4, 5], 1.0), parameters };
    Problem::DeformConvV3Layer(layer, inputs)
}

/// A layer of version 4: its offsets and masks of the input, and a scale of the centre; or of another tensor, beside a window that moves by two pixels.
pub(crate) fn v4(rng: &mut Rng, apart: bool) -> Problem {
    let window = DeformConvV3 { kernel: [3, 2], groups: 2, offset_scale: 0.75, ..DeformConvV3::default() };
    let (window, out) = match apart {
        true => (DeformConvV3 { stride: [2, 1], padding: [1, 0, 2, 1], remove_center: true, ..window }, [3, 4]),
        false => (DeformConvV3 { padding: [1, 0, 1, 1], ..window }, [5, 4]),
    };
    let layer = nn::DeformConvV4Layer { window };
    let offset_mask_input = if apart { 3 } else { 5 };
    let sizes =
        nn::DeformConvV4Sizes { input: 5, offset_mask_input, value: 6, output: 7, center_feature_scale: !apart };
    let parameters = layer.parameter_shapes(&sizes).unwrap().map(|&shape| normal(rng, shape, 0.5));
    let inputs = nn::DeformConvV4LayerInputs {
        input: normal(rng, [2, 5, 4, 5], 1.0),
        offset_mask_input: apart.then(|| normal(rng, [2, out[0], out[1], 3], 1.0)),
        parameters,
    };
    Problem::DeformConvV4Layer(layer, inputs)
}

#[test]
fn layers_of_versions_3_and_4() {
    let mut rng = Rng::with_seed(104);
    let mut problems = vec![];
    for (other, dtype) in [(false, DType::F32), (true, DType::F32), (true, DType::F16)] {
        problems.push((v3(&mut rng, other), dtype, if other { 15 } else { 13 }));
        problems.push((v4(&mut rng, other), dtype, if other { 8 } else { 9 }));
    }
    let Problem::DeformConvV4Layer(layer, mut inputs) = v4(&mut rng, false) else { unreachable!() };
    inputs.parameters.center_feature_scale_proj_weight = None;
    inputs.parameters.center_feature_scale_proj_bias = None;
    problems.push((Problem::DeformConvV4Layer(layer, inputs), DType::F32, 7));
    for (problem, dtype, count) in problems {
        check(&problem, on(Storage::new(dtype, DType::F32)), Ways::All);
        let grad_output = Array::filled([problem.reference().unwrap().value.len() as u32], 1.0);
        let gradients = problem.gradients(&grad_output).unwrap();
        assert_eq!(gradients.len(), count);
        for (name, reference) in gradients {
            assert!(reference.value.iter().any(|value| *value != 0.0), "{name} is 0");
        }
    }
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.download_blocking().unwrap()
}

/// The offsets that a layer leaves are those that the op takes.
#[test]
fn a_layer_is_its_two_convolutions() {
    let mut rng = Rng::with_seed(96);
    let Problem::Layer(layer, inputs) = layer(&mut rng, KINDS[1], 2) else { unreachable!() };
    let inputs = inputs.map(|array| array.upload(gpu()).unwrap());
    let plan = nn::DeformConv2dLayerPlan::new(gpu(), &layer, &inputs).unwrap();
    let field = plan.new_field(gpu()).unwrap();
    let mut recorder = Recorder::new(gpu());
    let output = plan.forward_with(&mut recorder, &inputs, &field).unwrap();
    recorder.submit().unwrap();

    let op = pliant::DeformConv2d {
        stride: layer.stride,
        padding: layer.padding,
        dilation: layer.dilation,
        groups: layer.groups,
        offset_groups: layer.offset_groups,
        offset_layout: OffsetLayout::Joint,
        ..Default::default()
    };
    let given = pliant::DeformConv2dInputs {
        input: &inputs.input,
        offset: &field.offset,
        weight: &inputs.parameters.weight,
        mask: None,
        bias: inputs.parameters.bias.as_ref(),
    };
    assert_eq!(elements(&op.forward(&given).unwrap()), elements(&output));

    let mut recorder = Recorder::new(gpu());
    let shared = nn::DeformConv2dField { offset: field.offset.clone(), mask: field.mask.clone() };
    let refused = plan.forward_with_into(&mut recorder, &inputs, &shared, &field.offset).unwrap_err();
    assert!(matches!(refused, Error::Shape { argument: "output", .. }), "{refused}");
    let swapped = nn::DeformConv2dField { offset: output.clone(), mask: None };
    let refused = plan.forward_with(&mut recorder, &inputs, &swapped).unwrap_err();
    assert!(matches!(refused, Error::Shape { argument: "offset", .. }), "{refused}");
    assert!(recorder.is_empty());
}
