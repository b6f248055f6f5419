use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{InputGradient, Softmax, SoftmaxGeometry};
use crate::gpu::{Gpu, Loops, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::softmax::{self, softmax};
use crate::kernels::reduce::softmax_backward::{self, softmax_backward};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};
use crate::ops::reduce::passes::Passes;

impl Kernels for Softmax {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &SoftmaxGeometry, _: &TensorSpec) -> Result<()> {
        gpu.compile::<softmax::Kernel>(())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (input, logarithm) = (input.tensor()?, plan.geometry().log.into());
        let iterations = |rows, [finds, writes]: [u32; 2]| {
            softmax::Params { rows, finds, writes, ..Default::default() }.iterations()
        };
        passes(plan).record(recorder, [true; 2], iterations, |recorder, part, statistics| {
            let [finds, writes] = part.passes;
            let params = softmax::Params { rows: part.rows, finds, writes, logarithm, ..Default::default() };
            let [input, output] = [("input", input), ("output", output)]
                .map(|(name, tensor)| tensor.binding(name, part.elements.clone()));
            softmax(recorder, params, [&input?, statistics, &output?])
        })
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::default(), TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: with y the softmax, y times (`grad_output` less its mean over the row, weighted by y); of the logarithm,
/// `grad_output` less y times its sum over the row.
impl Differentiable for Softmax {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let input = input.wide(recorder)?;
        let (accumulate, logarithm) = (destination.accumulates().into(), plan.geometry().log.into());
        let iterations = |rows, [finds, writes]: [u32; 2]| {
            softmax_backward::Params { rows, finds, writes, ..Default::default() }.iterations()
        };
        passes(plan).record(recorder, [true; 2], iterations, |recorder, part, statistics| {
            let [finds, writes] = part.passes;
            let params = softmax_backward::Params {
                rows: part.rows,
                finds,
                writes,
                logarithm,
                accumulate,
                ..Default::default()
            };
            let input = input.binding("input", part.elements.clone())?;
            let grad_output = grad_output.binding("grad_output", part.elements.clone())?;
            let grad_input = destination.tensor().binding("grad_input", part.elements.clone())?;
            softmax_backward(recorder, params, [&input, statistics, &grad_output, &grad_input])
        })
    }
}

/// Two passes: one finds the largest element and two sums, the other writes.
fn passes(plan: &Plan<Softmax>) -> Passes<'static> {
    let [planes, extent, columns] = plan.geometry().extents();
    Passes { planes: 0..planes, extent, columns, found: 3, held: None }
}
