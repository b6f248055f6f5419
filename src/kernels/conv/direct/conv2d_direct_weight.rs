use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

kernel!(
    "conv2d_direct_weight",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/panels/layout.wgsl",
        "conv/direct/direct.wgsl",
        "conv/conv2d_direct_weight.wgsl",
    ]
);

params!(
    window: Window,
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
        Iterations::of(self.block_pixels.min(self.window.pixels)) + Iterations::of(4u32)
    }
}

pub(crate) fn conv2d_direct_weight(
    recorder: &mut Recorder,
    params: Params,
    bindings @ [.., sums]: [&Binding; 3],
) -> Fit {
    let params = Params { sums_first: sums.first, ..params };
    let quads = u64::from(params.groups) * u64::from(params.window.taps) * u64::from(params.window.quads_per_group);
    let invocations = u64::from(params.blocks) * quads;
    recorder.dispatch::<Kernel>((), &params, &bindings, invocations, invocations * u64::from(params.block_pixels) * 4)
}
