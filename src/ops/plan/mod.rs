//! Plans: the one skeleton of all ops. A plan checks its arguments, makes outputs, widens inputs of 16 bits, rounds outputs, and keeps what
//! was compiled.
//!
//! An op brings its [`Kernels`] and, where it is differentiated, [`Differentiable`]; a short way and its plan's name come from the list in
//! `ops/mod.rs`.

mod argument;
mod check;
mod convert;
mod gradient;
mod pieces;
mod short;
mod warm_up;

pub(crate) use argument::Widened;
pub use argument::{Argument, Destination, ToArgument, ToDestination, ToSpec};

pub(crate) use check::check_apart;
pub(crate) use convert::{RowLayout, round, rounded, widen, widened};
pub(crate) use gradient::{Gradient, get_or_try_init};
pub(crate) use pieces::{at_once, bindable, fitting, in_pieces, in_units, pieces};
pub(crate) use short::{backward, backward_of, forward};
pub(crate) use warm_up::{warm_up, warm_up_backward};

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Members, Of, Op, Wanted, check_elements, no_input};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec, WasmNotSendSync};
use crate::kernels::activation::Activation;
use crate::kernels::movement;

/// An op that runs on a device.
pub trait Kernels: Op {
    /// State of a plan beside the checked problem: tables, choices, plans of other ops.
    type Compiled: fmt::Debug + WasmNotSendSync + 'static;

    /// Whether the kernels know f32 alone: then the plan widens inputs and gradients of 16 bits before it records, and rounds behind.
    const WIDENED: bool = true;
    /// The inputs that are updated in place.
    const UPDATED: &'static [&'static str] = &[];

    /// Whether an input may hold elements of this type: floats alone, unless the op says otherwise.
    fn takes(_: &Self::Geometry, _input: &'static str, dtype: DType) -> bool {
        dtype.is_float()
    }

    /// The element type of an output: that of the first input, unless the op says otherwise.
    fn output_dtype(_: &Self::Geometry, _output: &'static str, first: DType) -> DType {
        first
    }

    /// Compiles what the forward pass needs.
    fn compile(gpu: &Gpu, geometry: &Self::Geometry, inputs: &Of<Self::Inputs, TensorSpec>) -> Result<Self::Compiled>;

    /// Records the forward pass. Everything has been checked.
    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Of<Self::Inputs, Argument>,
        outputs: &Of<Self::Outputs, Tensor>,
    ) -> Result<()>;

    /// Multiplications and additions of the forward pass's contraction; 0 where it has none.
    fn flops(_: &Self::Geometry) -> u64 {
        0
    }

    /// Whether other attributes give the same plan, bit for bit: floats that are equal may be zeros of either sign.
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    /// A smallest problem that needs all kernels of the op.
    fn smallest() -> (Self, Of<Self::Inputs, TensorSpec>);
}

/// Has what a plan keeps printed by its name alone: the rest is kernels and tables.
macro_rules! opaque {
    ($type:ident) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque;

/// An op with a backward pass.
pub trait Differentiable: Kernels {
    /// The structure of the gradients, named after inputs.
    type Gradients: Members;

    /// Whether the plan widens the gradient of the output, and rounds the gradients behind.
    const GRADIENTS_WIDENED: bool = Self::WIDENED;

    /// Records the vector-Jacobian products that have a destination. Everything has been checked; inputs are as they were given.
    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Of<Self::Inputs, Argument>,
        grad_outputs: &Of<Self::Outputs, Tensor>,
        destinations: &Of<Self::Gradients, Destination>,
    ) -> Result<()>;
}

/// An op bound to a device, shapes and element types: what a model keeps.
///
/// Each op has a name for its own: [`DeformConv2dPlan`](crate::DeformConv2dPlan) is `Plan<DeformConv2d>`.
pub struct Plan<O: Kernels> {
    gpu: u64,
    geometry: O::Geometry,
    inputs: Vec<(&'static str, Option<TensorSpec>)>,
    /// The element type of the first input.
    dtype: DType,
    /// The function that each element of the output is put through, of an op that records products.
    activation: Activation,
    compiled: O::Compiled,
}

fn first_dtype<O: Kernels>(inputs: &Of<O::Inputs, TensorSpec>) -> DType {
    O::Inputs::present(inputs).next().map_or(DType::F32, |(_, spec)| spec.dtype)
}

fn outputs<O: Kernels>(geometry: &O::Geometry, first: DType) -> Of<O::Outputs, TensorSpec> {
    let Ok(specs) = O::Outputs::try_map_named(&O::output_shapes(geometry), |name, &shape| {
        let dtype = O::output_dtype(geometry, name, first);
        Ok::<_, Infallible>(TensorSpec { shape, dtype })
    });
    specs
}

/// Checks the problem without a device; shape and element type of the output, or of each of several.
#[cfg(feature = "onnx")]
pub(crate) fn output_specs<O: Kernels>(
    op: &O,
    inputs: &Of<O::Inputs, TensorSpec>,
) -> Result<Of<O::Outputs, TensorSpec>> {
    let geometry = op.geometry(&O::Inputs::map(inputs, |spec| spec.shape))?;
    check::taken::<O>(&geometry, inputs)?;
    Ok(outputs::<O>(&geometry, first_dtype::<O>(inputs)))
}

impl<O: Kernels> Plan<O> {
    /// Checks the problem, chooses kernels, and compiles what the forward pass needs. `inputs` are tensors or their specs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree;
    /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn new<S: ToSpec>(gpu: &Gpu, op: &O, inputs: &Of<O::Inputs, S>) -> Result<Self> {
        let geometry = op.geometry(&O::Inputs::map(inputs, |input| input.to_spec().shape))?;
        Self::compiled_by(gpu, geometry, inputs, O::compile)
    }

    /// Binds a problem that has been checked. `inputs` are tensors or their specs, in the shapes of the problem.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where an input has another shape than the problem; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn of<S: ToSpec>(gpu: &Gpu, geometry: O::Geometry, inputs: &Of<O::Inputs, S>) -> Result<Self> {
        let specs = O::Inputs::map(inputs, ToSpec::to_spec);
        check::same_shapes(O::Inputs::named(&O::input_shapes(&geometry)), O::Inputs::named(&specs))?;
        // The columns of a window, which a geometry does not count.
        O::Outputs::present(&O::output_shapes(&geometry)).try_for_each(|(name, shape)| check_elements(name, *shape))?;
        Self::compiled_by(gpu, geometry, inputs, O::compile)
    }

    /// Binds a problem that has been checked, compiled by `compile`.
    pub(crate) fn compiled_by<S: ToSpec>(
        gpu: &Gpu,
        geometry: O::Geometry,
        inputs: &Of<O::Inputs, S>,
        compile: impl FnOnce(&Gpu, &O::Geometry, &Of<O::Inputs, TensorSpec>) -> Result<O::Compiled>,
    ) -> Result<Self> {
        let specs = O::Inputs::map(inputs, ToSpec::to_spec);
        let inputs: Vec<_> = O::Inputs::named(&specs).map(|(name, spec)| (name, spec.copied())).collect();
        check::taken::<O>(&geometry, &specs)?;
        if O::Inputs::present(&specs).any(|(_, spec)| spec.dtype.is_narrow()) {
            gpu.compile::<movement::convert::Kernel>(())?;
        }
        let dtype = first_dtype::<O>(&specs);
        let compiled = compile(gpu, &geometry, &specs)?;
        Ok(Self { gpu: gpu.id(), geometry, inputs, dtype, activation: Activation::default(), compiled })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &O::Geometry {
        &self.geometry
    }

    /// Shape and element type of the output, or of each of several. Outputs have the element type of the first input, unless the op says
    /// otherwise.
    pub fn output_spec(&self) -> Of<O::Outputs, TensorSpec> {
        outputs::<O>(&self.geometry, self.dtype)
    }

    pub(crate) fn compiled(&self) -> &O::Compiled {
        &self.compiled
    }

    /// The plan with a function that its kernels put each element of the output through: see ops/ends.rs.
    #[cfg(feature = "onnx")]
    pub(crate) fn ending_with(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    pub(crate) fn activation(&self) -> Activation {
        self.activation
    }

    /// Records the op into a new tensor, or one for each of several outputs, of [`Plan::output_spec`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType), [`Error::Attribute`](crate::Error::Attribute) where an
    /// input is not what the plan was made for; [`Error::Device`](crate::Error::Device) where it lies elsewhere;
    /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn forward<A: ToArgument>(
        &self,
        recorder: &mut Recorder,
        inputs: &Of<O::Inputs, A>,
    ) -> Result<Of<O::Outputs, Tensor>> {
        let outputs = self.new_outputs(recorder)?;
        self.forward_into::<A, Tensor>(recorder, inputs, &outputs)?;
        Ok(outputs)
    }

    /// Records the op into the outputs given, of [`Plan::output_spec`], which are overwritten.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Device`](crate::Error::Device) where one lies elsewhere; [`Error::Aliased`](crate::Error::Aliased) where an output shares
    /// its buffer with an input, or two outputs overlap; [`Error::Attribute`](crate::Error::Attribute) where a weight was packed for other
    /// groups or another strategy; [`Error::Limit`](crate::Error::Limit) where the smallest piece of the work is beyond what the device
    /// binds.
    pub fn forward_into<A: ToArgument, T: Borrow<Tensor>>(
        &self,
        recorder: &mut Recorder,
        inputs: &Of<O::Inputs, A>,
        outputs: &Of<O::Outputs, T>,
    ) -> Result<()> {
        let inputs = O::Inputs::map(inputs, ToArgument::to_argument);
        let outputs = O::Outputs::map(outputs, |output| output.borrow().clone());
        self.check_forward(recorder, &inputs, &outputs)?;
        recorder.op(|recorder| {
            if !O::WIDENED {
                return O::record(self, recorder, &inputs, &outputs);
            }
            let wide = O::Inputs::try_map(&inputs, |input| input.widened(recorder))?;
            let inner = O::Outputs::try_map(&outputs, |output| match output.dtype() {
                dtype if dtype.is_narrow() => recorder.workspace(output.shape()),
                _ => Ok(output.clone()),
            })?;
            O::record(self, recorder, &O::Inputs::map(&wide, Widened::argument), &inner)?;
            for ((_, output), (_, inner)) in O::Outputs::present(&outputs).zip(O::Outputs::present(&inner)) {
                if output.dtype().is_narrow() {
                    round(recorder, inner, output, RowLayout::all(output))?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn new_outputs(&self, recorder: &Recorder) -> Result<Of<O::Outputs, Tensor>> {
        O::Outputs::try_map(&self.output_spec(), |spec| Tensor::new(recorder.gpu(), spec.shape, spec.dtype))
    }
}

impl<O: Differentiable> Plan<O> {
    /// Records the vector-Jacobian products of `grad_output` with every input that there is and that has one, into new tensors in the
    /// shapes of the inputs: the gradients of a loss whose gradient by the output is `grad_output`.
    ///
    /// The first call compiles what the backward pass needs. [`guide::gradients`](crate::guide::gradients) tells of all ways.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType), [`Error::Attribute`](crate::Error::Attribute) where a
    /// tensor is not what the plan was made for; [`Error::Device`](crate::Error::Device) where it lies elsewhere;
    /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn backward<A: ToArgument, T: Borrow<Tensor>>(
        &self,
        recorder: &mut Recorder,
        inputs: &Of<O::Inputs, A>,
        grad_output: &Of<O::Outputs, T>,
    ) -> Result<Of<O::Gradients, Tensor>> {
        let gradients = self.new_gradients(recorder)?;
        self.backward_into::<A, T, Tensor>(recorder, inputs, grad_output, &gradients)?;
        Ok(gradients)
    }

    /// Tensors for the gradients of all inputs that there are and that have one.
    pub(crate) fn new_gradients(&self, recorder: &Recorder) -> Result<Of<O::Gradients, Tensor>> {
        let mut planned = self.planned_gradients();
        let specs = O::Gradients::build(|name| planned.next(name).ok().flatten()).map_err(no_input)?;
        O::Gradients::try_map(&specs, |spec| Tensor::new(recorder.gpu(), spec.shape, spec.dtype))
    }

    /// Records the vector-Jacobian products that are wanted, into new tensors; `wanted` names no input that is absent.
    ///
    /// ```no_run
    /// use pliant::{DeformConv2dGradients, DeformConv2dInputs, DeformConv2dPlan, Recorder, Tensor};
    ///
    /// # fn example(
    /// #     plan: DeformConv2dPlan, recorder: &mut Recorder, inputs: DeformConv2dInputs<Tensor>, grad_output: Tensor,
    /// # ) -> pliant::Result<()> {
    /// let wanted = DeformConv2dGradients::NONE.offset().weight();
    /// let gradients = plan.backward_of(recorder, &inputs, &grad_output, &wanted)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType), [`Error::Attribute`](crate::Error::Attribute) where a
    /// tensor is not what the plan was made for, and `Shape` for the gradient of an input that is absent;
    /// [`Error::Device`](crate::Error::Device) where a tensor lies elsewhere; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn backward_of<A: ToArgument, T: Borrow<Tensor>>(
        &self,
        recorder: &mut Recorder,
        inputs: &Of<O::Inputs, A>,
        grad_output: &Of<O::Outputs, T>,
        wanted: &Of<O::Gradients, Wanted>,
    ) -> Result<Of<O::Gradients, Tensor>> {
        self.check_count(O::Gradients::LIST, O::Gradients::named(wanted))?;
        let (mut planned, mut specs) = (self.planned_gradients(), Vec::new());
        for (name, wanted) in O::Gradients::named(wanted) {
            let spec = planned.next(name);
            if wanted.is_some() {
                specs.push(spec?.ok_or_else(|| no_input(name))?);
            }
        }
        let mut specs = specs.into_iter();
        let specs = O::Gradients::try_map_named(wanted, |name, Wanted| specs.next().ok_or_else(|| no_input(name)))?;
        let gradients = O::Gradients::try_map(&specs, |spec| Tensor::new(recorder.gpu(), spec.shape, spec.dtype))?;
        self.backward_into::<A, T, Tensor>(recorder, inputs, grad_output, &gradients)?;
        Ok(gradients)
    }

    /// Records the vector-Jacobian products that have a destination, in the shape of their input, which is written or added to. Nothing is
    /// kept from the forward pass.
    ///
    /// The same inputs give the same bits on a device, whatever runs beside.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType), [`Error::Attribute`](crate::Error::Attribute) where a
    /// tensor is not what the plan was made for, and `Shape` for the gradient of an input that is absent;
    /// [`Error::Device`](crate::Error::Device) where a tensor lies elsewhere; [`Error::Aliased`](crate::Error::Aliased) where a gradient
    /// shares its buffer with a tensor that is read, or two gradients overlap; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn backward_into<A: ToArgument, T: Borrow<Tensor>, D: ToDestination>(
        &self,
        recorder: &mut Recorder,
        inputs: &Of<O::Inputs, A>,
        grad_output: &Of<O::Outputs, T>,
        destinations: &Of<O::Gradients, D>,
    ) -> Result<()> {
        let inputs = O::Inputs::map(inputs, ToArgument::to_argument);
        let grad_outputs = O::Outputs::map(grad_output, |grad| grad.borrow().clone());
        let destinations = O::Gradients::map(destinations, ToDestination::to_destination);
        self.check_backward(recorder, &inputs, &grad_outputs, &destinations)?;
        recorder.op(|recorder| {
            if !O::GRADIENTS_WIDENED {
                return O::record_backward(self, recorder, &inputs, &grad_outputs, &destinations);
            }
            let grad_outputs = O::Outputs::try_map(&grad_outputs, |grad| widened(recorder, grad))?;
            let gradients =
                O::Gradients::try_map(&destinations, |&destination| Gradient::begin(recorder, destination))?;
            let inner = O::Gradients::map(&gradients, Gradient::destination);
            O::record_backward(self, recorder, &inputs, &grad_outputs, &inner)?;
            O::Gradients::present(&gradients).try_for_each(|(_, gradient)| gradient.finish(recorder))
        })
    }
}

impl<O: Kernels> fmt::Debug for Plan<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plan = f.debug_struct("Plan");
        let outputs = self.output_spec();
        let outputs: Vec<_> = O::Outputs::present(&outputs).map(|(_, spec)| spec).collect();
        plan.field("inputs", &self.inputs).field("outputs", &outputs).field("geometry", &self.geometry);
        plan.field("compiled", &self.compiled).finish_non_exhaustive()
    }
}
