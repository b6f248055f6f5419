//! Operators that move elements: parts, permutations, joins and repetitions.

use super::Entry;
use super::shape::shape_of;
use crate::SliceRange;
use crate::error::{Error, Result};
use crate::geometry::{Concat, DepthOrder, PadMode, Split, StridedCopy, StridedCopyGeometry};
use crate::onnx::planner::{Call, Source, Value, from_front};
use crate::onnx::{ElementType, HostTensor, malformed};
use crate::reference::strided_copy;
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("Concat", concat),
    ("DepthToSpace", depth_to_space),
    ("Expand", expand_to),
    ("Pad", pad),
    ("Slice", slice),
    ("SpaceToDepth", space_to_depth),
    ("Split", split),
    ("Tile", tile),
    ("Transpose", transpose),
    ("Trilu", trilu),
];

/// A value whose elements are moved: a view where it is one, else a copy.
pub(super) fn moved(call: &mut Call, value: &Value, op: &StridedCopy) -> Result<Value> {
    let element = value.element();
    let constant = match op {
        StridedCopy::Pad { mode: PadMode::Constant(bits), .. } if element.is_float() => f32::from_bits(*bits).into(),
        StridedCopy::Pad { mode: PadMode::Constant(bits), .. } => bits.cast_signed().into(),
        _ => 0.0,
    };
    moved_within(call, value, op, &HostTensor::repeated(element, [].into(), constant))
}

/// A value whose elements are moved; what elements outside are, one of its type, is used where the host moves them.
fn moved_within(call: &mut Call, value: &Value, op: &StridedCopy, constant: &HostTensor) -> Result<Value> {
    let output = StridedCopyGeometry::shape_of(op, value.shape())?;
    if output.elements() == 0 {
        return Ok(HostTensor::empty(value.element(), output).into());
    }
    if value.shape().elements() == 0 {
        return Ok(constant.viewed(&output.extents().iter().map(|&extent| (extent, 0)).collect::<Vec<_>>(), 0)?.into());
    }
    match value {
        Value::Host(host) => {
            call.fold(output.elements().max(host.len()))?;
            // The numbers of the elements, moved; 0 for a constant.
            let numbers: Vec<_> = (1..=host.len()).map(|number| number as f64).collect();
            let places = strided_copy(&filled_with_zeros(op, value.shape())?, &numbers)?.value;
            let pick = places.into_iter().map(|number| (number as usize).checked_sub(1));
            Ok(match (host.to_integers(), constant.to_integers()) {
                (Some(integers), Some(constant)) => {
                    let elements = pick.map(|place| place.map_or(constant[0], |place| integers[place])).collect();
                    HostTensor::of_integers(host.element(), output, elements)
                }
                _ => {
                    let (floats, constant) = (host.to_floats(), constant.to_floats()[0]);
                    let elements = pick.map(|place| place.map_or(constant, |place| floats[place])).collect();
                    HostTensor::of_floats(host.element(), output, elements)
                }
            }
            .into())
        }
        Value::Device(device) => {
            let view = StridedCopyGeometry::new(op, value.shape())?.view();
            if let Some(view) = view.and_then(|range| call.section(device, range.start, output)) {
                return Ok(view);
            }
            call.run_one(op, &Source::Buffer(*device), device.element)
        }
        Value::Unknown => Ok(Value::Unknown),
    }
}

/// A copy with 0 for elements outside.
fn filled_with_zeros(op: &StridedCopy, shape: Shape) -> Result<StridedCopyGeometry> {
    let op = match op {
        StridedCopy::Pad { before, after, mode: PadMode::Constant(_) } => {
            StridedCopy::Pad { before: before.clone(), after: after.clone(), mode: PadMode::Constant(0) }
        }
        op => op.clone(),
    };
    StridedCopyGeometry::new(&op, shape)
}

fn concat(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(call.inputs.len().max(1), usize::MAX)?;
    let axis = call.attributes.int("axis")?.ok_or_else(|| malformed("it lacks the attribute axis"))?;
    let axis = from_front(axis, call.shape(0)?.rank())?;
    let values: Vec<_> = call.inputs.iter().flatten().cloned().collect();
    Ok(vec![joined(call, &values, axis)?])
}

/// Values one behind another along an axis.
pub(super) fn joined(call: &mut Call, values: &[Value], axis: usize) -> Result<Value> {
    if let [first, others @ ..] = values
        && let Some(other) = others.iter().find(|other| other.element() != first.element())
    {
        return Err(Error::dtype(
            "input",
            format!("an input holds {}; the first holds {}", other.element(), first.element()),
        ));
    }
    if let Some(hosts) = values.iter().map(|value| value.host().cloned()).collect::<Option<Vec<_>>>() {
        return Ok(concat_hosts(call, &hosts, axis)?.into());
    }
    // What has no elements adds none.
    let values: Vec<_> = values.iter().filter(|value| value.shape().elements() > 0).collect();
    let Some(first) = values.first() else { return Err(malformed("its inputs are empty")) };
    let element = first.element();
    let inputs = values.iter().map(|value| call.source_of(value)).collect::<Result<Vec<_>>>()?;
    call.run_one(&Concat { axis: axis as u32 }, &inputs, element)
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
    if shape.extents()[..axis].iter().all(|&extent| extent == 1) || sizes.contains(&0) {
        // Pieces one behind another are views.
        let mut pieces = Vec::new();
        let mut start = 0;
        for size in sizes {
            let range = SliceRange { axis: axis as u32, start, end: start + i64::from(size), step: 1 };
            pieces.push(match size {
                0 => HostTensor::empty(element, shape.with_extent(axis, 0)).into(),
                _ => moved(call, &input, &StridedCopy::slice(&[range]))?,
            });
            start += i64::from(size);
        }
        return Ok(pieces);
    }
    let source = call.source(0)?;
    call.run(&Split { axis: axis as u32, sizes }, &source, element)
}

/// A view of every `step`th element along an axis from `start` on.
fn section(host: &HostTensor, axis: usize, start: i64, extent: u32, step: i64) -> Result<HostTensor> {
    let mut axes = host.axes();
    let stride = axes[axis].1;
    axes[axis] = (extent, stride.saturating_mul(step));
    host.viewed(&axes, host.first() + start * stride)
}

/// The ranges of a Slice.
fn ranges(call: &mut Call, shape: Shape) -> Result<Vec<SliceRange>> {
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
    let range = |index: usize| {
        let axis = from_front(axes[index], shape.rank())? as u32;
        Ok(SliceRange { axis, start: starts[index], end: ends[index], step: steps[index] })
    };
    (0..many).map(range).collect()
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
        for range in &ranges {
            let axis = range.axis as usize;
            let (start, extent) = range.within(sliced.shape().extents()[axis])?;
            sliced = section(&sliced, axis, if extent == 0 { 0 } else { start.into() }, extent, range.step)?;
        }
        return Ok(vec![sliced.into()]);
    }
    Ok(vec![moved(call, &input, &StridedCopy::slice(&ranges))?])
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
    Ok(vec![transposed(call, &input, &permutation)?])
}

/// A value with its axes in another order.
pub(super) fn transposed(call: &mut Call, value: &Value, order: &[usize]) -> Result<Value> {
    let order: Vec<_> = order.iter().map(|&axis| axis as u32).collect();
    moved(call, value, &StridedCopy::transpose(&order))
}

fn expand_to(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let (input, wanted) = (call.input(0)?.clone(), shape_of(&call.ints(1, "shape")?)?);
    let shape = super::elementwise::broadcast([input.shape(), wanted])?;
    if let Value::Host(host) = &input {
        return Ok(vec![super::elementwise::expanded(host, shape)?.into()]);
    }
    Ok(vec![moved(call, &input, &StridedCopy::expand(shape))?])
}

fn tile(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let (input, repeats) = (call.input(0)?.clone(), call.ints(1, "repeats")?);
    let counts = repeats.iter().map(|&count| u32::try_from(count)).collect::<Result<Vec<_>, _>>();
    let counts =
        counts.map_err(|_| Error::attribute("repeats", format!("repeats is {repeats:?}; none may be negative")))?;
    Ok(vec![moved(call, &input, &StridedCopy::tile(&counts))?])
}

fn pad(call: &mut Call) -> Result<Vec<Value>> {
    let old = call.opset < 11;
    call.arity(if old { 1 } else { 2 }, if old { 1 } else { 4 })?;
    let input = call.input(0)?.clone();
    let mode = call.attributes.string("mode")?.unwrap_or("constant".into());
    let (pads, constant, axes) = if old {
        let pads = call.attributes.ints("pads")?.ok_or_else(|| malformed("it lacks the attribute pads"))?;
        (pads, Some(HostTensor::floats([], &[call.attributes.float_or("value", 0.0)?])?), None)
    } else {
        (call.ints(1, "pads")?, call.known(2, "constant_value")?.cloned(), call.optional_ints(3, "axes")?)
    };
    let constant = constant.unwrap_or_else(|| HostTensor::repeated(input.element(), [].into(), 0.0));
    let rank = input.shape().rank();
    let axes = axes.unwrap_or_else(|| (0..rank as i64).collect());
    if pads.len() != 2 * axes.len() {
        return Err(malformed(format!(
            "pads has {} elements; {} axes need {}",
            pads.len(),
            axes.len(),
            2 * axes.len()
        )));
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    let mut padded = vec![false; rank];
    for (index, &axis) in axes.iter().enumerate() {
        let axis = from_front(axis, rank)?;
        if std::mem::replace(&mut padded[axis], true) {
            return Err(Error::attribute("axes", format!("axes is {axes:?}, which names axis {axis} twice")));
        }
        for (side, pad) in [(&mut before, pads[index]), (&mut after, pads[axes.len() + index])] {
            side[axis] = i32::try_from(pad).map_err(|_| {
                Error::attribute("pads", format!("a pad is {pad}; {} to {} are possible", i32::MIN, i32::MAX))
            })?;
        }
    }
    let mode = match &mode[..] {
        "constant" => pad_mode(&constant, &input)?,
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "wrap" => PadMode::Wrap,
        other => {
            let message = format!("mode is {other}; constant, edge, reflect and wrap are known");
            return Err(Error::attribute("mode", message));
        }
    };
    Ok(vec![moved_within(call, &input, &StridedCopy::pad(&before, &after, mode), &constant)?])
}

/// Padding by a constant: by its 32 bits, where the device pads.
fn pad_mode(constant: &HostTensor, input: &Value) -> Result<PadMode> {
    let (element, has) = (input.element(), constant.len());
    if has != 1 || constant.element() != element {
        let of = constant.element();
        return Err(malformed(format!("constant_value has {has} elements of {of}; it needs 1 of {element}")));
    }
    let Some(integers) = constant.to_integers() else { return Ok(PadMode::value(constant.to_floats()[0] as f32)) };
    match (i32::try_from(integers[0]), input) {
        (Ok(integer), _) => Ok(PadMode::integer(integer)),
        (Err(_), Value::Host(_)) => Ok(PadMode::integer(0)),
        (Err(_), _) => {
            let message =
                format!("constant_value is {}; {} to {} are possible on the device", integers[0], i32::MIN, i32::MAX);
            Err(Error::attribute("constant_value", message))
        }
    }
}

/// The extent of a block.
fn block(call: &mut Call) -> Result<u32> {
    let block = call.attributes.int("blocksize")?.ok_or_else(|| malformed("it lacks the attribute blocksize"))?;
    u32::try_from(block)
        .map_err(|_| Error::attribute("blocksize", format!("blocksize is {block}; 1 at least is needed")))
}

fn depth_to_space(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, block) = (call.input(0)?.clone(), block(call)?);
    let order = match &call.attributes.string("mode")?.unwrap_or("DCR".into())[..] {
        "DCR" => DepthOrder::BlockFirst,
        "CRD" => DepthOrder::ChannelFirst,
        other => return Err(Error::attribute("mode", format!("mode is {other}; DCR and CRD are known"))),
    };
    Ok(vec![moved(call, &input, &StridedCopy::DepthToSpace { block, order })?])
}

fn space_to_depth(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, block) = (call.input(0)?.clone(), block(call)?);
    match &call.attributes.string("mode")?.unwrap_or("DCR".into())[..] {
        "DCR" => return Ok(vec![moved(call, &input, &StridedCopy::SpaceToDepth { block })?]),
        "CRD" => {}
        other => return Err(Error::attribute("mode", format!("mode is {other}; DCR and CRD are known"))),
    }
    // Pixels of a block behind each channel.
    let [batch, channels, height, width] = *input.shape().extents() else {
        return Err(Error::shape("input", format!("the input ({}) needs 4 axes", input.shape())));
    };
    let [rows, columns] = [height, width].map(|extent| extent.checked_div(block).unwrap_or(0));
    let blocks = call.reshaped(&input, [batch, channels, rows, block, columns, block].into())?;
    let moved = transposed(call, &blocks, &[0, 1, 3, 5, 2, 4])?;
    Ok(vec![call.reshaped(&moved, [batch, channels * block * block, rows, columns].into())?])
}

fn trilu(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 2)?;
    let (input, shape) = (call.input(0)?.clone(), call.shape(0)?);
    let diagonal = call.optional_ints(1, "k")?.and_then(|k| k.first().copied()).unwrap_or(0);
    let upper = call.attributes.flag("upper", true)?;
    let [.., rows, columns] = *shape.extents() else {
        return Err(Error::shape(
            "input",
            format!("the input ({shape}) has {} axes; it needs 2 at least", shape.rank()),
        ));
    };
    let of_matrix = u64::from(rows) * u64::from(columns);
    call.fold(of_matrix)?;
    let kept = |row: u32, column: u32| {
        let beside = i64::from(column) - i64::from(row);
        if upper { beside >= diagonal } else { beside <= diagonal }
    };
    let kept = (0..rows).flat_map(|row| (0..columns).map(move |column| kept(row, column).into())).collect();
    let kept = HostTensor::of_integers(ElementType::Bool, [rows, columns].into(), kept).into();
    let zero = match input.element().is_float() {
        true => HostTensor::of_floats(input.element(), [].into(), vec![0.0]),
        false => HostTensor::of_integers(input.element(), [].into(), vec![0]),
    };
    Ok(vec![super::elementwise::select(call, &kept, &input, &zero.into())?])
}
