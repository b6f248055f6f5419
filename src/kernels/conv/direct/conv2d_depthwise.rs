use crate::error::Result;
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::conv::direct::conv2d_direct::Taps;
use crate::kernels::stores::{Stores, whole_quads};
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

kernel!("conv2d_depthwise", 64, Params, |((reads, stores), ending): ((Reads, Stores), Ending)| [
    ending.files(),
    wgsl!["shared/grid.wgsl", "shared/window.wgsl", "shared/panels/layout.wgsl"],
    match reads {
        Reads::Apart => Taps::Apart.files(),
        Reads::Shared => Taps::Shared.files(),
        Reads::Quads => &[],
    },
    match reads {
        Reads::Apart | Reads::Shared => wgsl!["conv/depthwise/reads_elements.wgsl"],
        Reads::Quads => wgsl!["shared/quads/rows.wgsl", "conv/depthwise/reads_quads.wgsl"],
    },
    match stores {
        Stores::Elements => wgsl!["conv/depthwise/stores_elements.wgsl"],
        Stores::Quads => wgsl!["conv/depthwise/stores_quads.wgsl"],
    },
    wgsl!["conv/conv2d_depthwise.wgsl"],
]);

/// How the taps of a row are loaded: each by itself, those that pixels share once, or in quads, which pixels share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    Apart,
    Shared,
    Quads,
}

axis!(Reads { Apart: "apart", Shared: "shared", Quads: "quads" });

params!(
    window: Window,
    activation: Activation,
    images,
    channel_first,
    channels,
    group_rows,
    out_row_first,
    out_rows,
    padded,
    accumulate,
    biased,
    bias_first,
    input_first,
    input_image,
    input_plane,
    output_first,
    output_image,
    output_plane,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let row = Iterations::of(self.window.kernel_width);
        Iterations::each(self.window.kernel_height, row) + Iterations::of(8u32)
    }
}

impl Params {
    fn invocations(&self) -> u64 {
        let rows = u64::from(self.images) * u64::from(self.channels) * u64::from(self.out_rows);
        rows * u64::from(self.window.out_width.div_ceil(8))
    }

    /// Quads where rows of the input are whole quads, and four of them have what eight pixels take: conv/depthwise/reads_quads.wgsl.
    fn reads(&self, input: &Binding) -> Reads {
        let Window { stride_x, dilation_x, padding_left, kernel_width, width, .. } = self.window;
        // What is loaded begins there in a quad, one element before the first tap.
        let within = 0u32.wrapping_sub(padding_left + 1) % 4;
        let in_four = stride_x == 1 && dilation_x == 1 && within + kernel_width.min(9) <= 8;
        let aligned = [width, self.input_first, self.input_image, self.input_plane];
        if in_four && self.padded != 0 && input.ends_a_quad() && whole_quads(&aligned) {
            return Reads::Quads;
        }
        match Taps::of(stride_x, dilation_x) {
            Taps::Apart => Reads::Apart,
            Taps::Shared => Reads::Shared,
        }
    }

    fn stores(&self) -> Stores {
        Stores::of(&[self.window.out_width, self.output_first, self.output_image, self.output_plane])
    }

    /// Elements that it samples.
    pub(crate) fn elements(&self) -> u64 {
        let taps = u64::from(self.window.kernel_height) * u64::from(self.window.kernel_width);
        self.invocations() * 8 * taps
    }
}

/// Compiles what a dispatch may need.
pub(crate) fn compile(gpu: &Gpu, taps: Taps) -> Result<()> {
    let reads: &[Reads] = match taps {
        Taps::Apart => &[Reads::Apart],
        Taps::Shared => &[Reads::Shared, Reads::Quads],
    };
    let mut variants = reads.iter().flat_map(|&reads| Stores::all().into_iter().map(move |stores| (reads, stores)));
    variants.try_for_each(|variant| gpu.compile::<Kernel>((variant, Ending::Bounds)))
}

/// `bindings` are input, weight, bias and output.
pub(crate) fn conv2d_depthwise(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let axes = ((params.reads(bindings[0]), params.stores()), params.activation.ending());
    recorder.dispatch::<Kernel>(axes, &params, &bindings, params.invocations(), params.elements())
}
