use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::{kernel, params};

kernel!("unpack_weight", 64, Params, |layout: Layout| [
    wgsl!["shared/grid.wgsl"],
    of_layout!(layout, "layout", "table"),
    wgsl!["conv/unpack_weight.wgsl"],
]);

params!(
    row_first,
    rows,
    out_channel_first,
    group_out_channels,
    group_rows,
    group_channels,
    taps,
    quads_per_group,
    accumulate,
    packed_first,
    weight_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(4u32)
    }
}

/// The layout is that of the table; what is packed lies in a buffer.
pub(crate) fn unpack_weight(
    recorder: &mut Recorder,
    layout: Layout,
    params: Params,
    [packed, weight, table]: [&Binding; 3],
) -> Fit {
    let params = Params { packed_first: packed.first, weight_first: weight.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    recorder.dispatch::<Kernel>(layout, &params, &[packed, weight, table], invocations, 4 * invocations)
}
