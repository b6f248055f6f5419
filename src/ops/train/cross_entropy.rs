use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{CrossEntropy, CrossEntropyGeometry, CrossEntropyInputs, Reduction};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::segment_sums::SEGMENT_SUMS;
use crate::kernels::train::cross_entropy::{CROSS_ENTROPY, cross_entropy};
use crate::kernels::train::cross_entropy_backward::{Params, cross_entropy_backward};
use crate::ops::plan::{Argument, Contract, in_pieces, run};
use crate::ops::plan::{Destination, Gradient, plan};
use crate::ops::plan::{rounded, widened};
use crate::ops::reduce::sums::{Sums, zeros};

/// A [`CrossEntropy`] bound to a device and shapes.
pub struct CrossEntropyPlan {
    contract: Contract<CrossEntropyInputs<TensorSpec>>,
    geometry: CrossEntropyGeometry,
}

plan!(CrossEntropyPlan, |plan| { geometry: plan.geometry });

impl CrossEntropyPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`CrossEntropyGeometry::new`].
    pub fn new(gpu: &Gpu, op: &CrossEntropy, inputs: &CrossEntropyInputs<TensorSpec>) -> Result<Self> {
        let geometry = CrossEntropyGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, CrossEntropyInputs::named, geometry.output_shape())?;
        gpu.compile(&CROSS_ENTROPY)?;
        if op.reduction != Reduction::None {
            gpu.compile(SEGMENT_SUMS.of(DType::F32))?;
        }
        Ok(Self { contract, geometry })
    }

    /// Records the losses, or what they are reduced to, into a new tensor.
    ///
    /// # Errors
    /// As [`CrossEntropyPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &CrossEntropyInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the losses, or what they are reduced to, into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Limit`](crate::Error::Limit) where one row of logits is beyond what the device binds or, on adapters that run on the CPU, has
    /// more than 4,193,728 classes, 2,096,832 in the backward pass.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &CrossEntropyInputs<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, CrossEntropyInputs::named, given.named(), output)?;
        let CrossEntropyGeometry { reduction, batch, .. } = self.geometry;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| {
                if reduction == Reduction::None {
                    return self.losses(recorder, &inputs, output);
                }
                if batch == 0 {
                    return zeros(recorder, output);
                }
                let losses = recorder.workspace([batch])?;
                self.losses(recorder, &inputs, &losses)?;
                let scale = self.geometry.scale();
                Sums { planes: 1, pixels: batch, columns: 1, scale, accumulate: false }
                    .record(recorder, &losses, output)
            })
        })
    }

    fn losses(&self, recorder: &mut Recorder, inputs: &CrossEntropyInputs<Tensor>, losses: &Tensor) -> Result<()> {
        let CrossEntropyGeometry { batch, classes, .. } = self.geometry;
        let whole = 0..batch;
        in_pieces([whole], &mut |[rows]| {
            let of_rows = u64::from(rows.start)..u64::from(rows.end);
            let elements = of_rows.start * u64::from(classes)..of_rows.end * u64::from(classes);
            recorder.gpu().capabilities().check_elements("logits", elements.end - elements.start)?;
            let parts = [
                &inputs.logits.part("logits", elements)?,
                &inputs.labels.part("labels", of_rows.clone())?,
                &losses.part("output", of_rows)?,
            ];
            cross_entropy(recorder, [rows.end - rows.start, classes], parts)
        })
    }

    /// Records the gradient by the logits, of the sum of `output * grad_output`, into a new tensor of their shape.
    ///
    /// # Errors
    /// As [`CrossEntropyPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &CrossEntropyInputs<&Tensor>,
        grad_output: &Tensor,
    ) -> Result<Tensor> {
        let TensorSpec { shape, dtype } = self.contract.inputs.logits;
        let gradient = Tensor::new(recorder.gpu(), shape, dtype)?;
        self.backward_into(recorder, inputs, grad_output, &gradient)?;
        Ok(gradient)
    }

    /// Records the gradient by the logits: the row's softmax, less 1 at its label, times `grad_output`. Labels have none.
    ///
    /// # Errors
    /// As [`CrossEntropyPlan::forward_into`], with the gradient for an output.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &CrossEntropyInputs<&Tensor>,
        grad_output: &Tensor,
        destination: impl Into<Destination<'a>>,
    ) -> Result<()> {
        let destination = destination.into();
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check_backward(
            recorder,
            CrossEntropyInputs::named,
            given.named(),
            grad_output,
            std::iter::once(("grad_logits", &destination)),
        )?;
        let CrossEntropyGeometry { reduction, batch, classes } = self.geometry;
        let grad_step = u32::from(reduction == Reduction::None);
        recorder.op(|recorder| {
            let CrossEntropyInputs { logits, labels } = inputs.try_map(|tensor| widened(recorder, tensor))?;
            let grad_output = widened(recorder, grad_output)?;
            let gradient = Gradient::begin(recorder, destination)?;
            let whole = 0..batch;
            in_pieces([whole], &mut |[rows]| {
                let of_rows = u64::from(rows.start)..u64::from(rows.end);
                let elements = || of_rows.start * u64::from(classes)..of_rows.end * u64::from(classes);
                let of_grads = if grad_step == 1 { of_rows.clone() } else { 0..1 };
                recorder.gpu().capabilities().check_elements("grad_logits", elements().end - elements().start)?;
                let parts = [
                    &logits.part("logits", elements())?,
                    &labels.part("labels", of_rows.clone())?,
                    &grad_output.part("grad_output", of_grads)?,
                    &gradient.tensor.part("grad_logits", elements())?,
                ];
                let params = Params {
                    rows: rows.end - rows.start,
                    classes,
                    scale: self.geometry.scale().to_bits(),
                    grad_step,
                    accumulate: gradient.accumulate.into(),
                    ..Default::default()
                };
                cross_entropy_backward(recorder, params, parts)
            })?;
            gradient.finish(recorder)
        })
    }
}

impl CrossEntropy {
    /// The losses, or what they are reduced to, in a new tensor, submitted.
    ///
    /// # Errors
    /// As [`CrossEntropyPlan::new`] and [`CrossEntropyPlan::forward`].
    pub fn forward(&self, inputs: &CrossEntropyInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.logits.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || CrossEntropyPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradient by the logits, of the sum of `output * grad_output`, in a new tensor, submitted.
    ///
    /// # Errors
    /// As [`CrossEntropyPlan::new`] and [`CrossEntropyPlan::backward`].
    pub fn backward(&self, inputs: &CrossEntropyInputs<&Tensor>, grad_output: &Tensor) -> Result<Tensor> {
        let gpu = inputs.logits.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || CrossEntropyPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output))
    }
}
