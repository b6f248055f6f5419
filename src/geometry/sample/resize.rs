use crate::error::{Error, Result};
use crate::geometry::{Input, Output, any_rank, check_elements, op};
use crate::shape::Shape;

/// Tensors of any rank, resampled along some of their axes: ONNX's `Resize`.
///
/// Along each axis an output position is a weighted sum of some input positions, whose weights add up to 1; positions beyond the ends are those
/// at the ends. What has weight 0 does not count, whatever its value. Where positions lie is computed in `f32`, as ONNX Runtime does it; for the two
/// roundings to the nearest what is within 1e-6 of halfway is halfway, as in ONNX Runtime 1.32.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resize {
    /// The axes, counted from the outermost, each once.
    pub axes: Vec<u32>,
    /// The extents of the output along these axes.
    pub to: ResizeTo,
    /// The interpolation. [`ResizeMode::Linear`] by default.
    pub mode: ResizeMode,
    /// Where output positions lie in the input. [`ResizeCoordinates::HalfPixel`] by default.
    pub coordinates: ResizeCoordinates,
    /// Whether the linear and cubic modes stretch over all that an output position stands for, where the output is smaller. False by default.
    pub antialias: bool,
    /// Whether positions beyond the ends have weight 0, the others growing instead. False by default.
    pub exclude_outside: bool,
}

/// The extents that a [`Resize`] gives its axes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ResizeTo {
    /// Input extents times these factors, rounded down. Coordinates are made by the factors, not by the extents.
    Scales(Vec<f32>),
    /// These extents, or others where the policy keeps the aspect ratio.
    Sizes(Vec<u32>, AspectRatio),
}

impl Default for ResizeTo {
    fn default() -> Self {
        Self::Scales(Vec::new())
    }
}

/// Aspect ratio of a [`Resize`] to given extents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AspectRatio {
    /// Each axis gets its extent.
    #[default]
    Stretch,
    /// All axes get one factor: the largest with which none is larger than its extent.
    NotLarger,
    /// All axes get one factor: the smallest with which none is smaller than its extent.
    NotSmaller,
}

/// Interpolation of a [`Resize`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum ResizeMode {
    /// One input position.
    Nearest(NearestRounding),
    /// Between two input positions.
    #[default]
    Linear,
    /// Cubic convolution of four input positions.
    Cubic {
        /// The parameter A: -0.75 in ONNX and torch.
        a: f32,
    },
}

/// The input position that is nearest to an output position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NearestRounding {
    /// The nearest; halfway, the lower one.
    #[default]
    RoundPreferFloor,
    /// The nearest; halfway, the upper one.
    RoundPreferCeil,
    /// The one below.
    Floor,
    /// The one above.
    Ceil,
}

/// Where output positions of a [`Resize`] lie in the input, by ONNX's names.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum ResizeCoordinates {
    /// (x + 0.5) / scale - 0.5
    #[default]
    HalfPixel,
    /// As `HalfPixel`, moved so that the input's centre stays in the centre where a scale times the extent was rounded.
    HalfPixelSymmetric,
    /// As `HalfPixel`, and 0 where the output has one position.
    PytorchHalfPixel,
    /// x · (extent - 1) / (output extent - 1), with the extents themselves, and 0 where the output has one position.
    AlignCorners,
    /// x / scale
    Asymmetric,
    /// (x + 0.5) / scale
    TfHalfPixelForNn,
    /// From one position to another of the input, each a share of its extent less 1.
    TfCropAndResize {
        /// The first and the last position, of each axis in turn.
        roi: Vec<[f32; 2]>,
        /// The value of output positions that lie outside the input along any axis.
        extrapolation_value: f32,
    },
}

/// A checked change of extents.
#[derive(Debug, Clone, PartialEq)]
pub struct ResizeGeometry {
    pub(crate) op: Resize,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// The factor of each axis.
    scales: Vec<f32>,
}

/// The extent along a resized axis beyond which `f32` does not hold every position.
const MOST: u32 = 1 << 24;

impl Resize {
    /// The bits of the attributes whose zeros may have either sign.
    pub(crate) fn bits(&self) -> Vec<u32> {
        let mut floats = Vec::new();
        if let ResizeMode::Cubic { a } = self.mode {
            floats.push(a);
        }
        if let ResizeCoordinates::TfCropAndResize { roi, extrapolation_value } = &self.coordinates {
            floats.extend(roi.iter().flatten());
            floats.push(*extrapolation_value);
        }
        floats.into_iter().map(f32::to_bits).collect()
    }
}

impl ResizeGeometry {
    /// Checks the attributes against the input's shape, of any rank; its first axis may be 0, and stays so.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &Resize, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        for (index, &axis) in op.axes.iter().enumerate() {
            if axis as usize >= input.rank() {
                let message = format!("axes has {axis}; input ({input}) has {} axes", input.rank());
                return Err(Error::attribute("axes", message));
            }
            if op.axes[..index].contains(&axis) {
                return Err(Error::attribute("axes", format!("axes has {axis} twice; each axis is resized once")));
            }
            let extent = input.extents()[axis as usize];
            if extent > MOST {
                let message = format!("input ({input}) has axis {axis} of extent {extent}; {MOST} can be resized");
                return Err(Error::shape("input", message));
            }
        }
        let (axes, extents) = (op.axes.len(), op.axes.iter().map(|&axis| input.extents()[axis as usize]));
        if let ResizeMode::Cubic { a } = op.mode {
            finite("cubic_coeff_a", a)?;
        }
        if let ResizeCoordinates::TfCropAndResize { roi, extrapolation_value } = &op.coordinates {
            as_many("roi", roi.len(), axes)?;
            roi.iter().flatten().try_for_each(|&end| finite("roi", end))?;
            finite("extrapolation_value", *extrapolation_value)?;
        }
        let mut scales: Vec<f32>;
        let sizes: Vec<f32> = match &op.to {
            ResizeTo::Scales(given) => {
                as_many("scales", given.len(), axes)?;
                for &scale in given {
                    if !(scale.is_finite() && scale > 0.0) {
                        let message = format!("scales has {scale}; a finite factor above 0 is needed");
                        return Err(Error::attribute("scales", message));
                    }
                }
                scales = given.clone();
                extents.zip(given).map(|(extent, scale)| (extent as f32 * scale).floor()).collect()
            }
            ResizeTo::Sizes(given, ratio) => {
                as_many("sizes", given.len(), axes)?;
                let factor = |(extent, &size): (u32, &u32)| if extent == 0 { 1.0 } else { size as f32 / extent as f32 };
                scales = extents.clone().zip(given).map(factor).collect();
                let of_elements =
                    || extents.clone().zip(&scales).filter(|(extent, _)| *extent > 0).map(|(_, &scale)| scale);
                let common = match ratio {
                    AspectRatio::Stretch => None,
                    AspectRatio::NotLarger => of_elements().reduce(f32::min),
                    AspectRatio::NotSmaller => of_elements().reduce(f32::max),
                };
                match common {
                    None => given.iter().map(|&size| size as f32).collect(),
                    Some(common) => {
                        scales.fill(common);
                        let sized = |(extent, &size): (u32, &u32)| match extent {
                            0 => size as f32,
                            _ => (common * extent as f32).round(),
                        };
                        extents.zip(given).map(sized).collect()
                    }
                }
            }
        };
        let mut output = input;
        for (&axis, size) in op.axes.iter().zip(sizes) {
            let possible = if input.extents()[axis as usize] == 0 { 0.0..=0.0 } else { 1.0..=MOST as f32 };
            if !possible.contains(&size) {
                let (least, most) = possible.into_inner();
                let message =
                    format!("axis {axis} of input ({input}) would get extent {size}; {least} to {most} are possible");
                return Err(Error::shape("output", message));
            }
            output = output.with_extent(axis as usize, size as u32);
        }
        check_elements("output", output)?;
        Ok(Self { op: op.clone(), input, output, scales })
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.input
    }

    /// The shape of the output: the input's, with other extents along the axes.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    /// The value of what lies outside, where it is not that at the ends.
    pub(crate) fn extrapolation_value(&self) -> Option<f32> {
        match self.op.coordinates {
            ResizeCoordinates::TfCropAndResize { extrapolation_value, .. } => Some(extrapolation_value),
            _ => None,
        }
    }

    /// The input positions that make up each output position along the axis that `axes` has at `index`.
    pub(crate) fn taps(&self, index: usize) -> Vec<Taps> {
        let axis = self.op.axes[index] as usize;
        let [extent, out_extent] = [self.input, self.output].map(|shape| shape.extents()[axis]);
        let last = f64::from(extent.saturating_sub(1));
        let taps = (0..out_extent).map(|x| {
            let position = f64::from(self.position(index, x as f32, [extent, out_extent].map(|extent| extent as f32)));
            let outside = position < 0.0 || position > last;
            if outside && self.extrapolation_value().is_some() {
                return Taps { first: 0, weights: Vec::new() };
            }
            let one = |position: f64| Taps { first: position.clamp(0.0, last) as u32, weights: vec![1.0] };
            let filter = |distance: f64| match self.op.mode {
                ResizeMode::Cubic { a } => cubic(distance.abs(), f64::from(a)),
                _ => (1.0 - distance.abs()).max(0.0),
            };
            let support = match self.op.mode {
                ResizeMode::Nearest(rounding) => return one(nearest(position, rounding)),
                ResizeMode::Linear => 1.0,
                ResizeMode::Cubic { .. } => 2.0,
            };
            let stretch = if self.op.antialias { (1.0 / f64::from(self.scales[index])).max(1.0) } else { 1.0 };
            let ends = [(position - support * stretch).ceil(), (position + support * stretch).floor()];
            let [first, end] = ends.map(|end| end.clamp(0.0, last));
            let mut weights = vec![0.0; (end - first) as usize + 1];
            let mut tap = ends[0];
            while tap <= ends[1] {
                if !(self.op.exclude_outside && (tap < 0.0 || tap > last)) {
                    weights[(tap.clamp(0.0, last) - first) as usize] += filter((tap - position) / stretch);
                }
                tap += 1.0;
            }
            let sum: f64 = weights.iter().sum();
            if sum == 0.0 {
                return one(position.round());
            }
            weights.iter_mut().for_each(|weight| *weight /= sum);
            Taps { first: first as u32, weights }.trimmed()
        });
        taps.collect()
    }

    /// The input position of output position `x` along an axis.
    fn position(&self, index: usize, x: f32, [extent, out_extent]: [f32; 2]) -> f32 {
        let scale = self.scales[index];
        let half_pixel = (x + 0.5) / scale - 0.5;
        match &self.op.coordinates {
            ResizeCoordinates::TfCropAndResize { roi, .. } => {
                let [start, end] = roi[index];
                if out_extent > 1.0 {
                    start * (extent - 1.0) + x * (end - start) * (extent - 1.0) / (out_extent - 1.0)
                } else {
                    0.5 * (start + end) * (extent - 1.0)
                }
            }
            // What keeps its extent is left as it is, whatever the rule.
            _ if scale == 1.0 => x,
            ResizeCoordinates::HalfPixel => half_pixel,
            ResizeCoordinates::HalfPixelSymmetric => {
                // ONNX Runtime adds these in `f64`.
                let moved = f64::from(extent / 2.0 * (1.0 - out_extent / (scale * extent)));
                (moved + (f64::from(x) + 0.5) / f64::from(scale) - 0.5) as f32
            }
            ResizeCoordinates::PytorchHalfPixel if out_extent > 1.0 => half_pixel,
            ResizeCoordinates::AlignCorners if out_extent > 1.0 => x * (extent - 1.0) / (out_extent - 1.0),
            ResizeCoordinates::PytorchHalfPixel | ResizeCoordinates::AlignCorners => 0.0,
            ResizeCoordinates::Asymmetric => x / scale,
            ResizeCoordinates::TfHalfPixelForNn => (x + 0.5) / scale,
        }
    }
}

/// Input positions that make up an output position: their weights, from the first on. None, where it lies outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taps {
    pub(crate) first: u32,
    pub(crate) weights: Vec<f64>,
}

impl Taps {
    /// The taps of the gradient: for each of `extent` input positions the output positions that it is part of, and its weights there.
    pub(crate) fn transposed(taps: &[Self], extent: u32) -> Vec<Self> {
        let mut transposed = vec![Self { first: 0, weights: Vec::new() }; extent as usize];
        for (position, taps) in taps.iter().enumerate() {
            for (to, &weight) in transposed[taps.first as usize..].iter_mut().zip(&taps.weights) {
                if weight == 0.0 {
                    continue;
                }
                if to.weights.is_empty() {
                    to.first = position as u32;
                }
                to.weights.resize(position - to.first as usize, 0.0);
                to.weights.push(weight);
            }
        }
        transposed
    }

    /// The taps without those of weight 0 at the ends.
    fn trimmed(mut self) -> Self {
        while self.weights.last() == Some(&0.0) {
            self.weights.pop();
        }
        let zeros = self.weights.iter().take_while(|&&weight| weight == 0.0).count();
        self.weights.drain(..zeros);
        Self { first: self.first + zeros as u32, ..self }
    }
}

/// How far from halfway a position still counts as halfway: `f32` has rounded it.
const HALFWAY: f64 = 1e-6;

fn nearest(position: f64, rounding: NearestRounding) -> f64 {
    match rounding {
        NearestRounding::RoundPreferFloor => (position - 0.5 - HALFWAY).ceil(),
        NearestRounding::RoundPreferCeil => (position + 0.5 + HALFWAY).floor(),
        NearestRounding::Floor => position.floor(),
        NearestRounding::Ceil => position.ceil(),
    }
}

/// Keys' cubic convolution at a distance.
fn cubic(distance: f64, a: f64) -> f64 {
    if distance < 1.0 {
        ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
    } else if distance < 2.0 {
        ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a
    } else {
        0.0
    }
}

fn finite(argument: &'static str, value: f32) -> Result<()> {
    if !value.is_finite() {
        return Err(Error::attribute(argument, format!("{argument} has {value}; it must be finite")));
    }
    Ok(())
}

fn as_many(argument: &'static str, has: usize, axes: usize) -> Result<()> {
    if has != axes {
        return Err(Error::attribute(argument, format!("{argument} is for {has} axes; axes has {axes}")));
    }
    Ok(())
}

op!(Resize: Input => Output, ResizeGeometry::output_shape, |op, shape| ResizeGeometry::new(op, *shape));

#[cfg(test)]
mod tests {
    use super::*;

    /// A resize of one axis.
    fn resize(to: ResizeTo, mode: ResizeMode, coordinates: ResizeCoordinates, extent: u32) -> ResizeGeometry {
        let op = Resize { axes: vec![0], to, mode, coordinates, ..Resize::default() };
        ResizeGeometry::new(&op, [extent].into()).unwrap()
    }

    fn sizes(size: u32) -> ResizeTo {
        ResizeTo::Sizes(vec![size], AspectRatio::Stretch)
    }

    /// The output for an input that counts 1, 2, 3, ...
    fn output(geometry: &ResizeGeometry) -> Vec<f64> {
        let of = |taps: &Taps| {
            taps.weights.iter().zip(taps.first + 1..).map(|(weight, value)| weight * f64::from(value)).sum()
        };
        geometry.taps(0).iter().map(of).collect()
    }

    fn close(geometry: &ResizeGeometry, expected: &[f64]) {
        let output = output(geometry);
        let same = output.len() == expected.len() && output.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same, "{output:?}, expected {expected:?}");
    }

    #[test]
    fn positions_by_hand() {
        use ResizeCoordinates as At;
        let linear = ResizeMode::Linear;
        close(&resize(sizes(4), linear, At::HalfPixel, 2), &[1.0, 1.25, 1.75, 2.0]);
        close(&resize(sizes(4), linear, At::AlignCorners, 2), &[1.0, 4.0 / 3.0, 5.0 / 3.0, 2.0]);
        close(&resize(sizes(4), linear, At::Asymmetric, 2), &[1.0, 1.5, 2.0, 2.0]);
        close(&resize(sizes(1), linear, At::HalfPixel, 4), &[2.5]);
        close(&resize(sizes(1), linear, At::PytorchHalfPixel, 4), &[1.0]);
        close(&resize(ResizeTo::Scales(vec![0.6]), linear, At::HalfPixel, 4), &[1.0 + 1.0 / 3.0, 3.0]);
        close(&resize(ResizeTo::Scales(vec![0.6]), linear, At::HalfPixelSymmetric, 4), &[5.0 / 3.0, 10.0 / 3.0]);
        let crop = |extrapolation_value| At::TfCropAndResize { roi: vec![[0.4, 0.6]], extrapolation_value };
        close(&resize(sizes(3), linear, crop(10.0), 4), &[2.2, 2.5, 2.8]);
    }

    #[test]
    fn nearest_positions_by_hand() {
        use NearestRounding as Round;
        let nearest =
            |rounding, to, extent| resize(to, ResizeMode::Nearest(rounding), ResizeCoordinates::HalfPixel, extent);
        close(&nearest(Round::RoundPreferFloor, sizes(8), 4), &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        // Positions are 0.5, 2.5.
        close(&nearest(Round::RoundPreferFloor, sizes(2), 4), &[1.0, 3.0]);
        close(&nearest(Round::RoundPreferCeil, sizes(2), 4), &[2.0, 4.0]);
        close(&nearest(Round::Floor, sizes(2), 4), &[1.0, 3.0]);
        close(&nearest(Round::Ceil, sizes(2), 4), &[2.0, 4.0]);
        // Positions 3.5 and 6.5, which f32 makes 3.499_999_8 and 6.500_000_5.
        let round = ResizeMode::Nearest(Round::RoundPreferCeil);
        close(&resize(sizes(2), round, ResizeCoordinates::Asymmetric, 7), &[1.0, 5.0]);
        assert_eq!(output(&nearest(Round::RoundPreferFloor, sizes(19), 14))[9], 7.0);
    }

    #[test]
    fn filters_by_hand() {
        let cubic = resize(sizes(8), ResizeMode::Cubic { a: -0.75 }, ResizeCoordinates::HalfPixel, 4);
        let half = [0.894_531_25, 1.191_406_25, 1.667_968_75, 2.296_875];
        let other_half = half.map(|value| 5.0 - value);
        close(&cubic, &[half, [other_half[3], other_half[2], other_half[1], other_half[0]]].concat());
        let of = |antialias, exclude_outside, size| {
            let op = Resize { axes: vec![0], to: sizes(size), antialias, exclude_outside, ..Resize::default() };
            ResizeGeometry::new(&op, [4].into()).unwrap().taps(0)[0].clone()
        };
        assert_eq!(of(true, false, 2), Taps { first: 0, weights: vec![0.5, 0.375, 0.125] });
        assert_eq!(
            of(true, true, 2),
            Taps { first: 0, weights: [0.75, 0.75, 0.25].map(|weight| weight / 1.75).to_vec() }
        );
        assert_eq!(of(true, false, 8), Taps { first: 0, weights: vec![1.0] });
    }

    #[test]
    fn extents_by_hand() {
        let to = |to| {
            let op = Resize { axes: vec![2, 1], to, ..Resize::default() };
            ResizeGeometry::new(&op, [2, 4, 6].into()).map(|geometry| geometry.output_shape())
        };
        assert_eq!(to(ResizeTo::Scales(vec![0.6, 1.5])), Ok([2, 6, 3].into()));
        assert_eq!(to(ResizeTo::Sizes(vec![3, 8], AspectRatio::Stretch)), Ok([2, 8, 3].into()));
        assert_eq!(to(ResizeTo::Sizes(vec![3, 8], AspectRatio::NotLarger)), Ok([2, 2, 3].into()));
        assert_eq!(to(ResizeTo::Sizes(vec![3, 8], AspectRatio::NotSmaller)), Ok([2, 8, 12].into()));
        assert!(to(ResizeTo::Scales(vec![0.1, 1.0])).is_err());
        let of_none = |to| {
            let op = Resize { axes: vec![0, 1], to, ..Resize::default() };
            ResizeGeometry::new(&op, [0, 4].into()).map(|geometry| geometry.output_shape())
        };
        assert_eq!(of_none(ResizeTo::Scales(vec![2.0, 1.5])), Ok([0, 6].into()));
        assert_eq!(of_none(ResizeTo::Sizes(vec![0, 6], AspectRatio::Stretch)), Ok([0, 6].into()));
        assert!(of_none(ResizeTo::Sizes(vec![1, 6], AspectRatio::Stretch)).is_err());
    }
}
