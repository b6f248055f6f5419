//! The window that convolutions and their gradients share: shared/window.wgsl.

use crate::kernels::params;

params!(
    /// A window over packed images, and which of its output pixels a dispatch does.
    struct Window {
        pixel_first,
        pixels,
        height,
        width,
        out_height,
        out_width,
        out_pixels,
        kernel_height,
        kernel_width,
        taps,
        stride_y,
        stride_x,
        padding_top,
        padding_left,
        dilation_y,
        dilation_x,
        quads,
        quads_per_group,
        band_first,
        band_pixels,
    }
);

params!(
    /// Which sampling points of a deformable window a dispatch does, and where their offsets and masks lie.
    struct Offsets {
        point_first,
        points,
        origin,
        y_first,
        y_batch,
        y_step,
        x_first,
        x_batch,
        x_step,
        mask_first,
        mask_batch,
        mask_step,
    }
);
