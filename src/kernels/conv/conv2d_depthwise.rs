use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::activation::{self, Activation};
use crate::kernels::conv::conv2d_direct::Taps;
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

kernel!("conv2d_depthwise", 64, Params, |taps: Taps| [
    activation::BOUNDS,
    wgsl!["shared/grid.wgsl", "shared/window.wgsl", "shared/panels/layout.wgsl"],
    taps.files(),
    wgsl!["conv/conv2d_depthwise.wgsl"],
]);

params!(
    window: Window,
    activation: Activation,
    images,
    channel_first,
    channels,
    group_rows,
    out_row_first,
    out_rows,
    padded,
    accumulate,
    biased,
    bias_first,
    input_first,
    input_image,
    input_plane,
    output_first,
    output_image,
    output_plane,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let row = Iterations::of(self.window.kernel_width);
        Iterations::each(self.window.kernel_height, row) + Iterations::of(8u32)
    }
}

impl Params {
    fn invocations(&self) -> u64 {
        let rows = u64::from(self.images) * u64::from(self.channels) * u64::from(self.out_rows);
        rows * u64::from(self.window.out_width.div_ceil(8))
    }

    /// Elements that it samples.
    pub(crate) fn elements(&self) -> u64 {
        let taps = u64::from(self.window.kernel_height) * u64::from(self.window.kernel_width);
        self.invocations() * 8 * taps
    }
}

/// `bindings` are input, weight, bias and output.
pub(crate) fn conv2d_depthwise(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let taps = Taps::of(params.window.stride_x, params.window.dilation_x);
    recorder.dispatch::<Kernel>(taps, &params, &bindings, params.invocations(), params.elements())
}
