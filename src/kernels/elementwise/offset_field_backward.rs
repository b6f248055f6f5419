use crate::gpu::{Binding, Fit, Recorder};
use crate::kernels::elementwise::offset_field::Params;
use crate::kernels::kernel;

kernel!(
    "offset_field_backward",
    64,
    Params,
    ["shared/grid.wgsl", "elementwise/parts/offset_field.wgsl", "elementwise/offset_field_backward.wgsl",]
);

pub(crate) fn offset_field_backward(
    recorder: &mut Recorder,
    params: Params,
    [flow, field, grad_field]: [&Binding; 3],
) -> Fit {
    let params = Params { flow_first: flow.first, field_first: field.first, grad_first: grad_field.first, ..params };
    let bindings = [flow, field, grad_field];
    recorder.dispatch::<Kernel>((), &params, &bindings, params.elements(), params.elements())
}
