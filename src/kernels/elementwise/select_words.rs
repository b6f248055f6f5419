use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::elementwise::broadcast::{self, Broadcast};
use crate::kernels::{kernel, params};

kernel!("select_words", 64, Params, |_: ()| [broadcast::FILES, wgsl!["elementwise/select_words.wgsl"]]);

params!(broadcast: Broadcast, a_first, b_first, condition_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.broadcast.extent_5.min(4))
    }
}

/// `params` say what is done.
pub(crate) fn select_words(recorder: &mut Recorder, params: Params, [a, b, condition, output]: [&Binding; 4]) -> Fit {
    let params = Params {
        a_first: a.first,
        b_first: b.first,
        condition_first: condition.first,
        output_first: output.first,
        ..params
    };
    let (invocations, elements) = params.broadcast.work(4);
    recorder.dispatch::<Kernel>((), &params, &[a, b, condition, output], invocations, elements)
}
