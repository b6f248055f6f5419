pub(crate) mod deform_ps_roi_pool;
pub(crate) mod deform_roi_pool;
pub(crate) mod roi;
pub(crate) mod roi_align;
