//! How the layers of both convolutions without a weight end: samples of a value, the scale of their centre, and the projection of the output.

use super::connected::{Connected, add, broadcast, connected, of_two, wide};
use crate::error::{Error, Result};
use crate::geometry::{
    Binary, BroadcastAxis, DeformConvV3Geometry, Im2colGeometry, MatmulGeometry, Of, Output, Unary, UnaryGeometry,
};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::elementwise::binary::{self, Function};
use crate::ops::UnaryPlan;
use crate::ops::elementwise::broadcast::gradient;
use crate::ops::plan::{Destination, Kernels, Plan};
use crate::shape::{MAX_RANK, Shape};

pub(super) const CENTER_WEIGHT: &str = "center_feature_scale_proj_weight";
const CENTER_BIAS: &str = "center_feature_scale_proj_bias";

/// A checked scale of the centre: `sampled * (1 - c) + value * c`, where `c` is the sigmoid of a fully connected layer, one number for each group of channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CenterGeometry {
    pub(crate) proj: MatmulGeometry,
    pub(crate) logits: UnaryGeometry,
    /// Channels of a group.
    pub(crate) channels: u32,
}

impl CenterGeometry {
    /// Checks the weight and the bias, for an output of this window made of so many inputs; there is no scale where both are absent.
    pub(super) fn new(
        window: &DeformConvV3Geometry,
        inputs: u32,
        [weight, bias]: [Option<Shape>; 2],
    ) -> Result<Option<Self>> {
        let (weight, bias) = match (weight, bias) {
            (None, None) => return Ok(None),
            (Some(weight), Some(bias)) => (weight, bias),
            (Some(weight), None) => {
                return Err(Error::shape(CENTER_BIAS, format!("{CENTER_BIAS} is absent; {CENTER_WEIGHT} is {weight}")));
            }
            (None, Some(bias)) => {
                return Err(Error::shape(CENTER_WEIGHT, format!("{CENTER_WEIGHT} is absent; {CENTER_BIAS} is {bias}")));
            }
        };
        let (value, output) = (window.input_shapes().input, window.output_shape());
        if value != output {
            let message =
                format!("{CENTER_WEIGHT} scales the value ({value}), which must have the window's output ({output})");
            return Err(Error::shape(CENTER_WEIGHT, message));
        }
        let Im2colGeometry { batch, channels, out_height, out_width, .. } = window.im2col;
        let groups = window.op.groups;
        let rows = batch * out_height * out_width;
        let outputs = Some((groups.into(), "there are as many as groups,"));
        let proj = connected(rows, inputs, [(CENTER_WEIGHT, weight), (CENTER_BIAS, bias)], outputs)?;
        let logits = UnaryGeometry::new(&Unary::Sigmoid, proj.output_shape())?;
        Ok(Some(Self { proj, logits, channels: channels / groups }))
    }
}

/// The plans of a convolution, of the scale of its centre, and of the projection of its output.
pub(super) struct Samples<O: Kernels> {
    convolution: Plan<O>,
    scale: Option<Scale>,
    output_proj: Connected,
}

/// Tensors that the end of a layer reads, beside the inputs of the convolution. Parameters are a weight and a bias.
#[derive(Clone, Copy)]
pub(super) struct SamplesInputs<'a> {
    pub(super) value: &'a Tensor,
    /// The inputs of the scale; absent, they are the samples.
    pub(super) features: Option<&'a Tensor>,
    pub(super) scale: Option<(&'a Tensor, &'a Tensor)>,
    pub(super) output_proj: [&'a Tensor; 2],
}

/// Gradients at the end of a layer that are wanted.
pub(super) struct SamplesWanted<'a> {
    pub(super) features: Option<Destination<'a>>,
    pub(super) scale: [Option<Destination<'a>>; 2],
    pub(super) output_proj: [Option<Destination<'a>>; 2],
}

/// The gradients that the convolution goes on from.
pub(super) struct SamplesGradients {
    pub(super) samples: Tensor,
    pub(super) value: Tensor,
    /// Whether that of the value holds what goes through the scale.
    begun: bool,
}

impl SamplesGradients {
    /// Where the convolution's gradient of the value goes.
    pub(super) fn of_value(&self) -> Destination<'_> {
        if self.begun { Destination::Add(&self.value) } else { Destination::Write(&self.value) }
    }
}

impl<O: Kernels<Outputs = Output>> Samples<O> {
    pub(super) fn new(
        gpu: &Gpu,
        convolution: Plan<O>,
        scale: Option<&CenterGeometry>,
        output_proj: MatmulGeometry,
    ) -> Result<Self> {
        let scale = scale.map(|geometry| Scale::new(gpu, geometry)).transpose()?;
        Ok(Self { convolution, scale, output_proj: Connected::new(gpu, output_proj)? })
    }

    pub(super) fn convolution(&self) -> &Plan<O> {
        &self.convolution
    }

    pub(super) fn forward(
        &self,
        recorder: &mut Recorder,
        read: &Of<O::Inputs, Tensor>,
        inputs: &SamplesInputs,
        output: &Tensor,
    ) -> Result<()> {
        let samples = self.record_samples(recorder, read)?;
        let scaled = match self.scale.as_ref().zip(inputs.scale) {
            Some((scale, parameters)) => {
                let terms = scale.record_terms(recorder, inputs, parameters, &samples)?;
                scale.forward(recorder, &terms)?
            }
            None => samples,
        };
        self.output_proj.forward(recorder, &scaled, inputs.output_proj, output)
    }

    /// Records the gradients that are wanted and those that the convolution goes on from.
    pub(super) fn backward(
        &self,
        recorder: &mut Recorder,
        read: &Of<O::Inputs, Tensor>,
        inputs: &SamplesInputs,
        grad_output: &Tensor,
        wanted: &SamplesWanted,
    ) -> Result<SamplesGradients> {
        let [of_weight, of_bias] = wanted.output_proj;
        let shape = self.convolution.output_spec().shape;
        let (grad_scaled, value) = (recorder.workspace(shape)?, recorder.workspace(inputs.value.shape())?);
        let of_output = [Some(Destination::Write(&grad_scaled)), of_weight, of_bias];
        let Some((scale, parameters)) = self.scale.as_ref().zip(inputs.scale) else {
            let samples = match of_weight {
                Some(_) => self.record_samples(recorder, read)?,
                None => recorder.workspace(shape)?,
            };
            self.output_proj.backward(recorder, &samples, inputs.output_proj, grad_output, of_output)?;
            return Ok(SamplesGradients { samples: grad_scaled, value, begun: false });
        };
        let samples = self.record_samples(recorder, read)?;
        let terms = scale.record_terms(recorder, inputs, parameters, &samples)?;
        let scaled = scale.forward(recorder, &terms)?;
        self.output_proj.backward(recorder, &scaled, inputs.output_proj, grad_output, of_output)?;
        let grad = SamplesGradients { samples: recorder.workspace(shape)?, value, begun: true };
        scale.backward(recorder, &terms, &grad_scaled, wanted, &grad)?;
        Ok(grad)
    }

    fn record_samples(&self, recorder: &mut Recorder, read: &Of<O::Inputs, Tensor>) -> Result<Tensor> {
        let samples = recorder.workspace(self.convolution.output_spec().shape)?;
        self.convolution.forward_into(recorder, read, &samples)?;
        Ok(samples)
    }
}

/// A scale of the centre.
struct Scale {
    proj: Connected,
    sigmoid: UnaryPlan,
    /// Of channels with channels.
    alike: [BroadcastAxis; MAX_RANK],
    /// Of channels with the scale of their group.
    scaled: [BroadcastAxis; MAX_RANK],
}

/// The intermediate tensors of a scale.
struct Terms<'a> {
    /// The inputs of the scale, where they are not the samples.
    features: Option<&'a Tensor>,
    samples: &'a Tensor,
    proj: [&'a Tensor; 2],
    logits: Tensor,
    scale: Tensor,
    /// The value less the samples.
    difference: Tensor,
}

impl Scale {
    fn new(gpu: &Gpu, geometry: &CenterGeometry) -> Result<Self> {
        [Function::First, Function::Sub, Function::Mul]
            .into_iter()
            .try_for_each(|function| binary::compile(gpu, function))?;
        let MatmulGeometry { rows, columns: groups, .. } = geometry.proj;
        let channels = Shape::from([rows, groups, geometry.channels]);
        Ok(Self {
            proj: Connected::new(gpu, geometry.proj)?,
            sigmoid: UnaryPlan::of(gpu, geometry.logits, &wide(geometry.logits.shape))?,
            alike: broadcast(Binary::Sub, channels, channels)?,
            scaled: broadcast(Binary::Mul, channels, channels.with_extent(2, 1))?,
        })
    }

    fn record_terms<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &SamplesInputs<'a>,
        (weight, bias): (&'a Tensor, &'a Tensor),
        samples: &'a Tensor,
    ) -> Result<Terms<'a>> {
        let SamplesInputs { value, features, .. } = *inputs;
        let shape = self.sigmoid.geometry().shape;
        let (logits, scale) = (recorder.workspace(shape)?, recorder.workspace(shape)?);
        let difference = recorder.workspace(samples.shape())?;
        self.proj.forward(recorder, features.unwrap_or(samples), [weight, bias], &logits)?;
        self.sigmoid.forward_into(recorder, &logits, &scale)?;
        of_two(recorder, Binary::Sub, &self.alike, [value, samples], &difference)?;
        Ok(Terms { features, samples, proj: [weight, bias], logits, scale, difference })
    }

    fn forward(&self, recorder: &mut Recorder, terms: &Terms) -> Result<Tensor> {
        let scaled = recorder.workspace(terms.samples.shape())?;
        of_two(recorder, Binary::Mul, &self.scaled, [&terms.difference, &terms.scale], &scaled)?;
        add(recorder, &self.alike, terms.samples, &scaled)?;
        Ok(scaled)
    }

    /// Records the gradients that are wanted, and `grad`: what goes through the scale and what is scaled.
    fn backward(
        &self,
        recorder: &mut Recorder,
        terms: &Terms,
        grad_scaled: &Tensor,
        wanted: &SamplesWanted,
        grad: &SamplesGradients,
    ) -> Result<()> {
        of_two(recorder, Binary::Mul, &self.scaled, [grad_scaled, &terms.scale], &grad.value)?;
        of_two(recorder, Binary::Sub, &self.alike, [grad_scaled, &grad.value], &grad.samples)?;
        let of_read = match terms.features {
            Some(_) => wanted.features,
            None => Some(Destination::Add(&grad.samples)),
        };
        let [of_weight, of_bias] = wanted.scale;
        if of_read.or(of_weight).or(of_bias).is_none() {
            return Ok(());
        }
        let grad_scale = recorder.workspace(terms.scale.shape())?;
        let grad_logits = recorder.workspace(terms.logits.shape())?;
        let of_scale = Destination::Write(&grad_scale);
        gradient(recorder, &self.scaled, 1, Some(&terms.difference), grad_scaled, of_scale)?;
        self.sigmoid.backward_into(recorder, &terms.logits, &grad_scale, &grad_logits)?;
        let read = terms.features.unwrap_or(terms.samples);
        self.proj.backward(recorder, read, terms.proj, &grad_logits, [of_read, of_weight, of_bias])
    }
}
