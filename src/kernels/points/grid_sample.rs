use crate::geometry::SampleMode;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::points::grid_position::{GridRule, files};
use crate::kernels::{kernel, params};

kernel!("grid_sample", 64, Params, |(mode, planes): (SampleMode, ReadFrom)| [
    &files(mode, planes.into()),
    wgsl!["points/grid_sample.wgsl"]
]);

params!(
    rule: GridRule,
    images,
    channels,
    out_pixels,
    pixels,
    round_first,
    input_pixel,
    input_first,
    grid_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.channels)
    }
}

pub(crate) fn grid_sample(
    recorder: &mut Recorder,
    axes: (SampleMode, ReadFrom),
    params: Params,
    [input, grid, output]: [&Binding; 3],
) -> Fit {
    let params = Params {
        input_pixel: 1,
        input_first: input.first,
        grid_first: grid.first,
        output_first: output.first,
        ..params
    };
    let invocations = u64::from(params.images) * u64::from(params.pixels);
    let elements = invocations * u64::from(params.channels);
    recorder.dispatch::<Kernel>(axes, &params, &[input, grid, output], invocations, elements)
}
