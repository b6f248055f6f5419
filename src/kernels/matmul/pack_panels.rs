use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Loops, Recorder, axis, wgsl};
use crate::kernels::layout::Layout;
use crate::kernels::{kernel, params};

kernel!("pack_panels", 64, Params, |loads: Loads| [
    wgsl!["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl"],
    match loads {
        Loads::Elements => wgsl!["matmul/parts/pack_elements.wgsl"],
        Loads::Quads => wgsl!["matmul/parts/pack_quads.wgsl"],
    },
    wgsl!["matmul/pack_panels.wgsl"],
]);

/// How rows are loaded: element by element, or in quads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loads {
    Elements,
    Quads,
}

axis!(Loads { Elements: "", Quads: "quads" });

params!(batch, rows, depth, first, batch_stride, row_stride, depth_stride);

impl Loops for Params {}

impl Params {
    fn loads(&self) -> Loads {
        let batch = if self.batch == 1 { 0 } else { self.batch_stride };
        let row = if self.rows == 1 { 0 } else { self.row_stride };
        let quads = [self.first, batch, row, self.depth].iter().all(|count| count.is_multiple_of(4));
        if quads && self.depth_stride == 1 { Loads::Quads } else { Loads::Elements }
    }
}

/// Compiles both variants.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    Loads::all().into_iter().try_for_each(|loads| gpu.compile::<Kernel>(loads))
}

pub(crate) fn pack_panels(recorder: &mut Recorder, params: Params, [matrix, packed]: [&Binding; 2]) -> Fit {
    let params = Params { first: matrix.first, ..params };
    let rows = Layout::Panels.filled_rows(params.rows);
    let invocations = u64::from(params.batch) * rows * u64::from(params.depth.div_ceil(4));
    recorder.dispatch::<Kernel>(params.loads(), &params, &[matrix, packed], invocations, 4 * invocations)
}
