use crate::error::Result;
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// A function of two tensors, broadcast; see [`Binary`].
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn binary<T: Copy + Into<f64>>(geometry: &BinaryGeometry, inputs: &BinaryInputs<&[T]>) -> Result<Reference> {
    let BinaryGeometry { op, shapes, output } = *geometry;
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    let mut reference = Reference::zeros(output, if matches!(op, Binary::Add | Binary::Sub) { 2 } else { 1 });
    for element in 0..reference.value.len() {
        let a: f64 = inputs.a[place(element, output, shapes.a)].into();
        let b: f64 = inputs.b[place(element, output, shapes.b)].into();
        let value = value(op, a, b);
        reference.value[element] = value;
        reference.magnitude[element] = match op {
            Binary::Add | Binary::Sub => a.abs() + b.abs(),
            Binary::Mul | Binary::Div | Binary::PRelu => value.abs(),
            // What rounding the logarithm makes of it.
            Binary::Pow if value != 0.0 && a != 0.0 => value.abs() * (1.0 + (b * a.abs().ln()).abs()),
            _ => 0.0,
        };
    }
    Ok(reference)
}

/// The gradients of a [`Binary`]: sums over the axes along which an operand is repeated.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn binary_backward<T: Copy + Into<f64>>(
    geometry: &BinaryGeometry,
    inputs: &BinaryInputs<&[T]>,
    grad_output: &[T],
) -> Result<BinaryGradients<Reference>> {
    let BinaryGeometry { op, shapes, output } = *geometry;
    check_len("a", inputs.a, shapes.a)?;
    check_len("b", inputs.b, shapes.b)?;
    check_len("grad_output", grad_output, output)?;
    let (mut grad_a, mut grad_b) = (zeros(shapes.a.elements()), zeros(shapes.b.elements()));
    for (element, &grad) in grad_output.iter().enumerate() {
        let (a, b, grad) = (place(element, output, shapes.a), place(element, output, shapes.b), grad.into());
        let (of_a, of_b): (f64, f64) = (inputs.a[a].into(), inputs.b[b].into());
        // A derivative of 0 passes nothing, whatever it is.
        let [term_a, term_b] =
            slopes(op, of_a, of_b).map(|slope| if picks(op) && slope == 0.0 { 0.0 } else { slope * grad });
        let relative = match op {
            Binary::Pow => 2.0 + (of_b * of_a.abs().ln()).abs(),
            _ => 1.0,
        };
        grad_a[a].add(term_a, term_a.abs() * relative, 1);
        grad_b[b].add(term_b, term_b.abs() * relative, 1);
    }
    Ok(BinaryGradients { a: Some(grad_a.into()), b: Some(grad_b.into()) })
}

/// Where an element of the output lies in an operand: shapes end at the same axis, and an index along an axis of extent 1 is 0.
pub(crate) fn place(mut element: usize, output: Shape, operand: Shape) -> usize {
    let (mut place, mut stride) = (0, 1);
    for (&extent, &has) in output.extents().iter().rev().zip(operand.extents().iter().rev()) {
        let index = element % extent as usize;
        element /= extent as usize;
        if has > 1 {
            place += index * stride;
        }
        stride *= has as usize;
    }
    place
}

/// The function of two elements.
pub(crate) fn value(op: Binary, a: f64, b: f64) -> f64 {
    let flag = |holds: bool| f64::from(u8::from(holds));
    let nan = a.is_nan() || b.is_nan();
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Min => {
            if nan {
                f64::NAN
            } else {
                a.min(b)
            }
        }
        Binary::Max => {
            if nan {
                f64::NAN
            } else {
                a.max(b)
            }
        }
        Binary::Fmod => a % b,
        Binary::Mod => {
            if b == 0.0 {
                0.0
            } else {
                a - b * (a / b).floor()
            }
        }
        Binary::PRelu => {
            if a >= 0.0 {
                a
            } else {
                a * b
            }
        }
        Binary::Equal => flag(a == b),
        Binary::Less => flag(a < b),
        Binary::LessOrEqual => flag(a <= b),
        Binary::Greater => flag(a > b),
        Binary::GreaterOrEqual => flag(a >= b),
        Binary::And => (a as i64 & b as i64) as f64,
        Binary::Or => (a as i64 | b as i64) as f64,
        Binary::Xor => (a as i64 ^ b as i64) as f64,
    }
}

/// Whether it passes one of its operands on, or not.
fn picks(op: Binary) -> bool {
    matches!(op, Binary::Min | Binary::Max | Binary::PRelu | Binary::Pow)
}

/// The derivatives by either operand.
fn slopes(op: Binary, a: f64, b: f64) -> [f64; 2] {
    let nan = a.is_nan() || b.is_nan();
    let chosen = |first: bool| match (nan, a == b) {
        (true, _) => [1.0; 2],
        (_, true) => [0.5; 2],
        _ => [f64::from(u8::from(first)), f64::from(u8::from(!first))],
    };
    match op {
        Binary::Sub => [1.0, -1.0],
        Binary::Mul => [b, a],
        Binary::Div => [1.0 / b, -(a / b / b)],
        Binary::Pow => {
            let by_a = if b == 0.0 { 0.0 } else { b * a.powf(b - 1.0) };
            [by_a, if a == 0.0 && b >= 0.0 { 0.0 } else { a.powf(b) * a.ln() }]
        }
        Binary::Min => chosen(a < b),
        Binary::Max => chosen(a > b),
        Binary::Fmod => [1.0, -(a / b).trunc()],
        Binary::PRelu => {
            if a > 0.0 {
                [1.0, 0.0]
            } else {
                [b, a]
            }
        }
        _ => [1.0, 1.0],
    }
}
