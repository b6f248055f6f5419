//! The one comparison, and the one tolerance.

use half::{bf16, f16};
use pliant::DType;
use pliant::reference::Reference;

/// Expected value of each element, and its tolerance.
pub struct Expected {
    pub value: Vec<f64>,
    pub tolerance: Vec<f64>,
}

impl Expected {
    /// The reference, to within what summing in f32 may lose: half a unit in the last place for each of a few operations
    /// on every term, and for the sum as a random walk over the terms, all against the sum of absolute terms.
    pub fn of_reference(reference: Reference) -> Self {
        Self::of_rounded_operands(reference, 0)
    }

    /// The reference with the tolerance of sums whose terms have so many operands rounded to f16 before.
    pub fn of_rounded_operands(reference: Reference, operands: u32) -> Self {
        let ulps = 16.0 + 2.0 * (reference.terms as f64).sqrt();
        let relative = ulps * 2f64.powi(-24) + f64::from(operands) * 2f64.powi(-11);
        let tolerance = reference.magnitude.iter().map(|magnitude| relative * magnitude).collect();
        Self { value: reference.value, tolerance }
    }

    /// The expectation for values that were then stored as `dtype`: one unit in the last place more, and infinite beyond the range.
    pub fn stored(mut self, dtype: DType) -> Self {
        let (digits, least, largest) = match dtype {
            DType::F32 | DType::I32 => return self,
            DType::F16 => (10, -24, f64::from(f16::MAX)),
            _ => (7, -133, f64::from(bf16::MAX)),
        };
        for (value, tolerance) in self.value.iter_mut().zip(&mut self.tolerance) {
            let exponent = (value.abs().log2().floor().clamp(-1e4, 1e4) as i32 - digits).max(least);
            *tolerance += 2f64.powi(exponent);
            if value.is_finite() && value.abs() > largest + *tolerance {
                *value = f64::INFINITY.copysign(*value);
            }
        }
        self
    }

    /// Values with an absolute and a relative tolerance.
    pub fn within(value: Vec<f64>, absolute: f64, relative: f64) -> Self {
        let tolerance = value.iter().map(|value| absolute + relative * value.abs()).collect();
        Self { value, tolerance }
    }

    /// The worst miss, if there is one.
    pub fn compare(&self, actual: &[f32]) -> Result<(), Miss> {
        if actual.len() != self.value.len() {
            return Err(Miss {
                index: 0,
                actual: actual.len() as f64,
                expected: self.value.len() as f64,
                tolerances: f64::INFINITY,
                misses: 0,
            });
        }
        let mut worst: Option<Miss> = None;
        let mut misses = 0;
        for (index, (&actual, (&expected, &tolerance))) in
            actual.iter().zip(self.value.iter().zip(&self.tolerance)).enumerate()
        {
            let actual = f64::from(actual);
            let alike = actual == expected || (actual.is_nan() && expected.is_nan());
            let difference = (actual - expected).abs();
            // Written so that NaN fails.
            if alike || difference <= tolerance {
                continue;
            }
            misses += 1;
            let tolerances = if difference.is_finite() { difference / tolerance } else { f64::INFINITY };
            if worst.as_ref().is_none_or(|worst| worst.tolerances < tolerances) {
                worst = Some(Miss { index, actual, expected, tolerances, misses: 0 });
            }
        }
        worst.map_or(Ok(()), |worst| Err(Miss { misses, ..worst }))
    }
}

/// The element that is furthest off.
#[derive(Debug)]
pub struct Miss {
    pub index: usize,
    pub actual: f64,
    pub expected: f64,
    /// By how many tolerances.
    pub tolerances: f64,
    /// How many elements are off. None where there are too few or too many elements.
    pub misses: usize,
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { index, actual, expected, tolerances, misses } = self;
        if *misses == 0 {
            return write!(f, "has {actual} elements, expected {expected}");
        }
        write!(f, "[{index}] is {actual}, expected {expected}: {tolerances:.3} tolerances off; {misses} elements miss")
    }
}
