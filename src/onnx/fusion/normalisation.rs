//! Normalisations that exporters write as several nodes.

use super::graph::{Graph, Outcome, buffer, by_channel, either, host, number, operands, same};
use crate::geometry::{Binary, GroupNorm, GroupNormInputs, LayerNorm, LayerNormInputs, Reduce, ReduceFunction, Unary};
use crate::onnx::step::{Source, Step};
use crate::onnx::{ElementType, HostTensor};
use crate::shape::Shape;

/// A layer normalisation of differences from a mean, or scale or shift behind one.
pub(super) fn layer_norm(graph: &mut Graph, step: &Step) -> Outcome {
    match step.op::<Binary>() {
        Some(Binary::Div) => divided(graph, step).into(),
        Some(&op @ (Binary::Mul | Binary::Add)) => with_vector(graph, step, op).into(),
        _ => Outcome::None,
    }
}

/// How many axes, the last ones, a mean is over, with extents of 1 in their place, and what it is of.
fn mean<'a>(graph: &'a Graph, source: &Source) -> Option<(u32, &'a Source)> {
    let step = graph.maker(source)?;
    let Reduce { function: ReduceFunction::Mean, axes, keep: true } = *step.op::<Reduce>()? else { return None };
    let input = step.source("input")?;
    let rank = input.shape().rank() as u32;
    let many = axes.iter().count() as u32;
    let viewed = source.shape() != graph.buffers[step.writes[0]].shape;
    (many > 0 && !viewed && axes == (rank - many..rank).collect()).then_some((many, input))
}

/// (x - mean) / sqrt(variance + epsilon)
fn divided(graph: &Graph, step: &Step) -> Option<Outcome> {
    let [difference, deviation] = operands(step, Binary::Div)?;
    let [x, average] = operands(graph.maker(difference)?, Binary::Sub)?;
    let (axes, of) = mean(graph, average)?;
    let root = graph.maker(deviation).filter(|root| root.op::<Unary>() == Some(&Unary::Sqrt))?;
    let sum = graph.maker(root.source("input")?)?;
    let (variance, epsilon) = either(sum, Binary::Add).find_map(|[of, addend]| Some((of, number(addend)?)))?;
    let (over, squares) = mean(graph, variance)?;
    let square = graph.maker(squares)?;
    let squared = match square.op::<Binary>()? {
        Binary::Pow if number(square.source("b")?) == Some(2.0) => square.source("a")?,
        Binary::Mul if same(square.source("a")?, square.source("b")?) => square.source("a")?,
        _ => return None,
    };
    // The exporters take the difference once more, or not.
    let again = same(squared, difference) || {
        let [y, other] = operands(graph.maker(squared)?, Binary::Sub)?;
        same(y, x) && mean(graph, other).is_some_and(|(axes_too, of)| axes_too == axes && same(of, x))
    };
    let shapes = squares.shape() == x.shape() && deviation.shape() == variance.shape();
    let possible = epsilon >= 0.0 && (epsilon as f32).is_finite();
    if !(same(of, x) && again && over == axes && shapes && possible && x.spec() == graph.buffers[step.writes[0]]) {
        return None;
    }
    let alone = [deviation, root.source("input")?, variance].into_iter().all(|part| graph.only_here(part));
    // Of the division and of the square.
    let square_reads =
        square.uses().reads.iter().filter(|read| buffer(squared).is_some_and(|of| of.buffer == **read)).count();
    let read = |source: &Source, times: usize| buffer(source).is_some_and(|value| graph.uses(value.buffer) == times);
    let differences = match same(squared, difference) {
        true => read(difference, 1 + square_reads),
        false => read(difference, 1) && read(squared, square_reads),
    };
    if !alone || !differences {
        return Some(Outcome::Refused("a part of the normalisation is used elsewhere, too".into()));
    }
    let op = LayerNorm { axes, epsilon: epsilon as f32 };
    let inputs = LayerNormInputs { input: x.clone(), scale: None, shift: None };
    Some(Outcome::Steps(vec![step.another(&op, &inputs)]))
}

/// A layer normalisation that has no scale, or no shift, and a vector in the extents of the axes that are normalised.
fn with_vector(graph: &Graph, step: &Step, op: Binary) -> Option<Outcome> {
    let (normalised, maker, vector) = either(step, op).find_map(|[normalised, vector]| {
        let maker = graph.maker(normalised)?;
        let axes = maker.op::<LayerNorm>()?.axes as usize;
        let input = maker.source("input")?.shape();
        let last = &input.extents()[input.rank() - axes..];
        let whole = normalised.shape() == input && graph.buffers[step.writes[0]].shape == input;
        let shape = vector.shape();
        let (leading, own) = shape.extents().split_at(shape.rank().checked_sub(axes)?);
        let fits = own == last && leading.iter().all(|&extent| extent == 1);
        (whole && fits).then_some((normalised, maker, vector.reshaped(Shape::new(last).ok()?)))
    })?;
    let [scale, shift] = ["scale", "shift"].map(|name| maker.source(name).cloned());
    let [scale, shift] = match (op, scale, shift) {
        (Binary::Mul, None, None) => [Some(vector), None],
        (Binary::Add, scale, None) => [scale, Some(vector)],
        _ => return None,
    };
    if !graph.only_here(normalised) {
        return Some(Outcome::Refused("the normalisation is used elsewhere, too".into()));
    }
    let inputs = LayerNormInputs { input: maker.source("input")?.clone(), scale, shift };
    Some(Outcome::Steps(vec![step.another(maker.op::<LayerNorm>()?, &inputs)]))
}

/// Scale or shift of channels behind an instance normalisation of groups.
pub(super) fn group_norm(graph: &mut Graph, step: &Step) -> Outcome {
    group_norm_of(graph, step).into()
}

fn group_norm_of(graph: &Graph, step: &Step) -> Option<Outcome> {
    let op @ (Binary::Mul | Binary::Add) = *step.op::<Binary>()? else { return None };
    let (normalised, maker, vector) = either(step, op).find_map(|[normalised, vector]| {
        let maker = graph.maker(normalised)?;
        maker.op::<GroupNorm>()?;
        Some((normalised, maker, vector))
    })?;
    let &GroupNorm { groups, epsilon } = maker.op::<GroupNorm>()?;
    let whole = normalised.shape();
    let [batch, channels, ..] = whole.extents() else { return None };
    let same_batch = maker.source("input")?.shape().extents()[0] == *batch;
    if !by_channel(vector, whole)
        || !same_batch
        || graph.buffers[step.writes[0]].shape != whole
        || !channels.is_multiple_of(groups)
    {
        return None;
    }
    let (scale, shift) = (maker.source("scale")?, maker.source("shift")?);
    let vector = vector.reshaped([*channels]);
    let all =
        |value: f64| Source::Host(HostTensor::repeated(ElementType::F32, [*channels].into(), value), vector.spec());
    let [scale, shift] = match op {
        Binary::Mul if all_are(scale, 1.0) && all_are(shift, 0.0) => [vector.clone(), all(0.0)],
        Binary::Add if all_are(shift, 0.0) && (scale.shape() == [*channels].into() || all_are(scale, 1.0)) => {
            [if scale.shape() == [*channels].into() { scale.clone() } else { all(1.0) }, vector.clone()]
        }
        _ => return None,
    };
    if !graph.only_here(normalised) {
        return Some(Outcome::Refused("the normalisation is used elsewhere, too".into()));
    }
    let inputs = GroupNormInputs { input: maker.source("input")?.reshaped(whole), scale, shift };
    Some(Outcome::Steps(vec![step.another(&GroupNorm { groups, epsilon }, &inputs)]))
}

/// Whether all elements of a tensor that the host knows are one number.
fn all_are(source: &Source, value: f64) -> bool {
    host(source).is_some_and(|host| host.unexpanded().to_floats().iter().all(|element| *element == value))
}
