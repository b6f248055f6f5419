//! The backward pass of columns: from their gradients to those of what they were sampled from.

use std::ops::Range;

use crate::error::Result;
use crate::geometry::{DeformConv2dGradients, Deformation, EdgeDerivative, Im2colGeometry};
use crate::gpu::{Axis, Binding, Constant, Fit, Gpu, Lines, Loops, Recorder, Tensor, Texel, Texture};
use crate::kernels::border;
use crate::kernels::columns::RUN_QUADS;
use crate::kernels::conv::col2im::{self, InputPiece, RunQuads};
use crate::kernels::layout::Layout;
use crate::kernels::matmul::copy_lines::{self, copy_lines};
use crate::kernels::sample::deform_col2im_long::{self, deform_col2im_long};
use crate::kernels::sample::deform_col2im_touched::{self, deform_col2im_touched, workers};
use crate::kernels::sample::deform_samples::{self, deform_samples};
use crate::kernels::sample::sample_gradients::{GradientsIn, Kept, Stored};
use crate::kernels::sample::sample_planes::{self, sample_planes};
use crate::kernels::sample::touched_pixels::{self, touched_pixels};
use crate::kernels::sample::unchain_samples::{self, unchain_samples};
use crate::kernels::sample::{deform_col2im, sample_gradients};
use crate::ops::conv::chains::{ChainPiece, Chaining, Chains, KeptHeads, SHORT_CELL, SortedSamples, cells};
use crate::ops::conv::channels_last::Quad;
use crate::ops::conv::columns::{Columns, PackedImages, SampleSource, channels, same_quads};
use crate::ops::conv::packed_matrix::{self, PackedMatrix};
use crate::ops::conv::strips::{self, Strip, StripPlanes, strips, wide_bytes};
use crate::ops::plan::{Destination, at_once, bindable, in_pieces, pieces};

/// The gradient of the weight adds up blocks of so many output pixels at most, and of columns of so many bytes. What is in a block follows
/// from the shapes, so its sum does not depend on the strips.
const BLOCK_PIXELS: u32 = 1024;
const BLOCK_BYTES: u64 = 16 << 20;

/// Bytes, about, of the workspace of a backward pass beside packed images and kept heads: strips get the bytes that weights and chains leave,
/// and the blocks of a strip `LEAST_BLOCK_BYTES` at least.
const BACKWARD_BYTES: u64 = 54 << 20;
const LEAST_BLOCK_BYTES: u64 = 2 << 20;

/// A strip has as many blocks as take about this many bytes of columns and samples, and no more than so many.
const STRIP_BYTES: u64 = 10 << 20;
const STRIP_BLOCKS: u64 = 64;

/// The most channels that one invocation adds up: shared/col2im.wgsl.
const INPUT_RUN_CHANNELS: u32 = 4 * RunQuads::MOST;

/// Quads of one group and one offset group, four at most: first quad, offset group, first channel, 32 * group + channels.
type InputRun = [u32; 4];

fn input_runs(quads: &[Quad], per_group: usize) -> Vec<InputRun> {
    let runs = same_quads(quads, per_group, RunQuads::MOST as usize).map(|(group, first, run)| {
        let [channel, _, offset_group, _] = run[0];
        [first, offset_group, channel, 32 * group + channels(run)]
    });
    runs.filter(|run| !run[3].is_multiple_of(32)).collect()
}

/// The runs of samples per offset group: its first element further on, and how many; then the runs: first quad, channels, group, 0.
fn sample_runs(quads: &[Quad], per_group: usize, offset_groups: u32) -> Vec<[u32; 4]> {
    let runs: Vec<_> = same_quads(quads, per_group, RUN_QUADS as usize).collect();
    let mut table = Vec::new();
    for offset_group in 0..offset_groups {
        let first = runs.partition_point(|(.., run)| run[0][2] < offset_group);
        let count = runs.partition_point(|(.., run)| run[0][2] <= offset_group) - first;
        table.push([offset_groups + first as u32, count as u32, 0, 0]);
    }
    table.extend(runs.iter().map(|(group, first, run)| [*first, channels(run), *group, 0]));
    table
}

/// How the output pixels of a chunk come in strips, and these in blocks.
#[derive(Clone, Copy)]
pub(crate) struct Blocks {
    /// Whole images in a block; 0 where an image has several blocks.
    pub(crate) images: u32,
    pub(crate) pixels: u32,
    /// Blocks in a strip.
    strip: u32,
    out_pixels: u32,
}

impl Blocks {
    /// Chooses the blocks of a chunk of so many images, where an output pixel takes so many bytes of columns, of what else is made of it,
    /// and of what is widened, and what is held beside packed images takes so many.
    pub(crate) fn new(
        gpu: &Gpu,
        columns: &Columns,
        chaining: Chaining,
        [pixel, other, wide]: [u64; 3],
        held: u64,
        chunk: u32,
    ) -> Self {
        let out_pixels = columns.im2col.out_pixels();
        let samples = columns.deformation.map_or(0, |deformation| 16 * u64::from(deformation.points(&columns.im2col)));
        let largest = pixel.max(samples).max(other);
        let most = (bindable(gpu) / largest).min(gpu.capabilities().elements_per_dispatch() * 4 / pixel);
        let sampled =
            columns.deformation.map_or(u32::MAX, |_| (chaining.most_samples() / columns.im2col.taps()).max(1));
        let most = most.min(columns.most_of_packed(gpu)).min(columns.most_of_points(gpu)).min(sampled.into()).max(1);
        let held = held + chaining.held_bytes(columns.packed_bytes());
        // With workspace in textures samples are there twice.
        let of_samples = match columns.layout {
            Layout::Rows => 3 * samples,
            Layout::Panels => 4 * samples + columns.point_bytes(),
        };
        let left = BACKWARD_BYTES.saturating_sub(held).max(LEAST_BLOCK_BYTES) / (2 * pixel + of_samples + other + wide);
        let block = (BLOCK_BYTES / pixel).min(left).min(BLOCK_PIXELS.into());
        // Whole tiles of the matrix product.
        let block = if block > 64 { block / 64 * 64 } else { block.max(1) }.min(most) as u32;
        let images = (block / out_pixels).min(chunk);
        let pixels = if images > 0 { images * out_pixels } else { block };
        let by_bytes = (STRIP_BYTES / ((pixel + samples) * u64::from(pixels))).clamp(1, STRIP_BLOCKS);
        let strip = by_bytes.min(most.min(left) / u64::from(pixels)).max(1) as u32;
        // Strips end with chunks, and those of an image that has several blocks with the image.
        let there_are = chunk.checked_div(images).unwrap_or(out_pixels.div_ceil(pixels));
        Self { images, pixels, strip: strip.min(there_are), out_pixels }
    }

    /// The most images and pixels of a strip.
    fn strip(self) -> [u32; 2] {
        [(self.images * self.strip).max(1), self.strip_pixels()]
    }

    /// The most pixels of a strip.
    pub(crate) fn strip_pixels(self) -> u32 {
        self.pixels * self.strip
    }

    /// All blocks of so many images.
    pub(crate) fn all(self, images: u32) -> u32 {
        match self.images {
            0 => images * self.out_pixels.div_ceil(self.pixels),
            of_block => images.div_ceil(of_block),
        }
    }

    pub(crate) fn strips(self, images: Range<u32>) -> impl Iterator<Item = Strip> {
        strips(images, self.out_pixels, self.strip())
    }
}

/// Destinations of the gradients that are to be computed; a plain window has neither offset nor mask.
pub(crate) type Gradients<'a> = DeformConv2dGradients<Destination<'a>>;

/// Whether some of them depend on what the input holds.
pub(crate) fn reads_input(gradients: &Gradients) -> bool {
    gradients.offset.is_some() || gradients.mask.is_some() || gradients.weight.is_some()
}

/// The bytes of workspace that the gradient of an image takes, which is like the input: none where that holds f32.
pub(crate) fn grad_input_bytes(im2col: &Im2colGeometry, input: &Tensor) -> u64 {
    wide_bytes([input]) * u64::from(im2col.height) * u64::from(im2col.width)
}

/// Plan of the backward pass of a window, plain or deformable, beside its columns.
pub(crate) struct ColumnsBackward {
    input_runs: Vec<InputRun>,
    /// The variant of what adds up the gradients of columns.
    adding: (RunQuads, Layout),
    /// The most runs of an offset group.
    sample_runs: u32,
    pub(crate) chaining: Chaining,
    input_table: Constant,
    sample_table: Constant,
}

/// Scratch memory for a strip of a deformable window.
struct Scratch {
    samples: Tensor,
    /// Where samples are copied for the gradient of the input, with workspace in textures.
    samples_texture: Option<Texture>,
    cells: Tensor,
    /// Chains, where the gradient of the input is wanted.
    chains: Option<Chains>,
    /// The gradients of samples, where they are not stored in planes at once.
    gradients: Option<Tensor>,
}

/// Planes of the input's gradient that are written together by a plain window: the channels of a run.
fn planes_together(columns: &Columns) -> u32 {
    INPUT_RUN_CHANNELS.min(4 * columns.quads_per_group())
}

/// The samples of a strip: sample/parts/samples.wgsl.
struct Samples<'a> {
    deformation: &'a Deformation,
    samples: Binding,
    cells: Binding,
}

/// Compiles what backward passes of windows may need on this device, beside what the smallest problem does.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let layout = if gpu.capabilities().textures() { Layout::Panels } else { Layout::Rows };
    for quads in RunQuads::all() {
        gpu.compile::<col2im::Kernel>((quads, layout))?;
        compile_deformed(gpu, (quads, layout), Chaining::of(gpu.capabilities()))?;
    }
    sample_gradients::compile(gpu, layout)
}

/// Compiles what adds up the gradients of columns of deformable windows.
fn compile_deformed(gpu: &Gpu, adding: (RunQuads, Layout), chaining: Chaining) -> Result<()> {
    gpu.compile::<deform_col2im::Kernel>(adding)?;
    gpu.compile::<deform_col2im_touched::Kernel>(adding)?;
    match chaining {
        Chaining::Walked => Ok(()),
        Chaining::Sorted => gpu.compile::<deform_col2im_long::Kernel>(adding),
    }
}

impl ColumnsBackward {
    pub(crate) fn new(gpu: &Gpu, columns: &Columns, chaining: Chaining) -> Result<Self> {
        let (quads, per_group) = (&columns.packing.quads, columns.quads_per_group() as usize);
        let input_runs = input_runs(quads, per_group);
        let most_channels = input_runs.iter().map(|run| run[3] % 32).max().unwrap_or(0);
        let adding = (RunQuads::of_channels(most_channels), columns.layout);
        match columns.deformation {
            None => {
                gpu.compile::<col2im::Kernel>(adding)?;
                let Im2colGeometry { height, width, .. } = columns.im2col;
                strips::compile(gpu, planes_together(columns), height * width)?;
            }
            Some(deformation) => {
                gpu.compile::<deform_samples::Kernel>(columns.layout)?;
                if columns.layout == Layout::Panels {
                    gpu.compile::<copy_lines::Kernel>(Texel::Words)?;
                }
                chaining.compile(gpu)?;
                gpu.compile::<touched_pixels::Kernel>(())?;
                gpu.compile::<unchain_samples::Kernel>(())?;
                compile_deformed(gpu, adding, chaining)?;
                sample_gradients::compile(gpu, columns.layout)?;
                match columns.layout {
                    Layout::Rows => gpu.compile::<sample_planes::Kernel>(())?,
                    Layout::Panels => {
                        let planes =
                            deformation.offset_layout.channels_per_point() * deformation.points(&columns.im2col);
                        strips::compile(gpu, planes, columns.im2col.out_pixels())?;
                    }
                }
            }
        }
        let offset_groups = columns.deformation.map_or(1, |deformation| deformation.offset_groups);
        let sample_runs = sample_runs(quads, per_group, offset_groups);
        let input_table = packed_matrix::table(gpu, columns.layout, "pliant input_runs", &input_runs)?;
        let sample_table = packed_matrix::table(gpu, columns.layout, "pliant sample_runs", &sample_runs)?;
        let sample_runs = sample_runs[..offset_groups as usize].iter().map(|[_, runs, ..]| *runs).max().unwrap_or(0);
        Ok(Self { input_runs, adding, sample_runs, chaining, input_table, sample_table })
    }
}

/// Images that are packed together, and the gradient of their input, where it is wanted.
pub(crate) struct Chunk<'a> {
    pub(crate) images: Range<u32>,
    grad_input: Option<&'a StripPlanes>,
}

/// A backward pass of a window that is being recorded.
pub(crate) struct Pass<'a> {
    tables: &'a ColumnsBackward,
    columns: &'a Columns,
    source: &'a SampleSource<'a>,
    gradients: &'a Gradients<'a>,
    scratch: Option<Scratch>,
}

impl<'a> Pass<'a> {
    /// Takes the workspace that the largest strip needs.
    pub(crate) fn new(
        recorder: &mut Recorder,
        tables: &'a ColumnsBackward,
        columns: &'a Columns,
        source: &'a SampleSource<'a>,
        gradients: &'a Gradients<'a>,
        blocks: Blocks,
    ) -> Result<Self> {
        let scratch = columns.deformation.map(|deformation| -> Result<_> {
            let strip @ [_, pixels] = blocks.strip();
            let points = deformation.points(&columns.im2col);
            let chains = gradients
                .input
                .map(|_| Chains::workspace(recorder, columns, &deformation, tables.chaining, strip))
                .transpose()?;
            let of_samples = columns.layout == Layout::Rows && reads_input(gradients);
            let copied = columns.layout == Layout::Panels && gradients.input.is_some();
            let count = u64::from(pixels) * u64::from(points);
            Ok(Scratch {
                samples: recorder.workspace([pixels, points, 4])?,
                samples_texture: copied.then(|| recorder.texture(Texel::Words, count)).transpose()?,
                cells: recorder.workspace([pixels, points])?,
                chains,
                gradients: of_samples.then(|| recorder.workspace([pixels, points, 4])).transpose()?,
            })
        });
        Ok(Self { tables, columns, source, gradients, scratch: scratch.transpose()? })
    }

    /// Has `record` do the strips of some images.
    pub(crate) fn chunk(
        &self,
        recorder: &mut Recorder,
        images: Range<u32>,
        record: impl FnOnce(&mut Recorder, &Chunk) -> Result<()>,
    ) -> Result<()> {
        let Im2colGeometry { height, width, .. } = self.columns.im2col;
        let Some(destination) = self.gradients.input else {
            return record(recorder, &Chunk { images, grad_input: None });
        };
        let whole = Strip::whole(images.clone(), height * width);
        StripPlanes::write(recorder, destination, &whole, 1, |recorder, grad_input| {
            record(recorder, &Chunk { images, grad_input: Some(grad_input) })
        })
    }

    /// Records the gradients that there are, of a strip of a chunk that is packed where a gradient needs it, from those of its columns:
    /// (group, pixel, tap, quad).
    ///
    /// Where the gradient of the weight is wanted, and this says so, the columns are left in `kept`, or, where there is none, in the place of
    /// their gradients.
    pub(crate) fn strip(
        &self,
        recorder: &mut Recorder,
        (chunk, packed): (&Chunk, &PackedImages),
        strip: &Strip,
        grad_columns: &PackedMatrix,
        kept: Option<&PackedMatrix>,
    ) -> Result<bool> {
        let columns = self.columns;
        let grad_columns = &grad_columns.binding("columns")?;
        let (Some(deformation), Some(scratch)) = (&columns.deformation, &self.scratch) else {
            self.plain(recorder, chunk, strip, grad_columns)?;
            return Ok(false);
        };
        let points = u64::from(deformation.points(&columns.im2col)) * u64::from(strip.len());
        let samples = Samples {
            deformation,
            samples: scratch.samples.binding("offset", 0..4 * points)?,
            cells: scratch.cells.binding("offset", 0..points)?,
        };
        recorder.scratch(|recorder| {
            let field = columns.field(recorder, self.source, strip)?;
            let params = columns.window(&chunk.images, strip, &(0..0));
            columns.with_offsets(field.as_ref(), strip, params, &mut |params, offsets| {
                let written = [&samples.cells, &samples.samples];
                offsets.map_or(Ok(()), |offsets| deform_samples(recorder, columns.layout, params, written, offsets))
            })
        })?;
        self.deformed(recorder, &samples, chunk, strip, grad_columns, scratch)?;
        let keep = self.gradients.weight.is_some() && packed.in_one();
        if self.gradients.offset.is_some() || self.gradients.mask.is_some() || keep {
            let kept = kept.map(|kept| kept.binding("columns")).transpose()?;
            let kept = match &kept {
                Some(kept) if keep => Kept::In(kept),
                None if keep => Kept::InPlace,
                _ => Kept::No,
            };
            let record = |recorder: &mut Recorder, params: sample_gradients::Params, into: GradientsIn| {
                self.of_samples(recorder, &samples, (chunk, packed), strip, grad_columns, (params, kept, into))
            };
            match &scratch.gradients {
                Some(gradients) => {
                    let of_samples = gradients.binding("offset", 0..4 * points)?;
                    record(recorder, Default::default(), GradientsIn::Samples(&of_samples))?;
                    self.planes(recorder, deformation, strip, &of_samples)?;
                }
                None => recorder.scratch(|recorder| self.in_planes(recorder, deformation, strip, record))?,
            }
        }
        Ok(keep)
    }

    /// Records the gradient of the input of a plain window.
    fn plain(&self, recorder: &mut Recorder, chunk: &Chunk, strip: &Strip, grad_columns: &Binding) -> Result<()> {
        let Some(grad_input) = chunk.grad_input else { return Ok(()) };
        let Self { columns, tables, .. } = *self;
        let g @ Im2colGeometry { out_height, out_width, .. } = columns.im2col;
        // What is not reached holds what it should already, but where an image is begun.
        let one = strip.images.end - strip.images.start == 1;
        let rows = if one && self.accumulates(strip) { g.rows_reached(&strip.pixels) } else { 0..g.height };
        if rows.is_empty() {
            return Ok(());
        }
        let reached = rows.start * g.width..rows.end * g.width;
        let [row_first, row_last] = match one {
            true => [strip.pixels.start, strip.pixels.end - 1].map(|pixel| pixel / out_width),
            false => [0, out_height - 1],
        };
        let common = col2im::Params {
            window: columns.window(&strip.images, strip, &(0..0)).window,
            // By which loops are counted; pieces have their own.
            piece: InputPiece { channels: g.channels, ..Default::default() },
            row_first,
            row_last,
            ..Default::default()
        };
        let looped = |tap_end| col2im::Params { tap_end, ..common }.iterations();
        let some_taps = at_once(recorder.gpu(), g.taps(), looped);
        let images = self.images_of(chunk, strip);
        let together = planes_together(columns);
        grad_input.within(recorder, &images, &reached, self.accumulates(strip), together, |recorder, grad_input| {
            let mut tap_end = g.taps();
            // Last to first, as within a piece.
            while tap_end > 0 {
                let tap_first = tap_end.saturating_sub(some_taps);
                let all = [0..tables.input_runs.len() as u32, reached.clone()];
                let accumulate = self.accumulates(strip) || tap_end < g.taps();
                self.input_pieces((grad_input, 0), strip, all, accumulate, &mut |piece, grad_input| {
                    let params = col2im::Params { piece, tap_first, tap_end, ..common };
                    let bindings = [grad_columns, grad_input, &tables.input_table.binding()];
                    col2im::col2im(recorder, tables.adding, params, bindings)
                })?;
                tap_end = tap_first;
            }
            Ok(())
        })
    }

    /// Records the gradient of the input of a deformable window: the samples of each cell in a chain, and each pixel adds up four of these.
    ///
    /// Where the samples of a strip are few beside the pixels of an image, all but the first chains of an image cost what follows from the samples:
    /// heads are kept empty in between, and pixels without samples are not looked at.
    fn deformed(
        &self,
        recorder: &mut Recorder,
        samples: &Samples,
        chunk: &Chunk,
        strip: &Strip,
        grad_columns: &Binding,
        scratch: &Scratch,
    ) -> Result<()> {
        let (Some(chains), Some(grad_input)) = (&scratch.chains, chunk.grad_input) else { return Ok(()) };
        let Self { columns, tables, .. } = *self;
        let Samples { deformation, samples: of_samples, cells: cells_of } = samples;
        let g @ Im2colGeometry { height, width, .. } = columns.im2col;
        let in_texture = scratch.samples_texture.as_ref().map(Texture::binding);
        let gpu = recorder.gpu().clone();
        let images = strip.images.end - strip.images.start;
        let rows = strip.len() * g.taps();
        let image_rows = rows / images;
        let of_groups = pieces(0..deformation.offset_groups, chains.offset_groups);
        let all = of_groups.flat_map(|groups| pieces(0..height, chains.rows).map(move |band| (groups.clone(), band)));
        for (index, (offset_groups, band)) in all.enumerate() {
            let run = |offset_group: u32| tables.input_runs.partition_point(|run| run[1] < offset_group) as u32;
            let runs = run(offset_groups.start)..run(offset_groups.end);
            let cells = cells(&g, band.end - band.start) as u32;
            let cell_first = band.start * (width + 1);
            let piece = ChainPiece { images, image_rows, rows, offset_groups, cell_first, cells };
            let (offset_group_first, offset_groups) = (piece.offset_groups.start, piece.groups());
            let heads = chains.heads(index, &piece)?;
            let listed = chains.kept.as_ref().map_or(0, |kept| kept.listed);
            let lists = chains.kept.as_ref().map(|KeptHeads { touched, counts, .. }| -> Fit<_> {
                let lists = 4 * u64::from(offset_groups);
                Ok([counts.binding("input", 0..lists)?, touched.binding("input", 0..lists * u64::from(listed))?])
            });
            let lists = lists.transpose()?;
            let table = tables.input_table.binding();
            let common = deform_col2im::Params {
                window: columns.window(&strip.images, strip, &(0..0)).window,
                // By which loops are counted; pieces have their own.
                piece: InputPiece { channels: g.channels, ..Default::default() },
                offset_group_first,
                offset_groups,
                cell_first,
                cells,
                listed,
                workers: workers(listed),
                ..Default::default()
            };
            let pixels = listed.div_ceil(workers(listed).max(1)).max(1);
            let merged = |chained| deform_col2im::Params { chained: chains.most_merged(chained, pixels), ..common };
            let at_a_time = chains.at_a_time(&gpu, &piece, |chained| merged(chained).iterations());
            for chained in pieces(0..image_rows, at_a_time) {
                let emptied = lists.is_some() && (strip.pixels.start > 0 || chained.start > 0);
                let sorted = chains.record(recorder, &piece, &chained, emptied, [cells_of, of_samples, &heads])?;
                if let Some(texture) = &scratch.samples_texture {
                    let [first, count] = [offset_group_first, offset_groups].map(|groups| groups * rows);
                    let elements = 4 * u64::from(first)..4 * u64::from(first + count);
                    let lines = Lines { first, ..Lines::one(Texel::Words, count) };
                    copy_lines(recorder, &scratch.samples.binding("offset", elements)?, texture, lines)?;
                }
                let of_samples = in_texture.as_ref().unwrap_or(of_samples);
                let pixels = band.start * width..band.end * width;
                let touched = lists.as_ref().filter(|_| emptied);
                if let Some([counts, touched]) = touched {
                    let params = touched_pixels::Params {
                        rows,
                        width,
                        pixel_first: pixels.start,
                        pixels: pixels.end - pixels.start,
                        offset_group_first,
                        offset_groups,
                        cell_first,
                        cells,
                        listed,
                    };
                    touched_pixels(recorder, params, [cells_of, &heads, counts, touched])?;
                }
                let all = [runs.clone(), pixels];
                let before = self.images_of(chunk, strip).start;
                let accumulate = self.accumulates(strip) || chained.start > 0;
                self.input_pieces((grad_input, before), strip, all, accumulate, &mut |piece, grad_input| {
                    let params = deform_col2im::Params { piece, ..merged(chained.end - chained.start) };
                    let around = [grad_columns, grad_input, &table, of_samples];
                    recorder.all(|recorder| {
                        if let Some(sorted) = &sorted {
                            add_long(recorder, tables.adding, &params, around, sorted)?;
                        }
                        let [columns_of, grad_input, table, of_samples] = around;
                        if let Some([counts, touched]) = touched {
                            let bindings = [columns_of, grad_input, table, of_samples, &heads, counts, touched];
                            return deform_col2im_touched(recorder, tables.adding, params, bindings);
                        }
                        let bindings = [columns_of, grad_input, table, of_samples, &heads];
                        deform_col2im::deform_col2im(recorder, tables.adding, params, bindings)
                    })
                })?;
                if let Some([counts, _]) = &lists {
                    let params = unchain_samples::Params {
                        images,
                        image_rows,
                        rows,
                        offset_group_first,
                        offset_groups,
                        cell_first,
                        cells,
                    };
                    unchain_samples(recorder, params, [cells_of, &heads, counts])?;
                }
            }
        }
        Ok(())
    }

    /// The images of a strip, counted over its chunk.
    fn images_of(&self, chunk: &Chunk, strip: &Strip) -> Range<u32> {
        strip.images.start - chunk.images.start..strip.images.end - chunk.images.start
    }

    /// Whether a strip adds to the gradient of the input: an image's first strip has nothing before it.
    fn accumulates(&self, strip: &Strip) -> bool {
        matches!(self.gradients.input, Some(Destination::Add(_))) || strip.pixels.start > 0
    }

    /// Has `dispatch` write, or add to, the channels of some runs and some pixels, of all images of a strip, the first of which is image `before`
    /// of the gradient, in pieces that can be bound.
    fn input_pieces(
        &self,
        (grad_input, before): (&StripPlanes, u32),
        strip: &Strip,
        [runs, pixels]: [Range<u32>; 2],
        accumulate: bool,
        dispatch: &mut impl FnMut(InputPiece, &Binding) -> Fit,
    ) -> Result<()> {
        let input_runs = &self.tables.input_runs;
        let images = strip.images.end - strip.images.start;
        in_pieces([0..images, runs, 0..INPUT_RUN_CHANNELS, pixels], &mut |[images, runs, lanes, pixels]| {
            let [.., first, _] = input_runs[runs.start as usize];
            let [.., last, of_last] = input_runs[runs.end as usize - 1];
            let last_channels = (of_last % 32).min(lanes.end);
            // Of a run with fewer channels, the upper lanes are nothing.
            if runs.end - runs.start == 1 && last_channels <= lanes.start {
                return Ok(());
            }
            let channels = first + lanes.start..last + last_channels;
            let elements = grad_input.elements(&(before + images.start..before + images.end), &channels, pixels);
            let binding = grad_input.tensor.binding("grad_input", elements)?;
            let piece = InputPiece {
                image_first: images.start,
                images: images.end - images.start,
                pixel_first: pixels.start,
                pixels: pixels.end - pixels.start,
                plane: grad_input.plane,
                channels: self.columns.im2col.channels,
                run_first: runs.start,
                runs: runs.end - runs.start,
                lane_first: lanes.start,
                lane_end: lanes.end,
                accumulate: accumulate.into(),
                grad_input_first: binding.first,
            };
            dispatch(piece, &binding)
        })
    }

    /// Records the gradients of each sample's position and mask, with what `params` says of where they go.
    fn of_samples(
        &self,
        recorder: &mut Recorder,
        samples: &Samples,
        (chunk, packed): (&Chunk, &PackedImages),
        strip: &Strip,
        grad_columns: &Binding,
        (params, kept, into): (sample_gradients::Params, Kept, GradientsIn),
    ) -> Result<()> {
        let Self { columns, tables, .. } = *self;
        let Samples { deformation, samples: of_samples, cells } = samples;
        let g @ Im2colGeometry { height, width, .. } = columns.im2col;
        let bands = packed.bands().count();
        let quads_per_group = columns.quads_per_group();
        let looped = |runs| sample_gradients::Params { runs, quads_per_group, ..Default::default() }.iterations();
        let some_runs = at_once(recorder.gpu(), tables.sample_runs, looped);
        for (index, (band, packed)) in packed.bands().enumerate() {
            for runs in pieces(0..tables.sample_runs, some_runs) {
                let params = sample_gradients::Params {
                    pixels: strip.len(),
                    taps: g.taps(),
                    image_pixels: strip.len() / (strip.images.end - strip.images.start),
                    offset_groups: deformation.offset_groups,
                    height,
                    width,
                    quads: columns.packing.quads.len() as u32,
                    quads_per_group,
                    band_first: columns.band_first(&chunk.images, strip, &band),
                    band_pixels: band.end - band.start,
                    border: border(deformation.border),
                    edge_zero: (deformation.edge_derivative == EdgeDerivative::Zero).into(),
                    accumulate: (index > 0 || runs.start > 0).into(),
                    last: (index + 1 == bands && runs.end == tables.sample_runs).into(),
                    run_first: runs.start,
                    runs: runs.end - runs.start,
                    ..params
                };
                let table = tables.sample_table.binding();
                let bindings = [grad_columns, &packed.binding("input")?, &table, of_samples, cells];
                sample_gradients::sample_gradients(recorder, params, bindings, kept, into)?;
            }
        }
        Ok(())
    }

    /// Has `record` store the gradients of samples in the tensors that they belong to, with what it needs to know of these.
    fn in_planes(
        &self,
        recorder: &mut Recorder,
        deformation: &Deformation,
        strip: &Strip,
        record: impl FnOnce(&mut Recorder, sample_gradients::Params, GradientsIn) -> Result<()>,
    ) -> Result<()> {
        let (layout, points) = (deformation.offset_layout, deformation.points(&self.columns.im2col));
        let ([dy, dx], mask) = (layout.offset_planes(points), layout.mask_planes(points));
        let images = 0..strip.images.end - strip.images.start;
        // All planes of each image, and the pixels of a plane; next to nothing where the gradient is not wanted.
        let bound = |recorder: &mut Recorder, argument, of: Option<&StripPlanes>, planes: u32| -> Result<_> {
            match of {
                Some(of) => {
                    let elements = of.elements(&images, &(0..planes), &strip.image_pixels());
                    Ok((of.tensor.binding(argument, elements)?, of.plane))
                }
                None => Ok((recorder.workspace([1])?.binding(argument, 0..1)?, 0)),
            }
        };
        let Gradients { offset: of_offset, mask: of_mask, .. } = *self.gradients;
        with_planes(recorder, of_offset, strip, |recorder, offset_planes| {
            with_planes(recorder, of_mask, strip, |recorder, mask_planes| {
                let (offset, plane) = bound(recorder, "grad_offset", offset_planes, dy.batch)?;
                let (own_mask, own_plane) = bound(recorder, "grad_mask", mask_planes, mask.batch)?;
                let (in_mask, mask_plane, of_mask) = match layout.holds_mask() {
                    true => (&offset, plane, of_offset),
                    false => (&own_mask, own_plane, of_mask),
                };
                let params = sample_gradients::Params {
                    y_first: offset.first + dy.first * plane,
                    x_first: offset.first + dx.first * plane,
                    offset_batch: dy.batch * plane,
                    offset_step: dy.step * plane,
                    mask_first: in_mask.first + mask.first * mask_plane,
                    mask_batch: mask.batch * mask_plane,
                    mask_step: mask.step * mask_plane,
                    mask_in_offset: layout.holds_mask().into(),
                    offset_stored: stored(of_offset) as u32,
                    mask_stored: stored(of_mask) as u32,
                    ..Default::default()
                };
                record(recorder, params, GradientsIn::Planes([&offset, &own_mask]))
            })
        })
    }

    /// Writes the samples' gradients into the tensors that they belong to.
    fn planes(
        &self,
        recorder: &mut Recorder,
        deformation: &Deformation,
        strip: &Strip,
        of_samples: &Binding,
    ) -> Result<()> {
        let (g, gradients) = (&self.columns.im2col, self.gradients);
        let (layout, points, out_pixels) = (deformation.offset_layout, deformation.points(g), g.out_pixels());
        let [dy, dx] = layout.offset_planes(points);
        let mask_planes = (2, layout.mask_planes(points));
        let [of_offset, of_mask]: [&[_]; 2] = if layout.holds_mask() {
            [&[(0, dy), (1, dx), mask_planes], &[]]
        } else {
            [&[(0, dy), (1, dx)], &[mask_planes]]
        };
        let images = 0..strip.images.end - strip.images.start;
        let pixels = strip.image_pixels();
        for (destination, components) in [(gradients.offset, of_offset), (gradients.mask, of_mask)] {
            let Some(destination) = destination else { continue };
            StripPlanes::write(recorder, destination, strip, 1, |recorder, gradient| {
                components.iter().try_for_each(|&(component, planes)| {
                    let all = 0..points;
                    in_pieces([all], &mut |[points]| {
                        let elements = gradient.elements(&images, &planes.of(points), &pixels);
                        let params = sample_planes::Params {
                            component,
                            pixel_first: strip.pixels.start,
                            pixels: strip.len(),
                            out_pixels,
                            taps: g.taps(),
                            point_first: points.start,
                            points: points.end - points.start,
                            origin: pixels.start,
                            batch: planes.batch * gradient.plane,
                            step: planes.step * gradient.plane,
                            accumulate: matches!(destination, Destination::Add(_)).into(),
                            ..Default::default()
                        };
                        let binding = gradient.tensor.binding("grad_offset", elements)?;
                        sample_planes(recorder, params, [of_samples, &binding])
                    })
                })
            })?;
        }
        Ok(())
    }
}

/// Has `record` write a strip of a gradient, or add to it, all planes together; it gets none where the gradient is not wanted.
fn with_planes(
    recorder: &mut Recorder,
    destination: Option<Destination>,
    strip: &Strip,
    record: impl FnOnce(&mut Recorder, Option<&StripPlanes>) -> Result<()>,
) -> Result<()> {
    match destination {
        Some(destination) => StripPlanes::write(recorder, destination, strip, u32::MAX, |recorder, planes| {
            record(recorder, Some(planes))
        }),
        None => record(recorder, None),
    }
}

fn stored(destination: Option<Destination>) -> Stored {
    match destination {
        None => Stored::Left,
        Some(Destination::Write(_)) => Stored::Written,
        Some(Destination::Add(_)) => Stored::Added,
    }
}

/// Records what long cells add to the pixels around them, of those that a dispatch of `deform_col2im` with such parameters does.
fn add_long(
    recorder: &mut Recorder,
    adding: (RunQuads, Layout),
    of_others: &deform_col2im::Params,
    [columns, grad_input, table, samples]: [&Binding; 4],
    sorted: &SortedSamples,
) -> Fit {
    let deform_col2im::Params { window, piece, offset_group_first, offset_groups, cell_first, cells, .. } = *of_others;
    let SortedSamples { keys, rows, long_cells, listed } = sorted;
    if *listed == 0 {
        return Ok(());
    }
    let params = deform_col2im_long::Params {
        window,
        piece,
        offset_group_first,
        offset_groups,
        cell_first,
        cells,
        most: SHORT_CELL,
        listed: *listed,
        workers: (4 * listed).min(deform_col2im_long::WORKERS),
    };
    let bindings = [columns, grad_input, table, samples, rows, keys, long_cells];
    deform_col2im_long(recorder, adding, params, bindings)
}
