//! Passes over rows: the first find statistics of each row, the last uses them.

use std::array::from_fn;
use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Binding, Fit, Iterations, Recorder, Tensor};
use crate::kernels::reduce::Rows;
use crate::ops::plan::{at_once, bindable, in_units, pieces};

/// Passes over the rows of a dense tensor (planes, extent, columns) along its middle axis.
///
/// Where a device can, one dispatch does all passes over a row. Rows that are too long for it, or that spread too far to be bound, are done
/// pass by pass, in parts, and a tensor holds what passes find.
pub(crate) struct Passes<'a> {
    /// The planes that are done.
    pub(crate) planes: Range<u32>,
    pub(crate) extent: u32,
    pub(crate) columns: u32,
    /// The numbers of a row that passes find.
    pub(crate) found: u32,
    /// The tensor (planes, columns, found) that holds them; without it they are workspace.
    pub(crate) held: Option<&'a Tensor>,
}

/// Part of the rows, and the passes over it that a dispatch does.
pub(crate) struct Part<const N: usize> {
    pub(crate) passes: [u32; N],
    /// The elements of each row.
    pub(crate) along: Range<u32>,
    /// The elements of the tensor.
    pub(crate) elements: Range<u64>,
    pub(crate) rows: Rows,
    numbers: Range<u64>,
}

impl Passes<'_> {
    /// Has `dispatch` do the passes that are marked; it gets the binding of what is held. `iterations` states the iterations of passes.
    pub(crate) fn record<const N: usize>(
        &self,
        recorder: &mut Recorder,
        passes: [bool; N],
        iterations: impl Fn(Rows, [u32; N]) -> Iterations,
        mut dispatch: impl FnMut(&mut Recorder, &Part<N>, &Binding) -> Fit,
    ) -> Result<()> {
        let &Self { ref planes, extent, columns, found, held } = self;
        let (gpu, passes) = (recorder.gpu().clone(), passes.map(u32::from));
        // A CPU takes long over the barriers of a workgroup, and a GPU over loads that lie apart.
        let width = Rows::width(extent, columns, if gpu.capabilities().software() { 16 } else { 4 });
        let lanes = 64 / width;
        let taken = |extent, passes| iterations(Rows { extent, lanes, ..Rows::default() }, passes);
        let whole = 4 * u64::from(extent) * u64::from(columns) <= bindable(&gpu)
            && gpu.capabilities().check_elements("input", extent.into()).is_ok()
            && taken(extent, passes).taken <= gpu.capabilities().iterations_per_invocation();
        let unused = whole && held.is_none();
        let held = match held {
            Some(held) => held.clone(),
            None if whole => recorder.workspace([UNUSED])?,
            None => recorder.workspace([planes.end, columns, found])?,
        };
        let alone = |pass| from_fn(|other| if other == pass { passes[pass] } else { 0 });
        let rounds = if whole { vec![passes] } else { (0..N).map(alone).collect() };
        for passes in rounds.into_iter().filter(|passes| passes.contains(&1)) {
            let length = if whole { extent } else { at_once(&gpu, extent, |extent| taken(extent, passes)) };
            let units = [1, if whole { extent } else { 1 }, 1];
            for along in pieces(0..extent, length) {
                in_units(units, [planes.clone(), along, 0..columns], &mut |piece| {
                    let part = self.part(width, passes, piece);
                    gpu.capabilities().check_elements("input", part.rows.elements())?;
                    let held =
                        if unused { held.binding("statistics", 0..UNUSED.into()) } else { part.of_rows(&held, found) };
                    dispatch(recorder, &part, &held?)
                })?;
            }
        }
        Ok(())
    }

    fn part<const N: usize>(
        &self,
        width: u32,
        passes: [u32; N],
        [planes, along, columns]: &[Range<u32>; 3],
    ) -> Part<N> {
        let row = |plane: u32, column: u32| u64::from(plane) * u64::from(self.columns) + u64::from(column);
        let element = |plane: u32, at: u32, column: u32| {
            (u64::from(plane) * u64::from(self.extent) + u64::from(at)) * u64::from(self.columns) + u64::from(column)
        };
        let (last_plane, last) = (planes.end - 1, along.end - 1);
        Part {
            passes,
            along: along.clone(),
            elements: element(planes.start, along.start, columns.start)..element(last_plane, last, columns.end),
            rows: Rows {
                rows: (planes.end - planes.start) * (columns.end - columns.start),
                columns: columns.end - columns.start,
                extent: along.end - along.start,
                step: self.columns,
                plane: self.extent * self.columns,
                width,
                lanes: 64 / width,
                continues: (along.start > 0).into(),
            },
            numbers: row(planes.start, columns.start)..row(last_plane, columns.end),
        }
    }
}

impl<const N: usize> Part<N> {
    /// Of a tensor with so many numbers for each row, those of the rows of this part.
    pub(crate) fn of_rows(&self, tensor: &Tensor, each: u32) -> Fit<Binding> {
        tensor.binding("statistics", self.numbers.start * u64::from(each)..self.numbers.end * u64::from(each))
    }
}

/// The elements that a kernel binds where it holds nothing: as many as it looks at.
const UNUSED: u32 = 4;
