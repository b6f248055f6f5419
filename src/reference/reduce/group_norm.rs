use crate::error::Result;
use crate::geometry::{
    GroupNormGeometry, GroupNormGradients, GroupNormInputs, LayerNorm, LayerNormGeometry, LayerNormInputs,
};
use crate::reference::reduce::layer_norm::{Row, layer_norm_backward};
use crate::reference::{Reference, check_len};

/// The normalised groups of channels; see [`GroupNorm`](crate::GroupNorm).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn group_norm<T: Copy + Into<f64>>(
    geometry: &GroupNormGeometry,
    inputs: &GroupNormInputs<&[T]>,
) -> Result<Reference> {
    let GroupNormGeometry { epsilon, groups, channels, pixels, .. } = *geometry;
    check_len("input", inputs.input, geometry.shapes.input)?;
    check_len("scale", inputs.scale, [channels])?;
    check_len("shift", inputs.shift, [channels])?;
    let elements = (channels / groups * pixels) as usize;
    let mut reference = Reference::zeros(geometry.output_shape(), elements as u64);
    for (number, group) in inputs.input.chunks(elements).enumerate() {
        let row = Row::new(group, epsilon);
        for (at, &x) in group.iter().enumerate() {
            let element = number * elements + at;
            let channel = element / pixels as usize % channels as usize;
            let (scale, shift): (f64, f64) = (inputs.scale[channel].into(), inputs.shift[channel].into());
            let (normal, magnitude) = row.normal(x.into());
            reference.value[element] = normal * scale + shift;
            reference.magnitude[element] = magnitude * scale.abs() + shift.abs();
        }
    }
    Ok(reference)
}

/// The gradients of a [`GroupNorm`](crate::GroupNorm): a group is a row that is normalised, its elements times the scales of their channels.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn group_norm_backward<T: Copy + Into<f64>>(
    geometry: &GroupNormGeometry,
    inputs: &GroupNormInputs<&[T]>,
    grad_output: &[T],
) -> Result<GroupNormGradients<Reference>> {
    let GroupNormGeometry { epsilon, batch, groups, channels, pixels, .. } = *geometry;
    check_len("input", inputs.input, geometry.shapes.input)?;
    check_len("scale", inputs.scale, [channels])?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let channel = |element: usize| element / pixels as usize % channels as usize;
    let shape = [batch * groups, channels / groups * pixels].into();
    let rows = LayerNormGeometry::new(
        &LayerNorm { axes: 1, epsilon },
        &LayerNormInputs { input: shape, scale: None, shift: None },
    )?;
    let input: Vec<f64> = inputs.input.iter().map(|&x| x.into()).collect();
    let scaled =
        grad_output.iter().enumerate().map(|(element, &grad)| grad.into() * inputs.scale[channel(element)].into());
    let scaled: Vec<f64> = scaled.collect();
    let plain = LayerNormInputs { input: &input[..], scale: None, shift: None };
    let of_input = layer_norm_backward(&rows, &plain, &scaled)?.input;

    let elements = (channels / groups * pixels) as usize;
    let summed = u64::from(batch) * u64::from(pixels);
    // A term is off by as much as a mean over a group.
    let [mut scale, mut shift] =
        [summed + elements as u64, summed].map(|terms| Reference::zeros([channels].into(), terms));
    for (number, group) in input.chunks(elements).enumerate() {
        let row = Row::new(group, epsilon);
        for (at, &x) in group.iter().enumerate() {
            let element = number * elements + at;
            let (grad, channel): (f64, _) = (grad_output[element].into(), channel(element));
            let (normal, magnitude) = row.normal(x);
            scale.value[channel] += grad * normal;
            scale.magnitude[channel] += grad.abs() * magnitude;
            shift.value[channel] += grad;
            shift.magnitude[channel] += grad.abs();
        }
    }
    Ok(GroupNormGradients { input: of_input, scale: Some(scale), shift: Some(shift) })
}
