//! Images with their channels last, in quads, in pieces that the device can bind.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Binding, Constant, Fit, Gpu, Recorder, Tensor};
use crate::kernels::conv::channels_last::{self, Params, channels_last};
use crate::kernels::layout::Layout;
use crate::kernels::matmul::pack_fours::{self, pack_fours};
use crate::ops::conv::packed_matrix::{self, PackedMatrix};
use crate::ops::plan::{bindable, in_pieces};

/// One quad of channels, which all have one group and one offset group: first channel, channels, offset group, 0.
pub(crate) type Quad = [u32; 4];

/// Bytes of a quad of f32.
pub(crate) const QUAD: u64 = 16;

/// Channels in quads, each group with as many as the others: those that have fewer end in quads without channels.
pub(crate) fn channel_quads(channels: u32, groups: u32, offset_groups: u32) -> Vec<Quad> {
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

/// How the channels of images are packed.
pub(crate) struct ChannelsLast {
    channels: u32,
    /// Pixels of an image.
    pixels: u32,
    layout: Layout,
    dtype: DType,
    /// Whether pixels may be packed four at a time: those that begin and end at multiples of four, of a tensor that begins a quad.
    in_fours: bool,
    pub(crate) quads: Vec<Quad>,
    pub(crate) table: Constant,
    zero: Constant,
}

impl ChannelsLast {
    /// Describes images of the given element type.
    pub(crate) fn new(
        gpu: &Gpu,
        layout: Layout,
        dtype: DType,
        [channels, pixels]: [u32; 2],
        quads: Vec<Quad>,
    ) -> Result<Self> {
        gpu.compile::<channels_last::Kernel>((dtype.into(), layout))?;
        let in_fours = layout == Layout::Panels
            && dtype == DType::F32
            && pixels.is_multiple_of(4)
            && QUAD * u64::from(pixels) <= bindable(gpu)
            && quads.iter().map(|&[first, ..]| first).eq((0..channels).step_by(4));
        if in_fours {
            gpu.compile::<pack_fours::Kernel>(())?;
        }
        let table = packed_matrix::table(gpu, layout, "pliant channel_quads", &quads)?;
        let zero = Constant::buffer(gpu, "pliant zero", &[[0; 4]])?;
        Ok(Self { channels, pixels, layout, dtype, in_fours, quads, table, zero })
    }

    /// Bytes of one packed pixel.
    pub(crate) fn pixel_bytes(&self) -> u64 {
        self.quads.len() as u64 * QUAD
    }

    /// Workspace for packed pixels.
    pub(crate) fn workspace(&self, recorder: &mut Recorder, pixels: u32) -> Result<PackedMatrix> {
        PackedMatrix::workspace(recorder, self.layout, [1, pixels, self.quads.len() as u32])
    }

    /// Workspace for packed pixels, in panels, with a quad of zeros behind them.
    pub(crate) fn workspace_with_zero(&self, recorder: &mut Recorder, pixels: u32) -> Result<PackedMatrix> {
        PackedMatrix::panels_with(recorder, [1, pixels, self.quads.len() as u32], &self.zero)
    }

    /// Packs pixels of each of some images: all pixels, or those of one image.
    pub(crate) fn pack(
        &self,
        recorder: &mut Recorder,
        argument: &'static str,
        input: &Tensor,
        pixels: [Range<u32>; 2],
        packed: &PackedMatrix,
    ) -> Result<()> {
        let of_image = &pixels[1];
        let whole = of_image.start.is_multiple_of(4) && of_image.end.is_multiple_of(4);
        if self.in_fours && whole && input.begins_a_quad() {
            self.pack_fours(recorder, argument, input, pixels, packed)
        } else {
            self.pack_pixels(recorder, argument, input, pixels, packed)
        }
    }

    /// Packs pixels four at a time.
    fn pack_fours(
        &self,
        recorder: &mut Recorder,
        argument: &'static str,
        input: &Tensor,
        [images, pixels]: [Range<u32>; 2],
        packed: &PackedMatrix,
    ) -> Result<()> {
        let packed = packed.binding(argument)?;
        let count = pixels.end - pixels.start;
        let all = 0..self.quads.len() as u32;
        in_pieces([all], &mut |[quads]| {
            let channels = 4 * quads.start..self.channels.min(4 * quads.end);
            let first = self.element(images.start, channels.start, pixels.start);
            let end = self.element(images.end - 1, channels.end - 1, pixels.end);
            let input = input.binding(argument, first..end)?;
            let params = pack_fours::Params {
                batch: images.end - images.start,
                row_fours: count / 4,
                depth: channels.end - channels.start,
                batch_stride: self.channels * (self.pixels / 4),
                depth_stride: self.pixels / 4,
                batch_rows: count,
                quad_first: quads.start,
                row_quads: self.quads.len() as u32,
                ..Default::default()
            };
            pack_fours(recorder, params, [&input, &packed])
        })
    }

    /// Packs pixels one at a time.
    fn pack_pixels(
        &self,
        recorder: &mut Recorder,
        argument: &'static str,
        input: &Tensor,
        [images, pixels]: [Range<u32>; 2],
        packed: &PackedMatrix,
    ) -> Result<()> {
        let packed = packed.binding(argument)?;
        let all = [0..self.quads.len() as u32, pixels.clone()];
        in_pieces(all, &mut |[quads, some_pixels]| {
            let inputs = self.lanes(argument, input, [&images, quads, some_pixels])?;
            let params = Params {
                images: images.end - images.start,
                pixels: some_pixels.end - some_pixels.start,
                channels: self.channels,
                channel_first: self.quads[quads.start as usize][0].min(self.channels - 1),
                plane: self.pixels,
                quad_first: quads.start,
                lanes: self.quads.iter().map(|[_, channels, ..]| *channels).max().unwrap_or(0),
                quads: quads.end - quads.start,
                row_quads: self.quads.len() as u32,
                pixel_first: some_pixels.start - pixels.start,
                ..Default::default()
            };
            let bindings = [&packed, &self.table.binding()];
            channels_last(recorder, (self.layout, self.dtype), params, inputs.each_ref(), bindings)
        })
    }

    /// The bindings of an input that the four lanes of some quads read. Of several images all pixels are bound.
    fn lanes(
        &self,
        argument: &'static str,
        input: &Tensor,
        [images, quads, pixels]: [&Range<u32>; 3],
    ) -> Fit<[Binding; 4]> {
        let [first, ..] = self.quads[quads.start as usize];
        let [last, ..] = self.quads[quads.end as usize - 1];
        // Quads, and lanes, without channels may stand behind the last: a binding shows something.
        let channel = |channel: u32| channel.min(self.channels - 1);
        let binding = |lane: u32| {
            let [first, last] = [first, last].map(|of_quad| channel(of_quad + lane));
            let start = self.element(images.start, first, pixels.start);
            input.binding(argument, start..self.element(images.end - 1, last, pixels.end))
        };
        Ok([binding(0)?, binding(1)?, binding(2)?, binding(3)?])
    }

    /// The number of an input's element.
    fn element(&self, image: u32, channel: u32, pixel: u32) -> u64 {
        let plane = u64::from(image) * u64::from(self.channels) + u64::from(channel);
        plane * u64::from(self.pixels) + u64::from(pixel)
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
