use super::convert::{rounded, widened};
use super::{Argument, Contract, in_pieces, run};
use crate::error::Result;
use crate::geometry::{BatchNorm, BatchNormGeometry, BatchNormInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::batch_norm::{BATCH_NORM, Params, batch_norm};

/// A [`BatchNorm`] bound to a device and shapes.
pub struct BatchNormPlan {
    contract: Contract<BatchNormInputs<TensorSpec>>,
    geometry: BatchNormGeometry,
}

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
}
