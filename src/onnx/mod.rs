//! Models in ONNX files (feature `onnx`).
//!
//! A [`Model`] is a file that has been read and checked. A [`ModelPlan`] is a model bound to a device and to the shapes of its inputs: its
//! weights are uploaded and packed once, and each [`ModelPlan::forward`] records the whole model.
//! [`guide::onnx`](crate::guide::onnx) tells how to export one.
//!
//! ```no_run
//! # async fn example() -> pliant::Result<()> {
//! use pliant::onnx::{Model, ModelPlan};
//! use pliant::{Gpu, Recorder, Tensor};
//!
//! # let bytes: &[u8] = &[];
//! let model = Model::read(bytes)?;
//! let gpu = Gpu::new().await?;
//! let x = Tensor::upload(&gpu, [1, 3, 64, 64], &vec![0.5f32; 3 * 64 * 64])?;
//! let plan = ModelPlan::new(&gpu, &model, &[("x", x.spec())])?;
//!
//! let mut recorder = Recorder::new(&gpu);
//! let outputs = plan.forward(&mut recorder, &[("x", &x)])?;
//! recorder.submit()?;
//! for (name, tensor) in outputs {
//!     println!("{name}: {} elements", tensor.download::<f32>()?.await?.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! These operators are known, in opsets 7 to 28 of the default domain; nodes of any other are refused, all of them at once, by name and
//! type.
//!
//! | operator | restrictions |
//! | --- | --- |
//! | Conv, DeformConv | two dimensions; [`dialect::onnx`](crate::dialect::onnx) holds their attributes |
//! | Sigmoid, Tanh, Relu | |
//! | Clip | constant bounds; one that is absent is the largest number of the element type |
//! | Add, Mul | |
//! | Concat | |
//! | Split | constant sizes, none 0 |
//! | GlobalAveragePool | four axes |
//! | BatchNormalization | constant statistics, not in training mode |
//! | Constant, Identity | |
//!
//! Tensors have at most six axes and hold `f32`, `f16` or `bf16`; an output has the element type of its node's first input. Weights lie in
//! the file itself. What no output of the model needs is not looked at, whatever it is; but an input is to be given all the same, if it is a
//! tensor of these. A malformed file is an [`Error::Malformed`], one that is beyond this table an [`Error::Unsupported`].

mod constant;
mod plan;
mod proto;
mod read;
#[cfg(test)]
mod tests;

pub use plan::ModelPlan;

use std::collections::HashMap;
use std::fmt;

use constant::Constant;

use crate::dialect::onnx::{Conv, DeformConv};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Binary, Unary};

/// A model that has been read: operators and names are checked, shapes are not yet.
#[derive(Debug, Clone)]
pub struct Model {
    /// The first values, in this order.
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    /// The value of each output.
    output_values: Vec<usize>,
    nodes: Vec<Node>,
    constants: HashMap<usize, Constant>,
    /// The number of values: inputs, constants, and outputs of nodes.
    values: usize,
}

impl Model {
    /// Reads a model from the bytes of a `.onnx` file.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`]; where an attribute has a value that it cannot have, [`Error::Attribute`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        read::model(bytes)
    }

    /// The inputs of the model, in the file's order.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// The outputs of the model, in the file's order. The extents are those that the file declares, on which nothing depends:
    /// [`ModelPlan::outputs`] has those that are computed.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }
}

/// An input or output of a model, as the file declares it.
///
/// ```no_run
/// # fn example(model: &pliant::onnx::Model) {
/// for input in model.inputs() {
///     println!("{input}"); // x (?x3x64x64 of f32)
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// The name.
    pub name: String,
    /// How the elements are stored.
    pub dtype: DType,
    /// The extents, outermost first, `None` for one that the file leaves open; `None` where it leaves the rank open.
    pub extents: Option<Vec<Option<u32>>>,
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, dtype, extents } = self;
        let extents = match extents.as_deref() {
            None => "any shape".to_string(),
            Some([]) => "scalar".to_string(),
            Some(extents) => {
                let extents = extents.iter().map(|extent| extent.map_or("?".to_string(), |extent| extent.to_string()));
                extents.collect::<Vec<_>>().join("x")
            }
        };
        write!(f, "{name} ({extents} of {dtype})")
    }
}

#[derive(Debug, Clone)]
struct Node {
    /// Name and type of the node, for errors.
    place: String,
    operation: Operation,
    /// Values; `None` for an optional one that is absent.
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
}

/// Operation of a node. Inputs that must be constant are in it.
#[derive(Debug, Clone)]
enum Operation {
    /// A convolution, of X, W, B.
    Conv(Conv),
    /// A deformable convolution, of X, W, offset, B, mask.
    DeformConv(DeformConv),
    Unary(Unary),
    /// A function clip. A bound that is absent is the largest number of the element type, or its negative.
    Clip {
        min: Option<f32>,
        max: Option<f32>,
    },
    Binary(Binary),
    BatchNorm {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Concat {
        axis: i64,
    },
    /// A tensor cut into as many pieces as there are outputs.
    Split {
        axis: i64,
        sizes: Sizes,
    },
    GlobalAveragePool,
}

/// How long the pieces of a Split are.
#[derive(Debug, Clone)]
enum Sizes {
    Given(Vec<i64>),
    /// Pieces of one length.
    Equal,
    /// Pieces of one length but for the last, which may be smaller.
    LastSmaller,
}

fn malformed(message: impl Into<String>) -> Error {
    Error::Malformed(message.into())
}

/// The refusal of elements that no tensor holds.
fn no_element(type_name: &str) -> Error {
    Error::Unsupported(format!("{type_name} was given; tensors hold FLOAT, FLOAT16 or BFLOAT16"))
}

/// ONNX's name of an element type.
fn type_name(data_type: i32) -> String {
    let name = usize::try_from(data_type).ok().and_then(|number| proto::data_type::NAMES.get(number));
    name.map_or_else(|| format!("elements of type {data_type}"), ToString::to_string)
}

impl Error {
    /// Puts the place in the model in front of the message.
    fn at(mut self, place: &str) -> Self {
        match &mut self {
            Self::Shape { message, .. }
            | Self::Attribute { message, .. }
            | Self::DType { message, .. }
            | Self::Device { message, .. }
            | Self::Aliased { message, .. }
            | Self::Limit { message, .. }
            | Self::Unsupported(message)
            | Self::Malformed(message) => *message = format!("{place}: {message}"),
            Self::NoAdapter(_)
            | Self::NotSubmitted(_)
            | Self::DeviceLost(_)
            | Self::OutOfMemory(_)
            | Self::Validation(_) => {}
        }
        self
    }
}
