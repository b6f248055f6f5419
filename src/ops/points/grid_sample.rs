use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{GridSample, GridSampleGeometry, GridSampleGradients, GridSampleInputs};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, TensorSpec, Texel};
use crate::kernels::layout::ReadFrom;
use crate::kernels::points::grid_gradient::{self, Interpolation, grid_gradient};
use crate::kernels::points::grid_position::{GridRule, round_first};
use crate::kernels::points::grid_sample::{self, grid_sample};
use crate::kernels::points::placement::Points;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces, opaque, pieces};
use crate::ops::planes::PlaneReads;
use crate::ops::points::grid_quads::GridQuads;
use crate::ops::points::sampling::{Extents, PointInputs, PointSampling};

/// So many samples, at least, for each pixel, in sixteenths, images have that are copied into a texture.
const SAMPLES_OF_COPIED: u64 = 16;

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

    /// The elements of the input.
    fn input(&self) -> Range<u64> {
        let pixels = self.geometry.height * self.geometry.width;
        self.elements_of((self.geometry.channels, &self.channels), (pixels, 0..pixels))
    }

    /// A tensor in the shape of the grid.
    fn grid(&self, argument: &'static str, tensor: &Tensor) -> Fit<Binding> {
        let Range { start, end } = self.samples;
        tensor.binding(argument, self.elements_of((1, &(0..1)), (2 * self.out_pixels(), 2 * start..2 * end)))
    }

    /// The elements of a tensor in the shape of the output.
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
    planes: PlaneReads,
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
        let (planes, quads) = (planes_of(gpu, geometry), GridQuads::of(gpu, geometry)?);
        match (planes.from, &quads) {
            (ReadFrom::Buffer, Some(quads)) => quads.compile(gpu, geometry)?,
            (of_planes, _) => {
                planes.compile(gpu)?;
                gpu.compile::<grid_sample::Kernel>((geometry.op.mode, of_planes))?;
            }
        }
        Ok(GridSampling { points: points(geometry, geometry.batch, true)?, planes, quads })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GridSampleInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let GridSampleInputs { input, grid } = inputs.try_map(|input| input.tensor())?;
        let planes = plan.compiled().planes;
        if planes.from == ReadFrom::Buffer
            && let Some(quads) = plan.compiled().quads([Some(input), Some(output), None])
        {
            return quads.samples(recorder, geometry, &GridSampleInputs { input, grid }, output);
        }
        in_plane_pieces(geometry, geometry.channels, planes, &mut |ranges| {
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
            recorder.attempt(|recorder| {
                let input = planes.bound(recorder, ("input", input), piece.input())?;
                grid_sample(recorder, (geometry.op.mode, planes.from), params, [&input, &grid, &output])
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
        let by_planes = grid.filter(|_| compiled.planes.from == ReadFrom::Texture || quads.is_none());
        if let Some(destination) = by_planes {
            grid_gradient_by_pieces(geometry, recorder, wide, grad_output, (&destination, compiled.planes))?;
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
    (destination, planes): (&Destination, PlaneReads),
) -> Result<()> {
    let GridSampleInputs { input, grid } = inputs;
    let (interpolation, summed) = match Interpolation::of(geometry.op.mode) {
        Some(interpolation) => (interpolation, geometry.channels),
        // Of no channels, which is 0.
        None => (Interpolation::Bilinear, 0),
    };
    // No channels are not copied.
    let planes = if summed > 0 { planes } else { PlaneReads::IN_BUFFER };
    let axes = (interpolation, planes.from.into());
    recorder.gpu().compile::<grid_gradient::Kernel>(axes)?;
    in_plane_pieces(geometry, summed.max(1), planes, &mut |ranges| {
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
        recorder.attempt(|recorder| {
            let input = planes.bound(recorder, ("input", input), piece.input())?;
            let grad_output = planes.bound(recorder, ("grad_output", grad_output), piece.output())?;
            grid_gradient(recorder, axes, params, [&input, &grad_output, &grid, &grad_grid])
        })
    })
}

/// Has `dispatch` do some images, some channels and some samples at a time, which can be bound, and as many planes as are read at once.
fn in_plane_pieces(
    geometry: &GridSampleGeometry,
    channels: u32,
    planes: PlaneReads,
    dispatch: &mut impl FnMut(&[Range<u32>; 3]) -> Fit,
) -> Result<()> {
    let samples = geometry.out_height * geometry.out_width;
    for images in pieces(0..geometry.batch, (planes.at_once / channels.max(1)).max(1)) {
        for channels in pieces(0..channels, planes.at_once) {
            in_pieces([images.clone(), channels, 0..samples], dispatch)?;
        }
    }
    Ok(())
}

/// How the planes of images and of their samples are read.
fn planes_of(gpu: &Gpu, geometry: &GridSampleGeometry) -> PlaneReads {
    let extents = [[geometry.height, geometry.width], [geometry.out_height, geometry.out_width]];
    let [pixels, samples] = extents.map(|[height, width]| u64::from(height) * u64::from(width));
    if SAMPLES_OF_COPIED * samples < pixels {
        PlaneReads::IN_BUFFER
    } else {
        PlaneReads::of(gpu, Texel::Element, pixels.max(samples))
    }
}
