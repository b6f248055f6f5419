use crate::error::Result;
use crate::geometry::{GlobalMaxPoolGeometry, IndexOrder, PoolGeometry, PoolKind, PoolOutputs, PooledAxis};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};

/// The elements of a window, in order: where each lies in the input, and its index as the problem counts it.
struct Window {
    places: Vec<usize>,
    indices: Vec<usize>,
    /// How many elements there are with the padding.
    padded: u32,
}

impl Window {
    /// The divisor of the sum for the mean.
    fn count(&self, count_padding: bool) -> f64 {
        if count_padding { self.padded.max(1).into() } else { self.places.len().max(1) as f64 }
    }
}

/// The windows of a problem, one for each element of the output.
fn windows(geometry: &PoolGeometry) -> impl Iterator<Item = Window> {
    let &PoolGeometry { planes, axes, .. } = geometry;
    let [depth, height, width] = axes.map(|axis| axis.out_extent);
    let plane_elements: u32 = axes.iter().map(|axis| axis.extent).product();
    let [in_order, counted] = [[axes[1].extent * axes[2].extent, axes[2].extent, 1], geometry.index_strides()];
    let number = move |plane| (0..depth * height * width).map(move |number| (plane, number));
    (0..planes).flat_map(number).map(move |(plane, number)| {
        let (z, y, x) = (number / width / height, number / width % height, number % width);
        let mut window = Window { places: Vec::new(), indices: Vec::new(), padded: 0 };
        for i in positions(&axes[0], z) {
            for j in positions(&axes[1], y) {
                for k in positions(&axes[2], x) {
                    let at = [i, j, k];
                    let all =
                        |within: fn(i64, &PooledAxis) -> bool| at.iter().zip(&axes).all(|(&at, of)| within(at, of));
                    let padded =
                        |at, axis: &PooledAxis| at < i64::from(axis.extent) + i64::from(axis.window.padding[1]);
                    window.padded += u32::from(all(padded));
                    if all(|at, axis| (0..i64::from(axis.extent)).contains(&at)) {
                        let place = |strides: [u32; 3]| {
                            let within = at.iter().zip(strides).map(|(&at, stride)| at as usize * stride as usize);
                            (plane * plane_elements) as usize + within.sum::<usize>()
                        };
                        window.places.push(place(in_order));
                        window.indices.push(place(counted));
                    }
                }
            }
        }
        window
    })
}

/// The largest element of each window, or its mean; see [`Pool`](crate::Pool).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn pool<T: Copy + Into<f64>>(geometry: &PoolGeometry, input: &[T]) -> Result<PoolOutputs<Reference>> {
    check_len("input", input, geometry.input)?;
    let taps: u64 = geometry.axes.iter().map(|axis| u64::from(axis.window.kernel)).product();
    let mut output = Reference::zeros(geometry.output, if geometry.kind == PoolKind::default() { 1 } else { taps });
    let mut indices = Reference::zeros(geometry.output, 1);
    for (element, window) in windows(geometry).enumerate() {
        let (mut largest, mut index) = (f64::NEG_INFINITY, -1.0);
        let (mut sum, mut magnitude) = (0.0, 0.0);
        for (number, (&place, &counted)) in window.places.iter().zip(&window.indices).enumerate() {
            let value: f64 = input[place].into();
            if number == 0 || !largest.is_nan() && (value.is_nan() || value > largest) {
                (largest, index) = (value, counted as f64);
            }
            sum += value;
            magnitude += value.abs();
        }
        match geometry.kind {
            PoolKind::Max { .. } => output.value[element] = largest,
            PoolKind::Average { count_padding } => {
                output.value[element] = sum / window.count(count_padding);
                output.magnitude[element] = magnitude / window.count(count_padding);
            }
        }
        indices.value[element] = index;
    }
    Ok(PoolOutputs { output, indices: geometry.order().map(|_| indices) })
}

/// The gradient of a [`Pool`](crate::Pool): that of a window is its largest element's, the first of several, or shared out to all that it is the mean of.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn pool_backward<T: Copy + Into<f64>>(
    geometry: &PoolGeometry,
    input: &[T],
    grad_output: &[T],
) -> Result<Reference> {
    check_len("input", input, geometry.input)?;
    check_len("grad_output", grad_output, geometry.output)?;
    let mut sums = zeros(geometry.input.elements());
    let named = PoolGeometry { kind: PoolKind::Max { indices: Some(IndexOrder::RowMajor) }, ..geometry.clone() };
    let largest = pool(&named, input)?.indices.map_or(Vec::new(), |indices| indices.value);
    for ((window, &grad), index) in windows(geometry).zip(grad_output).zip(largest) {
        let grad: f64 = grad.into();
        match geometry.kind {
            PoolKind::Max { .. } if index < 0.0 => {}
            PoolKind::Max { .. } => sums[index as usize].add(grad, grad.abs(), 1),
            PoolKind::Average { count_padding } => {
                let share = grad / window.count(count_padding);
                window.places.iter().for_each(|&place| sums[place].add(share, share.abs(), 1));
            }
        }
    }
    Ok(sums.into())
}

/// The positions of the window of an output element along an axis.
fn positions(axis: &PooledAxis, out: u32) -> impl Iterator<Item = i64> + use<> {
    let (start, window) = (axis.start(out), axis.window);
    (0..window.kernel).map(move |tap| start + i64::from(tap) * i64::from(window.dilation))
}

/// The largest element of each plane; see [`GlobalMaxPool`](crate::GlobalMaxPool).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn global_max_pool<T: Copy + Into<f64>>(geometry: &GlobalMaxPoolGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    let mut reference = Reference::zeros(geometry.output_shape(), 1);
    for (value, plane) in reference.value.iter_mut().zip(input.chunks(geometry.pixels as usize)) {
        let larger = |a: f64, b: f64| if a.is_nan() || a >= b { a } else { b };
        *value = plane.iter().map(|&element| element.into()).fold(f64::NEG_INFINITY, larger);
    }
    Ok(reference)
}
