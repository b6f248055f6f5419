use crate::gpu::{File, wgsl};
use crate::kernels::params;

params!(
    /// Operands that broadcast: shaders/elementwise/parts/broadcast.wgsl.
    struct Broadcast {
        rows,
        extent_1,
        extent_2,
        extent_3,
        extent_4,
        extent_5,
        a_stride_0,
        a_stride_1,
        a_stride_2,
        a_stride_3,
        a_stride_4,
        a_stride_5,
        b_stride_0,
        b_stride_1,
        b_stride_2,
        b_stride_3,
        b_stride_4,
        b_stride_5,
        c_stride_0,
        c_stride_1,
        c_stride_2,
        c_stride_3,
        c_stride_4,
        c_stride_5,
    }
);

pub(crate) const FILES: &[File] = wgsl!["shared/grid.wgsl", "elementwise/parts/broadcast.wgsl"];

impl Broadcast {
    /// The extents are the output's, the strides those of three operands.
    pub(crate) fn new(extents: [u32; 6], strides: [[u32; 6]; 3]) -> Self {
        let [_, extent_1, extent_2, extent_3, extent_4, extent_5] = extents;
        let [a, b, c] = strides;
        let [a_stride_0, a_stride_1, a_stride_2, a_stride_3, a_stride_4, a_stride_5] = a;
        let [b_stride_0, b_stride_1, b_stride_2, b_stride_3, b_stride_4, b_stride_5] = b;
        let [c_stride_0, c_stride_1, c_stride_2, c_stride_3, c_stride_4, c_stride_5] = c;
        Self {
            rows: extents[..5].iter().product(),
            extent_1,
            extent_2,
            extent_3,
            extent_4,
            extent_5,
            a_stride_0,
            a_stride_1,
            a_stride_2,
            a_stride_3,
            a_stride_4,
            a_stride_5,
            b_stride_0,
            b_stride_1,
            b_stride_2,
            b_stride_3,
            b_stride_4,
            b_stride_5,
            c_stride_0,
            c_stride_1,
            c_stride_2,
            c_stride_3,
            c_stride_4,
            c_stride_5,
        }
    }

    /// The invocations of a dispatch that does so many elements in each, and the elements that it does.
    pub(crate) fn work(&self, run: u32) -> (u64, u64) {
        let [rows, columns] = [self.rows, self.extent_5].map(u64::from);
        (rows * columns.div_ceil(run.into()), rows * columns)
    }

    /// The strides of a and b.
    pub(crate) fn operands(&self) -> [[u32; 6]; 2] {
        let a = [self.a_stride_0, self.a_stride_1, self.a_stride_2, self.a_stride_3, self.a_stride_4, self.a_stride_5];
        let b = [self.b_stride_0, self.b_stride_1, self.b_stride_2, self.b_stride_3, self.b_stride_4, self.b_stride_5];
        [a, b]
    }

    /// The operands a and b in each other's place.
    pub(crate) fn swapped(&self) -> Self {
        let &Self { rows, extent_1, extent_2, extent_3, extent_4, extent_5, .. } = self;
        let c = [self.c_stride_0, self.c_stride_1, self.c_stride_2, self.c_stride_3, self.c_stride_4, self.c_stride_5];
        let [a, b] = self.operands();
        Self { rows, ..Self::new([1, extent_1, extent_2, extent_3, extent_4, extent_5], [b, a, c]) }
    }
}
