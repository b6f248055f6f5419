use crate::error::Result;
use crate::geometry::{GroupNormGeometry, GroupNormInputs};
use crate::reference::reduce::layer_norm::Row;
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
