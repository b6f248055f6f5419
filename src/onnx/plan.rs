//! From a [`Model`] to recorded work.

use std::collections::HashMap;
use std::fmt;

use half::{bf16, f16};

use super::{Model, Node, Operation, Sizes, no_element};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    BatchNorm, BatchNormInputs, BinaryInputs, Concat, Conv2dInputs, DeformConv2dInputs, GlobalAveragePool, Members, Of,
    Split, Unary,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec, WasmNotSendSync};
use crate::ops::{Argument, Convolves, Kernels, PackedWeight, Plan};
use crate::shape::Shape;

/// A [`Model`] bound to a device and to its inputs' shapes, its weights uploaded and packed: what an application keeps.
pub struct ModelPlan {
    inputs: Vec<(String, TensorSpec)>,
    outputs: Vec<Output>,
    steps: Vec<Step>,
    constants: HashMap<usize, Tensor>,
    values: usize,
}

impl fmt::Debug for ModelPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelPlan")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs().collect::<Vec<_>>())
            .field("steps", &self.steps.iter().map(|step| &step.place).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

struct Output {
    name: String,
    value: usize,
    spec: TensorSpec,
}

struct Step {
    place: String,
    work: Box<dyn Work>,
    inputs: Vec<Option<usize>>,
    outputs: Vec<(Option<usize>, TensorSpec)>,
    /// Values that neither a later step nor the model's outputs need.
    spent: Vec<usize>,
}

/// A plan with the sources of its inputs, whatever its op.
trait Work: WasmNotSendSync {
    fn record(&self, recorder: &mut Recorder, values: &[Option<Tensor>], outputs: &[Tensor]) -> Result<()>;
}

struct Planned<O: Kernels> {
    plan: Plan<O>,
    /// The source of each input, by name.
    sources: Vec<(&'static str, Option<Source>)>,
}

/// Where an input comes from.
#[derive(Clone)]
enum Source {
    Value(usize),
    Tensor(Tensor),
    Packed(PackedWeight),
}

impl<O: Kernels> Work for Planned<O> {
    fn record(&self, recorder: &mut Recorder, values: &[Option<Tensor>], outputs: &[Tensor]) -> Result<()> {
        let mut arguments = Vec::with_capacity(self.sources.len());
        for (_, source) in &self.sources {
            arguments.push(match source {
                None => None,
                Some(Source::Value(value)) => Some(Argument::from(present(values, Some(*value))?)),
                Some(Source::Tensor(tensor)) => Some(tensor.into()),
                Some(Source::Packed(packed)) => Some(packed.into()),
            });
        }
        let (mut arguments, mut outputs) = (arguments.into_iter(), outputs.iter());
        let inputs = O::Inputs::build(|_| arguments.next().flatten()).map_err(|_| absent())?;
        let outputs = O::Outputs::build(|_| outputs.next()).map_err(|_| absent())?;
        self.plan.forward_into::<Argument, &Tensor>(recorder, &inputs, &outputs)
    }
}

impl ModelPlan {
    /// Infers every shape, plans every node, and uploads and packs the weights; this is submitted, not waited for. `inputs` are by name, in
    /// any order.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`], [`Error::Attribute`] where the inputs are not what the model declares or a node cannot have them;
    /// [`Error::Unsupported`], [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, model: &Model, inputs: &[(&str, TensorSpec)]) -> Result<Self> {
        let names = model.inputs.iter().map(|input| input.name.as_str());
        let inputs = by_name(names, inputs)?;
        for (declared, given) in model.inputs.iter().zip(&inputs) {
            let extents = given.shape.extents();
            let fits = declared.extents.as_ref().is_none_or(|declared| {
                declared.len() == extents.len()
                    && declared.iter().zip(extents).all(|(declared, given)| declared.is_none_or(|is| is == *given))
            });
            if !fits {
                return Err(Error::shape("input", format!("the model declares {declared}; {} was given", given.shape)));
            }
            if declared.dtype != given.dtype {
                return Err(Error::dtype("input", format!("the model declares {declared}; {} was given", given.dtype)));
            }
        }

        let mut planner = Planner {
            recorder: Recorder::new(gpu),
            model,
            specs: vec![None; model.values],
            constants: HashMap::new(),
            weights: HashMap::new(),
        };
        for (value, spec) in inputs.iter().enumerate() {
            planner.specs[value] = Some(*spec);
        }
        for (&value, constant) in &model.constants {
            planner.specs[value] = constant.dtype().map(|dtype| TensorSpec { shape: constant.shape, dtype });
        }
        let mut steps = Vec::new();
        for node in &model.nodes {
            steps.push(planner.step(node).map_err(|error| error.at(&node.place))?);
        }
        let mut outputs = Vec::new();
        for (output, &value) in model.outputs.iter().zip(&model.output_values) {
            let spec = planner.spec(value).map_err(|error| error.at(&format!("output {:?}", output.name)))?;
            planner.keep(value)?;
            outputs.push(Output { name: output.name.clone(), value, spec });
        }
        find_spent(model, &mut steps);
        planner.recorder.submit()?;
        let names = model.inputs.iter().map(|input| input.name.clone());
        let constants = planner.constants;
        Ok(Self { inputs: names.zip(inputs).collect(), outputs, steps, constants, values: model.values })
    }

    /// Names, shapes and element types of the inputs, in the model's order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, TensorSpec)> {
        self.inputs.iter().map(|(name, spec)| (name.as_str(), *spec))
    }

    /// Names, shapes and element types of the outputs, in the model's order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = (&str, TensorSpec)> {
        self.outputs.iter().map(|output| (output.name.as_str(), output.spec))
    }

    /// Records the model. The outputs are new tensors, by name, in the model's order; an output that no node computes is the input or the
    /// weight itself. Inputs are by name, in any order. What a node gives lies in a tensor that is used again for a later one.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`], [`Error::Attribute`] where the inputs are not those the plan was made for, [`Error::Device`] where
    /// one lies elsewhere, and what [`Tensor::new`] gives. Nothing is recorded then.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &[(&str, &Tensor)]) -> Result<Vec<(&str, Tensor)>> {
        let inputs = by_name(self.inputs.iter().map(|(name, _)| name.as_str()), inputs)?;
        let mut values: Vec<Option<Tensor>> = vec![None; self.values];
        for (value, ((name, planned), input)) in self.inputs.iter().zip(inputs).enumerate() {
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
            values[value] = Some(input.clone());
        }
        for (&value, tensor) in &self.constants {
            values[value] = Some(tensor.clone());
        }
        recorder.all(|recorder| {
            let mut free = Vec::new();
            self.steps.iter().try_for_each(|step| {
                step.record(recorder, &mut values, &mut free).map_err(|error| error.at(&step.place))
            })
        })?;
        let outputs = self.outputs.iter();
        outputs.map(|output| Ok((output.name.as_str(), present(&values, Some(output.value))?.clone()))).collect()
    }
}

/// The value that is given for each of `names`.
fn by_name<'a, T: Copy>(names: impl ExactSizeIterator<Item = &'a str>, given: &[(&str, T)]) -> Result<Vec<T>> {
    let names: Vec<_> = names.collect();
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !names.contains(name)) {
        let message = format!("input {unknown:?} was given; the model has {}", names.join(", "));
        return Err(Error::attribute("input", message));
    }
    let one = |name: &&str| {
        let mut found = given.iter().filter(|(given, _)| given == name);
        match (found.next(), found.next()) {
            (Some((_, one)), None) => Ok(*one),
            (None, _) => Err(Error::attribute("input", format!("input {name:?} was not given"))),
            (Some(_), Some(_)) => Err(Error::attribute("input", format!("input {name:?} was given twice"))),
        }
    };
    names.iter().map(one).collect()
}

/// Notes with each step the values that it is the last to use.
fn find_spent(model: &Model, steps: &mut [Step]) {
    let computed = model.inputs.len()..model.values;
    let mut needed = vec![false; model.values];
    model.output_values.iter().for_each(|&value| needed[value] = true);
    for step in steps.iter_mut().rev() {
        let given = step.outputs.iter().filter_map(|(value, _)| *value);
        for value in step.inputs.iter().copied().flatten().chain(given) {
            if !std::mem::replace(&mut needed[value], true)
                && computed.contains(&value)
                && !model.constants.contains_key(&value)
            {
                step.spent.push(value);
            }
        }
    }
}

struct Planner<'a> {
    recorder: Recorder,
    model: &'a Model,
    /// The specs of the values so far; `None` for integers too.
    specs: Vec<Option<TensorSpec>>,
    /// The constants that steps read.
    constants: HashMap<usize, Tensor>,
    /// The constants that are only packed.
    weights: HashMap<usize, Tensor>,
}

impl Planner<'_> {
    fn spec(&self, value: usize) -> Result<TensorSpec> {
        self.specs[value].ok_or_else(|| no_element("INT64"))
    }

    /// Uploads a value that is constant.
    fn keep(&mut self, value: usize) -> Result<()> {
        if let Some(constant) = self.model.constants.get(&value)
            && !self.constants.contains_key(&value)
        {
            self.constants.insert(value, constant.upload(self.recorder.gpu())?);
        }
        Ok(())
    }

    /// Packs the second input, where it is constant.
    fn pack(
        &mut self,
        node: &Node,
        pack: impl FnOnce(&mut Recorder, &Tensor) -> Result<PackedWeight>,
    ) -> Result<Option<PackedWeight>> {
        let value = node.inputs[1];
        let Some((value, constant)) = value.and_then(|value| Some((value, self.model.constants.get(&value)?))) else {
            return Ok(None);
        };
        let weight = match self.weights.entry(value) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(constant.upload(self.recorder.gpu())?),
        };
        pack(&mut self.recorder, weight).map(Some)
    }

    /// Binds an op to its inputs.
    fn plan<O: Kernels>(&self, op: &O, sources: &Of<O::Inputs, Source>) -> Result<Planned<O>> {
        let specs = O::Inputs::try_map(sources, |source| self.source_spec(source))?;
        let plan = Plan::new::<TensorSpec>(self.recorder.gpu(), op, &specs)?;
        let sources = O::Inputs::named(sources).map(|(name, source)| (name, source.cloned())).collect();
        Ok(Planned { plan, sources })
    }

    fn source_spec(&self, source: &Source) -> Result<TensorSpec> {
        match source {
            Source::Value(value) => self.spec(*value),
            Source::Tensor(tensor) => Ok(tensor.spec()),
            Source::Packed(packed) => Ok(packed.spec()),
        }
    }

    fn step(&mut self, node: &Node) -> Result<Step> {
        let optional = |index: usize| node.inputs.get(index).copied().flatten().map(Source::Value);
        let required = |index: usize| optional(index).ok_or_else(absent);
        let input_spec = || self.source_spec(&required(0)?);
        match &node.operation {
            Operation::Conv(attributes) => {
                let inputs = Conv2dInputs { input: required(0)?, weight: required(1)?, bias: optional(2) };
                let shapes = inputs.try_map(|source| self.source_spec(source).map(|spec| spec.shape))?;
                let planned = self.plan(&attributes.op(&shapes)?, &inputs)?;
                self.packed(node, planned)
            }
            Operation::DeformConv(attributes) => {
                let inputs = DeformConv2dInputs {
                    input: required(0)?,
                    offset: required(2)?,
                    weight: required(1)?,
                    mask: optional(4),
                    bias: optional(3),
                };
                let shapes = inputs.try_map(|source| self.source_spec(source).map(|spec| spec.shape))?;
                let planned = self.plan(&attributes.op(&shapes)?, &inputs)?;
                self.packed(node, planned)
            }
            Operation::Unary(op) => self.made(node, self.plan(op, &required(0)?)?),
            Operation::Clip { min, max } => {
                let largest = largest(input_spec()?.dtype);
                let op = Unary::Clip { min: min.unwrap_or(-largest), max: max.unwrap_or(largest) };
                self.made(node, self.plan(&op, &required(0)?)?)
            }
            Operation::Binary(op) => {
                let inputs = BinaryInputs { a: required(0)?, b: required(1)? };
                self.made(node, self.plan(op, &inputs)?)
            }
            Operation::BatchNorm { scale, shift } => {
                let upload = |of_channels: &[f32]| {
                    Tensor::upload(self.recorder.gpu(), [of_channels.len() as u32], of_channels).map(Source::Tensor)
                };
                let inputs = BatchNormInputs { input: required(0)?, scale: upload(scale)?, shift: upload(shift)? };
                self.made(node, self.plan(&BatchNorm, &inputs)?)
            }
            Operation::Concat { axis } => {
                let inputs = (0..node.inputs.len()).map(required).collect::<Result<Vec<_>>>()?;
                let op = Concat { axis: from_front(*axis, input_spec()?.shape)? };
                self.made(node, self.plan(&op, &inputs)?)
            }
            Operation::Split { axis, sizes } => {
                let shape = input_spec()?.shape;
                let axis = from_front(*axis, shape)?;
                let extent = shape.extents()[axis as usize];
                let op = Split { axis, sizes: sizes.of(extent, node.outputs.len())? };
                self.made(node, self.plan(&op, &required(0)?)?)
            }
            Operation::GlobalAveragePool => self.made(node, self.plan(&GlobalAveragePool, &required(0)?)?),
        }
    }

    /// A step of a convolution, whose weight is packed where it is constant.
    fn packed<O: Convolves>(&mut self, node: &Node, mut planned: Planned<O>) -> Result<Step> {
        let weight = self.pack(node, |recorder, weight| planned.plan.pack_weight(recorder, weight))?;
        if let (Some(weight), Some((_, source))) =
            (weight, planned.sources.iter_mut().find(|(name, _)| *name == "weight"))
        {
            *source = Some(Source::Packed(weight));
        }
        self.made(node, planned)
    }

    /// A step, whose outputs are as planned.
    fn made<O: Kernels>(&mut self, node: &Node, planned: Planned<O>) -> Result<Step> {
        for (_, source) in &planned.sources {
            if let Some(Source::Value(value)) = source {
                self.keep(*value)?;
            }
        }
        let specs = planned.plan.output_spec();
        let outputs: Vec<_> =
            node.outputs.iter().copied().zip(O::Outputs::present(&specs).map(|(_, spec)| *spec)).collect();
        for (value, spec) in &outputs {
            if let Some(value) = value {
                self.specs[*value] = Some(*spec);
            }
        }
        let (place, inputs) = (node.place.clone(), node.inputs.clone());
        Ok(Step { place, work: Box::new(planned), inputs, outputs, spent: Vec::new() })
    }
}

impl Sizes {
    /// The extents of `many` pieces of `extent`.
    fn of(&self, extent: u32, many: usize) -> Result<Vec<u32>> {
        let refused = |message| Err(Error::attribute("split", message));
        let length = extent.div_ceil(many as u32);
        match self {
            Self::Given(sizes) => {
                sizes.iter().map(|&size| u32::try_from(size)).collect::<Result<_, _>>().or_else(|_| {
                    let sum: i128 = sizes.iter().copied().map(i128::from).sum();
                    refused(format!("split is {sizes:?}, {sum} in all; the extent is {extent} and no size is negative"))
                })
            }
            Self::Equal if !extent.is_multiple_of(many as u32) => {
                refused(format!("{many} equal pieces are to be made of an extent of {extent}"))
            }
            Self::Equal | Self::LastSmaller => {
                let before = u64::from(length) * (many as u64 - 1);
                match u64::from(extent).checked_sub(before).filter(|last| *last > 0) {
                    Some(last) => {
                        let mut sizes = vec![length; many];
                        sizes[many - 1] = last as u32;
                        Ok(sizes)
                    }
                    None => refused(format!("{many} pieces of {length} are to be made of an extent of {extent}")),
                }
            }
        }
    }
}

impl Step {
    fn record(&self, recorder: &mut Recorder, values: &mut [Option<Tensor>], free: &mut Vec<Tensor>) -> Result<()> {
        let mut outputs = Vec::new();
        for (_, spec) in &self.outputs {
            outputs.push(match free.iter().position(|tensor| tensor.spec() == *spec) {
                Some(index) => free.swap_remove(index),
                None => Tensor::new(recorder.gpu(), spec.shape, spec.dtype)?,
            });
        }
        self.work.record(recorder, values, &outputs)?;
        for ((value, _), tensor) in self.outputs.iter().zip(outputs) {
            match value {
                Some(value) => values[*value] = Some(tensor),
                None => free.push(tensor),
            }
        }
        free.extend(self.spent.iter().filter_map(|&value| values[value].take()));
        Ok(())
    }
}

fn present(values: &[Option<Tensor>], value: Option<usize>) -> Result<&Tensor> {
    value.and_then(|value| values[value].as_ref()).ok_or_else(absent)
}

/// The largest number of an element type.
fn largest(dtype: DType) -> f32 {
    match dtype {
        DType::F32 | DType::I32 => f32::MAX,
        DType::F16 => f16::MAX.to_f32(),
        DType::BF16 => bf16::MAX.to_f32(),
    }
}

/// Counts a negative axis from behind.
fn from_front(axis: i64, shape: Shape) -> Result<u32> {
    let rank = shape.rank() as i64;
    let front = if axis < 0 { axis.saturating_add(rank) } else { axis };
    u32::try_from(front)
        .ok()
        .filter(|_| front < rank)
        .ok_or_else(|| Error::attribute("axis", format!("axis is {axis}; the input ({shape}) has {rank} axes")))
}

fn absent() -> Error {
    Error::shape("input", "an input is absent")
}
