use crate::error::Result;
use crate::geometry::{ScatterElementsGeometry, ScatterInputs, ScatterNdGeometry, ScatterReduction};
use crate::reference::conv::backward::Sum;
use crate::reference::movement::gather::{Index, along, by_parts, inside};
use crate::reference::movement::strided_copy::{indices, place};
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// A tensor with some elements updated; see [`ScatterElements`](crate::ScatterElements). What is copied, or the least or the largest of several, is
/// exact: its magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn scatter_elements<T: Copy + Into<f64>>(
    geometry: &ScatterElementsGeometry,
    inputs: &ScatterInputs<&[T]>,
) -> Result<Reference> {
    let ScatterElementsGeometry { op, shapes, .. } = geometry;
    scattered(shapes, inputs, op.reduction, &along(op.axis))
}

/// A tensor with some slices updated; see [`ScatterNd`](crate::ScatterNd). What is copied, or the least or the largest of several, is exact: its
/// magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn scatter_nd<T: Copy + Into<f64>>(
    geometry: &ScatterNdGeometry,
    inputs: &ScatterInputs<&[T]>,
) -> Result<Reference> {
    let ScatterNdGeometry { op, shapes, .. } = geometry;
    scattered(shapes, inputs, op.reduction, &by_parts(0, shapes.indices))
}

fn scattered<T: Copy + Into<f64>>(
    shapes: &ScatterInputs<Shape>,
    inputs: &ScatterInputs<&[T]>,
    reduction: ScatterReduction,
    places: &dyn Fn(&[i64], &Index) -> Vec<i64>,
) -> Result<Reference> {
    check_len("data", inputs.data, shapes.data)?;
    check_len("indices", inputs.indices, shapes.indices)?;
    check_len("updates", inputs.updates, shapes.updates)?;
    let index = |at: &[i64]| inputs.indices[place(at, shapes.indices)].into() as i64;
    let exact = |&value: &T| Sum { value: value.into(), magnitude: 0.0, terms: 1 };
    let mut elements: Vec<_> = inputs.data.iter().map(exact).collect();
    for (number, &update) in inputs.updates.iter().enumerate() {
        let Some(at) = inside(places(&indices(number, shapes.updates), &index), shapes.data) else { continue };
        let Sum { value, magnitude, terms } = elements[at];
        let update: f64 = update.into();
        let either_is_nan = value.is_nan() || update.is_nan();
        elements[at] = match reduction {
            ScatterReduction::Replace => Sum { value: update, magnitude: 0.0, terms: 1 },
            ScatterReduction::Add => {
                Sum { value: value + update, magnitude: magnitude.max(value.abs()) + update.abs(), terms: terms + 1 }
            }
            ScatterReduction::Mul => Sum { value: value * update, magnitude: (value * update).abs(), terms: terms + 1 },
            _ if either_is_nan => Sum { value: f64::NAN, magnitude, terms },
            ScatterReduction::Min => Sum { value: value.min(update), magnitude, terms },
            ScatterReduction::Max => Sum { value: value.max(update), magnitude, terms },
        };
    }
    Ok(elements.into())
}
