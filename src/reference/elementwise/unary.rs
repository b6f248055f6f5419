use crate::error::Result;
use crate::geometry::{Unary, UnaryGeometry};
use crate::reference::{Reference, check_len};

/// A function of each element; see [`Unary`]. Beside its value, what rounding the argument makes of it counts as magnitude; functions that pick one
/// of two are exact.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn unary<T: Copy + Into<f64>>(geometry: &UnaryGeometry, input: &[T]) -> Result<Reference> {
    let UnaryGeometry { op, shape } = *geometry;
    check_len("input", input, shape)?;
    let mut reference = Reference::zeros(shape, 1);
    for (element, &x) in input.iter().enumerate() {
        let x: f64 = x.into();
        let value = value(op, x);
        reference.value[element] = value;
        reference.magnitude[element] = match op {
            _ if is_exact(op) => 0.0,
            // Far out, where x may be infinite.
            _ if derivative(op, x) == 0.0 => value.abs(),
            _ => value.abs() + (x * derivative(op, x)).abs(),
        };
    }
    Ok(reference)
}

/// The gradient of a [`Unary`]; its magnitude is made up as that of the function.
///
/// A relu's derivative at 0 is 0, a clip's on its bounds 1. Where the input is NaN, both have the derivative 0; sigmoid and tanh have NaN.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn unary_backward<T: Copy + Into<f64>>(
    geometry: &UnaryGeometry,
    input: &[T],
    grad_output: &[T],
) -> Result<Reference> {
    let UnaryGeometry { op, shape } = *geometry;
    check_len("input", input, shape)?;
    check_len("grad_output", grad_output, shape)?;
    let mut reference = Reference::zeros(shape, 1);
    for (element, (&x, &grad)) in input.iter().zip(grad_output).enumerate() {
        let (x, grad): (f64, f64) = (x.into(), grad.into());
        let slope = derivative(op, x);
        // A derivative of 0 passes nothing, whatever it is.
        let value = if slope == 0.0 { 0.0 } else { slope * grad };
        reference.value[element] = value;
        reference.magnitude[element] = match op {
            _ if is_exact(op) || value == 0.0 => 0.0,
            _ if !x.is_finite() => value.abs(),
            _ => {
                let step = 1e-5 * (1.0 + x.abs());
                let change = (derivative(op, x + step) - derivative(op, x - step)) / (2.0 * step);
                value.abs() + (x * change * grad).abs()
            }
        };
    }
    Ok(reference)
}

/// Whether it gives its argument, one of its attributes or a whole number.
fn is_exact(op: Unary) -> bool {
    matches!(
        op,
        Unary::Relu
            | Unary::Clip { .. }
            | Unary::Abs
            | Unary::Neg
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Sign
            | Unary::ThresholdedRelu { .. }
            | Unary::IsNan
            | Unary::IsInf { .. }
            | Unary::Not
    )
}

/// The function of an element.
pub(crate) fn value(op: Unary, x: f64) -> f64 {
    let clipped = |x: f64, min: f64, max: f64| {
        let raised = if x < min { min } else { x };
        if raised > max { max } else { raised }
    };
    let flag = |holds: bool| f64::from(u8::from(holds));
    match op {
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Tanh => x.tanh(),
        Unary::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Unary::Clip { min, max } => clipped(x, min.into(), max.into()),
        Unary::Abs => x.abs(),
        Unary::Neg => -x,
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Erf => erf(x),
        Unary::Gelu => x * normal_below(x),
        Unary::GeluTanh => x / (1.0 + (-2.0 * gelu_inner(x)).exp()),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tan => x.tan(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round_ties_even(),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        Unary::HardSigmoid { alpha, beta } => clipped(f64::from(alpha) * x + f64::from(beta), 0.0, 1.0),
        Unary::HardSwish => x * clipped(x / 6.0 + 0.5, 0.0, 1.0),
        Unary::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Unary::Elu { alpha } => exponential_linear(x, alpha.into(), 1.0, 1.0),
        Unary::Selu { alpha, gamma } => exponential_linear(x, f64::from(alpha) * f64::from(gamma), gamma.into(), 1.0),
        Unary::Celu { alpha } => exponential_linear(x, alpha.into(), 1.0, alpha.into()),
        Unary::ThresholdedRelu { alpha } => {
            if x > f64::from(alpha) {
                x
            } else {
                0.0
            }
        }
        Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 },
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Mish => x * value(Unary::Softplus, x).tanh(),
        Unary::Silu => x / (1.0 + (-x).exp()),
        Unary::IsNan => flag(x.is_nan()),
        Unary::IsInf { positive, negative } => {
            flag((positive && x == f64::INFINITY) || (negative && x == f64::NEG_INFINITY))
        }
        Unary::Not => flag(x == 0.0),
    }
}

/// The derivative of the function at an element.
fn derivative(op: Unary, x: f64) -> f64 {
    let flag = |holds: bool| f64::from(u8::from(holds));
    let sigmoid = |x: f64| value(Unary::Sigmoid, x);
    let slope = |x: f64| sigmoid(x) * sigmoid(-x);
    match op {
        Unary::Sigmoid => slope(x),
        Unary::Tanh => x.cosh().powi(-2),
        Unary::Relu => flag(x > 0.0),
        Unary::Clip { min, max } => flag(f64::from(min) <= x && x <= f64::from(max)),
        Unary::Abs => flag(x > 0.0) - flag(x < 0.0),
        Unary::Neg => -1.0,
        Unary::Exp => x.exp(),
        Unary::Log => 1.0 / x,
        Unary::Sqrt => 0.5 / x.sqrt(),
        Unary::Reciprocal => -1.0 / (x * x),
        Unary::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp(),
        Unary::Gelu => normal_below(x) + x * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt(),
        Unary::GeluTanh => {
            let inner = gelu_inner(x);
            let by_x = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2 * (1.0 + 0.134_145 * x * x);
            sigmoid(2.0 * inner) + 2.0 * x * slope(2.0 * inner) * by_x
        }
        Unary::Sin => x.cos(),
        Unary::Cos => -x.sin(),
        Unary::Tan => x.cos().powi(-2),
        Unary::Floor | Unary::Ceil | Unary::Round | Unary::Sign => 0.0,
        Unary::HardSigmoid { alpha, beta } => {
            let line = f64::from(alpha) * x + f64::from(beta);
            f64::from(alpha) * flag(line > 0.0 && line < 1.0)
        }
        Unary::HardSwish => {
            if x <= -3.0 {
                0.0
            } else if x >= 3.0 {
                1.0
            } else {
                x / 3.0 + 0.5
            }
        }
        Unary::LeakyRelu { slope } => {
            if x > 0.0 {
                1.0
            } else {
                slope.into()
            }
        }
        Unary::Elu { alpha } => exponential_slope(x, alpha.into(), 1.0, 1.0),
        Unary::Selu { alpha, gamma } => exponential_slope(x, f64::from(alpha) * f64::from(gamma), gamma.into(), 1.0),
        Unary::Celu { alpha } => exponential_slope(x, alpha.into(), 1.0, alpha.into()),
        Unary::ThresholdedRelu { alpha } => flag(x > f64::from(alpha)),
        Unary::Softplus => sigmoid(x),
        Unary::Softsign => (1.0 + x.abs()).powi(-2),
        Unary::Mish => {
            let gate = value(Unary::Softplus, x).tanh();
            gate + x * sigmoid(x) * value(Unary::Softplus, x).cosh().powi(-2)
        }
        Unary::Silu => sigmoid(x) + x * slope(x),
        Unary::IsNan | Unary::IsInf { .. } | Unary::Not => 0.0,
    }
}

fn exponential_linear(x: f64, alpha: f64, beta: f64, gamma: f64) -> f64 {
    if x > 0.0 { beta * x } else { alpha * (x / gamma).exp_m1() }
}

fn exponential_slope(x: f64, alpha: f64, beta: f64, gamma: f64) -> f64 {
    if x > 0.0 { beta } else { alpha / gamma * (x / gamma).exp() }
}

fn gelu_inner(x: f64) -> f64 {
    std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x)
}

/// The share of a normal distribution below x.
fn normal_below(x: f64) -> f64 {
    let z = x * std::f64::consts::FRAC_1_SQRT_2;
    if z < 0.0 { 0.5 * erf_rest(-z) } else { 1.0 - 0.5 * erf_rest(z) }
}

/// The error function.
fn erf(x: f64) -> f64 {
    if x.abs() < 2.0 {
        // 2 / sqrt(pi) times the sum of x (-x^2)^n / (n! (2 n + 1)).
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return std::f64::consts::FRAC_2_SQRT_PI * sum;
    }
    if x < 0.0 { erf_rest(-x) - 1.0 } else { 1.0 - erf_rest(x) }
}

/// 1 - erf(x) for x from 0 on.
fn erf_rest(x: f64) -> f64 {
    if x < 2.0 {
        return 1.0 - erf(x);
    }
    // A continued fraction, from its 60th level on.
    let fraction = (1..=60).rev().fold(0.0, |below, level| 0.5 * f64::from(level) / (x + below));
    (-x * x).exp() / ((x + fraction) * std::f64::consts::PI.sqrt())
}
