//! The public verbs: each an op (attributes), its plan (what a model keeps), and the short way over a plan found in a cache.
//!
//! Ops compose kernels. Shapes have been checked by the geometry; what is decided here is which kernels, in which pieces.

/// Gives a plan what all have: the spec of its output, and how it is printed, with what is named behind its inputs and its output.
macro_rules! plan {
    ($plan:ident, |$this:ident| { $($name:ident: $value:expr),* }) => {
        impl $plan {
            /// Shape and element type of the output.
            pub fn output_spec(&self) -> TensorSpec {
                self.contract.output_spec()
            }
        }

        $crate::ops::printed!($plan, |$this| {
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

mod adam;
mod backward;
mod batch_norm;
mod bilinear_sample;
mod binary;
mod broadcast;
mod channels_last;
mod columns;
mod columns_backward;
mod concat;
mod conv2d;
mod convert;
mod cross_entropy;
mod deform_conv2d;
mod deform_im2col;
mod deform_ps_roi_pool;
mod deform_roi_pool;
mod global_average_pool;
mod im2col;
mod matmul;
pub(crate) mod offset_field;
mod quads;
mod roi;
mod roi_align;
mod sgd;
mod split;
mod strategy;
mod strips;
mod sums;
mod unary;
mod warm_up;
mod weight;

pub use adam::AdamPlan;
pub use backward::Destination;
pub use batch_norm::BatchNormPlan;
pub use bilinear_sample::BilinearSamplePlan;
pub use binary::BinaryPlan;
pub use concat::ConcatPlan;
pub use conv2d::Conv2dPlan;
pub use cross_entropy::CrossEntropyPlan;
pub use deform_conv2d::DeformConv2dPlan;
pub use deform_im2col::DeformIm2colPlan;
pub use deform_ps_roi_pool::DeformPsRoiPoolPlan;
pub use deform_roi_pool::DeformRoiPoolPlan;
pub use global_average_pool::GlobalAveragePoolPlan;
pub use im2col::Im2colPlan;
pub use matmul::MatmulPlan;
pub use roi_align::RoiAlignPlan;
pub use sgd::SgdPlan;
pub use split::SplitPlan;
pub use strategy::Strategy;
pub use unary::UnaryPlan;
pub use weight::{PackedWeight, Weight};

pub(crate) use backward::{Gradient, get_or_try_init};
pub(crate) use convert::{rounded, widened};

use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Iterations, Recorder, Tensor, TensorSpec};
use crate::kernels::convert::CONVERT;
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
    output: TensorSpec,
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
    fn of_dtypes(gpu: &Gpu, inputs: I, dtypes: &[DType], output: Shape) -> Result<Self> {
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

    fn check_output(&self, recorder: &Recorder, output: &Tensor) -> Result<()> {
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
fn check_list_apart<'a>(argument: &'static str, list: impl Iterator<Item = Option<&'a Tensor>>) -> Result<()> {
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
fn overlap(a: &Tensor, b: &Tensor) -> bool {
    let end =
        |tensor: &Tensor| tensor.offset() + (tensor.shape().elements() * tensor.dtype().size()).next_multiple_of(4);
    a.buffer() == b.buffer() && a.offset().max(b.offset()) < end(a).min(end(b))
}

/// Records with `record` and submits: the short way of every op.
fn run<T>(gpu: &Gpu, record: impl FnOnce(&mut Recorder) -> Result<T>) -> Result<T> {
    let mut recorder = Recorder::new(gpu);
    let outputs = record(&mut recorder)?;
    recorder.submit()?;
    Ok(outputs)
}

/// The bytes of a tensor that certainly fit a binding, wherever in its buffer it starts.
fn bindable(gpu: &Gpu) -> u64 {
    let alignment = u64::from(gpu.capabilities().limits.min_storage_buffer_offset_alignment);
    gpu.capabilities().max_binding().saturating_sub(alignment)
}

/// Cuts `whole` into pieces of `length`, the last perhaps shorter.
fn pieces(whole: Range<u32>, length: u32) -> impl Iterator<Item = Range<u32>> {
    let end = whole.end;
    whole.step_by(length.max(1) as usize).map(move |start| start..end.min(start.saturating_add(length.max(1))))
}

/// How many of `all`, but one at least, a kernel does at a time, which says how many iterations its loops take with so many.
fn at_once(gpu: &Gpu, all: u32, iterations: impl Fn(u32) -> Iterations) -> u32 {
    fitting(gpu.capabilities().iterations_per_invocation(), all, iterations)
}

/// The same for `most` iterations.
fn fitting(most: u64, all: u32, iterations: impl Fn(u32) -> Iterations) -> u32 {
    let (mut fits, mut beyond) = (1, all.saturating_add(1));
    while beyond - fits > 1 {
        let middle = fits + (beyond - fits) / 2;
        if iterations(middle).taken <= most { fits = middle } else { beyond = middle }
    }
    fits
}

/// Has `dispatch` do a piece, or, where that meets a limit before anything is recorded, its halves along the outermost axis that can be
/// halved. An empty piece needs nothing.
fn in_pieces<const N: usize>(
    piece: [Range<u32>; N],
    dispatch: &mut impl FnMut(&[Range<u32>; N]) -> Result<()>,
) -> Result<()> {
    if piece.iter().any(Range::is_empty) {
        return Ok(());
    }
    let error = match dispatch(&piece) {
        Err(error @ Error::Limit { .. }) => error,
        done => return done,
    };
    let Some(axis) = piece.iter().position(|range| range.end - range.start > 1) else { return Err(error) };
    let Range { start, end } = piece[axis];
    let middle = start + (end - start) / 2;
    [start..middle, middle..end].into_iter().try_for_each(|half| {
        let mut piece = piece.clone();
        piece[axis] = half;
        in_pieces(piece, dispatch)
    })
}
