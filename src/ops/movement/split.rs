use crate::error::{Error, Result};
use crate::geometry::{Split, SplitGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_rows::COPY_ROWS;
use crate::ops::movement::concat::{Rows, copy_section};
use crate::ops::plan::{Contract, check_list_apart, run};
use crate::ops::plan::{Destination, Gradient, printed};
use crate::ops::plan::{rounded, widened};

/// A [`Split`] bound to a device and a shape.
pub struct SplitPlan {
    /// One for each output.
    contracts: Vec<Contract<TensorSpec>>,
    input: TensorSpec,
    geometry: SplitGeometry,
}

printed!(SplitPlan, |plan| { input: plan.input, outputs: plan.output_specs().collect::<Vec<_>>(), geometry: plan.geometry });

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
        Ok(Self { contracts, input, geometry })
    }

    /// Shapes and element types of the outputs, in the order of the sizes.
    pub fn output_specs(&self) -> impl ExactSizeIterator<Item = TensorSpec> {
        self.contracts.iter().map(Contract::output_spec)
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
    /// [`Error::Shape`], [`Error::DType`] where a tensor is not what the plan was made for; [`Error::Attribute`] where an output shares its
    /// buffer with the input, or two outputs overlap.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, outputs: &[&Tensor]) -> Result<()> {
        self.check_count("output", outputs.len())?;
        for (contract, output) in self.contracts.iter().zip(outputs) {
            contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        }
        check_list_apart("output", outputs.iter().copied().map(Some))?;
        let sections = &self.geometry.sections;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            let mut first = 0;
            for (output, &size) in outputs.iter().zip(&sections.sizes) {
                let from = Rows::of_whole("input", &input, sections, first);
                rounded(recorder, output, |recorder, output| {
                    let to = Rows { argument: "output", tensor: output, first: 0, row: sections.columns(size) };
                    copy_section(recorder, sections, size, from, to, false)
                })?;
                first += size;
            }
            Ok(())
        })
    }

    /// Records the gradient of the sum of `output * grad_output`, over all outputs, into a new tensor of the input's shape.
    ///
    /// # Errors
    /// As [`SplitPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(&self, recorder: &mut Recorder, grad_outputs: &[&Tensor]) -> Result<Tensor> {
        let gradient = Tensor::new(recorder.gpu(), self.input.shape, self.input.dtype)?;
        self.backward_into(recorder, grad_outputs, &gradient)?;
        Ok(gradient)
    }

    /// Records the gradient: the gradients of the outputs, in the order of the sizes, one behind another.
    ///
    /// # Errors
    /// As [`SplitPlan::forward_into`], with the gradient for an output.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        grad_outputs: &[&Tensor],
        destination: impl Into<Destination<'a>>,
    ) -> Result<()> {
        let destination = destination.into();
        self.check_count("grad_output", grad_outputs.len())?;
        for (contract, &grad_output) in self.contracts.iter().zip(grad_outputs) {
            contract.check_argument(recorder, "grad_output", &contract.output, grad_output.into())?;
            let read = [("grad_output", grad_output)];
            let gradient = ("grad_input", Some(&self.input), destination.tensor());
            contract.check_destinations(recorder, &read, std::iter::once(gradient))?;
        }
        let sections = &self.geometry.sections;
        recorder.op(|recorder| {
            let gradient = Gradient::begin(recorder, destination)?;
            let mut first = 0;
            for (grad_output, &size) in grad_outputs.iter().zip(&sections.sizes) {
                let grad_output = &widened(recorder, grad_output)?;
                let from = Rows { argument: "grad_output", tensor: grad_output, first: 0, row: sections.columns(size) };
                let to = Rows::of_whole("grad_input", &gradient.tensor, sections, first);
                copy_section(recorder, sections, size, from, to, gradient.accumulate)?;
                first += size;
            }
            gradient.finish(recorder)
        })
    }

    fn check_count(&self, argument: &'static str, given: usize) -> Result<()> {
        let planned = self.contracts.len();
        if given != planned {
            let message = format!("{given} {argument}s were given; the plan was made for {planned}");
            return Err(Error::shape(argument, message));
        }
        Ok(())
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

    /// The gradient of the sum of `output * grad_output`, over all outputs, in a new tensor of the input's shape, submitted.
    ///
    /// # Errors
    /// As [`SplitPlan::new`] and [`SplitPlan::backward`].
    pub fn backward(&self, grad_outputs: &[&Tensor]) -> Result<Tensor> {
        let Some(first) = grad_outputs.first() else {
            return Err(Error::shape("grad_output", "0 grad_outputs were given; at least 1 is needed"));
        };
        let (gpu, TensorSpec { shape, dtype }) = (first.gpu(), first.spec());
        let spec = TensorSpec { shape: SplitGeometry::whole(self, shape), dtype };
        let plan = gpu.plan((self.clone(), spec), || SplitPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.backward(recorder, grad_outputs))
    }
}
