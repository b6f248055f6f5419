use crate::error::Result;
use crate::geometry::{LayerNormGeometry, LayerNormGradients, LayerNormInputs};
use crate::reference::{Reference, check_len};

/// A row as its normalisation needs it.
pub(crate) struct Row {
    mean: f64,
    /// The mean of absolute values.
    magnitude: f64,
    /// 1 / sqrt(variance + epsilon).
    pub(crate) inverse: f64,
}

impl Row {
    pub(crate) fn new(elements: &[impl Copy + Into<f64>], epsilon: f32) -> Self {
        let mean_of =
            |of: &dyn Fn(f64) -> f64| elements.iter().map(|&x| of(x.into())).sum::<f64>() / elements.len() as f64;
        let (mean, magnitude) = (mean_of(&|x| x), mean_of(&f64::abs));
        let variance = mean_of(&|x| (x - mean).powi(2));
        Self { mean, magnitude, inverse: 1.0 / (variance + f64::from(epsilon)).sqrt() }
    }

    /// A normalised element, and its magnitude: the mean and the deviation are rounded too.
    pub(crate) fn normal(&self, x: f64) -> (f64, f64) {
        let normal = (x - self.mean) * self.inverse;
        (normal, (x.abs() + self.magnitude) * self.inverse + normal.abs())
    }
}

fn check<T>(geometry: &LayerNormGeometry, inputs: &LayerNormInputs<&[T]>) -> Result<()> {
    check_len("input", inputs.input, geometry.shapes.input)?;
    for (name, slice) in [("scale", inputs.scale), ("shift", inputs.shift)] {
        slice.map_or(Ok(()), |slice| check_len(name, slice, [geometry.elements]))?;
    }
    Ok(())
}

/// The normalised rows; see [`LayerNorm`](crate::LayerNorm).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn layer_norm<T: Copy + Into<f64>>(
    geometry: &LayerNormGeometry,
    inputs: &LayerNormInputs<&[T]>,
) -> Result<Reference> {
    check(geometry, inputs)?;
    let mut reference = Reference::zeros(geometry.output_shape(), geometry.elements.into());
    let columns = geometry.elements.max(1) as usize;
    for (number, elements) in inputs.input.chunks(columns).enumerate() {
        let row = Row::new(elements, geometry.epsilon);
        for (column, &x) in elements.iter().enumerate() {
            let (normal, magnitude) = row.normal(x.into());
            let scale = inputs.scale.map_or(1.0, |scale| scale[column].into());
            let shift = inputs.shift.map_or(0.0, |shift| shift[column].into());
            reference.value[number * columns + column] = normal * scale + shift;
            reference.magnitude[number * columns + column] = magnitude * scale.abs() + shift.abs();
        }
    }
    Ok(reference)
}

/// The gradients of a [`LayerNorm`](crate::LayerNorm).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn layer_norm_backward<T: Copy + Into<f64>>(
    geometry: &LayerNormGeometry,
    inputs: &LayerNormInputs<&[T]>,
    grad_output: &[T],
) -> Result<LayerNormGradients<Reference>> {
    check(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let LayerNormGeometry { elements, rows, .. } = *geometry;
    let mut grad_input = Reference::zeros(geometry.output_shape(), elements.into());
    // A term is off by as much as a mean over a row.
    let [mut grad_scale, mut grad_shift] =
        [u64::from(elements) + u64::from(rows), rows.into()].map(|terms| Reference::zeros([elements].into(), terms));
    let columns = geometry.elements.max(1) as usize;
    for (number, (elements, grads)) in inputs.input.chunks(columns).zip(grad_output.chunks(columns)).enumerate() {
        let row = Row::new(elements, geometry.epsilon);
        // Normalised elements, their magnitudes, and the gradients by them.
        let all: Vec<[f64; 3]> = (0..columns)
            .map(|column| {
                let (normal, magnitude) = row.normal(elements[column].into());
                let scale = inputs.scale.map_or(1.0, |scale| scale[column].into());
                [normal, magnitude, grads[column].into() * scale]
            })
            .collect();
        let mean_of = |of: fn(&[f64; 3]) -> f64| all.iter().map(of).sum::<f64>() / columns as f64;
        let (mean, mean_magnitude) = (mean_of(|[_, _, grad]| *grad), mean_of(|[_, _, grad]| grad.abs()));
        let product = mean_of(|[normal, _, grad]| normal * grad);
        let product_magnitude = mean_of(|[_, magnitude, grad]| magnitude * grad.abs());
        for (column, ([normal, magnitude, grad], &grad_output)) in all.iter().zip(grads).enumerate() {
            let element = number * columns + column;
            grad_input.value[element] = row.inverse * (grad - mean - normal * product);
            grad_input.magnitude[element] = row.inverse
                * (grad.abs() + mean_magnitude + normal.abs() * product_magnitude + magnitude * product.abs());
            let grad_output: f64 = grad_output.into();
            grad_scale.value[column] += grad_output * normal;
            grad_scale.magnitude[column] += grad_output.abs() * magnitude;
            grad_shift.value[column] += grad_output;
            grad_shift.magnitude[column] += grad_output.abs();
        }
    }
    let [scale, shift] =
        [(inputs.scale, grad_scale), (inputs.shift, grad_shift)].map(|(input, gradient)| input.map(|_| gradient));
    Ok(LayerNormGradients { input: Some(grad_input), scale, shift })
}
