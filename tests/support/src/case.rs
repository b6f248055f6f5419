//! Conformance cases: files in the format `deform-conformance/1`, with the values that other systems computed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pliant::dialect::AutoPad;
use pliant::geometry::*;
use pliant::nn;
use pliant::reference::Reference;
use pliant::*;
use pliant::{DType, DeformConv2dPlan, Error, Shape, Strategy, TensorSpec};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::Failure;
use crate::compare::Expected;
use crate::dialects::{self, Attributes, GridAttributes, Through};
use crate::problem::{Array, Implementation, Problem, Storage, Ways};

/// Something to be run and judged.
pub struct Case {
    pub name: String,
    /// Whose expected values they are.
    pub source: String,
    task: Task,
}

enum Task {
    /// Bytes of a file with inputs and expected values.
    Compute(Vec<u8>),
    /// An entry of a `rejects.json`: shapes that must be refused.
    Refuse(Box<Reject>),
    /// A case that could not even be read.
    Broken(String),
}

struct Reject {
    op: DeformConv2d,
    shapes: DeformConv2dInputs<Shape>,
    attributes: Attributes,
    /// The systems that refuse it.
    rejected_by: Vec<String>,
}

/// Verdict on a case.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed(String),
    /// The strategy does not do it, and why.
    NotApplicable(String),
    /// Nothing does it yet, and why.
    Skipped(String),
}

/// All cases under a folder, or the one in a file, by name.
pub fn find(path: &Path) -> Result<Vec<Case>, Failure> {
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
    } else if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| holds_cases(name)) {
        cases.extend(read(name, std::fs::read(path).map_err(located)?)?);
    }
    Ok(())
}

/// The name of a file with many cases.
const REJECTS: &str = "rejects.json";
/// The ending of the names of files with one case.
const ENDING: &str = ".safetensors";

fn holds_cases(name: &str) -> bool {
    name.ends_with(ENDING) || name == REJECTS
}

/// The cases in a file of such a name.
pub fn read(name: &str, file: Vec<u8>) -> Result<Vec<Case>, Failure> {
    if name != REJECTS {
        let name = name.strip_suffix(ENDING).unwrap_or(name).to_string();
        let source = source(&file).unwrap_or_else(|| "unknown".to_string());
        return Ok(vec![Case { name, source, task: Task::Compute(file) }]);
    }
    let entries: Vec<serde_json::Value> = serde_json::from_slice(&file)?;
    let cases = entries.iter().enumerate().map(|(index, entry)| {
        let reason = entry["reason"].as_str().unwrap_or("no reason given");
        let task = reject(entry).unwrap_or_else(|failure| Task::Broken(failure.to_string()));
        Case { name: format!("rejects[{index}]: {reason}"), source: "rejects".to_string(), task }
    });
    Ok(cases.collect())
}

fn source(file: &[u8]) -> Option<String> {
    let (_, metadata) = SafeTensors::read_metadata(file).ok()?;
    metadata.metadata().as_ref()?.get("source").cloned()
}

impl Case {
    /// Has the case done and judges it.
    pub async fn judge(&self, implementation: Implementation<'_>) -> Verdict {
        match self.try_judge(implementation).await {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Failed(failure.to_string()),
        }
    }

    async fn try_judge(&self, implementation: Implementation<'_>) -> Result<Verdict, Failure> {
        let bytes = match &self.task {
            Task::Compute(bytes) => bytes,
            Task::Refuse(reject) => return Ok(refuse(implementation, reject)),
            Task::Broken(message) => return Err(message.clone().into()),
        };
        let file = File::read(bytes)?;
        match file.attribute("format")? {
            "deform-conformance/1" => {}
            format => return Err(format!("the format {format} is not known").into()),
        }
        let problem = match file.attribute("op")? {
            "conv2d" => file.conv2d()?,
            "deform_conv2d" => file.deform_conv2d()?,
            op @ ("roi_align" | "ps_roi_align") => file.roi_align(op)?,
            "deform_conv2d_pack" => file.deform_conv2d_pack()?,
            "deform_roi_pool" => file.deform_roi_pool()?,
            "deformable_psroi_pooling" => file.deform_ps_roi_pool()?,
            "grid_sample" => file.grid_sample()?,
            "multi_scale_deform_attn" => file.multi_scale_deform_attn()?,
            "dcnv3" => file.dcnv3()?,
            "dcnv4" => file.dcnv4()?,
            op => return Err(format!("the op {op} is not known").into()),
        };
        // Systems differ where positions are not finite: there, and so beside them, it is the reference that is expected.
        let unmeasured = file.has_feature("nonfinite");
        if !unmeasured && !file.tensors.names().iter().any(|name| name.starts_with("expect.")) {
            return Err("nothing is expected".into());
        }
        // Gradients are the same by any strategy.
        let forced = matches!(implementation, Implementation::Device { strategy: Some(strategy), .. } if strategy != Strategy::Im2col);
        if !forced {
            for (problem, suffix) in file.differentiated(&problem) {
                if let Some(miss) = file.judge_gradients(&problem, suffix, implementation).await? {
                    return Ok(Verdict::Failed(miss));
                }
            }
        }
        let stated = match file.expected("output")? {
            None if unmeasured => Some(Expected::of_reference(problem.reference()?)),
            stated => stated,
        };
        let Some(mut expected) = stated else {
            let why = "only gradients are expected".to_string();
            return Ok(if forced { Verdict::NotApplicable(why) } else { Verdict::Passed });
        };
        if let Implementation::Device { storage, .. } = implementation
            && storage != Storage::F32
        {
            // Rounding an offset moves its sample, perhaps across a border: what was computed from the unrounded one is no measure.
            let reference = problem.stored(storage).reference()?;
            expected = match problem.expected(reference, implementation) {
                Ok(expected) => expected.stored(storage.data),
                Err(error) => {
                    let why = implementation.not_applicable(&error).map(str::to_string).ok_or(error)?;
                    return Ok(Verdict::NotApplicable(why));
                }
            };
        }
        let output = match problem.run(implementation).await {
            Ok(output) => output,
            Err(error) => {
                let why = implementation.not_applicable(&error).map(str::to_string).ok_or(error)?;
                return Ok(Verdict::NotApplicable(why));
            }
        };
        Ok(match expected.compare(&output) {
            Ok(()) => Verdict::Passed,
            Err(miss) => Verdict::Failed(format!("output{miss}")),
        })
    }
}

/// Whether the problem is refused, by the op itself and by the dialect of every system that refuses it.
fn refuse(implementation: Implementation, reject: &Reject) -> Verdict {
    let Reject { op, shapes, attributes, rejected_by } = reject;
    let specs = shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 });
    let made = match implementation {
        Implementation::Reference => DeformConv2dGeometry::new(op, shapes).map(drop),
        Implementation::Device { gpu, strategy, .. } => {
            DeformConv2dPlan::with_strategy(gpu, op, &specs, strategy).map(drop)
        }
    };
    let own = std::iter::once(("the op", Through::from(made.map(|()| *op))));
    let dialects = rejected_by.iter().map(|system| (system.as_str(), attributes.deform_conv2d(system, shapes)));
    for (who, through) in own.chain(dialects) {
        match through {
            Through::Refused(Error::Shape { .. } | Error::Attribute { .. }) | Through::NoDialect => {}
            Through::Refused(error) => {
                return Verdict::Failed(format!("{who} refused it, but for another reason: {error}"));
            }
            Through::Op(_) => return Verdict::Failed(format!("{who} did not refuse it")),
            Through::UnknownSystem => return Verdict::Failed(format!("the system {who} is not known")),
        }
    }
    Verdict::Passed
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
    let attributes = Attributes {
        strides: exactly("strides", numbers("strides")?)?,
        pads: exactly("pads", numbers("pads")?)?,
        dilations: exactly("dilations", numbers("dilations")?)?,
        groups: serde_json::from_value(entry["groups"].clone())?,
        offset_groups: serde_json::from_value(entry["offset_groups"].clone())?,
        auto_pad: AutoPad::Explicit,
        bilinear_interpolation_pad: false,
    };
    let shapes = DeformConv2dInputs {
        input: need("input")?,
        offset: need("offset")?,
        mask: shape("mask")?,
        weight: need("weight")?,
        bias: shape("bias")?,
    };
    let op = DeformConv2d {
        stride: attributes.strides,
        padding: attributes.pads,
        dilation: attributes.dilations,
        groups: attributes.groups,
        offset_groups: attributes.offset_groups,
        ..DeformConv2d::default()
    };
    let rejected_by = match &entry["rejected_by"] {
        serde_json::Value::Null => Vec::new(),
        systems => serde_json::from_value(systems.clone())?,
    };
    Ok(Task::Refuse(Box::new(Reject { op, shapes, attributes, rejected_by })))
}

fn exactly<const N: usize>(key: &str, numbers: Vec<u32>) -> Result<[u32; N], Failure> {
    numbers
        .try_into()
        .map_err(|numbers: Vec<u32>| format!("{key} has {} numbers; {N} are needed", numbers.len()).into())
}

/// Suffix of the name of a gradient that is the derivative, where its system computes something else.
const EXACT: &str = "_exact";

/// A case's tensors and attributes.
struct File<'a> {
    tensors: SafeTensors<'a>,
    attributes: HashMap<String, String>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let attributes = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self { tensors: SafeTensors::deserialize(bytes)?, attributes })
    }

    fn attribute(&self, key: &str) -> Result<&str, Failure> {
        self.attributes.get(key).map(String::as_str).ok_or_else(|| format!("the attribute {key} is missing").into())
    }

    /// Whether a tag is one of the case's.
    fn has_feature(&self, tag: &str) -> bool {
        self.attributes.get("features").is_some_and(|features| features.split(',').any(|feature| feature == tag))
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

    /// The problems whose gradients are expected, and what the names of these end with.
    fn differentiated(&self, problem: &Problem) -> Vec<(Problem, &'static str)> {
        let mut all = vec![(problem.clone(), "")];
        if let Problem::DeformRoiPool(op, inputs) = problem {
            let op = DeformRoiPool { offset_gradient: OffsetGradient::Exact, ..*op };
            all.push((Problem::DeformRoiPool(op, inputs.clone()), EXACT));
        }
        all
    }

    /// The first expected gradient that is missed, if one is, of those whose names end with `suffix`.
    async fn judge_gradients(
        &self,
        problem: &Problem,
        suffix: &str,
        implementation: Implementation<'_>,
    ) -> Result<Option<String>, Failure> {
        let names = self.tensors.names().into_iter().filter_map(|name| name.strip_prefix("expect."));
        let names = names.filter(|name| name.starts_with("grad_") && name.ends_with(EXACT) != suffix.is_empty());
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            return Ok(None);
        }
        let Some(grad_output) = self.array("grad_output")? else { return Ok(None) };
        let storage = implementation.storage();
        let (stored, stored_grad) = (problem.stored(storage), grad_output.stored(storage.data));
        let references = stored.gradients(&stored_grad)?;
        let actual: Vec<_> = match implementation {
            Implementation::Reference => {
                let value = |reference: &Reference| reference.value.iter().map(|&value| value as f32).collect();
                references.iter().map(|(_, reference)| (DType::F32, value(reference))).collect()
            }
            Implementation::Device { gpu, strategy, .. } => {
                let gradients = problem.backward_on(gpu, strategy, storage, &grad_output, Ways::One).await?;
                gradients.into_iter().map(|gradient| (gradient.dtype, gradient.value)).collect()
            }
        };
        for name in names {
            let of = name.strip_suffix(suffix).unwrap_or(name).replace("offset_conv.", "offset_");
            let of = of.replace("sampling_locations", "locations").replace("attention_weights", "weights");
            let found = references.iter().zip(&actual).find(|((other, _), _)| *other == of);
            let Some(((_, reference), (dtype, values))) = found else {
                return Ok(Some(format!("{name} is expected, and there is none")));
            };
            let expected = match self.expected(name)? {
                Some(expected) if storage == Storage::F32 => expected,
                // See the output.
                _ => Expected::of_reference(reference.clone()).stored(*dtype),
            };
            if let Err(miss) = expected.compare(values) {
                return Ok(Some(format!("{name}{miss}")));
            }
        }
        Ok(None)
    }

    /// The attributes that are stated of the convolution.
    fn stated(&self) -> Result<Attributes, Failure> {
        let attribute = |key: &str| self.attributes.get(key).map(String::as_str);
        Ok(Attributes {
            strides: self.numbers("strides")?,
            pads: self.numbers("pads")?,
            dilations: self.numbers("dilations")?,
            groups: self.number("groups")?,
            offset_groups: attribute("offset_groups").map_or(Ok(1), |_| self.number("offset_groups"))?,
            auto_pad: self.attribute("auto_pad")?.parse()?,
            bilinear_interpolation_pad: attribute("bilinear_interpolation_pad") == Some("true"),
        })
    }

    fn conv2d(&self) -> Result<Problem, Failure> {
        let stated = self.stated()?;
        let expected =
            Conv2d { stride: stated.strides, padding: stated.pads, dilation: stated.dilations, groups: stated.groups };
        let inputs =
            Conv2dInputs { input: self.need("input")?, weight: self.need("weight")?, bias: self.array("bias")? };
        let through = stated.conv2d(self.attribute("dialect")?, &inputs.map(|array| array.shape));
        Ok(Problem::Conv2d(self.entered(through, expected)?, inputs))
    }

    /// A layer of mmcv's: its convolution comes by the dialect of mmcv, as if the offsets had been given.
    fn deform_conv2d_pack(&self) -> Result<Problem, Failure> {
        let stated = self.stated()?;
        let mask = match self.attribute("pack")? {
            pack if pack.starts_with("v1") => nn::Mask::None,
            pack if pack.starts_with("v2") => nn::Mask::Sigmoid,
            pack => return Err(format!("the pack {pack} is not known").into()),
        };
        let parameters = nn::DeformConv2dParameters {
            weight: self.need("weight")?,
            offset_weight: self.need("offset_conv.weight")?,
            bias: self.array("bias")?,
            offset_bias: self.array("offset_conv.bias")?,
            mask_weight: None,
            mask_bias: None,
        };
        let expected = DeformConv2d {
            stride: stated.strides,
            padding: stated.pads,
            dilation: stated.dilations,
            groups: stated.groups,
            offset_groups: stated.offset_groups,
            border: self.border()?,
            edge_derivative: self.edge_derivative()?.unwrap_or_default(),
            offset_layout: OffsetLayout::Separate,
        };
        let inputs = nn::DeformConv2dLayerInputs::new(self.need("input")?, parameters);
        let given = self.given_offsets(&expected, &inputs, mask)?;
        let through = stated.deform_conv2d(self.attribute("dialect")?, &given);
        let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, .. } =
            self.entered(through, expected)?;
        let layer = nn::DeformConv2dLayer {
            stride,
            padding,
            dilation,
            groups,
            offset_groups,
            border,
            edge_derivative,
            mask,
            offset_limit: None,
        };
        Ok(Problem::Layer(layer, inputs))
    }

    /// The shapes of a layer's convolution.
    fn given_offsets(
        &self,
        op: &DeformConv2d,
        inputs: &nn::DeformConv2dLayerInputs<Array>,
        mask: nn::Mask,
    ) -> Result<DeformConv2dInputs<Shape>, Failure> {
        let DeformConv2d { stride, padding, dilation, .. } = *op;
        let (input, weight) = (inputs.input.shape, inputs.parameters.weight.shape);
        let [_, _, kernel @ ..] = <[u32; 4]>::try_from(weight.extents())?;
        let windows = Im2colGeometry::new(&Im2col { kernel, stride, padding, dilation }, input)?;
        let [height, width] = windows.out_extents();
        let points = op.offset_groups * windows.taps();
        let planes = |channels| [input.extents()[0], channels, height, width].into();
        let mask = (mask != nn::Mask::None).then(|| planes(points));
        let bias = inputs.parameters.bias.as_ref().map(|bias| bias.shape);
        Ok(DeformConv2dInputs { input, offset: planes(2 * points), mask, weight, bias })
    }

    fn border(&self) -> Result<Border, Failure> {
        Ok(match self.attribute("border")? {
            "zeros" => Border::Zeros,
            "clamp_hi" => Border::ClampHi,
            "strict" => Border::Strict,
            border => return Err(format!("the border {border} is not known").into()),
        })
    }

    fn edge_derivative(&self) -> Result<Option<EdgeDerivative>, Failure> {
        match self.attributes.get("grad_edge").map(String::as_str) {
            None => Ok(None),
            Some("one_sided") => Ok(Some(EdgeDerivative::OneSided)),
            Some("zero") => Ok(Some(EdgeDerivative::Zero)),
            Some(edge) => Err(format!("the edge derivative {edge} is not known").into()),
        }
    }

    fn deform_conv2d(&self) -> Result<Problem, Failure> {
        let stated = self.stated()?;
        let inputs = DeformConv2dInputs {
            input: self.need("input")?,
            offset: self.need("offset")?,
            mask: self.array("mask")?,
            weight: self.need("weight")?,
            bias: self.array("bias")?,
        };
        let through = stated.deform_conv2d(self.attribute("dialect")?, &inputs.map(|array| array.shape));
        let edge_derivative = match (self.edge_derivative()?, &through) {
            (Some(edge), _) => edge,
            (None, Through::Op(op)) => op.edge_derivative,
            (None, _) => EdgeDerivative::default(),
        };
        let expected = DeformConv2d {
            stride: stated.strides,
            padding: stated.pads,
            dilation: stated.dilations,
            groups: stated.groups,
            offset_groups: stated.offset_groups,
            border: self.border()?,
            edge_derivative,
            offset_layout: match self.attribute("offset_layout")? {
                "yx_per_tap" => OffsetLayout::Separate,
                "mindspore_xym" => OffsetLayout::Planes,
                layout => return Err(format!("the offset layout {layout} is not known").into()),
            },
        };
        Ok(Problem::DeformConv2d(self.entered(through, expected)?, inputs))
    }

    fn roi_align(&self, op: &str) -> Result<Problem, Failure> {
        let sampling_ratio: i64 = self.number("sampling_ratio")?;
        let position_sensitive = op == "ps_roi_align";
        let stated = RoiAlign {
            pooled: [self.number("pooled_height")?, self.number("pooled_width")?],
            spatial_scale: self.number("spatial_scale")?,
            sampling_ratio: sampling_ratio.max(0) as u32,
            aligned: position_sensitive || self.number("aligned")?,
            channels: if position_sensitive { RoiChannels::PositionSensitive } else { RoiChannels::Each },
        };
        let inputs = RoiAlignInputs { input: self.need("input")?, rois: self.need("rois")? };
        let (dialect, shapes) = (self.attribute("dialect")?, inputs.map(|array| array.shape));
        let through = dialects::roi_align(dialect, &stated, sampling_ratio, &shapes);
        Ok(Problem::RoiAlign(self.entered(through, stated)?, inputs))
    }

    fn deform_roi_pool(&self) -> Result<Problem, Failure> {
        let stated = DeformRoiPool {
            pooled: [self.number("pooled_height")?, self.number("pooled_width")?],
            spatial_scale: self.number("spatial_scale")?,
            sampling_ratio: self.number("sampling_ratio")?,
            gamma: self.number("gamma")?,
            offset_gradient: OffsetGradient::Mmcv,
        };
        let (input, rois, offset) = (self.need("input")?, self.need("rois")?, self.array("offset")?);
        let inputs = DeformRoiPoolInputs { input, rois, offset };
        let through = dialects::deform_roi_pool(self.attribute("dialect")?, &stated, &inputs.map(|array| array.shape));
        Ok(Problem::DeformRoiPool(self.entered(through, stated)?, inputs))
    }

    fn deform_ps_roi_pool(&self) -> Result<Problem, Failure> {
        let (input, rois, offset) = (self.need("input")?, self.need("rois")?, self.array("offset")?);
        let part_size = self.number("part_size")?;
        let group_size = self.number("group_size")?;
        let rows = offset.as_ref().map(|offset| offset.shape.extents()[2]);
        let stated = DeformPsRoiPool {
            output_dim: self.number("output_dim")?,
            spatial_scale: self.number("spatial_scale")?,
            group_size,
            pooled_size: group_size,
            part_size: rows.unwrap_or(part_size),
            spatial_bins: [self.number("spatial_bins_y")?, self.number("spatial_bins_x")?],
            trans_std: self.number("trans_std")?,
        };
        let inputs = DeformPsRoiPoolInputs { input, rois, offset };
        let (dialect, shapes) = (self.attribute("dialect")?, inputs.map(|array| array.shape));
        let through = dialects::deform_ps_roi_pool(dialect, &stated, part_size.into(), &shapes);
        Ok(Problem::DeformPsRoiPool(self.entered(through, stated)?, inputs))
    }

    fn grid_sample(&self) -> Result<Problem, Failure> {
        let dialect = self.attribute("dialect")?;
        let (mode, padding) = (self.attribute("mode")?, self.attribute("padding_mode")?);
        let align_corners = match self.attribute("align_corners")? {
            "0" => false,
            "1" => true,
            other => return Err(format!("align_corners is {other}; 0 and 1 are known").into()),
        };
        let stated = GridSample {
            mode: match mode {
                "bilinear" => SampleMode::Bilinear,
                "nearest" => SampleMode::Nearest,
                "bicubic" => SampleMode::Bicubic,
                _ => return Err(format!("the mode {mode} is not known").into()),
            },
            padding: match padding {
                "zeros" => PaddingMode::Zeros,
                "border" => PaddingMode::Border,
                "reflection" => PaddingMode::Reflection,
                _ => return Err(format!("the padding mode {padding} is not known").into()),
            },
            align_corners,
            nearest_order: if dialect == "onnx" { NearestOrder::RoundFirst } else { NearestOrder::PadFirst },
        };
        let inputs = GridSampleInputs { input: self.need("input")?, grid: self.need("grid")? };
        let attributes = GridAttributes {
            mode: self.attribute("onnx_mode").unwrap_or(mode),
            padding_mode: padding,
            align_corners,
            opset: self.attributes.get("onnx_opset").map(|_| self.number("onnx_opset")).transpose()?,
        };
        let through = dialects::grid_sample(dialect, &attributes, &inputs.map(|array| array.shape));
        Ok(Problem::GridSample(self.entered(through, stated)?, inputs))
    }

    fn multi_scale_deform_attn(&self) -> Result<Problem, Failure> {
        let (shapes, points) = (self.attribute("spatial_shapes")?, self.attribute("points_per_level")?);
        let levels = shapes.split(',').zip(points.split(',')).map(|(shape, points)| {
            let (height, width) = shape.split_once('x').ok_or("a level needs height x width")?;
            Ok(AttentionLevel { height: height.parse()?, width: width.parse()?, points: points.parse()? })
        });
        let stated = MultiScaleDeformAttn {
            levels: levels.collect::<Result<_, Failure>>()?,
            sampling: match self.attribute("method")? {
                "bilinear" => AttentionSampling::Bilinear,
                "nearest" => AttentionSampling::Discrete,
                method => return Err(format!("the method {method} is not known").into()),
            },
            edge_derivative: self.edge_derivative()?.unwrap_or_default(),
        };
        let inputs = MultiScaleDeformAttnInputs {
            value: self.need("value")?,
            locations: self.need("sampling_locations")?,
            weights: self.need("attention_weights")?,
            padding_mask: None,
        };
        let (dialect, shapes) = (self.attribute("dialect")?, inputs.map(|array| array.shape));
        let through = dialects::multi_scale_deform_attn(dialect, &stated, &shapes);
        Ok(Problem::MultiScaleDeformAttn(self.entered(through, stated)?, inputs))
    }

    fn window(&self) -> Result<DeformConvV3, Failure> {
        let [rows, columns] = self.numbers("pads")?;
        Ok(DeformConvV3 {
            kernel: self.numbers("kernel")?,
            stride: self.numbers("strides")?,
            padding: [rows, columns, rows, columns],
            dilation: self.numbers("dilations")?,
            groups: self.number("group")?,
            offset_scale: self.number("offset_scale")?,
            remove_center: self.number::<u32>("remove_center")? != 0,
            edge_derivative: self.edge_derivative()?.unwrap_or(EdgeDerivative::Zero),
        })
    }

    fn dcnv3(&self) -> Result<Problem, Failure> {
        let stated = self.window()?;
        let (input, offset, mask) = (self.need("input")?, self.need("offset")?, self.need("mask")?);
        let inputs = DeformConvV3Inputs { input, offset, mask };
        let through = dialects::deform_conv_v3(self.attribute("dialect")?, &stated, &inputs.map(|array| array.shape));
        Ok(Problem::DeformConvV3(self.entered(through, stated)?, inputs))
    }

    fn dcnv4(&self) -> Result<Problem, Failure> {
        let stated = DeformConvV4 { window: self.window()? };
        let inputs = DeformConvV4Inputs { input: self.need("input")?, offset_mask: self.need("offset_mask")? };
        let through = dialects::deform_conv_v4(self.attribute("dialect")?, &stated, &inputs.map(|array| array.shape));
        Ok(Problem::DeformConvV4(self.entered(through, stated)?, inputs))
    }

    /// The op that the dialect gave, which must be the one stated; or that one, where there is no dialect.
    fn entered<T: PartialEq + std::fmt::Debug>(&self, through: Through<T>, stated: T) -> Result<T, Failure> {
        let dialect = self.attribute("dialect")?;
        match through {
            Through::Op(op) if op == stated => Ok(op),
            Through::Op(op) => Err(format!("the dialect {dialect} makes {op:?} of it; it states {stated:?}").into()),
            Through::Refused(error) => Err(format!("the dialect {dialect} refuses it: {error}").into()),
            Through::NoDialect => Ok(stated),
            Through::UnknownSystem => Err(format!("the dialect {dialect} is not known").into()),
        }
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
pub fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens");
    let more = std::env::var_os("PLIANT_CASES").unwrap_or_default();
    let more = std::env::split_paths(&more).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>();
    std::iter::once(own).chain(more).collect()
}

/// Verdicts on many cases.
#[derive(Default)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    pub not_applicable: usize,
    pub skipped: usize,
    failures: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {failure}")?;
        }
        let Self { passed, failed, not_applicable, skipped, .. } = self;
        write!(f, "{passed} passed, {failed} failed, {not_applicable} not applicable, {skipped} skipped")
    }
}

/// Judges every case in some folders.
pub async fn judge_all(folders: &[PathBuf], implementation: Implementation<'_>) -> Summary {
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
                Verdict::NotApplicable(_) => summary.not_applicable += 1,
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
