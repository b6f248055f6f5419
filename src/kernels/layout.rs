//! The two layouts of workspace that kernels share, and how the tensors of others are stored.

use crate::dtype::DType;
use crate::gpu::{Axis as _, File, Gpu, axis, wgsl};

/// How matrices in quads lie in workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In buffers, row by row: shared/rows/layout.wgsl.
    Rows,
    /// In textures, in panels: shared/panels/layout.wgsl. See [`Capabilities::textures`](crate::gpu::Capabilities::textures).
    Panels,
}

axis!(Layout { Rows: "rows", Panels: "panels" });

impl Layout {
    /// Rows, filled up to those that lie together: ROWS_TOGETHER in shared/rows/layout.wgsl and shared/panels/layout.wgsl.
    pub(crate) fn filled_rows(self, rows: u32) -> u64 {
        match self {
            Layout::Rows => rows.into(),
            Layout::Panels => u64::from(rows).next_multiple_of(32),
        }
    }
}

/// The texels of a matrix in panels.
pub(crate) fn panel_texels(rows: u32, quads: u32) -> u64 {
    Layout::Panels.filled_rows(rows) * u64::from(quads)
}

/// The files of a layout, by the names that they share: `shared/rows/NAME.wgsl` or `shared/panels/NAME.wgsl`.
macro_rules! of_layout {
    ($layout:expr, $($name:literal),+) => {
        match $layout {
            $crate::kernels::layout::Layout::Rows => {
                $crate::gpu::wgsl![$(concat!("shared/rows/", $name, ".wgsl")),+]
            }
            $crate::kernels::layout::Layout::Panels => {
                $crate::gpu::wgsl![$(concat!("shared/panels/", $name, ".wgsl")),+]
            }
        }
    };
}
pub(crate) use of_layout;

/// How the tensor is stored that a kernel reads.
#[derive(Clone, Copy)]
pub(crate) enum Storage {
    /// In words: shared/stored_32.wgsl.
    Bits32,
    /// Two elements a word: shared/stored_16.wgsl.
    Bits16,
}

axis!(Storage { Bits32: "", Bits16: "16" });

impl From<DType> for Storage {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 | DType::I32 => Storage::Bits32,
            DType::F16 | DType::BF16 => Storage::Bits16,
        }
    }
}

impl Storage {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Storage::Bits32 => wgsl!["shared/stored_32.wgsl"],
            Storage::Bits16 => wgsl!["shared/dtype.wgsl", "shared/stored_16.wgsl"],
        }
    }
}

/// The memory that a kernel reads an operand from: a buffer, or a texture that it was copied into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    Buffer,
    Texture,
}

axis!(ReadFrom { Buffer: "", Texture: "texture" });

impl ReadFrom {
    /// Each that kernels of a device read from.
    pub(crate) fn all_of(gpu: &Gpu) -> Vec<Self> {
        let textures = gpu.capabilities().textures();
        Self::all().into_iter().filter(|from| textures || *from == Self::Buffer).collect()
    }

    /// Where a device reads what fits a texture.
    pub(crate) fn fast(gpu: &Gpu) -> Self {
        if gpu.capabilities().textures() { Self::Texture } else { Self::Buffer }
    }

    /// The files that load an element of planes.
    pub(crate) fn plane_files(self) -> &'static [File] {
        match self {
            Self::Buffer => wgsl!["shared/planes/buffer.wgsl"],
            Self::Texture => wgsl!["shared/panels/layout.wgsl", "shared/planes/texture.wgsl"],
        }
    }
}
