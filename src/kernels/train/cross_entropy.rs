use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "cross_entropy",
    64,
    Params,
    ["shared/grid.wgsl", "shared/softmax.wgsl", "train/parts/softmax.wgsl", "train/cross_entropy.wgsl"]
);

params!(rows, classes, logits_first, labels_first, losses_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        softmax_iterations(self.classes)
    }
}

/// The iterations for a row's largest logit and sum: every 64th class, and the tree of train/parts/softmax.wgsl.
pub(crate) fn softmax_iterations(classes: u32) -> Iterations {
    Iterations::of(classes.div_ceil(64)) + Iterations::of(6u32)
}

pub(crate) fn cross_entropy(
    recorder: &mut Recorder,
    [rows, classes]: [u32; 2],
    [logits, labels, losses]: [&Binding; 3],
) -> Fit {
    let params =
        Params { rows, classes, logits_first: logits.first, labels_first: labels.first, losses_first: losses.first };
    let elements = u64::from(rows) * u64::from(classes);
    recorder.dispatch::<Kernel>((), &params, &[logits, labels, losses], 64 * u64::from(rows), elements)
}
