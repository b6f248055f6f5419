use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("group_norm", 64, Params, ["shared/grid.wgsl", "reduce/group_norm.wgsl"]);

params!(
    planes,
    pixels,
    chunks,
    width,
    lanes,
    channels,
    per_group,
    first_plane,
    first_row,
    epsilon: f32,
    input_first,
    statistics_first,
    scale_first,
    shift_first,
    output_first,
);

/// The pixels of a lane.
pub(crate) const EACH: u32 = 4;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(EACH.min(self.pixels.div_ceil(self.lanes)))
    }
}

pub(crate) fn group_norm(
    recorder: &mut Recorder,
    params: Params,
    [input, statistics, scale, shift, output]: [&Binding; 5],
) -> Fit {
    let params = Params {
        input_first: input.first,
        statistics_first: statistics.first,
        scale_first: scale.first,
        shift_first: shift.first,
        output_first: output.first,
        ..params
    };
    let chunks = u64::from(params.planes) * u64::from(params.chunks);
    let elements = u64::from(params.planes) * u64::from(params.pixels);
    let bindings = [input, statistics, scale, shift, output];
    recorder.dispatch::<Kernel>((), &params, &bindings, 64 * chunks.div_ceil(params.width.into()), elements)
}
