use crate::error::{Error, Result};
use crate::geometry::{Concat, ConcatGeometry, Sections};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::copy_rows::{COPY_ROWS, Params, copy_rows};
use crate::ops::plan::{Contract, check_apart, check_list_apart, in_pieces, run};
use crate::ops::plan::{Destination, Gradient, plan};
use crate::ops::plan::{rounded, widened};

/// A [`Concat`] bound to a device and shapes.
pub struct ConcatPlan {
    contract: Contract<Vec<TensorSpec>>,
    geometry: ConcatGeometry,
}

plan!(ConcatPlan, |plan| { geometry: plan.geometry });

impl ConcatPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`]: see [`ConcatGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Concat, inputs: &[TensorSpec]) -> Result<Self> {
        let shapes: Vec<_> = inputs.iter().map(|spec| spec.shape).collect();
        let geometry = ConcatGeometry::new(op, &shapes)?;
        let dtypes: Vec<_> = inputs.iter().map(|spec| spec.dtype).collect();
        let contract = Contract::of_dtypes(gpu, inputs.to_vec(), &dtypes, geometry.output_shape())?;
        gpu.compile(&COPY_ROWS)?;
        Ok(Self { contract, geometry })
    }

    /// Records the copies into a new tensor, which has the element type of the first input.
    ///
    /// # Errors
    /// As [`ConcatPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &[&Tensor]) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the copies into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`] where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, inputs: &[&Tensor], output: &Tensor) -> Result<()> {
        self.check_count("input", inputs.len())?;
        for (spec, &input) in self.contract.inputs.iter().zip(inputs) {
            self.contract.check_argument(recorder, "input", spec, input.into())?;
            check_apart(("output", output), ("input", input))?;
        }
        self.contract.check_output(recorder, output)?;
        let sections = &self.geometry.sections;
        recorder.op(|recorder| {
            let inputs = inputs.iter().map(|input| widened(recorder, input)).collect::<Result<Vec<_>>>()?;
            rounded(recorder, output, |recorder, output| {
                let mut first = 0;
                for (input, &size) in inputs.iter().zip(&sections.sizes) {
                    let from = Rows { argument: "input", tensor: input, first: 0, row: sections.columns(size) };
                    let to = Rows::of_whole("output", output, sections, first);
                    copy_section(recorder, sections, size, from, to, false)?;
                    first += size;
                }
                Ok(())
            })
        })
    }

    /// Records the gradients of the inputs that are wanted, of the sum of `output * grad_output`, into new tensors.
    ///
    /// # Errors
    /// As [`ConcatPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        grad_output: &Tensor,
        wanted: &[bool],
    ) -> Result<Vec<Option<Tensor>>> {
        self.check_count("grad_input", wanted.len())?;
        let gradients = wanted.iter().zip(&self.contract.inputs).map(|(&wanted, &TensorSpec { shape, dtype })| {
            wanted.then(|| Tensor::new(recorder.gpu(), shape, dtype)).transpose()
        });
        let gradients = gradients.collect::<Result<Vec<_>>>()?;
        let destinations: Vec<_> = gradients.iter().map(Option::as_ref).collect();
        self.backward_into(recorder, grad_output, &destinations)?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, in the order of the inputs: each is a section of `grad_output`.
    ///
    /// # Errors
    /// As [`ConcatPlan::forward_into`], with gradients for outputs; [`Error::Attribute`] where two of them overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        grad_output: &Tensor,
        destinations: &[Option<impl Into<Destination<'a>> + Copy>],
    ) -> Result<()> {
        self.check_count("grad_input", destinations.len())?;
        let destinations: Vec<Option<Destination>> = destinations.iter().map(|&d| d.map(Into::into)).collect();
        self.contract.check_argument(recorder, "grad_output", &self.contract.output, grad_output.into())?;
        let with_specs = destinations.iter().zip(&self.contract.inputs);
        check_list_apart("grad_input", destinations.iter().map(|destination| destination.map(Destination::tensor)))?;
        self.contract.check_destinations(
            recorder,
            &[("grad_output", grad_output)],
            with_specs.filter_map(|(destination, spec)| Some(("grad_input", Some(spec), (*destination)?.tensor()))),
        )?;
        let sections = &self.geometry.sections;
        recorder.op(|recorder| {
            let grad_output = widened(recorder, grad_output)?;
            let mut first = 0;
            for (destination, &size) in destinations.iter().zip(&sections.sizes) {
                if let Some(destination) = *destination {
                    let gradient = Gradient::begin(recorder, destination)?;
                    let from = Rows::of_whole("grad_output", &grad_output, sections, first);
                    let row = sections.columns(size);
                    let to = Rows { argument: "grad_input", tensor: &gradient.tensor, first: 0, row };
                    copy_section(recorder, sections, size, from, to, gradient.accumulate)?;
                    gradient.finish(recorder)?;
                }
                first += size;
            }
            Ok(())
        })
    }

    fn check_count(&self, argument: &'static str, given: usize) -> Result<()> {
        let planned = self.contract.inputs.len();
        if given != planned {
            let message = format!("{given} {argument}s were given; the plan was made for {planned}");
            return Err(Error::shape(argument, message));
        }
        Ok(())
    }
}

/// Rows in a tensor, from element `first` on, `row` apart.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) argument: &'static str,
    pub(crate) tensor: &'a Tensor,
    pub(crate) first: u32,
    pub(crate) row: u32,
}

impl<'a> Rows<'a> {
    /// A section of the whole, from index `first` along the axis on.
    pub(crate) fn of_whole(argument: &'static str, tensor: &'a Tensor, sections: &Sections, first: u32) -> Self {
        let row = sections.columns(sections.whole.extents()[sections.axis]);
        Self { argument, tensor, first: sections.columns(first), row }
    }
}

/// Records the copy, or the sum, of a section that has `size` along the axis, in as many dispatches as the tensors need to be bound.
pub(crate) fn copy_section(
    recorder: &mut Recorder,
    sections: &Sections,
    size: u32,
    from: Rows,
    to: Rows,
    accumulate: bool,
) -> Result<()> {
    in_pieces([0..sections.rows(), 0..sections.columns(size)], &mut |[rows, columns]| {
        let part = |Rows { argument, tensor, first, row }: Rows| {
            let element =
                |index: u32, column: u32| u64::from(first) + u64::from(index) * u64::from(row) + u64::from(column);
            tensor.part(argument, element(rows.start, columns.start)..element(rows.end - 1, columns.end))
        };
        let parts = [&part(from)?, &part(to)?];
        let params = Params {
            rows: rows.end - rows.start,
            columns: columns.end - columns.start,
            source_row: from.row,
            destination_row: to.row,
            accumulate: accumulate.into(),
            ..Default::default()
        };
        let elements = u64::from(params.rows) * u64::from(params.columns);
        recorder.gpu().capabilities().check_elements("output", elements)?;
        copy_rows(recorder, params, parts)
    })
}

impl Concat {
    /// The tensors one behind another, in a new tensor, submitted.
    ///
    /// # Errors
    /// As [`ConcatPlan::new`] and [`ConcatPlan::forward`].
    pub fn forward(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let specs: Vec<_> = inputs.iter().map(|tensor| tensor.spec()).collect();
        let Some(first) = inputs.first() else {
            return Err(ConcatGeometry::none());
        };
        let gpu = first.gpu();
        let plan = gpu.plan((*self, specs.clone()), || ConcatPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradients of the inputs that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`ConcatPlan::new`] and [`ConcatPlan::backward`].
    pub fn backward(&self, inputs: &[&Tensor], grad_output: &Tensor, wanted: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let specs: Vec<_> = inputs.iter().map(|tensor| tensor.spec()).collect();
        let gpu = grad_output.gpu();
        let plan = gpu.plan((*self, specs.clone()), || ConcatPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, grad_output, wanted))
    }
}
