//! The two forms of workspace that kernels share, and how the tensors of others are stored.

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Gpu, Kernel};

/// How matrices in quads lie in workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In buffers, row by row: shared/rows/layout.wgsl.
    Rows,
    /// In images, in panels: shared/panels/layout.wgsl. See [`Capabilities::images`](crate::gpu::Capabilities::images).
    Panels,
}

impl Form {
    /// Rows, filled up to those that lie together: ROWS_TOGETHER in shared/rows/layout.wgsl and shared/panels/layout.wgsl.
    pub(crate) fn filled_rows(self, rows: u32) -> u64 {
        match self {
            Form::Rows => rows.into(),
            Form::Panels => u64::from(rows).next_multiple_of(32),
        }
    }
}

/// The places of a matrix in panels.
pub(crate) fn panel_places(rows: u32, quads: u32) -> u64 {
    Form::Panels.filled_rows(rows) * u64::from(quads)
}

/// A kernel's variants by the form of its workspace.
pub(crate) struct ByForm {
    pub(crate) rows: Kernel,
    pub(crate) panels: Kernel,
}

impl ByForm {
    pub(crate) fn of(&'static self, form: Form) -> &'static Kernel {
        match form {
            Form::Rows => &self.rows,
            Form::Panels => &self.panels,
        }
    }

    pub(crate) fn compile(&'static self, gpu: &Gpu, form: Form) -> Result<()> {
        gpu.compile(self.of(form))
    }
}

/// A kernel's variants by how the tensor is stored that it reads.
pub(crate) struct ByStorage<K> {
    /// shared/stored_32.wgsl
    pub(crate) of_32: K,
    /// shared/stored_16.wgsl
    pub(crate) of_16: K,
}

impl<K> ByStorage<K> {
    pub(crate) fn of(&'static self, dtype: DType) -> &'static K {
        match dtype {
            DType::F32 => &self.of_32,
            DType::F16 | DType::BF16 => &self.of_16,
        }
    }
}

/// The variants of a kernel of 64 invocations, by its name, its file and, where it has two forms, the files of both.
macro_rules! by_storage {
    ($name:literal, $file:literal: $($rows:literal, $panels:literal);+) => {
        $crate::kernels::form::ByStorage {
            of_32: $crate::kernels::form::ByForm {
                rows: by_storage!(@kernel $name, "rows", "shared/stored_32.wgsl", $($rows,)+ $file),
                panels: by_storage!(@kernel $name, "panels", "shared/stored_32.wgsl", $($panels,)+ $file),
            },
            of_16: $crate::kernels::form::ByForm {
                rows: by_storage!(@kernel $name, "16.rows", "shared/dtype.wgsl", "shared/stored_16.wgsl", $($rows,)+ $file),
                panels: by_storage!(@kernel $name, "16.panels", "shared/dtype.wgsl", "shared/stored_16.wgsl", $($panels,)+ $file),
            },
        }
    };
    ($name:literal, $file:literal) => {
        $crate::kernels::form::ByStorage {
            of_32: by_storage!(@kernel $name, "", "shared/stored_32.wgsl", $file),
            of_16: by_storage!(@kernel $name, "16", "shared/dtype.wgsl", "shared/stored_16.wgsl", $file),
        }
    };
    (@kernel $name:literal, $variant:literal, $($files:literal),+) => {
        $crate::gpu::Kernel {
            name: $name,
            variant: $variant,
            files: $crate::gpu::wgsl!["shared/grid.wgsl", $($files),+],
            workgroup_size: 64,
        }
    };
}
pub(crate) use by_storage;
