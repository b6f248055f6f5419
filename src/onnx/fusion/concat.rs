//! Concatenations whose parts are written where they lie in them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::graph::buffer;
use super::{Fusion, Rule};
use crate::geometry::{Concat, ConcatGeometry};
use crate::gpu::TensorSpec;
use crate::onnx::memory::{Uses, Within, layout};
use crate::onnx::plan::bytes;
use crate::onnx::step::{Source, Step};

/// The multiple of bytes at which a part must begin to be written there: bindings can begin at it on every device.
const ALIGNMENT: u64 = 256;

/// Steps of which some write parts of others' outputs.
pub(in crate::onnx) struct InPlace {
    pub(in crate::onnx) steps: Vec<Step>,
    pub(in crate::onnx) buffers: Vec<TensorSpec>,
    pub(in crate::onnx) within: Within,
}

/// Lets the makers of the parts of concatenations along the outermost axis write them where they lie in these, if that takes no more memory.
/// Other parts of such a concatenation are copied there. `given` are the buffers of the model's outputs.
pub(in crate::onnx) fn in_place(
    steps: Vec<Step>,
    buffers: Vec<TensorSpec>,
    given: &HashSet<usize>,
    fusions: &mut Vec<Fusion>,
) -> InPlace {
    let mut places = Places::new(&steps, buffers, given);
    let mut left = Vec::with_capacity(steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        let Some((op, mut parts)) = parts(&step) else {
            left.push(step);
            continue;
        };
        let (whole, all) = (step.writes[0], parts.len());
        // The latest first: it is in its place for the shortest time.
        parts.sort_by_key(|(part, _)| Reverse(places.maker(part)));
        let mut why = None;
        parts.retain(|(part, first)| match places.place(index, part, whole, *first) {
            Ok(()) => false,
            Err(refusal) => {
                why = Some(refusal);
                true
            }
        });
        let refusal = why.filter(|_| parts.len() == all).map(Into::into);
        fusions.push(Fusion { rule: Rule::Concat, place: step.place.clone(), refusal });
        if parts.len() == all {
            left.push(step);
            continue;
        }
        for (part, first) in parts {
            let copy = places.buffers.len();
            places.buffers.push(part.spec());
            places.within.insert(copy, whole, first);
            left.push(step.another(&op, &vec![part]).writing(vec![copy]));
        }
    }
    InPlace { steps: left, buffers: places.buffers, within: places.within }
}

/// The parts of a concatenation, and the element of it at which each begins, where each lies in whole words behind the last.
fn parts(step: &Step) -> Option<(Concat, Vec<(Source, u64)>)> {
    let op = step.op::<Concat>()?;
    let sources: Vec<_> = step.sources.iter().filter_map(|(_, source)| source.clone()).collect();
    let shapes: Vec<_> = sources.iter().map(Source::shape).collect();
    let one = ConcatGeometry::new(op, &shapes).ok()?.sections.rows() == 1;
    let mut end = 0;
    let parts = sources.into_iter().map(|source| {
        let first = end;
        end += source.shape().elements();
        (first * source.spec().dtype.size()).is_multiple_of(4).then_some((source, first))
    });
    let parts = parts.collect::<Option<_>>()?;
    one.then_some((*op, parts))
}

/// Where the buffers lie that steps write, while parts are placed.
struct Places<'a> {
    buffers: Vec<TensorSpec>,
    bytes: Vec<u64>,
    given: &'a HashSet<usize>,
    /// The step that writes each buffer.
    makers: HashMap<usize, usize>,
    /// The uses of each step; a concatenation does not read parts that are in their place.
    uses: Vec<Uses>,
    within: Within,
    /// The bytes that all of them take.
    memory: u64,
}

impl<'a> Places<'a> {
    fn new(steps: &[Step], buffers: Vec<TensorSpec>, given: &'a HashSet<usize>) -> Self {
        let uses: Vec<_> = steps.iter().map(Step::uses).collect();
        let makers = uses.iter().enumerate().flat_map(|(step, of)| of.writes.iter().map(move |&buffer| (buffer, step)));
        let (makers, bytes) = (makers.collect(), buffers.iter().map(|spec| bytes(*spec)).collect());
        let mut places = Self { buffers, bytes, given, makers, uses, within: Within::default(), memory: 0 };
        places.memory = places.measured().unwrap_or(0);
        places
    }

    /// The step that makes a source.
    fn maker(&self, source: &Source) -> Option<usize> {
        self.makers.get(&buffer(source)?.buffer).copied()
    }

    /// The bytes that all buffers take; refused where a step reads of one that it writes, since wgpu binds none to both.
    fn measured(&self) -> Result<u64, &'static str> {
        let uses: Vec<_> = self.uses.iter().map(|uses| self.within.uses(uses)).collect();
        if uses.iter().any(|step| step.reads.iter().any(|read| step.writes.contains(read))) {
            return Err("a step reads one part and makes another");
        }
        Ok(layout(&uses, &self.bytes, |buffer| self.given.contains(&buffer)).sizes.iter().sum())
    }

    /// Places a part in the output of a concatenation, or says why not.
    fn place(&mut self, concat: usize, part: &Source, whole: usize, first: u64) -> Result<(), &'static str> {
        let value = buffer(part).filter(|value| self.makers.contains_key(&value.buffer));
        let value = value.ok_or("its parts are known before")?;
        let (part, dtype) = (value.buffer, value.spec.dtype);
        let read = |read: &usize| *read == part;
        if value.spec.shape.elements() != self.buffers[part].shape.elements()
            || self.within.has(part)
            || self.uses[concat].reads.iter().filter(|buffer| read(buffer)).count() > 1
        {
            return Err("its parts lie in other values");
        }
        if self.given.contains(&part) {
            return Err("its parts are outputs of the model");
        }
        if dtype != self.buffers[whole].dtype || !(first * dtype.size()).is_multiple_of(ALIGNMENT) {
            return Err("its parts begin at no multiple of 256 bytes");
        }
        let reads = self.uses[concat].reads.clone();
        self.within.insert(part, whole, first);
        self.uses[concat].reads.retain(|buffer| !read(buffer));
        let memory = self.measured().and_then(|memory| match memory <= self.memory {
            true => Ok(memory),
            false => Err("more memory would be needed"),
        });
        match memory {
            Ok(memory) => self.memory = memory,
            Err(_) => {
                self.within.remove(part);
                self.uses[concat].reads = reads;
            }
        }
        memory.map(|_| ())
    }
}
