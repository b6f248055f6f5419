//! The backward pass of a convolution by columns, strip by strip: the gradients of the columns are the transposed weight by those of
//! the output, and those of the weight are these by the columns, which are made anew.

use std::ops::Range;

use super::super::backward::Gradient;
use super::super::channels_last::ChannelsLast;
use super::super::columns::Sampler;
use super::super::columns_backward::{Blocks, ColumnsBackward, Gradients, Strip};
use super::super::matmul::{self, Matrix, Output, Product, product};
use super::super::sums::{sum_over, zeros};
use super::super::{in_pieces, pieces};
use super::im2col::{Im2colConvolution, depth};
use crate::error::Result;
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::pack_weight_transposed::{self, PACK_WEIGHT_TRANSPOSED};
use crate::kernels::segment_sums::SEGMENT_SUMS;
use crate::kernels::unpack_weight::{self, UNPACK_WEIGHT};
use crate::shape::MAX_RANK;

/// What the backward pass of a convolution needs beside the forward's.
pub(in crate::ops) struct Im2colBackward {
    columns: ColumnsBackward,
    grad_output: ChannelsLast,
}

impl Im2colBackward {
    pub(in crate::ops) fn new(gpu: &Gpu, convolution: &Im2colConvolution) -> Result<Self> {
        let g = &convolution.geometry;
        gpu.compile(&PACK_WEIGHT_TRANSPOSED)?;
        gpu.compile(&UNPACK_WEIGHT)?;
        gpu.compile(&SEGMENT_SUMS)?;
        matmul::compile_tn(gpu)?;
        let columns = ColumnsBackward::new(gpu, &convolution.columns)?;
        let grad_output = ChannelsLast::new(gpu, g.out_channels, g.im2col.out_pixels(), g.groups, 1)?;
        Ok(Self { columns, grad_output })
    }

    /// Quads of a group's output channels.
    fn out_quads(&self, groups: u32) -> u32 {
        self.grad_output.quads.len() as u32 / groups
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
        if let Some(gradient) = &gradients.bias {
            let mut axes = [(1, false); MAX_RANK];
            axes[..3].copy_from_slice(&[
                (g.im2col.batch, true),
                (g.out_channels, false),
                (g.im2col.out_pixels(), true),
            ]);
            sum_over(recorder, axes, grad_output, gradient)?;
        }
        if g.im2col.batch == 0 {
            let weight = gradients.weight.as_ref().filter(|gradient| !gradient.accumulate);
            return weight.map_or(Ok(()), |gradient| zeros(recorder, &gradient.tensor));
        }
        if !(sampled || gradients.weight.is_some()) {
            return Ok(());
        }
        let depth = depth(g, columns);
        let chunk = columns.images_per_chunk(recorder.gpu());
        let pixel = [depth * u64::from(g.groups) * 4, backward.grad_output.pixel_bytes()];
        let blocks = Blocks::new(recorder.gpu(), columns, pixel, chunk);
        // Blocks of whole images do not straddle chunks.
        let chunk = chunk - chunk % blocks.images.max(1);

        let transposed = sampled.then(|| self.transposed_weight(recorder, backward, weight)).transpose()?;
        let packed = columns.packed(recorder, chunk)?;
        let scratch =
            backward.columns.scratch(recorder, columns, blocks.strip_images(), blocks.strip_pixels(), gradients)?;
        let grads = backward.grad_output.workspace(recorder, blocks.strip_pixels())?;
        let strip_columns = recorder.workspace([blocks.strip_pixels(), g.groups, depth as u32])?;
        let of_weight = gradients
            .weight
            .as_ref()
            .map(|_| recorder.workspace([4 * backward.grad_output.quads.len() as u32, depth as u32]))
            .transpose()?;
        let mut accumulate = false;
        for images in pieces(0..g.im2col.batch, chunk) {
            columns.pack(recorder, sampler.input, images.clone(), &packed)?;
            for strip in blocks.strips(images.clone()) {
                backward.grad_output.pack(recorder, "grad_output", grad_output, blocks.of_images(&strip), &grads)?;
                let elements = u64::from(strip.len()) * u64::from(g.groups) * depth;
                let part = strip_columns.part("columns", 0..elements)?;
                if let Some(weight) = &transposed {
                    self.grad_columns(recorder, backward, weight, &grads, &strip, &strip_columns)?;
                }
                let chunk = (&images, &packed[..]);
                let scratch = scratch.as_ref();
                let kept =
                    backward.columns.backward(recorder, columns, sampler, &strip, chunk, &part, scratch, gradients)?;
                if let Some(of_weight) = &of_weight {
                    if !kept {
                        let before = (strip.images.start - images.start) * g.im2col.out_pixels();
                        let pixels = before + strip.pixels.start..before + strip.pixels.end;
                        columns.sample(recorder, sampler, images.clone(), pixels, &packed, &part)?;
                    }
                    for block in pieces(0..strip.len(), blocks.pixels) {
                        self.block_of_weight(
                            recorder,
                            backward,
                            &grads,
                            &strip_columns,
                            strip.len(),
                            block,
                            of_weight,
                            accumulate,
                        )?;
                        accumulate = true;
                    }
                }
            }
        }
        match (&of_weight, &gradients.weight) {
            (Some(packed), Some(gradient)) => self.unpack_weight(recorder, backward, packed, gradient),
            _ => Ok(()),
        }
    }

    /// Packs the weight for the gradients of columns: (group, tap, quad, lane, output channels in quads).
    fn transposed_weight(&self, recorder: &mut Recorder, backward: &Im2colBackward, weight: &Tensor) -> Result<Tensor> {
        let (g, depth) = (&self.geometry, depth(&self.geometry, &self.columns));
        let out_quads = backward.out_quads(g.groups);
        let rows = (u64::from(g.groups) * depth) as u32;
        let transposed = recorder.workspace([rows, out_quads, 4])?;
        let row = u64::from(g.group_channels()) * u64::from(g.im2col.taps());
        in_pieces([0..g.groups, 0..depth as u32, 0..out_quads], &mut |[groups, of_group, some_quads]| {
            // Several groups are whole.
            let out_channels = g.group_out_channels();
            let first = groups.start * out_channels + 4 * some_quads.start;
            let end = (groups.end - 1) * out_channels + (4 * some_quads.end).min(out_channels);
            let part = weight.part("weight", u64::from(first) * row..u64::from(end) * row)?;
            let at = |group: u32, row: u32| (u64::from(group) * depth + u64::from(row)) * u64::from(out_quads) * 4;
            let packed = at(groups.start, of_group.start)..at(groups.end - 1, of_group.end);
            let packed = transposed.part("weight", packed)?;
            let rows = (groups.end - groups.start - 1) * depth as u32 + of_group.end - of_group.start;
            let some = some_quads.end - some_quads.start;
            recorder.gpu().capabilities().check_elements("weight", 4 * u64::from(rows) * u64::from(some))?;
            let params = pack_weight_transposed::Params {
                row_first: groups.start * depth as u32 + of_group.start,
                rows,
                out_quad_first: some_quads.start,
                some_quads: some,
                out_quads,
                group_out_channels: out_channels,
                group_channels: g.group_channels(),
                taps: g.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                out_channel_first: first,
                ..Default::default()
            };
            pack_weight_transposed::pack_weight_transposed(
                recorder,
                params,
                [&part, &self.columns.channel_quads(), &packed],
            )
        })?;
        Ok(transposed)
    }

    /// The gradients of a strip's columns.
    fn grad_columns(
        &self,
        recorder: &mut Recorder,
        backward: &Im2colBackward,
        transposed: &Tensor,
        grads: &Tensor,
        strip: &Strip,
        columns: &Tensor,
    ) -> Result<()> {
        let (g, depth) = (&self.geometry, depth(&self.geometry, &self.columns));
        let outs = 4 * backward.out_quads(g.groups);
        product(
            recorder,
            Product {
                batch: g.groups,
                rows: strip.len(),
                columns: depth as u32,
                depth: outs,
                a: Matrix {
                    argument: "grad_output",
                    tensor: grads,
                    first: 0,
                    batch: outs.into(),
                    row: u64::from(g.groups) * u64::from(outs),
                    column: 1,
                },
                b: Matrix {
                    argument: "weight",
                    tensor: transposed,
                    first: 0,
                    batch: depth * u64::from(outs),
                    row: 1,
                    column: outs.into(),
                },
                bias: None,
                accumulate: false,
                output: Output {
                    tensor: columns,
                    first: 0,
                    batch: u64::from(strip.len()) * depth,
                    row: depth,
                    column_first: 0,
                    block: depth as u32,
                    block_stride: 0,
                },
            },
        )
    }

    /// What a block of a strip's pixels adds to the gradient of the weight: (group, output channel in quads, tap, quad).
    #[allow(clippy::too_many_arguments)]
    fn block_of_weight(
        &self,
        recorder: &mut Recorder,
        backward: &Im2colBackward,
        grads: &Tensor,
        columns: &Tensor,
        strip: u32,
        block: Range<u32>,
        of_weight: &Tensor,
        accumulate: bool,
    ) -> Result<()> {
        let (g, depth) = (&self.geometry, depth(&self.geometry, &self.columns));
        let outs = 4 * u64::from(backward.out_quads(g.groups));
        let row = u64::from(g.groups) * outs;
        product(
            recorder,
            Product {
                batch: g.groups,
                // Rows beyond the output channels are 0.
                rows: outs as u32,
                columns: depth as u32,
                depth: block.end - block.start,
                a: Matrix {
                    argument: "grad_output",
                    tensor: grads,
                    first: u64::from(block.start) * row,
                    batch: outs,
                    row: 1,
                    column: row,
                },
                b: Matrix {
                    argument: "columns",
                    tensor: columns,
                    first: u64::from(block.start) * depth,
                    batch: u64::from(strip) * depth,
                    row: depth,
                    column: 1,
                },
                bias: None,
                accumulate,
                output: Output {
                    tensor: of_weight,
                    first: 0,
                    batch: outs * depth,
                    row: depth,
                    column_first: 0,
                    block: depth as u32,
                    block_stride: 0,
                },
            },
        )
    }

    /// The gradient of the weight in the order of the weight.
    fn unpack_weight(
        &self,
        recorder: &mut Recorder,
        backward: &Im2colBackward,
        packed: &Tensor,
        gradient: &Gradient,
    ) -> Result<()> {
        let (g, depth) = (&self.geometry, depth(&self.geometry, &self.columns));
        let row = u64::from(g.group_channels()) * u64::from(g.im2col.taps());
        let (group_outs, group_rows) = (g.group_out_channels(), 4 * backward.out_quads(g.groups));
        let all = 0..g.out_channels;
        in_pieces([all], &mut |[out_channels]| {
            let packed_row = |out_channel: u32| {
                let (group, of_group) = (out_channel / group_outs, out_channel % group_outs);
                u64::from(group * group_rows + of_group)
            };
            let params = unpack_weight::Params {
                out_channel_first: out_channels.start,
                out_channels: out_channels.end - out_channels.start,
                group_out_channels: group_outs,
                group_rows,
                group_channels: g.group_channels(),
                taps: g.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                accumulate: gradient.accumulate.into(),
                ..Default::default()
            };
            let elements = u64::from(params.out_channels) * depth;
            recorder.gpu().capabilities().check_elements("weight", elements)?;
            let rows = packed_row(out_channels.start)..packed_row(out_channels.end - 1) + 1;
            let packed = packed.part("weight", rows.start * depth..rows.end * depth)?;
            let weight = u64::from(out_channels.start) * row..u64::from(out_channels.end) * row;
            let weight = gradient.tensor.part("grad_weight", weight)?;
            unpack_weight::unpack_weight(recorder, params, [&packed, &self.columns.channel_quads(), &weight])
        })
    }
}
