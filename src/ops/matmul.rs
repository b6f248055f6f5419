use std::ops::Range;

use super::backward::{Destination, Gradient};
use super::convert::{rounded, widened};
use super::{Argument, Contract, run};
use crate::error::{Error, Result};
use crate::geometry::{Matmul, MatmulGeometry, MatmulGradients, MatmulInputs};
use crate::gpu::{Capabilities, Gpu, Part, Recorder, Tensor, TensorSpec};
use crate::kernels::matmul::Params;
use crate::kernels::matmul_subgroup::{self, matmul_subgroup};
use crate::kernels::matmul_subgroup_nn::{self, matmul_subgroup_nn};
use crate::kernels::matmul_subgroup_tn::{self, matmul_subgroup_tn};
use crate::kernels::matmul_tiled::{self, matmul_tiled};
use crate::kernels::subgroup_tile;

/// A [`Matmul`] bound to a device and shapes.
pub struct MatmulPlan {
    contract: Contract<MatmulInputs<TensorSpec>>,
    geometry: MatmulGeometry,
}

impl MatmulPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`]: see [`MatmulGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Matmul, inputs: &MatmulInputs<TensorSpec>) -> Result<Self> {
        let geometry = MatmulGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, MatmulInputs::named, geometry.output_shape())?;
        compile(gpu)?;
        compile_rows(gpu)?;
        // Operands that do not lie in quads need it.
        gpu.compile(&matmul_tiled::MATMUL_TILED)?;
        Ok(Self { contract, geometry })
    }

    /// Records the products into a new tensor (batch, rows, columns).
    ///
    /// # Errors
    /// As [`MatmulPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &MatmulInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the products into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`] where a tensor is not what the plan was made for; [`Error::Limit`] where sixteen
    /// rows of an operand, as it lies in memory, are beyond what the device binds and its depth runs down them.
    pub fn forward_into(&self, recorder: &mut Recorder, inputs: &MatmulInputs<&Tensor>, output: &Tensor) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, MatmulInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| {
                let (a, b) = self.operands(&inputs);
                let MatmulGeometry { rows, columns, depth, .. } = self.geometry;
                self.multiply(recorder, [rows, columns, depth], a, b, output, false)
            })
        })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors.
    ///
    /// # Errors
    /// As [`MatmulPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &MatmulInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &MatmulGradients<()>,
    ) -> Result<MatmulGradients<Tensor>> {
        let MatmulInputs { a, b } = self.contract.inputs;
        let specs = wanted.of(MatmulGradients { a: Some(a), b: Some(b) });
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination: each is the product of the other operand with `grad_output`.
    ///
    /// # Errors
    /// As [`MatmulPlan::forward_into`], with gradients for outputs; [`Error::Attribute`] where two of them overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &MatmulInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &MatmulGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        self.contract.check_backward(
            recorder,
            MatmulInputs::named,
            given.named(),
            grad_output,
            destinations.named(),
        )?;
        let MatmulGeometry { op, rows, columns, depth, .. } = self.geometry;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            let (a, b) = self.operands(&inputs);
            let grad = widened(recorder, grad_output)?;
            let grad = Matrix::dense("grad_output", &grad, [rows, columns], false);
            if let Some(destination) = destinations.a {
                let gradient = Gradient::begin(recorder, destination)?;
                let (extents, left, right) = if op.transpose_a {
                    ([depth, rows, columns], b, grad.transposed())
                } else {
                    ([rows, depth, columns], grad, b.transposed())
                };
                self.multiply(recorder, extents, left, right, &gradient.tensor, gradient.accumulate)?;
                gradient.finish(recorder)?;
            }
            if let Some(destination) = destinations.b {
                let gradient = Gradient::begin(recorder, destination)?;
                let (extents, left, right) = if op.transpose_b {
                    ([columns, depth, rows], grad.transposed(), a)
                } else {
                    ([depth, columns, rows], a.transposed(), grad)
                };
                self.multiply(recorder, extents, left, right, &gradient.tensor, gradient.accumulate)?;
                gradient.finish(recorder)?;
            }
            Ok(())
        })
    }

    fn operands<'a>(&self, inputs: &'a MatmulInputs<Tensor>) -> (Matrix<'a>, Matrix<'a>) {
        let MatmulGeometry { op, rows, columns, depth, .. } = self.geometry;
        let a = Matrix::dense("a", &inputs.a, [rows, depth], op.transpose_a);
        (a, Matrix::dense("b", &inputs.b, [depth, columns], op.transpose_b))
    }

    /// Records the products of two batches of matrices into a dense tensor of the given rows and columns.
    fn multiply(
        &self,
        recorder: &mut Recorder,
        [rows, columns, depth]: [u32; 3],
        a: Matrix,
        b: Matrix,
        output: &Tensor,
        accumulate: bool,
    ) -> Result<()> {
        if self.geometry.batch == 0 {
            return Ok(());
        }
        let output = Output {
            tensor: output,
            first: 0,
            batch: u64::from(rows) * u64::from(columns),
            row: columns.into(),
            column_first: 0,
            block: columns,
            block_stride: 0,
        };
        let batch = self.geometry.batch;
        product(recorder, Product { batch, rows, columns, depth, a, b, bias: None, accumulate, output })
    }
}

impl Matmul {
    /// The products, in a new tensor (batch, rows, columns), submitted.
    ///
    /// # Errors
    /// As [`MatmulPlan::new`] and [`MatmulPlan::forward`].
    pub fn forward(&self, inputs: &MatmulInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.a.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || MatmulPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`MatmulPlan::new`] and [`MatmulPlan::backward`].
    pub fn backward(
        &self,
        inputs: &MatmulInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &MatmulGradients<()>,
    ) -> Result<MatmulGradients<Tensor>> {
        let gpu = inputs.a.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || MatmulPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}

/// A batch of matrices in a tensor, each element `first + n * batch + i * row + j * column`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) argument: &'static str,
    pub(super) tensor: &'a Tensor,
    pub(super) first: u64,
    pub(super) batch: u64,
    pub(super) row: u64,
    pub(super) column: u64,
}

impl<'a> Matrix<'a> {
    /// Matrices one behind another, of the given rows and columns; where they are stored transposed, of as many columns and rows.
    fn dense(argument: &'static str, tensor: &'a Tensor, [rows, columns]: [u32; 2], transposed: bool) -> Self {
        let [rows, columns] = [rows, columns].map(u64::from);
        let (row, column) = if transposed { (1, rows) } else { (columns, 1) };
        Self { argument, tensor, first: 0, batch: rows * columns, row, column }
    }

    fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    fn part(&self, batch: u32, rows: u32, columns: u32) -> Result<Part> {
        let last =
            u64::from(batch - 1) * self.batch + u64::from(rows - 1) * self.row + u64::from(columns - 1) * self.column;
        self.tensor.part(self.argument, self.first..self.first + last + 1)
    }
}

/// A batch of matrices to be written. Columns, counted from `column_first`, come in blocks: `c / block * block_stride + c % block`.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    pub(super) tensor: &'a Tensor,
    pub(super) first: u64,
    pub(super) batch: u64,
    pub(super) row: u64,
    pub(super) column_first: u32,
    pub(super) block: u32,
    pub(super) block_stride: u64,
}

impl Output<'_> {
    /// The same columns counted from their first block on; where all are in one block, from the first column on.
    fn normalised(self, columns: u32) -> Self {
        let (block, column) = (self.column_first / self.block, self.column_first % self.block);
        let first = self.first + u64::from(block) * self.block_stride;
        if column + columns <= self.block {
            Self { first: first + u64::from(column), column_first: 0, block: columns, ..self }
        } else {
            Self { first, column_first: column, ..self }
        }
    }

    fn part(&self, batch: u32, rows: u32, columns: u32) -> Result<Part> {
        let last = self.column_first + columns - 1;
        let last = u64::from(batch - 1) * self.batch
            + u64::from(rows - 1) * self.row
            + u64::from(last / self.block) * self.block_stride
            + u64::from(last % self.block);
        self.tensor.part("output", self.first..self.first + last + 1)
    }
}

/// A batch of products: output = a b, plus a bias for each row.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) batch: u32,
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) depth: u32,
    pub(super) a: Matrix<'a>,
    pub(super) b: Matrix<'a>,
    /// The tensor, its first element, and elements from one batch to the next.
    pub(super) bias: Option<(&'a Tensor, u64, u32)>,
    /// Whether the output holds a part of the sums already.
    pub(super) accumulate: bool,
    pub(super) output: Output<'a>,
}

/// The families of kernels.
#[derive(Clone, Copy)]
enum Family {
    Subgroup,
    SubgroupNn,
    SubgroupTn,
    Tiled,
}

impl Family {
    fn of(capabilities: &Capabilities, params: &Params, parts: [&Part; 4]) -> Self {
        if !subgroup_tile::suits(capabilities) {
            Self::Tiled
        } else if matmul_subgroup::takes(params, parts) {
            Self::Subgroup
        } else if matmul_subgroup_nn::takes(params, parts) {
            Self::SubgroupNn
        } else if matmul_subgroup_tn::takes(params, parts) {
            Self::SubgroupTn
        } else {
            Self::Tiled
        }
    }
}

#[derive(Clone, Copy)]
enum Axis {
    Batch,
    Rows,
    Columns,
    Depth,
}

impl<'a> Product<'a> {
    /// Records the product as one dispatch, or says along which axis it is too large for one.
    fn dispatch(&self, recorder: &mut Recorder) -> Result<Result<(), (Axis, Error)>> {
        let &Self { batch, rows, columns, depth, a, b, bias, accumulate, .. } = self;
        let output = self.output.normalised(columns);
        // The axis along which an operand extends furthest.
        let longer = |(axis, extent, stride): (Axis, u32, u64),
                      (other, other_extent, other_stride): (Axis, u32, u64)| {
            let [span, other_span] = [u64::from(extent - 1) * stride, u64::from(other_extent - 1) * other_stride];
            if batch > 1 {
                Axis::Batch
            } else if span >= other_span {
                axis
            } else {
                other
            }
        };
        macro_rules! bound {
            ($part:expr, $axis:expr) => {
                match $part {
                    Ok(part) => part,
                    Err(error @ Error::Limit { .. }) => return Ok(Err(($axis, error))),
                    Err(error) => return Err(error),
                }
            };
        }
        let a_part =
            bound!(a.part(batch, rows, depth), longer((Axis::Rows, rows, a.row), (Axis::Depth, depth, a.column)));
        let b_part = bound!(
            b.part(batch, depth, columns),
            longer((Axis::Columns, columns, b.column), (Axis::Depth, depth, b.row))
        );
        let output_part = bound!(
            output.part(batch, rows, columns),
            longer((Axis::Rows, rows, output.row), (Axis::Columns, columns, 1))
        );
        let bias_part = match bias {
            Some((tensor, first, stride)) => {
                tensor.part("bias", first..first + u64::from(batch - 1) * u64::from(stride) + u64::from(rows))?
            }
            None => a_part.clone(),
        };
        let params = Params {
            rows,
            columns,
            depth,
            batch,
            a_batch: a.batch as u32,
            a_row: a.row as u32,
            a_depth: a.column as u32,
            b_batch: b.batch as u32,
            b_depth: b.row as u32,
            b_column: b.column as u32,
            output_batch: output.batch as u32,
            output_row: output.row as u32,
            column_first: output.column_first,
            block: output.block,
            output_block: output.block_stride as u32,
            biased: bias.is_some().into(),
            accumulate: accumulate.into(),
            bias_batch: bias.map_or(0, |(_, _, stride)| stride),
            ..Default::default()
        };
        let parts = [&a_part, &b_part, &bias_part, &output_part];
        let capabilities = recorder.gpu().capabilities();
        let family = Family::of(capabilities, &params, parts);
        let (work, tile) = match family {
            Family::Subgroup | Family::SubgroupNn | Family::SubgroupTn => {
                (subgroup_tile::work(&params), subgroup_tile::tile(&params))
            }
            Family::Tiled => (matmul_tiled::work(capabilities, &params), matmul_tiled::TILE),
        };
        let most = capabilities.work_per_dispatch();
        if work > most {
            let tiles = [rows.div_ceil(tile[0]), columns.div_ceil(tile[1])];
            let axis = if tiles == [1; 2] && batch == 1 {
                Axis::Depth
            } else {
                longer((Axis::Rows, tiles[0], 1), (Axis::Columns, tiles[1], 1))
            };
            // A product that cannot be halved any more is done all the same.
            if self.halves(axis).is_some() {
                let message = format!("the product takes {work} units of work; a dispatch takes {most} at most");
                return Ok(Err((axis, Error::limit("product", message))));
            }
        }
        match family {
            Family::Subgroup => matmul_subgroup(recorder, params, parts),
            Family::SubgroupNn => matmul_subgroup_nn(recorder, params, parts),
            Family::SubgroupTn => matmul_subgroup_tn(recorder, params, parts),
            Family::Tiled => matmul_tiled(recorder, params, parts),
        }
        .map(Ok)
    }

    /// Two halves along an axis, the second to be done behind the first, unless the axis is too short.
    fn halves(self, axis: Axis) -> Option<[Self; 2]> {
        let both = |extent: u32, middle: u32, part: fn(Self, Range<u32>) -> Self| {
            (0 < middle && middle < extent).then(|| [part(self, 0..middle), part(self, middle..extent)])
        };
        // Whole quads where there are some: operands that lie in quads still do.
        let middle = |extent: u32| if extent < 8 { extent / 2 } else { extent / 8 * 4 };
        match axis {
            Axis::Batch => both(self.batch, self.batch / 2, Self::batches),
            Axis::Rows => both(self.rows, middle(self.rows), Self::rows),
            Axis::Columns => both(self.columns, middle(self.columns), Self::columns),
            Axis::Depth => both(self.depth, (self.depth / 2).next_multiple_of(16), Self::depth),
        }
    }

    fn batches(mut self, range: Range<u32>) -> Self {
        let start = u64::from(range.start);
        self.a.first += start * self.a.batch;
        self.b.first += start * self.b.batch;
        self.output.first += start * self.output.batch;
        self.bias = self.bias.map(|(tensor, first, batch)| (tensor, first + start * u64::from(batch), batch));
        Self { batch: range.end - range.start, ..self }
    }

    fn rows(mut self, range: Range<u32>) -> Self {
        let start = u64::from(range.start);
        self.a.first += start * self.a.row;
        self.output.first += start * self.output.row;
        self.bias = self.bias.map(|(tensor, first, batch)| (tensor, first + start, batch));
        Self { rows: range.end - range.start, ..self }
    }

    fn columns(mut self, range: Range<u32>) -> Self {
        self.b.first += u64::from(range.start) * self.b.column;
        self.output.column_first += range.start;
        Self { columns: range.end - range.start, ..self }
    }

    fn depth(mut self, range: Range<u32>) -> Self {
        self.a.first += u64::from(range.start) * self.a.column;
        self.b.first += u64::from(range.start) * self.b.row;
        if range.start > 0 {
            (self.bias, self.accumulate) = (None, true);
        }
        Self { depth: range.end - range.start, ..self }
    }
}

/// Compiles what products need on this device whose operands lie in quads along their depth.
pub(super) fn compile(gpu: &Gpu) -> Result<()> {
    if subgroup_tile::suits(gpu.capabilities()) {
        matmul_subgroup::compile(gpu)
    } else {
        gpu.compile(&matmul_tiled::MATMUL_TILED)
    }
}

/// Compiles what products need on this device whose b lies in quads along its columns.
pub(super) fn compile_rows(gpu: &Gpu) -> Result<()> {
    if subgroup_tile::suits(gpu.capabilities()) {
        matmul_subgroup_nn::compile(gpu)?;
        matmul_subgroup_tn::compile(gpu)
    } else {
        gpu.compile(&matmul_tiled::MATMUL_TILED)
    }
}

/// Records a product, in as many dispatches as its operands need to be bound and a dispatch takes.
pub(super) fn product(recorder: &mut Recorder, product: Product) -> Result<()> {
    let (axis, error) = match product.dispatch(recorder)? {
        Ok(()) => return Ok(()),
        Err(too_large) => too_large,
    };
    let Some(halves) = product.halves(axis) else { return Err(error) };
    halves.into_iter().try_for_each(|half| self::product(recorder, half))
}
