mod deform_conv_v3;
mod grid_quads;
mod grid_sample;
mod multi_scale_deform_attn;
mod sampling;

pub(crate) use sampling::{compile_gradients, compile_sums};
