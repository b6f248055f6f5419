use crate::error::Result;
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// A function of two tensors, broadcast; see [`Binary`].
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn binary<T: Copy + Into<f64>>(geometry: &BinaryGeometry, inputs: &BinaryInputs<&[T]>) -> Result<Reference> {
    let BinaryGeometry { op, shapes, output } = *geometry;
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    let terms = match op {
        Binary::Add => 2,
        Binary::Mul => 1,
    };
    let mut reference = Reference::zeros(output, terms);
    for element in 0..reference.value.len() {
        let a: f64 = inputs.a[place(element, output, shapes.a)].into();
        let b: f64 = inputs.b[place(element, output, shapes.b)].into();
        let (value, magnitude) = match op {
            Binary::Add => (a + b, a.abs() + b.abs()),
            Binary::Mul => (a * b, (a * b).abs()),
        };
        reference.value[element] = value;
        reference.magnitude[element] = magnitude;
    }
    Ok(reference)
}

/// The gradients of a [`Binary`]: sums over the axes along which an operand is repeated.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn binary_backward<T: Copy + Into<f64>>(
    geometry: &BinaryGeometry,
    inputs: &BinaryInputs<&[T]>,
    grad_output: &[T],
) -> Result<BinaryGradients<Reference>> {
    let BinaryGeometry { op, shapes, output } = *geometry;
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    check_len("grad_output", grad_output, output)?;
    let (mut grad_a, mut grad_b) = (zeros(shapes.a.elements()), zeros(shapes.b.elements()));
    for (element, &grad) in grad_output.iter().enumerate() {
        let (a, b, grad) = (place(element, output, shapes.a), place(element, output, shapes.b), grad.into());
        let [term_a, term_b]: [f64; 2] = match op {
            Binary::Add => [grad; 2],
            Binary::Mul => [inputs.b[b], inputs.a[a]].map(|other| grad * other.into()),
        };
        grad_a[a].add(term_a, term_a.abs(), 1);
        grad_b[b].add(term_b, term_b.abs(), 1);
    }
    Ok(BinaryGradients { a: Some(grad_a.into()), b: Some(grad_b.into()) })
}

/// Where an element of the output lies in an operand: shapes end at the same axis, and an index along an axis of extent 1 is 0.
fn place(mut element: usize, output: Shape, operand: Shape) -> usize {
    let (mut place, mut stride) = (0, 1);
    for (&extent, &has) in output.extents().iter().rev().zip(operand.extents().iter().rev()) {
        let index = element % extent as usize;
        element /= extent as usize;
        if has > 1 {
            place += index * stride;
        }
        stride *= has as usize;
    }
    place
}
