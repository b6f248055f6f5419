//! The steps of a model while rules go over them.

use std::collections::HashMap;

use super::strided::{Run, Strided};
use super::{Fused, Fusion, Rule};
use crate::dtype::DType;
use crate::geometry::{Binary, Split, SplitGeometry, StridedCopy, StridedCopyGeometry};
use crate::gpu::{Gpu, TensorSpec};
use crate::onnx::planner::DeviceValue;
use crate::onnx::step::{Source, Step};
use crate::onnx::{ElementType, HostTensor};
use crate::shape::Shape;

/// Looks at a step.
pub(super) type Apply = fn(&mut Graph, &Step) -> Outcome;

/// Result of a rule at a step.
pub(super) enum Outcome {
    /// Not its matter.
    None,
    /// Steps that it looks for, but for something.
    Refused(String),
    /// Other steps, whose last one writes the same buffers.
    Steps(Vec<Step>),
    /// A view of what there is.
    View(DeviceValue),
}

/// Outcome of what was looked for in vain.
impl From<Option<Outcome>> for Outcome {
    fn from(outcome: Option<Outcome>) -> Self {
        outcome.unwrap_or(Self::None)
    }
}

pub(super) struct Graph {
    /// The device that the steps will be bound to.
    pub(super) gpu: Gpu,
    /// Steps that rules went over.
    steps: Vec<Step>,
    pub(super) buffers: Vec<TensorSpec>,
    /// The step that writes each buffer.
    makers: Vec<Option<usize>>,
    /// How often each buffer is read, or given out.
    uses: Vec<usize>,
    /// Buffers that are views of others.
    views: HashMap<usize, DeviceValue>,
}

/// Goes over steps, all of which are needed, with some rules. Steps that then are not are left out.
pub(super) fn pass(gpu: &Gpu, all: Fused, rules: &[Rule]) -> Fused {
    let Fused { steps, buffers, outputs, within, mut fusions } = all;
    let mut uses = vec![0; buffers.len()];
    let read = steps.iter().flat_map(|step| step.uses().reads);
    read.chain(outputs.iter().map(|output| output.buffer)).for_each(|buffer| uses[buffer] += 1);
    let makers = vec![None; buffers.len()];
    let views = HashMap::new();
    let mut graph = Graph { gpu: gpu.clone(), steps: Vec::new(), buffers, makers, uses, views };
    for mut step in steps {
        for (_, source) in &mut step.sources {
            if let Some(Source::Buffer(value)) = source {
                *value = graph.seen(*value);
            }
        }
        graph.go_over(step, rules, &mut fusions);
    }
    let outputs: Vec<_> = outputs.into_iter().map(|output| graph.seen(output)).collect();
    let steps = needed(graph.steps, graph.buffers.len(), &outputs);
    Fused { steps, buffers: graph.buffers, outputs, within, fusions }
}

/// The steps whose results are given out or needed by others.
pub(super) fn needed(mut steps: Vec<Step>, buffers: usize, outputs: &[DeviceValue]) -> Vec<Step> {
    let mut needed = vec![false; buffers];
    outputs.iter().for_each(|output| needed[output.buffer] = true);
    let mut kept = Vec::new();
    while let Some(step) = steps.pop() {
        if step.writes.iter().any(|buffer| needed[*buffer]) {
            step.uses().reads.iter().for_each(|buffer| needed[*buffer] = true);
            kept.push(step);
        }
    }
    kept.reverse();
    kept
}

impl Graph {
    fn go_over(&mut self, step: Step, rules: &[Rule], fusions: &mut Vec<Fusion>) {
        for &rule in rules {
            let refusal = match rule.apply()(self, &step) {
                Outcome::None => continue,
                Outcome::Refused(why) => Some(why),
                Outcome::Steps(steps) => {
                    let reads = steps.iter().flat_map(|step| step.uses().reads);
                    reads.for_each(|buffer| self.uses[buffer] += 1);
                    self.left_out(&step);
                    fusions.push(Fusion { rule, place: step.place.clone(), refusal: None });
                    for step in steps {
                        // What it makes may be what another rule looks for.
                        self.go_over(step, rules, fusions);
                    }
                    return;
                }
                Outcome::View(value) => {
                    let made = step.writes[0];
                    self.uses[value.buffer] += self.uses[made];
                    self.left_out(&step);
                    self.views.insert(made, value);
                    fusions.push(Fusion { rule, place: step.place.clone(), refusal: None });
                    return;
                }
            };
            fusions.push(Fusion { rule, place: step.place.clone(), refusal });
        }
        step.writes.iter().for_each(|&buffer| self.makers[buffer] = Some(self.steps.len()));
        self.steps.push(step);
    }

    /// Takes back what a step reads, and what is read for it alone.
    fn left_out(&mut self, step: &Step) {
        for buffer in step.uses().reads {
            self.uses[buffer] -= 1;
            if let Some(maker) = self.makers[buffer]
                && self.steps[maker].writes.iter().all(|&written| self.uses[written] == 0)
            {
                let maker = self.steps[maker].clone();
                self.left_out(&maker);
            }
        }
    }

    /// A value as a view of a buffer that is not one itself.
    fn seen(&self, value: DeviceValue) -> DeviceValue {
        match self.views.get(&value.buffer) {
            Some(of) => DeviceValue { buffer: of.buffer, first: of.first + value.first, ..value },
            None => value,
        }
    }

    /// A buffer of its own.
    pub(super) fn new_buffer(&mut self, spec: TensorSpec) -> usize {
        self.buffers.push(spec);
        self.makers.push(None);
        self.uses.push(0);
        self.buffers.len() - 1
    }

    /// All of a buffer.
    pub(super) fn whole(&self, buffer: usize) -> Source {
        let spec = self.buffers[buffer];
        Source::Buffer(DeviceValue { buffer, first: 0, spec, element: spec.dtype.into() })
    }

    /// How often a buffer is read, or given out.
    pub(super) fn uses(&self, buffer: usize) -> usize {
        self.uses[buffer]
    }

    /// The step that makes a buffer.
    pub(super) fn maker_of(&self, buffer: usize) -> Option<&Step> {
        self.makers[buffer].map(|step| &self.steps[step])
    }

    /// The step whose only output a source is, under whatever extents.
    pub(super) fn maker(&self, source: &Source) -> Option<&Step> {
        let value = buffer(source)?;
        let whole = value.spec.shape.elements() == self.buffers[value.buffer].shape.elements();
        let step = self.maker_of(value.buffer)?;
        (whole && step.writes.len() == 1).then_some(step)
    }

    /// The step whose only output, with its own extents, a source is.
    pub(super) fn maker_of_whole(&self, source: &Source) -> Option<&Step> {
        self.maker(source).filter(|maker| self.buffers[maker.writes[0]].shape == source.shape())
    }

    /// Whether a source is read here alone.
    pub(super) fn only_here(&self, source: &Source) -> bool {
        buffer(source).is_some_and(|value| self.uses[value.buffer] == 1)
    }

    /// The step whose only output a source is, if it is read here alone.
    pub(super) fn own_maker(&self, source: &Source) -> Option<&Step> {
        self.maker(source).filter(|_| self.only_here(source))
    }

    /// Where the elements of a source lie in the tensor that copies took them from, through as many copies as are regular.
    pub(super) fn origin(&self, source: &Source) -> (Source, Strided) {
        let first = buffer(source).map_or(0, |value| value.first);
        self.further(source.clone(), Strided::dense(first, source.shape().extents()))
    }

    /// Where the elements that a regular copy makes lie in the tensor that it and copies before it took them from.
    pub(super) fn origin_of_copy(&self, copy: &Step, made: usize) -> Option<(Source, Strided)> {
        let (source, lie) = moved(copy, made)?;
        Some(self.further(source, lie))
    }

    /// Where elements that lie so in the buffer of a source lie in the tensor that copies took them from.
    fn further(&self, mut source: Source, mut lie: Strided) -> (Source, Strided) {
        while let Source::Buffer(value) = &source
            && let Some((from, moved)) = self.maker_of(value.buffer).and_then(|copy| moved(copy, value.buffer))
            && let Some(within) = lie.within(&moved)
        {
            (source, lie) = (from, within);
        }
        (source, lie)
    }
}

/// Where a copy takes its elements from; `None` where it leaves its input.
pub(super) fn regular(geometry: &StridedCopyGeometry) -> Option<Strided> {
    let runs = geometry.runs()?;
    let axes = runs.map(|(extent, stride)| vec![Run { extent, stride }]).collect();
    Some(Strided { first: geometry.first as i64, axes })
}

/// The source that a buffer is a regular copy of, and where its elements lie in the buffer of that.
fn moved(copy: &Step, made: usize) -> Option<(Source, Strided)> {
    let source = copy.source("input")?;
    let mut lie = if let Some(op) = copy.op::<StridedCopy>() {
        regular(&StridedCopyGeometry::new(op, source.shape()).ok()?)?
    } else if let Some(op) = copy.op::<Split>() {
        let geometry = SplitGeometry::new(op, source.shape()).ok()?;
        let output = copy.writes.iter().position(|written| *written == made)?;
        let axis = op.axis as usize;
        let mut lie = Strided::dense(0, geometry.input_shapes().extents());
        let before: u32 = op.sizes[..output].iter().sum();
        lie.first = i64::from(before) * lie.axes[axis][0].stride;
        lie.axes[axis][0].extent = op.sizes[output];
        lie
    } else {
        return None;
    };
    if let Source::Buffer(value) = source {
        lie.first += value.first as i64;
    }
    Some((source.clone(), lie))
}

/// The value that a source is.
pub(super) fn buffer(source: &Source) -> Option<DeviceValue> {
    match source {
        Source::Buffer(value) => Some(*value),
        Source::Host(..) => None,
    }
}

/// The elements of an input of as many as `many`, which are 0 where it is absent; `None` where they are computed.
pub(super) fn known(step: &Step, name: &str, many: u32) -> Option<Vec<f64>> {
    match step.source(name) {
        None => Some(vec![0.0; many as usize]),
        Some(source) => host(source).map(HostTensor::to_floats),
    }
}

/// Whether numbers are within the range of a type.
pub(super) fn fit<'a>(dtype: DType, mut numbers: impl Iterator<Item = &'a f64>) -> bool {
    let [_, most] = normal(dtype);
    numbers.all(|number| number.abs() <= most)
}

/// Whether the weight of an output channel loses precision of its type: its largest element comes to be below the normal numbers.
pub(super) fn faint(dtype: DType, before: f64, after: f64) -> bool {
    let [least, _] = normal(dtype);
    before >= least && after > 0.0 && after < least
}

/// The least and the largest normal number of a type.
fn normal(dtype: DType) -> [f64; 2] {
    match dtype {
        DType::F16 => [half::f16::MIN_POSITIVE, half::f16::MAX].map(f64::from),
        _ => [f32::MIN_POSITIVE, f32::MAX].map(f64::from),
    }
}

/// The largest magnitude among numbers.
pub(super) fn largest<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> f64 {
    numbers.into_iter().fold(0.0, |largest, number| largest.max(number.abs()))
}

/// Floats that the host knows.
pub(super) fn floats(spec: TensorSpec, elements: impl Iterator<Item = f64>) -> Option<Source> {
    let bytes: Vec<u8> = elements.flat_map(|element| (element as f32).to_le_bytes()).collect();
    Some(Source::Host(HostTensor::from_bytes(ElementType::F32, spec.shape, bytes).ok()?, spec))
}

/// A tensor that the host knows.
pub(super) fn host(source: &Source) -> Option<&HostTensor> {
    match source {
        Source::Host(host, _) => Some(host),
        Source::Buffer(_) => None,
    }
}

/// The one number that a source is, repeated or not.
pub(super) fn number(source: &Source) -> Option<f64> {
    let few = host(source)?.unexpanded();
    if few.len() != 1 { None } else { few.to_floats().first().copied() }
}

/// Whether two sources are the same elements under the same extents.
pub(super) fn same(a: &Source, b: &Source) -> bool {
    match (buffer(a), buffer(b)) {
        (Some(a), Some(b)) => a.buffer == b.buffer && a.first == b.first && a.spec == b.spec,
        _ => false,
    }
}

/// The operands of a function of two tensors.
pub(super) fn operands(step: &Step, op: Binary) -> Option<[&Source; 2]> {
    match *step.op::<Binary>()? == op {
        true => Some([step.source("a")?, step.source("b")?]),
        false => None,
    }
}

/// The operands of a function of two tensors, in both orders.
pub(super) fn either(step: &Step, op: Binary) -> impl Iterator<Item = [&Source; 2]> {
    operands(step, op).into_iter().flat_map(|[a, b]| [[a, b], [b, a]])
}

/// Whether a source has one number for each channel of images of a shape, all axes behind being 1.
pub(super) fn by_channel(source: &Source, images: Shape) -> bool {
    let &[_, channels, ref pixels @ ..] = images.extents() else { return false };
    let shape = source.shape();
    let (own, behind) = (shape.extents(), pixels.len() + 1);
    own.len() >= behind
        && own.iter().rev().enumerate().all(|(axis, &extent)| extent == if axis + 1 == behind { channels } else { 1 })
}

/// Whether elements lie along these extents and distances.
pub(super) fn lies(lie: &Strided, first: i64, axes: &[(u32, i64)]) -> bool {
    let expected = Strided { first, axes: axes.iter().map(|&(extent, stride)| vec![Run { extent, stride }]).collect() };
    lie.first == first && lie.merged() == expected.merged()
}

/// A part of a buffer, where it has one there.
pub(super) fn part_of(graph: &Graph, base: DeviceValue, first: i64, spec: TensorSpec) -> Option<Source> {
    let first = u64::try_from(first).ok()?;
    let within = first + spec.shape.elements() <= graph.buffers[base.buffer].shape.elements();
    let begins = (first * spec.dtype.size()).is_multiple_of(4);
    (within && begins).then_some(Source::Buffer(DeviceValue { first, spec, ..base }))
}
