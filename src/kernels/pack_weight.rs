use super::form::{ByForm, Form};
use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $place:literal, $pack:literal, $table:literal) => {
        Kernel {
            name: "pack_weight",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $place, $pack, $table, "pack_weight.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static PACK_WEIGHT: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows.wgsl", "shared/made_rows.wgsl", "shared/table_rows.wgsl"),
    panels: kernel!("panels", "shared/panels.wgsl", "shared/made_panels.wgsl", "shared/table_panels.wgsl"),
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
    form: Form,
    params: Params,
    [weight, packed, table]: [&Part; 3],
) -> Result<()> {
    let params = Params { weight_first: weight.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    let kernel = PACK_WEIGHT.of(form);
    recorder.dispatch(kernel, &params, &[weight, packed, table], invocations, 4 * invocations)
}
