//! Sampling points of queries and heads: points/parts/points.wgsl.

use crate::geometry::SampleMode;
use crate::gpu::{Axis, Binding, File, axis, wgsl};
use crate::kernels::params;

params!(
    /// The points of a piece of the work, where their positions and weights lie, and what their places follow from.
    struct Points {
        images,
        queries,
        heads,
        points,
        query_first,
        positions_image,
        positions_query,
        positions_head,
        positions_first,
        weights_image,
        weights_query,
        weights_head,
        weights_first,
        height,
        width,
        out_width,
        stride_y,
        stride_x,
        scale: f32,
        band_first,
        band_pixels,
        padding,
        align_corners,
        round_first,
    }
);

impl Points {
    /// How many there are.
    pub(crate) fn all(&self) -> u64 {
        u64::from(self.images) * u64::from(self.queries) * u64::from(self.heads) * u64::from(self.points)
    }
}

/// Where points with weights lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighted {
    /// In levels, bilinear.
    Attention,
    /// In levels, each at one pixel.
    Discrete,
    /// At the taps of a window.
    Window,
}

axis!(Weighted { Attention: "attention", Discrete: "discrete", Window: "window" });

/// Where points lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    Weighted(Weighted),
    /// At the samples of a grid, with a weight of 1: a cubic one is 16 points.
    Grid(SampleMode),
}

impl Axis for Placement {
    const COUNT: usize = Weighted::COUNT + SampleMode::COUNT;

    fn all() -> Vec<Self> {
        let grids = SampleMode::all().into_iter().map(Self::Grid);
        Weighted::all().into_iter().map(Self::Weighted).chain(grids).collect()
    }

    fn index(self) -> usize {
        match self {
            Self::Weighted(weighted) => weighted.index(),
            Self::Grid(mode) => Weighted::COUNT + mode.index(),
        }
    }

    fn label(self) -> String {
        match self {
            Self::Weighted(weighted) => weighted.label(),
            Self::Grid(mode) => format!("grid_{}", mode.label()),
        }
    }
}

/// Channels that an invocation does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lanes {
    One,
    Four,
}

axis!(Lanes { One: "1", Four: "4" });

impl Lanes {
    /// How many elements they are.
    pub(crate) fn elements(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 4,
        }
    }

    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::One => wgsl!["points/parts/lanes_1.wgsl"],
            Self::Four => wgsl!["points/parts/lanes_4.wgsl"],
        }
    }
}

/// How the value that is sampled is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Buffer(Lanes),
    /// In a texture, where adapters load texels fast: four lanes.
    Texture,
}

impl Axis for Value {
    const COUNT: usize = Lanes::COUNT + 1;

    fn all() -> Vec<Self> {
        Lanes::all().into_iter().map(Self::Buffer).chain([Self::Texture]).collect()
    }

    fn index(self) -> usize {
        match self {
            Self::Buffer(lanes) => lanes.index(),
            Self::Texture => Lanes::COUNT,
        }
    }

    fn label(self) -> String {
        match self {
            Self::Buffer(lanes) => lanes.label(),
            Self::Texture => "texture".to_string(),
        }
    }
}

impl Value {
    pub(crate) fn lanes(self) -> Lanes {
        match self {
            Self::Buffer(lanes) => lanes,
            Self::Texture => Lanes::Four,
        }
    }

    pub(crate) fn files(self) -> Vec<File> {
        let stored = match self {
            Self::Buffer(_) => wgsl!["points/value/buffer.wgsl", "points/value/address.wgsl"],
            Self::Texture => {
                wgsl!["shared/panels/layout.wgsl", "points/value/texture.wgsl", "points/value/address.wgsl"]
            }
        };
        [self.lanes().files(), stored].concat()
    }
}

/// Bindings that say where points lie, behind those that a kernel has of its own.
pub(crate) struct PointBindings {
    pub(crate) positions: Binding,
    /// A table of each point of a head, and the weights, where points have them.
    pub(crate) weighted: Option<[Binding; 2]>,
}

impl PointBindings {
    pub(super) fn behind<'a>(&'a self, own: &[&'a Binding]) -> Vec<&'a Binding> {
        own.iter().copied().chain([&self.positions]).chain(self.weighted.iter().flatten()).collect()
    }
}

/// The files of a kernel over points, but for its own.
pub(crate) fn files(placement: Placement) -> Vec<File> {
    const POINTS: &[File] =
        wgsl!["shared/grid.wgsl", "shared/border.wgsl", "shared/bilinear.wgsl", "points/parts/points.wgsl"];
    const WEIGHTED: &[File] = wgsl!["points/parts/weighted.wgsl"];
    const GRID: &[File] = wgsl!["points/grid/grid_position.wgsl", "points/grid/grid_points.wgsl"];
    let placed: &[&[File]] = match placement {
        Placement::Weighted(Weighted::Attention) => &[WEIGHTED, wgsl!["points/parts/place_attention.wgsl"]],
        Placement::Weighted(Weighted::Discrete) => &[WEIGHTED, wgsl!["points/parts/place_discrete.wgsl"]],
        Placement::Weighted(Weighted::Window) => &[WEIGHTED, wgsl!["points/parts/place_window.wgsl"]],
        Placement::Grid(SampleMode::Bilinear) => {
            &[GRID, wgsl!["points/grid/place_grid_bilinear.wgsl", "points/grid/place_grid.wgsl"]]
        }
        Placement::Grid(SampleMode::Nearest) => {
            &[GRID, wgsl!["points/grid/place_grid_nearest.wgsl", "points/grid/place_grid.wgsl"]]
        }
        Placement::Grid(SampleMode::Bicubic) => &[GRID, wgsl!["points/grid/place_grid_bicubic.wgsl"]],
    };
    [POINTS, &placed.concat()].concat()
}
