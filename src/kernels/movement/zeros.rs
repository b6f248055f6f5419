use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("zeros", 64, Params, |word: Word| [wgsl!["shared/grid.wgsl"], word.files(), wgsl!["movement/zeros.wgsl"],]);

params!(words, output_first);

/// Words, or fours of them, that an invocation writes.
const RUN: u32 = 16;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(RUN)
    }
}

pub(crate) fn zeros(recorder: &mut Recorder, elements: u32, output: &Binding) -> Fit {
    let fours = elements.is_multiple_of(4) && output.first.is_multiple_of(4);
    let (word, unit) = if fours { (Word::Four, 4) } else { (Word::One, 1) };
    let params = Params { words: elements / unit, output_first: output.first / unit };
    recorder.dispatch::<Kernel>(word, &params, &[output], params.words.div_ceil(RUN).into(), elements.into())
}
