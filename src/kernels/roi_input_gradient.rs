use super::params;
use super::roi_bins::bisection;
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
);

impl Loops for Params {
    fn iterations(&self) -> u64 {
        let words = u64::from(self.bin_end.div_ceil(32) - self.bin_first / 32);
        let bins = u64::from(self.bin_end - self.bin_first);
        let bisected = if self.samples > 8 { bisection(self.samples) } else { 0 };
        let walked = if self.samples > 8 { self.near.max(8) } else { self.samples };
        let of_bin = 1 + bisected + 1 + u64::from(walked);
        let channels = 2 * (1 + u64::from(self.channels.min(4)));
        // Words are walked over twice, and the bits of each come to an end.
        channels + 2 * (1 + words) + words + bins * of_bin
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
