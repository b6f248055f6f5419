use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
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
    row_quads,
    pixel_first,
    input_first,
    input_1_first,
    input_2_first,
    input_3_first,
    lanes,
    dtype
);

impl Loops for Params {}

pub(crate) fn channels_last(
    recorder: &mut Recorder,
    (layout, dtype): (Layout, DType),
    params: Params,
    inputs: [&Binding; 4],
    [packed, table]: [&Binding; 2],
) -> Fit {
    let [input, input_1, input_2, input_3] = inputs;
    let params = Params {
        input_first: input.first,
        input_1_first: input_1.first,
        input_2_first: input_2.first,
        input_3_first: input_3.first,
        dtype: number(dtype),
        ..params
    };
    let invocations = [params.images, params.pixels, params.quads].map(u64::from).iter().product();
    let bindings = [input, packed, table, input_1, input_2, input_3];
    recorder.dispatch::<Kernel>((dtype.into(), layout), &params, &bindings, invocations, 4 * invocations)
}
