pub(crate) mod roi_bins;
pub(crate) mod roi_input_gradient;
pub(crate) mod roi_offset_gradient;
pub(crate) mod roi_offset_terms;
pub(crate) mod roi_planes;
pub(crate) mod roi_pool;
pub(crate) mod roi_touches;
