use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("flow_gradient", 64, Params, ["shared/grid.wgsl", "reduce/flow_gradient.wgsl"]);

params!(
    images,
    planes,
    pixels,
    points,
    first_plane,
    first_point,
    field_base,
    field_planes,
    flow_planes,
    planes_per_flow,
    whole_pixels,
    accumulate,
    grad_field_first,
    grad_flow_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.points)
    }
}

impl Params {
    /// Elements of the gradient.
    fn elements(&self) -> u64 {
        u64::from(self.images) * u64::from(self.planes) * u64::from(self.pixels)
    }

    /// Elements of the offsets' gradients that are added up.
    pub(crate) fn terms(&self) -> u64 {
        self.elements() * u64::from(self.points)
    }
}

pub(crate) fn flow_gradient(recorder: &mut Recorder, params: Params, [grad_field, grad_flow]: [&Binding; 2]) -> Fit {
    let params = Params { grad_field_first: grad_field.first, grad_flow_first: grad_flow.first, ..params };
    recorder.dispatch::<Kernel>((), &params, &[grad_field, grad_flow], params.elements(), params.terms())
}
