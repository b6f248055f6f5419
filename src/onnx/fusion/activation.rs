//! Activations: those that exporters write as several nodes, and those behind products.

use super::graph::{Graph, Outcome, either, number, operands, regular, same};
use crate::geometry::{Binary, Conv2d, ConvTranspose2d, DeformConv2d, Matmul, StridedCopy, StridedCopyGeometry, Unary};
use crate::onnx::planner::DeviceValue;
use crate::onnx::step::{Source, Step};
use crate::ops::Activation;

/// A GELU by the error function, or a SiLU.
pub(super) fn activation(graph: &mut Graph, step: &Step) -> Outcome {
    if step.op::<Binary>() != Some(&Binary::Mul) {
        return Outcome::None;
    }
    let mut product = Product { factor: 1.0, others: Vec::new() };
    product.multiply(graph, step);
    let [a, b] = &product.others[..] else { return Outcome::None };
    let found = [[a, b], [b, a]].into_iter().find_map(|[x, gate]| {
        let whole = x.spec() == graph.buffers[step.writes[0]];
        let op = gated(graph, x, gate, product.factor)?;
        whole.then_some((x, gate, op))
    });
    let Some((x, gate, op)) = found else { return Outcome::None };
    if !alone(graph, gate) {
        return Outcome::Refused(format!("a part of a {op:?} is used elsewhere, too"));
    }
    Outcome::Steps(vec![step.another(&op, x)])
}

/// An activation behind a product, or bounds behind a function of two tensors: where their kernels store the result. A copy may lie between, as a transpose.
pub(super) fn product_activation(graph: &mut Graph, step: &Step) -> Outcome {
    behind_product(graph, step).into()
}

fn behind_product(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let op = *step.op::<Unary>()?;
    let activation = Activation::of(op)?;
    let read = step.source("input")?;
    let copy = graph.maker(read).filter(|copy| is_regular(copy)).cloned();
    let input = copy.as_ref().unwrap_or(step).source("input")?;
    let product = graph.maker(input)?;
    let ends = product
        .ends_with::<Conv2d>(&graph.gpu, activation)
        .or_else(|| product.ends_with::<ConvTranspose2d>(&graph.gpu, activation))
        .or_else(|| product.ends_with::<DeformConv2d>(&graph.gpu, activation))
        .or_else(|| product.ends_with::<Matmul>(&graph.gpu, activation))
        .or_else(|| product.ends_with::<Binary>(&graph.gpu, activation))?;
    if !graph.only_here(input) || !graph.only_here(read) {
        return Some(Outcome::Refused("what it is a function of is used elsewhere, too".into()));
    }
    if !ends.ok()? {
        return Some(Outcome::Refused(format!("the kernel that makes its input cannot apply {op:?} on this device")));
    }
    let product = product.clone().ending_with(activation);
    let last = copy.as_ref().unwrap_or(&product).writes[0];
    graph.buffers[step.writes[0]].shape = graph.buffers[last].shape;
    let Some(copy) = &copy else { return Some(Outcome::Steps(vec![product.writing(step.writes.clone())])) };
    let Source::Buffer(value) = *input else { return None };
    let made = graph.new_buffer(graph.buffers[value.buffer]);
    let source = Source::Buffer(DeviceValue { buffer: made, ..value });
    let copy = copy.another(copy.op::<StridedCopy>()?, &source).writing(step.writes.clone());
    Some(Outcome::Steps(vec![product.writing(vec![made]), copy]))
}

/// Whether a step is a copy of nothing but its input, and of as many elements at least.
fn is_regular(step: &Step) -> bool {
    let Some((op, input)) = step.op::<StridedCopy>().zip(step.source("input")) else { return false };
    let geometry = StridedCopyGeometry::new(op, input.shape());
    geometry.is_ok_and(|copy| regular(&copy).is_some() && copy.output_shape().elements() >= input.shape().elements())
}

/// A product of numbers and of what are none.
struct Product {
    factor: f64,
    others: Vec<Source>,
}

impl Product {
    /// Multiplies with all that a product is made of, as far as that is used for it alone.
    fn multiply(&mut self, graph: &Graph, step: &Step) {
        for source in [step.source("a"), step.source("b")].into_iter().flatten() {
            match (number(source), graph.own_maker(source)) {
                (Some(number), _) => self.factor *= number,
                (None, Some(maker)) if operands(maker, Binary::Mul).is_some() => {
                    self.multiply(graph, maker);
                }
                _ => self.others.push(source.clone()),
            }
        }
    }
}

/// The function whose value is a factor times x times a gate.
fn gated(graph: &Graph, x: &Source, gate: &Source, factor: f64) -> Option<Unary> {
    let gate = graph.maker(gate)?;
    if gate.op::<Unary>() == Some(&Unary::Sigmoid) {
        return (factor == 1.0 && same(gate.source("input")?, x)).then_some(Unary::Silu);
    }
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b;
    if !near(factor, 0.5) {
        return None;
    }
    // 1 + erf(x / sqrt 2)
    let erf = either(gate, Binary::Add).find_map(|[erf, one]| (number(one) == Some(1.0)).then_some(erf))?;
    let erf = graph.maker(erf).filter(|erf| erf.op::<Unary>() == Some(&Unary::Erf))?;
    let argument = graph.maker(erf.source("input")?)?;
    let root = std::f64::consts::SQRT_2;
    let divided = operands(argument, Binary::Div)
        .is_some_and(|[of, by]| same(of, x) && number(by).is_some_and(|by| near(by, root)));
    let multiplied = either(argument, Binary::Mul)
        .any(|[of, by]| same(of, x) && number(by).is_some_and(|by| near(by, root.recip())));
    (divided || multiplied).then_some(Unary::Gelu)
}

/// Whether a gate and all that it is made of, up to x, are used for it alone.
fn alone(graph: &Graph, gate: &Source) -> bool {
    let mut part = gate.clone();
    loop {
        if !graph.only_here(&part) {
            return false;
        }
        let Some(maker) = graph.maker(&part) else { return true };
        let inner = match maker.op::<Unary>() {
            Some(Unary::Erf) => maker.source("input"),
            Some(_) => None,
            None => [maker.source("a"), maker.source("b")].into_iter().flatten().find(|source| {
                let op = graph.maker(source).and_then(Step::op::<Unary>);
                op == Some(&Unary::Erf)
            }),
        };
        match inner {
            Some(inner) => part = inner.clone(),
            None => return true,
        }
    }
}
