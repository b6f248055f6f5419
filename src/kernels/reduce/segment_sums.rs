use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::Storage;
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("segment_sums", 64, Params, |storage: Storage| [
    wgsl!["shared/grid.wgsl"],
    storage.files(),
    wgsl!["reduce/segment_sums.wgsl"],
]);

params!(planes, pixels, columns, segments, length, width, scale: f32, accumulate, row, input_first, output_first, dtype);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // Every so many-th element of a segment, and the tree.
        Iterations::of(self.length.min(self.pixels).div_ceil(64 / self.width)) + Iterations::of(6u32)
    }
}

pub(crate) fn segment_sums(
    recorder: &mut Recorder,
    dtype: DType,
    params: Params,
    [input, output]: [&Binding; 2],
) -> Fit {
    let params = Params { input_first: input.first, output_first: output.first, dtype: number(dtype), ..params };
    let tiles = u64::from(params.columns.div_ceil(params.width));
    let invocations = 64 * u64::from(params.planes) * u64::from(params.segments) * tiles;
    let elements = u64::from(params.planes) * u64::from(params.pixels.max(1)) * u64::from(params.columns);
    recorder.dispatch::<Kernel>(dtype.into(), &params, &[input, output], invocations, elements)
}
