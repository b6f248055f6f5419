use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};

pub(crate) static ROI_INPUT_GRADIENT: Kernel = Kernel {
    name: "roi_input_gradient",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/roi_bins.wgsl", "shared/roi_tiles.wgsl", "roi_input_gradient.wgsl"],
    workgroup_size: 64,
};

params!(
    rois,
    classes,
    pooled_height,
    pooled_width,
    words,
    touched_image,
    images,
    touched_row,
    touched_rows,
    tile_row_first,
    tile_rows,
    tile_columns,
    height,
    width,
    in_channels,
    out_channels,
    class_first,
    classes_done,
    class_channels,
    channels,
    group_height,
    group_width,
    cell_first,
    cells,
    accumulate,
    grad_output_first,
    grad_input_first,
    bin_iterations,
);

impl Loops for Params {
    fn iterations(&self) -> u64 {
        // All bins may touch a tile.
        let bins = u64::from(self.rois) * u64::from(self.pooled_height) * u64::from(self.pooled_width);
        2 * u64::from(self.words)
            + 1
            + bins * u64::from(self.bin_iterations)
            + 2 * (u64::from(self.channels.min(4)) + 1)
    }
}

/// `elements` are those that samples add to, of all channels.
pub(crate) fn roi_input_gradient(
    recorder: &mut Recorder,
    params: Params,
    [bins, touches, grad_output, grad_input]: [&Part; 4],
    elements: u64,
) -> Result<()> {
    let params = Params { grad_output_first: grad_output.first, grad_input_first: grad_input.first, ..params };
    let tiles = u64::from(params.images) * u64::from(params.tile_rows) * u64::from(params.tile_columns);
    let planes = u64::from(params.cells) * u64::from(params.classes_done);
    let invocations = 64 * tiles * planes * u64::from(params.channels.div_ceil(4));
    let bindings = [bins, touches, grad_output, grad_input];
    recorder.dispatch(&ROI_INPUT_GRADIENT, &params, &bindings, invocations, elements)
}
