use crate::error::Result;
use crate::gpu::{Iterations, Loops, Part, Recorder};
use crate::kernels::conv::col2im::block_iterations;
use crate::kernels::form::{ByForm, Form};
use crate::kernels::params;

/// The variants of a kernel over chains of samples, by its name and its file.
macro_rules! chains {
    ($name:literal, $file:literal) => {
        $crate::kernels::form::ByForm {
            rows: chains!(
                @kernel $name, "rows", $file: "shared/rows/layout.wgsl", "shared/rows/samples.wgsl", "shared/rows/given.wgsl",
                "shared/rows/table.wgsl"
            ),
            panels: chains!(
                @kernel $name, "panels", $file: "shared/panels/layout.wgsl", "shared/panels/samples.wgsl",
                "shared/panels/given.wgsl", "shared/panels/table.wgsl"
            ),
        }
    };
    (@kernel $name:literal, $variant:literal, $file:literal: $($of_form:literal),+) => {
        $crate::gpu::Kernel {
            name: $name,
            variant: $variant,
            files: $crate::gpu::wgsl![
                "shared/grid.wgsl",
                $($of_form,)+
                "sample/parts/samples.wgsl",
                "shared/col2im.wgsl",
                "sample/parts/chains.wgsl",
                $file,
            ],
            workgroup_size: 64,
        }
    };
}
pub(crate) use chains;

pub(crate) static DEFORM_COL2IM: ByForm = chains!("deform_col2im", "sample/deform_col2im.wgsl");

params!(
    image_first,
    images,
    pixel_first,
    pixels,
    plane,
    width,
    channels,
    strip_pixels,
    taps,
    quads_per_group,
    run_first,
    runs,
    lane_first,
    lane_end,
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    accumulate,
    grad_input_first,
    chained,
    listed,
    workers,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // All samples of an image may lie in the cells of one pixel.
        let merged = Iterations::of(self.chained);
        let block = block_iterations(self.channels);
        match self.workers {
            0 => merged + block,
            // Nor do the pixels that a worker does have more together.
            workers => merged + Iterations::each(self.listed.div_ceil(workers), Iterations::of(0u32) + block),
        }
    }
}

pub(crate) fn deform_col2im(recorder: &mut Recorder, form: Form, params: Params, bindings: [&Part; 6]) -> Result<()> {
    let params = Params { grad_input_first: bindings[1].first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.runs) * u64::from(params.pixels);
    // On the average, each row is added to four pixels.
    let elements =
        (4 * u64::from(params.strip_pixels) * u64::from(params.taps) * u64::from(params.runs)).max(invocations) * 16;
    recorder.dispatch(DEFORM_COL2IM.of(form), &params, &bindings, invocations, elements)
}
