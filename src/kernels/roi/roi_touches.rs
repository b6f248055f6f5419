use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::roi::Pooling;
use crate::kernels::{kernel, params};

kernel!(
    "roi_touches",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "roi/parts/pooling.wgsl",
        "roi/parts/roi_bins.wgsl",
        "roi/parts/roi_tiles.wgsl",
        "roi/roi_touches.wgsl",
    ]
);

params!(
    pooling: Pooling,
    words,
    image_first,
    images,
    tile_row_first,
    tile_rows,
    tile_columns,
);

/// Pixels of a tile either way: roi/parts/roi_tiles.wgsl.
pub(crate) const TILE: u32 = 8;

/// The elements that one word of 32 bins counts as.
pub(crate) const ELEMENTS: u64 = 8;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(u64::from(self.pooling.rois).saturating_mul(self.pooling.bins()).min(32))
    }
}

pub(crate) fn roi_touches(recorder: &mut Recorder, params: Params, bindings: [&Binding; 2]) -> Fit {
    let tiles = u64::from(params.images) * u64::from(params.tile_rows) * u64::from(params.tile_columns);
    let invocations = tiles * u64::from(params.pooling.classes) * u64::from(params.words);
    recorder.dispatch::<Kernel>((), &params, &bindings, invocations, ELEMENTS * invocations)
}
