//! Scale and shift by channel behind convolutions, and biases behind products.

use super::graph::{Graph, Outcome, by_channel, either, faint, fit, floats, host, known, largest, number, operands};
use crate::geometry::{BatchNorm, Binary, Conv2d, ConvTranspose2d, DeformConv2d, Matmul};
use crate::gpu::TensorSpec;
use crate::onnx::HostTensor;
use crate::onnx::step::{Source, Step};

/// Batch normalisation, or scale or shift by channel, behind a convolution: in its weight and bias.
pub(super) fn batch_norm(graph: &mut Graph, step: &Step) -> Outcome {
    normalised(graph, step).into()
}

fn normalised(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let (input, affine) = affine(graph, step)?;
    let convolution = graph.maker(input)?;
    // The groups of a convolution whose weight has output channels within each group on its second axis.
    let transposed = match convolution.op::<ConvTranspose2d>() {
        Some(op) => Some(op.groups as usize),
        None if convolution.op::<Conv2d>().is_some() || convolution.op::<DeformConv2d>().is_some() => None,
        None => return None,
    };
    let images = graph.buffers[convolution.writes[0]].shape;
    // The convolution's images, or a view of their pixels.
    if !input.shape().extents().starts_with(&images.extents()[..2]) {
        return None;
    }
    if !graph.only_here(input) {
        return Some(Outcome::Refused("the convolution is used elsewhere, too".into()));
    }
    let weight = convolution.source("weight")?;
    let Some(elements) = known(convolution, "weight", 0) else {
        return Some(Outcome::Refused("the convolution's weight is computed".into()));
    };
    let channels = images.extents()[1] as usize;
    let Some(bias) = known(convolution, "bias", channels as u32) else {
        return Some(Outcome::Refused("the convolution's bias is computed".into()));
    };
    let [scale, shift] = affine.of(channels)?;
    let shape = weight.shape();
    let [first, second, ..] = *shape.extents() else { return None };
    let (first, second) = (first as usize, second as usize);
    let taps = elements.len() / (first * second);
    let channel = |element: usize| match transposed {
        None => element / (second * taps),
        Some(groups) => element / (second * taps) / (first / groups) * second + element / taps % second,
    };
    let dtype = weight.spec().dtype;
    let mut most = vec![0.0; channels];
    let made: Vec<_> = (elements.iter().enumerate())
        .map(|(at, element)| {
            let channel = channel(at);
            most[channel] = largest([&most[channel], element]);
            element * scale[channel]
        })
        .collect();
    let bias: Vec<_> = bias.iter().zip(&scale).zip(&shift).map(|((bias, scale), shift)| bias * scale + shift).collect();
    let lost = most.iter().zip(&scale).any(|(most, scale)| faint(dtype, *most, (most * scale).abs()));
    if lost || !fit(dtype, made.iter().chain(&bias)) {
        return Some(Outcome::Refused("a product of weights and scales is beyond the range of their type".into()));
    }
    let weight = floats(weight.spec(), made.into_iter())?;
    let bias = floats(TensorSpec { shape: [channels as u32].into(), ..weight.spec() }, bias.into_iter())?;
    let convolution = convolution.clone().reading("weight", weight).reading("bias", bias).writing(step.writes.clone());
    graph.buffers[step.writes[0]].shape = images;
    Some(Outcome::Steps(vec![convolution]))
}

/// A bias, added to each column of a product with a weight: in the product.
pub(super) fn bias(graph: &mut Graph, step: &Step) -> Outcome {
    biased(graph, step).into()
}

fn biased(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let spec = graph.buffers[step.writes[0]];
    let &columns = spec.shape.extents().last()?;
    let behind = |[product, bias]: [&Source; 2]| {
        let maker = graph.maker(product).filter(|maker| maker.op::<Matmul>().is_some())?;
        let of_columns =
            bias.shape().elements() == u64::from(columns) && bias.shape().extents().last() == Some(&columns);
        let whole = graph.buffers[maker.writes[0]].shape;
        // Scores of an attention are products, too, of what is computed.
        let layer =
            whole.extents()[2] == columns && maker.source("bias").is_none() && host(maker.source("b")?).is_some();
        (product.shape() == spec.shape && of_columns && layer)
            .then(|| (product.clone(), bias.clone(), maker.clone(), whole))
    };
    let (product, bias, maker, whole) = either(step, Binary::Add).find_map(behind)?;
    if !graph.only_here(&product) {
        return Some(Outcome::Refused("the product is used elsewhere, too".into()));
    }
    graph.buffers[step.writes[0]].shape = whole;
    let product = maker.reading("bias", bias.reshaped([columns])).writing(step.writes.clone());
    Some(Outcome::Steps(vec![product]))
}

/// Scale and shift, of all channels or of each.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    /// Scale and shift of each channel.
    fn of(self, channels: usize) -> Option<[Vec<f64>; 2]> {
        let each = |list: Vec<f64>| match list[..] {
            [one] => Some(vec![one; channels]),
            _ => (list.len() == channels).then_some(list),
        };
        Some([each(self.scale)?, each(self.shift)?])
    }
}

/// The source that a step scales or shifts by numbers that the host knows, and these.
fn affine<'a>(graph: &Graph, step: &'a Step) -> Option<(&'a Source, Affine)> {
    if step.op::<BatchNorm>().is_some() {
        let [scale, shift] =
            [step.source("scale")?, step.source("shift")?].map(|source| host(source).map(HostTensor::to_floats));
        return Some((step.source("input")?, Affine { scale: scale?, shift: shift? }));
    }
    let whole = graph.buffers[step.writes[0]].shape;
    let known = |[input, vector]: [&'a Source; 2]| {
        let one = number(vector).map(|number| vec![number]);
        let each = || by_channel(vector, whole).then(|| host(vector).map(HostTensor::to_floats))?;
        let numbers = one.or_else(each)?;
        (input.shape() == whole).then_some((input, numbers))
    };
    if let Some((input, scale)) = either(step, Binary::Mul).find_map(known) {
        return Some((input, Affine { scale, shift: vec![0.0] }));
    }
    if let Some((input, scale)) = operands(step, Binary::Div).and_then(known) {
        return Some((input, Affine { scale: scale.into_iter().map(f64::recip).collect(), shift: vec![0.0] }));
    }
    if let Some((input, shift)) = either(step, Binary::Add).find_map(known) {
        return Some((input, Affine { scale: vec![1.0], shift }));
    }
    let (input, shift) = operands(step, Binary::Sub).and_then(known)?;
    Some((input, Affine { scale: vec![1.0], shift: shift.into_iter().map(|shift| -shift).collect() }))
}
