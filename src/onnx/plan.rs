//! From a [`Model`] to recorded work.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::binder::Binder;
use super::fusion::{Fused, Fusion, Rule, fused};
use super::memory::{Layout, Uses, Within, bytes, layout};
use super::missing::Missing;
use super::planner::{DeviceValue, Planner, Value};
use super::step::{BoundStep, Step, absent, buffer};
use super::{HostTensor, Model, ValueInfo};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

/// A [`Model`] bound to a device and to its inputs' shapes, its weights uploaded and packed: what an application keeps.
pub struct ModelPlan {
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    steps: Vec<BoundStep>,
    /// The slot of each buffer that steps write: memory that values share.
    slots: Vec<Option<usize>>,
    /// The words of each slot.
    memory: Vec<u32>,
    /// Specs of all buffers; those of the inputs are the first.
    buffers: Vec<TensorSpec>,
    /// Buffers that lie within others.
    within: Within,
    fusions: Vec<Fusion>,
}

/// Input of a model, as a plan is made for it: shape and element type of a tensor that each call gives, or a value that is the same in all
/// calls.
#[derive(Debug, Clone)]
pub enum ModelInput {
    /// A tensor that each call gives.
    Tensor(TensorSpec),
    /// A value that goes into the plan: what shapes depend on must be one.
    Value(HostTensor),
}

/// Options of a plan of a model.
pub struct ModelOptions<'a> {
    /// The type in which all floats of 32 bits are stored: inputs, outputs, weights and all between. Sums are in `f32` all the same. `f32` by default.
    pub float: DType,
    /// The rules by which steps are fused: all by default. They change rounding alone.
    pub rules: &'a [Rule],
    /// Called with the number of steps that are planned, their weights uploaded, and the number of all.
    pub progress: Option<&'a mut dyn FnMut(usize, usize)>,
}

impl Default for ModelOptions<'_> {
    fn default() -> Self {
        Self { float: DType::F32, rules: Rule::ALL, progress: None }
    }
}

impl fmt::Debug for ModelOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelOptions").field("float", &self.float).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl From<TensorSpec> for ModelInput {
    fn from(spec: TensorSpec) -> Self {
        Self::Tensor(spec)
    }
}

impl From<HostTensor> for ModelInput {
    fn from(value: HostTensor) -> Self {
        Self::Value(value)
    }
}

impl fmt::Debug for ModelPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelPlan")
            .field("inputs", &self.inputs().collect::<Vec<_>>())
            .field("outputs", &self.outputs().collect::<Vec<_>>())
            .field("steps", &self.steps.iter().map(|step| &step.place).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// An input that each call gives.
struct Input {
    name: String,
    buffer: usize,
    spec: TensorSpec,
}

struct Output {
    name: String,
    source: OutputSource,
}

impl Output {
    fn spec(&self) -> TensorSpec {
        match &self.source {
            OutputSource::Constant(tensor) => tensor.spec(),
            OutputSource::Buffer(value) => value.spec,
        }
    }

    /// The view of a buffer that it is, if it is one.
    fn value(&mut self) -> Option<&mut DeviceValue> {
        match &mut self.source {
            OutputSource::Constant(_) => None,
            OutputSource::Buffer(value) => Some(value),
        }
    }

    /// The buffer that it is a view of, if it is one.
    fn buffer(&self) -> Option<usize> {
        match &self.source {
            OutputSource::Constant(_) => None,
            OutputSource::Buffer(value) => Some(value.buffer),
        }
    }
}

enum OutputSource {
    Constant(Tensor),
    Buffer(DeviceValue),
}

impl ModelPlan {
    /// Infers every shape, plans every node, and uploads and packs the weights; this is submitted, not waited for. `inputs` are by name, in
    /// any order: tensors' specs, or values where shapes depend on them.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`], [`Error::Attribute`] where the inputs are not what the model declares or a node cannot have them;
    /// [`Error::Unsupported`] with all nodes that are, [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, model: &Model, inputs: &[(&str, impl Clone + Into<ModelInput>)]) -> Result<Self> {
        Self::with_options(gpu, model, inputs, ModelOptions::default())
    }

    /// Plans a model as [`ModelPlan::new`] does, with options. Nothing of the model is kept: it may be dropped afterwards, with the weights that
    /// the host holds. Plain weights on the device go once they have been packed: at a later submission, or by [`Gpu::wait`].
    ///
    /// ```no_run
    /// # fn example(
    /// #     gpu: &pliant::Gpu, model: pliant::onnx::Model, image: pliant::TensorSpec,
    /// # ) -> pliant::Result<pliant::onnx::ModelPlan> {
    /// use pliant::DType;
    /// use pliant::onnx::{ModelOptions, ModelPlan};
    ///
    /// let mut show = |done, all| println!("{done} of {all} nodes");
    /// let options = ModelOptions { float: DType::F16, progress: Some(&mut show), ..ModelOptions::default() };
    /// let plan = ModelPlan::with_options(gpu, &model, &[("image", image)], options)?;
    /// # Ok(plan)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`ModelPlan::new`]; [`Error::DType`] where the options' `float` is no float.
    pub fn with_options(
        gpu: &Gpu,
        model: &Model,
        inputs: &[(&str, impl Clone + Into<ModelInput>)],
        options: ModelOptions,
    ) -> Result<Self> {
        let ModelOptions { float, rules, mut progress } = options;
        if !float.is_float() {
            return Err(Error::dtype("float", format!("float is {float}; f32, f16 and bf16 are possible")));
        }
        let given: Vec<_> = inputs.iter().map(|(name, input)| (*name, input.clone().into())).collect();
        let given = by_name(model.inputs.iter().map(|input| input.name.as_str()), &given)?;
        check_inputs(&model.inputs, &given, float)?;

        let mut planner = Planner::new(float);
        let mut values: Vec<Option<Value>> = vec![None; model.values];
        let mut inputs = Vec::new();
        for (value, (declared, given)) in model.inputs.iter().zip(given).enumerate() {
            values[value] = Some(match given {
                ModelInput::Value(host) => Value::Host(host.clone()),
                ModelInput::Tensor(spec) => {
                    let (buffer, element) = (planner.new_buffer(*spec), declared.element);
                    inputs.push(Input { name: declared.name.clone(), buffer, spec: *spec });
                    match spec.shape.elements() {
                        0 => Value::Host(HostTensor::empty(element, spec.shape)),
                        _ => Value::Device(DeviceValue { buffer, first: 0, spec: *spec, element }),
                    }
                }
            });
        }
        for (&value, constant) in &model.constants {
            values[value] = Some(Value::Host(constant.clone()));
        }
        plan_nodes(&mut planner, model, &mut values)?;

        let mut binder = Binder::new(gpu);
        let mut outputs = Vec::new();
        for (declared, &value) in model.outputs.iter().zip(&model.output_values) {
            let value = values[value].clone().unwrap_or(Value::Unknown);
            let name = declared.name.clone();
            if value.element() != declared.element {
                let message =
                    format!("output {name:?} is declared to hold {}; it holds {}", declared.element, value.element());
                return Err(super::malformed(message));
            }
            let source = match value {
                Value::Host(host) => {
                    let spec = TensorSpec { shape: host.shape(), dtype: planner.dtype(host.element()) };
                    let place = format!("output {name:?}");
                    OutputSource::Constant(binder.upload(&host, spec).map_err(|error| error.at(&place))?)
                }
                Value::Device(device) => OutputSource::Buffer(device),
                Value::Unknown => return Err(Error::Unsupported(format!("output {name:?} cannot be computed"))),
            };
            outputs.push(Output { name, source });
        }
        let Planner { steps, buffers, .. } = planner;
        let mut given: Vec<_> = outputs.iter_mut().filter_map(Output::value).collect();
        let seen = given.iter().map(|value| **value).collect();
        let Fused { steps, buffers, within, outputs: seen, fusions } = fused(gpu, steps, buffers, seen, rules);
        given.iter_mut().zip(seen).for_each(|(value, seen)| **value = seen);
        let given: HashSet<_> = given.iter().map(|value| value.buffer).collect();

        let bytes: Vec<_> = buffers.iter().map(|spec| bytes(*spec)).collect();
        let mut uses: Vec<_> = steps.iter().map(Step::uses).collect();
        for buffer in uses.iter_mut().flat_map(Uses::all_mut) {
            *buffer = within.get(buffer).map_or(*buffer, |(around, _)| *around);
        }
        let Layout { slots, sizes } = layout(&uses, &bytes, |buffer| given.contains(&buffer));
        let memory = sizes.into_iter().map(|size| {
            // In words, of which a tensor has at least one.
            let words = u32::try_from(size.div_ceil(4).max(1));
            words.map_err(|_| {
                Error::limit("model", format!("a value of the model has {size} bytes; 17179869180 are possible"))
            })
        });
        let memory = memory.collect::<Result<_>>()?;

        let steps = binder.bind(steps, |done, all| progress.iter_mut().for_each(|progress| progress(done, all)))?;
        Ok(Self { inputs, outputs, steps, slots, memory, buffers, within, fusions })
    }

    /// Names, shapes and element types of the inputs that each call gives, in the model's order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, TensorSpec)> {
        self.inputs.iter().map(|input| (input.name.as_str(), input.spec))
    }

    /// Names, shapes and element types of the outputs, in the model's order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = (&str, TensorSpec)> {
        self.outputs.iter().map(|output| (output.name.as_str(), output.spec()))
    }

    /// Fusions of the model's steps, and refusals with their reasons: pass by pass over the steps, each in the model's order.
    pub fn fusions(&self) -> &[Fusion] {
        &self.fusions
    }

    /// The bytes of the memory that values between inputs and outputs share, which each call takes for its recording.
    pub fn memory(&self) -> u64 {
        self.memory.iter().map(|&words| 4 * u64::from(words)).sum()
    }

    /// The bytes that values between inputs and outputs have, each counted by itself, but for those that lie within another.
    pub fn unshared_memory(&self) -> u64 {
        self.slots.iter().zip(&self.buffers).filter(|(slot, _)| slot.is_some()).map(|(_, spec)| bytes(*spec)).sum()
    }

    /// The shapes and element types of what a step writes.
    pub(super) fn written(&self, step: &BoundStep) -> impl Iterator<Item = TensorSpec> {
        step.writes.iter().map(|&buffer| self.buffers[buffer])
    }

    /// Records the model. The outputs are new tensors, by name, in the model's order; an output that no node computes is the input or the
    /// weight itself. Inputs are by name, in any order. A recording may be submitted many times.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`], [`Error::Attribute`] where the inputs are not those the plan was made for, [`Error::Device`] where
    /// one lies elsewhere, and what [`Tensor::new`] gives. Nothing is recorded then.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &[(&str, &Tensor)]) -> Result<Vec<(&str, Tensor)>> {
        self.record(recorder, inputs, |_, _| {})
    }

    /// Records the model as [`ModelPlan::forward`] does; after each step, `recorded` gets it and the number of dispatches until then.
    pub(super) fn record(
        &self,
        recorder: &mut Recorder,
        inputs: &[(&str, &Tensor)],
        mut recorded: impl FnMut(&BoundStep, usize),
    ) -> Result<Vec<(&str, Tensor)>> {
        let inputs = by_name(self.inputs.iter().map(|input| input.name.as_str()), inputs)?;
        let mut buffers: Vec<Option<Tensor>> = vec![None; self.buffers.len()];
        for (Input { name, buffer, spec: planned }, input) in self.inputs.iter().zip(inputs) {
            recorder.check("input", input.gpu()).map_err(|error| error.at(&format!("input {name:?}")))?;
            let (shape, dtype) = (input.shape(), input.dtype());
            if shape != planned.shape {
                let message = format!("input {name:?} is {shape}; the plan was made for {}", planned.shape);
                return Err(Error::shape("input", message));
            }
            if dtype != planned.dtype {
                let message = format!("input {name:?} holds {dtype}; the plan was made for {}", planned.dtype);
                return Err(Error::dtype("input", message));
            }
            buffers[*buffer] = Some((*input).clone());
        }
        let slot = |&words: &u32| Tensor::new(recorder.gpu(), [words], DType::F32);
        let memory = self.memory.iter().map(slot).collect::<Result<Vec<_>>>()?;
        for (slot, (tensor, spec)) in self.slots.iter().zip(buffers.iter_mut().zip(&self.buffers)) {
            if let Some(slot) = slot {
                *tensor = Some(memory[*slot].viewed(spec.shape, spec.dtype));
            }
        }
        for buffer in self.outputs.iter().filter_map(Output::buffer) {
            if buffers[buffer].is_none() {
                let spec = self.buffers[buffer];
                buffers[buffer] = Some(Tensor::new(recorder.gpu(), spec.shape, spec.dtype)?);
            }
        }
        for (&buffer, &(around, first)) in &self.within {
            buffers[buffer] = buffers[around].as_ref().map(|whole| whole.section(first, self.buffers[buffer].shape));
        }
        recorder.all(|recorder| {
            for step in &self.steps {
                let written = |buffer: &usize| buffers[*buffer].clone().ok_or_else(absent);
                let outputs = step.writes.iter().map(written).collect::<Result<Vec<_>>>()?;
                step.work.record(recorder, &buffers, &outputs).map_err(|error| error.at(&step.place))?;
                recorded(step, recorder.len());
            }
            Ok::<_, Error>(())
        })?;
        let output = |output: &Output| match &output.source {
            OutputSource::Constant(tensor) => Ok(tensor.clone()),
            OutputSource::Buffer(value) => buffer(&buffers, value),
        };
        self.outputs.iter().map(|of| Ok((of.name.as_str(), output(of)?))).collect()
    }
}

/// The value that is given for each of `names`.
fn by_name<'a, 'b, T>(names: impl ExactSizeIterator<Item = &'a str>, given: &'b [(&str, T)]) -> Result<Vec<&'b T>> {
    let names: Vec<_> = names.collect();
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !names.contains(name)) {
        let message = format!("input {unknown:?} was given; the model has {}", names.join(", "));
        return Err(Error::attribute("input", message));
    }
    let (mut values, mut absent) = (Vec::new(), Vec::new());
    for name in names {
        let mut found = given.iter().filter(|(given, _)| *given == name);
        match (found.next(), found.next()) {
            (Some((_, one)), None) => values.push(one),
            (None, _) => absent.push(format!("{name:?}")),
            (Some(_), Some(_)) => {
                return Err(Error::attribute("input", format!("input {name:?} was given twice")));
            }
        }
    }
    match &absent[..] {
        [] => Ok(values),
        [name] => Err(Error::attribute("input", format!("input {name} was not given"))),
        names => Err(Error::attribute("input", format!("inputs {} were not given", names.join(", ")))),
    }
}

/// Refuses inputs that are not what the model declares. A name for an extent stands for one extent throughout.
fn check_inputs(declared: &[ValueInfo], given: &[&ModelInput], float: DType) -> Result<()> {
    let mut symbols: HashMap<&str, (u32, &str)> = HashMap::new();
    for (declared, given) in declared.iter().zip(given) {
        let (shape, fits, holds) = match given {
            ModelInput::Tensor(spec) => {
                (spec.shape, spec.dtype == declared.element.stored(float), spec.dtype.to_string())
            }
            ModelInput::Value(host) => (host.shape(), host.element() == declared.element, host.element().to_string()),
        };
        let extents = shape.extents();
        let shaped = declared.extents.as_ref().is_none_or(|declared| {
            declared.len() == extents.len()
                && declared.iter().zip(extents).all(|(declared, given)| declared.is_none_or(|is| is == *given))
        });
        if !shaped {
            return Err(Error::shape("input", format!("the model declares {declared}; {shape} was given")));
        }
        if !fits {
            return Err(Error::dtype("input", format!("the model declares {declared}; {holds} was given")));
        }
        for (symbol, &extent) in declared.symbols.iter().zip(extents).filter(|(symbol, _)| !symbol.is_empty()) {
            let (first, of) = *symbols.entry(symbol).or_insert((extent, &declared.name));
            if first != extent {
                let name = &declared.name;
                let message = format!("{symbol} is {extent} in input {name:?}; it is {first} in input {of:?}");
                return Err(Error::shape("input", message));
            }
        }
    }
    Ok(())
}

/// Runs every node, and drops what no later one needs. What is not supported is told all at once.
fn plan_nodes(planner: &mut Planner, model: &Model, values: &mut [Option<Value>]) -> Result<()> {
    let mut missing = Missing::default();
    let mut last = vec![0; model.values];
    for (index, node) in model.nodes.iter().enumerate() {
        node.inputs.iter().flatten().for_each(|&value| last[value] = index);
    }
    model.output_values.iter().for_each(|&value| last[value] = usize::MAX);
    for (index, node) in model.nodes.iter().enumerate() {
        let inputs: Vec<_> = node.inputs.iter().map(|input| input.and_then(|value| values[value].clone())).collect();
        let unknown = inputs.iter().flatten().any(|value| matches!(value, Value::Unknown));
        let known = super::ops::is_known(&node.domain, &node.op_type);
        let planned = if unknown && known { Ok(Vec::new()) } else { planner.node(node, inputs) };
        let given = match planned {
            Ok(given) => given,
            Err(Error::Unsupported(message)) => {
                missing.add(&node.op_type, &node.place, message);
                Vec::new()
            }
            Err(error) => return Err(error.at(&node.place)),
        };
        let given = given.into_iter().chain(std::iter::repeat(Value::Unknown));
        for (output, value) in node.outputs.iter().zip(given) {
            if let Some(output) = output {
                values[*output] = Some(value);
            }
        }
        for &value in node.inputs.iter().flatten().filter(|value| last[**value] == index) {
            values[value] = None;
        }
    }
    missing.finish()
}
