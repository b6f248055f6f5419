//! The function that products end with: shared/activation.

#[cfg(feature = "onnx")]
use crate::geometry::Unary;
use crate::gpu::{File, axis, wgsl};
#[cfg(feature = "onnx")]
use crate::kernels::elementwise::unary;
use crate::kernels::params;

params!(
    /// A function of each element that is stored, with its attributes; none by default.
    struct Activation {
        function,
        alpha: f32,
        beta: f32,
        gamma: f32,
    }
);

/// The functions, as shaders number them: shared/activation/params.wgsl.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Clip = 1,
    Sigmoid,
    Silu,
    Gelu,
}

/// The files of kernels that know all functions, which those of GPUs are.
pub(crate) const FUNCTIONS: &[File] = wgsl![
    "shared/exponential.wgsl",
    "elementwise/parts/nan.wgsl",
    "elementwise/parts/exp.wgsl",
    "elementwise/parts/sigmoid.wgsl",
    "elementwise/parts/erf.wgsl",
    "elementwise/parts/clip.wgsl",
    "shared/activation/params.wgsl",
    "shared/activation/functions.wgsl",
];

/// The files of kernels that know bounds alone.
pub(crate) const BOUNDS: &[File] = wgsl![
    "elementwise/parts/clip.wgsl",
    "shared/activation/params.wgsl",
    "shared/activation/bounds.wgsl",
    "shared/activation/four.wgsl",
];

/// The function that a kernel by subgroups ends with, or one of `Winograd`: adapters that run on the CPU would do all of those that a kernel chooses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// None, too.
    Bounds,
    Sigmoid,
    Silu,
    Gelu,
}

axis!(Ending { Bounds: "", Sigmoid: "sigmoid", Silu: "silu", Gelu: "gelu" });

impl Ending {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::Bounds => BOUNDS,
            Self::Sigmoid => wgsl![
                "shared/exponential.wgsl",
                "shared/activation/params.wgsl",
                "shared/activation/sigmoid.wgsl",
                "shared/activation/four.wgsl",
            ],
            Self::Silu => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/sigmoid.wgsl",
                "shared/activation/params.wgsl",
                "shared/activation/silu.wgsl",
                "shared/activation/four.wgsl",
            ],
            Self::Gelu => wgsl![
                "elementwise/parts/nan.wgsl",
                "elementwise/parts/exp.wgsl",
                "elementwise/parts/erf.wgsl",
                "shared/activation/params.wgsl",
                "shared/activation/gelu.wgsl",
                "shared/activation/four.wgsl",
            ],
        }
    }
}

const CLIP: u32 = Function::Clip as u32;
const SIGMOID: u32 = Function::Sigmoid as u32;
const SILU: u32 = Function::Silu as u32;
const GELU: u32 = Function::Gelu as u32;

impl Activation {
    pub(crate) fn is_none(self) -> bool {
        self.function == 0
    }

    /// The variant of kernels that ends with it.
    pub(crate) fn ending(self) -> Ending {
        match self.function {
            CLIP => Ending::Bounds,
            SIGMOID => Ending::Sigmoid,
            SILU => Ending::Silu,
            GELU => Ending::Gelu,
            _ => Ending::Bounds,
        }
    }
}

#[cfg(feature = "onnx")]
impl Activation {
    /// The function that an op is, if it is one of these.
    pub(crate) fn of(op: Unary) -> Option<Self> {
        let (_, [alpha, beta, gamma]) = unary::function(op)?;
        let with = |function: Function| Self { function: function as u32, alpha, beta, gamma };
        match op {
            // A clip without an upper bound.
            Unary::Relu => Self::of(Unary::Clip { min: 0.0, max: f32::INFINITY }),
            Unary::Clip { .. } => Some(with(Function::Clip)),
            Unary::Sigmoid => Some(with(Function::Sigmoid)),
            Unary::Silu => Some(with(Function::Silu)),
            Unary::Gelu => Some(with(Function::Gelu)),
            _ => None,
        }
    }

    /// Whether kernels that know bounds alone know it.
    pub(crate) fn is_bounds(self) -> bool {
        self.function == Function::Clip as u32
    }
}
