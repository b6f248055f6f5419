use std::ops::Range;

use crate::error::{Error, Result};
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::{Input, Output, any_rank, check_padded_extent, op, positive};
use crate::shape::{MAX_RANK, Shape};

/// A tensor of floats or integers whose elements are moved, repeated or left out, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StridedCopy {
    /// Axes in another order: axis `i` of the output is axis `order[i]` of the input.
    Transpose {
        /// Each axis of the input once.
        order: Vec<u32>,
    },
    /// A part of the input along some axes, forward or backward.
    Slice {
        /// At most one range for each axis; axes without one are whole.
        ranges: Vec<SliceRange>,
    },
    /// The input repeated along axes of extent 1, and along axes in front: both shapes are broadcast, as ONNX has it.
    Expand {
        /// The shape to broadcast with.
        shape: Shape,
    },
    /// The whole input repeated along each axis.
    Tile {
        /// How often, for each axis.
        repeats: Vec<u32>,
    },
    /// The input with elements in front and behind, or without some, where a number is negative.
    ///
    /// With [`PadMode::Wrap`] and numbers that add up to 0, elements roll along the axis, as many as there are `before`.
    Pad {
        /// Elements in front, for each axis.
        before: Vec<i32>,
        /// Elements behind, for each axis.
        after: Vec<i32>,
        /// The elements outside the input.
        mode: PadMode,
    },
    /// Blocks of channels as square blocks of pixels, of an input (batch, channels, height, width).
    DepthToSpace {
        /// The extent of a square block.
        block: u32,
        /// How channels are split into blocks.
        order: DepthOrder,
    },
    /// Square blocks of pixels as channels, those of a pixel of the block together, of an input (batch, channels, height, width).
    SpaceToDepth {
        /// The extent of a square block.
        block: u32,
    },
    /// Elements at regular distances, whatever the axes of the input: torch's `as_strided`.
    Strided {
        /// The first element, counted along the input as it lies in memory.
        first: u64,
        /// Extent and distance of neighbours for each axis of the output, outermost first.
        axes: Vec<(u32, i64)>,
    },
}

/// Range of indices along an axis, as NumPy and ONNX have it: a negative index counts from the end, and what is beyond an end is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SliceRange {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// The first index.
    pub start: i64,
    /// The index that ends the range, and is not part of it. `i64::MIN` ends a range that goes backward to index 0.
    pub end: i64,
    /// The distance from one index to the next, negative for a range that goes backward.
    pub step: i64,
}

/// Elements outside the input of a [`StridedCopy::Pad`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PadMode {
    /// One value, by its bits: those of an `f32`, from which elements of 16 bits are rounded, or of an integer. [`PadMode::value`] makes it.
    Constant(u32),
    /// The nearest element of the input.
    Edge,
    /// The input mirrored at its first and last element, which are not repeated.
    Reflect,
    /// The input again.
    Wrap,
}

impl PadMode {
    /// Elements of one value.
    pub fn value(value: f32) -> Self {
        Self::Constant(value.to_bits())
    }

    /// Elements of one integer.
    pub fn integer(value: i32) -> Self {
        Self::Constant(value.cast_unsigned())
    }
}

/// How the channels of a [`StridedCopy::DepthToSpace`] are split, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DepthOrder {
    /// By row and column of the block, then by channel of the output: `DCR` in ONNX.
    BlockFirst,
    /// By channel of the output, then by row and column of the block: `CRD` in ONNX, a pixel shuffle in torch.
    ChannelFirst,
}

impl StridedCopy {
    /// Axes in another order: [`StridedCopy::Transpose`].
    pub fn transpose(order: &[u32]) -> Self {
        Self::Transpose { order: order.to_vec() }
    }

    /// A part of the input: [`StridedCopy::Slice`].
    pub fn slice(ranges: &[SliceRange]) -> Self {
        Self::Slice { ranges: ranges.to_vec() }
    }

    /// The input backward along some axes: a [`StridedCopy::Slice`].
    pub fn flip(axes: &[u32]) -> Self {
        let backward = |&axis: &u32| SliceRange { axis, start: -1, end: i64::MIN, step: -1 };
        Self::Slice { ranges: axes.iter().map(backward).collect() }
    }

    /// The input broadcast with a shape: [`StridedCopy::Expand`].
    pub fn expand(shape: impl Into<Shape>) -> Self {
        Self::Expand { shape: shape.into() }
    }

    /// The whole input repeated along each axis: [`StridedCopy::Tile`].
    pub fn tile(repeats: &[u32]) -> Self {
        Self::Tile { repeats: repeats.to_vec() }
    }

    /// The input with elements in front and behind along each axis: [`StridedCopy::Pad`].
    pub fn pad(before: &[i32], after: &[i32], mode: PadMode) -> Self {
        Self::Pad { before: before.to_vec(), after: after.to_vec(), mode }
    }

    /// The input moved on along each axis, and from the end to the front: a [`StridedCopy::Pad`].
    pub fn roll(shifts: &[i32]) -> Self {
        let back: Vec<_> = shifts.iter().map(|shift| -shift).collect();
        Self::pad(shifts, &back, PadMode::Wrap)
    }
}

/// A checked copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StridedCopyGeometry {
    pub(crate) op: StridedCopy,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// The element of the input at which the output begins, but for what the axes with an [`Outside`] add.
    pub(crate) first: u64,
    /// The output's axes, as few as possible, with axes of extent 1 in front.
    pub(crate) axes: [CopyAxis; MAX_RANK],
}

/// An axis of the output of a copy, and where its elements lie in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CopyAxis {
    pub(crate) extent: u32,
    /// How far apart neighbours lie in the input: 0 where an element is repeated, negative where the axis goes backward.
    pub(crate) stride: i64,
    /// Present where the axis leaves the input.
    pub(crate) outside: Option<Outside>,
}

/// An axis of the input that an axis of the output walks along and leaves: index 0 of the output is at position `first`, and the others follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Outside {
    pub(crate) first: i32,
    pub(crate) extent: u32,
    pub(crate) mode: PadMode,
}

impl Outside {
    /// The index along the axis of the input at which the elements of the output's index lie; none, where they are constant.
    pub(crate) fn position(&self, index: u32) -> Option<u32> {
        let (position, extent) = (i64::from(self.first) + i64::from(index), i64::from(self.extent));
        let within = match self.mode {
            PadMode::Constant(_) => (0..extent).contains(&position).then_some(position)?,
            PadMode::Edge => position.clamp(0, extent - 1),
            PadMode::Reflect => {
                let period = self.period().into();
                let along = position.rem_euclid(period);
                along.min(period - along)
            }
            PadMode::Wrap => position.rem_euclid(extent),
        };
        Some(within as u32)
    }

    /// How far apart positions repeat that show the same element, where they do.
    pub(crate) fn period(&self) -> u32 {
        match self.mode {
            PadMode::Reflect => (2 * (self.extent - 1)).max(1),
            _ => self.extent.max(1),
        }
    }

    /// The positions that a range of indices comes to: all, where they are not in one run.
    pub(crate) fn positions(&self, indices: &Range<u32>) -> Range<u32> {
        let ends = [indices.start, indices.end - 1].map(|index| self.position(index));
        let (first, last) =
            (i64::from(self.first) + i64::from(indices.start), i64::from(indices.end - indices.start) - 1);
        let run = match self.mode {
            PadMode::Constant(_) => {
                let within = |position: i64| position.clamp(0, self.extent.into()) as u32;
                return within(first)..within(first + last + 1);
            }
            PadMode::Edge => true,
            PadMode::Reflect => {
                let half = i64::from(self.extent.max(2) - 1);
                first.rem_euclid(half) + last <= half
            }
            PadMode::Wrap => first.rem_euclid(self.extent.into()) + last < i64::from(self.extent),
        };
        match ends {
            [Some(a), Some(b)] if run => a.min(b)..a.max(b) + 1,
            _ => 0..self.extent,
        }
    }
}

impl CopyAxis {
    const ONE: Self = Self { extent: 1, stride: 0, outside: None };

    fn along(extent: u32, stride: u64) -> Self {
        Self { extent, stride: stride as i64, outside: None }
    }
}

/// Axes as few as possible: what goes on where the next axis ends is the same axis.
fn merged(axes: &[CopyAxis]) -> Vec<CopyAxis> {
    let mut merged: Vec<CopyAxis> = Vec::new();
    for &axis in axes {
        if axis.extent == 1 && axis.outside.is_none() {
            continue;
        }
        match merged.last_mut() {
            Some(outer)
                if outer.outside.is_none()
                    && axis.outside.is_none()
                    && outer.stride == axis.stride * i64::from(axis.extent) =>
            {
                *outer = CopyAxis { extent: outer.extent * axis.extent, ..axis };
            }
            _ => merged.push(axis),
        }
    }
    merged
}

impl StridedCopyGeometry {
    /// Checks attributes and shape. Only the first axis of the input, and of the output, may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &StridedCopy, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        let Walk { output, first, axes } = walk(op, input)?;
        any_rank("output", output)?;
        let axes = merged(&axes);
        let mut all = [CopyAxis::ONE; MAX_RANK];
        all[MAX_RANK - axes.len()..].copy_from_slice(&axes);
        Ok(Self { op: op.clone(), input, output, first, axes: all })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.input
    }

    /// The shape of the output.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    /// The range of the input's elements that the output is, where it is one, in their order: then nothing need be copied.
    pub fn view(&self) -> Option<Range<u64>> {
        let [outer @ .., inner] = &self.axes;
        let dense = *inner == CopyAxis::ONE || (inner.stride == 1 && inner.outside.is_none());
        let one = dense && outer.iter().all(|axis| *axis == CopyAxis::ONE);
        one.then(|| self.first..self.first + self.output.elements())
    }
}

impl StridedCopyGeometry {
    /// The shape of an output, any axis of which may be 0, as any of the input may.
    #[cfg(feature = "onnx")]
    pub(crate) fn shape_of(op: &StridedCopy, input: Shape) -> Result<Shape> {
        use crate::geometry::check_elements;
        check_elements("input", input)?;
        let output = walk(op, input)?.output;
        check_elements("output", output)?;
        Ok(output)
    }

    /// Extents and distances of the output's elements in the input, outermost first; `None` where the output leaves the input.
    #[cfg(feature = "onnx")]
    pub(crate) fn runs(&self) -> Option<impl Iterator<Item = (u32, i64)>> {
        let inside = self.axes.iter().all(|axis| axis.outside.is_none());
        inside.then(|| self.axes.iter().map(|axis| (axis.extent, axis.stride)))
    }

    /// The element of the input that is an element of the output; `None` where that is constant.
    pub(crate) fn source(&self, element: u64) -> Option<u64> {
        let (mut rest, mut place) = (element, self.first as i64);
        for axis in self.axes.iter().rev() {
            let index = (rest % u64::from(axis.extent)) as u32;
            rest /= u64::from(axis.extent);
            let position = axis.outside.map_or(Some(index), |outside| outside.position(index))?;
            place += i64::from(position) * axis.stride;
        }
        Some(place as u64)
    }
}

/// How often an expansion, or a tiling, has each axis of the output, which the input may lack or have with extent 1.
pub(crate) fn repeats_of(geometry: &StridedCopyGeometry) -> Vec<u32> {
    let StridedCopyGeometry { input, output, .. } = geometry;
    let lacks = output.rank() - input.rank();
    let own = |axis: usize| if axis < lacks { 1 } else { input.extents()[axis - lacks] };
    output.extents().iter().enumerate().map(|(axis, extent)| extent / own(axis).max(1)).collect()
}

/// Axes of an output, outermost first, and the element of the input at which it begins.
struct Walk {
    output: Shape,
    first: u64,
    axes: Vec<CopyAxis>,
}

fn walk(op: &StridedCopy, input: Shape) -> Result<Walk> {
    match op {
        StridedCopy::Transpose { order } => transpose(order, input),
        StridedCopy::Slice { ranges } => slice(ranges, input),
        StridedCopy::Expand { shape } => expand(*shape, input),
        StridedCopy::Tile { repeats } => tile(repeats, input),
        StridedCopy::Pad { before, after, mode } => pad([before, after], *mode, input),
        StridedCopy::DepthToSpace { block, order } => depth_to_space(*block, *order, input),
        StridedCopy::SpaceToDepth { block } => space_to_depth(*block, input),
        StridedCopy::Strided { first, axes } => strided(*first, axes, input),
    }
}

/// How far apart the elements of a dense tensor lie along each axis.
fn strides(extents: &[u32]) -> Vec<u64> {
    // The first extent may be 0, and is no factor.
    (0..extents.len()).map(|axis| extents[axis + 1..].iter().map(|&extent| u64::from(extent)).product()).collect()
}

/// Axes of a dense tensor in another order.
fn reordered(extents: &[u32], order: &[usize]) -> Vec<CopyAxis> {
    let strides = strides(extents);
    order.iter().map(|&axis| CopyAxis::along(extents[axis], strides[axis])).collect()
}

/// Refuses a list that has not one entry for each axis.
fn for_each_axis(argument: &'static str, entries: usize, input: Shape) -> Result<()> {
    if entries != input.rank() {
        let message = format!("{argument} has {entries} entries; input ({input}) has {} axes", input.rank());
        return Err(Error::attribute(argument, message));
    }
    Ok(())
}

fn strided(first: u64, axes: &[(u32, i64)], input: Shape) -> Result<Walk> {
    let extents: Vec<_> = axes.iter().map(|&(extent, _)| extent).collect();
    let output = Shape::new(&extents)?;
    any_rank("output", output)?;
    let reach = |side: fn(i64) -> bool| {
        let far = axes.iter().filter(|(_, stride)| side(*stride));
        far.map(|&(extent, stride)| i128::from(extent.max(1) - 1) * i128::from(stride)).sum::<i128>()
    };
    let (least, most) =
        (i128::from(first) + reach(|stride| stride < 0), i128::from(first) + reach(|stride| stride > 0));
    let elements = input.elements();
    if output.elements() > 0 && (least < 0 || most >= elements.into()) {
        let message = format!("axes reach from element {least} to {most}; input ({input}) has {elements} elements");
        return Err(Error::attribute("axes", message));
    }
    let axes = axes.iter().map(|&(extent, stride)| CopyAxis { extent, stride, outside: None }).collect();
    Ok(Walk { output, first, axes })
}

fn transpose(order: &[u32], input: Shape) -> Result<Walk> {
    for_each_axis("order", order.len(), input)?;
    for (index, &axis) in order.iter().enumerate() {
        if axis as usize >= input.rank() {
            let message = format!("order names axis {axis}; input ({input}) has {} axes", input.rank());
            return Err(Error::attribute("order", message));
        }
        if let Some(before) = order[..index].iter().position(|&other| other == axis) {
            let message = format!("order names axis {axis} for axis {before} of the output and for axis {index}");
            return Err(Error::attribute("order", message));
        }
    }
    let order: Vec<_> = order.iter().map(|&axis| axis as usize).collect();
    let axes = reordered(input.extents(), &order);
    Ok(Walk { output: Shape::new(&axes.iter().map(|axis| axis.extent).collect::<Vec<_>>())?, first: 0, axes })
}

fn slice(ranges: &[SliceRange], input: Shape) -> Result<Walk> {
    let (mut output, mut first) = (input, 0);
    let mut axes = reordered(input.extents(), &(0..input.rank()).collect::<Vec<_>>());
    for (index, range) in ranges.iter().enumerate() {
        let axis = checked_axis(range.axis, input)?;
        if let Some(before) = ranges[..index].iter().position(|other| other.axis == range.axis) {
            let message = format!("range {index} is of axis {axis}, as range {before} is");
            return Err(Error::attribute("ranges", message));
        }
        let (start, extent) = range.within(input.extents()[axis])?;
        output = output.with_extent(axis, extent);
        if extent > 0 {
            first += u64::from(start) * axes[axis].stride as u64;
        }
        // A step is taken only where there are two indices or more, and is then less than the extent.
        let step = if extent > 1 { range.step } else { 0 };
        axes[axis] = CopyAxis { extent, stride: step * axes[axis].stride, outside: None };
    }
    Ok(Walk { output, first, axes })
}

impl SliceRange {
    /// The first index, and how many there are, of an axis with so many elements.
    pub(crate) fn within(&self, extent: u32) -> Result<(u32, u32)> {
        let Self { axis, start, end, step } = *self;
        if step == 0 {
            return Err(Error::attribute("ranges", format!("the range of axis {axis} has step 0; it needs another")));
        }
        let extent = i64::from(extent);
        let from_front = |index: i64| if index < 0 { index.saturating_add(extent) } else { index };
        // Where a range that goes backward ends, index -1 is in front of all.
        let (least, most) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
        if extent == 0 {
            return Ok((0, 0));
        }
        // A range that starts in front of all starts at the first index, also backward.
        let start = from_front(start).clamp(0, most);
        let end = from_front(end).clamp(least, most);
        let distance = if step > 0 { end - start } else { start - end };
        let count = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
        Ok((start as u32, count as u32))
    }
}

fn expand(shape: Shape, input: Shape) -> Result<Walk> {
    let rank = input.rank().max(shape.rank());
    let strides = strides(input.extents());
    let (mut extents, mut axes) = (Vec::new(), Vec::new());
    for axis in 0..rank {
        let of = |shape: Shape| (axis + shape.rank()).checked_sub(rank).map(|axis| (axis, shape.extents()[axis]));
        let (has, wants) = (of(input), of(shape).map_or(1, |(_, extent)| extent));
        let extent = match has {
            None | Some((_, 1)) => wants,
            Some((_, has)) if wants == has || wants == 1 => has,
            Some((_, has)) => {
                let message = format!(
                    "shape ({shape}) has extent {wants} where input ({input}) has {has}; one must be the other, or 1"
                );
                return Err(Error::attribute("shape", message));
            }
        };
        let repeated = has.is_none_or(|(_, has)| has != extent);
        let stride = has.filter(|_| !repeated).map_or(0, |(axis, _)| strides[axis]);
        extents.push(extent);
        axes.push(CopyAxis::along(extent, stride));
    }
    Ok(Walk { output: Shape::new(&extents)?, first: 0, axes })
}

fn tile(repeats: &[u32], input: Shape) -> Result<Walk> {
    for_each_axis("repeats", repeats.len(), input)?;
    let strides = strides(input.extents());
    let (mut output, mut apart, mut wrapped) = (input, Vec::new(), Vec::new());
    for (axis, (&extent, &repeats)) in input.extents().iter().zip(repeats).enumerate() {
        let Some(all) = extent.checked_mul(repeats) else {
            let all = u64::from(extent) * u64::from(repeats);
            let message =
                format!("the output would have extent {all} along axis {axis}; at most {} is possible", u32::MAX);
            return Err(Error::shape("output", message));
        };
        output = output.with_extent(axis, all);
        let whole = CopyAxis::along(extent, strides[axis]);
        apart.extend([CopyAxis::along(repeats, 0), whole]);
        wrapped.push(if repeats == 1 || extent <= 1 {
            CopyAxis { extent: all, stride: if repeats == 1 { whole.stride } else { 0 }, outside: None }
        } else {
            check_padded_extent("extent", all, [0; 2])?;
            CopyAxis { extent: all, outside: Some(Outside { first: 0, extent, mode: PadMode::Wrap }), ..whole }
        });
    }
    // Without remainders, where there are axes enough.
    let axes = if merged(&apart).len() <= MAX_RANK { apart } else { wrapped };
    Ok(Walk { output, first: 0, axes })
}

fn pad([before, after]: [&[i32]; 2], mode: PadMode, input: Shape) -> Result<Walk> {
    for_each_axis("before", before.len(), input)?;
    for_each_axis("after", after.len(), input)?;
    let (mut output, mut first) = (input, 0);
    let mut axes = reordered(input.extents(), &(0..input.rank()).collect::<Vec<_>>());
    for (index, axis) in axes.iter_mut().enumerate() {
        let (before, after, extent) = (before[index], after[index], input.extents()[index]);
        if (before, after) == (0, 0) {
            continue;
        }
        let longest = check_padded_extent("extent", extent, [before.max(0), after.max(0)].map(i32::cast_unsigned))?;
        let Some(padded) = extent.checked_add_signed(before).and_then(|extent| extent.checked_add_signed(after)) else {
            let message =
                format!("before is {before} and after {after} along axis {index}; input ({input}) has {extent}");
            return Err(Error::attribute("before", message));
        };
        debug_assert!(u64::from(padded) <= longest);
        output = output.with_extent(index, padded);
        axis.extent = padded;
        if before <= 0 && after <= 0 {
            if padded > 0 {
                first += u64::from(before.unsigned_abs()) * axis.stride as u64;
            }
        } else if extent == 0 && !matches!(mode, PadMode::Constant(_)) {
            let message = format!("axis {index} of input ({input}) has 0 elements; {mode:?} repeats at least 1");
            return Err(Error::shape("input", message));
        } else {
            axis.outside = Some(Outside { first: -before, extent, mode });
        }
    }
    Ok(Walk { output, first, axes })
}

/// The four axes of an input with pixels.
fn pixels(input: Shape) -> Result<[u32; 4]> {
    use crate::geometry::{NCHW, extents};
    extents("input", input, NCHW)
}

fn depth_to_space(block: u32, order: DepthOrder, input: Shape) -> Result<Walk> {
    positive("block", block)?;
    let [batch, channels, height, width] = pixels(input)?;
    let refused = |message: String| Error::attribute("block", message);
    let squared = u64::from(block) * u64::from(block);
    if !u64::from(channels).is_multiple_of(squared) {
        return Err(refused(format!("block is {block}; its square {squared} does not divide {channels} channels")));
    }
    let to = channels / squared as u32;
    let axes = match order {
        DepthOrder::BlockFirst => reordered(&[batch, block, block, to, height, width], &[0, 3, 4, 1, 5, 2]),
        DepthOrder::ChannelFirst => reordered(&[batch, to, block, block, height, width], &[0, 1, 4, 2, 5, 3]),
    };
    // No longer than the number of elements.
    Ok(Walk { output: [batch, to, height * block, width * block].into(), first: 0, axes })
}

fn space_to_depth(block: u32, input: Shape) -> Result<Walk> {
    positive("block", block)?;
    let [batch, channels, height, width] = pixels(input)?;
    for (axis, extent) in [("height", height), ("width", width)] {
        if !extent.is_multiple_of(block) {
            return Err(Error::attribute("block", format!("block is {block}; it does not divide {axis} {extent}")));
        }
    }
    let [rows, columns] = [height / block, width / block];
    let axes = reordered(&[batch, channels, rows, block, columns, block], &[0, 3, 5, 1, 2, 4]);
    Ok(Walk { output: [batch, channels * block * block, rows, columns].into(), first: 0, axes })
}

op!(StridedCopy: Input => Output, StridedCopyGeometry::output_shape, |op, shape| StridedCopyGeometry::new(op, *shape));

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(op: &StridedCopy, input: &[usize]) -> StridedCopyGeometry {
        StridedCopyGeometry::new(op, Shape::new(input).unwrap()).unwrap()
    }

    /// The axes of extent above 1: extent, stride, and whether they leave the input.
    fn axes(op: &StridedCopy, input: &[usize]) -> Vec<(u32, i64, bool)> {
        let axes = geometry(op, input).axes;
        let longer = axes.iter().filter(|axis| axis.extent > 1);
        longer.map(|axis| (axis.extent, axis.stride, axis.outside.is_some())).collect()
    }

    #[test]
    fn axes_that_go_on_are_one() {
        let transpose = |order: &[u32], input: &[usize]| axes(&StridedCopy::transpose(order), input);
        assert_eq!(transpose(&[0, 2, 3, 1], &[2, 3, 4, 5]), [(2, 60, false), (20, 1, false), (3, 20, false)]);
        assert_eq!(transpose(&[2, 0, 1], &[2, 3, 4]), [(4, 1, false), (6, 4, false)]);
        assert_eq!(transpose(&[0, 1, 2], &[2, 3, 4]), [(24, 1, false)]);
        assert_eq!(axes(&StridedCopy::flip(&[0, 1]), &[2, 3]), [(6, -1, false)]);
        assert_eq!(axes(&StridedCopy::expand([2, 3, 4, 5]), &[4, 1]), [(6, 0, false), (4, 1, false), (5, 0, false)]);
        assert_eq!(axes(&StridedCopy::tile(&[3, 1]), &[2, 5]), [(3, 0, false), (10, 1, false)]);
        // More than six axes, if repeats were axes.
        let tiled = axes(&StridedCopy::tile(&[2, 2, 2, 2]), &[2, 3, 2, 3]);
        assert_eq!(tiled, [(4, 18, true), (6, 6, true), (4, 3, true), (6, 1, true)]);
        let padded = axes(&StridedCopy::pad(&[0, 0, 1], &[0, 0, -1], PadMode::Edge), &[2, 3, 4]);
        assert_eq!(padded, [(6, 4, false), (4, 1, true)]);
    }

    #[test]
    fn what_is_there_already_is_a_view() {
        let view = |op: &StridedCopy, input: &[usize]| geometry(op, input).view();
        assert_eq!(view(&StridedCopy::transpose(&[1, 0, 2]), &[1, 3, 4]), Some(0..12));
        assert_eq!(view(&StridedCopy::transpose(&[1, 0]), &[2, 3]), None);
        let range = |axis, start, end, step| StridedCopy::slice(&[SliceRange { axis, start, end, step }]);
        assert_eq!(view(&range(0, 1, 3, 1), &[4, 5]), Some(5..15));
        assert_eq!(view(&range(1, 1, 3, 1), &[1, 5]), Some(1..3));
        assert_eq!(view(&range(1, 1, 3, 1), &[2, 5]), None);
        assert_eq!(view(&range(0, -1, i64::MIN, -1), &[1, 5]), Some(0..5));
        assert_eq!(view(&StridedCopy::pad(&[-1, 0], &[0, 0], PadMode::Wrap), &[3, 2]), Some(2..6));
        assert_eq!(view(&StridedCopy::pad(&[0, 1], &[0, 0], PadMode::Wrap), &[3, 1]), None);
        assert_eq!(view(&StridedCopy::expand([1, 3, 2]), &[3, 2]), Some(0..6));
        assert_eq!(view(&StridedCopy::tile(&[1, 2]), &[3, 1]), None);
        assert_eq!(view(&StridedCopy::tile(&[1, 1]), &[1, 1]), Some(0..1));
    }

    #[test]
    fn positions_of_a_range_are_all_that_it_comes_to() {
        for mode in [PadMode::value(0.0), PadMode::Edge, PadMode::Reflect, PadMode::Wrap] {
            for (first, extent) in [(-7, 3), (0, 4), (2, 5), (-3, 1), (-2, 2)] {
                let outside = Outside { first, extent, mode };
                for start in 0..12 {
                    for end in start + 1..13 {
                        let range = outside.positions(&(start..end));
                        let mut positions = (start..end).filter_map(|index| outside.position(index));
                        assert!(positions.all(|position| range.contains(&position)), "{outside:?} {start}..{end}");
                        assert!(range.end <= extent || range.is_empty());
                    }
                    let one = outside.positions(&(start..start + 1));
                    assert!(one.len() <= 1, "{outside:?} {start}");
                }
            }
        }
    }
}
