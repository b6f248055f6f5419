use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("conv2d_planes", 8, Params, |ending: Ending| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/panels/layout.wgsl",
        "conv/depthwise/stores_quads.wgsl",
        "conv/direct/planes.wgsl",
        "conv/conv2d_planes.wgsl",
    ],
]);

params!(
    window: Window,
    activation: Activation,
    group_first,
    groups,
    group_rows,
    channels,
    out_first,
    outs,
    out_row_first,
    out_rows,
    row_first,
    rows,
    plane_elements,
    accumulate,
    biased,
    bias_first,
    output_first,
    output_plane,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.channels) + Iterations::of(ROWS)
    }
}

/// The rows of an invocation.
pub(crate) const ROWS: u32 = 4;

impl Params {
    fn workgroups(&self) -> u64 {
        let runs = u64::from(self.window.width.div_ceil(8)) * u64::from(self.out_rows.div_ceil(ROWS));
        runs.div_ceil(8) * u64::from(self.outs)
    }

    /// Elements that it samples.
    pub(crate) fn elements(&self) -> u64 {
        self.workgroups() * 8 * 8 * u64::from(ROWS) * 9 * u64::from(self.channels)
    }
}

/// `bindings` are planes, weight, bias and output.
pub(crate) fn conv2d_planes(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    recorder.dispatch::<Kernel>(
        params.activation.ending(),
        &params,
        &bindings,
        params.workgroups() * 8,
        params.elements(),
    )
}
