//! Elements that indices name.

use super::Entry;
use crate::error::{Error, Result};
use crate::onnx::planner::{Call, Value, from_front};
use crate::onnx::{ElementType, HostTensor};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] =
    &[("Gather", gather), ("NonMaxSuppression", non_max_suppression), ("NonZero", non_zero)];

/// An index that counts from behind where it is negative.
fn checked(index: i64, extent: u32) -> Result<usize> {
    let front = if index < 0 { index.saturating_add(extent.into()) } else { index };
    match u32::try_from(front) {
        Ok(front) if front < extent => Ok(front as usize),
        _ => Err(Error::attribute("indices", format!("an index is {index}; the axis has extent {extent}"))),
    }
}

/// The elements of a host tensor at these places of its dense order.
pub(super) fn picked(host: &HostTensor, shape: Shape, places: impl Iterator<Item = usize>) -> HostTensor {
    match host.to_integers() {
        Some(integers) => HostTensor::of_integers(host.element(), shape, places.map(|place| integers[place]).collect()),
        None => {
            let floats = host.to_floats();
            HostTensor::of_floats(host.element(), shape, places.map(|place| floats[place]).collect())
        }
    }
}

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
        return Ok(vec![picked(data, gathered, places).into()]);
    }
    Err(Error::Unsupported("gathers on the device are not known".into()))
}

/// The refusal of an operator the size of whose output is not known when the model is planned.
fn depends_on_data() -> Error {
    Error::Unsupported("how much it gives depends on what is computed on the device".into())
}

fn non_zero(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let host = call.input(0)?.host().ok_or_else(depends_on_data)?;
    let shape = host.shape();
    let nonzero: Vec<_> =
        host.to_floats().into_iter().enumerate().filter(|(_, x)| *x != 0.0).map(|(at, _)| at).collect();
    let (axes, many) = (shape.rank().max(1), nonzero.len());
    call.fold((axes * many) as u64)?;
    let mut elements = Vec::with_capacity(axes * many);
    let extents = if shape.rank() == 0 { &[1][..] } else { shape.extents() };
    for axis in 0..axes {
        let stride: u64 = extents[axis + 1..].iter().map(|&extent| u64::from(extent)).product();
        elements.extend(nonzero.iter().map(|&at| (at as u64 / stride % u64::from(extents[axis])) as i64));
    }
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
    let corners: Vec<_> = boxes.to_floats().chunks(4).map(|given| Corners::new(given, by_centre)).collect();
    let scores = scores.to_floats();
    call.fold(scores.len() as u64)?;
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
