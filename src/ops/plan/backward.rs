//! What the backward passes have in common: where gradients go, and how they are checked, begun and finished.

use std::sync::OnceLock;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::no_input;
use crate::gpu::{Recorder, Tensor, TensorSpec};
use crate::ops::plan::convert::{Rows, round, widen};
use crate::ops::plan::{Argument, Contract, Named, check_apart, overlap};

/// Where a gradient goes. Shape and element type are those of the input that it is the gradient of.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// In place of what the tensor holds.
    Write(&'a Tensor),
    /// Added to what the tensor holds, as a training loop does over several calls. Tensors of 16 bits are rounded once for each call.
    Add(&'a Tensor),
}

impl<'a> Destination<'a> {
    /// The tensor, one way or the other.
    pub fn tensor(self) -> &'a Tensor {
        match self {
            Self::Write(tensor) | Self::Add(tensor) => tensor,
        }
    }
}

impl<'a> From<&'a Tensor> for Destination<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Write(tensor)
    }
}

/// A gradient while it is computed, in f32.
pub(crate) struct Gradient<'a> {
    pub(crate) tensor: Tensor,
    /// Whether it holds terms already, to be added to. Else whatever it holds is to be overwritten.
    pub(crate) accumulate: bool,
    /// Where it is to be rounded to.
    rounded: Option<&'a Tensor>,
}

impl<'a> Gradient<'a> {
    pub(crate) fn begin(recorder: &mut Recorder, destination: Destination<'a>) -> Result<Self> {
        let tensor = destination.tensor();
        let accumulate = matches!(destination, Destination::Add(_));
        if tensor.dtype() == DType::F32 {
            return Ok(Self { tensor: tensor.clone(), accumulate, rounded: None });
        }
        let wide = recorder.workspace(tensor.shape())?;
        if accumulate {
            widen(recorder, tensor, Rows::all(tensor), &wide)?;
        }
        Ok(Self { tensor: wide, accumulate, rounded: Some(tensor) })
    }

    /// Where an op that is part of another writes it.
    pub(crate) fn destination(&self) -> Destination<'_> {
        if self.accumulate { Destination::Add(&self.tensor) } else { Destination::Write(&self.tensor) }
    }

    pub(crate) fn finish(&self, recorder: &mut Recorder) -> Result<()> {
        self.rounded.map_or(Ok(()), |rounded| round(recorder, &self.tensor, rounded, Rows::all(rounded)))
    }
}

/// What a cell holds, made now where it holds nothing.
pub(crate) fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

impl<I> Contract<I> {
    /// Refuses arguments of a backward pass other than those the plan was made for: inputs, the gradient of the output, and
    /// destinations, which are named after their inputs, behind `grad_`.
    pub(crate) fn check_backward<'a, const N: usize>(
        &self,
        recorder: &Recorder,
        planned: impl Fn(&I) -> Named<TensorSpec, N>,
        given: Named<Argument, N>,
        grad_output: &Tensor,
        destinations: impl Iterator<Item = (&'static str, &'a Destination<'a>)>,
    ) -> Result<()> {
        let planned = planned(&self.inputs);
        self.check_inputs(recorder, planned, given)?;
        self.check_argument(recorder, "grad_output", &self.output, grad_output.into())?;
        let read = given.iter().filter_map(|(input, argument)| Some((*input, argument.as_ref()?.tensor?)));
        let read: Vec<_> = read.chain([("grad_output", grad_output)]).collect();
        let destinations = destinations.map(|(name, destination)| {
            let of = name.trim_start_matches("grad_");
            let planned = planned.iter().find(|(input, _)| *input == of);
            (name, planned.and_then(|(_, spec)| *spec), destination.tensor())
        });
        self.check_destinations(recorder, &read, destinations)
    }

    /// Refuses destinations, each with the input that it is the gradient of, that are not like it, that share a buffer with what is read,
    /// or that overlap.
    pub(crate) fn check_destinations<'a>(
        &self,
        recorder: &Recorder,
        read: &[(&str, &Tensor)],
        destinations: impl Iterator<Item = (&'static str, Option<&'a TensorSpec>, &'a Tensor)>,
    ) -> Result<()> {
        let mut before: Vec<(&str, &Tensor)> = Vec::new();
        for (name, spec, tensor) in destinations {
            let Some(spec) = spec else {
                return Err(no_input(name));
            };
            self.check_argument(recorder, name, spec, tensor.into())?;
            read.iter().try_for_each(|&read| check_apart((name, tensor), read))?;
            if let Some((other, _)) = before.iter().find(|(_, other)| overlap(other, tensor)) {
                return Err(Error::attribute(name, format!("{name} and {other} overlap in their buffer")));
            }
            before.push((name, tensor));
        }
        Ok(())
    }
}
