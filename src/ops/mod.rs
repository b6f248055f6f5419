//! The public verbs: each an op (attributes), its plan (what a model keeps), and the short way over a plan found in a cache.
//!
//! Ops compose kernels. Shapes have been checked by the geometry; what is decided here is which kernels, in which pieces.

mod conv;
mod elementwise;
mod matmul;
mod movement;
pub(crate) mod plan;
mod reduce;
mod roi;
mod sample;
mod train;

pub use conv::conv2d::Conv2dPlan;
pub use conv::deform_conv2d::DeformConv2dPlan;
pub use conv::deform_im2col::DeformIm2colPlan;
pub use conv::im2col::Im2colPlan;
pub use conv::strategy::Strategy;
pub use conv::weight::{PackedWeight, Weight};
pub use elementwise::batch_norm::BatchNormPlan;
pub use elementwise::binary::BinaryPlan;
pub use elementwise::unary::UnaryPlan;
pub use matmul::matmul::MatmulPlan;
pub use movement::concat::ConcatPlan;
pub use movement::split::SplitPlan;
pub use plan::Destination;
pub use reduce::global_average_pool::GlobalAveragePoolPlan;
pub use roi::deform_ps_roi_pool::DeformPsRoiPoolPlan;
pub use roi::deform_roi_pool::DeformRoiPoolPlan;
pub use roi::roi_align::RoiAlignPlan;
pub use sample::bilinear_sample::BilinearSamplePlan;
pub use train::adam::AdamPlan;
pub use train::cross_entropy::CrossEntropyPlan;
pub use train::sgd::SgdPlan;

pub(crate) use elementwise::offset_field;
pub(crate) use plan::{
    Argument, Contract, Gradient, Named, check_apart, get_or_try_init, plan, printed, rounded, widened,
};
