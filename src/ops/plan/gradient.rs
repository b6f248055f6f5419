//! Gradients while they are computed.

use std::sync::OnceLock;

use crate::error::Result;
use crate::gpu::{Recorder, Tensor};
use crate::ops::plan::{Destination, RowLayout, round, widen};

/// A gradient while it is computed, in f32.
pub(crate) struct Gradient<'a> {
    destination: Destination<'a>,
    /// The workspace, where the destination does not hold f32.
    wide: Option<Tensor>,
}

impl<'a> Gradient<'a> {
    pub(crate) fn begin(recorder: &mut Recorder, destination: Destination<'a>) -> Result<Self> {
        let tensor = destination.tensor();
        if !tensor.dtype().is_narrow() {
            return Ok(Self { destination, wide: None });
        }
        let wide = recorder.workspace(tensor.shape())?;
        if destination.accumulates() {
            widen(recorder, tensor, RowLayout::all(tensor), &wide)?;
        }
        Ok(Self { destination, wide: Some(wide) })
    }

    /// The destination in f32, which the gradient is computed in.
    pub(crate) fn destination(&self) -> Destination<'_> {
        self.wide.as_ref().map_or(self.destination, |wide| self.destination.into_tensor(wide))
    }

    pub(crate) fn finish(&self, recorder: &mut Recorder) -> Result<()> {
        let rounded = self.destination.tensor();
        self.wide.as_ref().map_or(Ok(()), |wide| round(recorder, wide, rounded, RowLayout::all(rounded)))
    }
}

/// The value of a cell, made now where it holds none.
pub(crate) fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}
