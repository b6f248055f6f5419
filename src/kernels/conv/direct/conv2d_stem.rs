use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("conv2d_stem", 8, Params, |(stride, ending): (Stride, Ending)| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/panels/layout.wgsl",
        "conv/depthwise/stores_quads.wgsl",
        "conv/direct/planes.wgsl",
    ],
    match stride {
        Stride::One => wgsl!["conv/stem/one.wgsl"],
        Stride::Two => wgsl!["conv/stem/two.wgsl"],
    },
    wgsl!["conv/conv2d_stem.wgsl"],
]);

/// How far apart windows are, along both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stride {
    One,
    Two,
}

axis!(Stride { One: "", Two: "two" });

impl Stride {
    /// The stride of the kernel that is one, if there is one.
    pub(crate) fn of(stride: [u32; 2]) -> Option<Self> {
        match stride {
            [1, 1] => Some(Self::One),
            [2, 2] => Some(Self::Two),
            _ => None,
        }
    }
}

params!(
    window: Window,
    activation: Activation,
    channels,
    image_first,
    images,
    out_first,
    outs,
    out_row_first,
    out_rows,
    out_channels,
    row_first,
    rows,
    plane_elements,
    accumulate,
    biased,
    bias_first,
    output_first,
    output_image,
    output_plane,
);

/// The most channels of an image.
pub(crate) const MOST_CHANNELS: u32 = 3;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.outs)
    }
}

impl Params {
    fn workgroups(&self) -> u64 {
        let runs = u64::from(self.window.out_width.div_ceil(8)) * u64::from(self.out_rows);
        runs.div_ceil(8) * u64::from(self.images)
    }

    /// Elements that it samples, once for all output channels, and those that it writes: each of these costs about two, with its terms.
    pub(crate) fn elements(&self) -> u64 {
        self.workgroups() * 8 * 8 * (9 * u64::from(MOST_CHANNELS) + 2 * u64::from(self.outs))
    }
}

/// `bindings` are planes, weight, bias and output.
pub(crate) fn conv2d_stem(recorder: &mut Recorder, stride: Stride, params: Params, bindings: [&Binding; 4]) -> Fit {
    let axes = (stride, params.activation.ending());
    recorder.dispatch::<Kernel>(axes, &params, &bindings, params.workgroups() * 8, params.elements())
}
