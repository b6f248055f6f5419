use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};
use crate::kernels::elementwise::offset_field::Params;

pub(crate) static OFFSET_FIELD_BACKWARD: Kernel = Kernel {
    name: "offset_field_backward",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "elementwise/parts/offset_field.wgsl", "elementwise/offset_field_backward.wgsl"],
    workgroup_size: 64,
};

pub(crate) fn offset_field_backward(
    recorder: &mut Recorder,
    params: Params,
    [flow, field, grad_field]: [&Part; 3],
) -> Result<()> {
    let params = Params { flow_first: flow.first, field_first: field.first, grad_first: grad_field.first, ..params };
    let parts = [flow, field, grad_field];
    recorder.dispatch(&OFFSET_FIELD_BACKWARD, &params, &parts, params.elements(), params.elements())
}
