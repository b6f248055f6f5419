//! Kernels that sample a grid, and what they share: points/grid/grid_position.wgsl.

use crate::geometry::{GridSampleGeometry, NearestOrder, PaddingMode, SampleMode};
use crate::gpu::{File, axis, wgsl};
use crate::kernels::layout::ReadFrom;
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

/// How images are stored that a grid samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Images {
    /// In planes of channels, in a buffer.
    Planes,
    /// In quads of channels, in a buffer.
    Quads,
    /// In planes, in a texture of elements.
    Texels,
}

axis!(Images { Planes: "1", Quads: "4", Texels: "texels" });

impl Images {
    /// Channels that are loaded at a time.
    pub(crate) fn lanes(self) -> Lanes {
        match self {
            Self::Planes | Self::Texels => Lanes::One,
            Self::Quads => Lanes::Four,
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Self::Planes => ReadFrom::Buffer.plane_files(),
            Self::Quads => wgsl!["points/grid/images_quads.wgsl"],
            Self::Texels => ReadFrom::Texture.plane_files(),
        }
    }
}

impl From<ReadFrom> for Images {
    fn from(planes: ReadFrom) -> Self {
        match planes {
            ReadFrom::Buffer => Self::Planes,
            ReadFrom::Texture => Self::Texels,
        }
    }
}

/// The files that sample an image, but for the kernel's own.
pub(crate) fn files(mode: SampleMode, images: Images) -> Vec<File> {
    let near = match mode {
        SampleMode::Bilinear => wgsl!["points/grid/grid_bilinear.wgsl"],
        SampleMode::Nearest => wgsl!["points/grid/grid_nearest.wgsl"],
        SampleMode::Bicubic => wgsl!["points/grid/grid_bicubic.wgsl"],
    };
    [wgsl!["shared/grid.wgsl", "points/grid/grid_position.wgsl"], images.lanes().files(), images.files(), near].concat()
}
