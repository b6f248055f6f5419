//! Columns of a window over images, in pieces that the device can bind.

use std::ops::Range;

use super::{bindable, pieces};
use crate::error::{Error, Result};
use crate::geometry::{Deformation, Im2col, Im2colGeometry, Planes};
use crate::gpu::{Constant, Gpu, Part, Recorder, Tensor};
use crate::kernels::channels_last::{self, channels_last};
use crate::kernels::columns::{ColumnsLayout, Params};
use crate::kernels::{border, deform_im2col, im2col};

/// Packed images take about this many bytes at a time: a batch is done in chunks of images.
const CHUNK_BYTES: u64 = 32 << 20;
/// Bytes of a quad of f32.
const QUAD: u64 = 16;

/// What columns are sampled from. A deformable window has an offset.
pub(super) struct Sampler<'a> {
    pub(super) input: &'a Tensor,
    pub(super) offset: Option<&'a Tensor>,
    pub(super) mask: Option<&'a Tensor>,
}

/// One quad of input channels, which all have one group and one offset group: first channel, channels, offset group, 0.
type Quad = [u32; 4];

/// A run of quads with one group and one offset group: first quad, offset group, and what the layout of the columns needs. One
/// invocation does a run.
type Run = [u32; 4];

/// The most quads of a run: enough to make their position worth computing.
const RUN_QUADS: usize = 16;

/// Quads in runs; those without channels belong to the run before them.
fn channel_runs(quads: &[Quad], per_group: usize, layout: ColumnsLayout) -> Vec<Run> {
    let mut runs = Vec::new();
    for (group, quads_of_group) in quads.chunks(per_group).enumerate() {
        let mut first = group * per_group;
        for same in quads_of_group.chunk_by(|a, b| a[2] == b[2]) {
            for run in same.chunks(RUN_QUADS) {
                let [channel, _, offset_group, _] = run[0];
                let channels: u32 = run.iter().map(|[_, channels, ..]| channels).sum();
                runs.push(match layout {
                    ColumnsLayout::Quads => {
                        [first as u32, offset_group, 256 * channels + run.len() as u32, group as u32]
                    }
                    ColumnsLayout::Channels => [first as u32, offset_group, channels, channel],
                });
                first += run.len();
            }
        }
    }
    runs
}

/// The input channels in quads, each group with as many as the others: those that have fewer end in quads without channels.
fn channel_quads(channels: u32, groups: u32, offset_groups: u32) -> Vec<Quad> {
    let (per_group, per_offset_group) = (channels / groups, channels / offset_groups);
    let of_group = |group: u32| {
        let end = (group + 1) * per_group;
        let mut quads = Vec::new();
        let mut channel = group * per_group;
        while channel < end {
            let offset_group = channel / per_offset_group;
            let count = (end - channel).min((offset_group + 1) * per_offset_group - channel).min(4);
            quads.push([channel, count, offset_group, 0]);
            channel += count;
        }
        quads
    };
    let mut groups: Vec<Vec<Quad>> = (0..groups).map(of_group).collect();
    let most = groups.iter().map(Vec::len).max().unwrap_or(0);
    for quads in &mut groups {
        if let Some(&[channel, count, offset_group, _]) = quads.last() {
            quads.resize(most, [channel + count, 0, offset_group, 0]);
        }
    }
    groups.concat()
}

/// A window, plain or deformable, over images of one geometry.
pub(super) struct Columns {
    im2col: Im2colGeometry,
    groups: u32,
    deformation: Option<Deformation>,
    layout: ColumnsLayout,
    quads: Vec<Quad>,
    runs: u32,
    channel_quads: Constant,
    channel_runs: Constant,
}

impl Columns {
    pub(super) fn new(
        gpu: &Gpu,
        im2col: Im2colGeometry,
        groups: u32,
        deformation: Option<Deformation>,
        layout: ColumnsLayout,
    ) -> Result<Self> {
        gpu.compile(&channels_last::CHANNELS_LAST)?;
        match deformation {
            None => im2col::compile(gpu, layout)?,
            Some(_) => deform_im2col::compile(gpu, layout)?,
        }
        let offset_groups = deformation.map_or(1, |deformation| deformation.offset_groups);
        let quads = channel_quads(im2col.channels, groups, offset_groups);
        let runs = channel_runs(&quads, quads.len() / groups as usize, layout);
        let channel_quads = Constant::new(gpu, "pliant channel_quads", bytemuck::cast_slice(&quads))?;
        let channel_runs = Constant::new(gpu, "pliant channel_runs", bytemuck::cast_slice(&runs))?;
        Ok(Self { im2col, groups, deformation, layout, quads, runs: runs.len() as u32, channel_quads, channel_runs })
    }

    pub(super) fn quads_per_group(&self) -> u32 {
        self.quads.len() as u32 / self.groups
    }

    pub(super) fn channel_quads(&self) -> Part {
        self.channel_quads.part()
    }

    fn pixels(&self) -> u32 {
        self.im2col.height * self.im2col.width
    }

    /// Bytes of one packed image.
    fn image_bytes(&self) -> u64 {
        u64::from(self.pixels()) * self.quads.len() as u64 * QUAD
    }

    /// Images that are packed, and bound, together.
    pub(super) fn images_per_chunk(&self, gpu: &Gpu) -> u32 {
        let most = bindable(gpu);
        let by_packed = most.min(CHUNK_BYTES) / self.image_bytes();
        let by_offset = self.deformation.map_or(u64::MAX, |deformation| {
            let channels = deformation.offset_layout.channels_per_point() * deformation.points(&self.im2col);
            most / (u64::from(channels) * u64::from(self.im2col.out_pixels()) * 4)
        });
        by_packed.min(by_offset).clamp(1, self.im2col.batch.max(1).into()) as u32
    }

    /// The packed pixels of a chunk in bands that can be bound: one band, but for a single image that is too large.
    fn bands(&self, gpu: &Gpu, images: u32) -> impl Iterator<Item = Range<u32>> + use<> {
        let pixels = bindable(gpu) / (self.quads.len() as u64 * QUAD);
        pieces(0..images * self.pixels(), pixels.clamp(1, u32::MAX.into()) as u32)
    }

    /// Workspace for the packed images of a chunk, band by band.
    pub(super) fn packed(&self, recorder: &mut Recorder, images: u32) -> Result<Vec<Tensor>> {
        let bands = self.bands(recorder.gpu(), images);
        bands.map(|band| recorder.workspace([band.end - band.start, self.quads.len() as u32, 4])).collect()
    }

    /// Output pixels whose columns take `bytes` at most, in a chunk of as many images.
    pub(super) fn strip_pixels(&self, gpu: &Gpu, images: u32, bytes: u64) -> u32 {
        let pixel = u64::from(self.im2col.taps()) * self.quads.len() as u64 * QUAD;
        let most = bindable(gpu).min(gpu.capabilities().elements_per_dispatch() * 4);
        let strip = bytes.min(most) / pixel;
        // Whole tiles of the matrix product.
        let strip = if strip > 64 { strip / 64 * 64 } else { strip };
        strip.clamp(1, u64::from(images) * u64::from(self.im2col.out_pixels())) as u32
    }

    /// Records the columns of all images into `output`: (batch, out_height, out_width, taps, channels).
    pub(super) fn forward(&self, recorder: &mut Recorder, sampler: &Sampler, output: &Tensor) -> Result<()> {
        if self.im2col.batch == 0 {
            return Ok(());
        }
        let chunk = self.images_per_chunk(recorder.gpu());
        let packed = self.packed(recorder, chunk)?;
        let strip = self.strip_pixels(recorder.gpu(), chunk, u64::MAX);
        let (out_pixels, depth) = (self.im2col.out_pixels(), self.im2col.taps() * self.im2col.channels);
        for images in pieces(0..self.im2col.batch, chunk) {
            self.pack(recorder, sampler.input, images.clone(), &packed)?;
            for pixels in pieces(0..(images.end - images.start) * out_pixels, strip) {
                let row = |pixel: u32| {
                    (u64::from(images.start) * u64::from(out_pixels) + u64::from(pixel)) * u64::from(depth)
                };
                let columns = output.part("columns", row(pixels.start)..row(pixels.end))?;
                self.sample(recorder, sampler, images.clone(), pixels, &packed, &columns)?;
            }
        }
        Ok(())
    }

    /// Packs images channels last, band by band.
    pub(super) fn pack(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        images: Range<u32>,
        packed: &[Tensor],
    ) -> Result<()> {
        for (band, packed) in self.bands(recorder.gpu(), images.end - images.start).zip(packed) {
            let quads = 0..self.quads.len() as u32;
            self.pack_quads(recorder, input, [images.clone(), band, quads, 0..4], packed)?;
        }
        Ok(())
    }

    /// Packs some lanes of some quads of a band, in as many dispatches as the input needs to be bound.
    fn pack_quads(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        [images, band, quads, lanes]: [Range<u32>; 4],
        packed: &Tensor,
    ) -> Result<()> {
        // The pixels of each image: all, or a part of the one image.
        let pixels = band.start..band.end.min(self.pixels());
        let [first, ..] = self.quads[quads.start as usize];
        let [last, count, ..] = self.quads[quads.end as usize - 1];
        // Quads, and lanes, without channels may stand behind the last.
        let channel_first = (first + lanes.start).min(self.im2col.channels - 1);
        let channel_end = (last + count.min(lanes.end)).clamp(channel_first + 1, self.im2col.channels);
        let element = |image: u32, channel: u32, pixel: u32| {
            let plane = u64::from(image) * u64::from(self.im2col.channels) + u64::from(channel);
            plane * u64::from(self.pixels()) + u64::from(pixel)
        };
        let start = element(images.start, channel_first, pixels.start);
        let input_part = match input.part("input", start..element(images.end - 1, channel_end - 1, pixels.end)) {
            Ok(part) => part,
            Err(error @ Error::Limit { .. }) => {
                let halves = |range: &Range<u32>| {
                    let middle = range.start + (range.end - range.start) / 2;
                    [range.start..middle, middle..range.end]
                };
                let parts = if quads.end - quads.start > 1 {
                    halves(&quads).map(|quads| [images.clone(), band.clone(), quads, lanes.clone()])
                } else if lanes.end - lanes.start > 1 {
                    halves(&lanes).map(|lanes| [images.clone(), band.clone(), quads.clone(), lanes])
                } else {
                    return Err(error);
                };
                return parts.into_iter().try_for_each(|part| self.pack_quads(recorder, input, part, packed));
            }
            Err(error) => return Err(error),
        };
        let params = channels_last::Params {
            images: images.end - images.start,
            pixels: pixels.end - pixels.start,
            channels: self.im2col.channels,
            channel_first,
            plane: self.pixels(),
            quad_first: quads.start,
            quads: quads.end - quads.start,
            row_quads: self.quads.len() as u32,
            lane_first: lanes.start,
            lane_end: lanes.end,
            ..Default::default()
        };
        let packed = packed.part("input", 0..packed.shape().elements())?;
        channels_last(recorder, params, [&input_part, &self.channel_quads(), &packed])
    }

    /// Makes the columns of output pixels `pixels`, counted over the chunk's images.
    pub(super) fn sample(
        &self,
        recorder: &mut Recorder,
        sampler: &Sampler,
        images: Range<u32>,
        pixels: Range<u32>,
        packed: &[Tensor],
        columns: &Part,
    ) -> Result<()> {
        let Im2colGeometry { height, width, window, out_width, .. } = self.im2col;
        let Im2col { kernel, stride, padding, dilation } = window;
        for (band, packed) in self.bands(recorder.gpu(), images.end - images.start).zip(packed) {
            let params = Params {
                pixel_first: pixels.start,
                pixels: pixels.end - pixels.start,
                out_width,
                out_pixels: self.im2col.out_pixels(),
                height,
                width,
                kernel_width: kernel[1],
                taps: self.im2col.taps(),
                stride_y: stride[0],
                stride_x: stride[1],
                padding_top: padding[0],
                padding_left: padding[1],
                dilation_y: dilation[0],
                dilation_x: dilation[1],
                channels: self.im2col.channels,
                quads: self.quads.len() as u32,
                quads_per_group: self.quads_per_group(),
                runs: self.runs,
                band_first: band.start,
                band_pixels: band.end - band.start,
                accumulate: (band.start > 0).into(),
                ..Default::default()
            };
            let packed = packed.part("input", 0..packed.shape().elements())?;
            let parts = [&packed, columns, &self.channel_runs.part()];
            match (&self.deformation, sampler.offset) {
                (Some(deformation), Some(offset)) => {
                    let deformed = Deformed { deformation, offset, mask: sampler.mask, images: images.clone(), parts };
                    let points = 0..deformation.points(&self.im2col);
                    deformed.sample(recorder, self.layout, params, points)?;
                }
                _ => im2col::im2col(recorder, self.layout, params, parts)?,
            }
        }
        Ok(())
    }
}

/// One dispatch of deformable columns, or as many as its offsets need to be bound.
struct Deformed<'a> {
    deformation: &'a Deformation,
    offset: &'a Tensor,
    mask: Option<&'a Tensor>,
    images: Range<u32>,
    parts: [&'a Part; 3],
}

impl Deformed<'_> {
    fn sample(&self, recorder: &mut Recorder, layout: ColumnsLayout, params: Params, points: Range<u32>) -> Result<()> {
        let all = self.deformation.offset_groups * params.taps;
        let [dy, dx] = self.deformation.offset_layout.offset_planes(all);
        let mask_planes = self.deformation.offset_layout.mask_planes(all);
        let mask = if self.deformation.offset_layout.holds_mask() { Some(self.offset) } else { self.mask };

        // A strip of one image is bound by itself; one over several images lies in planes that are bound whole.
        let one_image = self.images.end - self.images.start == 1;
        let pixels =
            if one_image { params.pixel_first..params.pixel_first + params.pixels } else { 0..params.out_pixels };
        let part = |argument, tensor: &Tensor, planes: Planes| {
            let element = |image: u32, point: u32, pixel: u32| {
                let plane = u64::from(image) * u64::from(planes.batch) + u64::from(planes.first + point * planes.step);
                plane * u64::from(params.out_pixels) + u64::from(pixel)
            };
            let start = element(self.images.start, points.start, pixels.start);
            tensor.part(argument, start..element(self.images.end - 1, points.end - 1, pixels.end))
        };
        let bound = part("offset", self.offset, dy).and_then(|offset_y| {
            let offset_x = part("offset", self.offset, dx)?;
            let mask = mask.map_or(Ok(offset_y.clone()), |mask| part("mask", mask, mask_planes))?;
            Ok([offset_y, offset_x, mask])
        });
        let [offset_y, offset_x, mask_part] = match bound {
            Ok(parts) => parts,
            Err(Error::Limit { .. }) if points.end - points.start > 1 => {
                let middle = points.start + (points.end - points.start) / 2;
                self.sample(recorder, layout, params, points.start..middle)?;
                return self.sample(recorder, layout, params, middle..points.end);
            }
            Err(error) => return Err(error),
        };
        let params = Params {
            border: border(self.deformation.border),
            modulated: mask.is_some().into(),
            point_first: points.start,
            points: points.end - points.start,
            origin: pixels.start,
            offset_y_batch: dy.batch * params.out_pixels,
            offset_y_step: dy.step * params.out_pixels,
            offset_x_batch: dx.batch * params.out_pixels,
            offset_x_step: dx.step * params.out_pixels,
            mask_batch: mask_planes.batch * params.out_pixels,
            mask_step: mask_planes.step * params.out_pixels,
            ..params
        };
        let [packed, columns, channel_runs] = self.parts;
        let bindings = [packed, columns, channel_runs, &offset_y, &offset_x, &mask_part];
        deform_im2col::deform_im2col(recorder, layout, params, bindings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_by_hand() {
        assert_eq!(channel_quads(6, 1, 1), [[0, 4, 0, 0], [4, 2, 0, 0]]);
        // Groups of 3, offset groups of 2: no quad straddles either.
        assert_eq!(channel_quads(6, 2, 3), [[0, 2, 0, 0], [2, 1, 1, 0], [3, 1, 1, 0], [4, 2, 2, 0]]);
        // The middle group meets three offset groups, the others two.
        let quads = channel_quads(30, 3, 5);
        assert_eq!(quads.len(), 12);
        assert_eq!(quads[3], [10, 0, 1, 0], "the first group is filled up");
        assert_eq!(quads[4..8], [[10, 2, 1, 0], [12, 4, 2, 0], [16, 2, 2, 0], [18, 2, 3, 0]]);
    }

    #[test]
    fn every_channel_is_in_one_quad() {
        for (channels, groups, offset_groups) in [(1, 1, 1), (7, 7, 1), (12, 4, 6), (36, 9, 4), (64, 2, 16)] {
            let quads = channel_quads(channels, groups, offset_groups);
            assert_eq!(quads.len() % groups as usize, 0);
            let mut next = 0;
            for [channel, count, offset_group, _] in quads {
                if count > 0 {
                    assert_eq!(channel, next);
                    assert_eq!(channel / (channels / offset_groups), offset_group);
                    assert_eq!((channel + count - 1) / (channels / offset_groups), offset_group);
                    assert_eq!(channel / (channels / groups), (channel + count - 1) / (channels / groups));
                }
                next = channel + count;
            }
            assert_eq!(next, channels);
        }
    }
}
