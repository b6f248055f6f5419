//! Sums at sampling points: attention over levels, and deformable convolutions of versions 3 and 4.

use fastrand::Rng;
use pliant::*;

use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::{normal, uniform};
use crate::{check_backward_on, check_on, gpu};

/// Numbers of few binary digits, from `least` on, over a range of `reach`: what is sampled there lies there in f32 too. Some are not finite.
fn dyadic(rng: &mut Rng, shape: impl Into<Shape>, [least, reach]: [f32; 2], finite: bool) -> Array {
    Array::from_fn(shape, |_| match rng.u32(..60) {
        0 if !finite => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3e9, 1e20][rng.usize(..5)],
        _ => ((least + rng.f32() * reach) * 64.0).round() / 64.0,
    })
}

pub(crate) fn attention(
    rng: &mut Rng,
    op: &MultiScaleDeformAttn,
    [batch, queries, heads, channels]: [u32; 4],
    masked: bool,
    finite: bool,
) -> Problem {
    let pixels = op.levels.iter().map(|level| level.height * level.width).sum();
    let points = op.levels.iter().map(|level| level.points).sum();
    let inputs = MultiScaleDeformAttnInputs {
        value: normal(rng, [batch, pixels, heads, channels], 1.0),
        locations: dyadic(rng, [batch, queries, heads, points, 2], [-0.2, 1.4], finite),
        weights: normal(rng, [batch, queries, heads, points], 1.0),
        padding_mask: masked.then(|| Array::from_fn([batch, pixels], |_| f32::from(u8::from(rng.bool())))),
    };
    Problem::MultiScaleDeformAttn(op.clone(), inputs)
}

pub(crate) fn version_3(rng: &mut Rng, op: DeformConvV3, input: [u32; 4], finite: bool) -> Problem {
    let [batch, height, width, channels] = input;
    let taps = op.kernel[0] * op.kernel[1] - u32::from(op.remove_center);
    let out = |axis: usize, extent: u32| {
        (extent + op.padding[axis] + op.padding[axis + 2] - op.dilation[axis] * (op.kernel[axis] - 1) - 1)
            / op.stride[axis]
            + 1
    };
    let (rows, columns, points) = (out(0, height), out(1, width), op.groups * taps);
    let inputs = DeformConvV3Inputs {
        input: normal(rng, [batch, height, width, channels], 1.0),
        offset: dyadic(rng, [batch, rows, columns, 2 * points], [-2.0, 4.0], finite),
        mask: uniform(rng, [batch, rows, columns, points]),
    };
    Problem::DeformConvV3(op, inputs)
}

pub(crate) fn version_4(rng: &mut Rng, window: DeformConvV3, input: [u32; 4], finite: bool) -> Problem {
    let Problem::DeformConvV3(_, inputs) = version_3(rng, window, input, finite) else { unreachable!() };
    let [batch, rows, columns, points] = *inputs.mask.shape.extents() else { unreachable!() };
    let channels = (3 * points).next_multiple_of(8);
    let offset_mask = dyadic(rng, [batch, rows, columns, channels], [-2.0, 4.0], finite);
    Problem::DeformConvV4(DeformConvV4 { window }, DeformConvV4Inputs { input: inputs.input, offset_mask })
}

/// A legal problem of one of these ops.
pub(crate) fn draw(rng: &mut Rng) -> Problem {
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (batch, heads, channels) = (up_to(3), up_to(4), up_to(9));
    let edge_derivative = [EdgeDerivative::OneSided, EdgeDerivative::Zero][rng.usize(..2)];
    if rng.bool() {
        let level =
            |rng: &mut Rng| AttentionLevel { height: rng.u32(1..=12), width: rng.u32(1..=12), points: rng.u32(1..=5) };
        let op = MultiScaleDeformAttn {
            levels: (0..rng.u32(1..=4)).map(|_| level(rng)).collect(),
            sampling: [AttentionSampling::Bilinear, AttentionSampling::Discrete][rng.usize(..2)],
            edge_derivative,
        };
        let (queries, masked) = (rng.u32(1..=20), rng.bool());
        return attention(rng, &op, [batch, queries, heads, channels], masked, false);
    }
    let kernel = [rng.u32(1..=4), rng.u32(1..=4)];
    let op = DeformConvV3 {
        kernel,
        stride: [rng.u32(1..=2), rng.u32(1..=3)],
        padding: [0; 4].map(|_| rng.u32(..3)),
        dilation: [rng.u32(1..=2), rng.u32(1..=2)],
        groups: heads,
        offset_scale: [1.0, 0.5, 2.0, -0.25, 0.0][rng.usize(..5)],
        remove_center: kernel != [1; 2] && rng.bool(),
        edge_derivative,
    };
    let extent = |axis: usize, more: u32| op.dilation[axis] * (kernel[axis] - 1) + more;
    let input = [batch, extent(0, rng.u32(1..=8)), extent(1, rng.u32(1..=8)), heads * channels];
    if rng.bool() { version_3(rng, op, input, false) } else { version_4(rng, op, input, false) }
}

/// Problems in each form that have what is finite alone.
pub(crate) fn each_form(rng: &mut Rng) -> Vec<Problem> {
    let level = |height, width, points| AttentionLevel { height, width, points };
    let mut problems = Vec::new();
    for sampling in [AttentionSampling::Bilinear, AttentionSampling::Discrete] {
        for (channels, masked) in [(5, true), (8, false)] {
            let op = MultiScaleDeformAttn {
                levels: vec![level(5, 3, 2), level(2, 4, 1)],
                sampling,
                edge_derivative: EdgeDerivative::default(),
            };
            problems.push(attention(rng, &op, [2, 3, 2, channels], masked, true));
        }
    }
    let op = DeformConvV3 { groups: 2, remove_center: true, offset_scale: 0.5, ..DeformConvV3::default() };
    for channels in [6, 8] {
        problems.push(version_3(rng, op, [2, 4, 3, channels], true));
        problems.push(version_4(rng, op, [2, 4, 3, channels], true));
    }
    problems
}

fn on(gpu: &Gpu) -> Implementation<'_> {
    Implementation::Device { gpu, strategy: None, storage: Storage::F32 }
}

fn check(problem: &Problem, gpu: &Gpu) {
    let outcome = check_on(problem, on(gpu)).and_then(|()| check_backward_on(problem, 1, on(gpu), Ways::One));
    outcome.unwrap_or_else(|failure| panic!("{}: {failure}", problem.describe()));
}

/// A workgroup does 256 points at a time.
#[test]
fn of_very_many_points() {
    let mut rng = Rng::with_seed(201);
    let op = MultiScaleDeformAttn::new([[4, 5], [2, 2]], 300);
    check(&attention(&mut rng, &op, [1, 3, 2, 3], false, true), gpu());
}

/// More lanes than a workgroup has invocations, and more than an invocation does at a time.
#[test]
fn of_very_many_channels() {
    let mut rng = Rng::with_seed(202);
    let op = MultiScaleDeformAttn::new([[3, 3]], 2);
    check(&attention(&mut rng, &op, [1, 2, 1, 66_001], false, true), gpu());
    check(&attention(&mut rng, &op, [1, 2, 2, 1000], false, true), gpu());
}

/// All points in one cell, and more than an invocation adds up on lavapipe.
#[test]
fn of_one_cell() {
    let mut rng = Rng::with_seed(203);
    let op = MultiScaleDeformAttn::new([[3, 4]], 4);
    let Problem::MultiScaleDeformAttn(op, mut inputs) = attention(&mut rng, &op, [1, 20_000, 1, 1], false, true) else {
        unreachable!()
    };
    inputs.locations.elements.iter_mut().for_each(|location| *location = 0.5 + (*location - 0.5) / 16.0);
    check(&Problem::MultiScaleDeformAttn(op, inputs), gpu());
}

/// So many queries and heads that an invocation does all points of one, where an adapter runs on the CPU, and shares of points come with their gradients;
/// and more points than are walked over at a time.
#[test]
fn of_very_many_heads() {
    let mut rng = Rng::with_seed(206);
    for sampling in [AttentionSampling::Bilinear, AttentionSampling::Discrete] {
        let op = MultiScaleDeformAttn { sampling, ..MultiScaleDeformAttn::new([[9, 8], [5, 4]], 3) };
        for channels in [6, 8] {
            check(&attention(&mut rng, &op, [2, 160, 4, channels], channels == 8, false), gpu());
        }
    }
    let op = DeformConvV3 { groups: 16, ..DeformConvV3::default() };
    check(&version_3(&mut rng, op, [1, 9, 10, 128], false), gpu());
    check(&version_4(&mut rng, op, [1, 9, 10, 128], false), gpu());
    let op = MultiScaleDeformAttn::new([[9, 8]], 12);
    check(&attention(&mut rng, &op, [2, 2000, 8, 4], false, true), gpu());
}

/// Bindings of a few KiB: pixels of the value in bands, queries and heads in pieces.
#[test]
fn beyond_a_binding() {
    let mut limits = gpu().capabilities().limits.clone();
    limits.max_storage_buffer_binding_size = 16 << 10;
    let options = GpuOptions { limits: Some(limits), ..GpuOptions::default() };
    let gpu = pollster::block_on(Gpu::with_options(&options)).unwrap();
    let mut rng = Rng::with_seed(204);
    let op = MultiScaleDeformAttn::new([[20, 21], [10, 11]], 4);
    check(&attention(&mut rng, &op, [2, 150, 3, 8], true, true), &gpu);
    check(&attention(&mut rng, &op, [2, 200, 8, 8], true, true), &gpu);
    check(&version_3(&mut rng, DeformConvV3 { groups: 3, ..DeformConvV3::default() }, [2, 20, 21, 12], true), &gpu);
    check(&version_4(&mut rng, DeformConvV3 { groups: 2, ..DeformConvV3::default() }, [2, 20, 21, 6], true), &gpu);
}

#[test]
fn the_same_bits_again() {
    let mut rng = Rng::with_seed(205);
    let op = MultiScaleDeformAttn::new([[13, 9], [6, 5]], 4);
    let Problem::MultiScaleDeformAttn(op, inputs) = attention(&mut rng, &op, [2, 40, 4, 8], false, true) else {
        unreachable!()
    };
    let inputs = inputs.try_map(|input| input.upload(gpu())).unwrap();
    let grad = normal(&mut rng, [2, 40, 32], 1.0).upload(gpu()).unwrap();
    let bits = |tensor: &Tensor| {
        let elements = tensor.download_blocking::<f32>().unwrap();
        elements.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let run = || {
        let mut all = vec![bits(&op.forward(&inputs).unwrap())];
        all.extend(op.backward(&inputs, &grad).unwrap().named().map(|(_, gradient)| bits(gradient)));
        all
    };
    let first = run();
    assert_eq!(first.len(), 4);
    for _ in 0..99 {
        assert_eq!(run(), first);
    }
}

/// Shapes that are legal, and of which a device has no tables or numbers: refused before anything is made.
#[test]
fn of_sizes_beyond_any_device() {
    let spec = |extents: &[u32]| TensorSpec { shape: Shape::new(extents).unwrap(), dtype: DType::F32 };
    let attention = |levels: Vec<AttentionLevel>| {
        let pixels = levels.iter().map(|level| level.height * level.width).sum();
        let points = levels.iter().map(|level| level.points).sum();
        let op = MultiScaleDeformAttn { levels, ..MultiScaleDeformAttn::new([], 1) };
        let inputs = MultiScaleDeformAttnInputs {
            value: spec(&[1, pixels, 1, 1]),
            locations: spec(&[1, 1, 1, points, 2]),
            weights: spec(&[1, 1, 1, points]),
            padding_mask: None,
        };
        MultiScaleDeformAttnPlan::new(gpu(), &op, &inputs).unwrap_err()
    };
    let level = AttentionLevel { height: 1, width: 1, points: 1 << 30 };
    assert!(matches!(attention(vec![level]), Error::Limit { argument: "points", .. }));
    let level = AttentionLevel { height: 65_536, width: 65_535, points: 1 };
    assert!(matches!(attention(vec![level]), Error::Limit { argument: "value", .. }));
    let op = DeformConvV3 { kernel: [1 << 14; 2], padding: [1 << 14; 4], ..DeformConvV3::default() };
    let out = 2 * (1 << 14) + 2 - (1 << 14);
    let taps = 1u32 << 28;
    let inputs = DeformConvV3Inputs {
        input: spec(&[0, 1, 1, 1]),
        offset: spec(&[0, out, out, 2 * taps]),
        mask: spec(&[0, out, out, taps]),
    };
    assert!(DeformConvV3Plan::new(gpu(), &op, &inputs).is_err());
}
