use super::{Reference, check_len};
use crate::error::Result;
use crate::geometry::{BatchNormGeometry, BatchNormInputs};

/// A scale and a shift for each channel; see [`BatchNorm`](crate::geometry::BatchNorm).
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
