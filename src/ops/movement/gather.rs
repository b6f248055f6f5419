use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    Gather, GatherElements, GatherElementsGeometry, GatherGeometry, GatherGradients, GatherInputs, GatherNd,
    GatherNdGeometry, Indexing, ScatterReduction,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::gather::{self, Indices, Params, gather};
use crate::kernels::movement::indexing as kernels;
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::reduce::cum_sum::Number;
use crate::ops::movement::scatter::Scattering;
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, bindable, in_units};
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
                let indexing = &geometry.indexing;
                let words = [Word::One, indexing.word()];
                words.iter().try_for_each(|&word| gpu.compile::<gather::Kernel>((word, indexing.indices())))
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

        /// The vector-Jacobian product: each element of the data has the sum of `grad_output` where an index names it, in order. Integers have none.
        impl Differentiable for $op {
            type Gradients = GatherGradients<()>;

            fn record_backward(
                plan: &Plan<Self>,
                recorder: &mut Recorder,
                inputs: &GatherInputs<Argument>,
                grad_output: &Tensor,
                destinations: &GatherGradients<Destination>,
            ) -> Result<()> {
                let Some(data) = destinations.data else { return Ok(()) };
                let dtype = inputs.data.tensor()?.dtype();
                if !dtype.is_float() {
                    return Err(Error::dtype("data", format!("data holds {dtype}, which has no gradient")));
                }
                if !data.accumulates() {
                    zeros(recorder, data.tensor())?;
                }
                let updates = ("grad_output", grad_output);
                let scattering = Scattering {
                    indexing: &plan.geometry().indexing,
                    reduction: ScatterReduction::Add,
                    number: Number::F32,
                };
                scattering.record(recorder, inputs.indices.tensor()?, updates, ("grad_data", data.tensor()))
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

    /// Whether rows or elements have indices of their own.
    fn indices(&self) -> Indices {
        let [outer @ .., _, inner] = &self.axes;
        let by_rows = outer.iter().all(|axis| axis.extent == 1) && inner.strides[1] == 0 && self.parts.len() == 1;
        if by_rows { Indices::OfRows } else { Indices::OfElements }
    }
}

impl Indexing {
    /// The extents of the axes, and the strides of data and indices.
    pub(crate) fn walked(&self) -> ([u32; MAX_RANK], [[u32; MAX_RANK]; 2]) {
        (self.axes.map(|axis| axis.extent), [0, 1].map(|operand| self.axes.map(|axis| axis.strides[operand])))
    }

    /// The extents and the strides of the axes that the parts of an index are along.
    pub(crate) fn named(&self) -> [[u32; MAX_RANK]; 2] {
        let mut named = [[0; MAX_RANK]; 2];
        for (axis, part) in self.parts.iter().enumerate() {
            (named[0][axis], named[1][axis]) = (part.extent, part.stride);
        }
        named
    }
}

/// Records a gathering, in as many dispatches as the tensors need to be bound. Those data are bound together that an index may name, or, where they are
/// beyond a binding, one window of them after another.
fn record(
    recorder: &mut Recorder,
    indexing: &Indexing,
    data: &Tensor,
    indices: &Tensor,
    output: &Tensor,
) -> Result<()> {
    let ((extents, strides), named) = (indexing.walked(), indexing.named());
    let mut dense = [1; MAX_RANK];
    for axis in (1..MAX_RANK).rev() {
        dense[axis - 1] = dense[axis] * extents[axis];
    }
    let depth = indexing.parts.len() as u32;
    let reach: u64 = indexing.parts.iter().map(|part| u64::from(part.extent.max(1) - 1) * u64::from(part.stride)).sum();
    let bound = bindable(recorder.gpu()) / 4;
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
        let (of_data, most) = (range(strides[0], reach + 1), data.shape().elements());
        let (start, end) = (of_data.start.min(most), of_data.end.min(most));
        let all = end - start;
        let window = if reach < bound { all } else { bound };
        recorder.all(|recorder| {
            let mut first = start;
            loop {
                let last = end.min(first + window);
                let data = data.binding("data", first..last)?;
                let aligned =
                    end == of_data.end && [&data, &output].iter().all(|binding| binding.first.is_multiple_of(4));
                let word = if aligned { indexing.word() } else { Word::One };
                let words = word.words();
                let counted = |elements: [u32; MAX_RANK]| elements.map(|elements| elements / words);
                let mut extents = piece.clone().map(|range| range.end - range.start);
                extents[MAX_RANK - 1] /= words;
                let mut of_data = counted(strides[0]);
                of_data[MAX_RANK - 1] = strides[0][MAX_RANK - 1];
                let named = [named[0], counted(named[1])];
                let params = Params {
                    indexing: kernels::Indexing {
                        data_start: ((start / u64::from(words)) as u32).wrapping_sub((first / u64::from(words)) as u32),
                        ..kernels::Indexing::new(extents, [of_data, strides[1]], depth, named)
                    },
                    rows: extents[..MAX_RANK - 1].iter().product(),
                    window: ((last - first) / u64::from(words)) as u32,
                    fills: (first == start).into(),
                    ..Default::default()
                };
                gather(recorder, (word, indexing.indices()), params, [&data, &indices, &output])?;
                first = last;
                if first == end {
                    return Ok(());
                }
            }
        })
    })?)
}
