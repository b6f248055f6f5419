use crate::error::Result;
use crate::geometry::{
    GridSample, GridSampleGeometry, GridSampleGradients, GridSampleInputs, NearestOrder, PaddingMode, SampleMode,
};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};

/// A pixel that a sample is taken from, along one axis: its weight, and the weight's derivative by the grid value.
struct Tap {
    pixel: usize,
    weight: f64,
    derivative: f64,
}

/// A position, or a pixel, with the padding applied, and the derivative of it.
fn padded(op: &GridSample, position: f64, extent: f64) -> (f64, f64) {
    let last = extent - 1.0;
    let (moved, slope) = match op.padding {
        PaddingMode::Zeros => return (position, 1.0),
        PaddingMode::Border => (position, 1.0),
        PaddingMode::Reflection => {
            let (low, high) = if op.align_corners { (0.0, last) } else { (-0.5, last + 0.5) };
            let span = high - low;
            let beyond = if span == 0.0 { 0.0 } else { (position - low).rem_euclid(2.0 * span) };
            if beyond < span { (low + beyond, 1.0) } else { (high + span - beyond, -1.0) }
        }
    };
    (moved.clamp(0.0, last), if moved > 0.0 && moved < last { slope } else { 0.0 })
}

/// Keys' cubic convolution with A = -0.75 at a distance from a pixel, and its derivative.
fn cubic(distance: f64) -> (f64, f64) {
    const A: f64 = -0.75;
    let x = distance.abs();
    let (weight, derivative) = if x <= 1.0 {
        (((A + 2.0) * x - (A + 3.0)) * x * x + 1.0, (3.0 * (A + 2.0) * x - 2.0 * (A + 3.0)) * x)
    } else {
        (((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A, (3.0 * A * x - 10.0 * A) * x + 8.0 * A)
    };
    (weight, derivative * distance.signum())
}

/// The pixels, inside the image, that a sample at a finite grid value is taken from along an axis.
fn taps(op: &GridSample, value: f64, extent: u32) -> Vec<Tap> {
    let extent = f64::from(extent);
    let (position, scale) = if op.align_corners {
        ((value + 1.0) / 2.0 * (extent - 1.0), (extent - 1.0) / 2.0)
    } else {
        (((value + 1.0) * extent - 1.0) / 2.0, extent / 2.0)
    };
    let all: Vec<(f64, f64, f64)> = match op.mode {
        SampleMode::Bilinear => {
            let (position, slope) = padded(op, position, extent);
            let low = position.floor();
            let fraction = position - low;
            vec![(low, 1.0 - fraction, -slope), (low + 1.0, fraction, slope)]
        }
        SampleMode::Nearest => {
            let pixel = match op.nearest_order {
                NearestOrder::PadFirst => padded(op, position, extent).0.round_ties_even(),
                NearestOrder::RoundFirst => padded(op, position.round_ties_even(), extent).0,
            };
            vec![(pixel, 1.0, 0.0)]
        }
        SampleMode::Bicubic => {
            let near = [-1.0, 0.0, 1.0, 2.0].map(|step| {
                let pixel = position.floor() + step;
                let (weight, derivative) = cubic(position - pixel);
                (padded(op, pixel, extent).0, weight, derivative)
            });
            near.to_vec()
        }
    };
    let inside = all.into_iter().filter(|&(pixel, ..)| pixel >= 0.0 && pixel < extent);
    inside
        .map(|(pixel, weight, derivative)| Tap { pixel: pixel as usize, weight, derivative: scale * derivative })
        .collect()
}

/// A pixel that a sample is taken from: its index in the plane, its weight, and the weight's derivatives by x and by y.
struct Neighbour {
    index: usize,
    weight: f64,
    derivatives: [f64; 2],
}

impl GridSampleGeometry {
    /// The pixels, inside the image, of the sample at (x, y): none where that is not finite.
    fn neighbours(&self, [x, y]: [f64; 2]) -> Vec<Neighbour> {
        if !(x.is_finite() && y.is_finite()) {
            return Vec::new();
        }
        let (rows, columns) = (taps(&self.op, y, self.height), taps(&self.op, x, self.width));
        let mut all = Vec::new();
        for row in &rows {
            all.extend(columns.iter().map(|column| Neighbour {
                index: row.pixel * self.width as usize + column.pixel,
                weight: row.weight * column.weight,
                derivatives: [row.weight * column.derivative, row.derivative * column.weight],
            }));
        }
        all
    }

    /// Pixels of the input and of the output.
    fn pixels(&self) -> [usize; 2] {
        [(self.height * self.width) as usize, (self.out_height * self.out_width) as usize]
    }

    fn check<T>(&self, inputs: &GridSampleInputs<&[T]>) -> Result<()> {
        let shapes = self.input_shapes();
        check_len("input", inputs.input, shapes.input)?;
        check_len("grid", inputs.grid, shapes.grid)
    }
}

/// Samples of `input` at the positions of `grid`; see [`GridSample`].
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn grid_sample<T: Copy + Into<f64>>(
    geometry: &GridSampleGeometry,
    inputs: &GridSampleInputs<&[T]>,
) -> Result<Reference> {
    geometry.check(inputs)?;
    let (channels, [pixels, out_pixels]) = (geometry.channels as usize, geometry.pixels());
    let terms = match geometry.op.mode {
        SampleMode::Bilinear => 4,
        SampleMode::Nearest => 1,
        SampleMode::Bicubic => 16,
    };
    let mut reference = Reference::zeros(geometry.output_shape(), terms);
    for (sample, position) in inputs.grid.as_chunks::<2>().0.iter().enumerate() {
        let (n, p) = (sample / out_pixels, sample % out_pixels);
        for Neighbour { index, weight, .. } in geometry.neighbours(position.map(Into::into)) {
            for plane in n * channels..(n + 1) * channels {
                let pixel: f64 = inputs.input[plane * pixels + index].into();
                // What has no weight does not count, whatever it is.
                if weight != 0.0 {
                    reference.value[plane * out_pixels + p] += weight * pixel;
                    reference.magnitude[plane * out_pixels + p] += pixel.abs();
                }
            }
        }
    }
    Ok(reference)
}

/// The gradients of a [`GridSample`].
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn grid_sample_backward<T: Copy + Into<f64>>(
    geometry: &GridSampleGeometry,
    inputs: &GridSampleInputs<&[T]>,
    grad_output: &[T],
) -> Result<GridSampleGradients<Reference>> {
    geometry.check(inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let (channels, [pixels, out_pixels]) = (geometry.channels as usize, geometry.pixels());
    let scales = [geometry.width, geometry.height].map(|extent| f64::from(extent) / 2.0);
    let mut grad_input = zeros(inputs.input.len() as u64);
    let mut grad_grid = zeros(inputs.grid.len() as u64);
    for (sample, position) in inputs.grid.as_chunks::<2>().0.iter().enumerate() {
        let (n, p) = (sample / out_pixels, sample % out_pixels);
        for Neighbour { index, weight, derivatives } in geometry.neighbours(position.map(Into::into)) {
            for plane in n * channels..(n + 1) * channels {
                let grad: f64 = grad_output[plane * out_pixels + p].into();
                if weight != 0.0 {
                    grad_input[plane * pixels + index].add(weight * grad, grad.abs(), 1);
                }
                for (axis, derivative) in derivatives.into_iter().enumerate() {
                    if derivative != 0.0 {
                        let term = grad * inputs.input[plane * pixels + index].into();
                        grad_grid[2 * sample + axis].add(derivative * term, scales[axis] * term.abs(), 1);
                    }
                }
            }
        }
    }
    Ok(GridSampleGradients { input: Some(grad_input.into()), grid: Some(grad_grid.into()) })
}
