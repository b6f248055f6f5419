//! A block of a real network: BiRefNet's `ASPPDeformable`, with the parameters of a safetensors file, against torch and torchvision.
//!
//! `cargo run --release --features safetensors --example aspp_deformable`
//!
//! Deformable convolutions with kernels of 1, 1, 3 and 7 stand side by side, and a branch that sees the mean of the image; a convolution of
//! one tap joins what they give. `aspp_deformable/make.py` draws the parameters and has torch compute what is expected.

use std::error::Error;

use pliant::nn::{
    DeformConv2dLayer, DeformConv2dLayerInputs, DeformConv2dLayerPlan, DeformConv2dParameters, Mask, Naming, Weights,
};
use pliant::{
    BatchNorm, BatchNormInputs, BatchNormPlan, Binary, BinaryInputs, BinaryPlan, Concat, ConcatPlan, Conv2d,
    Conv2dInputs, Conv2dPlan, DType, GlobalAveragePool, GlobalAveragePoolPlan, Gpu, Recorder, Shape, Tensor,
    TensorSpec, Unary, UnaryPlan,
};

const FILE: &[u8] = include_bytes!("aspp_deformable/block.safetensors");

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = pollster::block_on(Gpu::new())?;
    let weights = Weights::read(FILE)?;
    let shape = weights.shape("x")?.ok_or("the file has no input")?;
    let block = Block::new(&gpu, &weights, shape)?;

    // All of it is one recording.
    let mut recorder = Recorder::new(&gpu);
    let output = block.forward(&mut recorder, &weights.tensor(&gpu, "x", shape)?)?;
    recorder.submit()?;
    let actual: Vec<f32> = pollster::block_on(output.download()?)?;

    let expected = weights.elements("output", output.shape())?;
    let differences = actual.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    // Written so that NaN counts.
    let difference = differences.fold(0.0, |largest: f32, next| if next <= largest { largest } else { next });
    let largest = expected.iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
    println!("{difference:e} off at most, of elements up to {largest}, in {} dispatches on {gpu:?}", recorder.len());
    // A few dozen roundings of f32, as sampled offsets pass them on.
    if difference <= 1e-5 * largest { Ok(()) } else { Err("this is not what torch computes".into()) }
}

/// Batch normalisation by kept statistics, and a relu.
struct Normalised {
    norm: BatchNormPlan,
    scale: Tensor,
    shift: Tensor,
    relu: UnaryPlan,
}

impl Normalised {
    fn new(gpu: &Gpu, weights: &Weights, name: &str, input: TensorSpec) -> pliant::Result<Self> {
        let channels = [input.shape.extents()[1]];
        let [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
            .map(|statistic| weights.elements(&format!("{name}.{statistic}"), channels));
        let (scale, shift) = BatchNorm::fold(&gamma?, &beta?, &mean?, &variance?, 1e-5)?;
        let (scale, shift) = (Tensor::upload(gpu, channels, &scale)?, Tensor::upload(gpu, channels, &shift)?);
        let inputs = BatchNormInputs { input, scale: scale.spec(), shift: shift.spec() };
        let norm = BatchNormPlan::new(gpu, &BatchNorm, &inputs)?;
        Ok(Self { norm, scale, shift, relu: UnaryPlan::new(gpu, &Unary::Relu, &input)? })
    }

    fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> pliant::Result<Tensor> {
        let inputs = BatchNormInputs { input, scale: &self.scale, shift: &self.shift };
        let normalised = self.norm.forward(recorder, &inputs)?;
        self.relu.forward(recorder, &normalised)
    }
}

/// A deformable convolution with offsets and masks by convolutions of their own.
struct Deformed {
    plan: DeformConv2dLayerPlan,
    parameters: DeformConv2dParameters<Tensor>,
    normalised: Normalised,
}

impl Deformed {
    fn new(gpu: &Gpu, weights: &Weights, name: &str, kernel: u32, input: TensorSpec) -> pliant::Result<Self> {
        let layer =
            DeformConv2dLayer { padding: [kernel / 2; 4], mask: Mask::TwoSigmoid, ..DeformConv2dLayer::default() };
        let parameters = weights.deform_conv2d(gpu, &layer, &format!("{name}.atrous_conv"), Naming::BiRefNet)?;
        let inputs = DeformConv2dLayerInputs::new(input, parameters.map(Tensor::spec));
        let plan = DeformConv2dLayerPlan::new(gpu, &layer, &inputs)?;
        let output = TensorSpec { shape: plan.geometry().output_shape(), ..input };
        let normalised = Normalised::new(gpu, weights, &format!("{name}.bn"), output)?;
        Ok(Self { plan, parameters, normalised })
    }

    fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> pliant::Result<Tensor> {
        let inputs = DeformConv2dLayerInputs::new(input, self.parameters.as_ref());
        let output = self.plan.forward(recorder, &inputs)?;
        self.normalised.forward(recorder, &output)
    }
}

/// A convolution of one tap, without bias.
struct Pointwise {
    plan: Conv2dPlan,
    weight: Tensor,
    normalised: Normalised,
}

impl Pointwise {
    fn new(gpu: &Gpu, weights: &Weights, [conv, norm]: [&str; 2], input: TensorSpec) -> pliant::Result<Self> {
        let name = format!("{conv}.weight");
        let [batch, channels, height, width] = extents(input.shape);
        let out_channels = weights.shape(&name)?.map_or(1, |shape| extents(shape)[0]);
        let weight = weights.tensor(gpu, &name, [out_channels, channels, 1, 1])?;
        let inputs = Conv2dInputs { input, weight: weight.spec(), bias: None };
        let plan = Conv2dPlan::new(gpu, &Conv2d::default(), &inputs)?;
        let output = TensorSpec { shape: [batch, out_channels, height, width].into(), ..input };
        Ok(Self { plan, weight, normalised: Normalised::new(gpu, weights, norm, output)? })
    }

    fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> pliant::Result<Tensor> {
        let output = self.plan.forward(recorder, &Conv2dInputs { input, weight: &self.weight, bias: None })?;
        self.normalised.forward(recorder, &output)
    }
}

struct Block {
    deformed: Vec<Deformed>,
    pool: GlobalAveragePoolPlan,
    pooled: Pointwise,
    spread: BinaryPlan,
    /// Of the image's size: a map of one pixel resized bilinearly is that pixel everywhere.
    ones: Tensor,
    concat: ConcatPlan,
    joined: Pointwise,
}

impl Block {
    fn new(gpu: &Gpu, weights: &Weights, input: Shape) -> pliant::Result<Self> {
        let spec = |shape: [u32; 4]| TensorSpec { shape: shape.into(), dtype: DType::F32 };
        let [batch, channels, height, width] = extents(input);
        let input = spec([batch, channels, height, width]);

        let branches = [("aspp1", 1), ("aspp_deforms.0", 1), ("aspp_deforms.1", 3), ("aspp_deforms.2", 7)];
        let deformed = branches.map(|(name, kernel)| Deformed::new(gpu, weights, name, kernel, input));
        let deformed = deformed.into_iter().collect::<pliant::Result<Vec<_>>>()?;
        let branch = deformed[0].plan.geometry().output_shape();
        let branch = TensorSpec { shape: branch, ..input };
        let planes = extents(branch.shape)[1];

        let pool = GlobalAveragePoolPlan::new(gpu, &GlobalAveragePool, &input)?;
        let names = ["global_avg_pool.1", "global_avg_pool.2"];
        let pooled = Pointwise::new(gpu, weights, names, spec([batch, channels, 1, 1]))?;
        let ones = Tensor::upload(gpu, [1, 1, height, width], &vec![1.0f32; (height * width) as usize])?;
        let inputs = BinaryInputs { a: spec([batch, planes, 1, 1]), b: ones.spec() };
        let spread = BinaryPlan::new(gpu, &Binary::Mul, &inputs)?;

        let all = vec![branch; branches.len() + 1];
        let concat = ConcatPlan::new(gpu, &Concat { axis: 1 }, &all)?;
        let joined = spec([batch, planes * all.len() as u32, height, width]);
        let joined = Pointwise::new(gpu, weights, ["conv1", "bn1"], joined)?;
        Ok(Self { deformed, pool, pooled, spread, ones, concat, joined })
    }

    fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> pliant::Result<Tensor> {
        let branches = self.deformed.iter().map(|branch| branch.forward(recorder, input));
        let mut branches = branches.collect::<pliant::Result<Vec<_>>>()?;
        let mean = self.pool.forward(recorder, input)?;
        let pooled = self.pooled.forward(recorder, &mean)?;
        branches.push(self.spread.forward(recorder, &BinaryInputs { a: &pooled, b: &self.ones })?);
        let all = self.concat.forward(recorder, &branches.iter().collect::<Vec<_>>())?;
        self.joined.forward(recorder, &all)
    }
}

fn extents(shape: Shape) -> [u32; 4] {
    <[u32; 4]>::try_from(shape.extents()).unwrap_or_default()
}
