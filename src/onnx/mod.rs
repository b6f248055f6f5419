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
//! [`Model::operators`] lists a model's operators; [`guide::onnx`](crate::guide::onnx) has a table of all that are known. Nodes that cannot be planned
//! are refused, all of them at once, by name and reason.
//!
//! What depends on shapes alone is computed on the host when the plan is made, in 64 bits: a shape, an axis, a count or a size must come from
//! there. Tensors on the device have at most six axes and hold `f32`, `f16`, `bf16` or `i32`; `f64` is computed in `f32` there, booleans and
//! integers of all kinds in `i32`, and what does not fit is refused. What no output of the model needs is not looked at, whatever it is. A
//! malformed file is an [`Error::Malformed`], one that is beyond what is known here an [`Error::Unsupported`].

mod attributes;
mod binder;
mod element;
mod external;
mod fusion;
mod host;
mod memory;
mod missing;
mod ops;
#[cfg(feature = "image")]
mod picture;
mod plan;
mod planner;
mod profile;
mod proto;
mod read;
mod step;

pub use element::ElementType;
pub use fusion::{Fusion, Rule};
pub use host::HostTensor;
#[cfg(feature = "image")]
pub use picture::{Detection, PictureOptions, Preset, Show, Shown, label_colour};
pub use plan::{ModelInput, ModelOptions, ModelPlan};
pub use profile::NodeTime;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use prost::bytes::Bytes;

use attributes::Attributes;
use external::External;

use crate::error::{Error, Result};

/// A model that has been read: names are checked, operators and shapes are not yet.
#[derive(Debug, Clone)]
pub struct Model {
    /// The first values, in this order.
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    /// The value of each output.
    output_values: Vec<usize>,
    nodes: Vec<Node>,
    constants: HashMap<usize, HostTensor>,
    /// The number of values: inputs, constants, and outputs of nodes.
    values: usize,
}

impl Model {
    /// Reads a model from the bytes of a `.onnx` file that holds its weights itself.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Unsupported`] where the file is of another opset, has inputs or outputs that are no tensors, or its
    /// weights lie elsewhere.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        read::model(Bytes::copy_from_slice(bytes), &mut External::none())
    }

    /// Reads a model from the bytes of a `.onnx` file, and what it keeps in other files by `external`, which is given the path that the model
    /// states, relative to its own, and asked once for each.
    ///
    /// ```no_run
    /// # fn example(fetched: std::collections::HashMap<String, Vec<u8>>, bytes: Vec<u8>) -> pliant::Result<()> {
    /// let mut data = fetched;
    /// let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    /// let model = pliant::onnx::Model::read_with(bytes, |path| data.remove(path).ok_or_else(missing))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`Model::read`]; [`Error::Malformed`] where `external` fails or gives too few bytes.
    pub fn read_with(
        bytes: impl Into<Vec<u8>>,
        external: impl FnMut(&str) -> std::io::Result<Vec<u8>>,
    ) -> Result<Self> {
        read::model(Bytes::from(bytes.into()), &mut External::new(external))
    }

    /// Reads a model from a file, and what it keeps in other files from those beside it.
    ///
    /// # Errors
    /// As for [`Model::read_with`]; [`Error::Malformed`] where the file itself cannot be read. Each names the file.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        let path = path.as_ref();
        let folder = path.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        let bytes = std::fs::read(path).map_err(|error| malformed(format!("it cannot be read: {error}")));
        let model = bytes.and_then(|bytes| {
            Self::read_with(bytes, |name| {
                let path = folder.join(name);
                // What is no regular file may have no end.
                match std::fs::metadata(&path)?.is_file() {
                    true => std::fs::read(path),
                    false => Err(std::io::Error::other("it is no regular file")),
                }
            })
        });
        model.map_err(|error| error.at(&path.display().to_string()))
    }

    /// The operators of the nodes that outputs need, in alphabetical order.
    pub fn operators(&self) -> Vec<OperatorCount> {
        let mut counts = BTreeMap::<_, usize>::new();
        for node in &self.nodes {
            *counts.entry((node.domain.clone(), node.op_type.clone())).or_default() += 1;
        }
        let count = |((domain, name), count): ((String, String), usize)| {
            let refusal = ops::operator(&domain, &name).is_none().then(|| ops::why_not(&domain, &name));
            OperatorCount { domain, name, count, refusal }
        };
        counts.into_iter().map(count).collect()
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

/// How many nodes of a model are of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatorCount {
    /// The domain; empty for ONNX's own.
    pub domain: String,
    /// The operator's name.
    pub name: String,
    /// The number of nodes.
    pub count: usize,
    /// Why no node of it can be planned, where that is known by its name.
    pub refusal: Option<String>,
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
    /// The element type.
    pub element: ElementType,
    /// The extents, outermost first, `None` for one that the file leaves open; `None` where it leaves the rank open.
    pub extents: Option<Vec<Option<u32>>>,
    /// The names of extents, empty where there is none. A name stands for one extent throughout.
    pub symbols: Vec<String>,
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, element, extents, .. } = self;
        let extents = match extents.as_deref() {
            None => "any shape".to_string(),
            Some([]) => "scalar".to_string(),
            Some(extents) => {
                let extents = extents.iter().map(|extent| extent.map_or("?".to_string(), |extent| extent.to_string()));
                extents.collect::<Vec<_>>().join("x")
            }
        };
        write!(f, "{name} ({extents} of {element})")
    }
}

/// A node that some output needs.
#[derive(Debug, Clone)]
struct Node {
    /// Name and type of the node, for errors.
    place: String,
    /// Empty for ONNX's own.
    domain: String,
    op_type: String,
    opset: i64,
    attributes: Attributes,
    /// Values; `None` for an optional one that is absent.
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
}

fn malformed(message: impl Into<String>) -> Error {
    Error::Malformed(message.into())
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
