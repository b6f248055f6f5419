//! Reductions over axes.

use super::Entry;
use super::elementwise::{binary_of, of_value};
use super::shape;
use crate::error::{Error, Result};
use crate::geometry::{
    ArgReduce, Binary, CumSum, GlobalAveragePool, GlobalMaxPool, Reduce, ReduceFunction, TopK, Unary,
};
use crate::onnx::planner::{Call, Source, Value, from_front};
use crate::onnx::{ElementType, HostTensor, malformed};
use crate::reference::{indices, place};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("ArgMax", |call| arg_reduce(call, true)),
    ("ArgMin", |call| arg_reduce(call, false)),
    ("CumSum", cum_sum),
    ("GlobalAveragePool", global_average_pool),
    ("GlobalMaxPool", global_max_pool),
    ("ReduceL1", |call| reduce(call, ReduceFunction::L1, 18)),
    ("ReduceL2", |call| reduce(call, ReduceFunction::L2, 18)),
    ("ReduceLogSum", |call| reduce(call, ReduceFunction::LogSum, 18)),
    ("ReduceLogSumExp", |call| reduce(call, ReduceFunction::LogSumExp, 18)),
    ("ReduceMax", |call| reduce(call, ReduceFunction::Max, 18)),
    ("ReduceMean", |call| reduce(call, ReduceFunction::Mean, 18)),
    ("ReduceMin", |call| reduce(call, ReduceFunction::Min, 18)),
    ("ReduceProd", |call| reduce(call, ReduceFunction::Prod, 18)),
    ("ReduceSum", |call| reduce(call, ReduceFunction::Sum, 13)),
    ("ReduceSumSquare", |call| reduce(call, ReduceFunction::SumSquare, 18)),
    ("TopK", top_k),
];

/// A reduction, whose axes are an input from an opset on.
fn reduce(call: &mut Call, function: ReduceFunction, as_input: i64) -> Result<Vec<Value>> {
    call.arity(1, if call.opset < as_input { 1 } else { 2 })?;
    let (input, rank) = (call.input(0)?.clone(), call.shape(0)?.rank());
    let keep = call.attributes.flag("keepdims", true)?;
    let nothing = call.attributes.flag("noop_with_empty_axes", false)?;
    let axes = shape::axes(call, as_input, 1)?.unwrap_or_default();
    let axes = axes.iter().map(|&axis| from_front(axis, rank)).collect::<Result<Vec<_>>>()?;
    if axes.is_empty() && nothing {
        return Ok(vec![of_each(call, &input, function)?]);
    }
    let axes: Vec<_> = if axes.is_empty() { (0..rank).collect() } else { axes };
    if input.shape().elements() == 0 {
        return Ok(vec![of_nothing(&input, function, &axes, keep)?]);
    }
    if let Value::Host(host) = &input
        && let Some(reduced) = reduce_host(call, host, function, &axes, keep)?
    {
        return Ok(vec![reduced]);
    }
    let op = Reduce { function, axes: axes.iter().map(|&axis| axis as u32).collect(), keep };
    let (source, element) = (call.source(0)?, input.element());
    Ok(vec![call.run_one(&op, &source, element)?])
}

/// The reductions of each element alone.
fn of_each(call: &mut Call, input: &Value, function: ReduceFunction) -> Result<Value> {
    match function {
        ReduceFunction::L1 | ReduceFunction::L2 => of_value(call, Unary::Abs, input, Some(i64::wrapping_abs)),
        ReduceFunction::SumSquare => binary_of(call, Binary::Mul, [input, input], input.element(), i64::wrapping_mul),
        ReduceFunction::LogSum => of_value(call, Unary::Log, input, None),
        _ => Ok(input.clone()),
    }
}

/// The reduction of no elements.
fn of_nothing(input: &Value, function: ReduceFunction, axes: &[usize], keep: bool) -> Result<Value> {
    let (extents, element) = (input.shape(), input.element());
    let kept = extents.extents().iter().enumerate().filter(|(axis, _)| keep || !axes.contains(axis));
    let kept: Vec<_> = kept.map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent }).collect();
    let least = match element {
        ElementType::Bool | ElementType::U8 | ElementType::U16 | ElementType::U32 | ElementType::U64 => 0.0,
        ElementType::I32 => f64::from(i32::MIN),
        ElementType::I64 => i64::MIN as f64,
        _ => f64::NEG_INFINITY,
    };
    let most = match element {
        ElementType::Bool => 1.0,
        ElementType::I32 => f64::from(i32::MAX),
        ElementType::I64 => i64::MAX as f64,
        _ => f64::INFINITY,
    };
    let value = match function {
        ReduceFunction::Prod => 1.0,
        ReduceFunction::Max => least,
        ReduceFunction::Min => most,
        ReduceFunction::LogSum | ReduceFunction::LogSumExp => f64::NEG_INFINITY,
        ReduceFunction::Mean => f64::NAN,
        _ => 0.0,
    };
    Ok(HostTensor::repeated(element, Shape::new(&kept)?, value).into())
}

/// The reduction of a tensor on the host by the functions that shapes are computed with.
fn reduce_host(
    call: &mut Call,
    host: &HostTensor,
    function: ReduceFunction,
    axes: &[usize],
    keep: bool,
) -> Result<Option<Value>> {
    let integers: fn(i64, i64) -> i64 = match function {
        ReduceFunction::Sum => i64::wrapping_add,
        ReduceFunction::Prod => i64::wrapping_mul,
        ReduceFunction::Max => i64::max,
        ReduceFunction::Min => i64::min,
        _ => return Ok(None),
    };
    if host.element().is_float() {
        return Ok(None);
    }
    call.fold(host.len())?;
    let elements = host.to_integers().unwrap_or_default();
    let shape = host.shape();
    let kept = axes.iter().fold(shape, |kept, &axis| kept.with_extent(axis, 1));
    let mut reduced: Vec<Option<i64>> = vec![None; kept.elements() as usize];
    for (number, element) in elements.into_iter().enumerate() {
        let mut at = indices(number, shape);
        axes.iter().for_each(|&axis| at[axis] = 0);
        let reduced = &mut reduced[place(&at, kept)];
        *reduced = Some(reduced.map_or(element, |before| integers(before, element)));
    }
    let Some(reduced) = reduced.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let left: Vec<_> =
        (0..shape.rank()).filter(|axis| keep || !axes.contains(axis)).map(|axis| kept.extents()[axis]).collect();
    Ok(Some(HostTensor::of_integers(host.element(), Shape::new(&left)?, reduced).into()))
}

fn arg_reduce(call: &mut Call, largest: bool) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let rank = call.shape(0)?.rank();
    let axis = from_front(call.attributes.int_or("axis", 0)?, rank)? as u32;
    let keep = call.attributes.flag("keepdims", true)?;
    let last = call.attributes.flag("select_last_index", false)?;
    let input = call.source(0)?;
    Ok(vec![call.run_one(&ArgReduce { axis, largest, keep, last }, &input, ElementType::I64)?])
}

fn cum_sum(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let (input, element) = (call.source(0)?, call.input(0)?.element());
    let axis = call.optional_scalar(1, "axis")?.unwrap_or(0.0);
    let axis = from_front(axis as i64, input.shape().rank())? as u32;
    let (exclusive, reverse) = (call.attributes.flag("exclusive", false)?, call.attributes.flag("reverse", false)?);
    Ok(vec![call.run_one(&CumSum { axis, exclusive, reverse }, &input, element)?])
}

/// The pixels of a tensor of any rank as an image of one row, and the shape of one pixel.
fn pixels(source: &Source) -> Result<(Source, Shape)> {
    let shape = source.shape();
    let &[batch, channels, ref pixels @ ..] = shape.extents() else {
        return Err(Error::shape(
            "input",
            format!("the input ({shape}) has {} axes; it needs 3 at least", shape.rank()),
        ));
    };
    let many = pixels.iter().try_fold(1u32, |many, &extent| many.checked_mul(extent));
    let many = many.ok_or_else(|| malformed("its input is too large"))?;
    let mut one = vec![batch, channels];
    one.extend(pixels.iter().map(|_| 1));
    Ok((source.reshaped([batch, channels, 1, many]), Shape::new(&one)?))
}

fn global_average_pool(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, element) = (call.source(0)?, call.input(0)?.element());
    if input.shape().rank() == 4 {
        return Ok(vec![call.run_one(&GlobalAveragePool, &input, element)?]);
    }
    let (image, one) = pixels(&input)?;
    let output = call.run_one(&GlobalAveragePool, &image, element)?;
    Ok(vec![call.reshaped(&output, one)?])
}

fn global_max_pool(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, element) = (call.source(0)?, call.input(0)?.element());
    let (image, one) = pixels(&input)?;
    let output = call.run_one(&GlobalMaxPool, &image, element)?;
    Ok(vec![call.reshaped(&output, one)?])
}

fn top_k(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(if call.opset < 10 { 1 } else { 2 }, if call.opset < 10 { 1 } else { 2 })?;
    let (input, shape) = (call.input(0)?.clone(), call.shape(0)?);
    let axis = from_front(call.attributes.int_or("axis", -1)?, shape.rank())?;
    let largest = call.attributes.flag("largest", true)?;
    // Sorted is one of the orders that are legal where it need not be.
    call.attributes.flag("sorted", true)?;
    let k = match call.opset {
        ..10 => call.attributes.int("k")?,
        _ => call.ints(1, "K")?.first().copied(),
    };
    let (k, extent) = (k.ok_or_else(|| malformed("k is absent"))?, shape.extents()[axis]);
    let k = u32::try_from(k)
        .ok()
        .filter(|k| *k <= extent)
        .ok_or_else(|| Error::attribute("k", format!("k is {k}; 0 to {extent}, the axis's extent, are possible")))?;
    if k == 0 {
        let none = shape.with_extent(axis, 0);
        let Value::Host(host) = &input else { return Err(Error::Unsupported("k is 0; outputs need elements".into())) };
        let indices = HostTensor::of_integers(ElementType::I64, none, Vec::new());
        return Ok(vec![HostTensor::empty(host.element(), none).into(), indices.into()]);
    }
    let source = call.source(0)?;
    let mut outputs = call.run(&TopK { axis: axis as u32, k, largest }, &source, input.element())?;
    if let Some(Value::Device(indices)) = outputs.get_mut(1) {
        indices.element = ElementType::I64;
    }
    Ok(outputs)
}
