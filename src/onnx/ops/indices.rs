//! Elements that indices name.

use super::Entry;
use super::elementwise::{binary_of, compared, select};
use super::movement::moved;
use crate::SliceRange;
use crate::error::{Error, Result};
use crate::geometry::{
    Binary, Gather, GatherElements, GatherInputs, GatherNd, Output, ScatterElements, ScatterInputs, ScatterNd,
    ScatterReduction, StridedCopy,
};
use crate::onnx::planner::{Call, Value, checked, from_front};
use crate::onnx::{ElementType, HostTensor};
use crate::ops::Kernels;
use crate::reference::{binary_value, indices as indices_of};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("NonMaxSuppression", non_max_suppression),
    ("NonZero", non_zero),
    ("OneHot", one_hot),
    // Opsets 9 and 10 have ScatterElements under this name.
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
];

fn gather(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [data, indices] = [call.input(0)?.clone(), call.input(1)?.clone()];
    let (shape, rank) = (data.shape(), data.shape().rank());
    let axis = from_front(call.attributes.int_or("axis", 0)?, rank)?;
    let (outer, rest) = shape.extents().split_at(axis);
    let (extent, inner) = (rest[0], &rest[1..]);
    let extents: Vec<_> = outer.iter().chain(indices.shape().extents()).chain(inner).copied().collect();
    let gathered = Shape::new(&extents)?;
    if let (Value::Host(data), Value::Host(indices)) = (&data, &indices) {
        call.fold(gathered.elements())?;
        let indices = indices.to_integers().unwrap_or_default();
        let indices = indices.into_iter().map(|index| checked(index, extent)).collect::<Result<Vec<_>>>()?;
        let count = |extents: &[u32]| extents.iter().map(|&extent| extent as usize).product::<usize>();
        let (outer, inner) = (count(outer), count(inner));
        let places = (0..outer).flat_map(|outer| {
            let indices = &indices;
            indices.iter().flat_map(move |index| {
                let first = (outer * extent as usize + index) * inner;
                first..first + inner
            })
        });
        return Ok(vec![data.picked(gathered, places).into()]);
    }
    if gathered.elements() == 0 {
        return Ok(vec![HostTensor::empty(data.element(), gathered).into()]);
    }
    if let Value::Host(indices) = &indices
        && let Some(section) = one_section(call, &data, indices, axis, gathered)?
    {
        return Ok(vec![section]);
    }
    let inputs = GatherInputs { data: call.source(0)?, indices: call.source(1)? };
    Ok(vec![call.run_one(&Gather { axis: axis as u32 }, &inputs, data.element())?])
}

/// The elements that indices one apart name: a slice.
fn one_section(
    call: &mut Call,
    data: &Value,
    indices: &HostTensor,
    axis: usize,
    gathered: Shape,
) -> Result<Option<Value>> {
    let extent = data.shape().extents()[axis];
    let indices = indices.to_integers().unwrap_or_default();
    let indices = indices.into_iter().map(|index| checked(index, extent)).collect::<Result<Vec<_>>>()?;
    if indices.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        return Ok(None);
    }
    let (Some(&first), many) = (indices.first(), indices.len()) else { return Ok(None) };
    let range = SliceRange { axis: axis as u32, start: first as i64, end: (first + many) as i64, step: 1 };
    let section = moved(call, data, &StridedCopy::slice(&[range]))?;
    call.reshaped(&section, gathered).map(Some)
}

/// The elements of a tensor by their indices along each axis.
fn flat(indices: &[i64], shape: Shape) -> Result<usize> {
    let mut place = 0;
    for (&index, &extent) in indices.iter().zip(shape.extents()) {
        place = place * extent as usize + checked(index, extent)?;
    }
    Ok(place)
}

fn gather_elements(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [data, indices] = [call.input(0)?.clone(), call.input(1)?.clone()];
    let (shape, gathered) = (data.shape(), indices.shape());
    let axis = from_front(call.attributes.int_or("axis", 0)?, shape.rank())?;
    if let (Value::Host(data), Value::Host(indices)) = (&data, &indices) {
        call.fold(gathered.elements())?;
        let places = elements_along(indices, shape, axis)?;
        return Ok(vec![data.picked(gathered, places.into_iter()).into()]);
    }
    if gathered.elements() == 0 && gathered.rank() == shape.rank() {
        return Ok(vec![HostTensor::empty(data.element(), gathered).into()]);
    }
    if let Value::Host(indices) = &indices {
        let extent = shape.extents()[axis];
        let known = indices.unexpanded().to_integers().unwrap_or_default();
        known.into_iter().try_for_each(|index| checked(index, extent).map(drop))?;
    }
    let inputs = GatherInputs { data: call.source(0)?, indices: call.source(1)? };
    Ok(vec![call.run_one(&GatherElements { axis: axis as u32 }, &inputs, data.element())?])
}

/// The places in a tensor of the elements that indices along an axis name, each beside its own place.
fn elements_along(indices: &HostTensor, shape: Shape, axis: usize) -> Result<Vec<usize>> {
    let own = indices.shape();
    if own.rank() != shape.rank() {
        let message = format!("indices ({own}) have {} axes; data ({shape}) has {}", own.rank(), shape.rank());
        return Err(Error::shape("indices", message));
    }
    let along = indices.to_integers().unwrap_or_default();
    let place = |(element, index): (usize, i64)| {
        let mut at = indices_of(element, own);
        at[axis] = index;
        flat(&at, shape)
    };
    along.into_iter().enumerate().map(place).collect()
}

fn gather_nd(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let batch = call.attributes.int_or("batch_dims", 0)?;
    let [data, indices] = [call.input(0)?.clone(), call.input(1)?.clone()];
    let (shape, own) = (data.shape(), indices.shape());
    let batch = u32::try_from(batch).ok().filter(|batch| (*batch as usize) < shape.rank().min(own.rank())).ok_or_else(
        || Error::attribute("batch_dims", format!("batch_dims is {batch}; data is {shape}, indices are {own}")),
    )?;
    if let Value::Host(indices) = &indices {
        call.fold(indices.len())?;
        let (inner, places) = runs_named(indices, &shape, batch as usize)?;
        if let Value::Host(data) = &data {
            let gathered = Shape::new(&[&own.extents()[..own.rank() - 1], inner].concat())?;
            call.fold(gathered.elements())?;
            return Ok(vec![data.picked(gathered, elements_of(elements(inner), &places)).into()]);
        }
    }
    let inputs = GatherInputs { data: call.source(0)?, indices: call.source(1)? };
    Ok(vec![call.run_one(&GatherNd { batch }, &inputs, data.element())?])
}

/// The runs of a tensor that rows of indices name, along as many axes as a row has elements, behind those of the batch: the extents of a run, and their
/// places among all runs.
fn runs_named<'a>(indices: &HostTensor, shape: &'a Shape, batch: usize) -> Result<(&'a [u32], Vec<usize>)> {
    let own = indices.shape();
    let (depth, rows) = own.extents().split_last().map_or((0, &[][..]), |(&depth, rows)| (depth as usize, rows));
    let named = batch + depth;
    if depth == 0 || named > shape.rank() || rows.get(..batch) != shape.extents().get(..batch) {
        let message = format!("indices ({own}) name {depth} axes behind {batch} of a batch; data is {shape}");
        return Err(Error::shape("indices", message));
    }
    let (outer, inner) = shape.extents().split_at(named);
    let (outer, rows) = (Shape::new(outer)?, Shape::new(rows)?);
    let all = indices.to_integers().unwrap_or_default();
    let first = |(row, index): (usize, &[i64])| {
        let mut at = indices_of(row, rows);
        at.truncate(batch);
        at.extend(index);
        flat(&at, outer)
    };
    Ok((inner, all.chunks(depth.max(1)).enumerate().map(first).collect::<Result<_>>()?))
}

/// The elements of the runs at `places`, of so many elements each.
fn elements_of(run: usize, places: &[usize]) -> impl Iterator<Item = usize> + '_ {
    places.iter().flat_map(move |place| place * run..(place + 1) * run)
}

/// The product of the extents of axes.
fn elements(extents: &[u32]) -> usize {
    extents.iter().map(|&extent| extent as usize).product()
}

fn reduction(call: &mut Call) -> Result<ScatterReduction> {
    Ok(match &call.attributes.string("reduction")?.unwrap_or("none".into())[..] {
        "none" => ScatterReduction::Replace,
        "add" => ScatterReduction::Add,
        "mul" => ScatterReduction::Mul,
        "min" => ScatterReduction::Min,
        "max" => ScatterReduction::Max,
        other => return Err(Error::attribute("reduction", format!("reduction is {other}, which is not known"))),
    })
}

/// Has the host update runs of elements of the data, those at `places`, the last one last.
fn scatter_hosts(
    call: &mut Call,
    reduction: ScatterReduction,
    (run, places): (usize, &[usize]),
    data: &HostTensor,
    updates: &HostTensor,
) -> Result<Value> {
    let needs = (places.len() * run) as u64;
    if needs != updates.len() {
        let message = format!("updates are {}; {needs} elements are named", updates.shape());
        return Err(Error::shape("updates", message));
    }
    call.fold(data.len())?;
    let (op, of_integers): (_, fn(i64, i64) -> i64) = match reduction {
        ScatterReduction::Replace => (None, |_, update| update),
        ScatterReduction::Add => (Some(Binary::Add), i64::wrapping_add),
        ScatterReduction::Mul => (Some(Binary::Mul), i64::wrapping_mul),
        ScatterReduction::Min => (Some(Binary::Min), i64::min),
        ScatterReduction::Max => (Some(Binary::Max), i64::max),
    };
    let places = elements_of(run, places);
    let host = match (data.to_integers(), updates.to_integers()) {
        (Some(mut elements), Some(updates)) => {
            places.zip(updates).for_each(|(at, update)| elements[at] = of_integers(elements[at], update));
            HostTensor::of_integers(data.element(), data.shape(), elements)
        }
        _ => {
            let mut elements = data.to_floats();
            let put = |element: f64, update| op.map_or(update, |op| binary_value(op, element, update));
            places.zip(updates.to_floats()).for_each(|(at, update)| elements[at] = put(elements[at], update));
            HostTensor::of_floats(data.element(), data.shape(), elements)
        }
    };
    Ok(host.into())
}

/// The places in the data that known indices name, as runs of so many elements; those beyond the data are refused.
type Known<'a> = dyn Fn(&HostTensor) -> Result<(usize, Vec<usize>)> + 'a;

/// A scatter, on the host where all is known. Indices that are known are checked; of those on the device, updates beyond the data are left out.
fn scatter<O>(call: &mut Call, reduction: ScatterReduction, op: &O, known: &Known) -> Result<Vec<Value>>
where
    O: Kernels<Inputs = ScatterInputs<()>, Outputs = Output>,
{
    let [data, indices, updates] = [call.input(0)?.clone(), call.input(1)?.clone(), call.input(2)?.clone()];
    if let Value::Host(indices) = &indices {
        call.fold(indices.len())?;
        let (run, places) = known(indices)?;
        if let (Value::Host(data), Value::Host(updates)) = (&data, &updates) {
            return Ok(vec![scatter_hosts(call, reduction, (run, &places), data, updates)?]);
        }
    }
    if updates.shape().elements() == 0 {
        return Ok(vec![data]);
    }
    let inputs = ScatterInputs { data: call.source(0)?, indices: call.source(1)?, updates: call.source(2)? };
    Ok(vec![call.run_one(op, &inputs, data.element())?])
}

fn scatter_elements(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let shape = call.shape(0)?;
    let axis = from_front(call.attributes.int_or("axis", 0)?, shape.rank())?;
    let reduction = reduction(call)?;
    let op = ScatterElements { axis: axis as u32, reduction };
    scatter(call, reduction, &op, &|indices| Ok((1, elements_along(indices, shape, axis)?)))
}

fn scatter_nd(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let (shape, reduction) = (call.shape(0)?, reduction(call)?);
    scatter(call, reduction, &ScatterNd { reduction }, &|indices| {
        let (inner, places) = runs_named(indices, &shape, 0)?;
        Ok((elements(inner), places))
    })
}

fn one_hot(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let depth = call.optional_scalar(1, "depth")?.unwrap_or(0.0);
    if !(1.0..=f64::from(u32::MAX)).contains(&depth) {
        return Err(Error::attribute("depth", format!("depth is {depth}; 1 at least is needed")));
    }
    let (indices, values) = (call.input(0)?.clone(), call.input(2)?.clone());
    let mut extents = indices.shape().extents().to_vec();
    let axis = call.attributes.int_or("axis", -1)?;
    let axis = from_front(axis, extents.len() + 1)?;
    extents.insert(axis, 1);
    let element = indices.element();
    let column = call.reshaped(&indices, Shape::new(&extents)?)?;
    // Indices that count from behind name what is as far from the end.
    let numbers = |first: f64| {
        let mut shape = vec![1; extents.len()];
        shape[axis] = depth as u32;
        let elements = (0..depth as u32).map(|index| first + f64::from(index));
        Ok::<_, Error>(Value::from(HostTensor::of_numbers(element, Shape::new(&shape)?, elements)))
    };
    call.fold(2 * depth as u64)?;
    let front = compared(call, Binary::Equal, [&column, &numbers(0.0)?])?;
    let behind = compared(call, Binary::Equal, [&column, &numbers(-depth)?])?;
    let hot = binary_of(call, Binary::Or, [&front, &behind], ElementType::Bool, |a, b| a | b)?;
    let value = |call: &mut Call, index: i64| {
        let range = SliceRange { axis: 0, start: index, end: index + 1, step: 1 };
        moved(call, &values, &StridedCopy::slice(&[range]))
    };
    let (off, on) = (value(call, 0)?, value(call, 1)?);
    Ok(vec![select(call, &hot, &on, &off)?])
}

/// The refusal of an operator the size of whose output is not known when the model is planned.
fn depends_on_data() -> Error {
    Error::Unsupported("how much it gives depends on what is computed on the device".into())
}

fn non_zero(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let host = call.input(0)?.host().cloned().ok_or_else(depends_on_data)?;
    let shape = host.shape();
    call.fold(host.len())?;
    let nonzero: Vec<_> =
        host.to_floats().into_iter().enumerate().filter(|(_, x)| *x != 0.0).map(|(at, _)| at).collect();
    let (axes, many) = (shape.rank().max(1), nonzero.len());
    call.fold((axes * many) as u64)?;
    // A scalar counts as a list of one.
    let own = if shape.rank() == 0 { [1].into() } else { shape };
    let named: Vec<_> = nonzero.iter().map(|&at| indices_of(at, own)).collect();
    let elements = (0..axes).flat_map(|axis| named.iter().map(move |indices| indices[axis])).collect();
    Ok(vec![HostTensor::of_integers(ElementType::I64, Shape::new(&[axes, many])?, elements).into()])
}

/// A box by two corners, ordered.
struct Corners {
    low: [f64; 2],
    high: [f64; 2],
}

impl Corners {
    /// Corners y1, x1, y2, x2; or x, y of the centre, width and height.
    fn new(given: &[f64], by_centre: bool) -> Self {
        let [a, b, c, d] = [given[0], given[1], given[2], given[3]];
        let (one, other) =
            if by_centre { ([b - d / 2.0, a - c / 2.0], [b + d / 2.0, a + c / 2.0]) } else { ([a, b], [c, d]) };
        let low = [one[0].min(other[0]), one[1].min(other[1])];
        Self { low, high: [one[0].max(other[0]), one[1].max(other[1])] }
    }

    fn area(&self) -> f64 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// Intersection over union.
    fn overlap(&self, other: &Self) -> f64 {
        let side = |axis: usize| (self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis])).max(0.0);
        let intersection = side(0) * side(1);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }
}

fn non_max_suppression(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 5)?;
    let by_centre = call.attributes.flag("center_point_box", false)?;
    let most = call.optional_scalar(2, "max_output_boxes_per_class")?.unwrap_or(0.0).max(0.0) as usize;
    let overlap = call.optional_scalar(3, "iou_threshold")?.unwrap_or(0.0);
    let least = call.optional_scalar(4, "score_threshold")?;
    let [boxes, scores] =
        [call.input(0)?.host().ok_or_else(depends_on_data)?, call.input(1)?.host().ok_or_else(depends_on_data)?];
    let (of_boxes, of_scores) = (boxes.shape(), scores.shape());
    let ([batch, many, 4], &[score_batch, classes, score_many]) = (of_boxes.extents(), of_scores.extents()) else {
        let message =
            format!("boxes are {}; (batch, boxes, 4) is needed, and scores {}", boxes.shape(), scores.shape());
        return Err(Error::shape("boxes", message));
    };
    if (*batch, *many) != (score_batch, score_many) {
        let message =
            format!("scores are {}; boxes are {}: batch and number must be alike", scores.shape(), boxes.shape());
        return Err(Error::shape("scores", message));
    }
    let (many, classes) = (*many as usize, classes as usize);
    let (boxes, scores) = (boxes.clone(), scores.clone());
    call.fold(boxes.len().saturating_add(scores.len()))?;
    let corners: Vec<_> = boxes.to_floats().chunks(4).map(|given| Corners::new(given, by_centre)).collect();
    let scores = scores.to_floats();
    let mut selected = Vec::new();
    for (row, scores) in scores.chunks(many.max(1)).enumerate() {
        let (image, class) = (row / classes.max(1), row % classes.max(1));
        let corners = &corners[image * many..(image + 1) * many];
        let mut order: Vec<_> = (0..many).filter(|&of| least.is_none_or(|least| scores[of] > least)).collect();
        // Of equal scores, the first box is first.
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut kept: Vec<usize> = Vec::new();
        for of in order {
            if kept.len() == most {
                break;
            }
            if kept.iter().all(|&other| corners[of].overlap(&corners[other]) <= overlap) {
                kept.push(of);
            }
        }
        selected.extend(kept.into_iter().flat_map(|of| [image as i64, class as i64, of as i64]));
    }
    let shape = Shape::new(&[selected.len() / 3, 3])?;
    Ok(vec![HostTensor::of_integers(ElementType::I64, shape, selected).into()])
}
