//! Kernels that sample a grid, and what they share: points/grid/grid_position.wgsl.

use crate::geometry::{GridSampleGeometry, NearestOrder, PaddingMode, SampleMode};
use crate::gpu::{File, axis, wgsl};
use crate::kernels::params;
use crate::kernels::points::placement::Lanes;

params!(
    /// The image that a grid samples, and where its values lie in it.
    struct GridRule {
        height,
        width,
        padding,
        align_corners,
    }
);

impl GridRule {
    pub(crate) fn of(geometry: &GridSampleGeometry) -> Self {
        let GridSampleGeometry { op, height, width, .. } = *geometry;
        let padding = match op.padding {
            PaddingMode::Zeros => 0,
            PaddingMode::Border => 1,
            PaddingMode::Reflection => 2,
        };
        Self { height, width, padding, align_corners: op.align_corners.into() }
    }
}

/// `NearestOrder` as shaders know it.
pub(crate) fn round_first(order: NearestOrder) -> u32 {
    match order {
        NearestOrder::PadFirst => 0,
        NearestOrder::RoundFirst => 1,
    }
}

axis!(SampleMode { Bilinear: "bilinear", Nearest: "nearest", Bicubic: "bicubic" });

/// The files that sample an image, so many channels at a time, but for the kernel's own.
pub(crate) fn files(mode: SampleMode, lanes: Lanes) -> Vec<File> {
    let near = match mode {
        SampleMode::Bilinear => wgsl!["points/grid/grid_bilinear.wgsl"],
        SampleMode::Nearest => wgsl!["points/grid/grid_nearest.wgsl"],
        SampleMode::Bicubic => wgsl!["points/grid/grid_bicubic.wgsl"],
    };
    [wgsl!["shared/grid.wgsl", "points/grid/grid_position.wgsl"], lanes.files(), near].concat()
}
