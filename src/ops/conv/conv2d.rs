use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2d, Conv2dGeometry, Conv2dGradients, Conv2dInputs, DeformConv2dGradients};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::conv::columns::SampleSource;
use crate::ops::conv::strategy::{Convolution, Convolves, Problem};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Conv2d {
    type Compiled = Convolution;

    /// Off: the kernels widen and round strip by strip.
    const WIDENED: bool = false;

    fn compile(gpu: &Gpu, geometry: &Conv2dGeometry, inputs: &Conv2dInputs<TensorSpec>) -> Result<Convolution> {
        Convolution::new(gpu, &Self::problem(geometry, inputs))
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let Conv2dInputs { input, weight, bias } = *inputs;
        let source = SampleSource { input: input.tensor()?, offset: None, mask: None };
        plan.compiled().forward(recorder, &source, weight, bias, plan.activation(), output)
    }

    fn flops(geometry: &Self::Geometry) -> u64 {
        geometry.flops()
    }

    fn smallest() -> (Self, Conv2dInputs<TensorSpec>) {
        let shapes = Conv2dInputs { input: [1; 4].into(), weight: [1; 4].into(), bias: Some([1].into()) };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F16 }))
    }
}

impl Convolves for Conv2d {
    fn problem(geometry: &Conv2dGeometry, inputs: &Conv2dInputs<TensorSpec>) -> Problem {
        Problem { geometry: *geometry, deformation: None, dtypes: [inputs.input.dtype, inputs.weight.dtype] }
    }
}

impl Differentiable for Conv2d {
    type Gradients = Conv2dGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<Argument>,
        grad_output: &Tensor,
        destinations: &Conv2dGradients<Destination>,
    ) -> Result<()> {
        let Conv2dInputs { input, weight, .. } = *inputs;
        let source = SampleSource { input: input.tensor()?, offset: None, mask: None };
        let Conv2dGradients { input, weight: grad_weight, bias } = *destinations;
        let gradients = DeformConv2dGradients { input, weight: grad_weight, bias, ..Default::default() };
        plan.compiled().backward(recorder, &source, weight.tensor()?, grad_output, &gradients)
    }
}
