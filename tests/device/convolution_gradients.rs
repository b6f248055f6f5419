use std::collections::HashMap;

use fastrand::Rng;
use pliant::geometry::*;
use pliant::reference;
use pliant::*;
use pliant::{DType, DeformConv2dPlan, Error, Gpu, Recorder, Strategy, Tensor, TensorSpec};
use proptest::prelude::*;

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::random::draw_deform_conv2d;
use crate::shapes::{bilinear_samples, deform_conv2d, deform_conv2d_of_every_kind, odd_conv2d, odd_deform_conv2d};
use crate::strategies::conv2d;
use crate::support::problem::{Array, Differentiated, Implementation, Problem, Storage, Ways, uneven};
use crate::support::random::normal;
use crate::{check_backward_on, gpu, slow, strategies_for};

/// By every strategy.
fn check_with(gpu: &Gpu, problem: &Problem, storage: Storage, ways: Ways) {
    for strategy in strategies_for(gpu, problem) {
        let device = Implementation::Device { gpu, strategy, storage };
        if let Err(failure) = check_backward_on(problem, 80, device, ways) {
            panic!("{strategy:?}, {storage:?}: {failure}\n{}", problem.describe());
        }
    }
}

/// A slow adapter does every other problem in f32, and the others in 16 bits.
#[test]
fn of_every_kind_and_of_odd_shapes() {
    let lists = [deform_conv2d_of_every_kind(), odd_deform_conv2d(), odd_conv2d(), bilinear_samples()];
    for (index, problem) in lists.iter().flatten().enumerate() {
        let (in_f32, in_16_bits) = if slow() { (index % 2 == 0, index % 2 == 1) } else { (true, true) };
        if in_f32 {
            check_with(gpu(), problem, Storage::F32, Ways::All);
        }
        if in_16_bits {
            check_with(gpu(), problem, STORAGES[index % STORAGES.len()], Ways::All);
        }
    }
}

/// At whole numbers, at exactly -1, and at the last row and column, by every rule.
#[test]
fn at_the_kinks() {
    for edge_derivative in [EdgeDerivative::OneSided, EdgeDerivative::Zero] {
        for mut problem in deform_conv2d_of_every_kind().into_iter().chain(bilinear_samples()) {
            let positions = match &mut problem {
                Problem::DeformConv2d(op, inputs) => {
                    op.edge_derivative = edge_derivative;
                    &mut inputs.offset
                }
                Problem::BilinearSample(op, inputs) => {
                    op.edge_derivative = edge_derivative;
                    &mut inputs.positions
                }
                other => panic!("{}", other.describe()),
            };
            positions.elements.iter_mut().for_each(|position| *position = position.round());
            check_with(gpu(), &problem, Storage::F32, Ways::One);
        }
    }
}

/// Elements that are not finite harm only what uses them; a sample whose offset is not finite has no gradient and gives none.
#[test]
fn of_what_is_not_finite() {
    let mut rng = Rng::with_seed(81);
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -1e30, f32::MAX, f32::from_bits(0x7f80_0001)];
    for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
        let op = DeformConv2d { border, ..uneven() };
        let draw = |rng: &mut Rng| match deform_conv2d(rng, op, [3, 6, 9, 8], [4, 3, 3, 2], true, 1.5) {
            Problem::DeformConv2d(op, inputs) => (op, inputs),
            other => panic!("{}", other.describe()),
        };
        let (op, mut inputs) = draw(&mut rng);
        for offset in &mut inputs.offset.elements {
            if rng.u32(..4) == 0 {
                *offset = odd[rng.usize(..odd.len())];
            }
        }
        let problem = Problem::DeformConv2d(op, inputs);
        let elements = problem.reference().unwrap().value.len() as u32;
        for (_, gradient) in problem.gradients(&normal(&mut rng, [elements], 1.0)).unwrap() {
            assert!(gradient.value.iter().all(|value| value.is_finite()));
        }
        check_with(gpu(), &problem, Storage::F32, Ways::One);

        type Member = fn(&mut DeformConv2dInputs<Array>) -> &mut Array;
        let members: [Member; 3] = [|i| &mut i.input, |i| &mut i.weight, |i| i.mask.as_mut().unwrap()];
        for member in members {
            let (op, mut inputs) = draw(&mut rng);
            for value in [f32::NAN, f32::INFINITY] {
                let elements = &mut member(&mut inputs).elements;
                let index = rng.usize(..elements.len());
                elements[index] = value;
            }
            check_with(gpu(), &Problem::DeformConv2d(op, inputs), Storage::F32, Ways::One);
        }
    }
    // Plain ones with padding, with few channels and with many.
    for [channels, out_channels] in [[3, 2], [6, 5]] {
        let op = Conv2d { padding: [1, 2, 0, 1], ..Conv2d::default() };
        for spoiled in 0..2 {
            let mut inputs = Conv2dInputs {
                input: normal(&mut rng, [2, channels, 9, 8], 1.0),
                weight: normal(&mut rng, [out_channels, channels, 2, 3], 1.0),
                bias: None,
            };
            for value in [f32::NAN, f32::INFINITY] {
                let elements = &mut [&mut inputs.input, &mut inputs.weight][spoiled].elements;
                let index = rng.usize(..elements.len());
                elements[index] = value;
            }
            check_with(gpu(), &Problem::Conv2d(op, inputs), Storage::F32, Ways::One);
        }
    }
}

/// The samples of all taps and pixels in one cell, or in two: more than one invocation adds up, and more than one workgroup sorts.
#[test]
fn of_samples_in_one_cell() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(85);
    let op = DeformConv2d { padding: [1; 4], groups: 2, offset_groups: 4, ..DeformConv2d::default() };
    for (input, target) in [
        ([2, 16, 12, 11], [5.25, 6.5]),
        ([3, 8, 7, 9], [-0.5, -0.25]),
        ([1, 48, 9, 8], [8.75, 7.5]),
        ([1, 8, 24, 25], [11.5, -0.75]),
    ] {
        let [_, channels, height, width] = input;
        let mut problem = deform_conv2d(&mut rng, op, input, [6, channels / 2, 3, 3], true, 0.0);
        let Problem::DeformConv2d(_, inputs) = &mut problem else { unreachable!() };
        let mut apart = Rng::with_seed(86);
        inputs.offset = Array::from_fn(inputs.offset.shape, |index| {
            let (plane, pixel) = (index as u32 / (height * width) % 72, index as u32 % (height * width));
            let (tap, axis) = (plane / 2 % 9, plane as usize % 2);
            let base = [pixel / width + tap / 3, pixel % width + tap % 3][axis] as f32 - 1.0;
            // An eighth of the samples lies elsewhere.
            if apart.u32(..16) == 0 { apart.f32() * 9.0 - 4.5 } else { target[axis] - base }
        });
        check_with(gpu(), &problem, Storage::F32, Ways::All);
        check_with(gpu(), &problem, STORAGES[0], Ways::One);
        check_with(&small, &problem, Storage::F32, Ways::One);
    }
}

fn bits(
    (gpu, strategy): (&Gpu, Option<Strategy>),
    problem: &Problem,
    storage: Storage,
    grad_output: &Array,
    ways: Ways,
) -> Vec<(&'static str, Vec<u32>)> {
    let gradients = pollster::block_on(problem.backward_on(gpu, strategy, storage, grad_output, ways)).unwrap();
    let bits = |Differentiated { name, value, .. }| (name, value.iter().map(|value: &f32| value.to_bits()).collect());
    gradients.into_iter().map(bits).collect()
}

/// Samples that crowd on few pixels, with the gradient of the output, and the bytes of a block of columns: in several blocks at `scale` 2, in
/// one or two at 1.
fn crowded(scale: u32) -> Vec<(Problem, Array, u64)> {
    let mut rng = Rng::with_seed(82);
    let op = DeformConv2d { padding: [1; 4], groups: 2, offset_groups: 2, ..DeformConv2d::default() };
    let deformed = [([1, 8, 35 * scale, 36 * scale - 1], 1.0), ([9, 8, 10 * scale, 11 * scale - 1], 30.0)]
        .map(|(input, sigma)| deform_conv2d(&mut rng, op, input, [6, 4, 3, 3], true, sigma));
    let plain = [8, 4].map(|out_channels| {
        let inputs = Conv2dInputs {
            input: normal(&mut rng, [2, 8, 30 * scale, 31 * scale - 1], 1.0),
            weight: normal(&mut rng, [out_channels, 8, 3, 3], 1.0),
            bias: None,
        };
        Problem::Conv2d(Conv2d { padding: [1; 4], ..Conv2d::default() }, inputs)
    });
    let inputs = BilinearSampleInputs {
        input: normal(&mut rng, [2, 5, 9, 8], 1.0),
        positions: normal(&mut rng, [2, 2, 40 * scale, 41 * scale - 1], 5.0),
    };
    let samples = Problem::BilinearSample(BilinearSample::default(), inputs);
    let mut with_gradient = |problem: Problem| {
        let elements = problem.reference().unwrap().value.len() as u32;
        let taps = if matches!(problem, Problem::BilinearSample(..)) { 1 } else { 9 };
        (problem, normal(&mut rng, [elements], 1.0), 1024 * taps * 32)
    };
    deformed.into_iter().chain(plain).chain([samples]).map(&mut with_gradient).collect()
}

#[test]
fn the_same_bits_a_hundred_times() {
    for (problem, grad_output, _) in crowded(1) {
        for strategy in strategies_for(gpu(), &problem) {
            let first = bits((gpu(), strategy), &problem, Storage::F32, &grad_output, Ways::All);
            // For time, a strategy that is forced gets fewer, and a slow adapter a tenth.
            for _ in 0..if strategy.is_none() { 100 } else { 20 } / if slow() { 10 } else { 1 } {
                assert_eq!(bits((gpu(), strategy), &problem, Storage::F32, &grad_output, Ways::One), first);
            }
        }
    }
}

/// Strips of four blocks, and on devices that bind less, of two and of one.
#[test]
fn the_same_bits_from_strips_of_every_size() {
    let storages = [Storage::F32, Storage::new(DType::F16, DType::F16)];
    // One for all problems whose blocks take as much: it compiles each kernel once.
    let mut devices = HashMap::new();
    for ((problem, grad_output, block), storage) in
        crowded(2).into_iter().flat_map(|case| storages.map(|storage| (case.clone(), storage)))
    {
        let problem = problem.stored(storage);
        let [four, two, one] = [u64::MAX, block * 5 / 2, block * 6 / 5].map(|binding| {
            let gpu = devices.entry(binding).or_insert_with(|| {
                with_limits(|limits| {
                    limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(binding);
                })
            });
            gpu.trim();
            let before = gpu.counts().buffer_bytes;
            let bits = bits((gpu, None), &problem, storage, &grad_output, Ways::All);
            (bits, gpu.counts().buffer_bytes - before)
        });
        let case = || format!("{storage:?}, {}", problem.describe());
        assert!(four.0 == two.0 && two.0 == one.0, "{}", case());
        assert!(four.1 > two.1 && two.1 > one.1, "the strips are the same: {}", case());
    }
}

#[test]
fn of_images_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(83);
    for (groups, offset_groups) in [(1, 1), (2, 3)] {
        let op = DeformConv2d { stride: [6, 5], groups, offset_groups, ..DeformConv2d::default() };
        let problem = deform_conv2d(&mut rng, op, [2, 6, 50, 51], [4, 6 / groups, 1, 2], true, 9.0);
        check_with(&gpu, &problem, Storage::F32, Ways::One);
        let inputs = Conv2dInputs {
            input: normal(&mut rng, [2, 6, 50, 51], 1.0),
            weight: normal(&mut rng, [4, 6 / groups, 1, 2], 1.0),
            bias: None,
        };
        let op = Conv2d { stride: [6, 5], groups, ..Conv2d::default() };
        check_with(&gpu, &Problem::Conv2d(op, inputs), Storage::F32, Ways::One);
    }
}

/// Bounds the memory that both passes need beside inputs, outputs and gradients, for layers of real models: the input once, channels last,
/// and little more.
#[test]
fn workspace_of_real_layers_is_bounded() {
    let table: [([u32; 4], u32, u32, u32, u32); 8] = [
        ([1, 64, 256, 256], 256, 7, 1, 1),
        ([1, 64, 256, 256], 256, 3, 1, 1),
        ([1, 128, 180, 320], 64, 3, 16, 1),
        ([1, 128, 180, 320], 128, 3, 8, 1),
        ([8, 256, 50, 84], 256, 3, 1, 1),
        ([1, 512, 25, 42], 512, 3, 1, 1),
        ([1, 512, 64, 128], 512, 3, 4, 2),
        ([1, 4, 224, 224], 64, 5, 1, 1),
    ];
    let gpu = &with_limits(|_| {});
    for (layer, dtype) in table.into_iter().flat_map(|layer| [DType::F32, DType::F16].map(|dtype| (layer, dtype))) {
        let (input @ [batch, channels, height, width], out_channels, kernel, offset_groups, dilation) = layer;
        let padding = [dilation * (kernel / 2); 4];
        let op = DeformConv2d { padding, dilation: [dilation; 2], offset_groups, ..DeformConv2d::default() };
        let points = offset_groups * kernel * kernel;
        let shapes = DeformConv2dInputs {
            input: input.into(),
            offset: [batch, 2 * points, height, width].into(),
            weight: [out_channels, channels, kernel, kernel].into(),
            mask: Some([batch, points, height, width].into()),
            bias: Some([out_channels].into()),
        };
        let specs = shapes.map(|&shape| TensorSpec { shape, dtype });
        let tensors = specs.try_map(|spec: &TensorSpec| Tensor::new(gpu, spec.shape, spec.dtype)).unwrap();
        let tensors = tensors.as_ref();
        let image = u64::from(batch * channels * height * width) * 4;
        let taken = |record: &dyn Fn(&mut Recorder)| {
            gpu.trim();
            let before = gpu.counts().buffer_bytes;
            let mut recorder = Recorder::new(gpu);
            record(&mut recorder);
            (gpu.counts().buffer_bytes - before).saturating_sub(image)
        };
        let gradients = specs.try_map(|spec: &TensorSpec| Tensor::new(gpu, spec.shape, spec.dtype)).unwrap();
        let gradients = DeformConv2dGradients {
            input: Some(&gradients.input),
            offset: Some(&gradients.offset),
            weight: Some(&gradients.weight),
            mask: gradients.mask.as_ref(),
            bias: gradients.bias.as_ref(),
        };
        for strategy in [Strategy::Im2col, Strategy::Fused] {
            let plan = DeformConv2dPlan::with_strategy(gpu, &op, &specs, Some(strategy)).unwrap();
            let output = Tensor::new(gpu, plan.geometry().output_shape(), dtype).unwrap();
            let forward = taken(&|recorder| plan.forward_into(recorder, &tensors, &output).unwrap());
            assert!(forward <= 16 << 20, "{input:?}, {dtype}, {strategy}: {forward} bytes");
            let backward = taken(&|recorder| plan.backward_into(recorder, &tensors, &output, &gradients).unwrap());
            assert!(backward <= 64 << 20, "{input:?}, {dtype}, {strategy}: {backward} bytes");
            let of_weight = DeformConv2dGradients { weight: gradients.weight, ..Default::default() };
            let alone = taken(&|recorder| plan.backward_into(recorder, &tensors, &output, &of_weight).unwrap());
            assert!(alone <= 64 << 20, "{input:?}, {dtype}, {strategy}, the weight alone: {alone} bytes");
        }
    }
}

#[test]
fn a_repeated_call_makes_nothing() {
    let gpu = &with_limits(|_| {});
    let Problem::DeformConv2d(op, inputs) = &crowded(2)[0].0 else { unreachable!() };
    let inputs = inputs.try_map(|array| array.upload(gpu)).unwrap();
    let plan = DeformConv2dPlan::new(gpu, op, &inputs).unwrap();
    let inputs = inputs.as_ref();
    let grad_output = Tensor::new(gpu, plan.geometry().output_shape(), DType::F32).unwrap();
    let mut recorder = Recorder::new(gpu);
    let gradients = plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
    drop(recorder);
    let once = || {
        let mut recorder = Recorder::new(gpu);
        plan.backward_into(&mut recorder, &inputs, &grad_output, &gradients).unwrap();
        recorder.submit().unwrap();
        gpu.wait().unwrap();
    };
    once();
    let before = gpu.counts();
    (0..20).for_each(|_| once());
    assert_eq!(gpu.counts(), before);
}

#[test]
fn of_what_is_absent_it_is_refused_or_none() {
    let Problem::DeformConv2d(op, mut inputs) =
        deform_conv2d(&mut Rng::with_seed(84), DeformConv2d::default(), [1, 2, 3, 3], [2, 2, 2, 2], false, 1.0)
    else {
        unreachable!()
    };
    inputs.bias = None;
    let inputs = inputs.try_map(|array| array.upload(gpu())).unwrap();
    let inputs = inputs.as_ref();
    let grad_output = Tensor::new(gpu(), [1, 2, 2, 2], DType::F32).unwrap();
    let gradients = op.backward(&inputs, &grad_output).unwrap();
    let names: Vec<_> = gradients.named().map(|(name, _)| name).collect();
    assert_eq!(names, ["grad_input", "grad_offset", "grad_weight"]);

    let refused = "grad_mask was asked for; the plan was made without mask";
    for wanted in [DeformConv2dGradients::NONE.mask(), DeformConv2dGradients::NONE.weight().mask()] {
        assert_eq!(op.backward_of(&inputs, &grad_output, &wanted).unwrap_err().to_string(), refused);
    }

    let plan = DeformConv2dPlan::new(gpu(), &op, &inputs).unwrap();
    let destinations = DeformConv2dGradients { mask: Some(&grad_output), ..DeformConv2dGradients::default() };
    let error = plan.backward_into(&mut Recorder::new(gpu()), &inputs, &grad_output, &destinations).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }));
    assert_eq!(error.to_string(), refused);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The output is linear in input, weight, mask and bias: the gradient by a direction is the output of that direction. It is bilinear
    /// between the kinks of offsets, so that central differences are exact there.
    #[test]
    fn adjoint_identity_and_differences(seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let (op, mut inputs) = draw_deform_conv2d(&mut rng);
        let offset = |element: &mut f32| *element = if element.is_finite() { element.round() } else { 0.0 } + 0.2 + 0.6 * rng.f32();
        inputs.offset.elements.iter_mut().for_each(offset);
        let problem = Problem::DeformConv2d(op, inputs.clone());
        let geometry = DeformConv2dGeometry::new(&op, &inputs.map(|array| array.shape)).unwrap();
        let elements = geometry.output_shape().elements() as u32;
        let grad_output = normal(&mut rng, [elements], 1.0);
        let gradients = pollster::block_on(problem.backward_on(gpu(), None, Storage::F32, &grad_output, Ways::One)).unwrap();
        let magnitudes = problem.gradients(&grad_output).unwrap();
        let taps = inputs.weight.shape.extents()[2..].iter().product::<u32>();

        let wide = |array: &Array| array.elements.iter().map(|&element| f64::from(element)).collect::<Vec<_>>();
        let (inputs, grad_output) = (inputs.map(wide), wide(&grad_output));
        let loss = |inputs: &DeformConv2dInputs<Vec<f64>>| {
            let output = reference::deform_conv2d(&geometry, &inputs.map(Vec::as_slice)).unwrap();
            dot(&output.value, &grad_output)
        };
        for (Differentiated { name, value, .. }, (_, magnitude)) in gradients.iter().zip(&magnitudes) {
            // Along offsets and a mask in one tensor at once it would be cubic.
            let points = op.offset_groups * taps;
            let planes = op.offset_layout.channels_per_point() * points;
            let pixels = geometry.output_shape().extents()[2..].iter().product::<u32>();
            let (holds_mask, masks) = (op.offset_layout.holds_mask(), rng.bool());
            let of_mask = |index: usize| index as u32 / pixels % planes >= 2 * points;
            let counts = |index| *name != "grad_offset" || !holds_mask || of_mask(index) == masks;
            let direction: Vec<f64> =
                (0..value.len()).map(|index| if counts(index) { rng.f64() * 2.0 - 1.0 } else { 0.0 }).collect();
            // Steps of a tenth cross no kink.
            let moved = |step: f64| {
                let mut inputs = inputs.clone();
                let member = match *name {
                    "grad_input" => &mut inputs.input,
                    "grad_offset" => &mut inputs.offset,
                    "grad_weight" => &mut inputs.weight,
                    "grad_mask" => inputs.mask.as_mut().unwrap(),
                    _ => inputs.bias.as_mut().unwrap(),
                };
                member.iter_mut().zip(&direction).for_each(|(element, direction)| *element += step * direction);
                loss(&inputs)
            };
            let difference = (moved(0.1) - moved(-0.1)) / 0.2;
            let value: Vec<f64> = value.iter().map(|&value| f64::from(value)).collect();
            let derivative = dot(&value, &direction);
            let scale: f64 = magnitude.magnitude.iter().zip(&direction).map(|(m, d)| m * d.abs()).sum();
            let tolerance = 2f64.powi(-24) * (16.0 + 2.0 * (magnitude.terms as f64).sqrt()) * scale + 1e-9;
            prop_assert!(
                (derivative - difference).abs() <= tolerance,
                "{name}: {derivative} and {difference}, {tolerance}; {}", problem.describe(),
            );
        }
    }
}

/// As many taps as an invocation of a software adapter takes in its loops, and more.
#[test]
fn windows_of_very_many_taps() {
    for kernel in [[255, 257], [256, 256], [257, 256]] {
        let op = Conv2d { padding: [0, 0, kernel[0] - 1, kernel[1] - 1], ..Conv2d::default() };
        let inputs = Conv2dInputs {
            input: Array::filled([1, 1, 1, 1], 1.0),
            weight: Array::filled([1, 1, kernel[0], kernel[1]], 1.0),
            bias: None,
        };
        let problem = Problem::Conv2d(op, inputs);
        let gradients =
            pollster::block_on(problem.backward_on(gpu(), None, Storage::F32, &Array::filled([1; 4], 1.0), Ways::One));
        let gradient = gradients.unwrap().into_iter().next().unwrap();
        assert_eq!((gradient.name, &gradient.value[..]), ("grad_input", &[1.0][..]), "{kernel:?}");
    }
}

/// As many output channels as a product of panels adds up, by four to an iteration, and more.
#[test]
fn of_very_many_output_channels() {
    for out_channels in [261_000, 262_500] {
        let inputs = Conv2dInputs {
            input: Array::filled([1, 5, 1, 1], 1.0),
            weight: Array::filled([out_channels, 5, 1, 1], 1.0),
            bias: None,
        };
        let problem = Problem::Conv2d(Conv2d::default(), inputs);
        let grad_output = Array::filled([1, out_channels, 1, 1], 1.0);
        let gradients = pollster::block_on(problem.backward_on(gpu(), None, Storage::F32, &grad_output, Ways::One));
        let gradient = gradients.unwrap().into_iter().next().unwrap();
        assert_eq!((gradient.name, &gradient.value[..]), ("grad_input", &[out_channels as f32; 5][..]));
    }
}

/// Channels that are added up together in one quad, in two and in more, some of the last quad absent, by a kernel for each.
#[test]
fn of_runs_of_one_two_and_more_quads() {
    let mut rng = Rng::with_seed(97);
    for (channels, most_quads) in [(1, 1), (4, 1), (5, 2), (8, 2), (9, 4), (13, 4), (18, 4)] {
        let op = DeformConv2d { offset_groups: 2, padding: [1; 4], ..DeformConv2d::default() };
        let problem = deform_conv2d(&mut rng, op, [2, 2 * channels, 7, 6], [5, 2 * channels, 3, 3], true, 2.0);
        check_with(gpu(), &problem, Storage::F32, Ways::All);
        let Problem::DeformConv2d(op, inputs) = &problem else { unreachable!() };
        let added = kernels_of_backward(op, &inputs.map(|array| array.shape));
        let kernel = format!("deform_col2im.{most_quads}.");
        assert!(added.iter().any(|name| name.starts_with(&kernel)), "{channels} channels: {added:?}");

        let op = Conv2d { groups: 2, stride: [2, 1], padding: [1; 4], ..Conv2d::default() };
        check_with(gpu(), &conv2d(&mut rng, op, [2, 2 * channels, 7, 6], [6, channels, 3, 2]), Storage::F32, Ways::All);
    }
}

/// The kernels that a backward pass runs, by name and variant.
fn kernels_of_backward(op: &DeformConv2d, shapes: &DeformConv2dInputs<Shape>) -> Vec<String> {
    let specs = shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 });
    let plan = DeformConv2dPlan::with_strategy(gpu(), op, &specs, Some(Strategy::Im2col)).unwrap();
    let zeros = |spec: &TensorSpec| Tensor::new(gpu(), spec.shape, spec.dtype);
    let (inputs, grad_output) = (specs.try_map(zeros).unwrap(), zeros(&plan.output_spec()).unwrap());
    let mut recorder = Recorder::new(gpu());
    plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
    let stages = pollster::block_on(recorder.profile()).unwrap();
    stages.into_iter().map(|stage| stage.kernel).collect()
}

/// Gradients of offset and mask side by side in one buffer, at no multiple of what a binding may begin at.
#[test]
fn of_offset_and_mask_in_one_buffer() {
    let mut rng = Rng::with_seed(98);
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let problem = deform_conv2d(&mut rng, op, [2, 3, 5, 7], [4, 3, 3, 3], true, 2.0);
    let Problem::DeformConv2d(op, inputs) = &problem else { unreachable!() };
    let tensors = inputs.try_map(|array| Tensor::upload(gpu(), array.shape, &array.elements)).unwrap();
    let plan = DeformConv2dPlan::new(gpu(), op, &tensors).unwrap();
    let grad_output = normal(&mut rng, [2, 4, 5, 7], 1.0);
    let grad_output = Tensor::upload(gpu(), grad_output.shape, &grad_output.elements).unwrap();
    let [of_offset, of_mask] = [tensors.offset.spec(), tensors.mask.as_ref().unwrap().spec()];
    let size = 4 * (of_offset.shape.elements() + of_mask.shape.elements());
    let buffer = Tensor::new(gpu(), [size as u32 / 4], DType::F32).unwrap();
    let within = |first: u64, spec: TensorSpec| {
        Tensor::from_buffer(gpu(), buffer.buffer().clone(), buffer.offset() + first, spec.shape, spec.dtype).unwrap()
    };
    let apart = [of_offset, of_mask].map(|spec| Tensor::new(gpu(), spec.shape, spec.dtype).unwrap());
    let together = [within(0, of_offset), within(4 * of_offset.shape.elements(), of_mask)];
    let gradients = [apart, together].map(|[offset, mask]| {
        let mut recorder = Recorder::new(gpu());
        let wanted = DeformConv2dGradients { offset: Some(&offset), mask: Some(&mask), ..Default::default() };
        plan.backward_into(&mut recorder, &tensors, &grad_output, &wanted).unwrap();
        recorder.submit().unwrap();
        [offset, mask].map(|gradient| pollster::block_on(gradient.download::<f32>().unwrap()).unwrap())
    });
    assert!(gradients[0].iter().flatten().any(|element| *element != 0.0));
    assert_eq!(gradients[0], gradients[1]);
}
