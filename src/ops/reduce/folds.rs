//! Folds over axes: sums, products, extremes. Segments of rows are folded into states, and these into results.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::reduce::Rows;
use crate::kernels::reduce::fold::{Finish, Fold, Params, fold};
use crate::ops::plan::{bindable, in_pieces, pieces};

/// The elements that a lane folds one after another, where a row has more: few enough for rounding errors to stay far below those of one long
/// sum, and for long rows to keep a device busy.
const EACH: u32 = 64;

/// The least length of a segment. Where columns are so many that not even that can be bound, dispatches continue one another.
const LEAST: u32 = 64;

/// A fold, and what it does of each element and of each result: the numbers in reduce/parts/fold_*.wgsl.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folding {
    pub(crate) fold: Fold,
    pub(crate) operation: u32,
    pub(crate) finish: Finish,
    pub(crate) scale: f32,
    pub(crate) count: u32,
}

/// One stage of a fold: the rows that it reads, (planes, extent, columns), and what it makes of them.
#[derive(Debug, Clone, Copy)]
struct Stage {
    rows: [u32; 3],
    /// Whether it reads states, and whether it makes results.
    folded: bool,
    finishes: bool,
}

impl Folding {
    /// Records the results of a dense tensor over those of its axes that are marked, in the shape of the others. The innermost are folded first.
    pub(crate) fn record(
        self,
        recorder: &mut Recorder,
        axes: &[(u32, bool)],
        input: &Tensor,
        output: &Tensor,
    ) -> Result<()> {
        let mut axes = joined(axes);
        if axes.iter().any(|&(extent, folded)| extent == 0 && !folded) {
            return Ok(());
        }
        let product = |axes: &[(u32, bool)]| axes.iter().map(|(extent, _)| extent).product();
        if axes.iter().any(|(extent, _)| *extent == 0) {
            // Of no elements; what is bound is not read.
            let kept: Vec<_> = axes.into_iter().filter(|(_, folded)| !folded).collect();
            let unused = recorder.workspace([1])?;
            let stage = Stage { rows: [product(&kept), 0, 1], folded: false, finishes: true };
            return self.along(recorder, stage, &unused, output);
        }
        if axes.iter().all(|(_, folded)| !folded) {
            axes.push((1, true));
        }
        let (mut tensor, mut folded) = (input.clone(), false);
        while let Some(axis) = axes.iter().rposition(|(_, folded)| *folded) {
            let (extent, _) = axes.remove(axis);
            let (planes, columns) = (product(&axes[..axis]), product(&axes[axis..]));
            let finishes = axes.iter().all(|(_, folded)| !folded);
            let stage = Stage { rows: [planes, extent, columns], folded, finishes };
            let states = match finishes {
                true => output.clone(),
                false => recorder.workspace([planes, columns, self.fold.words()])?,
            };
            self.along(recorder, stage, &tensor, &states)?;
            (tensor, folded) = (states, true);
        }
        Ok(())
    }

    /// Records the states of rows of a dense tensor (planes, extent, columns) along its middle axis, into (planes, columns, words).
    pub(crate) fn record_states(
        self,
        recorder: &mut Recorder,
        rows: [u32; 3],
        input: &Tensor,
        states: &Tensor,
    ) -> Result<()> {
        self.along(recorder, Stage { rows, folded: false, finishes: false }, input, states)
    }

    /// Records a fold of rows into (planes, columns), in as many stages as it takes.
    fn along(self, recorder: &mut Recorder, stage: Stage, input: &Tensor, output: &Tensor) -> Result<()> {
        let [planes, extent, columns] = stage.rows;
        let words = self.fold.words();
        let read = if stage.folded { words } else { 1 };
        // How much of the extent can be bound with all columns.
        let bound = (bindable(recorder.gpu()) / 4 / (u64::from(columns) * u64::from(read))).clamp(1, u32::MAX.into());
        let bound = bound as u32;
        let lanes = 64 / Self::width(recorder, extent, columns);
        let length = (EACH * lanes).min(bound.max(LEAST)).min(extent.max(1));
        if length > bound {
            let states = match stage.finishes {
                true => recorder.workspace([planes, columns, words])?,
                false => output.clone(),
            };
            for some in pieces(0..extent, bound) {
                self.segments(recorder, Stage { finishes: false, ..stage }, some, bound, input, &states)?;
            }
            let last = Stage { rows: [planes, 1, columns], folded: true, ..stage };
            return if stage.finishes { self.along(recorder, last, &states, output) } else { Ok(()) };
        }
        let segments = extent.max(1).div_ceil(length);
        if segments == 1 {
            return self.segments(recorder, stage, 0..extent, length, input, output);
        }
        let states = recorder.workspace([planes, segments, columns, words])?;
        self.segments(recorder, Stage { finishes: false, ..stage }, 0..extent, length, input, &states)?;
        self.along(recorder, Stage { rows: [planes, segments, columns], folded: true, ..stage }, &states, output)
    }

    /// The segments of a workgroup. A CPU takes long over the barriers of a workgroup, and a GPU over loads that lie apart.
    fn width(recorder: &Recorder, extent: u32, columns: u32) -> u32 {
        Rows::width(extent, columns, if recorder.gpu().capabilities().software() { 16 } else { 4 })
    }

    /// Records the folds of segments of a range of the extent into (planes, segments, columns), in as many dispatches as the tensors need to be
    /// bound. A range behind the start continues what the output holds.
    fn segments(
        self,
        recorder: &mut Recorder,
        stage: Stage,
        along: Range<u32>,
        length: u32,
        input: &Tensor,
        output: &Tensor,
    ) -> Result<()> {
        let [planes, extent, columns] = stage.rows;
        let all = (along.end - along.start).max(1).div_ceil(length);
        let width = Self::width(recorder, length, columns);
        let words_of = |states: bool| u64::from(if states { self.fold.words() } else { 1 });
        let (read, written) = (words_of(stage.folded), words_of(!stage.finishes));
        // Of several planes or segments, what lies further in is whole.
        in_pieces([0..planes, 0..all, 0..columns], &mut |[planes, segments, some]| {
            let first = u64::from(along.start) + u64::from(segments.start) * u64::from(length);
            let end = (u64::from(along.start) + u64::from(segments.end) * u64::from(length)).min(along.end.into());
            let element = |plane: u32, rows: u32, row: u64, column: u32| {
                (u64::from(plane) * u64::from(rows) + row) * u64::from(columns) + u64::from(column)
            };
            let last = planes.end - 1;
            let of_input = match extent {
                0 => 0..1,
                _ => element(planes.start, extent, first, some.start)..element(last, extent, end - 1, some.end),
            };
            let of_output = element(planes.start, all, segments.start.into(), some.start)
                ..element(last, all, u64::from(segments.end - 1), some.end);
            let input = input.binding("input", of_input.start * read..of_input.end * read)?;
            let output = output.binding("output", of_output.start * written..of_output.end * written)?;
            let params = Params {
                planes: planes.end - planes.start,
                extent: (end - first) as u32,
                columns: some.end - some.start,
                segments: segments.end - segments.start,
                length,
                plane: extent * columns,
                row: columns,
                width,
                lanes: 64 / width,
                position: first as u32,
                folded: stage.folded.into(),
                continues: (along.start > 0).into(),
                finishes: stage.finishes.into(),
                operation: self.operation,
                finish: self.finish as u32,
                scale: self.scale,
                count: self.count,
                ..Default::default()
            };
            let elements = u64::from(params.planes) * u64::from(params.extent.max(1)) * u64::from(params.columns);
            recorder.gpu().capabilities().check_elements("input", elements)?;
            fold(recorder, self.fold, params, [&input, &output])
        })
    }
}

/// Axes without those of extent 1, neighbours of one kind as one.
fn joined(axes: &[(u32, bool)]) -> Vec<(u32, bool)> {
    let mut joined: Vec<(u32, bool)> = Vec::new();
    for &(extent, folded) in axes.iter().filter(|(extent, _)| *extent != 1) {
        match joined.last_mut() {
            Some((last, of_last)) if *of_last == folded => *last *= extent,
            _ => joined.push((extent, folded)),
        }
    }
    joined
}
