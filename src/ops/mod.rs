//! Ops: which kernels, in which pieces.
//!
//! Shapes have been checked by the geometry; what all ops have in common is in [`plan`].

pub(crate) mod conv;
mod elementwise;
mod matmul;
mod movement;
pub(crate) mod plan;
mod reduce;
mod roi;
mod sample;
mod train;

pub use conv::strategy::Strategy;
pub use conv::weight::PackedWeight;
pub use plan::{Argument, Destination, Differentiable, Kernels, Plan, ToArgument, ToDestination, ToSpec};

#[cfg(feature = "onnx")]
pub(crate) use conv::strategy::Convolves;

use crate::error::Result;
use crate::geometry::{
    Adam, BatchNorm, BilinearSample, Binary, Concat, Conv2d, CrossEntropy, DeformConv2d, DeformIm2col, DeformPsRoiPool,
    DeformRoiPool, GlobalAveragePool, Im2col, Matmul, RoiAlign, Sgd, Split, Unary,
};
use crate::gpu::{Gpu, Recorder};

/// Names the plan of each op, gives the op its short way, and lists what warms it up.
macro_rules! ops {
    (
        forward: $($forward:ident => $forward_plan:ident),+;
        and backward: $($both:ident => $both_plan:ident),+;
        steps: $($step:ident => $step_plan:ident),+;
    ) => {
        $($crate::ops::plan_of!($forward => $forward_plan);)+
        $($crate::ops::plan_of!($both => $both_plan);)+
        $($crate::ops::plan_of!($step => $step_plan);)+
        $($crate::ops::short_way!($forward);)+
        $($crate::ops::short_way!($both);)+
        $($crate::ops::short_way_back!($both);)+

        /// Functions that record the smallest problem of each op: forward, and backward or a step.
        const FORWARD: &[fn(&Gpu, &mut Recorder) -> Result<()>] =
            &[$(plan::warm_up::<$forward>,)+ $(plan::warm_up::<$both>,)+];
        const BACKWARD: &[fn(&Gpu, &mut Recorder) -> Result<()>] =
            &[$(plan::warm_up_backward::<$both>,)+ $(plan::warm_up::<$step>,)+];
    };
}

macro_rules! plan_of {
    ($op:ident => $plan:ident) => {
        #[doc = concat!("A [`", stringify!($op), "`] bound to a device, shapes and element types.")]
        pub type $plan = $crate::ops::Plan<$op>;
    };
}
pub(crate) use plan_of;

macro_rules! short_way {
    ($op:ident) => {
        impl $op {
            /// Does the op into new tensors and submits it, by a plan that is kept for tensors like these.
            ///
            /// # Errors
            /// As [`Plan::new`](crate::Plan::new) and [`Plan::forward`](crate::Plan::forward).
            pub fn forward<A: $crate::ops::ToArgument>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::forward::<Self, A>(self, inputs)
            }
        }
    };
}
pub(crate) use short_way;

macro_rules! short_way_back {
    ($op:ident) => {
        impl $op {
            /// Computes the vector-Jacobian products of `grad_output` with every input that there is and that has one, in new tensors, and
            /// submits it.
            ///
            /// # Errors
            /// As [`Plan::new`](crate::Plan::new) and [`Plan::backward`](crate::Plan::backward).
            pub fn backward<A: $crate::ops::ToArgument, T: std::borrow::Borrow<$crate::gpu::Tensor>>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
                grad_output: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, T>,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::ops::Differentiable>::Gradients, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::backward::<Self, A, T>(self, inputs, grad_output)
            }

            /// Computes the vector-Jacobian products that are wanted, in new tensors, and submits it.
            ///
            /// # Errors
            /// As [`Plan::new`](crate::Plan::new) and [`Plan::backward_of`](crate::Plan::backward_of).
            pub fn backward_of<A: $crate::ops::ToArgument, T: std::borrow::Borrow<$crate::gpu::Tensor>>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
                grad_output: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, T>,
                wanted: &$crate::geometry::Of<
                    <Self as $crate::ops::Differentiable>::Gradients,
                    $crate::geometry::Wanted,
                >,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::ops::Differentiable>::Gradients, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::backward_of::<Self, A, T>(self, inputs, grad_output, wanted)
            }
        }
    };
}
pub(crate) use short_way_back;

ops! {
    forward:
        Im2col => Im2colPlan,
        DeformIm2col => DeformIm2colPlan;
    and backward:
        BatchNorm => BatchNormPlan,
        BilinearSample => BilinearSamplePlan,
        Binary => BinaryPlan,
        Concat => ConcatPlan,
        Conv2d => Conv2dPlan,
        CrossEntropy => CrossEntropyPlan,
        DeformConv2d => DeformConv2dPlan,
        DeformPsRoiPool => DeformPsRoiPoolPlan,
        DeformRoiPool => DeformRoiPoolPlan,
        GlobalAveragePool => GlobalAveragePoolPlan,
        Matmul => MatmulPlan,
        RoiAlign => RoiAlignPlan,
        Split => SplitPlan,
        Unary => UnaryPlan;
    steps:
        Adam => AdamPlan,
        Sgd => SgdPlan;
}
