use crate::error::Result;
use crate::geometry::Im2colGeometry;
use crate::reference::{Reference, check_len};

/// The row and column, in the unpadded image, of tap `(i, j)` of output pixel `(oy, ox)`.
pub(crate) fn tap_position(g: &Im2colGeometry, [oy, ox]: [u32; 2], [i, j]: [u32; 2]) -> [i64; 2] {
    let [top, left, ..] = g.window.padding;
    let along = |o: u32, stride: u32, before: u32, tap: u32, dilation: u32| {
        i64::from(o) * i64::from(stride) - i64::from(before) + i64::from(tap) * i64::from(dilation)
    };
    [
        along(oy, g.window.stride[0], top, i, g.window.dilation[0]),
        along(ox, g.window.stride[1], left, j, g.window.dilation[1]),
    ]
}

/// The index, in its plane, of a pixel that lies in the image.
pub(crate) fn pixel(g: &Im2colGeometry, [y, x]: [i64; 2]) -> Option<usize> {
    let inside = (0..i64::from(g.height)).contains(&y) && (0..i64::from(g.width)).contains(&x);
    inside.then_some((y * i64::from(g.width) + x) as usize)
}

/// The value of a plane at a position: 0 in the padding, which is a value like any other.
pub(crate) fn sample<T: Copy + Into<f64>>(g: &Im2colGeometry, plane: &[T], position: [i64; 2]) -> f64 {
    pixel(g, position).map_or(0.0, |pixel| plane[pixel].into())
}

/// The columns of `input`: (batch, out_height, out_width, taps, channels); padding counts 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape, or the columns are beyond `u32`.
pub fn im2col<T: Copy + Into<f64>>(geometry: &Im2colGeometry, input: &[T]) -> Result<Reference> {
    let Im2colGeometry { batch, channels, height, width, window, out_height, out_width } = *geometry;
    check_len("input", input, [batch, channels, height, width])?;
    let pixels = (height * width) as usize;
    let mut reference = Reference::zeros(geometry.columns_shape()?, 1);
    let mut element = 0;
    for n in 0..batch {
        for oy in 0..out_height {
            for ox in 0..out_width {
                for i in 0..window.kernel[0] {
                    for j in 0..window.kernel[1] {
                        for c in 0..channels {
                            let plane = &input[(n * channels + c) as usize * pixels..][..pixels];
                            let value = sample(geometry, plane, tap_position(geometry, [oy, ox], [i, j]));
                            reference.value[element] = value;
                            reference.magnitude[element] = value.abs();
                            element += 1;
                        }
                    }
                }
            }
        }
    }
    Ok(reference)
}
