//! Scaled dot-product attention.

use super::Entry;
use super::elementwise::{binary_of, compared, function, select};
use super::movement::{joined, moved, transposed};
use super::product::{multiply, scaled};
use crate::error::{Error, Result};
use crate::geometry::{
    Attention, AttentionInputs, AttentionLayout, Binary, PadMode, Reduce, ReduceFunction, Softmax, StridedCopy, Unary,
};
use crate::onnx::planner::{Call, Value};
use crate::onnx::{ElementType, HostTensor, malformed};

pub(super) const OPERATORS: &[Entry] = &[("Attention", attention)];

/// A value (batch, heads, sequence, head size).
struct Heads {
    value: Value,
    /// As (batch, sequence, heads, head size), where it was given as (batch, sequence, heads · head size).
    last: Option<Value>,
}

fn heads(call: &mut Call, index: usize, many: Option<i64>) -> Result<Heads> {
    let value = call.input(index)?.clone();
    let shape = value.shape();
    match *shape.extents() {
        [_, _, _, _] => Ok(Heads { value, last: None }),
        [batch, sequence, hidden] => {
            let many =
                many.and_then(|many| u32::try_from(many).ok()).filter(|many| *many > 0 && hidden.is_multiple_of(*many));
            let many = many
                .ok_or_else(|| malformed(format!("input {index} ({shape}) needs heads that divide its last axis")))?;
            let apart = call.reshaped(&value, [batch, sequence, many, hidden / many].into())?;
            Ok(Heads { value: transposed(call, &apart, &[0, 2, 1, 3])?, last: Some(apart) })
        }
        _ => {
            Err(Error::shape("input", format!("input {index} ({shape}) has {} axes; 3 or 4 are needed", shape.rank())))
        }
    }
}

/// Heads of keys or values repeated for each of several heads of queries.
fn repeated(call: &mut Call, value: Value, times: u32) -> Result<Value> {
    let [batch, heads, sequence, size] = *value.shape().extents() else { return Ok(value) };
    if times == 1 {
        return Ok(value);
    }
    let apart = call.reshaped(&value, [batch, heads, 1, sequence, size].into())?;
    let each = moved(call, &apart, &StridedCopy::expand([batch, heads, times, sequence, size]))?;
    call.reshaped(&each, [batch, heads * times, sequence, size].into())
}

/// The addends that keep queries from keys, by rows of the keys that a query at an index may attend to.
struct Bias {
    queries: u32,
    keys: u32,
}

impl Bias {
    /// 0 where a key may be attended to, and minus infinity elsewhere, for each of some batches.
    fn of(
        &self,
        call: &mut Call,
        batches: &[i64],
        element: ElementType,
        may: impl Fn(i64, i64, i64) -> bool,
    ) -> Result<Value> {
        let (batch, queries, keys) = (batches.len() as u32, i64::from(self.queries), i64::from(self.keys));
        call.fold(u64::from(batch) * u64::from(self.queries) * u64::from(self.keys))?;
        let mut elements = Vec::new();
        for &offset in batches {
            for query in 0..queries {
                elements.extend((0..keys).map(|key| if may(offset, query, key) { 0.0 } else { f64::NEG_INFINITY }));
            }
        }
        Ok(HostTensor::of_floats(element, [batch, 1, self.queries, self.keys].into(), elements).into())
    }
}

fn added(call: &mut Call, a: Value, b: &Value) -> Result<Value> {
    let element = a.element();
    binary_of(call, Binary::Add, [&a, b], element, i64::wrapping_add)
}

fn attention(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 7)?;
    let element = call.input(0)?.element();
    let attributes = &mut call.attributes;
    let (of_queries, of_keys) = (attributes.int("q_num_heads")?, attributes.int("kv_num_heads")?);
    let causal = attributes.flag("is_causal", false)?;
    let (scale, softcap) = (attributes.float("scale")?, attributes.float_or("softcap", 0.0)?);
    let mode = attributes.int_or("qk_matmul_output_mode", 0)?;
    if !(0..=3).contains(&mode) {
        let message = format!("qk_matmul_output_mode is {mode}; 0 to 3 are known");
        return Err(Error::attribute("qk_matmul_output_mode", message));
    }
    attributes.int("softmax_precision")?; // f32 in any case
    let (left, right) = (attributes.int_or("left_window_size", -1)?, attributes.int_or("right_window_size", -1)?);

    let Heads { value: query, last: query_last } = heads(call, 0, of_queries)?;
    let Heads { value: mut key, last: key_last } = heads(call, 1, of_keys)?;
    let Heads { mut value, last: value_last } = heads(call, 2, of_keys)?;
    let flat = query_last.is_some();
    let mut past = None;
    match (call.optional(4).cloned(), call.optional(5).cloned()) {
        (Some(past_key), Some(past_value)) => {
            past = past_key.shape().extents().get(2).copied();
            key = joined(call, &[past_key, key], 2)?;
            value = joined(call, &[past_value, value], 2)?;
        }
        (None, None) => {}
        _ => return Err(malformed("it has one of past_key and past_value; both are needed, or none")),
    }
    let present = [key.clone(), value.clone()];
    let (&[batch, query_heads, queries, _], &[_, key_heads, keys, _]) =
        (query.shape().extents(), key.shape().extents())
    else {
        return Err(malformed("queries and keys need 4 axes"));
    };
    if key_heads == 0 || !query_heads.is_multiple_of(key_heads) {
        let message =
            format!("there are {query_heads} heads of queries, and {key_heads} of keys, which must divide them");
        return Err(Error::shape("input", message));
    }

    let lengths = call.optional_ints(6, "nonpad_kv_seqlen")?;
    let offsets: Vec<_> = match (&lengths, past) {
        (Some(lengths), None) => lengths.iter().map(|length| length - i64::from(queries)).collect(),
        (_, past) => vec![past.unwrap_or(0).into()],
    };
    let bias = Bias { queries, keys };
    let mut addends = Vec::new();
    if let Some(mask) = call.optional(3).cloned() {
        addends.push(mask_of(call, &mask, keys, element)?);
    }
    if causal {
        addends.push(bias.of(call, &offsets, element, |offset, query, key| key <= query + offset)?);
    }
    if left >= 0 || right >= 0 {
        let within = |offset: i64, query: i64, key: i64| {
            let behind = query + offset - key;
            (left < 0 || behind <= left) && (right < 0 || -behind <= right)
        };
        addends.push(bias.of(call, &offsets, element, within)?);
    }
    if let Some(lengths) = &lengths {
        addends.push(bias.of(call, lengths, element, |length, _, key| key < length)?);
    }
    let mask = addends.into_iter().map(Ok).reduce(|a, b| added(call, a?, &b?)).transpose()?;

    let shown = call.wanted.get(3).copied().unwrap_or(false);
    let last = match (query_last, key_last, value_last) {
        (Some(query), Some(key), Some(value)) if past.is_none() && key_heads == query_heads => {
            Some([query, key, value])
        }
        _ => None,
    };
    let tiled = softcap == 0.0
        && !shown
        && keys <= Attention::MOST_KEYS
        && [&query, &value].iter().all(|value| has_tile(value));
    let (output, scores) = if let (true, Some(last)) = (tiled, last) {
        let output = by_tiles(call, last, mask.as_ref(), scale, AttentionLayout::HeadsLast)?;
        let hidden = query_heads * output.shape().extents()[3];
        (call.reshaped(&output, [batch, queries, hidden].into())?, Value::Unknown)
    } else {
        let times = query_heads / key_heads;
        let heads = [query, repeated(call, key, times)?, repeated(call, value, times)?];
        let (output, scores) = if tiled {
            (by_tiles(call, heads, mask.as_ref(), scale, AttentionLayout::HeadsFirst)?, Value::Unknown)
        } else {
            by_products(call, heads, mask.as_ref(), scale, softcap, mode)?
        };
        if !flat {
            (output, scores)
        } else {
            let hidden = query_heads * output.shape().extents()[3];
            let moved = transposed(call, &output, &[0, 2, 1, 3])?;
            (call.reshaped(&moved, [batch, queries, hidden].into())?, scores)
        }
    };
    let [present_key, present_value] = present;
    Ok(vec![output, present_key, present_value, scores])
}

/// Whether an attention in tiles takes vectors as long as those of a value.
fn has_tile(value: &Value) -> bool {
    value.shape().extents().last().is_some_and(|&size| size.is_multiple_of(4) && size <= Attention::MOST_ELEMENTS)
}

/// The attention without scores in memory, of queries, keys and values of the same heads.
fn by_tiles(
    call: &mut Call,
    heads: [Value; 3],
    mask: Option<&Value>,
    scale: Option<f32>,
    layout: AttentionLayout,
) -> Result<Value> {
    let element = heads[0].element();
    let [query, key, value] = heads.each_ref().map(|value| call.source_of(value));
    let mask = mask.map(|mask| call.source_of(mask)).transpose()?;
    let inputs = AttentionInputs { query: query?, key: Some(key?), value: Some(value?), bias: None, mask };
    call.run_one(&Attention { scale, layout }, &inputs, element)
}

/// The attention as products, and the matrix that `mode` names: the scores, these curved, with the mask, or the weights.
fn by_products(
    call: &mut Call,
    [query, key, value]: [Value; 3],
    mask: Option<&Value>,
    scale: Option<f32>,
    softcap: f32,
    mode: i64,
) -> Result<(Value, Value)> {
    let element = query.element();
    let size = query.shape().extents().last().copied().unwrap_or(1);
    // The product's operands are scaled, each by the root.
    let root = scale.map_or(f64::from(size).sqrt().recip(), f64::from).sqrt() as f32;
    let (query, key) = (scaled(call, query, root)?, scaled(call, key, root)?);
    let operands = [call.source_of(&query)?, call.source_of(&key)?];
    let mut scores = multiply(call, operands, [false, true], element)?;
    let mut shown = scores.clone();
    if softcap > 0.0 {
        let less = scaled(call, scores, softcap.recip())?;
        let curved = function(call, Unary::Tanh, &less)?;
        scores = scaled(call, curved, softcap)?;
        if mode == 1 {
            shown = scores.clone();
        }
    }
    if let Some(mask) = mask {
        scores = added(call, scores, mask)?;
    }
    if mode == 2 {
        shown = scores.clone();
    }
    let source = call.source_of(&scores)?;
    let mut weights = call.run_one(&Softmax { axis: 3, log: false }, &source, element)?;
    if let Some(mask) = mask {
        // A query that may attend to no key gives 0.
        let zero = HostTensor::repeated(element, [].into(), 0.0).into();
        if let Some(nothing) = nothing_left(call, mask)? {
            weights = select(call, &nothing, &zero, &weights)?;
        }
    }
    if mode == 3 {
        shown = weights.clone();
    }
    let operands = [call.source_of(&weights)?, call.source_of(&value)?];
    Ok((multiply(call, operands, [false, false], element)?, shown))
}

/// A mask as addends: of booleans, minus infinity where one is false. Keys beyond its end may not be attended to.
fn mask_of(call: &mut Call, mask: &Value, keys: u32, element: ElementType) -> Result<Value> {
    let rank = mask.shape().rank();
    let lacks = mask.shape().extents().last().map_or(0, |&has| keys.saturating_sub(has));
    let infinite = HostTensor::repeated(element, [].into(), f64::NEG_INFINITY).into();
    let addends = match mask.element() {
        ElementType::Bool => {
            let zero = HostTensor::repeated(element, [].into(), 0.0).into();
            select(call, mask, &zero, &infinite)?
        }
        _ => mask.clone(),
    };
    if lacks == 0 || rank == 0 {
        return Ok(addends);
    }
    let (before, mut after) = (vec![0; rank], vec![0; rank]);
    after[rank - 1] = i32::try_from(lacks).unwrap_or(i32::MAX);
    moved(call, &addends, &StridedCopy::pad(&before, &after, PadMode::value(f32::NEG_INFINITY)))
}

/// Whether all of a row of addends are minus infinity, for each row; `None` where none of them is known to be so.
fn nothing_left(call: &mut Call, bias: &Value) -> Result<Option<Value>> {
    // One addend is a row.
    let bias = &if bias.shape().rank() == 0 { call.reshaped(bias, [1].into())? } else { bias.clone() };
    let rank = bias.shape().rank();
    if let Value::Host(host) = bias {
        let columns = host.shape().extents()[rank - 1].max(1) as usize;
        let elements = host.to_floats();
        let rows: Vec<_> =
            elements.chunks(columns).map(|row| i64::from(row.iter().all(|x| *x == f64::NEG_INFINITY))).collect();
        if rows.iter().all(|row| *row == 0) {
            return Ok(None);
        }
        let shape = host.shape().with_extent(rank - 1, 1);
        return Ok(Some(HostTensor::of_integers(ElementType::Bool, shape, rows).into()));
    }
    let source = call.source_of(bias)?;
    let op = Reduce { function: ReduceFunction::Max, axes: [rank as u32 - 1].into(), keep: true };
    let largest = call.run_one(&op, &source, bias.element())?;
    let infinite = HostTensor::repeated(bias.element(), [].into(), f64::NEG_INFINITY).into();
    let nothing = compared(call, Binary::Equal, [&largest, &infinite])?;
    Ok(Some(nothing))
}
