//! Convolutions of the same images, side by side.

use super::graph::{Graph, Outcome, fit, floats, known, operands, same};
use crate::geometry::{Binary, Conv2d};
use crate::gpu::TensorSpec;
use crate::onnx::step::{Source, Step};

/// Two convolutions of the same images whose results are added: one, whose weight is the sum of theirs.
pub(super) fn branches(graph: &mut Graph, step: &Step) -> Outcome {
    added(graph, step).into()
}

fn added(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let [a, b] = operands(step, Binary::Add)?;
    let [one, other] = [Branch::of(graph, a)?, Branch::of(graph, b)?];
    let images = graph.buffers[one.convolution.writes[0]].shape;
    let of_same = same(one.convolution.source("input")?, other.convolution.source("input")?);
    if !of_same || a.shape() != b.shape() || images != graph.buffers[other.convolution.writes[0]].shape {
        return None;
    }
    let (large, small, [row, column]) = match (one.place_of(&other), other.place_of(&one)) {
        (Some(place), _) => (&one, &other, place),
        (None, Some(place)) => (&other, &one, place),
        (None, None) => return None,
    };
    if ![a, b].into_iter().all(|branch| graph.only_here(branch)) {
        return Some(Outcome::Refused("one of the convolutions is used elsewhere, too".into()));
    }
    let weights = [large, small].map(|branch| known(&branch.convolution, "weight", 0));
    let [Some(mut weight), Some(added)] = weights else {
        return Some(Outcome::Refused("the weight of one of the convolutions is computed".into()));
    };
    let ([height, width], [small_height, small_width]) = (large.kernel, small.kernel);
    for (at, element) in added.into_iter().enumerate() {
        let (plane, tap) = (at / (small_height * small_width), at % (small_height * small_width));
        let (row, column) = (row + tap / small_width, column + tap % small_width);
        weight[(plane * height + row) * width + column] += element;
    }
    let channels = images.extents()[1];
    let biases = [large, small].map(|branch| known(&branch.convolution, "bias", channels));
    let [Some(mut bias), Some(added)] = biases else {
        return Some(Outcome::Refused("the bias of one of the convolutions is computed".into()));
    };
    bias.iter_mut().zip(added).for_each(|(sum, bias)| *sum += bias);
    let spec = large.convolution.source("weight")?.spec();
    if !fit(spec.dtype, weight.iter().chain(&bias)) {
        return Some(Outcome::Refused("a sum of weights or biases is beyond their type".into()));
    }
    let bias = floats(TensorSpec { shape: [channels].into(), ..spec }, bias.into_iter())?;
    let weight = floats(spec, weight.into_iter())?;
    let convolution = large.convolution.clone().reading("weight", weight).reading("bias", bias);
    graph.buffers[step.writes[0]].shape = images;
    Some(Outcome::Steps(vec![convolution.writing(step.writes.clone())]))
}

/// A convolution whose result is added to that of another.
struct Branch {
    convolution: Step,
    op: Conv2d,
    kernel: [usize; 2],
}

impl Branch {
    fn of(graph: &Graph, source: &Source) -> Option<Self> {
        let convolution = graph.maker(source)?;
        let op = *convolution.op::<Conv2d>()?;
        let &[_, _, height, width] = convolution.source("weight")?.shape().extents() else { return None };
        Some(Self { convolution: convolution.clone(), op, kernel: [height, width].map(|extent| extent as usize) })
    }

    /// The tap of this kernel that takes the same pixels as the first tap of another does, if each of the other's has one.
    fn place_of(&self, other: &Self) -> Option<[usize; 2]> {
        if (self.op.stride, self.op.groups) != (other.op.stride, other.op.groups) {
            return None;
        }
        let place = |axis: usize| {
            let dilation = self.op.dilation[axis];
            let before = self.op.padding[axis].checked_sub(other.op.padding[axis])?;
            let place = (before / dilation) as usize;
            let apart = other.kernel[axis] == 1 || other.op.dilation[axis] == dilation;
            (apart && before.is_multiple_of(dilation) && place + other.kernel[axis] <= self.kernel[axis])
                .then_some(place)
        };
        Some([place(0)?, place(1)?])
    }
}
