//! Element types of files, and how tensors hold them.

use std::fmt;

use super::malformed;
use crate::dtype::DType;
use crate::error::{Error, Result};

/// An element type of an ONNX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// The upper half of binary32.
    BF16,
    /// IEEE binary64: computed in it on the host, and in `f32` on the device.
    F64,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 64 bits: on the host alone, as far as signed integers of 64 bits go.
    U64,
    /// Signed, 64 bits: on the host. A tensor on the device holds 32 of them, and what does not fit is refused.
    I64,
    /// 0 or 1.
    Bool,
}

impl ElementType {
    /// The type by its number in a file.
    pub(super) fn read(number: i32) -> Result<Self> {
        Ok(match number {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            12 => Self::U32,
            13 => Self::U64,
            16 => Self::BF16,
            0 => return Err(malformed("an element type is UNDEFINED")),
            other => {
                let name = match other {
                    8 => "strings",
                    14 | 15 => "complex numbers",
                    17..=20 | 24 => "floats of 8 bits",
                    21 | 22 => "integers of 4 bits",
                    23 => "floats of 4 bits",
                    25 | 26 => "integers of 2 bits",
                    _ => return Err(malformed(format!("there is no element type {other}"))),
                };
                return Err(Error::Unsupported(format!("{name} are not supported")));
            }
        })
    }

    /// How a tensor holds it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::F64 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            _ => DType::I32,
        }
    }

    /// How a tensor holds it where floats of 32 bits are stored as `float`.
    pub(super) fn stored(self, float: DType) -> DType {
        match self.dtype() {
            DType::F32 => float,
            other => other,
        }
    }

    /// Whether the elements are floats.
    pub fn is_float(self) -> bool {
        self.dtype().is_float()
    }

    /// Bytes of an element in a file.
    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::U16 | Self::I16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 | Self::U64 | Self::I64 => 8,
        }
    }

    /// A float as an element of this type has it.
    pub(super) fn rounded(self, x: f64) -> f64 {
        match self {
            Self::F32 => f64::from(x as f32),
            Self::F16 => half::f16::from_f64(x).to_f64(),
            Self::BF16 => half::bf16::from_f64(x).to_f64(),
            _ => x,
        }
    }

    /// An integer as an element of this type has it, wrapped around.
    pub(super) fn wrapped(self, x: i64) -> i64 {
        match self {
            Self::U8 => i64::from(x as u8),
            Self::I8 => i64::from(x as i8),
            Self::U16 => i64::from(x as u16),
            Self::I16 => i64::from(x as i16),
            Self::U32 => i64::from(x as u32),
            Self::I32 => i64::from(x as i32),
            Self::Bool => (x != 0).into(),
            _ => x,
        }
    }
}

impl From<DType> for ElementType {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            DType::BF16 => Self::BF16,
            DType::I32 => Self::I32,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::F64 => "f64",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::Bool => "bool",
        })
    }
}
