use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::roi::Pooling;
use crate::kernels::{kernel, params};

kernel!(
    "roi_offset_gradient",
    64,
    Params,
    ["shared/grid.wgsl", "roi/parts/pooling.wgsl", "roi/roi_offset_gradient.wgsl"]
);

params!(
    pooling: Pooling,
    channel_first,
    channels,
    row_first,
    rows,
    column_first,
    columns,
    accumulate,
    grad_offset_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.rows, Iterations::each(self.columns, Iterations::of(self.channels)))
    }
}

pub(crate) fn roi_offset_gradient(recorder: &mut Recorder, params: Params, [terms, grad_offset]: [&Binding; 2]) -> Fit {
    let params = Params { grad_offset_first: grad_offset.first, ..params };
    let of_roi = 2
        * u64::from(params.pooling.classes)
        * u64::from(params.pooling.part_height)
        * u64::from(params.pooling.part_width);
    let of_element = u64::from(params.rows) * u64::from(params.columns) * u64::from(params.channels);
    let rois = u64::from(params.pooling.rois);
    let elements = (rois * of_roi).saturating_mul(of_element.max(1));
    recorder.dispatch::<Kernel>((), &params, &[terms, grad_offset], rois * of_roi, elements)
}
