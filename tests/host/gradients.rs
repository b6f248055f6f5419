//! The gradients of the reference against central differences of its forward, off the kinks, and by hand on them.

use fastrand::Rng;
use pliant::Shape;
use pliant::geometry::*;
use pliant::reference::{self, Reference};
use pliant::*;

use crate::support::problem::uneven;

/// Elements in f64; those of offsets are kept off whole numbers.
fn drawn(rng: &mut Rng, shape: [u32; 4]) -> Vec<f64> {
    (0..Shape::from(shape).elements()).map(|_| rng.f64() * 2.0 - 1.0).collect()
}

fn off_the_kinks(rng: &mut Rng, shape: [u32; 4]) -> Vec<f64> {
    drawn(rng, shape).iter().map(|element| (element * 3.0).round() + 0.1 + 0.8 * rng.f64()).collect()
}

/// Holds a gradient against the central differences of `loss` by each element of `at`.
fn check(what: &str, gradient: &Reference, at: &[f64], loss: impl Fn(&[f64]) -> f64) {
    const STEP: f64 = 1e-5;
    assert_eq!(gradient.value.len(), at.len(), "{what}");
    let mut moved = at.to_vec();
    for (index, &value) in gradient.value.iter().enumerate() {
        moved[index] = at[index] + STEP;
        let above = loss(&moved);
        moved[index] = at[index] - STEP;
        let difference = (above - loss(&moved)) / (2.0 * STEP);
        moved[index] = at[index];
        // The forward is linear but for its rounding, in each input apart.
        let within = 1e-8 * (1.0 + gradient.magnitude[index]);
        assert!((value - difference).abs() <= within, "{what}[{index}] is {value}, the difference {difference}");
    }
}

fn weighted(output: Reference, grad_output: &[f64]) -> f64 {
    output.value.iter().zip(grad_output).map(|(value, grad)| value * grad).sum()
}

#[test]
fn deform_conv2d_by_differences() {
    let mut rng = Rng::with_seed(61);
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        for offset_layout in [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint] {
            let op = DeformConv2d { border, offset_layout, ..uneven() };
            let points = 3 * 3 * 2;
            let offset_channels = offset_layout.channels_per_point() * points;
            let mask = (!offset_layout.holds_mask()).then_some([2, points, 2, 6]);
            let extents = DeformConv2dInputs {
                input: [2, 6, 4, 4],
                offset: [2, offset_channels, 2, 6],
                mask,
                weight: [4, 3, 3, 2],
                bias: Some([4, 1, 1, 1]),
            };
            let shapes = DeformConv2dInputs { bias: Some([4].into()), ..extents.map(|&extents| extents.into()) };
            let geometry = DeformConv2dGeometry::new(&op, &shapes).unwrap();
            let mut inputs = extents.map(|&shape| drawn(&mut rng, shape));
            inputs.offset = off_the_kinks(&mut rng, extents.offset);
            let grad_output = drawn(&mut rng, geometry.output_shape().extents().try_into().unwrap());

            let slices = inputs.map(Vec::as_slice);
            let gradients = reference::deform_conv2d_backward(&geometry, &slices, &grad_output).unwrap();
            let loss = |inputs: DeformConv2dInputs<&[f64]>| {
                weighted(reference::deform_conv2d(&geometry, &inputs).unwrap(), &grad_output)
            };
            check("input", &gradients.input.unwrap(), slices.input, |input| {
                loss(DeformConv2dInputs { input, ..slices })
            });
            check("offset", &gradients.offset.unwrap(), slices.offset, |offset| {
                loss(DeformConv2dInputs { offset, ..slices })
            });
            check("weight", &gradients.weight.unwrap(), slices.weight, |weight| {
                loss(DeformConv2dInputs { weight, ..slices })
            });
            assert_eq!(gradients.mask.is_some(), slices.mask.is_some());
            if let (Some(gradient), Some(mask)) = (&gradients.mask, slices.mask) {
                check("mask", gradient, mask, |mask| loss(DeformConv2dInputs { mask: Some(mask), ..slices }));
            }
            check("bias", &gradients.bias.unwrap(), slices.bias.unwrap(), |bias| {
                loss(DeformConv2dInputs { bias: Some(bias), ..slices })
            });
        }
    }
}

#[test]
fn conv2d_by_differences() {
    let mut rng = Rng::with_seed(62);
    let op = Conv2d { stride: [2, 1], padding: [1, 0, 2, 1], dilation: [1, 2], groups: 2 };
    let extents = Conv2dInputs { input: [2, 6, 4, 4], weight: [4, 3, 3, 2], bias: Some([4, 1, 1, 1]) };
    let shapes = Conv2dInputs { bias: Some([4].into()), ..extents.map(|&extents| extents.into()) };
    let geometry = Conv2dGeometry::new(&op, &shapes).unwrap();
    let inputs = extents.map(|&shape| drawn(&mut rng, shape));
    let grad_output = drawn(&mut rng, geometry.output_shape().extents().try_into().unwrap());
    let slices = inputs.map(Vec::as_slice);
    let gradients = reference::conv2d_backward(&geometry, &slices, &grad_output).unwrap();
    let loss = |inputs: Conv2dInputs<&[f64]>| weighted(reference::conv2d(&geometry, &inputs).unwrap(), &grad_output);
    check("input", &gradients.input.unwrap(), slices.input, |input| loss(Conv2dInputs { input, ..slices }));
    check("weight", &gradients.weight.unwrap(), slices.weight, |weight| loss(Conv2dInputs { weight, ..slices }));
    check("bias", &gradients.bias.unwrap(), slices.bias.unwrap(), |bias| {
        loss(Conv2dInputs { bias: Some(bias), ..slices })
    });
}

#[test]
fn bilinear_sample_by_differences() {
    let mut rng = Rng::with_seed(63);
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        let op = BilinearSample { border, ..BilinearSample::default() };
        let extents = BilinearSampleInputs { input: [2, 3, 4, 5], positions: [2, 2, 3, 4] };
        let geometry = BilinearSampleGeometry::new(&op, &extents.map(|&extents| extents.into())).unwrap();
        let mut inputs = extents.map(|&shape| drawn(&mut rng, shape));
        inputs.positions = off_the_kinks(&mut rng, extents.positions);
        let grad_output = drawn(&mut rng, [2, 3, 3, 4]);
        let slices = inputs.map(Vec::as_slice);
        let gradients = reference::bilinear_sample_backward(&geometry, &slices, &grad_output).unwrap();
        let loss = |inputs: BilinearSampleInputs<&[f64]>| {
            weighted(reference::bilinear_sample(&geometry, &inputs).unwrap(), &grad_output)
        };
        check("input", &gradients.input.unwrap(), slices.input, |input| loss(BilinearSampleInputs { input, ..slices }));
        check("positions", &gradients.positions.unwrap(), slices.positions, |positions| {
            loss(BilinearSampleInputs { positions, ..slices })
        });
    }
}

/// RoIs within an image and across its edges. Their corners have digits of their own, so that no sample lies on a kink.
fn regions(rng: &mut Rng) -> Vec<f64> {
    (0..6)
        .flat_map(|roi| {
            [
                f64::from(roi % 2),
                rng.f64() * 3.0 - 2.0,
                rng.f64() * 3.0 - 2.0,
                3.0 + rng.f64() * 4.0,
                3.0 + rng.f64() * 4.0,
            ]
        })
        .collect()
}

/// Ops of one tensor, each by its shape, as functions of its elements.
#[test]
fn ops_of_one_tensor_by_differences() {
    let mut rng = Rng::with_seed(72);
    let mut differences = |what: &str,
                           shape: Shape,
                           output: Shape,
                           forward: &dyn Fn(&[f64]) -> Reference,
                           backward: &dyn Fn(&[f64], &[f64]) -> Reference| {
        let mut draw = |shape: Shape| (0..shape.elements()).map(|_| rng.f64() * 2.0 - 1.0).collect::<Vec<_>>();
        let (input, grad_output) = (draw(shape), draw(output));
        check(what, &backward(&input, &grad_output), &input, |input| weighted(forward(input), &grad_output));
    };
    let shape: Shape = [2, 3, 6, 4].into();
    for op in [
        StridedCopy::transpose(&[3, 1, 0, 2]),
        StridedCopy::slice(&[SliceRange { axis: 2, start: -1, end: 0, step: -2 }]),
        StridedCopy::expand([2, 2, 3, 6, 4]),
        StridedCopy::tile(&[1, 2, 1, 3]),
        StridedCopy::pad(&[0, 1, -1, 5], &[0, 0, 2, 1], PadMode::Reflect),
        StridedCopy::pad(&[0, 1, -1, 5], &[0, 0, 2, 1], PadMode::Edge),
        StridedCopy::roll(&[0, 1, 4, -1]),
        StridedCopy::SpaceToDepth { block: 2 },
    ] {
        let geometry = StridedCopyGeometry::new(&op, shape).unwrap();
        differences(
            &format!("{op:?}"),
            shape,
            geometry.output_shape(),
            &|input| reference::strided_copy(&geometry, input).unwrap(),
            &|_, grad| reference::strided_copy_backward(&geometry, grad).unwrap(),
        );
    }
    for function in [ReduceFunction::Sum, ReduceFunction::Mean] {
        let geometry = ReduceGeometry::new(&Reduce { function, axes: [0, 2].into(), keep: false }, shape).unwrap();
        differences(
            &format!("{function:?}"),
            shape,
            geometry.output_shape(),
            &|input| reference::reduce(&geometry, input).unwrap(),
            &|_, grad| reference::reduce_backward(&geometry, grad).unwrap(),
        );
    }
    for mode in [ResizeMode::Linear, ResizeMode::Nearest(NearestRounding::Floor), ResizeMode::Cubic { a: -0.5 }] {
        let to = ResizeTo::Scales(vec![0.6, 2.3]);
        let op = Resize { axes: vec![2, 3], to, mode, antialias: true, ..Resize::default() };
        let geometry = ResizeGeometry::new(&op, shape).unwrap();
        differences(
            &format!("{mode:?}"),
            shape,
            geometry.output_shape(),
            &|input| reference::resize(&geometry, input).unwrap(),
            &|_, grad| reference::resize_backward(&geometry, grad).unwrap(),
        );
    }
    let window = PoolAxis { kernel: 3, stride: 2, padding: [1; 2], dilation: 1 };
    for kind in
        [PoolKind::default(), PoolKind::Average { count_padding: true }, PoolKind::Average { count_padding: false }]
    {
        let geometry = PoolGeometry::new(&Pool { kind, axes: vec![window; 2], ceil_mode: true }, shape).unwrap();
        differences(
            &format!("{kind:?}"),
            shape,
            geometry.output_shapes().output,
            &|input| reference::pool(&geometry, input).unwrap().output,
            &|input, grad| reference::pool_backward(&geometry, input, grad).unwrap(),
        );
    }
}

#[test]
fn group_norm_by_differences() {
    let mut rng = Rng::with_seed(73);
    let extents = [2, 6, 3, 2];
    let shapes = GroupNormInputs { input: extents.into(), scale: [6].into(), shift: [6].into() };
    let geometry = GroupNormGeometry::new(&GroupNorm { groups: 3, epsilon: 0.1 }, &shapes).unwrap();
    let [input, grad_output] = [(); 2].map(|()| drawn(&mut rng, extents));
    let [scale, shift] = [(); 2].map(|()| drawn(&mut rng, [6, 1, 1, 1]));
    let slices = GroupNormInputs { input: &input[..], scale: &scale[..], shift: &shift[..] };
    let gradients = reference::group_norm_backward(&geometry, &slices, &grad_output).unwrap();
    let loss =
        |inputs: GroupNormInputs<&[f64]>| weighted(reference::group_norm(&geometry, &inputs).unwrap(), &grad_output);
    check("input", &gradients.input.unwrap(), &input, |input| loss(GroupNormInputs { input, ..slices }));
    check("scale", &gradients.scale.unwrap(), &scale, |scale| loss(GroupNormInputs { scale, ..slices }));
    check("shift", &gradients.shift.unwrap(), &shift, |shift| loss(GroupNormInputs { shift, ..slices }));
}

#[test]
fn gatherings_by_differences() {
    let mut rng = Rng::with_seed(74);
    let extents = [3, 4, 2, 1];
    let (data, indices) = (drawn(&mut rng, extents), [0.0, -1.0, 2.0, 9.0, 2.0, -4.0]);
    let shapes = GatherInputs { data: extents.into(), indices: [2, 3].into() };
    let geometry = GatherGeometry::new(&Gather { axis: 1 }, &shapes).unwrap();
    let grad_output: Vec<_> = (0..geometry.output_shape().elements()).map(|_| rng.f64()).collect();
    let slices = GatherInputs { data: &data[..], indices: &indices[..] };
    let gradients = reference::gather_backward(&geometry, &slices, &grad_output).unwrap();
    check("data", &gradients.data.unwrap(), &data, |data| {
        weighted(reference::gather(&geometry, &GatherInputs { data, ..slices }).unwrap(), &grad_output)
    });
}

#[test]
fn roi_align_by_differences() {
    let mut rng = Rng::with_seed(68);
    for (channels, sampling_ratio) in [(RoiChannels::Each, 0), (RoiChannels::PositionSensitive, 2)] {
        let op = RoiAlign { pooled: [2, 3], sampling_ratio, channels, ..RoiAlign::default() };
        let extents = [2, 6, 5, 4];
        let shapes = RoiAlignInputs { input: extents.into(), rois: [6, 5].into() };
        let geometry = RoiAlignGeometry::new(&op, &shapes).unwrap();
        let (input, rois) = (drawn(&mut rng, extents), regions(&mut rng));
        let grad_output = drawn(&mut rng, geometry.output_shape().extents().try_into().unwrap());
        let slices = RoiAlignInputs { input: &input[..], rois: &rois[..] };
        let gradients = reference::roi_align_backward(&geometry, &slices, &grad_output).unwrap();
        check("input", &gradients.input.unwrap(), &input, |input| {
            weighted(reference::roi_align(&geometry, &RoiAlignInputs { input, ..slices }).unwrap(), &grad_output)
        });
    }
}

#[test]
fn deform_roi_pool_by_differences() {
    let mut rng = Rng::with_seed(69);
    for sampling_ratio in [0, 1, 3] {
        let op = DeformRoiPool { pooled: [2, 3], sampling_ratio, gamma: 0.3, ..DeformRoiPool::default() };
        let (input, offset) = ([2, 3, 5, 4], [6, 2, 2, 3]);
        let shapes = DeformRoiPoolInputs { input: input.into(), rois: [6, 5].into(), offset: Some(offset.into()) };
        let geometry = DeformRoiPoolGeometry::new(&op, &shapes).unwrap();
        let (input, offset, rois) = (drawn(&mut rng, input), drawn(&mut rng, offset), regions(&mut rng));
        let grad_output = drawn(&mut rng, [6, 3, 2, 3]);
        let slices = DeformRoiPoolInputs { input: &input[..], rois: &rois[..], offset: Some(&offset[..]) };
        let gradients = reference::deform_roi_pool_backward(&geometry, &slices, &grad_output).unwrap();
        let loss = |inputs: DeformRoiPoolInputs<&[f64]>| {
            weighted(reference::deform_roi_pool(&geometry, &inputs).unwrap(), &grad_output)
        };
        check("input", &gradients.input.unwrap(), &input, |input| loss(DeformRoiPoolInputs { input, ..slices }));
        check("offset", &gradients.offset.unwrap(), &offset, |offset| {
            loss(DeformRoiPoolInputs { offset: Some(offset), ..slices })
        });
    }
}

#[test]
fn deform_ps_roi_pool_by_differences() {
    let mut rng = Rng::with_seed(70);
    for (group_size, pooled_size, part_size) in [(2, 2, 2), (2, 3, 2), (1, 2, 3)] {
        let op = DeformPsRoiPool {
            output_dim: 6,
            // Corners are rounded: a scale with digits of its own keeps samples off the kinks.
            spatial_scale: 0.731,
            group_size,
            pooled_size,
            part_size,
            spatial_bins: [2, 3],
            trans_std: 0.2,
        };
        let (input, offset) = ([2, 6 * group_size * group_size, 5, 4], [6, 4, part_size, part_size]);
        let shapes = DeformPsRoiPoolInputs { input: input.into(), rois: [6, 5].into(), offset: Some(offset.into()) };
        let geometry = DeformPsRoiPoolGeometry::new(&op, &shapes).unwrap();
        let (input, offset, rois) = (drawn(&mut rng, input), drawn(&mut rng, offset), regions(&mut rng));
        let grad_output = drawn(&mut rng, geometry.output_shape().extents().try_into().unwrap());
        let slices = DeformPsRoiPoolInputs { input: &input[..], rois: &rois[..], offset: Some(&offset[..]) };
        let gradients = reference::deform_ps_roi_pool_backward(&geometry, &slices, &grad_output).unwrap();
        let loss = |inputs: DeformPsRoiPoolInputs<&[f64]>| {
            weighted(reference::deform_ps_roi_pool(&geometry, &inputs).unwrap(), &grad_output)
        };
        check("input", &gradients.input.unwrap(), &input, |input| loss(DeformPsRoiPoolInputs { input, ..slices }));
        check("offset", &gradients.offset.unwrap(), &offset, |offset| {
            loss(DeformPsRoiPoolInputs { offset: Some(offset), ..slices })
        });
    }
}

#[test]
fn matmul_by_differences() {
    let mut rng = Rng::with_seed(64);
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        let a = if transpose_a { [1, 2, 5, 3] } else { [1, 2, 3, 5] };
        let b = if transpose_b { [1, 2, 4, 5] } else { [1, 2, 5, 4] };
        let matrix = |[_, batch, rows, columns]: [u32; 4]| pliant::Shape::from([batch, rows, columns]);
        let shapes = MatmulInputs { a: matrix(a), b: matrix(b), bias: Some([4].into()) };
        let geometry = MatmulGeometry::new(&Matmul { transpose_a, transpose_b }, &shapes).unwrap();
        let inputs = MatmulInputs { a, b, bias: Some([1, 1, 1, 4]) }.map(|&shape| drawn(&mut rng, shape));
        let grad_output = drawn(&mut rng, [1, 2, 3, 4]);
        let slices = inputs.map(Vec::as_slice);
        let gradients = reference::matmul_backward(&geometry, &slices, &grad_output).unwrap();
        let loss =
            |inputs: MatmulInputs<&[f64]>| weighted(reference::matmul(&geometry, &inputs).unwrap(), &grad_output);
        check("a", &gradients.a.unwrap(), slices.a, |a| loss(MatmulInputs { a, ..slices }));
        check("b", &gradients.b.unwrap(), slices.b, |b| loss(MatmulInputs { b, ..slices }));
        let bias = slices.bias.unwrap();
        check("bias", &gradients.bias.unwrap(), bias, |bias| loss(MatmulInputs { bias: Some(bias), ..slices }));
    }
}

#[test]
fn unary_by_differences() {
    let mut rng = Rng::with_seed(65);
    for op in [Unary::Sigmoid, Unary::Tanh, Unary::Relu, Unary::Clip { min: -0.6, max: 1.2 }] {
        let geometry = UnaryGeometry::new(&op, [2, 3, 4, 5].into()).unwrap();
        // Off the kinks, which are multiples of 0.6.
        let near = |element: f64| 0.6 * ((element * 4.0).floor() + 0.1 + 0.8 * element.abs());
        let input: Vec<_> = drawn(&mut rng, [2, 3, 4, 5]).into_iter().map(near).collect();
        let grad_output = drawn(&mut rng, [2, 3, 4, 5]);
        let gradient = reference::unary_backward(&geometry, &input, &grad_output).unwrap();
        check("input", &gradient, &input, |input| weighted(reference::unary(&geometry, input).unwrap(), &grad_output));
    }
}

#[test]
fn binary_by_differences() {
    let mut rng = Rng::with_seed(66);
    for op in [Binary::Add, Binary::Mul] {
        for (a, b) in [([2, 3, 4, 5], [2, 3, 4, 5]), ([2, 1, 4, 1], [1, 3, 1, 5]), ([1, 1, 1, 1], [2, 3, 1, 5])] {
            let extents = BinaryInputs { a, b };
            let geometry = BinaryGeometry::new(&op, &extents.map(|&extents| extents.into())).unwrap();
            let inputs = extents.map(|&shape| drawn(&mut rng, shape));
            let grad_output = drawn(&mut rng, geometry.output_shape().extents().try_into().unwrap());
            let slices = inputs.map(Vec::as_slice);
            let gradients = reference::binary_backward(&geometry, &slices, &grad_output).unwrap();
            let loss =
                |inputs: BinaryInputs<&[f64]>| weighted(reference::binary(&geometry, &inputs).unwrap(), &grad_output);
            check("a", &gradients.a.unwrap(), slices.a, |a| loss(BinaryInputs { a, ..slices }));
            check("b", &gradients.b.unwrap(), slices.b, |b| loss(BinaryInputs { b, ..slices }));
        }
    }
}

#[test]
fn joins_and_cuts_by_differences() {
    let mut rng = Rng::with_seed(67);
    for axis in 0..3 {
        let part = |size| {
            let mut extents = [2, 3, 4];
            extents[axis as usize] = size;
            extents
        };
        let sizes = [2, 1, 3];
        let concat = ConcatGeometry::new(&Concat { axis }, &sizes.map(|size| part(size).into())).unwrap();
        let split = SplitGeometry::new(&Split { axis, sizes: sizes.to_vec() }, part(6).into()).unwrap();
        let drawn_part = |rng: &mut Rng, size: u32| {
            let [x, y, z] = part(size);
            drawn(rng, [1, x, y, z])
        };
        let (whole, grad_whole) = (drawn_part(&mut rng, 6), drawn_part(&mut rng, 6));
        let parts = sizes.map(|size| drawn_part(&mut rng, size));
        let grad_parts = sizes.map(|size| drawn_part(&mut rng, size));
        let (parts, grad_parts) = (parts.each_ref().map(Vec::as_slice), grad_parts.each_ref().map(Vec::as_slice));

        let gradients = reference::concat_backward(&concat, &grad_whole).unwrap();
        for (index, gradient) in gradients.iter().enumerate() {
            check("input", gradient, parts[index], |part| {
                let mut parts = parts;
                parts[index] = part;
                weighted(reference::concat(&concat, &parts).unwrap(), &grad_whole)
            });
        }
        let gradient = reference::split_backward(&split, &grad_parts).unwrap();
        check("input", &gradient, &whole, |whole| {
            let outputs = reference::split(&split, whole).unwrap();
            outputs.into_iter().zip(grad_parts).map(|(output, grad)| weighted(output, grad)).sum()
        });
    }
}

#[test]
fn global_average_pool_by_differences() {
    let mut rng = Rng::with_seed(68);
    let geometry = GlobalAveragePoolGeometry::new(&GlobalAveragePool, [2, 3, 4, 5].into()).unwrap();
    let (input, grad_output) = (drawn(&mut rng, [2, 3, 4, 5]), drawn(&mut rng, [2, 3, 1, 1]));
    let gradient = reference::global_average_pool_backward(&geometry, &grad_output).unwrap();
    check("input", &gradient, &input, |input| {
        weighted(reference::global_average_pool(&geometry, input).unwrap(), &grad_output)
    });
}

#[test]
fn batch_norm_by_differences() {
    let mut rng = Rng::with_seed(69);
    let shapes = BatchNormInputs { input: [2, 3, 4, 5].into(), scale: [3].into(), shift: [3].into() };
    let geometry = BatchNormGeometry::new(&BatchNorm, &shapes).unwrap();
    let extents = BatchNormInputs { input: [2, 3, 4, 5], scale: [1, 3, 1, 1], shift: [1, 3, 1, 1] };
    let inputs = extents.map(|&shape| drawn(&mut rng, shape));
    let grad_output = drawn(&mut rng, [2, 3, 4, 5]);
    let slices = inputs.map(Vec::as_slice);
    let gradients = reference::batch_norm_backward(&geometry, &slices, &grad_output).unwrap();
    let loss =
        |inputs: BatchNormInputs<&[f64]>| weighted(reference::batch_norm(&geometry, &inputs).unwrap(), &grad_output);
    check("input", &gradients.input.unwrap(), slices.input, |input| loss(BatchNormInputs { input, ..slices }));
    check("scale", &gradients.scale.unwrap(), slices.scale, |scale| loss(BatchNormInputs { scale, ..slices }));
    check("shift", &gradients.shift.unwrap(), slices.shift, |shift| loss(BatchNormInputs { shift, ..slices }));
}

#[test]
fn softmax_by_differences() {
    let mut rng = Rng::with_seed(70);
    for (axis, log) in (0..4).flat_map(|axis| [(axis, false), (axis, true)]) {
        let geometry = SoftmaxGeometry::new(&Softmax { axis, log }, [2, 3, 4, 5].into()).unwrap();
        let (input, grad_output) = (drawn(&mut rng, [2, 3, 4, 5]), drawn(&mut rng, [2, 3, 4, 5]));
        let gradient = reference::softmax_backward(&geometry, &input, &grad_output).unwrap();
        check("input", &gradient, &input, |input| {
            weighted(reference::softmax(&geometry, input).unwrap(), &grad_output)
        });
    }
}

#[test]
fn layer_norm_by_differences() {
    let mut rng = Rng::with_seed(71);
    for (axes, normalised) in [(1, &[5][..]), (2, &[4, 5]), (4, &[2, 3, 4, 5])] {
        let of_row = Some(Shape::new(normalised).unwrap());
        let shapes = LayerNormInputs { input: [2, 3, 4, 5].into(), scale: of_row, shift: of_row };
        let geometry = LayerNormGeometry::new(&LayerNorm { axes, epsilon: 0.125 }, &shapes).unwrap();
        let elements = normalised.iter().product();
        let [input, scale, shift] =
            [[2, 3, 4, 5], [1, 1, 1, elements], [1, 1, 1, elements]].map(|shape| drawn(&mut rng, shape));
        let (input, scale, shift) = (&input[..], Some(&scale[..]), Some(&shift[..]));
        let grad_output = drawn(&mut rng, [2, 3, 4, 5]);
        let slices = LayerNormInputs { input, scale, shift };
        let gradients = reference::layer_norm_backward(&geometry, &slices, &grad_output).unwrap();
        let loss = |inputs: LayerNormInputs<&[f64]>| {
            weighted(reference::layer_norm(&geometry, &inputs).unwrap(), &grad_output)
        };
        check("input", &gradients.input.unwrap(), input, |input| loss(LayerNormInputs { input, ..slices }));
        check("scale", &gradients.scale.unwrap(), scale.unwrap(), |scale| {
            loss(LayerNormInputs { scale: Some(scale), ..slices })
        });
        check("shift", &gradients.shift.unwrap(), shift.unwrap(), |shift| {
            loss(LayerNormInputs { shift: Some(shift), ..slices })
        });
        // Without scale and shift.
        let plain = LayerNormInputs { input, scale: None, shift: None };
        let shapes = LayerNormInputs { scale: None, shift: None, ..shapes };
        let geometry = LayerNormGeometry::new(&LayerNorm { axes, epsilon: 0.125 }, &shapes).unwrap();
        let gradients = reference::layer_norm_backward(&geometry, &plain, &grad_output).unwrap();
        assert!(gradients.scale.is_none() && gradients.shift.is_none());
        check("input", &gradients.input.unwrap(), input, |input| {
            let inputs = LayerNormInputs { input, ..plain };
            weighted(reference::layer_norm(&geometry, &inputs).unwrap(), &grad_output)
        });
    }
}

#[test]
fn cross_entropy_by_differences() {
    let mut rng = Rng::with_seed(60);
    for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
        let shapes = CrossEntropyInputs { logits: [4, 5].into(), labels: [4].into() };
        let geometry = CrossEntropyGeometry::new(&CrossEntropy { reduction }, &shapes).unwrap();
        let (logits, labels) = (drawn(&mut rng, [1, 1, 4, 5]), [3.0, 0.0, 4.0, 4.0]);
        let grad_output = drawn(&mut rng, [1, 1, 1, geometry.output_shape().elements() as u32]);
        let inputs = CrossEntropyInputs { logits: &logits[..], labels: &labels[..] };
        let gradient = reference::cross_entropy_backward(&geometry, &inputs, &grad_output).unwrap();
        check("logits", &gradient, &logits, |logits| {
            weighted(
                reference::cross_entropy(&geometry, &CrossEntropyInputs { logits, ..inputs }).unwrap(),
                &grad_output,
            )
        });
    }
}

/// Bounds, zeros of either sign, and what is no number.
#[test]
fn derivatives_of_functions_by_hand() {
    let input = [-1.0, -0.5, -0.0, 0.0, 1e-300, 2.0, 2.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let clip = |min, max| Unary::Clip { min, max };
    let all = f32::INFINITY;
    let table = [
        (Unary::Relu, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
        (clip(-0.5, 2.0), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        (clip(0.0, all), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
        (clip(-all, all), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (clip(2.0, 2.0), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        (clip(2.0, -1.0), [0.0; 10]),
    ];
    for (op, expected) in table {
        let geometry = UnaryGeometry::new(&op, [10].into()).unwrap();
        // A gradient that does not pass counts for nothing, infinite though it be.
        let grads = expected.map(|derivative| if derivative == 0.0 { f64::INFINITY } else { 3.0 });
        let gradient = reference::unary_backward(&geometry, &input, &grads).unwrap();
        assert_eq!(gradient.value, expected.map(|derivative| 3.0 * derivative), "{op:?}");
    }
    for (op, at_zero) in [(Unary::Sigmoid, 0.25), (Unary::Tanh, 1.0)] {
        let geometry = UnaryGeometry::new(&op, [10].into()).unwrap();
        let gradient = reference::unary_backward(&geometry, &input, &[1.0; 10]).unwrap().value;
        assert_eq!(gradient[2..4], [at_zero; 2], "{op:?}");
        assert_eq!(gradient[7..9], [0.0; 2], "{op:?}");
        assert!(gradient[9].is_nan(), "{op:?}");
    }
}

/// The derivative by y on rows 10 and 20 of one column, at and between the kinks.
#[test]
fn derivatives_at_the_kinks_by_hand() {
    let at = |border, edge_derivative, y: f64| {
        let op = BilinearSample { border, edge_derivative };
        let shapes = BilinearSampleInputs { input: [1, 1, 2, 1].into(), positions: [1, 2, 1, 1].into() };
        let geometry = BilinearSampleGeometry::new(&op, &shapes).unwrap();
        let inputs = BilinearSampleInputs { input: &[10.0, 20.0][..], positions: &[y, 0.0][..] };
        reference::bilinear_sample_backward(&geometry, &inputs, &[1.0]).unwrap().positions.unwrap().value[0]
    };
    let positions = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, f64::NAN, f64::INFINITY];
    let table = [
        (Border::Zeros, EdgeDerivative::OneSided, [0.0, 10.0, 10.0, 10.0, 10.0, -20.0, -20.0, 0.0, 0.0, 0.0]),
        (Border::Zeros, EdgeDerivative::Zero, [0.0, 0.0, 10.0, 10.0, 10.0, -20.0, -20.0, 0.0, 0.0, 0.0]),
        (Border::ClampHi, EdgeDerivative::OneSided, [0.0, 0.0, 0.0, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (Border::Strict, EdgeDerivative::OneSided, [0.0, 0.0, 0.0, 10.0, 10.0, -20.0, -20.0, 0.0, 0.0, 0.0]),
    ];
    for (border, edge_derivative, expected) in table {
        for (position, expected) in positions.into_iter().zip(expected) {
            assert_eq!(at(border, edge_derivative, position), expected, "{border:?} {edge_derivative:?} at {position}");
        }
    }
}
