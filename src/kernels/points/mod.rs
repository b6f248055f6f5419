pub(crate) mod placement;
pub(crate) mod point_gradients;
pub(crate) mod point_keys;
pub(crate) mod point_planes;
pub(crate) mod point_sums;
pub(crate) mod point_value_gradients;
