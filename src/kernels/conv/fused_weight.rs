use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Iterations, Kernel, Loops, Part, Recorder};
use crate::kernels::form::{ByStorage, by_storage};
use crate::kernels::movement::convert::number;
use crate::kernels::params;

pub(crate) static FUSED_WEIGHT: ByStorage<Kernel> = by_storage!("fused_weight", "conv/fused_weight.wgsl");

params!(
    group_first,
    groups,
    term_first,
    term_count,
    terms,
    row_first,
    row_quads,
    packed_rows,
    group_rows,
    group_channels,
    taps,
    quads_per_group,
    out_channel_first,
    weight_first,
    packed_first,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.group_rows.min(4))
    }
}

impl Params {
    /// Elements that it packs.
    pub(crate) fn elements(&self) -> u64 {
        16 * u64::from(self.groups) * u64::from(self.term_count) * u64::from(self.row_quads)
    }
}

pub(crate) fn fused_weight(
    recorder: &mut Recorder,
    dtype: DType,
    params: Params,
    [weight, channel_quads, packed]: [&Part; 3],
) -> Result<()> {
    let params = Params { weight_first: weight.first, packed_first: packed.first, dtype: number(dtype), ..params };
    let elements = params.elements();
    recorder.dispatch(FUSED_WEIGHT.of(dtype), &params, &[weight, channel_quads, packed], elements / 4, elements)
}
