//! Steps: ops of the library with the sources of their inputs, and their plans.

use std::any::Any;
use std::rc::Rc;

use super::binder::Binder;
use super::memory::Uses;
use super::planner::DeviceValue;
use super::{HostTensor, Node};
use crate::error::{Error, Result};
use crate::geometry::{Members, Of};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec, WasmNotSendSync};
use crate::ops::{Activation, Argument, Ends, Kernels, PackedWeight, Packs, Plan};
use crate::shape::Shape;

/// Where an input comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Buffer(DeviceValue),
    /// The elements on the host, and the shape and type in which the device has them.
    Host(HostTensor, TensorSpec),
}

impl Source {
    pub(super) fn spec(&self) -> TensorSpec {
        match self {
            Self::Buffer(value) => value.spec,
            Self::Host(_, spec) => *spec,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        self.spec().shape
    }

    /// A view of the elements under other extents.
    pub(super) fn reshaped(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        match self {
            Self::Buffer(value) => Self::Buffer(value.reshaped(shape)),
            Self::Host(host, spec) => Self::Host(host.clone(), TensorSpec { shape, ..*spec }),
        }
    }
}

/// An op of the library with the sources of its inputs and the buffers of its outputs.
#[derive(Clone)]
pub(super) struct Step {
    /// Name and type of the node that it does, for errors.
    pub(super) place: String,
    /// Its operator, or the op that several nodes became.
    pub(super) operator: String,
    op: Rc<dyn AnyOp>,
    /// The function of each element of its output that it ends with.
    activation: Option<Activation>,
    /// The source of each input, by name.
    pub(super) sources: Vec<(&'static str, Option<Source>)>,
    pub(super) writes: Vec<usize>,
}

impl Step {
    pub(super) fn new<O: Kernels>(node: &Node, op: &O, inputs: &Of<O::Inputs, Source>, writes: Vec<usize>) -> Self {
        Self::of::<O>(node, Rc::new(Plain(op.clone())), inputs, writes)
    }

    /// An op with a weight, which is packed where it is known.
    pub(super) fn packing<O: Packs>(node: &Node, op: &O, inputs: &Of<O::Inputs, Source>, writes: Vec<usize>) -> Self {
        Self::of::<O>(node, Rc::new(Packing(op.clone())), inputs, writes)
    }

    fn of<O: Kernels>(node: &Node, op: Rc<dyn AnyOp>, inputs: &Of<O::Inputs, Source>, writes: Vec<usize>) -> Self {
        let sources = O::Inputs::named(inputs).map(|(name, source)| (name, source.cloned())).collect();
        Self { place: node.place.clone(), operator: node.op_type.clone(), op, activation: None, sources, writes }
    }

    /// Another op in its place.
    pub(super) fn another<O: Kernels>(&self, op: &O, inputs: &Of<O::Inputs, Source>) -> Self {
        self.instead::<O>(Rc::new(Plain(op.clone())), inputs)
    }

    /// Another op in its place, whose weight is packed where it is known.
    pub(super) fn another_packing<O: Packs>(&self, op: &O, inputs: &Of<O::Inputs, Source>) -> Self {
        self.instead::<O>(Rc::new(Packing(op.clone())), inputs)
    }

    fn instead<O: Kernels>(&self, op: Rc<dyn AnyOp>, inputs: &Of<O::Inputs, Source>) -> Self {
        let sources = O::Inputs::named(inputs).map(|(name, source)| (name, source.cloned())).collect();
        let name = std::any::type_name::<O>();
        let operator = name.rsplit("::").next().unwrap_or(name).into();
        Self { op, operator, activation: None, sources, ..self.clone() }
    }

    /// This step with other buffers for its outputs.
    pub(super) fn writing(self, writes: Vec<usize>) -> Self {
        Self { writes, ..self }
    }

    /// This step with another source of an input.
    pub(super) fn reading(mut self, input: &str, of: Source) -> Self {
        if let Some((_, source)) = self.sources.iter_mut().find(|(name, _)| *name == input) {
            *source = Some(of);
        }
        self
    }

    /// This step with a function of each element of its output behind.
    pub(super) fn ending_with(self, activation: Activation) -> Self {
        Self { activation: Some(activation), ..self }
    }

    /// The op, if it is one of that type and ends with no function.
    pub(super) fn op<O: Kernels>(&self) -> Option<&O> {
        self.op.as_any().downcast_ref().filter(|_| self.activation.is_none())
    }

    /// Whether the op, if it is one of that type, can end with a function on a device.
    pub(super) fn ends_with<O: Ends>(&self, gpu: &Gpu, activation: Activation) -> Option<Result<bool>> {
        let op = self.op::<O>()?;
        let ends = || {
            let specs = specs::<O>(&self.sources)?;
            let geometry = op.geometry(&O::Inputs::map(&specs, |spec| spec.shape))?;
            O::ends_with(gpu, &geometry, &specs, activation)
        };
        Some(ends())
    }

    /// The source of an input, if there is one.
    pub(super) fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|(of, _)| *of == name)?.1.as_ref()
    }

    /// The buffers that it reads, and those that it writes.
    pub(super) fn uses(&self) -> Uses {
        let read = |source: &Option<Source>| match source {
            Some(Source::Buffer(value)) => Some(value.buffer),
            _ => None,
        };
        let reads = self.sources.iter().filter_map(|(_, source)| read(source)).collect();
        Uses { reads, writes: self.writes.clone() }
    }

    /// Its inputs that the host has.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostTensor> {
        self.sources.iter().filter_map(|(_, source)| match source {
            Some(Source::Host(host, _)) => Some(host),
            _ => None,
        })
    }

    /// Compiles what it needs, uploads and packs what the host has.
    pub(super) fn bind(&self, binder: &mut Binder) -> Result<BoundStep> {
        let work = self.op.bind(binder, &self.sources, self.activation.unwrap_or_default())?;
        Ok(BoundStep { place: self.place.clone(), operator: self.operator.clone(), work, writes: self.writes.clone() })
    }
}

/// The source of each input of an op, by name.
pub(super) type Sources = [(&'static str, Option<Source>)];

/// An op, whatever its type.
trait AnyOp {
    fn as_any(&self) -> &dyn Any;

    fn bind(&self, binder: &mut Binder, sources: &Sources, activation: Activation) -> Result<Box<dyn Work>>;
}

struct Plain<O>(O);

/// An op whose weight is packed.
struct Packing<O>(O);

impl<O: Kernels> AnyOp for Plain<O> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }

    fn bind(&self, binder: &mut Binder, sources: &Sources, activation: Activation) -> Result<Box<dyn Work>> {
        let plan = plan(binder, &self.0, sources)?.ending_with(activation);
        let inputs = binder.inputs(sources, |binder, _, host, spec| binder.upload(host, spec).map(Input::Tensor))?;
        Ok(Box::new(Planned { plan, inputs }))
    }
}

impl<O: Packs> AnyOp for Packing<O> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }

    fn bind(&self, binder: &mut Binder, sources: &Sources, activation: Activation) -> Result<Box<dyn Work>> {
        let plan = plan(binder, &self.0, sources)?.ending_with(activation);
        let inputs = binder.inputs(sources, |binder, name, host, spec| match name {
            name if name == O::PACKED => binder.pack(&plan, host, spec).map(Input::Packed),
            _ => binder.upload(host, spec).map(Input::Tensor),
        })?;
        Ok(Box::new(Planned { plan, inputs }))
    }
}

fn plan<O: Kernels>(binder: &Binder, op: &O, sources: &Sources) -> Result<Plan<O>> {
    Plan::new::<TensorSpec>(binder.gpu(), op, &specs::<O>(sources)?)
}

fn specs<O: Kernels>(sources: &Sources) -> Result<Of<O::Inputs, TensorSpec>> {
    let mut specs = sources.iter().map(|(_, source)| source.as_ref().map(Source::spec));
    O::Inputs::build(|_| specs.next().flatten()).map_err(|_| absent())
}

/// Work that a recording of the model does.
pub(super) struct BoundStep {
    pub(super) place: String,
    pub(super) operator: String,
    pub(super) work: Box<dyn Work>,
    /// The buffers of its outputs.
    pub(super) writes: Vec<usize>,
}

/// A plan with its inputs, whatever its op.
pub(super) trait Work: WasmNotSendSync {
    fn record(&self, recorder: &mut Recorder, buffers: &[Option<Tensor>], outputs: &[Tensor]) -> Result<()>;

    /// The shapes and element types of its inputs, weights among them.
    fn inputs(&self) -> Vec<TensorSpec>;

    /// The multiplications and additions of its contraction; 0 where it has none.
    fn flops(&self) -> u64;
}

struct Planned<O: Kernels> {
    plan: Plan<O>,
    inputs: Vec<Option<Input>>,
}

pub(super) enum Input {
    Buffer(DeviceValue),
    Tensor(Tensor),
    Packed(PackedWeight),
}

impl<O: Kernels> Work for Planned<O> {
    fn record(&self, recorder: &mut Recorder, buffers: &[Option<Tensor>], outputs: &[Tensor]) -> Result<()> {
        let mut views = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            views.push(match input {
                Some(Input::Buffer(value)) => Some(buffer(buffers, value)?),
                Some(Input::Tensor(tensor)) => Some(tensor.clone()),
                _ => None,
            });
        }
        let mut arguments = self.inputs.iter().zip(&views).map(|(input, view)| match input {
            Some(Input::Packed(packed)) => Some(Argument::from(packed)),
            _ => view.as_ref().map(Argument::from),
        });
        let mut outputs = outputs.iter();
        let inputs = O::Inputs::build(|_| arguments.next().flatten()).map_err(|_| absent())?;
        let outputs = O::Outputs::build(|_| outputs.next()).map_err(|_| absent())?;
        self.plan.forward_into::<Argument, &Tensor>(recorder, &inputs, &outputs)
    }

    fn inputs(&self) -> Vec<TensorSpec> {
        let spec = |input: &Input| match input {
            Input::Buffer(value) => value.spec,
            Input::Tensor(tensor) => tensor.spec(),
            Input::Packed(weight) => weight.spec(),
        };
        self.inputs.iter().flatten().map(spec).collect()
    }

    fn flops(&self) -> u64 {
        O::flops(self.plan.geometry())
    }
}

/// The tensor that a value is.
pub(super) fn buffer(buffers: &[Option<Tensor>], value: &DeviceValue) -> Result<Tensor> {
    let tensor = buffers[value.buffer].as_ref().ok_or_else(absent)?;
    Ok(tensor.section(value.first, value.spec.shape))
}

pub(super) fn absent() -> Error {
    Error::shape("input", "an input is absent")
}
