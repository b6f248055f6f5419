use crate::error::Result;
use crate::geometry::{CrossEntropyGeometry, CrossEntropyInputs, Reduction};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};

/// The largest label: an `f32` holds every whole number up to it.
const LARGEST: f64 = (1 << 24) as f64;

/// A row of logits as its loss and its gradient need it.
struct Row {
    largest: f64,
    /// The sum of exp(logit - largest).
    sum: f64,
    /// By how much rounding the exponents changes the sum, relative to it.
    change: f64,
    /// The label; `None` where it names no class.
    label: Option<usize>,
}

impl Row {
    fn new(logits: impl Iterator<Item = f64> + Clone, label: f64) -> Self {
        let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        let exponents = logits.clone().map(|logit| logit - largest);
        let sum = exponents.clone().map(f64::exp).sum();
        let change = exponents.map(|exponent| change(exponent) * exponent.exp()).sum::<f64>() / sum;
        let named = (0.0..=LARGEST).contains(&label) && label.fract() == 0.0 && label < logits.count() as f64;
        Self { largest, sum, change, label: named.then_some(label as usize) }
    }
}

/// By how much rounding an exponent changes its exponential, relative to it. Far out, where the exponent may be infinite, it is 0.
fn change(exponent: f64) -> f64 {
    if exponent.exp() == 0.0 { 0.0 } else { 1.0 + exponent.abs() }
}

fn check<T: Copy + Into<f64>>(geometry: &CrossEntropyGeometry, inputs: &CrossEntropyInputs<&[T]>) -> Result<Vec<Row>> {
    let CrossEntropyGeometry { batch, classes, .. } = *geometry;
    check_len("logits", inputs.logits, [batch, classes])?;
    check_len("labels", inputs.labels, [batch])?;
    let rows = inputs.logits.chunks_exact(classes as usize).zip(inputs.labels);
    Ok(rows.map(|(logits, &label)| Row::new(logits.iter().map(|&logit| logit.into()), label.into())).collect())
}

/// The losses of rows, or what they are reduced to; see [`CrossEntropy`](crate::CrossEntropy). What rounding the exponents
/// makes of it counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn cross_entropy<T: Copy + Into<f64>>(
    geometry: &CrossEntropyGeometry,
    inputs: &CrossEntropyInputs<&[T]>,
) -> Result<Reference> {
    let rows = check(geometry, inputs)?;
    let scale = scale(geometry);
    let mut sums = zeros(geometry.output_shape().elements());
    for (index, (row, logits)) in rows.iter().zip(inputs.logits.chunks_exact(geometry.classes as usize)).enumerate() {
        let below = row.label.map_or(f64::NAN, |label| row.largest - logits[label].into());
        let magnitude = scale * (below + row.sum.ln() + row.change);
        let output = if geometry.reduction == Reduction::None { index } else { 0 };
        sums[output].add(scale * (below + row.sum.ln()), magnitude, geometry.classes.into());
    }
    Ok(sums.into())
}

/// The gradient of a [`CrossEntropy`](crate::CrossEntropy) by the logits.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn cross_entropy_backward<T: Copy + Into<f64>>(
    geometry: &CrossEntropyGeometry,
    inputs: &CrossEntropyInputs<&[T]>,
    grad_output: &[T],
) -> Result<Reference> {
    let rows = check(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let classes = geometry.classes as usize;
    let mut gradient = zeros(inputs.logits.len() as u64);
    for (element, (sum, &logit)) in gradient.iter_mut().zip(inputs.logits).enumerate() {
        let (index, row) = (element / classes, &rows[element / classes]);
        let grad: f64 = grad_output[if geometry.reduction == Reduction::None { index } else { 0 }].into();
        let grad = scale(geometry) * grad;
        let exponent = logit.into() - row.largest;
        let probability = exponent.exp() / row.sum;
        let at_label = row.label.map_or(f64::NAN, |label| f64::from(u8::from(label == element % classes)));
        let magnitude = grad.abs() * (probability * (change(exponent) + row.change) + at_label);
        sum.add(grad * (probability - at_label), magnitude, geometry.classes.into());
    }
    Ok(gradient.into())
}

fn scale(geometry: &CrossEntropyGeometry) -> f64 {
    if geometry.reduction == Reduction::Mean { 1.0 / f64::from(geometry.batch.max(1)) } else { 1.0 }
}
