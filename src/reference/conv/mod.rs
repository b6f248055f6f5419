pub(crate) mod backward;
pub(crate) mod conv2d;
pub(crate) mod conv_transpose2d;
pub(crate) mod deform;
pub(crate) mod im2col;
