use crate::error::Result;
use crate::geometry::nn::{Sgd, SgdGeometry, SgdInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::train::sgd::{SGD, sgd};
use crate::ops::plan::widened;
use crate::ops::plan::{Argument, Contract, in_pieces};
use crate::ops::plan::{Destination, Gradient, printed};

/// An [`Sgd`] bound to a device and the shape of a parameter.
pub struct SgdPlan {
    contract: Contract<SgdInputs<TensorSpec>>,
    geometry: SgdGeometry,
}

printed!(SgdPlan, |plan| { inputs: plan.contract.inputs, geometry: plan.geometry });

impl SgdPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute): see [`SgdGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Sgd, inputs: &SgdInputs<TensorSpec>) -> Result<Self> {
        let geometry = SgdGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, SgdInputs::named, inputs.parameter.shape)?;
        gpu.compile(&SGD)?;
        Ok(Self { contract, geometry })
    }

    /// Records a step, which updates parameter and velocity in place. Each of them, where it has 16 bits, is rounded once for each step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Attribute`](crate::Error::Attribute) where parameter and velocity overlap, or share a buffer with what is only read.
    pub fn step(&self, recorder: &mut Recorder, inputs: &SgdInputs<&Tensor>) -> Result<()> {
        let SgdInputs { parameter, velocity, gradient, learning_rate } = *inputs;
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check_inputs(recorder, self.contract.inputs.named(), given.named())?;
        self.contract.check_destinations(
            recorder,
            &[("gradient", gradient), ("learning_rate", learning_rate)],
            [
                ("parameter", Some(&self.contract.inputs.parameter), parameter),
                ("velocity", Some(&self.contract.inputs.velocity), velocity),
            ]
            .into_iter(),
        )?;
        let SgdGeometry { op, shape } = self.geometry;
        recorder.op(|recorder| {
            let gradient = widened(recorder, gradient)?;
            let learning_rate = widened(recorder, learning_rate)?.part("learning_rate", 0..1)?;
            // Read and written in f32, as a gradient is that is added to.
            let parameter = Gradient::begin(recorder, Destination::Add(parameter))?;
            let velocity = Gradient::begin(recorder, Destination::Add(velocity))?;
            let whole = 0..shape.elements() as u32;
            in_pieces([whole], &mut |[piece]| {
                let elements = piece.end - piece.start;
                let range = || piece.start.into()..piece.end.into();
                let parts = [
                    &parameter.tensor.part("parameter", range())?,
                    &velocity.tensor.part("velocity", range())?,
                    &gradient.part("gradient", range())?,
                    &learning_rate,
                ];
                recorder.gpu().capabilities().check_elements("parameter", elements.into())?;
                sgd(recorder, op, elements, parts)
            })?;
            parameter.finish(recorder)?;
            velocity.finish(recorder)
        })
    }
}
