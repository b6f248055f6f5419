pub(crate) mod bilinear_sample;
pub(crate) mod grid_sample;
