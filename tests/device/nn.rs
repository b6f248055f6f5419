use fastrand::Rng;
use half::f16;
use pliant::geometry::{DeformRoiPool, OffsetLayout};
use pliant::nn;
use pliant::reference::Reference;
use pliant::{DType, Destination, Error, Recorder, Tensor, reference};

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::support::compare::Expected;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, gpu};

/// What of a layer is drawn.
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
    let layer = nn::DeformConv2d {
        stride: [2, 1],
        padding: [1, 0, 2, 3],
        dilation: [2, 1],
        groups: 2,
        offset_groups: 4,
        mask,
        offset_limit: limit,
        ..nn::DeformConv2d::default()
    };
    let sizes = nn::DeformConv2dSizes { offset_channels, split, ..nn::DeformConv2dSizes::new([8, 6], [3, 2]) };
    let shapes = layer.parameter_shapes(&sizes).unwrap();
    let spread = |name: &str| if name == "weight" || name == "bias" { 1.0 } else { 0.3 };
    let mut named = shapes.named().into_iter();
    let parameters = shapes.map(|&shape| {
        let (name, _) = named.by_ref().find(|(_, shape)| shape.is_some()).unwrap();
        normal(rng, shape, spread(name))
    });
    let inputs = nn::DeformConv2dInputs {
        input: normal(rng, [batch, 8, 7, 5], 1.0),
        offset_input: offset_channels.map(|channels| normal(rng, [batch, channels, 7, 5], 1.0)),
        flow: (flows > 0).then(|| normal(rng, [batch, 2 * flows, 3, 7], 1.5)),
    };
    Problem::Layer(layer, inputs, parameters)
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
    let wide = nn::DeformConv2d {
        mask: nn::Mask::Sigmoid,
        offset_limit: Some(2.0),
        offset_groups: 2,
        ..nn::DeformConv2d::default()
    };
    let shapes = wide.parameter_shapes(&nn::DeformConv2dSizes::new([2, 3], [1, 1])).unwrap();
    let parameters = shapes.map(|&shape| normal(&mut rng, shape, 0.5));
    let inputs = nn::DeformConv2dInputs {
        flow: Some(normal(&mut rng, [2, 4, 30, 43], 1.0)),
        ..Array::from_fn([2, 2, 30, 43], |index| (index % 7) as f32 - 3.0).into()
    };
    let problem = Problem::Layer(wide, inputs, parameters);
    check(&problem, device, Ways::All);

    // Nobody else uses this device: a step repeated makes nothing.
    let Problem::Layer(layer, inputs, parameters) = problem else { unreachable!() };
    let upload = |array: &Array| array.upload(&gpu).unwrap();
    let (inputs, parameters) = (inputs.map(upload), parameters.map(upload));
    let plan =
        nn::DeformConv2dPlan::new(&gpu, &layer, &inputs.map(Tensor::spec), &parameters.map(Tensor::spec)).unwrap();
    let (inputs, parameters) = (inputs.map(|tensor| tensor), parameters.map(|tensor| tensor));
    let field = plan.new_field(&gpu).unwrap();
    let mut recorder = Recorder::new(&gpu);
    let output = plan.forward_with(&mut recorder, &inputs, &parameters, &field).unwrap();
    let all = &nn::DeformConv2dGradients::ALL;
    let gradients = plan.backward(&mut recorder, &inputs, &parameters, &field, &output, all).unwrap();
    drop(recorder);
    let destinations = gradients.map(|gradient| gradient);
    let step = || {
        let mut recorder = Recorder::new(&gpu);
        plan.forward_with_into(&mut recorder, &inputs, &parameters, &field, &output).unwrap();
        plan.backward_into(&mut recorder, &inputs, &parameters, &field, &output, &destinations).unwrap();
        recorder.submit().unwrap();
        drop(recorder);
        gpu.counts()
    };
    assert_eq!(step(), step());
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    match tensor.dtype() {
        DType::F16 => tensor.download_blocking::<f16>().unwrap().into_iter().map(f16::to_f32).collect(),
        _ => tensor.download_blocking().unwrap(),
    }
}

/// A layer that pools, with what it reads as it is when stored so, and the gradient of its output.
pub(crate) struct Pool {
    layer: DeformRoiPool,
    dtype: DType,
    pub(crate) inputs: nn::DeformRoiPoolInputs<Array>,
    pub(crate) parameters: nn::DeformRoiPoolParameters<Array>,
    pub(crate) grad_output: Array,
}

impl Pool {
    pub(crate) fn draw(rng: &mut Rng, modulated: bool, dtype: DType) -> Self {
        let layer = DeformRoiPool { pooled: [2, 3], spatial_scale: 0.5, sampling_ratio: 2, ..DeformRoiPool::default() };
        let shapes = layer.parameter_shapes(&nn::DeformRoiPoolSizes { channels: 3, hidden: 5, modulated }).unwrap();
        let parameters = shapes.map(|&shape| normal(rng, shape, 0.4).stored(dtype));
        let corners = [[0.0, 1.0, 2.0, 13.0, 11.0], [1.0, 3.5, 0.0, 16.0, 9.5], [0.0, -3.0, 5.0, 7.0, 20.0]].concat();
        let inputs = nn::DeformRoiPoolInputs {
            input: normal(rng, [2, 3, 9, 8], 1.0).stored(dtype),
            rois: Array { shape: [3, 5].into(), elements: corners },
        };
        let (read, learnt) = (inputs.map(|array| array.shape), parameters.map(|array| array.shape));
        let geometry = nn::DeformRoiPoolGeometry::new(&layer, &read, &learnt).unwrap();
        let grad_output = normal(rng, geometry.output_shape(), 1.0).stored(dtype);
        Self { layer, dtype, inputs, parameters, grad_output }
    }

    /// The output and the gradients, by definition.
    fn reference(&self) -> Vec<(&'static str, Reference)> {
        let (read, learnt) = (self.inputs.map(|array| array.shape), self.parameters.map(|array| array.shape));
        let geometry = nn::DeformRoiPoolGeometry::new(&self.layer, &read, &learnt).unwrap();
        let read = self.inputs.map(|array| &array.elements[..]);
        let learnt = self.parameters.map(|array| &array.elements[..]);
        let output = reference::nn::deform_roi_pool(&geometry, &read, &learnt).unwrap();
        let gradients =
            reference::nn::deform_roi_pool_backward(&geometry, &read, &learnt, &self.grad_output.elements).unwrap();
        let gradients = gradients.named().map(|(name, gradient)| (name, gradient.clone()));
        std::iter::once(("output", output)).chain(gradients).collect()
    }

    /// Holds a device's output and gradients against the reference.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (plan, inputs, parameters, grad_output) = self.bind();
        let (inputs, parameters) = (inputs.map(|tensor| tensor), parameters.map(|tensor| tensor));
        let mut recorder = Recorder::new(gpu());
        let output = plan.forward(&mut recorder, &inputs, &parameters).unwrap();
        let all = &nn::DeformRoiPoolGradients::ALL;
        let gradients = plan.backward(&mut recorder, &inputs, &parameters, &grad_output, all).unwrap();
        recorder.submit().unwrap();
        let actual = std::iter::once(("output", &output)).chain(gradients.named());
        for ((name, tensor), (_, reference)) in actual.zip(self.reference()) {
            let expected = Expected::of_reference(reference).stored(self.dtype);
            expected.compare(&elements(tensor)).map_err(|miss| format!("{name}{miss}"))?;
        }
        Ok(())
    }

    fn bind(
        &self,
    ) -> (nn::DeformRoiPoolPlan, nn::DeformRoiPoolInputs<Tensor>, nn::DeformRoiPoolParameters<Tensor>, Tensor) {
        let upload = |array: &Array| array.upload_as(gpu(), self.dtype).unwrap();
        let inputs = nn::DeformRoiPoolInputs {
            input: upload(&self.inputs.input),
            rois: self.inputs.rois.upload(gpu()).unwrap(),
        };
        let parameters = self.parameters.map(upload);
        let (read, learnt) = (inputs.map(Tensor::spec), parameters.map(Tensor::spec));
        let plan = nn::DeformRoiPoolPlan::new(gpu(), &self.layer, &read, &learnt).unwrap();
        (plan, inputs, parameters, upload(&self.grad_output))
    }
}

/// Pooled, moved and modulated, with every gradient, written and added.
#[test]
fn pools_of_regions() {
    let mut rng = Rng::with_seed(95);
    for (modulated, dtype) in [(false, DType::F32), (true, DType::F32), (true, DType::F16)] {
        let pool = Pool::draw(&mut rng, modulated, dtype);
        pool.check().unwrap_or_else(|miss| panic!("{modulated}, {dtype}: {miss}"));
        for (name, reference) in pool.reference() {
            assert!(reference.value.iter().any(|value| *value != 0.0), "{name} is 0");
        }

        let (plan, inputs, parameters, grad_output) = pool.bind();
        let (inputs, parameters) = (inputs.map(|tensor| tensor), parameters.map(|tensor| tensor));
        let mut recorder = Recorder::new(gpu());
        let all = &nn::DeformRoiPoolGradients::ALL;
        let written = plan.backward(&mut recorder, &inputs, &parameters, &grad_output, all).unwrap();
        recorder.submit().unwrap();
        assert_eq!(written.named().count(), if modulated { 11 } else { 7 });

        let once: Vec<_> = written.named().map(|(_, gradient)| elements(gradient)).collect();
        let mut recorder = Recorder::new(gpu());
        let added = written.map(Destination::Add);
        plan.backward_into(&mut recorder, &inputs, &parameters, &grad_output, &added).unwrap();
        recorder.submit().unwrap();
        for ((name, gradient), once) in written.named().zip(once) {
            let near = |(twice, once): (&f32, &f32)| (twice - 2.0 * once).abs() <= 4e-3 * once.abs() + 1e-4;
            assert!(elements(gradient).iter().zip(&once).all(near), "{name} is not added");
        }
    }
}

/// The offsets that a layer leaves are those that the op takes.
#[test]
fn a_layer_is_its_two_convolutions() {
    let mut rng = Rng::with_seed(96);
    let Problem::Layer(layer, inputs, parameters) = layer(&mut rng, KINDS[1], 2) else { unreachable!() };
    let (inputs, parameters) =
        (inputs.map(|array| array.upload(gpu()).unwrap()), parameters.map(|array| array.upload(gpu()).unwrap()));
    let plan =
        nn::DeformConv2dPlan::new(gpu(), &layer, &inputs.map(Tensor::spec), &parameters.map(Tensor::spec)).unwrap();
    let (inputs, parameters) = (inputs.map(|tensor| tensor), parameters.map(|tensor| tensor));
    let field = plan.new_field(gpu()).unwrap();
    let mut recorder = Recorder::new(gpu());
    let output = plan.forward_with(&mut recorder, &inputs, &parameters, &field).unwrap();
    recorder.submit().unwrap();

    let op = pliant::geometry::DeformConv2d {
        stride: layer.stride,
        padding: layer.padding,
        dilation: layer.dilation,
        groups: layer.groups,
        offset_groups: layer.offset_groups,
        offset_layout: OffsetLayout::Joint,
        ..Default::default()
    };
    let given = pliant::geometry::DeformConv2dInputs {
        input: inputs.input,
        offset: &field.offset,
        weight: parameters.weight,
        mask: None,
        bias: parameters.bias,
    };
    assert_eq!(elements(&op.forward(&given).unwrap()), elements(&output));

    let mut recorder = Recorder::new(gpu());
    let shared = nn::DeformConv2dField { offset: field.offset.clone(), mask: field.mask.clone() };
    let refused = plan.forward_with_into(&mut recorder, &inputs, &parameters, &shared, &field.offset).unwrap_err();
    assert!(matches!(refused, Error::Shape { argument: "output", .. }), "{refused}");
    let swapped = nn::DeformConv2dField { offset: output.clone(), mask: None };
    let refused = plan.forward_with(&mut recorder, &inputs, &parameters, &swapped).unwrap_err();
    assert!(matches!(refused, Error::Shape { argument: "offset", .. }), "{refused}");
    assert!(recorder.is_empty());
}
