use crate::error::Result;
use crate::geometry::{CastGeometry, CastTo};
use crate::reference::{Reference, check_len};

/// Elements as another type; see [`Cast`](crate::Cast). Floats are not rounded to a narrower type here, which storage does.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn cast<T: Copy + Into<f64>>(geometry: &CastGeometry, input: &[T]) -> Result<Reference> {
    let CastGeometry { op, shape } = *geometry;
    check_len("input", input, shape)?;
    let mut reference = Reference::zeros(shape, 1);
    for (value, &x) in reference.value.iter_mut().zip(input) {
        let x: f64 = x.into();
        *value = match op.to {
            CastTo::Boolean => f64::from(u8::from(x != 0.0)),
            CastTo::Type(to) if to.is_float() => x,
            CastTo::Type(_) => f64::from(x as i32),
        };
    }
    Ok(reference)
}
