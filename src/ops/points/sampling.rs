//! Weighted sums of samples at points, and their gradients: what attention over levels and windows of version 3 have in common.

use std::ops::Range;

use crate::error::Result;
use crate::geometry::EdgeDerivative;
use crate::gpu::{Binding, Constant, Fit, Gpu, Iterations, Loops, Recorder, Tensor};
use crate::kernels::movement::run_starts::run_starts;
use crate::kernels::points::placement::{Lanes, Placement, Points};
use crate::kernels::points::point_gradients::{self, point_gradients};
use crate::kernels::points::point_keys::{self, point_keys};
use crate::kernels::points::point_planes::{self, point_planes};
use crate::kernels::points::point_sums::{self, ROUND, point_sums};
use crate::kernels::points::point_value_gradients::{self, point_value_gradients};
use crate::ops::movement::sort::{self, Sort};
use crate::ops::plan::{Destination, at_once, in_units, opaque, pieces};

/// The most points whose gradients, or whose cells, are held at a time: 16 bytes each.
const MOST_POINTS: u32 = 1 << 20;

/// The most cells of images and heads that points are sorted by at a time: 4 bytes each.
const MOST_CELLS: u64 = 1 << 22;

/// Axes of a piece of the work.
const IMAGES: usize = 0;
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

/// Where a tensor has what belongs to points: `(image, query, head, point)` is element
/// `first + image * image + query * query + head * head + point * point`, and those behind it.
#[derive(Clone, Copy)]
pub(crate) struct PointRows {
    pub(crate) first: u64,
    pub(crate) image: u64,
    pub(crate) query: u64,
    pub(crate) head: u64,
    pub(crate) point: u64,
}

impl PointRows {
    /// The range of the tensor that a piece reaches.
    fn binding(&self, argument: &'static str, tensor: &Tensor, piece: &Piece, points: u32) -> Fit<Binding> {
        let at = |image: u32, query: u32, head: u32| {
            self.first + u64::from(image) * self.image + u64::from(query) * self.query + u64::from(head) * self.head
        };
        let start = at(piece.images.start, piece.queries.start, piece.heads.start);
        let last = at(piece.images.end - 1, piece.queries.end - 1, piece.heads.end - 1);
        tensor.binding(argument, start..last + u64::from(points) * self.point)
    }
}

/// Tensors that the sums are made of.
#[derive(Clone, Copy)]
pub(crate) struct PointInputs<'a> {
    /// (image, pixel, head, channel)
    pub(crate) value: &'a Tensor,
    pub(crate) positions: &'a Tensor,
    pub(crate) weights: &'a Tensor,
}

/// Destinations of gradients.
pub(crate) struct PointGradients<'a> {
    pub(crate) value: Option<Destination<'a>>,
    pub(crate) positions: Option<Destination<'a>>,
    pub(crate) weights: Option<Destination<'a>>,
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
    weights: PointRows,
    table: Constant,
    /// What kernels take beside.
    window: Points,
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

impl From<&[Range<u32>; 5]> for Piece {
    fn from([images, queries, heads, pixels, channels]: &[Range<u32>; 5]) -> Self {
        let [images, queries, heads] = [images, queries, heads].map(Range::clone);
        Self { images, queries, heads, pixels: pixels.clone(), channels: channels.clone() }
    }
}

fn count(range: &Range<u32>) -> u32 {
    range.end - range.start
}

/// Extents of the problem, in the order of [`PointSampling::levels`].
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
        placement: Placement,
        extents: Extents,
        levels: impl Iterator<Item = (u32, u32, u32)>,
        edge: EdgeDerivative,
    ) -> Result<Self> {
        let (mut pixel_first, mut cell_first, mut table, mut all) = (0, 0, Vec::new(), Vec::new());
        for (height, width, points) in levels {
            all.push(Level { height, width, pixel_first, cell_first });
            table.extend(std::iter::repeat_n([height, width, pixel_first, cell_first], points as usize));
            pixel_first += height * width;
            cell_first += (height + 1) * (width + 1);
        }
        let points = table.len() as u32;
        let rows = |point: u64| {
            let head = u64::from(points) * point;
            let query = u64::from(extents.heads) * head;
            PointRows { first: 0, image: u64::from(extents.queries) * query, query, head, point }
        };
        let window = Points { edge_zero: (edge == EdgeDerivative::Zero).into(), ..Points::default() };
        let (positions, weights) = (rows(2), rows(1));
        Self::new(gpu, placement, extents, all, (positions, weights), &table, window)
    }

    /// Points at the taps of a window over one image.
    pub(crate) fn in_window(
        gpu: &Gpu,
        extents: Extents,
        taps: &[[f32; 2]],
        rows: (PointRows, PointRows),
        window: Points,
    ) -> Result<Self> {
        let level = Level { height: window.height, width: window.width, pixel_first: 0, cell_first: 0 };
        let table: Vec<_> = taps.iter().map(|[y, x]| [y.to_bits(), x.to_bits(), 0, 0]).collect();
        Self::new(gpu, Placement::Window, extents, vec![level], rows, &table, window)
    }

    fn new(
        gpu: &Gpu,
        placement: Placement,
        extents: Extents,
        levels: Vec<Level>,
        (positions, weights): (PointRows, PointRows),
        table: &[[u32; 4]],
        window: Points,
    ) -> Result<Self> {
        let Extents { images, queries, heads, channels } = extents;
        gpu.compile::<point_sums::Kernel>((placement, lanes_of(channels)))?;
        Ok(Self {
            placement,
            images,
            queries,
            heads,
            points: table.len() as u32,
            channels,
            pixels: levels.iter().map(|level| level.height * level.width).sum(),
            cells: levels.iter().map(|level| (level.height + 1) * (level.width + 1)).sum(),
            levels,
            positions,
            weights,
            table: Constant::buffer(gpu, "points", table)?,
            window,
        })
    }

    /// All of the work.
    fn whole(&self) -> [Range<u32>; 5] {
        [0..self.images, 0..self.queries, 0..self.heads, 0..self.pixels, 0..self.channels]
    }

    /// The points of a piece, over the pixels that it has.
    fn points(&self, piece: &Piece, [positions, weights]: [&Binding; 2]) -> Points {
        Points {
            images: count(&piece.images),
            queries: count(&piece.queries),
            heads: count(&piece.heads),
            points: self.points,
            query_first: piece.queries.start,
            positions_image: self.positions.image as u32,
            positions_query: self.positions.query as u32,
            positions_head: self.positions.head as u32,
            positions_first: positions.first,
            weights_image: self.weights.image as u32,
            weights_query: self.weights.query as u32,
            weights_head: self.weights.head as u32,
            weights_first: weights.first,
            band_first: piece.pixels.start,
            band_pixels: count(&piece.pixels),
            ..self.window
        }
    }

    /// The positions and weights of a piece.
    fn point_bindings(&self, piece: &Piece, inputs: &PointInputs) -> Fit<[Binding; 2]> {
        Ok([
            self.positions.binding("positions", inputs.positions, piece, self.points)?,
            self.weights.binding("weights", inputs.weights, piece, self.points)?,
        ])
    }

    /// What lies in (image, row, head, channel): the pixels of a value, or the queries of an output.
    fn rows(
        &self,
        argument: &'static str,
        tensor: &Tensor,
        piece: &Piece,
        (all, rows): (u32, &Range<u32>),
    ) -> Fit<Binding> {
        let at = |image: u32, row: u32, head: u32, channel: u32| {
            let row = u64::from(image) * u64::from(all) + u64::from(row);
            (row * u64::from(self.heads) + u64::from(head)) * u64::from(self.channels) + u64::from(channel)
        };
        let (channels, heads) = (&piece.channels, &piece.heads);
        let last = at(piece.images.end - 1, rows.end - 1, heads.end - 1, channels.end);
        tensor.binding(argument, at(piece.images.start, rows.start, heads.start, channels.start)..last)
    }

    /// The pixels of a piece; where they are too many to be bound, fewer of one image.
    fn value(&self, argument: &'static str, tensor: &Tensor, piece: &Piece) -> Fit<Binding> {
        let value = self.rows(argument, tensor, piece, (self.pixels, &piece.pixels));
        value.map_err(|unfit| unfit.along(if count(&piece.images) > 1 { IMAGES } else { PIXELS }))
    }

    fn output(&self, argument: &'static str, tensor: &Tensor, piece: &Piece) -> Fit<Binding> {
        self.rows(argument, tensor, piece, (self.queries, &piece.queries))
    }

    /// Four lanes, where channels lie at multiples of them.
    fn lanes(&self, bindings: [&Binding; 2]) -> Lanes {
        let aligned = bindings.iter().all(|binding| binding.first.is_multiple_of(Lanes::Four.elements()));
        if aligned { lanes_of(self.channels) } else { Lanes::One }
    }

    /// Records the sums into (image, query, head, channel).
    pub(crate) fn sums(&self, recorder: &mut Recorder, inputs: &PointInputs, output: &Tensor) -> Result<()> {
        for points in pieces(0..self.points, ROUND) {
            in_units([1, 1, 1, 1, self.channels], self.whole(), &mut |piece| {
                self.round(recorder, &piece.into(), &points, inputs, output)
            })?;
        }
        Ok(())
    }

    /// Records the sums of some points of each head, which are added to those of earlier ones.
    fn round(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        points: &Range<u32>,
        inputs: &PointInputs,
        output: &Tensor,
    ) -> Fit {
        let [positions, weights] = self.point_bindings(piece, inputs)?;
        let output = self.output("output", output, piece)?;
        let value = self.value("value", inputs.value, piece)?;
        let lanes = self.lanes([&value, &output]);
        let unit = lanes.elements();
        let (of_head, of_row) = (self.channels / unit, self.heads * self.channels / unit);
        let params = point_sums::Params {
            points: self.points(piece, [&positions, &weights]),
            lanes: of_head,
            pairs: (64 / of_head).min(ROUND / count(points)).max(1),
            point_first: points.start,
            round: count(points),
            accumulate: (points.start > 0 || piece.pixels.start > 0).into(),
            value_image: self.pixels * of_row,
            value_pixel: of_row,
            value_first: value.first / unit,
            output_image: self.queries * of_row,
            output_query: of_row,
            output_first: output.first / unit,
        };
        let elements =
            params.points.all() / u64::from(self.points) * u64::from(params.round) * u64::from(self.channels);
        recorder.gpu().capabilities().check_elements("output", elements)?;
        let bindings = [&positions, &self.table.binding(), &value, &output, &weights];
        point_sums(recorder, (self.placement, lanes), params, bindings)
    }

    /// Records the vector-Jacobian products that have a destination.
    pub(crate) fn gradients(
        &self,
        recorder: &mut Recorder,
        inputs: &PointInputs,
        grad_output: &Tensor,
        gradients: &PointGradients,
    ) -> Result<()> {
        if gradients.positions.is_some() || gradients.weights.is_some() {
            recorder.scratch(|recorder| self.gradients_of_points(recorder, inputs, grad_output, gradients))?;
        }
        gradients.value.map_or(Ok(()), |value| {
            recorder.scratch(|recorder| self.gradient_of_value(recorder, inputs, grad_output, value))
        })
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

    fn gradients_of_points(
        &self,
        recorder: &mut Recorder,
        inputs: &PointInputs,
        grad_output: &Tensor,
        gradients: &PointGradients,
    ) -> Result<()> {
        let chunk = self.chunk(MOST_POINTS);
        let [images, queries, heads] = chunk;
        let each = recorder.workspace([images * queries * heads, self.points, 4])?;
        for [images, queries, heads] in self.chunks(chunk) {
            let whole = [images, queries, heads, 0..self.pixels, 0..self.channels];
            in_units([1, 1, 1, 1, 4], whole, &mut |piece| {
                let piece = piece.into();
                recorder.all(|recorder| self.gradients_of(recorder, &piece, inputs, grad_output, &each, gradients))
            })?;
        }
        Ok(())
    }

    /// Records the gradients of the points of a piece into `each`, and, where it is the last of their pixels and channels, from there into their
    /// destinations.
    fn gradients_of(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        inputs: &PointInputs,
        grad_output: &Tensor,
        each: &Tensor,
        gradients: &PointGradients,
    ) -> Fit {
        let [positions, weights] = self.point_bindings(piece, inputs)?;
        let grad_output = self.output("grad_output", grad_output, piece)?;
        let value = self.value("value", inputs.value, piece)?;
        let lanes = self.lanes([&value, &grad_output]);
        let unit = lanes.elements();
        let of_row = self.heads * self.channels / unit;
        let last = piece.pixels.end == self.pixels && piece.channels.end == self.channels;
        let params = point_gradients::Params {
            points: self.points(piece, [&positions, &weights]),
            lanes: count(&piece.channels) / unit,
            head_lanes: self.channels / unit,
            accumulate: (piece.pixels.start > 0 || piece.channels.start > 0).into(),
            last: last.into(),
            value_image: self.pixels * of_row,
            value_pixel: of_row,
            value_first: value.first / unit,
            output_image: self.queries * of_row,
            output_query: of_row,
            output_first: grad_output.first / unit,
        };
        let capabilities = recorder.gpu().capabilities().clone();
        let points = params.points.all();
        capabilities.check_elements("grad_output", points * u64::from(count(&piece.channels)))?;
        let name = "point_gradients";
        capabilities.check_iterations(name, params.iterations()).map_err(|unfit| unfit.along(CHANNELS))?;
        let table = self.table.binding();
        let each = each.binding("gradients", 0..4 * points)?;
        let bindings = [&positions, &table, &value, &grad_output, &each, &weights];
        point_gradients(recorder, (self.placement, lanes), params, bindings)?;
        if !last {
            return Ok(());
        }
        let destinations = [(gradients.positions, self.positions), (gradients.weights, self.weights)];
        for (of_weight, (destination, rows)) in destinations.into_iter().enumerate() {
            let Some(destination) = destination else { continue };
            let gradient = rows.binding("gradient", destination.tensor(), piece, self.points)?;
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
            point_planes(recorder, params, [&each, &gradient])?;
        }
        Ok(())
    }

    fn gradient_of_value(
        &self,
        recorder: &mut Recorder,
        inputs: &PointInputs,
        grad_output: &Tensor,
        destination: Destination,
    ) -> Result<()> {
        // All points of a head may be added to one pixel.
        let gpu = recorder.gpu().clone();
        let queries =
            at_once(&gpu, self.queries, |queries| Iterations::of(u64::from(queries) * u64::from(self.points)));
        let most = MOST_POINTS.min(queries.saturating_mul(self.points).saturating_mul(self.heads * self.images.max(1)));
        let [images, some, heads] = self.chunk(most);
        let queries = queries.min(some);
        let pairs = (MOST_CELLS / u64::from(self.cells)).max(1);
        let heads = u64::from(heads).min(pairs) as u32;
        let images =
            if heads == self.heads { u64::from(images).min(pairs / u64::from(heads)).max(1) as u32 } else { 1 };
        let sort = Sort::workspace(recorder, images * queries * heads * self.points)?;
        let starts = recorder.workspace([images * heads * self.cells + 1])?;
        for [images, queries, heads] in self.chunks([images, queries, heads]) {
            let whole = [images, queries, heads, 0..self.pixels, 0..self.channels];
            in_units([1, 1, 1, self.pixels, self.channels], whole, &mut |piece| {
                let piece = Piece::from(piece);
                recorder.all(|recorder| {
                    let numbers = self.sorted(recorder, &piece, inputs, (&sort, &starts))?;
                    let accumulate = destination.accumulates() || piece.queries.start > 0;
                    let grads = (grad_output, destination.tensor(), accumulate);
                    self.add_sorted(recorder, &piece, inputs, (&numbers, &starts), grads)
                })
            })?;
        }
        Ok(())
    }

    /// Records the numbers of the points of a piece, sorted by image, head and cell, and where those of each cell begin.
    fn sorted(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        inputs: &PointInputs,
        (sort, starts): (&Sort, &Tensor),
    ) -> Fit<Binding> {
        let [positions, weights] = self.point_bindings(piece, inputs)?;
        let points = self.points(piece, [&positions, &weights]);
        let (elements, cells) = (points.all() as u32, points.images * points.heads * self.cells);
        let [keys, numbers] = sort.unsorted(elements)?;
        let params = point_keys::Params { points, cells: self.cells, nowhere: cells };
        let bindings = [&positions, &self.table.binding(), &keys, &numbers, &weights];
        point_keys(recorder, self.placement, params, bindings)?;
        let [keys, numbers] = sort.record(recorder, elements, cells)?;
        let starts = starts.binding("starts", 0..u64::from(cells) + 1)?;
        run_starts(recorder, elements, cells + 1, [&keys, &starts])?;
        Ok(numbers)
    }

    /// Records the gradients of all pixels by the points of a piece.
    fn add_sorted(
        &self,
        recorder: &mut Recorder,
        piece: &Piece,
        inputs: &PointInputs,
        (numbers, starts): (&Binding, &Tensor),
        (grad_output, grad_value, accumulate): (&Tensor, &Tensor, bool),
    ) -> Fit {
        let [positions, weights] = self.point_bindings(piece, inputs)?;
        let grad_output = self.output("grad_output", grad_output, piece)?;
        let points = self.points(piece, [&positions, &weights]);
        let starts = starts.binding("starts", 0..u64::from(points.images * points.heads * self.cells) + 1)?;
        for level in &self.levels {
            let pixels = level.pixel_first..level.pixel_first + level.height * level.width;
            in_units([1; 2], [piece.images.clone(), pixels], &mut |[images, pixels]| {
                let done = Piece {
                    images: images.clone(),
                    queries: piece.queries.clone(),
                    heads: piece.heads.clone(),
                    pixels: pixels.clone(),
                    channels: piece.channels.clone(),
                };
                let value = self.rows("grad_value", grad_value, &done, (self.pixels, pixels))?;
                let lanes = self.lanes([&value, &grad_output]);
                let unit = lanes.elements();
                let of_row = self.heads * self.channels / unit;
                let image = images.start - piece.images.start;
                let params = point_value_gradients::Params {
                    points: Points { images: count(images), ..points },
                    image_first: image,
                    lanes: self.channels / unit,
                    cells: self.cells,
                    level_width: level.width,
                    level_cell: level.cell_first,
                    level_pixel: pixels.start - level.pixel_first,
                    pixels: count(pixels),
                    accumulate: accumulate.into(),
                    value_image: self.pixels * of_row,
                    value_pixel: of_row,
                    value_first: value.first / unit,
                    output_image: self.queries * of_row,
                    output_query: of_row,
                    output_first: grad_output.first / unit,
                };
                // Each point is added to four pixels, which lie anywhere.
                let added = 4 * params.points.all() * u64::from(self.channels);
                let share = (u128::from(added) * u128::from(count(pixels)) / u128::from(self.pixels)) as u64;
                let written = u64::from(count(images) * count(&piece.heads) * count(pixels)) * u64::from(self.channels);
                let elements = share + written;
                recorder.gpu().capabilities().check_elements("grad_value", elements)?;
                let bindings = [&positions, &self.table.binding(), numbers, &starts, &grad_output, &value, &weights];
                point_value_gradients(recorder, (self.placement, lanes), params, bindings, elements)
            })?;
        }
        Ok(())
    }
}

/// Compiles what gradients need.
pub(crate) fn compile_gradients(gpu: &Gpu) -> Result<()> {
    sort::compile(gpu)
}

fn lanes_of(channels: u32) -> Lanes {
    if channels.is_multiple_of(Lanes::Four.elements()) { Lanes::Four } else { Lanes::One }
}
