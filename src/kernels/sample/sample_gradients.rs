use crate::error::Result;
use crate::gpu::{Gpu, Iterations, Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::conv::columns::RUN_QUADS;
use crate::kernels::form::{ByForm, Form};
use crate::kernels::params;

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
                "sample/parts/samples.wgsl",
                $samples,
                $gradients,
                "sample/sample_gradients.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_GRADIENTS: ByForm = ByForm {
    rows: kernel!(
        "rows",
        "shared/rows/layout.wgsl",
        "shared/rows/table.wgsl",
        "shared/rows/packed.wgsl",
        "shared/rows/samples.wgsl",
        "shared/rows/gradients.wgsl",
        "shared/rows/given.wgsl",
        "sample/parts/columns_left.wgsl"
    ),
    panels: kernel!(
        "panels",
        "shared/panels/layout.wgsl",
        "shared/panels/table.wgsl",
        "shared/panels/packed.wgsl",
        "shared/panels/samples.wgsl",
        "shared/panels/gradients.wgsl",
        "shared/panels/given.wgsl",
        "sample/parts/columns_left.wgsl"
    ),
};
pub(crate) static SAMPLE_GRADIENTS_KEPT: ByForm = ByForm {
    rows: kernel!(
        "kept.rows",
        "shared/rows/layout.wgsl",
        "shared/rows/table.wgsl",
        "shared/rows/packed.wgsl",
        "shared/rows/samples.wgsl",
        "shared/rows/gradients.wgsl",
        "shared/rows/given_kept.wgsl"
    ),
    panels: kernel!(
        "kept.panels",
        "shared/panels/layout.wgsl",
        "shared/panels/table.wgsl",
        "shared/panels/packed.wgsl",
        "shared/panels/samples.wgsl",
        "shared/panels/gradients.wgsl",
        "shared/panels/given.wgsl",
        "shared/panels/columns_kept.wgsl"
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
