//! The public verbs: each an op (attributes), its plan (what a model keeps), and the short way over a plan found in a cache.
//!
//! Ops compose kernels. Shapes have been checked by the geometry; what is decided here is which kernels, in which pieces.

mod bilinear_sample;
mod columns;
mod conv2d;
mod convert;
mod deform_conv2d;
mod deform_im2col;
mod im2col;
mod matmul;
mod strategy;

pub use bilinear_sample::BilinearSamplePlan;
pub use conv2d::Conv2dPlan;
pub use deform_conv2d::DeformConv2dPlan;
pub use deform_im2col::DeformIm2colPlan;
pub use im2col::Im2colPlan;
pub use matmul::MatmulPlan;
pub use strategy::Strategy;

use std::ops::Range;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::convert::CONVERT;
use crate::shape::Shape;

/// The arguments of an op by name; an optional one may be absent.
type Named<'a, T, const N: usize> = [(&'static str, Option<&'a T>); N];

/// What every plan keeps: whose it is, what it was made for, what it gives.
struct Contract<I> {
    gpu: u64,
    inputs: I,
    output: TensorSpec,
}

impl<I> Contract<I> {
    /// The output has the element type of the first input. Compiles what element types need.
    fn new<const N: usize>(
        gpu: &Gpu,
        inputs: I,
        named: impl Fn(&I) -> Named<TensorSpec, N>,
        output: Shape,
    ) -> Result<Self> {
        let dtypes: Vec<_> = named(&inputs).into_iter().filter_map(|(_, spec)| Some(spec?.dtype)).collect();
        if dtypes.iter().any(|dtype| *dtype != DType::F32) {
            gpu.compile(&CONVERT)?;
        }
        let dtype = dtypes.first().copied().unwrap_or(DType::F32);
        Ok(Self { gpu: gpu.id(), inputs, output: TensorSpec { shape: output, dtype } })
    }

    /// Refuses tensors other than those the plan was made for.
    fn check<const N: usize>(
        &self,
        recorder: &Recorder,
        planned: impl Fn(&I) -> Named<TensorSpec, N>,
        given: Named<&Tensor, N>,
        output: &Tensor,
    ) -> Result<()> {
        if recorder.gpu().id() != self.gpu {
            return Err(Error::attribute(
                "recorder",
                "the recorder is on one device and the plan was made for another",
            ));
        }
        let output_spec = Some(&self.output);
        let arguments = planned(&self.inputs)
            .into_iter()
            .zip(given)
            .map(|((argument, spec), (_, tensor))| (argument, spec, tensor.copied()));
        for (argument, spec, tensor) in arguments.chain([("output", output_spec, Some(output))]) {
            match (spec, tensor) {
                (None, None) => {}
                (Some(spec), Some(tensor)) => {
                    recorder.check(argument, tensor)?;
                    let has = tensor.spec();
                    if has.shape != spec.shape {
                        let message = format!("{argument} is {}; the plan was made for {}", has.shape, spec.shape);
                        return Err(Error::shape(argument, message));
                    }
                    if has.dtype != spec.dtype {
                        let message = format!("{argument} holds {}; the plan was made for {}", has.dtype, spec.dtype);
                        return Err(Error::dtype(argument, message));
                    }
                    if argument != "output" && tensor.buffer() == output.buffer() {
                        let message = format!(
                            "output lies in the same buffer as {argument}; a buffer that is written can't be read"
                        );
                        return Err(Error::attribute("output", message));
                    }
                }
                (Some(_), None) => {
                    return Err(Error::shape(argument, format!("{argument} is absent; the plan was made with one")));
                }
                (None, Some(_)) => {
                    return Err(Error::shape(argument, format!("{argument} was given; the plan was made without one")));
                }
            }
        }
        Ok(())
    }

    fn output(&self, recorder: &Recorder) -> Result<Tensor> {
        Tensor::new(recorder.gpu(), self.output.shape, self.output.dtype)
    }
}

/// Records with `record` and submits: the short way of every op.
fn run(gpu: &Gpu, record: impl FnOnce(&mut Recorder) -> Result<Tensor>) -> Result<Tensor> {
    let mut recorder = Recorder::new(gpu);
    let output = record(&mut recorder)?;
    recorder.submit()?;
    Ok(output)
}

/// Cuts `whole` into pieces of `length`, the last perhaps shorter.
fn pieces(whole: Range<u32>, length: u32) -> impl Iterator<Item = Range<u32>> {
    let end = whole.end;
    whole.step_by(length.max(1) as usize).map(move |start| start..end.min(start.saturating_add(length.max(1))))
}
