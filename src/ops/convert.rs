//! Element types: all ops compute in f32. Tensors of 16 bits are widened before, and an output of 16 bits is rounded once behind.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Recorder, Tensor};
use crate::kernels::convert::convert;

/// The tensor itself where it holds f32, else a copy in workspace that does.
pub(super) fn widened(recorder: &mut Recorder, tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() == DType::F32 {
        return Ok(tensor.clone());
    }
    let wide = recorder.workspace(tensor.shape())?;
    pieces(recorder, tensor, &wide, 0..tensor.shape().elements())?;
    Ok(wide)
}

/// Has `record` write the output where it holds f32, else a workspace that is then rounded into it.
pub(super) fn rounded(
    recorder: &mut Recorder,
    output: &Tensor,
    record: impl FnOnce(&mut Recorder, &Tensor) -> Result<()>,
) -> Result<()> {
    if output.dtype() == DType::F32 {
        return record(recorder, output);
    }
    let wide = recorder.workspace(output.shape())?;
    record(recorder, &wide)?;
    pieces(recorder, &wide, output, 0..output.shape().elements())
}

/// Converts some elements, from an even one on, in as many dispatches as the tensors need to be bound.
fn pieces(recorder: &mut Recorder, source: &Tensor, destination: &Tensor, elements: Range<u64>) -> Result<()> {
    if elements.is_empty() {
        return Ok(());
    }
    let Range { start, end } = elements;
    let parts = source.part("tensor", start..end).and_then(|source| {
        recorder.gpu().capabilities().check_elements("tensor", end - start)?;
        Ok((source, destination.part("tensor", start..end)?))
    });
    match parts {
        Ok((from, to)) => convert(recorder, (end - start) as u32, (&from, source.dtype()), (&to, destination.dtype())),
        Err(Error::Limit { .. }) if end - start > 2 => {
            let middle = start + (end - start) / 4 * 2;
            pieces(recorder, source, destination, start..middle.max(start + 2))?;
            pieces(recorder, source, destination, middle.max(start + 2)..end)
        }
        Err(error) => Err(error),
    }
}
