use crate::error::Result;
use crate::geometry::ResizeGeometry;
use crate::reference::conv::backward::{Sum, zeros};
use crate::reference::{Reference, check_len};

/// Tensors resampled along axes, one after another; see [`Resize`](crate::Resize).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn resize<T: Copy + Into<f64>>(geometry: &ResizeGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.input)?;
    let mut shape = geometry.input;
    let mut value: Vec<f64> = input.iter().map(|&element| element.into()).collect();
    let mut magnitude: Vec<f64> = value.iter().map(|value| value.abs()).collect();
    let mut outside = vec![false; value.len()];
    let mut terms = 1;
    for (index, &axis) in geometry.op.axes.iter().enumerate() {
        let (axis, taps) = (axis as usize, geometry.taps(index));
        let extent = shape.extents()[axis] as usize;
        let inner: usize = shape.extents()[axis + 1..].iter().map(|&extent| extent as usize).product();
        let outer = value.len() / (extent * inner).max(1);
        let (mut values, mut magnitudes, mut outsides) = (Vec::new(), Vec::new(), Vec::new());
        for plane in 0..outer {
            for taps in &taps {
                for element in 0..inner {
                    let at = |tap: usize| (plane * extent + taps.first as usize + tap) * inner + element;
                    let counted = taps.weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
                    let sum = |of: &dyn Fn(usize, f64) -> f64| {
                        counted.clone().map(|(tap, &weight)| of(at(tap), weight)).sum()
                    };
                    values.push(sum(&|at, weight| weight * value[at]));
                    magnitudes.push(sum(&|at, weight| weight.abs() * magnitude[at]));
                    outsides.push(taps.weights.is_empty() || outside[at(0)]);
                }
            }
        }
        terms *= taps.iter().map(|taps| taps.weights.len() as u64).max().unwrap_or(1).max(1);
        (value, magnitude, outside) = (values, magnitudes, outsides);
        shape = shape.with_extent(axis, taps.len() as u32);
    }
    if let Some(extrapolation_value) = geometry.extrapolation_value() {
        for (element, _) in outside.iter().enumerate().filter(|(_, outside)| **outside) {
            value[element] = extrapolation_value.into();
            magnitude[element] = value[element].abs();
        }
    }
    Ok(Reference { value, magnitude, terms })
}

/// The gradient of a [`Resize`](crate::Resize): what each position of the input is part of, times its weights there.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn resize_backward<T: Copy + Into<f64>>(geometry: &ResizeGeometry, grad_output: &[T]) -> Result<Reference> {
    check_len("grad_output", grad_output, geometry.output)?;
    let mut shape = geometry.output;
    let term = |&grad: &T| Sum { value: grad.into(), magnitude: grad.into().abs(), terms: 1 };
    let mut sums: Vec<_> = grad_output.iter().map(term).collect();
    for (index, &axis) in geometry.op.axes.iter().enumerate().rev() {
        let (axis, taps) = (axis as usize, geometry.taps(index));
        shape = shape.with_extent(axis, geometry.input.extents()[axis]);
        let inner: usize = shape.extents()[axis + 1..].iter().map(|&extent| extent as usize).product();
        let extent = shape.extents()[axis] as usize;
        let mut before = zeros(shape.elements());
        for (element, Sum { value, magnitude, terms }) in sums.into_iter().enumerate() {
            let (plane, position, within) =
                (element / inner / taps.len(), element / inner % taps.len(), element % inner);
            for (at, &weight) in (taps[position].first as usize..).zip(&taps[position].weights) {
                if weight != 0.0 {
                    let to = &mut before[(plane * extent + at) * inner + within];
                    to.add(weight * value, weight.abs() * magnitude, terms);
                }
            }
        }
        sums = before;
    }
    Ok(sums.into())
}
