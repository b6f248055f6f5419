//! The layer of version 4, put together of the ops that it consists of: see [`nn`](crate::nn).

use crate::error::Result;
use crate::geometry::DeformConvV4Inputs;
use crate::nn::{DeformConvV4LayerGeometry, DeformConvV4LayerGradients, DeformConvV4LayerInputs};
use crate::reference::attention_layer::{connected, connected_backward, exact, largest};
use crate::reference::layers::sum;
use crate::reference::samples::Samples;
use crate::reference::{Reference, check_len, check_lens, deform_conv_v4, deform_conv_v4_backward};

/// The layer in front of its convolution.
struct Between {
    inputs: DeformConvV4LayerInputs<Vec<f64>>,
    /// The input of offsets and masks.
    read: Reference,
    value: Reference,
    offset_mask: Reference,
    /// Offsets, and the magnitudes of masks.
    mask_magnitudes: Vec<f64>,
    /// How much more a rounding error counts behind offsets.
    amplification: f64,
}

impl Between {
    fn new<T: Copy + Into<f64>>(
        geometry: &DeformConvV4LayerGeometry,
        inputs: &DeformConvV4LayerInputs<&[T]>,
    ) -> Result<Self> {
        check_lens(inputs.named(), geometry.input_shapes().named())?;
        let inputs = inputs.map(|slice| slice.iter().map(|&element| element.into()).collect::<Vec<f64>>());
        let parameters = &inputs.parameters;
        let layer = [&parameters.value_proj_weight[..], &parameters.value_proj_bias];
        let value = connected(&geometry.value_proj, &exact(inputs.input.clone()), layer)?;
        let read = exact(inputs.offset_mask_input.as_ref().unwrap_or(&inputs.input).clone());
        let layer = [&parameters.offset_mask_weight[..], &parameters.offset_mask_bias];
        let offset_mask = connected(&geometry.offset_mask, &read, layer)?;

        let window = &geometry.convolution.window;
        let (taps, planes) = (window.taps() as usize, geometry.offset_mask.columns as usize);
        let is_mask = |at: usize| at % planes % (3 * taps) >= 2 * taps;
        let of =
            |reference: &Reference, at: usize| [reference.value[at], reference.magnitude[at]][usize::from(is_mask(at))];
        let mask_magnitudes = (0..offset_mask.value.len()).map(|at| of(&offset_mask, at)).collect();
        let offsets = offset_mask.magnitude.iter().enumerate().filter(|(at, _)| !is_mask(*at));
        let scale = f64::from(window.op.offset_scale).abs();
        let amplification = 1.0 + 2.0 * scale * largest(offsets.map(|(_, magnitude)| *magnitude));
        Ok(Self { read, value, offset_mask, mask_magnitudes, amplification, inputs })
    }

    fn convolved(&self) -> DeformConvV4Inputs<&[f64]> {
        DeformConvV4Inputs { input: &self.value.value, offset_mask: &self.offset_mask.value }
    }

    /// Magnitudes in the place of values and masks.
    fn magnitudes(&self) -> DeformConvV4Inputs<&[f64]> {
        DeformConvV4Inputs { input: &self.value.magnitude, offset_mask: &self.mask_magnitudes }
    }

    /// Sums of rounded terms: the values of `exact`, and the magnitudes of the same sums of magnitudes.
    fn rounded(&self, exact: Reference, rounding: &Reference) -> Reference {
        let magnitude = rounding.magnitude.iter().map(|magnitude| magnitude * self.amplification).collect();
        let terms = exact.terms + self.value.terms + self.offset_mask.terms;
        Reference { value: exact.value, magnitude, terms }
    }

    fn samples(&self, geometry: &DeformConvV4LayerGeometry) -> Result<Reference> {
        let exact = deform_conv_v4(&geometry.convolution, &self.convolved())?;
        Ok(self.rounded(exact, &deform_conv_v4(&geometry.convolution, &self.magnitudes())?))
    }

    fn end<'a>(&'a self, geometry: &'a DeformConvV4LayerGeometry, samples: &'a Reference) -> Samples<'a> {
        let parameters = &self.inputs.parameters;
        Samples {
            samples,
            value: &self.value,
            features: None,
            center: geometry.center.as_ref(),
            scale: [
                parameters.center_feature_scale_proj_weight.as_ref(),
                parameters.center_feature_scale_proj_bias.as_ref(),
            ],
            output_proj: (&geometry.output_proj, [&parameters.output_proj_weight, &parameters.output_proj_bias]),
        }
    }
}

/// A [`DeformConvV4Layer`](crate::nn::DeformConvV4Layer). What rounding value, offsets and masks makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v4_layer<T: Copy + Into<f64>>(
    geometry: &DeformConvV4LayerGeometry,
    inputs: &DeformConvV4LayerInputs<&[T]>,
) -> Result<Reference> {
    let between = Between::new(geometry, inputs)?;
    between.end(geometry, &between.samples(geometry)?).forward()
}

/// The gradients of a [`DeformConvV4Layer`](crate::nn::DeformConvV4Layer): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v4_layer_backward<T: Copy + Into<f64>>(
    geometry: &DeformConvV4LayerGeometry,
    inputs: &DeformConvV4LayerInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConvV4LayerGradients<Reference>> {
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let between = Between::new(geometry, inputs)?;
    let (parameters, convolution) = (&between.inputs.parameters, &geometry.convolution);
    let grad_output = exact(grad_output.iter().map(|&element| element.into()).collect());
    let samples = between.samples(geometry)?;
    let of_end = between.end(geometry, &samples).backward(&grad_output)?;
    let grad_samples = &of_end.samples;

    let exactly = deform_conv_v4_backward(convolution, &between.convolved(), &grad_samples.value)?;
    let rounding = deform_conv_v4_backward(convolution, &between.magnitudes(), &grad_samples.magnitude)?;
    let with = |exactly: Option<Reference>, rounding: Option<Reference>| match (exactly, rounding) {
        (Some(exactly), Some(rounding)) => between.rounded(exactly, &rounding),
        _ => exact(Vec::new()),
    };
    let grad_value = sum(Some(with(exactly.input, rounding.input)), of_end.value).unwrap_or_else(|| exact(Vec::new()));
    let grad_offset_mask = with(exactly.offset_mask, rounding.offset_mask);

    let read = exact(between.inputs.input.clone());
    let [input, value_proj_weight, value_proj_bias] =
        connected_backward(&geometry.value_proj, &read, &parameters.value_proj_weight, &grad_value)?;
    let [through, offset_mask_weight, offset_mask_bias] =
        connected_backward(&geometry.offset_mask, &between.read, &parameters.offset_mask_weight, &grad_offset_mask)?;
    let (input, offset_mask_input) = match between.inputs.offset_mask_input {
        Some(_) => (input, through),
        None => (sum(input, through), None),
    };
    let [output_proj_weight, output_proj_bias] = of_end.output_proj;
    let [center_feature_scale_proj_weight, center_feature_scale_proj_bias] = of_end.scale;
    Ok(DeformConvV4LayerGradients {
        input,
        offset_mask_input,
        value_proj_weight,
        value_proj_bias,
        offset_mask_weight,
        offset_mask_bias,
        output_proj_weight,
        output_proj_bias,
        center_feature_scale_proj_weight,
        center_feature_scale_proj_bias,
    })
}
