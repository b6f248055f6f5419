//! The backward pass of a convolution by columns, strip by strip: the gradients of the columns are those of the output by the weight, and
//! those of the weight are these, transposed, by the columns, which are not kept from the forward pass.

use std::ops::Range;

use super::super::backward::{Destination, Gradient};
use super::super::channels_last::{ChannelsLast, channel_quads};
use super::super::columns::{PackedImages, Sampler};
use super::super::columns_backward::{Blocks, ColumnsBackward, Gradients, Pass, grad_input_bytes, reads_input};
use super::super::matmul::{self, Elements, Output, Product, product};
use super::super::pieces;
use super::super::quads::Quads;
use super::super::strips::wide_bytes;
use super::super::sums::{sum_over, zeros};
use super::im2col::{Im2colConvolution, depth};
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::form::Form;
use crate::kernels::segment_sums::SEGMENT_SUMS;
use crate::kernels::unpack_weight::{self, UNPACK_WEIGHT, unpack_weight};
use crate::shape::MAX_RANK;

/// What the backward pass of a convolution needs beside the forward's.
pub(in crate::ops) struct Im2colBackward {
    columns: ColumnsBackward,
    grad_output: ChannelsLast,
}

impl Im2colBackward {
    /// For a gradient of the output that is stored so.
    pub(in crate::ops) fn new(gpu: &Gpu, convolution: &Im2colConvolution, data: DType) -> Result<Self> {
        let g = &convolution.geometry;
        UNPACK_WEIGHT.compile(gpu, convolution.columns.form)?;
        // Of the sums of segments the sums are f32.
        gpu.compile(SEGMENT_SUMS.of(data))?;
        gpu.compile(SEGMENT_SUMS.of(DType::F32))?;
        matmul::compile_backward(gpu)?;
        let columns = ColumnsBackward::new(gpu, &convolution.columns)?;
        let extents = [g.out_channels, g.im2col.out_pixels()];
        let quads = channel_quads(g.out_channels, g.groups, 1);
        let grad_output = ChannelsLast::new(gpu, convolution.columns.form, data, extents, quads)?;
        Ok(Self { columns, grad_output })
    }
}

impl Im2colConvolution {
    /// Records the gradients that there are.
    pub(in crate::ops) fn backward(
        &self,
        recorder: &mut Recorder,
        backward: &Im2colBackward,
        sampler: &Sampler,
        weight: &Tensor,
        grad_output: &Tensor,
        gradients: &Gradients,
    ) -> Result<()> {
        let (g, columns) = (&self.geometry, &self.columns);
        let sampled = gradients.input.is_some() || gradients.offset.is_some() || gradients.mask.is_some();
        if let Some(destination) = gradients.bias {
            let mut axes = [(1, false); MAX_RANK];
            axes[..3].copy_from_slice(&[
                (g.im2col.batch, true),
                (g.out_channels, false),
                (g.im2col.out_pixels(), true),
            ]);
            let gradient = Gradient::begin(recorder, destination)?;
            sum_over(recorder, axes, grad_output, &gradient)?;
            gradient.finish(recorder)?;
        }
        if g.im2col.batch == 0 {
            let Some(destination @ Destination::Write(_)) = gradients.weight else { return Ok(()) };
            let gradient = Gradient::begin(recorder, destination)?;
            zeros(recorder, &gradient.tensor)?;
            return gradient.finish(recorder);
        }
        if !(sampled || gradients.weight.is_some()) {
            return Ok(());
        }
        let depth = depth(g, columns);
        let wide_image = grad_input_bytes(&g.im2col, sampler.input);
        let chunk = columns.images_per_chunk(recorder.gpu(), wide_image);
        let held = 2 * u64::from(g.out_channels) * depth * 4 + u64::from(chunk) * wide_image;
        let fields = [sampler.offset, sampler.mask].into_iter().flatten();
        // Whichever gradients are wanted: what is in a block does not depend on it.
        let pixel = [columns.pixel_bytes(), backward.grad_output.pixel_bytes(), 2 * wide_bytes(fields)];
        let blocks = Blocks::new(recorder.gpu(), columns, pixel, held, chunk);
        // Blocks of whole images do not straddle chunks.
        let chunk = chunk - chunk % blocks.images.max(1);

        // Output channels are filled up to quads, with rows of 0.
        let group_rows = 4 * backward.grad_output.quads.len() as u32 / g.groups;
        let packed_shape = self.packed_shape(group_rows);
        let weight_shape = [g.groups * group_rows, depth as u32];
        let of_weight = gradients.weight.map(|_| recorder.workspace(weight_shape)).transpose()?;
        recorder.scratch(|recorder| {
            let packed_weight = sampled.then(|| Quads::workspace(recorder, columns.form, packed_shape)).transpose()?;
            if let Some(packed) = &packed_weight {
                self.pack_into(recorder, weight, packed, group_rows)?;
            }
            let mut packed = if reads_input(gradients) {
                columns.packed(recorder, chunk, blocks.strip_pixels())?
            } else {
                PackedImages::NONE
            };
            let pass = Pass::new(recorder, &backward.columns, columns, sampler, gradients, blocks)?;
            let grads = backward.grad_output.workspace(recorder, blocks.strip_pixels())?;
            let strip_shape = [g.groups, blocks.strip_pixels(), depth as u32 / 4];
            let columns_workspace = |recorder: &mut Recorder| Quads::workspace(recorder, columns.form, strip_shape);
            let strip_columns = columns_workspace(recorder)?;
            // An image is not written where it is read.
            let apart = columns.form == Form::Panels && gradients.weight.is_some();
            let kept_columns = apart.then(|| columns_workspace(recorder)).transpose()?;
            let mut accumulate = false;
            for images in pieces(0..g.im2col.batch, chunk) {
                pass.chunk(recorder, images, |recorder, chunk| {
                    for strip in blocks.strips(chunk.images.clone()) {
                        columns.pack(recorder, sampler.input, &chunk.images, &strip, &mut packed)?;
                        backward.grad_output.pack(recorder, "grad_output", grad_output, strip.each_image(), &grads)?;
                        let grads = grads.with_rows(strip.len());
                        let grad_columns = strip_columns.with_rows(strip.len());
                        let kept_columns = kept_columns.as_ref().map(|kept| kept.with_rows(strip.len()));
                        let products =
                            StripProducts { convolution: self, group_rows, strip: strip.len(), grads: &grads };
                        if let Some(weight) = &packed_weight {
                            products.grad_columns(recorder, weight, &grad_columns)?;
                        }
                        let kept =
                            pass.strip(recorder, (chunk, &packed), &strip, &grad_columns, kept_columns.as_ref())?;
                        let Some(of_weight) = &of_weight else { continue };
                        let strip_columns = kept_columns.unwrap_or(grad_columns);
                        if !kept {
                            let part = strip_columns.part("columns")?;
                            columns.sample(recorder, sampler, &chunk.images, &strip, &packed, &part)?;
                        }
                        for block in pieces(0..strip.len(), blocks.pixels) {
                            products.grad_weight(recorder, &strip_columns, block, of_weight, accumulate)?;
                            accumulate = true;
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        let (Some(packed), Some(destination)) = (&of_weight, gradients.weight) else { return Ok(()) };
        let gradient = Gradient::begin(recorder, destination)?;
        self.unpack_weight(recorder, group_rows, packed, &gradient)?;
        gradient.finish(recorder)
    }

    /// The gradient of the weight in the order of the weight.
    fn unpack_weight(
        &self,
        recorder: &mut Recorder,
        group_rows: u32,
        packed: &Tensor,
        gradient: &Gradient,
    ) -> Result<()> {
        let depth = depth(&self.geometry, &self.columns);
        self.weight_pieces(recorder, &gradient.tensor, group_rows, &mut |recorder, piece, weight| {
            let rows = piece.packed_rows();
            let packed = packed.part("weight", rows.start * depth..rows.end * depth)?;
            let params = unpack_weight::Params {
                row_first: piece.rows.start,
                rows: piece.rows.end - piece.rows.start,
                out_channel_first: piece.out_channel_first,
                group_out_channels: self.geometry.group_out_channels(),
                group_rows,
                group_channels: self.geometry.group_channels(),
                taps: self.geometry.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                accumulate: gradient.accumulate.into(),
                ..Default::default()
            };
            unpack_weight(recorder, self.columns.form, params, [&packed, weight, &self.columns.channel_quads()])
        })
    }
}

/// The matrix products of a strip of so many pixels.
struct StripProducts<'a> {
    convolution: &'a Im2colConvolution,
    /// Rows of the packed weight for each group.
    group_rows: u32,
    strip: u32,
    /// The gradients of its output, channels last.
    grads: &'a Quads,
}

impl StripProducts<'_> {
    /// The gradients of a strip's columns.
    fn grad_columns(&self, recorder: &mut Recorder, weight: &Quads, columns: &Quads) -> Result<()> {
        let Self { convolution: Im2colConvolution { geometry: g, columns: window, .. }, group_rows, strip, grads } =
            *self;
        let depth = depth(g, window);
        product(
            recorder,
            Product {
                batch: g.groups,
                rows: strip,
                columns: depth as u32,
                depth: group_rows,
                a: grads.along("grad_output").batched_by(0, group_rows),
                b: weight.across("weight"),
                bias: None,
                accumulate: false,
                output: columns.output(),
            },
        )
    }

    /// What a block of the strip's pixels adds to the gradient of the weight: (group, output channel in quads, tap, quad).
    fn grad_weight(
        &self,
        recorder: &mut Recorder,
        columns: &Quads,
        block: Range<u32>,
        of_weight: &Tensor,
        accumulate: bool,
    ) -> Result<()> {
        let Self { convolution: Im2colConvolution { geometry: g, columns: window, .. }, group_rows, grads, .. } = *self;
        let depth = depth(g, window);
        product(
            recorder,
            Product {
                batch: g.groups,
                // Rows beyond the output channels are 0.
                rows: group_rows,
                columns: depth as u32,
                depth: block.end - block.start,
                a: grads.across("grad_output").batched_by(group_rows, 0).starting_at(block.start),
                b: columns.across("columns").starting_at(block.start),
                bias: None,
                accumulate,
                output: Output::Elements(Elements {
                    tensor: of_weight,
                    first: 0,
                    batch: u64::from(group_rows) * depth,
                    row: depth,
                    column_first: 0,
                    block: depth as u32,
                    block_stride: 0,
                }),
            },
        )
    }
}
