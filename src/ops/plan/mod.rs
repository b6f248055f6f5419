//! What all plans have in common: what they check, how their work is cut into pieces, and where gradients go.

/// Gives a plan what all have: the spec of its output, and how it is printed, with what is named behind its inputs and its output.
macro_rules! plan {
    ($plan:ident, |$this:ident| { $($name:ident: $value:expr),* }) => {
        impl $plan {
            /// Shape and element type of the output.
            pub fn output_spec(&self) -> TensorSpec {
                self.contract.output_spec()
            }
        }

        $crate::ops::plan::printed!($plan, |$this| {
            inputs: $this.contract.inputs,
            output: $this.output_spec()
            $(, $name: $value)*
        });
    };
}
pub(crate) use plan;

/// Has a plan printed with what is named: the rest is kernels and tables.
macro_rules! printed {
    ($plan:ident, |$this:ident| { $($name:ident: $value:expr),* }) => {
        impl std::fmt::Debug for $plan {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($plan))$(.field(stringify!($name), &$value))*.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use printed;

mod backward;
mod convert;
mod pieces;
mod warm_up;

pub use backward::Destination;

pub(crate) use backward::{Gradient, get_or_try_init};
pub(crate) use convert::{Rows, round, rounded, widen, widened};
pub(crate) use pieces::{at_once, bindable, fitting, in_pieces, pieces};

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::convert::CONVERT;
use crate::shape::Shape;

/// The arguments of an op by name; an optional one may be absent.
pub(crate) type Named<'a, T, const N: usize> = [(&'static str, Option<&'a T>); N];

/// What is given for an argument: the tensor, and what it counts as.
#[derive(Clone, Copy)]
pub(crate) struct Argument<'a> {
    pub(crate) spec: TensorSpec,
    pub(crate) gpu: &'a Gpu,
    /// Absent where it is a weight that pliant has packed.
    pub(crate) tensor: Option<&'a Tensor>,
}

impl<'a> From<&'a Tensor> for Argument<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self { spec: tensor.spec(), gpu: tensor.gpu(), tensor: Some(tensor) }
    }
}

/// What every plan keeps: whose it is, what it was made for, what it gives.
pub(crate) struct Contract<I> {
    gpu: u64,
    pub(crate) inputs: I,
    pub(crate) output: TensorSpec,
}

impl<I> Contract<I> {
    /// The output has the element type of the first input. Compiles what element types need.
    pub(crate) fn new<const N: usize>(
        gpu: &Gpu,
        inputs: I,
        named: impl Fn(&I) -> Named<TensorSpec, N>,
        output: Shape,
    ) -> Result<Self> {
        let dtypes: Vec<_> = named(&inputs).into_iter().filter_map(|(_, spec)| Some(spec?.dtype)).collect();
        Self::of_dtypes(gpu, inputs, &dtypes, output)
    }

    /// The same where the inputs have no names.
    pub(crate) fn of_dtypes(gpu: &Gpu, inputs: I, dtypes: &[DType], output: Shape) -> Result<Self> {
        if dtypes.iter().any(|dtype| *dtype != DType::F32) {
            gpu.compile(&CONVERT)?;
        }
        let dtype = dtypes.first().copied().unwrap_or(DType::F32);
        Ok(Self { gpu: gpu.id(), inputs, output: TensorSpec { shape: output, dtype } })
    }

    /// Refuses arguments other than those the plan was made for.
    pub(crate) fn check<const N: usize>(
        &self,
        recorder: &Recorder,
        planned: impl Fn(&I) -> Named<TensorSpec, N>,
        given: Named<Argument, N>,
        output: &Tensor,
    ) -> Result<()> {
        self.check_inputs(recorder, planned(&self.inputs), given)?;
        for (name, argument) in given {
            if let Some(tensor) = argument.and_then(|argument| argument.tensor) {
                check_apart(("output", output), (name, tensor))?;
            }
        }
        self.check_output(recorder, output)
    }

    pub(crate) fn check_inputs<const N: usize>(
        &self,
        recorder: &Recorder,
        planned: Named<TensorSpec, N>,
        given: Named<Argument, N>,
    ) -> Result<()> {
        for ((name, spec), (_, argument)) in planned.into_iter().zip(given) {
            match (spec, argument) {
                (None, None) => {}
                (Some(spec), Some(argument)) => self.check_argument(recorder, name, spec, *argument)?,
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

    pub(crate) fn check_output(&self, recorder: &Recorder, output: &Tensor) -> Result<()> {
        self.check_argument(recorder, "output", &self.output, output.into())
    }

    pub(crate) fn check_argument(
        &self,
        recorder: &Recorder,
        name: &'static str,
        planned: &TensorSpec,
        given: Argument,
    ) -> Result<()> {
        if recorder.gpu().id() != self.gpu {
            return Err(Error::attribute(
                "recorder",
                "the recorder is on one device and the plan was made for another",
            ));
        }
        recorder.check(name, given.gpu)?;
        let TensorSpec { shape, dtype } = given.spec;
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

    pub(crate) fn output_spec(&self) -> TensorSpec {
        self.output
    }

    pub(crate) fn output(&self, recorder: &Recorder) -> Result<Tensor> {
        Tensor::new(recorder.gpu(), self.output.shape, self.output.dtype)
    }
}

/// Refuses a tensor that is written in the buffer of one that is read.
pub(crate) fn check_apart((name, written): (&'static str, &Tensor), (input, read): (&str, &Tensor)) -> Result<()> {
    if written.buffer() == read.buffer() {
        let message = format!("{name} lies in the same buffer as {input}; a buffer that is written can't be read");
        return Err(Error::attribute(name, message));
    }
    Ok(())
}

/// Refuses two of a list of tensors that are all written and have a word in common; absent ones count in the list.
pub(crate) fn check_list_apart<'a>(
    argument: &'static str,
    list: impl Iterator<Item = Option<&'a Tensor>>,
) -> Result<()> {
    let mut before: Vec<(usize, &Tensor)> = Vec::new();
    for (index, tensor) in list.enumerate() {
        let Some(tensor) = tensor else { continue };
        if let Some((other, _)) = before.iter().find(|(_, other)| overlap(other, tensor)) {
            let message = format!("{argument}[{index}] and {argument}[{other}] overlap in their buffer");
            return Err(Error::attribute(argument, message));
        }
        before.push((index, tensor));
    }
    Ok(())
}

/// Whether two tensors have a word in common; one without elements has none.
pub(crate) fn overlap(a: &Tensor, b: &Tensor) -> bool {
    let end =
        |tensor: &Tensor| tensor.offset() + (tensor.shape().elements() * tensor.dtype().size()).next_multiple_of(4);
    a.buffer() == b.buffer() && a.offset().max(b.offset()) < end(a).min(end(b))
}

/// Records with `record` and submits: the short way of every op.
pub(crate) fn run<T>(gpu: &Gpu, record: impl FnOnce(&mut Recorder) -> Result<T>) -> Result<T> {
    let mut recorder = Recorder::new(gpu);
    let outputs = record(&mut recorder)?;
    recorder.submit()?;
    Ok(outputs)
}
