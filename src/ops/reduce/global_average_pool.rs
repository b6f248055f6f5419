use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{BroadcastAxis, GlobalAveragePool, GlobalAveragePoolGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::segment_sums::SEGMENT_SUMS;
use crate::ops::elementwise::broadcast::Elementwise;
use crate::ops::plan::{Contract, run};
use crate::ops::plan::{Destination, Gradient, plan};
use crate::ops::plan::{rounded, widened};
use crate::ops::reduce::sums::Sums;
use crate::shape::MAX_RANK;

/// A [`GlobalAveragePool`] bound to a device and a shape.
pub struct GlobalAveragePoolPlan {
    contract: Contract<TensorSpec>,
    geometry: GlobalAveragePoolGeometry,
}

plan!(GlobalAveragePoolPlan, |plan| { geometry: plan.geometry });

impl GlobalAveragePoolPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`GlobalAveragePoolGeometry::new`].
    pub fn new(gpu: &Gpu, op: &GlobalAveragePool, input: TensorSpec) -> Result<Self> {
        let geometry = GlobalAveragePoolGeometry::new(op, input.shape)?;
        let contract = Contract::new(gpu, input, |spec| [("input", Some(spec))], geometry.output_shape())?;
        gpu.compile(SEGMENT_SUMS.of(DType::F32))?;
        Ok(Self { contract, geometry })
    }

    /// Records the means into a new tensor (batch, channels, 1, 1).
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, input, &output)?;
        Ok(output)
    }

    /// Records the means into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        self.contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        let GlobalAveragePoolGeometry { batch, channels, pixels } = self.geometry;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            rounded(recorder, output, |recorder, output| {
                let (planes, scale) = (batch * channels, reciprocal(pixels));
                Sums { planes, pixels, columns: 1, scale, accumulate: false }.record(recorder, &input, output)
            })
        })
    }

    /// Records the gradient of the sum of `output * grad_output` into a new tensor of the input's shape.
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(&self, recorder: &mut Recorder, input: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
        let TensorSpec { shape, dtype } = self.contract.inputs;
        let gradient = Tensor::new(recorder.gpu(), shape, dtype)?;
        self.backward_into(recorder, input, grad_output, &gradient)?;
        Ok(gradient)
    }

    /// Records the gradient: for each pixel of a plane the plane's `grad_output`, over the number of pixels.
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::forward_into`], with the gradient for an output.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        grad_output: &Tensor,
        destination: impl Into<Destination<'a>>,
    ) -> Result<()> {
        let destination = destination.into();
        self.contract.check_backward(
            recorder,
            |spec| [("input", Some(spec))],
            [("input", Some(&input.into()))],
            grad_output,
            std::iter::once(("grad_input", &destination)),
        )?;
        let GlobalAveragePoolGeometry { batch, channels, pixels } = self.geometry;
        recorder.op(|recorder| {
            let grad_output = &widened(recorder, grad_output)?;
            let gradient = Gradient::begin(recorder, destination)?;
            let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
            axes[MAX_RANK - 2] = BroadcastAxis { extent: batch * channels, strides: [1; 2] };
            axes[MAX_RANK - 1] = BroadcastAxis { extent: pixels, strides: [0; 2] };
            let elementwise =
                Elementwise { op: None, scale: reciprocal(pixels), axes, accumulate: gradient.accumulate };
            elementwise.record(recorder, [grad_output; 2], &gradient.tensor)?;
            gradient.finish(recorder)
        })
    }
}

fn reciprocal(pixels: u32) -> f32 {
    (1.0 / f64::from(pixels)) as f32
}

impl GlobalAveragePool {
    /// The means, in a new tensor (batch, channels, 1, 1), submitted.
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::new`] and [`GlobalAveragePoolPlan::forward`].
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((*self, spec), || GlobalAveragePoolPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.forward(recorder, input))
    }

    /// The gradient of the sum of `output * grad_output`, in a new tensor of the input's shape, submitted.
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::new`] and [`GlobalAveragePoolPlan::backward`].
    pub fn backward(&self, input: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((*self, spec), || GlobalAveragePoolPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.backward(recorder, input, grad_output))
    }
}
