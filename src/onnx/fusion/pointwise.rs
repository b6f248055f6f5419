//! Convolutions of one tap behind others.

use super::graph::{Graph, Outcome, faint, fit, floats, known, largest};
use crate::geometry::{Conv2d, DeformConv2d};
use crate::gpu::TensorSpec;
use crate::onnx::step::{Source, Step};

/// The multiplications on the host that a weight is worth.
const MOST: u64 = 1 << 26;

/// A convolution of one tap, plain but for its channels.
pub(super) struct OneTap<'a> {
    pub(super) op: Conv2d,
    pub(super) input: &'a Source,
    pub(super) weight: &'a Source,
    /// Channels of the output and of the input.
    pub(super) channels: [u32; 2],
}

impl<'a> OneTap<'a> {
    pub(super) fn of(step: &'a Step) -> Option<Self> {
        let op = *step.op::<Conv2d>()?;
        let (input, weight) = (step.source("input")?, step.source("weight")?);
        let &[out_channels, channels, 1, 1] = weight.shape().extents() else { return None };
        let plain = op == Conv2d { dilation: op.dilation, ..Conv2d::default() };
        plain.then_some(Self { op, input, weight, channels: [out_channels, channels] })
    }
}

/// A convolution of one tap behind another convolution, if one with the product of both weights takes fewer multiplications.
pub(super) fn pointwise(graph: &mut Graph, step: &Step) -> Outcome {
    multiplied(graph, step).into()
}

fn multiplied(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let OneTap { input, weight, channels: [out_channels, channels], .. } = OneTap::of(step)?;
    let first = graph.maker_of_whole(input)?;
    let groups = match (first.op::<Conv2d>(), first.op::<DeformConv2d>()) {
        (Some(op), _) => op.groups,
        (_, Some(op)) => op.groups,
        _ => return None,
    };
    let of_first = first.source("weight")?;
    let row = of_first.shape().elements() / u64::from(channels).max(1);
    let [before, after] = [u64::from(channels) * (row + u64::from(out_channels)), row * u64::from(out_channels)];
    if groups != 1 || after >= before {
        return None;
    }
    if !graph.only_here(input) {
        return Some(Outcome::Refused("the convolution before is used elsewhere, too".into()));
    }
    if after.saturating_mul(channels.into()) > MOST {
        return Some(Outcome::Refused(format!("the product of both weights takes more than {MOST} multiplications")));
    }
    let weights = [known(first, "weight", 0), known(step, "weight", 0)];
    let biases = [known(first, "bias", channels), known(step, "bias", out_channels)];
    let ([Some(rows), Some(factors)], [Some(bias), Some(mut sums)]) = (weights, biases) else {
        return Some(Outcome::Refused("a weight or a bias of the convolutions is computed".into()));
    };
    let dtype = weight.spec().dtype;
    let (mut product, mut lost) = (Vec::with_capacity(after as usize), false);
    for (factors, sum) in factors.chunks_exact(channels as usize).zip(&mut sums) {
        let mut made = vec![0.0; row as usize];
        for ((factor, row), bias) in factors.iter().zip(rows.chunks_exact(row as usize)).zip(&bias) {
            made.iter_mut().zip(row).for_each(|(made, element)| *made += factor * element);
            *sum += factor * bias;
        }
        lost |= faint(dtype, largest(factors), largest(&made));
        product.extend(made);
    }
    if lost || !fit(dtype, product.iter().chain(&sums)) {
        return Some(Outcome::Refused("a product of weights or biases is beyond the range of their type".into()));
    }
    let shape = of_first.shape().with_extent(0, out_channels);
    let weight = floats(TensorSpec { shape, ..of_first.spec() }, product.into_iter())?;
    let bias = floats(TensorSpec { shape: [out_channels].into(), ..of_first.spec() }, sums.into_iter())?;
    let one = first.clone().reading("weight", weight).reading("bias", bias).writing(step.writes.clone());
    Some(Outcome::Steps(vec![one]))
}
