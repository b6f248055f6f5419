//! The gradient of a strided copy: what each element of the input has become, added up.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    DepthOrder, InputGradient, Outside, PadMode, ScatterElements, ScatterElementsGeometry, ScatterInputs,
    ScatterReduction, StridedCopy, StridedCopyGeometry, Taps, repeats_of,
};
use crate::gpu::{Recorder, Tensor};
use crate::ops::movement::copy::copy_all;
use crate::ops::movement::scatter::Scattering;
use crate::ops::movement::strided_copy::Moved;
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Argument, Destination, Differentiable, Plan};
use crate::ops::reduce::sums::Sums;
use crate::ops::sample::resampling::{Changed, Resampling};
use crate::shape::Shape;

/// The vector-Jacobian product: each element of the input has the sum of `grad_output` where it has been moved to. Integers have none.
impl Differentiable for StridedCopy {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let (geometry, dtype) = (plan.geometry(), input.tensor()?.dtype());
        if !dtype.is_float() {
            return Err(Error::dtype("input", format!("input holds {dtype}, which has no gradient")));
        }
        let StridedCopyGeometry { op, input, output, .. } = geometry;
        if output.elements() == 0 || input.elements() == 0 {
            return if destination.accumulates() { Ok(()) } else { zeros(recorder, destination.tensor()) };
        }
        match op {
            Self::Transpose { order } => {
                let mut inverse = vec![0; order.len()];
                order.iter().zip(0..).for_each(|(&axis, index)| inverse[axis as usize] = index);
                moved_back(recorder, &Self::transpose(&inverse), (*output, grad_output), *destination)
            }
            Self::DepthToSpace { block, order } => {
                let back = match order {
                    DepthOrder::BlockFirst => [0, 3, 5, 1, 2, 4],
                    DepthOrder::ChannelFirst => [0, 1, 3, 5, 2, 4],
                };
                let [batch, channels, height, width] = four(*output);
                let blocks = [batch, channels, height / block, *block, width / block, *block].into();
                moved_back(recorder, &Self::transpose(&back), (blocks, grad_output), *destination)
            }
            Self::SpaceToDepth { block } => {
                let [batch, channels, height, width] = four(*output);
                let blocks = [batch, *block, *block, channels / (block * block), height, width].into();
                moved_back(recorder, &Self::transpose(&[0, 3, 4, 1, 5, 2]), (blocks, grad_output), *destination)
            }
            Self::Pad { before, after, mode: PadMode::Constant(_) } => {
                let cut = |ends: &[i32]| ends.iter().map(|end| -end).collect();
                let back = Self::Pad { before: cut(before), after: cut(after), mode: PadMode::value(0.0) };
                moved_back(recorder, &back, (*output, grad_output), *destination)
            }
            Self::Expand { .. } | Self::Tile { .. } => summed(recorder, geometry, grad_output, *destination),
            Self::Strided { .. } => scattered(recorder, geometry, grad_output, *destination),
            Self::Slice { .. } | Self::Pad { .. } => {
                let axes = walked(geometry)?.into_iter().map(Changed::transposed);
                let resampling = Resampling::new(recorder.gpu(), *output, axes)?;
                resampling.record_gradient(recorder, grad_output, *destination)
            }
        }
    }
}

/// The extents of images, which a checked copy of blocks has.
fn four(shape: Shape) -> [u32; 4] {
    let mut extents = [1; 4];
    extents.iter_mut().zip(shape.extents()).for_each(|(extent, &of)| *extent = of);
    extents
}

/// Records a copy of the gradient of the output, under other extents, that is the gradient of the input.
fn moved_back(
    recorder: &mut Recorder,
    op: &StridedCopy,
    (shape, grad_output): (Shape, &Tensor),
    destination: Destination,
) -> Result<()> {
    let moved = Moved::of(&StridedCopyGeometry::new(op, shape)?);
    if !destination.accumulates() {
        return moved.record(recorder, grad_output, destination.tensor());
    }
    let gradient = recorder.workspace(destination.tensor().shape())?;
    moved.record(recorder, grad_output, &gradient)?;
    copy_all(recorder, ("gradient", &gradient), destination.tensor(), true)
}

/// Records the sums over what is repeated, one axis after another.
fn summed(
    recorder: &mut Recorder,
    geometry: &StridedCopyGeometry,
    grad_output: &Tensor,
    destination: Destination,
) -> Result<()> {
    let (mut extents, repeats) = (geometry.output.extents().to_vec(), repeats_of(geometry));
    let repeated: Vec<_> = (0..extents.len()).filter(|&axis| repeats[axis] > 1).collect();
    let (to, accumulate) = (destination.tensor(), destination.accumulates());
    let Some(&last) = repeated.last() else { return copy_all(recorder, ("grad_output", grad_output), to, accumulate) };
    let mut input = grad_output.clone();
    for axis in repeated {
        let product = |extents: &[u32]| extents.iter().product::<u32>();
        let (planes, pixels) = (product(&extents[..axis]), repeats[axis]);
        extents[axis] /= pixels;
        let columns = product(&extents[axis..]);
        let sums = Sums { planes, pixels, columns, scale: 1.0, accumulate: accumulate && axis == last };
        let output = if axis == last { to.clone() } else { recorder.workspace([planes, columns])? };
        sums.record(recorder, &input, &output)?;
        input = output;
    }
    Ok(())
}

/// Records the sums over elements wherever they come from, by a table of their places.
fn scattered(
    recorder: &mut Recorder,
    geometry: &StridedCopyGeometry,
    grad_output: &Tensor,
    destination: Destination,
) -> Result<()> {
    let place = |element| geometry.source(element).and_then(|place| i32::try_from(place).ok());
    let places: Option<Vec<_>> = (0..geometry.output.elements()).map(place).collect();
    let places = places.ok_or_else(|| {
        let input = geometry.input;
        Error::limit(
            "input",
            format!("input ({input}) has {} elements; of at most {} there is a gradient", input.elements(), i32::MAX),
        )
    })?;
    let [inputs, outputs] = [geometry.input, geometry.output].map(|shape| Shape::from([shape.elements() as u32]));
    let indices = Tensor::upload(recorder.gpu(), outputs, &places)?;
    let op = ScatterElements { axis: 0, reduction: ScatterReduction::Add };
    let shapes = ScatterInputs { data: inputs, indices: outputs, updates: outputs };
    let ScatterElementsGeometry { indexing, op, .. } = ScatterElementsGeometry::new(&op, &shapes)?;
    if !destination.accumulates() {
        zeros(recorder, destination.tensor())?;
    }
    let scattering = Scattering { indexing: &indexing, reduction: op.reduction, number: DType::F32.into() };
    let gradient = destination.tensor().reshaped(inputs);
    scattering.record(recorder, &indices, ("grad_output", &grad_output.reshaped(outputs)), ("gradient", &gradient))
}

/// The axes that a copy walks along otherwise than from the first element to the last.
fn walked(geometry: &StridedCopyGeometry) -> Result<Vec<Changed>> {
    let StridedCopyGeometry { op, input, output, .. } = geometry;
    let extents = |axis: usize| [input, output].map(|shape| shape.extents()[axis]);
    let at = |first: u32| Taps { first, weights: vec![1.0] };
    Ok(match op {
        StridedCopy::Slice { ranges } => {
            let walked = ranges.iter().map(|range| {
                let (axis, step) = (range.axis as usize, range.step);
                let [extent, _] = extents(axis);
                let (start, many) = range.within(extent)?;
                let place = |index: u32| (i64::from(start) + i64::from(index) * step) as u32;
                Ok(Changed { axis, taps: (0..many).map(|index| at(place(index))).collect(), extent })
            });
            walked.collect::<Result<_>>()?
        }
        StridedCopy::Pad { before, mode, .. } => {
            let walked = before.iter().enumerate().map(|(axis, before)| {
                let [extent, many] = extents(axis);
                let outside = Outside { first: -before, extent, mode: *mode };
                let tap = |index| outside.position(index).map_or(Taps { first: 0, weights: Vec::new() }, at);
                Changed { axis, taps: (0..many).map(tap).collect(), extent }
            });
            walked.collect()
        }
        _ => Vec::new(),
    })
}
