//! Deformable convolution, which older exporters write as gathers of the corners of samples, and a convolution of windows side by side.

use super::graph::{Graph, Outcome, buffer, either, host, lies, number, operands, same};
use super::strided::Strided;
use crate::dtype::DType;
use crate::geometry::{
    Binary, Cast, CastTo, Concat, Conv2d, DeformConv2d, DeformConv2dGeometry, DeformConv2dInputs, GatherElements,
    GatherNd, PadMode, StridedCopy, Unary,
};
use crate::onnx::step::{Source, Step};
use crate::shape::Shape;

/// A convolution whose windows are samples at offsets from a grid.
pub(super) fn deform_conv(graph: &mut Graph, step: &Step) -> Outcome {
    let Some(samples) = Samples::of(graph, step) else { return Outcome::None };
    match samples.convolution(graph, step) {
        Ok(step) => Outcome::Steps(vec![step]),
        Err(why) => Outcome::Refused(why.into()),
    }
}

/// The windows of a convolution: sums of pixels times their shares, and times a mask.
struct Samples {
    extents: Extents,
    corners: Vec<Corner>,
    mask: Option<Source>,
    /// Whether all that is as large as the windows is used for them alone.
    alone: bool,
}

/// One pixel of each sample, such as the upper left one.
struct Corner {
    /// The buffer (batch, channels, height, width) that they are gathered from.
    image: usize,
    size: [u32; 2],
    /// Rows and columns of them.
    indices: [Source; 2],
    shares: Source,
}

/// Extents of the windows: (batch, offset groups, channels, taps, rows, columns).
struct Extents {
    batch: u32,
    offset_groups: u32,
    /// Channels of an offset group.
    channels: u32,
    kernel: [u32; 2],
    output: [u32; 2],
}

impl Extents {
    fn taps(&self) -> u32 {
        self.kernel[0] * self.kernel[1]
    }

    fn pixels(&self) -> u32 {
        self.output[0] * self.output[1]
    }

    /// Samples of a channel.
    fn points(&self) -> u32 {
        self.taps() * self.pixels()
    }

    /// Images times offset groups.
    fn slices(&self) -> u32 {
        self.batch * self.offset_groups
    }

    /// The windows' shape, or that of what all channels of an offset group share.
    fn shape(&self, channels: u32) -> Shape {
        let &Self { batch, offset_groups, output: [height, width], .. } = self;
        [batch, offset_groups, channels, self.taps(), height, width].into()
    }
}

impl Samples {
    fn of(graph: &Graph, step: &Step) -> Option<Self> {
        let op = step.op::<Conv2d>()?;
        let windows = step.source("input")?;
        let (&[batch, channels, rows, columns], &[_, _, height, width]) =
            (windows.shape().extents(), step.source("weight")?.shape().extents())
        else {
            return None;
        };
        let kernel = [height, width];
        if *op != (Conv2d { stride: kernel, groups: op.groups, ..Conv2d::default() }) {
            return None;
        }
        let (whole, lie) = graph.origin(windows);
        let maker = graph.maker_of(buffer(&whole)?.buffer)?;
        let shape = graph.buffers[maker.writes[0]].shape;
        let &[_, offset_groups, channels_of_group, ..] = shape.extents() else { return None };
        let output = [rows / height, columns / width];
        let extents = Extents { batch, offset_groups, channels: channels_of_group, kernel, output };
        // The taps of a pixel side by side, of samples that lie by tap.
        let [tap, channel, row] = [extents.pixels(), extents.points(), output[1]].map(i64::from);
        let side_by_side = [
            (batch * channels, channel),
            (output[0], row),
            (height, i64::from(width) * tap),
            (output[1], 1),
            (width, tap),
        ];
        if shape != extents.shape(channels_of_group)
            || channels != offset_groups * channels_of_group
            || !lies(&lie, 0, &side_by_side)
        {
            return None;
        }
        let masked = either(maker, Binary::Mul).find_map(|[sum, mask]| {
            let addends = addends(graph, graph.maker(sum)?)?;
            Some((addends, Some(mask.clone()), graph.only_here(sum)))
        });
        let (addends, mask, mut alone) = match masked {
            Some(masked) => masked,
            None => (addends(graph, maker)?, None, true),
        };
        alone &= graph.only_here(windows) && graph.only_here(&whole);
        let mut corners = Vec::new();
        for product in &addends {
            let (corner, gathered) = either(graph.maker(product)?, Binary::Mul)
                .find_map(|[gathered, shares]| Some((Corner::of(graph, gathered, shares, &extents)?, gathered)))?;
            let (pixels, _) = graph.origin(gathered);
            alone &= [product, gathered, &pixels].into_iter().all(|part| graph.only_here(part));
            corners.push(corner);
        }
        Some(Self { extents, corners, mask, alone })
    }

    fn convolution(&self, graph: &Graph, step: &Step) -> Result<Step, &'static str> {
        if !self.alone {
            return Err("a part of its samples is used elsewhere, too");
        }
        let &Extents { batch, offset_groups, output: [height, width], .. } = &self.extents;
        let (input, before) = self.padded(graph).ok_or("its image is not surrounded by zeros")?;
        let positions = self.positions(graph).ok_or("its corners and shares are not those of bilinear samples")?;
        let (grid, offset) = either(positions, Binary::Add)
            .find_map(|[grid, offset]| Some((Grid::of(grid, &self.extents)?, offset)))
            .ok_or("its positions are not offsets from a regular grid")?;

        let points = offset_groups * self.extents.taps();
        let offset_shape: Shape = [batch, 2 * points, height, width].into();
        if offset.shape().elements() != offset_shape.elements() {
            return Err("its offsets are not by point");
        }
        let by_point = self.extents.shape(1);
        if self.mask.as_ref().is_some_and(|mask| mask.shape() != by_point) {
            return Err("its mask is not by point");
        }
        let [weight, bias] = ["weight", "bias"].map(|name| step.source(name).cloned());
        let inputs = DeformConv2dInputs {
            input,
            offset: offset.reshaped(offset_shape),
            weight: weight.ok_or("it has no weight")?,
            mask: self.mask.as_ref().map(|mask| mask.reshaped([batch, points, height, width])),
            bias,
        };
        let groups = step.op().map_or(1, |op: &Conv2d| op.groups);
        let op = grid
            .op(groups, &self.extents, inputs.input.shape(), before)
            .filter(|op| DeformConv2dGeometry::new(op, &inputs.map(Source::shape)).is_ok())
            .ok_or("its positions are not offsets from a convolution's windows")?;
        Ok(step.another_packing(&op, &inputs))
    }

    /// The image that zeros surround, and the rows and columns of them in front of it.
    ///
    /// A pixel beyond the image is one of these zeros, since indices end at its first and last row and column.
    fn padded(&self, graph: &Graph) -> Option<(Source, [u32; 2])> {
        let &Corner { image, size, .. } = self.corners.first()?;
        let pad = graph.maker_of(image)?;
        let StridedCopy::Pad { before, after, mode: PadMode::Constant(0) } = pad.op()? else { return None };
        let ([0, 0, top, left], [0, 0, bottom, right]) = (&before[..], &after[..]) else { return None };
        let input = pad.source("input")?;
        let Extents { batch, offset_groups, channels, .. } = self.extents;
        let padded = [batch, offset_groups * channels, size[0], size[1]].into();
        let fits = graph.buffers[image].shape == padded && self.corners.iter().all(|corner| corner.image == image);
        let around = [top, left, bottom, right].into_iter().all(|&pad| pad >= 1);
        (fits && around).then(|| (input.clone(), [top, left].map(|pad| pad.unsigned_abs())))
    }

    /// The step that makes the positions of all samples, where the corners are the four pixels around each, with their shares.
    fn positions<'a>(&self, graph: &'a Graph) -> Option<&'a Step> {
        let mut all: Option<&Source> = None;
        let mut seen = [[false; 2]; 2];
        for Corner { size, indices, shares, .. } in &self.corners {
            let [a, b] =
                operands(graph.maker(shares)?, Binary::Mul)?.map(|of| Side::of_share(graph, of, &self.extents));
            let mut of_shares = [a?, b?];
            of_shares.sort_by_key(|side| side.axis);
            for axis in 0..2 {
                let index = Side::of_index(graph, &indices[axis], size[axis], &self.extents)?;
                let (share, positions) = (&of_shares[axis], *all.get_or_insert(index.positions));
                let agree = [index.axis, share.axis] == [axis; 2] && index.next == share.next;
                if !agree || !same(index.positions, positions) || !same(share.positions, positions) {
                    return None;
                }
            }
            let [row, column] = of_shares.map(|side| usize::from(side.next));
            seen[row][column] = true;
        }
        graph.maker(all?).filter(|_| seen == [[true; 2]; 2])
    }
}

/// The four sources that a step adds up.
fn addends(graph: &Graph, sum: &Step) -> Option<Vec<Source>> {
    let mut addends: Vec<_> = operands(sum, Binary::Add)?.into_iter().cloned().collect();
    while addends.len() < 4 {
        let parts = |source: &Source| operands(graph.own_maker(source)?, Binary::Add);
        let (place, [a, b]) = addends.iter().enumerate().find_map(|(place, of)| Some((place, parts(of)?)))?;
        let (a, b) = (a.clone(), b.clone());
        addends.splice(place..=place, [a, b]);
    }
    Some(addends)
}

impl Corner {
    fn of(graph: &Graph, gathered: &Source, shares: &Source, extents: &Extents) -> Option<Self> {
        if gathered.shape() != extents.shape(extents.channels) || shares.shape() != extents.shape(1) {
            return None;
        }
        let (pixels, of_pixels) = graph.origin(gathered);
        let gather = graph.maker_of(buffer(&pixels)?.buffer)?;
        let (data, indices) = (gather.source("data")?, gather.source("indices")?);
        let (image, of_image) = graph.origin(data);
        let &Extents { batch, offset_groups, channels, .. } = extents;
        let (slices, points) = (extents.slices(), extents.points());
        let (size, indices) = if gather.op() == Some(&GatherNd { batch: 2 }) {
            // From (slices, height, width, channels), by pairs of a row and a column.
            let &[.., height, width, last] = data.shape().extents() else { return None };
            let places = height * width;
            let pairs = graph.maker(indices)?;
            let [(_, Some(row)), (_, Some(column))] = &pairs.sources[..] else { return None };
            let fits = data.shape() == [batch, offset_groups, height, width, last].into()
                && last == channels
                && transposed(&of_image, slices, places, channels)
                && transposed(&of_pixels, slices, channels, points)
                && pairs.op() == Some(&Concat { axis: 3 })
                && indices.shape() == [batch, offset_groups, points, 2].into();
            fits.then(|| ([height, width], [row.clone(), column.clone()]))?
        } else if gather.op() == Some(&GatherElements { axis: 3 }) {
            // From (slices, channels, height * width), by row * width + column, repeated for each channel.
            let (places, of_places) = graph.origin(indices);
            let place = graph.maker_of(buffer(&places)?.buffer)?;
            let (row, column, width) = either(place, Binary::Add).find_map(|[rows, column]| {
                let mut products = either(graph.maker(rows)?, Binary::Mul);
                let (row, width) = products.find_map(|[row, width]| Some((row, number(width)?)))?;
                Some((row.clone(), column.clone(), width as u32))
            })?;
            let &[.., last] = data.shape().extents() else { return None };
            let repeated = [(slices, i64::from(points)), (channels, 0), (points, 1)];
            let all = u64::from(slices) * u64::from(points);
            let fits = data.shape() == [batch, offset_groups, channels, last].into()
                && dense(&of_image, slices * channels * last)
                && dense(&of_pixels, slices * channels * points)
                && graph.buffers[place.writes[0]].shape.elements() == all
                && lies(&of_places, 0, &repeated);
            fits.then_some(([last.checked_div(width)?, width], [row, column]))?
        } else {
            return None;
        };
        Some(Self { image: buffer(&image)?.buffer, size, indices, shares: shares.clone() })
    }
}

/// Whether elements lie one behind another.
fn dense(lie: &Strided, elements: u32) -> bool {
    lies(lie, 0, &[(elements, 1)])
}

/// Whether the elements of matrices lie as those of the transposed ones.
fn transposed(lie: &Strided, matrices: u32, rows: u32, columns: u32) -> bool {
    lies(lie, 0, &[(matrices, i64::from(rows) * i64::from(columns)), (rows, 1), (columns, rows.into())])
}

/// One of the two rows, or columns, around positions.
struct Side<'a> {
    /// 0 for rows, 1 for columns.
    axis: usize,
    /// Whether it is the second of the two.
    next: bool,
    positions: &'a Source,
}

impl<'a> Side<'a> {
    /// The side whose index within an image a source is: the rounded position, or that plus 1, kept within the image.
    fn of_index(graph: &'a Graph, index: &Source, extent: u32, extents: &Extents) -> Option<Self> {
        let bounded = |source: &Source, by: Binary, bound: u32| {
            let mut bounds = either(graph.maker(source)?, by);
            bounds.find_map(|[of, number_of]| (number(number_of)? == f64::from(bound)).then_some(of))
        };
        let whole = bounded(bounded(index, Binary::Min, extent.checked_sub(1)?)?, Binary::Max, 0)?;
        let before = bounded(whole, Binary::Add, 1);
        let (axis, rounded) = along_axis(graph, before.unwrap_or(whole), extents)?;
        let integers = rounded.op() == Some(&Cast { to: CastTo::Type(DType::I32) });
        let positions = floor_of(graph, rounded.source("input")?)?;
        integers.then_some(Self { axis, next: before.is_some(), positions })
    }

    /// The side whose share of samples a source is: what positions are beyond the rounded ones, or 1 minus that.
    fn of_share(graph: &'a Graph, share: &Source, extents: &Extents) -> Option<Self> {
        let rest = graph.maker(share).and_then(|maker| operands(maker, Binary::Sub));
        let before = rest.filter(|[one, _]| number(one) == Some(1.0)).map(|[_, beyond]| beyond);
        let (axis, beyond) = along_axis(graph, before.unwrap_or(share), extents)?;
        let [positions, rounded] = operands(beyond, Binary::Sub)?;
        let fits = same(floor_of(graph, rounded)?, positions);
        fits.then_some(Self { axis, next: before.is_none(), positions })
    }
}

/// The source that another one is, rounded down.
fn floor_of<'a>(graph: &'a Graph, source: &Source) -> Option<&'a Source> {
    graph.maker(source).filter(|maker| maker.op() == Some(&Unary::Floor))?.source("input")
}

/// The axis that a source is about, and the step that makes it for both axes: (batch, offset groups, taps, 2, rows, columns).
fn along_axis<'a>(graph: &'a Graph, source: &Source, extents: &Extents) -> Option<(usize, &'a Step)> {
    let (both, lie) = graph.origin(source);
    let (planes, pixels) = (extents.slices() * extents.taps(), extents.pixels());
    let of_axis = |axis: &usize| {
        let first = *axis as i64 * i64::from(pixels);
        lies(&lie, first, &[(planes, 2 * i64::from(pixels)), (pixels, 1)])
    };
    let axis = (0..2).find(of_axis)?;
    let both = buffer(&both)?.buffer;
    let &Extents { batch, offset_groups, output: [rows, columns], .. } = extents;
    let whole = graph.buffers[both].shape == [batch, offset_groups, extents.taps(), 2, rows, columns].into();
    Some((axis, graph.maker_of(both).filter(|_| whole)?))
}

/// Where samples lie without offsets, in rows and columns of an image: those of the first tap of the first pixel, and the distances.
struct Grid {
    first: [f64; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
}

impl Grid {
    /// The grid that a tensor (taps, 2, rows, columns) holds.
    fn of(source: &Source, extents: &Extents) -> Option<Self> {
        let &Extents { kernel, output: [rows, columns], .. } = extents;
        let shape: Shape = [extents.taps(), 2, rows, columns].into();
        if source.shape().elements() != shape.elements() || !source.shape().extents().ends_with(shape.extents()) {
            return None;
        }
        let places = host(source)?.to_floats();
        let place = |tap: u32, axis: usize, pixel: u32| {
            places[(2 * tap as usize + axis) * extents.pixels() as usize + pixel as usize]
        };
        let first = [place(0, 0, 0), place(0, 1, 0)];
        // Of what is there once only the distance may be anything.
        let [down, across] = [(rows > 1).then_some(columns), (columns > 1).then_some(1)];
        let stride = [down.map(|pixel| place(0, 0, pixel)), across.map(|pixel| place(0, 1, pixel))];
        let [down, across] = [(kernel[0] > 1).then_some(kernel[1]), (kernel[1] > 1).then_some(1)];
        let dilation = [down.map(|tap| place(tap, 0, 0)), across.map(|tap| place(tap, 1, 0))];
        let distances = |second: [Option<f64>; 2]| {
            let [down, across] = [0, 1].map(|axis| second[axis].map_or(Some(1), |second| whole(second - first[axis])));
            Some([down?, across?])
        };
        let (stride, dilation) = (distances(stride)?, distances(dilation)?);
        let regular = (0..extents.taps()).all(|tap| {
            (0..extents.pixels()).all(|pixel| {
                let (taps, pixels) = ([tap / kernel[1], tap % kernel[1]], [pixel / columns, pixel % columns]);
                (0..2).all(|axis| {
                    let from_first = f64::from(pixels[axis]) * f64::from(stride[axis])
                        + f64::from(taps[axis]) * f64::from(dilation[axis]);
                    place(tap, axis, pixel) == first[axis] + from_first
                })
            })
        });
        regular.then_some(Self { first, stride, dilation })
    }

    /// The deformable convolution of an image that has so many rows and columns of zeros in front of it, with the groups of a convolution.
    fn op(&self, groups: u32, extents: &Extents, image: Shape, before: [u32; 2]) -> Option<DeformConv2d> {
        let &Self { first, stride, dilation } = self;
        let &[_, _, height, width] = image.extents() else { return None };
        let [top, left] = [0, 1].map(|axis| whole(f64::from(before[axis]) - first[axis]));
        let in_front = [top?, left?];
        // As many behind as the last window needs.
        let behind = |axis: usize, extent: u32| {
            let steps = u64::from(extents.output[axis] - 1) * u64::from(stride[axis]);
            let window = u64::from(extents.kernel[axis] - 1) * u64::from(dilation[axis]) + 1;
            u32::try_from((steps + window).saturating_sub(u64::from(extent) + u64::from(in_front[axis]))).ok()
        };
        let padding = [in_front[0], in_front[1], behind(0, height)?, behind(1, width)?];
        Some(DeformConv2d {
            stride,
            padding,
            dilation,
            groups,
            offset_groups: extents.offset_groups,
            ..DeformConv2d::default()
        })
    }
}

/// A number as a whole one.
fn whole(number: f64) -> Option<u32> {
    (f64::from(number as u32) == number).then_some(number as u32)
}
