//! Convolutions of groups of one input channel, which read planes as they lie.

use std::ops::Range;

use super::im2col::{Im2colConvolution, direct_kernel};
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Im2col, Im2colGeometry};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::activation::Activation;
use crate::kernels::conv::direct::conv2d_depthwise::{self, conv2d_depthwise};
use crate::kernels::window::Window;
use crate::ops::conv::columns::Columns;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::plan::{Destination, bindable, in_pieces};

/// Whether planes of this element type are read as they lie: those of f32, of groups of one input channel, where a convolution is done without columns
/// and a row of the output, and the rows that it reads, fit a binding.
pub(super) fn reads_planes(gpu: &Gpu, geometry: &Conv2dGeometry, columns: &Columns, dtype: DType) -> bool {
    let Im2colGeometry { height, width, out_width, window, .. } = geometry.im2col;
    let rows = u64::from(window.dilation[0]) * u64::from(window.kernel[0] - 1) + 1;
    let input = rows.min(height.into()) * u64::from(width);
    dtype == DType::F32
        && geometry.group_channels() == 1
        && direct_kernel(gpu, geometry, columns).is_some()
        && input.max(out_width.into()) * DType::F32.size() <= bindable(gpu)
}

/// The rows of an image that some rows of the output read, at least one.
fn rows_read(im2col: &Im2colGeometry, out_rows: &Range<u32>) -> Range<u32> {
    let Im2col { kernel, stride, padding, dilation } = im2col.window;
    let last = u64::from(im2col.height) - 1;
    let start = |out_row: u32| u64::from(out_row) * u64::from(stride[0]);
    let reach = u64::from(dilation[0]) * u64::from(kernel[0] - 1);
    let within = |row: u64| row.saturating_sub(padding[0].into()).min(last) as u32;
    within(start(out_rows.start))..within(start(out_rows.end - 1) + reach) + 1
}

impl Im2colConvolution {
    /// Records a convolution that reads planes, in as many pieces as these and the output need to be bound.
    pub(super) fn depthwise(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        weight: &PackedMatrix,
        (bias, activation): (Option<&Tensor>, Activation),
        output: Destination,
    ) -> Result<()> {
        let g = &self.geometry;
        let Im2colGeometry { batch, channels, height, width, out_height, out_width, .. } = g.im2col;
        let group_rows = g.group_out_channels();
        let (plane, out_plane) = (height * width, out_height * out_width);
        let weight = weight.binding("weight")?;
        let no_bias = recorder.workspace([1])?.binding("bias", 0..1)?;
        in_pieces([0..batch, 0..g.out_channels, 0..out_height], &mut |[images, outs, out_rows]| {
            let groups = outs.start / group_rows..(outs.end - 1) / group_rows + 1;
            let rows = rows_read(&g.im2col, out_rows);
            let of_planes = |all: u32, planes: &Range<u32>, plane: u32, rows: &Range<u32>, width: u32| {
                let element = |image: u32, channel: u32, row: u32| {
                    (u64::from(image) * u64::from(all) + u64::from(channel)) * u64::from(plane)
                        + u64::from(row) * u64::from(width)
                };
                element(images.start, planes.start, rows.start)..element(images.end - 1, planes.end - 1, rows.end)
            };
            let read = of_planes(channels, &groups, plane, &rows, width);
            let written = of_planes(g.out_channels, outs, out_plane, out_rows, out_width);
            let input_binding = input.binding("input", read.clone())?;
            let output_binding = output.tensor().binding("output", written.clone())?;
            let bias_binding = match bias {
                Some(bias) => bias.binding("bias", outs.start.into()..outs.end.into())?,
                None => no_bias.clone(),
            };
            // Of image 0, channel 0 and row 0 where images are counted from the piece's first; wraps where these are not bound.
            let first = |bound: u32, range: &Range<u64>, image: u32| {
                bound.wrapping_sub((range.start - u64::from(images.start) * u64::from(image)) as u32)
            };
            let (input_image, output_image) = (channels * plane, g.out_channels * out_plane);
            let params = conv2d_depthwise::Params {
                window: Window::of(&g.im2col),
                activation,
                images: images.end - images.start,
                channel_first: outs.start,
                channels: outs.end - outs.start,
                group_rows,
                out_row_first: out_rows.start,
                out_rows: out_rows.end - out_rows.start,
                padded: self.is_padded().into(),
                accumulate: output.accumulates().into(),
                biased: bias.is_some().into(),
                bias_first: bias_binding.first.wrapping_sub(outs.start),
                input_first: first(input_binding.first, &read, input_image),
                input_image,
                input_plane: plane,
                output_first: first(output_binding.first, &written, output_image),
                output_image,
                output_plane: out_plane,
            };
            // A row is done at once, however large.
            if params.images > 1 || params.channels > 1 || params.out_rows > 1 {
                recorder.gpu().capabilities().check_elements("input", params.elements())?;
            }
            conv2d_depthwise(recorder, params, [&input_binding, &weight, &bias_binding, &output_binding])
        })
    }
}
