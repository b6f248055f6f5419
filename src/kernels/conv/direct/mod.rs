//! The kernels of convolutions without columns, of groups of few channels.

pub(crate) mod conv2d_depthwise;
pub(crate) mod conv2d_direct;
pub(crate) mod conv2d_direct_weight;
pub(crate) mod conv2d_planes;
pub(crate) mod conv2d_stem;
pub(crate) mod conv_transpose2d_direct;
