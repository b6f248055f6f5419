use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Select, SelectGeometry, SelectInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::select_words::{self, Params, select_words};
use crate::ops::elementwise::broadcast::{dense, in_broadcast_pieces};
use crate::ops::plan::{Argument, Kernels, Plan};

impl Kernels for Select {
    type Compiled = ();

    fn takes(_: &SelectGeometry, input: &'static str, dtype: DType) -> bool {
        input != "condition" || !dtype.is_float()
    }

    fn compile(gpu: &Gpu, _: &SelectGeometry, _: &SelectInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<select_words::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &SelectInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let axes = plan.geometry().axes();
        let SelectInputs { a, b, condition } = inputs.try_map(|input| input.tensor())?;
        let [of_a, of_b, of_condition] = [0, 1, 2].map(|operand| axes.map(|axis| axis.strides[operand]));
        let output = ("output", output, dense(&axes));
        let operands = [("a", a, of_a), ("b", b, of_b), ("condition", condition, of_condition), output];
        in_broadcast_pieces(recorder, &axes, operands, |recorder, broadcast, bindings| {
            select_words(recorder, Params { broadcast, ..Default::default() }, bindings)
        })
    }

    fn smallest() -> (Self, SelectInputs<TensorSpec>) {
        let one = |dtype| TensorSpec { shape: [1].into(), dtype };
        (Self, SelectInputs { a: one(DType::F32), b: one(DType::F32), condition: one(DType::I32) })
    }
}
