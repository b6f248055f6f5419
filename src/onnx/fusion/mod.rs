//! Fusion: steps that together do what one op does become that op.
//!
//! Rules go over the steps in order, in two passes. Each looks at one step and back at those that its inputs come from, which are known by their ops
//! and by the elements they read, however an exporter wrote them: reshapes and other views are no steps. Steps whose results are then read by
//! none are left out. `Concat` comes last, and looks at all steps at once.

mod activation;
mod attention;
mod branches;
mod channels;
mod concat;
mod deform_attention;
mod deform_conv;
mod graph;
mod movement;
mod normalisation;
mod pointwise;
mod resize;
mod rows;
mod strided;

use std::fmt;

use super::memory::Within;
use super::planner::DeviceValue;
use super::step::Step;
use crate::gpu::{Gpu, TensorSpec};

/// A kind of fusion of a model's steps: of several ops into one, or into others that take less, that do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Batch normalisation, or scale or shift by channel, behind a convolution goes into its weight and bias; into those of deformable and transposed
    /// ones too.
    BatchNorm,
    /// Two convolutions of the same images whose results are added become one, whose weight is the sum of theirs: the branches of RepVGG's blocks.
    Branches,
    /// A bias that is added to each column of a product with a weight goes into the product.
    Bias,
    /// Copies one behind another become one copy, or none: transposes, slices, paddings, rolls and joins of them.
    Copies,
    /// Samples of several levels by grids, their weights and the sum over them become multi-scale deformable attention.
    DeformAttention,
    /// Gathers of the four corners of samples, their shares, a mask and a convolution of windows side by side become a deformable convolution.
    DeformConv,
    /// Two products and a softmax between them, with scale, bias and mask, become scaled dot-product attention.
    Attention,
    /// Products and sums around an error function, a hyperbolic tangent, a sigmoid or bounds become a GELU, a SiLU, a hard swish or a mish.
    Activation,
    /// An activation behind a product, and bounds behind a function of two tensors, go into what stores its result, from behind a copy of that too.
    ProductActivation,
    /// Means, differences and a root become a layer normalisation; scale and shift behind one go into it.
    LayerNorm,
    /// Scale and shift behind an instance normalisation of groups make a group normalisation.
    GroupNorm,
    /// A convolution of one tap behind another convolution becomes one with it, with the product of both weights, where that takes fewer multiplications.
    Pointwise,
    /// A convolution of one tap behind an enlargement of images, by themselves or side by side with others, goes before it.
    Resize,
    /// Parts of a concatenation that lie one behind another are written where they lie in it.
    Concat,
}

impl Rule {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::BatchNorm,
        Self::Branches,
        Self::Bias,
        Self::Copies,
        Self::DeformAttention,
        Self::DeformConv,
        Self::Attention,
        Self::Activation,
        Self::ProductActivation,
        Self::LayerNorm,
        Self::GroupNorm,
        Self::Pointwise,
        Self::Resize,
        Self::Concat,
    ];

    /// The name, as the program has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchNorm => "batch-norm",
            Self::Branches => "branches",
            Self::Bias => "bias",
            Self::Copies => "copies",
            Self::DeformAttention => "deform-attention",
            Self::DeformConv => "deform-conv",
            Self::Attention => "attention",
            Self::Activation => "activation",
            Self::ProductActivation => "product-activation",
            Self::LayerNorm => "layer-norm",
            Self::GroupNorm => "group-norm",
            Self::Pointwise => "pointwise",
            Self::Resize => "resize",
            Self::Concat => "concat",
        }
    }

    fn apply(self) -> graph::Apply {
        match self {
            Self::BatchNorm => channels::batch_norm,
            Self::Branches => branches::branches,
            Self::Bias => channels::bias,
            Self::Copies => movement::copies,
            Self::DeformAttention => deform_attention::deform_attention,
            Self::DeformConv => deform_conv::deform_conv,
            Self::Attention => attention::attention,
            Self::Activation => activation::activation,
            Self::ProductActivation => activation::product_activation,
            Self::LayerNorm => normalisation::layer_norm,
            Self::GroupNorm => normalisation::group_norm,
            Self::Pointwise => pointwise::pointwise,
            Self::Resize => resize::resize,
            // It goes over all steps at once.
            Self::Concat => |_, _| graph::Outcome::None,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Steps, buffers, those of them that lie within others, what the outputs of the model are, and what rules did.
pub(super) struct Fused {
    pub(super) steps: Vec<Step>,
    pub(super) buffers: Vec<TensorSpec>,
    pub(super) within: Within,
    pub(super) outputs: Vec<DeviceValue>,
    pub(super) fusions: Vec<Fusion>,
}

/// The steps that are needed for some outputs, fused by some rules.
pub(super) fn fused(
    gpu: &Gpu,
    steps: Vec<Step>,
    buffers: Vec<TensorSpec>,
    outputs: Vec<DeviceValue>,
    rules: &[Rule],
) -> Fused {
    let steps = graph::needed(steps, buffers.len(), &outputs);
    // Rules of the second pass look at convolutions with all that the first has put into them, and what they leave of these can end with the function
    // behind.
    let second = |rule: &&Rule| matches!(rule, Rule::ProductActivation | Rule::Pointwise | Rule::Resize);
    let (second, first): (Vec<_>, Vec<_>) = rules.iter().partition(second);
    let all = Fused { steps, buffers, within: Within::new(), outputs, fusions: Vec::new() };
    let all = [first, second].iter().fold(all, |all, rules| graph::pass(gpu, all, rules));
    if rules.contains(&Rule::Concat) { concat::in_place(all) } else { all }
}

/// A fusion by a rule at a node of the model, or a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fusion {
    /// The rule.
    pub rule: Rule,
    /// Name and type of the last of the nodes that it looked at.
    pub place: String,
    /// Why the nodes were left as they are; `None` where they were fused.
    pub refusal: Option<String>,
}
