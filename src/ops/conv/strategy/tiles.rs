//! Which kernel does a convolution without columns, and into what it cuts the work: tiles, terms, splits.

use std::ops::Range;

use super::problem::Problem;
use super::rule::Strategy;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Conv2dGeometry;
use crate::gpu::{Fit, Gpu, Recorder};
use crate::kernels::conv::fused::{Dispatch, Sampling, Steps};
use crate::kernels::conv::fused_cooperative::{self, Matrices, fused_cooperative};
use crate::kernels::conv::fused_direct::{self, fused_direct};
use crate::kernels::conv::fused_tile::{self, Tile, fused_tile};
use crate::ops::conv::channels_last::channel_quads;
use crate::ops::plan::{at_once, bindable, pieces};
use crate::shape::Shape;

/// Workgroups that keep a large device busy: about four for each of its 132 cores.
const BUSY: u64 = 512;

/// The least terms of a split: below it, what is summed behind it costs more than the split gains.
const LEAST_TERMS: u32 = 32;

/// The most bytes of workspace for the packed weight and the sums of splits.
const SPLIT_BYTES: u64 = 16_000_000;

/// The most terms that a kernel does at a time. Where terms are cut they are cut at multiples of it.
const STEP: u32 = 4;

/// Which kernel does a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Groups of few rows.
    Direct,
    Tiles(Tile),
    Cooperative(Matrices),
}

impl Family {
    /// All families of `Strategy::Fused`.
    pub(crate) const FUSED: [Self; 5] = [
        Self::Direct,
        Self::Tiles(Tile::Rows32),
        Self::Tiles(Tile::Rows64),
        Self::Tiles(Tile::Rows64Half),
        Self::Tiles(Tile::Rows128),
    ];

    /// The family for a geometry, by the rows of a group, whether the wide tile leaves enough workgroups, and whether the device has the registers
    /// for whole tiles.
    pub(crate) fn of(gpu: &Gpu, geometry: &Conv2dGeometry) -> Self {
        let rows = geometry.group_out_channels();
        let wide = Self::Tiles(Tile::Rows128);
        match rows {
            0..=8 => Self::Direct,
            9..=32 => Self::Tiles(Tile::Rows32),
            _ if gpu.few_registers() => Self::Tiles(Tile::Rows64Half),
            _ if rows.div_ceil(64).is_multiple_of(2) && wide.workgroups(geometry) >= BUSY / 2 => wide,
            _ => Self::Tiles(Tile::Rows64),
        }
    }

    /// Whether the rule may choose the family on this device.
    pub(crate) fn suits(self, gpu: &Gpu) -> bool {
        match self {
            Self::Tiles(Tile::Rows64Half) => gpu.few_registers(),
            Self::Tiles(Tile::Rows64 | Tile::Rows128) => !gpu.few_registers(),
            _ => true,
        }
    }

    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::Direct | Self::Tiles(_) => Strategy::Fused,
            Self::Cooperative(_) => Strategy::FusedCooperative,
        }
    }

    pub(crate) fn compile(self, gpu: &Gpu, deformable: bool) -> Result<()> {
        let sampling = Sampling::of(deformable);
        match self {
            Self::Direct => gpu.compile::<fused_direct::Kernel>(sampling),
            Self::Tiles(tile) => gpu.compile::<fused_tile::Kernel>((tile, sampling)),
            Self::Cooperative(matrices) => gpu.compile::<fused_cooperative::Kernel>((matrices, sampling)),
        }
    }

    pub(crate) fn record(self, recorder: &mut Recorder, dispatch: &Dispatch) -> Fit {
        match self {
            Self::Direct => fused_direct(recorder, dispatch),
            Self::Tiles(tile) => fused_tile(recorder, tile, dispatch),
            Self::Cooperative(matrices) => fused_cooperative(recorder, matrices, dispatch),
        }
    }

    /// Rows and pixels that a workgroup does.
    pub(crate) fn tile(self) -> [u32; 2] {
        match self {
            Self::Direct => fused_direct::TILE,
            Self::Tiles(tile) => tile.extents(),
            Self::Cooperative(matrices) => matrices.tile(),
        }
    }

    /// The loops of the family's kernel.
    fn steps(self) -> Steps {
        match self {
            Self::Direct => fused_direct::steps(),
            Self::Tiles(tile) => tile.steps(),
            Self::Cooperative(matrices) => matrices.steps(),
        }
    }

    /// The element type in which the kernel reads the weight, and the rows that it reads together: where rows are cut they are cut at
    /// multiples of it.
    pub(crate) fn weight(self) -> (DType, u32) {
        match self {
            Self::Direct | Self::Tiles(_) => (DType::F32, 4),
            Self::Cooperative(matrices) => (DType::F16, matrices.tile()[0]),
        }
    }

    /// Workgroups of a whole convolution.
    fn workgroups(self, geometry: &Conv2dGeometry) -> u64 {
        let [rows, pixels] = self.tile().map(u64::from);
        let all = u64::from(geometry.im2col.batch) * u64::from(geometry.im2col.out_pixels());
        u64::from(geometry.groups) * u64::from(geometry.group_out_channels()).div_ceil(rows) * all.div_ceil(pixels)
    }
}

/// A convolution without columns, cut into tiles and splits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles {
    geometry: Conv2dGeometry,
    quads_per_group: u32,
    family: Family,
    splits: u32,
}

impl Tiles {
    /// Cuts a convolution into the tiles of a kernel, and into splits by the rule: one, but where the tiles are too few to keep a device busy.
    pub(crate) fn by_rule(gpu: &Gpu, problem: &Problem, family: Family) -> Self {
        let whole = Self::whole(problem, family);
        let most = [
            BUSY / family.workgroups(&problem.geometry).max(1),
            u64::from(whole.terms() / LEAST_TERMS),
            whole.most_splits(gpu, problem),
        ];
        whole.in_splits(most.into_iter().min().unwrap_or(1))
    }

    /// Cuts a convolution into the tiles of a kernel and so many splits.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where that many splits are not possible.
    pub(crate) fn with_splits(gpu: &Gpu, problem: &Problem, family: Family, splits: u32) -> Result<Self> {
        let refused = |nearest| {
            let message = format!("{splits} splits are not possible; {nearest} are the nearest for {problem}");
            Err(Error::Unsupported(message))
        };
        if splits > 1 && DType::F32.size() * problem.geometry.weight_shape().elements() > SPLIT_BYTES {
            return refused(1);
        }
        let whole = Self::whole(problem, family);
        let tiles = whole.in_splits(u64::from(splits).min(whole.most_splits(gpu, problem)));
        if tiles.splits == splits { Ok(tiles) } else { refused(tiles.splits) }
    }

    /// Numbers of splits that are worth measuring: the rule's, one, and half and twice the rule's as far as possible.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn splits_to_measure(gpu: &Gpu, problem: &Problem, family: Family) -> [u32; 4] {
        let rule = Self::by_rule(gpu, problem, family);
        let (splits, most) = (u64::from(rule.splits), rule.most_splits(gpu, problem));
        [splits, 1, splits / 2, 2 * splits].map(|splits| rule.in_splits(splits.min(most)).splits)
    }

    fn whole(problem: &Problem, family: Family) -> Self {
        let Problem { geometry, deformation, .. } = *problem;
        let offset_groups = deformation.map_or(1, |deformation| deformation.offset_groups);
        let quads = channel_quads(geometry.im2col.channels, geometry.groups, offset_groups);
        Self { geometry, quads_per_group: quads.len() as u32 / geometry.groups, family, splits: 1 }
    }

    /// Whole steps of terms in about so many splits: in fewer, where their terms are rounded up.
    fn in_splits(self, splits: u64) -> Self {
        let splits = splits.clamp(1, self.terms().into()) as u32;
        let tiles = Self { splits, ..self };
        Self { splits: self.terms().div_ceil(tiles.split_terms()), ..tiles }
    }

    /// The most splits that have a step of terms each, and whose outputs take no more workspace than they may.
    fn most_splits(&self, gpu: &Gpu, problem: &Problem) -> u64 {
        if self.weight_pieces(gpu).len() > 1 {
            return 1;
        }
        let output_bytes = 4 * self.geometry.output_shape().elements().max(1);
        let bytes = bindable(gpu).min(SPLIT_BYTES.saturating_sub(self.weight_bytes()));
        // Before an output of 16 bits is rounded, it is a sum in f32.
        let rounded = u64::from(problem.dtypes[0] != DType::F32);
        (bytes / output_bytes).saturating_sub(rounded).min(u64::from(self.terms().div_ceil(STEP))).max(1)
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn splits(&self) -> u32 {
        self.splits
    }

    /// The terms of a split, where there are so many.
    pub(crate) fn split_terms(&self) -> u32 {
        self.terms().div_ceil(self.splits).next_multiple_of(STEP)
    }

    /// Quads of channels, times taps, of a group.
    pub(crate) fn terms(&self) -> u32 {
        self.geometry.im2col.taps() * self.quads_per_group
    }

    /// Terms of a group in the packed weight: whole steps.
    pub(crate) fn packed_terms(&self) -> u32 {
        self.terms().next_multiple_of(STEP)
    }

    /// Rows of a group in the packed weight.
    pub(crate) fn packed_rows(&self) -> u32 {
        let (_, together) = self.family.weight();
        self.geometry.group_out_channels().next_multiple_of(together)
    }

    /// Elements of one term of the packed weight.
    pub(crate) fn term_elements(&self) -> u64 {
        4 * u64::from(self.packed_rows())
    }

    pub(crate) fn packed_shape(&self) -> Shape {
        [self.geometry.groups, self.packed_terms(), 4, self.packed_rows()].into()
    }

    /// Bytes of the packed weight in f32.
    pub(crate) fn weight_bytes(&self) -> u64 {
        4 * self.packed_shape().elements()
    }

    /// Elements of some terms of some groups of the packed weight: those of one group, or all.
    pub(crate) fn packed_elements(&self, groups: &Range<u32>, terms: &Range<u32>) -> Range<u64> {
        let element = |group: u32, term: u32| {
            (u64::from(group) * u64::from(self.packed_terms()) + u64::from(term)) * self.term_elements()
        };
        element(groups.start, terms.start)..element(groups.end - 1, terms.end)
    }

    /// Groups and their terms, in pieces of which the weight can be bound and the loops end: all terms of some groups, or some of one.
    pub(crate) fn weight_pieces(&self, gpu: &Gpu) -> Vec<(Range<u32>, Range<u32>)> {
        let (groups, all) = (self.geometry.groups, self.packed_terms());
        let (dtype, _) = self.family.weight();
        let looped = at_once(gpu, all, |terms| self.family.steps().iterations(terms));
        let most = (bindable(gpu) / dtype.size() / self.term_elements()).clamp(STEP.into(), (u32::MAX - STEP).into());
        if looped == all && most >= all.into() {
            return pieces(0..groups, most as u32 / all).map(|groups| (groups, 0..all)).collect();
        }
        let terms = (most as u32).min(looped) / STEP * STEP;
        let of_group = |group| pieces(0..all, terms).map(move |terms| (group..group + 1, terms));
        (0..groups).flat_map(of_group).collect()
    }

    /// Rows of a group that are written together: as many as a kernel reads of the packed weight.
    pub(crate) fn rows_together(&self) -> u32 {
        let (_, together) = self.family.weight();
        together.min(self.geometry.group_out_channels())
    }
}
