pub(crate) mod global_average_pool;
pub(crate) mod group_norm;
pub(crate) mod layer_norm;
pub(crate) mod pool;
pub(crate) mod reductions;
pub(crate) mod softmax;
