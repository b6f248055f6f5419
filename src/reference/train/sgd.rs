use crate::error::Result;
use crate::geometry::{Sgd, SgdGeometry, SgdInputs};
use crate::reference::{Reference, check_len};

/// The parameter and the velocity after a step; see [`Sgd`](crate::Sgd).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn sgd<T: Copy + Into<f64>>(geometry: &SgdGeometry, inputs: &SgdInputs<&[T]>) -> Result<[Reference; 2]> {
    let SgdGeometry { op: Sgd { momentum, weight_decay }, shape } = *geometry;
    check_len("parameter", inputs.parameter, shape)?;
    check_len("velocity", inputs.velocity, shape)?;
    check_len("gradient", inputs.gradient, shape)?;
    check_len("learning_rate", inputs.learning_rate, [1])?;
    let rate: f64 = inputs.learning_rate[0].into();
    let mut parameters = Reference::zeros(shape, 4);
    let mut velocities = Reference::zeros(shape, 3);
    for element in 0..inputs.parameter.len() {
        let [parameter, velocity, gradient]: [f64; 3] =
            [inputs.parameter, inputs.velocity, inputs.gradient].map(|slice| slice[element].into());
        let terms = [f64::from(momentum) * velocity, gradient, f64::from(weight_decay) * parameter];
        velocities.value[element] = terms.iter().sum();
        velocities.magnitude[element] = terms.map(f64::abs).iter().sum();
        parameters.value[element] = parameter - rate * velocities.value[element];
        parameters.magnitude[element] = parameter.abs() + (rate * velocities.magnitude[element]).abs();
    }
    Ok([parameters, velocities])
}
