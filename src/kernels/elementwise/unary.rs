use crate::error::Result;
use crate::geometry::Unary;
use crate::gpu::{Axis, Binding, File, Fit, Gpu, Loops, Recorder, axis, wgsl};
use crate::kernels::{kernel, params};

kernel!("unary", 64, Params, |(function, width): (Function, Width)| [
    wgsl!["shared/grid.wgsl"],
    function.files(),
    match width {
        Width::One => wgsl!["elementwise/width/unary_1.wgsl"],
        Width::Four => wgsl!["elementwise/width/unary_4.wgsl"],
    },
    wgsl!["elementwise/unary.wgsl"],
]);

params!(elements, alpha: f32, beta: f32, gamma: f32, input_first, output_first);

impl Loops for Params {}

/// How many elements an invocation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    One,
    Four,
}

axis!(Width { One: "1", Four: "4" });

/// The function of a kernel: one of the files below elementwise/of_one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Sigmoid,
    Tanh,
    Relu,
    Clip,
    Abs,
    Neg,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Erf,
    Gelu,
    GeluTanh,
    Sin,
    Cos,
    Tan,
    Floor,
    Ceil,
    Round,
    Sign,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    ExponentialLinear,
    ThresholdedRelu,
    Softplus,
    Softsign,
    Mish,
    Silu,
}

axis!(Function {
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    Relu: "relu",
    Clip: "clip",
    Abs: "abs",
    Neg: "neg",
    Exp: "exp",
    Log: "log",
    Sqrt: "sqrt",
    Reciprocal: "reciprocal",
    Erf: "erf",
    Gelu: "gelu",
    GeluTanh: "gelu_tanh",
    Sin: "sin",
    Cos: "cos",
    Tan: "tan",
    Floor: "floor",
    Ceil: "ceil",
    Round: "round",
    Sign: "sign",
    HardSigmoid: "hard_sigmoid",
    HardSwish: "hard_swish",
    LeakyRelu: "leaky_relu",
    ExponentialLinear: "exponential_linear",
    ThresholdedRelu: "thresholded_relu",
    Softplus: "softplus",
    Softsign: "softsign",
    Mish: "mish",
    Silu: "silu",
});

impl Function {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Function::Sigmoid => wgsl!["shared/exponential.wgsl", "elementwise/of_one/activation/sigmoid.wgsl"],
            Function::Tanh => wgsl!["shared/exponential.wgsl", "elementwise/of_one/activation/tanh.wgsl"],
            Function::Relu => wgsl!["elementwise/of_one/activation/relu.wgsl"],
            Function::Clip => wgsl!["elementwise/parts/clip.wgsl", "elementwise/of_one/activation/clip.wgsl"],
            Function::Abs => wgsl!["elementwise/of_one/abs.wgsl"],
            Function::Neg => wgsl!["elementwise/of_one/neg.wgsl"],
            Function::Exp => {
                wgsl!["elementwise/parts/nan.wgsl", "elementwise/parts/exp.wgsl", "elementwise/of_one/exp.wgsl"]
            }
            Function::Log => wgsl!["elementwise/parts/log.wgsl", "elementwise/of_one/log.wgsl"],
            Function::Sqrt => wgsl!["elementwise/of_one/sqrt.wgsl"],
            Function::Reciprocal => wgsl!["elementwise/of_one/reciprocal.wgsl"],
            Function::Erf => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/erf.wgsl",
                "elementwise/of_one/erf.wgsl"
            ],
            Function::Gelu => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/erf.wgsl",
                "elementwise/of_one/activation/gelu.wgsl"
            ],
            Function::GeluTanh => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/sigmoid.wgsl",
                "elementwise/of_one/activation/gelu_tanh.wgsl"
            ],
            Function::Sin => wgsl!["elementwise/parts/turns.wgsl", "elementwise/of_one/sin.wgsl"],
            Function::Cos => wgsl!["elementwise/parts/turns.wgsl", "elementwise/of_one/cos.wgsl"],
            Function::Tan => wgsl!["elementwise/parts/turns.wgsl", "elementwise/of_one/tan.wgsl"],
            Function::Floor => wgsl!["elementwise/of_one/floor.wgsl"],
            Function::Ceil => wgsl!["elementwise/of_one/ceil.wgsl"],
            Function::Round => wgsl!["elementwise/of_one/round.wgsl"],
            Function::Sign => wgsl!["elementwise/of_one/sign.wgsl"],
            Function::HardSigmoid => wgsl!["elementwise/of_one/activation/hard_sigmoid.wgsl"],
            Function::HardSwish => wgsl!["elementwise/of_one/activation/hard_swish.wgsl"],
            Function::LeakyRelu => wgsl!["elementwise/of_one/activation/leaky_relu.wgsl"],
            Function::ExponentialLinear => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/of_one/activation/exponential_linear.wgsl"
            ],
            Function::ThresholdedRelu => wgsl!["elementwise/of_one/activation/thresholded_relu.wgsl"],
            Function::Softplus => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/log.wgsl",
                "elementwise/parts/sigmoid.wgsl",
                "elementwise/parts/softplus.wgsl",
                "elementwise/of_one/activation/softplus.wgsl"
            ],
            Function::Softsign => wgsl!["elementwise/of_one/activation/softsign.wgsl"],
            Function::Mish => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/sigmoid.wgsl",
                "elementwise/of_one/activation/mish.wgsl"
            ],
            Function::Silu => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/sigmoid.wgsl",
                "elementwise/of_one/activation/silu.wgsl"
            ],
        }
    }
}

/// The function of a kernel for floats, and its attributes alpha, beta and gamma; `None` for predicates.
pub(crate) fn function(op: Unary) -> Option<(Function, [f32; 3])> {
    Some(match op {
        Unary::Sigmoid => (Function::Sigmoid, [0.0; 3]),
        Unary::Tanh => (Function::Tanh, [0.0; 3]),
        Unary::Relu => (Function::Relu, [0.0; 3]),
        Unary::Clip { min, max } => (Function::Clip, [min, max, 0.0]),
        Unary::Abs => (Function::Abs, [0.0; 3]),
        Unary::Neg => (Function::Neg, [0.0; 3]),
        Unary::Exp => (Function::Exp, [0.0; 3]),
        Unary::Log => (Function::Log, [0.0; 3]),
        Unary::Sqrt => (Function::Sqrt, [0.0; 3]),
        Unary::Reciprocal => (Function::Reciprocal, [0.0; 3]),
        Unary::Erf => (Function::Erf, [0.0; 3]),
        Unary::Gelu => (Function::Gelu, [0.0; 3]),
        Unary::GeluTanh => (Function::GeluTanh, [0.0; 3]),
        Unary::Sin => (Function::Sin, [0.0; 3]),
        Unary::Cos => (Function::Cos, [0.0; 3]),
        Unary::Tan => (Function::Tan, [0.0; 3]),
        Unary::Floor => (Function::Floor, [0.0; 3]),
        Unary::Ceil => (Function::Ceil, [0.0; 3]),
        Unary::Round => (Function::Round, [0.0; 3]),
        Unary::Sign => (Function::Sign, [0.0; 3]),
        Unary::HardSigmoid { alpha, beta } => (Function::HardSigmoid, [alpha, beta, 0.0]),
        Unary::HardSwish => (Function::HardSwish, [0.0; 3]),
        Unary::LeakyRelu { slope } => (Function::LeakyRelu, [slope, 0.0, 0.0]),
        Unary::Elu { alpha } => (Function::ExponentialLinear, [alpha, 1.0, 1.0]),
        Unary::Selu { alpha, gamma } => (Function::ExponentialLinear, [alpha * gamma, gamma, 1.0]),
        Unary::Celu { alpha } => (Function::ExponentialLinear, [alpha, 1.0, alpha]),
        Unary::ThresholdedRelu { alpha } => (Function::ThresholdedRelu, [alpha, 0.0, 0.0]),
        Unary::Softplus => (Function::Softplus, [0.0; 3]),
        Unary::Softsign => (Function::Softsign, [0.0; 3]),
        Unary::Mish => (Function::Mish, [0.0; 3]),
        Unary::Silu => (Function::Silu, [0.0; 3]),
        Unary::IsNan => return None,
        Unary::IsInf { .. } => return None,
        Unary::Not => return None,
    })
}

pub(crate) fn unary(
    recorder: &mut Recorder,
    (function, [alpha, beta, gamma]): (Function, [f32; 3]),
    elements: u32,
    [input, output]: [&Binding; 2],
) -> Fit {
    let quads = [elements, input.first, output.first].iter().all(|number| number.is_multiple_of(4));
    let (width, together) = if quads { (Width::Four, 4) } else { (Width::One, 1) };
    let [count, input_first, output_first] = [elements, input.first, output.first].map(|number| number / together);
    let params = Params { elements: count, alpha, beta, gamma, input_first, output_first };
    recorder.dispatch::<Kernel>((function, width), &params, &[input, output], count.into(), elements.into())
}

/// Compiles a function.
pub(crate) fn compile(gpu: &Gpu, function: Function) -> Result<()> {
    Width::all().into_iter().try_for_each(|width| gpu.compile::<Kernel>((function, width)))
}
