//! Parts of several layers, of elements that are themselves rounded, and how the layers of versions 3 and 4 end: see [`nn`](crate::nn).

use crate::error::Result;
use crate::geometry::{MatmulGeometry, SoftmaxGeometry, UnaryGeometry};
use crate::nn::CenterGeometry;
use crate::reference::attention_layer::{connected, connected_backward, largest};
use crate::reference::layers::sum;
use crate::reference::{Reference, softmax_backward, unary, unary_backward};

/// A function of elements that are themselves rounded.
pub(super) fn function(geometry: &UnaryGeometry, input: &Reference) -> Result<Reference> {
    let output = unary(geometry, &input.value)?;
    let slopes = slopes(geometry, input)?;
    let rounding = slopes.zip(&input.magnitude).map(|(slope, magnitude)| through(slope, magnitude * slope.abs()));
    let magnitude = output.value.iter().zip(rounding).map(|(value, rounding)| value.abs() + rounding).collect();
    Ok(Reference { magnitude, terms: output.terms + input.terms, ..output })
}

/// The gradient of such a function, whose second derivative is 1 at most.
pub(super) fn function_backward(
    geometry: &UnaryGeometry,
    input: &Reference,
    gradient: &Reference,
) -> Result<Reference> {
    let output = unary_backward(geometry, &input.value, &gradient.value)?;
    let slopes = slopes(geometry, input)?.enumerate();
    let magnitude = slopes.map(|(at, slope)| {
        let change = gradient.value[at].abs() * input.magnitude[at];
        through(slope, gradient.magnitude[at] * slope.abs() + change)
    });
    Ok(Reference { magnitude: magnitude.collect(), terms: output.terms + input.terms + gradient.terms, ..output })
}

fn slopes(geometry: &UnaryGeometry, input: &Reference) -> Result<impl Iterator<Item = f64> + use<>> {
    let ones = vec![1.0; input.value.len()];
    Ok(unary_backward(geometry, &input.value, &ones)?.value.into_iter())
}

/// A rounding error behind a slope: far out, where what was rounded may be infinite, there is none.
fn through(slope: f64, rounding: f64) -> f64 {
    if slope == 0.0 { 0.0 } else { rounding }
}

/// The gradient of softmaxes by logits that are themselves rounded.
pub(super) fn softmax_of_rounded_backward(
    geometry: &SoftmaxGeometry,
    logits: &Reference,
    gradient: &Reference,
) -> Result<Reference> {
    let exact = softmax_backward(geometry, &logits.value, &gradient.value)?;
    let rounding = softmax_backward(geometry, &logits.value, &gradient.magnitude)?;
    let change = 1.0 + 4.0 * largest(logits.magnitude.iter().copied());
    let magnitude = rounding.magnitude.iter().map(|magnitude| magnitude * change).collect();
    Ok(Reference { magnitude, terms: exact.terms + gradient.terms, ..exact })
}

/// How the layers of versions 3 and 4 end: samples, the scale of their centre, and the projection of the output. Parameters are a weight and a bias.
pub(super) struct Samples<'a> {
    pub(super) samples: &'a Reference,
    pub(super) value: &'a Reference,
    /// The inputs of the scale; absent, they are the samples.
    pub(super) features: Option<&'a Reference>,
    pub(super) center: Option<&'a CenterGeometry>,
    pub(super) scale: [Option<&'a Vec<f64>>; 2],
    pub(super) output_proj: (&'a MatmulGeometry, [&'a [f64]; 2]),
}

/// The gradients of all that the end of a layer reads.
pub(super) struct SamplesGradients {
    pub(super) samples: Reference,
    pub(super) value: Option<Reference>,
    pub(super) features: Option<Reference>,
    pub(super) scale: [Option<Reference>; 2],
    pub(super) output_proj: [Option<Reference>; 2],
}

/// A scale of the centre.
struct Scale<'a> {
    geometry: &'a CenterGeometry,
    weight: &'a [f64],
    logits: Reference,
    factors: Reference,
}

impl Samples<'_> {
    pub(super) fn forward(&self) -> Result<Reference> {
        let scaled = self.scale()?.map(|scale| self.scaled(&scale));
        let (geometry, layer) = self.output_proj;
        connected(geometry, scaled.as_ref().unwrap_or(self.samples), layer)
    }

    pub(super) fn backward(&self, grad_output: &Reference) -> Result<SamplesGradients> {
        let scale = self.scale()?;
        let scaled = scale.as_ref().map(|scale| self.scaled(scale));
        let (geometry, [weight, _]) = self.output_proj;
        let [grad_scaled, output_weight, output_bias] =
            connected_backward(geometry, scaled.as_ref().unwrap_or(self.samples), weight, grad_output)?;
        let mut gradients = SamplesGradients {
            samples: grad_scaled.unwrap_or_else(|| grad_output.clone()),
            value: None,
            features: None,
            scale: [None, None],
            output_proj: [output_weight, output_bias],
        };
        if let Some(scale) = scale {
            self.scale_backward(&scale, &mut gradients)?;
        }
        Ok(gradients)
    }

    fn scale(&self) -> Result<Option<Scale<'_>>> {
        let (Some(geometry), [Some(weight), Some(bias)]) = (self.center, self.scale) else { return Ok(None) };
        let logits = connected(&geometry.proj, self.features.unwrap_or(self.samples), [weight, bias])?;
        let factors = function(&geometry.logits, &logits)?;
        Ok(Some(Scale { geometry, weight, logits, factors }))
    }

    /// The value less the samples, and its magnitude.
    fn difference(&self, at: usize) -> [f64; 2] {
        let Self { samples, value, .. } = self;
        [value.value[at] - samples.value[at], value.magnitude[at] + samples.magnitude[at]]
    }

    fn scaled(&self, Scale { geometry, factors, .. }: &Scale) -> Reference {
        let mut output = self.samples.clone();
        output.terms += self.value.terms + factors.terms;
        for (at, (value, magnitude)) in output.value.iter_mut().zip(&mut output.magnitude).enumerate() {
            let ([difference, rounding], group) = (self.difference(at), at / geometry.channels as usize);
            *value += difference * factors.value[group];
            *magnitude += rounding * factors.value[group] + difference.abs() * factors.magnitude[group];
        }
        output
    }

    /// From the gradient of what was scaled, which is that of the samples so far.
    fn scale_backward(&self, scale: &Scale, gradients: &mut SamplesGradients) -> Result<()> {
        let Scale { geometry, weight, logits, factors } = scale;
        let mut of_samples = gradients.samples.clone();
        of_samples.terms += factors.terms;
        let mut of_value = of_samples.clone();
        let terms = of_value.terms + self.value.terms + self.samples.terms + u64::from(geometry.channels);
        let mut of_factors = Reference::zeros(geometry.proj.output_shape(), terms);
        for (at, (&grad, &magnitude)) in gradients.samples.value.iter().zip(&gradients.samples.magnitude).enumerate() {
            let ([difference, change], group) = (self.difference(at), at / geometry.channels as usize);
            let rounding = magnitude * factors.value[group] + grad.abs() * factors.magnitude[group];
            (of_value.value[at], of_value.magnitude[at]) = (grad * factors.value[group], rounding);
            (of_samples.value[at], of_samples.magnitude[at]) = (grad - of_value.value[at], magnitude + rounding);
            of_factors.value[group] += grad * difference;
            of_factors.magnitude[group] += magnitude * difference.abs() + grad.abs() * change;
        }
        let of_logits = function_backward(&geometry.logits, logits, &of_factors)?;
        let read = self.features.unwrap_or(self.samples);
        let [of_read, of_weight, of_bias] = connected_backward(&geometry.proj, read, weight, &of_logits)?;
        if self.features.is_some() {
            gradients.features = of_read;
        } else if let Some(both) = sum(Some(of_samples.clone()), of_read) {
            of_samples = both;
        }
        gradients.samples = of_samples;
        gradients.value = Some(of_value);
        gradients.scale = [of_weight, of_bias];
        Ok(())
    }
}
