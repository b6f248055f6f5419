use crate::error::Result;
use crate::geometry::{Unary, UnaryGeometry};
use crate::reference::{Reference, check_len};

/// A function of each element; see [`Unary`]. Beside its value, what rounding the argument makes of it counts as magnitude; bounds
/// are exact.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn unary<T: Copy + Into<f64>>(geometry: &UnaryGeometry, input: &[T]) -> Result<Reference> {
    let UnaryGeometry { op, shape } = *geometry;
    check_len("input", input, shape)?;
    let mut reference = Reference::zeros(shape, 1);
    for (element, &x) in input.iter().enumerate() {
        let x: f64 = x.into();
        let (value, slope) = match op {
            Unary::Sigmoid => {
                let value = 1.0 / (1.0 + (-x).exp());
                (value, Some(value * (1.0 / (1.0 + x.exp()))))
            }
            Unary::Tanh => (x.tanh(), Some(x.cosh().powi(-2))),
            Unary::Relu => (if x < 0.0 { 0.0 } else { x }, None),
            Unary::Clip { min, max } => {
                let raised = if x < f64::from(min) { min.into() } else { x };
                (if raised > f64::from(max) { max.into() } else { raised }, None)
            }
        };
        reference.value[element] = value;
        reference.magnitude[element] = match slope {
            None => 0.0,
            // Far out, where x may be infinite.
            Some(0.0) => value.abs(),
            Some(slope) => value.abs() + (x * slope).abs(),
        };
    }
    Ok(reference)
}

/// The gradient of a [`Unary`]; its magnitude is made up as that of the function.
///
/// A relu's derivative at 0 is 0, a clip's on its bounds 1. Where the input is NaN, both have the derivative 0; sigmoid and tanh have NaN.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn unary_backward<T: Copy + Into<f64>>(
    geometry: &UnaryGeometry,
    input: &[T],
    grad_output: &[T],
) -> Result<Reference> {
    let UnaryGeometry { op, shape } = *geometry;
    check_len("input", input, shape)?;
    check_len("grad_output", grad_output, shape)?;
    let mut reference = Reference::zeros(shape, 1);
    for (element, (&x, &grad)) in input.iter().zip(grad_output).enumerate() {
        let (x, grad): (f64, f64) = (x.into(), grad.into());
        let passes = |passes| if passes { (grad, 0.0) } else { (0.0, 0.0) };
        // With the most that the slope changes by, relative to itself, where the argument does.
        let (value, change) = match op {
            Unary::Sigmoid => (grad / ((1.0 + (-x).exp()) * (1.0 + x.exp())), 1.0),
            Unary::Tanh => (grad * x.cosh().powi(-2), 2.0),
            Unary::Relu => passes(x > 0.0),
            Unary::Clip { min, max } => passes(f64::from(min) <= x && x <= f64::from(max)),
        };
        reference.value[element] = value;
        reference.magnitude[element] = match change {
            0.0 => 0.0,
            // Far out, where x may be infinite.
            _ if value == 0.0 => 0.0,
            change => value.abs() * (1.0 + change * x.abs()),
        };
    }
    Ok(reference)
}
