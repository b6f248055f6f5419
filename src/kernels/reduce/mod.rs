pub(crate) mod cum_sum;
pub(crate) mod flow_gradient;
pub(crate) mod fold;
pub(crate) mod group_norm;
pub(crate) mod layer_norm;
pub(crate) mod layer_norm_backward;
pub(crate) mod layer_norm_rows;
pub(crate) mod pool;
pub(crate) mod segment_sums;
pub(crate) mod softmax;
pub(crate) mod softmax_backward;
pub(crate) mod top_k_gather;
pub(crate) mod top_k_keys;
pub(crate) mod top_k_tiles;

use crate::gpu::Iterations;
use crate::kernels::params;

params!(
    /// Rows of a tensor, or a range of each, that a dispatch does: shaders/reduce/parts/rows.wgsl.
    struct Rows {
        rows,
        columns,
        extent,
        step,
        plane,
        width,
        lanes,
        continues,
    }
);

impl Rows {
    /// The rows of a workgroup, whose lanes have `each` elements of a row where it has so many. Up to 16 rows lie side by side where their
    /// elements do not.
    pub(crate) fn width(extent: u32, columns: u32, each: u32) -> u32 {
        let most = 64 / columns.min(16).next_power_of_two();
        64 / extent.div_ceil(each).min(most).next_power_of_two()
    }

    /// The invocations that do these rows.
    fn invocations(&self) -> u64 {
        64 * u64::from(self.rows.div_ceil(self.width))
    }

    /// The elements of these rows.
    pub(crate) fn elements(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.extent)
    }

    /// The iterations of a loop over a row, where it is done.
    fn iterations(&self, done: u32) -> Iterations {
        Iterations::of(if done == 0 { 0 } else { self.extent.div_ceil(self.lanes) })
    }

    /// The iterations of a tree over the lanes of a row.
    fn tree() -> Iterations {
        Iterations::of(6u32)
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn rows_of_a_workgroup() {
        // Side by side, of 4 elements a lane and of 16, and spread over other axes.
        let along = [1, 4, 5, 12, 16, 64, 256, 257, 100_000].map(|extent| Rows::width(extent, 1, 4));
        assert_eq!(along, [64, 64, 32, 16, 16, 4, 1, 1, 1]);
        let along = [1, 12, 16, 17, 256, 1024, 100_000].map(|extent| Rows::width(extent, 1, 16));
        assert_eq!(along, [64, 64, 64, 32, 4, 1, 1]);
        let spread = [1, 2, 3, 7, 16, 1000].map(|columns| Rows::width(1000, columns, 4));
        assert_eq!(spread, [1, 2, 4, 8, 16, 16]);
        assert_eq!(
            [(4, 1000), (21, 1000), (0, 1)].map(|(extent, columns)| Rows::width(extent, columns, 4)),
            [64, 16, 64]
        );
    }
}
