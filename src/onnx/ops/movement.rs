//! What moves elements: parts, permutations, joins and repetitions.

use super::Entry;
use super::shape::shape_of;
use crate::error::{Error, Result};
use crate::geometry::{Concat, Split};
use crate::onnx::planner::{Call, Source, Value, from_front};
use crate::onnx::{ElementType, HostTensor, malformed};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] =
    &[("Concat", concat), ("Expand", expand_to), ("Slice", slice), ("Split", split), ("Transpose", transpose)];

fn concat(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(call.inputs.len().max(1), usize::MAX)?;
    let axis = call.attributes.int("axis")?.ok_or_else(|| malformed("it lacks the attribute axis"))?;
    let (element, rank) = (call.input(0)?.element(), call.shape(0)?.rank());
    let axis = from_front(axis, rank)?;
    if let Some(hosts) = call.hosts() {
        let hosts: Vec<_> = hosts.into_iter().cloned().collect();
        return Ok(vec![concat_hosts(call, &hosts, axis)?.into()]);
    }
    let inputs = (0..call.inputs.len()).map(|index| call.source(index)).collect::<Result<Vec<_>>>()?;
    Ok(vec![call.run_one(&Concat { axis: axis as u32 }, &inputs, element)?])
}

fn concat_hosts(call: &mut Call, hosts: &[HostTensor], axis: usize) -> Result<HostTensor> {
    let first = &hosts[0];
    let mut together = 0u64;
    for host in hosts {
        let alike = |(of, is): (usize, (&u32, &u32))| of == axis || is.0 == is.1;
        let extents = first.shape().extents().to_vec();
        if host.shape().rank() != extents.len() || !extents.iter().zip(host.shape().extents()).enumerate().all(alike) {
            let message = format!(
                "an input is {}; the first is {}, and axis {axis} alone may differ",
                host.shape(),
                first.shape()
            );
            return Err(Error::shape("input", message));
        }
        together += u64::from(host.shape().extents()[axis]);
    }
    let extent = u32::try_from(together).map_err(|_| malformed("its output is too large"))?;
    let shape = first.shape().with_extent(axis, extent);
    call.fold(shape.elements())?;
    let rows: u64 = shape.extents()[..axis].iter().map(|&extent| u64::from(extent)).product();
    let row =
        |host: &HostTensor| host.shape().extents()[axis..].iter().map(|&extent| extent as usize).product::<usize>();
    // Rows of one input behind those of another.
    macro_rules! joined {
        ($elements:ident) => {{
            let mut joined = Vec::with_capacity(shape.elements() as usize);
            for at in 0..rows as usize {
                for (host, elements) in hosts.iter().zip(&$elements) {
                    joined.extend_from_slice(&elements[at * row(host)..(at + 1) * row(host)]);
                }
            }
            joined
        }};
    }
    let integers: Option<Vec<_>> = hosts.iter().map(HostTensor::to_integers).collect();
    Ok(match integers {
        Some(integers) => HostTensor::of_integers(first.element(), shape, joined!(integers)),
        None => {
            let floats: Vec<_> = hosts.iter().map(HostTensor::to_floats).collect();
            HostTensor::of_floats(first.element(), shape, joined!(floats))
        }
    })
}

/// How long the pieces of a Split are.
fn sizes(call: &mut Call, extent: u32, outputs: usize) -> Result<Vec<u32>> {
    let given = if call.opset < 13 { call.attributes.ints("split")? } else { call.optional_ints(1, "split")? };
    let sections = if call.opset < 18 { None } else { call.attributes.int("num_outputs")? };
    let (named, many) = match (&given, sections) {
        (Some(sizes), None) => ("split", sizes.len() as i64),
        (None, Some(sections)) => ("num_outputs", sections),
        (None, None) if call.opset < 18 => ("outputs", outputs as i64),
        _ => return Err(malformed("it needs one of the input split and the attribute num_outputs")),
    };
    if many != outputs as i64 {
        return Err(malformed(format!("{named} makes {many} pieces; it has {outputs} outputs")));
    }
    let refused = |message| Err(Error::attribute("split", message));
    if let Some(sizes) = given {
        let sum: i128 = sizes.iter().copied().map(i128::from).sum();
        return match sizes.iter().map(|&size| u32::try_from(size)).collect::<Result<Vec<_>, _>>() {
            Ok(exact) if sum == i128::from(extent) => Ok(exact),
            _ => refused(format!("split is {sizes:?}, {sum} in all; the extent is {extent} and no size is negative")),
        };
    }
    let length = extent.div_ceil(outputs as u32);
    if call.opset < 18 && !extent.is_multiple_of(outputs as u32) {
        return refused(format!("{outputs} equal pieces are to be made of an extent of {extent}"));
    }
    let before = u64::from(length) * (outputs as u64 - 1);
    match u64::from(extent).checked_sub(before) {
        Some(last) => {
            let mut sizes = vec![length; outputs];
            sizes[outputs - 1] = last as u32;
            Ok(sizes)
        }
        None => refused(format!("{outputs} pieces of {length} are to be made of an extent of {extent}")),
    }
}

fn split(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, if call.opset < 13 { 1 } else { 2 })?;
    let (input, outputs) = (call.input(0)?.clone(), call.wanted.len());
    let (shape, element) = (input.shape(), input.element());
    let axis = from_front(call.attributes.int_or("axis", 0)?, shape.rank())?;
    let sizes = sizes(call, shape.extents()[axis], outputs)?;
    if let Value::Host(host) = &input {
        let mut start = 0;
        let mut pieces = Vec::new();
        for size in sizes {
            pieces.push(section(host, axis, start, size, 1)?.into());
            start += i64::from(size);
        }
        return Ok(pieces);
    }
    let input = call.source(0)?;
    call.run(&Split { axis: axis as u32, sizes }, &input, element)
}

/// A view of every `step`th element along an axis from `start` on.
fn section(host: &HostTensor, axis: usize, start: i64, extent: u32, step: i64) -> Result<HostTensor> {
    let mut axes = host.axes();
    let stride = axes[axis].1;
    axes[axis] = (extent, stride.saturating_mul(step));
    host.viewed(&axes, host.first() + start * stride)
}

/// Start, step and number of the elements that a slice takes along an axis.
struct Range {
    start: i64,
    step: i64,
    extent: u32,
}

/// The ranges of a Slice, by axis.
fn ranges(call: &mut Call, shape: Shape) -> Result<Vec<Range>> {
    let rank = shape.rank();
    let (starts, ends, axes, steps) = if call.opset < 10 {
        let mut needed =
            |name| call.attributes.ints(name)?.ok_or_else(|| malformed(format!("it lacks the attribute {name}")));
        (needed("starts")?, needed("ends")?, call.attributes.ints("axes")?, None)
    } else {
        let (axes, steps) = (call.optional_ints(3, "axes")?, call.optional_ints(4, "steps")?);
        (call.ints(1, "starts")?, call.ints(2, "ends")?, axes, steps)
    };
    let many = starts.len();
    let axes = axes.unwrap_or_else(|| (0..many as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; many]);
    for (name, list) in [("ends", &ends), ("axes", &axes), ("steps", &steps)] {
        if list.len() != many {
            return Err(malformed(format!("starts has {many} elements; {name} has {}", list.len())));
        }
    }
    let whole = |&extent: &u32| Range { start: 0, step: 1, extent };
    let mut ranges: Vec<_> = shape.extents().iter().map(whole).collect();
    for index in 0..many {
        let axis = from_front(axes[index], rank)?;
        let (extent, step) = (i64::from(shape.extents()[axis]), steps[index]);
        if step == 0 {
            return Err(Error::attribute("steps", "a step is 0; any other is possible"));
        }
        let from_front = |place: i64| if place < 0 { place.saturating_add(extent) } else { place };
        let (low, high) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
        let start = from_front(starts[index]).clamp(low.max(0), high.max(0));
        let end = from_front(ends[index]).clamp(low, high);
        let span = if step > 0 { end - start } else { start - end };
        let taken = if extent == 0 || span <= 0 { 0 } else { (span - 1) / step.saturating_abs() + 1 };
        ranges[axis] = Range { start, step, extent: taken as u32 };
    }
    Ok(ranges)
}

fn slice(call: &mut Call) -> Result<Vec<Value>> {
    if call.opset < 10 {
        call.arity(1, 1)?
    } else {
        call.arity(3, 5)?
    }
    let input = call.input(0)?.clone();
    let ranges = ranges(call, input.shape())?;
    if let Value::Host(host) = &input {
        let mut sliced = host.clone();
        for (axis, range) in ranges.iter().enumerate() {
            let start = if range.extent == 0 { 0 } else { range.start };
            sliced = section(&sliced, axis, start, range.extent, range.step)?;
        }
        return Ok(vec![sliced.into()]);
    }
    Err(Error::Unsupported("slices on the device are not known".into()))
}

fn transpose(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, rank) = (call.input(0)?.clone(), call.shape(0)?.rank());
    let reversed = || (0..rank as i64).rev().collect();
    let permutation = call.attributes.ints("perm")?.unwrap_or_else(reversed);
    let permutation = permutation.iter().map(|&axis| from_front(axis, rank)).collect::<Result<Vec<_>>>()?;
    if permutation.len() != rank || (0..rank).any(|axis| !permutation.contains(&axis)) {
        let message = format!("perm is {permutation:?}; each of {rank} axes is needed once");
        return Err(Error::attribute("perm", message));
    }
    if let Value::Host(host) = &input {
        let axes = host.axes();
        let permuted: Vec<_> = permutation.iter().map(|&axis| axes[axis]).collect();
        return Ok(vec![host.viewed(&permuted, host.first())?.into()]);
    }
    Err(Error::Unsupported("permutations on the device are not known".into()))
}

fn expand_to(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let (input, wanted) = (call.input(0)?.clone(), shape_of(&call.ints(1, "shape")?)?);
    let shape = super::elementwise::broadcast([input.shape(), wanted])?;
    if let Value::Host(host) = &input {
        return Ok(vec![super::elementwise::expanded(host, shape)?.into()]);
    }
    let (source, has, element) = (call.source(0)?, input.shape(), input.element());
    Ok(vec![expand(call, source, has, shape, element)?])
}

/// A tensor repeated along the axes that it lacks or has with extent 1.
pub(super) fn expand(_: &mut Call, _: Source, _: Shape, _: Shape, _: ElementType) -> Result<Value> {
    Err(Error::Unsupported("repetitions on the device are not known".into()))
}
