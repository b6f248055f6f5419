use super::{Reference, check_len};
use crate::error::{Error, Result};
use crate::geometry::{ConcatGeometry, SplitGeometry};

/// Tensors one behind another; see [`Concat`](crate::geometry::Concat). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape, or there are not as many as shapes.
pub fn concat<T: Copy + Into<f64>>(geometry: &ConcatGeometry, inputs: &[&[T]]) -> Result<Reference> {
    let sections = &geometry.sections;
    if inputs.len() != sections.sizes.len() {
        let message = format!("{} slices were given; the problem has {} inputs", inputs.len(), sections.sizes.len());
        return Err(Error::shape("input", message));
    }
    for (input, shape) in inputs.iter().zip(sections.shapes()) {
        check_len("input", input, shape)?;
    }
    let (before, after) = around(geometry.output_shape().extents(), sections.axis);
    let mut reference = Reference::zeros(geometry.output_shape(), 1);
    let mut element = 0;
    for row in 0..before {
        for (input, &size) in inputs.iter().zip(&sections.sizes) {
            let columns = size as usize * after;
            for &value in &input[row * columns..][..columns] {
                reference.value[element] = value.into();
                element += 1;
            }
        }
    }
    Ok(reference)
}

/// A tensor cut along an axis; see [`Split`](crate::geometry::Split). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`] where the slice is not as long as its shape.
pub fn split<T: Copy + Into<f64>>(geometry: &SplitGeometry, input: &[T]) -> Result<Vec<Reference>> {
    let sections = &geometry.sections;
    check_len("input", input, sections.whole)?;
    let (before, after) = around(sections.whole.extents(), sections.axis);
    let total = sections.whole.extents()[sections.axis] as usize;
    let mut first = 0;
    let mut references = Vec::new();
    for (shape, &size) in geometry.output_shapes().into_iter().zip(&sections.sizes) {
        let mut reference = Reference::zeros(shape, 1);
        let columns = size as usize * after;
        for row in 0..before {
            for column in 0..columns {
                let value = input[(row * total + first) * after + column];
                reference.value[row * columns + column] = value.into();
            }
        }
        first += size as usize;
        references.push(reference);
    }
    Ok(references)
}

/// The elements along the axes before and behind one.
fn around(extents: &[u32], axis: usize) -> (usize, usize) {
    let elements = |extents: &[u32]| extents.iter().map(|&extent| extent as usize).product();
    (elements(&extents[..axis]), elements(&extents[axis + 1..]))
}
