use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("top_k_gather", 64, Params, ["shared/grid.wgsl", "reduce/top_k_gather.wgsl"]);

params!(
    planes,
    columns,
    k,
    plane,
    out_plane,
    step,
    each,
    list_row,
    base,
    input_first,
    list_first,
    values_first,
    indices_first,
);

impl Loops for Params {}

pub(crate) fn top_k_gather(
    recorder: &mut Recorder,
    params: Params,
    [input, list, values, indices]: [&Binding; 4],
) -> Fit {
    let params = Params {
        input_first: input.first,
        list_first: params.list_first + list.first,
        values_first: values.first,
        indices_first: indices.first,
        ..params
    };
    let elements = u64::from(params.planes) * u64::from(params.k) * u64::from(params.columns);
    recorder.dispatch::<Kernel>((), &params, &[input, list, values, indices], elements, elements)
}
