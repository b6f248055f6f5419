//! Samples of a grid of images whose channels are packed last, four of which are loaded at a time: on adapters that run on the CPU.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{GridSampleGeometry, GridSampleGradients, GridSampleInputs};
use crate::gpu::{Binding, Gpu, Recorder, Tensor, Texel, Texture};
use crate::kernels::points::grid_gradient::{self, Interpolation, grid_gradient};
use crate::kernels::points::grid_position::{GridRule, Images, round_first};
use crate::kernels::points::grid_sample_quads::{self, grid_sample_quads};
use crate::kernels::points::plane_quads::{self, Direction, plane_quads};
use crate::ops::plan::{Destination, bindable, pieces};
use crate::ops::planes::copied;
use crate::ops::points::sampling::{OutputGradient, PointInputs, PointSampling};

/// So many samples, at least, for each pixel, in fourths, images have that are packed: fewer would not make up for it.
const SAMPLES_OF_PACKED: u64 = 4;

/// How images are sampled in quads of channels: so many at a time, and where their samples are points.
pub(super) struct GridQuads {
    images: u32,
    sampling: PointSampling,
}

impl GridQuads {
    /// Where that is fast: an adapter that runs on the CPU loads four words at once in the time of one or two. It takes channels, pixels and samples
    /// that come in fours, and images that can be bound whole.
    pub(super) fn of(gpu: &Gpu, geometry: &GridSampleGeometry) -> Result<Option<Self>> {
        let capabilities = gpu.capabilities();
        let [channels, pixels, samples] = extents(geometry).map(u64::from);
        let fours = [channels, pixels, samples].iter().all(|&extent| extent > 0 && extent.is_multiple_of(4));
        let often = SAMPLES_OF_PACKED * samples >= pixels;
        let looped = channels / 4 < capabilities.iterations_per_invocation();
        let most = capabilities.elements_per_dispatch().min(bindable(gpu) / DType::F32.size());
        let images = (most / (channels * pixels.max(samples)).max(1)).min(geometry.batch.into()) as u32;
        if !capabilities.software() || !fours || !often || !looped || images == 0 {
            return Ok(None);
        }
        Ok(Some(Self { images, sampling: super::grid_sample::points(geometry, images, false)? }))
    }

    /// Compiles the kernels of forward passes.
    pub(super) fn compile(&self, gpu: &Gpu, geometry: &GridSampleGeometry) -> Result<()> {
        gpu.compile::<plane_quads::Kernel>(Direction::ToQuads)?;
        gpu.compile::<grid_sample_quads::Kernel>(geometry.op.mode)
    }

    /// Records the samples.
    pub(super) fn samples(
        &self,
        recorder: &mut Recorder,
        geometry: &GridSampleGeometry,
        inputs: &GridSampleInputs<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let [channels, pixels, samples] = extents(geometry);
        let kind = (geometry.op.mode, round_first(geometry.op.nearest_order));
        pieces(0..geometry.batch, self.images).try_for_each(|images| {
            let some = [images.end - images.start, channels, samples];
            let [grid, output] = [inputs.grid, output].map(|tensor| of_images(tensor, &images));
            recorder.scratch(|recorder| {
                let input = packed(recorder, inputs.input, &images, [channels, pixels])?;
                let [input, grid, output] =
                    [("input", &input), ("grid", &grid), ("output", &output)].map(|(name, tensor)| whole(name, tensor));
                grid_sample_quads(recorder, kind, GridRule::of(geometry), some, [&input?, &grid?, &output?])?;
                Ok(())
            })
        })
    }

    /// Records the gradients that have a destination, that of the grid by an interpolation.
    pub(super) fn gradients(
        &self,
        recorder: &mut Recorder,
        geometry: &GridSampleGeometry,
        inputs: &GridSampleInputs<&Tensor>,
        grad_output: &Tensor,
        (destinations, interpolation): (&GridSampleGradients<Destination>, Interpolation),
    ) -> Result<()> {
        let [channels, pixels, samples] = extents(geometry);
        pieces(0..geometry.batch, self.images).try_for_each(|images| {
            let count = images.end - images.start;
            let grid = of_images(inputs.grid, &images);
            recorder.scratch(|recorder| {
                let elements = u64::from(count) * u64::from(channels) * u64::from(samples);
                let in_texture = destinations.grid.is_none()
                    && recorder.gpu().capabilities().textures()
                    && elements * DType::F32.size() <= Texture::most_bytes(recorder.gpu(), Texel::Element);
                if in_texture {
                    let Some(destination) = destinations.input else { return Ok(()) };
                    let planes = whole("grad_output", &of_images(grad_output, &images))?;
                    let texture = copied(recorder, &planes, Texel::Element, elements)?;
                    let gradient = OutputGradient::Planes(&texture);
                    return self.gradient_of_input(recorder, (geometry, &images), &grid, gradient, destination);
                }
                let grad_output = packed(recorder, grad_output, &images, [channels, samples])?;
                if let Some(destination) = destinations.grid {
                    let grad_grid = of_images(destination.tensor(), &images);
                    recorder.scratch(|recorder| -> Result<()> {
                        let input = packed(recorder, inputs.input, &images, [channels, pixels])?;
                        let quads = channels / 4;
                        let params = grid_gradient::Params {
                            rule: GridRule::of(geometry),
                            images: count,
                            lanes: quads,
                            out_pixels: samples,
                            pixels: samples,
                            accumulate: destination.accumulates().into(),
                            input_image: pixels * quads,
                            input_pixel: quads,
                            input_lane: 1,
                            output_image: samples * quads,
                            output_pixel: quads,
                            output_lane: 1,
                            ..Default::default()
                        };
                        let tensors = [&input, &grid, &grad_output, &grad_grid];
                        let [input, grid, grad_output, grad_grid] = tensors.map(|tensor| whole("grid", tensor));
                        let bindings = [&input?, &grad_output?, &grid?, &grad_grid?];
                        grid_gradient(recorder, (interpolation, Images::Quads), params, bindings)?;
                        Ok(())
                    })?;
                }
                let Some(destination) = destinations.input else { return Ok(()) };
                let gradient = OutputGradient::Tensor(&grad_output);
                self.gradient_of_input(recorder, (geometry, &images), &grid, gradient, destination)
            })
        })
    }

    /// Records the gradient of some images.
    fn gradient_of_input(
        &self,
        recorder: &mut Recorder,
        (geometry, images): (&GridSampleGeometry, &Range<u32>),
        grid: &Tensor,
        grad_output: OutputGradient,
        destination: Destination,
    ) -> Result<()> {
        let [channels, pixels, _] = extents(geometry);
        let count = images.end - images.start;
        let grad_input = recorder.workspace([count, pixels, channels])?;
        let positions = PointInputs { positions: grid, weights: None };
        self.sampling.walk(recorder, count, &positions, grad_output, Destination::Write(&grad_input))?;
        let planes = of_images(destination.tensor(), images);
        let bindings = [&whole("grad_input", &planes)?, &whole("grad_input", &grad_input)?];
        plane_quads(recorder, Direction::ToPlanes, [count, channels, pixels], destination.accumulates(), bindings)?;
        Ok(())
    }
}

/// Channels, pixels and samples of an image.
fn extents(geometry: &GridSampleGeometry) -> [u32; 3] {
    [geometry.channels, geometry.height * geometry.width, geometry.out_height * geometry.out_width]
}

/// Some images of a batch, flat.
fn of_images(tensor: &Tensor, images: &Range<u32>) -> Tensor {
    let shape = tensor.shape();
    let image = shape.elements() / u64::from(shape.extents()[0]);
    let count = u64::from(images.end - images.start);
    tensor.section(u64::from(images.start) * image, [(count * image) as u32].into())
}

fn whole(argument: &'static str, tensor: &Tensor) -> Result<Binding> {
    Ok(tensor.binding(argument, 0..tensor.shape().elements())?)
}

/// Records some images in planes, of so many channels and pixels, into workspace where their channels lie last.
fn packed(
    recorder: &mut Recorder,
    planes: &Tensor,
    images: &Range<u32>,
    [channels, pixels]: [u32; 2],
) -> Result<Tensor> {
    let count = images.end - images.start;
    let quads = recorder.workspace([count, pixels, channels])?;
    let bindings = [&whole("input", &of_images(planes, images))?, &whole("input", &quads)?];
    plane_quads(recorder, Direction::ToQuads, [count, channels, pixels], false, bindings)?;
    Ok(quads)
}
