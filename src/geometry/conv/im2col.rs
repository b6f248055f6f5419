use std::ops::Range;

use crate::error::{Error, Result};
use crate::geometry::{Input, NCHW, Output, check_elements, check_padded_extent, extents, op, positive};
use crate::shape::Shape;

/// A window sliding over an image: what turns an image into columns.
///
/// Pairs are `[height, width]`; padding is `[top, left, bottom, right]`, in pixels. The order of the four is ONNX's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Im2col {
    /// Rows and columns of taps.
    pub kernel: [u32; 2],
    /// Pixels from one window to the next.
    pub stride: [u32; 2],
    /// Pixels of zeros around the image: top, left, bottom, right.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
}

impl Default for Im2col {
    fn default() -> Self {
        Self { kernel: [1, 1], stride: [1, 1], padding: [0; 4], dilation: [1, 1] }
    }
}

/// A checked window over a checked image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Im2colGeometry {
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) window: Im2col,
    pub(crate) out_height: u32,
    pub(crate) out_width: u32,
}

impl Im2colGeometry {
    /// Checks a window over an image of shape (batch, channels, height, width).
    ///
    /// The output has `floor((extent + padding - dilation * (kernel - 1) - 1) / stride) + 1` rows and columns.
    ///
    /// # Errors
    /// [`Error::Shape`] for a wrong rank, an axis of extent 0 (but the batch), more elements than `u32` counts, or a
    /// window larger than the padded image; [`Error::Attribute`] for a kernel, stride or dilation of 0.
    pub fn new(window: &Im2col, input: Shape) -> Result<Self> {
        let [batch, channels, height, width] = extents("input", input, NCHW)?;
        let Im2col { kernel, stride, padding: [top, left, bottom, right], dilation } = *window;
        for (argument, pair) in [("kernel", kernel), ("stride", stride), ("dilation", dilation)] {
            positive(argument, pair[0])?;
            positive(argument, pair[1])?;
        }
        let out_height = output_extent("height", height, [top, bottom], kernel[0], dilation[0], stride[0])?;
        let out_width = output_extent("width", width, [left, right], kernel[1], dilation[1], stride[1])?;
        let taps = u64::from(kernel[0]) * u64::from(kernel[1]);
        if taps > u64::from(u32::MAX) {
            return Err(Error::attribute(
                "kernel",
                format!("kernel has {taps} taps; at most {} are possible", u32::MAX),
            ));
        }
        Ok(Self { batch, channels, height, width, window: *window, out_height, out_width })
    }

    pub(crate) fn input_shapes(&self) -> Shape {
        self.input_shape()
    }

    /// (batch, channels, height, width)
    pub(crate) fn input_shape(&self) -> Shape {
        [self.batch, self.channels, self.height, self.width].into()
    }

    /// The columns, of which may be more than `u32` counts.
    fn columns(&self) -> Shape {
        [self.batch, self.out_height, self.out_width, self.taps(), self.channels].into()
    }

    /// Rows times columns of the kernel.
    pub fn taps(&self) -> u32 {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Output rows and columns.
    pub fn out_extents(&self) -> [u32; 2] {
        [self.out_height, self.out_width]
    }

    /// The rows of an image that the windows of some of its output pixels reach: none, where these lie in the padding.
    pub(crate) fn rows_reached(&self, out_pixels: &Range<u32>) -> Range<u32> {
        let Im2col { kernel, stride, padding: [top, ..], dilation } = self.window;
        let window_row = |out_pixel: u32| u64::from(out_pixel / self.out_width) * u64::from(stride[0]);
        let row = |padded: u64| padded.saturating_sub(top.into()).min(self.height.into()) as u32;
        let reach = u64::from(dilation[0]) * u64::from(kernel[0] - 1);
        row(window_row(out_pixels.start))..row(window_row(out_pixels.end - 1) + reach + 1)
    }

    /// Output pixels of one image. Fits `u32`, since some tensor of the problem has as many elements.
    pub(crate) fn out_pixels(&self) -> u32 {
        self.out_height * self.out_width
    }

    /// The columns: (batch, out_height, out_width, taps, channels), channels last.
    ///
    /// # Errors
    /// [`Error::Shape`] where they have more elements than `u32` counts.
    pub fn columns_shape(&self) -> Result<Shape> {
        check_elements("columns", self.columns())?;
        Ok(self.columns())
    }
}

/// The one formula of an output's extent.
fn output_extent(axis: &str, extent: u32, padding: [u32; 2], kernel: u32, dilation: u32, stride: u32) -> Result<u32> {
    let padded = check_padded_extent(axis, extent, padding)?;
    let span = u64::from(dilation) * u64::from(kernel - 1) + 1;
    if span > padded {
        return Err(Error::shape(
            "input",
            format!(
                "the output would have no pixels: the padded input has {axis} {padded}; \
                 a kernel of {kernel} taps {dilation} apart spans {span}"
            ),
        ));
    }
    // Both are below 2^29.
    Ok(((padded - span) / u64::from(stride) + 1) as u32)
}

op!(Im2col: Input => Output, Im2colGeometry::columns, |op, shape| {
    let geometry = Im2colGeometry::new(op, *shape)?;
    geometry.columns_shape()?;
    Ok(geometry)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_extents_by_hand() {
        // (height, width), kernel, stride, padding, dilation -> output; height and width always differ.
        let table = [
            ([5, 4], [3, 2], [2, 1], [1, 0, 2, 3], [1, 1], [3, 6]),
            ([5, 4], [3, 2], [1, 1], [0, 0, 0, 0], [2, 3], [1, 1]),
            ([9, 8], [2, 3], [2, 1], [1, 0, 2, 3], [1, 2], [6, 7]),
            ([7, 5], [3, 3], [2, 2], [1, 1, 1, 1], [1, 1], [4, 3]),
            ([1, 3], [1, 1], [5, 7], [0, 0, 0, 0], [9, 9], [1, 1]),
        ];
        for (image, kernel, stride, padding, dilation, expected) in table {
            let window = Im2col { kernel, stride, padding, dilation };
            let geometry = Im2colGeometry::new(&window, [1, 1, image[0], image[1]].into()).unwrap();
            assert_eq!(geometry.out_extents(), expected, "{window:?} over {image:?}");
        }
    }

    #[test]
    fn rows_reached_by_hand() {
        // A kernel of 3 rows over 9 x 5: stride, padding, dilation, output pixels (5 to a row) -> rows.
        let table = [
            (1, 1, 1, 0..5, 0..2),
            (1, 1, 1, 4..6, 0..3),
            (1, 1, 1, 40..45, 7..9),
            (2, 1, 1, 5..10, 1..4),
            (1, 4, 2, 20..21, 0..5),
            (3, 4, 1, 0..5, 0..0),
            (1, 0, 4, 0..5, 0..9),
        ];
        for (stride, padding, dilation, pixels, expected) in table {
            let window = Im2col {
                kernel: [3, 1],
                stride: [stride, 1],
                padding: [padding, 0, padding, 0],
                dilation: [dilation, 1],
            };
            let geometry = Im2colGeometry::new(&window, [1, 1, 9, 5].into()).unwrap();
            assert_eq!(geometry.rows_reached(&pixels), expected, "{window:?}, {pixels:?}");
        }
    }

    #[test]
    fn the_largest_extents_do_not_overflow() {
        let window = Im2col { kernel: [u32::MAX, u32::MAX], dilation: [u32::MAX, u32::MAX], ..Im2col::default() };
        assert!(Im2colGeometry::new(&window, [1, 1, 4, 4].into()).is_err());
        let window = Im2col { padding: [u32::MAX; 4], ..Im2col::default() };
        assert!(Im2colGeometry::new(&window, [1, 1, 4, 4].into()).is_err());
        let window = Im2col { stride: [u32::MAX; 2], ..Im2col::default() };
        assert_eq!(Im2colGeometry::new(&window, [1, 1, 4, 4].into()).unwrap().out_extents(), [1, 1]);
    }
}
