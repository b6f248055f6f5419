use super::connected::{Connected, add, broadcast, wide};
use super::samples::{Samples, SamplesInputs, SamplesWanted};
use super::{
    DeformConvV3Layer, DeformConvV3LayerGeometry, DeformConvV3LayerGradients, DeformConvV3LayerInputs,
    DeformConvV3Parameters, DeformConvV3Sizes, upload,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    Binary, Conv2dGradients, Conv2dInputs, DeformConvV3, DeformConvV3Gradients, DeformConvV3Inputs, LayerNormGradients,
    LayerNormInputs, StridedCopy,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::{self, Function};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, opaque};
use crate::ops::{Conv2dPlan, DeformConvV3Plan, LayerNormPlan, SoftmaxPlan, StridedCopyPlan, UnaryPlan};
use crate::shape::Shape;

/// The plans of a layer's parts.
pub struct Parts {
    input_proj: Connected,
    features: Features,
    offset: Connected,
    mask: Connected,
    softmax: SoftmaxPlan,
    samples: Samples<DeformConvV3>,
}

opaque!(Parts);

/// The plans of the features: a depthwise convolution, whose images are channels first, a normalisation and an activation.
struct Features {
    channels_first: StridedCopyPlan,
    convolution: Conv2dPlan,
    channels_last: StridedCopyPlan,
    norm: LayerNormPlan,
    activation: UnaryPlan,
}

/// The intermediate tensors between input and features.
struct Between {
    /// The input, channels first.
    planes: Tensor,
    /// The output of the convolution, channels last.
    convolved: Tensor,
    normalised: Tensor,
    features: Tensor,
}

impl Features {
    fn new(gpu: &Gpu, geometry: &DeformConvV3LayerGeometry) -> Result<Self> {
        binary::compile(gpu, Function::First)?;
        let DeformConvV3LayerGeometry { dw_conv, norm, activation, .. } = *geometry;
        let copy = |order, shape| StridedCopyPlan::new(gpu, &StridedCopy::transpose(order), &wide(shape));
        Ok(Self {
            channels_first: copy(&[0, 3, 1, 2], geometry.input_shapes().input)?,
            convolution: Conv2dPlan::of(gpu, dw_conv, &dw_conv.input_shapes().map(|&shape| wide(shape)))?,
            channels_last: copy(&[0, 2, 3, 1], dw_conv.output_shape())?,
            norm: LayerNormPlan::of(gpu, norm, &norm.input_shapes().map(|&shape| wide(shape)))?,
            activation: UnaryPlan::of(gpu, activation, &wide(activation.shape))?,
        })
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &DeformConvV3LayerInputs<&Tensor>) -> Result<Between> {
        let (planes, pixels) = (self.convolution.geometry().input_shape(), inputs.input.shape());
        let between = Between {
            planes: recorder.workspace(planes)?,
            convolved: recorder.workspace(pixels)?,
            normalised: recorder.workspace(pixels)?,
            features: recorder.workspace(pixels)?,
        };
        let convolved = recorder.workspace(planes)?;
        self.channels_first.forward_into(recorder, inputs.input, &between.planes)?;
        self.convolution.forward_into(recorder, &between.read_by_convolution(inputs), &convolved)?;
        self.channels_last.forward_into(recorder, &convolved, &between.convolved)?;
        self.norm.forward_into(recorder, &between.read_by_norm(inputs), &between.normalised)?;
        self.activation.forward_into(recorder, &between.normalised, &between.features)?;
        Ok(between)
    }

    /// Records the gradients of the parameters in front of the features that are wanted, and adds to that of the input.
    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConvV3LayerInputs<&Tensor>,
        between: &Between,
        grad_features: &Tensor,
        wanted: &DeformConvV3LayerGradients<Destination>,
    ) -> Result<()> {
        let shape = inputs.input.shape();
        let grad_normalised = recorder.workspace(shape)?;
        self.activation.backward_into(recorder, &between.normalised, grad_features, &grad_normalised)?;
        let through = wanted.input.or(wanted.dw_conv_weight).or(wanted.dw_conv_bias);
        let grad_convolved = through.map(|_| recorder.workspace(shape)).transpose()?;
        let gradients = LayerNormGradients {
            input: grad_convolved.as_ref().map(Destination::Write),
            scale: wanted.norm_weight,
            shift: wanted.norm_bias,
        };
        self.norm.backward_into(recorder, &between.read_by_norm(inputs), &grad_normalised, &gradients)?;
        let Some(grad_convolved) = &grad_convolved else { return Ok(()) };

        let planes = between.planes.shape();
        let grad_output = recorder.workspace(planes)?;
        self.channels_first.forward_into(recorder, grad_convolved, &grad_output)?;
        let grad_planes = wanted.input.map(|_| recorder.workspace(planes)).transpose()?;
        let gradients = Conv2dGradients {
            input: grad_planes.as_ref().map(Destination::Write),
            weight: wanted.dw_conv_weight,
            bias: wanted.dw_conv_bias,
        };
        self.convolution.backward_into(recorder, &between.read_by_convolution(inputs), &grad_output, &gradients)?;
        let (Some(grad_planes), Some(of_input)) = (&grad_planes, wanted.input) else { return Ok(()) };
        let grad_input = recorder.workspace(shape)?;
        self.channels_last.forward_into(recorder, grad_planes, &grad_input)?;
        add(recorder, &broadcast(Binary::Add, shape, shape)?, &grad_input, of_input.tensor())
    }
}

impl Between {
    fn read_by_convolution<'a>(&'a self, inputs: &DeformConvV3LayerInputs<&'a Tensor>) -> Conv2dInputs<&'a Tensor> {
        let DeformConvV3Parameters { dw_conv_weight, dw_conv_bias, .. } = inputs.parameters;
        Conv2dInputs { input: &self.planes, weight: dw_conv_weight, bias: Some(dw_conv_bias) }
    }

    fn read_by_norm<'a>(&'a self, inputs: &DeformConvV3LayerInputs<&'a Tensor>) -> LayerNormInputs<&'a Tensor> {
        let DeformConvV3Parameters { norm_weight, norm_bias, .. } = inputs.parameters;
        LayerNormInputs { input: &self.convolved, scale: Some(norm_weight), shift: Some(norm_bias) }
    }
}

/// The inputs of the deformable convolution, and what they are made of.
struct Read {
    between: Between,
    logits: Tensor,
    convolved: DeformConvV3Inputs<Tensor>,
}

impl Read {
    fn samples<'a>(&'a self, parameters: &DeformConvV3Parameters<&'a Tensor>) -> SamplesInputs<'a> {
        let (weight, bias) = (parameters.center_feature_scale_proj_weight, parameters.center_feature_scale_proj_bias);
        SamplesInputs {
            value: &self.convolved.input,
            features: Some(&self.between.features),
            scale: weight.zip(bias),
            output_proj: [parameters.output_proj_weight, parameters.output_proj_bias],
        }
    }
}

impl Kernels for DeformConvV3Layer {
    type Compiled = Parts;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConvV3LayerGeometry,
        _: &DeformConvV3LayerInputs<TensorSpec>,
    ) -> Result<Parts> {
        let read = geometry.convolution.input_shapes().map(|&shape| wide(shape));
        let convolution = DeformConvV3Plan::of(gpu, geometry.convolution, &read)?;
        Ok(Parts {
            input_proj: Connected::new(gpu, geometry.input_proj)?,
            features: Features::new(gpu, geometry)?,
            offset: Connected::new(gpu, geometry.offset)?,
            mask: Connected::new(gpu, geometry.mask)?,
            softmax: SoftmaxPlan::of(gpu, geometry.softmax, &wide(geometry.softmax.input_shapes()))?,
            samples: Samples::new(gpu, convolution, geometry.center.as_ref(), geometry.output_proj)?,
        })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV3LayerInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.tensor())?;
        let read = plan.record_inputs(recorder, &inputs)?;
        plan.compiled().samples.forward(recorder, &read.convolved, &read.samples(&inputs.parameters), output)
    }

    fn same(&self, other: &Self) -> bool {
        let floats = |layer: &Self| [layer.window.offset_scale.to_bits(), layer.epsilon.to_bits()];
        self == other && floats(self) == floats(other)
    }

    fn smallest() -> (Self, DeformConvV3LayerInputs<TensorSpec>) {
        let parameters = DeformConvV3Parameters {
            input_proj_weight: Shape::from([1, 1]),
            input_proj_bias: [1].into(),
            dw_conv_weight: [1; 4].into(),
            dw_conv_bias: [1].into(),
            norm_weight: [1].into(),
            norm_bias: [1].into(),
            offset_weight: [2, 1].into(),
            offset_bias: [2].into(),
            mask_weight: [1, 1].into(),
            mask_bias: [1].into(),
            output_proj_weight: [1, 1].into(),
            output_proj_bias: [1].into(),
            center_feature_scale_proj_weight: Some([1, 1].into()),
            center_feature_scale_proj_bias: Some([1].into()),
        };
        let inputs = DeformConvV3LayerInputs { input: [1; 4].into(), parameters };
        let window = DeformConvV3 { kernel: [1; 2], padding: [0; 4], ..DeformConvV3::default() };
        (Self { window, ..Self::default() }, inputs.map(|&shape| wide(shape)))
    }
}

/// The vector-Jacobian products of the input and all parameters. The forward pass is repeated, and nothing kept from it.
impl Differentiable for DeformConvV3Layer {
    type Gradients = DeformConvV3LayerGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV3LayerInputs<Argument>,
        grad_output: &Tensor,
        wanted: &DeformConvV3LayerGradients<Destination>,
    ) -> Result<()> {
        let wide = inputs.try_map(|input| input.wide(recorder))?;
        let inputs = wide.as_ref();
        let parameters = &inputs.parameters;
        let Parts { input_proj, features, offset, mask, softmax, samples } = plan.compiled();
        let read = plan.record_inputs(recorder, &inputs)?;

        // The gradient of the features is the sum of what goes through the scale, the offsets and the masks.
        let grad_features = recorder.workspace(read.between.features.shape())?;
        let in_front = [wanted.input, wanted.dw_conv_weight, wanted.dw_conv_bias, wanted.norm_weight, wanted.norm_bias];
        let in_front = in_front.iter().any(Option::is_some);
        let of_features = |begun: bool| match begun {
            _ if !in_front => None,
            true => Some(Destination::Add(&grad_features)),
            false => Some(Destination::Write(&grad_features)),
        };
        let of_samples = SamplesWanted {
            features: of_features(false),
            scale: [wanted.center_feature_scale_proj_weight, wanted.center_feature_scale_proj_bias],
            output_proj: [wanted.output_proj_weight, wanted.output_proj_bias],
        };
        let grad = samples.backward(recorder, &read.convolved, &read.samples(parameters), grad_output, &of_samples)?;

        let of_value = [wanted.input, wanted.input_proj_weight, wanted.input_proj_bias];
        let of_offset = [of_features(plan.geometry().center.is_some()), wanted.offset_weight, wanted.offset_bias];
        let of_mask = [of_features(true), wanted.mask_weight, wanted.mask_bias];
        let mut through = |wanted: &[Option<Destination>; 3], like: &Tensor| {
            wanted.iter().any(Option::is_some).then(|| recorder.workspace(like.shape())).transpose()
        };
        let grad_offset = through(&of_offset, &read.convolved.offset)?;
        let grad_mask = through(&of_mask, &read.convolved.mask)?;
        let gradients = DeformConvV3Gradients {
            input: of_value.iter().any(Option::is_some).then(|| grad.of_value()),
            offset: grad_offset.as_ref().map(Destination::Write),
            mask: grad_mask.as_ref().map(Destination::Write),
        };
        if gradients.named().next().is_some() {
            samples.convolution().backward_into(recorder, &read.convolved, &grad.samples, &gradients)?;
        }
        if gradients.input.is_some() {
            input_proj.backward(
                recorder,
                inputs.input,
                [parameters.input_proj_weight, parameters.input_proj_bias],
                &grad.value,
                of_value,
            )?;
        }
        if let Some(grad) = &grad_offset {
            offset.backward(
                recorder,
                &read.between.features,
                [parameters.offset_weight, parameters.offset_bias],
                grad,
                of_offset,
            )?;
        }
        if let Some(grad) = &grad_mask {
            let grad_logits = recorder.workspace(read.logits.shape())?;
            softmax.backward_into(recorder, &read.logits, &grad.reshaped(grad_logits.shape()), &grad_logits)?;
            mask.backward(
                recorder,
                &read.between.features,
                [parameters.mask_weight, parameters.mask_bias],
                &grad_logits,
                of_mask,
            )?;
        }
        if in_front {
            features.backward(recorder, &inputs, &read.between, &grad_features, wanted)?;
        }
        Ok(())
    }
}

impl Plan<DeformConvV3Layer> {
    /// Records what the convolution reads.
    fn record_inputs(&self, recorder: &mut Recorder, inputs: &DeformConvV3LayerInputs<&Tensor>) -> Result<Read> {
        let Parts { input_proj, features, offset, mask, softmax, .. } = self.compiled();
        let parameters = &inputs.parameters;
        let logits = softmax.geometry().input_shapes();
        let read = Read {
            between: features.forward(recorder, inputs)?,
            logits: recorder.workspace(logits)?,
            convolved: self.geometry().convolution.input_shapes().try_map(|&shape| recorder.workspace(shape))?,
        };
        let Read { between: Between { features, .. }, convolved, .. } = &read;
        let layer = [parameters.input_proj_weight, parameters.input_proj_bias];
        input_proj.forward(recorder, inputs.input, layer, &convolved.input)?;
        let layer = [parameters.offset_weight, parameters.offset_bias];
        offset.forward(recorder, features, layer, &convolved.offset)?;
        let layer = [parameters.mask_weight, parameters.mask_bias];
        mask.forward(recorder, features, layer, &read.logits)?;
        softmax.forward_into(recorder, &read.logits, &convolved.mask.reshaped(logits))?;
        Ok(read)
    }
}

impl DeformConvV3Parameters<Tensor> {
    /// The parameters that training begins with: see [`DeformConvV3Layer::initial`].
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, or groups do not divide the value's channels;
    /// [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than `u32` counts; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformConvV3Layer,
        sizes: &DeformConvV3Sizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| upload(gpu, *shape, dtype, elements))
    }
}
