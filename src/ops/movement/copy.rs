//! Copies of sections of tensors.

use crate::error::Result;
use crate::geometry::Sections;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::movement::copy_rows::{Params, copy_rows};
use crate::ops::plan::in_pieces;

/// Rows in a tensor, from element `first` on, `row` apart.
#[derive(Clone, Copy)]
pub(crate) struct TensorRows<'a> {
    pub(crate) argument: &'static str,
    pub(crate) tensor: &'a Tensor,
    pub(crate) first: u32,
    pub(crate) row: u32,
}

impl<'a> TensorRows<'a> {
    /// A section of the whole, from index `first` along the axis on.
    pub(crate) fn of_whole(argument: &'static str, tensor: &'a Tensor, sections: &Sections, first: u32) -> Self {
        let row = sections.columns(sections.whole.extents()[sections.axis]);
        Self { argument, tensor, first: sections.columns(first), row }
    }
}

/// Records the copy of a whole tensor, or its sum with one, in as many dispatches as the tensors need to be bound.
pub(crate) fn copy_all(
    recorder: &mut Recorder,
    (argument, input): (&'static str, &Tensor),
    output: &Tensor,
    accumulate: bool,
) -> Result<()> {
    let all = 0..input.shape().elements() as u32;
    in_pieces([all], &mut |[elements]| {
        let range = elements.start.into()..elements.end.into();
        let bindings = [&input.binding(argument, range.clone())?, &output.binding("output", range)?];
        let columns = elements.end - elements.start;
        recorder.gpu().capabilities().check_elements("output", columns.into())?;
        copy_rows(recorder, Params { rows: 1, columns, accumulate: accumulate.into(), ..Default::default() }, bindings)
    })
}

/// Records the copy, or the sum, of a section that has `size` along the axis, in as many dispatches as the tensors need to be bound.
pub(crate) fn copy_section(
    recorder: &mut Recorder,
    sections: &Sections,
    size: u32,
    from: TensorRows,
    to: TensorRows,
    accumulate: bool,
) -> Result<()> {
    in_pieces([0..sections.rows(), 0..sections.columns(size)], &mut |[rows, columns]| {
        let binding = |TensorRows { argument, tensor, first, row }: TensorRows| {
            let element =
                |index: u32, column: u32| u64::from(first) + u64::from(index) * u64::from(row) + u64::from(column);
            tensor.binding(argument, element(rows.start, columns.start)..element(rows.end - 1, columns.end))
        };
        let bindings = [&binding(from)?, &binding(to)?];
        let params = Params {
            rows: rows.end - rows.start,
            columns: columns.end - columns.start,
            source_row: from.row,
            destination_row: to.row,
            accumulate: accumulate.into(),
            ..Default::default()
        };
        let elements = u64::from(params.rows) * u64::from(params.columns);
        recorder.gpu().capabilities().check_elements("output", elements)?;
        copy_rows(recorder, params, bindings)
    })
}
