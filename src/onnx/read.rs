//! From the bytes of a file to a [`Model`].

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use prost::Message;

use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_type, data_type,
};
use super::{Constant, Model, Node, Operation, Sizes, ValueInfo, malformed, no_element, type_name};
use crate::dialect::onnx::{Conv, DeformConv};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{BatchNorm, Binary, Unary};
use crate::signature;

/// The opsets that can be read. Before 7, broadcasting was by attributes.
const OPSETS: RangeInclusive<i64> = 7..=28;

/// The operators of the default domain that can be read.
const OPERATORS: [&str; 14] = [
    "Add",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "DeformConv",
    "GlobalAveragePool",
    "Identity",
    "Mul",
    "Relu",
    "Sigmoid",
    "Split",
    "Tanh",
];

pub(super) fn model(bytes: &[u8]) -> Result<Model> {
    let no_model = |why: &dyn std::fmt::Display| {
        malformed(format!("this is no ONNX model: {}", signature::why(bytes, "an ONNX model", why)))
    };
    let model = ModelProto::decode(bytes).map_err(|error| no_model(&error))?;
    let graph = model.graph.ok_or_else(|| no_model(&"it has no graph"))?;
    let opset = model.opset_import.iter().find(|opset| is_default(&opset.domain));
    let opset = opset.ok_or_else(|| malformed("the model imports no opset of the default domain"))?.version;
    if !OPSETS.contains(&opset) {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        return Err(Error::Unsupported(format!("the model is of opset {opset}; {first} to {last} can be read")));
    }
    Reader::new(&graph, opset)?.read()
}

fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

struct Reader<'a> {
    graph: &'a GraphProto,
    opset: i64,
    initializers: HashMap<&'a str, &'a TensorProto>,
    /// The values that some output of the model needs.
    needed: HashSet<&'a str>,
    /// The values so far, by name; `None` for what no output needs.
    names: HashMap<&'a str, Option<usize>>,
    /// How the elements of each value are stored; `None` for integers.
    dtypes: Vec<Option<DType>>,
    constants: HashMap<usize, Constant>,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a GraphProto, opset: i64) -> Result<Self> {
        let mut initializers = HashMap::new();
        for tensor in &graph.initializer {
            if initializers.insert(tensor.name.as_str(), tensor).is_some() {
                return Err(malformed(format!("there are two initializers {:?}", tensor.name)));
            }
        }
        let (needed, names) = (needed(graph), HashMap::new());
        Ok(Self { graph, opset, initializers, needed, names, dtypes: Vec::new(), constants: HashMap::new() })
    }

    fn read(mut self) -> Result<Model> {
        let mut missing = Missing::default();
        let mut inputs = Vec::new();
        for input in &self.graph.input {
            // Files of old list initializers as inputs too.
            if self.initializers.contains_key(input.name.as_str()) {
                continue;
            }
            let info = value_info("input", input);
            if matches!(info, Err(Error::Unsupported(_))) && !self.needed.contains(input.name.as_str()) {
                // No tensor could be given.
                self.bind(&input.name, None)?;
                continue;
            }
            let info = missing.unless_unsupported(info)?;
            self.new_value(&input.name, info.as_ref().map(|info| info.dtype))?;
            inputs.extend(info);
        }
        let mut nodes = Vec::new();
        for (index, node) in self.graph.node.iter().enumerate() {
            let name = if node.name.is_empty() { format!("{index}") } else { format!("{:?}", node.name) };
            let place = format!("node {name} of type {}", node.op_type);
            match self.node(node, &place) {
                Ok(read) => nodes.extend(read),
                Err(Error::Unsupported(message)) => {
                    missing.node(&node.op_type, name, message);
                    self.pass_over(node).map_err(|error| error.at(&place))?;
                }
                Err(error) => return Err(error.at(&place)),
            }
        }
        let mut outputs = Vec::new();
        let mut output_values = Vec::new();
        for output in &self.graph.output {
            let info = missing.unless_unsupported(value_info("output", output))?;
            let value = self.value(&output.name)?.ok_or_else(|| {
                malformed(format!("output {:?} is given by no node, input or initializer", output.name))
            })?;
            if let (Some(info), Some(dtype)) = (&info, self.dtypes[value])
                && info.dtype != dtype
            {
                let message = format!("output {:?} is declared to hold {}; it holds {dtype}", info.name, info.dtype);
                return Err(malformed(message));
            }
            outputs.extend(info);
            output_values.push(value);
        }
        missing.finish()?;
        if outputs.is_empty() {
            return Err(malformed("the model has no outputs"));
        }
        Ok(Model { inputs, outputs, output_values, nodes, constants: self.constants, values: self.dtypes.len() })
    }

    fn new_value(&mut self, name: &'a str, dtype: Option<DType>) -> Result<usize> {
        let value = self.dtypes.len();
        self.bind(name, Some(value))?;
        self.dtypes.push(dtype);
        Ok(value)
    }

    /// Gives a name to a value.
    fn bind(&mut self, name: &'a str, value: Option<usize>) -> Result<()> {
        if self.names.insert(name, value).is_some() {
            return Err(malformed(format!("{name:?} is given twice")));
        }
        Ok(())
    }

    /// Gives the outputs of a node that cannot be read a value each, so that those behind it can be.
    fn pass_over(&mut self, node: &'a NodeProto) -> Result<()> {
        let mut outputs = node.output.iter().map(String::as_str).filter(|name| !name.is_empty());
        outputs.try_for_each(|name| self.new_value(name, None).map(drop))
    }

    fn new_constant(&mut self, name: &'a str, constant: Constant) -> Result<usize> {
        let value = self.new_value(name, constant.dtype())?;
        self.constants.insert(value, constant);
        Ok(value)
    }

    /// The value of this name, if there is one by now.
    fn value(&mut self, name: &'a str) -> Result<Option<usize>> {
        match (self.names.get(name), self.initializers.get(name)) {
            (Some(&value), _) => Ok(value),
            (None, Some(tensor)) => {
                let constant = Constant::read(tensor)?;
                self.new_constant(name, constant).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// Reads a node; there is none where it only names a value, or gives what no output of the model needs.
    fn node(&mut self, node: &'a NodeProto, place: &str) -> Result<Option<Node>> {
        if let Some(name) = node.output.iter().find(|name| self.initializers.contains_key(name.as_str())) {
            return Err(malformed(format!("{name:?} is given twice")));
        }
        let outputs = without_absent(&node.output);
        let most = if node.op_type == "Split" { usize::MAX } else { 1 };
        let count_refused = || {
            let needs = if most == 1 { "1" } else { "at least 1" };
            Err(malformed(format!("it has {} outputs; it needs {needs}", outputs.len())))
        };
        if outputs.is_empty() {
            return count_refused();
        }
        if !outputs.iter().any(|name| self.needed.contains(name.as_str())) {
            outputs.iter().filter(|name| !name.is_empty()).try_for_each(|name| self.bind(name, None))?;
            return Ok(None);
        }
        if !is_default(&node.domain) {
            return Err(Error::Unsupported(format!("operators of the domain {:?} are not known", node.domain)));
        }
        if !OPERATORS.contains(&node.op_type.as_str()) {
            return Err(unknown_operator());
        }
        let mut inputs = Vec::new();
        for name in without_absent(&node.input) {
            let value = match name.as_str() {
                "" => None,
                name => Some(self.value(name)?.ok_or_else(|| {
                    malformed(format!("{name:?} is given by no input, no initializer and no node before"))
                })?),
            };
            inputs.push(value);
        }
        if outputs.len() > most {
            return count_refused();
        }
        let output = outputs[0].as_str();

        let mut attributes = Attributes::new(node)?;
        match node.op_type.as_str() {
            "Constant" => {
                arity(&inputs, 0, 0)?;
                let constant = constant(&mut attributes)?;
                attributes.finish()?;
                self.new_constant(output, constant)?;
                return Ok(None);
            }
            "Identity" => {
                arity(&inputs, 1, 1)?;
                attributes.finish()?;
                self.bind(output, inputs[0])?;
                return Ok(None);
            }
            _ => {}
        }
        let operation = self.operation(&node.op_type, &mut attributes, &mut inputs, outputs.len())?;
        attributes.finish()?;
        let dtype = inputs.first().copied().flatten().and_then(|value| self.dtypes[value]);
        let outputs = outputs.iter().map(|name| match name.as_str() {
            "" => Ok(None),
            name => self.new_value(name, dtype).map(Some),
        });
        Ok(Some(Node { place: place.to_string(), operation, outputs: outputs.collect::<Result<_>>()?, inputs }))
    }

    /// The operation of a node. Leaves in `inputs` those that are read when the model runs.
    fn operation(
        &self,
        op_type: &str,
        attributes: &mut Attributes,
        inputs: &mut Vec<Option<usize>>,
        outputs: usize,
    ) -> Result<Operation> {
        match op_type {
            "Conv" => {
                arity(inputs, 2, 3)?;
                Ok(Operation::Conv(Conv {
                    auto_pad: attributes.string("auto_pad")?.unwrap_or("NOTSET").parse()?,
                    dilations: attributes.ints("dilations")?.unwrap_or_default(),
                    group: attributes.int("group")?.unwrap_or(1),
                    kernel_shape: attributes.ints("kernel_shape")?.unwrap_or_default(),
                    pads: attributes.ints("pads")?.unwrap_or_default(),
                    strides: attributes.ints("strides")?.unwrap_or_default(),
                }))
            }
            "DeformConv" => {
                arity(inputs, 3, 5)?;
                Ok(Operation::DeformConv(DeformConv {
                    dilations: attributes.ints("dilations")?.unwrap_or_default(),
                    group: attributes.int("group")?.unwrap_or(1),
                    kernel_shape: attributes.ints("kernel_shape")?.unwrap_or_default(),
                    offset_group: attributes.int("offset_group")?.unwrap_or(1),
                    pads: attributes.ints("pads")?.unwrap_or_default(),
                    strides: attributes.ints("strides")?.unwrap_or_default(),
                }))
            }
            "Sigmoid" | "Tanh" | "Relu" => {
                arity(inputs, 1, 1)?;
                Ok(Operation::Unary(match op_type {
                    "Sigmoid" => Unary::Sigmoid,
                    "Tanh" => Unary::Tanh,
                    _ => Unary::Relu,
                }))
            }
            "Clip" if self.opset < 11 => {
                arity(inputs, 1, 1)?;
                let (min, max) = (attributes.float("min")?, attributes.float("max")?);
                Ok(Operation::Clip { min, max })
            }
            "Clip" => {
                arity(inputs, 1, 3)?;
                let bound = |index, name| match inputs.get(index).copied().flatten() {
                    None => Ok(None),
                    Some(value) => match self.floats(name, value)?[..] {
                        [bound] => Ok(Some(bound)),
                        ref bounds => Err(malformed(format!("{name} has {} elements; it needs 1", bounds.len()))),
                    },
                };
                let (min, max) = (bound(1, "min")?, bound(2, "max")?);
                inputs.truncate(1);
                Ok(Operation::Clip { min, max })
            }
            "Add" | "Mul" => {
                arity(inputs, 2, 2)?;
                Ok(Operation::Binary(if op_type == "Add" { Binary::Add } else { Binary::Mul }))
            }
            "Concat" => {
                arity(inputs, inputs.len().max(1), usize::MAX)?;
                let axis = attributes.int("axis")?.ok_or_else(|| malformed("it lacks the attribute axis"))?;
                Ok(Operation::Concat { axis })
            }
            "Split" => {
                let axis = attributes.int("axis")?.unwrap_or(0);
                arity(inputs, 1, if self.opset < 13 { 1 } else { 2 })?;
                let sizes = if self.opset < 13 {
                    attributes.ints("split")?.map(|sizes| sizes.to_vec())
                } else {
                    inputs.get(1).copied().flatten().map(|value| self.ints("split", value)).transpose()?
                };
                inputs.truncate(1);
                let sections = if self.opset < 18 { None } else { attributes.int("num_outputs")? };
                let (named, many) = match (&sizes, sections) {
                    (Some(sizes), None) => ("split", sizes.len() as i64),
                    (None, Some(sections)) => ("num_outputs", sections),
                    (None, None) if self.opset < 18 => ("outputs", outputs as i64),
                    _ => return Err(malformed("it needs one of the input split and the attribute num_outputs")),
                };
                if many != outputs as i64 {
                    return Err(malformed(format!("{named} makes {many} pieces; it has {outputs} outputs")));
                }
                let sizes = match sizes {
                    Some(sizes) => Sizes::Given(sizes),
                    None if self.opset < 18 => Sizes::Equal,
                    None => Sizes::LastSmaller,
                };
                Ok(Operation::Split { axis, sizes })
            }
            "GlobalAveragePool" => {
                arity(inputs, 1, 1)?;
                Ok(Operation::GlobalAveragePool)
            }
            "BatchNormalization" => {
                arity(inputs, 5, 5)?;
                let epsilon = attributes.float("epsilon")?.unwrap_or(1e-5);
                attributes.float("momentum")?; // of training
                if attributes.int("training_mode")?.unwrap_or(0) != 0 {
                    return Err(Error::Unsupported("it is in training mode; export the model for inference".into()));
                }
                if self.opset < 9 && attributes.int("spatial")?.unwrap_or(1) != 1 {
                    return Err(Error::Unsupported("spatial is 0; statistics of each channel are needed".into()));
                }
                let mut statistics = [const { Vec::new() }; 4];
                for (index, name) in ["scale", "B", "mean", "var"].into_iter().enumerate() {
                    if let Some(value) = inputs[index + 1] {
                        statistics[index] = self.floats(name, value)?;
                    }
                }
                inputs.truncate(1);
                let [gamma, beta, mean, variance] = &statistics;
                let (scale, shift) = BatchNorm::fold(gamma, beta, mean, variance, epsilon)?;
                Ok(Operation::BatchNorm { scale, shift })
            }
            _ => Err(unknown_operator()),
        }
    }

    /// The elements of an input that must be constant.
    fn floats(&self, name: &str, value: usize) -> Result<Vec<f32>> {
        self.constant(name, value)?.as_f32().ok_or_else(|| malformed(format!("{name} holds integers; it needs floats")))
    }

    fn ints(&self, name: &str, value: usize) -> Result<Vec<i64>> {
        let ints = self.constant(name, value)?.as_i64();
        ints.map(<[_]>::to_vec).ok_or_else(|| malformed(format!("{name} holds floats; it needs integers")))
    }

    fn constant(&self, name: &str, value: usize) -> Result<&Constant> {
        self.constants
            .get(&value)
            .ok_or_else(|| Error::Unsupported(format!("{name} is computed by the model; it must be constant")))
    }
}

fn unknown_operator() -> Error {
    Error::Unsupported("operators of this type are not known".into())
}

/// Everything in a file that is not supported, to be told at once.
#[derive(Default)]
struct Missing<'a> {
    /// The faults of inputs and outputs.
    values: Vec<String>,
    /// The type of some nodes, their fault, and their names.
    nodes: Vec<(&'a str, String, Vec<String>)>,
}

impl<'a> Missing<'a> {
    /// The names that are listed of nodes with the same fault.
    const NAMES: usize = 4;

    /// Returns the value that was read, or notes the fault and returns `None` where it is not supported.
    fn unless_unsupported<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Error::Unsupported(message)) => {
                self.values.push(message);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn node(&mut self, op_type: &'a str, name: String, message: String) {
        match self.nodes.iter_mut().find(|(of_type, fault, _)| *of_type == op_type && *fault == message) {
            Some((_, _, names)) => names.push(name),
            None => self.nodes.push((op_type, message, vec![name])),
        }
    }

    fn finish(self) -> Result<()> {
        let nodes = self.nodes.into_iter().map(|(op_type, message, names)| match &names[..] {
            [name] => format!("node {name} of type {op_type}: {message}"),
            names => {
                let more = if names.len() > Self::NAMES { ", ..." } else { "" };
                let listed = names[..names.len().min(Self::NAMES)].join(", ");
                format!("{} nodes of type {op_type} ({listed}{more}): {message}", names.len())
            }
        });
        let all: Vec<_> = self.values.into_iter().chain(nodes).collect();
        if all.is_empty() { Ok(()) } else { Err(Error::Unsupported(all.join("; "))) }
    }
}

/// The names that some output of a graph needs. Nodes come in an order in which they can be done.
fn needed(graph: &GraphProto) -> HashSet<&str> {
    let mut needed: HashSet<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|name| !name.is_empty() && needed.contains(name.as_str())) {
            needed.extend(node.input.iter().map(String::as_str));
        }
    }
    needed
}

/// The names without the absent ones at the end.
fn without_absent(names: &[String]) -> &[String] {
    let present = names.iter().rposition(|name| !name.is_empty());
    &names[..present.map_or(0, |last| last + 1)]
}

/// Refuses a number of inputs. Of those that are there, the least must not be absent.
fn arity(inputs: &[Option<usize>], least: usize, most: usize) -> Result<()> {
    let has = inputs.len();
    let needs = match (least == most, has > most) {
        (true, _) => format!("{least}"),
        (false, true) => format!("at most {most}"),
        (false, false) => format!("at least {least}"),
    };
    if !(least..=most).contains(&has) {
        return Err(malformed(format!("it has {has} inputs; it needs {needs}")));
    }
    match inputs[..least].iter().position(Option::is_none) {
        Some(absent) => Err(malformed(format!("input {absent} is absent; it needs {needs}"))),
        None => Ok(()),
    }
}

fn value_info(what: &str, info: &ValueInfoProto) -> Result<ValueInfo> {
    let place = format!("{what} {:?}", info.name);
    let tensor = info.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| Error::Unsupported(format!("{place} is no tensor")))?;
    let dtype = match tensor.elem_type {
        data_type::FLOAT => DType::F32,
        data_type::FLOAT16 => DType::F16,
        data_type::BFLOAT16 => DType::BF16,
        other => return Err(no_element(&type_name(other)).at(&place)),
    };
    let extents = tensor.shape.as_ref().map(|shape| {
        // What is not positive stands for what is not known.
        let extents = shape.dim.iter().map(|dim| dim.dim_value.filter(|extent| *extent > 0));
        let checked = extents.map(|extent| extent.map(u32::try_from).transpose());
        checked.collect::<Result<_, _>>().map_err(|_| malformed(format!("{place} has an extent beyond {}", u32::MAX)))
    });
    Ok(ValueInfo { name: info.name.clone(), dtype, extents: extents.transpose()? })
}

/// The tensor of a Constant.
fn constant(attributes: &mut Attributes) -> Result<Constant> {
    if let Some(attribute) = attributes.take("value", attribute_type::TENSOR)? {
        return Constant::read(attribute.t.as_ref().ok_or_else(|| malformed("its value is absent"))?);
    }
    if let Some(value) = attributes.float("value_float")? {
        return Ok(Constant::scalar(value));
    }
    if let Some(attribute) = attributes.take("value_floats", attribute_type::FLOATS)? {
        return Constant::floats(&attribute.floats);
    }
    if let Some(value) = attributes.int("value_int")? {
        return Constant::ints(&[value]);
    }
    if let Some(values) = attributes.ints("value_ints")? {
        return Constant::ints(&values);
    }
    Err(Error::Unsupported("it holds no tensor, float or integer".into()))
}

/// The attributes of a node that have not been read.
struct Attributes<'a>(HashMap<&'a str, &'a AttributeProto>);

impl<'a> Attributes<'a> {
    fn new(node: &'a NodeProto) -> Result<Self> {
        let mut attributes = HashMap::new();
        for attribute in &node.attribute {
            if attributes.insert(attribute.name.as_str(), attribute).is_some() {
                return Err(malformed(format!("it has two attributes {:?}", attribute.name)));
            }
        }
        Ok(Self(attributes))
    }

    fn take(&mut self, name: &str, of_type: i32) -> Result<Option<&'a AttributeProto>> {
        match self.0.remove(name) {
            Some(attribute) if ![attribute_type::UNDEFINED, of_type].contains(&attribute.r#type) => {
                let has = attribute.r#type;
                Err(malformed(format!("its attribute {name} is of type {has}; it needs type {of_type}")))
            }
            found => Ok(found),
        }
    }

    fn int(&mut self, name: &str) -> Result<Option<i64>> {
        Ok(self.take(name, attribute_type::INT)?.map(|attribute| attribute.i))
    }

    fn float(&mut self, name: &str) -> Result<Option<f32>> {
        Ok(self.take(name, attribute_type::FLOAT)?.map(|attribute| attribute.f))
    }

    fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>> {
        Ok(self.take(name, attribute_type::INTS)?.map(|attribute| attribute.ints.clone()))
    }

    fn string(&mut self, name: &str) -> Result<Option<&'a str>> {
        let Some(attribute) = self.take(name, attribute_type::STRING)? else { return Ok(None) };
        let string = std::str::from_utf8(&attribute.s);
        string.map(Some).map_err(|_| malformed(format!("its attribute {name} is no UTF-8")))
    }

    /// Refuses the attributes that are left: they may mean what nobody here knows.
    fn finish(self) -> Result<()> {
        match self.0.keys().min() {
            Some(name) => Err(Error::Unsupported(format!("its attribute {name} is not known"))),
            None => Ok(()),
        }
    }
}
