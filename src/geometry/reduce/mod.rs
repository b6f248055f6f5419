pub(crate) mod arg_reduce;
pub(crate) mod cum_sum;
pub(crate) mod global_average_pool;
pub(crate) mod global_max_pool;
pub(crate) mod group_norm;
pub(crate) mod layer_norm;
pub(crate) mod pool;
pub(crate) mod reductions;
pub(crate) mod softmax;
pub(crate) mod top_k;

use crate::shape::Shape;

/// The elements before, along and behind an axis.
pub(crate) fn around(shape: Shape, axis: usize) -> [u32; 3] {
    let extents = shape.extents();
    let product = |extents: &[u32]| extents.iter().product();
    [product(&extents[..axis]), extents[axis], product(&extents[axis + 1..])]
}
