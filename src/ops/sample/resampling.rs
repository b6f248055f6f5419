//! Tensors resampled along axes, whatever the weights: resized ones, means of windows, and the gradients of both.

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::geometry::Taps;
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, Texel};
use crate::kernels::movement::copy_rows;
use crate::kernels::sample::resample::{self, OUTSIDE, Taps as Kernel, entry_words, resample};
use crate::ops::movement::copy::copy_all;
use crate::ops::plan::{Destination, in_pieces, pieces};
use crate::ops::planes::PlaneReads;
use crate::shape::Shape;

/// The most bytes of the tables of an axis.
const TABLE_BYTES: u64 = 1 << 28;

/// Elements of planes, at most, for each that is made of them, where planes are copied into a texture.
const COPIED_OF_MADE: u64 = 4;

/// A tensor whose positions along some axes are sums of others: in passes, each of which does one axis or two, and the next has its output.
#[derive(Debug)]
pub struct Resampling {
    passes: Vec<Pass>,
}

/// A pass over a tensor as (outer, rows, columns, inner), whose rows and columns are resampled.
#[derive(Debug)]
struct Pass {
    outer: u32,
    rows: Axis,
    columns: Axis,
    inner: u32,
}

/// The taps of an axis, on the host and on the device.
#[derive(Debug)]
struct Axis {
    extent: u32,
    /// The input positions that are read for each output position.
    spans: Vec<Range<u32>>,
    /// How many these are at most.
    count: u32,
    /// Whether each position takes one other, of weight 1.
    is_selected: bool,
    table: Tensor,
}

impl Axis {
    /// The axis with as many taps for each position as any has, and `least` of them.
    fn new(gpu: &Gpu, extent: u32, taps: &[Taps], least: usize) -> Result<Self> {
        let count = taps.iter().map(|taps| taps.weights.len()).max().unwrap_or(0).max(least);
        let words = u64::from(entry_words(count as u32));
        let bytes = words * taps.len() as u64 * 4;
        if bytes > TABLE_BYTES {
            let message = format!("the weights of an axis take {bytes} bytes; {TABLE_BYTES} are possible");
            return Err(Error::limit("input", message));
        }
        let (mut table, mut spans) = (Vec::with_capacity(words as usize * taps.len()), Vec::with_capacity(taps.len()));
        for taps in taps {
            if taps.weights.is_empty() {
                table.push(OUTSIDE as i32);
                spans.push(0..0);
            } else {
                // Weights of 0 stand before the others where these are the last positions, so that all that is read is there.
                let first = taps.first.min(extent - count as u32);
                table.push(first as i32);
                table.resize(table.len() + (taps.first - first) as usize, 0);
                table.extend(taps.weights.iter().map(|&weight| (weight as f32).to_bits() as i32));
                spans.push(first..first + count as u32);
            }
            table.resize(table.len().next_multiple_of(words as usize), 0);
        }
        let table = Tensor::upload(gpu, [taps.len() as u32, words as u32], &table)?;
        Ok(Self { extent, spans, count: count as u32, is_selected: is_selected(taps), table })
    }

    /// An axis of one position that is kept.
    fn one(gpu: &Gpu) -> Result<Self> {
        Self::new(gpu, 1, &[Taps { first: 0, weights: vec![1.0] }], 1)
    }

    fn out_extent(&self) -> u32 {
        self.spans.len() as u32
    }

    /// The input positions that some output positions take: one at least, so that something is bound.
    fn reached(&self, positions: &Range<u32>) -> Range<u32> {
        let spans = self.spans[positions.start as usize..positions.end as usize].iter().filter(|span| !span.is_empty());
        let reached = spans.cloned().reduce(|all, span| all.start.min(span.start)..all.end.max(span.end));
        reached.unwrap_or(0..1)
    }

    fn binding(&self, argument: &'static str, positions: &Range<u32>) -> Fit<Binding> {
        let word = |position: u32| u64::from(position) * u64::from(entry_words(self.count));
        self.table.binding(argument, word(positions.start)..word(positions.end))
    }
}

/// An axis that changes: its extent, and the taps of what it becomes.
pub(crate) struct Changed {
    pub(crate) axis: usize,
    pub(crate) taps: Vec<Taps>,
    pub(crate) extent: u32,
}

impl Changed {
    /// The axis of the gradient.
    pub(crate) fn transposed(self) -> Self {
        let Self { axis, taps, extent } = self;
        Self { axis, extent: taps.len() as u32, taps: Taps::transposed(&taps, extent) }
    }

    fn ratio(&self) -> f64 {
        self.taps.len() as f64 / f64::from(self.extent)
    }

    /// Whether each position becomes itself.
    pub(crate) fn is_kept(&self) -> bool {
        let kept = |(position, taps): (usize, &Taps)| taps.first == position as u32 && taps.weights == [1.0];
        self.taps.len() as u32 == self.extent && self.taps.iter().enumerate().all(kept)
    }

    /// Whether it becomes no shorter, from two positions at least, and has nothing outside.
    fn is_enlarged(&self) -> bool {
        let inside = self.taps.iter().all(|taps| !taps.weights.is_empty());
        self.extent >= 2 && self.taps.len() >= self.extent as usize && inside
    }

    /// Whether it may be resampled together with another: then each element of the output costs the taps of both, multiplied.
    fn is_narrow(&self) -> bool {
        self.taps.iter().all(|taps| taps.weights.len() <= 2)
    }
}

/// Whether each position takes one other, of weight 1.
fn is_selected(taps: &[Taps]) -> bool {
    taps.iter().all(|taps| taps.weights == [1.0])
}

impl Resampling {
    /// Binds the taps of some axes, each once, of a tensor of that shape.
    pub(crate) fn new(gpu: &Gpu, mut shape: Shape, axes: impl IntoIterator<Item = Changed>) -> Result<Self> {
        let mut left: Vec<_> = axes.into_iter().filter(|axis| !axis.is_kept()).collect();
        // What becomes smaller comes first, and what becomes larger last, so that little lies between.
        left.sort_by(|a, b| a.ratio().partial_cmp(&b.ratio()).unwrap_or(Ordering::Equal).then(b.axis.cmp(&a.axis)));
        let mut passes = Vec::new();
        while !left.is_empty() {
            let first = left.remove(0);
            let beside = |other: &Changed| other.axis.abs_diff(first.axis) == 1 && other.is_narrow();
            let second = left.iter().position(beside).filter(|_| first.is_narrow()).map(|index| left.remove(index));
            let mut axes: Vec<_> = [Some(first), second].into_iter().flatten().collect();
            axes.sort_by_key(|changed| changed.axis);
            let elements = |extents: &[u32]| extents.iter().product();
            let [outermost, innermost] = [axes[0].axis, axes[axes.len() - 1].axis];
            let outer = elements(&shape.extents()[..outermost]);
            let inner = elements(&shape.extents()[innermost + 1..]);
            let of = |changed: &Changed, least| Axis::new(gpu, changed.extent, &changed.taps, least);
            let [rows, columns] = match &axes[..] {
                [rows, columns] => {
                    // The kernel of two taps does enlargements of single ones beside such of two, the others of which weigh 0.
                    let enlarges = inner == 1 && rows.is_enlarged() && columns.is_enlarged();
                    let single = is_selected(&rows.taps) && is_selected(&columns.taps);
                    let least = if gpu.capabilities().software() && enlarges && !single { 2 } else { 1 };
                    [of(rows, least)?, of(columns, least)?]
                }
                one => [Axis::one(gpu)?, of(&one[0], 1)?],
            };
            for changed in &axes {
                shape = shape.with_extent(changed.axis, changed.taps.len() as u32);
            }
            passes.push(Pass { outer, rows, columns, inner });
        }
        if passes.is_empty() {
            copy_rows::compile(gpu)?;
        }
        passes.iter().try_for_each(|pass| pass.compile(gpu))?;
        Ok(Self { passes })
    }

    /// Records the tensor that is made, with `outside` where there are no taps.
    pub(crate) fn record(&self, recorder: &mut Recorder, outside: f32, input: &Tensor, output: &Tensor) -> Result<()> {
        if self.passes.is_empty() {
            return copy_all(recorder, ("input", input), output, false);
        }
        let mut input = input.clone();
        for (index, pass) in self.passes.iter().enumerate() {
            let made = if index + 1 == self.passes.len() {
                output.clone()
            } else {
                recorder.workspace([pass.output_elements()])?
            };
            pass.record(recorder, outside, &input, &made)?;
            input = made;
        }
        Ok(())
    }

    /// Records a gradient, which taps make of that of the output.
    pub(crate) fn record_gradient(
        &self,
        recorder: &mut Recorder,
        grad_output: &Tensor,
        destination: Destination,
    ) -> Result<()> {
        let to = destination.tensor();
        if !destination.accumulates() {
            return self.record(recorder, 0.0, grad_output, to);
        }
        let gradient = recorder.workspace(to.shape())?;
        self.record(recorder, 0.0, grad_output, &gradient)?;
        copy_all(recorder, ("gradient", &gradient), to, true)
    }
}

impl Pass {
    fn output_elements(&self) -> u32 {
        self.outer * self.rows.out_extent() * self.columns.out_extent() * self.inner
    }

    /// The kernel that does it: those of one tap and of two do several rows in an invocation, which suits adapters that run on the CPU.
    fn kernel(&self, gpu: &Gpu) -> Kernel {
        let both = |is: fn(&Axis) -> bool| is(&self.rows) && is(&self.columns);
        if !gpu.capabilities().software() || self.inner != 1 {
            Kernel::Any
        } else if both(|axis| axis.is_selected && axis.count == 1) {
            Kernel::One
        } else if both(|axis| axis.count == 2 && axis.spans.iter().all(|span| !span.is_empty())) {
            Kernel::Two
        } else {
            Kernel::Any
        }
    }

    fn compile(&self, gpu: &Gpu) -> Result<()> {
        let planes = self.planes(gpu);
        planes.compile(gpu)?;
        resample::compile(gpu, (self.kernel(gpu), planes.from))
    }

    /// How planes of (rows, columns, inner) are read: those of which few elements are read, or each but once, are not worth a copy.
    fn planes(&self, gpu: &Gpu) -> PlaneReads {
        let [read, made] =
            [[self.rows.extent, self.columns.extent], [self.rows.out_extent(), self.columns.out_extent()]]
                .map(|[rows, columns]| u64::from(rows) * u64::from(columns) * u64::from(self.inner));
        let once = self.rows.count * self.columns.count == 1 && made <= read;
        if once || COPIED_OF_MADE * made < read {
            return PlaneReads::IN_BUFFER;
        }
        PlaneReads::of(gpu, Texel::Element, read)
    }

    fn record(&self, recorder: &mut Recorder, outside: f32, input: &Tensor, output: &Tensor) -> Result<()> {
        let planes = self.planes(recorder.gpu());
        pieces(0..self.outer, planes.at_once)
            .try_for_each(|outer| self.record_planes(recorder, (planes, outer), outside, input, output))
    }

    /// Records some planes.
    fn record_planes(
        &self,
        recorder: &mut Recorder,
        (planes, some): (PlaneReads, Range<u32>),
        outside: f32,
        input: &Tensor,
        output: &Tensor,
    ) -> Result<()> {
        let Self { outer: _, rows, columns, inner } = self;
        let axes = (self.kernel(recorder.gpu()), planes.from);
        let whole = [some, 0..rows.out_extent(), 0..columns.out_extent(), 0..*inner];
        in_pieces(whole, &mut |piece: &[Range<u32>; 4]| {
            let [some_outer, some_rows, some_columns, some_inner] = piece;
            let element = |extents: [u32; 2], index: [u32; 4]| {
                let row = u64::from(index[0]) * u64::from(extents[0]) + u64::from(index[1]);
                (row * u64::from(extents[1]) + u64::from(index[2])) * u64::from(*inner) + u64::from(index[3])
            };
            // Halved from the outermost axis on, a piece is one range of the output.
            let range = |extents: [u32; 2], piece: [&Range<u32>; 4]| {
                let start = element(extents, piece.map(|range| range.start));
                start..element(extents, piece.map(|range| range.end - 1)) + 1
            };
            let [in_rows, in_columns] = [rows.reached(some_rows), columns.reached(some_columns)];
            let in_extents = [rows.extent, columns.extent];
            let in_range = range(in_extents, [some_outer, &in_rows, &in_columns, some_inner]);
            let out_range = range([rows.out_extent(), columns.out_extent()], piece.each_ref());
            recorder.gpu().capabilities().check_elements("output", out_range.end - out_range.start)?;
            let row_taps = rows.binding("weights", some_rows)?;
            let column_taps = columns.binding("weights", some_columns)?;
            let output = output.binding("output", out_range)?;
            let in_row = columns.extent * inner;
            let params = resample::Params {
                outer: some_outer.end - some_outer.start,
                rows: some_rows.end - some_rows.start,
                columns: some_columns.end - some_columns.start,
                inner: some_inner.end - some_inner.start,
                in_outer: rows.extent * in_row,
                in_row,
                in_column: *inner,
                row_count: rows.count,
                column_count: columns.count,
                outside,
                // Taps count from the first row and column of the plane.
                input_first: 0u32.wrapping_sub(in_rows.start * in_row + in_columns.start * inner),
                ..Default::default()
            };
            recorder.attempt(|recorder| {
                let input = planes.bound(recorder, ("input", input), in_range)?;
                resample(recorder, axes, params, [&input, &row_taps, &column_taps, &output])
            })
        })
    }
}
