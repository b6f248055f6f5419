use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static UNPACK_WEIGHT: Kernel = Kernel {
    name: "unpack_weight",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "unpack_weight.wgsl"],
    workgroup_size: 64,
};

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

pub(crate) fn unpack_weight(
    recorder: &mut Recorder,
    params: Params,
    [packed, channel_quads, weight]: [&Part; 3],
) -> Result<()> {
    let params = Params { packed_first: packed.first, weight_first: weight.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    recorder.dispatch(&UNPACK_WEIGHT, &params, &[packed, channel_quads, weight], invocations, 4 * invocations)
}
