use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("batch_norm", 64, Params, ["shared/grid.wgsl", "elementwise/batch_norm.wgsl"]);

params!(images, channels, pixels, input_first, scale_first, shift_first, output_first);

impl Loops for Params {}

pub(crate) fn batch_norm(recorder: &mut Recorder, params: Params, [input, scale, shift, output]: [&Binding; 4]) -> Fit {
    let params = Params {
        input_first: input.first,
        scale_first: scale.first,
        shift_first: shift.first,
        output_first: output.first,
        ..params
    };
    let elements = u64::from(params.images) * u64::from(params.channels) * u64::from(params.pixels);
    recorder.dispatch::<Kernel>((), &params, &[input, scale, shift, output], elements, elements)
}
