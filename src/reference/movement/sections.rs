use crate::error::{Error, Result};
use crate::geometry::{ConcatGeometry, Sections, SplitGeometry};
use crate::reference::{Reference, check_len};

/// Tensors one behind another; see [`Concat`](crate::Concat). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape, or there are not as many as shapes.
pub fn concat<T: Copy + Into<f64>>(geometry: &ConcatGeometry, inputs: &[&[T]]) -> Result<Reference> {
    join(&geometry.sections, "input", inputs)
}

/// The gradients of a [`Concat`](crate::Concat)'s inputs: sections of that of the output.
///
/// # Errors
/// [`Error::Shape`] where the slice is not as long as the output.
pub fn concat_backward<T: Copy + Into<f64>>(geometry: &ConcatGeometry, grad_output: &[T]) -> Result<Vec<Reference>> {
    cut(&geometry.sections, "grad_output", grad_output)
}

/// A tensor cut along an axis; see [`Split`](crate::Split). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`] where the slice is not as long as its shape.
pub fn split<T: Copy + Into<f64>>(geometry: &SplitGeometry, input: &[T]) -> Result<Vec<Reference>> {
    cut(&geometry.sections, "input", input)
}

/// The gradient of a [`Split`](crate::Split)'s input: those of the outputs, one behind another.
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its output, or there are not as many as outputs.
pub fn split_backward<T: Copy + Into<f64>>(geometry: &SplitGeometry, grad_outputs: &[&[T]]) -> Result<Reference> {
    join(&geometry.sections, "grad_output", grad_outputs)
}

fn join<T: Copy + Into<f64>>(sections: &Sections, argument: &'static str, slices: &[&[T]]) -> Result<Reference> {
    if slices.len() != sections.sizes.len() {
        let message =
            format!("{} {argument} slices were given; the problem has {}", slices.len(), sections.sizes.len());
        return Err(Error::shape(argument, message));
    }
    for (slice, shape) in slices.iter().zip(sections.shapes()) {
        check_len(argument, slice, shape)?;
    }
    let (before, after) = around(sections.whole.extents(), sections.axis);
    let mut reference = Reference::zeros(sections.whole, 1);
    let mut element = 0;
    for row in 0..before {
        for (slice, &size) in slices.iter().zip(&sections.sizes) {
            let columns = size as usize * after;
            for &value in &slice[row * columns..][..columns] {
                reference.value[element] = value.into();
                element += 1;
            }
        }
    }
    Ok(reference)
}

fn cut<T: Copy + Into<f64>>(sections: &Sections, argument: &'static str, whole: &[T]) -> Result<Vec<Reference>> {
    check_len(argument, whole, sections.whole)?;
    let (before, after) = around(sections.whole.extents(), sections.axis);
    let total = sections.whole.extents()[sections.axis] as usize;
    let mut first = 0;
    let mut references = Vec::new();
    for (shape, &size) in sections.shapes().zip(&sections.sizes) {
        let mut reference = Reference::zeros(shape, 1);
        let columns = size as usize * after;
        for row in 0..before {
            for column in 0..columns {
                let value = whole[(row * total + first) * after + column];
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
