//! `Params`, samples and loops of the kernels without columns: conv/fused/fused.wgsl.

use crate::gpu::{Binding, Capabilities, File, Iterations, axis, wgsl};
use crate::kernels::activation::Activation;
use crate::kernels::params;
use crate::kernels::window::{Offsets, Window};

params!(
    window: Window,
    offsets: Offsets,
    activation: Activation,
    border,
    modulated,
    accumulate,
    group_first,
    groups,
    row_first,
    rows,
    group_rows,
    term_first,
    term_end,
    split_terms,
    splits,
    weight_first,
    weight_group,
    weight_row,
    biased,
    bias_first,
    output_first,
    output_plane,
    output_image,
    output_split,
);

/// A dispatch: its numbers, and what it binds.
pub(crate) struct Dispatch<'a> {
    pub(crate) params: Params,
    /// packed, weight, channel_quads, bias, output
    pub(crate) bindings: [&'a Binding; 5],
    /// offset_y, offset_x, mask of a deformable window
    pub(crate) offsets: Option<&'a [&'a Binding]>,
}

impl Dispatch<'_> {
    /// Params, with the first elements of what is bound.
    pub(crate) fn params(&self) -> Params {
        let [_, weight, _, bias, output] = self.bindings;
        let output_first = self.params.output_first.wrapping_add(output.first);
        Params { weight_first: weight.first, bias_first: bias.first, output_first, ..self.params }
    }

    pub(crate) fn sampling(&self) -> Sampling {
        Sampling::of(self.offsets.is_some())
    }

    pub(crate) fn all_bindings(&self) -> Vec<&Binding> {
        [&self.bindings[..], self.offsets.unwrap_or_default()].concat()
    }

    /// Workgroups, each of which does a tile of so many rows and pixels.
    pub(crate) fn workgroups(&self, [rows, pixels]: [u32; 2]) -> u64 {
        let Params { groups, splits, .. } = self.params;
        let [rows, pixels] =
            [self.params.rows.div_ceil(rows), self.params.window.pixels.div_ceil(pixels)].map(u64::from);
        rows * pixels * u64::from(groups) * u64::from(splits)
    }

    /// The most terms of a split.
    pub(crate) fn terms(&self) -> u32 {
        let Params { split_terms, term_first, term_end, .. } = self.params;
        split_terms.min(term_end - term_first)
    }

    pub(crate) fn work(&self, capabilities: &Capabilities, tile: [u32; 2]) -> u64 {
        self.workgroups(tile).saturating_mul(tile_work(capabilities, tile, self.terms()))
    }
}

/// How a kernel loops over its terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// The terms of a step.
    pub(crate) terms: u32,
    /// The iterations of the loops within a step.
    pub(crate) each: Iterations,
    /// The iterations of storing the sums.
    pub(crate) store: Iterations,
}

impl Steps {
    /// See [`Loops::iterations`](crate::gpu::Loops::iterations).
    pub(crate) fn iterations(self, terms: u32) -> Iterations {
        Iterations::each(terms.div_ceil(self.terms), self.each) + self.store
    }
}

/// Four rows of a pixel are stored in a loop: conv/fused/fused.wgsl.
pub(crate) fn stored() -> Iterations {
    Iterations::of(4u32)
}

/// The units of work of sampling one element, next to its products: its neighbours lie in a cache more often than not.
const WORK_PER_SAMPLE: u64 = 16;

/// The work of a tile of so many rows and pixels, of so many terms: see [`Capabilities::work_per_dispatch`]. Adapters that run on the CPU emulate
/// workgroup memory and barriers.
pub(crate) fn tile_work(capabilities: &Capabilities, [rows, pixels]: [u32; 2], terms: u32) -> u64 {
    let product = u64::from(rows) * if capabilities.software() { 8 } else { 1 };
    (product + WORK_PER_SAMPLE) * u64::from(pixels) * u64::from(terms) * 4
}

/// How a kernel samples.
#[derive(Clone, Copy)]
pub(crate) enum Sampling {
    /// A plain window: conv/fused/fused_window.wgsl.
    Window,
    /// A deformable one: conv/fused/fused_deform.wgsl.
    Deform,
}

axis!(Sampling { Window: "window", Deform: "deform" });

impl Sampling {
    pub(crate) fn of(deformable: bool) -> Self {
        if deformable { Self::Deform } else { Self::Window }
    }

    /// The files of all kernels that sample in this way.
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::Window => {
                wgsl!["shared/grid.wgsl", "shared/window.wgsl", "conv/fused/fused.wgsl", "conv/fused/fused_window.wgsl",]
            }
            Self::Deform => wgsl![
                "shared/grid.wgsl",
                "shared/border.wgsl",
                "shared/bilinear.wgsl",
                "shared/window.wgsl",
                "conv/fused/fused.wgsl",
                "shared/rows/offsets.wgsl",
                "shared/modulated.wgsl",
                "conv/fused/fused_deform.wgsl",
            ],
        }
    }
}
