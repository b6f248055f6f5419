//! Convolution without columns in memory: pack the images channels last, and have each workgroup sample what its tile of the output needs.

use std::ops::Range;

use super::rule::Strategy;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor};
use crate::kernels::conv::columns::{self, ColumnsOrder};
use crate::kernels::conv::fused::{self, Dispatch, Sampling, Steps, tile_work};
use crate::kernels::conv::fused_cooperative::{self, Matrices, fused_cooperative};
use crate::kernels::conv::fused_direct::{self, fused_direct};
use crate::kernels::conv::fused_tile::{self, Tile, fused_tile};
use crate::kernels::conv::fused_weight::{self, fused_weight};
use crate::kernels::layout::Layout;
use crate::kernels::movement::convert;
use crate::kernels::reduce::segment_sums;
use crate::ops::conv::columns::{Columns, Field, PackedImages, SampleSource};
use crate::ops::conv::strips::{self, Strip, StripPlanes, strips, wide_bytes};
use crate::ops::conv::weight::{Packed, PackedWeight, Packing};
use crate::ops::plan::{Argument, at_once, bindable, in_pieces, in_units, pieces, rounded};
use crate::ops::reduce::sums::Sums;
use crate::shape::Shape;

/// Workgroups that keep a large device busy: about four for each of its 132 cores.
const BUSY: u64 = 512;

/// The least terms of a split: below it, what is summed behind it costs more than the split gains.
const LEAST_TERMS: u32 = 32;

/// With the packed weight, strips of what is widened, offset, mask and output, take about this many bytes, and these at least.
const FORWARD_BYTES: u64 = 13 << 20;
const LEAST_STRIP_BYTES: u64 = 2 << 20;

/// The most bytes of workspace for the packed weight and the sums of splits.
const SPLIT_BYTES: u64 = 16_000_000;

/// The most terms that a kernel does at a time. Where terms are cut they are cut at multiples of it.
const STEP: u32 = 4;

/// Which kernel does a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Groups of few rows.
    Direct,
    Tiles(Tile),
    Cooperative(Matrices),
}

impl Family {
    /// All families of `Strategy::Fused`.
    const FUSED: [Self; 5] = [
        Self::Direct,
        Self::Tiles(Tile::Rows32),
        Self::Tiles(Tile::Rows64),
        Self::Tiles(Tile::Rows64Half),
        Self::Tiles(Tile::Rows128),
    ];

    /// The family for a geometry, by the rows of a group, and whether the wide tile leaves enough workgroups.
    fn of(geometry: &Conv2dGeometry) -> Self {
        let rows = geometry.group_out_channels();
        let wide = Self::Tiles(Tile::Rows128);
        match rows {
            0..=8 => Self::Direct,
            9..=32 => Self::Tiles(Tile::Rows32),
            _ if rows.div_ceil(64).is_multiple_of(2) && wide.workgroups(geometry) >= BUSY / 2 => wide,
            _ => Self::Tiles(Tile::Rows64),
        }
    }

    /// What stands in for the family on a device with few registers: half a tile.
    fn on(self, gpu: &Gpu) -> Self {
        match self {
            Self::Tiles(Tile::Rows64 | Tile::Rows128) if gpu.few_registers() => Self::Tiles(Tile::Rows64Half),
            other => other,
        }
    }

    fn strategy(self) -> Strategy {
        match self {
            Self::Direct | Self::Tiles(_) => Strategy::Fused,
            Self::Cooperative(_) => Strategy::FusedCooperative,
        }
    }

    fn compile(self, gpu: &Gpu, deformable: bool) -> Result<()> {
        let sampling = Sampling::of(deformable);
        match self {
            Self::Direct => gpu.compile::<fused_direct::Kernel>(sampling),
            Self::Tiles(tile) => gpu.compile::<fused_tile::Kernel>((tile, sampling)),
            Self::Cooperative(matrices) => gpu.compile::<fused_cooperative::Kernel>((matrices, sampling)),
        }
    }

    fn record(self, recorder: &mut Recorder, dispatch: &Dispatch) -> Fit {
        match self {
            Self::Direct => fused_direct(recorder, dispatch),
            Self::Tiles(tile) => fused_tile(recorder, tile, dispatch),
            Self::Cooperative(matrices) => fused_cooperative(recorder, matrices, dispatch),
        }
    }

    /// Rows and pixels that a workgroup does.
    fn tile(self) -> [u32; 2] {
        match self {
            Self::Direct => fused_direct::TILE,
            Self::Tiles(tile) => tile.extents(),
            Self::Cooperative(matrices) => matrices.tile(),
        }
    }

    /// The loops of the family's kernel.
    fn steps(self) -> Steps {
        match self {
            Self::Direct => fused_direct::steps(),
            Self::Tiles(tile) => tile.steps(),
            Self::Cooperative(matrices) => matrices.steps(),
        }
    }

    /// The element type in which the kernel reads the weight, and the rows that it reads together: where rows are cut they are cut at
    /// multiples of it.
    fn weight(self) -> (DType, u32) {
        match self {
            Self::Direct | Self::Tiles(_) => (DType::F32, 4),
            Self::Cooperative(matrices) => (DType::F16, matrices.tile()[0]),
        }
    }

    /// Workgroups of a whole convolution.
    fn workgroups(self, geometry: &Conv2dGeometry) -> u64 {
        let [rows, pixels] = self.tile().map(u64::from);
        let all = u64::from(geometry.im2col.batch) * u64::from(geometry.im2col.out_pixels());
        u64::from(geometry.groups) * u64::from(geometry.group_out_channels()).div_ceil(rows) * all.div_ceil(pixels)
    }
}

/// Compiles what any convolution without columns may need on this device.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let cooperative = Matrices::of(gpu.capabilities()).map(Family::Cooperative);
    for family in Family::FUSED.into_iter().chain(cooperative) {
        let family = family.on(gpu);
        family.compile(gpu, false)?;
        family.compile(gpu, true)?;
    }
    Ok(())
}

/// A convolution, plain or deformable, without columns.
pub(crate) struct FusedConvolution {
    geometry: Conv2dGeometry,
    columns: Columns,
    packing: Packing,
    family: Family,
    splits: u32,
}

impl FusedConvolution {
    /// Plans a convolution in f32.
    pub(crate) fn new(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        dtypes: [DType; 2],
    ) -> Result<Self> {
        Self::with_family(gpu, geometry, deformation, dtypes, Family::of(&geometry).on(gpu))
    }

    /// Plans a convolution by cooperative matrices, for data of 16 bits.
    pub(crate) fn cooperative(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        dtypes @ [data, _]: [DType; 2],
    ) -> Result<Self> {
        if data == DType::F32 {
            let message = "input holds f32; cooperative matrices multiply f16, and serve data of 16 bits only";
            return Err(Error::Unsupported(message.to_string()));
        }
        let Some(matrices) = Matrices::of(gpu.capabilities()) else {
            let message = format!(
                "{gpu:?} has not enabled cooperative matrices of 8 x 8 or 16 x 16 f16 with sums in f32, in subgroups of a \
                 fixed size: see GpuOptions::cooperative_matrices"
            );
            return Err(Error::Unsupported(message));
        };
        Self::with_family(gpu, geometry, deformation, dtypes, Family::Cooperative(matrices))
    }

    fn with_family(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        [data, weight]: [DType; 2],
        family: Family,
    ) -> Result<Self> {
        let variant = (ColumnsOrder::Quads, Layout::Rows);
        let columns = Columns::new(gpu, geometry.im2col, geometry.groups, deformation, variant, data)?;
        gpu.compile::<fused_weight::Kernel>(weight.into())?;
        family.compile(gpu, deformation.is_some())?;
        if family.weight().0 != DType::F32 {
            gpu.compile::<convert::Kernel>(())?;
        }
        let packing = Packing::new(family.strategy(), Layout::Rows, &geometry, deformation.as_ref());
        let mut convolution = Self { geometry, columns, packing, family, splits: 1 };
        convolution.splits = convolution.splits(gpu, data);
        if convolution.splits > 1 {
            gpu.compile::<segment_sums::Kernel>(DType::F32.into())?;
        }
        strips::compile(gpu, convolution.rows_together(), convolution.geometry.im2col.out_pixels())?;
        Ok(convolution)
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.family.strategy()
    }

    /// The number of splits of the terms: one, but where the tiles are too few to keep a device busy.
    fn splits(&self, gpu: &Gpu, data: DType) -> u32 {
        if self.weight_pieces(gpu).len() > 1 {
            return 1;
        }
        let output_bytes = 4 * self.geometry.output_shape().elements().max(1);
        // Before an output of 16 bits is rounded, it is a sum in f32.
        let outputs = bindable(gpu).min(SPLIT_BYTES.saturating_sub(self.weight_bytes())) / output_bytes;
        let most = [
            BUSY / self.family.workgroups(&self.geometry).max(1),
            u64::from(self.terms() / LEAST_TERMS),
            outputs.saturating_sub((data != DType::F32).into()),
        ];
        let splits = most.into_iter().min().unwrap_or(1).max(1) as u32;
        self.terms().div_ceil(self.split_terms(splits))
    }

    /// The terms of a split, where there are so many.
    fn split_terms(&self, splits: u32) -> u32 {
        self.terms().div_ceil(splits).next_multiple_of(STEP)
    }

    /// Quads of channels, times taps, of a group.
    fn terms(&self) -> u32 {
        self.geometry.im2col.taps() * self.columns.quads_per_group()
    }

    /// Terms of a group in the packed weight: whole steps.
    fn packed_terms(&self) -> u32 {
        self.terms().next_multiple_of(STEP)
    }

    /// Rows of a group in the packed weight.
    fn packed_rows(&self) -> u32 {
        let (_, together) = self.family.weight();
        self.geometry.group_out_channels().next_multiple_of(together)
    }

    /// Elements of one term of the packed weight.
    fn term_elements(&self) -> u64 {
        4 * u64::from(self.packed_rows())
    }

    fn packed_shape(&self) -> Shape {
        [self.geometry.groups, self.packed_terms(), 4, self.packed_rows()].into()
    }

    /// Bytes of the packed weight in f32.
    fn weight_bytes(&self) -> u64 {
        4 * self.packed_shape().elements()
    }

    /// Elements of some terms of some groups of the packed weight: those of one group, or all.
    fn packed_elements(&self, groups: &Range<u32>, terms: &Range<u32>) -> Range<u64> {
        let element = |group: u32, term: u32| {
            (u64::from(group) * u64::from(self.packed_terms()) + u64::from(term)) * self.term_elements()
        };
        element(groups.start, terms.start)..element(groups.end - 1, terms.end)
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(crate) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        let packed = Tensor::new(recorder.gpu(), self.packed_shape(), self.family.weight().0)?;
        recorder.op(|recorder| self.pack_into(recorder, weight, &packed))?;
        let gpu = recorder.gpu().clone();
        Ok(PackedWeight { gpu, spec: weight.spec(), packing: self.packing, packed: Packed::Tensor(packed) })
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(crate) fn weight(&self, recorder: &mut Recorder, weight: Argument) -> Result<Tensor> {
        match weight {
            Argument::Tensor(plain) => {
                let space = recorder.workspace(self.packed_shape())?;
                let (dtype, _) = self.family.weight();
                let packed = space.viewed(self.packed_shape(), dtype);
                self.pack_into(recorder, plain, &packed)?;
                Ok(packed)
            }
            Argument::Packed(packed) => packed.packed_for(self.packing)?.tensor(),
        }
    }

    fn pack_into(&self, recorder: &mut Recorder, weight: &Tensor, packed: &Tensor) -> Result<()> {
        recorder
            .scratch(|recorder| rounded(recorder, packed, |recorder, packed| self.pack_f32(recorder, weight, packed)))
    }

    fn pack_f32(&self, recorder: &mut Recorder, weight: &Tensor, packed: &Tensor) -> Result<()> {
        let (g, group_rows, dtype) = (&self.geometry, self.geometry.group_out_channels(), weight.dtype());
        let row = u64::from(g.group_channels()) * u64::from(g.im2col.taps());
        let all = [0..g.groups, 0..self.packed_rows() / 4, 0..self.packed_terms()];
        in_pieces(all, &mut |[groups, quads, terms]| {
            // A binding shows something, even where all rows are beyond the output channels.
            let first = groups.start * group_rows + (4 * quads.start).min(group_rows - 1);
            let end = ((groups.end - 1) * group_rows + group_rows.min(4 * quads.end)).max(first + 1);
            let params = fused_weight::Params {
                group_first: groups.start,
                groups: groups.end - groups.start,
                term_first: terms.start,
                term_count: terms.end - terms.start,
                terms: self.packed_terms(),
                row_first: 4 * quads.start,
                row_quads: quads.end - quads.start,
                packed_rows: self.packed_rows(),
                group_rows,
                group_channels: g.group_channels(),
                taps: g.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                out_channel_first: first,
                ..Default::default()
            };
            recorder.gpu().capabilities().check_elements("weight", params.elements())?;
            let weight = weight.binding("weight", u64::from(first) * row..u64::from(end) * row)?;
            let packed = packed.binding("weight", self.packed_elements(groups, terms))?;
            fused_weight(recorder, dtype, params, [&weight, &self.columns.channel_quads(), &packed])
        })
    }

    /// Records the convolution with a packed weight.
    pub(crate) fn forward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        bias: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let im2col = &self.geometry.im2col;
        if im2col.batch == 0 {
            return Ok(());
        }
        if self.splits == 1 {
            return self.strips(recorder, source, weight, bias, output);
        }
        let [batch, _, height, width] = *output.shape().extents() else { return Ok(()) };
        let partial = recorder.workspace([self.splits * batch, self.geometry.out_channels, height, width])?;
        self.strips(recorder, source, weight, bias, &partial)?;
        let columns = output.shape().elements() as u32;
        let sums = Sums { planes: 1, pixels: self.splits, columns, scale: 1.0, accumulate: false };
        rounded(recorder, output, |recorder, output| sums.record(recorder, &partial, output))
    }

    /// Records the convolution strip by strip, into the output or those of the splits, one behind another.
    fn strips(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        bias: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        let im2col = &self.geometry.im2col;
        let chunk = self.images_per_chunk(&gpu);
        let (rows, together) = (0..self.geometry.group_out_channels(), self.rows_together());
        let wide = wide_bytes([source.offset, source.mask, Some(output)].into_iter().flatten());
        let bytes = FORWARD_BYTES.saturating_sub(self.weight_bytes()).max(LEAST_STRIP_BYTES);
        let mut pixels = bytes / wide.max(1);
        // Where rows that are written together cannot be bound in the output, strips can be in workspace.
        let bound = bindable(&gpu) / DType::F32.size();
        if output.dtype() != DType::F32 || u64::from(together) * u64::from(im2col.out_pixels()) > bound {
            pixels = pixels.min(bound / u64::from(self.geometry.out_channels));
        }
        let pixels = pixels.clamp(1, u32::MAX.into()) as u32;
        let most = [(pixels / im2col.out_pixels()).max(1), pixels];
        let mut packed = self.columns.packed(recorder, chunk, im2col.out_pixels())?;
        for images in pieces(0..im2col.batch, chunk) {
            for strip in strips(images.clone(), im2col.out_pixels(), most) {
                self.columns.pack(recorder, source.input, &images, &strip, &mut packed)?;
                StripPlanes::write(recorder, output.into(), &strip, together, |recorder, output| {
                    let field = self.columns.field(recorder, source, &strip)?;
                    let (packed, chunk, strip, field) = (&packed, &images, &strip, field.as_ref());
                    let call = Call { convolution: self, packed, chunk, strip, field, weight, bias, output };
                    for (groups, terms) in self.weight_pieces(&gpu) {
                        for pixels in pieces(strip.pixels.clone(), self.pixels_at_once(&gpu, &groups, &terms)) {
                            in_units([1, together, 1], [groups.clone(), rows.clone(), pixels], &mut |piece| {
                                recorder.all(|recorder| call.record(recorder, &terms, piece))
                            })?;
                        }
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Rows of a group that are written together: as many as a kernel reads of the packed weight.
    fn rows_together(&self) -> u32 {
        let (_, together) = self.family.weight();
        together.min(self.geometry.group_out_channels())
    }

    /// Images that are packed together, and whose outputs are bound together where there are several.
    fn images_per_chunk(&self, gpu: &Gpu) -> u32 {
        let image = 4 * u64::from(self.geometry.out_channels) * u64::from(self.geometry.im2col.out_pixels());
        let by_output = (bindable(gpu) / image).clamp(1, u32::MAX.into()) as u32;
        self.columns.images_per_chunk(gpu, 0).min(by_output)
    }

    /// Groups and their terms, in pieces of which the weight can be bound and the loops end: all terms of some groups, or some of one.
    fn weight_pieces(&self, gpu: &Gpu) -> Vec<(Range<u32>, Range<u32>)> {
        let (groups, all) = (self.geometry.groups, self.packed_terms());
        let (dtype, _) = self.family.weight();
        let looped = at_once(gpu, all, |terms| self.family.steps().iterations(terms));
        let most = (bindable(gpu) / dtype.size() / self.term_elements()).clamp(STEP.into(), (u32::MAX - STEP).into());
        if looped == all && most >= all.into() {
            return pieces(0..groups, most as u32 / all).map(|groups| (groups, 0..all)).collect();
        }
        let terms = (most as u32).min(looped) / STEP * STEP;
        let of_group = |group| pieces(0..all, terms).map(move |terms| (group..group + 1, terms));
        (0..groups).flat_map(of_group).collect()
    }

    /// Output pixels that a dispatch should do at most, in whole tiles.
    fn pixels_at_once(&self, gpu: &Gpu, groups: &Range<u32>, terms: &Range<u32>) -> u32 {
        let tile = self.family.tile();
        let rows =
            u64::from(groups.end - groups.start) * u64::from(self.geometry.group_out_channels().div_ceil(tile[0]));
        let work = rows * tile_work(gpu.capabilities(), tile, terms.end - terms.start);
        let tiles = (gpu.capabilities().work_per_dispatch() / work).clamp(1, (u32::MAX / tile[1]).into());
        tiles as u32 * tile[1]
    }
}

/// Arguments that the dispatches of a strip share.
struct Call<'a> {
    convolution: &'a FusedConvolution,
    packed: &'a PackedImages,
    /// The images that are packed.
    chunk: &'a Range<u32>,
    strip: &'a Strip,
    field: Option<&'a Field>,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    /// The output of the convolution, or the outputs of its splits.
    output: &'a StripPlanes,
}

impl Call<'_> {
    /// Records some groups, some of their rows, and some pixels of the strip, of some terms: band by band of the images, and in as many pieces
    /// as the offset needs to be bound. All but the first add to it.
    fn record(&self, recorder: &mut Recorder, terms: &Range<u32>, [groups, rows, pixels]: &[Range<u32>; 3]) -> Fit {
        let &Self { convolution, packed, chunk, strip, field, weight, bias, .. } = self;
        let (g, of_images) = (&convolution.geometry, &convolution.columns);
        let group_rows = g.group_out_channels();
        let (output, output_first) = self.output_binding(groups, rows, pixels)?;
        let weight = weight.binding("weight", convolution.packed_elements(groups, terms))?;
        let channels = u64::from(groups.start * group_rows)..u64::from(groups.end * group_rows);
        let bias = bias.map(|bias| bias.binding("bias", channels)).transpose()?;
        let quads = of_images.channel_quads();
        let params = fused::Params {
            group_first: groups.start,
            groups: groups.end - groups.start,
            row_first: rows.start,
            rows: rows.end - rows.start,
            group_rows,
            term_first: terms.start,
            term_end: terms.end.min(convolution.terms()),
            split_terms: convolution.split_terms(convolution.splits),
            splits: convolution.splits,
            weight_group: (u64::from(convolution.packed_terms()) * convolution.term_elements()) as u32,
            weight_row: convolution.packed_rows(),
            output_first,
            output_plane: self.output.plane,
            output_image: g.out_channels * self.output.plane,
            output_split: g.output_shape().elements() as u32,
            ..Default::default()
        };
        for (index, (band, packed)) in packed.bands().enumerate() {
            let packed = packed.binding("input")?;
            let mut sampled = of_images.window(chunk, strip, &band);
            (sampled.window.pixel_first, sampled.window.pixels) = (pixels.start, pixels.end - pixels.start);
            of_images.with_offsets(field, strip, sampled, &mut |sampled, bound| {
                let columns::Params { window, offsets, border, modulated, .. } = sampled;
                let first = terms.start == 0 && index == 0 && offsets.point_first == 0;
                let (accumulate, biased) = ((!first).into(), (first && bias.is_some()).into());
                let params = fused::Params { window, offsets, border, modulated, accumulate, biased, ..params };
                let bindings = [&packed, &weight, &quads, bias.as_ref().unwrap_or(&weight), &output];
                convolution.family.record(recorder, &Dispatch { params, bindings, offsets: bound })
            })?;
        }
        Ok(())
    }

    /// The output's binding of a piece, and where pixel 0 of its first row would lie in it, wrapping. Of several images all pixels are bound.
    fn output_binding(&self, groups: &Range<u32>, rows: &Range<u32>, pixels: &Range<u32>) -> Fit<(Binding, u32)> {
        let g = &self.convolution.geometry;
        let images = 0..self.strip.images.end - self.strip.images.start;
        let pixels = if images.end == 1 { pixels.clone() } else { 0..g.im2col.out_pixels() };
        let channel = |group: u32, row: u32| group * g.group_out_channels() + row;
        let channels = channel(groups.start, rows.start)..channel(groups.end - 1, rows.end);
        let Range { start, end } = self.output.elements(&images, &channels, &pixels);
        let splits = u64::from(self.convolution.splits - 1) * g.output_shape().elements();
        let binding = self.output.tensor.binding("output", start..end + splits)?;
        Ok((binding, pixels.start.wrapping_neg()))
    }
}
