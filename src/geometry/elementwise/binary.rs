use crate::error::{Error, Result};
use crate::geometry::{Output, any_rank, gradients, inputs, op};
use crate::shape::{MAX_RANK, Shape};

/// A function of two tensors, element by element, under multidirectional broadcasting as in NumPy and ONNX: shapes are aligned at
/// their last axes, and an axis that an operand lacks, or has with extent 1, is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binary {
    /// a + b, of integers too.
    Add,
    /// a - b, of integers too.
    Sub,
    /// a b, of integers too.
    Mul,
    /// a / b; of integers rounded towards 0, and 0 where b is 0.
    Div,
    /// a to the power b, of integers too.
    Pow,
    /// The smaller of both, of integers too; of floats NaN where either is.
    Min,
    /// The larger of both, of integers too; of floats NaN where either is.
    Max,
    /// The remainder of a divided by b, with the sign of a, of integers too.
    Fmod,
    /// The remainder of a divided by b, with the sign of b, of integers alone; 0 where b is 0.
    Mod,
    /// a where it is above 0, else a b.
    PRelu,
    /// 1 where a = b, else 0: an integer, as all comparisons give.
    Equal,
    /// Whether a < b.
    Less,
    /// Whether a ≤ b.
    LessOrEqual,
    /// Whether a > b.
    Greater,
    /// Whether a ≥ b.
    GreaterOrEqual,
    /// a and b, bit by bit, of integers alone.
    And,
    /// a or b, bit by bit, of integers alone.
    Or,
    /// One of a and b alone, bit by bit, of integers alone.
    Xor,
}

impl Binary {
    /// Whether it compares.
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Equal | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }

    /// Whether it is of integers alone.
    pub(crate) fn of_integers(self) -> bool {
        matches!(self, Self::Mod | Self::And | Self::Or | Self::Xor)
    }
}

inputs!(
    /// The inputs of a [`Binary`]. Both may be one tensor.
    BinaryInputs {
        /// Of any rank.
        a,
        /// Of any rank.
        b,
    }
);

gradients!(
    /// The gradients of a [`Binary`]'s inputs: sums over the axes along which an operand is repeated.
    BinaryGradients {
        a,
        b,
    }
);

/// A checked function of two tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BinaryGeometry {
    pub(crate) op: Binary,
    pub(crate) shapes: BinaryInputs<Shape>,
    pub(crate) output: Shape,
}

/// An axis of the output, and how far apart its elements lie in either operand: 0 where it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BroadcastAxis<const N: usize = 2> {
    pub(crate) extent: u32,
    pub(crate) strides: [u32; N],
}

impl BinaryGeometry {
    /// Checks that the shapes broadcast. Only the output's first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] with the two figures that disagree.
    pub fn new(op: &Binary, shapes: &BinaryInputs<Shape>) -> Result<Self> {
        let BinaryInputs { a, b } = *shapes;
        any_rank("a", a)?;
        any_rank("b", b)?;
        let output = broadcast(a, b).map_err(|[of_a, of_b]| {
            let message = format!("b ({b}) has extent {of_b} where a ({a}) has {of_a}; one must be the other, or 1");
            Error::shape("b", message)
        })?;
        any_rank("output", output)?;
        Ok(Self { op: *op, shapes: *shapes, output })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> BinaryInputs<Shape> {
        self.shapes
    }

    /// The broadcast shape.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    /// The output's axes, as few as possible, with axes of extent 1 in front.
    pub(crate) fn axes(&self) -> [BroadcastAxis; MAX_RANK] {
        broadcast_axes(self.output, [self.shapes.a, self.shapes.b])
    }
}

/// The shape that two shapes broadcast to, or the extents of both where they do not.
pub(crate) fn broadcast(a: Shape, b: Shape) -> Result<Shape, [u32; 2]> {
    let mut output = if a.rank() < b.rank() { b } else { a };
    for axis in 0..output.rank() {
        output = match [a, b].map(|shape| aligned(shape, output.rank(), axis)) {
            [of_a, of_b] if of_a == of_b || of_b == 1 => output.with_extent(axis, of_a),
            [1, of_b] => output.with_extent(axis, of_b),
            extents => return Err(extents),
        };
    }
    Ok(output)
}

/// The axes of an output that operands broadcast to, as few as possible, with axes of extent 1 in front.
pub(crate) fn broadcast_axes<const N: usize>(output: Shape, shapes: [Shape; N]) -> [BroadcastAxis<N>; MAX_RANK] {
    let rank = output.rank();
    let mut axes = [BroadcastAxis { extent: 1, strides: [0; N] }; MAX_RANK];
    let mut outermost = MAX_RANK;
    let mut elements = [1; N];
    for axis in (0..rank).rev() {
        let extent = output.extents()[axis];
        let mut strides = [0; N];
        for ((stride, elements), shape) in strides.iter_mut().zip(&mut elements).zip(shapes) {
            let has = aligned(shape, rank, axis);
            if has != 1 {
                (*stride, *elements) = (*elements, *elements * has);
            }
        }
        // What goes on where the next axis ends is the same axis.
        let inner =
            axes.get_mut(outermost).filter(|inner| strides == inner.strides.map(|stride| stride * inner.extent));
        match inner {
            _ if extent == 1 => {}
            Some(inner) => inner.extent *= extent,
            None => {
                outermost -= 1;
                axes[outermost] = BroadcastAxis { extent, strides };
            }
        }
    }
    axes
}

/// The extent of an axis of the output in an operand.
fn aligned(shape: Shape, rank: usize, axis: usize) -> u32 {
    (axis + shape.rank()).checked_sub(rank).map_or(1, |axis| shape.extents()[axis])
}

op!(Binary: BinaryInputs<()> => Output, BinaryGeometry::output_shape);

#[cfg(test)]
mod tests {
    use super::*;

    /// The axes of extent above 1.
    fn axes(a: &[usize], b: &[usize]) -> Vec<(u32, [u32; 2])> {
        let shapes = BinaryInputs { a: Shape::new(a).unwrap(), b: Shape::new(b).unwrap() };
        let axes = BinaryGeometry::new(&Binary::Add, &shapes).unwrap().axes();
        axes.iter().filter(|axis| axis.extent > 1).map(|axis| (axis.extent, axis.strides)).collect()
    }

    #[test]
    fn axes_that_go_on_are_one() {
        assert_eq!(axes(&[2, 3, 4, 5], &[2, 3, 4, 5]), [(120, [1, 1])]);
        assert_eq!(axes(&[2, 3, 4, 5], &[]), [(120, [1, 0])]);
        assert_eq!(axes(&[4, 5], &[2, 3, 4, 5]), [(6, [0, 20]), (20, [1, 1])]);
        assert_eq!(axes(&[2, 3, 4, 5], &[3, 1, 1]), [(2, [60, 0]), (3, [20, 1]), (20, [1, 0])]);
        assert_eq!(axes(&[2, 1, 4], &[3, 1]), [(2, [4, 0]), (3, [0, 1]), (4, [1, 0])]);
        assert_eq!(axes(&[1, 1], &[1]), []);
    }
}
