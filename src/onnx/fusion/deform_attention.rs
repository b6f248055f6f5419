//! Multi-scale deformable attention, which exporters write as samples of each level, their weights and a sum.

use super::graph::{Graph, Outcome, buffer, either, lies, number, operands, part_of};
use super::strided::{Run, Strided};
use crate::geometry::{
    AttentionLevel, Binary, BinaryInputs, Concat, GridSample, MultiScaleDeformAttn, MultiScaleDeformAttnInputs,
    PaddingMode, Reduce, ReduceFunction, SampleMode, StridedCopy,
};
use crate::gpu::TensorSpec;
use crate::onnx::step::{Source, Step};
use crate::onnx::{ElementType, HostTensor};
use crate::shape::Shape;

/// The sum over points of samples of levels times weights.
pub(super) fn deform_attention(graph: &mut Graph, step: &Step) -> Outcome {
    let Some(found) = Found::of(graph, step) else { return Outcome::None };
    match found.attention(graph, step) {
        Ok(steps) => Outcome::Steps(steps),
        Err(why) => Outcome::Refused(why.into()),
    }
}

/// The samples of a sum of samples times weights, level by level.
struct Found {
    samples: Vec<Samples>,
    weights: Source,
    /// Whether all between is used for the sum alone.
    alone: bool,
    /// Images times heads.
    slices: u32,
    channels: u32,
    queries: u32,
    /// Points of all levels.
    points: u32,
}

/// Samples of one level.
struct Samples {
    op: GridSample,
    value: Source,
    grid: Source,
}

impl Found {
    fn of(graph: &Graph, step: &Step) -> Option<Self> {
        let Reduce { function: ReduceFunction::Sum, axes, .. } = *step.op::<Reduce>()? else { return None };
        let product = step.source("input")?;
        let &[slices, channels, queries, points] = product.shape().extents() else { return None };
        if axes != [3].into() {
            return None;
        }
        let (sampled, weights, samples, alone) =
            either(graph.maker(product)?, Binary::Mul).find_map(|[sampled, weights]| {
                let maker = graph.maker(sampled)?;
                let levels = match maker.op::<Concat>() {
                    Some(_) => maker.sources.iter().map(|(_, source)| source.clone()).collect::<Option<Vec<_>>>()?,
                    None => vec![sampled.clone()],
                };
                let samples = levels.iter().map(|level| Samples::of(graph, level)).collect::<Option<Vec<_>>>()?;
                // Points are the last axis, or levels are one in front of it.
                let joined = maker.op::<Concat>().is_none_or(|op| {
                    let shape = levels[0].shape();
                    let axis = op.axis as usize;
                    axis == 3 && (shape.rank() == 4 || (shape.rank() == 5 && shape.extents()[3] == 1))
                });
                let alone = levels.iter().chain([sampled, product]).all(|part| graph.only_here(part));
                joined.then(|| (sampled.clone(), weights.clone(), samples, alone))
            })?;
        let fits = sampled.shape() == [slices, channels, queries, points].into()
            && weights.shape() == [slices, 1, queries, points].into();
        fits.then_some(Self { samples, weights, alone, slices, channels, queries, points })
    }

    fn attention(&self, graph: &mut Graph, step: &Step) -> Result<Vec<Step>, &'static str> {
        let rule = GridSample {
            mode: SampleMode::Bilinear,
            padding: PaddingMode::Zeros,
            align_corners: false,
            ..self.samples[0].op
        };
        if self.samples.iter().any(|samples| samples.op != rule) {
            return Err("samples are not bilinear with zeros outside and edges as corners");
        }
        if !self.alone {
            return Err("a part of it is used elsewhere, too");
        }
        let mut levels = Vec::new();
        for samples in &self.samples {
            let (&[_, _, height, width], &[_, _, points, _]) =
                (samples.value.shape().extents(), samples.grid.shape().extents())
            else {
                return Err("samples are not of images");
            };
            levels.push(AttentionLevel { height, width, points });
        }
        let layout = Layout::of(graph, self, &levels).ok_or("the levels are not parts of one value, channels last")?;
        let grids = layout.grids(graph, self, &levels).ok_or("the grids are not parts of one tensor of locations")?;
        let weights = layout.weights(graph, self).ok_or("the weights are not by query and head")?;

        let mut steps = Vec::new();
        let locations = locations(graph, step, &grids, &mut steps);
        let op = MultiScaleDeformAttn { levels, ..MultiScaleDeformAttn::new([], 0) };
        let inputs = MultiScaleDeformAttnInputs { value: layout.value, locations, weights, padding_mask: None };
        let [batch, heads] = [layout.batch, layout.heads];
        let dtype = inputs.value.spec().dtype;
        let flat: Shape = [batch, self.queries, heads * self.channels].into();
        let attended = graph.new_buffer(TensorSpec { shape: flat, dtype });
        steps.push(step.another(&op, &inputs).writing(vec![attended]));
        // Channels in front of queries, as the sum has them.
        let made = step.writes[0];
        graph.buffers[made] = TensorSpec { shape: [batch, heads * self.channels, self.queries].into(), dtype };
        let attended = graph.whole(attended);
        steps.push(step.another(&StridedCopy::transpose(&[0, 2, 1]), &attended));
        Ok(steps)
    }
}

impl Samples {
    fn of(graph: &Graph, source: &Source) -> Option<Self> {
        let step = graph.maker(source)?;
        let op = *step.op::<GridSample>()?;
        Some(Self { op, value: step.source("input")?.clone(), grid: step.source("grid")?.clone() })
    }
}

/// Images and heads of a value (batch, pixels, heads, channels).
struct Layout {
    batch: u32,
    heads: u32,
    value: Source,
}

impl Layout {
    /// The tensor whose parts the levels are, one behind another.
    fn of(graph: &Graph, found: &Found, levels: &[AttentionLevel]) -> Option<Self> {
        let channels = found.channels;
        let pixels: u32 = levels.iter().map(|level| level.height * level.width).sum();
        let (source, begin) = graph.origin(&found.samples[0].value);
        let base = buffer(&source)?;
        // Heads lie as far apart as a head has channels, and images as far as pixels and heads have.
        let heads = match begin.axes.first()?[..] {
            [] => 1,
            [Run { extent, stride }] if stride == i64::from(channels) => extent,
            [_] => 1,
            [_, Run { extent, .. }] => extent,
            _ => return None,
        };
        let batch = found.slices.checked_div(heads)?;
        let hidden = heads.checked_mul(channels)?;
        let mut before = 0;
        for (samples, level) in found.samples.iter().zip(levels) {
            let (from, lie) = graph.origin(&samples.value);
            let whole = Strided::dense(0, &[batch, pixels, heads, channels]);
            let row = i64::from(level.width) * i64::from(hidden);
            let part = [
                (batch, whole.axes[0][0].stride),
                (heads, i64::from(channels)),
                (channels, 1),
                (level.height, row),
                (level.width, i64::from(hidden)),
            ];
            let first = begin.first + i64::from(before) * i64::from(hidden);
            if buffer(&from)?.buffer != base.buffer || !lies(&lie, first, &part) {
                return None;
            }
            before += level.height * level.width;
        }
        let spec = TensorSpec { shape: [batch, pixels, heads, channels].into(), ..base.spec };
        let value = part_of(graph, base, begin.first, spec)?;
        Some(Self { batch, heads, value })
    }

    /// The grids of all levels as one tensor (batch, queries, heads, points of all levels, 2).
    fn grids(&self, graph: &Graph, found: &Found, levels: &[AttentionLevel]) -> Option<Source> {
        let (source, begin) = graph.origin(&found.samples[0].grid);
        let base = buffer(&source)?;
        let [query, head] = self.strides(found);
        let mut before = 0;
        for (samples, level) in found.samples.iter().zip(levels) {
            let (from, lie) = graph.origin(&samples.grid);
            let part = [
                (self.batch, 2 * query * i64::from(found.queries)),
                (self.heads, 2 * head),
                (found.queries, 2 * query),
                (level.points, 2),
                (2, 1),
            ];
            let first = begin.first + 2 * i64::from(before);
            if buffer(&from)?.buffer != base.buffer || !lies(&lie, first, &part) {
                return None;
            }
            before += level.points;
        }
        let shape = Shape::new(&[self.batch, found.queries, self.heads, found.points, 2]).ok()?;
        part_of(graph, base, begin.first, TensorSpec { shape, ..base.spec })
    }

    /// The weights as a tensor (batch, queries, heads, points of all levels).
    fn weights(&self, graph: &Graph, found: &Found) -> Option<Source> {
        let (source, lie) = graph.origin(&found.weights);
        let base = buffer(&source)?;
        let [query, head] = self.strides(found);
        let part = [
            (self.batch, query * i64::from(found.queries)),
            (self.heads, head),
            (found.queries, query),
            (found.points, 1),
        ];
        let shape = [self.batch, found.queries, self.heads, found.points].into();
        let whole = part_of(graph, base, lie.first, TensorSpec { shape, ..base.spec })?;
        lies(&lie, lie.first, &part).then_some(whole)
    }

    /// How far apart the points of queries and of heads lie.
    fn strides(&self, found: &Found) -> [i64; 2] {
        let points = i64::from(found.points);
        [points * i64::from(self.heads), points]
    }
}

/// The locations in 0..1 of grids in -1..1: those that these were made of, or else computed.
fn locations(graph: &mut Graph, step: &Step, grids: &Source, steps: &mut Vec<Step>) -> Source {
    if let Some(known) = located(graph, grids) {
        return known.reshaped(grids.shape());
    }
    let spec = grids.spec();
    let mut half = |graph: &mut Graph, op: Binary, of: &Source| {
        let half = Source::Host(
            HostTensor::repeated(ElementType::F32, [].into(), 0.5),
            TensorSpec { shape: [].into(), ..spec },
        );
        let made = graph.new_buffer(spec);
        steps.push(step.another(&op, &BinaryInputs { a: of.clone(), b: half }).writing(vec![made]));
        graph.whole(made)
    };
    let halved = half(graph, Binary::Mul, grids);
    half(graph, Binary::Add, &halved)
}

/// The tensor x that grids are 2 x - 1 of.
fn located(graph: &Graph, grids: &Source) -> Option<Source> {
    let [doubled, one] = operands(graph.maker(grids)?, Binary::Sub)?;
    let double = graph.maker(doubled)?;
    let x = either(double, Binary::Mul).find_map(|[x, two]| (number(two) == Some(2.0)).then_some(x))?;
    (number(one) == Some(1.0) && x.shape().elements() == grids.shape().elements()).then(|| x.clone())
}
