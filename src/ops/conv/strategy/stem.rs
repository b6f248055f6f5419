//! Convolutions of 3 x 3 taps of images of few channels, which read planes from a texture: the first of many networks.

use std::ops::Range;

use super::im2col::Im2colConvolution;
use super::planes::{COPIED_BYTES, copied_rows, whole_bias};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Im2col, Im2colGeometry};
use crate::gpu::{Gpu, Iterations, Loops, Recorder, Subgroup, Tensor, Texel, Texture};
use crate::kernels::activation::Activation;
use crate::kernels::conv::direct::conv2d_direct;
use crate::kernels::conv::direct::conv2d_stem::{self, MOST_CHANNELS, Stride, conv2d_stem};
use crate::kernels::layout::Layout;
use crate::kernels::window::Window;
use crate::ops::conv::columns::Columns;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::plan::{Destination, bindable, in_pieces, pieces};

/// How far apart the windows of the kernel for a convolution are, if there is one for it: where input and output begin with a quad, and have f32 in whole quads a row.
pub(super) fn stride_of_stem(gpu: &Gpu, geometry: &Conv2dGeometry, columns: &Columns, dtype: DType) -> Option<Stride> {
    let Im2colGeometry { channels, width, out_width, window, .. } = geometry.im2col;
    let Im2col { kernel, stride, padding: [_, left, ..], dilation } = window;
    let stem = dtype == DType::F32
        && Subgroup::multiplying(gpu.capabilities()).is_some()
        && columns.layout == Layout::Panels
        && columns.deformation.is_none()
        && (geometry.groups, kernel, dilation, left) == (1, [3; 2], [1; 2], 1)
        && channels <= MOST_CHANNELS
        && geometry.out_channels > conv2d_direct::MOST_ROWS
        && width.is_multiple_of(4)
        && out_width.is_multiple_of(4)
        && u64::from(out_width) * DType::F32.size() <= bindable(gpu)
        && 2 * rows_bytes(geometry, 3).max(COPIED_BYTES)
            <= Texture::most_bytes(gpu, Texel::Element).min(2 * bindable(gpu))
        && u64::from(geometry.out_channels) * DType::F32.size() <= bindable(gpu)
        && gpu.capabilities().check_iterations("weight", iterations(geometry)).is_ok();
    Stride::of(stride).filter(|_| stem)
}

fn iterations(geometry: &Conv2dGeometry) -> Iterations {
    conv2d_stem::Params { outs: geometry.out_channels, ..Default::default() }.iterations()
}

/// Bytes of so many rows of an image.
fn rows_bytes(geometry: &Conv2dGeometry, rows: u32) -> u64 {
    let Im2colGeometry { channels, width, .. } = geometry.im2col;
    u64::from(rows) * u64::from(channels) * u64::from(width) * DType::F32.size()
}

impl Im2colConvolution {
    /// Records a convolution of images that are copied into a texture, some at a time, or some rows of one.
    pub(super) fn of_stem(
        &self,
        recorder: &mut Recorder,
        stride: Stride,
        (input, weight): (&Tensor, &PackedMatrix),
        (bias, activation): (Option<&Tensor>, Activation),
        output: Destination,
    ) -> Result<()> {
        let g = &self.geometry;
        let Im2colGeometry { batch, channels, height, width, out_height, out_width, window, .. } = g.im2col;
        let Im2col { stride: [step, _], padding: [top, ..], .. } = window;
        let (image, row) = (rows_bytes(g, height), rows_bytes(g, 1).max(1));
        let images_at_once = (COPIED_BYTES / image.max(1)).max(1) as u32;
        let most_rows = (COPIED_BYTES / row).saturating_sub(3) / u64::from(step) + 1;
        let rows_at_once = if image <= COPIED_BYTES { out_height } else { most_rows.min(out_height.into()) as u32 };
        let out_plane = out_height * out_width;
        let outs_at_once = bindable(recorder.gpu()) / (u64::from(out_plane) * DType::F32.size());
        let outs_at_once = outs_at_once.clamp(1, g.out_channels.into()) as u32;
        let weight = weight.binding("weight")?;
        let bias_binding = whole_bias(recorder, bias)?;
        let output_tensor = output.tensor();
        for images in pieces(0..batch, images_at_once) {
            for out_rows in pieces(0..out_height, rows_at_once) {
                let within = |row: u32| row.saturating_sub(top).min(height);
                let rows = within(out_rows.start * step)..within((out_rows.end - 1) * step + 3);
                recorder.scratch(|recorder| {
                    let planes = images.start * channels..images.end * channels;
                    let (texture, plane_elements) =
                        copied_rows(recorder, input, [height, width], planes, rows.clone())?;
                    pieces(0..g.out_channels, outs_at_once).try_for_each(|outs| {
                        in_pieces([images.clone(), out_rows.clone()], &mut |[some, out_rows]: &[Range<u32>; 2]| {
                            let element = |image: u32, channel: u32, row: u32| {
                                (u64::from(image) * u64::from(g.out_channels) + u64::from(channel))
                                    * u64::from(out_plane)
                                    + u64::from(row) * u64::from(out_width)
                            };
                            let written = element(some.start, outs.start, out_rows.start)
                                ..element(some.end - 1, outs.end - 1, out_rows.end);
                            let output_binding = output_tensor.binding("output", written)?;
                            let params = conv2d_stem::Params {
                                window: Window::of(&g.im2col),
                                activation,
                                channels,
                                image_first: some.start - images.start,
                                images: some.end - some.start,
                                out_first: outs.start,
                                outs: outs.end - outs.start,
                                out_row_first: out_rows.start,
                                out_rows: out_rows.end - out_rows.start,
                                out_channels: g.out_channels,
                                row_first: rows.start,
                                rows: rows.end - rows.start,
                                plane_elements,
                                accumulate: output.accumulates().into(),
                                biased: bias.is_some().into(),
                                bias_first: bias_binding.first,
                                output_first: output_binding.first,
                                output_image: g.out_channels * out_plane,
                                output_plane: out_plane,
                            };
                            // A row is done at once, however large.
                            if params.images > 1 || params.out_rows > 1 {
                                recorder.gpu().capabilities().check_elements("input", params.elements())?;
                            }
                            let bindings = [&texture.binding(), &weight, &bias_binding, &output_binding];
                            conv2d_stem(recorder, stride, params, bindings)
                        })
                    })
                })?;
            }
        }
        Ok(())
    }
}
