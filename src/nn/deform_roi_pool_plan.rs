use super::{
    DeformRoiPoolLayer, DeformRoiPoolLayerGeometry, DeformRoiPoolLayerGradients, DeformRoiPoolLayerInputs,
    DeformRoiPoolParameters, DeformRoiPoolSizes, Viewed,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    Binary, BinaryGradients, BinaryInputs, Conv2dGeometry, Conv2dGradients, Conv2dInputs, DeformRoiPoolGradients,
    DeformRoiPoolInputs, Unary,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Argument, Destination, Differentiable, Gradient, Kernels, Plan, opaque, rounded, widened};
use crate::ops::{BinaryPlan, Conv2dPlan, DeformRoiPoolPlan, UnaryPlan};
use crate::shape::Shape;

/// The plans of a layer's poolings and fully connected layers.
pub struct Pooling {
    still: DeformRoiPoolPlan,
    moved: DeformRoiPoolPlan,
    offset_fc: Stack,
    modulation: Option<Modulation>,
}

opaque!(Pooling);

/// The fully connected layers that make masks, and the product with these.
struct Modulation {
    fc: Stack,
    sigmoid: UnaryPlan,
    product: BinaryPlan,
}

/// Fully connected layers with relus between them: convolutions of one tap over images of one pixel.
struct Stack {
    layers: Vec<(Conv2dGeometry, Conv2dPlan)>,
    /// The relus of all layers but the last.
    relus: Vec<UnaryPlan>,
}

fn wide(shape: Shape) -> TensorSpec {
    TensorSpec { shape, dtype: DType::F32 }
}

impl Stack {
    fn new(gpu: &Gpu, geometries: &[Conv2dGeometry], specs: &[[(&str, &TensorSpec); 2]]) -> Result<Self> {
        let layers = geometries.iter().zip(specs).map(|(geometry, [(_, weight), (_, bias)])| {
            let inputs = Conv2dInputs {
                input: wide(geometry.input_shape()),
                weight: TensorSpec { shape: geometry.weight_shape(), ..**weight },
                bias: Some(**bias),
            };
            Ok((*geometry, Conv2dPlan::of(gpu, *geometry, &inputs)?))
        });
        let relus = geometries.iter().take(geometries.len() - 1);
        let relus = relus.map(|geometry| UnaryPlan::new(gpu, &Unary::Relu, &wide(geometry.output_shape())));
        Ok(Self { layers: layers.collect::<Result<_>>()?, relus: relus.collect::<Result<_>>()? })
    }

    /// Records the layers, and returns the output of each, behind its relu.
    fn forward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        parameters: &[[(&str, &Argument); 2]],
    ) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for (index, ((geometry, plan), [(_, weight), (_, bias)])) in self.layers.iter().zip(parameters).enumerate() {
            let input = outputs.last().unwrap_or(input).reshaped(geometry.input_shape());
            let weight = weight.tensor()?.reshaped(geometry.weight_shape());
            let output = recorder.workspace(geometry.output_shape())?;
            let inputs = Conv2dInputs { input: &input, weight: &weight, bias: Some(bias.tensor()?) };
            plan.forward_into(recorder, &inputs, &output)?;
            outputs.push(match self.relus.get(index) {
                Some(relu) => {
                    let active = recorder.workspace(geometry.output_shape())?;
                    relu.forward_into(recorder, &output, &active)?;
                    active
                }
                None => output,
            });
        }
        Ok(outputs)
    }

    /// Records the gradients of the parameters and of the input, from the gradient of the last layer's output.
    fn backward(
        &self,
        recorder: &mut Recorder,
        [input, grad_output]: [&Tensor; 2],
        outputs: &[Tensor],
        parameters: &[[(&str, &Argument); 2]],
        wanted: &[[Option<&Destination>; 2]],
        grad_input: Option<Destination>,
    ) -> Result<()> {
        let mut grad = grad_output.clone();
        for (index, (geometry, plan)) in self.layers.iter().enumerate().rev() {
            let [(_, weight), (_, bias)] = parameters[index];
            let before = index.checked_sub(1).map(|before| &outputs[before]);
            let below = before.map(|before| recorder.workspace(before.shape())).transpose()?;
            let through = below.as_ref().map(Destination::Write).or(grad_input);
            let through = through.map(|destination| Viewed::new(&destination, geometry.input_shape()));
            let of_weight = wanted[index][0].map(|destination| Viewed::new(destination, geometry.weight_shape()));
            let inputs = Conv2dInputs {
                input: &before.unwrap_or(input).reshaped(geometry.input_shape()),
                weight: &weight.tensor()?.reshaped(geometry.weight_shape()),
                bias: Some(bias.tensor()?),
            };
            let destinations = Conv2dGradients {
                input: through.as_ref().map(Viewed::destination),
                weight: of_weight.as_ref().map(Viewed::destination),
                bias: wanted[index][1].copied(),
            };
            if destinations.named().next().is_some() {
                let grad = &grad.reshaped(geometry.output_shape());
                plan.backward_into(recorder, &inputs, grad, &destinations)?;
            }
            if let (Some(relu), Some(before), Some(below)) =
                (index.checked_sub(1).map(|i| &self.relus[i]), before, below)
            {
                // A relu's derivative is the same at its value as at its argument.
                grad = recorder.workspace(before.shape())?;
                relu.backward_into(recorder, before, &below, &grad)?;
            }
        }
        Ok(())
    }
}

/// The intermediate tensors between input and output.
struct Between {
    pooled: Tensor,
    offset_fc: Vec<Tensor>,
    offset: Tensor,
    moved: Tensor,
    modulated: Option<Modulated>,
}

struct Modulated {
    mask_fc: Vec<Tensor>,
    logits: Tensor,
    mask: Tensor,
}

impl Kernels for DeformRoiPoolLayer {
    type Compiled = Pooling;

    /// The ops that it consists of widen and round.
    const WIDENED: bool = false;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformRoiPoolLayerGeometry,
        inputs: &DeformRoiPoolLayerInputs<TensorSpec>,
    ) -> Result<Pooling> {
        let parameters = &inputs.parameters;
        let read = |offset| DeformRoiPoolInputs { input: wide(inputs.input.shape), rois: inputs.rois, offset };
        let still = DeformRoiPoolPlan::of(gpu, geometry.still, &read(None))?;
        let moved = DeformRoiPoolPlan::of(gpu, geometry.moved, &read(Some(wide(geometry.offset_shape()))))?;
        let offset_fc = Stack::new(gpu, &geometry.offset_fc, &parameters.offset_fc())?;
        let (output, mask) = (wide(geometry.output_shape()), wide(geometry.mask_shape()));
        let modulation = parameters.mask_fc().map(|specs| -> Result<_> {
            Ok(Modulation {
                fc: Stack::new(gpu, &geometry.mask_fc, &specs)?,
                sigmoid: UnaryPlan::new(gpu, &Unary::Sigmoid, &mask)?,
                product: BinaryPlan::new(gpu, &Binary::Mul, &BinaryInputs { a: output, b: mask })?,
            })
        });
        Ok(Pooling { still, moved, offset_fc, modulation: modulation.transpose()? })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolLayerInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let input = inputs.input.wide(recorder)?;
        let (read, parameters) = ([&input, inputs.rois.tensor()?], &inputs.parameters);
        rounded(recorder, output, |recorder, output| match &plan.compiled().modulation {
            None => plan.record_pooling(recorder, read, parameters, output).map(drop),
            Some(Modulation { product, .. }) => {
                let moved = recorder.workspace(plan.geometry().output_shape())?;
                let between = plan.record_pooling(recorder, read, parameters, &moved)?;
                let Some(Modulated { mask, .. }) = &between.modulated else { return Ok(()) };
                product.forward_into(recorder, &BinaryInputs { a: &moved, b: mask }, output)
            }
        })
    }

    fn same(&self, other: &Self) -> bool {
        self.pool.same(&other.pool)
    }

    fn smallest() -> (Self, DeformRoiPoolLayerInputs<TensorSpec>) {
        let spec = |shape: Shape| wide(shape);
        let (one, two) = (spec([1].into()), spec([2].into()));
        let parameters = DeformRoiPoolParameters {
            offset_weight_0: spec([1, 1].into()),
            offset_bias_0: one,
            offset_weight_1: spec([1, 1].into()),
            offset_bias_1: one,
            offset_weight_2: spec([2, 1].into()),
            offset_bias_2: two,
            mask_weight_0: None,
            mask_bias_0: None,
            mask_weight_1: None,
            mask_bias_1: None,
        };
        let (input, rois) = (spec([1; 4].into()), spec([1, 5].into()));
        (Self::default(), DeformRoiPoolLayerInputs { input, rois, parameters })
    }
}

/// The vector-Jacobian products through both poolings: the input's is the sum of both. The forward pass is repeated, and nothing kept from
/// it.
impl Differentiable for DeformRoiPoolLayer {
    type Gradients = DeformRoiPoolLayerGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolLayerInputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformRoiPoolLayerGradients<Destination>,
    ) -> Result<()> {
        let input = inputs.input.wide(recorder)?;
        let grad_output = widened(recorder, grad_output)?;
        let moved = recorder.workspace(plan.geometry().output_shape())?;
        let (read, parameters) = ([&input, inputs.rois.tensor()?], &inputs.parameters);
        let between = plan.record_pooling(recorder, read, parameters, &moved)?;
        let grad_input = destinations.input.map(|destination| Gradient::begin(recorder, destination)).transpose()?;
        plan.record_through(recorder, read, parameters, &between, &grad_output, &grad_input, destinations)?;
        grad_input.map_or(Ok(()), |gradient| gradient.finish(recorder))
    }
}

impl Plan<DeformRoiPoolLayer> {
    /// Records all but the product with the mask; the pooled RoIs go into `moved`.
    fn record_pooling(
        &self,
        recorder: &mut Recorder,
        [input, rois]: [&Tensor; 2],
        parameters: &DeformRoiPoolParameters<Argument>,
        moved: &Tensor,
    ) -> Result<Between> {
        let read = |offset| DeformRoiPoolInputs { input, rois, offset };
        let pooled = recorder.workspace(self.geometry().output_shape())?;
        self.compiled().still.forward_into(recorder, &read(None), &pooled)?;
        let offset_fc = self.compiled().offset_fc.forward(recorder, &pooled, &parameters.offset_fc())?;
        let last = |outputs: &[Tensor], shape: Shape| outputs.last().unwrap_or(&pooled).reshaped(shape);
        let offset = last(&offset_fc, self.geometry().offset_shape());
        self.compiled().moved.forward_into(recorder, &read(Some(&offset)), moved)?;
        let modulated = match (&self.compiled().modulation, parameters.mask_fc()) {
            (Some(Modulation { fc, sigmoid, .. }), Some(parameters)) => {
                let mask_fc = fc.forward(recorder, &pooled, &parameters)?;
                let logits = last(&mask_fc, self.geometry().mask_shape());
                let mask = recorder.workspace(self.geometry().mask_shape())?;
                sigmoid.forward_into(recorder, &logits, &mask)?;
                Some(Modulated { mask_fc, logits, mask })
            }
            _ => None,
        };
        Ok(Between { pooled, offset_fc, offset, moved: moved.clone(), modulated })
    }

    #[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
    fn record_through(
        &self,
        recorder: &mut Recorder,
        [input, rois]: [&Tensor; 2],
        parameters: &DeformRoiPoolParameters<Argument>,
        between: &Between,
        grad_output: &Tensor,
        grad_input: &Option<Gradient>,
        destinations: &DeformRoiPoolLayerGradients<Destination>,
    ) -> Result<()> {
        let Between { pooled, offset_fc, offset, moved, modulated } = between;
        let grad_pooled = grad_input.as_ref().map(|_| recorder.workspace(pooled.shape())).transpose()?;
        let mut through = grad_pooled.as_ref().map(Destination::Write);
        let mut grad_moved = grad_output.clone();
        if let (Some(Modulation { fc, sigmoid, product }), Some(parameters), Some(modulated)) =
            (&self.compiled().modulation, parameters.mask_fc(), modulated)
        {
            let Modulated { mask_fc, logits, mask } = modulated;
            grad_moved = recorder.workspace(moved.shape())?;
            let (grad_mask, grad_logits) = (recorder.workspace(mask.shape())?, recorder.workspace(mask.shape())?);
            let both = BinaryGradients { a: Some(&grad_moved), b: Some(&grad_mask) };
            product.backward_into(recorder, &BinaryInputs { a: moved, b: mask }, grad_output, &both)?;
            sigmoid.backward_into(recorder, logits, &grad_mask, &grad_logits)?;
            let wanted = destinations.mask_fc();
            fc.backward(recorder, [pooled, &grad_logits], mask_fc, &parameters, &wanted, through)?;
            through = grad_pooled.as_ref().map(Destination::Add);
        }
        let grad_offset = recorder.workspace(offset.shape())?;
        let read = |offset| DeformRoiPoolInputs { input, rois, offset };
        let gradients = DeformRoiPoolGradients {
            input: grad_input.as_ref().map(Gradient::destination),
            offset: Some(Destination::Write(&grad_offset)),
        };
        self.compiled().moved.backward_into(recorder, &read(Some(offset)), &grad_moved, &gradients)?;
        let (parameters, wanted) = (parameters.offset_fc(), destinations.offset_fc());
        self.compiled().offset_fc.backward(
            recorder,
            [pooled, &grad_offset],
            offset_fc,
            &parameters,
            &wanted,
            through,
        )?;
        if let (Some(grad_input), Some(grad_pooled)) = (grad_input, &grad_pooled) {
            let input = Some(Destination::Add(grad_input.destination().tensor()));
            let gradients = DeformRoiPoolGradients { input, offset: None };
            self.compiled().still.backward_into(recorder, &read(None), grad_pooled, &gradients)?;
        }
        Ok(())
    }
}

impl DeformRoiPoolParameters<Tensor> {
    /// The parameters that training begins with: see [`DeformRoiPoolLayer::initial`].
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0; [`Error::Shape`](crate::Error::Shape) where a parameter has more
    /// elements than `u32` counts; [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the
    /// device is too small.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformRoiPoolLayer,
        sizes: &DeformRoiPoolSizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| super::upload(gpu, *shape, dtype, elements))
    }
}
