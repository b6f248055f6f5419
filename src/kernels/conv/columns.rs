//! What `im2col` and `deform_im2col` have in common: shared/window.wgsl, shared/columns/columns.wgsl.

use crate::gpu::{File, Iterations, Loops, axis, wgsl};
use crate::kernels::form::{Form, of_form};
use crate::kernels::params;

params!(
    pixel_first,
    pixels,
    out_width,
    out_pixels,
    height,
    width,
    kernel_width,
    taps,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    dilation_y,
    dilation_x,
    channels,
    quads,
    quads_per_group,
    run_first,
    runs,
    tap_first,
    tap_count,
    band_first,
    band_pixels,
    accumulate,
    columns_first,
    border,
    modulated,
    point_first,
    points,
    origin,
    offset_y_first,
    offset_y_batch,
    offset_y_step,
    offset_x_first,
    offset_x_batch,
    offset_x_step,
    mask_first,
    mask_batch,
    mask_step,
);

/// The most quads of a run.
pub(crate) const RUN_QUADS: u32 = 64;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // The quads of a run and, where columns hold the input's channels, those of each.
        Iterations::each(self.quads_per_group.min(RUN_QUADS), Iterations::of(4u32))
    }
}

impl Params {
    pub(crate) fn invocations(&self, form: Form) -> u64 {
        form.filled_rows(self.pixels) * u64::from(self.tap_count) * u64::from(self.runs)
    }

    /// Elements of the columns that it makes.
    pub(crate) fn elements(&self) -> u64 {
        let quads = u64::from(self.quads).min(u64::from(self.runs) * u64::from(RUN_QUADS));
        u64::from(self.pixels) * u64::from(self.tap_count) * quads * 4
    }
}

/// Where columns go, by the file that stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnsLayout {
    /// (group, pixel, tap, quad): shared/columns/quads.wgsl.
    Quads,
    /// (pixel, tap, channel): shared/columns/channels.wgsl.
    Channels,
}

axis!(ColumnsLayout { Quads: "", Channels: "channels" });

impl ColumnsLayout {
    /// What a kernel has beyond what all variants have.
    pub(crate) fn files(self, form: Form) -> Vec<File> {
        let stored = match self {
            Self::Quads => [wgsl!["shared/columns/quads.wgsl"], of_form!(form, "columns")],
            Self::Channels => [wgsl!["shared/columns/channels.wgsl"], &[]],
        };
        [of_form!(form, "layout", "table", "packed"), &stored.concat()].concat()
    }
}
