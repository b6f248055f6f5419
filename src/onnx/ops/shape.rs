//! Shapes and constants: what is known when a model is planned, and views of tensors.

use super::Entry;
use crate::error::{Error, Result};
use crate::onnx::element::ElementType;
use crate::onnx::planner::{Call, Value, from_front};
use crate::onnx::{HostTensor, malformed};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("Constant", |call| {
        call.arity(0, 0)?;
        Ok(vec![call.attributes.constant()?.into()])
    }),
    ("ConstantOfShape", constant_of_shape),
    ("Dropout", dropout),
    ("EyeLike", eye_like),
    ("Flatten", flatten),
    ("Identity", |call| {
        call.arity(1, 1)?;
        Ok(vec![call.input(0)?.clone()])
    }),
    ("Range", range),
    ("Reshape", reshape),
    ("Shape", shape),
    ("Size", |call| {
        call.arity(1, 1)?;
        Ok(vec![HostTensor::integers([], vec![call.shape(0)?.elements() as i64])?.into()])
    }),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
];

/// A shape from the integers of a model.
pub(super) fn shape_of(extents: &[i64]) -> Result<Shape> {
    Shape::new(extents)
}

fn shape(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let shape = call.shape(0)?;
    let rank = shape.rank() as i64;
    let from_front = |axis: i64| (if axis < 0 { axis.saturating_add(rank) } else { axis }).clamp(0, rank);
    let start = from_front(call.attributes.int_or("start", 0)?);
    let end = from_front(call.attributes.int_or("end", rank)?);
    let extents = shape.extents().get(start as usize..end as usize).unwrap_or_default();
    Ok(vec![HostTensor::list(extents.iter().copied().map(i64::from).collect()).into()])
}

fn constant_of_shape(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let shape = shape_of(&call.ints(0, "input")?)?;
    let value = match call.attributes.tensor("value")? {
        Some(value) if value.len() == 1 => value,
        Some(value) => return Err(malformed(format!("value has {} elements; it needs 1", value.len()))),
        None => HostTensor::floats([], &[0.0])?,
    };
    // One element stands for all.
    let axes: Vec<_> = shape.extents().iter().map(|&extent| (extent, 0)).collect();
    Ok(vec![value.viewed(&axes, value.first())?.into()])
}

fn range(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let element = call.input(0)?.element();
    let counted = |count: f64| {
        if (0.0..=f64::from(u32::MAX)).contains(&count) {
            return Ok(count as u32);
        }
        Err(Error::attribute("delta", format!("the range has {count} elements; 0 to {} are possible", u32::MAX)))
    };
    if element.is_float() {
        let bounds = [(0, "start"), (1, "limit"), (2, "delta")];
        let [start, limit, delta] = bounds.map(|(index, name)| call.optional_scalar(index, name));
        let (start, limit, delta) = (start?.unwrap_or(0.0), limit?.unwrap_or(0.0), delta?.unwrap_or(1.0));
        let count = counted(((limit - start) / delta).ceil().max(0.0))?;
        call.fold(count.into())?;
        let elements = (0..count).map(|index| start + f64::from(index) * delta).collect();
        return Ok(vec![HostTensor::of_floats(element, [count].into(), elements).into()]);
    }
    let mut bounds = [0; 3];
    for (index, name) in ["start", "limit", "delta"].into_iter().enumerate() {
        let ints = call.ints(index, name)?;
        let [bound] = ints[..] else {
            return Err(malformed(format!("{name} has {} elements; it needs 1", ints.len())));
        };
        bounds[index] = bound;
    }
    let [start, limit, delta] = bounds.map(i128::from);
    if delta == 0 {
        return Err(Error::attribute("delta", "delta is 0; any other is possible"));
    }
    let (span, step) = if delta > 0 { (limit - start, delta) } else { (start - limit, -delta) };
    let count = counted(((span.max(0) + step - 1) / step) as f64)?;
    call.fold(count.into())?;
    let elements = (0..i128::from(count)).map(|index| (start + index * delta) as i64).collect();
    Ok(vec![HostTensor::of_integers(element, [count].into(), elements).into()])
}

fn eye_like(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (shape, element) = (call.shape(0)?, call.input(0)?.element());
    let element = call.attributes.element_or("dtype", element)?;
    let diagonal = call.attributes.int_or("k", 0)?;
    let [rows, columns] = shape.extents()[..] else {
        return Err(Error::shape("input", format!("the input ({shape}) has {} axes; it needs 2", shape.rank())));
    };
    call.fold(shape.elements())?;
    let on = |row: u32, column: u32| i64::from(column) - i64::from(row) == diagonal;
    let ones = (0..rows).flat_map(|row| (0..columns).map(move |column| on(row, column)));
    let host = match element.is_float() {
        true => HostTensor::of_floats(element, shape, ones.map(|one| f64::from(u8::from(one))).collect()),
        false => HostTensor::of_integers(element, shape, ones.map(i64::from).collect()),
    };
    Ok(vec![host.into()])
}

fn dropout(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 3)?;
    call.attributes.float("ratio")?;
    call.attributes.int("seed")?;
    let training = call.optional_scalar(2, "training_mode")?.is_some_and(|mode| mode != 0.0);
    let ratio = if training { call.optional_scalar(1, "ratio")?.unwrap_or(0.5) } else { 0.0 };
    if training && ratio != 0.0 {
        return Err(Error::Unsupported("it is in training mode; export the model for inference".into()));
    }
    let input = call.input(0)?.clone();
    let one = HostTensor::of_integers(ElementType::Bool, [].into(), vec![1]);
    let axes: Vec<_> = input.shape().extents().iter().map(|&extent| (extent, 0)).collect();
    Ok(vec![input, one.viewed(&axes, 0)?.into()])
}

fn reshape(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let zeros = call.attributes.flag("allowzero", false)?;
    let (wanted, input) = (call.ints(1, "shape")?, call.input(0)?.clone());
    let has = input.shape();
    let mut extents = Vec::with_capacity(wanted.len());
    for (axis, &extent) in wanted.iter().enumerate() {
        extents.push(match (extent, has.extents().get(axis)) {
            (0, Some(&kept)) if !zeros => kept.into(),
            _ => extent,
        });
    }
    let mut open = extents.iter().enumerate().filter(|(_, extent)| **extent == -1).map(|(axis, _)| axis);
    if let Some(axis) = open.next() {
        if open.next().is_some() {
            return Err(Error::attribute("shape", format!("shape is {wanted:?}; one -1 at most is possible")));
        }
        let others = extents.iter().filter(|extent| **extent != -1).map(|&extent| extent.max(0) as u64);
        let others = others.fold(1u64, u64::saturating_mul);
        if others == 0 || !has.elements().is_multiple_of(others) {
            let message = format!("shape is {wanted:?}; the input ({has}) has {} elements", has.elements());
            return Err(Error::attribute("shape", message));
        }
        extents[axis] = (has.elements() / others) as i64;
    }
    Ok(vec![call.reshaped(&input, shape_of(&extents)?)?])
}

fn flatten(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (axis, input) = (call.attributes.int_or("axis", 1)?, call.input(0)?.clone());
    let (shape, rank) = (input.shape(), input.shape().rank());
    let axis = if axis == rank as i64 { rank } else { from_front(axis, rank)? };
    let product = |extents: &[u32]| extents.iter().map(|&extent| u64::from(extent)).product::<u64>();
    let (outer, inner) = shape.extents().split_at(axis);
    Ok(vec![call.reshaped(&input, Shape::new(&[product(outer), product(inner)])?)?])
}

/// The axes of an operator that has them as an attribute before an opset and as an input since.
pub(super) fn axes(call: &mut Call, as_input: i64, index: usize) -> Result<Option<Vec<i64>>> {
    if call.opset < as_input { call.attributes.ints("axes") } else { call.optional_ints(index, "axes") }
}

fn squeeze(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, if call.opset < 13 { 1 } else { 2 })?;
    let (axes, input) = (axes(call, 13, 1)?, call.input(0)?.clone());
    let shape = input.shape();
    let leaves_out: Vec<_> = match axes {
        None => (0..shape.rank()).filter(|&axis| shape.extents()[axis] == 1).collect(),
        Some(axes) => axes.iter().map(|&axis| from_front(axis, shape.rank())).collect::<Result<_>>()?,
    };
    let extents: Vec<_> =
        (0..shape.rank()).filter(|axis| !leaves_out.contains(axis)).map(|axis| shape.extents()[axis]).collect();
    Ok(vec![call.reshaped(&input, Shape::new(&extents)?)?])
}

fn unsqueeze(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(if call.opset < 13 { 1 } else { 2 }, if call.opset < 13 { 1 } else { 2 })?;
    let (axes, input) = (axes(call, 13, 1)?, call.input(0)?.clone());
    let axes = axes.ok_or_else(|| malformed("it lacks the attribute axes"))?;
    let rank = input.shape().rank() + axes.len();
    let new = axes.iter().map(|&axis| from_front(axis, rank)).collect::<Result<Vec<_>>>()?;
    if (1..new.len()).any(|index| new[index..].contains(&new[index - 1])) {
        return Err(Error::attribute("axes", format!("axes are {axes:?}; each is possible once")));
    }
    let mut extents = input.shape().extents().to_vec().into_iter();
    let extents: Vec<_> =
        (0..rank).map(|axis| if new.contains(&axis) { 1 } else { extents.next().unwrap_or(1) }).collect();
    Ok(vec![call.reshaped(&input, Shape::new(&extents)?)?])
}
