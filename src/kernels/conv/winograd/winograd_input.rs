use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::winograd::TileGrid;
use crate::kernels::layout::Storage;
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("winograd_input", 64, Params, |storage: Storage| [
    wgsl!["shared/grid.wgsl", "conv/winograd/points.wgsl", "conv/winograd/planes.wgsl"],
    storage.files(),
    wgsl!["shared/rows/made.wgsl", "conv/winograd/stored.wgsl", "conv/winograd/winograd_input.wgsl"],
]);

params!(
    grid: TileGrid,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(6u32)
    }
}

/// `bindings` are input and tiles.
pub(crate) fn winograd_input(recorder: &mut Recorder, dtype: DType, params: Params, bindings: [&Binding; 2]) -> Fit {
    let params = Params { dtype: number(dtype), ..params };
    recorder.dispatch::<Kernel>(dtype.into(), &params, &bindings, params.grid.invocations(), params.grid.elements())
}
