use crate::error::Result;
use crate::geometry::{CrossEntropyGeometry, CrossEntropyInputs, Reduction};
use crate::reference::conv::backward::zeros;
use crate::reference::reduce::softmax::{self, change};
use crate::reference::{Reference, check_len};

/// The largest label: an `f32` holds every whole number up to it.
const LARGEST: f64 = (1 << 24) as f64;

/// A row of logits as its loss and its gradient need it.
struct Row {
    softmax: softmax::Row,
    /// The label; `None` where it names no class.
    label: Option<usize>,
}

impl Row {
    fn new(logits: impl Iterator<Item = f64> + Clone, label: f64) -> Self {
        let named = (0.0..=LARGEST).contains(&label) && label.fract() == 0.0 && label < logits.clone().count() as f64;
        Self { softmax: softmax::Row::new(logits), label: named.then_some(label as usize) }
    }
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
        let below = row.label.map_or(f64::NAN, |label| row.softmax.largest - logits[label].into());
        let magnitude = scale * (below + row.softmax.sum.ln() + row.softmax.change);
        let output = if geometry.reduction == Reduction::None { index } else { 0 };
        sums[output].add(scale * (below + row.softmax.sum.ln()), magnitude, geometry.classes.into());
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
        let exponent = logit.into() - row.softmax.largest;
        let probability = exponent.exp() / row.softmax.sum;
        let at_label = row.label.map_or(f64::NAN, |label| f64::from(u8::from(label == element % classes)));
        let magnitude = grad.abs() * (probability * (change(exponent) + row.softmax.change) + at_label);
        sum.add(grad * (probability - at_label), magnitude, geometry.classes.into());
    }
    Ok(gradient.into())
}

fn scale(geometry: &CrossEntropyGeometry) -> f64 {
    if geometry.reduction == Reduction::Mean { 1.0 / f64::from(geometry.batch.max(1)) } else { 1.0 }
}
