use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::col2im::sums_iterations;
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::{kernel, params};

/// The files of a kernel over chains of samples, but for its own.
pub(crate) fn chains(layout: Layout) -> Vec<File> {
    [
        wgsl!["shared/grid.wgsl"],
        of_layout!(layout, "layout", "samples", "given", "table"),
        wgsl!["sample/parts/samples.wgsl", "shared/col2im.wgsl", "sample/parts/chains.wgsl"],
    ]
    .concat()
}

kernel!("deform_col2im", 64, Params, |layout: Layout| [&chains(layout), wgsl!["sample/deform_col2im.wgsl"]]);

params!(
    image_first,
    images,
    pixel_first,
    pixels,
    plane,
    width,
    channels,
    strip_pixels,
    taps,
    quads_per_group,
    run_first,
    runs,
    lane_first,
    lane_end,
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    accumulate,
    grad_input_first,
    chained,
    listed,
    workers,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // All samples of an image may lie in the cells of one pixel.
        let merged = Iterations::of(self.chained);
        let sums = sums_iterations(self.channels);
        match self.workers {
            0 => merged + sums,
            // Nor do the pixels that a worker does have more together.
            workers => merged + Iterations::each(self.listed.div_ceil(workers), Iterations::of(0u32) + sums),
        }
    }
}

pub(crate) fn deform_col2im(recorder: &mut Recorder, layout: Layout, params: Params, bindings: [&Binding; 6]) -> Fit {
    let params = Params { grad_input_first: bindings[1].first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.runs) * u64::from(params.pixels);
    // On the average, each row is added to four pixels.
    let elements =
        (4 * u64::from(params.strip_pixels) * u64::from(params.taps) * u64::from(params.runs)).max(invocations) * 16;
    recorder.dispatch::<Kernel>(layout, &params, &bindings, invocations, elements)
}
