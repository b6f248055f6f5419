pub(crate) mod bilinear_sample;
