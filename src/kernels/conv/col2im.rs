use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::{kernel, params};

kernel!("col2im", 64, Params, |layout: Layout| [
    wgsl!["shared/grid.wgsl"],
    of_layout!(layout, "layout", "given", "table"),
    wgsl!["shared/col2im.wgsl", "conv/col2im.wgsl"],
]);

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
    accumulate,
    grad_input_first,
    out_height,
    out_width,
    strip_first,
    row_first,
    row_last,
    kernel_width,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    dilation_y,
    dilation_x,
    tap_first,
    tap_end,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.most_taps()) + sums_iterations(self.channels)
    }
}

impl Params {
    /// The most taps from which a pixel may meet the strip.
    fn most_taps(&self) -> u32 {
        let span = u64::from(self.row_last - self.row_first) * u64::from(self.stride_y);
        let rows = (span / u64::from(self.dilation_y) + 1) * u64::from(self.kernel_width);
        rows.min((self.tap_end - self.tap_first).into()) as u32
    }
}

/// The iterations of loading and storing the channels of a run, by four: shared/col2im.wgsl.
pub(crate) fn sums_iterations(channels: u32) -> Iterations {
    let quad = |first: u32| Iterations::of(channels.saturating_sub(first).min(4));
    let quads = quad(0) + quad(4) + quad(8) + quad(12);
    quads + quads
}

pub(crate) fn col2im(
    recorder: &mut Recorder,
    layout: Layout,
    params: Params,
    [columns, grad_input, table]: [&Binding; 3],
) -> Fit {
    let params = Params { grad_input_first: grad_input.first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.runs) * u64::from(params.pixels);
    let elements = 16 * invocations * u64::from(params.most_taps());
    recorder.dispatch::<Kernel>(layout, &params, &[columns, grad_input, table], invocations, elements)
}
