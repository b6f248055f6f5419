use crate::error::Result;
use crate::geometry::nn::{Adam, AdamGeometry, AdamInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::train::adam::{ADAM, adam};
use crate::ops::plan::widened;
use crate::ops::plan::{Argument, Contract, in_pieces};
use crate::ops::plan::{Destination, Gradient, printed};

/// An [`Adam`] bound to a device and the shape of a parameter.
pub struct AdamPlan {
    contract: Contract<AdamInputs<TensorSpec>>,
    geometry: AdamGeometry,
}

printed!(AdamPlan, |plan| { inputs: plan.contract.inputs, geometry: plan.geometry });

impl AdamPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute): see [`AdamGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Adam, inputs: &AdamInputs<TensorSpec>) -> Result<Self> {
        let geometry = AdamGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, AdamInputs::named, inputs.parameter.shape)?;
        gpu.compile(&ADAM)?;
        Ok(Self { contract, geometry })
    }

    /// Records a step, which updates parameter, mean and variance in place. Each of them, where it has 16 bits, is rounded once for each
    /// step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Attribute`](crate::Error::Attribute) where two that are updated overlap, or share a buffer with what is only read.
    pub fn step(&self, recorder: &mut Recorder, inputs: &AdamInputs<&Tensor>) -> Result<()> {
        let AdamInputs { parameter, mean, variance, gradient, rates } = *inputs;
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let planned = &self.contract.inputs;
        self.contract.check_inputs(recorder, planned.named(), given.named())?;
        self.contract.check_destinations(
            recorder,
            &[("gradient", gradient), ("rates", rates)],
            [
                ("parameter", Some(&planned.parameter), parameter),
                ("mean", Some(&planned.mean), mean),
                ("variance", Some(&planned.variance), variance),
            ]
            .into_iter(),
        )?;
        let AdamGeometry { op, shape } = self.geometry;
        recorder.op(|recorder| {
            let gradient = widened(recorder, gradient)?;
            let rates = widened(recorder, rates)?.part("rates", 0..3)?;
            // Read and written in f32, as a gradient is that is added to.
            let parameter = Gradient::begin(recorder, Destination::Add(parameter))?;
            let mean = Gradient::begin(recorder, Destination::Add(mean))?;
            let variance = Gradient::begin(recorder, Destination::Add(variance))?;
            let whole = 0..shape.elements() as u32;
            in_pieces([whole], &mut |[piece]| {
                let elements = piece.end - piece.start;
                let range = || piece.start.into()..piece.end.into();
                let parts = [
                    &parameter.tensor.part("parameter", range())?,
                    &mean.tensor.part("mean", range())?,
                    &variance.tensor.part("variance", range())?,
                    &gradient.part("gradient", range())?,
                    &rates,
                ];
                recorder.gpu().capabilities().check_elements("parameter", elements.into())?;
                adam(recorder, op, elements, parts)
            })?;
            [parameter, mean, variance].iter().try_for_each(|updated| updated.finish(recorder))
        })
    }
}
