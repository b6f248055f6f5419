//! The layer of version 3, put together of the ops that it consists of: see [`nn`](crate::nn).

use crate::error::Result;
use crate::geometry::{Conv2dInputs, DeformConvV3Inputs, LayerNormGeometry, LayerNormInputs};
use crate::nn::{DeformConvV3LayerGeometry, DeformConvV3LayerGradients, DeformConvV3LayerInputs};
use crate::reference::attention_layer::{connected, connected_backward, exact, largest};
use crate::reference::layers::sum;
use crate::reference::reduce::layer_norm::Row;
use crate::reference::samples::{Samples, function, function_backward, softmax_of_rounded_backward};
use crate::reference::{
    Reference, check_len, check_lens, conv2d, conv2d_backward, deform_conv_v3, deform_conv_v3_backward, layer_norm,
    layer_norm_backward, softmax,
};

/// The layer in front of its deformable convolution.
struct Between {
    inputs: DeformConvV3LayerInputs<Vec<f64>>,
    /// The input, channels first.
    planes: Vec<f64>,
    /// The output of the depthwise convolution, channels last.
    convolved: Reference,
    normalised: Reference,
    features: Reference,
    value: Reference,
    offset: Reference,
    logits: Reference,
    mask: Reference,
    /// How much more a rounding error counts behind offsets.
    amplification: f64,
}

impl Between {
    fn new<T: Copy + Into<f64>>(
        geometry: &DeformConvV3LayerGeometry,
        inputs: &DeformConvV3LayerInputs<&[T]>,
    ) -> Result<Self> {
        check_lens(inputs.named(), geometry.input_shapes().named())?;
        let inputs = inputs.map(|slice| slice.iter().map(|&element| element.into()).collect::<Vec<f64>>());
        let parameters = &inputs.parameters;
        let (channels, pixels) = extents(geometry);
        let planes = exchanged(&inputs.input, [pixels, channels]);
        let read = Conv2dInputs {
            input: &planes[..],
            weight: &parameters.dw_conv_weight[..],
            bias: Some(&parameters.dw_conv_bias[..]),
        };
        let convolved = channels_last(&conv2d(&geometry.dw_conv, &read)?, [channels, pixels]);
        let normalised = normalised(&geometry.norm, &convolved, &parameters.norm_weight, &parameters.norm_bias)?;
        let features = function(&geometry.activation, &normalised)?;

        let layer = [&parameters.input_proj_weight[..], &parameters.input_proj_bias];
        let value = connected(&geometry.input_proj, &exact(inputs.input.clone()), layer)?;
        let layer = [&parameters.offset_weight[..], &parameters.offset_bias];
        let offset = connected(&geometry.offset, &features, layer)?;
        let layer = [&parameters.mask_weight[..], &parameters.mask_bias];
        let logits = connected(&geometry.mask, &features, layer)?;
        let mut mask = softmax(&geometry.softmax, &logits.value)?;
        let change = 2.0 * largest(logits.magnitude.iter().copied());
        mask.magnitude.iter_mut().zip(&mask.value).for_each(|(magnitude, value)| *magnitude += change * value);
        mask.terms += logits.terms;
        let scale = f64::from(geometry.convolution.op.offset_scale).abs();
        let amplification = 1.0 + 2.0 * scale * largest(offset.magnitude.iter().copied());
        Ok(Self { planes, convolved, normalised, features, value, offset, logits, mask, amplification, inputs })
    }

    fn read(&self) -> DeformConvV3Inputs<&[f64]> {
        DeformConvV3Inputs { input: &self.value.value, offset: &self.offset.value, mask: &self.mask.value }
    }

    /// Magnitudes in the place of values and masks.
    fn magnitudes(&self) -> DeformConvV3Inputs<&[f64]> {
        DeformConvV3Inputs { input: &self.value.magnitude, offset: &self.offset.value, mask: &self.mask.magnitude }
    }

    /// Sums of rounded terms: the values of `exact`, and the magnitudes of the same sums of magnitudes.
    fn rounded(&self, exact: Reference, rounding: &Reference) -> Reference {
        let magnitude = rounding.magnitude.iter().map(|magnitude| magnitude * self.amplification).collect();
        let terms = exact.terms + self.value.terms + self.offset.terms + self.mask.terms;
        Reference { value: exact.value, magnitude, terms }
    }

    fn samples(&self, geometry: &DeformConvV3LayerGeometry) -> Result<Reference> {
        let exact = deform_conv_v3(&geometry.convolution, &self.read())?;
        Ok(self.rounded(exact, &deform_conv_v3(&geometry.convolution, &self.magnitudes())?))
    }

    fn end<'a>(&'a self, geometry: &'a DeformConvV3LayerGeometry, samples: &'a Reference) -> Samples<'a> {
        let parameters = &self.inputs.parameters;
        Samples {
            samples,
            value: &self.value,
            features: Some(&self.features),
            center: geometry.center.as_ref(),
            scale: [
                parameters.center_feature_scale_proj_weight.as_ref(),
                parameters.center_feature_scale_proj_bias.as_ref(),
            ],
            output_proj: (&geometry.output_proj, [&parameters.output_proj_weight, &parameters.output_proj_bias]),
        }
    }
}

/// Channels, and pixels of an image.
fn extents(geometry: &DeformConvV3LayerGeometry) -> (usize, usize) {
    let im2col = &geometry.dw_conv.im2col;
    (im2col.channels as usize, (im2col.height * im2col.width) as usize)
}

/// Matrices (rows, columns), one behind another, with rows and columns exchanged.
fn exchanged(elements: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let matrices = elements.chunks(rows * columns);
    matrices.flat_map(|matrix| (0..rows * columns).map(move |at| matrix[at % rows * columns + at / rows])).collect()
}

fn channels_last(planes: &Reference, extents: [usize; 2]) -> Reference {
    let Reference { value, magnitude, terms } = planes;
    Reference { value: exchanged(value, extents), magnitude: exchanged(magnitude, extents), terms: *terms }
}

/// The elements of a row and those of their magnitudes, by what it is normalised with.
fn rows<'a>(
    geometry: &LayerNormGeometry,
    input: &'a Reference,
) -> impl Iterator<Item = (Row, &'a [f64], &'a [f64])> + use<'a> {
    let (epsilon, columns) = (geometry.epsilon, geometry.elements as usize);
    let rows = input.value.chunks(columns).zip(input.magnitude.chunks(columns));
    rows.map(move |(values, magnitudes)| (Row::new(values, epsilon), values, magnitudes))
}

/// A normalisation of elements that are themselves rounded: mean, deviation and variance are off too.
fn normalised(geometry: &LayerNormGeometry, input: &Reference, scale: &[f64], shift: &[f64]) -> Result<Reference> {
    let mut output =
        layer_norm(geometry, &LayerNormInputs { input: &input.value[..], scale: Some(scale), shift: Some(shift) })?;
    let columns = scale.len();
    for (number, (row, values, magnitudes)) in rows(geometry, input).enumerate() {
        let mean_of = |of: &dyn Fn(usize) -> f64| (0..columns).map(of).sum::<f64>() / columns as f64;
        let mean = mean_of(&|column| magnitudes[column]);
        let deviation = mean_of(&|column| row.normal(values[column]).0.abs() * magnitudes[column]);
        for column in 0..columns {
            let normal = row.normal(values[column]).0.abs();
            let rounding = (magnitudes[column] + mean + normal * deviation) * row.inverse + normal;
            output.magnitude[number * columns + column] = rounding * scale[column].abs() + shift[column].abs();
        }
    }
    output.terms += input.terms;
    Ok(output)
}

/// A [`DeformConvV3Layer`](crate::nn::DeformConvV3Layer). What rounding all that lies between makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v3_layer<T: Copy + Into<f64>>(
    geometry: &DeformConvV3LayerGeometry,
    inputs: &DeformConvV3LayerInputs<&[T]>,
) -> Result<Reference> {
    let between = Between::new(geometry, inputs)?;
    between.end(geometry, &between.samples(geometry)?).forward()
}

/// The gradients of a [`DeformConvV3Layer`](crate::nn::DeformConvV3Layer): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v3_layer_backward<T: Copy + Into<f64>>(
    geometry: &DeformConvV3LayerGeometry,
    inputs: &DeformConvV3LayerInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConvV3LayerGradients<Reference>> {
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let between = Between::new(geometry, inputs)?;
    let Between { inputs, features, logits, .. } = &between;
    let (parameters, convolution) = (&inputs.parameters, &geometry.convolution);
    let grad_output = exact(grad_output.iter().map(|&element| element.into()).collect());
    let samples = between.samples(geometry)?;
    let of_end = between.end(geometry, &samples).backward(&grad_output)?;

    let exactly = deform_conv_v3_backward(convolution, &between.read(), &of_end.samples.value)?;
    let rounding = deform_conv_v3_backward(convolution, &between.magnitudes(), &of_end.samples.magnitude)?;
    let with = |exactly: Option<Reference>, rounding: Option<Reference>| Some(between.rounded(exactly?, &rounding?));
    let nothing = || exact(Vec::new());
    let grad_value = sum(with(exactly.input, rounding.input), of_end.value).unwrap_or_else(nothing);
    let grad_offset = with(exactly.offset, rounding.offset).unwrap_or_else(nothing);
    let grad_mask = with(exactly.mask, rounding.mask).unwrap_or_else(nothing);

    let read = exact(inputs.input.clone());
    let [by_value, input_proj_weight, input_proj_bias] =
        connected_backward(&geometry.input_proj, &read, &parameters.input_proj_weight, &grad_value)?;
    let [by_offset, offset_weight, offset_bias] =
        connected_backward(&geometry.offset, features, &parameters.offset_weight, &grad_offset)?;
    let grad_logits = softmax_of_rounded_backward(&geometry.softmax, logits, &grad_mask)?;
    let [by_mask, mask_weight, mask_bias] =
        connected_backward(&geometry.mask, features, &parameters.mask_weight, &grad_logits)?;
    let grad_features = sum(sum(by_offset, by_mask), of_end.features).unwrap_or_else(nothing);

    let grad_normalised = function_backward(&geometry.activation, &between.normalised, &grad_features)?;
    let [grad_convolved, norm_weight, norm_bias] = between.normalised_backward(geometry, &grad_normalised)?;
    let (channels, pixels) = extents(geometry);
    let grad_planes = channels_last(&grad_convolved.unwrap_or_else(nothing), [pixels, channels]);
    let read = Conv2dInputs {
        input: &between.planes[..],
        weight: &parameters.dw_conv_weight[..],
        bias: Some(&parameters.dw_conv_bias[..]),
    };
    let exactly = conv2d_backward(&geometry.dw_conv, &read, &grad_planes.value)?;
    let rounding = conv2d_backward(&geometry.dw_conv, &read, &grad_planes.magnitude)?;
    let with = |exactly: Option<Reference>, rounding: Option<Reference>| {
        let (exactly, rounding) = (exactly?, rounding?);
        let terms = exactly.terms + grad_planes.terms;
        Some(Reference { magnitude: rounding.magnitude, terms, ..exactly })
    };
    let by_features = with(exactly.input, rounding.input).map(|planes| channels_last(&planes, [channels, pixels]));
    let [output_proj_weight, output_proj_bias] = of_end.output_proj;
    let [center_feature_scale_proj_weight, center_feature_scale_proj_bias] = of_end.scale;
    Ok(DeformConvV3LayerGradients {
        input: sum(by_value, by_features),
        input_proj_weight,
        input_proj_bias,
        dw_conv_weight: with(exactly.weight, rounding.weight),
        dw_conv_bias: with(exactly.bias, rounding.bias),
        norm_weight,
        norm_bias,
        offset_weight,
        offset_bias,
        mask_weight,
        mask_bias,
        output_proj_weight,
        output_proj_bias,
        center_feature_scale_proj_weight,
        center_feature_scale_proj_bias,
    })
}

impl Between {
    /// The gradients of the normalisation by what it normalises, its scale and its shift.
    fn normalised_backward(
        &self,
        geometry: &DeformConvV3LayerGeometry,
        gradient: &Reference,
    ) -> Result<[Option<Reference>; 3]> {
        let parameters = &self.inputs.parameters;
        let read = LayerNormInputs {
            input: &self.convolved.value[..],
            scale: Some(&parameters.norm_weight[..]),
            shift: Some(&parameters.norm_bias[..]),
        };
        let exactly = layer_norm_backward(&geometry.norm, &read, &gradient.value)?;
        let rounding = layer_norm_backward(&geometry.norm, &read, &gradient.magnitude)?;
        // By what deviations are off, relative to the one that all are measured by.
        let off = rows(&geometry.norm, &self.convolved)
            .map(|(row, _, magnitudes)| row.inverse * largest(magnitudes.iter().copied()));
        let factor = 1.0 + 4.0 * largest(off);
        let with = |exactly: Option<Reference>, rounding: Option<Reference>| {
            let (exactly, rounding) = (exactly?, rounding?);
            let magnitude = rounding.magnitude.iter().map(|magnitude| magnitude * factor).collect();
            Some(Reference { magnitude, terms: exactly.terms + gradient.terms + self.convolved.terms, ..exactly })
        };
        Ok([
            with(exactly.input, rounding.input),
            with(exactly.scale, rounding.scale),
            with(exactly.shift, rounding.shift),
        ])
    }
}
