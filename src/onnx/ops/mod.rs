//! Operators, by family: a small function each, which gives the outputs of a node.
//!
//! A function computes on the host where all that it needs is known, and else plans ops of the library as steps.

mod attention;
mod convolution;
mod elementwise;
mod indices;
mod movement;
mod normalisation;
mod product;
mod reduction;
mod sampling;
mod shape;
mod spatial;
mod volumes;

use super::planner::{Call, Value};
use crate::error::{Error, Result};

/// Gives the outputs of a node.
pub(super) type Operator = fn(&mut Call) -> Result<Vec<Value>>;

/// An operator of the default domain, by name.
type Entry = (&'static str, Operator);

const FAMILIES: &[&[Entry]] = &[
    attention::OPERATORS,
    convolution::OPERATORS,
    elementwise::OPERATORS,
    indices::OPERATORS,
    movement::OPERATORS,
    normalisation::OPERATORS,
    product::OPERATORS,
    reduction::OPERATORS,
    sampling::OPERATORS,
    shape::OPERATORS,
    spatial::OPERATORS,
];

/// Operators of other domains that do as one of the default domain does.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("com.microsoft", "Gelu", "Gelu"),
    ("com.microsoft", "GridSample", "GridSample"),
    ("com.microsoft", "LayerNormalization", "LayerNormalization"),
    ("mmdeploy", "grid_sampler", "grid_sampler"),
    ("mmdeploy", "MMCVDeformConv2d", "MMCVDeformConv2d"),
    ("mmdeploy", "MMCVModulatedDeformConv2d", "MMCVModulatedDeformConv2d"),
    ("mmdeploy", "TRTDCNv3", "TRTDCNv3"),
];

/// The function of an operator; the default domain is empty.
pub(super) fn operator(domain: &str, op_type: &str) -> Option<Operator> {
    let name = match domain {
        "" => op_type,
        _ => ELSEWHERE.iter().find(|(of, name, _)| *of == domain && *name == op_type)?.2,
    };
    FAMILIES.iter().flat_map(|family| *family).find(|(of, _)| *of == name).map(|(_, operator)| *operator)
}

/// A number of elements, pixels or taps.
fn count(name: &'static str, value: i64) -> Result<u32> {
    u32::try_from(value)
        .map_err(|_| Error::attribute(name, format!("{name} is {value}; it must not be negative, nor beyond 2^32")))
}

/// Whether there is a function of this operator.
pub(super) fn is_known(domain: &str, op_type: &str) -> bool {
    operator(domain, op_type).is_some()
}

/// Why an operator is not supported.
pub(super) fn why_not(domain: &str, op_type: &str) -> String {
    match (domain, op_type) {
        ("", "If" | "Loop" | "Scan") => {
            "graphs within graphs are not run; export the model without control flow".into()
        }
        (
            "",
            "SequenceAt" | "SequenceConstruct" | "SequenceEmpty" | "SequenceInsert" | "SequenceErase"
            | "SequenceLength",
        )
        | ("", "SplitToSequence" | "ConcatFromSequence" | "SequenceMap") => "sequences are not supported".into(),
        ("", "Optional" | "OptionalGetElement" | "OptionalHasElement") => "optional values are not supported".into(),
        ("", _) => "operators of this type are not known".into(),
        (domain, _) => format!("operators of the domain {domain:?} are not known"),
    }
}
