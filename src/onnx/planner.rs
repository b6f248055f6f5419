//! From nodes to steps: each node is run on the host where all it needs is known, and else becomes steps on the device.

use super::attributes::Attributes;
use super::element::ElementType;
use super::step::Step;
use super::{HostTensor, Node, malformed, ops};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Members, Of};
use crate::gpu::TensorSpec;
use crate::ops::{Kernels, Packs, output_specs};
use crate::shape::Shape;

pub(super) use super::step::Source;

/// The elements that the host computes for a model, in all.
const FOLDED: u64 = 1 << 26;

/// The elements of one tensor that the host reads or copies.
const READ: u64 = 1 << 24;

/// A value of the graph while it is planned.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Known by now.
    Host(HostTensor),
    /// Computed on the device, or given at each call.
    Device(DeviceValue),
    /// An output of a node that cannot be planned.
    Unknown,
}

/// A view of a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeviceValue {
    pub(super) buffer: usize,
    /// The element of the buffer at which it begins: that of a whole word.
    pub(super) first: u64,
    pub(super) spec: TensorSpec,
    /// The element type that the model has for it.
    pub(super) element: ElementType,
}

impl DeviceValue {
    pub(super) fn reshaped(self, shape: Shape) -> Self {
        Self { spec: TensorSpec { shape, ..self.spec }, ..self }
    }
}

impl Value {
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Host(host) => host.shape(),
            Self::Device(device) => device.spec.shape,
            Self::Unknown => [].into(),
        }
    }

    pub(super) fn element(&self) -> ElementType {
        match self {
            Self::Host(host) => host.element(),
            Self::Device(device) => device.element,
            Self::Unknown => ElementType::F32,
        }
    }

    pub(super) fn host(&self) -> Option<&HostTensor> {
        match self {
            Self::Host(host) => Some(host),
            _ => None,
        }
    }
}

impl From<HostTensor> for Value {
    fn from(host: HostTensor) -> Self {
        Self::Host(host)
    }
}

pub(super) struct Planner {
    pub(super) steps: Vec<Step>,
    /// Specs of all buffers; those of the inputs are the first.
    pub(super) buffers: Vec<TensorSpec>,
    /// How floats of 32 bits are stored on the device.
    float: DType,
    folded: u64,
}

impl Planner {
    pub(super) fn new(float: DType) -> Self {
        Self { steps: Vec::new(), buffers: Vec::new(), float, folded: 0 }
    }

    /// How elements are stored on the device.
    pub(super) fn dtype(&self, element: ElementType) -> DType {
        element.stored(self.float)
    }

    /// A buffer of its own.
    pub(super) fn new_buffer(&mut self, spec: TensorSpec) -> usize {
        self.buffers.push(spec);
        self.buffers.len() - 1
    }

    /// Runs a node; its outputs.
    pub(super) fn node(&mut self, node: &Node, inputs: Vec<Option<Value>>) -> Result<Vec<Value>> {
        let Some(operator) = ops::operator(&node.domain, &node.op_type) else {
            return Err(Error::Unsupported(ops::why_not(&node.domain, &node.op_type)));
        };
        let wanted = node.outputs.iter().map(Option::is_some).collect();
        let mut call =
            Call { planner: self, node, attributes: node.attributes.clone(), inputs, wanted, opset: node.opset };
        let outputs = operator(&mut call)?;
        std::mem::take(&mut call.attributes).finish()?;
        if outputs.len() < node.outputs.len() {
            let (has, gives) = (node.outputs.len(), outputs.len());
            return Err(malformed(format!("it has {has} outputs; it gives {gives}")));
        }
        Ok(outputs)
    }
}

/// A node with what it is called on.
pub(super) struct Call<'a> {
    pub(super) planner: &'a mut Planner,
    node: &'a Node,
    pub(super) attributes: Attributes,
    pub(super) inputs: Vec<Option<Value>>,
    /// Whether each output is asked for.
    pub(super) wanted: Vec<bool>,
    pub(super) opset: i64,
}

impl Call<'_> {
    /// Refuses a number of inputs. Of those that are there, the least must not be absent.
    pub(super) fn arity(&self, least: usize, most: usize) -> Result<()> {
        let has = self.inputs.len();
        let needs = match (least == most, has > most) {
            (true, _) => format!("{least}"),
            (false, true) => format!("at most {most}"),
            (false, false) => format!("at least {least}"),
        };
        if !(least..=most).contains(&has) {
            return Err(malformed(format!("it has {has} inputs; it needs {needs}")));
        }
        match self.inputs[..least].iter().position(Option::is_none) {
            Some(absent) => Err(malformed(format!("input {absent} is absent; it needs {needs}"))),
            None => Ok(()),
        }
    }

    pub(super) fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index)?.as_ref()
    }

    pub(super) fn input(&self, index: usize) -> Result<&Value> {
        self.optional(index).ok_or_else(|| malformed(format!("input {index} is absent")))
    }

    pub(super) fn shape(&self, index: usize) -> Result<Shape> {
        Ok(self.input(index)?.shape())
    }

    /// An input that must be known at planning; `None` where it is absent.
    pub(super) fn known(&self, index: usize, name: &str) -> Result<Option<&HostTensor>> {
        let Some(value) = self.optional(index) else { return Ok(None) };
        let host = value.host().ok_or_else(|| {
            Error::Unsupported(format!("{name} is computed on the device; it must be known when the model is planned"))
        })?;
        // One element may stand for all of a shape.
        if host.len() > READ {
            return Err(Error::Unsupported(format!("{name} has {} elements; {READ} are possible", host.len())));
        }
        Ok(Some(host))
    }

    /// The integers of an input that must be known at planning; `None` where it is absent.
    pub(super) fn optional_ints(&self, index: usize, name: &str) -> Result<Option<Vec<i64>>> {
        let Some(host) = self.known(index, name)? else { return Ok(None) };
        host.to_integers().map(Some).ok_or_else(|| malformed(format!("{name} holds floats; it needs integers")))
    }

    pub(super) fn ints(&self, index: usize, name: &str) -> Result<Vec<i64>> {
        self.optional_ints(index, name)?.ok_or_else(|| malformed(format!("{name} is absent")))
    }

    /// The floats of an input that must be known at planning; `None` where it is absent.
    pub(super) fn optional_floats(&self, index: usize, name: &str) -> Result<Option<Vec<f64>>> {
        let Some(host) = self.known(index, name)? else { return Ok(None) };
        if !host.element().is_float() {
            return Err(malformed(format!("{name} holds integers; it needs floats")));
        }
        Ok(Some(host.to_floats()))
    }

    pub(super) fn floats(&self, index: usize, name: &str) -> Result<Vec<f64>> {
        self.optional_floats(index, name)?.ok_or_else(|| malformed(format!("{name} is absent")))
    }

    /// The one element of an input that must be known at planning; `None` where it is absent.
    pub(super) fn optional_scalar(&self, index: usize, name: &str) -> Result<Option<f64>> {
        let Some(host) = self.known(index, name)? else { return Ok(None) };
        match host.len() {
            1 => Ok(Some(host.to_floats()[0])),
            has => Err(malformed(format!("{name} has {has} elements; it needs 1"))),
        }
    }

    /// Takes elements off those that the host may compute for a model.
    pub(super) fn fold(&mut self, elements: u64) -> Result<()> {
        self.planner.folded = self.planner.folded.saturating_add(elements);
        if self.planner.folded > FOLDED {
            let message = format!("it makes {elements} elements on the host; {FOLDED} are possible in all of a model");
            return Err(Error::Unsupported(message));
        }
        Ok(())
    }

    /// The source of an input.
    pub(super) fn source(&mut self, index: usize) -> Result<Source> {
        let value = self.input(index)?.clone();
        self.source_of(&value)
    }

    pub(super) fn optional_source(&mut self, index: usize) -> Result<Option<Source>> {
        self.optional(index).is_some().then(|| self.source(index)).transpose()
    }

    pub(super) fn source_of(&mut self, value: &Value) -> Result<Source> {
        match value {
            Value::Host(host) => {
                let spec = TensorSpec { shape: host.shape(), dtype: self.planner.dtype(host.element()) };
                Ok(Source::Host(host.clone(), spec))
            }
            Value::Device(device) => Ok(Source::Buffer(*device)),
            Value::Unknown => Err(Error::Unsupported("it needs what another node cannot give".into())),
        }
    }

    /// Adds an op as a step. The outputs hold `element`s, if their type on the device is that type's, and else what the op gives.
    pub(super) fn run<O: Kernels>(
        &mut self,
        op: &O,
        inputs: &Of<O::Inputs, Source>,
        element: ElementType,
    ) -> Result<Vec<Value>> {
        self.step(op, inputs, element, Step::new)
    }

    /// Adds an op of one output as a step.
    pub(super) fn run_one<O: Kernels>(
        &mut self,
        op: &O,
        inputs: &Of<O::Inputs, Source>,
        element: ElementType,
    ) -> Result<Value> {
        Ok(self.run(op, inputs, element)?.swap_remove(0))
    }

    /// Adds an op with a weight as a step; a weight that is known is packed.
    pub(super) fn run_packing<O: Packs>(
        &mut self,
        op: &O,
        inputs: &Of<O::Inputs, Source>,
        element: ElementType,
    ) -> Result<Value> {
        Ok(self.step(op, inputs, element, Step::packing)?.swap_remove(0))
    }

    fn step<O: Kernels>(
        &mut self,
        op: &O,
        inputs: &Of<O::Inputs, Source>,
        element: ElementType,
        step: impl FnOnce(&Node, &O, &Of<O::Inputs, Source>, Vec<usize>) -> Step,
    ) -> Result<Vec<Value>> {
        let specs = output_specs(op, &O::Inputs::map(inputs, Source::spec))?;
        let specs: Vec<_> = O::Outputs::present(&specs).map(|(_, spec)| *spec).collect();
        let writes: Vec<_> = specs.iter().map(|&spec| self.planner.new_buffer(spec)).collect();
        let values = specs.iter().zip(&writes).map(|(&spec, &buffer)| {
            let element = if self.planner.dtype(element) == spec.dtype { element } else { spec.dtype.into() };
            Value::Device(DeviceValue { buffer, first: 0, spec, element })
        });
        let values = values.collect();
        self.planner.steps.push(step(self.node, op, inputs, writes));
        Ok(values)
    }

    /// A view of the elements from `first` on, where one can begin there.
    pub(super) fn section(&self, value: &DeviceValue, first: u64, shape: Shape) -> Option<Value> {
        let first = value.first + first;
        let begins = (first * value.spec.dtype.size()).is_multiple_of(4);
        let spec = TensorSpec { shape, ..value.spec };
        begins.then_some(Value::Device(DeviceValue { first, spec, ..*value }))
    }

    /// A view of the elements under other extents, of which there are as many.
    pub(super) fn reshaped(&self, value: &Value, shape: Shape) -> Result<Value> {
        let (has, needs) = (value.shape().elements(), shape.elements());
        if has != needs {
            let message = format!("{shape} has {needs} elements; the input ({}) has {has}", value.shape());
            return Err(Error::shape("shape", message));
        }
        Ok(match value {
            Value::Host(host) if host.len() > READ && !host.reshapes_as_it_is() => {
                let message = format!("it copies {} elements on the host; {READ} are possible", host.len());
                return Err(Error::Unsupported(message));
            }
            Value::Host(host) => Value::Host(host.reshaped(shape)),
            Value::Device(device) => Value::Device(device.reshaped(shape)),
            Value::Unknown => Value::Unknown,
        })
    }
}

/// Counts a negative axis from behind.
pub(super) fn from_front(axis: i64, rank: usize) -> Result<usize> {
    let front = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(front)
        .ok()
        .filter(|front| *front < rank)
        .ok_or_else(|| Error::attribute("axis", format!("axis is {axis}; the input has {rank} axes")))
}

/// An index that counts from behind where it is negative.
pub(super) fn checked(index: i64, extent: u32) -> Result<usize> {
    let front = if index < 0 { index.saturating_add(extent.into()) } else { index };
    match u32::try_from(front) {
        Ok(front) if front < extent => Ok(front as usize),
        _ => Err(Error::attribute("indices", format!("an index is {index}; the axis has extent {extent}"))),
    }
}

/// The largest number of an element type.
pub(super) fn largest(dtype: DType) -> f32 {
    match dtype {
        DType::F32 | DType::I32 => f32::MAX,
        DType::F16 => half::f16::MAX.to_f32(),
        DType::BF16 => half::bf16::MAX.to_f32(),
    }
}
