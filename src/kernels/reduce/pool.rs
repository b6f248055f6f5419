use crate::error::Result;
use crate::geometry::{PoolAxis, PooledAxis};
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::stores::Stores;
use crate::kernels::{kernel, params};

kernel!("pool", 64, Params, |(((function, planes), windows), stores): (Variant, Stores)| [
    wgsl!["shared/grid.wgsl"],
    match function {
        Function::Max => wgsl!["reduce/pool/pool_max.wgsl"],
        Function::MaxIndices => wgsl!["reduce/pool/pool_max_indices.wgsl"],
        Function::Average => wgsl!["reduce/pool/pool_average.wgsl"],
    },
    stores.files(),
    match (planes, stores) {
        (ReadFrom::Buffer, Stores::Quads) => wgsl!["shared/quads/rows.wgsl"],
        _ => planes.plane_files(),
    },
    match (planes, stores, windows) {
        (ReadFrom::Buffer, Stores::Quads, _) => wgsl!["reduce/pool/rows/quads.wgsl"],
        (_, _, Windows::Apart) => wgsl!["reduce/pool/rows/elements.wgsl", "reduce/pool/rows/apart.wgsl"],
        (_, _, Windows::One) => wgsl!["reduce/pool/rows/elements.wgsl", "reduce/pool/rows/one.wgsl"],
        (_, _, Windows::Two) => wgsl!["reduce/pool/rows/elements.wgsl", "reduce/pool/rows/two.wgsl"],
    },
    wgsl!["reduce/pool.wgsl"],
]);

/// A function, where planes are read from, and what the windows of a row share.
pub(crate) type Variant = ((Function, ReadFrom), Windows);

/// The function of a window.
#[derive(Clone, Copy)]
pub(crate) enum Function {
    Max,
    MaxIndices,
    Average,
}

axis!(Function { Max: "max", MaxIndices: "max_indices", Average: "average" });

/// How the windows of a row overlap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windows {
    /// Windows that share no element, are dilated, or lie further apart than two elements.
    Apart,
    /// Windows of two taps or more, one element apart, without dilation.
    One,
    /// Windows of three taps or more, two elements apart, without dilation.
    Two,
}

axis!(Windows { Apart: "", One: "one", Two: "two" });

impl From<&PoolAxis> for Windows {
    fn from(row: &PoolAxis) -> Self {
        match *row {
            PoolAxis { stride: 1, dilation: 1, kernel: 2.., .. } => Self::One,
            PoolAxis { stride: 2, dilation: 1, kernel: 3.., .. } => Self::Two,
            _ => Self::Apart,
        }
    }
}

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
    planes,
    rows_together,
    count_padding,
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

/// The rows of an invocation on adapters that run on the CPU, where it takes longer to find a place than to load an element.
const ROWS_TOGETHER: u32 = 4;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let rows = Iterations::each(self.y.kernel, Iterations::of(self.x.kernel));
        let window = Iterations::each(self.z.kernel, rows) + Iterations::of(self.x.outs.min(4));
        Iterations::each(self.rows_together.min(self.y.outs), window)
    }
}

impl Params {
    /// Quads where rows of the output are whole quads and, of an input in a buffer, its rows, three of whose quads have what four windows side by side take:
    /// reduce/pool/rows/quads.wgsl.
    fn stores(&self, planes: ReadFrom, input: &Binding, output: &Binding) -> Stores {
        if planes == ReadFrom::Texture {
            return Stores::of(&[self.x.outs, output.first]);
        }
        let Axis { extent, outs, out_first, kernel, stride, padding, dilation, .. } = self.x;
        // Windows begin there in a quad of the input.
        let within = out_first.wrapping_mul(stride).wrapping_sub(padding) % 4;
        let in_three = stride <= 2 && dilation == 1 && within + 3 * stride + kernel.min(12) <= 12;
        if in_three && input.ends_a_quad() {
            Stores::of(&[extent, self.input_first, outs, output.first])
        } else {
            Stores::Elements
        }
    }
}

/// The axes of a variant that stores so. What lies in three quads of a buffer is loaded in one way, however windows overlap.
fn axes_of(variant @ (of @ (_, from), _): Variant, stores: Stores) -> (Variant, Stores) {
    match (from, stores) {
        (ReadFrom::Buffer, Stores::Quads) => ((of, Windows::Apart), stores),
        _ => (variant, stores),
    }
}

/// Compiles a variant, however it stores.
pub(crate) fn compile(gpu: &Gpu, variant: Variant) -> Result<()> {
    Stores::all().into_iter().try_for_each(|stores| gpu.compile::<Kernel>(axes_of(variant, stores)))
}

/// Compiles every variant, for what the device reads planes from.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let from = ReadFrom::all_of(gpu);
    Variant::all().into_iter().filter(|((_, planes), _)| from.contains(planes)).try_for_each(|of| compile(gpu, of))
}

/// `input_first` of `params` counts from the element at which the binding starts; it wraps. `indices` are there where the function finds them.
pub(crate) fn pool(
    recorder: &mut Recorder,
    variant @ ((_, from), _): Variant,
    params: Params,
    [input, output]: [&Binding; 2],
    indices: Option<&Binding>,
) -> Fit {
    let params = Params {
        rows_together: if recorder.gpu().capabilities().software() { ROWS_TOGETHER } else { 1 },
        input_first: params.input_first.wrapping_add(input.first),
        output_first: output.first,
        indices_first: indices.map_or(0, |indices| indices.first),
        ..params
    };
    let axes = [params.z, params.y, params.x];
    let [depth, height, width] = axes.map(|axis| u64::from(axis.outs));
    let planes = u64::from(params.planes) * depth;
    let taps = axes.iter().fold(1u64, |taps, axis| taps.saturating_mul(axis.kernel.into()));
    let elements = (planes * height * width).saturating_mul(taps);
    let invocations = planes * height.div_ceil(params.rows_together.into()) * width.div_ceil(4);
    let bindings: Vec<_> = [input, output].into_iter().chain(indices).collect();
    let axes = axes_of(variant, params.stores(from, input, output));
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
