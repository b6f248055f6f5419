//! The window that convolutions and their gradients share: shared/window.wgsl.

use crate::geometry::{Im2col, Im2colGeometry};
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

impl Window {
    /// The window of a checked problem; which pixels a dispatch does, and what is packed, is to be filled in.
    pub(crate) fn of(im2col: &Im2colGeometry) -> Self {
        let &Im2colGeometry { height, width, window, out_height, out_width, .. } = im2col;
        let Im2col { kernel, stride, padding, dilation } = window;
        Self {
            height,
            width,
            out_height,
            out_width,
            out_pixels: im2col.out_pixels(),
            kernel_height: kernel[0],
            kernel_width: kernel[1],
            taps: im2col.taps(),
            stride_y: stride[0],
            stride_x: stride[1],
            padding_top: padding[0],
            padding_left: padding[1],
            dilation_y: dilation[0],
            dilation_x: dilation[1],
            ..Self::default()
        }
    }
}

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
