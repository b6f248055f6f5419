use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Im2col, Im2colGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::columns::ColumnsOrder;
use crate::ops::conv::columns::{Columns, SampleSource, layout};
use crate::ops::plan::{Argument, Kernels, Plan, rounded};

impl Kernels for Im2col {
    type Compiled = Columns;

    /// Off: the kernel reads the input as it is stored.
    const WIDENED: bool = false;

    fn compile(gpu: &Gpu, geometry: &Im2colGeometry, input: &TensorSpec) -> Result<Columns> {
        let layout = layout(gpu, geometry, 1, None, 0);
        let columns = Columns::new(gpu, *geometry, 1, None, (ColumnsOrder::Channels, layout), input.dtype)?;
        columns.compile(gpu, ColumnsOrder::Channels)?;
        Ok(columns)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let source = SampleSource { input: input.tensor()?, offset: None, mask: None };
        rounded(recorder, output, |recorder, output| plan.compiled().forward(recorder, &source, output))
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::default(), TensorSpec { shape: [1; 4].into(), dtype: DType::F32 })
    }
}
