use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static SEGMENT_SUMS: Kernel = Kernel {
    name: "segment_sums",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "segment_sums.wgsl"],
    workgroup_size: 64,
};

params!(planes, pixels, columns, segments, length, width, scale, accumulate, row, input_first, output_first,);

pub(crate) fn segment_sums(recorder: &mut Recorder, params: Params, [input, output]: [&Part; 2]) -> Result<()> {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    let blocks = u64::from(params.columns.div_ceil(params.width));
    let invocations = 64 * u64::from(params.planes) * u64::from(params.segments) * blocks;
    let elements = u64::from(params.planes) * u64::from(params.pixels.max(1)) * u64::from(params.columns);
    recorder.dispatch(&SEGMENT_SUMS, &params, &[input, output], invocations, elements)
}
