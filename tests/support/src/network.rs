//! A small network for images of one channel: convolutions of 3x3, each with a relu behind it, the mean of each plane, and a linear
//! classifier. All that it computes, it records as ops of the library.

use fastrand::Rng;
use pliant::nn::{
    DeformConv2dField, DeformConv2dLayer, DeformConv2dLayerGradients, DeformConv2dLayerInputs, DeformConv2dLayerPlan,
    DeformConv2dParameters, Mask,
};
use pliant::{
    Adam, AdamInputs, AdamPlan, Conv2d, Conv2dGradients, Conv2dInputs, Conv2dPlan, CrossEntropy, CrossEntropyInputs,
    CrossEntropyPlan, DType, Error, GlobalAveragePool, GlobalAveragePoolPlan, Gpu, Recorder, Result, Shape, Tensor,
    Unary, UnaryPlan,
};

/// Attributes and sizes of a network.
#[derive(Debug, Clone)]
pub struct Design {
    pub batch: u32,
    /// Rows and columns of an image.
    pub side: u32,
    pub layers: Vec<Layer>,
    pub classes: u32,
}

/// A convolution of 3x3 with padding of 1, without a bias.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    pub channels: u32,
    pub stride: u32,
    pub deformable: bool,
}

impl Layer {
    /// As a plain convolution.
    pub fn conv2d(self) -> Conv2d {
        Conv2d { stride: [self.stride; 2], padding: [1; 4], ..Conv2d::default() }
    }

    /// As one of version 2, whose masks are 1 where nothing has been learned.
    pub fn deform_conv2d(self) -> DeformConv2dLayer {
        DeformConv2dLayer {
            stride: [self.stride; 2],
            padding: [1; 4],
            mask: Mask::TwoSigmoid,
            ..DeformConv2dLayer::default()
        }
    }
}

/// A parameter of a network, as it begins.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub shape: Shape,
    pub elements: Vec<f32>,
}

impl Design {
    /// Channels and side of each layer's input, and of the last one's output.
    pub fn extents(&self) -> Vec<[u32; 2]> {
        let mut extents = vec![[1, self.side]];
        for layer in &self.layers {
            let [_, side] = extents[extents.len() - 1];
            extents.push([layer.channels, side.div_ceil(layer.stride)]);
        }
        extents
    }

    /// The parameters, layer by layer: the weight, and weight and bias of what gives a deformable layer's offsets and masks. Weights are drawn evenly from
    /// ± sqrt(6 / terms), those of the classifier from ± sqrt(3 / terms); biases are 0, and so is what offsets and masks are made of: a
    /// deformable layer begins as the plain one that is drawn from the same numbers.
    pub fn parameters(&self, rng: &mut Rng) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let mut add = |name: String, shape: Shape, bound: f32| {
            let drawn = |_| if bound > 0.0 { bound * (2.0 * rng.f32() - 1.0) } else { 0.0 };
            let elements = (0..shape.elements()).map(drawn).collect();
            parameters.push(Parameter { name, shape, elements });
        };
        let extents = self.extents();
        for (index, layer) in self.layers.iter().enumerate() {
            let ([channels, _], name) = (extents[index], format!("layer {index}"));
            add(
                format!("{name} weight"),
                [layer.channels, channels, 3, 3].into(),
                (6.0 / (9 * channels) as f32).sqrt(),
            );
            if layer.deformable {
                add(format!("{name} offset_weight"), [27, channels, 3, 3].into(), 0.0);
                add(format!("{name} offset_bias"), [27].into(), 0.0);
            }
        }
        let [channels, _] = extents[extents.len() - 1];
        add("head weight".to_string(), [self.classes, channels, 1, 1].into(), (3.0 / channels as f32).sqrt());
        add("head bias".to_string(), [self.classes].into(), 0.0);
        parameters
    }
}

/// A tensor and the gradient of the loss by it.
struct Pair {
    value: Tensor,
    gradient: Tensor,
}

impl Pair {
    fn new(gpu: &Gpu, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        Ok(Self { value: Tensor::new(gpu, shape, DType::F32)?, gradient: Tensor::new(gpu, shape, DType::F32)? })
    }

    /// A view of the elements in another shape.
    fn reshaped(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let view = |tensor: &Tensor| {
            Tensor::from_buffer(tensor.gpu(), tensor.buffer().clone(), tensor.offset(), shape, tensor.dtype())
        };
        Ok(Self { value: view(&self.value)?, gradient: view(&self.gradient)? })
    }
}

/// A parameter on the device, and what updates it.
pub struct Trained {
    pub name: String,
    pub value: Tensor,
    pub gradient: Tensor,
    mean: Tensor,
    variance: Tensor,
    rates: Tensor,
    adam: AdamPlan,
}

impl Trained {
    fn new(gpu: &Gpu, parameter: &Parameter, adam: &Adam, rates: &Tensor) -> Result<Self> {
        let Parameter { name, shape, elements } = parameter;
        let value = Tensor::upload(gpu, *shape, elements)?;
        let zeros = || Tensor::new(gpu, *shape, DType::F32);
        let (gradient, mean, variance) = (zeros()?, zeros()?, zeros()?);
        let inputs = AdamInputs { parameter: &value, mean: &mean, variance: &variance, gradient: &gradient, rates };
        let adam = AdamPlan::new(gpu, adam, &inputs)?;
        Ok(Self { name: name.clone(), value, gradient, mean, variance, rates: rates.clone(), adam })
    }

    fn step(&self, recorder: &mut Recorder) -> Result<()> {
        let Self { value: parameter, mean, variance, gradient, rates, .. } = self;
        self.adam.step(recorder, &AdamInputs { parameter, mean, variance, gradient, rates })
    }
}

/// A convolution with its parameters.
#[expect(clippy::large_enum_variant, reason = "there are four of them")]
enum Convolution {
    Plain {
        plan: Conv2dPlan,
        weight: Trained,
        bias: Option<Trained>,
    },
    Deformable {
        plan: Box<DeformConv2dLayerPlan>,
        /// The offsets and masks, which the forward pass leaves to the backward pass.
        field: DeformConv2dField<Tensor>,
        /// The weight, and weight and bias of what gives offsets and masks.
        parameters: [Trained; 3],
    },
}

impl Convolution {
    fn plain(gpu: &Gpu, op: &Conv2d, input: &Tensor, weight: Trained, bias: Option<Trained>) -> Result<Self> {
        let inputs = conv2d_inputs(input, &weight, bias.as_ref());
        let plan = Conv2dPlan::new(gpu, op, &inputs)?;
        Ok(Self::Plain { plan, weight, bias })
    }

    fn deformable(gpu: &Gpu, layer: &DeformConv2dLayer, input: &Tensor, parameters: [Trained; 3]) -> Result<Self> {
        let inputs = DeformConv2dLayerInputs::new(input, learned(&parameters));
        let plan = DeformConv2dLayerPlan::new(gpu, layer, &inputs)?;
        let field = plan.new_field(gpu)?;
        Ok(Self::Deformable { plan: Box::new(plan), field, parameters })
    }

    fn parameters(&self) -> Vec<&Trained> {
        match self {
            Self::Plain { weight, bias, .. } => std::iter::once(weight).chain(bias).collect(),
            Self::Deformable { parameters, .. } => parameters.iter().collect(),
        }
    }

    fn forward(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        match self {
            Self::Plain { plan, weight, bias } => {
                plan.forward_into(recorder, &conv2d_inputs(input, weight, bias.as_ref()), output)
            }
            Self::Deformable { plan, field, parameters } => {
                let inputs = DeformConv2dLayerInputs::new(input, learned(parameters));
                plan.forward_with_into(recorder, &inputs, field, output)
            }
        }
    }

    /// Records the gradients of the parameters, and of the input where it is wanted.
    fn backward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        grad_output: &Tensor,
        grad_input: Option<&Tensor>,
    ) -> Result<()> {
        match self {
            Self::Plain { plan, weight, bias } => {
                let gradients = Conv2dGradients {
                    input: grad_input,
                    weight: Some(&weight.gradient),
                    bias: bias.as_ref().map(|bias| &bias.gradient),
                };
                plan.backward_into(recorder, &conv2d_inputs(input, weight, bias.as_ref()), grad_output, &gradients)
            }
            Self::Deformable { plan, field, parameters } => {
                let [weight, offset_weight, offset_bias] =
                    parameters.each_ref().map(|parameter| Some(&parameter.gradient));
                let gradients = DeformConv2dLayerGradients {
                    input: grad_input,
                    weight,
                    offset_weight,
                    offset_bias,
                    ..DeformConv2dLayerGradients::default()
                };
                let inputs = DeformConv2dLayerInputs::new(input, learned(parameters));
                plan.backward_with_into(recorder, &inputs, field, grad_output, &gradients)
            }
        }
    }
}

fn conv2d_inputs<'a>(input: &'a Tensor, weight: &'a Trained, bias: Option<&'a Trained>) -> Conv2dInputs<&'a Tensor> {
    Conv2dInputs { input, weight: &weight.value, bias: bias.map(|bias| &bias.value) }
}

fn learned([weight, offset_weight, offset_bias]: &[Trained; 3]) -> DeformConv2dParameters<&Tensor> {
    DeformConv2dParameters {
        weight: &weight.value,
        offset_weight: &offset_weight.value,
        bias: None,
        offset_bias: Some(&offset_bias.value),
        mask_weight: None,
        mask_bias: None,
    }
}

/// A convolution and its relu.
struct Stage {
    convolution: Convolution,
    linear: Pair,
    relu: UnaryPlan,
    output: Pair,
}

/// A network on a device, with the tensors of a training step. A step that has been recorded once may be submitted as often as one likes.
pub struct Network {
    /// (batch, 1, side, side)
    pub images: Tensor,
    /// (batch)
    pub labels: Tensor,
    /// A scalar: the mean over the batch.
    pub loss: Tensor,
    /// (3): Adam's rates for all parameters but those that offsets and masks are made of, and for these.
    pub rates: [Tensor; 2],
    stages: Vec<Stage>,
    pool: GlobalAveragePoolPlan,
    pooled: Pair,
    head: Convolution,
    /// (batch, classes, 1, 1)
    logits: Pair,
    /// The logits as (batch, classes).
    rows: Pair,
    cross_entropy: CrossEntropyPlan,
    /// The gradient of the loss by itself.
    one: Tensor,
}

impl Network {
    /// A network whose parameters begin as given, in the order of [`Design::parameters`].
    pub fn new(gpu: &Gpu, design: &Design, adam: &Adam, parameters: &[Parameter]) -> Result<Self> {
        let Design { batch, side, classes, .. } = *design;
        let images = Tensor::new(gpu, [batch, 1, side, side], DType::F32)?;
        let labels = Tensor::new(gpu, [batch], DType::F32)?;
        let rates = [Tensor::new(gpu, [3], DType::F32)?, Tensor::new(gpu, [3], DType::F32)?];
        let mut parameters = parameters.iter();
        let mut next = || {
            let parameter = parameters.next().ok_or_else(|| Error::Malformed("a parameter is missing".to_string()))?;
            Trained::new(gpu, parameter, adam, &rates[usize::from(parameter.name.contains("offset"))])
        };

        let mut stages: Vec<Stage> = Vec::new();
        for (layer, [channels, side]) in design.layers.iter().zip(design.extents().split_off(1)) {
            let input = stages.last().map_or(&images, |stage| &stage.output.value);
            let convolution = if layer.deformable {
                Convolution::deformable(gpu, &layer.deform_conv2d(), input, [next()?, next()?, next()?])?
            } else {
                Convolution::plain(gpu, &layer.conv2d(), input, next()?, None)?
            };
            let shape = [batch, channels, side, side];
            let (linear, output) = (Pair::new(gpu, shape)?, Pair::new(gpu, shape)?);
            let relu = UnaryPlan::new(gpu, &Unary::Relu, &linear.value)?;
            stages.push(Stage { convolution, linear, relu, output });
        }
        let features = stages.last().map_or(&images, |stage| &stage.output.value);
        let pool = GlobalAveragePoolPlan::new(gpu, &GlobalAveragePool, features)?;
        let pooled = Pair::new(gpu, [batch, features.shape().extents()[1], 1, 1])?;
        let head = Convolution::plain(gpu, &Conv2d::default(), &pooled.value, next()?, Some(next()?))?;
        let logits = Pair::new(gpu, [batch, classes, 1, 1])?;
        let rows = logits.reshaped([batch, classes])?;
        let inputs = CrossEntropyInputs { logits: &rows.value, labels: &labels };
        let cross_entropy = CrossEntropyPlan::new(gpu, &CrossEntropy::default(), &inputs)?;
        let (loss, one) = (Tensor::new(gpu, [], DType::F32)?, Tensor::upload(gpu, [], &[1.0f32])?);
        Ok(Self { images, labels, loss, rates, stages, pool, pooled, head, logits, rows, cross_entropy, one })
    }

    /// The parameters, in the order of [`Design::parameters`].
    pub fn parameters(&self) -> impl Iterator<Item = &Trained> {
        self.stages.iter().map(|stage| &stage.convolution).chain([&self.head]).flat_map(Convolution::parameters)
    }

    /// (batch, classes, 1, 1)
    pub fn logits(&self) -> &Tensor {
        &self.logits.value
    }

    /// The offsets and masks of the last forward pass, of each deformable layer: (batch, 27, height, width).
    pub fn fields(&self) -> impl Iterator<Item = &Tensor> {
        self.stages.iter().filter_map(|stage| match &stage.convolution {
            Convolution::Deformable { field, .. } => Some(&field.offset),
            Convolution::Plain { .. } => None,
        })
    }

    /// Records the logits of the images.
    pub fn forward(&self, recorder: &mut Recorder) -> Result<()> {
        let mut input = &self.images;
        for stage in &self.stages {
            stage.convolution.forward(recorder, input, &stage.linear.value)?;
            stage.relu.forward_into(recorder, &stage.linear.value, &stage.output.value)?;
            input = &stage.output.value;
        }
        self.pool.forward_into(recorder, input, &self.pooled.value)?;
        self.head.forward(recorder, &self.pooled.value, &self.logits.value)
    }

    /// Records the loss and the gradients of all parameters, behind a forward pass.
    pub fn backward(&self, recorder: &mut Recorder) -> Result<()> {
        let Self { logits, rows, pooled, .. } = self;
        let inputs = CrossEntropyInputs { logits: &rows.value, labels: &self.labels };
        self.cross_entropy.forward_into(recorder, &inputs, &self.loss)?;
        self.cross_entropy.backward_into(recorder, &inputs, &self.one, &rows.gradient)?;
        self.head.backward(recorder, &pooled.value, &logits.gradient, Some(&pooled.gradient))?;
        if let Some(Stage { output, .. }) = self.stages.last() {
            self.pool.backward_into(recorder, &output.value, &pooled.gradient, &output.gradient)?;
        }
        for (index, Stage { convolution, linear, relu, output }) in self.stages.iter().enumerate().rev() {
            relu.backward_into(recorder, &linear.value, &output.gradient, &linear.gradient)?;
            let before = index.checked_sub(1).map(|before| &self.stages[before].output);
            let input = before.map_or(&self.images, |before| &before.value);
            convolution.backward(recorder, input, &linear.gradient, before.map(|before| &before.gradient))?;
        }
        Ok(())
    }

    /// Records a step of Adam, behind a backward pass.
    pub fn step(&self, recorder: &mut Recorder) -> Result<()> {
        self.parameters().try_for_each(|parameter| parameter.step(recorder))
    }
}
