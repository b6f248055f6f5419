use crate::error::{Error, Result};
use crate::geometry::{Input, Output, any_rank, op};
use crate::shape::Shape;

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The larger of x and 0.
    Relu,
    /// x between two bounds, as ONNX has it: `max` wherever `min` is above it. An infinite bound is none.
    Clip {
        /// The lower bound.
        min: f32,
        /// The upper bound.
        max: f32,
    },
    /// The absolute value.
    Abs,
    /// -x.
    Neg,
    /// exp(x).
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// 1 / x.
    Reciprocal,
    /// The error function.
    Erf,
    /// x times the share of a normal distribution below x.
    Gelu,
    /// x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))), which is near `Gelu`.
    GeluTanh,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// The tangent.
    Tan,
    /// The largest whole number up to x.
    Floor,
    /// The least whole number from x on.
    Ceil,
    /// The nearest whole number, the even one of two.
    Round,
    /// 1 above 0 and -1 below; 0 and NaN stay.
    Sign,
    /// alpha x + beta between 0 and 1.
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// x times x / 6 + 1 / 2 between 0 and 1.
    HardSwish,
    /// x where it is above 0, else slope x.
    LeakyRelu {
        /// The factor below 0.
        slope: f32,
    },
    /// x where it is above 0, else alpha (exp(x) - 1).
    Elu {
        /// The factor of exponentials.
        alpha: f32,
    },
    /// gamma x where x is above 0, else gamma alpha (exp(x) - 1).
    Selu {
        /// The factor of exponentials.
        alpha: f32,
        /// A factor of all.
        gamma: f32,
    },
    /// x where it is above 0, else alpha (exp(x / alpha) - 1).
    Celu {
        /// The factor of exponentials.
        alpha: f32,
    },
    /// x where it is above alpha, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha: f32,
    },
    /// log(1 + exp(x)).
    Softplus,
    /// x / (1 + |x|).
    Softsign,
    /// x tanh(log(1 + exp(x))).
    Mish,
    /// x / (1 + exp(-x)).
    Silu,
    /// 1 where x is NaN, else 0: an integer.
    IsNan,
    /// 1 where x is infinite, of a sign that is asked for, else 0: an integer.
    IsInf {
        /// Whether infinity counts.
        positive: bool,
        /// Whether -infinity counts.
        negative: bool,
    },
    /// 1 where x is 0, else 0, of integers.
    Not,
}

impl Unary {
    /// The attributes that must be finite, by name.
    fn attributes(&self) -> Vec<(&'static str, f32)> {
        match *self {
            Self::HardSigmoid { alpha, beta } => vec![("alpha", alpha), ("beta", beta)],
            Self::LeakyRelu { slope } => vec![("slope", slope)],
            Self::Elu { alpha } | Self::Celu { alpha } | Self::ThresholdedRelu { alpha } => vec![("alpha", alpha)],
            Self::Selu { alpha, gamma } => vec![("alpha", alpha), ("gamma", gamma)],
            _ => Vec::new(),
        }
    }
}

/// A checked function of each element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnaryGeometry {
    pub(crate) op: Unary,
    pub(crate) shape: Shape,
}

impl UnaryGeometry {
    /// Checks the input's shape, of any rank; its first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty input, [`Error::Attribute`] for a bound that is NaN, another attribute that is not finite, and a `Celu` whose alpha
    /// is not above 0.
    pub fn new(op: &Unary, input: Shape) -> Result<Self> {
        if let Unary::Clip { min, max } = op {
            for (argument, bound) in [("min", min), ("max", max)] {
                if bound.is_nan() {
                    return Err(Error::attribute(argument, format!("{argument} is NaN; clip needs a number")));
                }
            }
        }
        for (argument, attribute) in op.attributes() {
            if !attribute.is_finite() {
                let message = format!("{argument} is {attribute}; a finite number is needed");
                return Err(Error::attribute(argument, message));
            }
        }
        if let Unary::Celu { alpha } = op
            && *alpha <= 0.0
        {
            return Err(Error::attribute("alpha", format!("alpha is {alpha}; a number above 0 is needed")));
        }
        any_rank("input", input)?;
        Ok(Self { op: *op, shape: input })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shape
    }
}

op!(Unary: Input => Output, UnaryGeometry::output_shape, |op, shape| UnaryGeometry::new(op, *shape));
