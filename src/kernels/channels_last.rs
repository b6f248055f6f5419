use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static CHANNELS_LAST: Kernel = Kernel {
    name: "channels_last",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "channels_last.wgsl"],
    workgroup_size: 64,
};

params!(
    images,
    pixels,
    channels,
    channel_first,
    plane,
    quad_first,
    quads,
    row_quads,
    lane_first,
    lane_end,
    input_first
);

pub(crate) fn channels_last(
    recorder: &mut Recorder,
    params: Params,
    [input, channel_quads, packed]: [&Part; 3],
) -> Result<()> {
    let params = Params { input_first: input.first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.pixels) * u64::from(params.quads);
    recorder.dispatch(&CHANNELS_LAST, &params, &[input, channel_quads, packed], invocations, 4 * invocations)
}
