use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{CrossEntropy, CrossEntropyGeometry, CrossEntropyInputs, LogitsGradient, Reduction};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::segment_sums;
use crate::kernels::train::cross_entropy::{self, cross_entropy};
use crate::kernels::train::cross_entropy_backward::{Params, cross_entropy_backward};
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};
use crate::ops::reduce::sums::Sums;

impl Kernels for CrossEntropy {
    type Compiled = ();

    fn compile(gpu: &Gpu, geometry: &CrossEntropyGeometry, _: &CrossEntropyInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<cross_entropy::Kernel>(())?;
        if geometry.reduction == Reduction::None {
            Ok(())
        } else {
            gpu.compile::<segment_sums::Kernel>(DType::F32.into())
        }
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &CrossEntropyInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        if geometry.reduction == Reduction::None {
            return losses(geometry, recorder, inputs, output);
        }
        if geometry.batch == 0 {
            return zeros(recorder, output);
        }
        let each = recorder.workspace([geometry.batch])?;
        losses(geometry, recorder, inputs, &each)?;
        let (pixels, scale) = (geometry.batch, geometry.scale());
        Sums { planes: 1, pixels, columns: 1, scale, accumulate: false }.record(recorder, &each, output)
    }

    fn smallest() -> (Self, CrossEntropyInputs<TensorSpec>) {
        let shapes = CrossEntropyInputs { logits: [1; 2].into(), labels: [1].into() };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// Records the loss of each row.
fn losses(
    geometry: &CrossEntropyGeometry,
    recorder: &mut Recorder,
    inputs: &CrossEntropyInputs<Argument>,
    losses: &Tensor,
) -> Result<()> {
    let &CrossEntropyGeometry { batch, classes, .. } = geometry;
    let CrossEntropyInputs { logits, labels } = inputs.try_map(|input| input.tensor())?;
    let whole = 0..batch;
    in_pieces([whole], &mut |[rows]| {
        let of_rows = u64::from(rows.start)..u64::from(rows.end);
        let elements = of_rows.start * u64::from(classes)..of_rows.end * u64::from(classes);
        recorder.gpu().capabilities().check_elements("logits", elements.end - elements.start)?;
        let bindings = [
            &logits.binding("logits", elements)?,
            &labels.binding("labels", of_rows.clone())?,
            &losses.binding("output", of_rows)?,
        ];
        cross_entropy(recorder, [rows.end - rows.start, classes], bindings)
    })
}

impl Differentiable for CrossEntropy {
    type Gradients = LogitsGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &CrossEntropyInputs<Argument>,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let &CrossEntropyGeometry { reduction, batch, classes } = plan.geometry();
        let grad_step = u32::from(reduction == Reduction::None);
        let CrossEntropyInputs { logits, labels } = inputs.try_map(|input| input.wide(recorder))?;
        let whole = 0..batch;
        in_pieces([whole], &mut |[rows]| {
            let of_rows = u64::from(rows.start)..u64::from(rows.end);
            let elements = || of_rows.start * u64::from(classes)..of_rows.end * u64::from(classes);
            let of_grads = if grad_step == 1 { of_rows.clone() } else { 0..1 };
            recorder.gpu().capabilities().check_elements("grad_logits", elements().end - elements().start)?;
            let bindings = [
                &logits.binding("logits", elements())?,
                &labels.binding("labels", of_rows.clone())?,
                &grad_output.binding("grad_output", of_grads)?,
                &destination.tensor().binding("grad_logits", elements())?,
            ];
            let params = Params {
                rows: rows.end - rows.start,
                classes,
                scale: plan.geometry().scale(),
                grad_step,
                accumulate: destination.accumulates().into(),
                ..Default::default()
            };
            cross_entropy_backward(recorder, params, bindings)
        })
    }
}
