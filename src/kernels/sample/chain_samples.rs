use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("chain_samples", 8, Params, ["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/chain_samples.wgsl"]);

params!(
    images,
    image_rows,
    rows,
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    owned,
    row_first,
    row_end,
    emptied
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // The heads, and then the samples.
        let heads = if self.emptied != 0 { 0 } else { self.owned.min(self.cells) };
        Iterations::of(heads) + Iterations::of(self.row_end - self.row_first)
    }
}

/// Cells that one invocation should own: few walks for the two or so that run at once on a CPU. Where heads are empty already, walks do not
/// become more with the cells.
pub(crate) fn owned(chains: u32, cells: u32, emptied: bool) -> u32 {
    let few = cells.div_ceil(16u32.div_ceil(chains));
    if emptied { few } else { few.min(1 << 14) }
}

pub(crate) fn chain_samples(recorder: &mut Recorder, params: Params, bindings: [&Binding; 3]) -> Fit {
    let owners =
        u64::from(params.images) * u64::from(params.offset_groups) * u64::from(params.cells.div_ceil(params.owned));
    // Every owner of an image looks at all of its samples.
    let elements = owners * u64::from(params.row_end - params.row_first) / 8;
    recorder.dispatch::<Kernel>((), &params, &bindings, owners, elements)
}
