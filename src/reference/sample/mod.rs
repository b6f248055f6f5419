pub(crate) mod grid_sample;
pub(crate) mod resize;

use crate::error::Result;
use crate::geometry::{BilinearSampleGeometry, BilinearSampleInputs, Border};
use crate::reference::{Reference, check_len};

/// The four neighbours of position `(base_y + delta_y, base_x + delta_x)` in an image, as (index, weight).
///
/// A neighbour of weight 0 does not count, and is not to be read. All weights are 0 for a position outside, or not finite.
/// The whole and the fractional part of a position are kept apart, so that no position is rounded.
pub(crate) fn neighbours(
    border: Border,
    [height, width]: [u32; 2],
    base: [i64; 2],
    delta: [f64; 2],
) -> [(usize, f64); 4] {
    let mut result = [(0, 0.0); 4];
    if !delta[0].is_finite() || !delta[1].is_finite() {
        return result;
    }
    let extent = [i64::from(height), i64::from(width)];
    let axis = |a: usize| {
        let cell = (delta[a].floor() as i64).saturating_add(base[a]);
        let fraction = delta[a] - delta[a].floor();
        let lowest = if border == Border::Zeros { -1 } else { 0 };
        if !(lowest..extent[a]).contains(&cell) {
            return None;
        }
        let high = if border == Border::ClampHi { (cell + 1).min(extent[a] - 1) } else { cell + 1 };
        Some([(cell, 1.0 - fraction), (high, fraction)])
    };
    let (Some(rows), Some(columns)) = (axis(0), axis(1)) else { return result };
    for (i, (y, weight_y)) in rows.into_iter().enumerate() {
        for (j, (x, weight_x)) in columns.into_iter().enumerate() {
            if (0..extent[0]).contains(&y) && (0..extent[1]).contains(&x) {
                result[2 * i + j] = ((y * extent[1] + x) as usize, weight_y * weight_x);
            }
        }
    }
    result
}

/// One sample: its value times `mask`, and the sum of its absolute terms.
pub(crate) fn sample<T: Copy + Into<f64>>(image: &[T], neighbours: &[(usize, f64); 4], mask: f64) -> (f64, f64) {
    let (mut value, mut magnitude) = (0.0, 0.0);
    for &(index, weight) in neighbours {
        if weight != 0.0 && mask != 0.0 {
            let neighbour: f64 = image[index].into();
            value += weight * mask * neighbour;
            magnitude += (mask * neighbour).abs();
        }
    }
    (value, magnitude)
}

/// Bilinear samples of `input` at `positions`; see [`BilinearSample`](crate::BilinearSample).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn bilinear_sample<T: Copy + Into<f64>>(
    geometry: &BilinearSampleGeometry,
    inputs: &BilinearSampleInputs<&[T]>,
) -> Result<Reference> {
    let BilinearSampleGeometry { border, batch, channels, height, width, out_height, out_width, .. } = *geometry;
    check_len("input", inputs.input, [batch, channels, height, width])?;
    check_len("positions", inputs.positions, [batch, 2, out_height, out_width])?;
    let (pixels, out_pixels) = ((height * width) as usize, (out_height * out_width) as usize);
    let mut reference = Reference::zeros(geometry.output_shape(), 4);
    for n in 0..batch as usize {
        for p in 0..out_pixels {
            let delta = [inputs.positions[2 * n * out_pixels + p], inputs.positions[(2 * n + 1) * out_pixels + p]];
            let neighbours = neighbours(border, [height, width], [0, 0], delta.map(Into::into));
            for c in 0..channels as usize {
                let plane = n * channels as usize + c;
                let (value, magnitude) = sample(&inputs.input[plane * pixels..][..pixels], &neighbours, 1.0);
                reference.value[plane * out_pixels + p] = value;
                reference.magnitude[plane * out_pixels + p] = magnitude;
            }
        }
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of the table of border rules: rows 10 and 20, the other axis whole and inside.
    fn at(border: Border, position: f64) -> f64 {
        let neighbours = neighbours(border, [2, 1], [0, 0], [position, 0.0]);
        sample(&[10.0, 20.0], &neighbours, 1.0).0
    }

    #[test]
    fn border_rules_by_hand() {
        let positions = [-1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 2.0, 2.5, f64::NAN, f64::INFINITY, -1e300];
        let table = [
            (Border::Zeros, [0.0, 5.0, 10.0, 12.5, 20.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            (Border::ClampHi, [0.0, 0.0, 10.0, 12.5, 20.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            (Border::Strict, [0.0, 0.0, 10.0, 12.5, 20.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ];
        for (border, expected) in table {
            for (position, expected) in positions.into_iter().zip(expected) {
                assert_eq!(at(border, position), expected, "{border:?} at {position}");
            }
        }
    }

    #[test]
    fn a_neighbour_of_weight_zero_does_not_count() {
        let neighbours = neighbours(Border::Zeros, [2, 1], [0, 0], [0.0, 0.0]);
        assert_eq!(sample(&[10.0, f64::NAN], &neighbours, 1.0).0, 10.0);
        assert_eq!(sample(&[f64::NAN, f64::NAN], &neighbours, 0.0).0, 0.0);
        assert!(sample(&[f64::NAN, 20.0], &neighbours, 1.0).0.is_nan());
    }
}
