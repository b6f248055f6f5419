use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{CumSum, CumSumGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::Rows;
use crate::kernels::reduce::cum_sum::{self, Number, Params, cum_sum};
use crate::ops::plan::{Argument, Kernels, Plan, bindable, in_pieces};

/// The elements that a lane adds up one after another.
const RUN: u32 = 16;

impl Kernels for CumSum {
    type Compiled = ();

    fn takes(_: &CumSumGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn compile(gpu: &Gpu, _: &CumSumGeometry, input: &TensorSpec) -> Result<()> {
        gpu.compile::<cum_sum::Kernel>(input.dtype.into())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (&CumSumGeometry { op, rows, .. }, input) = (plan.geometry(), input.tensor()?);
        let CumSum { exclusive, reverse, .. } = op;
        if rows.contains(&0) {
            return Ok(());
        }
        Scan { number: input.dtype().into(), rows, exclusive, reverse }.record(recorder, input, output)
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::default(), TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// Cumulative sums along the middle axis of a dense tensor.
#[derive(Clone, Copy)]
struct Scan {
    number: Number,
    rows: [u32; 3],
    exclusive: bool,
    reverse: bool,
}

impl Scan {
    /// Records the sums: those of segments first, and what is before each of these.
    fn record(self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        let [planes, extent, columns] = self.rows;
        let lanes = 64 / Rows::width(extent, columns, RUN);
        let bound = (bindable(recorder.gpu()) / 4 / u64::from(columns)).min(u64::from(u32::MAX)) as u32;
        let length = (RUN * lanes).min(bound).max(2);
        let segments = extent.div_ceil(length);
        if segments == 1 {
            return self.segments(recorder, length, None, input, Some(output));
        }
        let totals = recorder.workspace([planes, segments, columns])?;
        self.segments(recorder, length, Some(&totals), input, None)?;
        let before = recorder.workspace([planes, segments, columns])?;
        let of_segments = Self { rows: [planes, segments, columns], exclusive: true, reverse: false, ..self };
        of_segments.record(recorder, &totals, &before)?;
        self.segments(recorder, length, Some(&before), input, Some(output))
    }

    /// Records the sums within segments, with what is before each, if anything is; or without an output the sums of segments, into their place.
    fn segments(
        self,
        recorder: &mut Recorder,
        length: u32,
        of_segments: Option<&Tensor>,
        input: &Tensor,
        output: Option<&Tensor>,
    ) -> Result<()> {
        let Self { number, rows: [planes, extent, columns], exclusive, reverse } = self;
        let all = extent.div_ceil(length);
        let width = Rows::width(length.min(extent), columns, RUN);
        let run = length.min(extent).div_ceil(64 / width);
        // Of several planes or segments, what lies further in is whole.
        in_pieces([0..planes, 0..all, 0..columns], &mut |[planes, segments, some]| {
            let first = segments.start * length;
            let end = (u64::from(segments.end) * u64::from(length)).min(extent.into()) as u32;
            let along = if reverse { extent - end..extent - first } else { first..end };
            let element = |plane: u32, rows: u32, row: u32, column: u32| {
                (u64::from(plane) * u64::from(rows) + u64::from(row)) * u64::from(columns) + u64::from(column)
            };
            let last = planes.end - 1;
            let elements =
                element(planes.start, extent, along.start, some.start)..element(last, extent, along.end - 1, some.end);
            let numbers =
                element(planes.start, all, segments.start, some.start)..element(last, all, segments.end - 1, some.end);
            let input = input.binding("input", elements.clone())?;
            let of_segments = of_segments.map(|tensor| tensor.binding("segments", numbers)).transpose()?;
            let written = output.map(|output| output.binding("output", elements)).transpose()?;
            // What each starts from is not read where it is absent, or yet to be found.
            let (before, output) = match (&of_segments, &written) {
                (Some(totals), None) => (&input, totals),
                (before, Some(output)) => (before.as_ref().unwrap_or(&input), output),
                (None, None) => return Ok(()),
            };
            let params = Params {
                planes: planes.end - planes.start,
                extent: end - first,
                columns: some.end - some.start,
                segments: segments.end - segments.start,
                length,
                plane: extent * columns,
                row: columns,
                width,
                run,
                exclusive: exclusive.into(),
                reverse: reverse.into(),
                starts: (of_segments.is_some() && written.is_some()).into(),
                writes: written.is_some().into(),
                ..Default::default()
            };
            let elements = u64::from(params.planes) * u64::from(params.extent) * u64::from(params.columns);
            recorder.gpu().capabilities().check_elements("input", elements)?;
            cum_sum(recorder, number, params, [&input, before, output])
        })
    }
}
