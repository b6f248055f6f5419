use std::sync::OnceLock;

use super::field;
use super::{
    DeformConv2dField, DeformConv2dLayer, DeformConv2dLayerGeometry, DeformConv2dLayerGradients,
    DeformConv2dLayerInputs, DeformConv2dParameters, DeformConv2dSizes,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGradients, Conv2dInputs, DeformConv2dGradients, DeformConv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{
    Argument, Destination, Differentiable, Gradient, Kernels, Plan, ToArgument, ToDestination, check_apart,
    get_or_try_init, opaque, rounded, widened,
};
use crate::ops::{Conv2dPlan, DeformConv2dPlan};

/// The plans of a layer's convolutions.
pub struct Convolutions {
    offset: Conv2dPlan,
    mask: Option<Conv2dPlan>,
    deformable: DeformConv2dPlan,
    /// Whether the backward pass has been compiled.
    backward: OnceLock<()>,
}

opaque!(Convolutions);

impl Kernels for DeformConv2dLayer {
    type Compiled = Convolutions;

    /// Inputs of 16 bits are widened once for both convolutions.
    const WIDENED: bool = false;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConv2dLayerGeometry,
        inputs: &DeformConv2dLayerInputs<TensorSpec>,
    ) -> Result<Convolutions> {
        field::compile(gpu)?;
        let parameters = &inputs.parameters;
        let wide = |spec: TensorSpec| TensorSpec { dtype: DType::F32, ..spec };
        let conv = |geometry, weight, bias| {
            let input = wide(inputs.offset_input.unwrap_or(inputs.input));
            Conv2dPlan::of(gpu, geometry, &Conv2dInputs { input, weight, bias })
        };
        let offset = conv(geometry.offset_conv, parameters.offset_weight, parameters.offset_bias)?;
        let mask = geometry.mask_conv.zip(parameters.mask_weight);
        let mask = mask.map(|(geometry, weight)| conv(geometry, weight, parameters.mask_bias)).transpose()?;
        let field = geometry.field_shapes().map(|&shape| TensorSpec { shape, dtype: DType::F32 });
        let inputs = DeformConv2dInputs {
            input: wide(inputs.input),
            offset: field.offset,
            mask: field.mask,
            weight: parameters.weight,
            bias: parameters.bias,
        };
        let deformable = DeformConv2dPlan::of(gpu, geometry.convolution, &inputs)?;
        Ok(Convolutions { offset, mask, deformable, backward: OnceLock::new() })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let field = plan.workspace_field(recorder)?;
        plan.record_with(recorder, inputs, &field, output)
    }

    fn smallest() -> (Self, DeformConv2dLayerInputs<TensorSpec>) {
        let spec = |shape: [u32; 4]| TensorSpec { shape: shape.into(), dtype: DType::F32 };
        let (weight, offset_weight) = (spec([1; 4]), spec([2, 1, 1, 1]));
        let parameters = DeformConv2dParameters {
            weight,
            offset_weight,
            bias: None,
            offset_bias: None,
            mask_weight: None,
            mask_bias: None,
        };
        (Self::default(), DeformConv2dLayerInputs::new(spec([1; 4]), parameters))
    }
}

/// The vector-Jacobian products through both convolutions: the input's is the sum of both, unless the offsets come from `offset_input`.
/// Offsets and masks are computed anew; [`DeformConv2dLayerPlan::backward_with`](crate::nn::DeformConv2dLayerPlan::backward_with) takes
/// those of a forward pass.
impl Differentiable for DeformConv2dLayer {
    type Gradients = DeformConv2dLayerGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformConv2dLayerGradients<Destination>,
    ) -> Result<()> {
        let field = plan.workspace_field(recorder)?;
        let wide = Wide::new(recorder, inputs)?;
        plan.record_field(recorder, inputs, &wide, &field)?;
        plan.record_backward_with(recorder, inputs, &wide, &field, grad_output, destinations)
    }
}

/// The inputs beside parameters, in f32.
struct Wide {
    input: Tensor,
    offset_input: Option<Tensor>,
    flow: Option<Tensor>,
}

impl Wide {
    fn new(recorder: &mut Recorder, inputs: &DeformConv2dLayerInputs<Argument>) -> Result<Self> {
        let input = inputs.input.wide(recorder)?;
        let offset_input = inputs.offset_input.map(|input| input.wide(recorder)).transpose()?;
        let flow = inputs.flow.map(|flow| flow.wide(recorder)).transpose()?;
        Ok(Self { input, offset_input, flow })
    }

    /// The input of the offset convolution.
    fn of_offsets(&self) -> &Tensor {
        self.offset_input.as_ref().unwrap_or(&self.input)
    }
}

impl Plan<DeformConv2dLayer> {
    /// Makes tensors for the offsets and masks of a forward pass, to serve any number of them, one after another.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) where one is beyond the device's largest buffer,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new_field(&self, gpu: &Gpu) -> Result<DeformConv2dField<Tensor>> {
        self.geometry().field_shapes().try_map(|&shape| Tensor::new(gpu, shape, DType::F32))
    }

    /// Records the layer into a new tensor (batch, out_channels, out_height, out_width), with the offsets and masks in `field`, for
    /// [`Plan::backward_with`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Device`](crate::Error::Device) where it lies elsewhere; [`Error::Aliased`](crate::Error::Aliased) where a tensor of the
    /// field shares its buffer with another tensor; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn forward_with<A: ToArgument>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<A>,
        field: &DeformConv2dField<Tensor>,
    ) -> Result<Tensor> {
        let output = self.new_outputs(recorder)?;
        self.forward_with_into(recorder, inputs, field, &output)?;
        Ok(output)
    }

    /// Records the layer into `output`, with the offsets and masks in `field`, for [`Plan::backward_with`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Device`](crate::Error::Device) where it lies elsewhere; [`Error::Aliased`](crate::Error::Aliased) where the output or a
    /// tensor of the field shares its buffer with another tensor; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn forward_with_into<A: ToArgument>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<A>,
        field: &DeformConv2dField<Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let inputs = inputs.map(ToArgument::to_argument);
        self.check_forward(recorder, &inputs, output)?;
        self.check_field(recorder, field)?;
        for (name, tensor) in present(field) {
            for (read, argument) in inputs.named() {
                let other = argument.and_then(|argument| argument.plain());
                other.map_or(Ok(()), |other| check_apart((name, tensor), (read, other)))?;
            }
            check_apart(("output", output), (name, tensor))?;
        }
        if let Some(mask) = &field.mask {
            check_apart(("mask", mask), ("offset", &field.offset))?;
        }
        recorder.op(|recorder| self.record_with(recorder, &inputs, field, output))
    }

    /// Records the vector-Jacobian products of `grad_output` with every input and parameter that there is, into new tensors. `field` is
    /// what a forward pass of the same tensors has left; nothing else is kept from it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Device`](crate::Error::Device) where it lies elsewhere; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn backward_with<A: ToArgument>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<A>,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
    ) -> Result<DeformConv2dLayerGradients<Tensor>> {
        let gradients = self.new_gradients(recorder)?;
        self.backward_with_into(recorder, inputs, field, grad_output, &gradients)?;
        Ok(gradients)
    }

    /// Records the vector-Jacobian products that have a destination, which is written or added to. `field` is what a forward pass of the
    /// same tensors has left; nothing else is kept from it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for, and
    /// `Shape` for the gradient of an input that is absent; [`Error::Device`](crate::Error::Device) where a tensor lies elsewhere;
    /// [`Error::Aliased`](crate::Error::Aliased) where a gradient shares its buffer with a tensor that is read, or two gradients overlap;
    /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn backward_with_into<A: ToArgument, D: ToDestination>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<A>,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
        destinations: &DeformConv2dLayerGradients<D>,
    ) -> Result<()> {
        let inputs = inputs.map(ToArgument::to_argument);
        let destinations = destinations.map(ToDestination::to_destination);
        self.check_backward(recorder, &inputs, grad_output, &destinations)?;
        self.check_field(recorder, field)?;
        for (name, destination) in destinations.named() {
            present(field).try_for_each(|read| check_apart((name, destination.tensor()), read))?;
        }
        recorder.op(|recorder| {
            let wide = Wide::new(recorder, &inputs)?;
            self.record_backward_with(recorder, &inputs, &wide, field, grad_output, &destinations)
        })
    }

    fn check_field(&self, recorder: &Recorder, field: &DeformConv2dField<Tensor>) -> Result<()> {
        let planned = self.geometry().field_shapes().map(|&shape| TensorSpec { shape, dtype: DType::F32 });
        self.check_arguments(recorder, planned.named(), field.map(Argument::from).named())
    }

    fn workspace_field(&self, recorder: &mut Recorder) -> Result<DeformConv2dField<Tensor>> {
        self.geometry().field_shapes().try_map(|&shape| recorder.workspace(shape))
    }

    /// Records the forward pass, into a field that is the recording's or the caller's.
    fn record_with(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<Argument>,
        field: &DeformConv2dField<Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let wide = Wide::new(recorder, inputs)?;
        self.record_field(recorder, inputs, &wide, field)?;
        let read = self.deformable_inputs(inputs, &wide, field);
        rounded(recorder, output, |recorder, output| self.compiled().deformable.forward_into(recorder, &read, output))
    }

    /// Records the offsets and masks.
    fn record_field(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<Argument>,
        wide: &Wide,
        field: &DeformConv2dField<Tensor>,
    ) -> Result<()> {
        let DeformConv2dParameters { offset_weight, offset_bias, mask_weight, mask_bias, .. } = inputs.parameters;
        let (input, geometry) = (Argument::from(wide.of_offsets()), &self.geometry().fields);
        let read = Conv2dInputs { input, weight: offset_weight, bias: offset_bias };
        self.compiled().offset.forward_into(recorder, &read, &field.offset)?;
        field::activate(recorder, &geometry.offset, &field.offset, wide.flow.as_ref())?;
        if let (Some(plan), Some(weight), Some(mask), Some(geometry)) =
            (&self.compiled().mask, mask_weight, &field.mask, &geometry.mask)
        {
            plan.forward_into(recorder, &Conv2dInputs { input, weight, bias: mask_bias }, mask)?;
            field::activate(recorder, geometry, mask, None)?;
        }
        Ok(())
    }

    fn deformable_inputs<'a>(
        &self,
        inputs: &DeformConv2dLayerInputs<Argument<'a>>,
        wide: &'a Wide,
        field: &'a DeformConv2dField<Tensor>,
    ) -> DeformConv2dInputs<Argument<'a>> {
        let DeformConv2dParameters { weight, bias, .. } = inputs.parameters;
        let mask = field.mask.as_ref().map(Argument::from);
        DeformConv2dInputs { input: (&wide.input).into(), offset: (&field.offset).into(), weight, mask, bias }
    }

    fn record_backward_with(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dLayerInputs<Argument>,
        wide: &Wide,
        field: &DeformConv2dField<Tensor>,
        grad_output: &Tensor,
        destinations: &DeformConv2dLayerGradients<Destination>,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        let Convolutions { offset: offset_conv, mask: mask_conv, deformable, backward } = self.compiled();
        get_or_try_init(backward, || field::compile_backward(&gpu))?;
        let DeformConv2dParameters { offset_weight, offset_bias, mask_weight, mask_bias, .. } = inputs.parameters;
        let shared = inputs.offset_input.is_none();
        let grad_output = widened(recorder, grad_output)?;
        let DeformConv2dLayerGradients { input, offset_input, flow, .. } = *destinations;
        let summed = DeformConv2dLayerGradients { input, offset_input, flow, ..DeformConv2dLayerGradients::default() };
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

        let read = self.deformable_inputs(inputs, wide, field);
        let written = DeformConv2dGradients {
            input: gradients.input.as_ref().map(Gradient::destination),
            offset: grad_offset.as_ref().map(Destination::Write),
            weight: destinations.weight,
            mask: grad_mask.as_ref().map(Destination::Write),
            bias: destinations.bias,
        };
        if written.named().next().is_some() {
            deformable.backward_into(recorder, &read, &grad_output, &written)?;
        }

        let geometry = &self.geometry().fields;
        let (flow, input) = (wide.flow.as_ref(), Argument::from(wide.of_offsets()));
        let mut through = through_offsets.as_ref().map(|gradient| match gradient.destination() {
            Destination::Write(tensor) if shared => Destination::Add(tensor),
            destination => destination,
        });
        if let Some(grad_offset) = &grad_offset {
            if let Some(gradient) = &gradients.flow {
                field::of_flow(recorder, &geometry.offset, grad_offset, gradient.destination())?;
            }
            field::activate_backward(recorder, &geometry.offset, &field.offset, flow, grad_offset)?;
            let read = Conv2dInputs { input, weight: offset_weight, bias: offset_bias };
            let written =
                Conv2dGradients { input: through, weight: destinations.offset_weight, bias: destinations.offset_bias };
            if written.named().next().is_some() {
                offset_conv.backward_into(recorder, &read, grad_offset, &written)?;
            }
            through = through.map(|destination| Destination::Add(destination.tensor()));
        }
        if let (Some(plan), Some(geometry), Some(weight), Some(mask), Some(grad_mask)) =
            (mask_conv, &geometry.mask, mask_weight, &field.mask, &grad_mask)
        {
            field::activate_backward(recorder, geometry, mask, None, grad_mask)?;
            let read = Conv2dInputs { input, weight, bias: mask_bias };
            let written =
                Conv2dGradients { input: through, weight: destinations.mask_weight, bias: destinations.mask_bias };
            plan.backward_into(recorder, &read, grad_mask, &written)?;
        }
        gradients.named().try_for_each(|(_, gradient)| gradient.finish(recorder))
    }
}

/// The offsets, and the masks where a convolution of their own gives them.
fn present(field: &DeformConv2dField<Tensor>) -> impl Iterator<Item = (&'static str, &Tensor)> {
    field.named().filter_map(|(name, tensor)| Some((name, tensor?)))
}

impl DeformConv2dParameters<Tensor> {
    /// The parameters that training begins with: see [`DeformConv2dLayer::initial`].
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, groups do not divide the channels, or a convolution of masks is
    /// asked for where there are none; [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than `u32` counts;
    /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformConv2dLayer,
        sizes: &DeformConv2dSizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| super::upload(gpu, *shape, dtype, elements))
    }
}
