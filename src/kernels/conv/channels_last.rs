use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::{Layout, Storage, of_layout};
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("channels_last", 64, Params, |(storage, layout): (Storage, Layout)| [
    wgsl!["shared/grid.wgsl"],
    storage.files(),
    of_layout!(layout, "layout", "made", "table"),
    wgsl!["conv/channels_last.wgsl"],
]);

params!(
    images,
    pixels,
    channels,
    channel_first,
    plane,
    quad_first,
    quads,
    run_quads,
    runs,
    row_quads,
    pixel_first,
    input_first,
    input_1_first,
    input_2_first,
    input_3_first,
    lanes,
    empty,
    dtype
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.run_quads.min(self.quads))
    }
}

pub(crate) fn channels_last(
    recorder: &mut Recorder,
    (layout, dtype): (Layout, DType),
    params: Params,
    inputs: [&Binding; 4],
    [packed, table]: [&Binding; 2],
) -> Fit {
    // Where few invocations run at a time, each does many quads of a pixel, whose address it works out once.
    let run_quads = match layout {
        Layout::Rows => 1,
        Layout::Panels => 64,
    };
    let runs = params.quads.div_ceil(run_quads);
    let [input, input_1, input_2, input_3] = inputs;
    let params = Params {
        run_quads,
        runs,
        input_first: input.first,
        input_1_first: input_1.first,
        input_2_first: input_2.first,
        input_3_first: input_3.first,
        dtype: number(dtype),
        ..params
    };
    let invocations = u64::from(params.images) * u64::from(params.pixels) * u64::from(runs);
    let elements = 4 * u64::from(params.images) * u64::from(params.pixels) * u64::from(params.quads);
    let bindings = [input, packed, table, input_1, input_2, input_3];
    recorder.dispatch::<Kernel>((dtype.into(), layout), &params, &bindings, invocations, elements)
}
