use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Sgd, SgdGeometry, SgdInputs};
use crate::gpu::{Gpu, Recorder, TensorSpec};
use crate::kernels::train::sgd::{self, sgd};
use crate::ops::plan::{Argument, Kernels, Plan, ToArgument};
use crate::ops::train::update;

impl Kernels for Sgd {
    type Compiled = ();

    const WIDENED: bool = false;
    const UPDATED: &'static [&'static str] = &["parameter", "velocity"];

    fn compile(gpu: &Gpu, _: &SgdGeometry, _: &SgdInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<sgd::Kernel>(())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &SgdInputs<Argument>, (): &()) -> Result<()> {
        let (op, updated) = (plan.geometry().op, [inputs.parameter.tensor()?, inputs.velocity.tensor()?]);
        let rate = inputs.learning_rate.wide(recorder)?.binding("learning_rate", 0..1)?;
        update(recorder, updated, inputs.gradient, |recorder, elements, [parameter, velocity], gradient| {
            sgd(recorder, op, elements, [parameter, velocity, gradient, &rate])
        })
    }

    fn smallest() -> (Self, SgdInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1].into(), dtype: DType::F32 };
        (Self::default(), SgdInputs { parameter: one, velocity: one, gradient: one, learning_rate: one })
    }
}

impl Plan<Sgd> {
    /// Records a step, which updates parameter and velocity in place. Each of them, where it has 16 bits, is rounded once for each step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Aliased`](crate::Error::Aliased) where parameter and velocity overlap, or share a buffer with what is only read.
    pub fn step<A: ToArgument>(&self, recorder: &mut Recorder, inputs: &SgdInputs<A>) -> Result<()> {
        self.forward(recorder, inputs)
    }
}
