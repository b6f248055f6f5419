use crate::error::Result;
use crate::geometry::{GlobalMaxPoolGeometry, PoolGeometry, PoolKind, PoolOutputs, PooledAxis};
use crate::reference::{Reference, check_len};

/// The largest element of each window, or its mean; see [`Pool`](crate::Pool).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn pool<T: Copy + Into<f64>>(geometry: &PoolGeometry, input: &[T]) -> Result<PoolOutputs<Reference>> {
    let &PoolGeometry { kind, planes, axes, .. } = geometry;
    check_len("input", input, geometry.input)?;
    let taps: u64 = axes.iter().map(|axis| u64::from(axis.window.kernel)).product();
    let mut output = Reference::zeros(geometry.output, if kind == PoolKind::default() { 1 } else { taps });
    let mut indices = Reference::zeros(geometry.output, 1);
    let plane_elements: u32 = axes.iter().map(|axis| axis.extent).product();
    let mut element = 0;
    for plane in 0..planes {
        for z in 0..axes[0].out_extent {
            for y in 0..axes[1].out_extent {
                for x in 0..axes[2].out_extent {
                    let (mut largest, mut index) = (f64::NEG_INFINITY, -1.0);
                    let (mut sum, mut magnitude, mut inside, mut counted) = (0.0, 0.0, 0u32, 0u32);
                    for i in positions(&axes[0], z) {
                        for j in positions(&axes[1], y) {
                            for k in positions(&axes[2], x) {
                                let at = [i, j, k];
                                let is_counted = |(position, axis): (&i64, &PooledAxis)| {
                                    *position < i64::from(axis.extent) + i64::from(axis.window.padding[1])
                                };
                                counted += u32::from(at.iter().zip(&axes).all(is_counted));
                                let is_inside = |(position, axis): (&i64, &PooledAxis)| {
                                    (0..i64::from(axis.extent)).contains(position)
                                };
                                if !at.iter().zip(&axes).all(is_inside) {
                                    continue;
                                }
                                let strides = [axes[1].extent * axes[2].extent, axes[2].extent, 1];
                                let place = |strides: [u32; 3]| {
                                    let within =
                                        at.iter().zip(strides).map(|(&at, stride)| at as usize * stride as usize);
                                    (plane * plane_elements) as usize + within.sum::<usize>()
                                };
                                let value: f64 = input[place(strides)].into();
                                if inside == 0 || !largest.is_nan() && (value.is_nan() || value > largest) {
                                    (largest, index) = (value, place(geometry.index_strides()) as f64);
                                }
                                inside += 1;
                                sum += value;
                                magnitude += value.abs();
                            }
                        }
                    }
                    match kind {
                        PoolKind::Max { .. } => output.value[element] = largest,
                        PoolKind::Average { count_padding } => {
                            let count = f64::from(if count_padding { counted } else { inside }.max(1));
                            output.value[element] = sum / count;
                            output.magnitude[element] = magnitude / count;
                        }
                    }
                    indices.value[element] = index;
                    element += 1;
                }
            }
        }
    }
    Ok(PoolOutputs { output, indices: geometry.order().map(|_| indices) })
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
