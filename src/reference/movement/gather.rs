use crate::error::Result;
use crate::geometry::{GatherElementsGeometry, GatherGeometry, GatherGradients, GatherInputs, GatherNdGeometry};
use crate::reference::conv::backward::zeros;
use crate::reference::movement::strided_copy::{indices, place};
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// The index at a place of the indices.
pub(crate) type Index<'a> = dyn Fn(&[i64]) -> i64 + 'a;

/// The places in the data, along each axis, that go with the places in what is gathered; they may be negative, or beyond their axes.
type Places<'a> = dyn Fn(&[i64], &Index) -> Vec<i64> + 'a;

/// Slices of a tensor along an axis; see [`Gather`](crate::Gather). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather<T: Copy + Into<f64>>(geometry: &GatherGeometry, inputs: &GatherInputs<&[T]>) -> Result<Reference> {
    gathered(&geometry.shapes, inputs, geometry.output, &slices(geometry))
}

/// Elements of a tensor along an axis; see [`GatherElements`](crate::GatherElements). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_elements<T: Copy + Into<f64>>(
    geometry: &GatherElementsGeometry,
    inputs: &GatherInputs<&[T]>,
) -> Result<Reference> {
    gathered(&geometry.shapes, inputs, geometry.output, &along(geometry.op.axis))
}

/// Slices of a tensor by indices of several parts; see [`GatherNd`](crate::GatherNd). Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_nd<T: Copy + Into<f64>>(geometry: &GatherNdGeometry, inputs: &GatherInputs<&[T]>) -> Result<Reference> {
    gathered(&geometry.shapes, inputs, geometry.output, &by_parts(geometry.op.batch, geometry.shapes.indices))
}

/// The gradients of a [`Gather`](crate::Gather).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_backward<T: Copy + Into<f64>>(
    geometry: &GatherGeometry,
    inputs: &GatherInputs<&[T]>,
    grad_output: &[T],
) -> Result<GatherGradients<Reference>> {
    summed(&geometry.shapes, inputs, geometry.output, &slices(geometry), grad_output)
}

/// The gradients of a [`GatherElements`](crate::GatherElements).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_elements_backward<T: Copy + Into<f64>>(
    geometry: &GatherElementsGeometry,
    inputs: &GatherInputs<&[T]>,
    grad_output: &[T],
) -> Result<GatherGradients<Reference>> {
    summed(&geometry.shapes, inputs, geometry.output, &along(geometry.op.axis), grad_output)
}

/// The gradients of a [`GatherNd`](crate::GatherNd).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn gather_nd_backward<T: Copy + Into<f64>>(
    geometry: &GatherNdGeometry,
    inputs: &GatherInputs<&[T]>,
    grad_output: &[T],
) -> Result<GatherGradients<Reference>> {
    let places = by_parts(geometry.op.batch, geometry.shapes.indices);
    summed(&geometry.shapes, inputs, geometry.output, &places, grad_output)
}

fn slices(geometry: &GatherGeometry) -> impl Fn(&[i64], &Index) -> Vec<i64> + use<> {
    let (axis, rank) = (geometry.op.axis as usize, geometry.shapes.indices.rank());
    move |at, index| {
        let mut from = [&at[..axis], &[0], &at[axis + rank..]].concat();
        from[axis] = index(&at[axis..axis + rank]);
        from
    }
}

/// Places along an axis by indices, along the others their own.
pub(crate) fn along(axis: u32) -> impl Fn(&[i64], &Index) -> Vec<i64> {
    move |at, index| {
        let mut from = at.to_vec();
        from[axis as usize] = index(at);
        from
    }
}

/// Places along the axes behind `batch` by the parts of indices, which are along the last axis of these.
pub(crate) fn by_parts(batch: u32, of_indices: Shape) -> impl Fn(&[i64], &Index) -> Vec<i64> {
    let (batch, slots) = (batch as usize, of_indices.rank() - 1);
    let depth = i64::from(of_indices.extents()[slots]);
    move |at, index| {
        let parts = (0..depth).map(|part| index(&[&at[..slots], &[part]].concat()));
        at[..batch].iter().copied().chain(parts).chain(at[slots..].iter().copied()).collect()
    }
}

/// The element of a tensor at such places; `None` where one is beyond its axis.
pub(crate) fn inside(mut places: Vec<i64>, shape: Shape) -> Option<usize> {
    for (index, &extent) in places.iter_mut().zip(shape.extents()) {
        *index += if *index < 0 { i64::from(extent) } else { 0 };
        if !(0..i64::from(extent)).contains(index) {
            return None;
        }
    }
    Some(place(&places, shape))
}

/// The element of the data that each element of the output is; `None` where an index is beyond its axis.
fn each<T: Copy + Into<f64>>(
    shapes: &GatherInputs<Shape>,
    inputs: &GatherInputs<&[T]>,
    output: Shape,
    places: &Places,
) -> Result<Vec<Option<usize>>> {
    check_len("data", inputs.data, shapes.data)?;
    check_len("indices", inputs.indices, shapes.indices)?;
    let index = |at: &[i64]| inputs.indices[place(at, shapes.indices)].into() as i64;
    let of = |element: u64| inside(places(&indices(element as usize, output), &index), shapes.data);
    Ok((0..output.elements()).map(of).collect())
}

fn gathered<T: Copy + Into<f64>>(
    shapes: &GatherInputs<Shape>,
    inputs: &GatherInputs<&[T]>,
    output: Shape,
    places: &Places,
) -> Result<Reference> {
    let mut reference = Reference::zeros(output, 1);
    for (value, from) in reference.value.iter_mut().zip(each(shapes, inputs, output, places)?) {
        *value = from.map_or(0.0, |from| inputs.data[from].into());
    }
    Ok(reference)
}

fn summed<T: Copy + Into<f64>>(
    shapes: &GatherInputs<Shape>,
    inputs: &GatherInputs<&[T]>,
    output: Shape,
    places: &Places,
    grad_output: &[T],
) -> Result<GatherGradients<Reference>> {
    check_len("grad_output", grad_output, output)?;
    let mut sums = zeros(shapes.data.elements());
    for (&grad, from) in grad_output.iter().zip(each(shapes, inputs, output, places)?) {
        let grad: f64 = grad.into();
        from.into_iter().for_each(|from| sums[from].add(grad, grad.abs(), 1));
    }
    Ok(GatherGradients { data: Some(sums.into()) })
}
