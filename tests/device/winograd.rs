//! Convolutions by tiles, `Strategy::Winograd`: against the reference, in strips and pieces, and with what is not finite; what it is for, and what not.

use fastrand::Rng;
use pliant::*;
use pliant::{Argument, Conv2dPlan, DType, Error, Gpu, Recorder, Strategy, Tensor, TensorSpec};

use crate::limits::with_limits;
use crate::strategies::{conv2d, kernels_of, stages_of};
use crate::support::problem::{Implementation, Problem, Storage};
use crate::{check_on, gpu};

fn by_tiles(gpu: &Gpu, storage: Storage) -> Implementation<'_> {
    Implementation::Device { gpu, strategy: Some(Strategy::Winograd), storage }
}

fn check(gpu: &Gpu, problem: &Problem, storage: Storage) {
    let used = kernels_of(gpu, problem, Some(Strategy::Winograd), storage.data).unwrap();
    assert!(used.iter().any(|kernel| kernel.starts_with("winograd_output")), "{used:?}");
    if let Err(failure) = check_on(problem, by_tiles(gpu, storage)) {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

/// Images that tiles fill and do not fill, rows of whole quads and others, padding of all kinds, groups, channels that fill quads and do not, and batches.
fn table() -> Vec<(Conv2d, [u32; 4], u32)> {
    let padded = |padding, groups| Conv2d { padding, groups, ..Conv2d::default() };
    vec![
        (padded([1; 4], 1), [1, 16, 12, 20], 24),
        (padded([1; 4], 1), [2, 5, 9, 11], 7),
        (padded([0; 4], 1), [3, 8, 6, 7], 4),
        (padded([2, 0, 1, 3], 3), [2, 18, 10, 13], 15),
        (padded([5, 6, 7, 4], 2), [1, 4, 3, 2], 10),
        (padded([0, 1, 0, 1], 4), [2, 8, 3, 30], 4),
        (padded([1; 4], 1), [1, 130, 5, 4], 66),
        (padded([0; 4], 1), [1, 3, 3, 3], 1),
        (padded([1; 4], 1), [1, 6, 7, 9], 520),
        // Several strips of one image, whose rows are copied where they have up to 4096 quads, and several images of a strip.
        (padded([1; 4], 1), [1, 16, 300, 260], 13),
        (padded([1; 4], 1), [1, 64, 304, 40], 13),
        (padded([3, 1, 0, 2], 1), [1, 64, 150, 44], 13),
        (padded([1; 4], 2), [9, 40, 40, 44], 24),
    ]
}

fn problem(rng: &mut Rng, (op, input, out_channels): (Conv2d, [u32; 4], u32)) -> Problem {
    conv2d(rng, op, input, [out_channels, input[1] / op.groups, 3, 3])
}

/// Problems with numbers that are not finite.
pub(crate) fn not_finite() -> Vec<Problem> {
    let mut rng = Rng::with_seed(72);
    let op = Conv2d { padding: [1; 4], groups: 2, ..Conv2d::default() };
    let mut plain = || problem(&mut rng, (op, [2, 20, 14, 17], 14));
    let set = |mut problem: Problem, named: &'static str, at: usize, value: f32| {
        problem.change(|name, array| {
            if name == named {
                array.elements[at] = value;
            }
        });
        problem
    };
    vec![
        set(plain(), "input", 2000, f32::NAN),
        set(set(plain(), "input", 17, f32::INFINITY), "input", 9000, f32::NEG_INFINITY),
        set(plain(), "weight", 100, f32::INFINITY),
        set(plain(), "weight", 4, f32::NAN),
        set(plain(), "bias", 13, f32::NEG_INFINITY),
    ]
}

#[test]
fn tiles_agree_with_the_reference() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 256 << 10);
    let in_buffers = with_limits(|limits| limits.max_storage_textures_per_shader_stage = 3);
    let mut rng = Rng::with_seed(71);
    for case in crate::some(table(), 3) {
        let problem = problem(&mut rng, case);
        for gpu in [gpu(), &in_buffers] {
            for storage in [Storage::F32, Storage::new(DType::F16, DType::F32), Storage::new(DType::BF16, DType::BF16)]
            {
                check(gpu, &problem, storage);
            }
        }
        match kernels_of(&small, &problem, Some(Strategy::Winograd), DType::F32) {
            Ok(_) => check(&small, &problem, Storage::F32),
            Err(Error::Unsupported(why)) => {
                assert!(why.ends_with("more than winograd binds at once on this device"), "{why}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_is_not_finite_reaches_no_other_pixels() {
    let in_buffers = with_limits(|limits| limits.max_storage_textures_per_shader_stage = 3);
    for problem in not_finite() {
        for gpu in [gpu(), &in_buffers] {
            check(gpu, &problem, Storage::F32);
        }
    }
}

#[test]
fn sums_of_a_tile_that_overflow_are_summed_up_by_pixel() {
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let mut large = problem(&mut Rng::with_seed(76), (op, [1, 9, 8, 11], 6));
    large.change(|name, array| match name {
        "input" => array.elements.iter_mut().for_each(|x| *x = x.signum() * 1e38),
        "weight" => array.elements.iter_mut().for_each(|x| *x *= 1e-3),
        _ => (),
    });
    check(gpu(), &large, Storage::F32);
}

#[test]
fn drawn_problems_agree_with_the_reference() {
    let mut rng = Rng::with_seed(77);
    for _ in 0..if crate::slow() { 10 } else { 60 } {
        let groups = rng.u32(1..=3);
        let padding = std::array::from_fn(|_| rng.u32(0..=3));
        let input = [rng.u32(1..=3), groups * rng.u32(1..=20), rng.u32(3..=24), rng.u32(3..=24)];
        let out_channels = groups * rng.u32(1..=20);
        let problem = problem(&mut rng, (Conv2d { padding, groups, ..Conv2d::default() }, input, out_channels));
        let data = *rng.choice(&[DType::F32, DType::F16, DType::BF16]).unwrap();
        let weight = *rng.choice(&[DType::F32, DType::F16]).unwrap();
        check(gpu(), &problem, Storage { weight, ..Storage::new(data, DType::F32) });
    }
}

#[test]
fn bindings_are_cut_into_pieces() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 256 << 10);
    let mut rng = Rng::with_seed(73);
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    for (groups, input, out_channels) in [(1, [6, 8, 20, 40], 40), (4, [2, 32, 40, 44], 16), (1, [1, 4, 100, 100], 12)]
    {
        let problem = problem(&mut rng, (Conv2d { groups, ..op }, input, out_channels));
        check(&small, &problem, Storage::F32);
        let dispatches = |gpu| -> u32 {
            let stages = stages_of(gpu, &problem, Some(Strategy::Winograd), DType::F32).unwrap();
            stages.iter().map(|stage| stage.dispatches).sum()
        };
        let [few, many] = [gpu(), &small].map(dispatches);
        assert!(few < many, "{few} and {many}: {}", problem.describe());
    }
}

#[test]
fn packed_weights_serve_plans_by_tiles_and_by_columns() {
    let op = Conv2d { padding: [1; 4], groups: 2, ..Conv2d::default() };
    let Problem::Conv2d(_, arrays) = problem(&mut Rng::with_seed(74), (op, [2, 12, 9, 10], 20)) else { unreachable!() };
    let inputs = arrays.try_map(|array| array.upload(gpu())).unwrap();
    let inputs = inputs.as_ref();
    let plans = [Strategy::Winograd, Strategy::Im2col]
        .map(|strategy| Conv2dPlan::with_strategy(gpu(), &op, &inputs, Some(strategy)).unwrap());
    let mut recorder = Recorder::new(gpu());
    let packed = plans.each_ref().map(|plan| plan.pack_weight(&mut recorder, inputs.weight).unwrap());
    let output = |plan: &Conv2dPlan, weight: Argument| {
        let [input, bias] = [Some(inputs.input), inputs.bias].map(|tensor| tensor.map(Argument::from));
        let inputs = Conv2dInputs { input: input.unwrap(), weight, bias };
        let mut recorder = Recorder::new(gpu());
        let output = plan.forward(&mut recorder, &inputs).unwrap();
        recorder.submit().unwrap();
        output.download_blocking::<f32>().unwrap()
    };
    recorder.submit().unwrap();
    let [by_tiles, by_columns] = plans.each_ref().map(|plan| output(plan, inputs.weight.into()));
    assert_ne!(by_tiles, by_columns);
    // With the weight of the other, each does as one by columns.
    let expected = [[&by_tiles, &by_columns], [&by_columns, &by_columns]];
    for (plan, expected) in plans.iter().zip(expected) {
        for (weight, expected) in packed.iter().zip(expected) {
            assert_eq!(&output(plan, weight.into()), expected, "{} by {}", weight.spec().shape, plan.strategy());
        }
    }
    let grad_output = Tensor::upload(gpu(), [2, 20, 9, 10], &by_tiles).unwrap();
    let [one, other] = plans.map(|plan| {
        let gradients = plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
        recorder.submit().unwrap();
        [gradients.input, gradients.weight].map(|gradient| gradient.unwrap().download_blocking::<f32>().unwrap())
    });
    assert_eq!(one, other);
}

#[test]
fn the_rule_has_tiles_for_large_convolutions_on_a_cpu_alone() {
    let strategy_on = |gpu: &Gpu, op: Conv2d, input: [u32; 4], weight: [u32; 4]| {
        let spec = |shape: [u32; 4]| TensorSpec { shape: shape.into(), dtype: DType::F32 };
        let inputs = Conv2dInputs { input: spec(input), weight: spec(weight), bias: None };
        Conv2dPlan::new(gpu, &op, &inputs).unwrap().strategy()
    };
    let strategy = |op, input, weight| strategy_on(gpu(), op, input, weight);
    let capabilities = gpu().capabilities();
    let other = if capabilities.software() { Strategy::Im2col } else { Strategy::Fused };
    let large = if capabilities.software() && capabilities.textures() { Strategy::Winograd } else { other };
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    assert_eq!(strategy(op, [1, 64, 16, 16], [64, 64, 3, 3]), large);
    assert_eq!(strategy(op, [5, 64, 17, 17], [64, 64, 3, 3]), large);
    assert_eq!(strategy(op, [5, 64, 2, 300], [64, 64, 3, 3]), other);
    assert_eq!(strategy(op, [5, 64, 15, 15], [64, 64, 3, 3]), other);
    assert_eq!(strategy(op, [1, 32, 16, 16], [64, 32, 3, 3]), large);
    assert_eq!(strategy(op, [1, 31, 16, 16], [64, 31, 3, 3]), other);
    assert_eq!(strategy(op, [1, 64, 16, 16], [33, 64, 3, 3]), large);
    assert_eq!(strategy(op, [1, 64, 16, 16], [32, 64, 3, 3]), other);
    assert_eq!(strategy(op, [1, 64, 16, 15], [64, 64, 3, 3]), other);
    assert_eq!(strategy(Conv2d { stride: [2; 2], ..op }, [1, 64, 32, 32], [64, 64, 3, 3]), other);
    assert_eq!(strategy(op, [1, 64, 16, 16], [64, 64, 1, 3]), other);
    // Planes of an image that a binding does not show.
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 512 << 10);
    assert_eq!(strategy_on(&small, op, [1, 64, 16, 16], [64, 64, 3, 3]), large);
    assert_eq!(strategy_on(&small, op, [1, 64, 48, 48], [64, 64, 3, 3]), other);
}

#[test]
fn what_tiles_are_not_for_is_told() {
    let mut rng = Rng::with_seed(75);
    let refusal = |op: Conv2d, [height, width]: [u32; 2], rng: &mut Rng| {
        let problem = conv2d(rng, op, [1, 4, 9, 9], [4, 4, height, width]);
        kernels_of(gpu(), &problem, Some(Strategy::Winograd), DType::F32).unwrap_err().to_string()
    };
    let op = Conv2d::default();
    let for_what = "winograd is for a kernel of 3 x 3, stride 1 and dilation 1";
    for (op, kernel, what) in [
        (op, [3, 5], "weight is 3 x 5"),
        (Conv2d { stride: [2, 1], ..op }, [3, 3], "stride is 2 x 1"),
        (Conv2d { dilation: [1, 2], ..op }, [3, 3], "dilation is 1 x 2"),
    ] {
        assert!(refusal(op, kernel, &mut rng).ends_with(&format!("{what}; {for_what}")), "{what}");
    }
    let deformable =
        crate::shapes::deform_conv2d(&mut rng, DeformConv2d::default(), [1, 4, 9, 9], [4, 4, 3, 3], false, 1.0);
    let error = kernels_of(gpu(), &deformable, Some(Strategy::Winograd), DType::F32).unwrap_err();
    assert!(error.to_string().ends_with("the convolution is deformable; winograd is for plain ones"), "{error}");
}
