use fastrand::Rng;
use pliant::Tensor;
use pliant::geometry::*;
use pliant::*;

use crate::support::compare::Expected;
use crate::support::problem::{Array, Problem, uneven};
use crate::support::random::{labels, normal, uniform};
use crate::{check, gpu};

/// The inputs of a deformable convolution, drawn, for a legal geometry; the mask where the layout has it, or `mask` asks for it.
pub(crate) fn deform_conv2d(
    rng: &mut Rng,
    op: DeformConv2d,
    input: [u32; 4],
    weight: [u32; 4],
    mask: bool,
    sigma: f32,
) -> Problem {
    let DeformConv2d { stride, padding, dilation, offset_groups, offset_layout, .. } = op;
    let window = Im2col { kernel: [weight[2], weight[3]], stride, padding, dilation };
    let geometry = Im2colGeometry::new(&window, input.into()).unwrap();
    let [out_height, out_width] = geometry.out_extents();
    let points = offset_groups * geometry.taps();
    let planes = |channels| [input[0], channels, out_height, out_width];
    let inputs = DeformConv2dInputs {
        input: normal(rng, input, 1.0),
        offset: normal(rng, planes(offset_layout.channels_per_point() * points), sigma),
        mask: (mask && !offset_layout.holds_mask()).then(|| uniform(rng, planes(points))),
        weight: normal(rng, weight, 1.0),
        bias: Some(normal(rng, [weight[0]], 1.0)),
    };
    Problem::DeformConv2d(op, inputs)
}

/// No two axes are alike, and offset groups do not divide groups.
fn base() -> (DeformConv2d, [u32; 4], [u32; 4]) {
    let op = uneven();
    (op, [33, 6, 5, 4], [4, 3, 3, 2])
}

/// Every border, layout and version.
pub(crate) fn deform_conv2d_of_every_kind() -> Vec<Problem> {
    let mut rng = Rng::with_seed(1);
    let mut problems = Vec::new();
    let (op, input, weight) = base();
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        for offset_layout in [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint] {
            for mask in [true, false] {
                let op = DeformConv2d { border, offset_layout, ..op };
                problems.push(deform_conv2d(&mut rng, op, input, weight, mask, 2.0));
            }
        }
    }
    problems
}

#[test]
fn deform_conv2d_in_every_border_layout_and_version() {
    deform_conv2d_of_every_kind().iter().for_each(check);
}

/// No images among them.
pub(crate) fn odd_deform_conv2d() -> Vec<Problem> {
    let mut rng = Rng::with_seed(3);
    let (op, [_, c, h, w], weight) = base();
    let mut problems = vec![deform_conv2d(&mut rng, op, [0, c, h, w], weight, true, 1.0)];
    let default = DeformConv2d::default();
    let table: &[(DeformConv2d, [u32; 4], [u32; 4])] = &[
        (default, [1, 1, 1, 1], [1, 1, 1, 1]),
        (DeformConv2d { padding: [1; 4], ..default }, [2, 3, 1, 1], [5, 3, 3, 3]),
        (DeformConv2d { padding: [0, 3, 0, 3], ..default }, [1, 2, 1, 9], [3, 2, 1, 7]),
        // Depthwise: a group for every channel, and an offset group too.
        (DeformConv2d { groups: 7, offset_groups: 7, padding: [1; 4], ..default }, [2, 7, 6, 5], [14, 1, 3, 3]),
        // Groups and offset groups that divide neither each other nor a quad.
        (DeformConv2d { groups: 3, offset_groups: 5, ..default }, [2, 30, 4, 5], [9, 10, 2, 3]),
        (DeformConv2d { groups: 5, offset_groups: 3, ..default }, [1, 30, 4, 5], [5, 6, 2, 2]),
        // Off every tile, and more than one run of quads.
        (DeformConv2d { padding: [1; 4], ..default }, [1, 67, 9, 11], [65, 67, 3, 3]),
        (DeformConv2d { padding: [1; 4], offset_groups: 2, ..default }, [1, 138, 5, 7], [33, 138, 3, 3]),
        // A window that reaches only into the padding.
        (DeformConv2d { padding: [4, 4, 4, 4], stride: [3, 5], ..default }, [1, 2, 2, 3], [2, 2, 2, 2]),
    ];
    problems.extend(table.iter().map(|&(op, input, weight)| deform_conv2d(&mut rng, op, input, weight, true, 1.5)));
    problems
}

#[test]
fn deform_conv2d_of_odd_shapes() {
    odd_deform_conv2d().iter().for_each(check);
}

pub(crate) fn odd_conv2d() -> Vec<Problem> {
    let mut rng = Rng::with_seed(4);
    let mut problems = Vec::new();
    let default = Conv2d::default();
    let table: &[(Conv2d, [u32; 4], [u32; 4])] = &[
        (default, [1, 1, 1, 1], [1, 1, 1, 1]),
        (default, [0, 3, 4, 5], [2, 3, 2, 3]),
        (Conv2d { stride: [2, 1], padding: [1, 0, 2, 3], dilation: [2, 1], groups: 2 }, [33, 6, 5, 4], [4, 3, 3, 2]),
        (Conv2d { groups: 7, padding: [1; 4], ..default }, [2, 7, 6, 5], [14, 1, 3, 3]),
        (Conv2d { padding: [3; 4], ..default }, [1, 67, 9, 11], [147, 67, 7, 7]),
        (Conv2d { padding: [5; 4], stride: [4, 4], ..default }, [1, 2, 2, 3], [2, 2, 2, 2]),
    ];
    for &(op, input, weight) in table {
        for bias in [true, false] {
            let inputs = Conv2dInputs {
                input: normal(&mut rng, input, 1.0),
                weight: normal(&mut rng, weight, 1.0),
                bias: bias.then(|| normal(&mut rng, [weight[0]], 1.0)),
            };
            problems.push(Problem::Conv2d(op, inputs));
        }
    }
    problems
}

#[test]
fn conv2d_of_odd_shapes() {
    odd_conv2d().iter().for_each(check);
}

#[test]
fn columns_of_odd_shapes() {
    let mut rng = Rng::with_seed(5);
    for channels in [1, 3, 4, 70] {
        let window = Im2col { kernel: [3, 2], stride: [2, 1], padding: [1, 0, 2, 3], dilation: [2, 1] };
        let input = normal(&mut rng, [3, channels, 5, 4], 1.0);
        check(&Problem::Im2col(window, input.clone()));
        for offset_groups in [1, channels] {
            let op = DeformIm2col { window, offset_groups, ..DeformIm2col::default() };
            let inputs = DeformIm2colInputs {
                input: input.clone(),
                offset: normal(&mut rng, [3, 12 * offset_groups, 2, 6], 2.0),
                mask: Some(uniform(&mut rng, [3, 6 * offset_groups, 2, 6])),
            };
            check(&Problem::DeformIm2col(op, inputs));
        }
    }
}

#[test]
fn products_of_odd_shapes() {
    let mut rng = Rng::with_seed(6);
    let sizes = [
        [1, 1, 1, 1],
        [0, 2, 3, 4],
        [3, 2, 3, 4],
        [2, 17, 65, 33],
        [1, 63, 67, 16],
        [1, 65, 130, 31],
        [2, 64, 64, 64],
        [2, 36, 100, 31],
        [1, 140, 68, 6],
    ];
    for [batch, rows, columns, depth] in sizes {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            // Either operand may be one matrix for all.
            for [a_batch, b_batch] in [[batch, batch], [1, batch], [batch, 1]] {
                let a = if transpose_a { [a_batch, depth, rows] } else { [a_batch, rows, depth] };
                let b = if transpose_b { [b_batch, columns, depth] } else { [b_batch, depth, columns] };
                let bias = (a_batch == batch).then(|| normal(&mut rng, [columns], 1.0));
                let inputs = MatmulInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0), bias };
                check(&Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs));
            }
        }
    }
}

/// Up to four columns, and five, of rows that lie in quads along the depth and that do not.
#[test]
fn products_of_few_columns() {
    let mut rng = Rng::with_seed(19);
    for (rows, columns, depth) in [(5, 1, 4), (7, 2, 8), (66, 3, 20), (300, 4, 12), (9, 4, 10), (21, 5, 8)] {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            for [a_batch, b_batch] in [[3, 3], [1, 3], [3, 1]] {
                let a = if transpose_a { [a_batch, depth, rows] } else { [a_batch, rows, depth] };
                let b = if transpose_b { [b_batch, columns, depth] } else { [b_batch, depth, columns] };
                let bias = transpose_b.then(|| normal(&mut rng, [columns], 1.0));
                let inputs = MatmulInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0), bias };
                check(&Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs));
            }
        }
    }
}

pub(crate) fn bilinear_samples() -> Vec<Problem> {
    let mut rng = Rng::with_seed(7);
    let mut problems = Vec::new();
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        for [batch, channels, height, width] in [[3, 2, 5, 4], [1, 1, 1, 1], [0, 2, 3, 4], [2, 5, 1, 6]] {
            let mut positions = normal(&mut rng, [batch, 2, 7, 9], 4.0);
            // Every place where a rule changes is among them.
            for (index, position) in positions.elements.iter_mut().enumerate() {
                if index % 3 == 0 {
                    *position = (2.0 * *position).round() / 2.0;
                }
            }
            let input = normal(&mut rng, [batch, channels, height, width], 1.0);
            let op = BilinearSample { border, ..BilinearSample::default() };
            problems.push(Problem::BilinearSample(op, BilinearSampleInputs { input, positions }));
        }
    }
    problems
}

#[test]
fn bilinear_samples_in_every_border() {
    bilinear_samples().iter().for_each(check);
}

pub(crate) const UNARIES: [Unary; 6] = [
    Unary::Sigmoid,
    Unary::Tanh,
    Unary::Relu,
    Unary::Clip { min: -0.5, max: 1.5 },
    Unary::Clip { min: f32::NEG_INFINITY, max: 0.25 },
    Unary::Clip { min: 2.0, max: -1.0 },
];

#[test]
fn functions_of_one_tensor() {
    let mut rng = Rng::with_seed(8);
    for op in UNARIES {
        for extents in [&[][..], &[0, 3], &[1], &[67], &[5, 3, 7], &[2, 3, 1, 4, 5, 7]] {
            let shape = pliant::Shape::new(extents).unwrap();
            for sigma in [1e-3, 0.3, 10.0] {
                check(&Problem::Unary(op, normal(&mut rng, shape, sigma)));
            }
        }
        // Next to where the shader takes another way.
        let input = Array::from_fn([2001], |index| (index as f32 - 1000.0) / 1600.0);
        check(&Problem::Unary(op, input));
    }
}

#[test]
fn functions_of_very_large_and_very_small_numbers() {
    let values = [f32::INFINITY, f32::MAX, 3e9, 1000.0, 89.0, 1e-30, 0.0];
    let elements: Vec<_> = values.iter().flat_map(|&value| [value, -value]).collect();
    let input = Array { shape: [14].into(), elements };
    let clip = Unary::Clip { min: -2.0, max: 1.0 };
    let expected = [
        (Unary::Sigmoid, [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]),
        (Unary::Tanh, [[1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1e-30, -1e-30], [0.0, 0.0]]),
        (Unary::Relu, values.map(|value| [f64::from(value), 0.0])),
        (clip, [[1.0, -2.0], [1.0, -2.0], [1.0, -2.0], [1.0, -2.0], [1.0, -2.0], [1e-30, -1e-30], [0.0, 0.0]]),
    ];
    for (op, expected) in expected {
        let expected = Expected::within(expected.concat(), 0.0, 1e-6);
        for implementation in crate::implementations(crate::gpu()) {
            let output = pollster::block_on(Problem::Unary(op, input.clone()).run(implementation)).unwrap();
            assert!(expected.compare(&output).is_ok(), "{op:?}: {output:?}");
        }
    }
}

/// Pairs of shapes that broadcast: either operand, both, by missing axes and by extents of 1.
pub(crate) const BROADCASTS: [[&[usize]; 2]; 16] = [
    [&[], &[]],
    [&[1], &[]],
    [&[5, 3, 7], &[5, 3, 7]],
    [&[5, 3, 7], &[]],
    [&[], &[5, 3, 7]],
    [&[5, 3, 7], &[7]],
    [&[3, 7], &[5, 1, 1]],
    [&[5, 3, 7], &[3, 1]],
    [&[5, 1, 7], &[1, 3, 1]],
    [&[1, 3, 1], &[5, 1, 7]],
    [&[2, 3, 5, 9], &[3, 1, 1]],
    [&[2, 1, 4, 1, 3, 1], &[1, 5, 1, 7, 1, 6]],
    [&[6, 1, 7, 1], &[2, 3, 1, 5, 1, 4]],
    [&[0, 3, 7], &[3, 1]],
    [&[1, 3], &[0, 1]],
    [&[0], &[1, 1]],
];

#[test]
fn functions_of_two_tensors_broadcast() {
    let mut rng = Rng::with_seed(9);
    for op in [Binary::Add, Binary::Mul] {
        for shapes in BROADCASTS {
            let [a, b] = shapes.map(|extents| normal(&mut rng, pliant::Shape::new(extents).unwrap(), 1.0));
            let problem = Problem::Binary(op, BinaryInputs { a, b });
            // (1, 0): only the first axis may be 0.
            if shapes == [&[0][..], &[1, 1]] {
                assert!(problem.reference().is_err());
            } else {
                check(&problem);
            }
        }
    }
}

#[test]
fn a_tensor_is_both_operands() {
    let tensor = Array::from_fn([3, 5], |index| index as f32).upload(crate::gpu()).unwrap();
    let squares = Binary::Mul.forward(&BinaryInputs { a: &tensor, b: &tensor }).unwrap();
    let expected: Vec<f32> = (0..15).map(|index| (index * index) as f32).collect();
    assert_eq!(squares.download_blocking::<f32>().unwrap(), expected);
}

#[test]
fn tensors_are_joined_and_cut_along_every_axis() {
    let mut rng = Rng::with_seed(10);
    for axis in 0..5 {
        for sizes in [&[3][..], &[1, 4], &[2, 5, 1, 7]] {
            let mut extents = [2, 3, 5, 1, 4];
            let inputs = sizes.iter().map(|&size| {
                extents[axis as usize] = size;
                normal(&mut rng, extents, 1.0)
            });
            check(&Problem::Concat(Concat { axis }, inputs.collect()));
            extents[axis as usize] = sizes.iter().sum();
            check(&Problem::Split(Split { axis, sizes: sizes.to_vec() }, normal(&mut rng, extents, 1.0)));
        }
    }
    // Of no batch; and along the batch, where a part may be empty.
    for (axis, extents) in [(1, [[0, 2], [0, 3]]), (0, [[0, 3], [2, 3]]), (0, [[0, 3], [0, 3]])] {
        let inputs = extents.map(|extents| normal(&mut rng, extents, 1.0));
        check(&Problem::Concat(Concat { axis }, inputs.to_vec()));
        let sizes = extents.map(|extents| extents[axis as usize]);
        let mut whole = extents[0];
        whole[axis as usize] = sizes.iter().sum();
        check(&Problem::Split(Split { axis, sizes: sizes.to_vec() }, normal(&mut rng, whole, 1.0)));
    }
}

#[test]
fn copies_keep_every_bit() {
    let bits = [0x7fc1_2345, 1, 0x8000_0000, 0xff80_0000, 0x7f80_0001, 0x3f80_0000];
    let tensor = pliant::Tensor::upload(crate::gpu(), [3, 2], &bits.map(f32::from_bits)).unwrap();
    let columns = Split { axis: 1, sizes: vec![1, 1] }.forward(&tensor).unwrap();
    let whole = Concat { axis: 1 }.forward(&columns.iter().collect::<Vec<_>>()).unwrap();
    let back = whole.download_blocking::<f32>().unwrap();
    assert_eq!(back.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
}

#[test]
fn means_of_planes() {
    let mut rng = Rng::with_seed(11);
    for shape in [[1, 1, 1, 1], [0, 3, 4, 5], [3, 5, 7, 9], [2, 70, 1, 3], [1, 3, 127, 129], [1, 2, 128, 128]] {
        check(&Problem::GlobalAveragePool(GlobalAveragePool, normal(&mut rng, shape, 1.0)));
    }
    // A million pixels; and numbers alike, whose rounding errors all point the same way.
    check(&Problem::GlobalAveragePool(GlobalAveragePool, normal(&mut rng, [1, 2, 1009, 1013], 1.0)));
    check(&Problem::GlobalAveragePool(GlobalAveragePool, Array::filled([2, 1, 1009, 1013], 0.1)));
}

#[test]
fn batch_norm_of_odd_shapes() {
    let mut rng = Rng::with_seed(12);
    for extents in [&[1, 1][..], &[3, 5], &[0, 5, 2], &[3, 67, 5], &[2, 3, 5, 7], &[2, 3, 1, 5, 7, 4]] {
        let mut channel = || normal(&mut rng, [extents[1] as u32], 1.0);
        let (scale, shift) = (channel(), channel());
        let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), 1.0);
        check(&Problem::BatchNorm(BatchNorm, BatchNormInputs { input, scale, shift }));
    }
}

#[test]
fn cross_entropy_of_odd_shapes() {
    let mut rng = Rng::with_seed(13);
    for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
        for ([batch, classes], sigma) in
            [([1, 1], 1.0), ([0, 3], 1.0), ([67, 2], 5.0), ([3, 64], 1.0), ([5, 65], 10.0), ([2, 1000], 1e-3)]
        {
            let inputs = CrossEntropyInputs {
                logits: normal(&mut rng, [batch, classes], sigma),
                labels: labels(&mut rng, batch, classes),
            };
            check(&Problem::CrossEntropy(CrossEntropy { reduction }, inputs));
        }
    }
}

/// Far apart and infinite logits, and labels that name no class, held against numbers and not the reference alone.
#[test]
fn cross_entropy_by_hand() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let table = [
        ([0.0, 0.0, 0.0], 1.0, 3f64.ln()),
        ([1000.0, -1000.0, 0.0], 0.0, 0.0),
        ([1000.0, -1000.0, 0.0], 1.0, 2000.0),
        ([-3e38, -3e38, -infinity], 1.0, 2f64.ln()),
        ([5.0, -infinity, -infinity], 0.0, 0.0),
        ([5.0, -infinity, 5.0], 1.0, f64::INFINITY),
        ([nan, 0.0, 0.0], 1.0, f64::NAN),
        ([0.0; 3], 3.0, f64::NAN),
        ([0.0; 3], -1.0, f64::NAN),
        ([0.0; 3], 0.5, f64::NAN),
        ([0.0; 3], nan, f64::NAN),
        ([0.0; 3], infinity, f64::NAN),
        ([0.0; 3], 2.0, 3f64.ln()),
    ];
    let rows = table.len() as u32;
    let logits: Vec<_> = table.iter().flat_map(|(logits, ..)| *logits).collect();
    let labels: Vec<_> = table.iter().map(|(_, label, _)| *label).collect();
    let logits = &Tensor::upload(gpu(), [rows, 3], &logits).unwrap();
    let labels = &Tensor::upload(gpu(), [rows], &labels).unwrap();
    let op = CrossEntropy { reduction: Reduction::None };
    let losses = op.forward(&CrossEntropyInputs { logits, labels }).unwrap().download_blocking().unwrap();
    let expected = table.map(|(.., loss)| loss).to_vec();
    let compared = Expected::within(expected, 0.0, 1e-6).compare(&losses);
    assert!(compared.is_ok(), "{losses:?}");
}

#[test]
fn softmax_of_odd_shapes() {
    let mut rng = Rng::with_seed(14);
    for (axis, extents, sigma) in [
        (0, &[1][..], 1.0),
        (0, &[0, 3], 1.0),
        (1, &[0, 3], 1.0),
        (1, &[67, 4], 5.0),
        (1, &[23, 12], 1.0),
        (3, &[2, 3, 5, 16], 10.0),
        (1, &[3, 64], 1.0),
        (1, &[5, 257], 1.0),
        (1, &[2, 5000], 1e-3),
        (0, &[7, 100], 1.0),
        (1, &[2, 9, 3], 1.0),
        (1, &[2, 300, 2], 1.0),
        (2, &[2, 3, 21, 5, 7], 3.0),
        (1, &[1, 1000, 70], 1.0),
    ] {
        let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), sigma);
        check(&Problem::Softmax(Softmax { axis, log: false }, input.clone()));
        check(&Problem::Softmax(Softmax { axis, log: true }, input));
    }
    // Ever larger elements.
    check(&Problem::Softmax(Softmax { axis: 0, log: false }, Array::from_fn([3000], |index| index as f32 * 0.01)));
}

/// Far apart and infinite elements, held against numbers and not the reference alone.
#[test]
fn softmax_by_hand() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let e = std::f64::consts::E;
    let table = [
        ([0.0, 0.0, 0.0], [1.0 / 3.0; 3]),
        ([1000.0, -1000.0, 999.0], [e / (e + 1.0), 0.0, 1.0 / (e + 1.0)]),
        ([-3e38, -3e38, -infinity], [0.5, 0.5, 0.0]),
        ([f32::MIN, -infinity, -infinity], [1.0, 0.0, 0.0]),
        ([-infinity, 5.0, -infinity], [0.0, 1.0, 0.0]),
        ([-infinity; 3], [f64::NAN; 3]),
        ([infinity, 0.0, 0.0], [f64::NAN; 3]),
        ([0.0, nan, -infinity], [f64::NAN; 3]),
    ];
    let rows = table.len() as u32;
    let input: Vec<_> = table.iter().flat_map(|(input, _)| *input).collect();
    let expected: Vec<_> = table.iter().flat_map(|(_, expected)| *expected).collect();
    let along = Tensor::upload(gpu(), [rows, 3], &input).unwrap();
    let spread: Vec<_> =
        (0..input.len()).map(|index| input[index % rows as usize * 3 + index / rows as usize]).collect();
    let spread = Tensor::upload(gpu(), [3, rows], &spread).unwrap();
    for (axis, input) in [(1, along), (0, spread)] {
        let output: Vec<f32> = Softmax { axis, log: false }.forward(&input).unwrap().download_blocking().unwrap();
        let place = |index: usize| if axis == 1 { index } else { index % 3 * rows as usize + index / 3 };
        let output: Vec<_> = (0..output.len()).map(|index| output[place(index)]).collect();
        let compared = Expected::within(expected.clone(), 0.0, 1e-6).compare(&output);
        assert!(compared.is_ok(), "{output:?}");
    }
}

/// Products whose columns stay in a cache that the rows do not fit, and the other way round, with tiles that end beyond both.
#[test]
fn products_of_many_rows_and_of_many_columns() {
    let mut rng = Rng::with_seed(17);
    for (rows, columns) in [(1003, 131), (131, 1003)] {
        let [a, b] = [[2, rows, 133], [2, 133, columns]].map(|shape| normal(&mut rng, shape, 1.0));
        check(&Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None }));
    }
}

/// Rows times columns in quads: products, and convolutions of one tap, of few output channels and of many.
#[test]
fn products_with_columns_in_quads() {
    let mut rng = Rng::with_seed(16);
    let extents = [
        (1, 4, 4),
        (3, 12, 20),
        (4, 40, 68),
        (5, 12, 20),
        (2, 10, 8),
        (3, 12, 18),
        (19, 8, 68),
        (64, 20, 132),
        (65, 20, 132),
        (193, 20, 132),
        (24, 6, 68),
        (24, 8, 66),
    ];
    for (rows, depth, columns) in extents {
        let [a, b] = [[2, rows, depth], [2, depth, columns]].map(|shape| normal(&mut rng, shape, 1.0));
        let bias = (rows != 3).then(|| normal(&mut rng, [columns], 1.0));
        check(&Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias }));
    }
    for (channels, groups, outs, extents) in [
        (8, 1, 1, [4, 5]),
        (16, 2, 6, [6, 6]),
        (24, 1, 4, [3, 4]),
        (12, 2, 2, [4, 4]),
        (8, 1, 3, [3, 3]),
        (8, 1, 37, [9, 8]),
        (24, 2, 42, [7, 12]),
        (12, 1, 64, [5, 4]),
        (12, 1, 65, [5, 4]),
        (12, 1, 193, [5, 4]),
        (12, 2, 14, [3, 5]),
        (6, 1, 17, [4, 4]),
    ] {
        let [height, width] = extents;
        let input = normal(&mut rng, [2, channels, height, width], 1.0);
        let weight = normal(&mut rng, [outs, channels / groups, 1, 1], 1.0);
        for bias in [None, Some(normal(&mut rng, [outs], 1.0))] {
            let inputs = Conv2dInputs { input: input.clone(), weight: weight.clone(), bias };
            check(&Problem::Conv2d(Conv2d { groups, ..Conv2d::default() }, inputs));
        }
    }
}

#[test]
fn layer_norm_of_odd_shapes() {
    let mut rng = Rng::with_seed(15);
    for (axes, extents) in [
        (1, &[1][..]),
        (1, &[0, 3]),
        (2, &[0, 3]),
        (1, &[67, 4]),
        (1, &[5, 12]),
        (1, &[3, 64]),
        (2, &[3, 5, 7]),
        (1, &[2, 5, 257]),
        (3, &[4, 6, 20, 21]),
        (6, &[2, 1, 3, 1, 5, 2]),
    ] {
        for present in [[true, true], [true, false], [false, true], [false, false]] {
            let normalised = &extents[extents.len() - axes..];
            let mut each = |is: bool| is.then(|| normal(&mut rng, pliant::Shape::new(normalised).unwrap(), 1.0));
            let [scale, shift] = present.map(&mut each);
            let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), 2.0);
            let op = LayerNorm { axes: axes as u32, epsilon: 1e-3 };
            check(&Problem::LayerNorm(op, LayerNormInputs { input, scale, shift }));
        }
    }
    // A mean that is large beside the deviation.
    for rows in [7, 70] {
        let mut input = normal(&mut rng, [rows, 96], 1.0);
        input.elements.iter_mut().for_each(|x| *x += 100.0);
        check(&Problem::LayerNorm(LayerNorm::default(), LayerNormInputs { input, scale: None, shift: None }));
    }
}

/// Positions on, next to and beyond every edge, under every rule, held against the table of rules and not the reference alone.
#[test]
fn border_rules_by_hand() {
    let positions = [-1.0, -0.5, 0.0, 1.0, 1.5, 2.0, -1e-20, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e20, -3e9];
    let table = [
        (Border::Zeros, [0.0, 5.0, 10.0, 20.0, 10.0, 0.0, 10.0]),
        (Border::ClampHi, [0.0, 0.0, 10.0, 20.0, 20.0, 0.0, 0.0]),
        (Border::Strict, [0.0, 0.0, 10.0, 20.0, 10.0, 0.0, 0.0]),
    ];
    for (border, expected) in table {
        let count = positions.len() as u32;
        let elements = positions.iter().copied().chain(std::iter::repeat_n(0.0, positions.len())).collect();
        let inputs = BilinearSampleInputs {
            input: Array { shape: [1, 1, 2, 1].into(), elements: vec![10.0, 20.0] },
            positions: Array { shape: [1, 2, 1, count].into(), elements },
        };
        let problem = Problem::BilinearSample(BilinearSample { border, ..BilinearSample::default() }, inputs);
        for implementation in crate::implementations(crate::gpu()) {
            let output = pollster::block_on(problem.run(implementation)).unwrap();
            assert_eq!(output[..7], expected, "{border:?}");
            assert_eq!(output[7..], [0.0; 5], "{border:?}, outside or not finite");
        }
    }
}
