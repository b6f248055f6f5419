//! Concatenations whose parts are written where they lie in them.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::graph::buffer;
use super::{Fused, Fusion, Rule};
use crate::geometry::{Concat, ConcatGeometry};
use crate::gpu::TensorSpec;
use crate::onnx::memory::{Uses, Within, bytes, layout};
use crate::onnx::step::{Source, Step};

/// The multiple of bytes at which a part must begin to be written there: bindings can begin at it on every device.
const ALIGNMENT: u64 = 256;

/// Lets steps write parts of concatenations where these lie in them, if that takes no more memory. Other parts of such a concatenation are copied
/// there. Of concern are those whose parts lie one behind another in memory: no axis before theirs has an extent above 1.
pub(super) fn in_place(all: Fused) -> Fused {
    let Fused { steps, buffers, outputs, mut fusions, .. } = all;
    let given = outputs.iter().map(|output| output.buffer).collect();
    let mut places = Places::new(&steps, buffers, given);
    let mut left = Vec::with_capacity(steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        let Some((op, parts)) = parts(&step) else {
            left.push(step);
            continue;
        };
        let whole = step.writes[0];
        let copied = places.placed_but(index, parts, whole);
        let refusal = copied.as_ref().err().map(|why| String::from(*why));
        fusions.push(Fusion { rule: Rule::Concat, place: step.place.clone(), refusal });
        match copied {
            Ok(copied) => left.extend(copied.into_iter().map(|(part, first)| {
                let copy = places.new_part(part.spec(), whole, first);
                step.another(&op, &vec![part]).writing(vec![copy])
            })),
            Err(_) => left.push(step),
        }
    }
    Fused { steps: left, within: places.within(), buffers: places.buffers, outputs, fusions }
}

/// The parts of a concatenation that lie one behind another, and the element of it at which each begins.
fn parts(step: &Step) -> Option<(Concat, Vec<(Source, u64)>)> {
    let op = step.op::<Concat>()?;
    let sources: Vec<_> = step.sources.iter().filter_map(|(_, source)| source.clone()).collect();
    let shapes: Vec<_> = sources.iter().map(Source::shape).collect();
    if ConcatGeometry::new(op, &shapes).ok()?.sections.rows() != 1 {
        return None;
    }
    let mut end = 0;
    let parts = sources.into_iter().map(|source| {
        let first = end;
        end += source.shape().elements();
        (source, first)
    });
    Some((*op, parts.collect()))
}

/// Where the buffers lie that steps write, while parts are placed.
struct Places {
    buffers: Vec<TensorSpec>,
    bytes: Vec<u64>,
    /// The buffers of the model's outputs.
    given: HashSet<usize>,
    /// The step that writes each buffer.
    makers: Vec<Option<usize>>,
    /// The uses of each step, by the outermost buffers; a concatenation does not read parts that are in their place.
    uses: Vec<Uses>,
    /// The steps that use each outermost buffer.
    users: Vec<Vec<usize>>,
    /// Parts, the buffer in which each lies, and the element of that at which it begins: those of a concatenation before itself.
    placed: Vec<(usize, usize, u64)>,
    is_placed: HashSet<usize>,
    /// The bytes that all buffers take.
    memory: u64,
}

impl Places {
    fn new(steps: &[Step], buffers: Vec<TensorSpec>, given: HashSet<usize>) -> Self {
        let uses: Vec<_> = steps.iter().map(Step::uses).collect();
        let (mut makers, mut users) = (vec![None; buffers.len()], vec![Vec::new(); buffers.len()]);
        for (step, of) in uses.iter().enumerate() {
            of.writes.iter().for_each(|&buffer| makers[buffer] = Some(step));
            of.all().for_each(|buffer| users[buffer].push(step));
        }
        let bytes = buffers.iter().map(|spec| bytes(*spec)).collect();
        let (placed, is_placed) = (Vec::new(), HashSet::new());
        let mut places = Self { buffers, bytes, given, makers, uses, users, placed, is_placed, memory: 0 };
        places.memory = places.measured();
        places
    }

    /// The step that makes a source.
    fn maker(&self, source: &Source) -> Option<usize> {
        self.makers[buffer(source)?.buffer]
    }

    fn measured(&self) -> u64 {
        layout(&self.uses, &self.bytes, |buffer| self.given.contains(&buffer)).sizes.iter().sum()
    }

    /// A buffer of its own for a part that is copied.
    fn new_part(&mut self, spec: TensorSpec, whole: usize, first: u64) -> usize {
        self.buffers.push(spec);
        self.placed.push((self.buffers.len() - 1, whole, first));
        self.buffers.len() - 1
    }

    /// Places parts of a concatenation in its output; those that are left, or why all are.
    fn placed_but(
        &mut self,
        concat: usize,
        mut parts: Vec<(Source, u64)>,
        whole: usize,
    ) -> Result<Vec<(Source, u64)>, &'static str> {
        if !parts.iter().all(|(part, first)| (first * part.spec().dtype.size()).is_multiple_of(4)) {
            return Err("its parts begin within a word");
        }
        // The latest first: it is in its place for the shortest time.
        parts.sort_by_key(|(part, _)| Reverse(self.maker(part)));
        let (mut left, mut placed, mut why) = (Vec::new(), false, "it has no parts");
        for (part, first) in parts {
            match self.place(concat, &part, whole, first) {
                Ok(()) => placed = true,
                Err(refusal) => {
                    why = refusal;
                    left.push((part, first));
                }
            }
        }
        if placed { Ok(left) } else { Err(why) }
    }

    /// Places a part in the output of a concatenation, or says why not.
    fn place(&mut self, concat: usize, part: &Source, whole: usize, first: u64) -> Result<(), &'static str> {
        let value =
            buffer(part).filter(|value| self.makers[value.buffer].is_some()).ok_or("no step makes its parts")?;
        let part = value.buffer;
        let all_of_it = value.spec.shape.elements() == self.buffers[part].shape.elements();
        let reads = self.uses[concat].reads.iter().filter(|read| **read == part).count();
        if !all_of_it || reads > 1 || self.is_placed.contains(&part) {
            return Err("a part is a section of a larger value, or is joined more than once");
        }
        if self.given.contains(&part) {
            return Err("its parts are outputs of the model");
        }
        if !(first * value.spec.dtype.size()).is_multiple_of(ALIGNMENT) {
            return Err("its parts begin at no multiple of 256 bytes");
        }
        let users = self.users[part].clone();
        let before: Vec<_> = users.iter().map(|&step| self.uses[step].clone()).collect();
        self.uses[concat].reads.retain(|read| *read != part);
        for &step in &users {
            self.uses[step].all_mut().filter(|buffer| **buffer == part).for_each(|buffer| *buffer = whole);
        }
        let conflict = users.iter().map(|&step| &self.uses[step]).any(|step| {
            // wgpu binds no buffer to be read and written at once.
            step.reads.contains(&whole) && step.writes.contains(&whole)
        });
        let placed = if conflict {
            Err("a step reads one part and makes another")
        } else {
            let memory = self.measured();
            if memory <= self.memory { Ok(memory) } else { Err("more memory would be needed") }
        };
        match placed {
            Ok(memory) => {
                self.memory = memory;
                self.users[whole].extend(users);
                self.placed.push((part, whole, first));
                self.is_placed.insert(part);
            }
            Err(_) => users.into_iter().zip(before).for_each(|(step, uses)| self.uses[step] = uses),
        }
        placed.map(drop)
    }

    /// Each part within the outermost buffer around it.
    fn within(&self) -> Within {
        let mut within = Within::new();
        for &(part, whole, first) in self.placed.iter().rev() {
            let (around, at) = within.get(&whole).copied().unwrap_or((whole, 0));
            within.insert(part, (around, at + first));
        }
        within
    }
}
