use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "bilinear_sample",
    64,
    Params,
    ["shared/grid.wgsl", "shared/border.wgsl", "shared/bilinear.wgsl", "sample/bilinear_sample.wgsl",]
);

params!(images, channels, height, width, out_pixels, pixels, border, input_first, positions_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.channels)
    }
}

pub(crate) fn bilinear_sample(
    recorder: &mut Recorder,
    params: Params,
    [input, positions, output]: [&Binding; 3],
) -> Fit {
    let params =
        Params { input_first: input.first, positions_first: positions.first, output_first: output.first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.pixels);
    let elements = invocations * u64::from(params.channels);
    recorder.dispatch::<Kernel>((), &params, &[input, positions, output], invocations, elements)
}
