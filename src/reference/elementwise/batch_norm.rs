use crate::error::Result;
use crate::geometry::{BatchNormGeometry, BatchNormGradients, BatchNormInputs};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};

/// A scale and a shift for each channel; see [`BatchNorm`](crate::BatchNorm).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn batch_norm<T: Copy + Into<f64>>(
    geometry: &BatchNormGeometry,
    inputs: &BatchNormInputs<&[T]>,
) -> Result<Reference> {
    let BatchNormGeometry { shape, channels, pixels, .. } = *geometry;
    check_len("input", inputs.input, shape)?;
    check_len("scale", inputs.scale, [channels])?;
    check_len("shift", inputs.shift, [channels])?;
    let mut reference = Reference::zeros(shape, 2);
    for (element, &x) in inputs.input.iter().enumerate() {
        let channel = element / pixels as usize % channels as usize;
        let [x, scale, shift]: [f64; 3] = [x, inputs.scale[channel], inputs.shift[channel]].map(Into::into);
        reference.value[element] = x * scale + shift;
        reference.magnitude[element] = (x * scale).abs() + shift.abs();
    }
    Ok(reference)
}

/// The gradients of a [`BatchNorm`](crate::BatchNorm).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn batch_norm_backward<T: Copy + Into<f64>>(
    geometry: &BatchNormGeometry,
    inputs: &BatchNormInputs<&[T]>,
    grad_output: &[T],
) -> Result<BatchNormGradients<Reference>> {
    let BatchNormGeometry { shape, channels, pixels, .. } = *geometry;
    check_len("input", inputs.input, shape)?;
    check_len("scale", inputs.scale, [channels])?;
    check_len("shift", inputs.shift, [channels])?;
    check_len("grad_output", grad_output, shape)?;
    let mut grad_input = zeros(shape.elements());
    let [mut grad_scale, mut grad_shift] = [0; 2].map(|_| zeros(channels.into()));
    for (element, (&x, &grad)) in inputs.input.iter().zip(grad_output).enumerate() {
        let channel = element / pixels as usize % channels as usize;
        let [x, grad, scale]: [f64; 3] = [x, grad, inputs.scale[channel]].map(Into::into);
        grad_input[element].add(grad * scale, (grad * scale).abs(), 1);
        grad_scale[channel].add(grad * x, (grad * x).abs(), 1);
        grad_shift[channel].add(grad, grad.abs(), 1);
    }
    let [input, scale, shift] = [grad_input, grad_scale, grad_shift].map(|sums| Some(sums.into()));
    Ok(BatchNormGradients { input, scale, shift })
}
