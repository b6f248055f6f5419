//! Weighted sums of samples at points, and their gradients: what attention over levels, windows of version 3 and grids have in common.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{EdgeDerivative, SampleMode};
use crate::gpu::{Axis, Binding, Constant, Fit, Gpu, Iterations, Loops, Recorder, Tensor, Texel, Texture, Unfit};
use crate::kernels::layout::{Layout, ReadFrom};
use crate::kernels::matmul::copy_lines;
use crate::kernels::movement::run_starts::run_starts;
use crate::kernels::points::grid_gradient::{self, Interpolation};
use crate::kernels::points::grid_position::Images;
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, Value, Weighted};
use crate::kernels::points::plane_quads;
use crate::kernels::points::point_gradients::{self, GradientBindings, point_gradients};
use crate::kernels::points::point_keys::{self, point_keys};
use crate::kernels::points::point_planes::{self, point_planes};
use crate::kernels::points::point_shares::{self, SHARE_WORDS, point_shares};
use crate::kernels::points::point_sums::{self, ROUND, point_sums};
use crate::kernels::points::point_sums_direct::{self, Block, point_sums_direct};
use crate::kernels::points::point_value_gradients::{self, point_value_gradients};
use crate::kernels::points::point_walk::{self, Walked, point_walk};
use crate::kernels::points::{grid_sample, grid_sample_quads};
use crate::ops::conv::packed_matrix;
use crate::ops::movement::sort::{self, Sort};
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Destination, at_once, bindable, in_units, opaque, pieces};
use crate::ops::planes::copied;

/// The most points whose gradients, or whose cells, are held at a time: 16 bytes each.
const MOST_POINTS: u32 = 1 << 20;

/// The most cells of images and heads that points are sorted by at a time: 4 bytes each.
const MOST_CELLS: u64 = 1 << 22;

/// Where an adapter runs on the CPU, the gradient of the value is made by owners of its channels that walk over all points, if they are so many: a
/// sort has work for many more invocations, and more of it.
const LEAST_OWNERS: u64 = 4;

/// Queries and heads, at least, each of which an invocation does with all its points, where an adapter runs on the CPU.
const LEAST_HEADS: u64 = 1 << 10;

/// The most points that are walked over at a time, unless a query and head has more: what they are part of is held, 32 bytes each.
const MOST_WALKED: u32 = 1 << 18;

/// So often, on average, each pixel of a value is loaded at least that is copied into a texture: a copy takes as much memory as the value.
const LOADS_OF_COPIED: u64 = 4;

/// Axes of the pieces that sums, gradients and walks are cut into.
const IMAGES: usize = 0;
const QUERIES: usize = 1;
const PIXELS: usize = 3;
const CHANNELS: usize = 4;

/// An image that points lie in: its extents, and where its pixels and its cells begin.
#[derive(Clone, Copy)]
struct Level {
    height: u32,
    width: u32,
    pixel_first: u32,
    cell_first: u32,
}

/// Where a tensor has what belongs to points: that of the points of `(image, query, head)` is `length` elements, from
/// `first + image * image + query * query + head * head` on.
#[derive(Clone, Copy)]
pub(crate) struct PointRows {
    pub(crate) first: u64,
    pub(crate) image: u64,
    pub(crate) query: u64,
    pub(crate) head: u64,
    pub(crate) length: u64,
}

impl PointRows {
    /// Dense rows of so many elements for each of so many queries and heads.
    pub(crate) fn dense(queries: u32, heads: u32, length: u64) -> Self {
        let query = u64::from(heads) * length;
        Self { first: 0, image: u64::from(queries) * query, query, head: length, length }
    }

    /// The range of the tensor that a piece reaches.
    fn binding(&self, argument: &'static str, tensor: &Tensor, piece: &Piece) -> Fit<Binding> {
        let at = |image: u32, query: u32, head: u32| {
            self.first + u64::from(image) * self.image + u64::from(query) * self.query + u64::from(head) * self.head
        };
        let start = at(piece.images.start, piece.queries.start, piece.heads.start);
        let last = at(piece.images.end - 1, piece.queries.end - 1, piece.heads.end - 1);
        tensor.binding(argument, start..last + self.length)
    }
}

/// Tensors that say where points lie and what they weigh.
#[derive(Clone, Copy)]
pub(crate) struct PointInputs<'a> {
    pub(crate) positions: &'a Tensor,
    /// Absent in a grid.
    pub(crate) weights: Option<&'a Tensor>,
}

/// The value while it is sampled: as it was given, or packed.
enum StoredValue<'a> {
    Buffer(&'a Tensor),
    Texture(Texture),
}

/// Where the gradients of points go: into workspace, or to positions and weights.
#[derive(Clone, Copy)]
enum Gradients<'a> {
    Kept(&'a Tensor),
    /// The shares of the points go beside them, where a binding is given for these.
    Given([Destination<'a>; 2], Option<&'a Binding>),
}

impl Gradients<'_> {
    /// Whether positions, or else weights, hold terms already, to be added to.
    fn adds(&self, which: usize) -> bool {
        matches!(self, Self::Given(destinations, _) if destinations[which].accumulates())
    }
}

/// Where a piece of the value begins in what is bound, and how many lanes an image has.
struct ValueStart {
    image: u32,
    first: u32,
}

/// The gradient of the output that a walk reads.
#[derive(Clone, Copy)]
pub(crate) enum OutputGradient<'a> {
    /// A tensor in the shape of the output.
    Tensor(&'a Tensor),
    /// (image, query, head, quad) in a texture.
    Quads(&'a Texture),
    /// (image, channel, query) in a texture of elements, of one head whose channels are quads.
    Planes(&'a Texture),
}

/// A checked problem as its kernels take it.
pub struct PointSampling {
    placement: Placement,
    images: u32,
    queries: u32,
    heads: u32,
    points: u32,
    /// Channels of a head.
    channels: u32,
    /// Pixels and cells of all levels.
    pixels: u32,
    cells: u32,
    levels: Vec<Level>,
    positions: PointRows,
    weighted: Option<PointWeights>,
    channels_first: bool,
    /// Parameters of the placement, beside those that follow from a piece.
    window: Points,
}

/// Kernel, table and weights of points that have weights.
struct PointWeights {
    kernel: Weighted,
    rows: PointRows,
    table: Constant,
    edge_derivative: EdgeDerivative,
}

opaque!(PointSampling);

/// A piece of the work: some queries and heads of some images, over some pixels of these and some channels of each head.
struct Piece {
    images: Range<u32>,
    queries: Range<u32>,
    heads: Range<u32>,
    pixels: Range<u32>,
    channels: Range<u32>,
}

impl Piece {
    fn of([images, queries, heads]: &[Range<u32>; 3], pixels: &Range<u32>, channels: &Range<u32>) -> Self {
        let [images, queries, heads] = [images, queries, heads].map(Range::clone);
        Self { images, queries, heads, pixels: pixels.clone(), channels: channels.clone() }
    }
}

fn count(range: &Range<u32>) -> u32 {
    range.end - range.start
}

/// Extents of a problem; channels are those of a head.
pub(crate) struct Extents {
    pub(crate) images: u32,
    pub(crate) queries: u32,
    pub(crate) heads: u32,
    pub(crate) channels: u32,
}

impl PointSampling {
    /// Points in levels of an image, so many in each.
    pub(crate) fn in_levels(
        gpu: &Gpu,
        kernel: Weighted,
        extents: Extents,
        levels: impl Iterator<Item = (u32, u32, u32)> + Clone,
        edge_derivative: EdgeDerivative,
    ) -> Result<Self> {
        check_points(gpu, levels.clone().map(|(.., points)| u64::from(points)).sum())?;
        check_cells(levels.clone().map(|(height, width, _)| [height, width]))?;
        let (mut pixel_first, mut cell_first, mut table, mut all) = (0, 0, Vec::new(), Vec::new());
        for (height, width, points) in levels {
            all.push(Level { height, width, pixel_first, cell_first });
            table.extend(std::iter::repeat_n([height, width, pixel_first, cell_first], points as usize));
            pixel_first += height * width;
            cell_first += (height + 1) * (width + 1);
        }
        let points = table.len() as u32;
        let rows = |of_point: u64| PointRows::dense(extents.queries, extents.heads, u64::from(points) * of_point);
        let rows = [rows(2), rows(1)];
        Self::weighted(gpu, (kernel, edge_derivative), extents, all, rows, &table, Points::default())
    }

    /// Points at the taps of a window over one image.
    pub(crate) fn in_window(
        gpu: &Gpu,
        extents: Extents,
        taps: &[[f32; 2]],
        rows: [PointRows; 2],
        (window, edge_derivative): (Points, EdgeDerivative),
    ) -> Result<Self> {
        check_cells([[window.height, window.width]].into_iter())?;
        let level = Level { height: window.height, width: window.width, pixel_first: 0, cell_first: 0 };
        let table: Vec<_> = taps.iter().map(|[y, x]| [y.to_bits(), x.to_bits(), 0, 0]).collect();
        Self::weighted(gpu, (Weighted::Window, edge_derivative), extents, vec![level], rows, &table, window)
    }

    fn weighted(
        gpu: &Gpu,
        (kernel, edge_derivative): (Weighted, EdgeDerivative),
        extents: Extents,
        levels: Vec<Level>,
        [positions, rows]: [PointRows; 2],
        table: &[[u32; 4]],
        window: Points,
    ) -> Result<Self> {
        compile_sum(gpu, kernel, extents.channels)?;
        let weighted = PointWeights { kernel, rows, table: Constant::buffer(gpu, "points", table)?, edge_derivative };
        let points = table.len() as u32;
        Ok(Self::new(Placement::Weighted(kernel), extents, points, levels, positions, Some(weighted), window))
    }

    /// Points at the samples of a grid over images in planes, or with their channels last.
    pub(crate) fn in_grid(mode: SampleMode, extents: Extents, window: Points, channels_first: bool) -> Result<Self> {
        check_cells([[window.height, window.width]].into_iter())?;
        let level = Level { height: window.height, width: window.width, pixel_first: 0, cell_first: 0 };
        let points = if mode == SampleMode::Bicubic { 16 } else { 1 };
        // All points of a sample have its position.
        let rows = PointRows::dense(extents.queries, 1, 2);
        let all = Self::new(Placement::Grid(mode), extents, points, vec![level], rows, None, window);
        Ok(Self { channels_first, ..all })
    }

    fn new(
        placement: Placement,
        Extents { images, queries, heads, channels }: Extents,
        points: u32,
        levels: Vec<Level>,
        positions: PointRows,
        weighted: Option<PointWeights>,
        window: Points,
    ) -> Self {
        Self {
            placement,
            images,
            queries,
            heads,
            points,
            channels,
            pixels: levels.iter().map(|level| level.height * level.width).sum(),
            cells: levels.iter().map(|level| (level.height + 1) * (level.width + 1)).sum(),
            levels,
            positions,
            channels_first: weighted.is_none(),
            weighted,
            window,
        }
    }

    /// The positions and weights of a piece, and its points, over the pixels that it has.
    fn points(&self, piece: &Piece, inputs: &PointInputs) -> Fit<(PointBindings, Points)> {
        let positions = self.positions.binding("positions", inputs.positions, piece)?;
        let mut points = Points {
            images: count(&piece.images),
            queries: count(&piece.queries),
            heads: count(&piece.heads),
            points: self.points,
            query_first: piece.queries.start,
            positions_image: self.positions.image as u32,
            positions_query: self.positions.query as u32,
            positions_head: self.positions.head as u32,
            positions_first: positions.first,
            band_first: piece.pixels.start,
            band_pixels: count(&piece.pixels),
            ..self.window
        };
        let Some((PointWeights { rows, table, .. }, weights)) = self.weighted.as_ref().zip(inputs.weights) else {
            return Ok((PointBindings { positions, weighted: None }, points));
        };
        let weights = rows.binding("weights", weights, piece)?;
        points.weights_image = rows.image as u32;
        points.weights_query = rows.query as u32;
        points.weights_head = rows.head as u32;
        points.weights_first = weights.first;
        Ok((PointBindings { positions, weighted: Some([table.binding(), weights]) }, points))
    }

    /// The range of a value that a piece reaches.
    fn value(&self, argument: &'static str, tensor: &Tensor, piece: &Piece) -> Fit<Binding> {
        self.rows(argument, tensor, piece, (self.pixels, &piece.pixels))
    }

    /// The range of an output, or of what has its shape, that a piece reaches.
    fn output(&self, argument: &'static str, tensor: &Tensor, piece: &Piece) -> Fit<Binding> {
        self.rows(argument, tensor, piece, (self.queries, &piece.queries))
    }

    /// The range that some of `all` rows, pixels or queries, have in (image, row, head, channel), or in (image, channel, row).
    fn rows(
        &self,
        argument: &'static str,
        tensor: &Tensor,
        piece: &Piece,
        (all, rows): (u32, &Range<u32>),
    ) -> Fit<Binding> {
        let element = |image: u32, row: u32, head: u32, channel: u32| {
            let nest = |outer: u64, extent: u32, inner: u32| outer * u64::from(extent) + u64::from(inner);
            if self.channels_first {
                nest(nest(image.into(), self.channels, channel), all, row)
            } else {
                nest(nest(nest(image.into(), all, row), self.heads, head), self.channels, channel)
            }
        };
        let Piece { images, heads, channels, .. } = piece;
        let last = element(images.end - 1, rows.end - 1, heads.end - 1, channels.end - 1);
        tensor.binding(argument, element(images.start, rows.start, heads.start, channels.start)..last + 1)
    }

    /// Whether the value is sampled from a texture: where the adapter loads texels fast, channels are quads, and pixels are loaded often enough to be
    /// worth a copy.
    fn copies_value(&self, gpu: &Gpu, value: &Tensor) -> bool {
        let loads = 4 * u64::from(self.queries) * u64::from(self.points);
        loads >= LOADS_OF_COPIED * u64::from(self.pixels) && self.fits_texture(gpu, value)
    }

    /// Whether the value and the gradient of the output are both read from textures.
    fn copies_both(&self, gpu: &Gpu, value: &Tensor, grad_output: &Tensor) -> bool {
        self.fits_texture(gpu, grad_output) && self.copies_value(gpu, value)
    }

    /// The value as kernels sample it.
    fn stored<'a>(&self, recorder: &mut Recorder, value: &'a Tensor) -> Result<StoredValue<'a>> {
        if self.copies_value(recorder.gpu(), value) {
            return Ok(StoredValue::Texture(in_quads(recorder, ("value", value))?));
        }
        Ok(StoredValue::Buffer(value))
    }

    /// The value, and the gradient of the output, as kernels read both: in textures, or in buffers.
    fn stored_both<'a>(
        &self,
        recorder: &mut Recorder,
        value: &'a Tensor,
        grad_output: &'a Tensor,
    ) -> Result<[StoredValue<'a>; 2]> {
        if self.copies_both(recorder.gpu(), value, grad_output) {
            let textures = [in_quads(recorder, ("value", value))?, in_quads(recorder, ("grad_output", grad_output))?];
            return Ok(textures.map(StoredValue::Texture));
        }
        Ok([value, grad_output].map(StoredValue::Buffer))
    }

    /// Whether the device has a texture for a copy of what has quads of channels.
    fn fits_texture(&self, gpu: &Gpu, tensor: &Tensor) -> bool {
        let elements = tensor.shape().elements();
        let bytes = elements * DType::F32.size();
        elements > 0
            && lanes_of(self.channels) == Lanes::Four
            && tensor.begins_a_quad()
            && packed_matrix::layout(gpu, bytes, bytes) == Layout::Panels
            && gpu.capabilities().check_elements("value", elements).is_ok()
    }

    /// Where the quads of a piece begin in a texture of what has so many rows of each image, pixels or queries, from one of these on.
    fn first_quad(&self, piece: &Piece, rows: u32, row: u32) -> u32 {
        let quads = self.channels / Lanes::Four.elements();
        let head = (piece.images.start * rows + row) * self.heads + piece.heads.start;
        head * quads + piece.channels.start / Lanes::Four.elements()
    }

    /// The binding of what a piece samples, how it is stored, and where in it the piece begins.
    fn bound_value(&self, value: &StoredValue, piece: &Piece, output: &Binding) -> Fit<(Binding, Value, ValueStart)> {
        match value {
            StoredValue::Buffer(tensor) => {
                let binding = self.value("value", tensor, piece)?;
                let lanes = self.lanes([&binding, output]);
                let image = self.pixels * self.heads * self.channels / lanes.elements();
                let start = ValueStart { image, first: binding.first / lanes.elements() };
                Ok((binding, Value::Buffer(lanes), start))
            }
            StoredValue::Texture(texture) => {
                let image = self.pixels * self.heads * self.channels / Lanes::Four.elements();
                let start = ValueStart { image, first: self.first_quad(piece, self.pixels, piece.pixels.start) };
                Ok((texture.binding(), Value::Texture, start))
            }
        }
    }

    /// Four lanes, where channels lie at multiples of them in what is bound.
    fn lanes(&self, bindings: [&Binding; 2]) -> Lanes {
        let aligned = bindings.iter().all(|binding| binding.first.is_multiple_of(Lanes::Four.elements()));
        if aligned && !self.channels_first { lanes_of(self.channels) } else { Lanes::One }
    }

    /// Records the sums of weighted samples of the value, (image, pixel, head, channel), into (image, query, head, channel).
    pub(crate) fn sums(
        &self,
        recorder: &mut Recorder,
        value: &Tensor,
        inputs: &PointInputs,
        output: &Tensor,
    ) -> Result<()> {
        let Some(PointWeights { kernel, .. }) = self.weighted else { return Ok(()) };
        let channels = 0..self.channels;
        let value = &if output.begins_a_quad() { self.stored(recorder, value)? } else { StoredValue::Buffer(value) };
        for points in pieces(0..self.points, ROUND) {
            in_units([1; 4], [0..self.images, 0..self.queries, 0..self.heads, 0..self.pixels], &mut |piece| {
                let [images, queries, heads, pixels] = piece;
                let piece = Piece::of(&[images.clone(), queries.clone(), heads.clone()], pixels, &channels);
                self.round(recorder, kernel, &piece, &points, (value, inputs, output))
            })?;
        }
        Ok(())
    }

    /// Records the sums of some points of each head, which are added to those of earlier ones.
    fn round(
        &self,
        recorder: &mut Recorder,
        kernel: Weighted,
        piece: &Piece,
        some: &Range<u32>,
        (value, inputs, output): (&StoredValue, &PointInputs, &Tensor),
    ) -> Fit {
        let (bindings, points) = self.points(piece, inputs)?;
        let output = self.output("output", output, piece)?;
        let (binding, stored, value) = self.bound_value(value, piece, &output).map_err(|unfit| {
            // Of several images, what is bound has all pixels of the first.
            unfit.along(if count(&piece.images) > 1 { IMAGES } else { PIXELS })
        })?;
        let unit = stored.lanes().elements();
        let (of_head, of_row) = (self.channels / unit, self.heads * self.channels / unit);
        let elements = points.all() / u64::from(self.points) * u64::from(count(some)) * u64::from(self.channels);
        recorder.gpu().capabilities().check_elements("output", elements)?;
        let (own, accumulate) = ([&binding, &output], (some.start > 0 || piece.pixels.start > 0).into());
        let quads = match stored {
            Value::Texture => Some(ReadFrom::Texture),
            Value::Buffer(Lanes::Four) if recorder.gpu().capabilities().textures() => Some(ReadFrom::Buffer),
            Value::Buffer(_) => None,
        };
        match quads {
            None => {
                let params = point_sums::Params {
                    points,
                    lanes: of_head,
                    pairs: (64 / of_head).min(ROUND / count(some)).max(1),
                    point_first: some.start,
                    round: count(some),
                    accumulate,
                    value_image: value.image,
                    value_pixel: of_row,
                    value_first: value.first,
                    output_image: self.queries * of_row,
                    output_query: of_row,
                    output_first: output.first / unit,
                };
                point_sums(recorder, (kernel, stored.lanes()), params, own, &bindings)
            }
            Some(quads) => {
                let params = point_sums_direct::Params {
                    points,
                    lanes: of_head,
                    point_first: some.start,
                    round: count(some),
                    accumulate,
                    value_image: value.image,
                    value_pixel: of_row,
                    value_first: value.first,
                    output_image: self.queries * of_row,
                    output_query: of_row,
                    output_first: output.first / unit,
                };
                point_sums_direct(recorder, (kernel, quads), params, own, &bindings)
            }
        }
    }

    /// Records the vector-Jacobian products of positions, weights and value that have a destination.
    pub(crate) fn gradients(
        &self,
        recorder: &mut Recorder,
        given @ (value, inputs): (&Tensor, &PointInputs),
        grad_output: &Tensor,
        of_points: [Option<Destination>; 2],
        of_value: Option<Destination>,
    ) -> Result<()> {
        let gpu = recorder.gpu();
        if let ([Some(positions), Some(weights)], Some(destination)) = (of_points, of_value)
            && let Some(weighted) = self.weighted.as_ref()
            && self.walks(gpu)
            && self.copies_both(gpu, value, grad_output)
            && bound_apart([positions, weights])
            && destination.tensor().begins_a_quad()
        {
            let all = [positions, weights, destination];
            match recorder.attempt(|recorder| self.gradients_together(recorder, weighted, given, grad_output, all)) {
                Err(Unfit::TooLarge { .. }) => (),
                recorded => return Ok(recorded?),
            }
        }
        self.gradients_of_points(recorder, given, grad_output, of_points)?;
        of_value.map_or(Ok(()), |value| self.gradient_of_value(recorder, inputs, grad_output, value))
    }

    /// Records the vector-Jacobian products of positions, weights and value from textures: a walk makes that of the value, over shares that come with the others.
    fn gradients_together(
        &self,
        recorder: &mut Recorder,
        weighted: &PointWeights,
        (value, inputs): (&Tensor, &PointInputs),
        grad_output: &Tensor,
        [positions, weights, of_value]: [Destination; 3],
    ) -> Fit {
        let value = &StoredValue::Texture(in_quads(recorder, ("value", value))?);
        let texture = in_quads(recorder, ("grad_output", grad_output))?;
        let walked = OutputGradient::Quads(&texture);
        let grad_output = &StoredValue::Texture(texture.clone());
        let shares = self.room_for_shares(recorder, self.images)?;
        if !of_value.accumulates() {
            zeros(recorder, of_value.tensor())?;
        }
        let whole = [0..self.images, 0..self.queries, 0..self.heads, 0..self.pixels, 0..self.channels];
        in_units([1, 1, 1, self.pixels, self.channels], whole, &mut |[images, queries, heads, pixels, channels]| {
            let piece = Piece::of(&[images.clone(), queries.clone(), heads.clone()], pixels, channels);
            let shares = self.shares(&shares, &piece)?;
            recorder.all(|recorder| {
                let into = Gradients::Given([positions, weights], Some(&shares));
                self.gradients_of(recorder, weighted, &piece, (value, inputs, grad_output), into)?;
                self.walk_piece(recorder, &piece, (walked, of_value.tensor()), &shares)
            })
        })
    }

    /// Records the vector-Jacobian products of positions and weights that have a destination.
    fn gradients_of_points(
        &self,
        recorder: &mut Recorder,
        (value, inputs): (&Tensor, &PointInputs),
        grad_output: &Tensor,
        destinations: [Option<Destination>; 2],
    ) -> Result<()> {
        let Some(weighted) = self.weighted.as_ref().filter(|_| destinations.iter().any(Option::is_some)) else {
            return Ok(());
        };
        let chunk = self.chunk(MOST_POINTS);
        let given = match destinations {
            [Some(positions), Some(weights)] => Some([positions, weights]).filter(|given| bound_apart(*given)),
            _ => None,
        };
        recorder.scratch(|recorder| {
            let [images, queries, heads] = chunk;
            let [value, grad_output] = &self.stored_both(recorder, value, grad_output)?;
            let each = recorder.workspace([images * queries * heads, self.points, 4])?;
            self.chunks(chunk).try_for_each(|chunk| {
                in_units([1; 3], chunk, &mut |piece| {
                    let all = Piece::of(piece, &(0..self.pixels), &(0..self.channels));
                    let tensors = (value, inputs, grad_output);
                    match given.map(|given| {
                        self.gradients_of(recorder, weighted, &all, tensors, Gradients::Given(given, None))
                    }) {
                        // Over all pixels and channels at once.
                        Some(Ok(())) => return Ok(()),
                        Some(Err(failed @ Unfit::Failed(_))) => return Err(failed),
                        None | Some(Err(Unfit::TooLarge { .. })) => (),
                    }
                    recorder.all(|recorder| {
                        // The same points over all pixels and channels, before others take their place.
                        let [images, queries, heads] = piece.clone();
                        let units = [count(&images), count(&queries), count(&heads), 1, 4];
                        let whole = [images, queries, heads, 0..self.pixels, 0..self.channels];
                        in_units(units, whole, &mut |[.., pixels, channels]| {
                            let piece = Piece::of(piece, pixels, channels);
                            self.gradients_of(recorder, weighted, &piece, tensors, Gradients::Kept(&each))
                        })?;
                        self.planes(recorder, weighted, &all, &each, destinations)
                    })
                })
            })
        })?;
        Ok(())
    }

    /// How many images, queries and heads have at most so many points together, where an image and head has `each` of a query.
    fn chunk(&self, most: u32) -> [u32; 3] {
        let queries = (most / self.points).clamp(1, self.queries);
        let heads = (most / self.points / queries).clamp(1, self.heads);
        let whole = queries == self.queries && heads == self.heads;
        let images = if whole { (most / (self.points * queries * heads)).clamp(1, self.images.max(1)) } else { 1 };
        [images, queries, heads]
    }

    /// The pieces of the work with so many images, queries and heads each.
    fn chunks(&self, [images, queries, heads]: [u32; 3]) -> impl Iterator<Item = [Range<u32>; 3]> {
        pieces(0..self.images, images).flat_map(move |images| {
            pieces(0..self.queries, queries).flat_map(move |queries| {
                let images = images.clone();
                pieces(0..self.heads, heads).map(move |heads| [images.clone(), queries.clone(), heads])
            })
        })
    }

    /// Records the gradients of the points of a piece: into workspace, added to those over the pixels and channels before its own, or, of all pixels and
    /// channels, into their destinations.
    fn gradients_of(
        &self,
        recorder: &mut Recorder,
        weighted: &PointWeights,
        piece: &Piece,
        (value, inputs, grad_output): (&StoredValue, &PointInputs, &StoredValue),
        into: Gradients,
    ) -> Fit {
        let (bindings, points) = self.points(piece, inputs)?;
        let grad_output_binding = match grad_output {
            StoredValue::Buffer(tensor) => self.output("grad_output", tensor, piece)?,
            StoredValue::Texture(texture) => texture.binding(),
        };
        let (binding, stored, value) = self.bound_value(value, piece, &grad_output_binding)?;
        let unit = stored.lanes().elements();
        let output_first = match grad_output {
            StoredValue::Buffer(_) => grad_output_binding.first / unit,
            StoredValue::Texture(_) => self.first_quad(piece, self.queries, piece.queries.start),
        };
        let of_row = self.heads * self.channels / unit;
        let last = piece.pixels.end == self.pixels && piece.channels.end == self.channels;
        let params = point_gradients::Params {
            points,
            lanes: count(&piece.channels) / unit,
            head_lanes: self.channels / unit,
            accumulate: (piece.pixels.start > 0 || piece.channels.start > 0).into(),
            last: last.into(),
            edge_zero: (weighted.edge_derivative == EdgeDerivative::Zero).into(),
            value_image: value.image,
            value_pixel: of_row,
            value_first: value.first,
            output_image: self.queries * of_row,
            output_query: of_row,
            output_first,
            positions_add: into.adds(0).into(),
            weights_add: into.adds(1).into(),
            each: 1,
            ..Default::default()
        };
        let capabilities = recorder.gpu().capabilities();
        // What all points of a query and head share is worked out once, where there are enough of these for all threads of a processor.
        let together = point_gradients::Params { each: self.points, ..params };
        let fits = capabilities.check_iterations("point_gradients", together.iterations()).is_ok();
        let many = points.all() >= LEAST_HEADS * u64::from(self.points);
        let params = if capabilities.software() && many && fits { together } else { params };
        let within = capabilities.check_elements("grad_output", points.all() * u64::from(count(&piece.channels)));
        let within = within.and_then(|()| capabilities.check_iterations("point_gradients", params.iterations()));
        within.map_err(|unfit| unfit.along(CHANNELS))?;
        let gradients = match into {
            Gradients::Kept(each) => GradientBindings::Kept(each.binding("gradients", 0..4 * points.all())?),
            Gradients::Given([positions, weights], shares) => {
                let bindings = [
                    self.positions.binding("grad_positions", positions.tensor(), piece)?,
                    weighted.rows.binding("grad_weights", weights.tensor(), piece)?,
                ];
                GradientBindings::Given(bindings, shares)
            }
        };
        let own = [&binding, &grad_output_binding];
        point_gradients(recorder, (weighted.kernel, stored), params, own, &gradients, &bindings)
    }

    /// Records the gradients of the points of a piece into their destinations.
    fn planes(
        &self,
        recorder: &mut Recorder,
        weighted: &PointWeights,
        piece: &Piece,
        each: &Tensor,
        destinations: [Option<Destination>; 2],
    ) -> Fit {
        let rows = [self.positions, weighted.rows];
        for (of_weight, (destination, rows)) in destinations.into_iter().zip(rows).enumerate() {
            let Some(destination) = destination else { continue };
            let gradient = rows.binding("gradient", destination.tensor(), piece)?;
            let params = point_planes::Params {
                images: count(&piece.images),
                queries: count(&piece.queries),
                heads: count(&piece.heads),
                points: self.points,
                image: rows.image as u32,
                query: rows.query as u32,
                head: rows.head as u32,
                of_weight: of_weight as u32,
                accumulate: destination.accumulates().into(),
                ..Default::default()
            };
            let pairs = params.images * params.queries * params.heads;
            let each = each.binding("gradients", 0..4 * u64::from(pairs) * u64::from(self.points))?;
            point_planes(recorder, params, [&each, &gradient])?;
        }
        Ok(())
    }

    /// Whether a walk makes the gradient of the value.
    fn walks(&self, gpu: &Gpu) -> bool {
        let owners = u64::from(self.images) * u64::from(self.heads) * u64::from(self.channels) / 4;
        let held = u64::from(self.points) * u64::from(SHARE_WORDS) * DType::F32.size() <= bindable(gpu);
        gpu.capabilities().software() && owners >= LEAST_OWNERS && held
    }

    /// Room for the shares of as many points of so many images as are walked over at a time.
    fn room_for_shares(&self, recorder: &mut Recorder, images: u32) -> Result<Tensor> {
        let all = u64::from(images) * u64::from(self.queries) * u64::from(self.heads) * u64::from(self.points);
        // At least those of a query and head, and of samples that are 16 points each.
        let most = all.min(u64::from(MOST_WALKED.max(self.points)));
        recorder.workspace([most as u32, SHARE_WORDS])
    }

    /// Records the vector-Jacobian product of the value.
    pub(crate) fn gradient_of_value(
        &self,
        recorder: &mut Recorder,
        inputs: &PointInputs,
        grad_output: &Tensor,
        destination: Destination,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        if self.walks(&gpu) {
            return self.walk(recorder, self.images, inputs, OutputGradient::Tensor(grad_output), destination);
        }
        sort::compile(&gpu)?;
        // All points of a head may be added to one pixel.
        let adding = |queries: u32| Iterations::of(u64::from(queries) * u64::from(self.points));
        let [images, queries, heads] = self.chunk(MOST_POINTS);
        let queries = queries.min(at_once(&gpu, self.queries, adding));
        let pairs = (MOST_CELLS / u64::from(self.cells)).clamp(1, MOST_CELLS) as u32;
        let heads = heads.min(pairs);
        let images = if heads == self.heads { images.min(pairs / heads) } else { 1 };
        recorder.scratch(|recorder| {
            let sort = Sort::workspace(recorder, images * queries * heads * self.points)?;
            let starts = recorder.workspace([images * heads * self.cells + 1])?;
            self.chunks([images, queries, heads]).try_for_each(|[images, queries, heads]| {
                in_units([1; 3], [images, queries, heads], &mut |piece| {
                    let piece = Piece::of(piece, &(0..self.pixels), &(0..self.channels));
                    let grads = (grad_output, destination.tensor());
                    let accumulate = destination.accumulates() || piece.queries.start > 0;
                    recorder.all(|recorder| {
                        let numbers = self.sorted(recorder, &piece, inputs, (&sort, &starts))?;
                        self.add_sorted(recorder, &piece, inputs, (&numbers, &starts), grads, accumulate)
                    })
                })
            })
        })?;
        Ok(())
    }

    /// Records the vector-Jacobian product of the value, in so many images, by owners of its channels, each of which walks over all points.
    pub(crate) fn walk(
        &self,
        recorder: &mut Recorder,
        images: u32,
        inputs: &PointInputs,
        grad_output: OutputGradient,
        destination: Destination,
    ) -> Result<()> {
        if !destination.accumulates() {
            zeros(recorder, destination.tensor())?;
        }
        let whole = [0..images, 0..self.queries, 0..self.heads, 0..self.pixels, 0..self.channels];
        // Of channels that lie last, all of a head.
        let unit = if self.channels_first { 1 } else { self.channels };
        recorder.scratch(|recorder| {
            let shares = self.room_for_shares(recorder, images)?;
            in_units([1, 1, 1, 1, unit], whole, &mut |[images, queries, heads, pixels, channels]| {
                let piece = Piece::of(&[images.clone(), queries.clone(), heads.clone()], pixels, channels);
                recorder.all(|recorder| {
                    let (bindings, points) = self.points(&piece, inputs)?;
                    let shares = self.shares(&shares, &piece)?;
                    point_shares(recorder, self.placement, points, &shares, &bindings)?;
                    self.walk_piece(recorder, &piece, (grad_output, destination.tensor()), &shares)
                })
            })
        })?;
        Ok(())
    }

    /// How many points a piece has.
    fn points_of(&self, Piece { images, queries, heads, .. }: &Piece) -> u64 {
        [images, queries, heads].into_iter().map(|range| u64::from(count(range))).product::<u64>()
            * u64::from(self.points)
    }

    /// Where the shares of a piece's points go, if that has no more than there is room for.
    fn shares(&self, shares: &Tensor, piece: &Piece) -> Fit<Binding> {
        let points = self.points_of(piece);
        let most = shares.shape().elements() / u64::from(SHARE_WORDS);
        if points > most {
            return Err(Unfit::too_large("positions", format!("{points} points; {most} are walked over at most")));
        }
        shares.binding("shares", 0..points * u64::from(SHARE_WORDS))
    }

    /// Records the walk over the points of a piece, whose shares are made.
    fn walk_piece(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        (grad_output, grad_value): (OutputGradient, &Tensor),
        shares: &Binding,
    ) -> Fit {
        let Piece { images, queries, heads, pixels: _, channels } = piece;
        let value = self.value("grad_value", grad_value, piece).map_err(|unfit| {
            // What is bound has all that lies between the first and the last.
            let planes = self.channels_first && count(channels) > 1;
            unfit.along(if count(images) > 1 {
                IMAGES
            } else if planes {
                CHANNELS
            } else {
                PIXELS
            })
        })?;
        let (grad_output, lanes, walked, [output_image, output_query, output_lane, output_first, output_plane]) =
            match grad_output {
                OutputGradient::Tensor(tensor) => {
                    let binding = self.output("grad_output", tensor, piece)?;
                    let lanes = self.lanes([&value, &binding]);
                    let [image, query, lane] = self.strides(lanes, self.queries);
                    let first = binding.first / lanes.elements();
                    (binding, lanes, Walked::from(lanes), [image, query, lane, first, 0])
                }
                OutputGradient::Quads(texture) => {
                    let [image, query, lane] = self.strides(Lanes::Four, self.queries);
                    let first = self.first_quad(piece, self.queries, queries.start);
                    (texture.binding(), Lanes::Four, Walked::Quads, [image, query, lane, first, 0])
                }
                OutputGradient::Planes(texture) => {
                    let (plane, image) = (self.queries, self.queries * self.channels);
                    let first = images.start * image + channels.start * plane + queries.start;
                    let lane = Lanes::Four.elements() * plane;
                    (texture.binding(), Lanes::Four, Walked::Planes, [image, 1, lane, first, plane])
                }
            };
        let [value_image, value_pixel, value_lane] = self.strides(lanes, self.pixels);
        let params = point_walk::Params {
            images: count(images),
            queries: count(queries),
            heads: count(heads),
            points: self.points,
            lanes: count(channels) / lanes.elements(),
            value_image,
            value_pixel,
            value_lane,
            value_first: value.first / lanes.elements(),
            output_image,
            output_query,
            output_lane,
            output_first,
            output_plane,
        };
        let capabilities = recorder.gpu().capabilities();
        let points = self.points_of(piece);
        capabilities.check_elements("grad_value", 4 * points * u64::from(count(channels)))?;
        capabilities.check_iterations("point_walk", params.iterations()).map_err(|unfit| unfit.along(QUERIES))?;
        if !recorder.gpu().capabilities().textures() {
            return point_walk(recorder, (walked, ReadFrom::Buffer), params, [&value, &grad_output, shares]);
        }
        recorder.scratch(|recorder| {
            let texture = copied(recorder, shares, Texel::Words, points * u64::from(SHARE_WORDS / 4))?;
            point_walk(recorder, (walked, ReadFrom::Texture), params, [&value, &grad_output, &texture.binding()])
        })
    }

    /// Distances from one image, row and lane to the next in what has so many rows of each image, pixels or queries.
    fn strides(&self, lanes: Lanes, rows: u32) -> [u32; 3] {
        let row = self.heads * self.channels / lanes.elements();
        if self.channels_first { [rows * self.channels, 1, rows] } else { [rows * row, row, 1] }
    }

    /// Records the numbers of the points of a piece, sorted by image, head and cell, and where those of each cell begin.
    fn sorted(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        inputs: &PointInputs,
        (sort, starts): (&Sort, &Tensor),
    ) -> Fit<Binding> {
        let (bindings, points) = self.points(piece, inputs)?;
        let (elements, nowhere) = (points.all() as u32, points.images * points.heads * self.cells);
        let [keys, numbers] = sort.unsorted(elements)?;
        let params = point_keys::Params { points, cells: self.cells, nowhere };
        point_keys(recorder, self.placement, params, [&keys, &numbers], &bindings)?;
        let [keys, numbers] = sort.record(recorder, elements, nowhere)?;
        let starts = starts.binding("starts", 0..u64::from(nowhere) + 1)?;
        run_starts(recorder, elements, nowhere + 1, [&keys, &starts])?;
        Ok(numbers)
    }

    /// Records the gradients of all pixels by the points of a piece.
    fn add_sorted(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        inputs: &PointInputs,
        (numbers, starts): (&Binding, &Tensor),
        (grad_output, grad_value): (&Tensor, &Tensor),
        accumulate: bool,
    ) -> Fit {
        let (bindings, points) = self.points(piece, inputs)?;
        let cells = points.images * points.heads * self.cells;
        let starts = starts.binding("starts", 0..u64::from(cells) + 1)?;
        // Heads of channels that lie last are not cut.
        let unit = if self.channels_first { 1 } else { self.channels };
        for level in &self.levels {
            let pixels = level.pixel_first..level.pixel_first + level.height * level.width;
            let whole = [piece.images.clone(), piece.channels.clone(), pixels];
            in_units([1, unit, 1], whole, &mut |[images, channels, pixels]| {
                let some = |images: &Range<u32>| Piece {
                    images: images.clone(),
                    queries: piece.queries.clone(),
                    heads: piece.heads.clone(),
                    pixels: pixels.clone(),
                    channels: channels.clone(),
                };
                let value = self.rows("grad_value", grad_value, &some(images), (self.pixels, pixels))?;
                let grad_output = self.output("grad_output", grad_output, &some(images))?;
                let lanes = self.lanes([&value, &grad_output]);
                let unit = lanes.elements();
                let [value_image, value_pixel, value_lane] = self.strides(lanes, self.pixels);
                let [output_image, output_query, output_lane] = self.strides(lanes, self.queries);
                let params = point_value_gradients::Params {
                    points: Points { images: count(images), ..points },
                    image_first: images.start - piece.images.start,
                    lanes: count(channels) / unit,
                    cells: self.cells,
                    level_width: level.width,
                    level_cell: level.cell_first,
                    level_pixel: pixels.start - level.pixel_first,
                    pixels: count(pixels),
                    accumulate: accumulate.into(),
                    value_image,
                    value_pixel,
                    value_lane,
                    value_first: value.first / unit,
                    output_image,
                    output_query,
                    output_lane,
                    output_first: grad_output.first / unit,
                };
                // Each point is added to four pixels, which lie anywhere.
                let added = 4 * params.points.all() * u64::from(count(pixels)) / u64::from(self.pixels);
                let written = u64::from(count(images)) * u64::from(points.heads) * u64::from(count(pixels));
                let elements = (added + written) * u64::from(count(channels));
                recorder.gpu().capabilities().check_elements("grad_value", elements)?;
                let own = [numbers, &starts, &grad_output, &value];
                point_value_gradients(recorder, (self.placement, lanes), params, own, &bindings, elements)
            })?;
        }
        Ok(())
    }
}

/// Compiles what sums points of heads of so many channels, where tensors begin at multiples of four of them.
fn compile_sum(gpu: &Gpu, kernel: Weighted, channels: u32) -> Result<()> {
    let lanes = lanes_of(channels);
    if lanes == Lanes::One || !gpu.capabilities().textures() {
        return gpu.compile::<point_sums::Kernel>((kernel, lanes));
    }
    gpu.compile::<copy_lines::Kernel>(Texel::Quad)?;
    let block = Block::of(channels / lanes.elements());
    ReadFrom::all().into_iter().try_for_each(|from| gpu.compile::<point_sums_direct::Kernel>(((kernel, from), block)))
}

/// Whether both can be bound where they are written: a buffer cannot twice.
fn bound_apart([positions, weights]: [Destination; 2]) -> bool {
    positions.tensor().buffer() != weights.tensor().buffer()
}

/// Records the copy of a tensor into a texture of quads.
fn in_quads(recorder: &mut Recorder, (argument, tensor): (&'static str, &Tensor)) -> Result<Texture> {
    let elements = tensor.shape().elements();
    let binding = tensor.binding(argument, 0..elements)?;
    Ok(copied(recorder, &binding, Texel::Quad, elements / 4)?)
}

/// Compiles every kernel of forward passes that the device may need.
pub(crate) fn compile_sums(gpu: &Gpu) -> Result<()> {
    gpu.compile_all::<point_sums::Kernel>()?;
    let of = |mode| ReadFrom::all_of(gpu).into_iter().map(move |planes| (mode, planes));
    SampleMode::all().into_iter().flat_map(of).try_for_each(|axes| gpu.compile::<grid_sample::Kernel>(axes))?;
    if gpu.capabilities().software() {
        gpu.compile_all::<plane_quads::Kernel>()?;
        gpu.compile_all::<grid_sample_quads::Kernel>()?;
    }
    if !gpu.capabilities().textures() {
        return Ok(());
    }
    gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
    gpu.compile_all::<point_sums_direct::Kernel>()
}

/// Compiles every kernel of the gradients of positions, weights and values that the device may need, beside those of sorted points.
pub(crate) fn compile_gradients(gpu: &Gpu) -> Result<()> {
    let of_grids = <(Interpolation, Images)>::all().into_iter().filter(|(_, images)| match images {
        Images::Planes => true,
        Images::Quads => gpu.capabilities().software(),
        Images::Texels => gpu.capabilities().textures(),
    });
    of_grids.into_iter().try_for_each(|axes| gpu.compile::<grid_gradient::Kernel>(axes))?;
    if gpu.capabilities().software() {
        gpu.compile_all::<point_shares::Kernel>()?;
        point_walk::compile_all(gpu)?;
    }
    let textures = gpu.capabilities().textures();
    if textures {
        gpu.compile::<copy_lines::Kernel>(Texel::Words)?;
    }
    let variants = <((Weighted, Value), point_gradients::Gradients)>::all();
    let variants = variants.into_iter().filter(|((_, value), into)| match (value, into) {
        (Value::Texture, point_gradients::Gradients::Shared) => textures && gpu.capabilities().software(),
        (Value::Buffer(_), point_gradients::Gradients::Shared) => false,
        (Value::Texture, _) => textures,
        (Value::Buffer(_), _) => true,
    });
    variants.into_iter().try_for_each(|axes| gpu.compile::<point_gradients::Kernel>(axes))
}

/// Refuses more points of a head than a device binds a table of.
pub(crate) fn check_points(gpu: &Gpu, points: u64) -> Result<()> {
    let most = bindable(gpu) / 16;
    if points > most {
        return Err(Error::limit("points", format!("a head has {points} points; the device has {most} at most")));
    }
    Ok(())
}

/// Refuses images whose cells cannot be counted in `u32`.
fn check_cells(mut extents: impl Iterator<Item = [u32; 2]>) -> Result<()> {
    let cells = extents.try_fold(0u32, |cells, [height, width]| {
        (height + 1).checked_mul(width + 1).and_then(|more| cells.checked_add(more))
    });
    let refusal = || Error::limit("value", format!("an image has more cells than {}, which are numbered", u32::MAX));
    cells.map(|_| ()).ok_or_else(refusal)
}

fn lanes_of(channels: u32) -> Lanes {
    if channels.is_multiple_of(Lanes::Four.elements()) { Lanes::Four } else { Lanes::One }
}
