use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::winograd::ELEMENTS;
use crate::kernels::layout::{Layout, Storage, of_layout};
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("winograd_weight", 64, Params, |(storage, layout): (Storage, Layout)| [
    wgsl!["shared/grid.wgsl", "conv/winograd/points.wgsl"],
    storage.files(),
    of_layout!(layout, "layout", "made"),
    wgsl!["conv/winograd/stored.wgsl", "conv/winograd/winograd_weight.wgsl"],
]);

params!(out_channel_first, rows, groups, group_rows, group_channels, group_quads, weight_first, dtype);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(6u32)
    }
}

/// `bindings` are weight and transformed weight.
pub(crate) fn winograd_weight(
    recorder: &mut Recorder,
    (layout, dtype): (Layout, DType),
    params: Params,
    bindings: [&Binding; 2],
) -> Fit {
    let params = Params { weight_first: bindings[0].first, dtype: number(dtype), ..params };
    let invocations = layout.filled_rows(params.rows) * u64::from(params.group_quads);
    let elements = 4 * u64::from(ELEMENTS) * invocations;
    recorder.dispatch::<Kernel>((dtype.into(), layout), &params, &bindings, invocations, elements)
}
