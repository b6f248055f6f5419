use crate::error::Result;
use crate::geometry::Binary;
use crate::gpu::{Axis, Binding, File, Fit, Gpu, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{self, Activation};
use crate::kernels::elementwise::broadcast::{self, Broadcast};
use crate::kernels::{kernel, params};

kernel!("binary", 64, Params, |(function, width): (Function, Width)| [
    broadcast::FILES,
    activation::BOUNDS,
    function.files(),
    match width {
        Width::One => wgsl!["elementwise/width/binary_1.wgsl"],
        Width::Four => wgsl!["elementwise/width/binary_4.wgsl"],
        Width::FourByOne => wgsl!["elementwise/width/binary_4_1.wgsl"],
    },
    wgsl!["elementwise/binary.wgsl"],
]);

params!(broadcast: Broadcast, activation: Activation, scale: f32, accumulate, steps, a_first, b_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.broadcast.extent_5.min(4), Iterations::of(self.steps))
    }
}

/// How many elements are loaded and stored at once: one, four of each operand, or four of a and one of b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    One,
    Four,
    FourByOne,
}

axis!(Width { One: "1", Four: "4", FourByOne: "4.1" });

impl Width {
    /// The elements that an invocation does.
    fn run(self) -> u32 {
        match self {
            Self::One => 4,
            Self::Four | Self::FourByOne => 16,
        }
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
    let commutes = matches!(function, Function::Add | Function::Mul);
    let swaps = commutes && params.broadcast.a_stride_5 == 0 && params.broadcast.b_stride_5 == 1;
    let ([a, b], broadcast) = if swaps { ([b, a], params.broadcast.swapped()) } else { ([a, b], params.broadcast) };
    let params = Params {
        broadcast,
        steps: function.steps(),
        a_first: a.first,
        b_first: b.first,
        output_first: output.first,
        ..params
    };
    let width = params.width();
    let (invocations, elements) = broadcast.work(width.run());
    recorder.dispatch::<Kernel>((function, width), &params, &[a, b, output], invocations, elements)
}

/// Compiles a function.
pub(crate) fn compile(gpu: &Gpu, function: Function) -> Result<()> {
    Width::all().into_iter().try_for_each(|width| gpu.compile::<Kernel>((function, width)))
}

impl Params {
    /// How elements can be loaded and stored: by fours where these lie at multiples of their size.
    fn width(&self) -> Width {
        let [a, b] = self.broadcast.operands();
        let quads = |[outer @ .., inner]: [u32; 6], first: u32| {
            inner == 1 && first.is_multiple_of(4) && outer.iter().all(|stride| stride.is_multiple_of(4))
        };
        let stores =
            self.accumulate == 0 && [self.output_first, self.broadcast.extent_5].iter().all(|n| n.is_multiple_of(4));
        match (stores && quads(a, self.a_first), quads(b, self.b_first), b[5]) {
            (true, true, _) => Width::Four,
            (true, _, 0) => Width::FourByOne,
            _ => Width::One,
        }
    }
}
