use crate::error::Result;
use crate::geometry::{GatherElementsGeometry, GatherGeometry, GatherInputs, GatherNdGeometry};
use crate::reference::movement::strided_copy::{indices, place};
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// Slices of a tensor along an axis; see [`Gather`](crate::Gather). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather<T: Copy + Into<f64>>(geometry: &GatherGeometry, inputs: &GatherInputs<&[T]>) -> Result<Reference> {
    let GatherGeometry { op, shapes, output, .. } = geometry;
    let (axis, rank) = (op.axis as usize, shapes.indices.rank());
    gathered(shapes, inputs, *output, |at, index| {
        let mut from = [&at[..axis], &[0], &at[axis + rank..]].concat();
        from[axis] = index(&at[axis..axis + rank]);
        from
    })
}

/// Elements of a tensor along an axis; see [`GatherElements`](crate::GatherElements). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_elements<T: Copy + Into<f64>>(
    geometry: &GatherElementsGeometry,
    inputs: &GatherInputs<&[T]>,
) -> Result<Reference> {
    let GatherElementsGeometry { op, shapes, output, .. } = geometry;
    gathered(shapes, inputs, *output, |at, index| {
        let mut from = at.to_vec();
        from[op.axis as usize] = index(at);
        from
    })
}

/// Slices of a tensor by indices of several parts; see [`GatherNd`](crate::GatherNd). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_nd<T: Copy + Into<f64>>(geometry: &GatherNdGeometry, inputs: &GatherInputs<&[T]>) -> Result<Reference> {
    let GatherNdGeometry { op, shapes, output, .. } = geometry;
    let (batch, slots) = (op.batch as usize, shapes.indices.rank() - 1);
    let depth = i64::from(shapes.indices.extents()[slots]);
    gathered(shapes, inputs, *output, |at, index| {
        let parts = (0..depth).map(|part| index(&[&at[..slots], &[part]].concat()));
        at[..batch].iter().copied().chain(parts).chain(at[slots..].iter().copied()).collect()
    })
}

/// The elements of the data at what `from` makes of the indices of an element of the output; it may ask for an index by its place.
fn gathered<T: Copy + Into<f64>>(
    shapes: &GatherInputs<Shape>,
    inputs: &GatherInputs<&[T]>,
    output: Shape,
    from: impl Fn(&[i64], &dyn Fn(&[i64]) -> i64) -> Vec<i64>,
) -> Result<Reference> {
    check_len("data", inputs.data, shapes.data)?;
    check_len("indices", inputs.indices, shapes.indices)?;
    let mut reference = Reference::zeros(output, 1);
    let index = |at: &[i64]| inputs.indices[place(at, shapes.indices)].into() as i64;
    for (element, value) in reference.value.iter_mut().enumerate() {
        let mut from = from(&indices(element, output), &index);
        let mut inside = true;
        for (index, &extent) in from.iter_mut().zip(shapes.data.extents()) {
            *index += if *index < 0 { i64::from(extent) } else { 0 };
            inside &= (0..i64::from(extent)).contains(index);
        }
        if inside {
            *value = inputs.data[place(&from, shapes.data)].into();
        }
    }
    Ok(reference)
}
