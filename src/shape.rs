//! Extents of a tensor.

use std::fmt;

use crate::error::{Error, Result};

/// The most axes of a tensor.
pub(crate) const MAX_RANK: usize = 6;

/// The extents of a contiguous, row-major tensor of up to six axes, kept inline.
///
/// ```
/// let shape = pliant::Shape::from([2, 3, 8, 9]);
/// assert_eq!(shape.elements(), 432);
/// assert_eq!(shape.to_string(), "2x3x8x9");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    extents: [u32; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape from extents of any integer type: [`Shape::extents`]'s own, a host's `usize`, a file's `i64`.
    ///
    /// ```
    /// # use pliant::Shape;
    /// let rows = vec![0.5f32; 6];
    /// let shape = Shape::new(&[2, rows.len()])?;
    /// assert_eq!(Shape::new(&shape.extents()[1..])?, [6].into());
    /// # Ok::<(), pliant::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for more than six axes, or an extent that is negative or beyond `u32`.
    pub fn new<T: Copy + fmt::Display + TryInto<u32>>(extents: &[T]) -> Result<Self> {
        if extents.len() > MAX_RANK {
            return Err(Error::shape(
                "shape",
                format!("the shape has {} axes; at most {MAX_RANK} are possible", extents.len()),
            ));
        }
        let mut shape = Self { extents: [1; MAX_RANK], rank: extents.len() as u8 };
        for (axis, &extent) in extents.iter().enumerate() {
            shape.extents[axis] = extent.try_into().map_err(|_| {
                Error::shape("shape", format!("axis {axis} has extent {extent}; 0 to {} are possible", u32::MAX))
            })?;
        }
        Ok(shape)
    }

    /// The extents, outermost first.
    pub fn extents(&self) -> &[u32] {
        &self.extents[..usize::from(self.rank)]
    }

    /// A shape with another extent along an axis that it has.
    pub(crate) fn with_extent(mut self, axis: usize, extent: u32) -> Self {
        self.extents[axis] = extent;
        self
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The number of elements; saturates at `u64::MAX`.
    pub fn elements(&self) -> u64 {
        // A zero anywhere makes it zero, however large the others are.
        if self.extents().contains(&0) {
            return 0;
        }
        self.extents().iter().fold(1, |product: u64, &extent| product.saturating_mul(u64::from(extent)))
    }
}

macro_rules! from_array {
    ($($rank:literal),*) => {$(
        impl From<[u32; $rank]> for Shape {
            fn from(array: [u32; $rank]) -> Self {
                let mut extents = [1; MAX_RANK];
                extents[..$rank].copy_from_slice(&array);
                Self { extents, rank: $rank }
            }
        }
    )*};
}
from_array!(0, 1, 2, 3, 4, 5, 6);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank == 0 {
            return f.write_str("scalar");
        }
        for (axis, extent) in self.extents().iter().enumerate() {
            if axis > 0 {
                f.write_str("x")?;
            }
            write!(f, "{extent}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({self})")
    }
}
