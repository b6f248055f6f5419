//! Sums over axes: of segments first, and then of these sums.

use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::reduce::segment_sums::{Params, segment_sums};
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Destination, bindable, in_pieces};
use crate::shape::MAX_RANK;

/// The elements that a workgroup adds up: a few hundred for each invocation, so that rounding errors stay far below those of
/// one long sum.
const SEGMENT: u32 = 1 << 14;

/// Sums over the middle axis of a dense tensor (planes, pixels, columns), times `scale`.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) planes: u32,
    pub(crate) pixels: u32,
    pub(crate) columns: u32,
    pub(crate) scale: f32,
    /// Whether they are added to what the output holds.
    pub(crate) accumulate: bool,
}

impl Sums {
    /// Records the sums into (planes, columns).
    pub(crate) fn record(self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        let Self { planes, pixels, columns, .. } = self;
        let bound = (bindable(recorder.gpu()) / 4 / u64::from(columns)).max(u64::from(Self::LEAST)) as u32;
        let length = (SEGMENT / self.width()).min(pixels).min(bound);
        let segments = pixels.div_ceil(length);
        if segments == 1 {
            return self.segmented(recorder, length, input, output);
        }
        let partial = recorder.workspace([planes, segments, columns])?;
        Self { scale: 1.0, accumulate: false, ..self }.segmented(recorder, length, input, &partial)?;
        Self { pixels: segments, ..self }.record(recorder, &partial, output)
    }

    /// The least length of a segment, though it be bound in pieces.
    const LEAST: u32 = 64;

    fn width(self) -> u32 {
        self.columns.min(64).next_power_of_two()
    }

    /// Records the sums of segments of `length` pixels into (planes, segments, columns), in as many dispatches as the tensors need to be
    /// bound. A segment that is cut is added up in the output.
    fn segmented(self, recorder: &mut Recorder, length: u32, input: &Tensor, output: &Tensor) -> Result<()> {
        let Self { planes, pixels, columns, scale, accumulate } = self;
        let (all, dtype) = (pixels.div_ceil(length), input.dtype());
        // Of several planes, segments or pixels, what lies further in is whole.
        in_pieces([0..planes, 0..all, 0..length, 0..columns], &mut |[planes, segments, within, some_columns]| {
            let first = u64::from(segments.start) * u64::from(length) + u64::from(within.start);
            let end = u64::from(segments.end - 1) * u64::from(length) + u64::from(within.end);
            let end = end.min(pixels.into());
            if first >= end {
                return Ok(());
            }
            let element = |plane: u32, rows: u32, row: u64, column: u32| {
                (u64::from(plane) * u64::from(rows) + row) * u64::from(columns) + u64::from(column)
            };
            let (start_column, end_column) = (some_columns.start, some_columns.end);
            let last = planes.end - 1;
            let input = input.binding(
                "input",
                element(planes.start, pixels, first, start_column)..element(last, pixels, end - 1, end_column),
            )?;
            let last_segment = u64::from(segments.end - 1);
            let output = output.binding(
                "output",
                element(planes.start, all, segments.start.into(), start_column)
                    ..element(last, all, last_segment, end_column),
            )?;
            let params = Params {
                planes: planes.end - planes.start,
                pixels: (end - first) as u32,
                columns: end_column - start_column,
                segments: segments.end - segments.start,
                length,
                width: self.width(),
                scale,
                accumulate: (accumulate || within.start > 0).into(),
                row: columns,
                ..Default::default()
            };
            let elements = u64::from(params.planes) * u64::from(params.pixels) * u64::from(params.columns);
            recorder.gpu().capabilities().check_elements("input", elements)?;
            segment_sums(recorder, dtype, params, [&input, &output])
        })
    }
}

/// Records the sums of a dense tensor over those of its axes that are marked, into a gradient in the shape of the others. The innermost
/// is summed over first.
pub(crate) fn sum_over(
    recorder: &mut Recorder,
    axes: [(u32, bool); MAX_RANK],
    terms: &Tensor,
    gradient: Destination,
) -> Result<()> {
    if axes.iter().any(|(extent, _)| *extent == 0) {
        return if gradient.accumulates() { Ok(()) } else { zeros(recorder, gradient.tensor()) };
    }
    let product = |axes: &[(u32, bool)]| axes.iter().map(|(extent, _)| extent).product();
    let mut axes = axes.to_vec();
    let mut terms = terms.clone();
    while let Some(axis) = axes.iter().rposition(|(_, summed)| *summed) {
        let (pixels, _) = axes.remove(axis);
        let outer = axes[..axis].iter().rposition(|(_, summed)| *summed);
        let (planes, columns) = (product(&axes[..axis]), product(&axes[axis..]));
        let last = outer.is_none();
        let sums = Sums { planes, pixels, columns, scale: 1.0, accumulate: last && gradient.accumulates() };
        if last {
            return sums.record(recorder, &terms, gradient.tensor());
        }
        let partial = recorder.workspace([planes, columns])?;
        sums.record(recorder, &terms, &partial)?;
        terms = partial;
    }
    Ok(())
}
