//! Scaled dot-product attention, which exporters write as two products and a softmax between them.

use super::graph::{Graph, Outcome, buffer, either, host, lies, number, operands, part_of};
use super::strided::Strided;
use crate::geometry::{Attention, AttentionInputs, AttentionLayout, Binary, Matmul, Softmax, StridedCopy};
use crate::gpu::TensorSpec;
use crate::onnx::HostTensor;
use crate::onnx::step::{Source, Step};
use crate::shape::Shape;

/// The product of a softmax of scores with values.
pub(super) fn attention(graph: &mut Graph, step: &Step) -> Outcome {
    let Some(found) = Found::of(graph, step) else { return Outcome::None };
    match found.attention(graph, step) {
        Ok(steps) => Outcome::Steps(steps),
        Err(why) => Outcome::Refused(why.into()),
    }
}

/// The factors of a product with values.
struct Found {
    query: Source,
    /// (slices, elements, keys), or (slices, keys, elements).
    key: Source,
    key_transposed: bool,
    value: Source,
    scale: f64,
    /// Addends of the scores, and the shapes in which they are added.
    addends: Vec<(Source, Shape)>,
    /// Whether all between is used for the product alone.
    alone: bool,
    batch: u32,
    heads: u32,
    queries: u32,
    keys: u32,
    /// The elements of a query and of a value.
    elements: [u32; 2],
}

impl Found {
    fn of(graph: &Graph, step: &Step) -> Option<Self> {
        let plain = Matmul { transpose_a: false, transpose_b: false };
        let (weights, value) = (step.source("a")?, step.source("b")?);
        let softmax = graph.maker(weights)?;
        let &Softmax { axis, log: false } = softmax.op::<Softmax>()? else { return None };
        let scores = softmax.source("input")?;
        let shape = scores.shape();
        let (batch, heads, queries, keys) = match *shape.extents() {
            [batch, heads, queries, keys] if axis == 3 => (batch, heads, queries, keys),
            [slices, queries, keys] if axis == 2 => (1, slices, queries, keys),
            _ => return None,
        };
        let slices = batch * heads;
        let &[_, _, of_value] = value.shape().extents() else { return None };
        let fits = step.op::<Matmul>() == Some(&plain)
            && step.source("bias").is_none()
            && weights.shape() == [slices, queries, keys].into()
            && value.shape() == [slices, keys, of_value].into();
        if !fits {
            return None;
        }
        let mut alone = graph.only_here(weights);
        let (mut product, mut scale, mut addends) = (scores.clone(), 1.0, Vec::new());
        let product = loop {
            alone &= graph.only_here(&product);
            let maker = graph.maker(&product)?;
            if maker.op::<Matmul>().is_some() {
                break maker;
            }
            let next = if let Some((of, by)) = scaled(graph, maker) {
                scale *= by;
                of
            } else {
                let whole = graph.buffers[maker.writes[0]].shape;
                // What is added before scores are scaled would be scaled, too.
                let [of, addend] =
                    either(maker, Binary::Add).find(|[of, _]| of.shape() == whole && graph.maker(of).is_some())?;
                if scale != 1.0 {
                    return None;
                }
                // A bias of heads and a mask, added up before.
                let sum = graph.maker(addend).filter(|maker| graph.buffers[maker.writes[0]].shape == addend.shape());
                match sum.and_then(|sum| operands(sum, Binary::Add)) {
                    Some(both) if both.iter().all(|addend| host(addend).is_some()) => {
                        addends.extend(both.map(|addend| (addend.clone(), whole)));
                    }
                    _ => addends.push((addend.clone(), whole)),
                }
                of
            };
            product = next.clone();
        };
        let &Matmul { transpose_a: false, transpose_b: key_transposed } = product.op::<Matmul>()? else { return None };
        let whole = graph.buffers[product.writes[0]].shape;
        if whole != [slices, queries, keys].into() || product.source("bias").is_some() {
            return None;
        }
        let unscaled =
            |source: &Source, alone: &mut bool| match graph.maker(source).and_then(|maker| scaled(graph, maker)) {
                Some((of, by)) => {
                    *alone &= graph.only_here(source);
                    (of.reshaped(source.shape()), by)
                }
                None => (source.clone(), 1.0),
            };
        let (query, of_queries) = unscaled(product.source("a")?, &mut alone);
        let (key, of_keys) = unscaled(product.source("b")?, &mut alone);
        let &[of_slices, _, of_query] = query.shape().extents() else { return None };
        let same = of_slices == slices && key.shape().extents()[0] == slices;
        let scale = scale * of_queries * of_keys;
        let elements = [of_query, of_value];
        let value = value.clone();
        same.then_some(Self {
            query,
            key,
            key_transposed,
            value,
            scale,
            addends,
            alone,
            batch,
            heads,
            queries,
            keys,
            elements,
        })
    }

    fn attention(&self, graph: &mut Graph, step: &Step) -> Result<Vec<Step>, &'static str> {
        if !self.alone {
            return Err("a part of it is used elsewhere, too");
        }
        if self.elements.iter().any(|&elements| !elements.is_multiple_of(4) || elements > Attention::MOST_ELEMENTS) {
            return Err("heads have no multiple of 4 elements, or more than attention takes");
        }
        if self.keys > Attention::MOST_KEYS {
            return Err("there are more keys than every adapter takes");
        }
        if !(self.scale == 0.0 || (self.scale as f32).is_normal()) {
            return Err("its scale is beyond the range of floats");
        }
        let (mut addends, mut masks) = (Vec::new(), 0);
        for (addend, whole) in &self.addends {
            let known = host(addend).ok_or("what is added to its scores is computed")?;
            masks += u32::from(is_mask(known)?);
            addends.push(self.broadcast(addend, *whole).ok_or("what is added to its scores has other axes")?);
        }
        if masks > 1 {
            return Err("several masks are added to its scores");
        }
        if addends.len() > 2 {
            return Err("more than two tensors are added to its scores");
        }
        let mut addends = addends.into_iter();
        let (layout, [query, key, value]) = self.placed(graph).ok_or("its keys lie in another order")?;
        let op = Attention { scale: Some(self.scale as f32), layout };
        let inputs =
            AttentionInputs { query: query.ok_or("")?, key, value, bias: addends.next(), mask: addends.next() };
        let &Self { batch, heads, queries, elements: [_, of_value], .. } = self;
        graph.buffers[step.writes[0]].shape = [batch, heads, queries, of_value].into();
        if layout == AttentionLayout::HeadsFirst {
            return Ok(vec![step.another(&op, &inputs)]);
        }
        let dtype = graph.buffers[step.writes[0]].dtype;
        let spec = TensorSpec { shape: [batch, queries, heads, of_value].into(), dtype };
        let made = graph.new_buffer(spec);
        let attended = graph.whole(made);
        Ok(vec![
            step.another(&op, &inputs).writing(vec![made]),
            step.another(&StridedCopy::transpose(&[0, 2, 1, 3]), &attended),
        ])
    }

    /// An addend with the axes (batch, heads, queries, keys), some of which may be 1.
    fn broadcast(&self, addend: &Source, whole: Shape) -> Option<Source> {
        let (own, whole) = (addend.shape(), whole.extents());
        let lacks = whole.len().checked_sub(own.rank())?;
        let padded: Vec<_> = std::iter::repeat_n(1, lacks).chain(own.extents().iter().copied()).collect();
        let [ref outer @ .., queries, keys] = padded[..] else { return None };
        let product = |extents: &[u32]| extents.iter().product::<u32>();
        let scores =
            whole.ends_with(&[self.queries, self.keys]) && product(&whole[..outer.len()]) == self.batch * self.heads;
        if !scores {
            return None;
        }
        let [batch, heads] = match (product(outer), outer) {
            (1, _) => [1, 1],
            (all, _) if all == self.batch * self.heads => [self.batch, self.heads],
            (_, [outer @ .., heads]) => {
                let batch = product(outer);
                let fits = product(&whole[..outer.len()]) == self.batch && whole[outer.len()] == self.heads;
                (fits && (batch == 1 || batch == self.batch)).then_some([batch, *heads])?
            }
            _ => return None,
        };
        Some(addend.reshaped([batch, heads, queries, keys]))
    }

    /// Queries, keys and values where copies took them from, in the layout that they have there.
    fn placed(&self, graph: &Graph) -> Option<(AttentionLayout, [Option<Source>; 3])> {
        let &Self { batch, heads, queries, keys, elements: [of_query, of_value], .. } = self;
        let (query, key, value) = (graph.origin(&self.query), graph.origin(&self.key), graph.origin(&self.value));
        let along = |positions: u32, elements: u32, [of_batch, of_head, of_position]: [u32; 3], key: bool| {
            let mut axes = vec![
                (batch, i64::from(of_batch)),
                (heads, i64::from(of_head)),
                (positions, i64::from(of_position)),
                (elements, 1),
            ];
            if key && !self.key_transposed {
                axes.swap(2, 3);
            }
            axes
        };
        // A tensor with some distances from batch to batch, head to head and position to position.
        let view = |(source, lie): &(Source, Strided), positions, elements, apart: [u32; 3], key, shape: &[u32]| {
            let base = buffer(source)?;
            let there = lies(lie, lie.first, &along(positions, elements, apart, key));
            let spec = TensorSpec { shape: Shape::new(shape).ok()?, ..base.spec };
            there.then(|| part_of(graph, base, lie.first, spec))?
        };
        let hidden = heads * of_query;
        if let (Some(base), Some(of_key), Some(of_values)) = (buffer(&query.0), buffer(&key.0), buffer(&value.0))
            && base.buffer == of_key.buffer
            && base.buffer == of_values.buffer
            && queries == keys
            && of_query == of_value
            && key.1.first == query.1.first + i64::from(hidden)
            && value.1.first == query.1.first + 2 * i64::from(hidden)
        {
            let apart = [3 * keys * hidden, of_query, 3 * hidden];
            let shape = [batch, keys, 3, heads, of_query];
            let packed = view(&query, queries, of_query, apart, false, &shape);
            let others = lies(&key.1, key.1.first, &along(keys, of_query, apart, true))
                && lies(&value.1, value.1.first, &along(keys, of_query, apart, false));
            if let (Some(packed), true) = (packed, others) {
                return Some((AttentionLayout::Packed, [Some(packed), None, None]));
            }
        }
        let last = |of, positions, elements, key| {
            let apart = [positions * heads * elements, elements, heads * elements];
            view(of, positions, elements, apart, key, &[batch, positions, heads, elements])
        };
        let all = [
            last(&query, queries, of_query, false),
            last(&key, keys, of_query, true),
            last(&value, keys, of_value, false),
        ];
        if all.iter().all(Option::is_some) {
            return Some((AttentionLayout::HeadsLast, all));
        }
        // Queries and values as the products have them.
        let keys_first = [heads * keys * of_query, keys * of_query, of_query];
        let key = match self.key_transposed {
            true => Some(self.key.reshaped([batch, heads, keys, of_query])),
            false => view(&key, keys, of_query, keys_first, true, &[batch, heads, keys, of_query]),
        };
        let query = self.query.reshaped([batch, heads, queries, of_query]);
        let value = self.value.reshaped([batch, heads, keys, of_value]);
        Some((AttentionLayout::HeadsFirst, [Some(query), Some(key?), Some(value)]))
    }
}

/// Whether what is added to scores masks some of them, by minus infinity; or why an attention does not add it. A softmax of minus infinities alone is NaN,
/// where an attention gives 0.
fn is_mask(addend: &HostTensor) -> Result<bool, &'static str> {
    let few = addend.unexpanded();
    let row = few.shape().extents().last().map_or(1, |&keys| keys.max(1) as usize);
    let elements: Vec<_> = few.to_floats().into_iter().map(|element| element as f32).collect();
    if !elements.iter().all(|&element| element < f32::INFINITY) {
        return Err("what is added to its scores is NaN or infinite");
    }
    if elements.chunks(row).any(|keys| keys.iter().all(|key| key.is_infinite())) {
        return Err("what is added to its scores masks all keys of a query");
    }
    Ok(elements.iter().any(|element| element.is_infinite()))
}

/// The source that a step multiplies by a number, or divides, and the factor.
fn scaled<'a>(graph: &Graph, step: &'a Step) -> Option<(&'a Source, f64)> {
    let whole = graph.buffers[step.writes[0]].shape;
    let multiplied = either(step, Binary::Mul).find_map(|[of, by]| Some((of, number(by)?)));
    let divided = || operands(step, Binary::Div).and_then(|[of, by]| Some((of, number(by)?.recip())));
    multiplied.or_else(divided).filter(|(of, _)| of.shape() == whole)
}
