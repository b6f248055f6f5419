use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::train::cross_entropy::softmax_iterations;
use crate::kernels::{kernel, params};

kernel!(
    "cross_entropy_backward",
    64,
    Params,
    ["shared/grid.wgsl", "shared/softmax.wgsl", "train/parts/softmax.wgsl", "train/cross_entropy_backward.wgsl",]
);

params!(rows, classes, scale: f32, grad_step, accumulate, logits_first, labels_first, grad_output_first, grad_logits_first,);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        softmax_iterations(self.classes) + Iterations::of(self.classes.div_ceil(64))
    }
}

pub(crate) fn cross_entropy_backward(
    recorder: &mut Recorder,
    params: Params,
    [logits, labels, grad_output, grad_logits]: [&Binding; 4],
) -> Fit {
    let params = Params {
        logits_first: logits.first,
        labels_first: labels.first,
        grad_output_first: grad_output.first,
        grad_logits_first: grad_logits.first,
        ..params
    };
    let bindings = [logits, labels, grad_output, grad_logits];
    let elements = u64::from(params.rows) * u64::from(params.classes);
    recorder.dispatch::<Kernel>((), &params, &bindings, 64 * u64::from(params.rows), elements)
}
