pub(crate) mod flow_gradient;
pub(crate) mod segment_sums;
