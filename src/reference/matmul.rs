use crate::error::Result;
use crate::geometry::{MatmulGeometry, MatmulGradients, MatmulInputs};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};

/// A batch of products; see [`Matmul`](crate::Matmul).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn matmul<T: Copy + Into<f64>>(geometry: &MatmulGeometry, inputs: &MatmulInputs<&[T]>) -> Result<Reference> {
    let MatmulGeometry { op, batch, rows, columns, depth, .. } = *geometry;
    let [of_a, of_b] = check(geometry, inputs)?;
    let mut reference = Reference::zeros(geometry.output_shape(), u64::from(depth) + u64::from(geometry.bias));
    let mut element = 0;
    for n in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                if let Some(bias) = inputs.bias {
                    let bias: f64 = bias[column as usize].into();
                    (reference.value[element], reference.magnitude[element]) = (bias, bias.abs());
                }
                for k in 0..depth {
                    let a = if op.transpose_a { k * rows + row } else { row * depth + k };
                    let b = if op.transpose_b { column * depth + k } else { k * columns + column };
                    let a: f64 = inputs.a[(n * of_a + a) as usize].into();
                    let b: f64 = inputs.b[(n * of_b + b) as usize].into();
                    reference.value[element] += a * b;
                    reference.magnitude[element] += (a * b).abs();
                }
                element += 1;
            }
        }
    }
    Ok(reference)
}

/// The gradients of a [`Matmul`](crate::Matmul).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn matmul_backward<T: Copy + Into<f64>>(
    geometry: &MatmulGeometry,
    inputs: &MatmulInputs<&[T]>,
    grad_output: &[T],
) -> Result<MatmulGradients<Reference>> {
    let MatmulGeometry { op, batch, rows, columns, depth, .. } = *geometry;
    let [of_a, of_b] = check(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let (mut grad_a, mut grad_b) = (zeros(inputs.a.len() as u64), zeros(inputs.b.len() as u64));
    let mut grad_bias = zeros(columns.into());
    let mut element = 0;
    for n in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                let grad: f64 = grad_output[element].into();
                grad_bias[column as usize].add(grad, grad.abs(), 1);
                for k in 0..depth {
                    let a = if op.transpose_a { k * rows + row } else { row * depth + k };
                    let b = if op.transpose_b { column * depth + k } else { k * columns + column };
                    let (a, b) = ((n * of_a + a) as usize, (n * of_b + b) as usize);
                    let [term_a, term_b] = [inputs.b[b], inputs.a[a]].map(|other| grad * other.into());
                    grad_a[a].add(term_a, term_a.abs(), 1);
                    grad_b[b].add(term_b, term_b.abs(), 1);
                }
                element += 1;
            }
        }
    }
    let bias = inputs.bias.map(|_| grad_bias.into());
    Ok(MatmulGradients { a: Some(grad_a.into()), b: Some(grad_b.into()), bias })
}

/// Elements from one matrix of each operand to the next: none, where there is one for all.
fn check<T>(geometry: &MatmulGeometry, inputs: &MatmulInputs<&[T]>) -> Result<[u32; 2]> {
    let shapes = geometry.input_shapes();
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    if let (Some(bias), Some(shape)) = (inputs.bias, shapes.bias) {
        check_len("bias", bias, shape)?;
    }
    let MatmulGeometry { rows, columns, depth, repeated: [a, b], .. } = *geometry;
    Ok([if a { 0 } else { rows * depth }, if b { 0 } else { depth * columns }])
}
