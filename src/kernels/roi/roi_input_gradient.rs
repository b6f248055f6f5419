use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::roi::Pooling;
use crate::kernels::roi::roi_bins::bisection;
use crate::kernels::{kernel, params};

kernel!(
    "roi_input_gradient",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "roi/parts/pooling.wgsl",
        "roi/parts/roi_bins.wgsl",
        "roi/parts/roi_tiles.wgsl",
        "roi/roi_input_gradient.wgsl",
    ]
);

params!(
    pooling: Pooling,
    words,
    bin_first,
    bin_end,
    samples,
    near,
    touched_image,
    images,
    touched_row,
    touched_rows,
    tile_row_first,
    tile_rows,
    tile_columns,
    class_first,
    classes_done,
    channels,
    map_first,
    maps,
    accumulate,
    grad_output_first,
    grad_input_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let words = self.bin_end.div_ceil(32) - self.bin_first / 32;
        let many = self.samples > 8;
        let bisected = if many { bisection(self.samples) } else { Iterations::of(0u32) };
        let bin = bisected + Iterations::of(if many { self.near.max(8) } else { self.samples });
        let channels = Iterations::of(self.channels.min(4));
        // Each word has an end of its own, and all bins are in one of them.
        let mut bins = Iterations::each(words, Iterations::each(0u32, bin));
        bins.taken += u64::from(self.bin_end - self.bin_first) * (1 + bin.taken);
        Iterations::of(words) + channels + bins + channels
    }
}

/// `elements` are those that samples add to, of all channels.
pub(crate) fn roi_input_gradient(
    recorder: &mut Recorder,
    params: Params,
    [bins, touches, grad_output, grad_input]: [&Binding; 4],
    elements: u64,
) -> Fit {
    let params = Params { grad_output_first: grad_output.first, grad_input_first: grad_input.first, ..params };
    let tiles = u64::from(params.images) * u64::from(params.tile_rows) * u64::from(params.tile_columns);
    let planes = u64::from(params.maps) * u64::from(params.classes_done);
    let invocations = 64 * tiles * planes * u64::from(params.channels.div_ceil(4));
    let bindings = [bins, touches, grad_output, grad_input];
    recorder.dispatch::<Kernel>((), &params, &bindings, invocations, elements)
}
