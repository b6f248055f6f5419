//! Activations: those that exporters write as several nodes, and those behind products.

use super::graph::{Graph, Outcome, either, number, operands, regular, same};
use crate::dtype::DType;
use crate::geometry::{Binary, Conv2d, ConvTranspose2d, DeformConv2d, Matmul, StridedCopy, StridedCopyGeometry, Unary};
use crate::onnx::planner::DeviceValue;
use crate::onnx::step::{Source, Step};
use crate::ops::Activation;

/// A GELU by the error function or near it by the hyperbolic tangent, a SiLU, a hard swish or a mish.
pub(super) fn activation(graph: &mut Graph, step: &Step) -> Outcome {
    let mut product = Product { factor: 1.0, others: Vec::new(), left: 8 };
    if !product.multiply(graph, step) {
        return Outcome::None;
    }
    let [a, b] = &product.others[..] else { return Outcome::None };
    let found = [[a, b], [b, a]].into_iter().find_map(|[x, gate]| {
        let mut parts = Parts::new(graph, x);
        let op = parts.gated(gate, product.factor)?;
        let whole = x.spec() == graph.buffers[step.writes[0]];
        whole.then_some((x, parts.alone, op))
    });
    match found {
        None => Outcome::None,
        Some((_, false, op)) => Outcome::Refused(format!("a part of a {op:?} is used elsewhere, too")),
        Some((x, true, op)) => Outcome::Steps(vec![step.another(&op, x)]),
    }
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
    /// How many more products and quotients are looked at.
    left: u32,
}

impl Product {
    /// Multiplies with all that a product, or a quotient by a number, is made of, as far as that is used for it alone; false where it is neither.
    fn multiply(&mut self, graph: &Graph, step: &Step) -> bool {
        let (sources, divisor) = match (operands(step, Binary::Mul), operands(step, Binary::Div)) {
            (Some([a, b]), _) => (vec![a, b], 1.0),
            (None, Some([a, b])) => match number(b) {
                Some(divisor) => (vec![a], divisor),
                None => return false,
            },
            (None, None) => return false,
        };
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        self.factor /= divisor;
        for source in sources {
            match (number(source), graph.own_maker(source)) {
                (Some(number), _) => self.factor *= number,
                (None, Some(maker)) if self.multiply(graph, maker) => {}
                _ => self.others.push(source.clone()),
            }
        }
        true
    }
}

/// Steps that an activation of x was written as.
struct Parts<'a> {
    graph: &'a Graph,
    x: &'a Source,
    /// Whether all of them are used for the activation alone.
    alone: bool,
    /// How many more are looked at.
    left: u32,
    /// How far numbers may be off, in parts of themselves: as exporters round them.
    tolerance: f64,
}

impl<'a> Parts<'a> {
    fn new(graph: &'a Graph, x: &'a Source) -> Self {
        let tolerance = if x.spec().dtype == DType::F16 { 1e-3 } else { 1e-6 };
        Self { graph, x, alone: true, left: 32, tolerance }
    }

    fn maker(&mut self, part: &Source) -> Option<&'a Step> {
        self.left = self.left.checked_sub(1)?;
        self.alone &= self.graph.only_here(part);
        self.graph.maker(part)
    }

    /// Whether numbers are others.
    fn near<const MANY: usize>(&self, numbers: [f64; MANY], others: [f64; MANY]) -> bool {
        numbers.into_iter().zip(others).all(|(a, b)| (a - b).abs() <= self.tolerance * b.abs())
    }

    /// The function of one tensor that makes a part, and that tensor.
    fn function(&mut self, part: &Source) -> Option<(Unary, &'a Source)> {
        let maker = self.maker(part)?;
        Some((*maker.op::<Unary>()?, maker.source("input")?))
    }

    /// The function whose value is a factor times x times a gate.
    fn gated(&mut self, gate: &Source, factor: f64) -> Option<Unary> {
        if self.near([factor], [0.5]) && operands(self.graph.maker(gate)?, Binary::Add).is_some() {
            return self.gelu(gate);
        }
        match self.function(gate)? {
            (Unary::Sigmoid, input) => (factor == 1.0 && same(input, self.x)).then_some(Unary::Silu),
            (Unary::Tanh, input) => match self.function(input)? {
                (Unary::Softplus, input) => (factor == 1.0 && same(input, self.x)).then_some(Unary::Mish),
                _ => None,
            },
            (Unary::Clip { min: 0.0, max }, input) => self.hard_swish(input, [1.0, 0.0], factor, max.into()),
            (Unary::HardSigmoid { alpha, beta }, input) => {
                self.hard_swish(input, [alpha, beta].map(f64::from), factor, 1.0)
            }
            _ => None,
        }
    }

    /// Half of x times a gate of one and a function between -1 and 1.
    fn gelu(&mut self, gate: &Source) -> Option<Unary> {
        let sum = self.maker(gate)?;
        let function =
            either(sum, Binary::Add).find_map(|[function, one]| (number(one) == Some(1.0)).then_some(function))?;
        let (function, input) = self.function(function)?;
        let root = std::f64::consts::FRAC_1_SQRT_2;
        let (op, expected) = match function {
            Unary::Erf => (Unary::Gelu, [0.0, root, 0.0, 0.0]),
            Unary::Tanh => {
                let root = root * std::f64::consts::FRAC_2_SQRT_PI;
                (Unary::GeluTanh, [0.0, root, 0.0, 0.044715 * root])
            }
            _ => return None,
        };
        let has = self.polynomial(input)?;
        self.near(has, expected).then_some(op)
    }

    /// A factor times x times slope `input` + shift between 0 and `most`.
    fn hard_swish(&mut self, input: &Source, [slope, shift]: [f64; 2], factor: f64, most: f64) -> Option<Unary> {
        let [constant, linear, rest @ ..] = self.polynomial(input)?;
        let has = [factor * most, slope * linear / most, (slope * constant + shift) / most];
        (rest == [0.0; 2] && self.near(has, [1.0, 1.0 / 6.0, 0.5])).then_some(Unary::HardSwish)
    }

    /// The coefficients of a part that is a polynomial in x, of degree 3 at most, that of 1 first.
    fn polynomial(&mut self, part: &Source) -> Option<[f64; 4]> {
        if same(part, self.x) {
            return Some([0.0, 1.0, 0.0, 0.0]);
        }
        if let Some(number) = number(part) {
            return Some([number, 0.0, 0.0, 0.0]);
        }
        let maker = self.maker(part)?;
        let op = *maker.op::<Binary>()?;
        let [a, b] = [maker.source("a")?, maker.source("b")?];
        match (op, number(b)) {
            (Binary::Div, Some(by)) => return Some(self.polynomial(a)?.map(|coefficient| coefficient / by)),
            (Binary::Pow, Some(power)) if [2.0, 3.0].contains(&power) => {
                let base = self.polynomial(a)?;
                return (1..power as u32).try_fold(base, |power, _| product(power, base));
            }
            _ => {}
        }
        let [a, b] = [self.polynomial(a)?, self.polynomial(b)?];
        match op {
            Binary::Add => Some(std::array::from_fn(|degree| a[degree] + b[degree])),
            Binary::Sub => Some(std::array::from_fn(|degree| a[degree] - b[degree])),
            Binary::Mul => product(a, b),
            _ => None,
        }
    }
}

/// The product of two polynomials, where its degree is 3 at most.
fn product(a: [f64; 4], b: [f64; 4]) -> Option<[f64; 4]> {
    let mut product = [0.0; 7];
    for (degree, a) in a.into_iter().enumerate() {
        b.into_iter().enumerate().for_each(|(other, b)| product[degree + other] += a * b);
    }
    let &[ref low @ .., _, _, _] = &product;
    (product[4..] == [0.0; 3]).then_some(*low)
}
