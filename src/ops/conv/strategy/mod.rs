//! A convolution by a strategy: what a plan keeps of it.

pub(crate) mod choice;
mod depthwise;
mod fused;
mod im2col;
mod im2col_backward;
mod planes;
mod problem;
pub(crate) mod rule;
mod stem;
mod tiles;
#[cfg(not(target_arch = "wasm32"))]
mod tuning;
mod winograd;

use std::fmt;
use std::sync::OnceLock;

use choice::Choice;
use fused::FusedConvolution;
use im2col::Im2colConvolution;
use im2col_backward::Im2colBackward;
pub(crate) use problem::Problem;
pub use rule::Strategy;
#[cfg(not(target_arch = "wasm32"))]
pub use tuning::{Candidate, Outcome, Tuned};
use winograd::WinogradConvolution;
pub(crate) use winograd::WinogradWeight;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, DeformConv2dGradients, Deformation, Members, Of, Output};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::activation::Activation;
use crate::ops::conv::chains::Chaining;
use crate::ops::conv::columns::SampleSource;
use crate::ops::packing::{Packed, Packing, Packs};
use crate::ops::plan::{Argument, Destination, Kernels, Plan, ToSpec, get_or_try_init};

/// Compiles what the forward pass of any convolution may need on this device, beside what a plan of one pixel does.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    if gpu.capabilities().software() {
        im2col::compile_all(gpu)?;
        if gpu.capabilities().textures() { winograd::compile_all(gpu) } else { Ok(()) }
    } else {
        fused::compile_all(gpu)
    }
}

/// A convolution, plain or deformable, by a strategy.
pub struct Convolution {
    geometry: Conv2dGeometry,
    deformation: Option<Deformation>,
    /// The element types of data and weight.
    dtypes: [DType; 2],
    choice: Choice,
    forward: Forward,
    /// The columns, where the forward pass has none; made by the first pass that needs them, as is `backward`.
    columns: OnceLock<Im2colConvolution>,
    backward: OnceLock<Im2colBackward>,
}

enum Forward {
    Im2col(Im2colConvolution),
    Fused(FusedConvolution),
    Winograd(WinogradConvolution),
}

impl fmt::Debug for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Convolution").field("choice", &format_args!("{}", self.choice)).finish_non_exhaustive()
    }
}

impl Convolution {
    /// Plans a convolution by the choice that is kept for its problem, or else by the rule.
    pub(crate) fn new(gpu: &Gpu, problem: &Problem) -> Result<Self> {
        Self::by(gpu, problem, Choice::of(gpu, problem)?)
    }

    /// Plans a convolution by a choice.
    fn by(gpu: &Gpu, problem: &Problem, choice: Choice) -> Result<Self> {
        let Problem { geometry, deformation, dtypes } = *problem;
        let forward = match choice {
            Choice::Im2col => Forward::Im2col(Im2colConvolution::new(gpu, geometry, deformation, dtypes)?),
            Choice::Fused { family, splits } => Forward::Fused(FusedConvolution::new(gpu, problem, family, splits)?),
            Choice::Winograd => Forward::Winograd(WinogradConvolution::new(gpu, problem)?),
        };
        Ok(Self { geometry, deformation, dtypes, choice, forward, columns: OnceLock::new(), backward: OnceLock::new() })
    }

    /// The order in which it packs a weight.
    fn packing(&self) -> Packing {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.packing,
            Forward::Fused(convolution) => convolution.packing,
            Forward::Winograd(convolution) => convolution.packing,
        }
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(crate) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed> {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.pack_weight(recorder, weight),
            Forward::Fused(convolution) => convolution.pack_weight(recorder, weight),
            Forward::Winograd(convolution) => convolution.pack_weight(recorder, weight),
        }
    }

    /// Records the convolution.
    pub(crate) fn forward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: Argument,
        bias: Option<Argument>,
        activation: Activation,
        output: &Tensor,
    ) -> Result<()> {
        let bias = bias.map(|bias| bias.wide(recorder)).transpose()?;
        match &self.forward {
            Forward::Im2col(convolution) => {
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source, &weight, (bias.as_ref(), activation), output.into())
            }
            Forward::Fused(convolution) => {
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source, &weight, (bias.as_ref(), activation), output)
            }
            Forward::Winograd(convolution) if convolution.is_by_columns(weight) => {
                let gpu = recorder.gpu().clone();
                let convolution = self.columns(&gpu)?;
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source, &weight, (bias.as_ref(), activation), output.into())
            }
            Forward::Winograd(convolution) => {
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source.input, &weight, (bias.as_ref(), activation), output)
            }
        }
    }

    /// Records the vector-Jacobian products that have a destination.
    pub(crate) fn backward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<Destination>,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        let (convolution, backward) = self.by_columns(&gpu)?;
        convolution.backward(recorder, backward, source, weight, grad_output, destinations)
    }

    /// Compiles what the backward pass needs.
    pub(crate) fn compile_backward(&self, gpu: &Gpu) -> Result<()> {
        self.by_columns(gpu).map(drop)
    }

    /// The convolution by columns, compiled by the first call where the forward pass is another.
    fn columns(&self, gpu: &Gpu) -> Result<&Im2colConvolution> {
        match &self.forward {
            Forward::Im2col(convolution) => Ok(convolution),
            Forward::Fused(_) | Forward::Winograd(_) => {
                let columns = || Im2colConvolution::new(gpu, self.geometry, self.deformation, self.dtypes);
                get_or_try_init(&self.columns, columns)
            }
        }
    }

    /// The columns and the plan of the backward pass, compiled by the first call.
    fn by_columns(&self, gpu: &Gpu) -> Result<(&Im2colConvolution, &Im2colBackward)> {
        let convolution = self.columns(gpu)?;
        let chaining = match &self.forward {
            Forward::Im2col(_) | Forward::Winograd(_) => Chaining::of(gpu.capabilities()),
            Forward::Fused(_) => Chaining::Sorted,
        };
        let backward = || Im2colBackward::new(gpu, convolution, self.dtypes, chaining);
        let backward = get_or_try_init(&self.backward, backward)?;
        Ok((convolution, backward))
    }
}

/// An op that is a [`Convolution`].
pub(crate) trait Convolves: Kernels<Compiled = Convolution, Outputs = Output> {
    /// The problem of the convolution.
    fn problem(geometry: &Self::Geometry, inputs: &Of<Self::Inputs, TensorSpec>) -> Problem;
}

#[expect(private_bounds, reason = "no op of others is a convolution of ours")]
impl<O: Convolves> Plan<O> {
    /// Makes the plan with the strategy forced, if one is given: with the rule's kernel and splits, whatever was measured.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where the strategy is not applicable; [`Error::Shape`](crate::Error::Shape),
    /// [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn with_strategy<S: ToSpec>(
        gpu: &Gpu,
        op: &O,
        inputs: &Of<O::Inputs, S>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = op.geometry(&O::Inputs::map(inputs, |input| input.to_spec().shape))?;
        let Some(strategy) = strategy else { return Self::compiled_by(gpu, geometry, inputs, O::compile) };
        Self::compiled_by(gpu, geometry, inputs, |gpu, geometry, specs| {
            let problem = O::problem(geometry, specs);
            Convolution::by(gpu, &problem, Choice::by_strategy(gpu, &problem, strategy)?)
        })
    }

    /// The family of kernels that does the forward pass.
    pub fn strategy(&self) -> Strategy {
        self.compiled().choice.strategy()
    }
}

impl<O: Convolves> Packs for O {
    const PACKED: &'static str = "weight";

    fn packing(plan: &Plan<Self>) -> Packing {
        plan.compiled().packing()
    }

    fn pack(plan: &Plan<Self>, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed> {
        plan.compiled().pack_weight(recorder, weight)
    }
}
