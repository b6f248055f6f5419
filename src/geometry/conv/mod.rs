pub(crate) mod conv2d;
pub(crate) mod conv_transpose2d;
pub(crate) mod deform;
pub(crate) mod deform_v3;
pub(crate) mod im2col;
