use crate::error::Result;
use crate::geometry::{SelectGeometry, SelectInputs};
use crate::reference::elementwise::binary::place;
use crate::reference::{Reference, check_len};

/// One of two tensors, element by element; see [`Select`](crate::Select). It is exact: its magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn select<T: Copy + Into<f64>>(geometry: &SelectGeometry, inputs: &SelectInputs<&[T]>) -> Result<Reference> {
    let SelectGeometry { shapes, output } = *geometry;
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    check_len("condition", inputs.condition, shapes.condition)?;
    let mut reference = Reference::zeros(output, 1);
    for (element, value) in reference.value.iter_mut().enumerate() {
        let condition: f64 = inputs.condition[place(element, output, shapes.condition)].into();
        *value = if condition != 0.0 {
            inputs.a[place(element, output, shapes.a)].into()
        } else {
            inputs.b[place(element, output, shapes.b)].into()
        };
    }
    Ok(reference)
}
