//! The choice that a plan of a convolution is made by: by the rule, by a strategy that is forced, or as measured.

use std::fmt;

use super::problem::Problem;
use super::rule::Strategy;
use super::tiles::{Family, Tiles};
use super::winograd;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Axis, Gpu};
use crate::kernels::conv::fused_cooperative::Matrices;

/// How the forward pass of a convolution is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Im2col,
    /// Without columns, by a kernel and in so many splits.
    Fused {
        family: Family,
        splits: u32,
    },
    Winograd,
}

impl Choice {
    /// The choice that is kept for the problem, or else the rule's.
    pub(crate) fn of(gpu: &Gpu, problem: &Problem) -> Result<Self> {
        match gpu.choice(|| problem.to_string()).and_then(|text| Self::parse(&text)) {
            Some(choice) => Ok(choice),
            None => Self::by_rule(gpu, problem),
        }
    }

    /// The rule's choice.
    pub(crate) fn by_rule(gpu: &Gpu, problem: &Problem) -> Result<Self> {
        Self::by_strategy(gpu, problem, Strategy::of(gpu, problem))
    }

    /// The rule's choice among those of a strategy.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the strategy is not applicable.
    pub(crate) fn by_strategy(gpu: &Gpu, problem: &Problem, strategy: Strategy) -> Result<Self> {
        match strategy {
            Strategy::Im2col => Ok(Self::Im2col),
            Strategy::Winograd => winograd::check(gpu, problem).map(|()| Self::Winograd),
            Strategy::Fused => Ok(Self::by_kernel(gpu, problem, Family::of(gpu, &problem.geometry))),
            Strategy::FusedCooperative => {
                if problem.dtypes[0] == DType::F32 {
                    let message = "input holds f32; cooperative matrices multiply f16, and serve data of 16 bits only";
                    return Err(Error::Unsupported(message.to_string()));
                }
                Ok(Self::by_kernel(gpu, problem, Family::Cooperative(matrices(gpu)?)))
            }
        }
    }

    /// A kernel, with the rule's splits.
    fn by_kernel(gpu: &Gpu, problem: &Problem, family: Family) -> Self {
        Self::Fused { family, splits: Tiles::by_rule(gpu, problem, family).splits() }
    }

    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::Im2col => Strategy::Im2col,
            Self::Winograd => Strategy::Winograd,
            Self::Fused { family, .. } => family.strategy(),
        }
    }

    /// The kernel, where there are no columns.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn family(self) -> Option<Family> {
        match self {
            Self::Im2col | Self::Winograd => None,
            Self::Fused { family, .. } => Some(family),
        }
    }

    /// The choice that a text names, if it does.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(choice) = [Self::Im2col, Self::Winograd].into_iter().find(|choice| choice.to_string() == text) {
            return Some(choice);
        }
        let (family, splits) = text.split_once(" splits ")?;
        let cooperative = Matrices::all().into_iter().map(Family::Cooperative);
        let family = Family::FUSED.into_iter().chain(cooperative).find(|other| other.to_string() == family)?;
        let choice = Self::Fused { family, splits: splits.parse().ok()? };
        // There is one text for each.
        (choice.to_string() == text).then_some(choice)
    }
}

/// The device's cooperative matrices.
///
/// # Errors
/// [`Error::Unsupported`] where there are none.
pub(crate) fn matrices(gpu: &Gpu) -> Result<Matrices> {
    Matrices::of(gpu.capabilities()).ok_or_else(|| {
        Error::Unsupported(format!(
            "{gpu:?} has not enabled cooperative matrices of 8 x 8 or 16 x 16 f16 with sums in f32, in subgroups of a \
             fixed size: see GpuOptions::cooperative_matrices"
        ))
    })
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Im2col | Self::Winograd => write!(f, "{}", self.strategy()),
            Self::Fused { family, splits } => write!(f, "{family} splits {splits}"),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.strategy())?;
        f.write_str(&match self {
            Self::Direct => "direct".to_string(),
            Self::Tiles(tile) => tile.label(),
            Self::Cooperative(matrices) => matrices.label(),
        })
    }
}
