use crate::geometry::Binary;
use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::elementwise::binary::Function;
use crate::kernels::elementwise::broadcast::{self, Broadcast};
use crate::kernels::{kernel, params};

kernel!("binary_backward", 64, Params, |differentiated: Differentiated| [
    broadcast::FILES,
    differentiated.files(),
    wgsl!["elementwise/binary_backward.wgsl"],
]);

params!(broadcast: Broadcast, operand, accumulate, steps, a_first, b_first, grad_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.broadcast.extent_5.min(4), Iterations::of(self.steps))
    }
}

/// A function whose derivatives are more than a factor: those of sums and products need no kernel of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Differentiated {
    Sub,
    Div,
    Pow,
    Min,
    Max,
    Fmod,
    PRelu,
}

axis!(Differentiated { Sub: "sub", Div: "div", Pow: "pow", Min: "min", Max: "max", Fmod: "fmod", PRelu: "prelu" });

impl Differentiated {
    fn function(self) -> Function {
        match self {
            Differentiated::Sub => Function::Sub,
            Differentiated::Div => Function::Div,
            Differentiated::Pow => Function::Pow,
            Differentiated::Min => Function::Min,
            Differentiated::Max => Function::Max,
            Differentiated::Fmod => Function::Fmod,
            Differentiated::PRelu => Function::PRelu,
        }
    }

    fn files(self) -> &'static [File] {
        self.function().files()
    }

    /// The function of floats; `None` for sums and products, and where there is no gradient.
    pub(crate) fn of(op: Binary) -> Option<Self> {
        Some(match op {
            Binary::Sub => Self::Sub,
            Binary::Div => Self::Div,
            Binary::Pow => Self::Pow,
            Binary::Min => Self::Min,
            Binary::Max => Self::Max,
            Binary::Fmod => Self::Fmod,
            Binary::PRelu => Self::PRelu,
            _ => return None,
        })
    }
}

/// `params` say what is done.
pub(crate) fn binary_backward(
    recorder: &mut Recorder,
    differentiated: Differentiated,
    params: Params,
    [a, b, grad, output]: [&Binding; 4],
) -> Fit {
    let steps = differentiated.function().steps();
    let params = Params {
        steps,
        a_first: a.first,
        b_first: b.first,
        grad_first: grad.first,
        output_first: output.first,
        ..params
    };
    let (invocations, elements) = params.broadcast.work(4);
    recorder.dispatch::<Kernel>(differentiated, &params, &[a, b, grad, output], invocations, elements)
}
