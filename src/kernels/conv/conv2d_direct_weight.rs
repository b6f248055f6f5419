use crate::error::Result;
use crate::gpu::{Iterations, Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static CONV2D_DIRECT_WEIGHT: Kernel = Kernel {
    name: "conv2d_direct_weight",
    variant: "",
    files: wgsl![
        "shared/grid.wgsl",
        "shared/panels/layout.wgsl",
        "conv/direct/direct.wgsl",
        "conv/conv2d_direct_weight.wgsl"
    ],
    workgroup_size: 64,
};

params!(
    pixel_first,
    pixels,
    out_height,
    out_width,
    height,
    width,
    kernel_width,
    taps,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    dilation_y,
    dilation_x,
    quads,
    quads_per_group,
    band_first,
    all_groups,
    group_first,
    groups,
    block_first,
    blocks,
    block_pixels,
    accumulate,
    sums_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.block_pixels.min(self.pixels)) + Iterations::of(4u32)
    }
}

pub(crate) fn conv2d_direct_weight(
    recorder: &mut Recorder,
    params: Params,
    parts @ [.., sums]: [&Part; 3],
) -> Result<()> {
    let params = Params { sums_first: sums.first, ..params };
    let quads = u64::from(params.groups) * u64::from(params.taps) * u64::from(params.quads_per_group);
    let invocations = u64::from(params.blocks) * quads;
    recorder.dispatch(
        &CONV2D_DIRECT_WEIGHT,
        &params,
        &parts,
        invocations,
        invocations * u64::from(params.block_pixels) * 4,
    )
}
