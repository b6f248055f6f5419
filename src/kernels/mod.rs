//! One file per WGSL file: its `Params`, and the one function that appends its dispatch to a recorder.
//!
//! These functions trust their arguments: geometries have been checked and parts bound by the ops.

pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod form;
pub(crate) mod matmul;
pub(crate) mod movement;
pub(crate) mod reduce;
pub(crate) mod roi;
pub(crate) mod sample;
pub(crate) mod train;

use crate::geometry::Border;

/// Declares a kernel's `Params` as its WGSL file does: scalars of 32 bits, in the same order.
macro_rules! params {
    ($($field:ident),+ $(,)?) => {
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
        pub(crate) struct Params {
            $(pub(crate) $field: u32,)+
        }

        impl Params {
            #[cfg(test)]
            pub(crate) const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}
pub(crate) use params;

/// The files, behind the directive that browsers want for subgroup operations and naga does not know.
#[cfg(target_arch = "wasm32")]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { crate::gpu::wgsl!["shared/enable_subgroups.wgsl", $($file),+] };
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { crate::gpu::wgsl![$($file),+] };
}
use with_subgroups;

/// `Border` as shaders know it: shared/border.wgsl.
pub(crate) fn border(border: Border) -> u32 {
    match border {
        Border::Zeros => 0,
        Border::ClampHi => 1,
        Border::Strict => 2,
    }
}

#[cfg(test)]
mod tests;
