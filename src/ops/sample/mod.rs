pub(crate) mod bilinear_sample;
pub(crate) mod resize;
