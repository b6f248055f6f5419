use crate::gpu::{Capabilities, File, axis, wgsl};

/// The subgroups of an adapter that runs on the CPU, by their invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subgroup {
    Of4,
    Of8,
}

axis!(Subgroup { Of4: "4", Of8: "8" });

impl Subgroup {
    /// The subgroups whose broadcasts share operands, if the adapter has such.
    pub(crate) fn of(capabilities: &Capabilities) -> Option<Self> {
        match capabilities.cpu_subgroup()? {
            4 => Some(Self::Of4),
            8 => Some(Self::Of8),
            _ => None,
        }
    }

    /// The subgroups that multiply matrices, on an adapter that keeps workspace in textures.
    pub(crate) fn multiplying(capabilities: &Capabilities) -> Option<Self> {
        Self::of(capabilities).filter(|_| capabilities.textures())
    }

    pub(crate) fn invocations(self) -> u32 {
        match self {
            Self::Of4 => 4,
            Self::Of8 => 8,
        }
    }

    /// Rows and columns of a product's tile, which one workgroup does.
    pub(crate) fn tile(self) -> [u32; 2] {
        [16, 8 * self.invocations()]
    }

    /// The file of a product's tile that depends on the number of invocations.
    pub(crate) fn tile_file(self) -> &'static [File] {
        match self {
            Self::Of4 => wgsl!["matmul/parts/subgroup_of_4.wgsl"],
            Self::Of8 => wgsl!["matmul/parts/subgroup_of_8.wgsl"],
        }
    }
}
