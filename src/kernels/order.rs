//! Orders of elements as shaders know them: shared/order.wgsl.

use crate::dtype::DType;

pub(crate) const INTEGERS: u32 = 1;
pub(crate) const SMALLEST: u32 = 2;
pub(crate) const NAN_LAST: u32 = 4;

/// The order of elements of a type in which the largest, or else the smallest, comes first.
pub(crate) fn order(dtype: DType, largest: bool) -> u32 {
    let integers = if dtype.is_float() { 0 } else { INTEGERS };
    integers | if largest { 0 } else { SMALLEST }
}
