use std::sync::OnceLock;

use super::{
    DeformConv2d, DeformConv2dField, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs,
    DeformConv2dParameters, DeformConv2dSizes,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{self, Conv2d, Conv2dGradients, Conv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::{
    self, Argument, Contract, Conv2dPlan, Destination, Gradient, Named, check_apart, get_or_try_init, offset_field,
    rounded, widened,
};

/// A [`DeformConv2d`] bound to a device and shapes: what a model keeps.
///
/// Its convolutions and what lies between them are one recording. Inputs of 16 bits are widened once for both convolutions.
pub struct DeformConv2dPlan {
    contract: Contract<Read<TensorSpec>>,
    geometry: DeformConv2dGeometry,
    offset_conv: Conv2dPlan,
    mask_conv: Option<Conv2dPlan>,
    convolution: ops::DeformConv2dPlan,
    /// Whether the backward pass has been compiled.
    backward: OnceLock<()>,
}

ops::plan!(DeformConv2dPlan, |plan| { geometry: plan.geometry });

/// All that a layer reads.
#[derive(Debug, Clone, Copy)]
struct Read<T> {
    inputs: DeformConv2dInputs<T>,
    parameters: DeformConv2dParameters<T>,
}

impl<T> Read<T> {
    fn named(&self) -> Named<'_, T, 9> {
        let ([input, offset_input, flow], parameters) = (self.inputs.named(), self.parameters.named());
        let [weight, offset_weight, bias, offset_bias, mask_weight, mask_bias] = parameters;
        [input, offset_input, flow, weight, offset_weight, bias, offset_bias, mask_weight, mask_bias]
    }
}

impl DeformConv2dPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute): see [`DeformConv2dGeometry::new`].
    pub fn new(
        gpu: &Gpu,
        layer: &DeformConv2d,
        inputs: &DeformConv2dInputs<TensorSpec>,
        parameters: &DeformConv2dParameters<TensorSpec>,
    ) -> Result<Self> {
        let geometry =
            DeformConv2dGeometry::new(layer, &inputs.map(|spec| spec.shape), &parameters.map(|spec| spec.shape))?;
        let read = Read { inputs: *inputs, parameters: *parameters };
        let contract = Contract::new(gpu, read, Read::named, geometry.output_shape())?;
        offset_field::compile(gpu)?;

        let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, .. } = *layer;
        let wide = |spec: TensorSpec| TensorSpec { dtype: DType::F32, ..spec };
        let conv = |weight, bias| {
            let input = wide(inputs.offset_input.unwrap_or(inputs.input));
            let window = Conv2d { stride, padding, dilation, groups: 1 };
            Conv2dPlan::new(gpu, &window, &Conv2dInputs { input, weight, bias })
        };
        let offset_conv = conv(parameters.offset_weight, parameters.offset_bias)?;
        let mask_conv = parameters.mask_weight.map(|weight| conv(weight, parameters.mask_bias)).transpose()?;
        let field = geometry.field_shapes().map(|&shape| TensorSpec { shape, dtype: DType::F32 });
        let op = geometry::DeformConv2d {
            stride,
            padding,
            dilation,
            groups,
            offset_groups,
            border,
            edge_derivative,
            offset_layout: geometry.offset_layout(),
        };
        let inputs = geometry::DeformConv2dInputs {
            input: wide(inputs.input),
            offset: field.offset,
            mask: field.mask,
            weight: parameters.weight,
            bias: parameters.bias,
        };
        let convolution = ops::DeformConv2dPlan::new(gpu, &op, &inputs)?;
        Ok(Self { contract, geometry, offset_conv, mask_conv, convolution, backward: OnceLock::new() })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &DeformConv2dGeometry {
        &self.geometry
    }

    /// New tensors for the offsets and masks of a forward pass, to serve any number of them, one after another.
    ///
    /// # Errors
    /// What [`Tensor::new`] gives.
    pub fn new_field(&self, gpu: &Gpu) -> Result<DeformConv2dField<Tensor>> {
        self.geometry.field_shapes().try_map(|&shape| Tensor::new(gpu, shape, DType::F32))
    }

    /// Records the layer into a new tensor (batch, out_channels, out_height, out_width). Offsets and masks lie in workspace.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
    ) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, parameters, &output)?;
        Ok(output)
    }

    /// Records the layer into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Attribute`](crate::Error::Attribute) where `output` shares its buffer with what is read;
    /// [`Error::Limit`](crate::Error::Limit) as for the convolutions.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        self.check(recorder, inputs, parameters, output)?;
        recorder.op(|recorder| {
            let field = self.geometry.field_shapes().try_map(|&shape| recorder.workspace(shape))?;
            self.record(recorder, inputs, parameters, &field, output)
        })
    }

    /// The same as [`DeformConv2dPlan::forward`], with the offsets and masks in `field`, which a backward pass needs.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::forward_with_into`], and what [`Tensor::new`] gives.
    pub fn forward_with(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
    ) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_with_into(recorder, inputs, parameters, field, &output)?;
        Ok(output)
    }

    /// The same as [`DeformConv2dPlan::forward_into`], with the offsets and masks in `field`, which a backward pass needs.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::forward_into`], with `field` for an output.
    pub fn forward_with_into(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        self.check(recorder, inputs, parameters, output)?;
        self.check_field(recorder, field)?;
        let read = Read { inputs: *inputs, parameters: *parameters };
        for (name, tensor) in present(&field.named()) {
            present(&read.named()).try_for_each(|(read, &other)| check_apart((name, tensor), (read, other)))?;
            check_apart(("output", output), (name, tensor))?;
        }
        if let Some(mask) = &field.mask {
            check_apart(("mask", mask), ("offset", &field.offset))?;
        }
        recorder.op(|recorder| self.record(recorder, inputs, parameters, field, output))
    }

    fn check(
        &self,
        recorder: &Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let given = arguments(inputs, parameters);
        self.contract.check(recorder, Read::named, given.named(), output)
    }

    fn check_field(&self, recorder: &Recorder, field: &DeformConv2dField<Tensor>) -> Result<()> {
        let planned = self.geometry.field_shapes().map(|&shape| TensorSpec { shape, dtype: DType::F32 });
        let given = field.map(Argument::from);
        self.contract.check_inputs(recorder, planned.named(), given.named())
    }

    /// The forward pass, into a field that is the recording's or the caller's.
    fn record(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let DeformConv2dParameters { weight, offset_weight, bias, offset_bias, mask_weight, mask_bias } = *parameters;
        let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
        let input = inputs.offset_input.as_ref().unwrap_or(&inputs.input);
        let geometry = &self.geometry.fields;
        let read = Conv2dInputs { input, weight: offset_weight, bias: offset_bias };
        self.offset_conv.forward_into(recorder, &read, &field.offset)?;
        offset_field::activate(recorder, &geometry.offset, &field.offset, inputs.flow.as_ref())?;
        if let (Some(plan), Some(weight), Some(mask), Some(geometry)) =
            (&self.mask_conv, mask_weight, &field.mask, &geometry.mask)
        {
            plan.forward_into(recorder, &Conv2dInputs { input, weight, bias: mask_bias }, mask)?;
            offset_field::activate(recorder, geometry, mask, None)?;
        }
        let read = geometry::DeformConv2dInputs {
            input: &inputs.input,
            offset: &field.offset,
            weight,
            mask: field.mask.as_ref(),
            bias,
        };
        rounded(recorder, output, |recorder, output| self.convolution.forward_into(recorder, &read, output))
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors; `ALL` stands for those of what there is.
    ///
    /// The first call compiles what the backward pass needs.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
        wanted: &DeformConv2dGradients<()>,
    ) -> Result<DeformConv2dGradients<Tensor>> {
        let Read { inputs: DeformConv2dInputs { input, offset_input, flow }, parameters: p } = self.contract.inputs;
        let specs = wanted.of(DeformConv2dGradients {
            input: Some(input),
            offset_input,
            flow,
            weight: Some(p.weight),
            offset_weight: Some(p.offset_weight),
            bias: p.bias,
            offset_bias: p.offset_bias,
            mask_weight: p.mask_weight,
            mask_bias: p.mask_bias,
        })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        let destinations = gradients.map(|gradient| gradient);
        self.backward_into(recorder, inputs, parameters, field, grad_output, &destinations)?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, which is written or added to, through both convolutions: that of the input is the sum of
    /// both, unless the offsets come from `offset_input`. `field` is what a forward pass of the same tensors has left; nothing else is kept
    /// from it.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::forward_into`], with gradients for outputs; [`Error::Shape`](crate::Error::Shape) for the gradient of what is
    /// absent; [`Error::Attribute`](crate::Error::Attribute) where two gradients overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = arguments(inputs, parameters);
        let destinations = destinations.map(|&destination| destination.into());
        let named = destinations.named();
        self.contract.check_backward(recorder, Read::named, given.named(), grad_output, named)?;
        self.check_field(recorder, field)?;
        for (name, destination) in destinations.named() {
            present(&field.named()).try_for_each(|read| check_apart((name, destination.tensor()), read))?;
        }
        let gpu = recorder.gpu().clone();
        get_or_try_init(&self.backward, || offset_field::compile_backward(&gpu))?;
        recorder.op(|recorder| self.record_backward(recorder, inputs, parameters, field, grad_output, &destinations))
    }

    fn record_backward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        parameters: &DeformConv2dParameters<&Tensor>,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<Destination>,
    ) -> Result<()> {
        let DeformConv2dParameters { weight, offset_weight, bias, offset_bias, mask_weight, mask_bias } = *parameters;
        let shared = inputs.offset_input.is_none();
        let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
        let grad_output = widened(recorder, grad_output)?;
        let DeformConv2dGradients { input, offset_input, flow, .. } = *destinations;
        let summed = DeformConv2dGradients { input, offset_input, flow, ..DeformConv2dGradients::default() };
        let gradients = summed.try_map(|&destination| Gradient::begin(recorder, destination))?;

        // Of what the two convolutions have in common, the deformable one writes its share first.
        let through_offsets = if shared { &gradients.input } else { &gradients.offset_input };
        let of_offset = through_offsets.is_some()
            || gradients.flow.is_some()
            || destinations.offset_weight.is_some()
            || destinations.offset_bias.is_some();
        let of_mask =
            through_offsets.is_some() || destinations.mask_weight.is_some() || destinations.mask_bias.is_some();
        let grad_offset = of_offset.then(|| recorder.workspace(field.offset.shape())).transpose()?;
        let grad_mask = field.mask.as_ref().filter(|_| of_mask);
        let grad_mask = grad_mask.map(|mask| recorder.workspace(mask.shape())).transpose()?;

        let read = geometry::DeformConv2dInputs {
            input: &inputs.input,
            offset: &field.offset,
            weight,
            mask: field.mask.as_ref(),
            bias,
        };
        let written = geometry::DeformConv2dGradients {
            input: gradients.input.as_ref().map(Gradient::destination),
            offset: grad_offset.as_ref().map(Destination::Write),
            weight: destinations.weight,
            mask: grad_mask.as_ref().map(Destination::Write),
            bias: destinations.bias,
        };
        if written.named().next().is_some() {
            self.convolution.backward_into(recorder, &read, &grad_output, &written)?;
        }

        let geometry = &self.geometry.fields;
        let flow = inputs.flow.as_ref();
        let input = inputs.offset_input.as_ref().unwrap_or(&inputs.input);
        let mut through = through_offsets.as_ref().map(|gradient| match gradient.destination() {
            Destination::Write(tensor) if shared => Destination::Add(tensor),
            destination => destination,
        });
        if let Some(grad_offset) = &grad_offset {
            if let Some(gradient) = &gradients.flow {
                offset_field::of_flow(recorder, &geometry.offset, grad_offset, gradient)?;
            }
            offset_field::activate_backward(recorder, &geometry.offset, &field.offset, flow, grad_offset)?;
            let read = Conv2dInputs { input, weight: offset_weight, bias: offset_bias };
            let written =
                Conv2dGradients { input: through, weight: destinations.offset_weight, bias: destinations.offset_bias };
            if written.named().next().is_some() {
                self.offset_conv.backward_into(recorder, &read, grad_offset, &written)?;
            }
            through = through.map(|destination| Destination::Add(destination.tensor()));
        }
        if let (Some(plan), Some(geometry), Some(weight), Some(mask), Some(grad_mask)) =
            (&self.mask_conv, &geometry.mask, mask_weight, &field.mask, &grad_mask)
        {
            offset_field::activate_backward(recorder, geometry, mask, None, grad_mask)?;
            let read = Conv2dInputs { input, weight, bias: mask_bias };
            let written =
                Conv2dGradients { input: through, weight: destinations.mask_weight, bias: destinations.mask_bias };
            plan.backward_into(recorder, &read, grad_mask, &written)?;
        }
        gradients.named().try_for_each(|(_, gradient)| gradient.finish(recorder))
    }
}

fn arguments<'a>(
    inputs: &DeformConv2dInputs<&'a Tensor>,
    parameters: &DeformConv2dParameters<&'a Tensor>,
) -> Read<Argument<'a>> {
    Read {
        inputs: inputs.map(|&tensor| Argument::from(tensor)),
        parameters: parameters.map(|&tensor| Argument::from(tensor)),
    }
}

/// The arguments that there are.
fn present<'a, T, const N: usize>(named: &Named<'a, T, N>) -> impl Iterator<Item = (&'static str, &'a T)> {
    named.iter().filter_map(|(name, argument)| Some((*name, (*argument)?)))
}

impl DeformConv2dParameters<Tensor> {
    /// The parameters that training begins with: see [`DeformConv2d::initial`].
    ///
    /// # Errors
    /// As [`DeformConv2d::parameter_shapes`], and what [`Tensor::upload`] gives.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformConv2d,
        sizes: &DeformConv2dSizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| super::upload(gpu, *shape, dtype, elements))
    }
}
