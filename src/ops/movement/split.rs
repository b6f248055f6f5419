use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{InputGradient, Split, SplitGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_rows;
use crate::ops::movement::copy::{TensorRows, copy_section};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Split {
    type Compiled = ();

    fn takes(_: &SplitGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn compile(gpu: &Gpu, _: &SplitGeometry, _: &TensorSpec) -> Result<()> {
        copy_rows::compile(gpu)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, outputs: &Vec<Tensor>) -> Result<()> {
        let (sections, input) = (&plan.geometry().sections, input.tensor()?);
        let mut first = 0;
        for (output, &size) in outputs.iter().zip(&sections.sizes) {
            let from = TensorRows::of_whole("input", input, sections, first);
            let to = TensorRows { argument: "output", tensor: output, first: 0, row: sections.columns(size) };
            copy_section(recorder, sections, size, from, to, false)?;
            first += size;
        }
        Ok(())
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self { axis: 0, sizes: vec![1] }, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: the gradients of the outputs, one behind another.
impl Differentiable for Split {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        _: &Argument,
        grad_outputs: &Vec<Tensor>,
        destination: &Destination,
    ) -> Result<()> {
        let sections = &plan.geometry().sections;
        let mut first = 0;
        for (grad_output, &size) in grad_outputs.iter().zip(&sections.sizes) {
            let from =
                TensorRows { argument: "grad_output", tensor: grad_output, first: 0, row: sections.columns(size) };
            let to = TensorRows::of_whole("grad_input", destination.tensor(), sections, first);
            copy_section(recorder, sections, size, from, to, destination.accumulates())?;
            first += size;
        }
        Ok(())
    }
}
