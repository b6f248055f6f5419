use super::params;
use crate::error::Result;
use crate::gpu::{Iterations, Kernel, Loops, Part, Recorder, wgsl};

pub(crate) static CONV2D_DIRECT: Kernel = Kernel {
    name: "conv2d_direct",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/panels.wgsl", "shared/direct.wgsl", "conv2d_direct.wgsl"],
    workgroup_size: 64,
};

params!(
    pixel_first,
    pixels,
    out_width,
    out_pixels,
    height,
    width,
    kernel_height,
    kernel_width,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    dilation_y,
    dilation_x,
    quads,
    quads_per_group,
    band_first,
    group_first,
    groups,
    rows,
    padded,
    accumulate,
    biased,
    bias_first,
    output_first,
    output_image,
    output_plane,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let row = Iterations::each(self.kernel_width, Iterations::of(self.quads_per_group));
        let stored = Iterations::of(self.rows);
        Iterations::each(self.kernel_height, row) + stored + stored + stored + stored
    }
}

/// Output channels of a group at most.
pub(crate) const MOST_ROWS: u32 = 4;

pub(crate) fn conv2d_direct(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let workgroups = u64::from(params.pixels.div_ceil(256)) * u64::from(params.groups);
    let taps = u64::from(params.kernel_height) * u64::from(params.kernel_width);
    let elements = workgroups * 256 * taps * u64::from(params.quads_per_group) * 4;
    recorder.dispatch(&CONV2D_DIRECT, &params, &parts, workgroups * 64, elements)
}
