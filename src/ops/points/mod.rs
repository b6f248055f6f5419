mod deform_conv_v3;
mod multi_scale_deform_attn;
mod sampling;
