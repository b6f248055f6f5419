use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{BatchNorm, BatchNormGeometry, BatchNormGradients, BatchNormInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::batch_norm::{self, Params, batch_norm};
use crate::ops::elementwise::broadcast::gradient;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};

impl Kernels for BatchNorm {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &BatchNormGeometry, _: &BatchNormInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<batch_norm::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BatchNormInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let BatchNormGeometry { batch, channels, pixels, .. } = *plan.geometry();
        in_pieces([0..batch, 0..channels, 0..pixels], &mut |[images, some_channels, some_pixels]| {
            let element = |image: u32, channel: u32, pixel: u32| {
                (u64::from(image) * u64::from(channels) + u64::from(channel)) * u64::from(pixels) + u64::from(pixel)
            };
            // Halved from the outermost axis on, a piece is one range.
            let range = element(images.start, some_channels.start, some_pixels.start)
                ..element(images.end - 1, some_channels.end - 1, some_pixels.end);
            let of_channels = some_channels.start.into()..some_channels.end.into();
            let input = inputs.input.tensor()?.binding("input", range.clone())?;
            let scale = inputs.scale.tensor()?.binding("scale", of_channels.clone())?;
            let shift = inputs.shift.tensor()?.binding("shift", of_channels)?;
            recorder.gpu().capabilities().check_elements("output", range.end - range.start)?;
            let output = output.binding("output", range)?;
            let params = Params {
                images: images.end - images.start,
                channels: some_channels.end - some_channels.start,
                pixels: some_pixels.end - some_pixels.start,
                ..Default::default()
            };
            batch_norm(recorder, params, [&input, &scale, &shift, &output])
        })
    }

    fn smallest() -> (Self, BatchNormInputs<TensorSpec>) {
        let (input, channel) = ([1; 2].into(), [1].into());
        let shapes = BatchNormInputs { input, scale: channel, shift: channel };
        (Self, shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products: the input's is `grad_output * scale`; the scale's is the sum of `grad_output * input`, and the shift's
/// that of `grad_output`, over batch and pixels.
impl Differentiable for BatchNorm {
    type Gradients = BatchNormGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BatchNormInputs<Argument>,
        grad_output: &Tensor,
        destinations: &BatchNormGradients<Destination>,
    ) -> Result<()> {
        let axes = &plan.geometry().axes();
        if let Some(destination) = destinations.input {
            let scale = inputs.scale.wide(recorder)?;
            gradient(recorder, axes, 0, Some(&scale), grad_output, destination)?;
        }
        if let Some(destination) = destinations.scale {
            let input = inputs.input.wide(recorder)?;
            gradient(recorder, axes, 1, Some(&input), grad_output, destination)?;
        }
        destinations.shift.map_or(Ok(()), |destination| gradient(recorder, axes, 1, None, grad_output, destination))
    }
}
