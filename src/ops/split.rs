use super::concat::{Rows, copy_section};
use super::convert::{rounded, widened};
use super::{Contract, run};
use crate::error::{Error, Result};
use crate::geometry::{Split, SplitGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::copy_rows::COPY_ROWS;

/// A [`Split`] bound to a device and a shape.
pub struct SplitPlan {
    /// One for each output.
    contracts: Vec<Contract<TensorSpec>>,
    geometry: SplitGeometry,
}

impl SplitPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`]: see [`SplitGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Split, input: TensorSpec) -> Result<Self> {
        let geometry = SplitGeometry::new(op, input.shape)?;
        let contract = |shape| Contract::new(gpu, input, |spec| [("input", Some(spec))], shape);
        let contracts = geometry.output_shapes().into_iter().map(contract).collect::<Result<_>>()?;
        gpu.compile(&COPY_ROWS)?;
        Ok(Self { contracts, geometry })
    }

    /// Records the copies into new tensors, in the order of the sizes.
    ///
    /// # Errors
    /// As [`SplitPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> Result<Vec<Tensor>> {
        let outputs = self.contracts.iter().map(|contract| contract.output(recorder)).collect::<Result<Vec<_>>>()?;
        self.forward_into(recorder, input, &outputs.iter().collect::<Vec<_>>())?;
        Ok(outputs)
    }

    /// Records the copies into `outputs`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`] where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, outputs: &[&Tensor]) -> Result<()> {
        if outputs.len() != self.contracts.len() {
            let (given, planned) = (outputs.len(), self.contracts.len());
            let message = format!("{given} outputs were given; the plan was made for {planned}");
            return Err(Error::shape("output", message));
        }
        for (contract, output) in self.contracts.iter().zip(outputs) {
            contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        }
        let sections = &self.geometry.sections;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            let mut first = 0;
            for (output, &size) in outputs.iter().zip(&sections.sizes) {
                let from = Rows::of_whole("input", &input, sections, first);
                rounded(recorder, output, |recorder, output| {
                    let to = Rows { argument: "output", tensor: output, first: 0, row: sections.columns(size) };
                    copy_section(recorder, sections, size, from, to)
                })?;
                first += size;
            }
            Ok(())
        })
    }
}

impl Split {
    /// The pieces, in new tensors in the order of the sizes, submitted.
    ///
    /// # Errors
    /// As [`SplitPlan::new`] and [`SplitPlan::forward`].
    pub fn forward(&self, input: &Tensor) -> Result<Vec<Tensor>> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((self.clone(), spec), || SplitPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.forward(recorder, input))
    }
}
