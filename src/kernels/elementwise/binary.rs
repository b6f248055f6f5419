use crate::geometry::Binary;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("binary", 64, Params, ["shared/grid.wgsl", "elementwise/binary.wgsl"]);

params!(
    rows,
    operation,
    scale: f32,
    accumulate,
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
    a_first,
    b_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.extent_5.min(4))
    }
}

/// `Binary` as the shader knows it.
pub(crate) fn operation(op: Binary) -> u32 {
    match op {
        Binary::Add => 0,
        Binary::Mul => 1,
    }
}

/// The operation that gives `a` alone.
pub(crate) const FIRST: u32 = 2;

/// `params` say what is done; `extents` are the output's, `strides` those of `a` and `b`.
pub(crate) fn binary(
    recorder: &mut Recorder,
    params: Params,
    extents: [u32; 6],
    strides: [[u32; 6]; 2],
    [a, b, output]: [&Binding; 3],
) -> Fit {
    let rows: u32 = extents[..5].iter().product();
    let [_, extent_1, extent_2, extent_3, extent_4, extent_5] = extents;
    let [a_strides, b_strides] = strides;
    let [a_stride_0, a_stride_1, a_stride_2, a_stride_3, a_stride_4, a_stride_5] = a_strides;
    let [b_stride_0, b_stride_1, b_stride_2, b_stride_3, b_stride_4, b_stride_5] = b_strides;
    let params = Params {
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
        a_first: a.first,
        b_first: b.first,
        output_first: output.first,
        ..params
    };
    let [rows, columns] = [rows, extent_5].map(u64::from);
    recorder.dispatch::<Kernel>((), &params, &[a, b, output], rows * columns.div_ceil(4), rows * columns)
}
