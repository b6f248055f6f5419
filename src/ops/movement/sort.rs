//! Sorting of words by keys, in time that grows with their number.

use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor};
use crate::kernels::movement::sort_counts::{self, BLOCK, sort_counts};
use crate::kernels::movement::sort_offsets::{self, sort_offsets};
use crate::kernels::movement::sort_scatter::{self, sort_scatter};

/// The bits of a digit: a pass sorts by one digit, from the lowest to the highest.
const DIGIT_BITS: u32 = 8;

/// Workspace of a sort of keys and their values, each a word. Values of equal keys stay in their order.
pub(crate) struct Sort {
    keys: [Tensor; 2],
    values: [Tensor; 2],
    table: Tensor,
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile::<sort_counts::Kernel>(())?;
    gpu.compile::<sort_offsets::Kernel>(())?;
    gpu.compile::<sort_scatter::Kernel>(())
}

impl Sort {
    /// Takes workspace for so many keys at most.
    pub(crate) fn workspace(recorder: &mut Recorder, most: u32) -> Result<Self> {
        let mut words = || recorder.workspace([most]);
        let (keys, values) = ([words()?, words()?], [words()?, words()?]);
        Ok(Self { keys, values, table: recorder.workspace([most.div_ceil(BLOCK) + 1, 1 << DIGIT_BITS])? })
    }

    /// Where so many keys and their values are to be written before they are sorted.
    pub(crate) fn unsorted(&self, elements: u32) -> Fit<[Binding; 2]> {
        self.side(0, elements)
    }

    fn side(&self, side: usize, elements: u32) -> Fit<[Binding; 2]> {
        let all = 0..u64::from(elements);
        Ok([self.keys[side].binding("keys", all.clone())?, self.values[side].binding("values", all)?])
    }

    /// Records the sort of so many keys, which are `largest` at most: the sorted keys, and their values.
    pub(crate) fn record(&self, recorder: &mut Recorder, elements: u32, largest: u32) -> Fit<[Binding; 2]> {
        let blocks = elements.div_ceil(BLOCK);
        let table = self.table.binding("table", 0..u64::from(blocks + 1) << DIGIT_BITS)?;
        let passes = (u32::BITS - largest.leading_zeros()).div_ceil(DIGIT_BITS);
        for pass in 0..passes {
            let [keys, values] = self.side((pass % 2) as usize, elements)?;
            let [sorted_keys, sorted_values] = self.side(((pass + 1) % 2) as usize, elements)?;
            let shift = pass * DIGIT_BITS;
            sort_counts(recorder, sort_counts::Params { elements, blocks, shift }, [&keys, &table])?;
            sort_offsets(recorder, sort_offsets::Params { blocks }, [&table])?;
            let params = sort_scatter::Params { elements, blocks, shift };
            sort_scatter(recorder, params, [&keys, &values, &table, &sorted_keys, &sorted_values])?;
        }
        self.side((passes % 2) as usize, elements)
    }
}
