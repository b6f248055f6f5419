use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Select, SelectGeometry, SelectInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::broadcast::Broadcast;
use crate::kernels::elementwise::select_words::{self, Params, select_words};
use crate::ops::elementwise::broadcast::{dense, section};
use crate::ops::plan::{Argument, Kernels, Plan, in_pieces};
use crate::shape::MAX_RANK;

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
        let strides = [0, 1, 2].map(|operand| axes.map(|axis| axis.strides[operand]));
        let output_strides = dense(&axes);
        in_pieces(axes.map(|axis| 0..axis.extent), &mut |piece: &[Range<u32>; MAX_RANK]| {
            let bindings = [
                &section("a", a, piece, strides[0])?,
                &section("b", b, piece, strides[1])?,
                &section("condition", condition, piece, strides[2])?,
                &section("output", output, piece, output_strides)?,
            ];
            let extents = piece.clone().map(|range| range.end - range.start);
            let elements = extents.iter().map(|&extent| u64::from(extent)).product();
            recorder.gpu().capabilities().check_elements("output", elements)?;
            let broadcast = Broadcast::new(extents, strides);
            let params = Params { broadcast, a_mask: u32::MAX, b_mask: u32::MAX, ..Default::default() };
            select_words(recorder, params, bindings)
        })
    }

    fn smallest() -> (Self, SelectInputs<TensorSpec>) {
        let one = |dtype| TensorSpec { shape: [1].into(), dtype };
        (Self, SelectInputs { a: one(DType::F32), b: one(DType::F32), condition: one(DType::I32) })
    }
}
