use super::{
    DeformRoiPool, DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs, DeformRoiPoolParameters,
    DeformRoiPoolSizes,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    self, Binary, BinaryGradients, BinaryInputs, Conv2d, Conv2dGeometry, Conv2dGradients, Conv2dInputs, Unary,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::{
    self, Argument, BinaryPlan, Contract, Conv2dPlan, Destination, Gradient, Named, UnaryPlan, rounded, widened,
};
use crate::shape::Shape;

/// A layer of [`DeformRoiPool`] bound to a device and shapes.
///
/// ```text
/// x      = deform_roi_pool(input, rois), flattened
/// offset = offset_fc(x): three fully connected layers, relus between them
/// mask   = sigmoid(mask_fc(x)): two
/// output = deform_roi_pool(input, rois, offset) * mask
/// ```
///
/// mmcv's `DeformRoIPoolPack`, and with masks its `ModulatedDeformRoIPoolPack`. All between is computed in `f32`, in workspace. The backward
/// pass keeps nothing from the forward: it repeats it.
pub struct DeformRoiPoolPlan {
    contract: Contract<Read<TensorSpec>>,
    geometry: DeformRoiPoolGeometry,
    still: ops::DeformRoiPoolPlan,
    moved: ops::DeformRoiPoolPlan,
    offset_fc: Stack,
    modulation: Option<Modulation>,
}

ops::plan!(DeformRoiPoolPlan, |plan| { geometry: plan.geometry });

/// What makes masks, and multiplies by them.
struct Modulation {
    fc: Stack,
    sigmoid: UnaryPlan,
    product: BinaryPlan,
}

/// All that a layer reads.
#[derive(Debug, Clone, Copy)]
struct Read<T> {
    inputs: DeformRoiPoolInputs<T>,
    parameters: DeformRoiPoolParameters<T>,
}

impl<T> Read<T> {
    fn named(&self) -> Named<'_, T, 12> {
        let ([input, rois], [a, b, c, d, e, f, g, h, i, j]) = (self.inputs.named(), self.parameters.named());
        [input, rois, a, b, c, d, e, f, g, h, i, j]
    }
}

/// A destination under other extents.
struct Viewed {
    tensor: Tensor,
    add: bool,
}

impl Viewed {
    fn new(destination: &Destination, shape: Shape) -> Result<Self> {
        let tensor = destination.tensor().reshaped(shape);
        Ok(Self { tensor, add: matches!(destination, Destination::Add(_)) })
    }

    fn destination(&self) -> Destination<'_> {
        if self.add { Destination::Add(&self.tensor) } else { Destination::Write(&self.tensor) }
    }
}

/// Fully connected layers with relus between them: convolutions of one tap over images of one pixel.
struct Stack {
    layers: Vec<(Conv2dGeometry, Conv2dPlan)>,
    /// Of all but the last.
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
            Ok((*geometry, Conv2dPlan::new(gpu, &Conv2d::default(), &inputs)?))
        });
        let relus = geometries.iter().take(geometries.len() - 1);
        let relus = relus.map(|geometry| UnaryPlan::new(gpu, &Unary::Relu, wide(geometry.output_shape())));
        Ok(Self { layers: layers.collect::<Result<_>>()?, relus: relus.collect::<Result<_>>()? })
    }

    /// What each layer gives, behind its relu.
    fn forward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        parameters: &[[(&str, &&Tensor); 2]],
    ) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for (index, ((geometry, plan), [(_, weight), (_, bias)])) in self.layers.iter().zip(parameters).enumerate() {
            let input = outputs.last().unwrap_or(input).reshaped(geometry.input_shape());
            let weight = weight.reshaped(geometry.weight_shape());
            let output = recorder.workspace(geometry.output_shape())?;
            plan.forward_into(recorder, &Conv2dInputs { input: &input, weight: &weight, bias: Some(**bias) }, &output)?;
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

    /// The gradients of parameters, and of the input, of that of the last layer.
    fn backward(
        &self,
        recorder: &mut Recorder,
        [input, grad_output]: [&Tensor; 2],
        outputs: &[Tensor],
        parameters: &[[(&str, &&Tensor); 2]],
        wanted: &[[Option<&Destination>; 2]],
        grad_input: Option<Destination>,
    ) -> Result<()> {
        let mut grad = grad_output.clone();
        for (index, (geometry, plan)) in self.layers.iter().enumerate().rev() {
            let [(_, weight), (_, bias)] = parameters[index];
            let before = index.checked_sub(1).map(|before| &outputs[before]);
            let below = before.map(|before| recorder.workspace(before.shape())).transpose()?;
            let through = below.as_ref().map(Destination::Write).or(grad_input);
            let through = through.map(|destination| Viewed::new(&destination, geometry.input_shape())).transpose()?;
            let of_weight = wanted[index][0].map(|destination| Viewed::new(destination, geometry.weight_shape()));
            let of_weight = of_weight.transpose()?;
            let inputs = Conv2dInputs {
                input: &before.unwrap_or(input).reshaped(geometry.input_shape()),
                weight: &weight.reshaped(geometry.weight_shape()),
                bias: Some(*bias),
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

/// What lies between input and output.
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

impl DeformRoiPoolPlan {
    /// Checks the problem and compiles what the forward pass needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute): see [`DeformRoiPoolGeometry::new`].
    pub fn new(
        gpu: &Gpu,
        layer: &DeformRoiPool,
        inputs: &DeformRoiPoolInputs<TensorSpec>,
        parameters: &DeformRoiPoolParameters<TensorSpec>,
    ) -> Result<Self> {
        let geometry =
            DeformRoiPoolGeometry::new(layer, &inputs.map(|spec| spec.shape), &parameters.map(|spec| spec.shape))?;
        let read = Read { inputs: *inputs, parameters: *parameters };
        let contract = Contract::new(gpu, read, Read::named, geometry.output_shape())?;
        let pool = |offset| {
            let inputs = geometry::DeformRoiPoolInputs { input: wide(inputs.input.shape), rois: inputs.rois, offset };
            ops::DeformRoiPoolPlan::new(gpu, layer, &inputs)
        };
        let (still, moved) = (pool(None)?, pool(Some(wide(geometry.offset_shape())))?);
        let offset_fc = Stack::new(gpu, &geometry.offset_fc, &parameters.offset_fc())?;
        let (output, mask) = (wide(geometry.output_shape()), wide(geometry.mask_shape()));
        let modulation = parameters.mask_fc().map(|specs| {
            Ok(Modulation {
                fc: Stack::new(gpu, &geometry.mask_fc, &specs)?,
                sigmoid: UnaryPlan::new(gpu, &Unary::Sigmoid, mask)?,
                product: BinaryPlan::new(gpu, &Binary::Mul, &BinaryInputs { a: output, b: mask })?,
            })
        });
        Ok(Self { contract, still, moved, offset_fc, modulation: modulation.transpose()?, geometry })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &DeformRoiPoolGeometry {
        &self.geometry
    }

    /// Records the layer into a new tensor (rois, channels, pooled_height, pooled_width).
    ///
    /// # Errors
    /// As [`DeformRoiPoolPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolInputs<&Tensor>,
        parameters: &DeformRoiPoolParameters<&Tensor>,
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
    /// [`Error::Limit`](crate::Error::Limit) as for the ops that it consists of.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolInputs<&Tensor>,
        parameters: &DeformRoiPoolParameters<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        self.contract.check(recorder, Read::named, arguments(inputs, parameters).named(), output)?;
        recorder.op(|recorder| {
            let input = widened(recorder, inputs.input)?;
            let rois = inputs.rois;
            rounded(recorder, output, |recorder, output| match &self.modulation {
                None => self.record(recorder, [&input, rois], parameters, output).map(drop),
                Some(Modulation { product, .. }) => {
                    let moved = recorder.workspace(self.geometry.output_shape())?;
                    let between = self.record(recorder, [&input, rois], parameters, &moved)?;
                    let Some(Modulated { mask, .. }) = &between.modulated else { return Ok(()) };
                    product.forward_into(recorder, &BinaryInputs { a: &moved, b: mask }, output)
                }
            })
        })
    }

    /// All but the product with the mask; what is pooled goes into `moved`.
    fn record(
        &self,
        recorder: &mut Recorder,
        [input, rois]: [&Tensor; 2],
        parameters: &DeformRoiPoolParameters<&Tensor>,
        moved: &Tensor,
    ) -> Result<Between> {
        let read = |offset| geometry::DeformRoiPoolInputs { input, rois, offset };
        let pooled = recorder.workspace(self.geometry.output_shape())?;
        self.still.forward_into(recorder, &read(None), &pooled)?;
        let offset_fc = self.offset_fc.forward(recorder, &pooled, &parameters.offset_fc())?;
        let last = |outputs: &[Tensor], shape: Shape| outputs.last().unwrap_or(&pooled).reshaped(shape);
        let offset = last(&offset_fc, self.geometry.offset_shape());
        self.moved.forward_into(recorder, &read(Some(&offset)), moved)?;
        let modulated = match (&self.modulation, parameters.mask_fc()) {
            (Some(Modulation { fc, sigmoid, .. }), Some(parameters)) => {
                let mask_fc = fc.forward(recorder, &pooled, &parameters)?;
                let logits = last(&mask_fc, self.geometry.mask_shape());
                let mask = recorder.workspace(self.geometry.mask_shape())?;
                sigmoid.forward_into(recorder, &logits, &mask)?;
                Some(Modulated { mask_fc, logits, mask })
            }
            _ => None,
        };
        Ok(Between { pooled, offset_fc, offset, moved: moved.clone(), modulated })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors: those of what there is.
    ///
    /// The first call compiles what the backward pass needs.
    ///
    /// # Errors
    /// As [`DeformRoiPoolPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolInputs<&Tensor>,
        parameters: &DeformRoiPoolParameters<&Tensor>,
        grad_output: &Tensor,
        wanted: &DeformRoiPoolGradients<()>,
    ) -> Result<DeformRoiPoolGradients<Tensor>> {
        let Read { inputs: DeformRoiPoolInputs { input, .. }, parameters: p } = self.contract.inputs;
        let specs = wanted.of(DeformRoiPoolGradients {
            input: Some(input),
            offset_weight_0: Some(p.offset_weight_0),
            offset_bias_0: Some(p.offset_bias_0),
            offset_weight_1: Some(p.offset_weight_1),
            offset_bias_1: Some(p.offset_bias_1),
            offset_weight_2: Some(p.offset_weight_2),
            offset_bias_2: Some(p.offset_bias_2),
            mask_weight_0: p.mask_weight_0,
            mask_bias_0: p.mask_bias_0,
            mask_weight_1: p.mask_weight_1,
            mask_bias_1: p.mask_bias_1,
        })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, parameters, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, which is written or added to: that of the input is the sum of both poolings'. The
    /// forward pass is repeated, and nothing kept from it.
    ///
    /// # Errors
    /// As [`DeformRoiPoolPlan::forward_into`], with gradients for outputs; [`Error::Shape`](crate::Error::Shape) for the gradient of what is
    /// absent; [`Error::Attribute`](crate::Error::Attribute) where two gradients overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformRoiPoolInputs<&Tensor>,
        parameters: &DeformRoiPoolParameters<&Tensor>,
        grad_output: &Tensor,
        destinations: &DeformRoiPoolGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = arguments(inputs, parameters);
        let destinations = destinations.map(|&destination| destination.into());
        let named = destinations.named();
        self.contract.check_backward(recorder, Read::named, given.named(), grad_output, named)?;
        recorder.op(|recorder| {
            let input = widened(recorder, inputs.input)?;
            let grad_output = widened(recorder, grad_output)?;
            let moved = recorder.workspace(self.geometry.output_shape())?;
            let between = self.record(recorder, [&input, inputs.rois], parameters, &moved)?;
            let grad_input =
                destinations.input.map(|destination| Gradient::begin(recorder, destination)).transpose()?;
            let read = [&input, inputs.rois];
            self.record_backward(recorder, read, parameters, &between, &grad_output, &grad_input, &destinations)?;
            grad_input.map_or(Ok(()), |gradient| gradient.finish(recorder))
        })
    }

    #[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
    fn record_backward(
        &self,
        recorder: &mut Recorder,
        [input, rois]: [&Tensor; 2],
        parameters: &DeformRoiPoolParameters<&Tensor>,
        between: &Between,
        grad_output: &Tensor,
        grad_input: &Option<Gradient>,
        destinations: &DeformRoiPoolGradients<Destination>,
    ) -> Result<()> {
        let Between { pooled, offset_fc, offset, moved, modulated } = between;
        let grad_pooled = grad_input.as_ref().map(|_| recorder.workspace(pooled.shape())).transpose()?;
        let mut through = grad_pooled.as_ref().map(Destination::Write);
        let mut grad_moved = grad_output.clone();
        if let (Some(Modulation { fc, sigmoid, product }), Some(parameters), Some(modulated)) =
            (&self.modulation, parameters.mask_fc(), modulated)
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
        let read = |offset| geometry::DeformRoiPoolInputs { input, rois, offset };
        let gradients = geometry::DeformRoiPoolGradients {
            input: grad_input.as_ref().map(Gradient::destination),
            offset: Some(Destination::Write(&grad_offset)),
        };
        self.moved.backward_into(recorder, &read(Some(offset)), &grad_moved, &gradients)?;
        let (parameters, wanted) = (parameters.offset_fc(), destinations.offset_fc());
        self.offset_fc.backward(recorder, [pooled, &grad_offset], offset_fc, &parameters, &wanted, through)?;
        if let (Some(grad_input), Some(grad_pooled)) = (grad_input, &grad_pooled) {
            let input = Some(Destination::Add(&grad_input.tensor));
            let gradients = geometry::DeformRoiPoolGradients { input, offset: None };
            self.still.backward_into(recorder, &read(None), grad_pooled, &gradients)?;
        }
        Ok(())
    }
}

fn arguments<'a>(
    inputs: &DeformRoiPoolInputs<&'a Tensor>,
    parameters: &DeformRoiPoolParameters<&'a Tensor>,
) -> Read<Argument<'a>> {
    Read {
        inputs: inputs.map(|&tensor| Argument::from(tensor)),
        parameters: parameters.map(|&tensor| Argument::from(tensor)),
    }
}

impl DeformRoiPoolParameters<Tensor> {
    /// The parameters that training begins with: see [`DeformRoiPool::initial`].
    ///
    /// # Errors
    /// As [`DeformRoiPool::parameter_shapes`], and what [`Tensor::upload`] gives.
    pub fn new(
        gpu: &Gpu,
        layer: &DeformRoiPool,
        sizes: &DeformRoiPoolSizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| super::upload(gpu, *shape, dtype, elements))
    }
}
