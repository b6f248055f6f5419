//! Tensors of zeros.

use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::kernels::movement::zeros;
use crate::ops::plan::in_pieces;

/// Records zeros into the whole of a tensor.
pub(crate) fn zeros(recorder: &mut Recorder, output: &Tensor) -> Result<()> {
    let all = 0..output.shape().elements() as u32;
    in_pieces([all], &mut |[elements]| {
        let count = elements.end - elements.start;
        recorder.gpu().capabilities().check_elements("output", count.into())?;
        zeros::zeros(recorder, count, &output.binding("output", elements.start.into()..elements.end.into())?)
    })
}
