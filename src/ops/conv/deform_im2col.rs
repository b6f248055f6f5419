use crate::error::Result;
use crate::geometry::{DeformIm2col, DeformIm2colGeometry, DeformIm2colInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::conv::columns::ColumnsLayout;
use crate::ops::conv::columns::{Columns, Sampler, form};
use crate::ops::plan::rounded;
use crate::ops::plan::{Argument, Contract, plan, run};

/// A [`DeformIm2col`] bound to a device and shapes.
pub struct DeformIm2colPlan {
    contract: Contract<DeformIm2colInputs<TensorSpec>>,
    columns: Columns,
}

plan!(DeformIm2colPlan, |plan| { im2col: plan.columns.im2col, deformation: plan.columns.deformation });

impl DeformIm2colPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType).
    pub fn new(gpu: &Gpu, op: &DeformIm2col, inputs: &DeformIm2colInputs<TensorSpec>) -> Result<Self> {
        let geometry = DeformIm2colGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, DeformIm2colInputs::named, geometry.columns_shape())?;
        let form = form(gpu, &geometry.im2col, 1, Some(&geometry.deformation), 0);
        let layout = ColumnsLayout::Channels;
        let columns =
            Columns::new(gpu, geometry.im2col, 1, Some(geometry.deformation), (layout, form), inputs.input.dtype)?;
        columns.compile(gpu)?;
        Ok(Self { contract, columns })
    }

    /// Records the columns into a new tensor (batch, out_height, out_width, taps, channels).
    ///
    /// # Errors
    /// As [`DeformIm2colPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &DeformIm2colInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the columns into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made
    /// for; [`Error::Limit`](crate::Error::Limit) where one row of the columns is beyond what the device binds.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformIm2colInputs<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, DeformIm2colInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let sampler = Sampler { input: inputs.input, offset: Some(inputs.offset), mask: inputs.mask };
            rounded(recorder, output, |recorder, output| self.columns.forward(recorder, &sampler, output))
        })
    }
}

impl DeformIm2col {
    /// The columns, in a new tensor (batch, out_height, out_width, taps, channels), submitted.
    ///
    /// # Errors
    /// As [`DeformIm2colPlan::new`] and [`DeformIm2colPlan::forward`].
    pub fn forward(&self, inputs: &DeformIm2colInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || DeformIm2colPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }
}
