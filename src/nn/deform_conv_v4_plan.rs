use super::connected::{Connected, wide};
use super::samples::{Samples, SamplesInputs, SamplesWanted};
use super::{
    DeformConvV4Layer, DeformConvV4LayerGeometry, DeformConvV4LayerGradients, DeformConvV4LayerInputs,
    DeformConvV4Parameters, DeformConvV4Sizes, upload,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{DeformConvV3, DeformConvV4, DeformConvV4Gradients, DeformConvV4Inputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::{self, Function};
use crate::ops::DeformConvV4Plan;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, opaque};
use crate::shape::Shape;

/// The plans of a layer's parts.
pub struct Projected {
    value_proj: Connected,
    offset_mask: Connected,
    samples: Samples<DeformConvV4>,
}

opaque!(Projected);

impl Kernels for DeformConvV4Layer {
    type Compiled = Projected;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConvV4LayerGeometry,
        _: &DeformConvV4LayerInputs<TensorSpec>,
    ) -> Result<Projected> {
        binary::compile(gpu, Function::First)?;
        let read = geometry.convolution.input_shapes().map(|&shape| wide(shape));
        let convolution = DeformConvV4Plan::of(gpu, geometry.convolution, &read)?;
        Ok(Projected {
            value_proj: Connected::new(gpu, geometry.value_proj)?,
            offset_mask: Connected::new(gpu, geometry.offset_mask)?,
            samples: Samples::new(gpu, convolution, geometry.center.as_ref(), geometry.output_proj)?,
        })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV4LayerInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.tensor())?;
        let read = plan.record_inputs(recorder, &inputs)?;
        plan.compiled().samples.forward(recorder, &read, &samples_inputs(&read.input, &inputs.parameters), output)
    }

    fn same(&self, other: &Self) -> bool {
        self == other && self.window.offset_scale.to_bits() == other.window.offset_scale.to_bits()
    }

    fn smallest() -> (Self, DeformConvV4LayerInputs<TensorSpec>) {
        let parameters = DeformConvV4Parameters {
            value_proj_weight: Shape::from([1, 1]),
            value_proj_bias: [1].into(),
            offset_mask_weight: [8, 1].into(),
            offset_mask_bias: [8].into(),
            output_proj_weight: [1, 1].into(),
            output_proj_bias: [1].into(),
            center_feature_scale_proj_weight: Some([1, 1].into()),
            center_feature_scale_proj_bias: Some([1].into()),
        };
        let inputs = DeformConvV4LayerInputs { input: [1; 4].into(), offset_mask_input: None, parameters };
        let window = DeformConvV3 { kernel: [1; 2], padding: [0; 4], ..DeformConvV3::default() };
        (Self { window }, inputs.map(|&shape| wide(shape)))
    }
}

/// The vector-Jacobian products of all inputs and parameters. The forward pass is repeated, and nothing kept from it.
impl Differentiable for DeformConvV4Layer {
    type Gradients = DeformConvV4LayerGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV4LayerInputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformConvV4LayerGradients<Destination>,
    ) -> Result<()> {
        let wide = inputs.try_map(|input| input.wide(recorder))?;
        let (inputs, wanted) = (wide.as_ref(), destinations);
        let parameters = &inputs.parameters;
        let Projected { value_proj, offset_mask, samples } = plan.compiled();
        let read = plan.record_inputs(recorder, &inputs)?;
        let of_samples = SamplesWanted {
            features: None,
            scale: [wanted.center_feature_scale_proj_weight, wanted.center_feature_scale_proj_bias],
            output_proj: [wanted.output_proj_weight, wanted.output_proj_bias],
        };
        let grad =
            samples.backward(recorder, &read, &samples_inputs(&read.input, parameters), grad_output, &of_samples)?;

        // Where the offsets and masks are made of the input too, their part of its gradient is added to that of the value.
        let of_read = match inputs.offset_mask_input {
            Some(_) => wanted.offset_mask_input,
            None => wanted.input.map(|destination| Destination::Add(destination.tensor())),
        };
        let of_value = [wanted.input, wanted.value_proj_weight, wanted.value_proj_bias];
        let of_offset_mask = [of_read, wanted.offset_mask_weight, wanted.offset_mask_bias];
        let through_offset_mask = of_offset_mask.iter().any(Option::is_some);
        let grad_offset_mask = through_offset_mask.then(|| recorder.workspace(read.offset_mask.shape())).transpose()?;
        let gradients = DeformConvV4Gradients {
            input: of_value.iter().any(Option::is_some).then(|| grad.of_value()),
            offset_mask: grad_offset_mask.as_ref().map(Destination::Write),
        };
        if gradients.named().next().is_some() {
            samples.convolution().backward_into(recorder, &read, &grad.samples, &gradients)?;
        }
        if gradients.input.is_some() {
            value_proj.backward(
                recorder,
                inputs.input,
                [parameters.value_proj_weight, parameters.value_proj_bias],
                &grad.value,
                of_value,
            )?;
        }
        if let Some(grad) = &grad_offset_mask {
            let read = inputs.offset_mask_input.unwrap_or(inputs.input);
            offset_mask.backward(
                recorder,
                read,
                [parameters.offset_mask_weight, parameters.offset_mask_bias],
                grad,
                of_offset_mask,
            )?;
        }
        Ok(())
    }
}

fn samples_inputs<'a>(value: &'a Tensor, parameters: &DeformConvV4Parameters<&'a Tensor>) -> SamplesInputs<'a> {
    let (weight, bias) = (parameters.center_feature_scale_proj_weight, parameters.center_feature_scale_proj_bias);
    SamplesInputs {
        value,
        features: None,
        scale: weight.zip(bias),
        output_proj: [parameters.output_proj_weight, parameters.output_proj_bias],
    }
}

impl Plan<DeformConvV4Layer> {
    /// Records what the convolution reads.
    fn record_inputs(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConvV4LayerInputs<&Tensor>,
    ) -> Result<DeformConvV4Inputs<Tensor>> {
        let parameters = &inputs.parameters;
        let read = self.geometry().convolution.input_shapes().try_map(|&shape| recorder.workspace(shape))?;
        let layer = [parameters.value_proj_weight, parameters.value_proj_bias];
        self.compiled().value_proj.forward(recorder, inputs.input, layer, &read.input)?;
        let layer = [parameters.offset_mask_weight, parameters.offset_mask_bias];
        let made_of = inputs.offset_mask_input.unwrap_or(inputs.input);
        self.compiled().offset_mask.forward(recorder, made_of, layer, &read.offset_mask)?;
        Ok(read)
    }
}

impl DeformConvV4Parameters<Tensor> {
    /// The parameters that training begins with: see [`DeformConvV4Layer::initial`].
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, or groups do not divide the value's channels;
    /// [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than `u32` counts; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformConvV4Layer,
        sizes: &DeformConvV4Sizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| upload(gpu, *shape, dtype, elements))
    }
}
