use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("unary_words", 64, Params, ["shared/grid.wgsl", "elementwise/unary_words.wgsl"]);

params!(elements, operation, low, high, input_first, output_first);

impl Loops for Params {}

/// A function of words, by its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    Clip = 0,
    Abs = 1,
    Neg = 2,
    Sign = 3,
    Not = 4,
    IsNan = 5,
    IsInf = 6,
    Nonzero = 7,
    ToInteger = 8,
    ToFloat = 9,
}

pub(crate) fn unary_words(
    recorder: &mut Recorder,
    (function, [low, high]): (Words, [u32; 2]),
    elements: u32,
    [input, output]: [&Binding; 2],
) -> Fit {
    let params = Params {
        elements,
        operation: function as u32,
        low,
        high,
        input_first: input.first,
        output_first: output.first,
    };
    recorder.dispatch::<Kernel>((), &params, &[input, output], elements.into(), elements.into())
}
