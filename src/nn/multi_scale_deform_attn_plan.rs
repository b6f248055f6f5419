use super::connected::{Connected, add, broadcast, of_two, wide};
use super::multi_scale_deform_attn::Locations;
use super::{
    MultiScaleDeformAttnLayer, MultiScaleDeformAttnLayerGeometry, MultiScaleDeformAttnLayerGradients,
    MultiScaleDeformAttnLayerInputs, MultiScaleDeformAttnParameters, MultiScaleDeformAttnSizes, Viewed, upload,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    Binary, BinaryGeometry, BinaryInputs, BroadcastAxis, MultiScaleDeformAttn, MultiScaleDeformAttnGradients,
    MultiScaleDeformAttnInputs, Split,
};
use crate::gpu::{Constant, Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::{self, Function, binary};
use crate::kernels::elementwise::broadcast::Broadcast;
use crate::ops::elementwise::broadcast::gradient;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, opaque};
use crate::ops::{MultiScaleDeformAttnPlan, SoftmaxPlan, SplitPlan};
use crate::shape::{MAX_RANK, Shape};

/// The plans of a layer's projections and of the attention between them.
pub struct Attention {
    value_proj: Connected,
    sampling_offsets: Connected,
    attention_weights: Connected,
    output_proj: Connected,
    locations: Located,
    softmax: SoftmaxPlan,
    attn: MultiScaleDeformAttnPlan,
}

opaque!(Attention);

/// The functions that make locations of offsets and reference points.
struct Located {
    geometry: Locations,
    factors: Constant,
    /// Of offsets and what they are multiplied by.
    scaled: [BroadcastAxis; MAX_RANK],
    /// Of scaled offsets and positions.
    moved: [BroadcastAxis; MAX_RANK],
    boxes: Option<Boxes>,
}

/// Reference points that are boxes: positions and sizes.
struct Boxes {
    split: SplitPlan,
    /// Of sizes and factors.
    axes: [BroadcastAxis; MAX_RANK],
}

/// Tensors that locations are made of, beside the offsets.
struct Terms {
    positions: Tensor,
    /// The factors of offsets: those of the table, or these times sizes of boxes.
    scale: Tensor,
    factors: Tensor,
}

impl Located {
    fn new(gpu: &Gpu, geometry: &Locations) -> Result<Self> {
        let (offsets, pairs) = (geometry.offsets, geometry.pairs());
        let words: Vec<_> = geometry.factor.iter().map(|factor| factor.to_bits()).collect();
        let entries: Vec<_> = words
            .chunks(4)
            .map(|words| {
                let mut entry = [0; 4];
                entry[..words.len()].copy_from_slice(words);
                entry
            })
            .collect();
        let boxes = geometry.boxes().then(|| -> Result<_> {
            let split = SplitPlan::new(gpu, &Split { axis: 4, sizes: vec![2; 2] }, &wide(geometry.references))?;
            Ok(Boxes { split, axes: broadcast(Binary::Mul, pairs, geometry.factors)? })
        });
        let boxes = boxes.transpose()?;
        let scale = if boxes.is_some() { Self::sizes(geometry)? } else { geometry.factors };
        Ok(Self {
            geometry: geometry.clone(),
            factors: Constant::buffer(gpu, "factors", &entries)?,
            scaled: broadcast(Binary::Mul, offsets, scale)?,
            moved: broadcast(Binary::Add, offsets, pairs)?,
            boxes,
        })
    }

    /// The shape of the sizes of boxes times factors.
    fn sizes(geometry: &Locations) -> Result<Shape> {
        let both = BinaryInputs { a: geometry.pairs(), b: geometry.factors };
        Ok(BinaryGeometry::new(&Binary::Mul, &both)?.output_shape())
    }

    fn terms(&self, recorder: &mut Recorder, references: &Tensor) -> Result<Terms> {
        let references = references.reshaped(self.geometry.references);
        let factors = recorder.workspace(self.geometry.factors)?;
        let elements = self.geometry.factors.elements();
        let (table, to) = (self.factors.binding(), factors.binding("factors", 0..elements)?);
        let broadcast = Broadcast::new([1, 1, 1, 1, 1, elements as u32], [[0, 0, 0, 0, 0, 1]; 3]);
        let params = binary::Params { broadcast, scale: 1.0, ..Default::default() };
        binary(recorder, Function::First, params, [&table, &table, &to])?;
        let Some(Boxes { split, axes }) = &self.boxes else {
            return Ok(Terms { positions: references, scale: factors.clone(), factors });
        };
        let pairs = [recorder.workspace(self.geometry.pairs())?, recorder.workspace(self.geometry.pairs())?];
        split.forward_into(recorder, &references, &pairs.to_vec())?;
        let ([positions, sizes], scale) = (pairs, recorder.workspace(Self::sizes(&self.geometry)?)?);
        of_two(recorder, Binary::Mul, axes, [&sizes, &factors], &scale)?;
        Ok(Terms { positions, scale, factors })
    }

    fn forward(&self, recorder: &mut Recorder, offsets: &Tensor, terms: &Terms, locations: &Tensor) -> Result<()> {
        of_two(recorder, Binary::Mul, &self.scaled, [offsets, &terms.scale], locations)?;
        add(recorder, &self.moved, &terms.positions, locations)
    }

    /// Records the gradients of offsets and reference points that are wanted.
    fn backward(
        &self,
        recorder: &mut Recorder,
        [offsets, references]: [&Tensor; 2],
        terms: &Terms,
        grad_locations: &Tensor,
        [of_offsets, of_references]: [Option<Destination>; 2],
    ) -> Result<()> {
        if let Some(of_offsets) = of_offsets {
            gradient(recorder, &self.scaled, 0, Some(&terms.scale), grad_locations, of_offsets)?;
        }
        let Some(of_references) = of_references else { return Ok(()) };
        let Some(Boxes { split, axes }) = &self.boxes else {
            return gradient(recorder, &self.moved, 1, None, grad_locations, of_references);
        };
        let pairs = [recorder.workspace(self.geometry.pairs())?, recorder.workspace(self.geometry.pairs())?];
        let grad_scale = recorder.workspace(terms.scale.shape())?;
        gradient(recorder, &self.moved, 1, None, grad_locations, Destination::Write(&pairs[0]))?;
        gradient(recorder, &self.scaled, 1, Some(offsets), grad_locations, Destination::Write(&grad_scale))?;
        gradient(recorder, axes, 0, Some(&terms.factors), &grad_scale, Destination::Write(&pairs[1]))?;
        let of_references = Viewed::new(&of_references, self.geometry.references);
        let references = references.reshaped(self.geometry.references);
        split.backward_into(recorder, &references, &pairs.to_vec(), &of_references.destination())
    }
}

/// The intermediate tensors between inputs and attention.
struct Between {
    /// The query, with its position.
    read: Tensor,
    value: Tensor,
    terms: Terms,
    offsets: Tensor,
    locations: Tensor,
    logits: Tensor,
    weights: Tensor,
}

impl Between {
    fn attended<'a>(&'a self, padding_mask: Option<&'a Tensor>) -> MultiScaleDeformAttnInputs<&'a Tensor> {
        MultiScaleDeformAttnInputs {
            value: &self.value,
            locations: &self.locations,
            weights: &self.weights,
            padding_mask,
        }
    }
}

impl Kernels for MultiScaleDeformAttnLayer {
    type Compiled = Attention;

    fn compile(
        gpu: &Gpu,
        geometry: &MultiScaleDeformAttnLayerGeometry,
        _: &MultiScaleDeformAttnLayerInputs<TensorSpec>,
    ) -> Result<Attention> {
        [Function::First, Function::Mul, Function::Add]
            .into_iter()
            .try_for_each(|function| binary::compile(gpu, function))?;
        let weights = geometry.softmax.input_shapes();
        let attended = geometry.attn.input_shapes().map(|&shape| wide(shape));
        Ok(Attention {
            value_proj: Connected::new(gpu, geometry.value_proj)?,
            sampling_offsets: Connected::new(gpu, geometry.sampling_offsets)?,
            attention_weights: Connected::new(gpu, geometry.attention_weights)?,
            output_proj: Connected::new(gpu, geometry.output_proj)?,
            locations: Located::new(gpu, &geometry.locations)?,
            softmax: SoftmaxPlan::of(gpu, geometry.softmax, &wide(weights))?,
            attn: MultiScaleDeformAttnPlan::of(gpu, geometry.attn.clone(), &attended)?,
        })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnLayerInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.tensor())?;
        let between = plan.record_between(recorder, &inputs)?;
        let attended = plan.record_attention(recorder, &inputs, &between)?;
        let MultiScaleDeformAttnParameters { output_proj_weight, output_proj_bias, .. } = inputs.parameters;
        plan.compiled().output_proj.forward(recorder, &attended, [output_proj_weight, output_proj_bias], output)
    }

    fn same(&self, other: &Self) -> bool {
        self == other && self.offset_scale.to_bits() == other.offset_scale.to_bits()
    }

    fn smallest() -> (Self, MultiScaleDeformAttnLayerInputs<TensorSpec>) {
        let parameters = MultiScaleDeformAttnParameters {
            value_proj_weight: Shape::from([1, 1]),
            value_proj_bias: [1].into(),
            sampling_offsets_weight: [2, 1].into(),
            sampling_offsets_bias: [2].into(),
            attention_weights_weight: [1, 1].into(),
            attention_weights_bias: [1].into(),
            output_proj_weight: [1, 1].into(),
            output_proj_bias: [1].into(),
        };
        let inputs = MultiScaleDeformAttnLayerInputs {
            query: [1; 3].into(),
            value_input: [1; 3].into(),
            reference_points: [1, 1, 1, 4].into(),
            padding_mask: Some([1; 2].into()),
            query_position: Some([1; 3].into()),
            parameters,
        };
        (Self::new(MultiScaleDeformAttn::new([[1; 2]], 1), 1), inputs.map(|&shape| wide(shape)))
    }
}

/// The vector-Jacobian products of all inputs but the padding mask, and of all parameters. The forward pass is repeated, and nothing kept from it.
impl Differentiable for MultiScaleDeformAttnLayer {
    type Gradients = MultiScaleDeformAttnLayerGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnLayerInputs<Argument>,
        grad_output: &Tensor,
        destinations: &MultiScaleDeformAttnLayerGradients<Destination>,
    ) -> Result<()> {
        let wide = inputs.try_map(|input| input.wide(recorder))?;
        let (inputs, wanted) = (wide.as_ref(), destinations);
        let parameters = &inputs.parameters;
        let Attention { value_proj, output_proj, locations, softmax, attn, .. } = plan.compiled();
        let between = plan.record_between(recorder, &inputs)?;

        let attended = match wanted.output_proj_weight {
            Some(_) => plan.record_attention(recorder, &inputs, &between)?,
            None => recorder.workspace(plan.geometry().attn.output_shape())?,
        };
        let grad_attended = recorder.workspace(plan.geometry().attn.output_shape())?;
        let of_output = [Some(Destination::Write(&grad_attended)), wanted.output_proj_weight, wanted.output_proj_bias];
        output_proj.backward(
            recorder,
            &attended,
            [parameters.output_proj_weight, parameters.output_proj_bias],
            grad_output,
            of_output,
        )?;

        let through_query = wanted.query.is_some() || wanted.query_position.is_some();
        let through = |there: bool, like: &Tensor, recorder: &mut Recorder| {
            there.then(|| recorder.workspace(like.shape())).transpose()
        };
        let of_value = [wanted.value_input, wanted.value_proj_weight, wanted.value_proj_bias];
        let of_offsets = [wanted.sampling_offsets_weight, wanted.sampling_offsets_bias];
        let of_weights = [wanted.attention_weights_weight, wanted.attention_weights_bias];
        let by_offsets = through_query || of_offsets.iter().any(Option::is_some);
        let by_weights = through_query || of_weights.iter().any(Option::is_some);
        let by_locations = by_offsets || wanted.reference_points.is_some();
        let gradients = MultiScaleDeformAttnGradients {
            value: through(of_value.iter().any(Option::is_some), &between.value, recorder)?,
            locations: through(by_locations, &between.locations, recorder)?,
            weights: through(by_weights, &between.weights, recorder)?,
        };
        if gradients.named().next().is_some() {
            let read = between.attended(inputs.padding_mask);
            attn.backward_into(recorder, &read, &grad_attended, &gradients)?;
        }

        if let Some(grad_value) = &gradients.value {
            value_proj.backward(
                recorder,
                inputs.value_input,
                [parameters.value_proj_weight, parameters.value_proj_bias],
                grad_value,
                of_value,
            )?;
        }
        let grad_offsets = through(by_offsets, &between.offsets, recorder)?;
        if let Some(grad_locations) = &gradients.locations {
            let of_both = [grad_offsets.as_ref().map(Destination::Write), wanted.reference_points];
            let read = [&between.offsets, inputs.reference_points];
            locations.backward(recorder, read, &between.terms, grad_locations, of_both)?;
        }
        let grad_logits = through(by_weights, &between.logits, recorder)?;
        if let (Some(grad_weights), Some(grad_logits)) = (&gradients.weights, &grad_logits) {
            softmax.backward_into(recorder, &between.logits, grad_weights, grad_logits)?;
        }
        plan.record_query(recorder, &inputs, &between, [grad_offsets, grad_logits], wanted)
    }
}

impl Plan<MultiScaleDeformAttnLayer> {
    /// Records all in front of the attention.
    fn record_between(
        &self,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnLayerInputs<&Tensor>,
    ) -> Result<Between> {
        let MultiScaleDeformAttnLayerInputs {
            query, value_input, reference_points, query_position, parameters, ..
        } = *inputs;
        let Attention { value_proj, sampling_offsets, attention_weights, locations, softmax, .. } = self.compiled();
        let shapes = self.geometry().attn.input_shapes();
        let read = match query_position {
            Some(position) => {
                let read = recorder.workspace(query.shape())?;
                let axes = broadcast(Binary::Add, query.shape(), position.shape())?;
                of_two(recorder, Binary::Add, &axes, [query, position], &read)?;
                read
            }
            None => query.clone(),
        };
        let between = Between {
            read,
            value: recorder.workspace(shapes.value)?,
            terms: locations.terms(recorder, reference_points)?,
            offsets: recorder.workspace(shapes.locations)?,
            locations: recorder.workspace(shapes.locations)?,
            logits: recorder.workspace(shapes.weights)?,
            weights: recorder.workspace(shapes.weights)?,
        };
        let Between { read, value, terms, offsets, locations: located, logits, weights } = &between;
        let layer = [parameters.value_proj_weight, parameters.value_proj_bias];
        value_proj.forward(recorder, value_input, layer, value)?;
        let layer = [parameters.sampling_offsets_weight, parameters.sampling_offsets_bias];
        sampling_offsets.forward(recorder, read, layer, offsets)?;
        locations.forward(recorder, offsets, terms, located)?;
        let layer = [parameters.attention_weights_weight, parameters.attention_weights_bias];
        attention_weights.forward(recorder, read, layer, logits)?;
        softmax.forward_into(recorder, logits, weights)?;
        Ok(between)
    }

    fn record_attention(
        &self,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnLayerInputs<&Tensor>,
        between: &Between,
    ) -> Result<Tensor> {
        let attended = recorder.workspace(self.geometry().attn.output_shape())?;
        self.compiled().attn.forward_into(recorder, &between.attended(inputs.padding_mask), &attended)?;
        Ok(attended)
    }

    /// Records the gradients of the query, its position, and the layers that read them.
    fn record_query(
        &self,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnLayerInputs<&Tensor>,
        between: &Between,
        [grad_offsets, grad_logits]: [Option<Tensor>; 2],
        wanted: &MultiScaleDeformAttnLayerGradients<Destination>,
    ) -> Result<()> {
        let both = wanted.query.zip(wanted.query_position);
        let sum = both.map(|_| recorder.workspace(inputs.query.shape())).transpose()?;
        let of_query = match &sum {
            Some(sum) => Some(Destination::Write(sum)),
            None => wanted.query.or(wanted.query_position),
        };
        let parameters = &inputs.parameters;
        if let Some(grad) = &grad_offsets {
            let wanted = [of_query, wanted.sampling_offsets_weight, wanted.sampling_offsets_bias];
            let layer = [parameters.sampling_offsets_weight, parameters.sampling_offsets_bias];
            self.compiled().sampling_offsets.backward(recorder, &between.read, layer, grad, wanted)?;
        }
        if let Some(grad) = &grad_logits {
            let of_query = of_query.map(|destination| Destination::Add(destination.tensor()));
            let wanted = [of_query, wanted.attention_weights_weight, wanted.attention_weights_bias];
            let layer = [parameters.attention_weights_weight, parameters.attention_weights_bias];
            self.compiled().attention_weights.backward(recorder, &between.read, layer, grad, wanted)?;
        }
        if let (Some(sum), Some((query, position))) = (&sum, both) {
            let axes = broadcast(Binary::Add, sum.shape(), sum.shape())?;
            gradient(recorder, &axes, 0, None, sum, query)?;
            gradient(recorder, &axes, 0, None, sum, position)?;
        }
        Ok(())
    }
}

impl MultiScaleDeformAttnParameters<Tensor> {
    /// The parameters that training begins with: see [`MultiScaleDeformAttnLayer::initial`].
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, heads do not divide the value's channels, or levels are missing or empty;
    /// [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than `u32` counts; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn new(
        gpu: &Gpu,
        layer: &MultiScaleDeformAttnLayer,
        sizes: &MultiScaleDeformAttnSizes,
        dtype: DType,
        uniform: impl FnMut() -> f32,
    ) -> Result<Self> {
        let initial = layer.initial(sizes, uniform)?;
        initial.try_map(|(shape, elements)| upload(gpu, *shape, dtype, elements))
    }
}
