use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::Storage;
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("fused_weight", 64, Params, |storage: Storage| [
    wgsl!["shared/grid.wgsl"],
    storage.files(),
    wgsl!["conv/fused_weight.wgsl"],
]);

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
    [weight, channel_quads, packed]: [&Binding; 3],
) -> Fit {
    let params = Params { weight_first: weight.first, packed_first: packed.first, dtype: number(dtype), ..params };
    let elements = params.elements();
    recorder.dispatch::<Kernel>(dtype.into(), &params, &[weight, channel_quads, packed], elements / 4, elements)
}
