//! Layers, put together of the ops that they consist of: see [`nn`](crate::nn).

use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Conv2dGradients, Conv2dInputs, DeformConv2dInputs, DeformRoiPoolInputs};
use crate::nn::{
    DeformConv2dField, DeformConv2dLayerGeometry, DeformConv2dLayerGradients, DeformConv2dLayerInputs,
    DeformRoiPoolLayerGeometry, DeformRoiPoolLayerGradients, DeformRoiPoolLayerInputs, DeformRoiPoolParameters,
    OffsetField,
};
use crate::reference::{Reference, check_len, conv2d, conv2d_backward};

/// The inputs of a layer, in `f64`.
struct Read(DeformConv2dLayerInputs<Vec<f64>>);

impl Read {
    fn new<T: Copy + Into<f64>>(
        geometry: &DeformConv2dLayerGeometry,
        inputs: &DeformConv2dLayerInputs<&[T]>,
    ) -> Result<Self> {
        if let (Some(flow), Some(shape)) = (inputs.flow, geometry.shapes.flow) {
            check_len("flow", flow, shape)?;
        }
        Ok(Self(inputs.map(|slice| slice.iter().map(|&element| element.into()).collect())))
    }

    fn offset_conv(&self) -> Conv2dInputs<&[f64]> {
        self.conv(&self.0.parameters.offset_weight, self.0.parameters.offset_bias.as_ref())
    }

    fn mask_conv(&self) -> Option<Conv2dInputs<&[f64]>> {
        let weight = self.0.parameters.mask_weight.as_ref()?;
        Some(self.conv(weight, self.0.parameters.mask_bias.as_ref()))
    }

    fn conv<'a>(&'a self, weight: &'a [f64], bias: Option<&'a Vec<f64>>) -> Conv2dInputs<&'a [f64]> {
        let input = self.0.offset_input.as_ref().unwrap_or(&self.0.input);
        Conv2dInputs { input, weight, bias: bias.map(Vec::as_slice) }
    }

    fn convolution<'a>(&'a self, field: &'a DeformConv2dField<Reference>) -> DeformConv2dInputs<&'a [f64]> {
        DeformConv2dInputs {
            input: &self.0.input,
            offset: &field.offset.value,
            weight: &self.0.parameters.weight,
            mask: field.mask.as_ref().map(|mask| &mask.value[..]),
            bias: self.0.parameters.bias.as_deref(),
        }
    }

    fn field(&self, geometry: &DeformConv2dLayerGeometry) -> Result<DeformConv2dField<Reference>> {
        let DeformConv2dLayerGeometry { offset_conv, mask_conv, fields, .. } = geometry;
        let offset = conv2d(offset_conv, &self.offset_conv())?;
        let offset = activated(&fields.offset, offset, self.0.flow.as_deref());
        let mask = match (mask_conv, self.mask_conv(), &fields.mask) {
            (Some(conv), Some(inputs), Some(field)) => Some(activated(field, conv2d(conv, &inputs)?, None)),
            _ => None,
        };
        Ok(DeformConv2dField { offset, mask })
    }
}

/// An element of a field: its plane in the image, and the element of the flow that is added to it.
fn places(geometry: &OffsetField) -> impl Iterator<Item = (usize, bool, Option<usize>)> + use<> {
    let OffsetField { batch, planes, pixels, offset_planes, flow_planes, .. } = *geometry;
    let per_flow = geometry.planes_per_flow();
    let planes = (0..batch).flat_map(move |image| (0..planes).map(move |plane| (image, plane)));
    let elements = planes.flat_map(move |place| (0..pixels).map(move |pixel| (place, pixel)));
    elements.enumerate().map(move |(at, ((image, plane), pixel))| {
        let is_offset = plane < offset_planes;
        // dx of each flow lies first, dy of each sampling point.
        let flow_plane = plane / per_flow * 2 + 1 - plane % 2;
        let flow = (image as usize * flow_planes as usize + flow_plane as usize) * pixels as usize + pixel as usize;
        (at, is_offset, (is_offset && flow_planes > 0).then_some(flow))
    })
}

/// Offsets and masks from a convolution's output.
fn activated(geometry: &OffsetField, mut field: Reference, flow: Option<&[f64]>) -> Reference {
    let (limit, scale) = (f64::from(geometry.limit), f64::from(geometry.mask_scale));
    for (at, is_offset, flow_at) in places(geometry) {
        let (value, magnitude) = (&mut field.value[at], &mut field.magnitude[at]);
        // Far out, where what was rounded may be infinite, it changes nothing.
        let changes = |slope: f64, rounding: f64| if slope == 0.0 { 0.0 } else { slope * rounding };
        if !is_offset {
            let far = value.is_infinite();
            *value = scale / (1.0 + (-*value).exp());
            *magnitude = value.abs() + changes(if far { 0.0 } else { value.abs() }, *magnitude);
        } else if limit > 0.0 {
            let tanh = value.tanh();
            *value = limit * tanh;
            *magnitude = value.abs() + changes(limit * (1.0 - tanh * tanh), *magnitude);
        }
        if let (Some(flow), Some(at)) = (flow, flow_at) {
            *value += flow[at];
            *magnitude += flow[at].abs();
        }
    }
    field
}

/// The gradient of the convolution's output, from that of the offsets and masks. An offset that is not finite has none.
fn activated_backward(
    geometry: &OffsetField,
    field: &Reference,
    flow: Option<&[f64]>,
    mut gradient: Reference,
) -> Reference {
    let (limit, scale) = (f64::from(geometry.limit), f64::from(geometry.mask_scale));
    for (at, is_offset, flow_at) in places(geometry) {
        let (value, rounding) = (field.value[at], field.magnitude[at]);
        // With what the slope changes by where the value does.
        let (slope, change) = if !is_offset {
            (value * (1.0 - value / scale), 3.0 * rounding)
        } else if limit > 0.0 {
            let flow = flow.zip(flow_at).map_or(0.0, |(flow, at)| flow[at]);
            (limit * (1.0 - ((value - flow) / limit).powi(2)), 2.0 * rounding)
        } else {
            continue;
        };
        let (grad, magnitude) = (&mut gradient.value[at], &mut gradient.magnitude[at]);
        if is_offset && !value.is_finite() {
            (*grad, *magnitude) = (0.0, 0.0);
            continue;
        }
        *magnitude = slope.abs() * *magnitude + change * grad.abs();
        *grad *= slope;
    }
    gradient
}

/// How much more a rounding error counts behind the field than in an op of its own: by what an offset is off, in pixels, each term of a
/// sample may be off in two directions, and by what a mask is off, relative to it.
fn amplification(geometry: &DeformConv2dLayerGeometry, field: &DeformConv2dField<Reference>) -> f64 {
    let largest = |geometry: &OffsetField, field: &Reference| {
        let of = |(at, is_offset, _): (usize, bool, _)| match is_offset {
            true if field.value[at].is_finite() => 2.0 * field.magnitude[at],
            // It moves nothing.
            true => 0.0,
            false => field.magnitude[at] / field.value[at],
        };
        places(geometry).map(of).fold(0.0, f64::max)
    };
    let mask = geometry.fields.mask.as_ref().zip(field.mask.as_ref());
    1.0 + largest(&geometry.fields.offset, &field.offset) + mask.map_or(0.0, |(geometry, mask)| largest(geometry, mask))
}

fn amplified(reference: &Reference, factor: f64, terms: u64) -> Reference {
    Reference {
        value: reference.value.clone(),
        magnitude: reference.magnitude.iter().map(|magnitude| magnitude * factor).collect(),
        terms: reference.terms.max(terms),
    }
}

/// The offsets and masks of a [`DeformConv2dLayer`](crate::nn::DeformConv2dLayer).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv2d_layer_field<T: Copy + Into<f64>>(
    geometry: &DeformConv2dLayerGeometry,
    inputs: &DeformConv2dLayerInputs<&[T]>,
) -> Result<DeformConv2dField<Reference>> {
    Read::new(geometry, inputs)?.field(geometry)
}

/// A [`DeformConv2dLayer`](crate::nn::DeformConv2dLayer). What rounding the offsets and masks makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv2d_layer<T: Copy + Into<f64>>(
    geometry: &DeformConv2dLayerGeometry,
    inputs: &DeformConv2dLayerInputs<&[T]>,
) -> Result<Reference> {
    let read = Read::new(geometry, inputs)?;
    let field = read.field(geometry)?;
    let output = crate::reference::deform_conv2d(&geometry.convolution, &read.convolution(&field))?;
    Ok(amplified(&output, amplification(geometry, &field), field.offset.terms))
}

/// The gradients of a [`DeformConv2dLayer`](crate::nn::DeformConv2dLayer): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv2d_layer_backward<T: Copy + Into<f64>>(
    geometry: &DeformConv2dLayerGeometry,
    inputs: &DeformConv2dLayerInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConv2dLayerGradients<Reference>> {
    let read = Read::new(geometry, inputs)?;
    let field = read.field(geometry)?;
    let grad_output: Vec<f64> = grad_output.iter().map(|&element| element.into()).collect();
    let outer =
        crate::reference::deform_conv2d_backward(&geometry.convolution, &read.convolution(&field), &grad_output)?;
    let factor = amplification(geometry, &field);
    let outer = outer.map(|gradient| amplified(gradient, factor, field.offset.terms));

    let flow = read.0.flow.as_deref();
    let fields = &geometry.fields;
    let mut gradients = DeformConv2dLayerGradients { weight: outer.weight, bias: outer.bias, ..Default::default() };
    let mut through = None;
    if let Some(gradient) = outer.offset {
        gradients.flow = geometry.shapes.flow.map(|shape| of_flow(&fields.offset, &gradient, shape.elements()));
        let gradient = activated_backward(&fields.offset, &field.offset, flow, gradient);
        let inner = convolved(&geometry.offset_conv, &read.offset_conv(), &gradient)?;
        (through, gradients.offset_weight, gradients.offset_bias) = (inner.input, inner.weight, inner.bias);
    }
    if let (Some(gradient), Some(conv), Some(inputs), Some(geometry), Some(field)) =
        (outer.mask, &geometry.mask_conv, read.mask_conv(), &fields.mask, &field.mask)
    {
        let inner = convolved(conv, &inputs, &activated_backward(geometry, field, None, gradient))?;
        through = sum(through, inner.input);
        (gradients.mask_weight, gradients.mask_bias) = (inner.weight, inner.bias);
    }
    if read.0.offset_input.is_some() {
        (gradients.input, gradients.offset_input) = (outer.input, through);
    } else {
        gradients.input = sum(outer.input, through);
    }
    Ok(gradients)
}

/// The gradients of a convolution whose output's gradient is itself rounded: its magnitude is convolved too.
fn convolved(
    geometry: &Conv2dGeometry,
    inputs: &Conv2dInputs<&[f64]>,
    gradient: &Reference,
) -> Result<Conv2dGradients<Reference>> {
    let absolute = inputs.map(|slice| slice.iter().map(|element| element.abs()).collect::<Vec<_>>());
    let rounding = conv2d_backward(geometry, &absolute.map(Vec::as_slice), &gradient.magnitude)?;
    let Conv2dGradients { input, weight, bias } = conv2d_backward(geometry, inputs, &gradient.value)?;
    let with = |value: Option<Reference>, rounding: Option<Reference>| {
        let (value, rounding) = (value?, rounding?);
        Some(Reference { magnitude: rounding.value, terms: value.terms + gradient.terms, ..value })
    };
    Ok(Conv2dGradients {
        input: with(input, rounding.input),
        weight: with(weight, rounding.weight),
        bias: with(bias, rounding.bias),
    })
}

fn of_flow(geometry: &OffsetField, gradient: &Reference, elements: u64) -> Reference {
    let mut sum = Reference {
        value: vec![0.0; elements as usize],
        magnitude: vec![0.0; elements as usize],
        terms: gradient.terms + u64::from(geometry.planes_per_flow() / 2),
    };
    for (at, _, flow) in places(geometry) {
        if let Some(flow) = flow {
            sum.value[flow] += gradient.value[at];
            sum.magnitude[flow] += gradient.magnitude[at];
        }
    }
    sum
}

pub(super) fn sum(a: Option<Reference>, b: Option<Reference>) -> Option<Reference> {
    let add = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a + b).collect();
    match (a, b) {
        (Some(a), Some(b)) => Some(Reference {
            value: add(a.value, b.value),
            magnitude: add(a.magnitude, b.magnitude),
            terms: a.terms + b.terms,
        }),
        (a, b) => a.or(b),
    }
}

/// Intermediate values between input and output of a [`DeformRoiPoolLayer`](crate::nn::DeformRoiPoolLayer).
struct Moved {
    input: Vec<f64>,
    rois: Vec<f64>,
    pooled: Reference,
    /// The output of each layer, behind its relu.
    offset_fc: Vec<Reference>,
    mask_fc: Vec<Reference>,
    /// (rois, 1, bins)
    mask: Option<Vec<f64>>,
    output: Reference,
    /// How much more a rounding error counts behind the offsets.
    amplification: f64,
}

type Layers = Vec<[Vec<f64>; 2]>;

/// The parameters of both stacks.
fn layers<T: Copy + Into<f64>>(parameters: &DeformRoiPoolParameters<&[T]>) -> [Layers; 2] {
    let wide = |slice: &&[T]| slice.iter().map(|&element| element.into()).collect::<Vec<f64>>();
    let of = |[(_, weight), (_, bias)]: [(&str, &&[T]); 2]| [wide(weight), wide(bias)];
    let mask_fc = parameters.mask_fc().map(|stack| stack.map(of).into_iter().collect());
    [parameters.offset_fc().map(of).into_iter().collect(), mask_fc.unwrap_or_default()]
}

/// A convolution of an input that is itself rounded: its magnitude is convolved too.
fn rounded(geometry: &Conv2dGeometry, input: &Reference, [weight, bias]: &[Vec<f64>; 2]) -> Result<Reference> {
    let inputs = Conv2dInputs { input: &input.value[..], weight: &weight[..], bias: Some(&bias[..]) };
    let absolute = inputs.map(|slice| slice.iter().map(|element| element.abs()).collect::<Vec<_>>());
    let rounding =
        Conv2dInputs { input: &input.magnitude[..], weight: &absolute.weight[..], bias: absolute.bias.as_deref() };
    let rounding = conv2d(geometry, &rounding)?;
    let output = conv2d(geometry, &inputs)?;
    Ok(Reference { magnitude: rounding.value, terms: output.terms + input.terms, ..output })
}

fn connected(geometries: &[Conv2dGeometry], layers: &Layers, input: &Reference) -> Result<Vec<Reference>> {
    let mut outputs: Vec<Reference> = Vec::new();
    for (index, (geometry, layer)) in geometries.iter().zip(layers).enumerate() {
        let mut output = rounded(geometry, outputs.last().unwrap_or(input), layer)?;
        if index + 1 < geometries.len() {
            for (value, magnitude) in output.value.iter_mut().zip(&mut output.magnitude) {
                if *value == f64::NEG_INFINITY {
                    *magnitude = 0.0;
                }
                // Written so that NaN stays.
                *value = if *value < 0.0 { 0.0 } else { *value };
            }
        }
        outputs.push(output);
    }
    if let Some(last) = outputs.last_mut() {
        // An offset that is not finite moves nothing, and a sigmoid is flat far out: what was rounded changes nothing.
        let places = last.value.iter().zip(&mut last.magnitude);
        places.filter(|(value, _)| !value.is_finite()).for_each(|(_, magnitude)| *magnitude = 0.0);
    }
    Ok(outputs)
}

/// The gradients of a stack: of its parameters, first layer first, and of its input.
fn connected_backward(
    geometries: &[Conv2dGeometry],
    layers: &Layers,
    input: &Reference,
    outputs: &[Reference],
    mut gradient: Reference,
) -> Result<(Vec<[Option<Reference>; 2]>, Reference)> {
    let mut gradients = Vec::new();
    for (index, (geometry, [weight, bias])) in geometries.iter().zip(layers).enumerate().rev() {
        if index + 1 < geometries.len() {
            for ((value, magnitude), output) in
                gradient.value.iter_mut().zip(&mut gradient.magnitude).zip(&outputs[index].value)
            {
                if output.is_nan() || *output <= 0.0 {
                    (*value, *magnitude) = (0.0, 0.0);
                }
            }
        }
        let below = index.checked_sub(1).map_or(input, |below| &outputs[below]);
        let inputs = Conv2dInputs { input: &below.value[..], weight: &weight[..], bias: Some(&bias[..]) };
        let inner = convolved(geometry, &inputs, &gradient)?;
        // What the layer read is rounded too.
        let mut of_weight = inner.weight;
        if let Some(of_weight) = &mut of_weight {
            let read = Conv2dInputs { input: &below.magnitude[..], weight: &weight[..], bias: Some(&bias[..]) };
            let absolute: Vec<f64> = gradient.value.iter().map(|value| value.abs()).collect();
            if let Some(rounding) = conv2d_backward(geometry, &read, &absolute)?.weight {
                of_weight.magnitude.iter_mut().zip(rounding.value).for_each(|(magnitude, more)| *magnitude += more);
            }
            of_weight.terms += below.terms;
        }
        gradients.push([of_weight, inner.bias]);
        gradient = inner.input.unwrap_or(gradient);
    }
    gradients.reverse();
    Ok((gradients, gradient))
}

impl Moved {
    fn new<T: Copy + Into<f64>>(
        geometry: &DeformRoiPoolLayerGeometry,
        inputs: &DeformRoiPoolLayerInputs<&[T]>,
        [offset_fc, mask_fc]: &[Layers; 2],
    ) -> Result<Self> {
        let wide = |slice: &[T]| slice.iter().map(|&element| element.into()).collect::<Vec<f64>>();
        let (input, rois) = (wide(inputs.input), wide(inputs.rois));
        let read = |offset| DeformRoiPoolInputs { input: &input[..], rois: &rois[..], offset };
        let pooled = crate::reference::deform_roi_pool(&geometry.still, &read(None))?;
        let offset_fc = connected(&geometry.offset_fc, offset_fc, &pooled)?;
        let mask_fc = connected(&geometry.mask_fc, mask_fc, &pooled)?;
        let offset = offset_fc.last().unwrap_or(&pooled);
        let mut output = crate::reference::deform_roi_pool(&geometry.moved, &read(Some(&offset.value[..])))?;

        // A RoI with a corner that is not finite gives 0, whatever the offsets.
        let corners = rois.chunks(5).flat_map(|roi| &roi[1..]).filter(|corner| corner.is_finite());
        let corner = corners.fold(1.0, |largest: f64, corner| largest.max(corner.abs()));
        let amplification = 1.0 + 4.0 * corner * offset.magnitude.iter().copied().fold(0.0, f64::max);
        output = amplified(&output, amplification, offset.terms);
        let mask = mask_fc.last().map(|logits| {
            let bins = (geometry.pooled[0] * geometry.pooled[1]) as usize;
            let mask: Vec<f64> = logits.value.iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect();
            let channels = output.value.len() / mask.len().max(1);
            for (at, (value, magnitude)) in output.value.iter_mut().zip(&mut output.magnitude).enumerate() {
                let at = at / bins / channels * bins + at % bins;
                *magnitude = mask[at] * (*magnitude + value.abs() * (1.0 + logits.magnitude[at]));
                *value *= mask[at];
            }
            mask
        });
        let terms = mask_fc.last().map_or(0, |logits| logits.terms);
        output.terms = output.terms.max(terms);
        Ok(Self { input, rois, pooled, offset_fc, mask_fc, mask, output, amplification })
    }
}

/// A [`DeformRoiPoolLayer`](crate::nn::DeformRoiPoolLayer). What rounding the offsets and masks makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape;
/// [`Error::Attribute`](crate::Error::Attribute) where a RoI names an image that there is not.
pub fn deform_roi_pool_layer<T: Copy + Into<f64>>(
    geometry: &DeformRoiPoolLayerGeometry,
    inputs: &DeformRoiPoolLayerInputs<&[T]>,
) -> Result<Reference> {
    Ok(Moved::new(geometry, inputs, &layers(&inputs.parameters))?.output)
}

/// The gradients of a [`DeformRoiPoolLayer`](crate::nn::DeformRoiPoolLayer): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape;
/// [`Error::Attribute`](crate::Error::Attribute) where a RoI names an image that there is not.
pub fn deform_roi_pool_layer_backward<T: Copy + Into<f64>>(
    geometry: &DeformRoiPoolLayerGeometry,
    inputs: &DeformRoiPoolLayerInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformRoiPoolLayerGradients<Reference>> {
    let [offset_layers, mask_layers] = layers(&inputs.parameters);
    let stacks = [offset_layers, mask_layers];
    let between = Moved::new(geometry, inputs, &stacks)?;
    let [offset_layers, mask_layers] = &stacks;
    let bins = (geometry.pooled[0] * geometry.pooled[1]) as usize;
    let mut grad_moved: Vec<f64> = grad_output.iter().map(|&element| element.into()).collect();
    let offset = &between.offset_fc.last().unwrap_or(&between.pooled).value;
    let read = DeformRoiPoolInputs { input: &between.input[..], rois: &between.rois[..], offset: Some(&offset[..]) };

    let mut of_mask = Vec::new();
    let mut through = None;
    if let (Some(mask), Some(logits)) = (&between.mask, between.mask_fc.last()) {
        let moved = crate::reference::deform_roi_pool(&geometry.moved, &read)?;
        let channels = moved.value.len() / mask.len().max(1);
        let elements = mask.len();
        let mut gradient =
            Reference { value: vec![0.0; elements], magnitude: vec![0.0; elements], terms: moved.terms + logits.terms };
        gradient.terms += channels as u64;
        for (at, grad) in grad_moved.iter_mut().enumerate() {
            let to = at / bins / channels * bins + at % bins;
            let slope = mask[to] * (1.0 - mask[to]) * *grad;
            gradient.value[to] += slope * moved.value[at];
            let rounding =
                moved.magnitude[at] * between.amplification + moved.value[at].abs() * (1.0 + logits.magnitude[to]);
            gradient.magnitude[to] += slope.abs() * rounding;
            *grad *= mask[to];
        }
        let (gradients, below) =
            connected_backward(&geometry.mask_fc, mask_layers, &between.pooled, &between.mask_fc, gradient)?;
        (of_mask, through) = (gradients, Some(below));
    }
    let masked = between.mask_fc.last().map_or(0.0, |logits| logits.magnitude.iter().copied().fold(0.0, f64::max));
    let factor = between.amplification * (1.0 + masked);
    let outer = crate::reference::deform_roi_pool_backward(&geometry.moved, &read, &grad_moved)?;
    let terms = between.offset_fc.last().map_or(0, |offset| offset.terms);
    let outer = outer.map(|gradient| amplified(gradient, factor, terms));
    let mut of_offset = Vec::new();
    if let Some(gradient) = outer.offset {
        let (gradients, below) =
            connected_backward(&geometry.offset_fc, offset_layers, &between.pooled, &between.offset_fc, gradient)?;
        (of_offset, through) = (gradients, sum(through, Some(below)));
    }
    let through = match through {
        Some(gradient) => {
            let read = DeformRoiPoolInputs { offset: None, ..read };
            let value = crate::reference::deform_roi_pool_backward(&geometry.still, &read, &gradient.value)?.input;
            let rounding =
                crate::reference::deform_roi_pool_backward(&geometry.still, &read, &gradient.magnitude)?.input;
            value.zip(rounding).map(|(value, rounding)| Reference {
                terms: value.terms + gradient.terms,
                magnitude: rounding.magnitude,
                ..value
            })
        }
        None => None,
    };
    let mut of_offset = of_offset.into_iter();
    let mut of_mask = of_mask.into_iter();
    let mut next = |mask| if mask { of_mask.next() } else { of_offset.next() }.unwrap_or([None, None]);
    let ([offset_weight_0, offset_bias_0], [offset_weight_1, offset_bias_1], [offset_weight_2, offset_bias_2]) =
        (next(false), next(false), next(false));
    let ([mask_weight_0, mask_bias_0], [mask_weight_1, mask_bias_1]) = (next(true), next(true));
    Ok(DeformRoiPoolLayerGradients {
        input: sum(outer.input, through),
        offset_weight_0,
        offset_bias_0,
        offset_weight_1,
        offset_bias_1,
        offset_weight_2,
        offset_bias_2,
        mask_weight_0,
        mask_bias_0,
        mask_weight_1,
        mask_bias_1,
    })
}
