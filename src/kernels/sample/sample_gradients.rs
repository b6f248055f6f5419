use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::columns::RUN_QUADS;
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::{kernel, params};

kernel!("sample_gradients", 64, Params, |(columns, layout): (Columns, Layout)| [
    wgsl!["shared/grid.wgsl"],
    of_layout!(layout, "layout", "table", "packed"),
    match (columns, layout) {
        (Columns::Left, _) => of_layout!(layout, "given"),
        (Columns::Kept, Layout::Rows) => wgsl!["shared/rows/given_kept.wgsl"],
        (Columns::Kept, Layout::Panels) => wgsl!["shared/panels/given.wgsl", "shared/panels/columns_kept.wgsl"],
    },
    match columns {
        Columns::Left => wgsl!["sample/parts/columns_left.wgsl"],
        Columns::Kept => &[],
    },
    wgsl!["shared/border.wgsl", "sample/parts/samples.wgsl"],
    of_layout!(layout, "samples", "gradients"),
    wgsl!["sample/sample_gradients.wgsl"],
]);

/// The fate of the columns, from which the gradients are computed anew.
#[derive(Clone, Copy)]
pub(crate) enum Columns {
    Left,
    /// The columns are stored: shared/rows/given_kept.wgsl, shared/panels/columns_kept.wgsl.
    Kept,
}

axis!(Columns { Left: "", Kept: "kept" });

params!(
    pixels,
    taps,
    image_pixels,
    offset_groups,
    height,
    width,
    quads,
    quads_per_group,
    band_first,
    band_pixels,
    border,
    edge_zero,
    accumulate,
    last,
    run_first,
    runs,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // The quads of each run.
        Iterations::each(self.runs, Iterations::of(self.quads_per_group.min(RUN_QUADS)))
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: Layout) -> Result<()> {
    gpu.compile::<Kernel>((Columns::Left, layout))?;
    gpu.compile::<Kernel>((Columns::Kept, layout))
}

/// The fate of the columns themselves.
#[derive(Clone, Copy)]
pub(crate) enum Kept<'a> {
    No,
    /// In a buffer, each in the place of its gradient.
    InPlace,
    /// In a texture of their own.
    In(&'a Binding),
}

pub(crate) fn sample_gradients(
    recorder: &mut Recorder,
    layout: Layout,
    params: Params,
    bindings: [&Binding; 6],
    kept: Kept,
) -> Fit {
    let rows = layout.filled_rows(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    let mut bindings = bindings.to_vec();
    let axes = match kept {
        Kept::No => (Columns::Left, layout),
        Kept::InPlace => (Columns::Kept, Layout::Rows),
        Kept::In(texture) => {
            bindings.push(texture);
            (Columns::Kept, Layout::Panels)
        }
    };
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
