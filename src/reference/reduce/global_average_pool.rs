use crate::error::Result;
use crate::geometry::GlobalAveragePoolGeometry;
use crate::reference::{Reference, check_len};

/// The mean of each plane; see [`GlobalAveragePool`](crate::GlobalAveragePool).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn global_average_pool<T: Copy + Into<f64>>(
    geometry: &GlobalAveragePoolGeometry,
    input: &[T],
) -> Result<Reference> {
    let GlobalAveragePoolGeometry { batch, channels, pixels, .. } = *geometry;
    check_len("input", input, [batch, channels, pixels])?;
    let mut reference = Reference::zeros(geometry.output_shape(), pixels.into());
    for (plane, elements) in input.chunks(pixels as usize).enumerate() {
        let sum = |of: fn(f64) -> f64| elements.iter().map(|&x| of(x.into())).sum::<f64>() / f64::from(pixels);
        reference.value[plane] = sum(|x| x);
        reference.magnitude[plane] = sum(f64::abs);
    }
    Ok(reference)
}

/// The gradient of a [`GlobalAveragePool`](crate::GlobalAveragePool), which no element of the input has a part in.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as the output.
pub fn global_average_pool_backward<T: Copy + Into<f64>>(
    geometry: &GlobalAveragePoolGeometry,
    grad_output: &[T],
) -> Result<Reference> {
    let GlobalAveragePoolGeometry { batch, channels, pixels, .. } = *geometry;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let mut reference = Reference::zeros([batch, channels, pixels].into(), 1);
    for (element, value) in reference.value.iter_mut().enumerate() {
        *value = grad_output[element / pixels as usize].into() / f64::from(pixels);
        reference.magnitude[element] = value.abs();
    }
    Ok(reference)
}
