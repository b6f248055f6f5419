use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::conv::winograd::TileGrid;
use crate::kernels::layout::{Layout, Storage, of_layout};
use crate::kernels::movement::convert::number;
use crate::kernels::stores::Stores;
use crate::kernels::{kernel, params};

kernel!("winograd_output", 64, Params, |((storage, layout), (stores, ending)): Axes| [
    wgsl!["shared/grid.wgsl", "conv/winograd/points.wgsl", "conv/winograd/grid.wgsl", "conv/winograd/planes.wgsl"],
    storage.files(),
    ending.files(),
    of_layout!(layout, "layout", "packed"),
    match layout {
        Layout::Rows => wgsl!["conv/winograd/sums_buffer.wgsl"],
        Layout::Panels => wgsl!["conv/winograd/sums_texture.wgsl"],
    },
    stores.files(),
    wgsl!["conv/winograd/winograd_output.wgsl"],
]);

type Axes = ((Storage, Layout), (Stores, Ending));

params!(
    grid: TileGrid,
    activation: Activation,
    group_rows,
    row_quads,
    sums_batch,
    biased,
    bias_first,
    output_first,
    output_image,
    output_plane,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let direct = Iterations::each(9u32, Iterations::of(self.grid.group_quads));
        let stores = Iterations::of(4u32);
        Iterations::each(4u32, stores) + Iterations::each(4u32, direct + stores)
    }
}

impl Params {
    fn stores(&self) -> Stores {
        Stores::of(&[self.grid.out_width, self.output_first, self.output_image, self.output_plane])
    }
}

/// `bindings` are input, packed weight, bias, sums and output.
pub(crate) fn winograd_output(
    recorder: &mut Recorder,
    (dtype, layout): (DType, Layout),
    params: Params,
    bindings: [&Binding; 5],
) -> Fit {
    let params = Params { dtype: number(dtype), ..params };
    let axes = ((dtype.into(), layout), (params.stores(), params.activation.ending()));
    recorder.dispatch::<Kernel>(axes, &params, &bindings, params.grid.invocations(), params.grid.elements())
}
