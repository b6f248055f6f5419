//! Single ops, warm: from recording to the end of the work. `cargo bench --bench ops -- --test` runs each once.

// A benchmark that cannot run has nothing else to say.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use criterion::{Criterion, Throughput};
use fastrand::Rng;
use pliant::{
    BilinearSample, BilinearSampleInputs, BilinearSamplePlan, Conv2d, Conv2dInputs, Conv2dPlan, DType, DeformConv2d,
    DeformConv2dGradients, DeformConv2dInputs, DeformConv2dPlan, DeformIm2col, DeformIm2colInputs, DeformIm2colPlan,
    Destination, Gpu, Im2col, Im2colPlan, Matmul, MatmulInputs, MatmulPlan, Recorder, Result, Shape, Tensor,
};

/// An image, and how it is called.
struct Size {
    name: &'static str,
    channels: u32,
    side: u32,
}

const SIZES: [Size; 2] =
    [Size { name: "small", channels: 16, side: 16 }, Size { name: "medium", channels: 64, side: 56 }];
/// All windows are 3 x 3, and keep the image's size.
const TAPS: u32 = 9;

fn main() {
    let gpu = &pollster::block_on(Gpu::new()).unwrap();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for size in &SIZES {
        convolutions(&mut criterion, gpu, size).unwrap();
        columns(&mut criterion, gpu, size).unwrap();
        matmul(&mut criterion, gpu, size).unwrap();
        bilinear_sample(&mut criterion, gpu, size).unwrap();
    }
    criterion.final_summary();
}

/// Times what `record` records, under the op's name; it makes so many elements.
fn time(
    criterion: &mut Criterion,
    gpu: &Gpu,
    op: &str,
    size: &Size,
    elements: u64,
    record: impl Fn(&mut Recorder) -> Result<()>,
) {
    let mut group = criterion.benchmark_group(op);
    group.throughput(Throughput::Elements(elements));
    group.bench_function(size.name, |bencher| {
        bencher.iter(|| {
            let mut recorder = Recorder::new(gpu);
            record(&mut recorder).unwrap();
            recorder.submit().unwrap();
            gpu.wait().unwrap();
        });
    });
    group.finish();
}

/// Elements between `-spread` and `spread`, from a fixed seed.
fn tensor(gpu: &Gpu, shape: impl Into<Shape>, spread: f32) -> Result<Tensor> {
    let shape = shape.into();
    let mut rng = Rng::with_seed(7);
    let elements: Vec<_> = (0..shape.elements()).map(|_| spread * (2.0 * rng.f32() - 1.0)).collect();
    Tensor::upload(gpu, shape, &elements)
}

fn like(tensor: &Tensor) -> Result<Tensor> {
    Tensor::new(tensor.gpu(), tensor.shape(), tensor.dtype())
}

fn convolutions(criterion: &mut Criterion, gpu: &Gpu, size: &Size) -> Result<()> {
    let &Size { channels, side, .. } = size;
    let inputs = DeformConv2dInputs {
        input: tensor(gpu, [1, channels, side, side], 1.0)?,
        offset: tensor(gpu, [1, 2 * TAPS, side, side], 4.0)?,
        mask: Some(tensor(gpu, [1, TAPS, side, side], 1.0)?),
        weight: tensor(gpu, [channels, channels, 3, 3], 0.1)?,
        bias: Some(tensor(gpu, [channels], 1.0)?),
    };
    let output = like(&inputs.input)?;
    let grad_output = tensor(gpu, [1, channels, side, side], 1.0)?;
    let elements = output.shape().elements();

    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let plan = DeformConv2dPlan::new(gpu, &op, &inputs)?;
    let tensors = inputs.as_ref();
    time(criterion, gpu, "deform_conv2d", size, elements, |recorder| plan.forward_into(recorder, &tensors, &output));
    let DeformConv2dInputs { input, offset, mask, weight, bias } = inputs.try_map(like)?;
    let gradients =
        DeformConv2dGradients { input: Some(input), offset: Some(offset), mask, weight: Some(weight), bias };
    let destinations = gradients.map(Destination::Write);
    time(criterion, gpu, "deform_conv2d_backward", size, elements, |recorder| {
        plan.backward_into(recorder, &tensors, &grad_output, &destinations)
    });

    let DeformConv2dInputs { input, weight, bias, .. } = tensors;
    let tensors = Conv2dInputs { input, weight, bias };
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let plan = Conv2dPlan::new(gpu, &op, &tensors)?;
    time(criterion, gpu, "conv2d", size, elements, |recorder| plan.forward_into(recorder, &tensors, &output));
    Ok(())
}

fn columns(criterion: &mut Criterion, gpu: &Gpu, size: &Size) -> Result<()> {
    let &Size { channels, side, .. } = size;
    let inputs = DeformIm2colInputs {
        input: tensor(gpu, [1, channels, side, side], 1.0)?,
        offset: tensor(gpu, [1, 2 * TAPS, side, side], 4.0)?,
        mask: Some(tensor(gpu, [1, TAPS, side, side], 1.0)?),
    };
    let output = Tensor::new(gpu, [1, side, side, TAPS, channels], DType::F32)?;
    let elements = output.shape().elements();
    let tensors = inputs.as_ref();
    let window = Im2col { kernel: [3; 2], padding: [1; 4], ..Im2col::default() };

    let plan = Im2colPlan::new(gpu, &window, &tensors.input)?;
    time(criterion, gpu, "im2col", size, elements, |recorder| plan.forward_into(recorder, tensors.input, &output));
    let op = DeformIm2col { window, ..DeformIm2col::default() };
    let plan = DeformIm2colPlan::new(gpu, &op, &inputs)?;
    time(criterion, gpu, "deform_im2col", size, elements, |recorder| plan.forward_into(recorder, &tensors, &output));
    Ok(())
}

/// The product of a convolution's weight with its columns.
fn matmul(criterion: &mut Criterion, gpu: &Gpu, size: &Size) -> Result<()> {
    let &Size { channels, side, .. } = size;
    let (depth, pixels) = (channels * TAPS, side * side);
    let inputs = MatmulInputs {
        a: tensor(gpu, [1, channels, depth], 0.1)?,
        b: tensor(gpu, [1, pixels, depth], 1.0)?,
        bias: None,
    };
    let output = Tensor::new(gpu, [1, channels, pixels], DType::F32)?;
    let op = Matmul { transpose_b: true, ..Matmul::default() };
    let plan = MatmulPlan::new(gpu, &op, &inputs)?;
    let (tensors, elements) = (inputs.as_ref(), output.shape().elements());
    time(criterion, gpu, "matmul", size, elements, |recorder| plan.forward_into(recorder, &tensors, &output));
    Ok(())
}

fn bilinear_sample(criterion: &mut Criterion, gpu: &Gpu, size: &Size) -> Result<()> {
    let &Size { channels, side, .. } = size;
    let inputs = BilinearSampleInputs {
        input: tensor(gpu, [1, channels, side, side], 1.0)?,
        positions: tensor(gpu, [1, 2, side, side], side as f32)?,
    };
    let output = like(&inputs.input)?;
    let plan = BilinearSamplePlan::new(gpu, &BilinearSample::default(), &inputs)?;
    let (tensors, elements) = (inputs.as_ref(), output.shape().elements());
    time(criterion, gpu, "bilinear_sample", size, elements, |recorder| plan.forward_into(recorder, &tensors, &output));
    Ok(())
}
