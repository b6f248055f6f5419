//! Convolutions of volumes, done by those of images: along the depth, each tap of the kernel is a slice of the volume.

use super::elementwise::binary_of;
use super::movement::{joined, moved, transposed};
use crate::SliceRange;
use crate::dialect::onnx;
use crate::error::{Error, Result};
use crate::geometry::{
    Binary, Conv2dGeometry, Conv2dInputs, ConvTranspose2d, ConvTranspose2dInputs, PadMode, StridedCopy, positive,
};
use crate::onnx::planner::{Call, Source, Value};
use crate::shape::Shape;

/// The window of a transposed convolution along an axis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TransposedAxis {
    pub(super) stride: u32,
    pub(super) dilation: u32,
    pub(super) padding: [u32; 2],
    pub(super) output_padding: u32,
}

/// The extents of five axes.
fn five(name: &'static str, shape: Shape) -> Result<[u64; 5]> {
    let extents = <[u32; 5]>::try_from(shape.extents()).map_err(|_| {
        Error::shape(name, format!("{name} ({shape}) has {} axes; a convolution of volumes needs 5", shape.rank()))
    })?;
    Ok(extents.map(u64::from))
}

/// A convolution of volumes. For each output slice, what the taps along the depth meet are channels of one image.
pub(super) fn conv(call: &mut Call, window: &onnx::Conv) -> Result<Value> {
    let (input, weight) = (call.input(0)?.clone(), call.input(1)?.clone());
    let (element, bias) = (input.element(), call.optional_source(2)?);
    let [batch, channels, depth, height, width] = five("input", input.shape())?;
    let [out_channels, group_channels, taps, rows, columns] = five("weight", weight.shape())?;
    // The depth is the height of an image of one column.
    let shapes = Conv2dInputs {
        input: Shape::new(&[batch, channels, depth, 1])?,
        weight: Shape::new(&[out_channels, group_channels, taps, 1])?,
        bias: None,
    };
    let along_depth = along(window, &[0])?.op(&shapes)?;
    let out_depth = u64::from(Conv2dGeometry::new(&along_depth, &shapes)?.output_shape().extents()[2]);
    let [before, _, after, _] = along_depth.padding.map(u32::cast_signed);
    let pad = StridedCopy::pad(&[0, 0, before, 0, 0], &[0, 0, after, 0, 0], PadMode::value(0.0));
    let padded = moved(call, &input, &pad)?;
    let [stride, dilation] = [along_depth.stride[0], along_depth.dilation[0]].map(i64::from);
    let mut slices = Vec::new();
    for tap in 0..taps as i64 {
        let start = tap * dilation;
        let end = start + (out_depth as i64 - 1) * stride + 1;
        let slice = moved(call, &padded, &StridedCopy::slice(&[SliceRange { axis: 2, start, end, step: stride }]))?;
        slices.push(call.reshaped(&slice, Shape::new(&[batch, channels, 1, out_depth, height, width])?)?);
    }
    let met = joined(call, &slices, 2)?;
    let met = transposed(call, &met, &[0, 3, 1, 2, 4, 5])?;
    let images = call.reshaped(&met, Shape::new(&[batch * out_depth, channels * taps, height, width])?)?;
    let weight = call.reshaped(&weight, Shape::new(&[out_channels, group_channels * taps, rows, columns])?)?;
    let inputs = Conv2dInputs { input: call.source_of(&images)?, weight: call.source_of(&weight)?, bias };
    let op = along(window, &[1, 2])?.op(&inputs.map(Source::shape))?;
    let output = call.run_packing(&op, &inputs, element)?;
    let [_, _, height, width] = four(output.shape())?;
    let slices = call.reshaped(&output, Shape::new(&[batch, out_depth, out_channels, height, width])?)?;
    transposed(call, &slices, &[0, 2, 1, 3, 4])
}

/// The extents of the images that a convolution makes.
fn four(shape: Shape) -> Result<[u64; 4]> {
    let extents = <[u32; 4]>::try_from(shape.extents())
        .map_err(|_| Error::shape("output", format!("output ({shape}) has {} axes; images have 4", shape.rank())))?;
    Ok(extents.map(u64::from))
}

/// The attributes along some of the three axes; along one, of images of one column.
fn along(window: &onnx::Conv, axes: &[usize]) -> Result<onnx::Conv> {
    let some = |name: &'static str, values: &[i64], neutral: i64| -> Result<Vec<i64>> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        if values.len() != 3 {
            return Err(Error::attribute(name, format!("{name} has {} numbers; 3 are needed", values.len())));
        }
        let mut some: Vec<_> = axes.iter().map(|&axis| values[axis]).collect();
        some.resize(2, neutral);
        Ok(some)
    };
    let (before, after) = window.pads.split_at(window.pads.len() / 2);
    Ok(onnx::Conv {
        auto_pad: window.auto_pad,
        dilations: some("dilations", &window.dilations, 1)?,
        group: window.group,
        kernel_shape: some("kernel_shape", &window.kernel_shape, 1)?,
        pads: [some("pads", before, 0)?, some("pads", after, 0)?].concat(),
        strides: some("strides", &window.strides, 1)?,
    })
}

/// A transposed convolution of volumes: that of their slices gives as many images as there are taps along the depth, which are added up where each lies.
pub(super) fn conv_transpose(
    call: &mut Call,
    groups: u32,
    [of_depth, axes @ ..]: [TransposedAxis; 3],
) -> Result<Value> {
    let (input, weight, element) = (call.input(0)?.clone(), call.input(1)?.clone(), call.input(0)?.element());
    let [batch, channels, depth, height, width] = five("input", input.shape())?;
    let [in_channels, group_channels, taps, rows, columns] = five("weight", weight.shape())?;
    let slices = transposed(call, &input, &[0, 2, 1, 3, 4])?;
    let images = call.reshaped(&slices, Shape::new(&[batch * depth, channels, height, width])?)?;
    let weight = call.reshaped(&weight, Shape::new(&[in_channels, group_channels * taps, rows, columns])?)?;
    let inputs =
        ConvTranspose2dInputs { input: call.source_of(&images)?, weight: call.source_of(&weight)?, bias: None };
    let images = call.run_one(&transposed_images(groups, axes), &inputs, element)?;
    let [_, _, height, width] = four(images.shape())?;
    let (out_channels, row) = (group_channels * u64::from(groups), group_channels * u64::from(groups) * height * width);
    let of_taps = call.reshaped(&images, Shape::new(&[batch * depth, out_channels, taps, height * width])?)?;

    let TransposedAxis { stride, dilation, padding, output_padding } = of_depth;
    positive("strides", stride)?;
    positive("dilations", dilation)?;
    let [stride, dilation, taps, depth] = [stride.into(), dilation.into(), taps as i64, depth as i64];
    let spread = depth * stride;
    let out_depth = spread - stride + dilation * (taps - 1) + 1 + i64::from(output_padding)
        - i64::from(padding[0])
        - i64::from(padding[1]);
    if out_depth < 1 {
        let message = format!("the output would have depth {out_depth}; 1 at least is needed");
        return Err(Error::attribute("pads", message));
    }
    let mut sum: Option<Value> = None;
    for tap in 0..taps {
        let start = tap * dilation - i64::from(padding[0]);
        if start >= out_depth || start + spread <= 0 {
            continue;
        }
        let slice = StridedCopy::slice(&[SliceRange { axis: 2, start: tap, end: tap + 1, step: 1 }]);
        let slice = moved(call, &of_taps, &slice)?;
        // Zeros between the slices and around them; what lies beyond the output is cut off.
        let apart = call.reshaped(&slice, Shape::new(&[batch, depth as u64, 1, row])?)?;
        let apart = moved(call, &apart, &pad(&[0, 0, 0, 0], &[0, 0, stride - 1, 0])?)?;
        let apart = call.reshaped(&apart, Shape::new(&[batch, spread as u64, row])?)?;
        let placed = moved(call, &apart, &pad(&[0, start, 0], &[0, out_depth - start - spread, 0])?)?;
        sum = Some(match sum {
            None => placed,
            Some(sum) => binary_of(call, Binary::Add, [&sum, &placed], element, i64::wrapping_add)?,
        });
    }
    let sum = sum.ok_or_else(|| Error::attribute("pads", "pads leave no tap of the depth within the output"))?;
    let mut output = call.reshaped(&sum, Shape::new(&[batch, out_depth as u64, out_channels, height * width])?)?;
    if let Some(bias) = call.optional(2).cloned() {
        let bias = call.reshaped(&bias, Shape::new(&[out_channels, 1])?)?;
        output = binary_of(call, Binary::Add, [&output, &bias], element, i64::wrapping_add)?;
    }
    let output = call.reshaped(&output, Shape::new(&[batch, out_depth as u64, out_channels, height, width])?)?;
    transposed(call, &output, &[0, 2, 1, 3, 4])
}

/// Zeros in front of and behind each axis.
fn pad(before: &[i64], after: &[i64]) -> Result<StridedCopy> {
    let counts = |counts: &[i64]| {
        let count = |&count: &i64| {
            i32::try_from(count)
                .map_err(|_| Error::attribute("pads", format!("pads would be {count}; 2^31 is too many")))
        };
        counts.iter().map(count).collect::<Result<Vec<_>>>()
    };
    Ok(StridedCopy::pad(&counts(before)?, &counts(after)?, PadMode::value(0.0)))
}

/// A transposed convolution of images.
pub(super) fn transposed_images(groups: u32, axes: [TransposedAxis; 2]) -> ConvTranspose2d {
    let [before, after] = [0, 1].map(|end| axes.map(|axis| axis.padding[end]));
    ConvTranspose2d {
        stride: axes.map(|axis| axis.stride),
        dilation: axes.map(|axis| axis.dilation),
        output_padding: axes.map(|axis| axis.output_padding),
        padding: [before[0], before[1], after[0], after[1]],
        groups,
    }
}
