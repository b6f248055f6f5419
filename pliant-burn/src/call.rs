//! Calls: ops bound to shapes, element types and a device, whatever the op.

use std::fmt;
use std::sync::Arc;

use burn::backend::{Dispatch, DispatchDevice, DispatchTensor, TensorMetadata};
use burn::tensor::DType as BurnDType;
use pliant::op::{Differentiable, Members, Of, Output};
use pliant::{DType, Error, Plan, Recorder, Result, Shape, Tensor, TensorSpec};

use crate::backend::{Forward, Tensors};
use crate::device::{Shared, shared};

/// An op bound to its problem. Its inputs are those that there are, in the order of the op; its gradients are in the same order.
pub(crate) trait Call: fmt::Debug + Send + Sync {
    fn shared(&self) -> &Shared;

    fn output(&self) -> TensorSpec;

    /// The inputs that have a gradient; the first is among them.
    fn differentiable(&self) -> &[bool];

    fn forward(&self, recorder: &mut Recorder, inputs: &[Tensor], output: &Tensor) -> Result<()>;

    /// Records the gradients that there is a tensor for.
    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[Tensor],
        grad_output: &Tensor,
        gradients: &[Option<Tensor>],
    ) -> Result<()>;
}

/// A plan of an op with the names of the inputs that there are.
struct Planned<O: Differentiable> {
    shared: Arc<Shared>,
    plan: Arc<Plan<O>>,
    names: Vec<&'static str>,
    differentiable: Vec<bool>,
}

impl<O: Differentiable> Planned<O> {
    fn inputs(&self, given: &[Tensor]) -> Result<Of<O::Inputs, Tensor>> {
        O::Inputs::build(|name| given.get(self.index(name)?).cloned()).map_err(missing)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| *other == name)
    }
}

impl<O: Differentiable<Outputs = Output>> Call for Planned<O> {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn output(&self) -> TensorSpec {
        self.plan.output_spec()
    }

    fn differentiable(&self) -> &[bool] {
        &self.differentiable
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[Tensor], output: &Tensor) -> Result<()> {
        self.plan.forward_into::<Tensor, Tensor>(recorder, &self.inputs(inputs)?, output)
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[Tensor],
        grad_output: &Tensor,
        gradients: &[Option<Tensor>],
    ) -> Result<()> {
        let gradient = |name: &str| gradients.get(self.index(input_of(name))?)?.clone();
        let gradients = O::Gradients::build(gradient).map_err(missing)?;
        self.plan.backward_into::<Tensor, Tensor, Tensor>(recorder, &self.inputs(inputs)?, grad_output, &gradients)
    }
}

impl<O: Differentiable> fmt::Debug for Planned<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

/// Computes an op of burn's tensors, given by the names of the op's inputs in its order.
///
/// # Errors
/// Those of [`Plan::new`]; [`Error::Device`] where tensors lie on several devices, or on one that is not shared, or differ in their strategy of
/// checkpoints; [`Error::DType`] for elements that pliant does not have.
pub(crate) fn call<O, const N: usize>(
    op: &O,
    inputs: [(&'static str, Option<DispatchTensor>); N],
) -> Result<DispatchTensor>
where
    O: Differentiable<Outputs = Output>,
{
    let (names, tensors): (Vec<_>, Vec<_>) =
        inputs.into_iter().filter_map(|(name, tensor)| Some((name, tensor?))).unzip();
    let shared = shared(names[0], &tensors[0].device())?;
    check_devices(&names, &tensors)?;
    let of_burns =
        |(name, tensor): (&&'static str, &DispatchTensor)| spec(name, tensor.dtype(), tensor.shape().as_slice());
    let specs = names.iter().zip(&tensors).map(of_burns).collect::<Result<Vec<_>>>()?;
    let index = |name: &str| names.iter().position(|other| *other == name);
    let specs = O::Inputs::build(|name| specs.get(index(name)?).copied()).map_err(missing)?;
    let plan = Plan::cached(&shared.gpu, op, &specs)?;
    let mut differentiable = vec![false; names.len()];
    let named = O::Gradients::build(|name| {
        if let Some(index) = index(input_of(name)) {
            differentiable[index] = true;
        }
        Some(())
    });
    named.map_err(missing)?;
    let call = Planned { shared, plan, names, differentiable };
    Ok(Dispatch::forward(Tensors::from(tensors), Arc::new(call)))
}

/// Refuses tensors of several devices, and of several strategies of checkpoints, between which burn does not choose.
fn check_devices(names: &[&'static str], tensors: &[DispatchTensor]) -> Result<()> {
    let mut strategy = None;
    for (&name, tensor) in names.iter().zip(tensors) {
        let (device, first) = (tensor.device(), tensors[0].device());
        if device != first {
            let message = format!("{name} is on {device:?}; {} is on {first:?}", names[0]);
            return Err(Error::Device { argument: name, message });
        }
        if let DispatchDevice::Autodiff(device) = device {
            let its = device.gradient_checkpointing_strategy();
            let (other, earlier) = *strategy.get_or_insert((name, its));
            if its != earlier {
                let message = format!("{name} has checkpoints by {its:?}; {other} has them by {earlier:?}");
                return Err(Error::Device { argument: name, message });
            }
        }
    }
    Ok(())
}

/// Shape and element type of a tensor of burn's.
pub(crate) fn spec(name: &'static str, dtype: BurnDType, shape: &[usize]) -> Result<TensorSpec> {
    let of_ours = match dtype {
        BurnDType::F32 => DType::F32,
        BurnDType::F16 => DType::F16,
        BurnDType::BF16 => DType::BF16,
        _ => {
            let message = format!("{name} holds {}; f32, f16, bf16 can be taken", dtype.name());
            return Err(Error::DType { argument: name, message });
        }
    };
    Ok(TensorSpec { shape: Shape::new(shape)?, dtype: of_ours })
}

/// The name of the input that a gradient belongs to.
fn input_of(gradient: &str) -> &str {
    gradient.trim_start_matches("grad_")
}

fn missing(name: &'static str) -> Error {
    Error::Shape { argument: name, message: format!("{name} is absent; it is needed") }
}
