//! Convolution without columns in memory: pack the images channels last, and have each workgroup sample what its tile of the output needs.

use std::ops::Range;

use super::problem::Problem;
use super::tiles::{Family, Tiles};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Conv2dGeometry;
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor};
use crate::kernels::activation::Activation;
use crate::kernels::columns::{self, ColumnsOrder};
use crate::kernels::conv::fused::{self, Dispatch, tile_work};
use crate::kernels::conv::fused_cooperative::Matrices;
use crate::kernels::conv::fused_weight::{self, fused_weight};
use crate::kernels::layout::Layout;
use crate::kernels::movement::convert;
use crate::kernels::reduce::segment_sums;
use crate::ops::conv::columns::{Columns, Field, PackedImages, SampleSource};
use crate::ops::conv::strips::{self, Strip, StripPlanes, strips, wide_bytes};
use crate::ops::packing::{Packed, Packing};
use crate::ops::plan::{Argument, bindable, in_pieces, in_units, pieces, rounded};
use crate::ops::reduce::sums::Sums;

/// With the packed weight, strips of what is widened, offset, mask and output, take about this many bytes, and these at least.
const FORWARD_BYTES: u64 = 13 << 20;
const LEAST_STRIP_BYTES: u64 = 2 << 20;

/// Compiles what any convolution without columns may need on this device.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let cooperative = Matrices::of(gpu.capabilities()).map(Family::Cooperative);
    for family in Family::FUSED.into_iter().filter(|family| family.suits(gpu)).chain(cooperative) {
        family.compile(gpu, false)?;
        family.compile(gpu, true)?;
    }
    Ok(())
}

/// A convolution, plain or deformable, without columns.
pub(crate) struct FusedConvolution {
    geometry: Conv2dGeometry,
    columns: Columns,
    pub(super) packing: Packing,
    tiles: Tiles,
}

impl FusedConvolution {
    /// Plans a convolution by a kernel, in so many splits of its terms.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where that many splits are not possible.
    pub(crate) fn new(gpu: &Gpu, problem: &Problem, family: Family, splits: u32) -> Result<Self> {
        let Problem { geometry, deformation, dtypes: [data, weight] } = *problem;
        let tiles = Tiles::with_splits(gpu, problem, family, splits)?;
        let variant = (ColumnsOrder::Quads, Layout::Rows);
        let columns = Columns::new(gpu, geometry.im2col, geometry.groups, deformation, variant, data)?;
        gpu.compile::<fused_weight::Kernel>(weight.into())?;
        family.compile(gpu, deformation.is_some())?;
        if family.weight().0 != DType::F32 {
            gpu.compile::<convert::Kernel>(())?;
        }
        if splits > 1 {
            gpu.compile::<segment_sums::Kernel>(DType::F32.into())?;
        }
        strips::compile(gpu, tiles.rows_together(), geometry.im2col.out_pixels())?;
        let packing = Packing::of_convolution(family.strategy(), Layout::Rows, &geometry, deformation.as_ref());
        Ok(Self { geometry, columns, packing, tiles })
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(crate) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed> {
        let packed = Tensor::new(recorder.gpu(), self.tiles.packed_shape(), self.tiles.family().weight().0)?;
        recorder.op(|recorder| self.pack_into(recorder, weight, &packed))?;
        Ok(Packed::Tensor(packed))
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(crate) fn weight(&self, recorder: &mut Recorder, weight: Argument) -> Result<Tensor> {
        match weight {
            Argument::Tensor(plain) => {
                let space = recorder.workspace(self.tiles.packed_shape())?;
                let (dtype, _) = self.tiles.family().weight();
                let packed = space.viewed(self.tiles.packed_shape(), dtype);
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
        let all = [0..g.groups, 0..self.tiles.packed_rows() / 4, 0..self.tiles.packed_terms()];
        in_pieces(all, &mut |[groups, quads, terms]| {
            // A binding shows something, even where all rows are beyond the output channels.
            let first = groups.start * group_rows + (4 * quads.start).min(group_rows - 1);
            let end = ((groups.end - 1) * group_rows + group_rows.min(4 * quads.end)).max(first + 1);
            let params = fused_weight::Params {
                group_first: groups.start,
                groups: groups.end - groups.start,
                term_first: terms.start,
                term_count: terms.end - terms.start,
                terms: self.tiles.packed_terms(),
                row_first: 4 * quads.start,
                row_quads: quads.end - quads.start,
                packed_rows: self.tiles.packed_rows(),
                group_rows,
                group_channels: g.group_channels(),
                taps: g.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                out_channel_first: first,
                ..Default::default()
            };
            recorder.gpu().capabilities().check_elements("weight", params.elements())?;
            let weight = weight.binding("weight", u64::from(first) * row..u64::from(end) * row)?;
            let packed = packed.binding("weight", self.tiles.packed_elements(groups, terms))?;
            fused_weight(recorder, dtype, params, [&weight, &self.columns.channel_quads(), &packed])
        })
    }

    /// Records the convolution with a packed weight.
    pub(crate) fn forward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        (bias, activation): (Option<&Tensor>, Activation),
        output: &Tensor,
    ) -> Result<()> {
        let im2col = &self.geometry.im2col;
        if im2col.batch == 0 {
            return Ok(());
        }
        if self.tiles.splits() == 1 {
            return self.strips(recorder, source, weight, (bias, activation), output);
        }
        if !activation.is_none() {
            let message = "the kernels of a convolution were changed while its model was planned: what adds up splits ends with no activation";
            return Err(Error::Validation(message.into()));
        }
        let [batch, _, height, width] = *output.shape().extents() else { return Ok(()) };
        let partial = recorder.workspace([self.tiles.splits() * batch, self.geometry.out_channels, height, width])?;
        self.strips(recorder, source, weight, (bias, activation), &partial)?;
        let columns = output.shape().elements() as u32;
        let sums = Sums { planes: 1, pixels: self.tiles.splits(), columns, scale: 1.0, accumulate: false };
        rounded(recorder, output, |recorder, output| sums.record(recorder, &partial, output))
    }

    /// Records the convolution strip by strip, into the output or those of the splits, one behind another.
    fn strips(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        (bias, activation): (Option<&Tensor>, Activation),
        output: &Tensor,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        let im2col = &self.geometry.im2col;
        let chunk = self.images_per_chunk(&gpu);
        let (rows, together) = (0..self.geometry.group_out_channels(), self.tiles.rows_together());
        let wide = wide_bytes([source.offset, source.mask, Some(output)].into_iter().flatten());
        let bytes = FORWARD_BYTES.saturating_sub(self.tiles.weight_bytes()).max(LEAST_STRIP_BYTES);
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
                    let call =
                        Call { convolution: self, packed, chunk, strip, field, weight, bias, activation, output };
                    for (groups, terms) in self.tiles.weight_pieces(&gpu) {
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

    /// Images that are packed together, and whose outputs are bound together where there are several.
    fn images_per_chunk(&self, gpu: &Gpu) -> u32 {
        let image = 4 * u64::from(self.geometry.out_channels) * u64::from(self.geometry.im2col.out_pixels());
        let by_output = (bindable(gpu) / image).clamp(1, u32::MAX.into()) as u32;
        self.columns.images_per_chunk(gpu, 0).min(by_output)
    }

    /// Output pixels that a dispatch should do at most, in whole tiles.
    fn pixels_at_once(&self, gpu: &Gpu, groups: &Range<u32>, terms: &Range<u32>) -> u32 {
        let tile = self.tiles.family().tile();
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
    activation: Activation,
    /// The output of the convolution, or the outputs of its splits.
    output: &'a StripPlanes,
}

impl Call<'_> {
    /// Records some groups, some of their rows, and some pixels of the strip, of some terms: band by band of the images, and in as many pieces
    /// as the offset needs to be bound. All but the first add to it.
    fn record(&self, recorder: &mut Recorder, terms: &Range<u32>, [groups, rows, pixels]: &[Range<u32>; 3]) -> Fit {
        let &Self { convolution, packed, chunk, strip, field, weight, bias, activation, .. } = self;
        let (g, of_images) = (&convolution.geometry, &convolution.columns);
        let group_rows = g.group_out_channels();
        let (output, output_first) = self.output_binding(groups, rows, pixels)?;
        let weight = weight.binding("weight", convolution.tiles.packed_elements(groups, terms))?;
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
            term_end: terms.end.min(convolution.tiles.terms()),
            split_terms: convolution.tiles.split_terms(),
            splits: convolution.tiles.splits(),
            weight_group: (u64::from(convolution.tiles.packed_terms()) * convolution.tiles.term_elements()) as u32,
            weight_row: convolution.tiles.packed_rows(),
            output_first,
            output_plane: self.output.plane,
            output_image: g.out_channels * self.output.plane,
            output_split: g.output_shape().elements() as u32,
            ..Default::default()
        };
        let last_band = packed.bands().count() - 1;
        let points = field.map_or(0, |field| field.deformation.points(&g.im2col));
        for (index, (band, packed)) in packed.bands().enumerate() {
            let packed = packed.binding("input")?;
            let mut sampled = of_images.window(chunk, strip, &band);
            (sampled.window.pixel_first, sampled.window.pixels) = (pixels.start, pixels.end - pixels.start);
            of_images.with_offsets(field, strip, sampled, &mut |sampled, bound| {
                let columns::Params { window, offsets, border, modulated, .. } = sampled;
                let first = terms.start == 0 && index == 0 && offsets.point_first == 0;
                let last = terms.end == convolution.tiles.packed_terms()
                    && index == last_band
                    && offsets.point_first + offsets.points == points;
                let (accumulate, biased) = ((!first).into(), (first && bias.is_some()).into());
                let activation = if last { activation } else { Activation::default() };
                let params =
                    fused::Params { window, offsets, activation, border, modulated, accumulate, biased, ..params };
                let bindings = [&packed, &weight, &quads, bias.as_ref().unwrap_or(&weight), &output];
                convolution.tiles.family().record(recorder, &Dispatch { params, bindings, offsets: bound })
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
        let splits = u64::from(self.convolution.tiles.splits() - 1) * g.output_shape().elements();
        let binding = self.output.tensor.binding("output", start..end + splits)?;
        Ok((binding, pixels.start.wrapping_neg()))
    }
}
