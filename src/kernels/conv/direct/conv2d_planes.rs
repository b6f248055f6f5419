use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("conv2d_planes", 8, Params, |(outs, ending): (Outs, Ending)| [
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
    match outs {
        Outs::One => wgsl!["conv/planes/one.wgsl"],
        Outs::Three => wgsl!["conv/planes/three.wgsl"],
    },
]);

/// The output channels of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outs {
    One,
    Three,
}

axis!(Outs { One: "", Three: "three" });

impl Outs {
    /// Those for groups of so many.
    pub(crate) fn of(group_rows: u32) -> Self {
        if group_rows < 3 { Self::One } else { Self::Three }
    }

    pub(crate) fn channels(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

params!(
    window: Window,
    activation: Activation,
    group_first,
    groups,
    group_rows,
    group_sets,
    channels,
    set_first,
    sets,
    out_first,
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
        let stores = Iterations::of(Outs::of(self.group_rows).channels() * ROWS);
        Iterations::each(self.window.quads_per_group, Iterations::of(4u32)) + stores
    }
}

/// The rows of an invocation.
pub(crate) const ROWS: u32 = 4;

impl Params {
    fn workgroups(&self) -> u64 {
        let runs = u64::from(self.window.width.div_ceil(8)) * u64::from(self.out_rows.div_ceil(ROWS));
        runs.div_ceil(8) * u64::from(self.sets)
    }

    /// Elements that it samples.
    pub(crate) fn elements(&self) -> u64 {
        self.workgroups() * 8 * 8 * u64::from(ROWS) * 9 * u64::from(self.channels)
    }
}

/// `bindings` are planes, weight, bias and output.
pub(crate) fn conv2d_planes(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    recorder.dispatch::<Kernel>(
        (Outs::of(params.group_rows), params.activation.ending()),
        &params,
        &bindings,
        params.workgroups() * 8,
        params.elements(),
    )
}
