use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{CopyAxis, PadMode, StridedCopy, StridedCopyGeometry};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_tiles::{self, TILE, TileAxis, copy_tiles};
use crate::kernels::movement::strided_copy::{self, Places, Word, outside, strided_copy};
use crate::ops::plan::{Argument, Kernels, Plan, in_units};
use crate::shape::MAX_RANK;

impl Kernels for StridedCopy {
    type Compiled = ();

    fn takes(_: &StridedCopyGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn compile(gpu: &Gpu, geometry: &StridedCopyGeometry, _: &TensorSpec) -> Result<()> {
        let copy = Moved::of(geometry);
        // A tensor that begins amid four words is copied word by word.
        let words = if copy.word == Word::Four { &[Word::Four, Word::One][..] } else { &[Word::One] };
        words.iter().try_for_each(|&word| match copy.tiled {
            Some(_) => gpu.compile::<copy_tiles::Kernel>(word),
            None => gpu.compile::<strided_copy::Kernel>((copy.places, word)),
        })
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        Moved::of(plan.geometry()).record(recorder, input.tensor()?, output)
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::transpose(&[0]), TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The elements of a tensor that a copy moves, and how.
pub(crate) struct Moved {
    first: u64,
    axes: [CopyAxis; MAX_RANK],
    constant: u32,
    places: Places,
    word: Word,
    /// The axis whose neighbours lie side by side in the source, where the copy is by tiles.
    tiled: Option<usize>,
}

/// A piece of a copy's output.
type Piece = [Range<u32>; MAX_RANK];

impl Moved {
    pub(crate) fn of(geometry: &StridedCopyGeometry) -> Self {
        let &StridedCopyGeometry { first, axes, .. } = geometry;
        let modes = || axes.iter().filter_map(|axis| Some(axis.outside?.mode));
        let constant = modes().find_map(|mode| if let PadMode::Constant(bits) = mode { Some(bits) } else { None });
        let places = if modes().next().is_some() { Places::Outside } else { Places::Inside };
        let [outer @ .., inner] = &axes;
        // Where neither is short.
        let long = |axis: &CopyAxis| axis.extent >= TILE / 4;
        let tiled = outer.iter().position(|axis| axis.stride == 1 && long(axis));
        let tiled = tiled.filter(|_| places == Places::Inside && inner.stride != 1 && long(inner));
        let along = tiled.unwrap_or(MAX_RANK - 1);
        let fours = |(index, axis): (usize, &CopyAxis)| {
            let whole = if index == along { axis.outside.is_none() && axis.stride == 1 } else { axis.stride % 4 == 0 };
            whole && ((index != along && index != MAX_RANK - 1) || axis.extent.is_multiple_of(4))
        };
        let fours = geometry.input.elements() >= 4 && first.is_multiple_of(4) && axes.iter().enumerate().all(fours);
        let word = if fours { Word::Four } else { Word::One };
        Self { first, axes, constant: constant.unwrap_or(0), places, word, tiled }
    }

    /// Records the copy, in as many dispatches as the tensors need to be bound.
    pub(crate) fn record(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        let mut units = [1; MAX_RANK];
        units[MAX_RANK - 1] = self.word.words();
        if let Some(along) = self.tiled {
            units[along] = self.word.words();
        }
        // Halved from the outermost axis on, a piece is one range of the output.
        let dense = self.output_strides();
        Ok(in_units(units, self.axes.map(|axis| 0..axis.extent), &mut |piece| {
            let elements = piece.iter().map(|range| u64::from(range.end - range.start)).product();
            recorder.gpu().capabilities().check_elements("output", elements)?;
            let element = |index: fn(&Range<u32>) -> u32| -> u64 {
                piece.iter().zip(dense).map(|(range, stride)| u64::from(index(range)) * stride).sum()
            };
            let to = element(|range| range.start)..element(|range| range.end - 1) + 1;
            let from = self.source(piece);
            // A binding shows four words at least, where there are so many.
            let from = if from.is_empty() { 0..input.shape().elements().min(4) } else { from };
            let output = output.binding("output", to)?;
            let input = input.binding("input", from.clone())?;
            let bindings = [&input, &output];
            match self.tiled {
                Some(along) => self.record_tiles(recorder, along, piece, from.start, bindings),
                None => self.record_rows(recorder, piece, from.start, bindings),
            }
        })?)
    }

    /// How far apart elements of the output lie along each axis.
    fn output_strides(&self) -> [u64; MAX_RANK] {
        let mut strides = [1; MAX_RANK];
        for axis in (1..MAX_RANK).rev() {
            strides[axis - 1] = strides[axis] * u64::from(self.axes[axis].extent);
        }
        strides
    }

    /// The range of the source that a piece is copied from; empty, where all of it is outside.
    fn source(&self, piece: &Piece) -> Range<u64> {
        let (mut least, mut most) = (self.first as i64, self.first as i64);
        for (axis, range) in self.axes.iter().zip(piece) {
            let positions = axis.outside.map_or(range.clone(), |outside| outside.positions(range));
            if positions.is_empty() {
                return 0..0;
            }
            let ends = [positions.start, positions.end - 1].map(|position| i64::from(position) * axis.stride);
            least += ends[0].min(ends[1]);
            most += ends[0].max(ends[1]);
        }
        least as u64..most as u64 + 1
    }

    /// Where a piece begins in the source, from an element that is bound on, but for the axes that leave the source.
    fn begin(&self, piece: &Piece, bound: u64) -> i64 {
        let along = |(axis, range): (&CopyAxis, &Range<u32>)| match axis.outside {
            None => i64::from(range.start) * axis.stride,
            Some(_) => 0,
        };
        self.first as i64 - bound as i64 + self.axes.iter().zip(piece).map(along).sum::<i64>()
    }

    /// The words that are moved at a time where a piece begins there.
    fn word_of(&self, begin: i64, bindings: [&Binding; 2]) -> Word {
        let aligned = begin % 4 == 0 && bindings.iter().all(|binding| binding.first.is_multiple_of(4));
        if aligned { self.word } else { Word::One }
    }

    fn record_rows(&self, recorder: &mut Recorder, piece: &Piece, bound: u64, [source, output]: [&Binding; 2]) -> Fit {
        let begin = self.begin(piece, bound);
        let word = self.word_of(begin, [source, output]);
        let words = i64::from(word.words());
        let mut axes = [strided_copy::CopyAxis::default(); MAX_RANK];
        let mut modes = [0; MAX_RANK];
        for (index, (axis, range)) in self.axes.iter().zip(piece).enumerate() {
            modes[index] = outside(axis.outside.map(|outside| outside.mode));
            axes[index] = strided_copy::CopyAxis {
                extent: range.end - range.start,
                // Modulo 2^32, as the shader adds.
                stride: (axis.stride / words) as u32,
                first: 0,
                source_extent: 0,
            };
            if let Some(outside) = axis.outside {
                let first = i64::from(outside.first) + i64::from(range.start);
                axes[index].first = match outside.mode {
                    PadMode::Reflect | PadMode::Wrap => first.rem_euclid(outside.period().into()) as u32,
                    PadMode::Constant(_) | PadMode::Edge => first as u32,
                };
                axes[index].source_extent = outside.extent;
            }
        }
        if word == Word::Four {
            axes[MAX_RANK - 1].extent /= 4;
            axes[MAX_RANK - 1].stride = 1;
        }
        let first = (begin / words) as u32;
        strided_copy(recorder, (self.places, word), axes, modes, (first, self.constant), [source, output])
    }

    fn record_tiles(
        &self,
        recorder: &mut Recorder,
        along: usize,
        piece: &Piece,
        bound: u64,
        bindings: [&Binding; 2],
    ) -> Fit {
        let begin = self.begin(piece, bound);
        let word = self.word_of(begin, bindings);
        let words = i64::from(word.words());
        let strides = self.output_strides();
        let axis = |index: usize, tile: u32| {
            let extent = piece[index].end - piece[index].start;
            // Modulo 2^32, as the shader adds.
            let source_stride = (self.axes[index].stride / words) as u32;
            let output_stride = strides[index] as u32 / word.words();
            TileAxis { extent, tiles: extent.div_ceil(tile), source_stride, output_stride }
        };
        let others: Vec<_> = (0..MAX_RANK - 1).filter(|&index| index != along).collect();
        let outer = [0, 1, 2, 3].map(|index| axis(others[index], 1));
        let first = (begin / words) as u32;
        copy_tiles(recorder, word, outer, [axis(along, TILE), axis(MAX_RANK - 1, TILE)], first, bindings)
    }
}
