//! The chains of a strip's samples, by the cells that they lie in: what the gradient of a deformable window's input is gathered by.

use std::ops::Range;

use crate::error::Result;
use crate::geometry::{Deformation, Im2colGeometry};
use crate::gpu::{Binding, Capabilities, Fit, Gpu, Iterations, Loops, Recorder, Tensor};
use crate::kernels::sample::chain_samples::{self, chain_samples};
use crate::kernels::sample::chain_sorted::{self, chain_sorted};
use crate::kernels::sample::sample_keys::{self, sample_keys};
use crate::ops::conv::columns::Columns;
use crate::ops::movement::sort::{self, Sort};
use crate::ops::plan::{at_once, bindable};

/// How the samples of a strip are chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chaining {
    /// Each owner of some cells walks over all samples: little work for few invocations, as on adapters that run on the CPU.
    Walked,
    /// Samples are sorted by cell: work in proportion to the samples, for as many invocations, as on GPUs.
    Sorted,
}

impl Chaining {
    /// The one that suits the device.
    pub(crate) fn of(capabilities: &Capabilities) -> Self {
        if capabilities.software() { Self::Walked } else { Self::Sorted }
    }

    /// A strip of several pixels has no more samples than this in one offset group: they are walked over, or sorted, together.
    pub(crate) fn most_samples(self) -> u32 {
        match self {
            Self::Walked => 40 << 10,
            Self::Sorted => 1 << 19,
        }
    }

    /// Bytes, about, of the workspace of chains beside what each sample takes, over packed images of so many bytes.
    pub(crate) fn held_bytes(self, packed: u64) -> u64 {
        let heads = HEADS_BYTES.min(packed);
        match self {
            Self::Walked => heads,
            Self::Sorted => heads + 16 * u64::from(self.most_samples()),
        }
    }

    pub(crate) fn compile(self, gpu: &Gpu) -> Result<()> {
        match self {
            Self::Walked => gpu.compile::<chain_samples::Kernel>(()),
            Self::Sorted => {
                sort::compile(gpu)?;
                gpu.compile::<sample_keys::Kernel>(())?;
                gpu.compile::<chain_sorted::Kernel>(())
            }
        }
    }
}

/// The most samples of a cell that is not long: where samples are sorted, the pixels beside a long one have workgroups of their own.
pub(crate) const SHORT_CELL: u32 = 64;

/// Bytes, about, of the heads of chains that are made at a time: an input is done in offset groups and, where samples are walked over, bands of
/// rows. Where all heads of an image are kept, they and the lists of pixels take `KEPT_HEADS_BYTES` at most.
const HEADS_BYTES: u64 = 8 << 20;
const KEPT_HEADS_BYTES: u64 = 320 << 20;

/// The chains that are made at once: those of some offset groups and of some rows of the input, in all images of a strip.
pub(crate) struct Chains {
    pub(crate) offset_groups: u32,
    pub(crate) rows: u32,
    heads: Tensor,
    /// Heads of each piece of offset groups and rows, and how many pieces have heads of their own; the others share them.
    piece: u32,
    own: u32,
    pub(crate) kept: Option<KeptHeads>,
    sorting: Option<Sorting>,
}

/// Lists of pixels, where heads are kept, and kept empty, between strips.
pub(crate) struct KeptHeads {
    /// The pixels near the samples of a piece, in lists of so many at most, four for each offset group, which take no more than its heads.
    pub(crate) listed: u32,
    pub(crate) touched: Tensor,
    pub(crate) counts: Tensor,
}

/// Workspace of samples that are sorted by cell, and of a list of the long cells.
struct Sorting {
    sort: Sort,
    long_cells: Tensor,
}

/// The samples and cells of which chains are made at once.
pub(crate) struct ChainPiece {
    pub(crate) images: u32,
    /// The samples of an image in an offset group.
    pub(crate) image_rows: u32,
    /// The samples of the strip in an offset group.
    pub(crate) rows: u32,
    pub(crate) offset_groups: Range<u32>,
    pub(crate) cell_first: u32,
    pub(crate) cells: u32,
}

impl ChainPiece {
    pub(crate) fn groups(&self) -> u32 {
        self.offset_groups.end - self.offset_groups.start
    }

    fn heads(&self) -> u32 {
        self.images * self.groups() * self.cells
    }
}

/// The samples of a piece, sorted by cell.
pub(crate) struct SortedSamples {
    pub(crate) keys: Binding,
    pub(crate) rows: Binding,
    pub(crate) long_cells: Binding,
    /// The most cells that may be long.
    pub(crate) listed: u32,
}

impl Chains {
    /// Workspace for strips of so many images and pixels at most. Strips of fewer images make the chains of no more offset groups and rows:
    /// what these would need may be more than was taken.
    pub(crate) fn workspace(
        recorder: &mut Recorder,
        columns: &Columns,
        deformation: &Deformation,
        chaining: Chaining,
        [images, pixels]: [u32; 2],
    ) -> Result<Self> {
        let Im2colGeometry { height, width, .. } = columns.im2col;
        let samples = pixels * columns.im2col.taps();
        let keeps = images == 1 && few_samples(recorder.gpu(), columns, deformation, chaining, samples);
        let budget = match chaining {
            Chaining::Walked if keeps => u64::MAX,
            Chaining::Walked => HEADS_BYTES,
            // Each band would sort all samples: there is one, as long as it can be bound.
            Chaining::Sorted => HEADS_BYTES.max(4 * u64::from(images) * cells(&columns.im2col, height)),
        };
        let most = budget.min(bindable(recorder.gpu())) / (4 * u64::from(images));
        let sorted = match chaining {
            Chaining::Walked => u64::MAX,
            Chaining::Sorted => u64::from(chaining.most_samples() / samples.max(1)),
        };
        let offset_groups = (most / cells(&columns.im2col, height)).min(sorted);
        let offset_groups = offset_groups.clamp(1, deformation.offset_groups.into()) as u32;
        let rows = (most / (u64::from(width) + 1)).saturating_sub(1).clamp(1, height.into()) as u32;
        let heads = u64::from(images) * u64::from(offset_groups) * cells(&columns.im2col, rows);
        // Filled up to what a binding may start at.
        let piece = heads.next_multiple_of(64) as u32;
        let own = match chaining {
            Chaining::Walked if keeps => deformation.offset_groups.div_ceil(offset_groups) * height.div_ceil(rows),
            _ => 1,
        };
        let kept = keeps.then(|| -> Result<_> {
            let listed = samples.min(rows.div_ceil(2) * width.div_ceil(2));
            let touched = recorder.workspace([offset_groups, 4, listed])?;
            Ok(KeptHeads { listed, touched, counts: recorder.workspace([offset_groups, 4])? })
        });
        let kept = kept.transpose()?;
        let sorting = (chaining == Chaining::Sorted).then(|| -> Result<_> {
            let sort = Sort::workspace(recorder, offset_groups * samples)?;
            Ok(Sorting { sort, long_cells: recorder.workspace([1 + offset_groups * samples / SHORT_CELL])? })
        });
        Ok(Self {
            offset_groups,
            rows,
            heads: recorder.workspace([own * piece])?,
            piece,
            own,
            kept,
            sorting: sorting.transpose()?,
        })
    }

    /// The heads of the cells of a piece, the number of which is `index`.
    pub(crate) fn heads(&self, index: usize, piece: &ChainPiece) -> Fit<Binding> {
        let first = index as u64 % u64::from(self.own) * u64::from(self.piece);
        self.heads.binding("input", first..first + u64::from(piece.heads()))
    }

    /// The most samples that one invocation adds to so many pixels, where so many samples of an image are chained.
    pub(crate) fn most_merged(&self, chained: u32, pixels: u32) -> u32 {
        match self.sorting {
            Some(_) => chained.min(pixels.saturating_mul(4 * SHORT_CELL)),
            None => chained,
        }
    }

    /// The most samples of each image of a piece that are chained at a time, where adding so many takes these iterations.
    pub(crate) fn at_a_time(&self, gpu: &Gpu, piece: &ChainPiece, adding: impl Fn(u32) -> Iterations) -> u32 {
        match self.sorting {
            // All are sorted together.
            Some(_) => piece.image_rows,
            None => {
                let chaining = |chained| walk(piece, 0..chained, false).iterations();
                at_once(gpu, piece.image_rows, chaining).min(at_once(gpu, piece.image_rows, adding))
            }
        }
    }

    /// Records the chaining of some samples of each image of a piece. Where samples are sorted, it chains all.
    pub(crate) fn record(
        &self,
        recorder: &mut Recorder,
        piece: &ChainPiece,
        chained: &Range<u32>,
        emptied: bool,
        [cells, of_samples, heads]: [&Binding; 3],
    ) -> Fit<Option<SortedSamples>> {
        let Some(Sorting { sort, long_cells }) = &self.sorting else {
            let params = walk(piece, chained.clone(), emptied);
            chain_samples(recorder, params, [cells, of_samples, heads])?;
            return Ok(None);
        };
        let elements = piece.groups() * piece.rows;
        let listed = elements / SHORT_CELL;
        let long_cells = long_cells.binding("input", 0..u64::from(1 + listed))?;
        let [keys, rows] = sort.unsorted(elements)?;
        let params = sample_keys::Params {
            rows: piece.rows,
            image_rows: piece.image_rows,
            offset_group_first: piece.offset_groups.start,
            offset_groups: piece.groups(),
            cell_first: piece.cell_first,
            cells: piece.cells,
            nowhere: piece.heads(),
            emptied: if emptied { 0 } else { piece.heads() },
        };
        sample_keys(recorder, params, [cells, &keys, &rows, heads, &long_cells])?;
        let [keys, rows] = sort.record(recorder, elements, piece.heads())?;
        let params = chain_sorted::Params {
            elements,
            nowhere: piece.heads(),
            rows: piece.rows,
            offset_group_first: piece.offset_groups.start,
            offset_groups: piece.groups(),
            cells: piece.cells,
            most: SHORT_CELL,
        };
        chain_sorted(recorder, params, [&keys, &rows, of_samples, heads, &long_cells])?;
        Ok(Some(SortedSamples { keys, rows, long_cells, listed }))
    }
}

fn walk(piece: &ChainPiece, chained: Range<u32>, emptied: bool) -> chain_samples::Params {
    let groups = piece.groups();
    chain_samples::Params {
        images: piece.images,
        image_rows: piece.image_rows,
        rows: piece.rows,
        offset_group_first: piece.offset_groups.start,
        offset_groups: groups,
        cell_first: piece.cell_first,
        cells: piece.cells,
        owned: chain_samples::owned(piece.images * groups, piece.cells, emptied),
        row_first: chained.start,
        row_end: chained.end,
        emptied: emptied.into(),
    }
}

/// Whether strips with so many samples in an offset group have few beside the pixels of an image, and heads can be kept.
fn few_samples(gpu: &Gpu, columns: &Columns, deformation: &Deformation, chaining: Chaining, samples: u32) -> bool {
    let Im2colGeometry { height, width, .. } = columns.im2col;
    // A sample is near four pixels.
    let most_listed = 4 * u64::from(samples);
    let offset_groups = match chaining {
        Chaining::Walked => deformation.offset_groups,
        Chaining::Sorted => 1,
    };
    let kept = 4 * (cells(&columns.im2col, height) + most_listed) * u64::from(offset_groups);
    most_listed < u64::from(height) * u64::from(width)
        && kept < KEPT_HEADS_BYTES.min(gpu.capabilities().limits.max_buffer_size / 2)
}

/// The cells that some rows of an image have neighbours in.
pub(crate) fn cells(im2col: &Im2colGeometry, rows: u32) -> u64 {
    (u64::from(rows) + 1) * (u64::from(im2col.width) + 1)
}
