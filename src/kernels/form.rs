//! The two forms of workspace that kernels share.

use crate::error::Result;
use crate::gpu::{Gpu, Kernel};

/// How matrices in quads lie in workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In buffers, row by row: shared/rows.wgsl.
    Rows,
    /// In images, in panels: shared/panels.wgsl. See [`Capabilities::images`](crate::gpu::Capabilities::images).
    Panels,
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
