//! Checks of a plan's arguments, before anything is recorded.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Members, Of, no_input};
use crate::gpu::{Recorder, Tensor, TensorSpec};
use crate::ops::plan::argument::misplaced;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, ToSpec};
use crate::shape::Shape;

/// Refuses inputs whose elements the op does not take.
pub(crate) fn taken<O: Kernels>(geometry: &O::Geometry, inputs: &Of<O::Inputs, TensorSpec>) -> Result<()> {
    for (name, spec) in O::Inputs::present(inputs) {
        if !O::takes(geometry, name, spec.dtype) {
            let taken = DType::ALL.iter().filter(|dtype| O::takes(geometry, name, **dtype));
            let taken: Vec<_> = taken.map(ToString::to_string).collect();
            let message = format!("{name} holds {}; {} can be taken", spec.dtype, taken.join(", "));
            return Err(Error::dtype(name, message));
        }
    }
    Ok(())
}

impl<O: Kernels> Plan<O> {
    /// Refuses inputs and outputs other than those the plan was made for, and outputs that share memory.
    pub(crate) fn check_forward(
        &self,
        recorder: &Recorder,
        inputs: &Of<O::Inputs, Argument>,
        outputs: &Of<O::Outputs, Tensor>,
    ) -> Result<()> {
        self.check_inputs(recorder, inputs)?;
        for (name, output) in O::Outputs::present(outputs) {
            tensors::<O>(inputs).try_for_each(|input| check_apart((name, output), input))?;
        }
        self.check_outputs(recorder, "output", outputs)?;
        let mut written = Written::default();
        for (name, output) in O::Outputs::present(outputs) {
            written.add::<O::Outputs>(name, output)?;
        }
        let updated = |name: &str| O::UPDATED.contains(&name);
        for (name, tensor) in tensors::<O>(inputs).filter(|(name, _)| updated(name)) {
            let mut read = tensors::<O>(inputs).filter(|(other, _)| !updated(other));
            read.try_for_each(|input| check_apart((name, tensor), input))?;
            written.add::<O::Inputs>(name, tensor)?;
        }
        Ok(())
    }

    pub(crate) fn check_inputs(&self, recorder: &Recorder, inputs: &Of<O::Inputs, Argument>) -> Result<()> {
        self.check_count(O::Inputs::LIST, O::Inputs::named(inputs))?;
        self.check_arguments(
            recorder,
            self.inputs.iter().map(|(name, spec)| (*name, spec.as_ref())),
            O::Inputs::named(inputs),
        )
    }

    pub(crate) fn check_arguments<'a, 'b, 'c: 'b>(
        &self,
        recorder: &Recorder,
        planned: impl Iterator<Item = (&'static str, Option<&'a TensorSpec>)>,
        given: impl Iterator<Item = (&'static str, Option<&'b Argument<'c>>)>,
    ) -> Result<()> {
        for ((name, planned), (_, given)) in planned.zip(given) {
            match (planned, given) {
                (None, None) => {}
                (Some(spec), Some(given)) => self.check_argument(recorder, name, spec, *given)?,
                (Some(_), None) => {
                    return Err(Error::shape(name, format!("{name} is absent; the plan was made with one")));
                }
                (None, Some(_)) => {
                    return Err(Error::shape(name, format!("{name} was given; the plan was made without one")));
                }
            }
        }
        Ok(())
    }

    /// Refuses outputs, or their gradients, that are not like those of the plan.
    fn check_outputs(&self, recorder: &Recorder, name: &'static str, given: &Of<O::Outputs, Tensor>) -> Result<()> {
        let specs = self.output_spec();
        let (planned, many) = (O::Outputs::named(&specs).count(), O::Outputs::named(given).count());
        if planned != many {
            return Err(another_count(name, many, planned));
        }
        let mut pairs = O::Outputs::present(&specs).zip(O::Outputs::present(given));
        pairs.try_for_each(|((_, spec), (_, tensor))| self.check_argument(recorder, name, spec, tensor.into()))
    }

    /// Refuses a list that is not as long as that of the inputs.
    pub(crate) fn check_count<'a, T: 'a>(
        &self,
        list: bool,
        given: impl Iterator<Item = (&'static str, Option<&'a T>)>,
    ) -> Result<()> {
        if !list {
            return Ok(());
        }
        let (mut name, mut many) = ("input", 0);
        for (of, _) in given {
            (name, many) = (of, many + 1);
        }
        if many != self.inputs.len() {
            return Err(another_count(name, many, self.inputs.len()));
        }
        Ok(())
    }

    /// Refuses another tensor than that which the plan was made for.
    pub(crate) fn check_input(&self, recorder: &Recorder, name: &'static str, given: &Tensor) -> Result<()> {
        let planned =
            self.inputs.iter().filter(|(planned, _)| *planned == name).map(|(name, spec)| (*name, spec.as_ref()));
        self.check_arguments(recorder, planned, std::iter::once((name, Some(&given.into()))))
    }

    pub(crate) fn check_argument(
        &self,
        recorder: &Recorder,
        name: &'static str,
        planned: &TensorSpec,
        given: Argument,
    ) -> Result<()> {
        if recorder.gpu().id() != self.gpu {
            return Err(Error::device("recorder", "the recorder is on one device and the plan was made for another"));
        }
        recorder.check(name, given.gpu())?;
        if let Argument::Packed(weight) = given
            && weight.argument() != name
        {
            return Err(misplaced(name));
        }
        let TensorSpec { shape, dtype } = given.to_spec();
        if shape != planned.shape {
            let message = format!("{name} is {shape}; the plan was made for {}", planned.shape);
            return Err(Error::shape(name, message));
        }
        if dtype != planned.dtype {
            let message = format!("{name} holds {dtype}; the plan was made for {}", planned.dtype);
            return Err(Error::dtype(name, message));
        }
        Ok(())
    }

    /// Specs of the inputs by the names of their gradients.
    pub(crate) fn planned_gradients(&self) -> PlannedGradients<'_> {
        PlannedGradients { inputs: &self.inputs, taken: Vec::new() }
    }
}

impl<O: Differentiable> Plan<O> {
    /// Refuses arguments of a backward pass other than those the plan was made for, and destinations that are not like the inputs that they
    /// are the gradients of, that share a buffer with what is read, or that overlap.
    pub(crate) fn check_backward(
        &self,
        recorder: &Recorder,
        inputs: &Of<O::Inputs, Argument>,
        grad_outputs: &Of<O::Outputs, Tensor>,
        destinations: &Of<O::Gradients, Destination>,
    ) -> Result<()> {
        self.check_inputs(recorder, inputs)?;
        if let Some((name, _)) = O::Inputs::present(inputs).find(|(_, input)| input.plain().is_none()) {
            return Err(Error::attribute(name, format!("{name} is packed; a backward pass takes the tensor itself")));
        }
        self.check_outputs(recorder, "grad_output", grad_outputs)?;
        self.check_count(O::Gradients::LIST, O::Gradients::named(destinations))?;
        let (mut planned, mut written) = (self.planned_gradients(), Written::default());
        for (name, destination) in O::Gradients::named(destinations) {
            let spec = planned.next(name);
            let Some(tensor) = destination.map(|destination| destination.tensor()) else {
                written.skip();
                continue;
            };
            let spec = spec?.ok_or_else(|| no_input(name))?;
            self.check_argument(recorder, name, &spec, tensor.into())?;
            tensors::<O>(inputs).try_for_each(|input| check_apart((name, tensor), input))?;
            let mut grads = O::Outputs::present(grad_outputs);
            grads.try_for_each(|(_, grad)| check_apart((name, tensor), ("grad_output", grad)))?;
            written.add::<O::Gradients>(name, tensor)?;
        }
        Ok(())
    }
}

/// Iterator over the specs of the inputs by the names of their gradients: of a list, one after another.
pub(crate) struct PlannedGradients<'a> {
    inputs: &'a [(&'static str, Option<TensorSpec>)],
    taken: Vec<&'static str>,
}

impl PlannedGradients<'_> {
    /// The spec of the input that a gradient belongs to, if there is that input.
    ///
    /// # Errors
    /// For a name that no input has.
    pub(crate) fn next(&mut self, gradient: &'static str) -> Result<Option<TensorSpec>> {
        let before = self.taken.iter().filter(|taken| **taken == gradient).count();
        self.taken.push(gradient);
        let input = gradient.trim_start_matches("grad_");
        let mut of_name = self.inputs.iter().filter(|(name, _)| *name == input);
        of_name.nth(before).map(|(_, spec)| *spec).ok_or_else(|| no_input(gradient))
    }
}

/// The tensors among the inputs, those of packed weights that are kept as they lie among them.
fn tensors<'a, 'b: 'a, O: Kernels>(
    inputs: &'a Of<O::Inputs, Argument<'b>>,
) -> impl Iterator<Item = (&'static str, &'b Tensor)> + use<'a, 'b, O> {
    O::Inputs::present(inputs).filter_map(|(name, input)| Some((name, input.plain().or_else(|| input.kept())?)))
}

fn another_count(name: &'static str, given: usize, planned: usize) -> Error {
    Error::shape(name, format!("{given} {name}s were given; the plan was made for {planned}"))
}

/// Refuses inputs whose shapes are not those of a checked problem.
pub(crate) fn same_shapes<'a>(
    checked: impl Iterator<Item = (&'static str, Option<&'a Shape>)>,
    given: impl Iterator<Item = (&'static str, Option<&'a TensorSpec>)>,
) -> Result<()> {
    let text = |shape: Option<Shape>| shape.map_or("absent".to_string(), |shape| shape.to_string());
    let (checked, given): (Vec<_>, Vec<_>) = (checked.collect(), given.collect());
    if checked.len() != given.len() {
        return Err(another_count("input", given.len(), checked.len()));
    }
    for ((name, checked), (_, given)) in checked.into_iter().zip(given) {
        let (checked, given) = (checked.copied(), given.map(|spec| spec.shape));
        if checked != given {
            let message = format!("{name} is {}; in the checked problem it is {}", text(given), text(checked));
            return Err(Error::shape(name, message));
        }
    }
    Ok(())
}

/// Tensors that are written, of which no two may have a word in common.
#[derive(Default)]
struct Written<'a> {
    before: Vec<(&'static str, usize, &'a Tensor)>,
    count: usize,
}

impl<'a> Written<'a> {
    fn add<M: Members>(&mut self, name: &'static str, tensor: &'a Tensor) -> Result<()> {
        let index = self.count;
        self.count += 1;
        if let Some((other, before, _)) = self.before.iter().find(|(.., other)| overlap(other, tensor)) {
            let message = if M::LIST {
                format!("{name}[{index}] and {other}[{before}] overlap in their buffer")
            } else {
                format!("{name} and {other} overlap in their buffer")
            };
            return Err(Error::aliased(name, message));
        }
        self.before.push((name, index, tensor));
        Ok(())
    }

    /// Counts one gradient of a list that is absent.
    fn skip(&mut self) {
        self.count += 1;
    }
}

/// Refuses a tensor that is written in the buffer of one that is read.
pub(crate) fn check_apart((name, written): (&'static str, &Tensor), (input, read): (&str, &Tensor)) -> Result<()> {
    if written.buffer() == read.buffer() {
        let message = format!("{name} lies in the same buffer as {input}; a buffer that is written can't be read");
        return Err(Error::aliased(name, message));
    }
    Ok(())
}

/// Whether two tensors have a word in common; one without elements has none.
fn overlap(a: &Tensor, b: &Tensor) -> bool {
    let end =
        |tensor: &Tensor| tensor.offset() + (tensor.shape().elements() * tensor.dtype().size()).next_multiple_of(4);
    a.buffer() == b.buffer() && a.offset().max(b.offset()) < end(a).min(end(b))
}
