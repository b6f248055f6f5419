pub(crate) mod conv2d_depthwise;
pub(crate) mod conv2d_direct;
pub(crate) mod conv2d_direct_weight;
pub(crate) mod conv_transpose2d_direct;
