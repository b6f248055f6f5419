//! Updates of elements that indices name: sorted by what they update, so that each element is written by one invocation, in the order of its updates.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    Indexing, ScatterElements, ScatterElementsGeometry, ScatterInputs, ScatterNd, ScatterNdGeometry, ScatterReduction,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_rows;
use crate::kernels::movement::indexing as kernels;
use crate::kernels::movement::scatter::{self, scatter};
use crate::kernels::movement::scatter_keys::{self, scatter_keys};
use crate::kernels::reduce::cum_sum::Number;
use crate::ops::movement::copy::copy_all;
use crate::ops::movement::sort::{self, Sort};
use crate::ops::plan::{Argument, Kernels, Plan, bindable, in_pieces, in_units, pieces};
use crate::shape::MAX_RANK;

/// Updates that are sorted together: their keys and numbers take 16 bytes each.
const SORTED: u32 = 1 << 20;

/// Sorted updates of a dispatch, as many of which may be of one element and so done by one invocation: few enough for a GPU to take some 10 ms.
const WALKED: u32 = 1 << 16;

macro_rules! scatters {
    ($($op:ident => $geometry:ident, smallest indices $indices:expr;)+) => {$(
        impl Kernels for $op {
            type Compiled = DType;

            fn takes(_: &$geometry, input: &'static str, dtype: DType) -> bool {
                input != "indices" || dtype == DType::I32
            }

            fn compile(gpu: &Gpu, geometry: &$geometry, inputs: &ScatterInputs<TensorSpec>) -> Result<DType> {
                let [data, updates] = [inputs.data.dtype, inputs.updates.dtype];
                if data.is_float() != updates.is_float() {
                    return Err(Error::dtype("updates", format!("updates holds {updates}; data holds {data}")));
                }
                copy_rows::compile(gpu)?;
                sort::compile(gpu)?;
                gpu.compile::<scatter_keys::Kernel>(())?;
                gpu.compile::<scatter::Kernel>(scatter::number(geometry.op.reduction, data.into()))?;
                Ok(data)
            }

            fn record(
                plan: &Plan<Self>,
                recorder: &mut Recorder,
                inputs: &ScatterInputs<Argument>,
                output: &Tensor,
            ) -> Result<()> {
                let ScatterInputs { data, indices, updates } = inputs.try_map(|input| input.tensor())?;
                copy_all(recorder, ("data", data), output, false)?;
                let $geometry { op, indexing, .. } = plan.geometry();
                let scattering = Scattering { indexing, reduction: op.reduction, number: (*plan.compiled()).into() };
                scattering.record(recorder, indices, ("updates", updates), ("output", output))
            }

            fn smallest() -> (Self, ScatterInputs<TensorSpec>) {
                let one = TensorSpec { shape: [1].into(), dtype: DType::F32 };
                let indices = TensorSpec { shape: $indices.into(), dtype: DType::I32 };
                let inputs = ScatterInputs { data: one, indices, updates: one };
                (Self::default(), inputs)
            }
        }
    )+};
}

scatters!(
    ScatterElements => ScatterElementsGeometry, smallest indices [1];
    ScatterNd => ScatterNdGeometry, smallest indices [1, 1];
);

/// Rows of a dense tensor that rows of updates are put together with.
pub(crate) struct Scattering<'a> {
    pub(crate) indexing: &'a Indexing,
    pub(crate) reduction: ScatterReduction,
    pub(crate) number: Number,
}

impl Scattering<'_> {
    /// Records the updates of what the output holds, in as many dispatches as the tensors need to be bound: some updates after others.
    pub(crate) fn record(
        &self,
        recorder: &mut Recorder,
        indices: &Tensor,
        (of_updates, updates): (&'static str, &Tensor),
        (of_output, output): (&'static str, &Tensor),
    ) -> Result<()> {
        let walk = Walk::new(self.indexing);
        let (all, columns) = (walk.extents.iter().product::<u32>(), walk.columns);
        let rows = output.shape().elements() as u32 / columns;
        if all == 0 || rows == 0 {
            return Ok(());
        }
        // Of rows that are longer than a binding one at a time.
        let bound = bindable(recorder.gpu()) / 4 / u64::from(columns);
        let most = bound.clamp(1, SORTED.min(all).into()) as u32;
        let sort = Sort::workspace(recorder, most)?;
        for some in pieces(0..all, most) {
            let count = some.end - some.start;
            let [keys, numbers] = sort.unsorted(count)?;
            in_pieces([some.clone()], &mut |[part]| {
                let named = walk.indices(part.clone());
                let indices = indices.binding("indices", named.clone())?;
                let params = scatter_keys::Params {
                    indexing: kernels::Indexing { index_start: 0u32.wrapping_sub(named.start as u32), ..walk.params() },
                    updates: part.end - part.start,
                    update_first: part.start,
                    first: part.start - some.start,
                    nowhere: rows,
                };
                scatter_keys(recorder, params, [&indices, &keys, &numbers])
            })?;
            let [keys, numbers] = sort.record(recorder, count, rows)?;
            in_pieces([0..rows, 0..columns], &mut |[rows, some_columns]| {
                let range = |rows: Range<u32>| {
                    let row = |row: u32| u64::from(row) * u64::from(columns);
                    row(rows.start) + u64::from(some_columns.start)..row(rows.end - 1) + u64::from(some_columns.end)
                };
                let output = output.binding(of_output, range(rows.clone()))?;
                let updates = updates.binding(of_updates, range(some.clone()))?;
                let all = 0..some_columns.end - some_columns.start;
                pieces(0..count, WALKED).try_for_each(|walked| {
                    in_units([1; 2], [walked, all.clone()], &mut |[entries, part]| {
                        let params = scatter::Params {
                            entries: entries.end - entries.start,
                            columns: part.end - part.start,
                            row_first: rows.start,
                            rows: rows.end - rows.start,
                            row: columns,
                            keys_first: entries.start,
                            numbers_first: entries.start,
                            updates_first: part.start,
                            output_first: part.start,
                            ..Default::default()
                        };
                        let elements = u64::from(params.entries) * u64::from(params.columns);
                        recorder.gpu().capabilities().check_elements(of_output, elements)?;
                        scatter(recorder, self.number, self.reduction, params, [&keys, &numbers, &updates, &output])
                    })
                })
            })?;
        }
        Ok(())
    }
}

/// The updates of rows of a tensor: where each has its index, and which row it is of, in rows.
struct Walk {
    extents: [u32; MAX_RANK],
    strides: [[u32; MAX_RANK]; 2],
    named: [[u32; MAX_RANK]; 2],
    depth: u32,
    /// The elements of a row: those that one index names and that lie side by side.
    columns: u32,
}

impl Walk {
    fn new(indexing: &Indexing) -> Self {
        let ((mut extents, mut strides), mut named) = (indexing.walked(), indexing.named());
        let last = MAX_RANK - 1;
        let mut columns = 1;
        if strides.map(|of| of[last]) == [1, 0] {
            columns = std::mem::replace(&mut extents[last], 1);
            strides[0][last] = 0;
            strides[0].iter_mut().chain(&mut named[1]).for_each(|stride| *stride /= columns);
        }
        Self { extents, strides, named, depth: indexing.parts.len() as u32, columns }
    }

    fn params(&self) -> kernels::Indexing {
        kernels::Indexing::new(self.extents, self.strides, self.depth, self.named)
    }

    /// The place along each axis of an update.
    fn places(&self, mut update: u32) -> [u32; MAX_RANK] {
        let mut places = [0; MAX_RANK];
        for (place, extent) in places.iter_mut().zip(self.extents).rev() {
            (*place, update) = (update % extent, update / extent);
        }
        places
    }

    /// The range of the indices that some updates have, and perhaps of others between.
    fn indices(&self, updates: Range<u32>) -> Range<u64> {
        let ends = [self.places(updates.start), self.places(updates.end - 1)];
        let (mut start, mut last, mut apart) = (0, 0, false);
        for axis in 0..MAX_RANK {
            let stride = u64::from(self.strides[1][axis]);
            // Within axes along which there are several, all of the others are between.
            let [from, to] = if apart { [0, self.extents[axis] - 1] } else { ends.map(|places| places[axis]) };
            apart |= from != to;
            start += u64::from(from) * stride;
            last += u64::from(to) * stride;
        }
        start..last + u64::from(self.depth)
    }
}
