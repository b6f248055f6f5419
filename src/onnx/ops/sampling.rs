//! Samples at positions that are computed.

use super::elementwise::converted;
use super::movement::joined;
use super::{Entry, count};
use crate::dialect::onnx;
use crate::error::{Error, Result};
use crate::geometry::{GridSampleInputs, RoiAlign, RoiAlignInputs, RoiAlignMax, RoiChannels};
use crate::onnx::planner::{Call, Source, Value};

pub(super) const OPERATORS: &[Entry] = &[("GridSample", grid_sample), ("RoiAlign", roi_align)];

fn grid_sample(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let element = call.input(0)?.element();
    let shape = call.shape(0)?;
    if shape.rank() == 5 {
        return Err(Error::Unsupported(format!("the input ({shape}) has 5 axes; images, which have 4, are sampled")));
    }
    let mode = call.attributes.string("mode")?.unwrap_or_default();
    // ONNX Runtime's own has the words of opset 16.
    let opset = if matches!(&mode[..], "bilinear" | "bicubic") { 16 } else { call.opset.max(16) };
    let op = onnx::GridSample {
        align_corners: call.attributes.int_or("align_corners", 0)?,
        mode,
        padding_mode: call.attributes.string("padding_mode")?.unwrap_or_default(),
        opset,
    };
    let inputs = GridSampleInputs { input: call.source(0)?, grid: call.source(1)? };
    let op = op.op(&inputs.map(Source::shape))?;
    Ok(vec![call.run_one(&op, &inputs, element)?])
}

fn roi_align(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(3, 3)?;
    let element = call.input(0)?.element();
    let attributes = &mut call.attributes;
    let mode = attributes.string("mode")?.unwrap_or("avg".into());
    if !matches!(&mode[..], "avg" | "max") {
        return Err(Error::attribute("mode", format!("mode is {mode}; avg and max are known")));
    }
    let default = if call.opset < 16 { "output_half_pixel" } else { "half_pixel" };
    let attributes = &mut call.attributes;
    let words = attributes.string("coordinate_transformation_mode")?.unwrap_or(default.into());
    let op = RoiAlign {
        pooled: [
            count("output_height", attributes.int_or("output_height", 1)?)?,
            count("output_width", attributes.int_or("output_width", 1)?)?,
        ],
        spatial_scale: attributes.float_or("spatial_scale", 1.0)?,
        sampling_ratio: count("sampling_ratio", attributes.int_or("sampling_ratio", 0)?)?,
        aligned: match &words[..] {
            "half_pixel" => true,
            "output_half_pixel" => false,
            other => {
                let message = format!("coordinate_transformation_mode is {other}, which is not known");
                return Err(Error::attribute("coordinate_transformation_mode", message));
            }
        },
        channels: RoiChannels::Each,
    };
    // The image of each region in front of its corners.
    let [regions, images] = [call.input(1)?.clone(), call.input(2)?.clone()];
    let batch = call.shape(0)?.extents().first().copied().unwrap_or(0);
    let known = images.host().and_then(|images| images.unexpanded().to_integers()).unwrap_or_default();
    if let Some(index) = known.into_iter().find(|index| !(0..i64::from(batch)).contains(index)) {
        let message = format!("batch_indices names image {index}; the input has {batch}");
        return Err(Error::attribute("batch_indices", message));
    }
    let many = images.shape().extents().first().copied().unwrap_or(0);
    let images = converted(call, &images, regions.element())?;
    let images = call.reshaped(&images, [many, 1].into())?;
    let rois = joined(call, &[images, regions], 1)?;
    let inputs = RoiAlignInputs { input: call.source(0)?, rois: call.source_of(&rois)? };
    if mode == "max" {
        let RoiAlign { pooled, spatial_scale, sampling_ratio, aligned, .. } = op;
        let op = RoiAlignMax { pooled, spatial_scale, sampling_ratio, aligned };
        return Ok(vec![call.run_one(&op, &inputs, element)?]);
    }
    Ok(vec![call.run_one(&op, &inputs, element)?])
}
