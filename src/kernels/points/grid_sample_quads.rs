use crate::geometry::SampleMode;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::grid_position::{GridRule, Images, files};
use crate::kernels::{kernel, params};

kernel!("grid_sample_quads", 64, Params, |mode: SampleMode| [
    &files(mode, Images::Quads),
    wgsl!["points/grid_sample_quads.wgsl"],
]);

params!(
    rule: GridRule,
    images,
    quads,
    run_quads,
    runs,
    fours,
    round_first,
    input_pixel,
    input_first,
    grid_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.run_quads)
    }
}

/// Quads of four samples that an invocation does at most: they fill a line of a cache, and what a sample goes by is worked out for all of them.
const RUN: u32 = 4;

/// Of so many images, channels and samples, channels and samples being multiples of four.
pub(crate) fn grid_sample_quads(
    recorder: &mut Recorder,
    (mode, round_first): (SampleMode, u32),
    rule: GridRule,
    [images, channels, samples]: [u32; 3],
    [input, grid, output]: [&Binding; 3],
) -> Fit {
    let quads = channels / 4;
    let run_quads = RUN.min(quads);
    let params = Params {
        rule,
        images,
        quads,
        run_quads,
        runs: quads.div_ceil(run_quads),
        fours: samples / 4,
        round_first,
        input_pixel: quads,
        input_first: input.first / 4,
        grid_first: grid.first,
        output_first: output.first / 4,
    };
    let invocations = u64::from(images) * u64::from(params.fours) * u64::from(params.runs);
    let elements = u64::from(images) * u64::from(channels) * u64::from(samples);
    recorder.dispatch::<Kernel>(mode, &params, &[input, grid, output], invocations, elements)
}
