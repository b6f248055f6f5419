pub(crate) mod flow_gradient;
pub(crate) mod layer_norm;
pub(crate) mod layer_norm_backward;
pub(crate) mod segment_sums;
pub(crate) mod softmax;
pub(crate) mod softmax_backward;

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
    /// The rows of a workgroup. A lane has four elements of a row, where there are so many; and up to 16 rows lie side by side where their
    /// elements do not.
    pub(crate) fn width(extent: u32, columns: u32) -> u32 {
        let most = 64 / columns.min(16).next_power_of_two();
        64 / extent.div_ceil(4).min(most).next_power_of_two()
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
