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
    wgsl!["shared/border.wgsl", "sample/parts/samples.wgsl", "sample/parts/samples_buffer.wgsl"],
    of_layout!(layout, "gradients"),
    wgsl!["shared/gradient_terms.wgsl", "sample/sample_gradients.wgsl"],
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
    y_first,
    x_first,
    offset_batch,
    offset_step,
    mask_first,
    mask_batch,
    mask_step,
    mask_in_offset,
    offset_stored,
    mask_stored,
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

/// Where the gradients go, by layout.
#[derive(Clone, Copy)]
pub(crate) enum GradientsIn<'a> {
    /// As samples: shared/rows/gradients.wgsl.
    Samples(&'a Binding),
    /// The planes of the offset and of the mask: shared/panels/gradients.wgsl.
    Planes([&'a Binding; 2]),
}

/// The fate of the gradients of an offset or a mask: shared/panels/gradients.wgsl.
#[derive(Clone, Copy)]
pub(crate) enum Stored {
    Left,
    Written,
    Added,
}

pub(crate) fn sample_gradients(
    recorder: &mut Recorder,
    params: Params,
    bindings: [&Binding; 5],
    kept: Kept,
    into: GradientsIn,
) -> Fit {
    debug_assert!(!matches!(
        (into, kept),
        (GradientsIn::Samples(_), Kept::In(_)) | (GradientsIn::Planes(_), Kept::InPlace)
    ));
    let mut bindings = bindings.to_vec();
    let layout = match into {
        GradientsIn::Samples(gradients) => {
            bindings.push(gradients);
            Layout::Rows
        }
        GradientsIn::Planes(planes) => {
            bindings.extend(planes);
            Layout::Panels
        }
    };
    let columns = match kept {
        Kept::No => Columns::Left,
        Kept::InPlace => Columns::Kept,
        Kept::In(texture) => {
            bindings.push(texture);
            Columns::Kept
        }
    };
    let rows = layout.filled_rows(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    recorder.dispatch::<Kernel>((columns, layout), &params, &bindings, invocations, elements)
}
