use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static PACK_WEIGHT_TRANSPOSED: Kernel = Kernel {
    name: "pack_weight_transposed",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "pack_weight_transposed.wgsl"],
    workgroup_size: 64,
};

params!(
    row_first,
    rows,
    out_quad_first,
    some_quads,
    out_quads,
    group_out_channels,
    group_channels,
    taps,
    quads_per_group,
    out_channel_first,
    weight_first,
    packed_first,
);

pub(crate) fn pack_weight_transposed(
    recorder: &mut Recorder,
    params: Params,
    [weight, channel_quads, packed]: [&Part; 3],
) -> Result<()> {
    let params = Params { weight_first: weight.first, packed_first: packed.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.some_quads);
    let bindings = [weight, channel_quads, packed];
    recorder.dispatch(&PACK_WEIGHT_TRANSPOSED, &params, &bindings, invocations, 4 * invocations)
}
