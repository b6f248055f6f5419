//! Strips of images: what the convolutions do at a time, and where a strip of a tensor lies in f32.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Gpu, Lines, Recorder, Tensor, Texel, Texture};
use crate::kernels::matmul::copy_lines::copy_lines;
use crate::kernels::movement::copy_rows;
use crate::ops::plan::{Destination, RowLayout, bindable, in_pieces, pieces, round, widen};

/// All pixels of some images, or some of one.
#[derive(Debug, Clone)]
pub(crate) struct Strip {
    pub(crate) images: Range<u32>,
    /// The pixels, counted from the first pixel of the first image.
    pub(crate) pixels: Range<u32>,
}

impl Strip {
    /// All pixels of some images.
    pub(crate) fn whole(images: Range<u32>, image_pixels: u32) -> Self {
        let pixels = 0..(images.end - images.start) * image_pixels;
        Self { images, pixels }
    }

    pub(crate) fn len(&self) -> u32 {
        self.pixels.end - self.pixels.start
    }

    /// The images of the strip, and the pixels of each.
    pub(crate) fn each_image(&self) -> [Range<u32>; 2] {
        [self.images.clone(), self.image_pixels()]
    }

    /// The pixels of each of the images.
    pub(crate) fn image_pixels(&self) -> Range<u32> {
        let images = self.images.end - self.images.start;
        if images == 1 { self.pixels.clone() } else { 0..self.pixels.end / images }
    }
}

/// Images in strips of so many images, or so many pixels, at most.
pub(crate) fn strips(
    images: Range<u32>,
    image_pixels: u32,
    [most_images, most_pixels]: [u32; 2],
) -> impl Iterator<Item = Strip> {
    pieces(images, most_images).flat_map(move |images| {
        let all = Strip::whole(images.clone(), image_pixels).pixels;
        pieces(all, most_pixels).map(move |pixels| Strip { images: images.clone(), pixels })
    })
}

/// A strip of a tensor (image, plane, pixel), in f32: in the tensor itself, or in workspace, which holds the strip alone. That is so where the
/// tensor does not hold f32, and where planes that are written together cannot be bound in the tensor and can be in workspace.
pub(crate) struct StripPlanes {
    pub(crate) tensor: Tensor,
    /// Planes of an image, and pixels of a plane.
    planes: u32,
    pub(crate) plane: u32,
    /// The image of the tensor that is the strip's first, and the pixel of an image with which its planes begin.
    first_image: u32,
    first_pixel: u32,
}

impl StripPlanes {
    /// A strip that is read.
    pub(crate) fn read(recorder: &mut Recorder, tensor: &Tensor, strip: &Strip) -> Result<Self> {
        let Some(wide) = Self::wide(recorder, tensor, strip, 1)? else { return Ok(Self::direct(tensor, strip)) };
        widen(recorder, tensor, rows(tensor, strip), &wide.tensor)?;
        Ok(wide)
    }

    /// Has `record` write a strip of `destination`, or add to it, so many planes together; fewer at a time take it longer.
    pub(crate) fn write(
        recorder: &mut Recorder,
        destination: Destination,
        strip: &Strip,
        together: u32,
        record: impl FnOnce(&mut Recorder, &Self) -> Result<()>,
    ) -> Result<()> {
        let tensor = destination.tensor();
        recorder.scratch(|recorder| {
            let Some(wide) = Self::wide(recorder, tensor, strip, together)? else {
                return record(recorder, &Self::direct(tensor, strip));
            };
            if matches!(destination, Destination::Add(_)) {
                widen(recorder, tensor, rows(tensor, strip), &wide.tensor)?;
            }
            record(recorder, &wide)?;
            round(recorder, &wide.tensor, tensor, rows(tensor, strip))
        })
    }

    /// Has `record` write some pixels of each of some of its images, counted over the strip, or add to them.
    pub(crate) fn within(
        &self,
        recorder: &mut Recorder,
        images: &Range<u32>,
        pixels: &Range<u32>,
        accumulate: bool,
        together: u32,
        record: impl FnOnce(&mut Recorder, &Self) -> Result<()>,
    ) -> Result<()> {
        let one = images.end - images.start == 1;
        let pixels = if one { pixels.clone() } else { 0..(images.end - images.start) * self.plane };
        let strip = Strip { images: self.first_image + images.start..self.first_image + images.end, pixels };
        let destination = if accumulate { Destination::Add(&self.tensor) } else { Destination::Write(&self.tensor) };
        Self::write(recorder, destination, &strip, together, record)
    }

    fn direct(tensor: &Tensor, strip: &Strip) -> Self {
        let [planes, plane] = planes(tensor);
        Self { tensor: tensor.clone(), planes, plane, first_image: strip.images.start, first_pixel: 0 }
    }

    /// Takes workspace for a strip, where that is needed.
    fn wide(recorder: &mut Recorder, tensor: &Tensor, strip: &Strip, together: u32) -> Result<Option<Self>> {
        let [planes, _] = planes(tensor);
        let pixels = strip.image_pixels();
        let plane = pixels.end - pixels.start;
        if tensor.dtype() == DType::F32 {
            let images = 0..strip.images.end - strip.images.start;
            let Range { start, end } =
                Self::direct(tensor, strip).elements(&images, &(0..together.min(planes)), &pixels);
            let alone = u64::from(images.end) * u64::from(planes) * u64::from(plane);
            let most = bindable(recorder.gpu()) / DType::F32.size();
            if end - start <= most || alone > most {
                return Ok(None);
            }
        }
        let tensor = recorder.workspace([strip.images.end - strip.images.start, planes, plane])?;
        Ok(Some(Self { tensor, planes, plane, first_image: 0, first_pixel: pixels.start }))
    }

    /// The planes of a strip as lines of elements, to be copied into a texture from an element on.
    pub(crate) fn lines(&self, strip: &Strip, first: u32) -> Lines {
        let [images, pixels] = strip.each_image();
        let count = (images.end - images.start) * self.planes;
        Lines { texel: Texel::Element, count, length: pixels.end - pixels.start, stride: self.plane, first }
    }

    /// Records the copy of the planes of a strip, in as many pieces as can be bound.
    pub(crate) fn copy_lines(
        &self,
        recorder: &mut Recorder,
        (argument, strip): (&'static str, &Strip),
        texture: &Texture,
        lines: Lines,
    ) -> Result<()> {
        let (pixels, pitch) = (strip.image_pixels(), lines.pitch());
        let all = 0..lines.count;
        in_pieces([all], &mut |[some]| {
            let element = |line: u32, pixel: u32| {
                let plane = u64::from(self.first_image) * u64::from(self.planes) + u64::from(line);
                plane * u64::from(self.plane) + u64::from(pixel - self.first_pixel)
            };
            let elements = element(some.start, pixels.start)..element(some.end - 1, pixels.end);
            let lines = Lines { count: some.end - some.start, first: lines.first + some.start * pitch, ..lines };
            copy_lines(recorder, &self.tensor.binding(argument, elements)?, texture, lines)
        })
    }

    /// The elements from the first to the last of some images, counted over the strip, some of their planes and some pixels of these.
    pub(crate) fn elements(&self, images: &Range<u32>, planes: &Range<u32>, pixels: &Range<u32>) -> Range<u64> {
        let element = |image: u32, plane: u32, pixel: u32| {
            let plane = u64::from(self.first_image + image) * u64::from(self.planes) + u64::from(plane);
            plane * u64::from(self.plane) + u64::from(pixel - self.first_pixel)
        };
        element(images.start, planes.start, pixels.start)..element(images.end - 1, planes.end - 1, pixels.end)
    }
}

/// Compiles what strips of tensors of f32 need of whose planes, of so many pixels, so many are written together: see [`StripPlanes`].
pub(crate) fn compile(gpu: &Gpu, together: u32, pixels: u32) -> Result<()> {
    let large = u64::from(together) * u64::from(pixels) * DType::F32.size() > bindable(gpu);
    if large { copy_rows::compile(gpu) } else { Ok(()) }
}

/// Planes of an image, and pixels of a plane.
fn planes(tensor: &Tensor) -> [u32; 2] {
    let shape = tensor.shape();
    let [_, planes, pixels @ ..] = shape.extents() else { return [1; 2] };
    [*planes, pixels.iter().product()]
}

fn rows(tensor: &Tensor, strip: &Strip) -> RowLayout {
    let [planes, plane] = planes(tensor);
    RowLayout::of_planes(&strip.images, planes, &strip.image_pixels(), plane)
}

/// The bytes of workspace that a pixel of some tensors takes.
pub(crate) fn wide_bytes<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> u64 {
    let wide = tensors.into_iter().filter(|tensor| tensor.dtype() != DType::F32);
    wide.map(|tensor| u64::from(planes(tensor)[0]) * DType::F32.size()).sum()
}
