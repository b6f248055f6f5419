//! The attention layer, put together of the ops that it consists of: see [`nn`](crate::nn).

use crate::error::Result;
use crate::geometry::{MatmulGeometry, MatmulInputs, MultiScaleDeformAttnInputs};
use crate::nn::{
    MultiScaleDeformAttnLayerGeometry, MultiScaleDeformAttnLayerGradients, MultiScaleDeformAttnLayerInputs,
};
use crate::reference::layers::sum;
use crate::reference::samples::softmax_of_rounded_backward;
use crate::reference::{
    Reference, check_len, check_lens, matmul, matmul_backward, multi_scale_deform_attn,
    multi_scale_deform_attn_backward, softmax,
};

pub(super) fn exact(value: Vec<f64>) -> Reference {
    let magnitude = absolute(&value);
    Reference { value, magnitude, terms: 0 }
}

fn absolute(value: &[f64]) -> Vec<f64> {
    value.iter().map(|value| value.abs()).collect()
}

/// The largest magnitude that is finite: of what is not, a location counts nothing and a weight is 0 or NaN, however it was rounded.
pub(super) fn largest(magnitudes: impl Iterator<Item = f64>) -> f64 {
    magnitudes.filter(|magnitude| magnitude.is_finite()).fold(0.0, f64::max)
}

/// A fully connected layer whose input is itself rounded: its magnitude goes through the layer too.
pub(super) fn connected(
    geometry: &MatmulGeometry,
    input: &Reference,
    [weight, bias]: [&[f64]; 2],
) -> Result<Reference> {
    let mut output = matmul(geometry, &MatmulInputs { a: &input.value[..], b: weight, bias: None })?;
    let rounding = matmul(geometry, &MatmulInputs { a: &input.magnitude[..], b: &absolute(weight), bias: None })?;
    for (at, (value, magnitude)) in output.value.iter_mut().zip(&mut output.magnitude).enumerate() {
        let bias = bias[at % bias.len()];
        *value += bias;
        *magnitude = rounding.value[at] + bias.abs();
    }
    output.terms += input.terms + 1;
    Ok(output)
}

/// The gradients of a fully connected layer by input, weight and bias.
pub(super) fn connected_backward(
    geometry: &MatmulGeometry,
    input: &Reference,
    weight: &[f64],
    gradient: &Reference,
) -> Result<[Option<Reference>; 3]> {
    let exact =
        matmul_backward(geometry, &MatmulInputs { a: &input.value[..], b: weight, bias: None }, &gradient.value)?;
    let (read, weight) = (&input.magnitude[..], absolute(weight));
    let rounding = matmul_backward(geometry, &MatmulInputs { a: read, b: &weight, bias: None }, &gradient.magnitude)?;
    let with = |value: Option<Reference>, rounding: Option<Reference>, terms: u64| {
        let (value, rounding) = (value?, rounding?);
        Some(Reference { magnitude: rounding.value, terms: value.terms + gradient.terms + terms, ..value })
    };
    let columns = geometry.columns as usize;
    let mut bias = Reference::zeros([geometry.columns].into(), gradient.terms + u64::from(geometry.rows));
    for (at, (value, magnitude)) in gradient.value.iter().zip(&gradient.magnitude).enumerate() {
        bias.value[at % columns] += value;
        bias.magnitude[at % columns] += magnitude;
    }
    Ok([with(exact.a, rounding.a, 0), with(exact.b, rounding.b, input.terms), Some(bias)])
}

/// The layer in front of its attention.
struct Between {
    inputs: MultiScaleDeformAttnLayerInputs<Vec<f64>>,
    /// With its position.
    query: Reference,
    value: Reference,
    offsets: Reference,
    locations: Reference,
    logits: Reference,
    weights: Reference,
    /// How much more a rounding error counts behind locations and weights.
    amplification: f64,
}

/// The element of the reference points that each x or y of an offset goes with, and its factor, beside the size of a box.
fn places(geometry: &MultiScaleDeformAttnLayerGeometry) -> Vec<(usize, f64)> {
    let shapes = geometry.input_shapes();
    let [batch, queries, reference_levels, coordinates] =
        <[u32; 4]>::try_from(shapes.reference_points.extents()).unwrap_or_default().map(|extent| extent as usize);
    let heads = geometry.attn.heads as usize;
    let mut places = Vec::new();
    for query in (0..batch * queries).flat_map(|query| std::iter::repeat_n(query, heads)) {
        for (index, level) in geometry.attn.op.levels.iter().enumerate() {
            let reference = query * reference_levels + if reference_levels == 1 { 0 } else { index };
            let factors = match coordinates {
                2 => [1.0 / f64::from(level.width), 1.0 / f64::from(level.height)],
                _ => [f64::from(geometry.locations.offset_scale) / f64::from(level.points); 2],
            };
            for _ in 0..level.points {
                places.extend((0..2).map(|axis| (reference * coordinates + axis, factors[axis])));
            }
        }
    }
    places
}

impl Between {
    fn new<T: Copy + Into<f64>>(
        geometry: &MultiScaleDeformAttnLayerGeometry,
        inputs: &MultiScaleDeformAttnLayerInputs<&[T]>,
    ) -> Result<Self> {
        check_lens(inputs.named(), geometry.input_shapes().named())?;
        let inputs = inputs.map(|slice| slice.iter().map(|&element| element.into()).collect::<Vec<f64>>());
        let parameters = &inputs.parameters;
        let mut query = exact(inputs.query.clone());
        for (at, position) in inputs.query_position.iter().flatten().enumerate() {
            query.value[at] += position;
            query.magnitude[at] += position.abs();
            query.terms = 1;
        }
        let layer = [&parameters.value_proj_weight[..], &parameters.value_proj_bias];
        let value = connected(&geometry.value_proj, &exact(inputs.value_input.clone()), layer)?;
        let layer = [&parameters.sampling_offsets_weight[..], &parameters.sampling_offsets_bias];
        let offsets = connected(&geometry.sampling_offsets, &query, layer)?;
        let layer = [&parameters.attention_weights_weight[..], &parameters.attention_weights_bias];
        let logits = connected(&geometry.attention_weights, &query, layer)?;
        let weights = softmax(&geometry.softmax, &logits.value)?;

        let (boxes, references) = (geometry.locations.boxes(), &inputs.reference_points);
        let mut locations = offsets.clone();
        for (at, (reference, factor)) in places(geometry).into_iter().enumerate() {
            let scale = if boxes { references[reference + 2] * factor } else { factor };
            locations.value[at] = references[reference] + offsets.value[at] * scale;
            locations.magnitude[at] = references[reference].abs() + offsets.magnitude[at] * scale.abs();
        }

        let extents = geometry.attn.op.levels.iter().map(|level| f64::from(level.width.max(level.height)));
        let changes = weights.magnitude.iter().zip(&weights.value).map(|(magnitude, value)| magnitude / value);
        let amplification = 1.0
            + 2.0 * extents.fold(0.0, f64::max) * largest(locations.magnitude.iter().copied())
            + 2.0 * largest(logits.magnitude.iter().copied())
            + largest(changes);
        Ok(Self { query, value, offsets, locations, logits, weights, amplification, inputs })
    }

    /// The inputs of the attention, with the value given.
    fn attended<'a>(&'a self, value: &'a [f64]) -> MultiScaleDeformAttnInputs<&'a [f64]> {
        MultiScaleDeformAttnInputs {
            value,
            locations: &self.locations.value,
            weights: &self.weights.value,
            padding_mask: self.inputs.padding_mask.as_deref(),
        }
    }

    /// Sums of rounded terms: the values of `exact`, and the magnitudes of the same sums of magnitudes.
    fn rounded(&self, exact: Reference, rounding: &Reference) -> Reference {
        let magnitude = rounding.magnitude.iter().map(|magnitude| magnitude * self.amplification).collect();
        let terms = exact.terms + self.value.terms + self.offsets.terms + self.logits.terms + self.weights.terms;
        Reference { value: exact.value, magnitude, terms }
    }

    fn output(&self, geometry: &MultiScaleDeformAttnLayerGeometry) -> Result<Reference> {
        let exact = multi_scale_deform_attn(&geometry.attn, &self.attended(&self.value.value))?;
        let rounding = multi_scale_deform_attn(&geometry.attn, &self.attended(&self.value.magnitude))?;
        Ok(self.rounded(exact, &rounding))
    }
}

/// A [`MultiScaleDeformAttnLayer`](crate::nn::MultiScaleDeformAttnLayer). What rounding value, locations and weights makes of it counts as
/// magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn multi_scale_deform_attn_layer<T: Copy + Into<f64>>(
    geometry: &MultiScaleDeformAttnLayerGeometry,
    inputs: &MultiScaleDeformAttnLayerInputs<&[T]>,
) -> Result<Reference> {
    let between = Between::new(geometry, inputs)?;
    let parameters = &between.inputs.parameters;
    let layer = [&parameters.output_proj_weight[..], &parameters.output_proj_bias];
    connected(&geometry.output_proj, &between.output(geometry)?, layer)
}

/// The gradients of a [`MultiScaleDeformAttnLayer`](crate::nn::MultiScaleDeformAttnLayer): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn multi_scale_deform_attn_layer_backward<T: Copy + Into<f64>>(
    geometry: &MultiScaleDeformAttnLayerGeometry,
    inputs: &MultiScaleDeformAttnLayerInputs<&[T]>,
    grad_output: &[T],
) -> Result<MultiScaleDeformAttnLayerGradients<Reference>> {
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let between = Between::new(geometry, inputs)?;
    let Between { inputs, query, value, offsets, logits, .. } = &between;
    let parameters = &inputs.parameters;
    let grad_output = exact(grad_output.iter().map(|&element| element.into()).collect());
    let [grad_attended, output_proj_weight, output_proj_bias] = connected_backward(
        &geometry.output_proj,
        &between.output(geometry)?,
        &parameters.output_proj_weight,
        &grad_output,
    )?;
    let grad_attended = grad_attended.unwrap_or(grad_output);

    let read = between.attended(&value.value);
    let of_attn = multi_scale_deform_attn_backward(&geometry.attn, &read, &grad_attended.value)?;
    let read = between.attended(&value.magnitude);
    let rounding = multi_scale_deform_attn_backward(&geometry.attn, &read, &grad_attended.magnitude)?;
    let nothing = || exact(Vec::new());
    let with = |exact: Option<Reference>, rounding: Option<Reference>| match (exact, rounding) {
        (Some(exact), Some(rounding)) => between.rounded(exact, &rounding),
        _ => nothing(),
    };
    let grad_value = with(of_attn.value, rounding.value);
    let grad_locations = with(of_attn.locations, rounding.locations);
    let grad_weights = with(of_attn.weights, rounding.weights);

    let read = exact(inputs.value_input.clone());
    let [value_input, value_proj_weight, value_proj_bias] =
        connected_backward(&geometry.value_proj, &read, &parameters.value_proj_weight, &grad_value)?;

    let references = &inputs.reference_points;
    let mut grad_offsets = grad_locations.clone();
    let mut reference_points =
        Reference::zeros(geometry.input_shapes().reference_points, grad_locations.terms + offsets.terms);
    let mut add = |at: usize, value: f64, magnitude: f64| {
        reference_points.value[at] += value;
        reference_points.magnitude[at] += magnitude;
    };
    let places = places(geometry);
    for (at, &(reference, factor)) in places.iter().enumerate() {
        let (value, magnitude) = (&mut grad_offsets.value[at], &mut grad_offsets.magnitude[at]);
        add(reference, *value, *magnitude);
        let mut scale = factor;
        if geometry.locations.boxes() {
            scale *= references[reference + 2];
            let rounding = *magnitude * offsets.magnitude[at] * factor.abs();
            add(reference + 2, *value * offsets.value[at] * factor, rounding);
        }
        *value *= scale;
        *magnitude *= scale.abs();
    }
    reference_points.terms += (places.len() / reference_points.value.len().max(1)) as u64;

    let [by_offsets, sampling_offsets_weight, sampling_offsets_bias] =
        connected_backward(&geometry.sampling_offsets, query, &parameters.sampling_offsets_weight, &grad_offsets)?;

    let grad_logits = softmax_of_rounded_backward(&geometry.softmax, logits, &grad_weights)?;
    let [by_weights, attention_weights_weight, attention_weights_bias] =
        connected_backward(&geometry.attention_weights, query, &parameters.attention_weights_weight, &grad_logits)?;

    let of_query = sum(by_offsets, by_weights);
    Ok(MultiScaleDeformAttnLayerGradients {
        query_position: inputs.query_position.as_ref().and(of_query.clone()),
        query: of_query,
        value_input,
        reference_points: Some(reference_points),
        value_proj_weight,
        value_proj_bias,
        sampling_offsets_weight,
        sampling_offsets_bias,
        attention_weights_weight,
        attention_weights_bias,
        output_proj_weight,
        output_proj_bias,
    })
}
