//! Resizing, pooling and transposed convolution: every form, in whatever pieces.

use fastrand::Rng;
use pliant::Error;
use pliant::*;

use crate::check_each_on;
use crate::limits::with_limits;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;

fn resize(rng: &mut Rng, shape: &[usize], op: Resize) -> Problem {
    Problem::Resize(op, normal(rng, pliant::Shape::new(shape).unwrap(), 1.0))
}

fn coordinates(rng: &mut Rng, axes: usize) -> ResizeCoordinates {
    let roi = (0..axes).map(|_| [rng.f32() - 0.2, rng.f32() + 0.2]).collect();
    let crop = ResizeCoordinates::TfCropAndResize { roi, extrapolation_value: 2.5 };
    let all = [
        ResizeCoordinates::HalfPixel,
        ResizeCoordinates::HalfPixelSymmetric,
        ResizeCoordinates::PytorchHalfPixel,
        ResizeCoordinates::AlignCorners,
        ResizeCoordinates::Asymmetric,
        ResizeCoordinates::TfHalfPixelForNn,
        crop,
    ];
    all[rng.usize(..all.len())].clone()
}

fn mode(rng: &mut Rng) -> ResizeMode {
    let rounding = [
        NearestRounding::RoundPreferFloor,
        NearestRounding::RoundPreferCeil,
        NearestRounding::Floor,
        NearestRounding::Ceil,
    ];
    match rng.u32(..5) {
        0 | 1 => ResizeMode::Nearest(rounding[rng.usize(..4)]),
        2 | 3 => ResizeMode::Linear,
        _ => ResizeMode::Cubic { a: [-0.75, -0.5][rng.usize(..2)] },
    }
}

/// A legal resize.
pub(crate) fn draw_resize(rng: &mut Rng) -> Problem {
    let most = [9, 9, 9, 3, 3];
    let mut shape: Vec<usize> = most[..rng.usize(1..=5)].iter().map(|&most| rng.usize(1..=most)).collect();
    if rng.u32(..16) == 0 {
        shape[0] = 0;
    }
    let mut axes: Vec<u32> = (0..shape.len() as u32).filter(|_| rng.bool()).collect();
    rng.shuffle(&mut axes);
    let extents: Vec<_> = axes.iter().map(|&axis| shape[axis as usize] as u32).collect();
    let ratio = [AspectRatio::Stretch, AspectRatio::NotLarger, AspectRatio::NotSmaller][rng.usize(..3)];
    let to = if rng.bool() {
        // No extent becomes 0.
        ResizeTo::Scales(extents.iter().map(|&extent| (rng.f32() * 2.5).max(1.01 / extent.max(1) as f32)).collect())
    } else {
        let least = if ratio == AspectRatio::NotLarger { 1 } else { 0 };
        let size = |&extent: &u32| if extent == 0 { 0 } else { rng.u32(least * extent + 1..=2 * extent) };
        ResizeTo::Sizes(extents.iter().map(size).collect(), ratio)
    };
    let coordinates = coordinates(rng, axes.len());
    let op = Resize { mode: mode(rng), coordinates, antialias: rng.bool(), exclude_outside: rng.bool(), axes, to };
    resize(rng, &shape, op)
}

/// A legal pooling.
pub(crate) fn draw_pool(rng: &mut Rng) -> Problem {
    let kinds = [
        PoolKind::Max { indices: None },
        PoolKind::Max { indices: Some(IndexOrder::RowMajor) },
        PoolKind::Max { indices: Some(IndexOrder::ColumnMajor) },
        PoolKind::Average { count_padding: true },
        PoolKind::Average { count_padding: false },
    ];
    let mut shape = vec![rng.usize(..4), rng.usize(1..=5)];
    let ceil_mode = rng.bool();
    let mut window = |rng: &mut Rng| {
        let (kernel, stride, dilation) = (rng.u32(1..=4), rng.u32(1..=3), rng.u32(1..=3));
        let padding = [rng.u32(..4), rng.u32(..4)];
        let span = dilation * (kernel - 1) + 1;
        let beyond = if ceil_mode { stride - 1 } else { 0 };
        shape.push((span + rng.u32(..9)).saturating_sub(padding[0] + padding[1] + beyond).max(1) as usize);
        PoolAxis { kernel, stride, padding, dilation }
    };
    let axes = (0..rng.usize(1..=3)).map(|_| window(rng)).collect();
    let op = Pool { kind: kinds[rng.usize(..5)], axes, ceil_mode };
    Problem::Pool(op, normal(rng, pliant::Shape::new(&shape).unwrap(), 1.0))
}

/// A transposed convolution with so many channels in each group, in and out.
fn conv_transpose2d(
    rng: &mut Rng,
    op: ConvTranspose2d,
    [batch, height, width]: [u32; 3],
    [group_channels, group_out_channels]: [u32; 2],
    kernel: [u32; 2],
) -> Problem {
    let bias = rng.bool().then(|| normal(rng, [op.groups * group_out_channels], 1.0));
    let inputs = ConvTranspose2dInputs {
        input: normal(rng, [batch, op.groups * group_channels, height, width], 1.0),
        weight: normal(rng, [op.groups * group_channels, group_out_channels, kernel[0], kernel[1]], 1.0),
        bias,
    };
    Problem::ConvTranspose2d(op, inputs)
}

/// A legal transposed convolution.
fn draw_conv_transpose2d(rng: &mut Rng) -> Problem {
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (groups, stride, kernel) = (up_to(4), [up_to(4), up_to(4)], [up_to(5), up_to(5)]);
    let dilation = if up_to(2) == 1 { [1; 2] } else { [up_to(3), up_to(3)] };
    let extent = [up_to(9), up_to(9)];
    let channels = [up_to(7), up_to(7)];
    let output_padding = [up_to(4) - 1, up_to(4) - 1];
    let mut padding = [up_to(4) - 1, up_to(4) - 1, up_to(4) - 1, up_to(4) - 1];
    for axis in [0, 1] {
        let whole = stride[axis] * (extent[axis] - 1) + dilation[axis] * (kernel[axis] - 1) + 1 + output_padding[axis];
        if whole <= padding[axis] + padding[axis + 2] {
            (padding[axis], padding[axis + 2]) = (0, 0);
        }
    }
    let mut op = ConvTranspose2d { stride, padding, dilation, groups, output_padding };
    let batch = rng.u32(..4);
    if rng.u32(..3) == 0 {
        // Kernels side by side.
        op = ConvTranspose2d { stride: kernel, groups, ..ConvTranspose2d::default() };
    }
    conv_transpose2d(rng, op, [batch, extent[0], extent[1]], channels, kernel)
}

/// A legal problem of an op of images.
pub(crate) fn draw(rng: &mut Rng) -> Problem {
    match rng.u32(..7) {
        0..2 => draw_resize(rng),
        2..4 => draw_pool(rng),
        4..6 => draw_conv_transpose2d(rng),
        _ => {
            let shape = [rng.usize(..4), rng.usize(1..=5), rng.usize(1..=90), rng.usize(1..=90)];
            Problem::GlobalMaxPool(GlobalMaxPool, normal(rng, shape.map(|extent| extent as u32), 1.0))
        }
    }
}

/// A problem of these ops with one number changed, or else the problem.
pub(crate) fn spoil(rng: &mut Rng, problem: Problem, reshape: impl Fn(&mut Rng, &mut Array)) -> Problem {
    match problem {
        Problem::Resize(mut op, mut input) => {
            match rng.u32(..4) {
                0 => op.axes.push(rng.u32(..6)),
                1 => drop(op.axes.pop()),
                2 => op.to = ResizeTo::Scales(vec![[0.0, f32::NAN, 1e30][rng.usize(..3)]; op.axes.len()]),
                _ => reshape(rng, &mut input),
            }
            Problem::Resize(op, input)
        }
        Problem::Pool(mut op, mut input) => {
            match rng.u32(..4) {
                0 => op.axes[0].stride = 0,
                1 => op.axes[0].dilation = u32::MAX,
                2 => op.axes[0].padding[1] = 1 << 29,
                _ => reshape(rng, &mut input),
            }
            Problem::Pool(op, input)
        }
        Problem::ConvTranspose2d(mut op, mut inputs) => {
            match rng.u32(..5) {
                0 => op.groups += 1,
                1 => op.padding[0] = [40, 1 << 29, u32::MAX][rng.usize(..3)],
                2 => op.stride[1] = 0,
                3 => reshape(rng, &mut inputs.input),
                _ => reshape(rng, &mut inputs.weight),
            }
            Problem::ConvTranspose2d(op, inputs)
        }
        Problem::GlobalMaxPool(op, mut input) => {
            reshape(rng, &mut input);
            Problem::GlobalMaxPool(op, input)
        }
        other => other,
    }
}

/// Every op of images, in each of its forms, in small odd shapes.
pub(crate) fn each_form(rng: &mut Rng) -> Vec<Problem> {
    let mut problems = Vec::new();
    let crop = ResizeCoordinates::TfCropAndResize { roi: vec![[-0.2, 1.0], [0.3, 1.2]], extrapolation_value: 2.5 };
    let modes = [ResizeMode::default(), ResizeMode::Nearest(NearestRounding::Floor), ResizeMode::Cubic { a: -0.75 }];
    for mode in modes {
        for (antialias, coordinates) in [(false, ResizeCoordinates::HalfPixel), (true, crop.clone())] {
            let to = ResizeTo::Sizes(vec![3, 9], AspectRatio::Stretch);
            let op = Resize { axes: vec![2, 3], to, mode, coordinates, antialias, exclude_outside: antialias };
            problems.push(resize(rng, &[1, 3, 7, 5], op));
        }
    }
    let windows = [
        PoolAxis { kernel: 3, stride: 2, padding: [1, 0], dilation: 1 },
        PoolAxis { kernel: 2, stride: 1, padding: [0, 1], dilation: 2 },
    ];
    for kind in [
        PoolKind::Max { indices: None },
        PoolKind::Max { indices: Some(IndexOrder::ColumnMajor) },
        PoolKind::Average { count_padding: true },
        PoolKind::Average { count_padding: false },
    ] {
        let op = Pool { kind, axes: windows.to_vec(), ceil_mode: true };
        problems.push(Problem::Pool(op, normal(rng, [1, 3, 6, 5], 1.0)));
        // Longer than what there is.
        let window = PoolAxis { kernel: 3, stride: 2, ..PoolAxis::default() };
        let op = Pool {
            kind,
            axes: vec![window, PoolAxis { kernel: 1 << 30, stride: u32::MAX, ..window }],
            ceil_mode: true,
        };
        problems.push(Problem::Pool(op, normal(rng, [1, 3, 2, 2], 1.0)));
    }
    problems.push(Problem::GlobalMaxPool(GlobalMaxPool, normal(rng, [1, 3, 5, 7, 3], 1.0)));
    for (groups, channels) in [(1, [5, 3]), (3, [1, 1]), (2, [2, 3])] {
        let op = ConvTranspose2d { stride: [2, 2], padding: [1, 1, 0, 1], groups, ..ConvTranspose2d::default() };
        problems.push(conv_transpose2d(rng, op, [1, 3, 5], channels, [4, 3]));
    }
    let op = ConvTranspose2d { stride: [2, 3], ..ConvTranspose2d::default() };
    problems.push(conv_transpose2d(rng, op, [1, 3, 5], [5, 3], [2, 3]));
    problems
}

#[test]
fn transposed_convolutions_have_gradients() {
    let mut rng = Rng::with_seed(170);
    for (groups, channels) in [(1, [5, 3]), (3, [1, 1]), (2, [2, 9])] {
        let op =
            ConvTranspose2d { stride: [2, 3], padding: [1, 0, 0, 2], groups, output_padding: [1, 0], dilation: [1, 2] };
        let problem = conv_transpose2d(&mut rng, op, [2, 3, 5], channels, [4, 3]);
        let device = Implementation::Device { gpu: crate::gpu(), strategy: None, storage: Storage::F32 };
        if let Err(failure) = crate::check_backward_on(&problem, 7, device, Ways::All) {
            panic!("{failure}\n{}", problem.describe());
        }
    }
}

#[test]
fn drawn_problems_agree() {
    let mut rng = Rng::with_seed(171);
    let small = with_limits(|limits| {
        limits.max_storage_buffer_binding_size = 4 << 10;
        limits.max_compute_workgroups_per_dimension = 3;
    });
    for _ in 0..300 {
        let problem = draw(&mut rng);
        check_each_on(&problem, crate::gpu());
        // Windows over much of the input may be more than is bound.
        let device = Implementation::Device { gpu: &small, strategy: None, storage: Storage::F32 };
        if !matches!(pollster::block_on(problem.run(device)), Err(Error::Limit { .. })) {
            check_each_on(&problem, &small);
        }
    }
}

/// Rows of whole quads and others, in the input and in the output, whole and in pieces; resizes and maxima of values that are not finite, too.
#[test]
fn rows_of_quads_agree() {
    const NOT_FINITE: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let mut rng = Rng::with_seed(173);
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 2 << 10);
    let mut problems = Vec::new();
    for ([height, width], sizes) in [
        ([9, 8], [18, 16]),
        ([5, 7], [19, 28]),
        ([20, 33], [9, 12]),
        ([8, 12], [21, 18]),
        ([30, 16], [11, 4]),
        ([3, 5], [40, 20]),
        ([47, 33], [7, 12]),
        ([9, 8], [9, 8]),
        ([9, 1], [9, 6]),
    ] {
        for mode in [ResizeMode::Linear, ResizeMode::Nearest(NearestRounding::Floor)] {
            let to = ResizeTo::Sizes(sizes.to_vec(), AspectRatio::Stretch);
            let op = Resize { axes: vec![2, 3], to, mode, ..Resize::default() };
            let mut problem = resize(&mut rng, &[2, 3, height, width], op);
            problem.change(|_, array| {
                for value in NOT_FINITE {
                    let at = rng.usize(..array.elements.len());
                    array.elements[at] = value;
                }
            });
            problems.push(problem);
        }
    }
    for (kernel, stride, padding, width) in [
        (3, 2, 1, 32),
        (3, 2, 1, 24),
        (2, 2, 0, 16),
        (3, 1, 1, 20),
        (5, 1, 2, 8),
        (7, 1, 3, 12),
        (4, 2, 3, 16),
        (1, 2, 0, 8),
        (3, 3, 1, 24),
        (3, 1, 0, 14),
        (2, 1, 0, 16),
    ] {
        let window = PoolAxis { kernel, stride, padding: [padding; 2], dilation: 1 };
        for kind in [
            PoolKind::Max { indices: None },
            PoolKind::Max { indices: Some(IndexOrder::RowMajor) },
            PoolKind::Average { count_padding: true },
            PoolKind::Average { count_padding: false },
        ] {
            let op = Pool { kind, axes: vec![window; 2], ceil_mode: false };
            let mut input = normal(&mut rng, [2, 3, 13, width], 1.0);
            if matches!(kind, PoolKind::Max { .. }) {
                for value in NOT_FINITE {
                    let at = rng.usize(..input.elements.len());
                    input.elements[at] = value;
                }
            }
            problems.push(Problem::Pool(op, input));
        }
    }
    for problem in &problems {
        check_each_on(problem, crate::gpu());
        check_each_on(problem, &small);
    }
}

/// Images of which a few rows are bound at once.
#[test]
fn images_beyond_a_binding_are_done_in_parts() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(172);
    let nearest = ResizeMode::Nearest(NearestRounding::Floor);
    for (mode, antialias) in [(nearest, false), (ResizeMode::Linear, false), (ResizeMode::Cubic { a: -0.75 }, true)] {
        for sizes in [[400, 150], [70, 700]] {
            let to = ResizeTo::Sizes(sizes.to_vec(), AspectRatio::Stretch);
            let op = Resize { axes: vec![2, 3], to, mode, antialias, ..Resize::default() };
            check_each_on(&resize(&mut rng, &[2, 3, 151, 290], op), &gpu);
        }
    }
    let window = PoolAxis { kernel: 3, stride: 2, padding: [1, 1], dilation: 1 };
    for kind in [PoolKind::Max { indices: Some(IndexOrder::RowMajor) }, PoolKind::Average { count_padding: true }] {
        let op = Pool { kind, axes: vec![window; 2], ceil_mode: false };
        check_each_on(&Problem::Pool(op, normal(&mut rng, [2, 3, 151, 290], 1.0)), &gpu);
    }
    check_each_on(&Problem::GlobalMaxPool(GlobalMaxPool, normal(&mut rng, [2, 3, 151, 290], 1.0)), &gpu);
}
