//! Element types: all ops compute in f32. Tensors of 16 bits are widened before, and an output of 16 bits is rounded once behind.

use super::in_pieces;
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::convert::convert;

/// The tensor itself where it holds f32, else a copy in workspace that does.
pub(crate) fn widened(recorder: &mut Recorder, tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() == DType::F32 {
        return Ok(tensor.clone());
    }
    let wide = recorder.workspace(tensor.shape())?;
    convert_all(recorder, tensor, &wide)?;
    Ok(wide)
}

/// Has `record` write the output where it holds f32, else a workspace that is then rounded into it.
pub(crate) fn rounded(
    recorder: &mut Recorder,
    output: &Tensor,
    record: impl FnOnce(&mut Recorder, &Tensor) -> Result<()>,
) -> Result<()> {
    if output.dtype() == DType::F32 {
        return record(recorder, output);
    }
    let wide = recorder.workspace(output.shape())?;
    record(recorder, &wide)?;
    convert_all(recorder, &wide, output)
}

/// Converts all elements, in as many dispatches as the tensors need to be bound; each but the last does whole words.
pub(super) fn convert_all(recorder: &mut Recorder, source: &Tensor, destination: &Tensor) -> Result<()> {
    let elements = source.shape().elements();
    let pairs = elements.div_ceil(2) as u32;
    let all = 0..pairs;
    in_pieces([all], &mut |[pairs]| {
        let (start, end) = (2 * u64::from(pairs.start), elements.min(2 * u64::from(pairs.end)));
        let from = source.part("tensor", start..end)?;
        recorder.gpu().capabilities().check_elements("tensor", end - start)?;
        let to = destination.part("tensor", start..end)?;
        convert(recorder, (end - start) as u32, (&from, source.dtype()), (&to, destination.dtype()))
    })
}
