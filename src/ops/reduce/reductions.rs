use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    ArgReduce, ArgReduceGeometry, BroadcastAxis, InputGradient, Reduce, ReduceFunction, ReduceGeometry,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::order::order;
use crate::kernels::reduce::fold::{self, ABSOLUTE, Finish, Fold, LAST_EQUAL, PRODUCT, SQUARES};
use crate::ops::elementwise::broadcast::Elementwise;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};
use crate::ops::reduce::folds::Folding;
use crate::shape::MAX_RANK;

impl Kernels for Reduce {
    type Compiled = ();

    fn takes(geometry: &ReduceGeometry, _: &'static str, dtype: DType) -> bool {
        let of_floats =
            matches!(geometry.op.function, ReduceFunction::L2 | ReduceFunction::LogSum | ReduceFunction::LogSumExp);
        dtype.is_float() || !of_floats
    }

    fn compile(gpu: &Gpu, geometry: &ReduceGeometry, input: &TensorSpec) -> Result<()> {
        gpu.compile::<fold::Kernel>(folding(geometry, input.dtype).fold)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (geometry, input) = (plan.geometry(), input.tensor()?);
        folding(geometry, input.dtype()).record(recorder, &geometry.axes(), input, output)
    }

    fn smallest() -> (Self, TensorSpec) {
        let op = Self { function: ReduceFunction::Sum, axes: [0].into(), keep: false };
        (op, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product of sums and means: for each element `grad_output` of what it is part of, of means over their number. Other functions, and
/// those of integers, have none.
impl Differentiable for Reduce {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let (geometry, dtype) = (plan.geometry(), input.tensor()?.dtype());
        let scale = match geometry.op.function {
            ReduceFunction::Sum if dtype.is_float() => 1.0,
            ReduceFunction::Mean if dtype.is_float() => (1.0 / f64::from(geometry.terms())) as f32,
            function => return Err(Error::dtype("input", format!("{function:?} of {dtype} has no gradient"))),
        };
        let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
        let mut stride = 1;
        for (axis, (extent, reduced)) in axes.iter_mut().rev().zip(geometry.axes().into_iter().rev()) {
            *axis = BroadcastAxis { extent, strides: [if reduced { 0 } else { stride }; 2] };
            stride *= if reduced { 1 } else { extent };
        }
        let accumulate = destination.accumulates();
        let repeated = Elementwise { op: None, scale, axes, accumulate, integers: false };
        repeated.record(recorder, [grad_output; 2], destination.tensor())
    }
}

/// How a function is done of elements of a type.
fn folding(geometry: &ReduceGeometry, dtype: DType) -> Folding {
    let floats = dtype.is_float();
    let sums = if floats { Fold::Sums } else { Fold::Integers };
    let terms = geometry.terms();
    let plain = Folding { fold: sums, operation: 0, finish: Finish::Nothing, scale: 1.0, count: terms };
    match geometry.op.function {
        ReduceFunction::Sum => plain,
        ReduceFunction::Mean if floats => Folding { scale: (1.0 / f64::from(terms)) as f32, ..plain },
        ReduceFunction::Mean => Folding { finish: Finish::Quotient, ..plain },
        ReduceFunction::Max => Folding { fold: Fold::Extremes, operation: order(dtype, true), ..plain },
        ReduceFunction::Min => Folding { fold: Fold::Extremes, operation: order(dtype, false), ..plain },
        ReduceFunction::Prod if floats => Folding { fold: Fold::Products, ..plain },
        ReduceFunction::Prod => Folding { operation: PRODUCT, ..plain },
        ReduceFunction::L1 => Folding { operation: ABSOLUTE, ..plain },
        ReduceFunction::L2 => Folding { operation: SQUARES, finish: Finish::Root, ..plain },
        ReduceFunction::SumSquare => Folding { operation: SQUARES, ..plain },
        ReduceFunction::LogSum => Folding { finish: Finish::Logarithm, ..plain },
        ReduceFunction::LogSumExp => Folding { fold: Fold::Exponentials, ..plain },
    }
}

impl Kernels for ArgReduce {
    type Compiled = ();

    fn takes(_: &ArgReduceGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn output_dtype(_: &ArgReduceGeometry, _: &'static str, _: DType) -> DType {
        DType::I32
    }

    fn compile(gpu: &Gpu, _: &ArgReduceGeometry, _: &TensorSpec) -> Result<()> {
        gpu.compile::<fold::Kernel>(Fold::Arguments)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (&ArgReduceGeometry { op, rows: [planes, extent, columns], .. }, input) =
            (plan.geometry(), input.tensor()?);
        let operation = order(input.dtype(), op.largest) | if op.last { LAST_EQUAL } else { 0 };
        let folding = Folding { fold: Fold::Arguments, operation, finish: Finish::Nothing, scale: 1.0, count: 0 };
        folding.record(recorder, &[(planes, false), (extent, true), (columns, false)], input, output)
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::default(), TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}
