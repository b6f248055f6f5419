pub(crate) mod product;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Matmul, MatmulGeometry, MatmulGradients, MatmulInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::matmul::product::{Elements, Matrix, Operand, Output, Product, product};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Matmul {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &MatmulGeometry, _: &MatmulInputs<TensorSpec>) -> Result<()> {
        product::compile(gpu)
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MatmulInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let inputs = inputs.try_map(|input| input.tensor())?;
        let (a, b) = operands(geometry, inputs.a, inputs.b);
        multiply(geometry.batch, recorder, [geometry.rows, geometry.columns, geometry.depth], a, b, output.into())
    }

    fn smallest() -> (Self, MatmulInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1; 3].into(), dtype: DType::F32 };
        (Self::default(), MatmulInputs { a: one, b: one })
    }
}

/// The vector-Jacobian product of an operand: the product of the other operand with `grad_output`.
impl Differentiable for Matmul {
    type Gradients = MatmulGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MatmulInputs<Argument>,
        grad_output: &Tensor,
        destinations: &MatmulGradients<Destination>,
    ) -> Result<()> {
        let &MatmulGeometry { op, batch, rows, columns, depth } = plan.geometry();
        let inputs = inputs.try_map(|input| input.wide(recorder))?;
        let (a, b) = operands(plan.geometry(), &inputs.a, &inputs.b);
        let grad = Matrix::dense("grad_output", grad_output, [rows, columns], false);
        if let Some(destination) = destinations.a {
            let (extents, left, right) = if op.transpose_a {
                ([depth, rows, columns], b.swapped(), grad)
            } else {
                ([rows, depth, columns], grad, b.swapped())
            };
            multiply(batch, recorder, extents, left, right, destination)?;
        }
        if let Some(destination) = destinations.b {
            let (extents, left, right) = if op.transpose_b {
                ([columns, depth, rows], grad.swapped(), a.swapped())
            } else {
                ([depth, columns, rows], a.swapped(), grad.swapped())
            };
            multiply(batch, recorder, extents, left, right, destination)?;
        }
        Ok(())
    }
}

fn operands<'a>(geometry: &MatmulGeometry, a: &'a Tensor, b: &'a Tensor) -> (Matrix<'a>, Matrix<'a>) {
    let &MatmulGeometry { op, rows, columns, depth, .. } = geometry;
    let a = Matrix::dense("a", a, [rows, depth], op.transpose_a);
    (a, Matrix::dense("b", b, [columns, depth], !op.transpose_b))
}

/// Records the products of two batches of matrices into a dense tensor of the given rows and columns.
fn multiply(
    batch: u32,
    recorder: &mut Recorder,
    [rows, columns, depth]: [u32; 3],
    a: Matrix,
    b: Matrix,
    output: Destination,
) -> Result<()> {
    if batch == 0 {
        return Ok(());
    }
    let elements = Elements {
        tensor: output.tensor(),
        first: 0,
        batch: u64::from(rows) * u64::from(columns),
        row: columns.into(),
        column_first: 0,
        plane: columns,
        plane_stride: 0,
    };
    let (a, b, accumulate) = (Operand::Matrix(a), Operand::Matrix(b), output.accumulates());
    let output = Output::Elements(elements);
    product(recorder, Product { batch, rows, columns, depth, a, b, bias: None, accumulate, output })
}
