use crate::geometry::Binary;
use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::elementwise::broadcast::{self, Broadcast};
use crate::kernels::{kernel, params};

kernel!("binary_words", 64, Params, |functions: Functions| [
    broadcast::FILES,
    functions.files(),
    wgsl!["elementwise/binary_words.wgsl"],
]);

params!(broadcast: Broadcast, operation, relations, steps, a_first, b_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.broadcast.extent_5.min(4), Iterations::of(self.steps))
    }
}

/// Functions of a kernel for words: one of the files elementwise/of_words/*.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Functions {
    Plain,
    Power,
    Quotient,
}

axis!(Functions { Plain: "plain", Power: "power", Quotient: "quotient" });

impl Functions {
    fn files(self) -> &'static [File] {
        match self {
            Functions::Plain => wgsl!["elementwise/parts/relation.wgsl", "elementwise/of_words/plain.wgsl"],
            Functions::Power => wgsl!["elementwise/of_words/power.wgsl"],
            Functions::Quotient => wgsl!["elementwise/of_words/quotient.wgsl"],
        }
    }
}

/// The functions among which one is, its number there, and the relations that it finds; `None` where words have none.
pub(crate) fn function(op: Binary, floats: bool) -> Option<(Functions, u32, u32)> {
    const LESS: u32 = 1;
    const EQUAL: u32 = 2;
    const GREATER: u32 = 4;
    let compared = |relations| Some((Functions::Plain, if floats { 9 } else { 8 }, relations));
    match op {
        Binary::Equal => compared(EQUAL),
        Binary::Less => compared(LESS),
        Binary::LessOrEqual => compared(LESS | EQUAL),
        Binary::Greater => compared(GREATER),
        Binary::GreaterOrEqual => compared(GREATER | EQUAL),
        _ if floats => None,
        Binary::Add => Some((Functions::Plain, 0, 0)),
        Binary::Sub => Some((Functions::Plain, 1, 0)),
        Binary::Mul => Some((Functions::Plain, 2, 0)),
        Binary::Min => Some((Functions::Plain, 3, 0)),
        Binary::Max => Some((Functions::Plain, 4, 0)),
        Binary::And => Some((Functions::Plain, 5, 0)),
        Binary::Or => Some((Functions::Plain, 6, 0)),
        Binary::Xor => Some((Functions::Plain, 7, 0)),
        Binary::Div => Some((Functions::Quotient, 0, 0)),
        Binary::Fmod => Some((Functions::Quotient, 1, 0)),
        Binary::Mod => Some((Functions::Quotient, 2, 0)),
        Binary::Pow => Some((Functions::Power, 0, 0)),
        Binary::PRelu => None,
    }
}

/// `params` say what is done.
pub(crate) fn binary_words(
    recorder: &mut Recorder,
    functions: Functions,
    params: Params,
    [a, b, output]: [&Binding; 3],
) -> Fit {
    // A step for each bit of the exponent.
    let steps = if functions == Functions::Power { 32 } else { 0 };
    let params = Params { steps, a_first: a.first, b_first: b.first, output_first: output.first, ..params };
    let (invocations, elements) = params.broadcast.work(4);
    recorder.dispatch::<Kernel>(functions, &params, &[a, b, output], invocations, elements)
}
