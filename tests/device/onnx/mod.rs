//! Models in ONNX files, and messages to make some of.

mod faults;
mod fusion;
mod nodes;
mod values;
mod weights;

#[allow(dead_code, reason = "of the messages of a file, the tests write some")]
#[path = "../../../src/onnx/proto.rs"]
mod proto;

use proto::*;

/// The numbers of `TensorProto.data_type`.
mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const STRING: i32 = 8;
    pub(crate) const FLOAT16: i32 = 10;
    pub(crate) const BFLOAT16: i32 = 16;
}

fn tensor(name: &str, dims: &[i64], float_data: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: float_data.to_vec(),
        ..TensorProto::default()
    }
}

fn ints(name: &str, int64_data: &[i64]) -> TensorProto {
    let dims = vec![int64_data.len() as i64];
    TensorProto {
        name: name.into(),
        dims,
        data_type: data_type::INT64,
        int64_data: int64_data.to_vec(),
        ..TensorProto::default()
    }
}

fn value(name: &str, elem_type: i32, extents: &[i64]) -> ValueInfoProto {
    let dim =
        extents.iter().map(|&extent| DimensionProto { dim_value: Some(extent), ..DimensionProto::default() }).collect();
    let tensor_type = Some(TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn node(op_type: &str, input: &[&str], output: &[&str]) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        name: "n".into(),
        input: strings(input),
        output: strings(output),
        ..NodeProto::default()
    }
}

/// A node as "inputs -> outputs".
fn n(op_type: &str, names: &str) -> NodeProto {
    let (inputs, outputs) = names.split_once("->").unwrap();
    let list = |names: &str| names.split_whitespace().map(ToString::to_string).collect::<Vec<_>>();
    let (input, output) = (list(inputs), list(outputs));
    NodeProto { name: output[0].clone(), input, output, ..node(op_type, &[], &[]) }
}

fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i, r#type: attribute_type::INT, ..AttributeProto::default() }
}

fn listed(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: ints.to_vec(), r#type: attribute_type::INTS, ..AttributeProto::default() }
}

fn word(name: &str, word: &str) -> AttributeProto {
    let s = word.as_bytes().to_vec();
    AttributeProto { name: name.into(), s, r#type: attribute_type::STRING, ..AttributeProto::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f, r#type: attribute_type::FLOAT, ..AttributeProto::default() }
}
