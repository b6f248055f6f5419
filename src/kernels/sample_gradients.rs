use super::columns::RUN_QUADS;
use super::form::{ByForm, Form};
use super::params;
use crate::error::Result;
use crate::gpu::{Gpu, Iterations, Kernel, Loops, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $place:literal, $table:literal, $packed:literal, $samples:literal, $gradients:literal, $($columns:literal),+) => {
        Kernel {
            name: "sample_gradients",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                $place,
                $table,
                $packed,
                $($columns,)+
                "shared/border.wgsl",
                "shared/samples.wgsl",
                $samples,
                $gradients,
                "sample_gradients.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_GRADIENTS: ByForm = ByForm {
    rows: kernel!(
        "rows",
        "shared/rows.wgsl",
        "shared/table_rows.wgsl",
        "shared/packed_rows.wgsl",
        "shared/samples_rows.wgsl",
        "shared/gradients_rows.wgsl",
        "shared/given_rows.wgsl",
        "shared/columns_left.wgsl"
    ),
    panels: kernel!(
        "panels",
        "shared/panels.wgsl",
        "shared/table_panels.wgsl",
        "shared/packed_panels.wgsl",
        "shared/samples_panels.wgsl",
        "shared/gradients_panels.wgsl",
        "shared/given_panels.wgsl",
        "shared/columns_left.wgsl"
    ),
};
pub(crate) static SAMPLE_GRADIENTS_KEPT: ByForm = ByForm {
    rows: kernel!(
        "kept.rows",
        "shared/rows.wgsl",
        "shared/table_rows.wgsl",
        "shared/packed_rows.wgsl",
        "shared/samples_rows.wgsl",
        "shared/gradients_rows.wgsl",
        "shared/given_kept_rows.wgsl"
    ),
    panels: kernel!(
        "kept.panels",
        "shared/panels.wgsl",
        "shared/table_panels.wgsl",
        "shared/packed_panels.wgsl",
        "shared/samples_panels.wgsl",
        "shared/gradients_panels.wgsl",
        "shared/given_panels.wgsl",
        "shared/columns_kept_panels.wgsl"
    ),
};

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
    SAMPLE_GRADIENTS.compile(gpu, form)?;
    SAMPLE_GRADIENTS_KEPT.compile(gpu, form)
}

/// What becomes of the columns themselves.
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
) -> Result<()> {
    let rows = form.filled_rows(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    let mut bindings = bindings.to_vec();
    let kernel = match kept {
        Kept::No => SAMPLE_GRADIENTS.of(form),
        Kept::InPlace => &SAMPLE_GRADIENTS_KEPT.rows,
        Kept::In(image) => {
            bindings.push(image);
            &SAMPLE_GRADIENTS_KEPT.panels
        }
    };
    recorder.dispatch(kernel, &params, &bindings, invocations, elements)
}
