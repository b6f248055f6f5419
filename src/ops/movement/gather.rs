use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    Gather, GatherElements, GatherElementsGeometry, GatherGeometry, GatherInputs, GatherNd, GatherNdGeometry, Indexing,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::gather;
use crate::kernels::movement::strided_copy::Word;
use crate::ops::plan::{Argument, Kernels, Plan, in_units};
use crate::shape::MAX_RANK;

macro_rules! gathers {
    ($($op:ident => $geometry:ident),+) => {$(
        impl Kernels for $op {
            type Compiled = ();

            fn takes(_: &$geometry, input: &'static str, dtype: DType) -> bool {
                input == "data" || dtype == DType::I32
            }

            fn compile(gpu: &Gpu, geometry: &$geometry, _: &GatherInputs<TensorSpec>) -> Result<()> {
                // Tensors that begin amid four words are gathered word by word.
                let words = [Word::One, geometry.indexing.word()];
                words.iter().try_for_each(|&word| gpu.compile::<gather::Kernel>(word))
            }

            fn record(
                plan: &Plan<Self>,
                recorder: &mut Recorder,
                inputs: &GatherInputs<Argument>,
                output: &Tensor,
            ) -> Result<()> {
                record(recorder, &plan.geometry().indexing, inputs.data.tensor()?, inputs.indices.tensor()?, output)
            }

            fn smallest() -> (Self, GatherInputs<TensorSpec>) {
                let one = |dtype| TensorSpec { shape: [1].into(), dtype };
                (Self::default(), GatherInputs { data: one(DType::F32), indices: one(DType::I32) })
            }
        }
    )+};
}

gathers!(Gather => GatherGeometry, GatherElements => GatherElementsGeometry, GatherNd => GatherNdGeometry);

impl Indexing {
    /// The words that can be gathered at a time, where tensors begin at four.
    fn word(&self) -> Word {
        let [outer @ .., inner] = &self.axes;
        let fours = inner.strides == [1, 0]
            && inner.extent.is_multiple_of(4)
            && outer.iter().all(|axis| axis.strides[0].is_multiple_of(4))
            && self.parts.iter().all(|part| part.stride.is_multiple_of(4));
        if fours { Word::Four } else { Word::One }
    }
}

/// Records a gathering, in as many dispatches as the tensors need to be bound. Those data are bound whole that an index may name.
fn record(
    recorder: &mut Recorder,
    indexing: &Indexing,
    data: &Tensor,
    indices: &Tensor,
    output: &Tensor,
) -> Result<()> {
    let extents = indexing.axes.map(|axis| axis.extent);
    let strides = [0, 1].map(|operand| indexing.axes.map(|axis| axis.strides[operand]));
    let mut dense = [1; MAX_RANK];
    for axis in (1..MAX_RANK).rev() {
        dense[axis - 1] = dense[axis] * extents[axis];
    }
    let depth = indexing.parts.len() as u32;
    let reach: u64 = indexing.parts.iter().map(|part| u64::from(part.extent.max(1) - 1) * u64::from(part.stride)).sum();
    let mut parts = [[0; MAX_RANK]; 2];
    for (axis, part) in indexing.parts.iter().enumerate() {
        (parts[0][axis], parts[1][axis]) = (part.extent, part.stride);
    }
    let units = [1, 1, 1, 1, 1, indexing.word().words()];
    Ok(in_units(units, extents.map(|extent| 0..extent), &mut |piece: &[Range<u32>; MAX_RANK]| {
        let elements = piece.iter().map(|range| u64::from(range.end - range.start)).product();
        recorder.gpu().capabilities().check_elements("output", elements)?;
        let range = |strides: [u32; MAX_RANK], more: u64| -> Range<u64> {
            let element = |index: fn(&Range<u32>) -> u32| -> u64 {
                piece.iter().zip(strides).map(|(range, stride)| u64::from(index(range)) * u64::from(stride)).sum()
            };
            element(|range| range.start)..element(|range| range.end - 1) + more
        };
        let output = output.binding("output", range(dense, 1))?;
        let indices = indices.binding("indices", range(strides[1], depth.into()))?;
        // There may be none.
        let of_data = range(strides[0], reach + 1);
        let most = data.shape().elements();
        let data = data.binding("data", of_data.start.min(most)..of_data.end.min(most))?;
        let aligned = of_data.end <= most && [&data, &output].iter().all(|binding| binding.first.is_multiple_of(4));
        let word = if aligned { indexing.word() } else { Word::One };
        let mut extents = piece.clone().map(|range| range.end - range.start);
        let (mut data_strides, mut part_strides) = (strides[0], parts[1]);
        if word == Word::Four {
            extents[MAX_RANK - 1] /= 4;
            data_strides[..MAX_RANK - 1].iter_mut().chain(&mut part_strides).for_each(|stride| *stride /= 4);
        }
        let (strides, parts) = ([data_strides, strides[1]], [parts[0], part_strides]);
        gather::gather(recorder, word, depth, extents, strides, parts, [&data, &indices, &output])
    })?)
}
