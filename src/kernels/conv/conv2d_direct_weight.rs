use crate::error::Result;
use crate::gpu::{Iterations, Loops, Part, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "conv2d_direct_weight",
    64,
    Params,
    ["shared/grid.wgsl", "shared/panels/layout.wgsl", "conv/direct/direct.wgsl", "conv/conv2d_direct_weight.wgsl",]
);

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
    recorder.dispatch::<Kernel>((), &params, &parts, invocations, invocations * u64::from(params.block_pixels) * 4)
}
