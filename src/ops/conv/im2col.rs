use crate::error::Result;
use crate::geometry::{Im2col, Im2colGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::conv::columns::ColumnsLayout;
use crate::ops::conv::columns::{Columns, Sampler, form};
use crate::ops::plan::rounded;
use crate::ops::plan::{Contract, plan, run};

/// An [`Im2col`] bound to a device and a shape.
pub struct Im2colPlan {
    contract: Contract<TensorSpec>,
    columns: Columns,
}

plan!(Im2colPlan, |plan| { im2col: plan.columns.im2col });

impl Im2colPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType).
    pub fn new(gpu: &Gpu, op: &Im2col, input: TensorSpec) -> Result<Self> {
        let geometry = Im2colGeometry::new(op, input.shape)?;
        let contract = Contract::new(gpu, input, |spec| [("input", Some(spec))], geometry.columns_shape()?)?;
        let form = form(gpu, &geometry, 1, None, 0);
        let columns = Columns::new(gpu, geometry, 1, None, (ColumnsLayout::Channels, form), input.dtype)?;
        columns.compile(gpu)?;
        Ok(Self { contract, columns })
    }

    /// Records the columns into a new tensor (batch, out_height, out_width, taps, channels).
    ///
    /// # Errors
    /// As [`Im2colPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, input, &output)?;
        Ok(output)
    }

    /// Records the columns into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made
    /// for; [`Error::Limit`](crate::Error::Limit) where one row of the columns is beyond what the device binds.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        self.contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        recorder.op(|recorder| {
            let sampler = Sampler { input, offset: None, mask: None };
            rounded(recorder, output, |recorder, output| self.columns.forward(recorder, &sampler, output))
        })
    }
}

impl Im2col {
    /// The columns, in a new tensor (batch, out_height, out_width, taps, channels), submitted.
    ///
    /// # Errors
    /// As [`Im2colPlan::new`] and [`Im2colPlan::forward`].
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((*self, spec), || Im2colPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.forward(recorder, input))
    }
}
