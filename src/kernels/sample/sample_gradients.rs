use crate::error::Result;
use crate::gpu::{Fit, Gpu, Iterations, Loops, Part, Recorder, axis, wgsl};
use crate::kernels::conv::columns::RUN_QUADS;
use crate::kernels::form::{Form, of_form};
use crate::kernels::{kernel, params};

kernel!("sample_gradients", 64, Params, |(columns, form): (Columns, Form)| [
    wgsl!["shared/grid.wgsl"],
    of_form!(form, "layout", "table", "packed"),
    match (columns, form) {
        (Columns::Left, _) => of_form!(form, "given"),
        (Columns::Kept, Form::Rows) => wgsl!["shared/rows/given_kept.wgsl"],
        (Columns::Kept, Form::Panels) => wgsl!["shared/panels/given.wgsl", "shared/panels/columns_kept.wgsl"],
    },
    match columns {
        Columns::Left => wgsl!["sample/parts/columns_left.wgsl"],
        Columns::Kept => &[],
    },
    wgsl!["shared/border.wgsl", "sample/parts/samples.wgsl"],
    of_form!(form, "samples", "gradients"),
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

pub(crate) fn compile(gpu: &Gpu, form: Form) -> Result<()> {
    gpu.compile::<Kernel>((Columns::Left, form))?;
    gpu.compile::<Kernel>((Columns::Kept, form))
}

/// The fate of the columns themselves.
#[derive(Clone, Copy)]
pub(crate) enum Kept<'a> {
    No,
    /// In a buffer, each in the place of its gradient.
    InPlace,
    /// In an image of their own.
    In(&'a Part),
}

pub(crate) fn sample_gradients(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    bindings: [&Part; 6],
    kept: Kept,
) -> Fit {
    let rows = form.filled_rows(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    let mut bindings = bindings.to_vec();
    let axes = match kept {
        Kept::No => (Columns::Left, form),
        Kept::InPlace => (Columns::Kept, Form::Rows),
        Kept::In(image) => {
            bindings.push(image);
            (Columns::Kept, Form::Panels)
        }
    };
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
