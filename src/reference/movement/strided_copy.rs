use crate::error::Result;
use crate::geometry::{DepthOrder, PadMode, StridedCopy, StridedCopyGeometry};
use crate::reference::conv::backward::zeros;
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// A tensor whose elements are moved, repeated or left out; see [`StridedCopy`]. Copies are exact: their magnitude is 0.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn strided_copy<T: Copy + Into<f64>>(geometry: &StridedCopyGeometry, input: &[T]) -> Result<Reference> {
    let StridedCopyGeometry { op, input: shape, output, .. } = geometry;
    check_len("input", input, *shape)?;
    let mut reference = Reference::zeros(*output, 1);
    let constant = match op {
        StridedCopy::Pad { mode: PadMode::Constant(bits), .. } => f32::from_bits(*bits).into(),
        _ => 0.0,
    };
    for (element, value) in reference.value.iter_mut().enumerate() {
        let from = source(op, *shape, &indices(element, *output));
        *value = from.map_or(constant, |from| input[place(&from, *shape)].into());
    }
    Ok(reference)
}

/// The gradient of a [`StridedCopy`]: what each element of the input has become, added up.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn strided_copy_backward<T: Copy + Into<f64>>(
    geometry: &StridedCopyGeometry,
    grad_output: &[T],
) -> Result<Reference> {
    let StridedCopyGeometry { op, input: shape, output, .. } = geometry;
    check_len("grad_output", grad_output, *output)?;
    let mut sums = zeros(shape.elements());
    for (element, &grad) in grad_output.iter().enumerate() {
        let grad: f64 = grad.into();
        if let Some(from) = source(op, *shape, &indices(element, *output)) {
            sums[place(&from, *shape)].add(grad, grad.abs(), 1);
        }
    }
    Ok(sums.into())
}

/// The indices in the input of the element that has these indices in the output; none, where it is constant.
fn source(op: &StridedCopy, shape: Shape, indices: &[i64]) -> Option<Vec<i64>> {
    let extents: Vec<_> = shape.extents().iter().map(|&extent| i64::from(extent)).collect();
    let mut from = indices.to_vec();
    match op {
        StridedCopy::Transpose { order } => {
            for (&index, &axis) in indices.iter().zip(order) {
                from[axis as usize] = index;
            }
        }
        StridedCopy::Slice { ranges } => {
            for range in ranges {
                let axis = range.axis as usize;
                let start = if range.start < 0 { range.start.saturating_add(extents[axis]) } else { range.start };
                let start = if range.step > 0 { start.max(0) } else { start.min(extents[axis] - 1) };
                from[axis] = start + indices[axis] * range.step;
            }
        }
        StridedCopy::Expand { .. } => {
            from.drain(..indices.len() - extents.len());
            from.iter_mut().zip(&extents).for_each(|(index, &extent)| *index %= extent);
        }
        StridedCopy::Tile { .. } => from.iter_mut().zip(&extents).for_each(|(index, &extent)| *index %= extent),
        StridedCopy::Pad { before, mode, .. } => {
            for ((index, &before), &extent) in from.iter_mut().zip(before).zip(&extents) {
                *index = padded(*index - i64::from(before), extent, *mode)?;
            }
        }
        StridedCopy::DepthToSpace { block, order } => {
            let block = i64::from(*block);
            let [batch, channel, y, x] = [0, 1, 2, 3].map(|axis| indices[axis]);
            let within = (y % block) * block + x % block;
            let channel = match order {
                DepthOrder::BlockFirst => within * (extents[1] / (block * block)) + channel,
                DepthOrder::ChannelFirst => channel * block * block + within,
            };
            return Some(vec![batch, channel, y / block, x / block]);
        }
        StridedCopy::SpaceToDepth { block } => {
            let block = i64::from(*block);
            let [batch, channel, y, x] = [0, 1, 2, 3].map(|axis| indices[axis]);
            let within = channel / extents[1];
            return Some(vec![batch, channel % extents[1], y * block + within / block, x * block + within % block]);
        }
        StridedCopy::Strided { first, axes } => {
            let along = indices.iter().zip(axes).map(|(index, (_, stride))| index * stride);
            return Some(self::indices((*first as i64 + along.sum::<i64>()) as usize, shape));
        }
    }
    Some(from)
}

/// The index along an axis at which the element of a position lies: steps along the mirrored axis, one by one.
fn padded(position: i64, extent: i64, mode: PadMode) -> Option<i64> {
    match mode {
        PadMode::Constant(_) => (0..extent).contains(&position).then_some(position),
        PadMode::Edge => Some(position.clamp(0, extent - 1)),
        PadMode::Wrap => Some(position.rem_euclid(extent)),
        PadMode::Reflect if extent == 1 => Some(0),
        PadMode::Reflect => {
            let mut position = position;
            while !(0..extent).contains(&position) {
                position = if position < 0 { -position } else { 2 * (extent - 1) - position };
            }
            Some(position)
        }
    }
}

/// The indices of an element along each axis.
pub(crate) fn indices(mut element: usize, shape: Shape) -> Vec<i64> {
    let mut indices = vec![0; shape.rank()];
    for (index, &extent) in indices.iter_mut().zip(shape.extents()).rev() {
        *index = (element % extent as usize) as i64;
        element /= extent as usize;
    }
    indices
}

/// The element at indices along each axis.
pub(crate) fn place(indices: &[i64], shape: Shape) -> usize {
    indices.iter().zip(shape.extents()).fold(0, |place, (&index, &extent)| place * extent as usize + index as usize)
}
