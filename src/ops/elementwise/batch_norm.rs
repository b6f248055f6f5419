use crate::error::Result;
use crate::geometry::{BatchNorm, BatchNormGeometry, BatchNormGradients, BatchNormInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::batch_norm::{BATCH_NORM, Params, batch_norm};
use crate::ops::elementwise::broadcast::gradient;
use crate::ops::plan::Destination;
use crate::ops::plan::{Argument, Contract, in_pieces, run};
use crate::ops::plan::{plan, rounded, widened};

/// A [`BatchNorm`] bound to a device and shapes.
pub struct BatchNormPlan {
    contract: Contract<BatchNormInputs<TensorSpec>>,
    geometry: BatchNormGeometry,
}

plan!(BatchNormPlan, |plan| { geometry: plan.geometry });

impl BatchNormPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`BatchNormGeometry::new`].
    pub fn new(gpu: &Gpu, op: &BatchNorm, inputs: &BatchNormInputs<TensorSpec>) -> Result<Self> {
        let geometry = BatchNormGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, BatchNormInputs::named, geometry.output_shape())?;
        gpu.compile(&BATCH_NORM)?;
        Ok(Self { contract, geometry })
    }

    /// Records the normalisation into a new tensor of the input's shape.
    ///
    /// # Errors
    /// As [`BatchNormPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &BatchNormInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the normalisation into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &BatchNormInputs<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, BatchNormInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| self.pieces(recorder, &inputs, output))
        })
    }

    fn pieces(&self, recorder: &mut Recorder, inputs: &BatchNormInputs<Tensor>, output: &Tensor) -> Result<()> {
        let BatchNormGeometry { batch, channels, pixels, .. } = self.geometry;
        in_pieces([0..batch, 0..channels, 0..pixels], &mut |[images, some_channels, some_pixels]| {
            let element = |image: u32, channel: u32, pixel: u32| {
                (u64::from(image) * u64::from(channels) + u64::from(channel)) * u64::from(pixels) + u64::from(pixel)
            };
            // Halved from the outermost axis on, a piece is one range.
            let range = element(images.start, some_channels.start, some_pixels.start)
                ..element(images.end - 1, some_channels.end - 1, some_pixels.end);
            let of_channels = some_channels.start.into()..some_channels.end.into();
            let input = inputs.input.part("input", range.clone())?;
            let scale = inputs.scale.part("scale", of_channels.clone())?;
            let shift = inputs.shift.part("shift", of_channels)?;
            recorder.gpu().capabilities().check_elements("output", range.end - range.start)?;
            let output = output.part("output", range)?;
            let params = Params {
                images: images.end - images.start,
                channels: some_channels.end - some_channels.start,
                pixels: some_pixels.end - some_pixels.start,
                ..Default::default()
            };
            batch_norm(recorder, params, [&input, &scale, &shift, &output])
        })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors.
    ///
    /// # Errors
    /// As [`BatchNormPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &BatchNormInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BatchNormGradients<()>,
    ) -> Result<BatchNormGradients<Tensor>> {
        let BatchNormInputs { input, scale, shift } = self.contract.inputs;
        let specs = wanted.of(BatchNormGradients { input: Some(input), scale: Some(scale), shift: Some(shift) })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination: the input's is `grad_output * scale`; the scale's is the sum of `grad_output * input`,
    /// and the shift's that of `grad_output`, over batch and pixels.
    ///
    /// # Errors
    /// As [`BatchNormPlan::forward_into`], with gradients for outputs; [`Error::Attribute`](crate::Error::Attribute) where two of them
    /// overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &BatchNormInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &BatchNormGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        self.contract.check_backward(
            recorder,
            BatchNormInputs::named,
            given.named(),
            grad_output,
            destinations.named(),
        )?;
        let axes = &self.geometry.axes();
        recorder.op(|recorder| {
            let grad_output = &widened(recorder, grad_output)?;
            if let Some(destination) = destinations.input {
                let scale = widened(recorder, inputs.scale)?;
                gradient(recorder, axes, 0, Some(&scale), grad_output, destination)?;
            }
            if let Some(destination) = destinations.scale {
                let input = widened(recorder, inputs.input)?;
                gradient(recorder, axes, 1, Some(&input), grad_output, destination)?;
            }
            if let Some(destination) = destinations.shift {
                gradient(recorder, axes, 1, None, grad_output, destination)?;
            }
            Ok(())
        })
    }
}

impl BatchNorm {
    /// The normalisation, in a new tensor of the input's shape, submitted.
    ///
    /// # Errors
    /// As [`BatchNormPlan::new`] and [`BatchNormPlan::forward`].
    pub fn forward(&self, inputs: &BatchNormInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BatchNormPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`BatchNormPlan::new`] and [`BatchNormPlan::backward`].
    pub fn backward(
        &self,
        inputs: &BatchNormInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BatchNormGradients<()>,
    ) -> Result<BatchNormGradients<Tensor>> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BatchNormPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}
