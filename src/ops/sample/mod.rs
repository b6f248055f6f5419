pub(crate) mod bilinear_sample;
pub(crate) mod resampling;
pub(crate) mod resize;
