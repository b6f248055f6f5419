use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

kernel!("col2im", 64, Params, |(quads, layout): (RunQuads, Layout)| [
    wgsl!["shared/grid.wgsl"],
    of_layout!(layout, "layout", "given", "table"),
    quads.files(),
    wgsl!["shared/window.wgsl", "shared/col2im.wgsl", "conv/col2im.wgsl"],
]);

/// How many quads a run has at most, all of which one invocation adds up: shared/runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RunQuads {
    One,
    Two,
    Four,
}

axis!(RunQuads { One: "1", Two: "2", Four: "4" });

impl RunQuads {
    /// The most quads of any run.
    pub(crate) const MOST: u32 = 4;

    /// The variant for runs of so many channels at most.
    pub(crate) fn of_channels(most: u32) -> Self {
        match most {
            0..=4 => Self::One,
            5..=8 => Self::Two,
            _ => Self::Four,
        }
    }

    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::One => wgsl!["shared/runs/quads_1.wgsl"],
            Self::Two => wgsl!["shared/runs/quads_2.wgsl"],
            Self::Four => wgsl!["shared/runs/quads_4.wgsl"],
        }
    }
}

params!(
    /// The pixels and channels of the input that a dispatch does: shared/col2im.wgsl.
    struct InputPiece {
        image_first,
        images,
        pixel_first,
        pixels,
        plane,
        channels,
        run_first,
        runs,
        lane_first,
        lane_end,
        accumulate,
        grad_input_first,
    }
);

params!(window: Window, piece: InputPiece, row_first, row_last, tap_first, tap_end);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.most_taps()) + self.piece.iterations()
    }
}

impl Params {
    /// The most taps from which a pixel may meet the strip.
    fn most_taps(&self) -> u32 {
        let span = u64::from(self.row_last - self.row_first) * u64::from(self.window.stride_y);
        let rows = (span / u64::from(self.window.dilation_y) + 1) * u64::from(self.window.kernel_width);
        rows.min((self.tap_end - self.tap_first).into()) as u32
    }
}

impl InputPiece {
    /// The iterations of loading and storing the channels of a run, by four.
    pub(crate) fn iterations(&self) -> Iterations {
        let quad = |first: u32| Iterations::of(self.channels.saturating_sub(first).min(4));
        let quads = quad(0) + quad(4) + quad(8) + quad(12);
        quads + quads
    }

    /// A pixel of an image for each run.
    pub(crate) fn invocations(&self) -> u64 {
        u64::from(self.images) * u64::from(self.runs) * u64::from(self.pixels)
    }
}

pub(crate) fn col2im(
    recorder: &mut Recorder,
    axes: (RunQuads, Layout),
    params: Params,
    [columns, grad_input, table]: [&Binding; 3],
) -> Fit {
    let invocations = params.piece.invocations();
    let elements = 16 * invocations * u64::from(params.most_taps());
    recorder.dispatch::<Kernel>(axes, &params, &[columns, grad_input, table], invocations, elements)
}
