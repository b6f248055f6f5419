pub(crate) mod bilinear_sample;
pub(crate) mod chain_samples;
pub(crate) mod chain_sorted;
pub(crate) mod deform_col2im;
pub(crate) mod deform_col2im_long;
pub(crate) mod deform_col2im_touched;
pub(crate) mod deform_im2col;
pub(crate) mod deform_samples;
pub(crate) mod grid;
pub(crate) mod sample_gradients;
pub(crate) mod sample_keys;
pub(crate) mod sample_planes;
pub(crate) mod touched_pixels;
pub(crate) mod unchain_samples;

pub(crate) use grid::{grid_gradient, grid_sample};
