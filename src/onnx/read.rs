//! From the bytes of a file to a [`Model`].

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use prost::Message;
use prost::bytes::Bytes;

use super::attributes::Attributes;
use super::element::ElementType;
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use super::{External, HostTensor, Model, Node, ValueInfo, malformed, ops};
use crate::error::{Error, Result};
use crate::signature;

/// The opsets that can be read. Before 7, some operators had attributes for broadcasting and training, which are refused.
const OPSETS: RangeInclusive<i64> = 1..=28;
/// How deep functions may call functions.
const DEPTH: usize = 32;
/// The most nodes of a model whose functions are inlined.
const NODES: usize = 1 << 20;

pub(super) fn model(bytes: Bytes, external: &mut External) -> Result<Model> {
    let no_model = |why: &dyn std::fmt::Display| {
        malformed(format!("this is no ONNX model: {}", signature::why(&bytes, "an ONNX model", why)))
    };
    let model = ModelProto::decode(bytes.clone()).map_err(|error| no_model(&error))?;
    let graph = model.graph.as_ref().ok_or_else(|| no_model(&"it has no graph"))?;
    let opset = opset(&model.opset_import)?;
    let functions = model.functions.iter().map(|function| ((&function.domain[..], &function.name[..]), function));
    let functions = functions.collect();
    Reader::new(graph, opset, functions, external)?.read()
}

/// The version of the default domain's operators.
fn opset(imports: &[OperatorSetIdProto]) -> Result<i64> {
    let opset = imports.iter().find(|opset| is_default(&opset.domain));
    let opset = opset.ok_or_else(|| malformed("the model imports no opset of the default domain"))?.version;
    if !OPSETS.contains(&opset) {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        return Err(Error::Unsupported(format!("the model is of opset {opset}; {first} to {last} can be read")));
    }
    Ok(opset)
}

fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

struct Reader<'a, 'e> {
    graph: &'a GraphProto,
    opset: i64,
    functions: HashMap<(&'a str, &'a str), &'a FunctionProto>,
    external: &'a mut External<'e>,
    initializers: HashMap<&'a str, &'a TensorProto>,
    /// The values that some output of the model needs.
    needed: HashSet<&'a str>,
    constants: HashMap<usize, HostTensor>,
    nodes: Vec<Node>,
    /// The number of values so far.
    values: usize,
}

/// The values of a graph or of a function's call, by name; `None` for what no output needs.
type Names<'a> = HashMap<&'a str, Option<usize>>;

/// Where nodes stand: in the graph, or in a function that one of its nodes calls.
struct Scope<'a> {
    names: Names<'a>,
    opset: i64,
    /// The attributes of the call.
    attributes: HashMap<&'a str, AttributeProto>,
    /// The node that calls, with a slash behind.
    prefix: String,
    depth: usize,
}

impl<'a, 'e> Reader<'a, 'e> {
    fn new(
        graph: &'a GraphProto,
        opset: i64,
        functions: HashMap<(&'a str, &'a str), &'a FunctionProto>,
        external: &'a mut External<'e>,
    ) -> Result<Self> {
        let mut initializers = HashMap::new();
        for tensor in &graph.initializer {
            if initializers.insert(tensor.name.as_str(), tensor).is_some() {
                return Err(malformed(format!("there are two initializers {:?}", tensor.name)));
            }
        }
        let needed = needed(graph.output.iter().map(|output| output.name.as_str()), &graph.node);
        let (constants, nodes) = (HashMap::new(), Vec::new());
        Ok(Self { graph, opset, functions, external, initializers, needed, constants, nodes, values: 0 })
    }

    fn read(mut self) -> Result<Model> {
        let mut scope = Scope {
            names: Names::new(),
            opset: self.opset,
            attributes: HashMap::new(),
            prefix: String::new(),
            depth: 0,
        };
        let mut inputs = Vec::new();
        for input in &self.graph.input {
            // Files of old list initializers as inputs too.
            if self.initializers.contains_key(input.name.as_str()) {
                continue;
            }
            let info = value_info("input", input);
            if matches!(info, Err(Error::Unsupported(_))) && !self.needed.contains(input.name.as_str()) {
                // No tensor could be given.
                bind(&mut scope.names, &input.name, None)?;
                continue;
            }
            inputs.push(info?);
            self.new_value(&mut scope.names, &input.name)?;
        }
        let graph = self.graph;
        for (index, node) in graph.node.iter().enumerate() {
            let place = place(&scope.prefix, index, node);
            self.node(&mut scope, node, &place).map_err(|error| error.at(&place))?;
        }
        let (mut outputs, mut output_values) = (Vec::new(), Vec::new());
        for output in &graph.output {
            let info = value_info("output", output)?;
            let value = self.value(&mut scope.names, &output.name)?.ok_or_else(|| {
                malformed(format!("output {:?} is given by no node, input or initializer", output.name))
            })?;
            outputs.push(info);
            output_values.push(value);
        }
        if outputs.is_empty() {
            return Err(malformed("the model has no outputs"));
        }
        let Self { nodes, constants, values, .. } = self;
        Ok(Model { inputs, outputs, output_values, nodes, constants, values })
    }

    fn new_value(&mut self, names: &mut Names<'a>, name: &'a str) -> Result<usize> {
        let value = self.values;
        bind(names, name, Some(value))?;
        self.values += 1;
        Ok(value)
    }

    /// The value of this name, if there is one by now.
    fn value(&mut self, names: &mut Names<'a>, name: &'a str) -> Result<Option<usize>> {
        match (names.get(name), self.initializers.get(name)) {
            (Some(&value), _) => Ok(value),
            (None, Some(tensor)) => {
                let constant = HostTensor::read(tensor, self.external)?;
                let value = self.new_value(names, name)?;
                self.constants.insert(value, constant);
                Ok(Some(value))
            }
            (None, None) => Ok(None),
        }
    }

    /// Reads a node of the graph, if an output of the model needs it.
    fn node(&mut self, scope: &mut Scope<'a>, node: &'a NodeProto, place: &str) -> Result<()> {
        if let Some(name) = node.output.iter().find(|name| self.initializers.contains_key(name.as_str())) {
            return Err(malformed(format!("{name:?} is given twice")));
        }
        let outputs = without_absent(&node.output);
        if outputs.is_empty() {
            return Err(malformed("it has 0 outputs; it needs at least 1"));
        }
        if !outputs.iter().any(|name| self.needed.contains(name.as_str())) {
            let mut outputs = outputs.iter().filter(|name| !name.is_empty());
            return outputs.try_for_each(|name| bind(&mut scope.names, name, None));
        }
        let mut inputs = Vec::new();
        for name in without_absent(&node.input) {
            let value = match name.as_str() {
                "" => None,
                name => Some(self.value(&mut scope.names, name)?.ok_or_else(|| {
                    malformed(format!("{name:?} is given by no input, no initializer and no node before"))
                })?),
            };
            inputs.push(value);
        }
        let values = self.called(scope, node, place, inputs)?;
        let mut given = outputs.iter().zip(values).filter(|(name, _)| !name.is_empty());
        given.try_for_each(|(name, value)| bind(&mut scope.names, name, value))
    }

    /// Reads a node of known inputs: an operator becomes a node of the model, the call of a function those of its body. The values of the
    /// outputs.
    fn called(
        &mut self,
        scope: &Scope<'a>,
        node: &'a NodeProto,
        place: &str,
        inputs: Vec<Option<usize>>,
    ) -> Result<Vec<Option<usize>>> {
        let attributes = node.attribute.iter().filter_map(|attribute| match &attribute.ref_attr_name[..] {
            "" => Some(attribute.clone()),
            name => {
                let given = scope.attributes.get(name)?;
                Some(AttributeProto { name: attribute.name.clone(), ..given.clone() })
            }
        });
        let attributes: Vec<_> = attributes.collect();
        let domain = if is_default(&node.domain) { "" } else { &node.domain };
        if !ops::is_known(domain, &node.op_type)
            && let Some(function) = self.functions.get(&(&node.domain[..], &node.op_type[..])).copied()
        {
            return self.inlined(scope, function, place, inputs, attributes);
        }
        if self.nodes.len() >= NODES {
            return Err(Error::Unsupported(format!("the model has more than {NODES} nodes")));
        }
        let outputs: Vec<_> = without_absent(&node.output)
            .iter()
            .map(|name| {
                if name.is_empty() {
                    return None;
                }
                self.values += 1;
                Some(self.values - 1)
            })
            .collect();
        self.nodes.push(Node {
            place: place.to_string(),
            domain: domain.to_string(),
            op_type: node.op_type.clone(),
            opset: scope.opset,
            attributes: Attributes::new(attributes)?,
            inputs,
            outputs: outputs.clone(),
        });
        Ok(outputs)
    }

    /// Reads the body of a function in place of a call of it.
    fn inlined(
        &mut self,
        scope: &Scope<'a>,
        function: &'a FunctionProto,
        place: &str,
        inputs: Vec<Option<usize>>,
        attributes: Vec<AttributeProto>,
    ) -> Result<Vec<Option<usize>>> {
        if scope.depth == DEPTH {
            return Err(Error::Unsupported(format!("functions call functions more than {DEPTH} deep")));
        }
        if inputs.len() > function.input.len() {
            let (has, takes) = (inputs.len(), function.input.len());
            return Err(malformed(format!("it has {has} inputs; the function takes {takes}")));
        }
        let defaults = function.attribute_proto.iter().map(|attribute| (&attribute.name[..], attribute.clone()));
        let mut given: HashMap<&'a str, AttributeProto> = defaults.collect();
        for attribute in attributes {
            // The function names what it takes.
            if let Some(known) = self.names_of(function, &attribute.name) {
                given.insert(known, attribute);
            }
        }
        let mut inner = Scope {
            names: Names::new(),
            opset: if function.opset_import.is_empty() { scope.opset } else { opset(&function.opset_import)? },
            attributes: given,
            prefix: format!("{place}/"),
            depth: scope.depth + 1,
        };
        let given = inputs.into_iter().chain(std::iter::repeat(None));
        function.input.iter().zip(given).try_for_each(|(name, value)| bind(&mut inner.names, name, value))?;
        let needed = needed(function.output.iter().map(String::as_str), &function.node);
        for (index, node) in function.node.iter().enumerate() {
            if !node.output.iter().any(|name| needed.contains(name.as_str())) {
                continue;
            }
            let place = self::place(&inner.prefix, index, node);
            let value = |name: &String| match (name.as_str(), inner.names.get(name.as_str())) {
                ("", _) => Ok(None),
                (_, Some(&value)) => Ok(value),
                (name, None) => Err(malformed(format!("{place}: {name:?} is given by no input and no node before"))),
            };
            let inputs = without_absent(&node.input).iter().map(value).collect::<Result<_>>()?;
            let values = self.called(&inner, node, &place, inputs)?;
            let mut given = node.output.iter().zip(values).filter(|(name, _)| !name.is_empty());
            given.try_for_each(|(name, value)| bind(&mut inner.names, name, value))?;
        }
        let output = |name: &String| match inner.names.get(name.as_str()) {
            Some(&value) => Ok(value),
            None => Err(malformed(format!("the function {} gives no {name:?}", function.name))),
        };
        function.output.iter().map(output).collect()
    }

    /// The name by which a function's body refers to an attribute of its call.
    fn names_of(&self, function: &'a FunctionProto, name: &str) -> Option<&'a str> {
        let of_nodes =
            function.node.iter().flat_map(|node| &node.attribute).map(|attribute| &attribute.ref_attr_name[..]);
        of_nodes.into_iter().find(|of| *of == name)
    }
}

/// Name and type of a node, for errors.
fn place(prefix: &str, index: usize, node: &NodeProto) -> String {
    let name = if node.name.is_empty() { format!("{index}") } else { format!("{:?}", node.name) };
    format!("{prefix}node {name} of type {}", node.op_type)
}

/// Gives a name to a value.
fn bind<'a>(names: &mut Names<'a>, name: &'a str, value: Option<usize>) -> Result<()> {
    if names.insert(name, value).is_some() {
        return Err(malformed(format!("{name:?} is given twice")));
    }
    Ok(())
}

/// The names that some output needs. Nodes come in an order in which they can be done.
fn needed<'a>(outputs: impl Iterator<Item = &'a str>, nodes: &'a [NodeProto]) -> HashSet<&'a str> {
    let mut needed: HashSet<_> = outputs.collect();
    for node in nodes.iter().rev() {
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

fn value_info(what: &str, info: &ValueInfoProto) -> Result<ValueInfo> {
    let place = format!("{what} {:?}", info.name);
    let tensor = info.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| Error::Unsupported(format!("{place} is no tensor")))?;
    let element = ElementType::read(tensor.elem_type).map_err(|error| error.at(&place))?;
    let Some(shape) = &tensor.shape else {
        return Ok(ValueInfo { name: info.name.clone(), element, extents: None, symbols: Vec::new() });
    };
    // What is not positive stands for what is not known.
    let extents = shape.dim.iter().map(|dim| dim.dim_value.filter(|extent| *extent > 0));
    let extents = extents.map(|extent| extent.map(u32::try_from).transpose()).collect::<Result<_, _>>();
    let extents = extents.map_err(|_| malformed(format!("{place} has an extent beyond {}", u32::MAX)))?;
    let symbols = shape.dim.iter().map(|dim| dim.dim_param.clone()).collect();
    Ok(ValueInfo { name: info.name.clone(), element, extents: Some(extents), symbols })
}
