//! One file per WGSL file: its `Params`, and the one function that appends its dispatch to a recorder.
//!
//! These functions trust their arguments: geometries have been checked, and bindings made by the ops.

pub(crate) mod activation;
pub(crate) mod columns;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod layout;
pub(crate) mod matmul;
pub(crate) mod movement;
pub(crate) mod order;
pub(crate) mod points;
pub(crate) mod reduce;
pub(crate) mod roi;
pub(crate) mod sample;
pub(crate) mod stores;
pub(crate) mod train;
pub(crate) mod window;

use conv::{direct, winograd};

use crate::geometry::Border;
use crate::gpu::{File, Variant, wgsl};

/// Declares a kernel's `Params` as its WGSL does: fields of 32 bits, `u32` where nothing else is said, or structs that are declared likewise.
macro_rules! params {
    ($($field:ident $(: $of:ty)?),+ $(,)?) => {
        $crate::kernels::params!(struct Params { $($field $(: $of)?),+ });
    };
    ($(#[$attribute:meta])* struct $name:ident { $($field:ident $(: $of:ty)?),+ $(,)? }) => {
        $(#[$attribute])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
        pub(crate) struct $name {
            $(pub(crate) $field: $crate::kernels::params!(@type $($of)?),)+
        }

        #[cfg(test)]
        impl $crate::kernels::tests::Fields for $name {
            fn fields() -> Vec<$crate::kernels::tests::Field> {
                [$(<$crate::kernels::params!(@type $($of)?)>::named(stringify!($field))),+].concat()
            }
        }
    };
    (@type) => { u32 };
    (@type $of:ty) => { $of };
}
pub(crate) use params;

/// Declares the one kernel of a module: its name, the invocations of a workgroup, its `Params`, and its files, by the axes of its variants where
/// there are several.
macro_rules! kernel {
    ($name:literal, $workgroup_size:expr, $params:ty, [$($file:literal),+ $(,)?]) => {
        $crate::kernels::kernel!($name, $workgroup_size, $params, |_: ()| [$crate::gpu::wgsl![$($file),+]]);
    };
    ($name:literal, $workgroup_size:expr, $params:ty, |$axes:tt: $of:ty| [$($files:expr),+ $(,)?]) => {
        pub(crate) enum Kernel {}

        impl $crate::gpu::Shader for Kernel {
            type Params = $params;
            type Axes = $of;

            const NAME: &'static str = $name;

            fn files($axes: $of) -> Vec<$crate::gpu::File> {
                let files: &[&[$crate::gpu::File]] = &[$($files),+];
                files.concat()
            }

            #[allow(unused_variables)]
            fn workgroup_size($axes: $of) -> u32 {
                $workgroup_size
            }
        }
    };
}
use kernel;

/// Lists the modules that declare a kernel. One that does not stand here does not compile where it is used.
macro_rules! listed {
    ($($family:ident: $($module:ident),+;)+) => {
        $($(impl crate::gpu::Listed for $family::$module::Kernel {})+)+

        /// Every variant of every kernel.
        fn variants() -> Vec<Variant> {
            [$($(Variant::all::<$family::$module::Kernel>()),+),+].concat()
        }

        /// The fields of the `Params` of each module's kernel.
        #[cfg(test)]
        fn params_fields() -> std::collections::BTreeMap<&'static str, Vec<tests::Field>> {
            [$($((stringify!($module), tests::fields_of::<$family::$module::Kernel>())),+),+].into()
        }
    };
}

listed! {
    conv: channels_last, col2im, fused_cooperative, fused_direct, fused_tile, fused_weight, im2col, pack_weight, unpack_weight;
    direct: conv2d_depthwise, conv2d_direct, conv2d_direct_weight, conv2d_planes, conv2d_stem, conv_transpose2d_direct;
    elementwise: batch_norm, binary, binary_backward, binary_words, offset_field, offset_field_backward, select_words, unary, unary_backward, unary_words;
    matmul: attention, copy_lines, matmul_narrow, matmul_subgroup, matmul_subgroup_nn, matmul_subgroup_tn, matmul_tiled, matmul_windows, pack_fours, pack_panels;
    movement: convert, copy_rows, copy_tiles, gather, run_starts, scatter, scatter_keys, sort_counts, sort_offsets, sort_scatter, strided_copy, unmasked_rows, zeros;
    points: grid_gradient, grid_sample, grid_sample_quads, plane_quads, point_gradients, point_keys, point_planes, point_shares, point_sums, point_sums_direct,
        point_value_gradients, point_walk;
    reduce: cum_sum, flow_gradient, fold, group_norm, layer_norm, layer_norm_backward, layer_norm_rows, pool, segment_sums, softmax,
        softmax_backward, top_k_gather, top_k_keys, top_k_tiles;
    roi: roi_bins, roi_input_gradient, roi_offset_gradient, roi_offset_terms, roi_pool, roi_touches;
    sample: bilinear_sample, chain_samples, chain_sorted, deform_col2im, deform_col2im_long, deform_col2im_touched, deform_im2col,
        deform_samples, resample, sample_gradients, sample_keys, sample_planes, touched_pixels, unchain_samples;
    train: adam, cross_entropy, cross_entropy_backward, sgd;
    winograd: winograd_input, winograd_output, winograd_weight;
}

/// A variant of a kernel, for programs that compile shaders with no device.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct ShaderText {
    /// The name of the kernel and that of the variant.
    pub label: String,
    /// The name of the kernel.
    pub entry_point: &'static str,
    /// The whole shader.
    pub wgsl: String,
}

/// Every variant of every kernel, as WGSL.
#[doc(hidden)]
pub fn shader_texts() -> Vec<ShaderText> {
    let texts = variants().into_iter().map(|variant| {
        let source = variant.source();
        ShaderText { wgsl: source.text(), label: source.label, entry_point: variant.name }
    });
    texts.collect()
}

/// The directive that browsers want for subgroup operations and naga does not know.
const SUBGROUPS: &[File] = if cfg!(target_arch = "wasm32") { wgsl!["shared/enable_subgroups.wgsl"] } else { &[] };

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
