use crate::gpu::{Fit, Part, Recorder};
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
    [flow, field, grad_field]: [&Part; 3],
) -> Fit {
    let params = Params { flow_first: flow.first, field_first: field.first, grad_first: grad_field.first, ..params };
    let parts = [flow, field, grad_field];
    recorder.dispatch::<Kernel>((), &params, &parts, params.elements(), params.elements())
}
