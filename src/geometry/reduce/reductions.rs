use std::fmt;

use crate::error::{Error, Result};
use crate::geometry::{Input, Output, check_elements, op};
use crate::shape::Shape;

/// A set of axes, counted from the outermost.
///
/// ```
/// use pliant::Axes;
///
/// assert_eq!(Axes::from([3, 1]), Axes::default().with(1).with(3));
/// assert_eq!(Axes::first(3), Axes::from([0, 1, 2]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Axes(u32);

impl Axes {
    /// As many axes as there are of that rank, from the outermost on.
    pub fn first(rank: u32) -> Self {
        (0..rank).collect()
    }

    /// These and another axis. Numbers that no tensor's axis has count as 31, which problems refuse.
    #[must_use]
    pub const fn with(self, axis: u32) -> Self {
        Self(self.0 | 1 << if axis < 31 { axis } else { 31 })
    }

    /// Whether an axis is among them.
    pub const fn contains(self, axis: u32) -> bool {
        axis < 32 && self.0 >> axis & 1 == 1
    }

    /// The axes, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..32).filter(move |&axis| self.contains(axis))
    }
}

impl<const N: usize> From<[u32; N]> for Axes {
    fn from(axes: [u32; N]) -> Self {
        axes.into_iter().collect()
    }
}

impl FromIterator<u32> for Axes {
    fn from_iter<I: IntoIterator<Item = u32>>(axes: I) -> Self {
        axes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The function by which a [`Reduce`] puts elements together. Integers have those that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReduceFunction {
    /// The sum, of integers too.
    Sum,
    /// The mean, of integers too: then rounded to 0.
    Mean,
    /// The largest element, of integers too. NaN where an element is.
    Max,
    /// The smallest element, of integers too. NaN where an element is.
    Min,
    /// The product, of integers too.
    Prod,
    /// The sum of absolute values, of integers too.
    L1,
    /// The square root of the sum of squares.
    L2,
    /// The sum of squares, of integers too.
    SumSquare,
    /// The logarithm of the sum.
    LogSum,
    /// The logarithm of the sum of exponentials, less the largest element's: nothing overflows. Infinities have their limits.
    LogSumExp,
}

/// Elements put together along axes.
///
/// Of an empty set of axes the function is that of each element alone: `SumSquare` squares it, `Sum` leaves it as it is. Of no elements the sums
/// and norms are 0, the product is 1, the largest element the least there is, and so on. Sums of integers are taken modulo 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// The function.
    pub function: ReduceFunction,
    /// The axes along which they are put together.
    pub axes: Axes,
    /// Whether the output has these axes, of extent 1.
    pub keep: bool,
}

/// A checked reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReduceGeometry {
    pub(crate) op: Reduce,
    pub(crate) shape: Shape,
    pub(crate) output: Shape,
}

impl ReduceGeometry {
    /// Checks that the input, of any rank, has the axes. Any extent may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for an input that is too large, [`Error::Attribute`] for an axis that there is not.
    pub fn new(op: &Reduce, input: Shape) -> Result<Self> {
        check_elements("input", input)?;
        if let Some(axis) = op.axes.iter().find(|&axis| axis as usize >= input.rank()) {
            let message = format!("axes has axis {axis}; input ({input}) has {} axes", input.rank());
            return Err(Error::attribute("axes", message));
        }
        let output = without(input, op.keep, |axis| op.axes.contains(axis))?;
        Ok(Self { op: *op, shape: input, output })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.shape
    }

    /// The shape of the output: the input's without the axes, or with extent 1 along them.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    /// The extents of the input, and which of them are put together.
    pub(crate) fn axes(&self) -> Vec<(u32, bool)> {
        self.shape.extents().iter().zip(0..).map(|(&extent, axis)| (extent, self.op.axes.contains(axis))).collect()
    }

    /// The elements that are put together.
    pub(crate) fn terms(&self) -> u32 {
        self.axes().iter().filter(|(_, reduced)| *reduced).map(|(extent, _)| extent).product()
    }
}

/// A shape without some axes, or with extent 1 along them.
pub(crate) fn without(shape: Shape, keep: bool, dropped: impl Fn(u32) -> bool) -> Result<Shape> {
    let extents = shape.extents().iter().zip(0..);
    let left: Vec<u32> = extents
        .filter(|&(_, axis)| keep || !dropped(axis))
        .map(|(&extent, axis)| if dropped(axis) { 1 } else { extent })
        .collect();
    Shape::new(&left)
}

op!(Reduce: Input => Output, ReduceGeometry::output_shape, |op, shape| ReduceGeometry::new(op, *shape));
