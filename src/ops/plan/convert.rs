//! Element types: all ops compute in f32. Tensors of 16 bits are widened before, and an output of 16 bits is rounded once behind.
//! Convolutions do so strip by strip.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::movement::convert::{Params, convert};
use crate::kernels::movement::copy_rows;
use crate::ops::plan::in_pieces;

/// The tensor itself, or a copy in workspace that holds f32 where it has floats of 16 bits.
pub(crate) fn widened(recorder: &mut Recorder, tensor: &Tensor) -> Result<Tensor> {
    if !tensor.dtype().is_narrow() {
        return Ok(tensor.clone());
    }
    let wide = recorder.workspace(tensor.shape())?;
    widen(recorder, tensor, RowLayout::all(tensor), &wide)?;
    Ok(wide)
}

/// Has `record` write the output where it holds f32, else a workspace that is then rounded into it.
pub(crate) fn rounded(
    recorder: &mut Recorder,
    output: &Tensor,
    record: impl FnOnce(&mut Recorder, &Tensor) -> Result<()>,
) -> Result<()> {
    if !output.dtype().is_narrow() {
        return record(recorder, output);
    }
    let wide = recorder.workspace(output.shape())?;
    record(recorder, &wide)?;
    round(recorder, &wide, output, RowLayout::all(output))
}

/// Rows of a dense tensor: `rows` of `columns` elements, `row` apart, the first from element `first` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLayout {
    pub(crate) first: u64,
    pub(crate) rows: u32,
    pub(crate) row: u64,
    pub(crate) columns: u32,
}

impl RowLayout {
    /// All elements, in one row.
    pub(crate) fn all(tensor: &Tensor) -> Self {
        let columns = tensor.shape().elements();
        Self { first: 0, rows: 1, row: columns, columns: columns as u32 }
    }

    /// The pixels that planes have of each of some images, (image, plane, pixel).
    pub(crate) fn of_planes(images: &Range<u32>, planes: u32, pixels: &Range<u32>, plane_pixels: u32) -> Self {
        let first = u64::from(images.start) * u64::from(planes) * u64::from(plane_pixels) + u64::from(pixels.start);
        let rows = (images.end - images.start) * planes;
        Self { first, rows, row: plane_pixels.into(), columns: pixels.end - pixels.start }
    }

    /// The rows of a copy, one behind another.
    fn dense(self) -> Self {
        Self { first: 0, row: self.columns.into(), ..self }
    }

    fn elements(&self, rows: &Range<u32>, columns: &Range<u32>) -> Range<u64> {
        let row = |row: u32| self.first + u64::from(row) * self.row;
        row(rows.start) + u64::from(columns.start)..row(rows.end - 1) + u64::from(columns.end)
    }
}

/// Widens rows of a tensor into a workspace, one behind another.
pub(crate) fn widen(recorder: &mut Recorder, tensor: &Tensor, rows: RowLayout, wide: &Tensor) -> Result<()> {
    convert_rows(recorder, (tensor, rows), (wide, rows.dense()))
}

/// Rounds the dense rows of a workspace into rows of a tensor.
pub(crate) fn round(recorder: &mut Recorder, wide: &Tensor, tensor: &Tensor, rows: RowLayout) -> Result<()> {
    convert_rows(recorder, (wide, rows.dense()), (tensor, rows))
}

/// Converts rows, in as many dispatches as the tensors need to be bound.
fn convert_rows(
    recorder: &mut Recorder,
    (source, from): (&Tensor, RowLayout),
    (destination, to): (&Tensor, RowLayout),
) -> Result<()> {
    in_pieces([0..from.rows, 0..from.columns], &mut |[rows, columns]| {
        let source_binding = source.binding("tensor", from.elements(rows, columns))?;
        let destination_binding = destination.binding("tensor", to.elements(rows, columns))?;
        let [rows, columns] = [rows, columns].map(|range| range.end - range.start);
        recorder.gpu().capabilities().check_elements("tensor", u64::from(rows) * u64::from(columns))?;
        if source.dtype() == DType::F32 && destination.dtype() == DType::F32 {
            let [source_row, destination_row] = [from.row as u32, to.row as u32];
            let params = copy_rows::Params { rows, columns, source_row, destination_row, ..Default::default() };
            return copy_rows::copy_rows(recorder, params, [&source_binding, &destination_binding]);
        }
        let in_one = rows == 1 || to.row == u64::from(columns);
        let params = Params {
            columns,
            source_row: from.row as u32,
            runs: if in_one { 1 } else { rows },
            run: if in_one { rows * columns } else { columns },
            destination_run: to.row as u32,
            ..Params::default()
        };
        convert(recorder, params, (&source_binding, source.dtype()), (&destination_binding, destination.dtype()))
    })
}
