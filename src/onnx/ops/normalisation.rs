//! Normalisations and softmax.

use super::Entry;
use super::elementwise::{binary_of, broadcasts_to, function};
use super::product::scaled;
use crate::Axes;
use crate::error::{Error, Result};
use crate::geometry::{
    BatchNorm, BatchNormInputs, Binary, GroupNorm, GroupNormInputs, LayerNorm, LayerNormInputs, Reduce, ReduceFunction,
    Softmax, StridedCopy, Unary,
};
use crate::onnx::planner::{Call, Value, from_front};
use crate::onnx::{HostTensor, malformed};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("BatchNormalization", batch_norm),
    ("GroupNormalization", group_norm),
    ("InstanceNormalization", instance_norm),
    ("LayerNormalization", layer_norm),
    ("LogSoftmax", |call| softmax(call, true)),
    ("RMSNormalization", rms_norm),
    ("Softmax", |call| softmax(call, false)),
];

fn batch_norm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(5, 5)?;
    let epsilon = call.attributes.float_or("epsilon", 1e-5)?;
    let momentum = call.attributes.float_or("momentum", 0.9)?;
    if call.attributes.flag("training_mode", false)? {
        return batch_norm_in_training(call, epsilon, momentum);
    }
    if call.opset < 9 && call.attributes.int_or("spatial", 1)? != 1 {
        return Err(Error::Unsupported("spatial is 0; statistics of each channel are needed".into()));
    }
    let mut statistics = [const { Vec::new() }; 4];
    for (index, name) in ["scale", "B", "mean", "var"].into_iter().enumerate() {
        statistics[index] = call.floats(index + 1, name)?.into_iter().map(|x| x as f32).collect();
    }
    let [gamma, beta, mean, variance] = &statistics;
    let (scale, shift) = BatchNorm::fold(gamma, beta, mean, variance, epsilon)?;
    let (input, element) = (call.input(0)?.clone(), call.input(0)?.element());
    let shape = input.shape();
    let of_channels = |of: &[f32]| HostTensor::floats([of.len() as u32], of).map(Value::from);
    let inputs = BatchNormInputs {
        input: call.source(0)?,
        scale: call.source_of(&of_channels(&scale)?)?,
        shift: call.source_of(&of_channels(&shift)?)?,
    };
    let output = call.run_one(&BatchNorm, &inputs, element)?;
    Ok(vec![call.reshaped(&output, shape)?])
}

/// A normalisation by the statistics of the batch, and the running statistics that go on from those given.
fn batch_norm_in_training(call: &mut Call, epsilon: f32, momentum: f32) -> Result<Vec<Value>> {
    let (input, element) = (call.input(0)?.clone(), call.input(0)?.element());
    let rank = input.shape().rank();
    let channels = input.shape().extents().get(1).copied().unwrap_or(1);
    let [mean, beside, variance] = spread(call, &input, (0..rank as u32).filter(|&axis| axis != 1).collect())?;
    let deviation = root(call, &variance, epsilon)?;
    let mut output = binary_of(call, Binary::Div, [&beside, &deviation], element, i64::wrapping_div)?;
    let each: Vec<_> = (0..rank).map(|axis| if axis == 1 { channels } else { 1 }).collect();
    for (index, op) in [(1, Binary::Mul), (2, Binary::Add)] {
        let of_channels = call.input(index)?.clone();
        let of_channels = call.reshaped(&of_channels, Shape::new(&each)?)?;
        output = binary_of(call, op, [&output, &of_channels], element, i64::wrapping_add)?;
    }
    let mut outputs = vec![output];
    for (index, statistic) in [(3, mean), (4, variance)] {
        let running = call.input(index)?.clone();
        let statistic = call.reshaped(&statistic, [channels].into())?;
        let kept = scaled(call, running, momentum)?;
        let added = scaled(call, statistic, 1.0 - momentum)?;
        outputs.push(binary_of(call, Binary::Add, [&kept, &added], element, i64::wrapping_add)?);
    }
    Ok(outputs)
}

fn layer_norm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 3)?;
    let element = call.input(0)?.element();
    let rank = call.shape(0)?.rank();
    let axis = from_front(call.attributes.int_or("axis", -1)?, rank)?;
    let epsilon = call.attributes.float_or("epsilon", 1e-5)?;
    call.attributes.int("stash_type")?; // f32 in any case
    let op = LayerNorm { axes: (rank - axis) as u32, epsilon };
    let (input, shape) = (call.source(0)?, call.shape(0)?);
    let factors = [("scale", Binary::Mul, call.optional(1).cloned()), ("B", Binary::Add, call.optional(2).cloned())];
    let each = |factor: &Option<Value>| {
        factor.as_ref().is_none_or(|factor| factor.shape().extents() == &shape.extents()[axis..])
    };
    let output = if factors.iter().all(|(_, _, factor)| each(factor)) {
        let inputs = LayerNormInputs { input, scale: Some(call.source(1)?), shift: call.optional_source(2)? };
        call.run_one(&op, &inputs, element)?
    } else {
        let inputs = LayerNormInputs { input, scale: None, shift: None };
        let mut output = call.run_one(&op, &inputs, element)?;
        for (name, op, factor) in factors {
            let Some(factor) = factor else { continue };
            broadcasts_to(name, factor.shape(), shape)?;
            // The elements are floats.
            output = binary_of(call, op, [&output, &factor], element, |of_output, _| of_output)?;
        }
        output
    };
    let mut outputs = vec![output];
    if call.wanted.len() > 1 {
        outputs.extend(moments(call, axis, epsilon)?);
    }
    Ok(outputs)
}

/// The mean of the first input over the axes from one on, and the reciprocal of its deviation.
fn moments(call: &mut Call, axis: usize, epsilon: f32) -> Result<[Value; 2]> {
    let input = call.input(0)?.clone();
    let [mean, _, variance] = spread(call, &input, (axis as u32..input.shape().rank() as u32).collect())?;
    let deviation = root(call, &variance, epsilon)?;
    Ok([mean, function(call, Unary::Reciprocal, &deviation)?])
}

/// The mean of a value over axes, which are kept with extent 1, what is left without it, and the mean of the squares of that.
fn spread(call: &mut Call, value: &Value, axes: Axes) -> Result<[Value; 3]> {
    let element = value.element();
    let mean_of = |call: &mut Call, value: &Value| {
        let source = call.source_of(value)?;
        call.run_one(&Reduce { function: ReduceFunction::Mean, axes, keep: true }, &source, element)
    };
    let mean = mean_of(call, value)?;
    let beside = binary_of(call, Binary::Sub, [value, &mean], element, i64::wrapping_sub)?;
    let square = binary_of(call, Binary::Mul, [&beside, &beside], element, i64::wrapping_mul)?;
    let variance = mean_of(call, &square)?;
    Ok([mean, beside, variance])
}

/// The root of a value plus a number.
fn root(call: &mut Call, value: &Value, epsilon: f32) -> Result<Value> {
    let element = value.element();
    let least = HostTensor::repeated(element, [].into(), epsilon.into()).into();
    let sum = binary_of(call, Binary::Add, [value, &least], element, i64::wrapping_add)?;
    function(call, Unary::Sqrt, &sum)
}

/// Values divided by the root of their mean square over the axes from one on, times a scale.
fn rms_norm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let (input, element) = (call.input(0)?.clone(), call.input(0)?.element());
    let rank = input.shape().rank();
    let axis = from_front(call.attributes.int_or("axis", -1)?, rank)?;
    let epsilon = call.attributes.float_or("epsilon", 1e-5)?;
    call.attributes.int("stash_type")?; // f32 in any case
    let square = binary_of(call, Binary::Mul, [&input, &input], element, i64::wrapping_mul)?;
    let source = call.source_of(&square)?;
    let op = Reduce { function: ReduceFunction::Mean, axes: (axis as u32..rank as u32).collect(), keep: true };
    let mean = call.run_one(&op, &source, element)?;
    let root = root(call, &mean, epsilon)?;
    let normalised = binary_of(call, Binary::Div, [&input, &root], element, i64::wrapping_div)?;
    let scale = call.input(1)?.clone();
    broadcasts_to("scale", scale.shape(), input.shape())?;
    Ok(vec![binary_of(call, Binary::Mul, [&normalised, &scale], element, i64::wrapping_mul)?])
}

fn softmax(call: &mut Call, log: bool) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (input, element) = (call.source(0)?, call.input(0)?.element());
    let shape = input.shape();
    // Before opset 13, it is over all axes from one on.
    let old = call.opset < 13;
    let axis = from_front(call.attributes.int_or("axis", if old { 1 } else { -1 })?, shape.rank())?;
    if shape.elements() == 0 {
        return Ok(vec![call.input(0)?.clone()]);
    }
    if !old {
        return Ok(vec![call.run_one(&Softmax { axis: axis as u32, log }, &input, element)?]);
    }
    let product = |extents: &[u32]| extents.iter().map(|&extent| u64::from(extent)).product::<u64>();
    let (outer, inner) = shape.extents().split_at(axis);
    let [rows, columns] = [outer, inner].map(product).map(u32::try_from);
    let (Ok(rows), Ok(columns)) = (rows, columns) else { return Err(malformed("its input is too large")) };
    let output = call.run_one(&Softmax { axis: 1, log }, &input.reshaped([rows, columns]), element)?;
    Ok(vec![call.reshaped(&output, shape)?])
}

fn instance_norm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let shape = call.shape(0)?;
    let channels = shape.extents().get(1).copied().unwrap_or(1);
    normalised(call, channels)
}

fn group_norm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    call.attributes.int("stash_type")?; // f32 in any case
    let groups = call.attributes.int("num_groups")?.ok_or_else(|| malformed("it lacks the attribute num_groups"))?;
    let groups = u32::try_from(groups)
        .map_err(|_| Error::attribute("num_groups", format!("num_groups is {groups}; 1 at least is needed")))?;
    if call.opset < 21 {
        // A scale and a shift for each group, not for each channel.
        let channels = call.shape(0)?.extents().get(1).copied().unwrap_or(1);
        for index in [1, 2] {
            let of_groups = call.input(index)?.clone();
            let each = call.reshaped(&of_groups, [groups, 1].into())?;
            let expanded =
                super::movement::moved(call, &each, &StridedCopy::expand([groups, channels / groups.max(1)]))?;
            call.inputs[index] = Some(call.reshaped(&expanded, [channels].into())?);
        }
    }
    normalised(call, groups)
}

fn normalised(call: &mut Call, groups: u32) -> Result<Vec<Value>> {
    let element = call.input(0)?.element();
    let epsilon = call.attributes.float_or("epsilon", 1e-5)?;
    let inputs = GroupNormInputs { input: call.source(0)?, scale: call.source(1)?, shift: call.source(2)? };
    Ok(vec![call.run_one(&GroupNorm { groups, epsilon }, &inputs, element)?])
}
