use super::convert::number;
use super::form::{ByForm, ByStorage, Form, by_storage};
use super::params;
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Part, Recorder};

pub(crate) static PACK_WEIGHT: ByStorage<ByForm> = by_storage!(
    "pack_weight", "pack_weight.wgsl":
    "shared/rows.wgsl", "shared/panels.wgsl";
    "shared/made_rows.wgsl", "shared/made_panels.wgsl";
    "shared/table_rows.wgsl", "shared/table_panels.wgsl"
);

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
    dtype,
);

pub(crate) fn pack_weight(
    recorder: &mut Recorder,
    (form, dtype): (Form, DType),
    params: Params,
    [weight, packed, table]: [&Part; 3],
) -> Result<()> {
    let params = Params { weight_first: weight.first, dtype: number(dtype), ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    let kernel = PACK_WEIGHT.of(dtype).of(form);
    recorder.dispatch(kernel, &params, &[weight, packed, table], invocations, 4 * invocations)
}
