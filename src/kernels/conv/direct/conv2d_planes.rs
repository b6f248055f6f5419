use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("conv2d_planes", 8, Params, |(form, ending): (Form, Ending)| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/panels/layout.wgsl",
        "conv/depthwise/stores_quads.wgsl",
        "conv/direct/planes.wgsl",
    ],
    match form {
        Form::OneOut => wgsl!["conv/planes/single.wgsl", "conv/planes/one.wgsl", "conv/planes/narrow.wgsl"],
        Form::ThreeOuts => wgsl!["conv/planes/three.wgsl", "conv/planes/narrow.wgsl"],
        Form::FiveTaps => wgsl!["conv/planes/single.wgsl", "conv/planes/five.wgsl", "conv/planes/wide.wgsl"],
        Form::SevenTaps => wgsl!["conv/planes/single.wgsl", "conv/planes/seven.wgsl", "conv/planes/wide.wgsl"],
    },
    wgsl!["conv/planes/row.wgsl", "conv/conv2d_planes.wgsl"],
]);

/// The taps of a window, and the output channels that an invocation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 3 x 3 taps, one output channel.
    OneOut,
    /// 3 x 3 taps, three output channels.
    ThreeOuts,
    /// 5 x 5 taps of one input channel, one output channel.
    FiveTaps,
    /// 7 x 7 taps of one input channel, one output channel.
    SevenTaps,
}

axis!(Form { OneOut: "", ThreeOuts: "three", FiveTaps: "five", SevenTaps: "seven" });

impl Form {
    /// The form for windows of so many taps and groups of so many input channels, if there is one, and three output channels may be done at once.
    pub(crate) fn of(kernel: [u32; 2], group_channels: u32, three: bool) -> Option<Self> {
        match (kernel, group_channels) {
            ([3, 3], _) => Some(if three { Self::ThreeOuts } else { Self::OneOut }),
            ([5, 5], 1) => Some(Self::FiveTaps),
            ([7, 7], 1) => Some(Self::SevenTaps),
            _ => None,
        }
    }

    /// The output channels of an invocation.
    pub(crate) fn outs(self) -> u32 {
        if self == Self::ThreeOuts { 3 } else { 1 }
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
        let sums = Iterations::each(self.window.quads_per_group, Iterations::of(4u32));
        sums + Iterations::of(self.window.kernel_height) + Iterations::of(3 * ROWS)
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
    pub(crate) fn elements(&self, form: Form) -> u64 {
        let taps = u64::from(self.window.kernel_height) * u64::from(self.window.kernel_width);
        let sums = self.workgroups() * 8 * 8 * u64::from(ROWS) * u64::from(form.outs());
        sums * taps * u64::from(self.channels)
    }
}

/// `bindings` are planes, weight, bias and output.
pub(crate) fn conv2d_planes(recorder: &mut Recorder, form: Form, params: Params, bindings: [&Binding; 4]) -> Fit {
    recorder.dispatch::<Kernel>(
        (form, params.activation.ending()),
        &params,
        &bindings,
        params.workgroups() * 8,
        params.elements(form),
    )
}
