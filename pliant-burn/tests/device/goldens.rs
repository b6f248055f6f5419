//! Values and gradients that other systems computed.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::FloatDType;
use pliant::nn::{DeformConv2dLayer, Mask};
use pliant::{
    AttentionLevel, AttentionSampling, Border, DeformConv2d, EdgeDerivative, GridSample, MultiScaleDeformAttn,
    OffsetLayout, PaddingMode, RoiAlign, RoiChannels, SampleMode, Shape,
};
use pliant_support::compare::Expected;
use pliant_support::problem::Array;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::OURS;
use crate::case::{Case, Operation};

/// All files whose op has a function or a module here.
pub fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "safetensors"));
    files.filter_map(|file| read(&std::fs::read(file).unwrap())).collect()
}

fn read(file: &[u8]) -> Option<Case> {
    let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    let tensors = SafeTensors::deserialize(file).unwrap();
    let operation = operation(metadata, &tensors)?;
    // A file of f16 was rounded on the way; its tolerances are for that.
    if metadata["dtype"] == "f16" {
        return None;
    }
    let (mut inputs, mut expected) = (HashMap::new(), Vec::new());
    for (name, view) in tensors.tensors() {
        let (shape, elements) = (Shape::new(view.shape()).unwrap(), floats(&view));
        match name.strip_prefix("expect.") {
            None => {
                let elements = elements.into_iter().map(|element| element as f32).collect();
                inputs.insert(renamed(&name).to_string(), Array { shape, elements });
            }
            Some(result) => {
                let within = |kind: &str| metadata.get(&format!("{kind}.{result}")).map_or(1e-5, |text| parsed(text));
                let name = match result.strip_prefix("grad_") {
                    Some(input) => format!("grad_{}", renamed(input)),
                    None => result.to_string(),
                };
                expected.push((name, Expected::within(elements, within("atol"), within("rtol"))));
            }
        }
    }
    Some(Case { name: metadata["name"].clone(), operation, inputs, expected })
}

/// Our name of a tensor.
fn renamed(name: &str) -> &str {
    match name {
        "sampling_locations" => "locations",
        "attention_weights" => "weights",
        "offset_conv.weight" => "offset_weight",
        "offset_conv.bias" => "offset_bias",
        _ => name,
    }
}

fn floats(view: &TensorView) -> Vec<f64> {
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => data.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect(),
        Dtype::F32 => data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()).into()).collect(),
        other => panic!("a golden holds {other:?}"),
    }
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn list<const N: usize>(text: &str) -> [u32; N] {
    text.split(',').map(parsed).collect::<Vec<u32>>().try_into().unwrap()
}

fn operation(metadata: &HashMap<String, String>, tensors: &SafeTensors) -> Option<Operation> {
    let value = |name: &str| metadata[name].as_str();
    let edge_derivative = match metadata.get("grad_edge").map(String::as_str) {
        Some("zero") => EdgeDerivative::Zero,
        _ => EdgeDerivative::OneSided,
    };
    Some(match value("op") {
        "deform_conv2d" | "deform_conv2d_pack" if value("auto_pad") == "explicit" => {
            let op = DeformConv2d {
                stride: list(value("strides")),
                padding: list(value("pads")),
                dilation: list(value("dilations")),
                groups: parsed(value("groups")),
                offset_groups: parsed(value("offset_groups")),
                border: match value("border") {
                    "zeros" => Border::Zeros,
                    "strict" => Border::Strict,
                    _ => Border::ClampHi,
                },
                edge_derivative,
                offset_layout: match value("offset_layout") {
                    "yx_per_tap" => OffsetLayout::Separate,
                    _ => return None,
                },
            };
            if value("op") == "deform_conv2d" {
                return Some(Operation::DeformConv2d(op));
            }
            let planes = tensors.tensor("offset_conv.weight").unwrap().shape()[0];
            let taps: usize = tensors.tensor("weight").unwrap().shape()[2..].iter().product();
            let masks = planes == 3 * taps * op.offset_groups as usize;
            let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, .. } = op;
            Operation::DeformConv2dLayer(DeformConv2dLayer {
                stride,
                padding,
                dilation,
                groups,
                offset_groups,
                border,
                edge_derivative,
                mask: if masks { Mask::Sigmoid } else { Mask::None },
                offset_limit: None,
            })
        }
        "grid_sample" if value("dialect") == "torch" => Operation::GridSample(GridSample {
            mode: match value("mode") {
                "bilinear" => SampleMode::Bilinear,
                "nearest" => SampleMode::Nearest,
                _ => SampleMode::Bicubic,
            },
            padding: match value("padding_mode") {
                "zeros" => PaddingMode::Zeros,
                "border" => PaddingMode::Border,
                _ => PaddingMode::Reflection,
            },
            align_corners: value("align_corners") == "1",
            ..GridSample::default()
        }),
        "roi_align" | "ps_roi_align" => Operation::RoiAlign(RoiAlign {
            pooled: ["pooled_height", "pooled_width"].map(|name| parsed(value(name))),
            spatial_scale: parsed(value("spatial_scale")),
            sampling_ratio: parsed::<i32>(value("sampling_ratio")).max(0) as u32,
            aligned: metadata.get("aligned").is_none_or(|aligned| aligned == "true"),
            channels: if value("op") == "roi_align" { RoiChannels::Each } else { RoiChannels::PositionSensitive },
        }),
        "multi_scale_deform_attn" => {
            let shapes = value("spatial_shapes").split(',').map(|shape| shape.split_once('x').unwrap());
            let points = value("points_per_level").split(',').map(parsed);
            let levels = shapes.zip(points).map(|((height, width), points)| AttentionLevel {
                height: parsed(height),
                width: parsed(width),
                points,
            });
            // Of levels that differ, these files have all points in a row.
            if tensors.tensor("attention_weights").unwrap().shape().len() != 5 {
                return None;
            }
            let sampling = match value("method") {
                "bilinear" => AttentionSampling::Bilinear,
                _ => AttentionSampling::Discrete,
            };
            Operation::MultiScaleDeformAttn(MultiScaleDeformAttn {
                levels: levels.collect(),
                sampling,
                edge_derivative,
            })
        }
        _ => return None,
    })
}

#[test]
fn what_other_systems_computed_is_computed_through_burn() {
    let cases = all();
    let count = |of: fn(&Operation) -> bool| cases.iter().filter(|case| of(&case.operation)).count();
    assert!(count(|operation| matches!(operation, Operation::DeformConv2d(_))) > 100);
    assert!(count(|operation| matches!(operation, Operation::GridSample(_))) > 20);
    assert!(count(|operation| matches!(operation, Operation::RoiAlign(_))) > 4);
    assert!(count(|operation| matches!(operation, Operation::MultiScaleDeformAttn(_))) > 5);
    assert!(count(|operation| matches!(operation, Operation::DeformConv2dLayer(_))) > 1);
    for case in &cases {
        case.check(&OURS.1, FloatDType::F32);
    }
    assert_eq!(pliant_burn::copies(&OURS.1).unwrap(), 0);
}
