use crate::error::Result;
use crate::geometry::SoftmaxGeometry;
use crate::reference::{Reference, check_len};

/// A row as its softmax needs it.
pub(crate) struct Row {
    pub(crate) largest: f64,
    /// The sum of exp(x - largest).
    pub(crate) sum: f64,
    /// By how much rounding the exponents changes the sum, relative to it.
    pub(crate) change: f64,
}

impl Row {
    pub(crate) fn new(elements: impl Iterator<Item = f64> + Clone) -> Self {
        let largest = elements.clone().fold(f64::NEG_INFINITY, f64::max);
        let exponents = elements.map(|x| x - largest);
        let sum = exponents.clone().map(f64::exp).sum();
        let change = exponents.map(|exponent| change(exponent) * exponent.exp()).sum::<f64>() / sum;
        Self { largest, sum, change }
    }

    /// The softmax of an element, and by how much rounding changes it, relative to it.
    fn softmax(&self, x: f64) -> (f64, f64) {
        let exponent = x - self.largest;
        (exponent.exp() / self.sum, change(exponent) + self.change)
    }
}

/// By how much rounding an exponent changes its exponential, relative to it. Far out, where the exponent may be infinite, it is 0.
pub(crate) fn change(exponent: f64) -> f64 {
    if exponent.exp() == 0.0 { 0.0 } else { 1.0 + exponent.abs() }
}

/// The indices of the elements of each row.
fn rows(geometry: &SoftmaxGeometry) -> impl Iterator<Item = Vec<usize>> {
    let [planes, extent, columns] = geometry.extents().map(|extent| extent as usize);
    (0..planes * columns).map(move |row| {
        let start = row / columns * extent * columns + row % columns;
        (0..extent).map(|at| start + at * columns).collect()
    })
}

/// The softmax along an axis, or its logarithm; see [`Softmax`](crate::Softmax). What rounding the exponents makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn softmax<T: Copy + Into<f64>>(geometry: &SoftmaxGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    let mut reference = Reference::zeros(geometry.shape, geometry.extents()[1].into());
    for elements in rows(geometry) {
        let row = Row::new(elements.iter().map(|&element| input[element].into()));
        for element in elements {
            let (softmax, change) = row.softmax(input[element].into());
            reference.value[element] = softmax;
            reference.magnitude[element] = softmax * change;
            if geometry.log {
                // Where the softmax underflows, its logarithm does not.
                let exponent = input[element].into() - row.largest;
                reference.value[element] = exponent - row.sum.ln();
                let off = exponent.abs() + row.sum.ln().abs() + row.change + row.largest.abs();
                reference.magnitude[element] = if off.is_finite() { off } else { 0.0 };
            }
        }
    }
    Ok(reference)
}

/// The gradient of a [`Softmax`](crate::Softmax) by its input.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn softmax_backward<T: Copy + Into<f64>>(
    geometry: &SoftmaxGeometry,
    input: &[T],
    grad_output: &[T],
) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    check_len("grad_output", grad_output, geometry.shape)?;
    let mut reference = Reference::zeros(geometry.shape, geometry.extents()[1].into());
    for elements in rows(geometry) {
        let row = Row::new(elements.iter().map(|&element| input[element].into()));
        // The mean of the gradient, weighted, that of its absolute values, and by how much rounding changes the mean.
        let (mut mean, mut magnitude, mut mean_change) = (0.0, 0.0, 0.0);
        for &element in &elements {
            let ((softmax, change), grad) = (row.softmax(input[element].into()), grad_output[element].into());
            mean += softmax * grad;
            magnitude += softmax * grad.abs();
            mean_change += softmax * grad.abs() * change;
        }
        if geometry.log {
            let sum_of =
                |of: fn(f64) -> f64| elements.iter().map(|&element| of(grad_output[element].into())).sum::<f64>();
            let (sum, size) = (sum_of(|grad| grad), sum_of(f64::abs));
            for element in elements {
                let ((softmax, change), grad) = (row.softmax(input[element].into()), grad_output[element].into());
                reference.value[element] = grad - softmax * sum;
                reference.magnitude[element] = grad.abs() + softmax * size * (1.0 + change);
            }
            continue;
        }
        for element in elements {
            let ((softmax, change), grad) = (row.softmax(input[element].into()), grad_output[element].into());
            reference.value[element] = softmax * (grad - mean);
            reference.magnitude[element] = softmax * ((grad.abs() + magnitude) * (1.0 + change) + mean_change);
        }
    }
    Ok(reference)
}
