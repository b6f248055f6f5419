//! What `im2col` and `deform_im2col` have in common: shared/window.wgsl, shared/columns.wgsl.

use super::params;

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
    runs,
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

impl Params {
    pub(super) fn invocations(&self) -> u64 {
        u64::from(self.pixels) * u64::from(self.taps) * u64::from(self.runs)
    }

    /// Elements of the columns that it makes.
    pub(super) fn elements(&self) -> u64 {
        u64::from(self.pixels) * u64::from(self.taps) * u64::from(self.quads) * 4
    }
}

/// Where columns go, by the file that stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnsLayout {
    /// (group, pixel, tap, quad): shared/columns_quads.wgsl.
    Quads,
    /// (pixel, tap, channel): shared/columns_channels.wgsl.
    Channels,
}
