//! Conformance cases: files in the format `deform-conformance/1`, with the values that other systems computed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pliant::geometry::*;
use pliant::{DType, DeformConv2dPlan, Error, Shape, TensorSpec};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::compare::Expected;
use super::problem::{Array, Implementation, Problem, Storage};

type Failure = Box<dyn std::error::Error>;

/// Something to be run and judged.
pub(crate) struct Case {
    pub(crate) name: String,
    task: Task,
}

enum Task {
    /// A file with inputs and expected values.
    Compute(PathBuf),
    /// An entry of a `rejects.json`: shapes that must be refused.
    Refuse { op: DeformConv2d, shapes: DeformConv2dInputs<Shape> },
    /// What could not even be read.
    Broken(String),
}

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    /// Not applicable, and why.
    Skipped(String),
}

/// Every dialect that cases come from. All that tells them apart in the forward pass is in each case's attributes.
const DIALECTS: [&str; 14] = [
    "torchvision",
    "onnx",
    "openvino-1",
    "openvino-8",
    "mindspore",
    "mmcv",
    "detectron2",
    "paddle",
    "mxnet-dcnv1",
    "mxnet-dcnv2",
    "ncnn",
    "tvm",
    "burn",
    "torch",
];

/// All cases under a folder, or the one in a file, by name.
pub(crate) fn find(path: &Path) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    collect(path, &mut cases)?;
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn collect(path: &Path, cases: &mut Vec<Case>) -> Result<(), Failure> {
    let located = |error: std::io::Error| format!("{}: {error}", path.display());
    if std::fs::metadata(path).map_err(located)?.is_dir() {
        for entry in std::fs::read_dir(path).map_err(located)? {
            collect(&entry?.path(), cases)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "safetensors") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        cases.push(Case { name, task: Task::Compute(path.to_path_buf()) });
    } else if path.file_name().is_some_and(|name| name == "rejects.json") {
        let entries: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).map_err(located)?)?;
        for (index, entry) in entries.iter().enumerate() {
            let reason = entry["reason"].as_str().unwrap_or("no reason given");
            let task = reject(entry).unwrap_or_else(|failure| Task::Broken(failure.to_string()));
            cases.push(Case { name: format!("rejects[{index}]: {reason}"), task });
        }
    }
    Ok(())
}

impl Case {
    /// Has the case done and judges it.
    pub(crate) async fn judge(&self, implementation: Implementation<'_>) -> Verdict {
        match self.try_judge(implementation).await {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Failed(failure.to_string()),
        }
    }

    async fn try_judge(&self, implementation: Implementation<'_>) -> Result<Verdict, Failure> {
        let path = match &self.task {
            Task::Compute(path) => path,
            Task::Refuse { op, shapes } => return Ok(refuse(implementation, op, shapes)),
            Task::Broken(message) => return Err(message.clone().into()),
        };
        let bytes = std::fs::read(path)?;
        let file = File::read(&bytes)?;
        match file.attribute("format")? {
            "deform-conformance/1" => {}
            format => return Err(format!("the format {format} is not known").into()),
        }
        let dialect = file.attribute("dialect")?;
        if !DIALECTS.contains(&dialect) {
            return Err(format!("the dialect {dialect} is not known").into());
        }
        let problem = match file.attribute("op")? {
            "conv2d" => file.conv2d()?,
            "deform_conv2d" => file.deform_conv2d()?,
            op @ ("deform_conv2d_pack" | "deform_roi_pool" | "deformable_psroi_pooling") => {
                return Ok(Verdict::Skipped(format!("{op} is not built yet")));
            }
            op => return Err(format!("the op {op} is not known").into()),
        };
        let Some(mut expected) = file.expected("output")? else {
            return Ok(Verdict::Skipped("it has gradients only, and the backward pass is not built yet".to_string()));
        };
        if let Implementation::Device { storage, .. } = implementation
            && storage != Storage::F32
        {
            // Rounding an offset moves its sample, perhaps across a border: what was computed from the unrounded one is no measure.
            let reference = problem.stored(storage).reference()?;
            expected = Expected::of_reference(reference).stored(storage.data);
        }
        let output = problem.run(implementation).await?;
        Ok(match expected.compare(&output) {
            Ok(()) => Verdict::Passed,
            Err(miss) => Verdict::Failed(format!("output{miss}")),
        })
    }
}

fn refuse(implementation: Implementation, op: &DeformConv2d, shapes: &DeformConv2dInputs<Shape>) -> Verdict {
    let specs = shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 });
    let made = match implementation {
        Implementation::Reference => DeformConv2dGeometry::new(op, shapes).map(drop),
        Implementation::Device { gpu, strategy, .. } => {
            DeformConv2dPlan::with_strategy(gpu, op, &specs, strategy).map(drop)
        }
    };
    match made {
        Err(Error::Shape { .. } | Error::Attribute { .. }) => Verdict::Passed,
        Err(error) => Verdict::Failed(format!("it was refused, but for another reason: {error}")),
        Ok(()) => Verdict::Failed("it was not refused".to_string()),
    }
}

fn reject(entry: &serde_json::Value) -> Result<Task, Failure> {
    match &entry["op"] {
        op if op == "deform_conv2d" => {}
        op => return Err(format!("the op {op} is not known").into()),
    }
    let list = |key: &str| -> Result<Option<Vec<usize>>, Failure> {
        Ok(serde_json::from_value(entry[key].clone()).map_err(|error| format!("{key}: {error}"))?)
    };
    let shape = |key: &str| -> Result<Option<Shape>, Failure> {
        Ok(list(key)?.map(|extents| Shape::new(&extents)).transpose()?)
    };
    let need = |key: &str| -> Result<Shape, Failure> { shape(key)?.ok_or_else(|| format!("{key} is missing").into()) };
    let numbers = |key: &str| -> Result<Vec<u32>, Failure> { Ok(serde_json::from_value(entry[key].clone())?) };
    let [top, left, bottom, right] = exactly("pads", numbers("pads")?)?;
    Ok(Task::Refuse {
        op: DeformConv2d {
            stride: exactly("strides", numbers("strides")?)?,
            padding: [top, left, bottom, right],
            dilation: exactly("dilations", numbers("dilations")?)?,
            groups: serde_json::from_value(entry["groups"].clone())?,
            offset_groups: serde_json::from_value(entry["offset_groups"].clone())?,
            ..DeformConv2d::default()
        },
        shapes: DeformConv2dInputs {
            input: need("input")?,
            offset: need("offset")?,
            mask: shape("mask")?,
            weight: need("weight")?,
            bias: shape("bias")?,
        },
    })
}

fn exactly<const N: usize>(key: &str, numbers: Vec<u32>) -> Result<[u32; N], Failure> {
    numbers
        .try_into()
        .map_err(|numbers: Vec<u32>| format!("{key} has {} numbers; {N} are needed", numbers.len()).into())
}

/// A case's tensors and attributes.
struct File<'a> {
    tensors: SafeTensors<'a>,
    attributes: HashMap<String, String>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let attributes = header.metadata().clone().unwrap_or_default();
        Ok(Self { tensors: SafeTensors::deserialize(bytes)?, attributes })
    }

    fn attribute(&self, key: &str) -> Result<&str, Failure> {
        self.attributes.get(key).map(String::as_str).ok_or_else(|| format!("the attribute {key} is missing").into())
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T, Failure> {
        let text = self.attribute(key)?;
        text.parse().map_err(|_| format!("the attribute {key} is {text}, and no number").into())
    }

    fn numbers<const N: usize>(&self, key: &str) -> Result<[u32; N], Failure> {
        let text = self.attribute(key)?;
        let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        exactly(key, numbers.map_err(|_| format!("the attribute {key} is {text}, and no list of numbers"))?)
    }

    fn optional(&self, name: &str) -> Result<Option<(Shape, Vec<f64>)>, Failure> {
        if !self.tensors.names().contains(&name) {
            return Ok(None);
        }
        let view = self.tensors.tensor(name)?;
        Ok(Some((Shape::new(view.shape())?, elements(name, &view)?)))
    }

    fn array(&self, name: &str) -> Result<Option<Array>, Failure> {
        let tensor = self.optional(name)?;
        Ok(tensor
            .map(|(shape, elements)| Array { shape, elements: elements.iter().map(|&value| value as f32).collect() }))
    }

    fn need(&self, name: &str) -> Result<Array, Failure> {
        self.array(name)?.ok_or_else(|| format!("the tensor {name} is missing").into())
    }

    fn expected(&self, name: &str) -> Result<Option<Expected>, Failure> {
        let Some((_, values)) = self.optional(&format!("expect.{name}"))? else { return Ok(None) };
        let (absolute, relative) = (self.number(&format!("atol.{name}"))?, self.number(&format!("rtol.{name}"))?);
        Ok(Some(Expected::within(values, absolute, relative)))
    }

    fn conv2d(&self) -> Result<Problem, Failure> {
        let op = Conv2d {
            stride: self.numbers("strides")?,
            padding: self.numbers("pads")?,
            dilation: self.numbers("dilations")?,
            groups: self.number("groups")?,
        };
        let inputs =
            Conv2dInputs { input: self.need("input")?, weight: self.need("weight")?, bias: self.array("bias")? };
        Ok(Problem::Conv2d(op, inputs))
    }

    fn deform_conv2d(&self) -> Result<Problem, Failure> {
        let op = DeformConv2d {
            stride: self.numbers("strides")?,
            padding: self.numbers("pads")?,
            dilation: self.numbers("dilations")?,
            groups: self.number("groups")?,
            offset_groups: self.number("offset_groups")?,
            border: match self.attribute("border")? {
                "zeros" => Border::Zeros,
                "clamp_hi" => Border::ClampHi,
                "strict" => Border::Strict,
                border => return Err(format!("the border {border} is not known").into()),
            },
            offset_layout: match self.attribute("offset_layout")? {
                "yx_per_tap" => OffsetLayout::Separate,
                "mindspore_xym" => OffsetLayout::Planes,
                layout => return Err(format!("the offset layout {layout} is not known").into()),
            },
        };
        let inputs = DeformConv2dInputs {
            input: self.need("input")?,
            offset: self.need("offset")?,
            mask: self.array("mask")?,
            weight: self.need("weight")?,
            bias: self.array("bias")?,
        };
        Ok(Problem::DeformConv2d(op, inputs))
    }
}

fn elements(name: &str, view: &TensorView) -> Result<Vec<f64>, Failure> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F64 => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| half::f16::from_le_bytes(bytes).to_f64()).collect(),
        dtype => return Err(format!("the tensor {name} holds {dtype:?}; F64, F32 and F16 are known").into()),
    })
}

/// The folders that tests look for cases in: the project's own, and those that `PLIANT_CASES` names, separated as in PATH.
pub(crate) fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let more = std::env::var_os("PLIANT_CASES").unwrap_or_default();
    let more = std::env::split_paths(&more).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>();
    std::iter::once(own).chain(more).collect()
}

/// What became of many cases.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    failures: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {failure}")?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Judges every case in some folders.
pub(crate) async fn judge_all(folders: &[PathBuf], implementation: Implementation<'_>) -> Summary {
    let mut summary = Summary::default();
    for folder in folders {
        let cases = match find(folder) {
            Ok(cases) => cases,
            Err(failure) => {
                summary.failed += 1;
                summary.failures.push(failure.to_string());
                continue;
            }
        };
        for case in cases {
            match case.judge(implementation).await {
                Verdict::Passed => summary.passed += 1,
                Verdict::Skipped(_) => summary.skipped += 1,
                Verdict::Failed(why) => {
                    summary.failed += 1;
                    summary.failures.push(format!("{}: {why}", case.name));
                }
            }
        }
    }
    summary
}
