//! From a [`Model`] to recorded work.

use std::collections::HashMap;

use half::{bf16, f16};

use super::{Model, Node, Operation, Sizes, no_element};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    BatchNorm, BatchNormInputs, BinaryGeometry, BinaryInputs, Concat, ConcatGeometry, Conv2dInputs, DeformConv2dInputs,
    GlobalAveragePool, GlobalAveragePoolGeometry, Split, SplitGeometry, Unary,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::{
    BatchNormPlan, BinaryPlan, ConcatPlan, Conv2dPlan, DeformConv2dPlan, GlobalAveragePoolPlan, PackedWeight,
    SplitPlan, UnaryPlan, Weight, printed,
};
use crate::shape::Shape;

/// A [`Model`] bound to a device and to its inputs' shapes, its weights uploaded and packed: what an application keeps.
pub struct ModelPlan {
    inputs: Vec<(String, TensorSpec)>,
    outputs: Vec<Output>,
    steps: Vec<Step>,
    constants: HashMap<usize, Tensor>,
    values: usize,
}

printed!(ModelPlan, |plan| {
    inputs: plan.inputs,
    outputs: plan.outputs().collect::<Vec<_>>(),
    steps: plan.steps.iter().map(|step| &step.place).collect::<Vec<_>>()
});

struct Output {
    name: String,
    value: usize,
    spec: TensorSpec,
}

struct Step {
    place: String,
    work: Work,
    inputs: Vec<Option<usize>>,
    outputs: Vec<(Option<usize>, TensorSpec)>,
    /// Values that neither a later step nor the model's outputs need.
    spent: Vec<usize>,
}

enum Work {
    Conv { plan: Box<Conv2dPlan>, weight: Option<PackedWeight> },
    DeformConv { plan: Box<DeformConv2dPlan>, weight: Option<PackedWeight> },
    Unary(UnaryPlan),
    Binary(Box<BinaryPlan>),
    BatchNorm { plan: Box<BatchNormPlan>, scale: Tensor, shift: Tensor },
    Concat(ConcatPlan),
    Split(SplitPlan),
    GlobalAveragePool(GlobalAveragePoolPlan),
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
    /// [`Error::Shape`], [`Error::DType`], [`Error::Attribute`] where the inputs are not those the plan was made for, and what
    /// [`Tensor::new`] gives. Nothing is recorded then.
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

/// What is given for each of `names`.
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

/// Notes with each step what it is the last to use.
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
    /// Of the values so far; `None` for integers too.
    specs: Vec<Option<TensorSpec>>,
    /// Those that steps read.
    constants: HashMap<usize, Tensor>,
    /// Those that are only packed.
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

    fn step(&mut self, node: &Node) -> Result<Step> {
        let gpu = self.recorder.gpu().clone();
        let specs = node.inputs.iter().map(|value| value.map(|value| self.spec(value)).transpose());
        let specs = specs.collect::<Result<Vec<_>>>()?;
        let spec = |index: usize| -> Option<TensorSpec> { specs.get(index).copied().flatten() };
        let required = |index| spec(index).ok_or_else(absent);
        let first = specs.first().copied().flatten();
        let dtype = first.map_or(DType::F32, |first| first.dtype);

        let (work, shapes) = match &node.operation {
            Operation::Conv(attributes) => {
                let specs = Conv2dInputs { input: required(0)?, weight: required(1)?, bias: spec(2) };
                let plan = Conv2dPlan::new(&gpu, &attributes.op(&specs.map(|spec| spec.shape))?, &specs)?;
                let weight = self.pack(node, |recorder, weight| plan.pack_weight(recorder, weight))?;
                let shape = plan.geometry().output_shape();
                (Work::Conv { plan: Box::new(plan), weight }, vec![shape])
            }
            Operation::DeformConv(attributes) => {
                let specs = DeformConv2dInputs {
                    input: required(0)?,
                    offset: required(2)?,
                    weight: required(1)?,
                    mask: spec(4),
                    bias: spec(3),
                };
                let plan = DeformConv2dPlan::new(&gpu, &attributes.op(&specs.map(|spec| spec.shape))?, &specs)?;
                let weight = self.pack(node, |recorder, weight| plan.pack_weight(recorder, weight))?;
                let shape = plan.geometry().output_shape();
                (Work::DeformConv { plan: Box::new(plan), weight }, vec![shape])
            }
            Operation::Unary(op) => {
                let input = required(0)?;
                (Work::Unary(UnaryPlan::new(&gpu, op, input)?), vec![input.shape])
            }
            Operation::Clip { min, max } => {
                let input = required(0)?;
                let largest = largest(input.dtype);
                let op = Unary::Clip { min: min.unwrap_or(-largest), max: max.unwrap_or(largest) };
                (Work::Unary(UnaryPlan::new(&gpu, &op, input)?), vec![input.shape])
            }
            Operation::Binary(op) => {
                let specs = BinaryInputs { a: required(0)?, b: required(1)? };
                let shape = BinaryGeometry::new(op, &specs.map(|spec| spec.shape))?.output_shape();
                (Work::Binary(Box::new(BinaryPlan::new(&gpu, op, &specs)?)), vec![shape])
            }
            Operation::BatchNorm { scale, shift } => {
                let input = required(0)?;
                let channels = [scale.len() as u32];
                let scale = Tensor::upload(&gpu, channels, scale)?;
                let shift = Tensor::upload(&gpu, channels, shift)?;
                let specs = BatchNormInputs { input, scale: scale.spec(), shift: shift.spec() };
                let plan = Box::new(BatchNormPlan::new(&gpu, &BatchNorm, &specs)?);
                (Work::BatchNorm { plan, scale, shift }, vec![input.shape])
            }
            Operation::Concat { axis } => {
                let specs = specs.iter().map(|spec| spec.ok_or_else(absent)).collect::<Result<Vec<_>>>()?;
                let op = Concat { axis: from_front(*axis, required(0)?.shape)? };
                let shapes: Vec<_> = specs.iter().map(|spec| spec.shape).collect();
                let shape = ConcatGeometry::new(&op, &shapes)?.output_shape();
                (Work::Concat(ConcatPlan::new(&gpu, &op, &specs)?), vec![shape])
            }
            Operation::Split { axis, sizes } => {
                let input = required(0)?;
                let axis = from_front(*axis, input.shape)?;
                let extent = input.shape.extents()[axis as usize];
                let op = Split { axis, sizes: sizes.of(extent, node.outputs.len())? };
                let shapes = SplitGeometry::new(&op, input.shape)?.output_shapes();
                (Work::Split(SplitPlan::new(&gpu, &op, input)?), shapes)
            }
            Operation::GlobalAveragePool => {
                let input = required(0)?;
                let shape = GlobalAveragePoolGeometry::new(&GlobalAveragePool, input.shape)?.output_shape();
                let plan = GlobalAveragePoolPlan::new(&gpu, &GlobalAveragePool, input)?;
                (Work::GlobalAveragePool(plan), vec![shape])
            }
        };

        let packed = matches!(&work, Work::Conv { weight: Some(_), .. } | Work::DeformConv { weight: Some(_), .. });
        for (index, value) in node.inputs.iter().enumerate() {
            if let (Some(value), false) = (*value, packed && index == 1) {
                self.keep(value)?;
            }
        }
        let outputs = node.outputs.iter().zip(shapes).map(|(&value, shape)| (value, TensorSpec { shape, dtype }));
        let outputs: Vec<_> = outputs.collect();
        for (value, spec) in &outputs {
            if let Some(value) = value {
                self.specs[*value] = Some(*spec);
            }
        }
        Ok(Step { place: node.place.clone(), work, inputs: node.inputs.clone(), outputs, spent: Vec::new() })
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
        self.work.record(recorder, &Inputs { values, of: &self.inputs }, &outputs)?;
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

/// What a step reads.
struct Inputs<'a> {
    values: &'a [Option<Tensor>],
    of: &'a [Option<usize>],
}

impl<'a> Inputs<'a> {
    fn required(&self, index: usize) -> Result<&'a Tensor> {
        present(self.values, self.of.get(index).copied().flatten())
    }

    fn optional(&self, index: usize) -> Result<Option<&'a Tensor>> {
        let value = self.of.get(index).copied().flatten();
        value.map(|value| present(self.values, Some(value))).transpose()
    }

    fn weight(&self, packed: Option<&'a PackedWeight>) -> Result<Weight<'a>> {
        packed.map_or_else(|| self.required(1).map(Weight::from), |packed| Ok(packed.into()))
    }
}

fn present(values: &[Option<Tensor>], value: Option<usize>) -> Result<&Tensor> {
    value.and_then(|value| values[value].as_ref()).ok_or_else(absent)
}

impl Work {
    fn record(&self, recorder: &mut Recorder, inputs: &Inputs, outputs: &[Tensor]) -> Result<()> {
        let [output, ..] = outputs else { return Ok(()) };
        match self {
            Self::Conv { plan, weight } => {
                let (input, bias) = (inputs.required(0)?, inputs.optional(2)?);
                let inputs = Conv2dInputs { input, weight: inputs.weight(weight.as_ref())?, bias };
                plan.forward_into(recorder, &inputs, output)
            }
            Self::DeformConv { plan, weight } => {
                let inputs = DeformConv2dInputs {
                    input: inputs.required(0)?,
                    offset: inputs.required(2)?,
                    weight: inputs.weight(weight.as_ref())?,
                    mask: inputs.optional(4)?,
                    bias: inputs.optional(3)?,
                };
                plan.forward_into(recorder, &inputs, output)
            }
            Self::Unary(plan) => plan.forward_into(recorder, inputs.required(0)?, output),
            Self::Binary(plan) => {
                let inputs = BinaryInputs { a: inputs.required(0)?, b: inputs.required(1)? };
                plan.forward_into(recorder, &inputs, output)
            }
            Self::BatchNorm { plan, scale, shift } => {
                let inputs = BatchNormInputs { input: inputs.required(0)?, scale, shift };
                plan.forward_into(recorder, &inputs, output)
            }
            Self::Concat(plan) => {
                let inputs = (0..inputs.of.len()).map(|index| inputs.required(index));
                plan.forward_into(recorder, &inputs.collect::<Result<Vec<_>>>()?, output)
            }
            Self::Split(plan) => plan.forward_into(recorder, inputs.required(0)?, &outputs.iter().collect::<Vec<_>>()),
            Self::GlobalAveragePool(plan) => plan.forward_into(recorder, inputs.required(0)?, output),
        }
    }
}

/// The largest number of an element type.
fn largest(dtype: DType) -> f32 {
    match dtype {
        DType::F32 => f32::MAX,
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
