//! Calls on burn's backends: run on wgpu's, deferred by fusion, noted for differentiation.

#![allow(missing_debug_implementations, reason = "what burn derives for fusion has none")]

use std::array;
use std::sync::Arc;

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use crate::call::Call;
use crate::run::run;

/// A call in the form that crosses burn's backends.
pub type Handle = Arc<dyn Call>;

/// The most inputs of a call.
const MOST: usize = 13;

/// Declares the lists of tensors, by their length: burn carries no others across its backends.
macro_rules! tensors {
    ($($length:ident($($tensor:ident),+);)+) => {
        /// The inputs of a call that there are, or the gradients of those that are wanted, in order.
        #[derive(ExtensionType)]
        #[extension_type(fusion)]
        pub enum Tensors<B: Backend> {
            $($length($(#[doc = stringify!($tensor)] FloatTensor<B>),+),)+
        }

        impl<B: Backend> From<Vec<FloatTensor<B>>> for Tensors<B> {
            fn from(tensors: Vec<FloatTensor<B>>) -> Self {
                $(let tensors = match <[FloatTensor<B>; _]>::try_from(tensors) {
                    Ok([$($tensor),+]) => return Self::$length($($tensor),+),
                    Err(tensors) => tensors,
                };)+
                unreachable!("{} tensors were listed; 1 to {MOST} can be", tensors.len())
            }
        }

        impl<B: Backend> From<Tensors<B>> for Vec<FloatTensor<B>> {
            fn from(list: Tensors<B>) -> Self {
                match list {
                    $(Tensors::$length($($tensor),+) => vec![$($tensor),+],)+
                }
            }
        }

        impl TensorsMetadata {
            /// The tensors that are wanted: one at least.
            fn wanted(&self, wanted: &[bool]) -> Self {
                let specs = match self.clone() {
                    $(Self::$length($($tensor),+) => vec![$($tensor),+],)+
                };
                let specs = specs.into_iter().zip(wanted).filter_map(|(spec, wanted)| wanted.then_some(spec));
                let specs: Vec<TensorSpec> = specs.collect();
                $(let specs = match <[TensorSpec; _]>::try_from(specs) {
                    Ok([$($tensor),+]) => return Self::$length($($tensor),+),
                    Err(specs) => specs,
                };)+
                unreachable!("{} gradients were wanted; 1 to {MOST} can be", specs.len())
            }
        }
    };
}
tensors! {
    One(a);
    Two(a, b);
    Three(a, b, c);
    Four(a, b, c, d);
    Five(a, b, c, d, e);
    Six(a, b, c, d, e, f);
    Seven(a, b, c, d, e, f, g);
    Eight(a, b, c, d, e, f, g, h);
    Nine(a, b, c, d, e, f, g, h, i);
    Ten(a, b, c, d, e, f, g, h, i, j);
    Eleven(a, b, c, d, e, f, g, h, i, j, k);
    Twelve(a, b, c, d, e, f, g, h, i, j, k, l);
    Thirteen(a, b, c, d, e, f, g, h, i, j, k, l, m);
}

/// The forward pass, on every backend.
#[backend_extension(Cube, Fusion, Autodiff)]
pub trait Forward: Backend {
    #[fusion(meta = output_spec, id = "pliant_forward")]
    fn forward(#[extension_type] inputs: Tensors<Self>, call: Handle) -> FloatTensor<Self>;
}

/// The backward pass, on the backends that are differentiated.
#[backend_extension(Cube, Fusion)]
pub trait Differentiated: Backend {
    /// Computes the gradients of the inputs that are wanted: some at least.
    #[fusion(meta = |inputs, _, _, wanted| inputs.wanted(wanted), id = "pliant_backward")]
    fn backward(
        #[extension_type] inputs: Tensors<Self>,
        grad_output: FloatTensor<Self>,
        call: Handle,
        wanted: Vec<bool>,
    ) -> Tensors<Self>;
}

fn output_spec(_: &TensorsMetadata, call: &Handle) -> TensorSpec {
    let (shape, dtype) = output_of(call);
    TensorSpec::new(shape, dtype)
}

fn output_of(call: &Handle) -> (Shape, DType) {
    let pliant::TensorSpec { shape, dtype } = call.output();
    let dtype = match dtype {
        pliant::DType::F16 => DType::F16,
        pliant::DType::BF16 => DType::BF16,
        _ => DType::F32,
    };
    (shape.extents().iter().map(|&extent| extent as usize).collect::<Vec<_>>().into(), dtype)
}

fn empty_beside(tensor: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape, dtype)
}

fn contiguous(tensors: Tensors<CubeBackend>) -> Vec<CubeTensor> {
    Vec::from(tensors).into_iter().map(into_contiguous).collect()
}

impl Forward for CubeBackend {
    fn forward(inputs: Tensors<Self>, call: Handle) -> CubeTensor {
        let inputs = contiguous(inputs);
        let (shape, dtype) = output_of(&call);
        let output = empty_beside(&inputs[0], shape, dtype);
        run(call.shared(), &inputs, std::slice::from_ref(&output), |recorder, inputs, outputs| {
            call.forward(recorder, inputs, &outputs[0])
        });
        output
    }
}

impl Differentiated for CubeBackend {
    fn backward(inputs: Tensors<Self>, grad_output: CubeTensor, call: Handle, wanted: Vec<bool>) -> Tensors<Self> {
        let mut read = contiguous(inputs);
        let of_wanted = read.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
        let gradients: Vec<_> =
            of_wanted.map(|(input, _)| empty_beside(input, input.meta.shape().clone(), input.dtype)).collect();
        read.push(into_contiguous(grad_output));
        run(call.shared(), &read, &gradients, |recorder, read, written| {
            let mut written = written.iter().cloned();
            let gradients: Vec<_> = wanted.iter().map(|wanted| wanted.then(|| written.next()).flatten()).collect();
            let (inputs, grad_output) = read.split_at(read.len() - 1);
            call.backward(recorder, inputs, &grad_output[0], &gradients)
        });
        gradients.into()
    }
}

impl<B: Forward + Differentiated, C: CheckpointStrategy> Forward for Autodiff<B, C> {
    /// Computes the call, and notes it where an input is differentiated.
    fn forward(inputs: Tensors<Self>, call: Handle) -> FloatTensor<Self> {
        let inputs = Vec::from(inputs);
        // An input without a gradient leaves its place to the first, which has one, and so does one that is absent.
        let parent = |index| if call.differentiable().get(index) == Some(&true) { &inputs[index] } else { &inputs[0] };
        let nodes: [_; MOST] = array::from_fn(|index| parent(index).node());
        let inputs: Vec<_> = inputs.into_iter().map(|input| input.into_primitive()).collect();
        match Step.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let output = B::forward(inputs.clone().into(), Arc::clone(&call));
                prepared.finish((inputs, call), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::forward(inputs.into(), call)),
        }
    }
}

/// The backward step of a call.
#[derive(Debug)]
struct Step;

impl<B: Differentiated> Backward<B, MOST> for Step {
    type State = (Vec<FloatTensor<B>>, Handle);

    fn backward(self, ops: Ops<Self::State, MOST>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (inputs, call) = ops.state;
        let grad_output = grads.consume::<B>(&ops.node);
        let parents: Vec<_> =
            ops.parents.into_iter().zip(call.differentiable()).map(|(parent, has)| parent.filter(|_| *has)).collect();
        let wanted: Vec<_> = parents.iter().map(Option::is_some).collect();
        if !wanted.contains(&true) {
            return;
        }
        let gradients = Vec::from(B::backward(inputs.into(), grad_output, call, wanted));
        for (parent, gradient) in parents.into_iter().flatten().zip(gradients) {
            grads.register::<B>(parent.id, gradient);
        }
    }
}
