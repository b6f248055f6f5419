use crate::error::Result;
use crate::geometry::{BATCH, Output, axis, check_elements, expect, extents, gradients, inputs, op};
use crate::shape::Shape;

/// A batch of matrix products, plus a bias for each column: a fully connected layer, where rows are samples.
///
/// An operand whose batch is 1 is multiplied with each matrix of the other, and is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Matmul {
    /// `a` is given as (batch, depth, rows) and read as (batch, rows, depth).
    pub transpose_a: bool,
    /// `b` is given as (batch, columns, depth) and read as (batch, depth, columns).
    pub transpose_b: bool,
}

inputs!(
    /// The inputs of a [`Matmul`].
    MatmulInputs {
        /// (batch or 1, rows, depth), or transposed
        a,
        /// (batch or 1, depth, columns), or transposed. A plan also takes a [`PackedWeight`](crate::PackedWeight).
        b,
        ;
        /// (columns); absent, it counts 0.
        bias,
    }
);

gradients!(
    /// The gradients of a [`Matmul`]'s inputs.
    MatmulGradients {
        a,
        b,
        bias,
    }
);

/// A checked batch of matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatmulGeometry {
    pub(crate) op: Matmul,
    pub(crate) batch: u32,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    pub(crate) depth: u32,
    /// Whether `a` or `b` is one matrix for a batch of the other's.
    pub(crate) repeated: [bool; 2],
    pub(crate) bias: bool,
}

impl MatmulGeometry {
    /// Checks a product's shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the two figures that disagree.
    pub fn new(op: &Matmul, shapes: &MatmulInputs<Shape>) -> Result<Self> {
        let (rows, columns, depth) = (axis("rows"), axis("columns"), axis("depth"));
        let [a_batch, rows, depth] = if op.transpose_a {
            let [batch, depth, rows] = extents("a", shapes.a, [BATCH, depth, rows])?;
            [batch, rows, depth]
        } else {
            extents("a", shapes.a, [BATCH, rows, depth])?
        };
        let [b_batch, b_depth, columns] = if op.transpose_b {
            let [batch, columns, depth] = extents("b", shapes.b, [BATCH, columns, axis("depth")])?;
            [batch, depth, columns]
        } else {
            extents("b", shapes.b, [BATCH, axis("depth"), columns])?
        };
        let repeated = [a_batch == 1 && b_batch != 1, b_batch == 1 && a_batch != 1];
        let batch = if repeated[0] { b_batch } else { a_batch };
        if !repeated[1] {
            expect("b", "matrices", b_batch, batch.into(), "a's batch is")?;
        }
        expect("b", "rows to sum over", b_depth, depth.into(), "a's depth is")?;
        if let Some(bias) = shapes.bias {
            let [elements] = extents("bias", bias, [axis("columns")])?;
            expect("bias", "columns", elements, columns.into(), "b's columns are")?;
        }
        let geometry = Self { op: *op, batch, rows, columns, depth, repeated, bias: shapes.bias.is_some() };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// (batch, rows, columns)
    pub fn output_shape(&self) -> Shape {
        [self.batch, self.rows, self.columns].into()
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> MatmulInputs<Shape> {
        let Self { op, rows, columns, depth, .. } = *self;
        let [a_batch, b_batch] = self.batches();
        MatmulInputs {
            a: if op.transpose_a { [a_batch, depth, rows].into() } else { [a_batch, rows, depth].into() },
            b: if op.transpose_b { [b_batch, columns, depth].into() } else { [b_batch, depth, columns].into() },
            bias: self.bias.then_some([columns].into()),
        }
    }

    /// The matrices that each operand has.
    pub(crate) fn batches(&self) -> [u32; 2] {
        self.repeated.map(|repeated| if repeated { 1 } else { self.batch })
    }

    /// The problem as one product, where `b` is one matrix and the rows of all of `a`'s matrices lie one behind another.
    pub(crate) fn folded(&self) -> Self {
        let Self { op, batch, rows, repeated, .. } = *self;
        if !repeated[1] || op.transpose_a || batch == 0 {
            return *self;
        }
        Self { batch: 1, rows: batch * rows, repeated: [false; 2], ..*self }
    }

    /// Floating-point operations: a multiplication and an addition per term.
    pub fn flops(&self) -> u64 {
        2u64.saturating_mul(self.output_shape().elements()).saturating_mul(self.depth.into())
    }
}

op!(Matmul: MatmulInputs<()> => Output, MatmulGeometry::output_shape);
