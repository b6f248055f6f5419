use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "offset_field",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "shared/exponential.wgsl",
        "elementwise/parts/offset_field.wgsl",
        "elementwise/offset_field.wgsl",
    ]
);

params!(
    images,
    planes,
    pixels,
    first_plane,
    whole_planes,
    whole_pixels,
    offset_planes,
    limit: f32,
    mask_scale: f32,
    flow_planes,
    planes_per_flow,
    flow_base,
    flow_first,
    field_first,
    grad_first,
);

impl Loops for Params {}

impl Params {
    pub(crate) fn elements(&self) -> u64 {
        u64::from(self.images) * u64::from(self.planes) * u64::from(self.pixels)
    }
}

pub(crate) fn offset_field(recorder: &mut Recorder, params: Params, [flow, field]: [&Binding; 2]) -> Fit {
    let params = Params { flow_first: flow.first, field_first: field.first, ..params };
    recorder.dispatch::<Kernel>((), &params, &[flow, field], params.elements(), params.elements())
}
