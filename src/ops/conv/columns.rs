//! Columns of a window over images, in pieces that the device can bind.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Deformation, Im2col, Im2colGeometry, Planes};
use crate::gpu::{Binding, Constant, Fit, Gpu, Loops, Recorder, Subgroup, Tensor, Texel, Texture};
use crate::kernels::border;
use crate::kernels::columns::{ColumnsOrder, Params, RUN_QUADS};
use crate::kernels::conv::im2col;
use crate::kernels::layout::{Layout, panel_texels};
use crate::kernels::matmul::matmul_windows::{self, WindowKind};
use crate::kernels::matmul::{copy_lines, subgroup_tile};
use crate::kernels::sample::{deform_im2col, sample_gradients};
use crate::kernels::window::{Offsets, Window};
use crate::ops::conv::channels_last::{ChannelsLast, QUAD, Quad, channel_quads};
use crate::ops::conv::packed_matrix::{self, PackedMatrix};
use crate::ops::conv::strips::{Strip, StripPlanes, strips};
use crate::ops::matmul::product::Windows;
use crate::ops::plan::{bindable, in_units, opaque, pieces};

/// Packed images take about this many bytes at a time: a batch is done in chunks of images.
const CHUNK_BYTES: u64 = 32 << 20;

/// Inputs that columns are sampled from. A deformable window has an offset.
pub(crate) struct SampleSource<'a> {
    pub(crate) input: &'a Tensor,
    pub(crate) offset: Option<&'a Tensor>,
    pub(crate) mask: Option<&'a Tensor>,
}

/// A run of quads with one group and one offset group: first quad, offset group, and what the order of the columns needs. One
/// invocation does a run.
type Run = [u32; 4];

/// The most quads of a run: enough to make their position worth computing. Adapters that run on the CPU have few invocations at a time.
fn run_quads(layout: Layout) -> usize {
    match layout {
        Layout::Rows => 16,
        Layout::Panels => RUN_QUADS as usize,
    }
}

/// Quads in runs of one group and one offset group, at most so many: the group, the first quad, and the run. Quads without channels belong
/// to the run before them.
pub(crate) fn same_quads(quads: &[Quad], per_group: usize, most: usize) -> impl Iterator<Item = (u32, u32, &[Quad])> {
    let mut first = 0;
    quads
        .chunks(per_group)
        .enumerate()
        .flat_map(move |(group, quads)| {
            let runs = quads.chunk_by(|a, b| a[2] == b[2]).flat_map(move |same| same.chunks(most));
            runs.map(move |run| (group as u32, run))
        })
        .map(move |(group, run)| {
            first += run.len() as u32;
            (group, first - run.len() as u32, run)
        })
}

/// The channels of a run.
pub(crate) fn channels(run: &[Quad]) -> u32 {
    run.iter().map(|[_, channels, ..]| channels).sum()
}

fn channel_runs(quads: &[Quad], per_group: usize, (order, layout): (ColumnsOrder, Layout)) -> Vec<Run> {
    let runs = same_quads(quads, per_group, run_quads(layout)).map(|(group, first, run)| {
        let [channel, _, offset_group, _] = run[0];
        match order {
            ColumnsOrder::Quads | ColumnsOrder::HeldQuads => {
                [first, offset_group, 256 * channels(run) + run.len() as u32, group]
            }
            ColumnsOrder::Channels => [first, offset_group, channels(run), channel],
        }
    });
    runs.collect()
}

fn offset_groups(deformation: Option<&Deformation>) -> u32 {
    deformation.map_or(1, |deformation| deformation.offset_groups)
}

/// The layout of a window's workspace. Of a plain window over a large image some rows are packed at a time. Four rows of the weight's gradient
/// have to be bound.
pub(crate) fn layout(
    gpu: &Gpu,
    im2col: &Im2colGeometry,
    groups: u32,
    deformation: Option<&Deformation>,
    out_channels: u32,
) -> Layout {
    let Im2colGeometry { channels, height, width, .. } = *im2col;
    let quads = channel_quads(channels, groups, offset_groups(deformation)).len() as u64;
    // With workspace in textures the gradients of samples are summed by one dispatch: runs of quads are as many as quads at most.
    let runs = (quads as u32).div_ceil(offset_groups(deformation));
    let summed = sample_gradients::Params { runs, quads_per_group: 1, ..Default::default() }.iterations();
    let ends = |iterations| gpu.capabilities().check_iterations("input", iterations).is_ok();
    if deformation.is_some() && !ends(summed) {
        return Layout::Rows;
    }
    // So are gradients of columns, over the output channels of a group.
    let depth = (out_channels / groups).saturating_add(32);
    if !ends(subgroup_tile::Params { depth, ..Default::default() }.iterations()) {
        return Layout::Rows;
    }
    let row = u64::from(im2col.taps()) * quads / u64::from(groups);
    let weight_rows = u64::from(out_channels) + 32 * u64::from(groups);
    let rows = if deformation.is_none() { rows_read(im2col, 1).min(height) } else { height };
    // With a quad of zeros.
    let packed = panel_texels(rows * width, quads as u32) + 1;
    let largest = packed.max(weight_rows * row) * QUAD;
    packed_matrix::layout(gpu, largest, 4 * row * QUAD)
}

/// Rows of an image that a plain window reaches at most from so many output pixels that follow one another.
fn rows_read(im2col: &Im2colGeometry, out_pixels: u32) -> u32 {
    let Im2col { kernel, stride, dilation, .. } = im2col.window;
    // They may begin amid a row.
    let more = u64::from((out_pixels - 1).div_ceil(im2col.out_width)) * u64::from(stride[0]);
    let rows = more + u64::from(dilation[0]) * u64::from(kernel[0] - 1) + 1;
    rows.min(u32::MAX.into()) as u32
}

/// Packed pixels that strips are sampled from, in bands that can be bound: of all images of a chunk, or, for a plain window over one large image,
/// the rows that a strip reaches and more behind them.
pub(crate) struct PackedImages {
    memory: Vec<PackedMatrix>,
    /// Pixels of a band.
    band: u32,
    /// The images of the chunk, and the pixels that are packed, counted over these.
    images: Range<u32>,
    pixels: Range<u32>,
    /// Rows of the image that there is room for.
    rows: u32,
}

impl PackedImages {
    /// No workspace, for what reads no input.
    pub(crate) const NONE: Self = Self { memory: Vec::new(), band: 0, images: 0..0, pixels: 0..0, rows: 0 };

    /// The bands that are packed, counted over the images of the chunk.
    pub(crate) fn bands(&self) -> impl Iterator<Item = (Range<u32>, &PackedMatrix)> {
        pieces(self.pixels.clone(), self.band).zip(&self.memory)
    }

    /// The one band that there is in textures.
    pub(crate) fn one_band(&self) -> (Range<u32>, &PackedMatrix) {
        debug_assert!(self.in_one(), "{} bands", self.memory.len());
        (self.pixels.clone(), &self.memory[0])
    }

    /// Whether all packed pixels are in one band.
    pub(crate) fn in_one(&self) -> bool {
        self.memory.len() == 1
    }
}

/// A window, plain or deformable, over images of one geometry.
pub struct Columns {
    pub(crate) im2col: Im2colGeometry,
    groups: u32,
    pub(crate) deformation: Option<Deformation>,
    pub(crate) layout: Layout,
    pub(crate) packing: ChannelsLast,
    /// The offset group of each run, ascending.
    run_offset_groups: Vec<u32>,
    channel_runs: Constant,
}

opaque!(Columns);

impl Columns {
    pub(crate) fn new(
        gpu: &Gpu,
        im2col: Im2colGeometry,
        groups: u32,
        deformation: Option<Deformation>,
        (order, layout): (ColumnsOrder, Layout),
        data: DType,
    ) -> Result<Self> {
        let pixels = im2col.height * im2col.width;
        let quads = channel_quads(im2col.channels, groups, offset_groups(deformation.as_ref()));
        let packing = ChannelsLast::new(gpu, layout, data, [im2col.channels, pixels], quads)?;
        let runs = channel_runs(&packing.quads, packing.quads.len() / groups as usize, (order, layout));
        let channel_runs = packed_matrix::table(gpu, layout, "pliant channel_runs", &runs)?;
        let run_offset_groups = runs.iter().map(|[_, offset_group, ..]| *offset_group).collect();
        Ok(Self { im2col, groups, deformation, layout, packing, run_offset_groups, channel_runs })
    }

    /// Compiles what makes the columns, in an order that the tables are for.
    pub(crate) fn compile(&self, gpu: &Gpu, order: ColumnsOrder) -> Result<()> {
        match self.deformation {
            None => gpu.compile::<im2col::Kernel>((order, self.layout)),
            Some(_) => {
                if self.layout == Layout::Panels {
                    gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
                }
                gpu.compile::<deform_im2col::Kernel>((order, self.layout))
            }
        }
    }

    /// Compiles the product that reads the windows.
    pub(crate) fn compile_windows(&self, gpu: &Gpu, subgroup: Subgroup) -> Result<()> {
        let window = match self.deformation {
            None => WindowKind::Plain,
            Some(_) => {
                gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
                WindowKind::Deformable
            }
        };
        matmul_windows::compile(gpu, window, subgroup)
    }

    pub(crate) fn quads_per_group(&self) -> u32 {
        self.packing.quads.len() as u32 / self.groups
    }

    pub(crate) fn channel_quads(&self) -> Binding {
        self.packing.table.binding()
    }

    fn pixels(&self) -> u32 {
        self.im2col.height * self.im2col.width
    }

    /// Bytes of one packed image.
    fn image_bytes(&self) -> u64 {
        u64::from(self.pixels()) * self.packing.pixel_bytes()
    }

    /// Bytes that packed images take at a time, at most.
    pub(crate) fn packed_bytes(&self) -> u64 {
        (u64::from(self.im2col.batch) * self.image_bytes()).min(CHUNK_BYTES.max(self.image_bytes()))
    }

    /// Images that are packed, and bound, together, where each takes `other` bytes of workspace beside.
    pub(crate) fn images_per_chunk(&self, gpu: &Gpu, other: u64) -> u32 {
        let most = bindable(gpu);
        let by_packed = (most / self.image_bytes()).min(CHUNK_BYTES / (self.image_bytes() + other));
        let by_offset = self.deformation.map_or(u64::MAX, |deformation| {
            let channels = deformation.offset_layout.channels_per_point() * deformation.points(&self.im2col);
            most / (u64::from(channels) * u64::from(self.im2col.out_pixels()) * 4)
        });
        by_packed.min(by_offset).clamp(1, self.im2col.batch.max(1).into()) as u32
    }

    /// Workspace for the packed images of a chunk that are sampled in strips of so many pixels at most: in one band, but for a single image
    /// that is too large.
    pub(crate) fn packed(&self, recorder: &mut Recorder, images: u32, strip: u32) -> Result<PackedImages> {
        let rows = self.packed_rows(recorder.gpu(), images, strip);
        let pixels = images * rows * self.im2col.width;
        let band = match self.layout {
            Layout::Rows => bindable(recorder.gpu()) / self.packing.pixel_bytes(),
            Layout::Panels => u64::MAX,
        };
        let band = band.clamp(1, pixels.into()) as u32;
        let memory = pieces(0..pixels, band).map(|band| self.packing.workspace(recorder, band.end - band.start));
        Ok(PackedImages { memory: memory.collect::<Result<_>>()?, band, rows, ..PackedImages::NONE })
    }

    /// Workspace for packed images, in one band, with a quad of zeros behind them.
    pub(crate) fn packed_with_zero(&self, recorder: &mut Recorder, images: u32, strip: u32) -> Result<PackedImages> {
        let rows = self.packed_rows(recorder.gpu(), images, strip);
        let pixels = images * rows * self.im2col.width;
        let memory = vec![self.packing.workspace_with_zero(recorder, pixels)?];
        Ok(PackedImages { memory, band: pixels.max(1), rows, ..PackedImages::NONE })
    }

    /// The rows of each image that are packed together.
    fn packed_rows(&self, gpu: &Gpu, images: u32, strip: u32) -> u32 {
        let row_bytes = u64::from(self.im2col.width) * self.packing.pixel_bytes();
        let rows = match self.deformation {
            None if images == 1 => {
                (CHUNK_BYTES.min(bindable(gpu)) / row_bytes).max(rows_read(&self.im2col, strip).into())
            }
            _ => u64::MAX,
        };
        rows.min(self.im2col.height.into()) as u32
    }

    /// The windows of a strip of a chunk of images, whose packed pixels are in one band, and whose offsets and masks, if it has any, are in lines.
    pub(crate) fn windows(
        &self,
        (chunk, strip): (&Range<u32>, &Strip),
        packed: &PackedImages,
        field: Option<&Field>,
    ) -> Result<Windows> {
        let (band, memory) = packed.one_band();
        let params = self.window(chunk, strip, &band);
        let lines = field.and_then(|field| self.in_lines(field, strip, params));
        let (params, points) = lines.map_or((params, None), |(params, points)| (params, Some(points)));
        let [run_quads, offset_group_quads] = self.run_quads();
        let params = matmul_windows::Params {
            window: params.window,
            offsets: params.offsets,
            border: params.border,
            modulated: params.modulated,
            zero: memory.texels(),
            run_quads,
            offset_group_quads,
            ..Default::default()
        };
        Ok(Windows { packed: memory.binding("input")?, points, params })
    }

    /// The quads that are sampled together, of one group and one offset group, and those of an offset group, where all have as many as others.
    fn run_quads(&self) -> [u32; 2] {
        let offset_group = self.packing.quads.len() as u32 / offset_groups(self.deformation.as_ref());
        [offset_group.min(self.quads_per_group()), offset_group]
    }

    /// The loops of a product that reads the windows, if it can: deformable ones of whole quads, in runs that divide a group and an offset group.
    pub(crate) fn window_runs(&self) -> Option<matmul_windows::Params> {
        let [run_quads, offset_group_quads] = self.run_quads();
        let window = Window { taps: self.im2col.taps(), quads_per_group: self.quads_per_group(), ..Default::default() };
        let whole = self.packing.quads.iter().all(|[_, channels, ..]| *channels == 4)
            && window.quads_per_group.is_multiple_of(run_quads)
            && offset_group_quads.is_multiple_of(run_quads);
        let params = matmul_windows::Params { window, run_quads, offset_group_quads, ..Default::default() };
        (self.deformation.is_none() || whole).then_some(params)
    }

    /// The most pixels of strips of a plain window whose rows can be packed together.
    pub(crate) fn most_of_packed(&self, gpu: &Gpu) -> u64 {
        let Im2colGeometry { width, height, out_width, window, .. } = self.im2col;
        // Rows of panels are filled up.
        let pixels = Texture::most_bytes(gpu, Texel::Quad) / QUAD / self.packing.quads.len() as u64;
        let rows = pixels.saturating_sub(Layout::Panels.filled_rows(1)) / u64::from(width);
        if self.layout == Layout::Rows || self.deformation.is_some() || u64::from(height) <= rows {
            return u64::MAX;
        }
        let more = rows.saturating_sub(rows_read(&self.im2col, 1).into()) / u64::from(window.stride[0]);
        (more * u64::from(out_width)).max(1)
    }

    /// Bytes of the offsets and masks of an output pixel in a texture, as many as there may be, the pitch of lines being twice their length at most;
    /// none where they are in buffers.
    pub(crate) fn point_bytes(&self) -> u64 {
        let points = self.deformation.map_or(0, |deformation| deformation.points(&self.im2col));
        if self.layout == Layout::Rows { 0 } else { 2 * 3 * u64::from(points) * Texel::Element.bytes() }
    }

    /// The most pixels of strips whose offsets and masks are in one texture.
    pub(crate) fn most_of_points(&self, gpu: &Gpu) -> u64 {
        Texture::most_bytes(gpu, Texel::Element).checked_div(self.point_bytes()).unwrap_or(u64::MAX)
    }

    /// Bytes of the columns of an output pixel.
    pub(crate) fn pixel_bytes(&self) -> u64 {
        u64::from(self.im2col.taps()) * self.packing.pixel_bytes()
    }

    /// Strips of output pixels of some images: `pixel` bytes, which are bound together, and `other` bytes of each take `bytes` at most.
    pub(crate) fn strips_of(&self, gpu: &Gpu, images: u32, bytes: u64, [pixel, other]: [u64; 2]) -> [u32; 2] {
        let most = bindable(gpu).min(gpu.capabilities().elements_per_dispatch() * 4);
        let strip = (bytes / (pixel + other + self.point_bytes())).min(most / pixel);
        let strip = strip.min(self.most_of_packed(gpu)).min(self.most_of_points(gpu));
        // Whole tiles of the matrix product.
        let strip = if strip > 64 { strip / 64 * 64 } else { strip };
        let out_pixels = self.im2col.out_pixels();
        let strip = strip.clamp(1, u64::from(images) * u64::from(out_pixels)) as u32;
        let images = (strip / out_pixels).max(1);
        [images, strip.min(images * out_pixels)]
    }

    /// Records the columns of all images into `output`: (batch, out_height, out_width, taps, channels).
    pub(crate) fn forward(&self, recorder: &mut Recorder, source: &SampleSource, output: &Tensor) -> Result<()> {
        if self.im2col.batch == 0 {
            return Ok(());
        }
        let chunk = self.images_per_chunk(recorder.gpu(), 0);
        let most = self.strips_of(recorder.gpu(), chunk, u64::MAX, [self.pixel_bytes(), 0]);
        let mut packed = self.packed(recorder, chunk, most[1])?;
        let (out_pixels, depth) = (self.im2col.out_pixels(), self.im2col.taps() * self.im2col.channels);
        for images in pieces(0..self.im2col.batch, chunk) {
            for strip in strips(images.clone(), out_pixels, most) {
                self.pack(recorder, source.input, &images, &strip, &mut packed)?;
                let row = |pixel: u32| {
                    (u64::from(strip.images.start) * u64::from(out_pixels) + u64::from(pixel)) * u64::from(depth)
                };
                let columns = output.binding("columns", row(strip.pixels.start)..row(strip.pixels.end))?;
                self.sample(recorder, source, (&images, &strip), &packed, (ColumnsOrder::Channels, &columns))?;
            }
        }
        Ok(())
    }

    /// Packs what a strip of a chunk of images is sampled from, channels last, band by band, unless it is packed already.
    pub(crate) fn pack(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        images: &Range<u32>,
        strip: &Strip,
        packed: &mut PackedImages,
    ) -> Result<()> {
        let Im2colGeometry { height, width, .. } = self.im2col;
        let pixels = if packed.rows == height {
            0..(images.end - images.start) * self.pixels()
        } else {
            let rows = self.im2col.rows_reached(&strip.pixels);
            // What reaches padding alone is sampled from something all the same.
            let first = rows.start.min(height - 1);
            first * width..rows.end.max(first + 1) * width
        };
        let held = packed.pixels.start <= pixels.start && pixels.end <= packed.pixels.end;
        if packed.memory.is_empty() || (packed.images == *images && held) {
            return Ok(());
        }
        packed.images = images.clone();
        packed.pixels =
            pixels.start..pixels.end.max(pixels.start.saturating_add(packed.rows * width).min(height * width));
        for (band, packed) in packed.bands() {
            let pixels = band.start..band.end.min(self.pixels());
            self.packing.pack(recorder, "input", input, [images.clone(), pixels], packed)?;
        }
        Ok(())
    }

    /// Makes the columns of a strip of a chunk of images, in an order that the tables are for.
    pub(crate) fn sample(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        (chunk, strip): (&Range<u32>, &Strip),
        packed: &PackedImages,
        (order, columns): (ColumnsOrder, &Binding),
    ) -> Result<()> {
        let variant = (order, self.layout);
        recorder.scratch(|recorder| {
            let field = self.field(recorder, source, strip)?;
            for (index, (band, packed)) in packed.bands().enumerate() {
                let params = Params { accumulate: (index > 0).into(), ..self.window(chunk, strip, &band) };
                let bindings = [columns, &packed.binding("input")?, &self.channel_runs.binding()];
                self.with_offsets(field.as_ref(), strip, params, &mut |params, offsets| match offsets {
                    None => im2col::im2col(recorder, variant, params, bindings),
                    Some(offsets) => deform_im2col::deform_im2col(recorder, variant, params, bindings, offsets),
                })?;
            }
            Ok(())
        })
    }

    /// The window's parameters for kernels, for a strip of a chunk of images, and a band of these.
    pub(crate) fn window(&self, chunk: &Range<u32>, strip: &Strip, band: &Range<u32>) -> Params {
        let pixels = &strip.pixels;
        let window = Window {
            pixel_first: pixels.start,
            pixels: pixels.end - pixels.start,
            quads: self.packing.quads.len() as u32,
            quads_per_group: self.quads_per_group(),
            band_first: self.band_first(chunk, strip, band),
            band_pixels: band.end - band.start,
            ..Window::of(&self.im2col)
        };
        Params {
            window,
            channels: self.im2col.channels,
            runs: self.run_offset_groups.len() as u32,
            tap_end: window.taps,
            ..Default::default()
        }
    }

    /// The first pixel of a band, counted from the strip's first image; wraps where that is behind it.
    pub(crate) fn band_first(&self, chunk: &Range<u32>, strip: &Strip, band: &Range<u32>) -> u32 {
        band.start.wrapping_sub((strip.images.start - chunk.start) * self.pixels())
    }

    /// Offset and mask of a strip of a deformable window, for as long as the recorder's scratch.
    pub(crate) fn field(&self, recorder: &mut Recorder, source: &SampleSource, strip: &Strip) -> Result<Option<Field>> {
        let (Some(deformation), Some(offset)) = (self.deformation, source.offset) else { return Ok(None) };
        let offset = StripPlanes::read(recorder, offset, strip)?;
        let mask = source.mask.map(|mask| StripPlanes::read(recorder, mask, strip)).transpose()?;
        let points = match self.layout {
            Layout::Rows => None,
            Layout::Panels => Some(PointLines::new(recorder, &offset, mask.as_ref(), strip)?),
        };
        Ok(Some(Field { deformation, offset, mask, points }))
    }

    /// The parameters of a deformable window whose offsets and masks are in lines, and these.
    fn in_lines(&self, field: &Field, strip: &Strip, params: Params) -> Option<(Params, Binding)> {
        let PointLines { texture, offset_pitch, mask_pitch, mask_first } = field.points.as_ref()?;
        let layout = field.deformation.offset_layout;
        let points = field.deformation.points(&self.im2col);
        let [dy, dx] = layout.offset_planes(points);
        let mask = layout.mask_planes(points);
        let offsets = Offsets {
            point_first: 0,
            points,
            origin: strip.image_pixels().start,
            y_first: dy.first * offset_pitch,
            y_batch: dy.batch * offset_pitch,
            y_step: dy.step * offset_pitch,
            x_first: dx.first * offset_pitch,
            x_batch: dx.batch * offset_pitch,
            x_step: dx.step * offset_pitch,
            mask_first: mask_first + mask.first * mask_pitch,
            mask_batch: mask.batch * mask_pitch,
            mask_step: mask.step * mask_pitch,
        };
        Some((Params { offsets, ..field.sampled(params) }, texture.binding()))
    }

    /// Has `dispatch` do some pixels of a strip with offset and mask bound, in as many pieces as buffers need to be; a plain window at once.
    pub(crate) fn with_offsets(
        &self,
        field: Option<&Field>,
        strip: &Strip,
        params: Params,
        dispatch: &mut impl FnMut(Params, Option<&[&Binding]>) -> Fit,
    ) -> Fit {
        let Some(field @ Field { deformation, offset, mask, .. }) = field else { return dispatch(params, None) };
        if let Some((params, points)) = self.in_lines(field, strip, params) {
            return dispatch(params, Some(&[&points]));
        }
        let layout = deformation.offset_layout;
        let points = deformation.points(&self.im2col);
        let [dy, dx] = layout.offset_planes(points);
        let mask_planes = layout.mask_planes(points);
        let mask = if layout.holds_mask() { Some(offset) } else { mask.as_ref() };
        let mask_plane = mask.map_or(0, |mask| mask.plane);
        let images = 0..strip.images.end - strip.images.start;
        let window = &params.window;
        // Of several images all pixels are bound.
        let pixels =
            if images.end == 1 { window.pixel_first..window.pixel_first + window.pixels } else { 0..window.out_pixels };
        let params = field.sampled(params);
        let run = |offset_group: u32| self.run_offset_groups.partition_point(|of_run| *of_run < offset_group) as u32;
        let taps = self.im2col.taps();
        in_units([1; 2], [0..deformation.offset_groups, 0..taps], &mut |[offset_groups, some_taps]| {
            // Of several offset groups all taps.
            let points =
                &(offset_groups.start * taps + some_taps.start..(offset_groups.end - 1) * taps + some_taps.end);
            let binding = |argument, field: &StripPlanes, planes: Planes| {
                field.tensor.binding(argument, field.elements(&images, &planes.of(points), &pixels))
            };
            let offset_y = binding("offset", offset, dy)?;
            let offset_x = binding("offset", offset, dx)?;
            let mask_binding = mask.map_or(Ok(offset_y.clone()), |mask| binding("mask", mask, mask_planes))?;
            let params = Params {
                run_first: run(offset_groups.start),
                runs: run(offset_groups.end) - run(offset_groups.start),
                tap_first: some_taps.start,
                tap_end: some_taps.end,
                offsets: Offsets {
                    point_first: points.start,
                    points: points.end - points.start,
                    origin: pixels.start,
                    y_first: offset_y.first,
                    y_batch: dy.batch * offset.plane,
                    y_step: dy.step * offset.plane,
                    x_first: offset_x.first,
                    x_batch: dx.batch * offset.plane,
                    x_step: dx.step * offset.plane,
                    mask_first: mask_binding.first,
                    mask_batch: mask_planes.batch * mask_plane,
                    mask_step: mask_planes.step * mask_plane,
                },
                ..params
            };
            dispatch(params, Some(&[&offset_y, &offset_x, &mask_binding]))
        })
    }
}

/// Offset and mask of a strip, in f32.
pub(crate) struct Field {
    pub(crate) deformation: Deformation,
    offset: StripPlanes,
    mask: Option<StripPlanes>,
    /// Both, for kernels with workspace in textures.
    points: Option<PointLines>,
}

impl Field {
    /// The parameters with the rules by which samples are taken.
    fn sampled(&self, params: Params) -> Params {
        let modulated = self.mask.is_some() || self.deformation.offset_layout.holds_mask();
        Params { border: border(self.deformation.border), modulated: modulated.into(), ..params }
    }
}

/// The planes of offset and mask of a strip in a texture of elements, as lines: shared/panels/offsets.wgsl.
struct PointLines {
    texture: Texture,
    offset_pitch: u32,
    mask_pitch: u32,
    /// Where the lines of the mask begin.
    mask_first: u32,
}

impl PointLines {
    /// Records the copy of offset and mask.
    fn new(recorder: &mut Recorder, offset: &StripPlanes, mask: Option<&StripPlanes>, strip: &Strip) -> Result<Self> {
        let offset_lines = offset.lines(strip, 0);
        let offset_pitch = offset_lines.pitch();
        let mask_lines = mask.map(|mask| {
            let pitch = mask.lines(strip, 0).pitch();
            mask.lines(strip, (offset_lines.count * offset_pitch).next_multiple_of(pitch))
        });
        let last = mask_lines.unwrap_or(offset_lines);
        let texture = recorder
            .texture(Texel::Element, u64::from(last.first) + u64::from(last.count) * u64::from(last.pitch()))?;
        offset.copy_lines(recorder, ("offset", strip), &texture, offset_lines)?;
        if let (Some(mask), Some(lines)) = (mask, mask_lines) {
            mask.copy_lines(recorder, ("mask", strip), &texture, lines)?;
        }
        Ok(Self { texture, offset_pitch, mask_pitch: last.pitch(), mask_first: last.first })
    }
}
