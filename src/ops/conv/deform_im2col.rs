use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{DeformIm2col, DeformIm2colGeometry, DeformIm2colInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::columns::ColumnsOrder;
use crate::ops::conv::columns::{Columns, SampleSource, layout};
use crate::ops::plan::{Argument, Kernels, Plan, rounded};

impl Kernels for DeformIm2col {
    type Compiled = Columns;

    /// Off: the kernel reads the input as it is stored.
    const WIDENED: bool = false;

    fn compile(gpu: &Gpu, geometry: &DeformIm2colGeometry, inputs: &DeformIm2colInputs<TensorSpec>) -> Result<Columns> {
        let &DeformIm2colGeometry { im2col, deformation } = geometry;
        let layout = layout(gpu, &im2col, 1, Some(&deformation), 0);
        let variant = (ColumnsOrder::Channels, layout);
        let columns = Columns::new(gpu, im2col, 1, Some(deformation), variant, inputs.input.dtype)?;
        columns.compile(gpu, ColumnsOrder::Channels)?;
        Ok(columns)
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformIm2colInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let source = SampleSource {
            input: inputs.input.tensor()?,
            offset: Some(inputs.offset.tensor()?),
            mask: inputs.mask.map(Argument::tensor).transpose()?,
        };
        rounded(recorder, output, |recorder, output| plan.compiled().forward(recorder, &source, output))
    }

    fn smallest() -> (Self, DeformIm2colInputs<TensorSpec>) {
        let shapes = DeformIm2colInputs { input: [1; 4].into(), offset: [1, 2, 1, 1].into(), mask: None };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}
