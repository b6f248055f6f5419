//! Attributes and shapes of any op drawn from bytes, and what must hold of the geometry made of them: its rules once
//! more, in numbers too wide to overflow. Shared with the fuzz target.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use arbitrary::{Arbitrary, Unstructured};
use pliant::geometry::*;
use pliant::*;
use pliant::{Error, Result, Shape};

/// An op's attributes and shapes, legal or not.
#[derive(Debug)]
pub enum Unchecked {
    BilinearSample(BilinearSample, BilinearSampleInputs<Shape>),
    Im2col(Im2col, Shape),
    DeformIm2col(DeformIm2col, DeformIm2colInputs<Shape>),
    Matmul(Matmul, MatmulInputs<Shape>),
    Conv2d(Conv2d, Conv2dInputs<Shape>),
    DeformConv2d(DeformConv2d, DeformConv2dInputs<Shape>),
}

/// A problem drawn from bytes.
#[derive(Debug)]
pub struct Drawn {
    pub problem: Unchecked,
    /// Whether it was drawn to be legal and nothing was changed since.
    tame: bool,
}

impl<'a> Arbitrary<'a> for Drawn {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let steep = bytes.arbitrary()?;
        let mut source = Source { bytes, steep, tame: true };
        let problem = source.problem()?;
        Ok(Self { problem, tame: source.tame })
    }
}

/// Numbers at which something may change.
const EXTREMES: [u32; 16] = [
    0,
    1,
    2,
    (1 << 15) + 1,
    (1 << 16) - 1,
    1 << 16,
    (1 << 16) + 1,
    (1 << 28) - 1,
    1 << 28,
    (1 << 29) - 1,
    1 << 29,
    (1 << 29) + 1,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX - 1,
    u32::MAX,
];

/// Draws legal problems of small numbers, and changes each number now and then. What follows from a changed number
/// follows it, so that large problems may be legal too. Where the bytes end nothing is changed.
struct Source<'a, 'b> {
    bytes: &'b mut Unstructured<'a>,
    /// Whether numbers are the least of their range, but for a few extremes: so products reach their limits.
    steep: bool,
    tame: bool,
}

impl Source<'_, '_> {
    fn flag(&mut self) -> arbitrary::Result<bool> {
        self.bytes.arbitrary()
    }

    /// `number`, now and then another.
    fn about(&mut self, number: u32) -> arbitrary::Result<u32> {
        let other = match self.bytes.arbitrary::<u8>()? {
            ..=247 => return Ok(number),
            248 => number.wrapping_add(1),
            249 => number.wrapping_sub(1),
            250 => number.wrapping_mul(2),
            251..=254 => *self.bytes.choose(&EXTREMES)?,
            255 => self.bytes.arbitrary()?,
        };
        self.tame = false;
        Ok(other)
    }

    /// A number in `range`, now and then another.
    fn number(&mut self, range: RangeInclusive<u32>) -> arbitrary::Result<u32> {
        if self.steep {
            if self.bytes.arbitrary::<u8>()? < 192 {
                return Ok(*range.start());
            }
            self.tame = false;
            return Ok(*self.bytes.choose(&EXTREMES)?);
        }
        let number = self.bytes.int_in_range(range)?;
        self.about(number)
    }

    fn numbers<const N: usize>(&mut self, range: RangeInclusive<u32>) -> arbitrary::Result<[u32; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number(range.clone())?;
        }
        Ok(numbers)
    }

    /// A batch for tensors of so many elements an image, now and then the largest that fits, or the next.
    fn batch(&mut self, images: &[u128]) -> arbitrary::Result<u32> {
        let beyond = match self.bytes.arbitrary::<u8>()? {
            ..=239 => return self.number(0..=3),
            240..=247 => 0,
            248.. => 1,
        };
        self.tame = false;
        let largest = images.iter().fold(1, |largest, &image| largest.max(image));
        Ok(clamp(u128::from(u32::MAX) / largest + beyond))
    }

    /// A shape of about these extents, now and then of another rank.
    fn shape(&mut self, extents: &[u32]) -> arbitrary::Result<Shape> {
        let mut changed = Vec::new();
        for &extent in extents {
            changed.push(self.about(extent)? as usize);
        }
        if self.bytes.arbitrary::<u8>()? > 251 {
            self.tame = false;
            let (rank, more) = (self.bytes.int_in_range(0..=6)?, self.number(1..=6)?);
            changed.resize(rank, more as usize);
        }
        Ok(Shape::new(&changed).expect("at most six axes, each a u32"))
    }

    /// A window, and the height and width of an image.
    fn window(&mut self) -> arbitrary::Result<(Im2col, [u32; 2])> {
        let (kernel, stride, dilation) = (self.numbers(1..=3)?, self.numbers(1..=3)?, self.numbers(1..=3)?);
        let window = Im2col { kernel, stride, padding: self.numbers(0..=3)?, dilation };
        let mut image = [0; 2];
        for (axis, extent) in image.iter_mut().enumerate() {
            let span = u128::from(dilation[axis]) * u128::from(kernel[axis].saturating_sub(1)) + 1;
            let padded = span + u128::from(self.number(0..=5)?);
            let padding = u128::from(window.padding[axis]) + u128::from(window.padding[axis + 2]);
            *extent = clamp(padded.saturating_sub(padding).max(1));
        }
        Ok((window, image))
    }

    /// Border, layout, and whether there is a mask of its own.
    fn deformation(&mut self) -> arbitrary::Result<(Border, OffsetLayout, bool)> {
        let border = *self.bytes.choose(&[Border::Zeros, Border::ClampHi, Border::Strict])?;
        let layout = *self.bytes.choose(&[OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint])?;
        let mask = match layout {
            OffsetLayout::Separate => self.flag()?,
            _ => self.bytes.arbitrary::<u8>()? > 239,
        };
        self.tame &= !(mask && layout.holds_mask());
        Ok((border, layout, mask))
    }

    fn problem(&mut self) -> arbitrary::Result<Unchecked> {
        Ok(match self.bytes.int_in_range(0..=5)? {
            0 => {
                let border = *self.bytes.choose(&[Border::Zeros, Border::ClampHi, Border::Strict])?;
                let [channels, height, width, out_height, out_width] = self.numbers(1..=6)?;
                let images = [product(&[channels, height, width]), product(&[channels.max(2), out_height, out_width])];
                let batch = self.batch(&images)?;
                let input = self.shape(&[batch, channels, height, width])?;
                let positions = self.shape(&[batch, 2, out_height, out_width])?;
                Unchecked::BilinearSample(
                    BilinearSample { border, ..BilinearSample::default() },
                    BilinearSampleInputs { input, positions },
                )
            }
            1 => {
                let (window, [height, width]) = self.window()?;
                let channels = self.number(1..=6)?;
                let [out_height, out_width] = out_extents(&window, [height, width]);
                let columns = product(&[window.kernel[0], window.kernel[1], channels, out_height, out_width]);
                let batch = self.batch(&[product(&[channels, height, width]), columns])?;
                Unchecked::Im2col(window, self.shape(&[batch, channels, height, width])?)
            }
            2 => {
                let (window, [height, width]) = self.window()?;
                let (offset_groups, (border, offset_layout, mask)) = (self.number(1..=3)?, self.deformation()?);
                let channels = clamp(product(&[offset_groups, self.number(1..=3)?]));
                let [out_height, out_width] = out_extents(&window, [height, width]);
                let points = clamp(product(&[window.kernel[0], window.kernel[1], offset_groups]));
                let planes = clamp(product(&[offset_layout.channels_per_point(), points]));
                let columns = product(&[window.kernel[0], window.kernel[1], channels, out_height, out_width]);
                let images = [product(&[channels, height, width]), product(&[planes, out_height, out_width]), columns];
                let batch = self.batch(&images)?;
                let shapes = DeformIm2colInputs {
                    input: self.shape(&[batch, channels, height, width])?,
                    offset: self.shape(&[batch, planes, out_height, out_width])?,
                    mask: mask.then(|| self.shape(&[batch, points, out_height, out_width])).transpose()?,
                };
                Unchecked::DeformIm2col(
                    DeformIm2col { window, offset_groups, border, offset_layout, ..DeformIm2col::default() },
                    shapes,
                )
            }
            3 => {
                let op = Matmul { transpose_a: self.flag()?, transpose_b: self.flag()? };
                let [rows, columns, depth] = self.numbers(1..=6)?;
                let images = [product(&[rows, depth]), product(&[depth, columns]), product(&[rows, columns])];
                let batch = self.batch(&images)?;
                let a = if op.transpose_a { [batch, depth, rows] } else { [batch, rows, depth] };
                let b = if op.transpose_b { [batch, columns, depth] } else { [batch, depth, columns] };
                let bias = self.flag()?.then(|| self.shape(&[columns])).transpose()?;
                Unchecked::Matmul(op, MatmulInputs { a: self.shape(&a)?, b: self.shape(&b)?, bias })
            }
            deformable => {
                let (window, [height, width]) = self.window()?;
                let Im2col { kernel, stride, padding, dilation } = window;
                // Groups and offset groups with a factor in common, and one each for itself.
                let [common, alone, offset_alone] = self.numbers(1..=2)?;
                let groups = clamp(product(&[common, alone]));
                let group_channels = clamp(product(&[offset_alone, self.number(1..=2)?]));
                let channels = clamp(product(&[groups, group_channels]));
                let out_channels = clamp(product(&[groups, self.number(1..=3)?]));
                let [out_height, out_width] = out_extents(&window, [height, width]);
                let mut images =
                    vec![product(&[channels, height, width]), product(&[out_channels, out_height, out_width])];
                let conv2d = Conv2d { stride, padding, dilation, groups: self.about(groups)? };
                let (bias, weight) = (self.flag()?, [out_channels, group_channels, kernel[0], kernel[1]]);
                let weight = self.shape(&weight)?;
                let bias = bias.then(|| self.shape(&[out_channels])).transpose()?;
                if deformable == 4 {
                    let batch = self.batch(&images)?;
                    let input = self.shape(&[batch, channels, height, width])?;
                    return Ok(Unchecked::Conv2d(conv2d, Conv2dInputs { input, weight, bias }));
                }
                let offset_groups = clamp(product(&[common, offset_alone]));
                let (border, offset_layout, mask) = self.deformation()?;
                let points = clamp(product(&[kernel[0], kernel[1], offset_groups]));
                let planes = clamp(product(&[offset_layout.channels_per_point(), points]));
                images.push(product(&[planes, out_height, out_width]));
                let batch = self.batch(&images)?;
                let (groups, offset_groups) = (conv2d.groups, self.about(offset_groups)?);
                let op = DeformConv2d {
                    stride,
                    padding,
                    dilation,
                    groups,
                    offset_groups,
                    border,
                    offset_layout,
                    ..DeformConv2d::default()
                };
                let shapes = DeformConv2dInputs {
                    input: self.shape(&[batch, channels, height, width])?,
                    offset: self.shape(&[batch, planes, out_height, out_width])?,
                    weight,
                    mask: mask.then(|| self.shape(&[batch, points, out_height, out_width])).transpose()?,
                    bias,
                };
                Unchecked::DeformConv2d(op, shapes)
            }
        })
    }
}

const MOST: u128 = u32::MAX as u128;

/// Saturating.
fn product(factors: &[impl Copy + Into<u128>]) -> u128 {
    factors.iter().fold(1, |product: u128, &factor| product.saturating_mul(factor.into()))
}

fn clamp(number: u128) -> u32 {
    number.min(MOST) as u32
}

/// Whether elements of these extents can be counted, were there a batch.
fn countable(extents: &[u128]) -> bool {
    product(&extents.iter().map(|&extent| extent.max(1)).collect::<Vec<_>>()) <= MOST
}

/// `floor((extent + padding - dilation * (kernel - 1) - 1) / stride) + 1`, unless it is below 1.
fn out_extent(window: &Im2col, axis: usize, extent: u32) -> Option<u128> {
    let [kernel, stride, dilation] = [window.kernel, window.stride, window.dilation].map(|pair| i128::from(pair[axis]));
    let padding = i128::from(window.padding[axis]) + i128::from(window.padding[axis + 2]);
    let room = i128::from(extent) + padding - dilation * (kernel - 1) - 1;
    if room < 0 || stride == 0 { None } else { Some((room / stride + 1) as u128) }
}

/// For the draw: any extent does where there is none.
fn out_extents(window: &Im2col, image: [u32; 2]) -> [u32; 2] {
    [0, 1].map(|axis| clamp(out_extent(window, axis, image[axis]).unwrap_or(1)))
}

/// A window over an image, as the rules see it.
struct Windows {
    batch: u128,
    channels: u128,
    taps: u128,
    out: [u128; 2],
}

/// The rules of all ops, each a demand on one argument. A rule that another breach leaves without meaning is not asked.
struct Rules {
    tame: bool,
    /// The arguments that are at fault.
    broken: Vec<&'static str>,
}

impl Rules {
    fn demand(&mut self, argument: &'static str, holds: bool) {
        if !holds {
            self.broken.push(argument);
        }
    }

    /// The extents of a tensor of `N` axes. Of more than two the first is the batch, which may be 0, but in a weight.
    fn tensor<const N: usize>(&mut self, argument: &'static str, shape: Shape) -> Option<[u128; N]> {
        let extents: Vec<u128> = shape.extents().iter().map(|&extent| extent.into()).collect();
        let elements = if extents.contains(&0) { 0 } else { product(&extents) };
        assert_eq!(u128::from(shape.elements()), elements.min(u64::MAX.into()), "elements of {shape}");
        self.demand(argument, extents.len() == N);
        let extents = <[u128; N]>::try_from(extents).ok()?;
        let batched = N > 2 && argument != "weight";
        self.demand(argument, !extents[usize::from(batched)..].contains(&0));
        self.demand(argument, countable(&extents));
        Some(extents)
    }

    fn windows(&mut self, window: &Im2col, input: Shape) -> Option<Windows> {
        self.demand("kernel", !window.kernel.contains(&0));
        self.demand("stride", !window.stride.contains(&0));
        self.demand("dilation", !window.dilation.contains(&0));
        let taps = product(&window.kernel);
        self.demand("kernel", taps <= MOST);
        let [batch, channels, image @ ..] = self.tensor::<4>("input", input)?;
        let mut out = [None; 2];
        for (axis, extent) in image.into_iter().enumerate() {
            let padded = extent + u128::from(window.padding[axis]) + u128::from(window.padding[axis + 2]);
            self.demand("input", padded <= 1 << 29);
            out[axis] = out_extent(window, axis, extent as u32);
            self.demand("input", out[axis].is_some() || window.stride[axis] == 0);
        }
        Some(Windows { batch, channels, taps, out: [out[0]?, out[1]?] })
    }

    /// The output, and the terms of each element.
    fn conv2d(&mut self, op: &Conv2d, shapes: &Conv2dInputs<Shape>) -> Option<(Windows, [u128; 4], u128)> {
        let Conv2d { stride, padding, dilation, groups } = *op;
        let [out_channels, group_channels, kernel @ ..] = self.tensor::<4>("weight", shapes.weight)?;
        self.demand("groups", groups > 0 && out_channels.is_multiple_of(groups.into()));
        if let Some([channels]) = shapes.bias.and_then(|bias| self.tensor("bias", bias)) {
            self.demand("bias", channels == out_channels);
        }
        let window = Im2col { kernel: kernel.map(clamp), stride, padding, dilation };
        let windows = self.windows(&window, shapes.input)?;
        self.demand("groups", groups == 0 || windows.channels.is_multiple_of(groups.into()));
        self.demand("weight", group_channels * u128::from(groups) == windows.channels);
        let output = [windows.batch, out_channels, windows.out[0], windows.out[1]];
        self.demand("output", countable(&output));
        let terms = group_channels * windows.taps;
        Some((windows, output, terms))
    }

    fn deformation(
        &mut self,
        windows: &Windows,
        groups: u32,
        layout: OffsetLayout,
        offset: Shape,
        mask: Option<Shape>,
    ) {
        let Windows { batch, channels, taps, out } = *windows;
        let groups = u128::from(groups);
        self.demand("offset_groups", groups > 0 && channels.is_multiple_of(groups));
        self.demand("mask", mask.is_none() || layout == OffsetLayout::Separate);
        let per_point = if layout == OffsetLayout::Separate { 2 } else { 3 };
        for (argument, shape, per_point) in [("offset", Some(offset), per_point), ("mask", mask, 1)] {
            if let Some(extents) = shape.and_then(|shape| self.tensor(argument, shape)) {
                self.demand(argument, extents == [batch, per_point * groups * taps, out[0], out[1]]);
            }
        }
    }

    /// Hands a verdict on, if it is that of the rules.
    ///
    /// # Panics
    /// Where it is not, or its error does not say what is at fault.
    fn judge<T: Debug>(&self, verdict: Result<T>) -> Result<T> {
        match &verdict {
            Ok(geometry) => assert!(self.broken.is_empty(), "{:?} are at fault in {geometry:?}", self.broken),
            Err(error) => {
                assert!(!self.tame, "refused, though drawn to be legal: {error:?}");
                let (Error::Shape { argument, message } | Error::Attribute { argument, message }) = error else {
                    panic!("{error:?} is of another kind");
                };
                assert!(self.broken.contains(argument), "{:?} are at fault, and not {error:?}", self.broken);
                let is_attribute = ["kernel", "stride", "dilation", "groups", "offset_groups"].contains(argument);
                assert_eq!(matches!(error, Error::Attribute { .. }), is_attribute, "{error:?}");
                assert!(message.contains(argument) && message.contains(|c: char| c.is_ascii_digit()), "{error:?}");
            }
        }
        verdict
    }
}

/// Asserts that a shape is the one expected, and fits an output: countable, and no extent is 0 but the batch.
fn assert_output(shape: Shape, expected: &[u128]) {
    let extents: Vec<u128> = shape.extents().iter().map(|&extent| extent.into()).collect();
    assert_eq!(extents, expected);
    assert!(!extents[1..].contains(&0) && countable(&extents), "{shape}");
}

fn assert_flops(flops: u64, output: &[u128], terms: u128) {
    assert_eq!(u128::from(flops), (2 * product(output) * terms).min(u64::MAX.into()), "{output:?} of {terms} terms");
}

/// Asserts that what a layout says of its planes fills its tensors, each plane once.
fn assert_planes(layout: OffsetLayout, points: u128) {
    let points = u32::try_from(points).expect("the offset has more channels");
    let [dy, dx] = layout.offset_planes(points);
    let mask = layout.mask_planes(points);
    let tensors = match layout {
        OffsetLayout::Separate => vec![vec![dy, dx], vec![mask]],
        _ => vec![vec![dy, dx, mask]],
    };
    for parts in tensors {
        let channels = parts.len() as u128 * u128::from(points);
        for Planes { first, step, batch } in &parts {
            assert_eq!(u128::from(*batch), channels, "{parts:?}");
            assert!(u128::from(*first) + u128::from(points - 1) * u128::from(*step) < channels, "{parts:?}");
        }
        if channels < 1000 {
            let planes = |part: &Planes| (0..points).map(|point| part.first + point * part.step).collect::<Vec<_>>();
            let mut all: Vec<u32> = parts.iter().flat_map(planes).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..channels as u32), "{parts:?}");
        }
    }
}

/// Makes a problem's geometry and hands out what it said.
///
/// # Panics
/// Where it said something else than the rules, or where a figure of it is wrong or does not fit.
pub fn check_geometry(drawn: &Drawn) -> Result<()> {
    const LEGAL: &str = "a legal problem has all its figures";
    let mut rules = Rules { tame: drawn.tame, broken: Vec::new() };
    match &drawn.problem {
        Unchecked::BilinearSample(op, shapes) => {
            let input: Option<[_; 4]> = rules.tensor("input", shapes.input);
            let positions: Option<[_; 4]> = rules.tensor("positions", shapes.positions);
            if let Some([.., height, width]) = input {
                rules.demand("input", height.max(width) <= 1 << 29);
            }
            let output = input.zip(positions).map(|([batch, channels, ..], [images, planes, height, width])| {
                let output = [batch, channels, height, width];
                rules.demand("positions", images == batch && planes == 2);
                rules.demand("output", countable(&output));
                output
            });
            let geometry = rules.judge(BilinearSampleGeometry::new(op, shapes))?;
            assert_output(geometry.output_shape(), &output.expect(LEGAL));
        }
        Unchecked::Im2col(op, input) => {
            let windows = rules.windows(op, *input);
            let geometry = rules.judge(Im2colGeometry::new(op, *input))?;
            let Windows { batch, channels, taps, out } = windows.expect(LEGAL);
            assert_eq!(geometry.out_extents().map(u128::from), out);
            assert_eq!(u128::from(geometry.taps()), taps);
            let columns = [batch, out[0], out[1], taps, channels];
            rules.demand("columns", countable(&columns));
            assert_output(rules.judge(geometry.columns_shape())?, &columns);
        }
        Unchecked::DeformIm2col(op, shapes) => {
            let DeformIm2col { window, offset_groups, offset_layout, .. } = *op;
            let windows = rules.windows(&window, shapes.input);
            let columns = windows.as_ref().map(|windows| {
                rules.deformation(windows, offset_groups, offset_layout, shapes.offset, shapes.mask);
                let Windows { batch, channels, taps, out } = *windows;
                let columns = [batch, out[0], out[1], taps, channels];
                rules.demand("columns", countable(&columns));
                columns
            });
            let geometry = rules.judge(DeformIm2colGeometry::new(op, shapes))?;
            assert_output(geometry.columns_shape(), &columns.expect(LEGAL));
            assert_planes(offset_layout, u128::from(offset_groups) * product(&window.kernel));
        }
        Unchecked::Matmul(op, shapes) => {
            let swap = |transposed, [batch, x, y]: [u128; 3]| if transposed { [batch, y, x] } else { [batch, x, y] };
            let a = rules.tensor("a", shapes.a).map(|a| swap(op.transpose_a, a));
            let b = rules.tensor("b", shapes.b).map(|b| swap(op.transpose_b, b));
            let output = a.zip(b).map(|([batch, rows, depth], [matrices, b_depth, columns])| {
                let output = [if batch == 1 { matrices } else { batch }, rows, columns];
                rules.demand("b", (matrices == batch || matrices == 1 || batch == 1) && b_depth == depth);
                rules.demand("output", countable(&output));
                if let Some([elements]) = shapes.bias.and_then(|bias| rules.tensor("bias", bias)) {
                    rules.demand("bias", elements == columns);
                }
                (output, depth)
            });
            let geometry = rules.judge(MatmulGeometry::new(op, shapes))?;
            let (output, depth) = output.expect(LEGAL);
            assert_output(geometry.output_shape(), &output);
            assert_flops(geometry.flops(), &output, depth);
        }
        Unchecked::Conv2d(op, shapes) => {
            let expected = rules.conv2d(op, shapes);
            let geometry = rules.judge(Conv2dGeometry::new(op, shapes))?;
            let (windows, output, terms) = expected.expect(LEGAL);
            assert!(countable(&[windows.channels, windows.taps]));
            assert_output(geometry.output_shape(), &output);
            assert_flops(geometry.flops(), &output, terms);
        }
        Unchecked::DeformConv2d(op, shapes) => {
            let DeformConv2d { stride, padding, dilation, groups, offset_groups, offset_layout, .. } = *op;
            let DeformConv2dInputs { input, offset, weight, mask, bias } = *shapes;
            let conv2d = Conv2d { stride, padding, dilation, groups };
            let expected = rules.conv2d(&conv2d, &Conv2dInputs { input, weight, bias });
            if let Some((windows, ..)) = &expected {
                rules.deformation(windows, offset_groups, offset_layout, offset, mask);
            }
            let geometry = rules.judge(DeformConv2dGeometry::new(op, shapes))?;
            let (windows, output, terms) = expected.expect(LEGAL);
            assert!(countable(&[windows.channels, windows.taps]));
            assert_output(geometry.output_shape(), &output);
            assert_flops(geometry.flops(), &output, terms);
            assert_planes(offset_layout, u128::from(offset_groups) * windows.taps);
        }
    }
    Ok(())
}
