use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Adam, AdamGeometry, AdamInputs};
use crate::gpu::{Gpu, Recorder, TensorSpec};
use crate::kernels::train::adam::{self, adam};
use crate::ops::plan::{Argument, Kernels, Plan, ToArgument};
use crate::ops::train::update;

impl Kernels for Adam {
    type Compiled = ();

    const WIDENED: bool = false;
    const UPDATED: &'static [&'static str] = &["parameter", "mean", "variance"];

    fn compile(gpu: &Gpu, _: &AdamGeometry, _: &AdamInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<adam::Kernel>(())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &AdamInputs<Argument>, (): &()) -> Result<()> {
        let AdamInputs { parameter, mean, variance, gradient, rates } = *inputs;
        let (op, updated) = (plan.geometry().op, [parameter.tensor()?, mean.tensor()?, variance.tensor()?]);
        let rates = rates.wide(recorder)?.binding("rates", 0..3)?;
        update(recorder, updated, gradient, |recorder, elements, [parameter, mean, variance], gradient| {
            adam(recorder, op, elements, [parameter, mean, variance, gradient, &rates])
        })
    }

    fn smallest() -> (Self, AdamInputs<TensorSpec>) {
        let [one, three] = [1, 3].map(|extent| TensorSpec { shape: [extent].into(), dtype: DType::F32 });
        let inputs = AdamInputs { parameter: one, mean: one, variance: one, gradient: one, rates: three };
        (Self::default(), inputs)
    }
}

impl Plan<Adam> {
    /// Records a step, which updates parameter, mean and variance in place. Each of them, where it has 16 bits, is rounded once for each step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Aliased`](crate::Error::Aliased) where two that are updated overlap, or share a buffer with what is only read.
    pub fn step<A: ToArgument>(&self, recorder: &mut Recorder, inputs: &AdamInputs<A>) -> Result<()> {
        self.forward(recorder, inputs)
    }
}
