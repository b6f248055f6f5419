use crate::geometry::Binary;
use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::elementwise::broadcast::{self, Broadcast};
use crate::kernels::{kernel, params};

kernel!("binary", 64, Params, |function: Function| [
    broadcast::FILES,
    function.files(),
    wgsl!["elementwise/binary.wgsl"],
]);

params!(broadcast: Broadcast, scale: f32, accumulate, steps, a_first, b_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.broadcast.extent_5.min(4), Iterations::of(self.steps))
    }
}

/// The function of a kernel for floats: one of the files elementwise/of_two/*.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Fmod,
    PRelu,
    First,
}

axis!(Function {
    Add: "add",
    Sub: "sub",
    Mul: "mul",
    Div: "div",
    Pow: "pow",
    Min: "min",
    Max: "max",
    Fmod: "fmod",
    PRelu: "prelu",
    First: "first",
});

impl Function {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Function::Add => wgsl!["elementwise/of_two/add.wgsl"],
            Function::Sub => wgsl!["elementwise/of_two/sub.wgsl"],
            Function::Mul => wgsl!["elementwise/of_two/mul.wgsl"],
            Function::Div => wgsl!["elementwise/of_two/div.wgsl"],
            Function::Pow => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/log.wgsl",
                "elementwise/parts/pow.wgsl",
                "elementwise/of_two/pow.wgsl"
            ],
            Function::Min => wgsl!["elementwise/parts/relation.wgsl", "elementwise/of_two/min.wgsl"],
            Function::Max => wgsl!["elementwise/parts/relation.wgsl", "elementwise/of_two/max.wgsl"],
            Function::Fmod => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/fmod.wgsl",
                "elementwise/of_two/fmod.wgsl"
            ],
            Function::PRelu => wgsl!["elementwise/of_two/prelu.wgsl"],
            Function::First => wgsl!["elementwise/of_two/first.wgsl"],
        }
    }

    /// The steps of its loop.
    pub(crate) fn steps(self) -> u32 {
        if self == Function::Fmod { 32 } else { 0 }
    }

    /// The function of floats; `None` where there is none.
    pub(crate) fn of(op: Binary) -> Option<Self> {
        Some(match op {
            Binary::Add => Self::Add,
            Binary::Sub => Self::Sub,
            Binary::Mul => Self::Mul,
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
pub(crate) fn binary(
    recorder: &mut Recorder,
    function: Function,
    params: Params,
    [a, b, output]: [&Binding; 3],
) -> Fit {
    let steps = function.steps();
    let params = Params { steps, a_first: a.first, b_first: b.first, output_first: output.first, ..params };
    let (invocations, elements) = params.broadcast.work();
    recorder.dispatch::<Kernel>(function, &params, &[a, b, output], invocations, elements)
}
