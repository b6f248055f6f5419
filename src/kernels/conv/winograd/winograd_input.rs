use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::winograd::{ELEMENTS, invocations};
use crate::kernels::layout::Storage;
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("winograd_input", 64, Params, |storage: Storage| [
    wgsl!["shared/grid.wgsl", "conv/winograd/points.wgsl", "conv/winograd/planes.wgsl"],
    storage.files(),
    wgsl!["shared/rows/made.wgsl", "conv/winograd/stored.wgsl", "conv/winograd/winograd_input.wgsl"],
]);

params!(
    tile_first,
    tiles,
    strip_first,
    strip_tiles,
    image_tiles,
    row_tiles,
    height,
    width,
    padding_top,
    padding_left,
    groups,
    group_channels,
    group_quads,
    quad_first,
    quads,
    input_first,
    input_image,
    input_plane,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(6u32)
    }
}

impl Params {
    /// Elements that it makes.
    pub(crate) fn elements(&self) -> u64 {
        4 * u64::from(ELEMENTS) * invocations(self.tiles, self.quads)
    }
}

/// `bindings` are input and tiles.
pub(crate) fn winograd_input(recorder: &mut Recorder, dtype: DType, params: Params, bindings: [&Binding; 2]) -> Fit {
    let params = Params { dtype: number(dtype), ..params };
    recorder.dispatch::<Kernel>(
        dtype.into(),
        &params,
        &bindings,
        invocations(params.tiles, params.quads),
        params.elements(),
    )
}
