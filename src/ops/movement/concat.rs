use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Concat, ConcatGeometry, InputListGradients};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_rows;
use crate::ops::movement::copy::{TensorRows, copy_section};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Concat {
    type Compiled = ();

    fn takes(_: &ConcatGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn compile(gpu: &Gpu, _: &ConcatGeometry, _: &Vec<TensorSpec>) -> Result<()> {
        copy_rows::compile(gpu)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &Vec<Argument>, output: &Tensor) -> Result<()> {
        let sections = &plan.geometry().sections;
        let mut first = 0;
        for (input, &size) in inputs.iter().zip(&sections.sizes) {
            let from = TensorRows { argument: "input", tensor: input.tensor()?, first: 0, row: sections.columns(size) };
            let to = TensorRows::of_whole("output", output, sections, first);
            copy_section(recorder, sections, size, from, to, false)?;
            first += size;
        }
        Ok(())
    }

    fn smallest() -> (Self, Vec<TensorSpec>) {
        (Self::default(), vec![TensorSpec { shape: [1].into(), dtype: DType::F32 }])
    }
}

/// The vector-Jacobian products: each is a section of `grad_output`.
impl Differentiable for Concat {
    type Gradients = InputListGradients;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        _: &Vec<Argument>,
        grad_output: &Tensor,
        destinations: &Vec<Option<Destination>>,
    ) -> Result<()> {
        let sections = &plan.geometry().sections;
        let mut first = 0;
        for (destination, &size) in destinations.iter().zip(&sections.sizes) {
            if let Some(destination) = destination {
                let from = TensorRows::of_whole("grad_output", grad_output, sections, first);
                let row = sections.columns(size);
                let to = TensorRows { argument: "grad_input", tensor: destination.tensor(), first: 0, row };
                copy_section(recorder, sections, size, from, to, destination.accumulates())?;
            }
            first += size;
        }
        Ok(())
    }
}
