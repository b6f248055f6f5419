use crate::error::Result;
use crate::geometry::Unary;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static UNARY: Kernel = Kernel {
    name: "unary",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/exponential.wgsl", "elementwise/unary.wgsl"],
    workgroup_size: 64,
};

params!(elements, operation, low, high, input_first, output_first);

impl Loops for Params {}

/// `Unary` as the shader knows it: an operation and the bits of two bounds.
pub(crate) fn operation(op: Unary) -> [u32; 3] {
    match op {
        Unary::Sigmoid => [0, 0, 0],
        Unary::Tanh => [1, 0, 0],
        Unary::Relu => operation(Unary::Clip { min: 0.0, max: f32::INFINITY }),
        Unary::Clip { min, max } => [2, min.to_bits(), max.to_bits()],
    }
}

pub(crate) fn unary(recorder: &mut Recorder, op: Unary, elements: u32, [input, output]: [&Part; 2]) -> Result<()> {
    let [operation, low, high] = operation(op);
    let params = Params { elements, operation, low, high, input_first: input.first, output_first: output.first };
    recorder.dispatch(&UNARY, &params, &[input, output], elements.into(), elements.into())
}
