//! Products of matrices.

use super::Entry;
use super::elementwise::broadcast;
use crate::error::{Error, Result};
use crate::geometry::{Binary, BinaryInputs, Matmul, MatmulInputs, StridedCopy};
use crate::onnx::planner::{Call, Source, Value};
use crate::onnx::{ElementType, HostTensor, malformed};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[("Gemm", gemm), ("MatMul", matmul)];

/// The product of all of some extents.
fn product(extents: &[u32]) -> Result<u32> {
    let product = extents.iter().try_fold(1u32, |product, &extent| product.checked_mul(extent));
    product.ok_or_else(|| malformed("it multiplies more than 2^32 rows"))
}

/// A product of tensors of any rank: that of their last two axes, for each of the others.
pub(super) fn matmul(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [a, b] = [call.source(0)?, call.source(1)?];
    let element = call.input(0)?.element();
    Ok(vec![multiply(call, [a, b], [false, false], element)?])
}

/// The product of two tensors, the last two axes of either swapped before or not.
pub(super) fn multiply(
    call: &mut Call,
    [a, b]: [Source; 2],
    [transpose_a, transpose_b]: [bool; 2],
    element: ElementType,
) -> Result<Value> {
    let (a_shape, b_shape) = (a.shape(), b.shape());
    if a_shape.rank() == 0 || b_shape.rank() == 0 {
        return Err(Error::shape("input", format!("a is {a_shape} and b {b_shape}; each needs an axis at least")));
    }
    // A vector is a row on the left, a column on the right; that axis is not there in the output.
    let (a_vector, b_vector) = (a_shape.rank() == 1, b_shape.rank() == 1);
    let a_extents = if a_vector { vec![1, a_shape.extents()[0]] } else { a_shape.extents().to_vec() };
    let b_extents = if b_vector { vec![b_shape.extents()[0], 1] } else { b_shape.extents().to_vec() };
    let (a_batch, a_matrix) = a_extents.split_at(a_extents.len() - 2);
    let (b_batch, b_matrix) = b_extents.split_at(b_extents.len() - 2);
    let batch = broadcast([Shape::new(a_batch)?, Shape::new(b_batch)?])?;
    let rows = if transpose_a { a_matrix[1] } else { a_matrix[0] };
    let columns = if transpose_b { b_matrix[0] } else { b_matrix[1] };

    let (a_many, b_many) = (product(a_batch)?, product(b_batch)?);
    let many = product(batch.extents())?;
    let op = Matmul { transpose_a, transpose_b };
    let output = if b_many == 1 && !transpose_a {
        // One matrix on the right: all rows on the left are of one product.
        let a = a.reshaped([1, product(&[a_many, a_matrix[0]])?, a_matrix[1]]);
        let b = b.reshaped([1, b_matrix[0], b_matrix[1]]);
        call.run_one(&op, &MatmulInputs { a, b }, element)?
    } else {
        let a = repeated(call, a, a_batch, a_matrix, batch, element)?;
        let b = repeated(call, b, b_batch, b_matrix, batch, element)?;
        call.run_one(&op, &MatmulInputs { a, b }, element)?
    };
    debug_assert_eq!(output.shape().elements(), u64::from(many) * u64::from(rows) * u64::from(columns));
    let mut extents = batch.extents().to_vec();
    extents.extend((!a_vector).then_some(rows));
    extents.extend((!b_vector).then_some(columns));
    call.reshaped(&output, Shape::new(&extents)?)
}

/// Matrices of a batch of one axis: those of the whole batch, or one for all. Others are repeated.
fn repeated(
    call: &mut Call,
    source: Source,
    batch: &[u32],
    matrix: &[u32],
    whole: Shape,
    element: ElementType,
) -> Result<Source> {
    let (has, needs) = (product(batch)?, product(whole.extents())?);
    if has == needs || has == 1 {
        return Ok(source.reshaped([has, matrix[0], matrix[1]]));
    }
    let extents: Vec<_> = whole.extents().iter().chain(matrix).copied().collect();
    let op = StridedCopy::expand(Shape::new(&extents)?);
    let expanded = call.run_one(&op, &source, element)?;
    Ok(call.source_of(&expanded)?.reshaped([needs, matrix[0], matrix[1]]))
}

fn gemm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 3)?;
    let element = call.input(0)?.element();
    let (alpha, beta) = (call.attributes.float_or("alpha", 1.0)?, call.attributes.float_or("beta", 1.0)?);
    let transposed = [call.attributes.flag("transA", false)?, call.attributes.flag("transB", false)?];
    let [a, b] = [call.source(0)?, call.source(1)?];
    for (name, shape) in [("A", a.shape()), ("B", b.shape())] {
        if shape.rank() != 2 {
            return Err(Error::shape("input", format!("{name} ({shape}) has {} axes; it needs 2", shape.rank())));
        }
    }
    let product = multiply(call, [a, b], transposed, element)?;
    let product = scaled(call, product, alpha)?;
    let Some(bias) = call.optional(2).cloned() else { return Ok(vec![product]) };
    let bias = scaled(call, bias, beta)?;
    let whole = product.shape();
    if broadcast([whole, bias.shape()])? != whole {
        let message = format!("C is {}; it must broadcast to {whole}", bias.shape());
        return Err(Error::shape("input", message));
    }
    let inputs = BinaryInputs { a: call.source_of(&product)?, b: call.source_of(&bias)? };
    Ok(vec![call.run_one(&Binary::Add, &inputs, element)?])
}

/// A value times a factor.
pub(super) fn scaled(call: &mut Call, value: Value, factor: f32) -> Result<Value> {
    if factor == 1.0 {
        return Ok(value);
    }
    let element = value.element();
    let factor = HostTensor::of_floats(element, [].into(), vec![factor.into()]).into();
    let inputs = BinaryInputs { a: call.source_of(&value)?, b: call.source_of(&factor)? };
    call.run_one(&Binary::Mul, &inputs, element)
}
