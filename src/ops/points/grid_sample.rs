use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{GridSample, GridSampleGeometry, GridSampleGradients, GridSampleInputs};
use crate::gpu::{Binding, Fit, Gpu, Lines, Recorder, Tensor, TensorSpec, Texel, Texture};
use crate::kernels::matmul::copy_lines::{self, copy_lines};
use crate::kernels::points::grid_gradient::{self, Interpolation, grid_gradient};
use crate::kernels::points::grid_position::{GridRule, PlanesIn, round_first};
use crate::kernels::points::grid_sample::{self, grid_sample};
use crate::kernels::points::placement::Points;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, bindable, in_pieces, opaque, pieces};
use crate::ops::points::grid_quads::GridQuads;
use crate::ops::points::sampling::{Extents, PointInputs, PointSampling};

/// Images, channels and samples that a dispatch does: of several images all channels.
struct Piece<'a> {
    geometry: &'a GridSampleGeometry,
    images: Range<u32>,
    channels: Range<u32>,
    samples: Range<u32>,
}

impl<'a> Piece<'a> {
    fn new(geometry: &'a GridSampleGeometry, [images, channels, samples]: &[Range<u32>; 3]) -> Self {
        Self { geometry, images: images.clone(), channels: channels.clone(), samples: samples.clone() }
    }

    /// Some elements of some planes of each image, of a tensor (batch, planes, size): from the first to the last.
    fn elements_of(&self, (planes, some): (u32, &Range<u32>), (size, within): (u32, Range<u32>)) -> Range<u64> {
        let element = |image: u32, plane: u32, at: u32| {
            (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(size) + u64::from(at)
        };
        let start = element(self.images.start, some.start, within.start);
        start..element(self.images.end - 1, some.end - 1, within.end)
    }

    fn input(&self) -> Range<u64> {
        let pixels = self.geometry.height * self.geometry.width;
        self.elements_of((self.geometry.channels, &self.channels), (pixels, 0..pixels))
    }

    /// A tensor in the shape of the grid.
    fn grid(&self, argument: &'static str, tensor: &Tensor) -> Fit<Binding> {
        let Range { start, end } = self.samples;
        tensor.binding(argument, self.elements_of((1, &(0..1)), (2 * self.out_pixels(), 2 * start..2 * end)))
    }

    /// Of a tensor in the shape of the output.
    fn output(&self) -> Range<u64> {
        let planes = (self.geometry.channels, &self.channels);
        self.elements_of(planes, (self.out_pixels(), self.samples.clone()))
    }

    fn out_pixels(&self) -> u32 {
        self.geometry.out_height * self.geometry.out_width
    }

    /// How many images, channels and samples there are.
    fn extents(&self) -> [u32; 3] {
        [&self.images, &self.channels, &self.samples].map(|range| range.end - range.start)
    }

    /// How many samples of channels.
    fn elements(&self) -> u64 {
        self.extents().map(u64::from).iter().product()
    }
}

/// The samples of a grid as points, in so many images in planes, or with their channels last.
pub(super) fn points(geometry: &GridSampleGeometry, images: u32, channels_first: bool) -> Result<PointSampling> {
    let &GridSampleGeometry { op, channels, out_height, out_width, .. } = geometry;
    let GridRule { height, width, padding, align_corners } = GridRule::of(geometry);
    let round_first = round_first(op.nearest_order);
    let extents = Extents { images, queries: out_height * out_width, heads: 1, channels };
    let window = Points { height, width, padding, align_corners, round_first, ..Points::default() };
    PointSampling::in_grid(op.mode, extents, window, channels_first)
}

/// A checked problem as its kernels take it: its samples as points, and, where that is fast, of images in textures and in quads of channels.
pub struct GridSampling {
    points: PointSampling,
    texels: Option<GridTexels>,
    quads: Option<GridQuads>,
}

opaque!(GridSampling);

impl GridSampling {
    /// How quads of channels are sampled, where planes begin at a multiple of their size.
    fn quads(&self, planes: [Option<&Tensor>; 3]) -> Option<&GridQuads> {
        self.quads.as_ref().filter(|_| planes.iter().flatten().all(|planes| planes.begins_a_quad()))
    }
}

impl Kernels for GridSample {
    type Compiled = GridSampling;

    fn compile(gpu: &Gpu, geometry: &GridSampleGeometry, _: &GridSampleInputs<TensorSpec>) -> Result<GridSampling> {
        let (texels, quads) = (GridTexels::of(gpu, geometry), GridQuads::of(gpu, geometry)?);
        match (&texels, &quads) {
            (Some(_), _) => GridTexels::compile(gpu, geometry)?,
            (None, Some(quads)) => quads.compile(gpu, geometry)?,
            (None, None) => gpu.compile::<grid_sample::Kernel>((geometry.op.mode, PlanesIn::Buffer))?,
        }
        Ok(GridSampling { points: points(geometry, geometry.batch, true)?, texels, quads })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GridSampleInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let GridSampleInputs { input, grid } = inputs.try_map(|input| input.tensor())?;
        let texels = plan.compiled().texels.as_ref();
        if texels.is_none()
            && let Some(quads) = plan.compiled().quads([Some(input), Some(output), None])
        {
            return quads.samples(recorder, geometry, &GridSampleInputs { input, grid }, output);
        }
        let planes = if texels.is_some() { PlanesIn::Texture } else { PlanesIn::Buffer };
        in_plane_pieces(geometry, geometry.channels, texels, &mut |ranges| {
            let piece = Piece::new(geometry, ranges);
            let [grid, output] = [piece.grid("grid", grid)?, output.binding("output", piece.output())?];
            recorder.gpu().capabilities().check_elements("output", piece.elements())?;
            let [images, channels, pixels] = piece.extents();
            let params = grid_sample::Params {
                rule: GridRule::of(geometry),
                round_first: round_first(geometry.op.nearest_order),
                images,
                channels,
                out_pixels: piece.out_pixels(),
                pixels,
                ..Default::default()
            };
            recorder.all(|recorder| {
                recorder.scratch(|recorder| {
                    let input = bound(recorder, planes, ("input", input), piece.input())?;
                    grid_sample(recorder, (geometry.op.mode, planes), params, [&input, &grid, &output])
                })
            })
        })
    }

    fn smallest() -> (Self, GridSampleInputs<TensorSpec>) {
        let shapes = GridSampleInputs { input: [1; 4].into(), grid: [1, 1, 1, 2].into() };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products of input and grid.
///
/// By the grid, derivatives are right-hand ones where a position is at a pixel. They are 0 by a grid value whose position is moved to the border, or
/// lies on it, and with [`SampleMode::Nearest`](crate::SampleMode::Nearest).
impl Differentiable for GridSample {
    type Gradients = GridSampleGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GridSampleInputs<Argument>,
        grad_output: &Tensor,
        destinations: &GridSampleGradients<Destination>,
    ) -> Result<()> {
        let wide = inputs.try_map(|input| input.wide(recorder))?;
        let GridSampleGradients { input, grid } = *destinations;
        let (compiled, geometry) = (plan.compiled(), plan.geometry());
        let wide = wide.as_ref();
        let of_input = input.as_ref().map(|destination| destination.tensor());
        let planes = [Some(grad_output), grid.is_some().then_some(wide.input), of_input];
        let quads = compiled.quads(planes).zip(Interpolation::of(geometry.op.mode));
        let by_planes = grid.filter(|_| compiled.texels.is_some() || quads.is_none());
        if let Some(destination) = by_planes {
            grid_gradient_by_pieces(geometry, recorder, wide, grad_output, (&destination, compiled.texels.as_ref()))?;
        }
        if let Some((quads, interpolation)) = quads {
            let left = GridSampleGradients { grid: grid.filter(|_| by_planes.is_none()), input };
            return quads.gradients(recorder, geometry, &wide, grad_output, (&left, interpolation));
        }
        match input {
            Some(destination) => compiled.points.gradient_of_value(
                recorder,
                &PointInputs { positions: wide.grid, weights: None },
                grad_output,
                destination,
            ),
            None => Ok(()),
        }
    }
}

/// The gradient of the grid. Pieces of the channels add to those before them.
fn grid_gradient_by_pieces(
    geometry: &GridSampleGeometry,
    recorder: &mut Recorder,
    inputs: GridSampleInputs<&Tensor>,
    grad_output: &Tensor,
    (destination, texels): (&Destination, Option<&GridTexels>),
) -> Result<()> {
    let GridSampleInputs { input, grid } = inputs;
    let (interpolation, summed) = match Interpolation::of(geometry.op.mode) {
        Some(interpolation) => (interpolation, geometry.channels),
        // Of no channels, which is 0.
        None => (Interpolation::Bilinear, 0),
    };
    // No channels are not copied.
    let texels = texels.filter(|_| summed > 0);
    let planes = if texels.is_some() { PlanesIn::Texture } else { PlanesIn::Buffer };
    recorder.gpu().compile::<grid_gradient::Kernel>((interpolation, planes.into()))?;
    in_plane_pieces(geometry, summed.max(1), texels, &mut |ranges| {
        let piece = Piece::new(geometry, ranges);
        let [grid, grad_grid] = [piece.grid("grid", grid)?, piece.grid("grad_grid", destination.tensor())?];
        recorder.gpu().capabilities().check_elements("grad_output", piece.elements())?;
        let [images, channels, pixels] = piece.extents();
        let (in_pixels, out_pixels) = (geometry.height * geometry.width, piece.out_pixels());
        let params = grid_gradient::Params {
            rule: GridRule::of(geometry),
            images,
            lanes: channels.min(summed),
            out_pixels,
            pixels,
            accumulate: (destination.accumulates() || piece.channels.start > 0).into(),
            // Of several images all channels are done.
            input_image: channels * in_pixels,
            input_pixel: 1,
            input_lane: in_pixels,
            output_image: channels * out_pixels,
            output_pixel: 1,
            output_lane: out_pixels,
            ..Default::default()
        };
        recorder.all(|recorder| {
            recorder.scratch(|recorder| {
                let input = bound(recorder, planes, ("input", input), piece.input())?;
                let grad_output = bound(recorder, planes, ("grad_output", grad_output), piece.output())?;
                grid_gradient(recorder, (interpolation, planes.into()), params, [&input, &grid, &grad_output, &grad_grid])
            })
        })
    })
}

/// Has `dispatch` do some images, some channels and some samples at a time, which can be bound, and which textures are for.
fn in_plane_pieces(
    geometry: &GridSampleGeometry,
    channels: u32,
    texels: Option<&GridTexels>,
    dispatch: &mut impl FnMut(&[Range<u32>; 3]) -> Fit,
) -> Result<()> {
    let planes = texels.map_or(u32::MAX, |texels| texels.planes);
    let samples = geometry.out_height * geometry.out_width;
    for images in pieces(0..geometry.batch, (planes / channels.max(1)).max(1)) {
        for channels in pieces(0..channels, planes) {
            in_pieces([images.clone(), channels, 0..samples], dispatch)?;
        }
    }
    Ok(())
}

/// Some elements of planes, in the buffer of their tensor or in a texture that they are copied into.
fn bound(
    recorder: &mut Recorder,
    planes: PlanesIn,
    (argument, tensor): (&'static str, &Tensor),
    elements: Range<u64>,
) -> Fit<Binding> {
    let length = (elements.end - elements.start) as u32;
    let binding = tensor.binding(argument, elements)?;
    if planes == PlanesIn::Buffer {
        return Ok(binding);
    }
    let lines = Lines { texel: Texel::Element, ..Lines::one(length) };
    let texture = recorder.texture(lines.texel, length.into())?;
    copy_lines(recorder, &binding, &texture, lines)?;
    Ok(texture.binding())
}

/// Bytes of the planes that are copied at a time: few enough to stay in a cache until they are sampled.
const TEXEL_BYTES: u64 = 4 << 20;

/// So many samples, at least, for each pixel, in sixteenths, images have that are copied into a texture.
const SAMPLES_OF_COPIED: u64 = 16;

/// How planes are sampled that are copied into textures of elements: some at a time.
struct GridTexels {
    planes: u32,
}

impl GridTexels {
    /// Where that is fast: lavapipe loads the texels of a subgroup by one instruction.
    fn of(gpu: &Gpu, geometry: &GridSampleGeometry) -> Option<Self> {
        let [pixels, samples] =
            [[geometry.height, geometry.width], [geometry.out_height, geometry.out_width]].map(|extents| {
                let [height, width] = extents.map(u64::from);
                height * width
            });
        let most = Texture::most_bytes(gpu, Texel::Element).min(bindable(gpu)) / Texel::Element.bytes();
        let (largest, often) = (pixels.max(samples), SAMPLES_OF_COPIED * samples >= pixels);
        let planes = TEXEL_BYTES / Texel::Element.bytes() / largest.max(1);
        (gpu.capabilities().textures() && often && largest <= most).then_some(Self { planes: planes.max(1) as u32 })
    }

    /// Compiles the kernels of forward passes.
    fn compile(gpu: &Gpu, geometry: &GridSampleGeometry) -> Result<()> {
        gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
        gpu.compile::<grid_sample::Kernel>((geometry.op.mode, PlanesIn::Texture))
    }
}
