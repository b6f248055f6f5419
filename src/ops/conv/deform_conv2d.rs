use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{DeformConv2d, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::conv::columns::SampleSource;
use crate::ops::conv::strategy::{Convolution, Convolves, Problem};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for DeformConv2d {
    type Compiled = Convolution;

    /// Off: the kernels widen and round strip by strip.
    const WIDENED: bool = false;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConv2dGeometry,
        inputs: &DeformConv2dInputs<TensorSpec>,
    ) -> Result<Convolution> {
        Convolution::new(gpu, &Self::problem(geometry, inputs))
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let DeformConv2dInputs { input, offset, weight, mask, bias } = *inputs;
        let source = SampleSource {
            input: input.tensor()?,
            offset: Some(offset.tensor()?),
            mask: mask.map(Argument::tensor).transpose()?,
        };
        plan.compiled().forward(recorder, &source, weight, bias, plan.activation(), output)
    }

    fn flops(geometry: &Self::Geometry) -> u64 {
        geometry.flops()
    }

    fn smallest() -> (Self, DeformConv2dInputs<TensorSpec>) {
        let (input, offset, weight) = ([1; 4].into(), [1, 2, 1, 1].into(), [1; 4].into());
        let shapes = DeformConv2dInputs { input, offset, weight, mask: None, bias: None };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

impl Convolves for DeformConv2d {
    fn problem(geometry: &DeformConv2dGeometry, inputs: &DeformConv2dInputs<TensorSpec>) -> Problem {
        let DeformConv2dGeometry { conv2d, deformation } = *geometry;
        let dtypes = [inputs.input.dtype, inputs.weight.dtype];
        Problem { geometry: conv2d, deformation: Some(deformation), dtypes }
    }
}

/// The vector-Jacobian products of input, offset, mask, weight and bias. At positions that are whole numbers the derivative is the
/// right-hand one; at exactly -1, [`EdgeDerivative`](crate::EdgeDerivative) says. A sample whose offset is not finite has none, and gives
/// none.
impl Differentiable for DeformConv2d {
    type Gradients = DeformConv2dGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<Destination>,
    ) -> Result<()> {
        let DeformConv2dInputs { input, offset, weight, mask, .. } = *inputs;
        let source = SampleSource {
            input: input.tensor()?,
            offset: Some(offset.tensor()?),
            mask: mask.map(Argument::tensor).transpose()?,
        };

        plan.compiled().backward(recorder, &source, weight.tensor()?, grad_output, destinations)
    }
}
