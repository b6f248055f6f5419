use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static PACK_WEIGHT: Kernel = Kernel {
    name: "pack_weight",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "pack_weight.wgsl"],
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
    weight_first,
    packed_first,
);

pub(crate) fn pack_weight(
    recorder: &mut Recorder,
    params: Params,
    [weight, channel_quads, packed]: [&Part; 3],
) -> Result<()> {
    let params = Params { weight_first: weight.first, packed_first: packed.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    recorder.dispatch(&PACK_WEIGHT, &params, &[weight, channel_quads, packed], invocations, 4 * invocations)
}
