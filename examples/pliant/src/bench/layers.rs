//! Layers to be timed: suites, a layer given by hand, and the distributions that inputs are drawn from.

use clap::ValueEnum;
use fastrand::Rng;
use pliant::geometry::Im2colGeometry;
use pliant::{DType, DeformConv2d, DeformConv2dInputs, Im2col, Shape, TensorSpec};
use pliant_support::problem::Array;
use pliant_support::random;

use super::attention;
use crate::Failure;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Six shapes that a CPU does in under a second
    Cpu,
    /// Ten layers of published networks
    Models,
    /// Attention over levels, deformable convolutions of version 3, and a grid, beside their decomposition into other ops
    Attention,
}

/// Where the taps sample.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Offsets {
    /// At their regular places
    Zero,
    /// Normally distributed around them, with a sigma of one pixel
    Sigma1,
    /// Normally distributed around them, with a sigma of two pixels
    Sigma2,
    /// With a sigma of eight pixels where they are drawn, every sixteen pixels, and interpolated between
    #[value(name = "sigma8-smooth")]
    Sigma8Smooth,
    /// Anywhere in the image
    Random,
}

impl Offsets {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Sigma1 => "sigma1",
            Self::Sigma2 => "sigma2",
            Self::Sigma8Smooth => "sigma8-smooth",
            Self::Random => "random",
        }
    }
}

/// One layer given on the command line.
#[derive(clap::Args)]
pub(crate) struct ByHand {
    /// A shape by hand: batch,channels,height,width
    #[arg(long, value_name = "N,C,H,W", value_parser = numbers::<4>)]
    input: Option<[u32; 4]>,
    /// Output channels [default: the input's]
    #[arg(long, requires = "input")]
    out_channels: Option<u32>,
    /// Kernel: height,width
    #[arg(long, requires = "input", default_value = "3,3", value_parser = numbers::<2>)]
    kernel: [u32; 2],
    /// Stride: height,width
    #[arg(long, requires = "input", default_value = "1,1", value_parser = numbers::<2>)]
    stride: [u32; 2],
    /// Padding: top,left,bottom,right [default: what keeps the image's size at stride 1]
    #[arg(long, requires = "input", value_parser = numbers::<4>)]
    padding: Option<[u32; 4]>,
    /// Dilation: height,width
    #[arg(long, requires = "input", default_value = "1,1", value_parser = numbers::<2>)]
    dilation: [u32; 2],
    /// Groups
    #[arg(long, requires = "input", default_value_t = 1)]
    groups: u32,
    /// Offset groups
    #[arg(long, requires = "input", default_value_t = 1)]
    offset_groups: u32,
    /// Version 1: no mask
    #[arg(long, requires = "input")]
    no_mask: bool,
}

fn numbers<const N: usize>(text: &str) -> Result<[u32; N], String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers = numbers.map_err(|error| error.to_string())?;
    numbers.try_into().map_err(|numbers: Vec<u32>| format!("{} numbers were given; {N} are needed", numbers.len()))
}

impl ByHand {
    /// Whether a layer is given.
    pub(crate) fn is_given(&self) -> bool {
        self.input.is_some()
    }

    /// The layer, if one is given.
    pub(crate) fn layer(&self) -> Option<Layer> {
        let Self { kernel, stride, dilation, groups, offset_groups, .. } = *self;
        let input = self.input?;
        let [vertical, horizontal] = [0, 1].map(|axis| dilation[axis].saturating_mul(kernel[axis].saturating_sub(1)));
        let same = [vertical / 2, horizontal / 2, vertical - vertical / 2, horizontal - horizontal / 2];
        let padding = self.padding.unwrap_or(same);
        Some(Layer {
            name: "by-hand",
            op: DeformConv2d { stride, padding, dilation, groups, offset_groups, ..DeformConv2d::default() },
            input,
            out_channels: self.out_channels.unwrap_or(input[1]),
            kernel,
            mask: !self.no_mask,
            backward: true,
        })
    }
}

/// A layer to be timed.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) op: DeformConv2d,
    pub(crate) input: [u32; 4],
    pub(crate) out_channels: u32,
    pub(crate) kernel: [u32; 2],
    pub(crate) mask: bool,
    /// Whether its suite has its gradients timed.
    pub(crate) backward: bool,
}

impl Layer {
    /// A square kernel with the same padding on all sides and a mask.
    fn square(name: &'static str, input: [u32; 4], out_channels: u32, kernel: u32, padding: u32) -> Self {
        let op = DeformConv2d { padding: [padding; 4], ..DeformConv2d::default() };
        Self { name, op, input, out_channels, kernel: [kernel; 2], mask: true, backward: true }
    }

    fn with_op(mut self, change: impl FnOnce(&mut DeformConv2d)) -> Self {
        change(&mut self.op);
        self
    }

    fn without_mask(self) -> Self {
        Self { mask: false, ..self }
    }

    fn forward_only(self) -> Self {
        Self { backward: false, ..self }
    }

    /// Inputs from fixed seeds, its mask uniform between 0 and 1; stored so, but for the offsets, which are `f32` always.
    pub(crate) fn job(&self, offsets: Offsets, dtype: DType) -> Result<Job<'_>, Failure> {
        let [batch, channels, height, width] = self.input;
        let [kernel_height, kernel_width] = self.kernel;
        let DeformConv2d { stride, padding, dilation, groups, offset_groups, .. } = self.op;
        let window = Im2col { kernel: self.kernel, stride, padding, dilation };
        let geometry = Im2colGeometry::new(&window, self.input.into())?;
        let [out_height, out_width] = geometry.out_extents();
        let points = offset_groups.saturating_mul(geometry.taps());
        let weight = [self.out_channels, channels / groups.max(1), kernel_height, kernel_width];
        let planes = |channels: u32| Shape::from([batch, channels, out_height, out_width]);
        let mut rng = Rng::with_seed(7);
        let rng = &mut rng;
        let inputs = DeformConv2dInputs {
            input: random::normal(rng, [batch, channels, height, width], 1.0).stored(dtype),
            offset: self.offset(rng, offsets, planes(points.saturating_mul(2))),
            mask: self.mask.then(|| random::uniform(rng, planes(points)).stored(dtype)),
            weight: random::normal(rng, weight, 0.1).stored(dtype),
            bias: Some(random::normal(rng, [self.out_channels], 1.0).stored(dtype)),
        };
        let grad_output = random::normal(&mut Rng::with_seed(8), planes(self.out_channels), 1.0).stored(dtype);
        Ok(Job { layer: self, offsets, dtype, inputs, grad_output })
    }

    fn offset(&self, rng: &mut Rng, offsets: Offsets, shape: Shape) -> Array {
        /// From one drawn pixel to the next.
        const STEP: usize = 16;
        let [height, width] = [2, 3].map(|axis| shape.extents()[axis] as usize);
        match offsets {
            Offsets::Zero => Array::filled(shape, 0.0),
            Offsets::Sigma1 => random::normal(rng, shape, 1.0),
            Offsets::Sigma2 => random::normal(rng, shape, 2.0),
            Offsets::Sigma8Smooth => {
                let [rows, columns] = [height, width].map(|extent| extent.div_ceil(STEP) + 1);
                let planes = shape.elements() as usize / (height * width);
                let drawn = random::normal(rng, [planes as u32, rows as u32, columns as u32], 8.0).elements;
                Array::from_fn(shape, |index| {
                    let (plane, y, x) = (index / (height * width), index / width % height, index % width);
                    let at = |row: usize, column: usize| drawn[(plane * rows + row) * columns + column];
                    let [(row, down), (column, right)] = [y, x].map(|at| (at / STEP, (at % STEP) as f32 / STEP as f32));
                    let across = |row| at(row, column) * (1.0 - right) + at(row, column + 1) * right;
                    across(row) * (1.0 - down) + across(row + 1) * down
                })
            }
            Offsets::Random => Array::from_fn(shape, |index| {
                let (plane, y, x) = (index / (height * width), index / width % height, index % width);
                let taps = (self.kernel[0] * self.kernel[1]) as usize;
                let tap = plane / 2 % taps;
                let axis = plane % 2;
                let (out, tap) = [(y, tap / self.kernel[1] as usize), (x, tap % self.kernel[1] as usize)][axis];
                let regular = (out as u32 * self.op.stride[axis] + tap as u32 * self.op.dilation[axis]) as f32
                    - self.op.padding[axis] as f32;
                rng.f32() * (self.input[2 + axis] - 1) as f32 - regular
            }),
        }
    }
}

/// A layer with its inputs.
pub(crate) struct Job<'a> {
    pub(crate) layer: &'a Layer,
    pub(crate) offsets: Offsets,
    /// How all but the offsets are stored.
    pub(crate) dtype: DType,
    pub(crate) inputs: DeformConv2dInputs<Array>,
    pub(crate) grad_output: Array,
}

impl Job<'_> {
    /// How each input and its gradient are stored.
    pub(crate) fn specs(&self) -> DeformConv2dInputs<TensorSpec> {
        let DeformConv2dInputs { input, offset, mask, weight, bias } =
            self.inputs.map(|array| TensorSpec { shape: array.shape, dtype: self.dtype });
        DeformConv2dInputs { input, offset: TensorSpec { dtype: DType::F32, ..offset }, mask, weight, bias }
    }

    /// Minimum memory traffic of a pass in bytes: each input is read once and each output written once.
    pub(crate) fn bytes(&self, backward: bool) -> u64 {
        let DeformConv2dInputs { input, offset, mask, weight, bias } = &self.inputs;
        let data = [Some(input), mask.as_ref(), Some(weight), bias.as_ref()];
        let data: u64 = data.into_iter().flatten().map(|array| array.shape.elements()).sum();
        let inputs = offset.shape.elements() * DType::F32.size() + data * self.dtype.size();
        let output = self.grad_output.shape.elements() * self.dtype.size();
        // Backward reads the inputs again and the output's gradient, and writes a gradient for each input.
        if backward { 3 * inputs + 2 * output } else { inputs + output }
    }

    /// The size of the input, channels last in quads.
    pub(crate) fn packed_bytes(&self) -> u64 {
        let [batch, channels, height, width] = self.layer.input.map(u64::from);
        batch * channels.next_multiple_of(4) * height * width * DType::F32.size()
    }
}

impl Suite {
    /// The names of the layers of all suites.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        let layers = Self::value_variants().iter().flat_map(|suite| suite.layers());
        layers.map(|layer| layer.name).chain(attention::NAMES)
    }

    pub(crate) fn layers(self) -> Vec<Layer> {
        match self {
            Self::Cpu => vec![
                Layer::square("s1", [1, 64, 56, 56], 64, 3, 1),
                Layer::square("s2", [1, 256, 50, 84], 256, 3, 1),
                Layer::square("s3", [1, 128, 64, 64], 128, 3, 1),
                Layer::square("s4", [1, 64, 90, 160], 64, 3, 1).with_op(|op| op.offset_groups = 16),
                Layer::square("s5", [1, 256, 32, 32], 256, 7, 3),
                Layer::square("s6", [4, 32, 32, 32], 32, 3, 1)
                    .with_op(|op| (op.stride, op.groups, op.offset_groups) = ([2; 2], 2, 2))
                    .without_mask(),
            ],
            Self::Models => vec![
                Layer::square("BRN-k7-256", [1, 64, 256, 256], 256, 7, 3).forward_only(),
                Layer::square("BRN-k3-256", [1, 64, 256, 256], 256, 3, 1),
                Layer::square("BVSR-og16", [1, 128, 180, 320], 64, 3, 1)
                    .with_op(|op| op.offset_groups = 16)
                    .forward_only(),
                Layer::square("EDVR-L-og8", [1, 128, 180, 320], 128, 3, 1).with_op(|op| op.offset_groups = 8),
                Layer::square("R50-c3-v1", [1, 128, 100, 168], 128, 3, 1).without_mask().forward_only(),
                Layer::square("R50-c4-N8", [8, 256, 50, 84], 256, 3, 1),
                Layer::square("R50-c5", [1, 512, 25, 42], 512, 3, 1).forward_only(),
                Layer::square("CTR-64-128", [1, 64, 128, 128], 64, 3, 1).forward_only(),
                Layer::square("DEEPLAB-d2", [1, 512, 64, 128], 512, 3, 2)
                    .with_op(|op| (op.dilation, op.offset_groups) = ([2; 2], 4))
                    .without_mask()
                    .forward_only(),
                Layer::square("OV-seed", [1, 4, 224, 224], 64, 5, 0).without_mask().forward_only(),
            ],
            // Its shapes are no layers: see `attention`.
            Self::Attention => Vec::new(),
        }
    }
}
