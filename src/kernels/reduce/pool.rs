use crate::geometry::PooledAxis;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("pool", 64, Params, ["shared/grid.wgsl", "reduce/pool.wgsl"]);

params!(
    /// Some elements of the output along an axis, and their windows: reduce/pool.wgsl.
    struct Axis {
        extent,
        outs,
        out_first,
        kernel,
        stride,
        padding,
        dilation,
        counted,
    }
);

params!(
    z: Axis,
    y: Axis,
    x: Axis,
    kind,
    planes,
    count_padding,
    indexed,
    plane_first,
    plane_elements,
    index_z,
    index_y,
    index_x,
    input_first,
    output_first,
    indices_first,
);

impl Axis {
    pub(crate) fn new(axis: &PooledAxis, outs: &std::ops::Range<u32>) -> Self {
        let window = axis.window;
        Self {
            extent: axis.extent,
            outs: outs.end - outs.start,
            out_first: outs.start,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding[0],
            dilation: window.dilation,
            counted: axis.extent + window.padding[1],
        }
    }
}

/// The kinds of a pooling as the shader knows them.
pub(crate) const MAX: u32 = 0;
pub(crate) const AVERAGE: u32 = 1;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let rows = Iterations::each(self.y.kernel, Iterations::of(self.x.kernel));
        Iterations::each(self.x.outs.min(4), Iterations::each(self.z.kernel, rows))
    }
}

/// `input_first` of `params` counts from the element at which the binding starts; it wraps.
pub(crate) fn pool(recorder: &mut Recorder, params: Params, [input, output, indices]: [&Binding; 3]) -> Fit {
    let params = Params {
        input_first: params.input_first.wrapping_add(input.first),
        output_first: output.first,
        indices_first: indices.first,
        ..params
    };
    let product = |of: fn(&Axis) -> u32| [params.z, params.y].iter().map(|axis| u64::from(of(axis))).product::<u64>();
    let rows = u64::from(params.planes) * product(|axis| axis.outs);
    let taps = product(|axis| axis.kernel) * u64::from(params.x.kernel);
    let elements = (rows * u64::from(params.x.outs)).saturating_mul(taps);
    recorder.dispatch::<Kernel>(
        (),
        &params,
        &[input, output, indices],
        rows * u64::from(params.x.outs.div_ceil(4)),
        elements,
    )
}
