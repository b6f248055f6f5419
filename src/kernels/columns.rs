//! `Params` and variants of `im2col` and `deform_im2col`: shared/columns/params.wgsl, shared/columns/columns.wgsl.

use crate::gpu::{File, Iterations, Loops, axis, wgsl};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::params;
use crate::kernels::window::{Offsets, Window};

params!(
    window: Window,
    offsets: Offsets,
    border,
    modulated,
    channels,
    run_first,
    runs,
    tap_first,
    tap_runs,
    run_taps,
    tap_end,
    accumulate,
    columns_first,
);

/// The most quads of a run.
pub(crate) const RUN_QUADS: u32 = 64;

/// The invocations that a dispatch has at least, if there are so many taps.
const LEAST_INVOCATIONS: u64 = 1 << 12;

/// The most taps of an invocation, whose iterations lavapipe bounds.
const MOST_TAPS: u32 = 64;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // The taps and the quads of a run and, where columns hold the input's channels, those of each.
        let quads = Iterations::each(self.window.quads_per_group.min(RUN_QUADS), Iterations::of(4u32));
        Iterations::each(self.run_taps, quads)
    }
}

impl Params {
    /// With `tap_runs` and `run_taps`, which a dispatch needs: in panels an invocation does as many taps as leave invocations for every thread, since lavapipe
    /// takes long to find the place of a pixel.
    pub(crate) fn with_tap_runs(self, layout: Layout) -> Self {
        let taps = self.tap_end - self.tap_first;
        let rows = layout.filled_rows(self.window.pixels) * u64::from(self.runs);
        let run_taps = match layout {
            Layout::Rows => 1,
            Layout::Panels => (rows * u64::from(taps) / LEAST_INVOCATIONS).clamp(1, taps.min(MOST_TAPS).into()) as u32,
        };
        Self { tap_runs: taps.div_ceil(run_taps), run_taps, ..self }
    }

    pub(crate) fn invocations(&self, layout: Layout) -> u64 {
        layout.filled_rows(self.window.pixels) * u64::from(self.tap_runs) * u64::from(self.runs)
    }

    /// Elements of the columns that it makes.
    pub(crate) fn elements(&self) -> u64 {
        let quads = u64::from(self.window.quads).min(u64::from(self.runs) * u64::from(RUN_QUADS));
        u64::from(self.window.pixels) * u64::from(self.tap_end - self.tap_first) * quads * 4
    }
}

/// Where columns go, by the file that stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnsOrder {
    /// (group, pixel, tap, quad): shared/columns/quads.wgsl.
    Quads,
    /// (group, pixel, tap, quad) in a buffer, at the addresses of the layout: shared/columns/quads.wgsl with shared/rows/columns.wgsl.
    HeldQuads,
    /// (pixel, tap, channel): shared/columns/channels.wgsl.
    Channels,
}

axis!(ColumnsOrder { Quads: "", HeldQuads: "held", Channels: "channels" });

impl ColumnsOrder {
    /// The files of an order and a layout, beside those of all variants.
    pub(crate) fn files(self, layout: Layout) -> Vec<File> {
        let stored = match self {
            Self::Quads => [wgsl!["shared/columns/quads.wgsl"], of_layout!(layout, "columns")],
            Self::HeldQuads => [wgsl!["shared/columns/quads.wgsl"], wgsl!["shared/rows/columns.wgsl"]],
            Self::Channels => [wgsl!["shared/columns/channels.wgsl"], &[]],
        };
        [of_layout!(layout, "layout", "table", "packed"), &stored.concat()].concat()
    }
}
