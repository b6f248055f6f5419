use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("top_k_tiles", 256, Params, ["shared/grid.wgsl", "shared/order.wgsl", "reduce/top_k_tiles.wgsl"]);

params!(rows, columns, extent, plane, step, tiles, bits, kept, order, listed, input_first, lists_first);

/// The elements that a workgroup sorts, as a power of 2.
pub(crate) const MOST_BITS: u32 = 11;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let reaches = (1..=self.bits).map(|size| Iterations::each(size, Iterations::of(4u32)).taken + 1);
        let skipped = 1 + Iterations::each(0u32, Iterations::of(4u32)).skipped;
        let sort = Iterations { taken: reaches.sum::<u64>() + skipped, skipped };
        Iterations::of(8u32) + sort + Iterations::of(8u32)
    }
}

pub(crate) fn top_k_tiles(recorder: &mut Recorder, params: Params, [input, lists]: [&Binding; 2]) -> Fit {
    let params = Params { input_first: input.first, lists_first: lists.first, ..params };
    let tiles = u64::from(params.rows) * u64::from(params.tiles);
    let invocations = 256 * (tiles << params.bits).div_ceil(1 << MOST_BITS);
    recorder.dispatch::<Kernel>((), &params, &[input, lists], invocations, tiles << params.bits)
}
