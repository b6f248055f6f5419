use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::{Layout, Storage, of_layout};
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("pack_weight", 64, Params, |(storage, layout): (Storage, Layout)| [
    wgsl!["shared/grid.wgsl"],
    storage.files(),
    of_layout!(layout, "layout", "made", "table"),
    wgsl!["conv/pack_weight.wgsl"],
]);

params!(
    row_first,
    rows,
    group_out_channels,
    group_rows,
    group_channels,
    group_stride,
    row_stride,
    channel_stride,
    tap_stride,
    taps,
    run_taps,
    tap_runs,
    quads_per_group,
    weight_first,
    packed_first,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.run_taps.min(self.taps))
    }
}

/// Taps of an invocation at most: enough to make its address worth computing.
const RUN_TAPS: u32 = 16;

pub(crate) fn pack_weight(
    recorder: &mut Recorder,
    (layout, dtype): (Layout, DType),
    params: Params,
    [weight, packed, table]: [&Binding; 3],
) -> Fit {
    let tap_runs = params.taps.div_ceil(RUN_TAPS);
    let weight_first = params.weight_first.wrapping_add(weight.first);
    let params = Params { run_taps: RUN_TAPS, tap_runs, weight_first, dtype: number(dtype), ..params };
    let [rows, quads] = [layout.filled_rows(params.rows), params.quads_per_group.into()];
    let elements = 4 * rows * u64::from(params.taps) * quads;
    let invocations = rows * u64::from(tap_runs) * quads;
    recorder.dispatch::<Kernel>((dtype.into(), layout), &params, &[weight, packed, table], invocations, elements)
}
