use crate::error::Result;
use crate::gpu::{Iterations, Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::form::{ByForm, Form};
use crate::kernels::params;

macro_rules! kernel {
    ($variant:literal, $place:literal, $table:literal) => {
        Kernel {
            name: "unpack_weight",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $place, $table, "conv/unpack_weight.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static UNPACK_WEIGHT: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows/layout.wgsl", "shared/rows/table.wgsl"),
    panels: kernel!("panels", "shared/panels/layout.wgsl", "shared/panels/table.wgsl"),
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

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(4u32)
    }
}

/// The form is that of the table; what is packed lies in a buffer.
pub(crate) fn unpack_weight(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    [packed, weight, table]: [&Part; 3],
) -> Result<()> {
    let params = Params { packed_first: packed.first, weight_first: weight.first, ..params };
    let invocations = u64::from(params.rows) * u64::from(params.taps) * u64::from(params.quads_per_group);
    recorder.dispatch(UNPACK_WEIGHT.of(form), &params, &[packed, weight, table], invocations, 4 * invocations)
}
