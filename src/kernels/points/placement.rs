//! Sampling points of queries and heads: points/parts/points.wgsl.

use crate::gpu::{File, axis, wgsl};
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
        edge_zero,
    }
);

impl Points {
    /// How many there are.
    pub(crate) fn all(&self) -> u64 {
        u64::from(self.images) * u64::from(self.queries) * u64::from(self.heads) * u64::from(self.points)
    }
}

/// Where points lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In levels, bilinear.
    Attention,
    /// In levels, each at one pixel.
    Discrete,
    /// At the taps of a window.
    Window,
}

axis!(Placement { Attention: "attention", Discrete: "discrete", Window: "window" });

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

/// The files of a kernel over points, but for its own.
pub(crate) fn files(placement: Placement) -> Vec<File> {
    let shared = wgsl!["shared/grid.wgsl", "shared/border.wgsl", "shared/bilinear.wgsl", "points/parts/points.wgsl",];
    let placed = match placement {
        Placement::Attention => wgsl!["points/parts/place_attention.wgsl"],
        Placement::Discrete => wgsl!["points/parts/place_discrete.wgsl"],
        Placement::Window => wgsl!["points/parts/place_window.wgsl"],
    };
    [shared, placed].concat()
}
