//! Pools, resized images and transposed convolutions.

use super::convolution::{with_height, without_height};
use super::elementwise::converted;
use super::volumes::{self, TransposedAxis};
use super::{Entry, count};
use crate::dialect::AutoPad;
use crate::error::{Error, Result};
use crate::geometry::{AspectRatio, ConvTranspose2dInputs, Pool, PoolAxis, PoolKind, Resize, ResizeGeometry, ResizeTo};
use crate::onnx::ElementType;
use crate::onnx::malformed;
use crate::onnx::planner::{Call, Value, from_front};
use crate::{IndexOrder, NearestRounding, ResizeCoordinates, ResizeMode};

pub(super) const OPERATORS: &[Entry] = &[
    ("AveragePool", |call| pool(call, false)),
    ("ConvTranspose", conv_transpose),
    ("MaxPool", |call| pool(call, true)),
    ("Resize", resize),
    ("Upsample", upsample),
];

/// As many numbers as there are spatial axes, `absent` each where the attribute is.
fn along(call: &mut Call, name: &'static str, axes: usize, absent: i64) -> Result<Vec<u32>> {
    let values = call.attributes.ints(name)?.filter(|values| !values.is_empty());
    let values = values.unwrap_or_else(|| vec![absent; axes]);
    if values.len() != axes {
        let message = format!("{name} has {} numbers; {axes} are needed", values.len());
        return Err(Error::attribute(name, message));
    }
    values.into_iter().map(|value| count(name, value)).collect()
}

/// Padding before and behind that makes so much in all.
fn shared(total: u32, upper: bool) -> [u32; 2] {
    let (less, more) = (total / 2, total - total / 2);
    if upper { [less, more] } else { [more, less] }
}

fn pool(call: &mut Call, max: bool) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let (shape, element) = (call.shape(0)?, call.input(0)?.element());
    let extents = shape.extents().get(2..).unwrap_or_default().to_vec();
    let axes = extents.len();
    let kernel =
        call.attributes.ints("kernel_shape")?.ok_or_else(|| malformed("it lacks the attribute kernel_shape"))?;
    if kernel.len() != axes {
        let message = format!("kernel_shape is {kernel:?}; the input ({shape}) has {axes} spatial axes");
        return Err(Error::attribute("kernel_shape", message));
    }
    let kernel = kernel.into_iter().map(|value| count("kernel_shape", value)).collect::<Result<Vec<_>>>()?;
    let (strides, dilations) = (along(call, "strides", axes, 1)?, along(call, "dilations", axes, 1)?);
    let pads = along(call, "pads", 2 * axes, 0)?;
    let ceil_mode = call.attributes.flag("ceil_mode", false)?;
    let auto_pad: AutoPad = call.attributes.string("auto_pad")?.unwrap_or("NOTSET".into()).parse()?;
    let mut windows = Vec::new();
    for axis in 0..axes {
        let (kernel, stride, dilation) = (kernel[axis], strides[axis], dilations[axis]);
        let padding = match auto_pad {
            AutoPad::Explicit => [pads[axis], pads[axes + axis]],
            AutoPad::Valid => [0; 2],
            AutoPad::SameUpper | AutoPad::SameLower => {
                let span = u64::from(dilation) * u64::from(kernel.saturating_sub(1)) + 1;
                let out = u64::from(extents[axis].div_ceil(stride.max(1)));
                let total = (out.saturating_sub(1) * u64::from(stride) + span).saturating_sub(extents[axis].into());
                shared(u32::try_from(total).unwrap_or(u32::MAX), auto_pad == AutoPad::SameUpper)
            }
        };
        windows.push(PoolAxis { kernel, stride, padding, dilation });
    }
    let kind = if max {
        let order = match call.attributes.int_or("storage_order", 0)? {
            0 => IndexOrder::RowMajor,
            1 => IndexOrder::ColumnMajor,
            other => {
                return Err(Error::attribute("storage_order", format!("storage_order is {other}; 0 and 1 are known")));
            }
        };
        PoolKind::Max { indices: call.wanted.get(1).copied().unwrap_or(false).then_some(order) }
    } else {
        PoolKind::Average { count_padding: call.attributes.flag("count_include_pad", false)? }
    };
    // Integers of few bits are exact as floats.
    let value = call.input(0)?.clone();
    let float = if element.is_float() { element } else { ElementType::F32 };
    let value = converted(call, &value, float)?;
    let input = call.source_of(&value)?;
    let mut outputs = call.run(&Pool { kind, axes: windows, ceil_mode }, &input, float)?;
    if !element.is_float() {
        if !matches!(element, ElementType::U8 | ElementType::I8) {
            return Err(Error::Unsupported(format!(
                "the input holds {element}; floats and integers of 8 bits are pooled"
            )));
        }
        outputs[0] = converted(call, &outputs[0].clone(), element)?;
    }
    if let Some(Value::Device(indices)) = outputs.get_mut(1) {
        indices.element = ElementType::I64;
    }
    Ok(outputs)
}

fn conv_transpose(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 3)?;
    let (shape, of_weight, element) = (call.shape(0)?, call.shape(1)?, call.input(0)?.element());
    let axes = shape.rank().saturating_sub(2);
    if !(1..=3).contains(&axes) {
        let message = format!("the input ({shape}) has {axes} spatial axes; 1 to 3 are supported");
        return Err(Error::Unsupported(message));
    }
    if of_weight.rank() != shape.rank() {
        let message = format!("weight ({of_weight}) needs {} axes, as the input has", shape.rank());
        return Err(Error::shape("weight", message));
    }
    let auto_pad: AutoPad = call.attributes.string("auto_pad")?.unwrap_or("NOTSET".into()).parse()?;
    let groups = count("group", call.attributes.int_or("group", 1)?)?;
    let kernel: Vec<_> = of_weight.extents()[2..].iter().map(|&extent| i64::from(extent)).collect();
    let stated = call.attributes.ints("kernel_shape")?.filter(|stated| !stated.is_empty());
    if let Some(stated) = stated.filter(|stated| *stated != kernel) {
        let message = format!("kernel_shape is {stated:?}; that of weight ({of_weight}) is {kernel:?}");
        return Err(Error::attribute("kernel_shape", message));
    }
    let [strides, dilations] = [along(call, "strides", axes, 1)?, along(call, "dilations", axes, 1)?];
    let [output_padding, pads] = [along(call, "output_padding", axes, 0)?, along(call, "pads", 2 * axes, 0)?];
    let output_shape = call.attributes.ints("output_shape")?.filter(|shape| !shape.is_empty());
    // Some exporters name batch and channels too.
    let output_shape = match output_shape {
        Some(extents) if extents.len() == axes + 2 => Some(extents[2..].to_vec()),
        Some(extents) if extents.len() != axes => {
            let message = format!("output_shape has {} numbers; {axes} are needed", extents.len());
            return Err(Error::attribute("output_shape", message));
        }
        output_shape => output_shape,
    };
    let mut window = [TransposedAxis { stride: 1, dilation: 1, ..Default::default() }; 3];
    for axis in 0..axes {
        let (stride, dilation, mut behind) = (strides[axis], dilations[axis], output_padding[axis]);
        let [extent, kernel] = [shape, of_weight].map(|shape| i64::from(shape.extents()[2 + axis]));
        // SAME stands for so many output pixels, from which padding follows.
        let wanted = match (&output_shape, auto_pad) {
            (Some(extents), _) => Some(extents[axis]),
            (None, AutoPad::SameUpper | AutoPad::SameLower) => Some(extent.saturating_mul(stride.into())),
            (None, _) => None,
        };
        let padding = match wanted {
            None if auto_pad == AutoPad::Valid => [0; 2],
            None => [pads[axis], pads[axes + axis]],
            Some(wanted) => {
                let span = i64::from(dilation).saturating_mul(kernel - 1).saturating_add(1);
                let reach = i64::from(stride).saturating_mul(extent - 1).saturating_add(span);
                let total = reach.saturating_add(behind.into()).saturating_sub(wanted);
                behind = behind.saturating_add(count("output_shape", total.saturating_neg().max(0))?);
                shared(count("output_shape", total.max(0))?, auto_pad == AutoPad::SameUpper)
            }
        };
        // Those of fewer axes are the last.
        window[3 - axes + axis] = TransposedAxis { stride, dilation, padding, output_padding: behind };
    }
    if axes == 3 {
        return Ok(vec![volumes::conv_transpose(call, groups, window)?]);
    }
    let (mut input, mut weight, bias) = (call.source(0)?, call.source(1)?, call.optional_source(2)?);
    if axes == 1 {
        (input, weight) = (with_height(&input), with_height(&weight));
    }
    let op = volumes::transposed_images(groups, [window[1], window[2]]);
    let output = call.run_one(&op, &ConvTranspose2dInputs { input, weight, bias }, element)?;
    Ok(vec![if axes == 1 { without_height(call, &output)? } else { output }])
}

fn nearest(word: &str) -> Result<NearestRounding> {
    Ok(match word {
        "round_prefer_floor" => NearestRounding::RoundPreferFloor,
        "round_prefer_ceil" => NearestRounding::RoundPreferCeil,
        "floor" => NearestRounding::Floor,
        "ceil" => NearestRounding::Ceil,
        other => return Err(Error::attribute("nearest_mode", format!("nearest_mode is {other}, which is not known"))),
    })
}

/// A value resized along some axes: itself where that changes nothing.
fn resized(call: &mut Call, value: &Value, op: &Resize) -> Result<Value> {
    let input = call.source_of(value)?;
    if ResizeGeometry::new(op, value.shape())?.is_kept() {
        return Ok(value.clone());
    }
    if !value.element().is_float() {
        return Err(Error::Unsupported(format!("the input holds {}; floats are resized", value.element())));
    }
    call.run_one(op, &input, value.element())
}

/// Upsample, and Resize of opset 10: by factors, from pixels' corners.
fn upsample(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(if call.opset < 9 { 1 } else { 2 }, if call.opset < 9 { 1 } else { 2 })?;
    let rank = call.shape(0)?.rank();
    let scales = match call.opset {
        ..9 => call.attributes.floats("scales")?.ok_or_else(|| malformed("it lacks the attribute scales"))?,
        _ => call.floats(1, "scales")?.into_iter().map(|scale| scale as f32).collect(),
    };
    if scales.len() != rank {
        let message = format!("scales has {} numbers; the input has {rank} axes", scales.len());
        return Err(Error::attribute("scales", message));
    }
    let of_axes = |axes: Vec<u32>, scales: Vec<f32>, mode| Resize {
        axes,
        to: ResizeTo::Scales(scales),
        mode,
        coordinates: ResizeCoordinates::Asymmetric,
        ..Resize::default()
    };
    match &call.attributes.string("mode")?.unwrap_or("nearest".into())[..] {
        "linear" | "bilinear" => {
            let op = of_axes((0..rank as u32).collect(), scales, ResizeMode::Linear);
            Ok(vec![resized(call, &call.input(0)?.clone(), &op)?])
        }
        "nearest" => {
            // The nodes' definition does not say how positions are rounded; ONNX's own cases do.
            let mut value = call.input(0)?.clone();
            for (shrinks, rounding) in [(true, NearestRounding::Ceil), (false, NearestRounding::Floor)] {
                let of_these = |&(_, scale): &(u32, f32)| scale != 1.0 && (scale < 1.0) == shrinks;
                let (axes, scales): (Vec<_>, Vec<_>) = (0u32..).zip(scales.iter().copied()).filter(of_these).unzip();
                if !axes.is_empty() {
                    value = resized(call, &value, &of_axes(axes, scales, ResizeMode::Nearest(rounding)))?;
                }
            }
            Ok(vec![value])
        }
        other => Err(Error::attribute("mode", format!("mode is {other}; nearest and linear are known"))),
    }
}

fn resize(call: &mut Call) -> Result<Vec<Value>> {
    if call.opset < 11 {
        return upsample(call);
    }
    call.arity(1, 4)?;
    let rank = call.shape(0)?.rank();
    let axes = call.attributes.ints("axes")?.unwrap_or_else(|| (0..rank as i64).collect());
    let axes =
        axes.into_iter().map(|axis| from_front(axis, rank).map(|axis| axis as u32)).collect::<Result<Vec<_>>>()?;
    let present = |list: Option<Vec<f64>>| list.filter(|list| !list.is_empty());
    let roi = present(call.optional_floats(1, "roi")?).unwrap_or_default();
    let scales = present(call.optional_floats(2, "scales")?);
    let sizes = call.optional_ints(3, "sizes")?.filter(|sizes| !sizes.is_empty());
    let policy = match &call.attributes.string("keep_aspect_ratio_policy")?.unwrap_or("stretch".into())[..] {
        "stretch" => AspectRatio::Stretch,
        "not_larger" => AspectRatio::NotLarger,
        "not_smaller" => AspectRatio::NotSmaller,
        other => {
            let message = format!("keep_aspect_ratio_policy is {other}, which is not known");
            return Err(Error::attribute("keep_aspect_ratio_policy", message));
        }
    };
    let to = match (scales, sizes) {
        (Some(scales), None) => ResizeTo::Scales(scales.into_iter().map(|scale| scale as f32).collect()),
        (None, Some(sizes)) => {
            let sizes = sizes.into_iter().map(|size| count("sizes", size)).collect::<Result<_>>()?;
            ResizeTo::Sizes(sizes, policy)
        }
        _ => return Err(malformed("it needs one of the inputs scales and sizes")),
    };
    let rounding = nearest(&call.attributes.string("nearest_mode")?.unwrap_or("round_prefer_floor".into()))?;
    let a = call.attributes.float_or("cubic_coeff_a", -0.75)?;
    let mode = match &call.attributes.string("mode")?.unwrap_or("nearest".into())[..] {
        "nearest" => ResizeMode::Nearest(rounding),
        "linear" => ResizeMode::Linear,
        "cubic" => ResizeMode::Cubic { a },
        other => return Err(Error::attribute("mode", format!("mode is {other}; nearest, linear and cubic are known"))),
    };
    let extrapolation_value = call.attributes.float_or("extrapolation_value", 0.0)?;
    let words = call.attributes.string("coordinate_transformation_mode")?.unwrap_or("half_pixel".into());
    let coordinates = match &words[..] {
        "half_pixel" => ResizeCoordinates::HalfPixel,
        "half_pixel_symmetric" => ResizeCoordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => ResizeCoordinates::PytorchHalfPixel,
        "align_corners" => ResizeCoordinates::AlignCorners,
        "asymmetric" => ResizeCoordinates::Asymmetric,
        "tf_half_pixel_for_nn" => ResizeCoordinates::TfHalfPixelForNn,
        "tf_crop_and_resize" => {
            if roi.len() != 2 * axes.len() {
                return Err(malformed(format!(
                    "roi has {} elements; {} axes need {}",
                    roi.len(),
                    axes.len(),
                    2 * axes.len()
                )));
            }
            let ends = (0..axes.len()).map(|axis| [roi[axis] as f32, roi[axes.len() + axis] as f32]).collect();
            ResizeCoordinates::TfCropAndResize { roi: ends, extrapolation_value }
        }
        other => {
            let message = format!("coordinate_transformation_mode is {other}, which is not known");
            return Err(Error::attribute("coordinate_transformation_mode", message));
        }
    };
    let antialias = call.attributes.flag("antialias", false)?;
    let exclude_outside = call.attributes.flag("exclude_outside", false)?;
    let op = Resize { axes, to, mode, coordinates, antialias, exclude_outside };
    Ok(vec![resized(call, &call.input(0)?.clone(), &op)?])
}
