use crate::error::Result;
use crate::geometry::{Adam, AdamGeometry, AdamInputs};
use crate::reference::{Reference, check_len};

/// The parameter, the mean and the variance after a step; see [`Adam`](crate::Adam).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn adam<T: Copy + Into<f64>>(geometry: &AdamGeometry, inputs: &AdamInputs<&[T]>) -> Result<[Reference; 3]> {
    let AdamGeometry { op: Adam { beta1, beta2, epsilon, weight_decay }, shape } = *geometry;
    for (argument, slice) in [
        ("parameter", inputs.parameter),
        ("mean", inputs.mean),
        ("variance", inputs.variance),
        ("gradient", inputs.gradient),
    ] {
        check_len(argument, slice, shape)?;
    }
    check_len("rates", inputs.rates, [3])?;
    let [beta1, beta2, epsilon, decay] = [beta1, beta2, epsilon, weight_decay].map(f64::from);
    let [rate, correction1, correction2]: [f64; 3] = [0, 1, 2].map(|index: usize| inputs.rates[index].into());
    let [mut parameters, mut means, mut variances] = [4, 2, 2].map(|terms| Reference::zeros(shape, terms));
    for element in 0..inputs.parameter.len() {
        let [parameter, mean, variance, gradient]: [f64; 4] =
            [inputs.parameter, inputs.mean, inputs.variance, inputs.gradient].map(|slice| slice[element].into());
        let terms = [beta1 * mean, (1.0 - beta1) * gradient];
        means.value[element] = terms.iter().sum();
        means.magnitude[element] = terms.map(f64::abs).iter().sum();
        variances.value[element] = beta2 * variance + (1.0 - beta2) * gradient * gradient;
        variances.magnitude[element] = variances.value[element].abs();
        let factor = rate * correction1 / ((correction2 * variances.value[element]).sqrt() + epsilon);
        parameters.value[element] = (1.0 - rate * decay) * parameter - factor * means.value[element];
        parameters.magnitude[element] =
            (1.0 + (rate * decay).abs()) * parameter.abs() + (factor * means.magnitude[element]).abs();
    }
    Ok([parameters, means, variances])
}
