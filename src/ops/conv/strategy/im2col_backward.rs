//! The backward pass of a convolution by columns, strip by strip: the gradients of the columns are those of the output by the weight, and
//! those of the weight are these, transposed, by the columns, which are not kept from the forward pass.

use std::ops::Range;

use super::im2col::{Im2colConvolution, depth, is_direct_weight};
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor};
use crate::kernels::activation::Activation;
use crate::kernels::columns::ColumnsOrder;
use crate::kernels::conv::direct::conv2d_direct_weight::{self, conv2d_direct_weight};
use crate::kernels::conv::unpack_weight::{self, unpack_weight};
use crate::kernels::layout::Layout;
use crate::kernels::reduce::segment_sums;
use crate::ops::conv::chains::Chaining;
use crate::ops::conv::channels_last::{ChannelsLast, channel_quads};
use crate::ops::conv::columns::{PackedImages, SampleSource};
use crate::ops::conv::columns_backward::{Blocks, ColumnsBackward, Gradients, Pass, grad_input_bytes, reads_input};
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::conv::strips::{Strip, wide_bytes};
use crate::ops::matmul::product::{Elements, Output, Product, product};
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Destination, Gradient, in_pieces, pieces};
use crate::ops::reduce::sums::{Sums, sum_over};
use crate::shape::MAX_RANK;

/// Plan of the backward pass of a convolution by columns, beside the forward's.
pub(in crate::ops) struct Im2colBackward {
    columns: ColumnsBackward,
    grad_output: ChannelsLast,
    /// The convolution that computes the gradient of the input, where that needs no columns.
    transposed: Option<Im2colConvolution>,
    /// Whether the gradient of the weight needs no columns.
    direct_weight: bool,
}

impl Im2colBackward {
    /// Plans the backward pass for data and a weight of the given element types.
    pub(in crate::ops) fn new(
        gpu: &Gpu,
        convolution: &Im2colConvolution,
        dtypes @ [data, _]: [DType; 2],
        chaining: Chaining,
    ) -> Result<Self> {
        let g = &convolution.geometry;
        convolution.columns.compile(gpu, ColumnsOrder::Quads)?;
        gpu.compile::<unpack_weight::Kernel>(convolution.columns.layout)?;
        // Of the sums of segments the sums are f32.
        gpu.compile::<segment_sums::Kernel>(data.into())?;
        gpu.compile::<segment_sums::Kernel>(DType::F32.into())?;
        crate::ops::matmul::product::compile_backward(gpu)?;
        let columns = ColumnsBackward::new(gpu, &convolution.columns, chaining)?;
        let extents = [g.out_channels, g.im2col.out_pixels()];
        let quads = channel_quads(g.out_channels, g.groups, 1);
        let grad_output = ChannelsLast::new(gpu, convolution.columns.layout, data, extents, quads)?;
        let transposed = convolution.transposed(gpu, dtypes)?;
        let direct_weight = is_direct_weight(g, &convolution.columns);
        if direct_weight {
            gpu.compile::<conv2d_direct_weight::Kernel>(())?;
        }
        Ok(Self { columns, grad_output, transposed, direct_weight })
    }
}

impl Im2colConvolution {
    /// Records the gradients that there are.
    pub(in crate::ops) fn backward(
        &self,
        recorder: &mut Recorder,
        backward: &Im2colBackward,
        source: &SampleSource,
        weight: &Tensor,
        grad_output: &Tensor,
        gradients: &Gradients,
    ) -> Result<()> {
        let (g, columns) = (&self.geometry, &self.columns);
        if let Some(destination) = gradients.bias {
            let mut axes = [(1, false); MAX_RANK];
            axes[..3].copy_from_slice(&[
                (g.im2col.batch, true),
                (g.out_channels, false),
                (g.im2col.out_pixels(), true),
            ]);
            let gradient = Gradient::begin(recorder, destination)?;
            sum_over(recorder, axes, grad_output, gradient.destination())?;
            gradient.finish(recorder)?;
        }
        if g.im2col.batch == 0 {
            let Some(destination @ Destination::Write(_)) = gradients.weight else { return Ok(()) };
            let gradient = Gradient::begin(recorder, destination)?;
            zeros(recorder, gradient.destination().tensor())?;
            return gradient.finish(recorder);
        }
        let mut gradients = *gradients;
        if let Some(transposed) = &backward.transposed
            && let Some(destination) = gradients.input.take()
        {
            recorder.scratch(|recorder| transposed.of_plain(recorder, weight, grad_output, destination))?;
        }
        let gradients = &gradients;
        let sampled = gradients.input.is_some() || gradients.offset.is_some() || gradients.mask.is_some();
        if !(sampled || gradients.weight.is_some()) {
            return Ok(());
        }
        let depth = depth(g, columns);
        let wide_image = grad_input_bytes(&g.im2col, source.input);
        let chunk = columns.images_per_chunk(recorder.gpu(), wide_image);
        let held = 2 * u64::from(g.out_channels) * depth * 4 + u64::from(chunk) * wide_image;
        let fields = [source.offset, source.mask].into_iter().flatten();
        // Whichever gradients are wanted: what is in a block does not depend on it.
        let pixel = [columns.pixel_bytes(), backward.grad_output.pixel_bytes(), 2 * wide_bytes(fields)];
        let blocks = Blocks::new(recorder.gpu(), columns, backward.columns.chaining, pixel, held, chunk);
        // Blocks of whole images do not straddle chunks.
        let chunk = chunk - chunk % blocks.images.max(1);

        // Output channels are filled up to quads, with rows of 0.
        let group_rows = 4 * backward.grad_output.quads.len() as u32 / g.groups;
        let packed_shape = self.packed_shape(group_rows);
        let weight_shape = [g.groups * group_rows, depth as u32];
        let of_weight = gradients.weight.map(|_| recorder.workspace(weight_shape)).transpose()?;
        recorder.scratch(|recorder| {
            let packed_weight =
                sampled.then(|| PackedMatrix::workspace(recorder, columns.layout, packed_shape)).transpose()?;
            if let Some(packed) = &packed_weight {
                self.pack_into(recorder, weight, packed, group_rows)?;
            }
            let mut packed = if reads_input(gradients) {
                columns.packed(recorder, chunk, blocks.strip_pixels())?
            } else {
                PackedImages::NONE
            };
            let pass = Pass::new(recorder, &backward.columns, columns, source, gradients, blocks)?;
            let grads = backward.grad_output.workspace(recorder, blocks.strip_pixels())?;
            // Next to nothing where there are none.
            let with_columns = u32::from(sampled || !backward.direct_weight);
            let strip_shape = [g.groups, with_columns * blocks.strip_pixels(), depth as u32 / 4];
            let columns_workspace =
                |recorder: &mut Recorder| PackedMatrix::workspace(recorder, columns.layout, strip_shape);
            let strip_columns = columns_workspace(recorder)?;
            // A texture is not written where it is read.
            let apart = columns.layout == Layout::Panels && gradients.weight.is_some() && !backward.direct_weight;
            let kept_columns = apart.then(|| columns_workspace(recorder)).transpose()?;
            let block_sums = match &of_weight {
                Some(_) if backward.direct_weight => {
                    Some(BlockSums::workspace(recorder, weight_shape, blocks.all(g.im2col.batch))?)
                }
                _ => None,
            };
            let mut blocks_done = 0;
            let mut accumulate = false;
            for images in pieces(0..g.im2col.batch, chunk) {
                pass.chunk(recorder, images, |recorder, chunk| {
                    for strip in blocks.strips(chunk.images.clone()) {
                        columns.pack(recorder, source.input, &chunk.images, &strip, &mut packed)?;
                        backward.grad_output.pack(recorder, "grad_output", grad_output, strip.each_image(), &grads)?;
                        let grads = grads.with_rows(strip.len());
                        let products =
                            StripProducts { convolution: self, group_rows, strip: strip.len(), grads: &grads };
                        if let Some(sums) = &block_sums {
                            let end = blocks_done + strip.len().div_ceil(blocks.pixels);
                            let of_strip = (blocks_done..end, blocks.pixels);
                            products.direct_weight(recorder, (&chunk.images, &strip), &packed, of_strip, sums)?;
                            blocks_done = end;
                        }
                        if with_columns == 0 {
                            continue;
                        }
                        let grad_columns = strip_columns.with_rows(strip.len());
                        let kept_columns = kept_columns.as_ref().map(|kept| kept.with_rows(strip.len()));
                        if let Some(weight) = &packed_weight {
                            products.grad_columns(recorder, weight, &grad_columns)?;
                        }
                        let kept =
                            pass.strip(recorder, (chunk, &packed), &strip, &grad_columns, kept_columns.as_ref())?;
                        let Some(of_weight) = of_weight.as_ref().filter(|_| !backward.direct_weight) else { continue };
                        let strip_columns = kept_columns.unwrap_or(grad_columns);
                        if !kept {
                            let binding = strip_columns.binding("columns")?;
                            let order = ColumnsOrder::Quads;
                            columns.sample(recorder, source, (&chunk.images, &strip), &packed, (order, &binding))?;
                        }
                        for block in pieces(0..strip.len(), blocks.pixels) {
                            products.grad_weight(recorder, &strip_columns, block, of_weight, accumulate)?;
                            accumulate = true;
                        }
                    }
                    Ok(())
                })?;
            }
            let (Some(sums), Some(of_weight)) = (&block_sums, &of_weight) else { return Ok(()) };
            sums.record(recorder, of_weight)
        })?;
        let (Some(packed), Some(destination)) = (&of_weight, gradients.weight) else { return Ok(()) };
        let gradient = Gradient::begin(recorder, destination)?;
        self.unpack_weight(recorder, group_rows, packed, gradient.destination())?;
        gradient.finish(recorder)
    }

    /// Records the plain convolution with a weight that is not packed, written or added.
    fn of_plain(&self, recorder: &mut Recorder, weight: &Tensor, input: &Tensor, output: Destination) -> Result<()> {
        let rows = self.geometry.group_out_channels();
        let packed = PackedMatrix::workspace(recorder, self.columns.layout, self.packed_shape(rows))?;
        self.pack_into(recorder, weight, &packed, rows)?;
        self.forward(recorder, &SampleSource { input, offset: None, mask: None }, &packed, Default::default(), output)
    }

    /// The gradient of the weight in the order of the weight.
    fn unpack_weight(
        &self,
        recorder: &mut Recorder,
        group_rows: u32,
        packed: &Tensor,
        gradient: Destination,
    ) -> Result<()> {
        let depth = depth(&self.geometry, &self.columns);
        self.weight_pieces(recorder, gradient.tensor(), group_rows, &mut |recorder, piece, weight| {
            let rows = piece.packed_rows();
            let packed = packed.binding("weight", rows.start * depth..rows.end * depth)?;
            let params = unpack_weight::Params {
                row_first: piece.rows.start,
                rows: piece.rows.end - piece.rows.start,
                out_channel_first: piece.out_channel_first,
                group_out_channels: self.geometry.group_out_channels(),
                group_rows,
                group_channels: self.geometry.group_channels(),
                taps: self.geometry.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                accumulate: gradient.accumulates().into(),
                ..Default::default()
            };
            unpack_weight(recorder, self.columns.layout, params, [&packed, weight, &self.columns.channel_quads()])
        })
    }
}

/// Partial sums of the gradient of the weight, (partial sum, group, output channel in quads, tap, quad), each over some blocks of pixels: block
/// i is added to partial sum `i % apart`, so that sums do not depend on strips.
struct BlockSums {
    sums: Tensor,
    /// The number of partial sums.
    apart: u32,
    /// Elements of a partial sum.
    elements: u32,
}

impl BlockSums {
    /// Target size in bytes.
    const BYTES: u32 = 1 << 20;

    /// Takes workspace for so many blocks, of rows of so many elements.
    fn workspace(recorder: &mut Recorder, [rows, row]: [u32; 2], blocks: u32) -> Result<Self> {
        let elements = rows * row;
        let apart = (Self::BYTES / 4 / elements).clamp(1, blocks);
        Ok(Self { sums: recorder.workspace([apart, rows, row])?, apart, elements })
    }

    /// Has `dispatch` do some blocks, and some groups of so many of each, with what is bound of the sums and whether it adds to them.
    fn in_pieces(
        &self,
        blocks: &Range<u32>,
        groups: u32,
        dispatch: &mut impl FnMut(&Range<u32>, &Range<u32>, &Binding, bool) -> Fit,
    ) -> Result<()> {
        let mut first = blocks.start;
        while first < blocks.end {
            let turn = first / self.apart;
            let end = blocks.end.min(first.saturating_add(self.apart - first % self.apart));
            in_pieces([first..end, 0..groups], &mut |[blocks, some_groups]| {
                // Of several blocks all groups.
                let group = u64::from(self.elements / groups);
                let element = |block: u32, of_groups: u32| {
                    u64::from(block - turn * self.apart) * u64::from(self.elements) + u64::from(of_groups) * group
                };
                let range = element(blocks.start, some_groups.start)..element(blocks.end - 1, some_groups.end);
                dispatch(blocks, some_groups, &self.sums.binding("weight", range)?, turn > 0)
            })?;
            first = end;
        }
        Ok(())
    }

    /// Records the sums over all blocks.
    fn record(&self, recorder: &mut Recorder, of_weight: &Tensor) -> Result<()> {
        let sums = Sums { planes: 1, pixels: self.apart, columns: self.elements, scale: 1.0, accumulate: false };
        sums.record(recorder, &self.sums, of_weight)
    }
}

/// The matrix products of a strip of so many pixels.
struct StripProducts<'a> {
    convolution: &'a Im2colConvolution,
    /// Rows of the packed weight for each group.
    group_rows: u32,
    strip: u32,
    /// The gradients of its output, channels last.
    grads: &'a PackedMatrix,
}

impl StripProducts<'_> {
    /// Records the gradients of a strip's columns.
    fn grad_columns(&self, recorder: &mut Recorder, weight: &PackedMatrix, columns: &PackedMatrix) -> Result<()> {
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
                activation: Activation::default(),
                output: columns.output(),
            },
        )
    }

    /// Records the contributions of a strip's blocks to the gradient of the weight without columns: so many blocks of all, each of so many
    /// pixels.
    fn direct_weight(
        &self,
        recorder: &mut Recorder,
        (chunk, strip): (&Range<u32>, &Strip),
        packed: &PackedImages,
        (blocks, block_pixels): (Range<u32>, u32),
        sums: &BlockSums,
    ) -> Result<()> {
        let Self { convolution: Im2colConvolution { geometry: g, columns, .. }, grads, .. } = *self;
        let grads = grads.binding("grad_output")?;
        let (band, packed) = packed.one_band();
        let window = columns.window(chunk, strip, &band).window;
        let packed = packed.binding("input")?;
        sums.in_pieces(&blocks, g.groups, &mut |some_blocks, groups, sums, accumulate| {
            let params = conv2d_direct_weight::Params {
                window,
                all_groups: g.groups,
                group_first: groups.start,
                groups: groups.end - groups.start,
                block_first: some_blocks.start - blocks.start,
                blocks: some_blocks.end - some_blocks.start,
                block_pixels,
                accumulate: accumulate.into(),
                ..Default::default()
            };
            conv2d_direct_weight(recorder, params, [&packed, &grads, sums])
        })
    }

    /// Records the contribution of a block of the strip's pixels to the gradient of the weight: (group, output channel in quads, tap,
    /// quad).
    fn grad_weight(
        &self,
        recorder: &mut Recorder,
        columns: &PackedMatrix,
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
                activation: Activation::default(),
                output: Output::Elements(Elements {
                    tensor: of_weight,
                    first: 0,
                    batch: u64::from(group_rows) * depth,
                    row: depth,
                    column_first: 0,
                    plane: depth as u32,
                    plane_stride: 0,
                }),
            },
        )
    }
}
