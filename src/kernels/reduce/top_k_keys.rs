use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("top_k_keys", 64, Params, ["shared/grid.wgsl", "shared/order.wgsl", "reduce/top_k_keys.wgsl"]);

params!(rows, columns, extent, plane, step, order, by_row, input_first, keys_first, values_first);

impl Loops for Params {}

pub(crate) fn top_k_keys(recorder: &mut Recorder, params: Params, [input, keys, values]: [&Binding; 3]) -> Fit {
    let params = Params { input_first: input.first, keys_first: keys.first, values_first: values.first, ..params };
    let elements = u64::from(params.rows) * u64::from(params.extent);
    recorder.dispatch::<Kernel>((), &params, &[input, keys, values], elements, elements)
}
