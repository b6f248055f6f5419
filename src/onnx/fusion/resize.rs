//! Images that are enlarged for a convolution of one tap.

use std::ops::Range;

use super::graph::{Graph, Outcome, floats, known};
use super::pointwise::OneTap;
use crate::ResizeCoordinates;
use crate::geometry::{AspectRatio, Binary, BinaryInputs, Concat, Conv2dInputs, Resize, ResizeGeometry, ResizeTo};
use crate::gpu::TensorSpec;
use crate::onnx::step::{Source, Step};

/// A convolution of one tap of enlarged images, or of such images and others side by side: what it makes of the images before they are enlarged, then
/// enlarged and added up. Pixels of the enlarged are sums of others with weights that add up to 1, so that but for rounding nothing changes.
pub(super) fn resize(graph: &mut Graph, step: &Step) -> Outcome {
    enlarged(graph, step).into()
}

fn enlarged(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let OneTap { op, input, weight, channels: [out_channels, channels] } = OneTap::of(step)?;
    let concat = graph.maker_of_whole(input).filter(|maker| maker.op() == Some(&Concat { axis: 1 })).cloned();
    let sources = match &concat {
        Some(concat) => concat.sources.iter().filter_map(|(_, source)| source.clone()).collect(),
        None => vec![input.clone()],
    };
    let (mut enlarged, mut others) = (Vec::new(), Vec::new());
    let mut first = 0;
    for source in sources {
        let start = first;
        first += source.shape().extents()[1] as usize;
        let of = Enlarged::of(graph, &source, out_channels);
        let part = Part { source, channels: start..first };
        match of {
            Some(of) => enlarged.push((part, of)),
            None => others.push(part),
        }
    }
    if enlarged.is_empty() {
        return None;
    }
    let read = enlarged.iter().map(|(part, _)| &part.source).chain(concat.as_ref().map(|_| input));
    if !read.into_iter().all(|source| graph.only_here(source)) {
        return Some(Outcome::Refused("what is enlarged is used elsewhere, too".into()));
    }
    let made = graph.buffers[step.writes[0]];
    if made.dtype.is_narrow() && enlarged.len() + others.len() > 1 {
        return Some(Outcome::Refused("sums of parts of the channels would be rounded to 16 bits".into()));
    }
    let Some(elements) = known(step, "weight", 0) else {
        return Some(Outcome::Refused("the convolution's weight is computed".into()));
    };
    // The convolution of some channels.
    let of_channels = |input: Source, parts: &[Part], bias: Option<&Source>| {
        let rows = elements.chunks_exact(channels as usize);
        let some = rows.flat_map(|row| parts.iter().flat_map(|part| &row[part.channels.clone()]).copied());
        let shape = weight.shape().with_extent(1, input.shape().extents()[1]);
        let weight = floats(TensorSpec { shape, ..weight.spec() }, some)?;
        Some(step.another_packing(&op, &Conv2dInputs { input, weight, bias: bias.cloned() }))
    };
    let mut steps = Steps { graph, all: Vec::new() };
    let mut bias = step.source("bias");
    let mut sums = Vec::new();
    if !others.is_empty() {
        let input = match &concat {
            Some(concat) if others.len() > 1 => {
                let sources: Vec<_> = others.iter().map(|part| part.source.clone()).collect();
                let many = sources.iter().map(|source| source.shape().extents()[1]).sum();
                let spec = TensorSpec { shape: input.shape().with_extent(1, many), ..input.spec() };
                steps.made(concat.another(&Concat { axis: 1 }, &sources), spec)
            }
            _ => others[0].source.clone(),
        };
        sums.push(steps.made(of_channels(input, &others, bias.take())?, made));
    }
    for (part, Enlarged { step, op, input }) in enlarged {
        let [height, width] = *input.shape().extents().last_chunk()?;
        let spec = TensorSpec { shape: made.shape.with_extent(2, height).with_extent(3, width), ..made };
        let small = steps.made(of_channels(input, std::slice::from_ref(&part), bias.take())?, spec);
        // One pixel is repeated by the sum.
        let large = if [height, width] == [1, 1] && !sums.is_empty() {
            small
        } else {
            steps.made(step.another(&op, &small), made)
        };
        sums.push(large);
    }
    let mut sum = sums.remove(0);
    for addend in sums {
        let add = step.another(&Binary::Add, &BinaryInputs { a: sum, b: addend });
        sum = steps.made(add, made);
    }
    let last = steps.all.pop()?.writing(step.writes.clone());
    steps.all.push(last);
    Some(Outcome::Steps(steps.all))
}

/// Channels of what is convolved.
struct Part {
    source: Source,
    channels: Range<usize>,
}

/// Images that are enlarged.
struct Enlarged {
    /// The step that does it.
    step: Step,
    /// Its op, for images of any number of channels.
    op: Resize,
    input: Source,
}

impl Enlarged {
    /// The enlargement that makes a source, where it has twice as many pixels at least, and no more channels come out of the convolution than go in: then
    /// the convolution takes less before.
    fn of(graph: &Graph, source: &Source, out_channels: u32) -> Option<Self> {
        let step = graph.maker_of_whole(source)?;
        let op = step.op::<Resize>()?;
        let input = step.source("input")?;
        let geometry = ResizeGeometry::new(op, input.shape()).ok()?;
        let [of, to] = [input.shape(), geometry.output_shape()];
        let (&[batch, channels, ..], &[_, _, _, _]) = (of.extents(), to.extents()) else { return None };
        let images = to.extents().starts_with(&[batch, channels]) && channels >= out_channels;
        let outside = matches!(op.coordinates, ResizeCoordinates::TfCropAndResize { .. });
        if !images || outside || to.elements() < 2 * of.elements() {
            return None;
        }
        let to = match &op.to {
            // A factor may leave an extent, and move what lies along it.
            ResizeTo::Scales(scales) if op.axes.iter().zip(scales).all(|(axis, scale)| *axis >= 2 || *scale == 1.0) => {
                ResizeTo::Scales(of_images(&op.axes, scales))
            }
            ResizeTo::Sizes(sizes, AspectRatio::Stretch) => {
                ResizeTo::Sizes(of_images(&op.axes, sizes), AspectRatio::Stretch)
            }
            _ => return None,
        };
        let axes = of_images(&op.axes, &op.axes);
        Some(Self { step: step.clone(), op: Resize { axes, to, ..op.clone() }, input: input.clone() })
    }
}

/// Values for the axes along images, of those for some axes.
fn of_images<T: Copy>(axes: &[u32], given: &[T]) -> Vec<T> {
    axes.iter().zip(given).filter(|(axis, _)| **axis >= 2).map(|(_, given)| *given).collect()
}

/// Steps, each with a buffer of its own.
struct Steps<'a> {
    graph: &'a mut Graph,
    all: Vec<Step>,
}

impl Steps<'_> {
    /// Adds a step; what it makes.
    fn made(&mut self, step: Step, spec: TensorSpec) -> Source {
        let made = self.graph.new_buffer(spec);
        self.all.push(step.writing(vec![made]));
        self.graph.whole(made)
    }
}
