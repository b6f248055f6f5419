//! Samples at positions that are computed.

use super::Entry;
use crate::dialect::onnx;
use crate::error::{Error, Result};
use crate::geometry::GridSampleInputs;
use crate::onnx::planner::{Call, Source, Value};

pub(super) const OPERATORS: &[Entry] = &[("GridSample", grid_sample)];

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
