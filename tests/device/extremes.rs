//! Extreme shapes of every op are recorded in dispatches that their work accounts for. Nothing of it is run: memory that nobody touches costs
//! nothing.

use pliant::nn::{self};
use pliant::*;
use pliant::{
    Adam, AdamInputs, AdamPlan, BatchNormPlan, BilinearSamplePlan, BinaryPlan, ConcatPlan, Conv2dPlan,
    CrossEntropyPlan, DType, DeformConv2dPlan, DeformIm2colPlan, DeformPsRoiPoolPlan, DeformRoiPoolPlan,
    GlobalAveragePoolPlan, GridSamplePlan, Im2colPlan, LayerNormPlan, MatmulPlan, Recorder, RoiAlignPlan, Sgd,
    SgdInputs, SgdPlan, Shape, SoftmaxPlan, SplitPlan, Tensor, UnaryPlan,
};

use crate::gpu;

fn new(shape: impl Into<Shape>) -> Tensor {
    Tensor::new(gpu(), shape, DType::F32).unwrap()
}

/// Minimum work of a pass: multiplications, elements that are read, sampled or written, pixels of the output whose gradients are taken in
/// strips, and bins that each pixel adds up.
#[derive(Default)]
struct Work {
    products: u64,
    elements: u64,
    pixels: u64,
    bins: u64,
}

/// A dispatch of a software adapter does so many multiplications, or moves so many elements, at most.
const PRODUCTS: u64 = 1 << 30;
const ELEMENTS: u64 = 1 << 24;

/// Dispatches of an op whose work is nothing: its parts, over what a device binds at once. Then so many for each dispatch's worth of work, since
/// strips and stages are smaller than that.
const LEAST: u64 = 300;
const SHARE: u64 = 80;

/// A strip of a backward pass has a whole block of pixels at least, so that sums do not depend on strips, and takes so many dispatches.
const STRIP_PIXELS: u64 = 1024;
const STRIP: u64 = 12;

/// A dispatch adds up so many bins at least, since lavapipe leaves loops of more than 65,535 iterations.
const BINS: u64 = 1500;

/// Holds the dispatches that `record` appends to what the work accounts for.
fn hold(what: &str, Work { products, elements, pixels, bins }: Work, record: impl FnOnce(&mut Recorder)) {
    let mut recorder = Recorder::draft(gpu());
    record(&mut recorder);
    let dispatches = recorder.len() as u64;
    let most =
        LEAST + SHARE * (products / PRODUCTS + elements / ELEMENTS) + STRIP * (pixels / STRIP_PIXELS) + bins / BINS;
    eprintln!("{what}: {dispatches} dispatches, {most} at most");
    assert!((1..=most).contains(&dispatches), "{what}: {dispatches} dispatches; its work accounts for {most}");
}

fn product(extents: &[u32]) -> u64 {
    extents.iter().map(|&extent| u64::from(extent)).product()
}

/// Forward and backward of a plan whose inputs and gradients have names.
macro_rules! passes {
    ($recorder:expr, $plan:ident, $op:expr, $inputs:expr) => {{
        let (recorder, inputs) = ($recorder, $inputs);
        let plan = $plan::new(gpu(), &$op, &inputs).unwrap();
        let output = plan.forward(recorder, &inputs).unwrap();
        plan.backward(recorder, &inputs, &output).unwrap();
    }};
}

#[test]
fn products() {
    for (batch, rows, columns, depth) in [
        (1, 4096, 4096, 4096),
        (1, 1, 1, 30_000_000),
        (1, 30_000_000, 1, 1),
        (1, 5000, 5000, 1),
        (200_000, 3, 3, 3),
        (1, 1, 2000, 10_000),
    ] {
        let elements =
            product(&[batch, rows, depth]) + product(&[batch, depth, columns]) + product(&[batch, rows, columns]);
        let products = 3 * product(&[batch, rows, columns, depth]);
        let work = Work { products, elements: 3 * elements, ..Work::default() };
        hold(&format!("product {batch}x{rows}x{columns}x{depth}"), work, |recorder| {
            let inputs = MatmulInputs { a: &new([batch, rows, depth]), b: &new([batch, depth, columns]), bias: None };
            passes!(recorder, MatmulPlan, Matmul::default(), inputs);
        });
    }
}

/// Scores of all heads, queries and keys together are more than a dispatch does.
#[test]
fn attention() {
    let shape = [1, 16, 16384, 64];
    let hidden = product(&shape);
    let work = Work { products: 2 * 16384 * hidden, elements: 4 * hidden, ..Work::default() };
    let mut dispatches = 0;
    hold("attention", work, |recorder| {
        let inputs = AttentionInputs {
            query: &new(shape),
            key: Some(&new(shape)),
            value: Some(&new(shape)),
            bias: None,
            mask: None,
        };
        AttentionPlan::new(gpu(), &Attention::default(), &inputs).unwrap().forward(recorder, &inputs).unwrap();
        dispatches = recorder.len();
    });
    assert!(dispatches > 16, "{dispatches} dispatches");
}

#[test]
fn convolutions() {
    for ([batch, channels, height, width], [outputs, kernel_height, kernel_width], stride, groups) in [
        ([1, 3, 2048, 2048], [16, 3, 3], 1, 1),
        ([1, 1, 400, 400], [1, 99, 99], 1, 1),
        ([1, 1, 256, 256], [4, 256, 256], 1, 1),
        ([1, 1, 1, 1_000_000], [2, 1, 999], 7, 1),
        ([1, 2048, 16, 16], [2048, 3, 3], 1, 1),
        ([1, 4096, 32, 32], [4096, 3, 3], 1, 4096),
        ([2000, 3, 16, 16], [8, 3, 3], 1, 1),
        ([1, 16, 2048, 2048], [8, 3, 3], 64, 1),
    ] {
        let out = [height - kernel_height, width - kernel_width].map(|span| span / stride + 1);
        let taps = kernel_height * kernel_width;
        let columns = product(&[batch, channels, taps, out[0], out[1]]);
        let results = product(&[batch, outputs, out[0], out[1]]);
        let elements = 4 * columns + 3 * product(&[batch, channels, height, width]) + 3 * results;
        let products = 3 * columns * u64::from(outputs / groups);
        let what = format!("{batch}x{channels}x{height}x{width} by {outputs} of {kernel_height}x{kernel_width}");
        let weight = [outputs, channels / groups, kernel_height, kernel_width];
        let pixels = product(&[batch, out[0], out[1]]);
        hold(&format!("convolution {what}"), Work { products, elements, pixels, bins: 0 }, |recorder| {
            let op = Conv2d { stride: [stride; 2], groups, ..Conv2d::default() };
            let (input, weight, bias) = (new([batch, channels, height, width]), new(weight), new([outputs]));
            let inputs = Conv2dInputs { input: &input, weight: &weight, bias: Some(&bias) };
            let plan = Conv2dPlan::new(gpu(), &op, &inputs).unwrap();
            let output = plan.forward(recorder, &inputs).unwrap();
            plan.backward(recorder, &inputs, &output).unwrap();
        });
        // Offsets of as many elements as there are columns would be larger than what they move.
        if product(&[taps, out[0], out[1]]) > 20_000_000 {
            continue;
        }
        let offsets = 9 * product(&[batch, taps, out[0], out[1]]);
        let work = Work { products, elements: 2 * elements + offsets, pixels, bins: 0 };
        hold(&format!("deformable {what}"), work, |recorder| {
            let op = DeformConv2d { stride: [stride; 2], groups, ..DeformConv2d::default() };
            let (input, weight) = (new([batch, channels, height, width]), new(weight));
            let offset = new([batch, 2 * taps, out[0], out[1]]);
            let mask = new([batch, taps, out[0], out[1]]);
            let inputs =
                DeformConv2dInputs { input: &input, offset: &offset, weight: &weight, mask: Some(&mask), bias: None };
            let plan = DeformConv2dPlan::new(gpu(), &op, &inputs).unwrap();
            let output = plan.forward(recorder, &inputs).unwrap();
            plan.backward(recorder, &inputs, &output).unwrap();
        });
    }
}

#[test]
fn columns() {
    for ([batch, channels, height, width], kernel, stride) in
        [([1, 1, 300, 300], [99, 99], 3), ([1, 512, 64, 64], [3, 3], 1), ([3000, 1, 8, 8], [3, 3], 1)]
    {
        let out = [height - kernel[0], width - kernel[1]].map(|span| span / stride + 1);
        let taps = kernel[0] * kernel[1];
        let elements =
            3 * product(&[batch, channels, taps, out[0], out[1]]) + product(&[batch, channels, height, width]);
        let window = Im2col { kernel, stride: [stride; 2], ..Im2col::default() };
        let input = new([batch, channels, height, width]);
        let what = format!("columns of {batch}x{channels}x{height}x{width} by {kernel:?}");
        hold(&what, Work { elements, ..Work::default() }, |recorder| {
            Im2colPlan::new(gpu(), &window, &input).unwrap().forward(recorder, &input).unwrap();
        });
        hold(&format!("deformable {what}"), Work { elements, ..Work::default() }, |recorder| {
            let op = DeformIm2col { window, ..DeformIm2col::default() };
            let offset = new([batch, 2 * taps, out[0], out[1]]);
            let inputs = DeformIm2colInputs { input: &input, offset: &offset, mask: None };
            let plan = DeformIm2colPlan::new(gpu(), &op, &inputs).unwrap();
            plan.forward(recorder, &inputs).unwrap();
        });
    }
}

#[test]
fn samples() {
    for ([batch, channels, height, width], out) in [
        ([1, 64, 512, 512], [512, 512]),
        ([1, 1, 5000, 5000], [1, 1]),
        ([1, 4096, 8, 8], [8, 8]),
        ([1, 1, 2, 2], [4000, 4000]),
        ([5000, 3, 8, 8], [4, 4]),
    ] {
        let results = product(&[batch, channels, out[0], out[1]]);
        let elements =
            8 * results + 6 * product(&[batch, channels, height, width]) + 8 * product(&[batch, 2, out[0], out[1]]);
        let what = format!("samples {batch}x{channels}x{height}x{width} at {out:?}");
        let pixels = product(&[batch, out[0], out[1]]);
        hold(&what, Work { elements, pixels, ..Work::default() }, |recorder| {
            let (input, positions) = (new([batch, channels, height, width]), new([batch, 2, out[0], out[1]]));
            let inputs = BilinearSampleInputs { input: &input, positions: &positions };
            passes!(recorder, BilinearSamplePlan, BilinearSample::default(), inputs);
        });
        hold(&format!("a grid of {what}"), Work { elements, pixels, ..Work::default() }, |recorder| {
            let (input, grid) = (new([batch, channels, height, width]), new([batch, out[0], out[1], 2]));
            let inputs = GridSampleInputs { input: &input, grid: &grid };
            passes!(recorder, GridSamplePlan, GridSample::default(), inputs);
        });
    }
}

#[test]
fn regions() {
    for ([batch, channels, height, width], rois, pooled) in [
        ([1, 64, 1080, 1920], 1000, [7, 7]),
        ([2, 256, 200, 304], 1024, [7, 7]),
        ([1, 1, 4096, 4096], 100, [1, 1]),
        ([1, 1, 64, 64], 100_000, [1, 1]),
        ([1, 1, 8, 8], 4, [700, 700]),
        ([1, 4096, 8, 8], 300, [7, 7]),
        ([2000, 1, 16, 16], 2000, [3, 3]),
    ] {
        let results = product(&[rois, channels, pooled[0], pooled[1]]);
        let input = new([batch, channels, height, width]);
        let regions = new([rois, 5]);
        let offset = new([rois, 2, pooled[0], pooled[1]]);
        for sampling_ratio in [0, 1, 2, 16] {
            let samples = u64::from(sampling_ratio * sampling_ratio).max(16);
            let elements = 3 * results * samples + 3 * product(&[batch, channels, height, width]);
            let bins = product(&[rois, pooled[0], pooled[1]]);
            let work = || Work { elements, bins, ..Work::default() };
            let what = format!("{rois} of {pooled:?} in {batch}x{channels}x{height}x{width}, ratio {sampling_ratio}");
            hold(&format!("regions, {what}"), work(), |recorder| {
                let inputs = RoiAlignInputs { input: &input, rois: &regions };
                let op = RoiAlign { pooled, sampling_ratio, ..RoiAlign::default() };
                passes!(recorder, RoiAlignPlan, op, inputs);
            });
            hold(&format!("deformable regions, {what}"), work(), |recorder| {
                let inputs = DeformRoiPoolInputs { input: &input, rois: &regions, offset: Some(&offset) };
                let op = DeformRoiPool { pooled, sampling_ratio, ..DeformRoiPool::default() };
                passes!(recorder, DeformRoiPoolPlan, op, inputs);
            });
        }
    }
    let input = new([1, 490, 128, 128]);
    let (rois, offset) = (new([1000, 5]), new([1000, 10, 7, 7]));
    let elements = 3 * product(&[1000, 10, 49]) * 16 + 3 * product(&[490, 128, 128]);
    hold("position-sensitive regions", Work { elements, ..Work::default() }, |recorder| {
        let op = DeformPsRoiPool {
            output_dim: 10,
            group_size: 7,
            pooled_size: 7,
            spatial_bins: [4; 2],
            ..DeformPsRoiPool::default()
        };
        let inputs = DeformPsRoiPoolInputs { input: &input, rois: &rois, offset: Some(&offset) };
        passes!(recorder, DeformPsRoiPoolPlan, op, inputs);
    });
}

#[test]
fn element_by_element() {
    for shape in [[30_000_000, 1], [1, 30_000_000], [5000, 5000]] {
        let input = &new(shape);
        let elements = product(&shape);
        let work = |passes: u64| Work { elements: passes * elements, ..Work::default() };
        hold(&format!("unary {shape:?}"), work(5), |recorder| {
            let plan = UnaryPlan::new(gpu(), &Unary::Sigmoid, input).unwrap();
            let output = plan.forward(recorder, input).unwrap();
            plan.backward(recorder, input, &output).unwrap();
        });
        for other in [[1, 1], [shape[0], 1], [1, shape[1]], shape] {
            let inputs = BinaryInputs { a: input, b: &new(other) };
            hold(&format!("binary {shape:?} {other:?}"), work(9), |recorder| {
                passes!(recorder, BinaryPlan, Binary::Mul, inputs);
            });
        }
        hold(&format!("concat {shape:?}"), work(4), |recorder| {
            let plan = ConcatPlan::new(gpu(), &Concat { axis: 0 }, &vec![input, input]).unwrap();
            let output = plan.forward(recorder, &vec![input, input]).unwrap();
            plan.backward(recorder, &vec![input, input], &output).unwrap();
        });
        let (parameter, velocity, mean) = (&new(shape), &new(shape), &new(shape));
        hold(&format!("sgd {shape:?}"), work(5), |recorder| {
            let inputs = SgdInputs { parameter, velocity, gradient: input, learning_rate: &new([1]) };
            let plan = SgdPlan::new(gpu(), &Sgd::default(), &inputs).unwrap();
            plan.step(recorder, &inputs).unwrap();
        });
        hold(&format!("adam {shape:?}"), work(7), |recorder| {
            let inputs = AdamInputs { parameter, mean, variance: velocity, gradient: input, rates: &new([3]) };
            let plan = AdamPlan::new(gpu(), &Adam::default(), &inputs).unwrap();
            plan.step(recorder, &inputs).unwrap();
        });
    }
    let input = &new([20, 1_000_000]);
    hold("split", Work { elements: 4 * 20_000_000, ..Work::default() }, |recorder| {
        let sizes = vec![1, 999_998, 1];
        let plan = SplitPlan::new(gpu(), &Split { axis: 1, sizes }, input).unwrap();
        let outputs = plan.forward(recorder, input).unwrap();
        plan.backward(recorder, input, &outputs).unwrap();
    });
}

#[test]
fn sums() {
    for shape in [[1, 1, 5000, 5000], [20_000_000, 1, 1, 1], [1, 100_000, 10, 10], [5000, 5000, 1, 1]] {
        let input = &new(shape);
        let work = || Work { elements: 5 * product(&shape), ..Work::default() };
        hold(&format!("means {shape:?}"), work(), |recorder| {
            let plan = GlobalAveragePoolPlan::new(gpu(), &GlobalAveragePool, input).unwrap();
            let output = plan.forward(recorder, input).unwrap();
            plan.backward(recorder, input, &output).unwrap();
        });
        let (scale, shift) = (&new([shape[1]]), &new([shape[1]]));
        hold(&format!("normalised {shape:?}"), work(), |recorder| {
            let inputs = BatchNormInputs { input, scale, shift };
            passes!(recorder, BatchNormPlan, BatchNorm, inputs);
        });
    }
    for [batch, classes] in [[1, 2_000_000], [1_000_000, 10], [4000, 5000]] {
        let inputs = CrossEntropyInputs { logits: &new([batch, classes]), labels: &new([batch]) };
        let work = Work { elements: 6 * product(&[batch, classes]), ..Work::default() };
        hold(&format!("entropy {batch}x{classes}"), work, |recorder| {
            let op = CrossEntropy { reduction: Reduction::Mean };
            let plan = CrossEntropyPlan::new(gpu(), &op, &inputs).unwrap();
            let output = plan.forward(recorder, &inputs).unwrap();
            plan.backward(recorder, &inputs, &output).unwrap();
        });
    }
}

#[test]
fn rows() {
    for [planes, extent, columns] in [
        [1, 100_000_000, 1],
        [20_000_000, 4, 1],
        [100_000, 1000, 1],
        [1, 1_000_000, 100],
        [1, 2, 30_000_000],
        [1_000_000, 20, 3],
    ] {
        let input = &new([planes, extent, columns]);
        // Two passes each way, or three and what the gradient of a scale takes.
        let work = |passes| Work { elements: passes * product(&[planes, extent, columns]), ..Work::default() };
        hold(&format!("softmax {planes}x{extent}x{columns}"), work(6), |recorder| {
            let plan = SoftmaxPlan::new(gpu(), &Softmax { axis: 1, log: false }, input).unwrap();
            let output = plan.forward(recorder, input).unwrap();
            plan.backward(recorder, input, &output).unwrap();
        });
        hold(&format!("layer norm {planes}x{extent}x{columns}"), work(12), |recorder| {
            let normalised = &new([extent, columns]);
            let inputs = LayerNormInputs { input, scale: Some(normalised), shift: Some(normalised) };
            passes!(recorder, LayerNormPlan, LayerNorm { axes: 2, epsilon: 1e-5 }, inputs);
        });
    }
}

#[test]
fn layers() {
    for ([batch, channels, height, width], outputs, kernel) in
        [([1, 64, 512, 512], 16, 3), ([1, 4, 300, 300], 4, 15), ([300, 16, 16, 16], 16, 3)]
    {
        let layer = nn::DeformConv2dLayer { mask: nn::Mask::Sigmoid, ..nn::DeformConv2dLayer::default() };
        let sizes = nn::DeformConv2dSizes::new([channels, outputs], [kernel; 2]);
        let parameters = layer.parameter_shapes(&sizes).unwrap();
        let out = product(&[height - kernel + 1, width - kernel + 1]);
        let columns = product(&[batch, channels, kernel * kernel]) * out;
        let field = product(&[batch, 3 * kernel * kernel]) * out;
        let products = 3 * columns * u64::from(outputs + 3 * kernel * kernel);
        let elements = 12 * columns + 12 * field + 6 * product(&[batch, channels, height, width]);
        let what = format!("layer {batch}x{channels}x{height}x{width} by {outputs} of {kernel}x{kernel}");
        hold(&what, Work { products, elements, pixels: 2 * u64::from(batch) * out, bins: 0 }, |recorder| {
            let input = new([batch, channels, height, width]);
            let parameters = parameters.map(|&shape| Tensor::new(gpu(), shape, DType::F32).unwrap());
            let inputs = nn::DeformConv2dLayerInputs::new(&input, parameters.as_ref());
            let plan = nn::DeformConv2dLayerPlan::new(gpu(), &layer, &inputs).unwrap();
            let field = plan.new_field(gpu()).unwrap();
            let output = plan.forward_with(recorder, &inputs, &field).unwrap();
            plan.backward_with(recorder, &inputs, &field, &output).unwrap();
        });
    }
}
