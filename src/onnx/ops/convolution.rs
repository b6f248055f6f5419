//! Convolutions, deformable ones among them.

use super::{Entry, volumes};
use crate::dialect::{AutoPad, internimage, mmcv, onnx};
use crate::error::{Error, Result};
use crate::geometry::{Conv2dInputs, DeformConv2dInputs, DeformConvV3Inputs};
use crate::onnx::planner::{Call, Source, Value};

pub(super) const OPERATORS: &[Entry] = &[
    ("Conv", conv),
    ("DeformConv", deform_conv),
    ("MMCVDeformConv2d", mmcv_deform_conv),
    ("MMCVModulatedDeformConv2d", mmcv_modulated),
    ("TRTDCNv3", dcn_v3),
];

/// A tensor of one spatial axis as one of two, whose first is 1.
pub(super) fn with_height(source: &Source) -> Source {
    let shape = source.shape();
    match shape.extents() {
        &[batch, channels, width] => source.reshaped([batch, channels, 1, width]),
        _ => source.clone(),
    }
}

/// An attribute of one spatial axis as that of two: `neutral` for each number of the first.
fn doubled(name: &'static str, values: Vec<i64>, neutral: &[i64]) -> Result<Vec<i64>> {
    if !values.is_empty() && values.len() != neutral.len() {
        let message = format!("{name} is {values:?}; {} needed along one axis", neutral.len());
        return Err(Error::attribute(name, message));
    }
    Ok(values.into_iter().zip(neutral).flat_map(|(value, &neutral)| [neutral, value]).collect())
}

fn conv(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 3)?;
    let element = call.input(0)?.element();
    let attributes = &mut call.attributes;
    let auto_pad: AutoPad = attributes.string("auto_pad")?.unwrap_or("NOTSET".into()).parse()?;
    let mut op = onnx::Conv {
        auto_pad,
        dilations: attributes.ints("dilations")?.unwrap_or_default(),
        group: attributes.int_or("group", 1)?,
        kernel_shape: attributes.ints("kernel_shape")?.unwrap_or_default(),
        pads: attributes.ints("pads")?.unwrap_or_default(),
        strides: attributes.ints("strides")?.unwrap_or_default(),
    };
    if call.shape(0)?.rank() == 5 {
        return Ok(vec![volumes::conv(call, &op)?]);
    }
    let mut inputs = Conv2dInputs { input: call.source(0)?, weight: call.source(1)?, bias: call.optional_source(2)? };
    let flat = inputs.input.shape().rank() == 3;
    if flat {
        let weight = inputs.weight.shape();
        if weight.rank() != 3 {
            let message = format!("weight ({weight}) needs 3 axes, as the input has");
            return Err(Error::shape("weight", message));
        }
        op.dilations = doubled("dilations", op.dilations, &[1])?;
        op.kernel_shape = doubled("kernel_shape", op.kernel_shape, &[1])?;
        op.strides = doubled("strides", op.strides, &[1])?;
        op.pads = doubled("pads", op.pads, &[0, 0])?;
        inputs = Conv2dInputs { input: with_height(&inputs.input), weight: with_height(&inputs.weight), ..inputs };
    }
    let op = op.op(&inputs.map(Source::shape))?;
    let output = call.run_packing(&op, &inputs, element)?;
    Ok(vec![if flat { without_height(call, &output)? } else { output }])
}

/// The output of one spatial axis, computed with two.
pub(super) fn without_height(call: &Call, output: &Value) -> Result<Value> {
    match *output.shape().extents() {
        [batch, channels, 1, width] => call.reshaped(output, [batch, channels, width].into()),
        _ => Err(Error::shape("input", format!("the output ({}) has a height", output.shape()))),
    }
}

fn deform_conv(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 5)?;
    let element = call.input(0)?.element();
    let attributes = &mut call.attributes;
    let op = onnx::DeformConv {
        dilations: attributes.ints("dilations")?.unwrap_or_default(),
        group: attributes.int_or("group", 1)?,
        kernel_shape: attributes.ints("kernel_shape")?.unwrap_or_default(),
        offset_group: attributes.int_or("offset_group", 1)?,
        pads: attributes.ints("pads")?.unwrap_or_default(),
        strides: attributes.ints("strides")?.unwrap_or_default(),
    };
    let inputs = DeformConv2dInputs {
        input: call.source(0)?,
        offset: call.source(2)?,
        weight: call.source(1)?,
        mask: call.optional_source(4)?,
        bias: call.optional_source(3)?,
    };
    let op = op.op(&inputs.map(Source::shape))?;
    Ok(vec![call.run_packing(&op, &inputs, element)?])
}

/// A pair of an attribute, (height, width), `absent` each where there is none.
fn pair(call: &mut Call, name: &'static str, absent: i64) -> Result<[i64; 2]> {
    let values = call.attributes.ints(name)?.unwrap_or(vec![absent; 2]);
    match values[..] {
        [both] => Ok([both; 2]),
        [height, width] => Ok([height, width]),
        _ => Err(Error::attribute(name, format!("{name} is {values:?}; height and width are needed"))),
    }
}

fn mmcv_attributes(call: &mut Call) -> Result<mmcv::ModulatedDeformConv2d> {
    let stride = pair(call, "stride", 1)?;
    let padding = pair(call, "padding", 0)?;
    let dilation = pair(call, "dilation", 1)?;
    call.attributes.int("im2col_step")?; // of its memory
    let groups = call.attributes.int_or("groups", 1)?;
    Ok(mmcv::ModulatedDeformConv2d {
        stride,
        padding,
        dilation,
        groups,
        deform_groups: call.attributes.int_or("deform_groups", 1)?,
    })
}

fn mmcv_deform_conv(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let element = call.input(0)?.element();
    let mmcv::ModulatedDeformConv2d { stride, padding, dilation, groups, deform_groups } = mmcv_attributes(call)?;
    let (input, offset, weight) = (call.source(0)?, call.source(1)?, call.source(2)?);
    let inputs = DeformConv2dInputs { input, offset, weight, mask: None, bias: None };
    let op = mmcv::DeformConv2d { stride, padding, dilation, groups, deform_groups }.op(&inputs.map(Source::shape))?;
    Ok(vec![call.run_packing(&op, &inputs, element)?])
}

fn mmcv_modulated(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(4, 5)?;
    let element = call.input(0)?.element();
    let attributes = mmcv_attributes(call)?;
    let (input, offset, mask, weight) = (call.source(0)?, call.source(1)?, call.source(2)?, call.source(3)?);
    let inputs = DeformConv2dInputs { input, offset, weight, mask: Some(mask), bias: call.optional_source(4)? };
    let op = attributes.op(&inputs.map(Source::shape))?;
    Ok(vec![call.run_packing(&op, &inputs, element)?])
}

fn dcn_v3(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let element = call.input(0)?.element();
    let attributes = &mut call.attributes;
    attributes.int("im2col_step")?; // of its memory
    let default = internimage::Dcnv3::default();
    let op = internimage::Dcnv3 {
        kernel_h: attributes.int_or("kernel_h", default.kernel_h)?,
        kernel_w: attributes.int_or("kernel_w", default.kernel_w)?,
        stride_h: attributes.int_or("stride_h", default.stride_h)?,
        stride_w: attributes.int_or("stride_w", default.stride_w)?,
        pad_h: attributes.int_or("pad_h", default.pad_h)?,
        pad_w: attributes.int_or("pad_w", default.pad_w)?,
        dilation_h: attributes.int_or("dilation_h", default.dilation_h)?,
        dilation_w: attributes.int_or("dilation_w", default.dilation_w)?,
        group: attributes.int_or("group", default.group)?,
        group_channels: attributes.int_or("group_channels", default.group_channels)?,
        offset_scale: attributes.float_or("offset_scale", default.offset_scale)?,
        remove_center: attributes.flag("remove_center", default.remove_center)?,
    };
    let inputs = DeformConvV3Inputs { input: call.source(0)?, offset: call.source(1)?, mask: call.source(2)? };
    let op = op.op(&inputs.map(Source::shape))?;
    Ok(vec![call.run_one(&op, &inputs, element)?])
}
