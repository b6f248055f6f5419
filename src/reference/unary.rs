use super::{Reference, check_len};
use crate::error::Result;
use crate::geometry::{Unary, UnaryGeometry};

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
