pub(crate) mod attention;
pub(crate) mod product;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Matmul, MatmulGeometry, MatmulGradients, MatmulInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::activation::Activation;
use crate::kernels::matmul::matmul_narrow;
use crate::ops::matmul::product::{Bias, BiasOf, Elements, Matrix, Operand, Output, Panels, Product, product};
use crate::ops::packing::{Packed, Packing, Packs};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, widened};
use crate::ops::reduce::sums::sum_over;
use crate::shape::MAX_RANK;

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
        let geometry = plan.geometry().folded();
        let a = matrix_a(&geometry, inputs.a.tensor()?);
        let plain;
        let b = match inputs.b {
            Argument::Tensor(tensor) => Operand::Matrix(matrix_b(&geometry, tensor)),
            Argument::Packed(weight) => match weight.packed_for(packing(&geometry))? {
                Packed::Tensor(tensor) => {
                    plain = widened(recorder, &tensor)?;
                    Operand::Matrix(matrix_b(&geometry, &plain))
                }
                Packed::Panels(panels) if geometry.repeated[1] => Operand::Panels(Panels { batch: 0, ..panels }),
                Packed::Panels(panels) => Operand::Panels(panels),
                Packed::Matrix(_) | Packed::Winograd(_) => return Err(Packed::by_another()),
            },
        };
        let bias = inputs.bias.map(Argument::tensor).transpose()?;
        let bias = bias.map(|tensor| Bias { tensor, first: 0, batch: 0, of: BiasOf::Columns });
        let extents = [geometry.rows, geometry.columns, geometry.depth];
        multiply(geometry.batch, recorder, extents, (a, b), (bias, plan.activation()), output.into())
    }

    fn flops(geometry: &Self::Geometry) -> u64 {
        geometry.flops()
    }

    fn smallest() -> (Self, MatmulInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1; 3].into(), dtype: DType::F32 };
        (Self::default(), MatmulInputs { a: one, b: one, bias: None })
    }
}

impl Packs for Matmul {
    const PACKED: &'static str = "b";

    fn packing(plan: &Plan<Self>) -> Packing {
        packing(&plan.geometry().folded())
    }

    /// Products of matrices in panels read b in them; up to four rows meet it as it lies. Others find it packed, also where one call
    /// copies it as it lies.
    fn pack(plan: &Plan<Self>, recorder: &mut Recorder, b: &Tensor) -> Result<Packed> {
        let geometry = plan.geometry().folded();
        let MatmulGeometry { rows, columns, depth, batch, .. } = geometry;
        let as_it_lies = rows <= matmul_narrow::MOST_ROWS
            && !b.dtype().is_narrow()
            && matrix_b(&geometry, b).is_in_quads([batch, columns, depth]);
        let [_, matrices] = geometry.batches();
        let mut panels = None;
        if batch > 0 && !as_it_lies && product::keeps_panels(recorder.gpu(), [matrices, columns, depth]) {
            recorder.op(|recorder| {
                let wide = widened(recorder, b)?;
                panels = product::kept_panels(recorder, &matrix_b(&geometry, &wide), [matrices, columns, depth])?;
                Ok(())
            })?;
        }
        Ok(panels.map_or_else(|| Packed::Tensor(b.clone()), Packed::Panels))
    }
}

/// How the kernels read a packed b.
fn packing(geometry: &MatmulGeometry) -> Packing {
    Packing::Product { transposed: geometry.op.transpose_b, few_rows: geometry.rows <= matmul_narrow::MOST_ROWS }
}

/// The vector-Jacobian product of an operand: the product of the other operand with `grad_output`, summed over the batch where the operand is
/// repeated. That of the bias sums `grad_output` over all rows.
impl Differentiable for Matmul {
    type Gradients = MatmulGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MatmulInputs<Argument>,
        grad_output: &Tensor,
        destinations: &MatmulGradients<Destination>,
    ) -> Result<()> {
        let geometry = plan.geometry().folded();
        let MatmulGeometry { op, batch, rows, columns, depth, repeated, .. } = geometry;
        let inputs = inputs.try_map(|input| input.wide(recorder))?;
        let (a, b) = operands(&geometry, &inputs.a, &inputs.b);
        let grad = Matrix::dense("grad_output", grad_output, [rows, columns], false);
        if let Some(destination) = destinations.a {
            let (extents, left, right) = if op.transpose_a {
                ([depth, rows, columns], b.swapped(), grad)
            } else {
                ([rows, depth, columns], grad, b.swapped())
            };
            multiply_summed(batch, repeated[0], recorder, extents, left, right, destination)?;
        }
        if let Some(destination) = destinations.b {
            let (extents, left, right) = if op.transpose_b {
                ([columns, depth, rows], grad.swapped(), a.swapped())
            } else {
                ([depth, columns, rows], a.swapped(), grad.swapped())
            };
            multiply_summed(batch, repeated[1], recorder, extents, left, right, destination)?;
        }
        if let Some(destination) = destinations.bias {
            let mut axes = [(1, false); MAX_RANK];
            axes[..3].copy_from_slice(&[(batch, true), (rows, true), (columns, false)]);
            sum_over(recorder, axes, grad_output, destination)?;
        }
        Ok(())
    }
}

/// Records products, or, where they are `summed`, their sum.
fn multiply_summed(
    batch: u32,
    summed: bool,
    recorder: &mut Recorder,
    extents: [u32; 3],
    a: Matrix,
    b: Matrix,
    output: Destination,
) -> Result<()> {
    if !summed {
        return multiply(batch, recorder, extents, (a, Operand::Matrix(b)), Default::default(), output);
    }
    let elements = extents[0] * extents[1];
    let products = recorder.workspace([batch, elements])?;
    recorder.scratch(|recorder| {
        multiply(batch, recorder, extents, (a, Operand::Matrix(b)), Default::default(), (&products).into())
    })?;
    let mut axes = [(1, false); MAX_RANK];
    axes[..2].copy_from_slice(&[(batch, true), (elements, false)]);
    sum_over(recorder, axes, &products, output)
}

fn operands<'a>(geometry: &MatmulGeometry, a: &'a Tensor, b: &'a Tensor) -> (Matrix<'a>, Matrix<'a>) {
    (matrix_a(geometry, a), matrix_b(geometry, b))
}

fn matrix_a<'a>(geometry: &MatmulGeometry, a: &'a Tensor) -> Matrix<'a> {
    let &MatmulGeometry { op, rows, depth, repeated, .. } = geometry;
    of_batch(Matrix::dense("a", a, [rows, depth], op.transpose_a), repeated[0])
}

fn matrix_b<'a>(geometry: &MatmulGeometry, b: &'a Tensor) -> Matrix<'a> {
    let &MatmulGeometry { op, columns, depth, repeated, .. } = geometry;
    of_batch(Matrix::dense("b", b, [columns, depth], !op.transpose_b), repeated[1])
}

fn of_batch(matrix: Matrix, repeated: bool) -> Matrix {
    if repeated { Matrix { batch: 0, ..matrix } } else { matrix }
}

/// Records the products of two batches of matrices into a dense tensor of the given rows and columns.
fn multiply(
    batch: u32,
    recorder: &mut Recorder,
    [rows, columns, depth]: [u32; 3],
    (a, b): (Matrix, Operand),
    (bias, activation): (Option<Bias>, Activation),
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
    let (a, accumulate) = (Operand::Matrix(a), output.accumulates());
    let output = Output::Elements(elements);
    product(recorder, Product { batch, rows, columns, depth, a, b, bias, accumulate, activation, output })
}
