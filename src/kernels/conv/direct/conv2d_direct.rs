use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("conv2d_direct", 64, Params, |((taps, rows), ending): ((Taps, Rows), Ending)| [
    SUBGROUPS,
    ending.files(),
    wgsl!["shared/grid.wgsl", "shared/window.wgsl", "shared/panels/layout.wgsl", "conv/direct/direct.wgsl"],
    taps.files(),
    match rows {
        Rows::Four => wgsl!["conv/direct/direct_rows_4.wgsl"],
        Rows::One => wgsl!["conv/direct/direct_rows_1.wgsl"],
    },
    wgsl!["conv/conv2d_direct.wgsl"],
]);

/// Whether pixels share taps.
#[derive(Clone, Copy)]
pub(crate) enum Taps {
    Apart,
    Shared,
}

axis!(Taps { Apart: "apart", Shared: "shared" });

impl Taps {
    /// Shared where taps lie as far apart as pixels.
    pub(crate) fn of(stride_x: u32, dilation_x: u32) -> Self {
        if stride_x == dilation_x { Self::Shared } else { Self::Apart }
    }

    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::Apart => wgsl!["conv/direct/direct_taps_apart.wgsl"],
            Self::Shared => wgsl!["conv/direct/direct_taps_shared.wgsl"],
        }
    }
}

/// The most output channels of a group.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    Four,
    One,
}

axis!(Rows { Four: "4", One: "1" });

params!(
    window: Window,
    activation: Activation,
    out_row_first,
    out_rows,
    group_first,
    groups,
    rows,
    padded,
    accumulate,
    biased,
    bias_first,
    output_first,
    output_1_first,
    output_2_first,
    output_3_first,
    output_image,
    output_plane,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let row = Iterations::each(self.window.quads_per_group, Iterations::of(self.window.kernel_width));
        Iterations::each(self.window.kernel_height, row) + Iterations::of(8u32)
    }
}

impl Params {
    fn workgroups(&self) -> u64 {
        let runs = u64::from(self.out_rows) * u64::from(self.window.out_width.div_ceil(8));
        runs.div_ceil(64) * u64::from(self.groups)
    }

    /// Elements that it samples.
    pub(crate) fn elements(&self) -> u64 {
        let taps = u64::from(self.window.kernel_height) * u64::from(self.window.kernel_width);
        self.workgroups() * 512 * taps * u64::from(self.window.quads_per_group) * 4
    }

    /// The variant for its stride, dilation and rows.
    pub(crate) fn variant(&self) -> (Taps, Rows) {
        (Taps::of(self.window.stride_x, self.window.dilation_x), if self.rows == 1 { Rows::One } else { Rows::Four })
    }
}

/// Output channels of a group at most.
pub(crate) const MOST_ROWS: u32 = 4;

/// `outputs` are those of each row; a variant of one row binds the first alone.
pub(crate) fn conv2d_direct(
    recorder: &mut Recorder,
    params: Params,
    [packed, weight, bias]: [&Binding; 3],
    outputs: &[Binding; 4],
) -> Fit {
    let axes = (params.variant(), params.activation.ending());
    let bound = if params.rows == 1 { 1 } else { 4 };
    let bindings: Vec<_> = [packed, weight, bias].into_iter().chain(&outputs[..bound]).collect();
    recorder.dispatch::<Kernel>(axes, &params, &bindings, params.workgroups() * 64, params.elements())
}
