//! How elements are stored.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// How a tensor's elements are stored. Coordinates, interpolation and sums are `f32` whatever the storage of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// The upper half of binary32.
    BF16,
    /// Signed integers of 32 bits: indices, and booleans, which are 0 or 1. Few ops take them, and say so.
    I32,
}

impl DType {
    /// Every element type there is.
    pub const ALL: &'static [Self] = &[Self::F32, Self::F16, Self::BF16, Self::I32];

    /// Bytes of one element.
    pub const fn size(self) -> u64 {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// Whether the elements are floats.
    pub const fn is_float(self) -> bool {
        !matches!(self, Self::I32)
    }

    /// Whether the elements are floats of 16 bits, which are widened before anything is computed.
    pub(crate) const fn is_narrow(self) -> bool {
        matches!(self, Self::F16 | Self::BF16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::I32 => "i32",
        })
    }
}

/// The name of an element type, as [`DType`] writes it.
///
/// ```
/// use pliant::DType;
///
/// assert_eq!("bf16".parse(), Ok(DType::BF16));
/// let error = "f64".parse::<DType>().unwrap_err();
/// assert_eq!(error.to_string(), "f64 is no element type of a tensor; tensors hold f32, f16, bf16 or i32");
/// ```
impl FromStr for DType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let refused = || {
            let message = format!("{name} is no element type of a tensor; tensors hold f32, f16, bf16 or i32");
            Error::dtype("dtype", message)
        };
        Self::ALL.iter().copied().find(|dtype| dtype.to_string() == name).ok_or_else(refused)
    }
}

/// A host type that a tensor can be uploaded from and downloaded to.
///
/// Integers of 64 bits and `f64` are no elements: no adapter that pliant serves computes in them.
///
/// ```compile_fail
/// fn upload(gpu: &pliant::Gpu) -> pliant::Result<pliant::Tensor> {
///     pliant::Tensor::upload(gpu, [2], &[1.0f64, 2.0])
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no element type of a tensor; tensors hold f32, half::f16, half::bf16 or i32",
    note = "integers of 64 bits and f64 are refused: adapters do not compute in them"
)]
pub trait Element: bytemuck::Pod {
    /// The element type of tensors that hold it.
    const DTYPE: DType;
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;
}

impl Element for half::f16 {
    const DTYPE: DType = DType::F16;
}

impl Element for half::bf16 {
    const DTYPE: DType = DType::BF16;
}

impl Element for i32 {
    const DTYPE: DType = DType::I32;
}
