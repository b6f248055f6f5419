//! Problems drawn at random, legal or not: the device agrees with the reference, or both refuse. A failure prints the seed that draws
//! it again.

use std::sync::OnceLock;

use fastrand::Rng;
use pliant::*;
use pliant::{Error, Gpu, GpuOptions, Strategy};
use proptest::prelude::*;

use crate::attention;
use crate::dtypes::STORAGES;
use crate::elementwise::{FUNCTIONS_OF_ONE, FUNCTIONS_OF_TWO};
use crate::grids::draw_grid_sample;
use crate::movement::{draw_copy, draw_gather, draw_scatter};
use crate::points;
use crate::reductions::FUNCTIONS;
use crate::shapes::deform_conv2d;
use crate::spatial;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::{labels, normal, uniform};
use crate::{check_backward_on, check_on, gpu, slow, strategies_for};

/// The common device, and some with small limits or without features.
fn devices() -> &'static [Gpu] {
    static DEVICES: OnceLock<Vec<Gpu>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let device = |binding: u64, workgroups: u32, features| {
            let mut limits = gpu().capabilities().limits.clone();
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(binding);
            limits.max_compute_workgroups_per_dimension = limits.max_compute_workgroups_per_dimension.min(workgroups);
            let options =
                GpuOptions { limits: Some(limits), features, cooperative_matrices: true, ..GpuOptions::default() };
            pollster::block_on(Gpu::with_options(&options)).unwrap()
        };
        let all = Gpu::OPTIONAL_FEATURES;
        vec![
            gpu().clone(),
            device(40 << 10, u32::MAX, all),
            device(u64::MAX, 40, pliant::wgpu::Features::empty()),
            device(100_000, 300, all),
        ]
    })
}

/// A legal deformable convolution.
pub(crate) fn draw_deform_conv2d(rng: &mut Rng) -> (DeformConv2d, DeformConv2dInputs<Array>) {
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (groups, offset_groups) = (up_to(4), up_to(4));
    let common = (1..).find(|n: &u32| n.is_multiple_of(groups) && n.is_multiple_of(offset_groups)).unwrap();
    let channels = common * up_to(7);
    let out_channels = groups * up_to(9);
    let kernel = [up_to(4), up_to(4)];
    let dilation = [up_to(3), up_to(3)];
    let stride = [up_to(3), up_to(3)];
    let padding = [up_to(4) - 1, up_to(4) - 1, up_to(4) - 1, up_to(4) - 1];
    let extent = |axis: usize, more: u32| {
        let span = dilation[axis] * (kernel[axis] - 1) + 1;
        (span + more).saturating_sub(padding[axis] + padding[axis + 2]).max(1)
    };
    let (height, width) = (extent(0, up_to(12)), extent(1, up_to(12)));
    let batch = up_to(5);
    let border = [Border::Zeros, Border::ClampHi, Border::Strict][rng.usize(..3)];
    let offset_layout = [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint][rng.usize(..3)];
    let edge_derivative = [EdgeDerivative::OneSided, EdgeDerivative::Zero][rng.usize(..2)];
    let op = DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, offset_layout };
    let (mask, sigma) = (rng.bool(), [0.0, 0.5, 3.0, 50.0][rng.usize(..4)]);
    let weight = [out_channels, channels / groups, kernel[0], kernel[1]];
    let problem = deform_conv2d(rng, op, [batch, channels, height, width], weight, mask, sigma);
    let Problem::DeformConv2d(op, mut inputs) = problem else { unreachable!() };
    for offset in &mut inputs.offset.elements {
        match rng.u32(..16) {
            // Where rules change.
            0..4 => *offset = (*offset * 2.0).round() / 2.0,
            4 => *offset = f32::NAN,
            5 => *offset = f32::INFINITY,
            _ => {}
        }
    }
    if rng.bool() {
        inputs.bias = None;
    }
    (op, inputs)
}

/// A legal problem of an op that joins others.
fn draw_glue(rng: &mut Rng) -> Problem {
    let mut extents: Vec<usize> = (0..rng.usize(1..=5)).map(|_| rng.usize(1..=9)).collect();
    let array = |rng: &mut Rng, extents: &[usize]| normal(rng, pliant::Shape::new(extents).unwrap(), 2.0);
    let axis = rng.usize(..extents.len());
    let mut sizes: Vec<u32> = (0..rng.usize(1..=4)).map(|_| rng.u32(1..=40)).collect();
    match rng.u32(..15) {
        0 => {
            let op = FUNCTIONS_OF_ONE[rng.usize(..FUNCTIONS_OF_ONE.len())];
            Problem::Unary(op, array(rng, &extents))
        }
        1 => {
            // Either operand lacks some axes in front and has others with extent 1.
            let operand = |rng: &mut Rng| {
                let mut operand = extents.clone();
                operand.iter_mut().for_each(|extent| *extent = if rng.u32(..3) == 0 { 1 } else { *extent });
                let lacks = if rng.bool() { 0 } else { rng.usize(..=operand.len()) };
                array(rng, &operand[lacks..])
            };
            let op = FUNCTIONS_OF_TWO[rng.usize(..FUNCTIONS_OF_TWO.len())];
            let (a, b) = (operand(rng), operand(rng));
            Problem::Binary(op, BinaryInputs { a, b })
        }
        2 => {
            let inputs = sizes.iter().map(|&size| {
                extents[axis] = size as usize;
                array(rng, &extents)
            });
            Problem::Concat(Concat { axis: axis as u32 }, inputs.collect())
        }
        3 => {
            if axis == 0 && rng.bool() {
                sizes.push(0);
            }
            extents[axis] = sizes.iter().sum::<u32>() as usize;
            let input = array(rng, &extents);
            Problem::Split(Split { axis: axis as u32, sizes }, input)
        }
        4 => {
            let extents = [3, 7, 200, 200].map(|most| rng.u32(1..=most));
            Problem::GlobalAveragePool(GlobalAveragePool, normal(rng, extents, 1.0))
        }
        5 => {
            let reduction = [Reduction::None, Reduction::Mean, Reduction::Sum][rng.usize(..3)];
            let (batch, classes) = (rng.u32(..90), rng.u32(1..=200));
            let mut labels = labels(rng, batch, classes);
            if rng.bool() {
                // Mostly beyond the last class.
                labels.elements.iter_mut().for_each(|label| *label = if rng.u32(..9) == 0 { 200.0 } else { *label });
            }
            let logits = normal(rng, [batch, classes], 3.0);
            Problem::CrossEntropy(CrossEntropy { reduction }, CrossEntropyInputs { logits, labels })
        }
        6 => {
            extents.insert(0, rng.usize(..4));
            // Some rows are long.
            let axis = rng.usize(..extents.len());
            extents[axis] *= [1, 1, 70][rng.usize(..3)];
            Problem::Softmax(Softmax { axis: axis as u32, log: rng.bool() }, array(rng, &extents))
        }
        7 => [draw_copy, draw_gather, draw_scatter][rng.usize(..3)](rng),
        8 => {
            extents.insert(0, rng.usize(..4));
            let axes = rng.usize(1..=extents.len());
            let normalised = &extents[extents.len() - axes..];
            let mut each = || rng.bool().then(|| array(rng, normalised));
            let (scale, shift) = (each(), each());
            let op = LayerNorm { axes: axes as u32, epsilon: [1e-5, 0.1][rng.usize(..2)] };
            Problem::LayerNorm(op, LayerNormInputs { input: array(rng, &extents), scale, shift })
        }
        9..14 => draw_reduction(rng, extents),
        _ => {
            extents.insert(0, rng.usize(..4));
            let mut channel = |sigma| normal(rng, [extents[1] as u32], sigma);
            let (scale, shift) = (channel(1.0), channel(2.0));
            let input = array(rng, &extents);
            Problem::BatchNorm(BatchNorm, BatchNormInputs { input, scale, shift })
        }
    }
}

/// A legal problem of an op that goes along axes.
fn draw_reduction(rng: &mut Rng, mut extents: Vec<usize>) -> Problem {
    extents.insert(0, rng.usize(..4));
    let axis = rng.usize(..extents.len());
    // Some rows are long.
    extents[axis] *= [1, 1, 70][rng.usize(..3)];
    let mut input = normal(rng, pliant::Shape::new(&extents).unwrap(), 2.0);
    if rng.bool() {
        // With many that are equal.
        input.elements.iter_mut().for_each(|element| *element = element.round());
    }
    let extent = extents[axis] as u32;
    let behind = extents[axis..].iter().product::<usize>();
    let axis = axis as u32;
    match rng.u32(..5) {
        0 if extent > 0 => {
            let (largest, keep, last) = (rng.bool(), rng.bool(), rng.bool());
            Problem::ArgReduce(ArgReduce { axis, largest, keep, last }, input)
        }
        // Rows that lie apart are bound together with what is between.
        1 if extent > 0 && behind <= 9000 => {
            let k = if rng.bool() { extent } else { rng.u32(1..=extent) };
            Problem::TopK(TopK { axis, k, largest: rng.bool() }, input)
        }
        2 if behind <= 9000 => Problem::CumSum(CumSum { axis, exclusive: rng.bool(), reverse: rng.bool() }, input),
        3 => {
            let channels = extents[1] as u32;
            let groups = (1..=channels).filter(|&groups| channels.is_multiple_of(groups));
            let groups = groups.collect::<Vec<_>>();
            let [scale, shift] = [1.0, 2.0].map(|sigma| normal(rng, [channels], sigma));
            let op = GroupNorm { groups: groups[rng.usize(..groups.len())], epsilon: [1e-5, 0.1][rng.usize(..2)] };
            Problem::GroupNorm(op, GroupNormInputs { input, scale, shift })
        }
        _ => {
            let axes = (0..extents.len() as u32).filter(|_| rng.bool()).collect();
            let function = FUNCTIONS[rng.usize(..FUNCTIONS.len())];
            for element in &mut input.elements {
                *element = match function {
                    // So that nothing overflows.
                    ReduceFunction::Prod => 1.0 + *element * 0.01,
                    ReduceFunction::LogSum => element.abs(),
                    _ => *element,
                };
            }
            Problem::Reduce(Reduce { function, axes, keep: rng.bool() }, input)
        }
    }
}

/// A legal pooling of regions of interest. Corners, offsets and scales are few binary digits, so that samples which lie on a border do so in f32
/// too; some corners are far out or not finite, and some RoIs reversed or empty.
pub(crate) fn draw_roi(rng: &mut Rng) -> Problem {
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (batch, height, width, rois) = (up_to(3), up_to(20), up_to(20), up_to(12) - 1);
    let pooled = [up_to(5), up_to(5)];
    let spatial_scale = [0.25, 0.5, 1.0, 2.0][rng.usize(..4)];
    let (sampling_ratio, reach) = (rng.u32(..4), [0.125, -0.5][rng.usize(..2)]);
    let out_channels = rng.u32(1..=9);
    let input = |rng: &mut Rng, channels: u32| normal(rng, [batch, channels, height, width], 1.0);
    let regions = Array::from_fn([rois, 5], |index| {
        let extent = if index % 5 % 2 == 1 { width } else { height };
        let corner = (rng.f32() * 1.5 - 0.25) * extent as f32 / spatial_scale;
        match (index % 5, rng.u32(..60)) {
            (0, _) => rng.u32(..batch) as f32,
            (_, 0) => [f32::NAN, f32::INFINITY, f32::MIN, 3e7][rng.usize(..4)],
            (_, 1) => -1000.0,
            _ => (corner * 8.0).round() / 8.0,
        }
    });
    let offset = |rng: &mut Rng, planes: u32, [rows, columns]: [u32; 2]| {
        let mut offset = normal(rng, [rois, planes, rows, columns], 1.0);
        for offset in &mut offset.elements {
            *offset = if rng.u32(..40) == 0 { f32::NAN } else { (*offset * 16.0).round() / 16.0 };
        }
        rng.bool().then_some(offset)
    };
    match rng.u32(..4) {
        3 => {
            let op = RoiAlignMax { pooled, spatial_scale, sampling_ratio, aligned: rng.bool() };
            let input = input(rng, out_channels);
            Problem::RoiAlignMax(op, RoiAlignInputs { input, rois: regions })
        }
        0 => {
            let channels = [RoiChannels::Each, RoiChannels::PositionSensitive][rng.usize(..2)];
            let op = RoiAlign { pooled, spatial_scale, sampling_ratio, aligned: rng.bool(), channels };
            let cells = if channels == RoiChannels::Each { 1 } else { pooled[0] * pooled[1] };
            let input = input(rng, out_channels * cells);
            Problem::RoiAlign(op, RoiAlignInputs { input, rois: regions })
        }
        1 => {
            let offset_gradient = [OffsetGradient::Exact, OffsetGradient::Mmcv][rng.usize(..2)];
            let op = DeformRoiPool { pooled, spatial_scale, sampling_ratio, gamma: reach, offset_gradient };
            let (input, offset) = (input(rng, out_channels), offset(rng, 2, pooled));
            Problem::DeformRoiPool(op, DeformRoiPoolInputs { input, rois: regions, offset })
        }
        _ => {
            let classes = rng.u32(1..=3);
            let op = DeformPsRoiPool {
                output_dim: classes * rng.u32(1..=5),
                spatial_scale,
                group_size: rng.u32(1..=3),
                pooled_size: pooled[0],
                part_size: rng.u32(..4),
                spatial_bins: [rng.u32(1..=3), rng.u32(1..=4)],
                trans_std: reach,
            };
            let part = if op.part_size == 0 { pooled[0] } else { op.part_size };
            let input = input(rng, op.output_dim * op.group_size * op.group_size);
            let offset = offset(rng, 2 * classes, [part; 2]);
            Problem::DeformPsRoiPool(op, DeformPsRoiPoolInputs { input, rois: regions, offset })
        }
    }
}

/// A legal problem of any op.
pub(crate) fn draw_legal(rng: &mut Rng) -> Problem {
    match rng.u32(..10) {
        0..3 => return draw_glue(rng),
        3 => return draw_roi(rng),
        4 => return points::draw(rng),
        5 => return spatial::draw(rng),
        _ => {}
    }
    let (op, inputs) = draw_deform_conv2d(rng);
    let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, offset_layout } = op;
    let [_, _, kernel_height, kernel_width] = inputs.weight.shape.extents() else { unreachable!() };
    let window = Im2col { kernel: [*kernel_height, *kernel_width], stride, padding, dilation };
    let DeformConv2dInputs { input, offset, weight, mask, bias } = inputs;
    match rng.u32(..10) {
        0 => Problem::Conv2d(Conv2d { stride, padding, dilation, groups }, Conv2dInputs { input, weight, bias }),
        1 => Problem::Im2col(window, input),
        2 => {
            let op = DeformIm2col { window, offset_groups, border, edge_derivative, offset_layout };
            Problem::DeformIm2col(op, DeformIm2colInputs { input, offset, mask })
        }
        3 if rng.bool() => attention::draw(rng),
        3 => {
            let [batch, rows, columns, depth] = [4, 90, 90, 300].map(|most| rng.u32(1..=most));
            let (transpose_a, transpose_b) = (rng.bool(), rng.bool());
            let [a_batch, b_batch] = [[batch, batch], [1, batch], [batch, 1]][rng.usize(..3)];
            let a = if transpose_a { [a_batch, depth, rows] } else { [a_batch, rows, depth] };
            let b = if transpose_b { [b_batch, columns, depth] } else { [b_batch, depth, columns] };
            let bias = rng.bool().then(|| normal(rng, [columns], 1.0));
            let inputs = MatmulInputs { a: normal(rng, a, 1.0), b: normal(rng, b, 1.0), bias };
            Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs)
        }
        4 if rng.bool() => draw_grid_sample(rng),
        4 => {
            let [batch, _, height, width] = *input.shape.extents() else { unreachable!() };
            let mut positions = normal(rng, [batch, 2, 7, 9], 1.0);
            for (index, position) in positions.elements.iter_mut().enumerate() {
                let extent = if index / 63 % 2 == 0 { height } else { width };
                *position = match rng.u32(..30) {
                    0 => f32::NAN,
                    1..6 => position.round(),
                    _ => (0.5 + *position * 0.4) * extent as f32,
                };
            }
            let op = BilinearSample { border, edge_derivative };
            Problem::BilinearSample(op, BilinearSampleInputs { input, positions })
        }
        _ => Problem::DeformConv2d(op, DeformConv2dInputs { input, offset, weight, mask, bias }),
    }
}

/// A problem with one number changed, which mostly makes it illegal.
fn spoil(rng: &mut Rng, problem: Problem) -> Problem {
    let reshape = |rng: &mut Rng, array: &mut Array| {
        let mut extents: Vec<_> = array.shape.extents().iter().map(|&extent| extent as usize).collect();
        match rng.u32(..6) {
            0 => drop(extents.pop()),
            1 if extents.len() < 6 => extents.insert(0, 1),
            _ if extents.is_empty() => {}
            _ => {
                let axis = rng.usize(..extents.len());
                extents[axis] = [0, 1, extents[axis] + 1, extents[axis].saturating_sub(1)][rng.usize(..4)];
            }
        }
        // No constant: derivatives that cancel are rounding errors, of which an infinite mask makes infinity or NaN.
        *array = uniform(rng, pliant::Shape::new(&extents).unwrap());
    };
    // What says where regions are sampled has few binary digits, as in what is drawn.
    let reshape_region = |rng: &mut Rng, array: &mut Array| {
        reshape(rng, array);
        array.elements.iter_mut().for_each(|element| *element = (*element * 8.0).round() / 8.0);
    };
    let number = |rng: &mut Rng, number: &mut u32| *number = [0, *number + 1, 1 << 29, u32::MAX][rng.usize(..4)];
    match problem {
        problem @ (Problem::ConvTranspose2d(..)
        | Problem::GlobalMaxPool(..)
        | Problem::Pool(..)
        | Problem::Resize(..)) => spatial::spoil(rng, problem, reshape),
        Problem::DeformConv2d(mut op, mut inputs) => {
            match rng.u32(..10) {
                0 => number(rng, &mut op.groups),
                1 => number(rng, &mut op.offset_groups),
                2 => number(rng, &mut op.stride[1]),
                3 => number(rng, &mut op.dilation[0]),
                4 => number(rng, &mut op.padding[3]),
                5 => reshape(rng, &mut inputs.input),
                6 => reshape(rng, &mut inputs.offset),
                7 => reshape(rng, &mut inputs.weight),
                8 => inputs.mask.iter_mut().for_each(|mask| reshape(rng, mask)),
                _ => inputs.bias.iter_mut().for_each(|bias| reshape(rng, bias)),
            }
            Problem::DeformConv2d(op, inputs)
        }
        Problem::Conv2d(mut op, mut inputs) => {
            match rng.u32(..5) {
                0 => number(rng, &mut op.groups),
                1 => number(rng, &mut op.stride[0]),
                2 => number(rng, &mut op.padding[0]),
                3 => reshape(rng, &mut inputs.input),
                _ => reshape(rng, &mut inputs.weight),
            }
            Problem::Conv2d(op, inputs)
        }
        Problem::Im2col(mut window, mut input) => {
            match rng.u32(..3) {
                0 => number(rng, &mut window.kernel[0]),
                1 => number(rng, &mut window.dilation[1]),
                _ => reshape(rng, &mut input),
            }
            Problem::Im2col(window, input)
        }
        Problem::DeformIm2col(mut op, mut inputs) => {
            match rng.u32(..3) {
                0 => number(rng, &mut op.offset_groups),
                1 => reshape(rng, &mut inputs.input),
                _ => reshape(rng, &mut inputs.offset),
            }
            Problem::DeformIm2col(op, inputs)
        }
        Problem::Attention(mut op, mut inputs) => {
            match rng.u32(..6) {
                0 => op.scale = Some([f32::NAN, f32::INFINITY][rng.usize(..2)]),
                1 => reshape(rng, &mut inputs.query),
                2 => inputs.key.iter_mut().for_each(|key| reshape(rng, key)),
                3 => inputs.value.iter_mut().for_each(|value| reshape(rng, value)),
                4 => inputs.bias.iter_mut().for_each(|bias| reshape(rng, bias)),
                _ => inputs.mask.iter_mut().for_each(|mask| reshape(rng, mask)),
            }
            Problem::Attention(op, inputs)
        }
        Problem::Matmul(op, mut inputs) => {
            match (rng.u32(..3), &mut inputs.bias) {
                (0, _) => reshape(rng, &mut inputs.a),
                (1, Some(bias)) => reshape(rng, bias),
                _ => reshape(rng, &mut inputs.b),
            }
            Problem::Matmul(op, inputs)
        }
        Problem::BilinearSample(op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.input } else { &mut inputs.positions };
            reshape(rng, either);
            Problem::BilinearSample(op, inputs)
        }
        Problem::Cast(op, mut input) => {
            reshape(rng, &mut input);
            Problem::Cast(op, input)
        }
        Problem::Select(op, mut inputs) => {
            let one = [&mut inputs.a, &mut inputs.b, &mut inputs.condition].into_iter().nth(rng.usize(..3)).unwrap();
            reshape(rng, one);
            Problem::Select(op, inputs)
        }
        Problem::MultiScaleDeformAttn(mut op, mut inputs) => {
            match rng.u32(..6) {
                0 => number(rng, &mut op.levels[0].points),
                1 => number(rng, &mut op.levels[0].width),
                2 => reshape(rng, &mut inputs.value),
                3 => reshape_region(rng, &mut inputs.locations),
                4 => reshape(rng, &mut inputs.weights),
                _ => inputs.padding_mask.iter_mut().for_each(|mask| reshape(rng, mask)),
            }
            Problem::MultiScaleDeformAttn(op, inputs)
        }
        Problem::DeformConvV3(mut op, mut inputs) => {
            match rng.u32(..6) {
                0 => number(rng, &mut op.groups),
                1 => number(rng, &mut op.stride[0]),
                2 => op.offset_scale = [f32::NAN, f32::INFINITY][rng.usize(..2)],
                3 => reshape(rng, &mut inputs.input),
                4 => reshape_region(rng, &mut inputs.offset),
                _ => reshape(rng, &mut inputs.mask),
            }
            Problem::DeformConvV3(op, inputs)
        }
        Problem::DeformConvV4(mut op, mut inputs) => {
            match rng.u32(..4) {
                0 => number(rng, &mut op.window.groups),
                1 => number(rng, &mut op.window.dilation[1]),
                2 => reshape(rng, &mut inputs.input),
                _ => reshape_region(rng, &mut inputs.offset_mask),
            }
            Problem::DeformConvV4(op, inputs)
        }
        Problem::GridSample(op, mut inputs) => {
            if rng.bool() {
                reshape(rng, &mut inputs.input);
            } else {
                reshape_region(rng, &mut inputs.grid);
            }
            Problem::GridSample(op, inputs)
        }
        Problem::RoiAlignMax(mut op, mut inputs) => {
            match rng.u32(..3) {
                0 => number(rng, &mut op.pooled[0]),
                1 => reshape(rng, &mut inputs.input),
                _ => reshape_region(rng, &mut inputs.rois),
            }
            Problem::RoiAlignMax(op, inputs)
        }
        Problem::RoiAlign(mut op, mut inputs) => {
            match rng.u32(..4) {
                0 => number(rng, &mut op.pooled[0]),
                1 => op.spatial_scale = [0.0, -1.0, f32::NAN][rng.usize(..3)],
                2 => reshape(rng, &mut inputs.input),
                _ => reshape_region(rng, &mut inputs.rois),
            }
            Problem::RoiAlign(op, inputs)
        }
        Problem::DeformRoiPool(mut op, mut inputs) => {
            match rng.u32(..3) {
                0 => number(rng, &mut op.pooled[1]),
                1 => inputs.offset.iter_mut().for_each(|offset| reshape_region(rng, offset)),
                _ => reshape_region(rng, &mut inputs.rois),
            }
            Problem::DeformRoiPool(op, inputs)
        }
        Problem::DeformPsRoiPool(mut op, mut inputs) => {
            match rng.u32(..5) {
                0 => number(rng, &mut op.output_dim),
                1 => number(rng, &mut op.group_size),
                2 => number(rng, &mut op.part_size),
                3 => inputs.offset.iter_mut().for_each(|offset| reshape_region(rng, offset)),
                _ => reshape(rng, &mut inputs.input),
            }
            Problem::DeformPsRoiPool(op, inputs)
        }
        Problem::Unary(mut op, mut input) => {
            match &mut op {
                Unary::Clip { max, .. } if rng.bool() => *max = f32::NAN,
                _ => reshape(rng, &mut input),
            }
            Problem::Unary(op, input)
        }
        Problem::Binary(op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.a } else { &mut inputs.b };
            reshape(rng, either);
            Problem::Binary(op, inputs)
        }
        Problem::Concat(mut op, mut inputs) => {
            match rng.usize(..=inputs.len()) {
                0 => number(rng, &mut op.axis),
                index => reshape(rng, &mut inputs[index - 1]),
            }
            Problem::Concat(op, inputs)
        }
        Problem::Split(mut op, mut input) => {
            match rng.u32(..4) {
                0 => number(rng, &mut op.axis),
                1 => number(rng, &mut op.sizes[0]),
                2 => drop(op.sizes.pop()),
                _ => reshape(rng, &mut input),
            }
            Problem::Split(op, input)
        }
        Problem::StridedCopy(mut op, mut input) => {
            match &mut op {
                StridedCopy::Transpose { order } if rng.bool() => number(rng, &mut order[0]),
                StridedCopy::Tile { repeats } if rng.bool() => drop(repeats.pop()),
                StridedCopy::Slice { ranges } if rng.bool() => ranges.iter_mut().for_each(|range| range.step = 0),
                StridedCopy::Strided { axes, .. } if rng.bool() => axes[0] = (9, [-300, 1 << 40][rng.usize(..2)]),
                StridedCopy::Pad { before, .. } if rng.bool() => before[0] = [-300, 1 << 29][rng.usize(..2)],
                StridedCopy::DepthToSpace { block, .. } | StridedCopy::SpaceToDepth { block } if rng.bool() => {
                    number(rng, block);
                }
                _ => reshape(rng, &mut input),
            }
            Problem::StridedCopy(op, input)
        }
        Problem::Gather(mut op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.data } else { &mut inputs.indices };
            if rng.bool() {
                number(rng, &mut op.axis)
            } else {
                reshape(rng, either)
            }
            Problem::Gather(op, inputs)
        }
        Problem::GatherElements(mut op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.data } else { &mut inputs.indices };
            if rng.bool() {
                number(rng, &mut op.axis)
            } else {
                reshape(rng, either)
            }
            Problem::GatherElements(op, inputs)
        }
        Problem::GatherNd(mut op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.data } else { &mut inputs.indices };
            if rng.bool() {
                number(rng, &mut op.batch)
            } else {
                reshape(rng, either)
            }
            Problem::GatherNd(op, inputs)
        }
        Problem::ScatterElements(mut op, mut inputs) => {
            let any = [&mut inputs.data, &mut inputs.indices, &mut inputs.updates];
            if rng.bool() {
                number(rng, &mut op.axis)
            } else {
                any.into_iter().for_each(|array| reshape(rng, array))
            }
            Problem::ScatterElements(op, inputs)
        }
        Problem::ScatterNd(op, mut inputs) => {
            [&mut inputs.data, &mut inputs.indices, &mut inputs.updates]
                .into_iter()
                .for_each(|array| reshape(rng, array));
            Problem::ScatterNd(op, inputs)
        }
        Problem::GlobalAveragePool(op, mut input) => {
            reshape(rng, &mut input);
            Problem::GlobalAveragePool(op, input)
        }
        Problem::BatchNorm(op, mut inputs) => {
            let any = match rng.u32(..3) {
                0 => &mut inputs.input,
                1 => &mut inputs.scale,
                _ => &mut inputs.shift,
            };
            reshape(rng, any);
            Problem::BatchNorm(op, inputs)
        }
        Problem::Softmax(mut op, mut input) => {
            if rng.bool() {
                number(rng, &mut op.axis);
            } else {
                reshape(rng, &mut input);
            }
            Problem::Softmax(op, input)
        }
        Problem::LayerNorm(mut op, mut inputs) => {
            match rng.u32(..5) {
                0 => number(rng, &mut op.axes),
                1 => op.epsilon = [-1.0, f32::NAN, f32::INFINITY][rng.usize(..3)],
                2 => reshape(rng, &mut inputs.input),
                3 => inputs.scale.iter_mut().for_each(|scale| reshape(rng, scale)),
                _ => inputs.shift.iter_mut().for_each(|shift| reshape(rng, shift)),
            }
            Problem::LayerNorm(op, inputs)
        }
        Problem::ArgReduce(mut op, mut input) => {
            if rng.bool() {
                number(rng, &mut op.axis);
            } else {
                reshape(rng, &mut input);
            }
            Problem::ArgReduce(op, input)
        }
        Problem::CumSum(mut op, mut input) => {
            if rng.bool() {
                number(rng, &mut op.axis);
            } else {
                reshape(rng, &mut input);
            }
            Problem::CumSum(op, input)
        }
        Problem::GroupNorm(mut op, mut inputs) => {
            match rng.u32(..4) {
                0 => number(rng, &mut op.groups),
                1 => op.epsilon = [-1.0, f32::NAN, f32::INFINITY][rng.usize(..3)],
                2 => reshape(rng, &mut inputs.input),
                _ => reshape(rng, &mut inputs.scale),
            }
            Problem::GroupNorm(op, inputs)
        }
        Problem::Reduce(mut op, mut input) => {
            if rng.bool() {
                op.axes = op.axes.with(rng.u32(..9));
            } else {
                reshape(rng, &mut input);
            }
            Problem::Reduce(op, input)
        }
        Problem::TopK(mut op, mut input) => {
            match rng.u32(..3) {
                0 => number(rng, &mut op.axis),
                1 => number(rng, &mut op.k),
                _ => reshape(rng, &mut input),
            }
            Problem::TopK(op, input)
        }
        Problem::CrossEntropy(op, mut inputs) => {
            let either = if rng.bool() { &mut inputs.logits } else { &mut inputs.labels };
            reshape(rng, either);
            Problem::CrossEntropy(op, inputs)
        }
        Problem::Layer(mut layer, mut inputs) => {
            let parameters = &mut inputs.parameters;
            match rng.u32(..9) {
                0 => number(rng, &mut layer.groups),
                1 => number(rng, &mut layer.offset_groups),
                2 => number(rng, &mut layer.stride[0]),
                3 => layer.offset_limit = Some([0.0, -1.0, f32::NAN, f32::INFINITY][rng.usize(..4)]),
                4 => reshape(rng, &mut inputs.input),
                5 => inputs.flow.iter_mut().for_each(|flow| reshape(rng, flow)),
                6 => reshape(rng, &mut parameters.weight),
                7 => reshape(rng, &mut parameters.offset_weight),
                _ => parameters.mask_weight.iter_mut().for_each(|weight| reshape(rng, weight)),
            }
            Problem::Layer(layer, inputs)
        }
        Problem::AttentionLayer(mut layer, mut inputs) => {
            match rng.u32(..5) {
                0 => number(rng, &mut layer.heads),
                1 => layer.offset_scale = f32::NAN,
                2 => reshape(rng, &mut inputs.value_input),
                3 => reshape(rng, &mut inputs.reference_points),
                _ => reshape(rng, &mut inputs.parameters.sampling_offsets_weight),
            }
            Problem::AttentionLayer(layer, inputs)
        }
        Problem::DeformConvV3Layer(mut layer, mut inputs) => {
            match rng.u32(..5) {
                0 => number(rng, &mut layer.window.groups),
                1 => layer.epsilon = f32::NAN,
                2 => reshape(rng, &mut inputs.input),
                3 => reshape(rng, &mut inputs.parameters.dw_conv_weight),
                _ => reshape(rng, &mut inputs.parameters.mask_weight),
            }
            Problem::DeformConvV3Layer(layer, inputs)
        }
        Problem::DeformConvV4Layer(mut layer, mut inputs) => {
            match rng.u32(..4) {
                0 => number(rng, &mut layer.window.groups),
                1 => reshape(rng, &mut inputs.input),
                2 => reshape(rng, &mut inputs.parameters.value_proj_weight),
                _ => reshape(rng, &mut inputs.parameters.offset_mask_weight),
            }
            Problem::DeformConvV4Layer(layer, inputs)
        }
        Problem::PoolLayer(mut layer, mut inputs) => {
            match rng.u32(..4) {
                0 => number(rng, &mut layer.pool.pooled[0]),
                1 => reshape(rng, &mut inputs.input),
                2 => reshape(rng, &mut inputs.rois),
                _ => reshape(rng, &mut inputs.parameters.offset_weight_1),
            }
            Problem::PoolLayer(layer, inputs)
        }
    }
}

/// Has some elements of some inputs be infinite or NaN.
fn make_not_finite(rng: &mut Rng, problem: &mut Problem) {
    let has_strategies = problem.has_strategies();
    let normalises =
        matches!(problem, Problem::LayerNorm(..) | Problem::GroupNorm(..) | Problem::DeformConvV3Layer(..));
    problem.change(|name, array| {
        if array.elements.is_empty() || rng.bool() {
            return;
        }
        for _ in 0..rng.usize(1..=3) {
            let element = rng.usize(..array.elements.len());
            array.elements[element] = match name {
                // The image must be there.
                "rois" if element.is_multiple_of(5) => continue,
                // What `Fused` cannot bind it multiplies in parts, by zeros where others do not.
                "weight" if has_strategies => f32::NAN,
                // An element that equals the mean is 0 in f64 and perhaps a rounding error in f32: times infinity NaN, or infinity.
                "scale" | "norm_weight" if normalises => f32::NAN,
                _ => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][rng.usize(..3)],
            };
        }
    });
}

fn draw(seed: u64) -> Problem {
    let mut rng = Rng::with_seed(seed);
    let problem = draw_legal(&mut rng);
    let mut problem = if rng.u32(..4) == 0 { spoil(&mut rng, problem) } else { problem };
    if seed.is_multiple_of(5) {
        make_not_finite(&mut rng, &mut problem);
    }
    problem
}

/// Both give the same, or both refuse for what the problem is.
fn agree(problem: &Problem, device: Implementation<'_>) -> Result<(), String> {
    let Err(refused) = problem.reference() else {
        return check_on(problem, device).and_then(|()| check_backward_on(problem, 1, device, Ways::One));
    };
    match pollster::block_on(problem.run(device)) {
        Err(Error::Shape { .. } | Error::Attribute { .. }) => Ok(()),
        Err(error) => Err(format!("the reference says {refused}; the device says {error}")),
        // A device gives 0 for a region of an image that does not exist: it cannot know before.
        Ok(_) if matches!(refused, Error::Attribute { argument: "rois", .. }) => Ok(()),
        Ok(_) => Err(format!("the reference says {refused}; the device does it")),
    }
}

#[test]
fn illegal_problems_are_drawn_too() {
    let refused = (0..400).filter(|&seed| draw(seed).reference().is_err()).count();
    assert!((40..200).contains(&refused), "{refused} of 400");
}

/// A plain convolution whose groups have few channels in or out.
fn draw_narrow(seed: u64) -> Problem {
    let mut rng = Rng::with_seed(seed);
    let mut up_to = |most: u32| rng.u32(1..=most);
    let (groups, batch) = (up_to(5), up_to(3));
    let (group_channels, group_out_channels) = (up_to(6), up_to(6));
    let (kernel, dilation) = ([up_to(4), up_to(5)], [up_to(3), up_to(3)]);
    let stride = if up_to(3) == 1 { [up_to(3), up_to(3)] } else { [1; 2] };
    let padding = [up_to(6) - 1, up_to(6) - 1, up_to(6) - 1, up_to(6) - 1];
    let extent = |axis: usize, more: u32| {
        let span = dilation[axis] * (kernel[axis] - 1) + 1;
        (span + more).saturating_sub(padding[axis] + padding[axis + 2]).max(1)
    };
    let (height, width) = (extent(0, up_to(30)), extent(1, up_to(70)));
    let bias = rng.bool().then(|| normal(&mut rng, [groups * group_out_channels], 1.0));
    let inputs = Conv2dInputs {
        input: normal(&mut rng, [batch, groups * group_channels, height, width], 1.0),
        weight: normal(&mut rng, [groups * group_out_channels, group_channels, kernel[0], kernel[1]], 1.0),
        bias,
    };
    let mut problem = Problem::Conv2d(Conv2d { stride, padding, dilation, groups }, inputs);
    if seed.is_multiple_of(5) {
        make_not_finite(&mut rng, &mut problem);
    }
    problem
}

/// A convolution of 3 x 3 taps with one column of padding before rows of whole quads, most of which give rows of whole quads: of each channel by itself, or of
/// few channels.
fn draw_three_by_three(seed: u64) -> Problem {
    let mut rng = Rng::with_seed(seed);
    let (stride, width) = (rng.u32(1..=2), 4 * rng.u32(1..=20));
    let (group_channels, groups) = if rng.bool() { (rng.u32(1..=4), 1) } else { (1, rng.u32(2..=6)) };
    let group_out_channels = rng.u32(1..=40 / groups);
    let [top, bottom] = [0; 2].map(|_| rng.u32(0..=5));
    let (least, height) = (rng.u32(0..=6), rng.u32(1..=20).max(3u32.saturating_sub(top + bottom)));
    let in_quads = |right: &u32| ((width + 1 + right - 3) / stride + 1).is_multiple_of(4);
    let right = (least..least + 8).find(in_quads).filter(|_| rng.u32(0..8) > 0).unwrap_or(least);
    let padding = [top, 1, bottom, right];
    let (batch, out_channels) = (rng.u32(1..=3), groups * group_out_channels);
    let bias = rng.bool().then(|| normal(&mut rng, [out_channels], 1.0));
    let inputs = Conv2dInputs {
        input: normal(&mut rng, [batch, groups * group_channels, height, width], 1.0),
        weight: normal(&mut rng, [out_channels, group_channels, 3, 3], 1.0),
        bias,
    };
    let mut problem = Problem::Conv2d(Conv2d { stride: [stride; 2], padding, groups, ..Conv2d::default() }, inputs);
    if seed.is_multiple_of(5) {
        make_not_finite(&mut rng, &mut problem);
    }
    problem
}

/// A problem and the seed that drew it, by every strategy, on the device as it is and on one with small limits. A slow adapter does it by one
/// strategy, that of the seed.
fn agrees(seed: u64, problem: &Problem) -> Result<(), String> {
    let storages = std::iter::once(Storage::F32).chain(STORAGES);
    let (gpu, other) = (gpu(), &devices()[seed as usize / 7 % devices().len()]);
    let storage = storages.cycle().nth(seed as usize % 7).unwrap();
    for (gpu, storage) in [(gpu, Storage::F32), (other, storage)] {
        let mut strategies: Vec<_> = strategies_for(gpu, problem).collect();
        if problem.has_strategies() && storage != Storage::F32 {
            strategies.push(Some(Strategy::FusedCooperative));
        }
        if slow() {
            strategies = vec![strategies[seed as usize / 28 % strategies.len()]];
        }
        for strategy in strategies {
            agree(problem, Implementation::Device { gpu, strategy, storage }).map_err(|miss| {
                let binding = gpu.capabilities().limits.max_storage_buffer_binding_size;
                format!("seed {seed}, {strategy:?}, {storage:?}, {binding}: {miss}\n{}", problem.describe())
            })?;
        }
    }
    Ok(())
}

#[test]
fn seeds_that_have_failed_agree() {
    for seed in
        [16184290642315677794, 299017641748847286, 10308137409262843010, 10233012508231749305, 7918892523354431785]
    {
        agrees(seed, &draw(seed)).unwrap_or_else(|miss| panic!("{miss}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn drawn_problems_agree_with_the_reference(seed: u64) {
        prop_assert_eq!(agrees(seed, &draw(seed)), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases / 6,
        ..ProptestConfig::default()
    })]

    #[test]
    fn drawn_narrow_convolutions_agree_with_the_reference(seed: u64) {
        prop_assert_eq!(agrees(seed, &draw_narrow(seed)), Ok(()));
    }
    #[test]
    fn drawn_convolutions_of_three_by_three_agree_with_the_reference(seed: u64) {
        prop_assert_eq!(agrees(seed, &draw_three_by_three(seed)), Ok(()));
    }
}
