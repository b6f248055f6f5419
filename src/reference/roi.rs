//! Pooling of regions of interest: one rule with parameters.

use crate::error::{Error, Result};
use crate::geometry::{
    DeformPsRoiPoolGeometry, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs, DeformRoiPoolGeometry,
    DeformRoiPoolGradients, DeformRoiPoolInputs, FURTHEST, RoiAlignGeometry, RoiAlignGradients, RoiAlignInputs,
    RoiAlignMaxGeometry, RoiPooling, RoiRule, SampleDerivative,
};
use crate::reference::conv::backward::{Sum, zeros};
use crate::reference::{Reference, check_len};

/// A pooling with what it reads, which has been checked.
struct Pooling<'a, T> {
    geometry: &'a RoiPooling,
    input: &'a [T],
    rois: &'a [T],
    offset: Option<&'a [T]>,
}

/// A RoI that lies in an image: its corner and size, `[y, x]`, in pixels.
struct Roi {
    image: usize,
    start: [f64; 2],
    size: [f64; 2],
    /// The largest coordinate that these were computed from: what their rounding is measured against.
    magnitude: f64,
}

/// A bin of a RoI: which, and where its samples lie.
struct Bin {
    row: usize,
    column: usize,
    /// The elements of the offset's plane of x, and of that of y; `None` where there is no offset.
    offsets: Option<[usize; 2]>,
    /// The samples that count: their positions, `[y, x]`.
    samples: Vec<[f64; 2]>,
    /// The divisor of the sum over the samples.
    divisor: f64,
    /// Whether all samples count.
    whole: bool,
    magnitude: f64,
}

/// A position on one axis, clamped: the pixel below it, the one above, how far it is above the lower.
#[derive(Clone, Copy)]
struct Between {
    low: usize,
    high: usize,
    fraction: f64,
    /// Weights of the lower and the upper one in the derivative along the other axis.
    across: [f64; 2],
    /// The derivative along this axis, by the difference of the two.
    slope: f64,
}

impl Between {
    fn new(position: f64, extent: u32, derivative: SampleDerivative) -> Self {
        let last = f64::from(extent - 1);
        let clamped = position.clamp(0.0, last);
        let low = clamped.floor();
        let high = (low + 1.0).min(last);
        let fraction = clamped - low;
        let slope = match derivative {
            SampleDerivative::Exact => low < high && position >= 0.0,
            SampleDerivative::Mmcv => low < high,
            SampleDerivative::WithinCells => fraction != 0.0,
        };
        let across = match derivative {
            SampleDerivative::Mmcv => [high - position, position - low],
            _ => [1.0 - fraction, fraction],
        };
        let slope = if slope { 1.0 } else { 0.0 };
        Self { low: low as usize, high: high as usize, fraction, across, slope }
    }

    fn pixels(self) -> [usize; 2] {
        [self.low, self.high]
    }

    fn weights(self) -> [f64; 2] {
        [1.0 - self.fraction, self.fraction]
    }
}

impl<'a, T: Copy + Into<f64>> Pooling<'a, T> {
    fn new(geometry: &'a RoiPooling, input: &'a [T], rois: &'a [T], offset: Option<&'a [T]>) -> Result<Self> {
        check_len("input", input, geometry.input_shape())?;
        check_len("rois", rois, [geometry.rois, 5])?;
        match (offset, geometry.offset_shape()) {
            (Some(offset), Some(shape)) => check_len("offset", offset, shape)?,
            (None, None) => {}
            (None, Some(_)) => return Err(Error::shape("offset", "offset is absent; the geometry was made with one")),
            (Some(_), None) => {
                return Err(Error::shape("offset", "offset was given; the geometry was made without one"));
            }
        }
        for (index, roi) in rois.chunks(5).enumerate() {
            let image: f64 = roi[0].into();
            // Written so that NaN fails.
            if !(image.trunc() >= 0.0 && image.trunc() < f64::from(geometry.batch)) {
                let message = format!("rois[{index}] names image {image}; the input has {}", geometry.batch);
                return Err(Error::attribute("rois", message));
            }
        }
        Ok(Self { geometry, input, rois, offset })
    }

    /// The RoI of an index; `None` where a corner is out of reach.
    fn roi(&self, index: usize) -> Option<Roi> {
        let g = self.geometry;
        let [image, x1, y1, x2, y2] = [0, 1, 2, 3, 4].map(|number| self.rois[5 * index + number].into());
        let scale = f64::from(g.spatial_scale);
        // Written so that NaN fails.
        if ![x1, y1, x2, y2].iter().all(|corner| (corner * scale).abs() <= f64::from(FURTHEST)) {
            return None;
        }
        let (round, shift, least): (fn(f64) -> f64, _, _) = match g.rule {
            RoiRule::Align { aligned: true } => (|corner| corner, 0.5, f64::NEG_INFINITY),
            RoiRule::Align { aligned: false } => (|corner| corner, 0.0, 1.0),
            RoiRule::PositionSensitive => (f64::round, 0.5, 0.1),
        };
        let beyond = if g.rule == RoiRule::PositionSensitive { 1.0 } else { 0.0 };
        let start = [y1, x1].map(|corner| round(corner) * scale - shift);
        let end = [y2, x2].map(|corner| (round(corner) + beyond) * scale - shift);
        let size = [0, 1].map(|axis| (end[axis] - start[axis]).max(least));
        let magnitude = start.iter().chain(&end).chain(&size).fold(0.0, |most: f64, number| most.max(number.abs()));
        Some(Roi { image: image.trunc() as usize, start, size, magnitude })
    }

    /// A bin of a RoI; `None` where the offset is not finite.
    fn bin(&self, roi: &Roi, index: usize, class: u32, bin: u32) -> Option<Bin> {
        let g = self.geometry;
        let [row, column] = [bin / g.pooled[1], bin % g.pooled[1]];
        let bin = [row, column];
        let mut start = roi.start;
        let mut magnitude = roi.magnitude;
        let mut offsets = None;
        if let (Some(part), Some(offset)) = (g.part, self.offset) {
            let [y, x] = [0, 1].map(|axis| (bin[axis] * part[axis] / g.pooled[axis]) as usize);
            let plane = 2 * (index * g.classes as usize + class as usize);
            let at = [plane, plane + 1].map(|plane| (plane * part[0] as usize + y) * part[1] as usize + x);
            for (axis, at) in [(1, at[0]), (0, at[1])] {
                let value: f64 = offset[at].into();
                if !value.is_finite() {
                    return None;
                }
                start[axis] += f64::from(g.reach) * roi.size[axis] * value;
                magnitude = magnitude.max((f64::from(g.reach) * roi.magnitude * value).abs());
            }
            offsets = Some(at);
        }
        let (phase, beyond) = match g.rule {
            RoiRule::Align { .. } => (0.5, 1.0),
            RoiRule::PositionSensitive => (0.0, 0.5),
        };
        let counts = [0, 1].map(|axis| match g.samples[axis] {
            0 => (roi.size[axis] / f64::from(g.pooled[axis])).ceil().max(0.0),
            fixed => f64::from(fixed),
        });
        let along = |axis: usize| -> Vec<f64> {
            let extent = f64::from([g.height, g.width][axis]);
            let position = |sample: u64| {
                let number = f64::from(bin[axis]) * counts[axis] + sample as f64 + phase;
                start[axis] + number * roi.size[axis] / (f64::from(g.pooled[axis]) * counts[axis])
            };
            let inside = |position: &f64| (-beyond..=extent - 1.0 + beyond).contains(position);
            (0..counts[axis] as u64).map(position).filter(inside).collect()
        };
        let (rows, columns) = (along(0), along(1));
        let divisor = match g.rule {
            RoiRule::Align { .. } => counts[0] * counts[1],
            RoiRule::PositionSensitive => (rows.len() * columns.len()) as f64,
        };
        let whole = (rows.len() * columns.len()) as f64 == counts[0] * counts[1];
        let samples = rows.iter().flat_map(|&y| columns.iter().map(move |&x| [y, x])).collect();
        let [row, column] = [row as usize, column as usize];
        Some(Bin { row, column, offsets, samples, divisor: divisor.max(1.0), whole, magnitude })
    }

    /// Calls `f` with every bin that has samples and each output channel that is pooled in it: the RoI, the bin, the element of the output,
    /// and the first pixel of the plane of the input.
    fn each(&self, mut f: impl FnMut(&Roi, &Bin, usize, usize)) {
        let g = self.geometry;
        let [out_channels, bins] = [g.out_channels, g.bins()].map(|extent| extent as usize);
        for index in 0..g.rois as usize {
            let Some(roi) = self.roi(index) else { continue };
            for class in 0..g.classes {
                for bin in 0..g.bins() {
                    let Some(at) = self.bin(&roi, index, class, bin) else { continue };
                    let map = |axis: usize, number: usize| number * g.group[axis] as usize / g.pooled[axis] as usize;
                    for c in class * g.class_channels()..(class + 1) * g.class_channels() {
                        let c = c as usize;
                        let row = c * g.group[0] as usize + map(0, at.row);
                        let channel = row * g.group[1] as usize + map(1, at.column);
                        let plane = (roi.image * g.channels as usize + channel) * (g.height * g.width) as usize;
                        f(&roi, &at, (index * out_channels + c) * bins + bin as usize, plane);
                    }
                }
            }
        }
    }

    fn between(&self, [y, x]: [f64; 2]) -> [Between; 2] {
        let g = self.geometry;
        [Between::new(y, g.height, g.derivative), Between::new(x, g.width, g.derivative)]
    }

    fn forward(&self) -> Reference {
        let mut sums = zeros(self.geometry.output_shape().elements());
        self.each(|_, bin, element, plane| {
            for &sample in &bin.samples {
                let [rows, columns] = self.between(sample);
                for (y, weight_y) in rows.pixels().into_iter().zip(rows.weights()) {
                    for (x, weight_x) in columns.pixels().into_iter().zip(columns.weights()) {
                        if weight_y * weight_x != 0.0 {
                            let neighbour: f64 = self.input[plane + y * self.geometry.width as usize + x].into();
                            let term = neighbour / bin.divisor;
                            // Positions are rounded, and so weights are, by as much.
                            sums[element].add(weight_y * weight_x * term, term.abs() * (1.0 + bin.magnitude), 1);
                        }
                    }
                }
            }
        });
        sums.into()
    }

    fn maxima(&self) -> Reference {
        let mut reference = Reference::zeros(self.geometry.output_shape(), 4);
        self.each(|_, bin, element, plane| {
            let mut largest = if bin.whole && !bin.samples.is_empty() { f64::NEG_INFINITY } else { 0.0 };
            for &sample in &bin.samples {
                let [rows, columns] = self.between(sample);
                for (y, weight_y) in rows.pixels().into_iter().zip(rows.weights()) {
                    for (x, weight_x) in columns.pixels().into_iter().zip(columns.weights()) {
                        let (weight, neighbour) =
                            (weight_y * weight_x, self.input[plane + y * self.geometry.width as usize + x]);
                        let weighted = if weight == 0.0 { 0.0 } else { weight * neighbour.into() };
                        largest = if weighted.is_nan() || largest.is_nan() { f64::NAN } else { largest.max(weighted) };
                        // Positions are rounded, and so weights are, by as much.
                        let magnitude = neighbour.into().abs() * (1.0 + bin.magnitude);
                        reference.magnitude[element] = reference.magnitude[element].max(magnitude);
                    }
                }
            }
            reference.value[element] = largest;
        });
        reference
    }

    /// The gradients of input and offset.
    fn backward(&self, grad_output: &[T]) -> Result<(Reference, Option<Reference>)> {
        let g = self.geometry;
        check_len("grad_output", grad_output, g.output_shape())?;
        let mut grad_input = zeros(g.input_shape().elements());
        let mut grad_offset = g.offset_shape().map(|shape| zeros(shape.elements()));
        let reach = f64::from(g.reach);
        self.each(|roi, bin, element, plane| {
            let grad: f64 = grad_output[element].into();
            let grad = grad / bin.divisor;
            let rounded = 1.0 + bin.magnitude;
            // By x, by y.
            let mut moved = [Sum::default(); 2];
            for &sample in &bin.samples {
                let [rows, columns] = self.between(sample);
                for i in 0..2 {
                    for j in 0..2 {
                        let pixel = plane + rows.pixels()[i] * g.width as usize + columns.pixels()[j];
                        let weight = rows.weights()[i] * columns.weights()[j];
                        if weight != 0.0 {
                            grad_input[pixel].add(weight * grad, grad.abs() * rounded, 1);
                        }
                        let sign = |upper: usize| if upper == 1 { 1.0 } else { -1.0 };
                        let by_y = sign(i) * rows.slope * columns.across[j];
                        let by_x = sign(j) * columns.slope * rows.across[i];
                        for (sum, derivative) in moved.iter_mut().zip([by_x, by_y]) {
                            if derivative != 0.0 {
                                let value: f64 = self.input[pixel].into();
                                sum.add(derivative * value, value.abs(), 1);
                            }
                        }
                    }
                }
            }
            let (Some(grad_offset), Some(offsets)) = (&mut grad_offset, bin.offsets) else { return };
            for ((at, sum), size) in offsets.into_iter().zip(moved).zip([roi.size[1], roi.size[0]]) {
                // What does not count is 0, whatever it is multiplied with.
                if sum.terms > 0 {
                    let magnitude = sum.magnitude * (reach * grad).abs() * (size.abs() * rounded + roi.magnitude);
                    grad_offset[at].add(reach * grad * size * sum.value, magnitude, sum.terms);
                }
            }
        });
        Ok((grad_input.into(), grad_offset.map(Vec::<Sum>::into)))
    }
}

/// Regions of interest, pooled; see [`RoiAlign`](crate::RoiAlign).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn roi_align<T: Copy + Into<f64>>(geometry: &RoiAlignGeometry, inputs: &RoiAlignInputs<&[T]>) -> Result<Reference> {
    Ok(Pooling::new(&geometry.pooling, inputs.input, inputs.rois, None)?.forward())
}

/// Regions of interest, pooled by maxima; see [`RoiAlignMax`](crate::RoiAlignMax).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn roi_align_max<T: Copy + Into<f64>>(
    geometry: &RoiAlignMaxGeometry,
    inputs: &RoiAlignInputs<&[T]>,
) -> Result<Reference> {
    Ok(Pooling::new(&geometry.pooling, inputs.input, inputs.rois, None)?.maxima())
}

/// The gradients of a [`RoiAlign`](crate::RoiAlign).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn roi_align_backward<T: Copy + Into<f64>>(
    geometry: &RoiAlignGeometry,
    inputs: &RoiAlignInputs<&[T]>,
    grad_output: &[T],
) -> Result<RoiAlignGradients<Reference>> {
    let (input, _) = Pooling::new(&geometry.pooling, inputs.input, inputs.rois, None)?.backward(grad_output)?;
    Ok(RoiAlignGradients { input: Some(input) })
}

/// Regions of interest, pooled; see [`DeformRoiPool`](crate::DeformRoiPool).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn deform_roi_pool<T: Copy + Into<f64>>(
    geometry: &DeformRoiPoolGeometry,
    inputs: &DeformRoiPoolInputs<&[T]>,
) -> Result<Reference> {
    Ok(Pooling::new(&geometry.pooling, inputs.input, inputs.rois, inputs.offset)?.forward())
}

/// The gradients of a [`DeformRoiPool`](crate::DeformRoiPool).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn deform_roi_pool_backward<T: Copy + Into<f64>>(
    geometry: &DeformRoiPoolGeometry,
    inputs: &DeformRoiPoolInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformRoiPoolGradients<Reference>> {
    let (input, offset) =
        Pooling::new(&geometry.pooling, inputs.input, inputs.rois, inputs.offset)?.backward(grad_output)?;
    Ok(DeformRoiPoolGradients { input: Some(input), offset })
}

/// Regions of interest, pooled; see [`DeformPsRoiPool`](crate::DeformPsRoiPool).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn deform_ps_roi_pool<T: Copy + Into<f64>>(
    geometry: &DeformPsRoiPoolGeometry,
    inputs: &DeformPsRoiPoolInputs<&[T]>,
) -> Result<Reference> {
    Ok(Pooling::new(&geometry.pooling, inputs.input, inputs.rois, inputs.offset)?.forward())
}

/// The gradients of a [`DeformPsRoiPool`](crate::DeformPsRoiPool).
///
/// # Errors
/// [`Error::Shape`] where a slice is not as long as its shape; [`Error::Attribute`] where a RoI names an image that there is not.
pub fn deform_ps_roi_pool_backward<T: Copy + Into<f64>>(
    geometry: &DeformPsRoiPoolGeometry,
    inputs: &DeformPsRoiPoolInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformPsRoiPoolGradients<Reference>> {
    let (input, offset) =
        Pooling::new(&geometry.pooling, inputs.input, inputs.rois, inputs.offset)?.backward(grad_output)?;
    Ok(DeformPsRoiPoolGradients { input: Some(input), offset })
}
