use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("unmasked_rows", 64, Params, ["shared/grid.wgsl", "movement/unmasked_rows.wgsl"]);

params!(rows, columns, mask_first, input_first, output_first, accumulate);

impl Loops for Params {}

pub(crate) fn unmasked_rows(recorder: &mut Recorder, params: Params, [mask, input, output]: [&Binding; 3]) -> Fit {
    let params = Params { mask_first: mask.first, input_first: input.first, output_first: output.first, ..params };
    let elements = u64::from(params.rows) * u64::from(params.columns);
    recorder.dispatch::<Kernel>((), &params, &[mask, input, output], elements, elements)
}
