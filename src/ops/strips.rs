//! Strips of images: what the convolutions do at a time, and where a strip of a tensor lies in f32.

use std::ops::Range;

use super::backward::Destination;
use super::convert::{Rows, round, widen};
use super::pieces;
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Recorder, Tensor};

/// All pixels of some images, or some of one.
#[derive(Debug, Clone)]
pub(super) struct Strip {
    pub(super) images: Range<u32>,
    /// Counted from the first pixel of the first image.
    pub(super) pixels: Range<u32>,
}

impl Strip {
    /// All pixels of some images.
    pub(super) fn whole(images: Range<u32>, image_pixels: u32) -> Self {
        let pixels = 0..(images.end - images.start) * image_pixels;
        Self { images, pixels }
    }

    pub(super) fn len(&self) -> u32 {
        self.pixels.end - self.pixels.start
    }

    /// Its images, and the pixels of each.
    pub(super) fn each_image(&self) -> [Range<u32>; 2] {
        [self.images.clone(), self.image_pixels()]
    }

    /// The pixels of each of its images.
    pub(super) fn image_pixels(&self) -> Range<u32> {
        let images = self.images.end - self.images.start;
        if images == 1 { self.pixels.clone() } else { 0..self.pixels.end / images }
    }
}

/// Images in strips of so many images, or so many pixels, at most.
pub(super) fn strips(
    images: Range<u32>,
    image_pixels: u32,
    [most_images, most_pixels]: [u32; 2],
) -> impl Iterator<Item = Strip> {
    pieces(images, most_images).flat_map(move |images| {
        let all = Strip::whole(images.clone(), image_pixels).pixels;
        pieces(all, most_pixels).map(move |pixels| Strip { images: images.clone(), pixels })
    })
}

/// A strip of a tensor (image, plane, pixel), in f32: in the tensor itself, or in workspace, which holds the strip alone.
pub(super) struct StripPlanes {
    pub(super) tensor: Tensor,
    /// Planes of an image, and pixels of a plane.
    planes: u32,
    pub(super) plane: u32,
    /// The image of the tensor that is the strip's first, and the pixel of an image with which its planes begin.
    first_image: u32,
    first_pixel: u32,
}

impl StripPlanes {
    /// A strip that is read.
    pub(super) fn read(recorder: &mut Recorder, tensor: &Tensor, strip: &Strip) -> Result<Self> {
        let Some(wide) = Self::wide(recorder, tensor, strip)? else { return Ok(Self::direct(tensor, strip)) };
        widen(recorder, tensor, rows(tensor, strip), &wide.tensor)?;
        Ok(wide)
    }

    /// Has `record` write a strip of `destination`, or add to it.
    pub(super) fn write(
        recorder: &mut Recorder,
        destination: Destination,
        strip: &Strip,
        record: impl FnOnce(&mut Recorder, &Self) -> Result<()>,
    ) -> Result<()> {
        let tensor = destination.tensor();
        recorder.scratch(|recorder| {
            let Some(wide) = Self::wide(recorder, tensor, strip)? else {
                return record(recorder, &Self::direct(tensor, strip));
            };
            if matches!(destination, Destination::Add(_)) {
                widen(recorder, tensor, rows(tensor, strip), &wide.tensor)?;
            }
            record(recorder, &wide)?;
            round(recorder, &wide.tensor, tensor, rows(tensor, strip))
        })
    }

    fn direct(tensor: &Tensor, strip: &Strip) -> Self {
        let [planes, plane] = planes(tensor);
        Self { tensor: tensor.clone(), planes, plane, first_image: strip.images.start, first_pixel: 0 }
    }

    /// In workspace, where the tensor does not hold f32.
    fn wide(recorder: &mut Recorder, tensor: &Tensor, strip: &Strip) -> Result<Option<Self>> {
        if tensor.dtype() == DType::F32 {
            return Ok(None);
        }
        let [planes, _] = planes(tensor);
        let pixels = strip.image_pixels();
        let plane = pixels.end - pixels.start;
        let tensor = recorder.workspace([strip.images.end - strip.images.start, planes, plane])?;
        Ok(Some(Self { tensor, planes, plane, first_image: 0, first_pixel: pixels.start }))
    }

    /// The elements from the first to the last of some images, counted over the strip, some of their planes and some pixels of these.
    pub(super) fn elements(&self, images: &Range<u32>, planes: &Range<u32>, pixels: &Range<u32>) -> Range<u64> {
        let element = |image: u32, plane: u32, pixel: u32| {
            let plane = u64::from(self.first_image + image) * u64::from(self.planes) + u64::from(plane);
            plane * u64::from(self.plane) + u64::from(pixel - self.first_pixel)
        };
        element(images.start, planes.start, pixels.start)..element(images.end - 1, planes.end - 1, pixels.end)
    }
}

/// Planes of an image, and pixels of a plane.
fn planes(tensor: &Tensor) -> [u32; 2] {
    let shape = tensor.shape();
    let [_, planes, pixels @ ..] = shape.extents() else { return [1; 2] };
    [*planes, pixels.iter().product()]
}

fn rows(tensor: &Tensor, strip: &Strip) -> Rows {
    let [planes, plane] = planes(tensor);
    Rows::of_planes(&strip.images, planes, &strip.image_pixels(), plane)
}

/// The bytes of workspace that a pixel of some tensors takes.
pub(super) fn wide_bytes<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> u64 {
    let wide = tensors.into_iter().filter(|tensor| tensor.dtype() != DType::F32);
    wide.map(|tensor| u64::from(planes(tensor)[0]) * DType::F32.size()).sum()
}
