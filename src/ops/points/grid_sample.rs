use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{GridSample, GridSampleGeometry, GridSampleGradients, GridSampleInputs};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::points::grid_gradient::{self, Interpolation, grid_gradient};
use crate::kernels::points::grid_position::{GridRule, round_first};
use crate::kernels::points::grid_sample::{self, grid_sample};
use crate::kernels::points::placement::{Lanes, Points};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces, opaque};
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

    /// Some elements of some planes of each image, of a tensor (batch, planes, size).
    fn binding(
        &self,
        argument: &'static str,
        tensor: &Tensor,
        (planes, some): (u32, &Range<u32>),
        (size, within): (u32, Range<u32>),
    ) -> Fit<Binding> {
        let element = |image: u32, plane: u32, at: u32| {
            (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(size) + u64::from(at)
        };
        let start = element(self.images.start, some.start, within.start);
        tensor.binding(argument, start..element(self.images.end - 1, some.end - 1, within.end))
    }

    fn input(&self, tensor: &Tensor) -> Fit<Binding> {
        let pixels = self.geometry.height * self.geometry.width;
        self.binding("input", tensor, (self.geometry.channels, &self.channels), (pixels, 0..pixels))
    }

    /// A tensor in the shape of the grid.
    fn grid(&self, argument: &'static str, tensor: &Tensor) -> Fit<Binding> {
        let Range { start, end } = self.samples;
        self.binding(argument, tensor, (1, &(0..1)), (2 * self.out_pixels(), 2 * start..2 * end))
    }

    /// A tensor in the shape of the output.
    fn output(&self, argument: &'static str, tensor: &Tensor) -> Fit<Binding> {
        let planes = (self.geometry.channels, &self.channels);
        self.binding(argument, tensor, planes, (self.out_pixels(), self.samples.clone()))
    }

    fn out_pixels(&self) -> u32 {
        self.geometry.out_height * self.geometry.out_width
    }

    fn elements(&self) -> u64 {
        [&self.images, &self.channels, &self.samples].map(|range| u64::from(range.end - range.start)).iter().product()
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

/// A checked problem as its kernels take it: its samples as points, and, where that is fast, in quads of channels.
pub struct GridSampling {
    points: PointSampling,
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
        let quads = GridQuads::of(gpu, geometry)?;
        match &quads {
            Some(quads) => quads.compile(gpu, geometry)?,
            None => gpu.compile::<grid_sample::Kernel>(geometry.op.mode)?,
        }
        Ok(GridSampling { points: points(geometry, geometry.batch, true)?, quads })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GridSampleInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let GridSampleInputs { input, grid } = inputs.try_map(|input| input.tensor())?;
        if let Some(quads) = plan.compiled().quads([Some(input), Some(output), None]) {
            return quads.samples(recorder, geometry, &GridSampleInputs { input, grid }, output);
        }
        let whole = [0..geometry.batch, 0..geometry.channels, 0..geometry.out_height * geometry.out_width];
        in_pieces(whole, &mut |ranges: &[Range<u32>; 3]| {
            let piece = Piece::new(geometry, ranges);
            let bindings = [&piece.input(input)?, &piece.grid("grid", grid)?, &piece.output("output", output)?];
            recorder.gpu().capabilities().check_elements("output", piece.elements())?;
            let [images, channels, pixels] = ranges.each_ref().map(|range| range.end - range.start);
            let params = grid_sample::Params {
                rule: GridRule::of(geometry),
                round_first: round_first(geometry.op.nearest_order),
                images,
                channels,
                out_pixels: piece.out_pixels(),
                pixels,
                ..Default::default()
            };
            grid_sample(recorder, geometry.op.mode, params, bindings)
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
        if let Some((quads, interpolation)) = compiled.quads(planes).zip(Interpolation::of(geometry.op.mode)) {
            return quads.gradients(recorder, geometry, &wide, grad_output, (destinations, interpolation));
        }
        if let Some(destination) = grid {
            grid_gradient_by_pieces(geometry, recorder, wide, grad_output, &destination)?;
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
    destination: &Destination,
) -> Result<()> {
    let GridSampleInputs { input, grid } = inputs;
    let (interpolation, summed) = match Interpolation::of(geometry.op.mode) {
        Some(interpolation) => (interpolation, geometry.channels),
        // Of no channels, which is 0.
        None => (Interpolation::Bilinear, 0),
    };
    recorder.gpu().compile::<grid_gradient::Kernel>((interpolation, Lanes::One))?;
    let whole = [0..geometry.batch, 0..summed.max(1), 0..geometry.out_height * geometry.out_width];
    in_pieces(whole, &mut |ranges: &[Range<u32>; 3]| {
        let piece = Piece::new(geometry, ranges);
        let bindings = [
            &piece.input(input)?,
            &piece.grid("grid", grid)?,
            &piece.output("grad_output", grad_output)?,
            &piece.grid("grad_grid", destination.tensor())?,
        ];
        recorder.gpu().capabilities().check_elements("grad_output", piece.elements())?;
        let [images, channels, pixels] = ranges.each_ref().map(|range| range.end - range.start);
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
        grid_gradient(recorder, (interpolation, Lanes::One), params, bindings)
    })
}
