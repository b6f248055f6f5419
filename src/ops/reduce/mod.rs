pub(crate) mod global_average_pool;
pub(crate) mod sums;
