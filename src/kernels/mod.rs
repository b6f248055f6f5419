//! One file per WGSL file: its `Params`, and the one function that appends its dispatch to a recorder.
//!
//! These functions trust their arguments: geometries have been checked and parts bound by the ops.

pub(crate) mod adam;
pub(crate) mod batch_norm;
pub(crate) mod bilinear_sample;
pub(crate) mod binary;
pub(crate) mod chain_samples;
pub(crate) mod channels_last;
pub(crate) mod col2im;
pub(crate) mod columns;
pub(crate) mod conv2d_direct;
pub(crate) mod conv2d_direct_weight;
pub(crate) mod convert;
pub(crate) mod copy_rows;
pub(crate) mod cross_entropy;
pub(crate) mod cross_entropy_backward;
pub(crate) mod deform_col2im;
pub(crate) mod deform_col2im_touched;
pub(crate) mod deform_im2col;
pub(crate) mod deform_samples;
pub(crate) mod flow_gradient;
pub(crate) mod form;
pub(crate) mod fused;
pub(crate) mod fused_cooperative;
pub(crate) mod fused_direct;
pub(crate) mod fused_tile;
pub(crate) mod fused_weight;
pub(crate) mod im2col;
pub(crate) mod matmul_subgroup;
pub(crate) mod matmul_subgroup_nn;
pub(crate) mod matmul_subgroup_tn;
pub(crate) mod matmul_tiled;
pub(crate) mod offset_field;
pub(crate) mod offset_field_backward;
pub(crate) mod pack_panels;
pub(crate) mod pack_weight;
pub(crate) mod roi_bins;
pub(crate) mod roi_input_gradient;
pub(crate) mod roi_offset_gradient;
pub(crate) mod roi_offset_terms;
pub(crate) mod roi_planes;
pub(crate) mod roi_pool;
pub(crate) mod roi_touches;
pub(crate) mod sample_gradients;
pub(crate) mod sample_planes;
pub(crate) mod segment_sums;
pub(crate) mod sgd;
pub(crate) mod subgroup_tile;
pub(crate) mod touched_pixels;
pub(crate) mod unary;
pub(crate) mod unary_backward;
pub(crate) mod unchain_samples;
pub(crate) mod unpack_weight;

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
