//! Choice by measurement: what is chosen is right, is kept, and travels as text to a device of the same kind and to no other.

use fastrand::Rng;
use pliant::nn::{DeformConv2dLayer, DeformConv2dLayerInputs, DeformConv2dParameters, DeformConv2dSizes};
use pliant::*;
use pliant::{
    Conv2dPlan, DType, DeformConv2dPlan, Error, Gpu, GpuOptions, Outcome, Plan, Strategy, Tensor, TensorSpec, Tuned,
    wgpu,
};

use crate::check_on;
use crate::limits::with_limits;
use crate::shapes::deform_conv2d;
use crate::strategies::{conv2d, kernels_of};
use crate::support::problem::{Implementation, Problem, Storage};
use crate::support::random::normal;

fn new_gpu() -> Gpu {
    let options = GpuOptions { cooperative_matrices: true, ..GpuOptions::default() };
    pollster::block_on(Gpu::with_options(&options)).unwrap()
}

/// A plain and a deformable convolution, whose terms may be split.
fn problems() -> [Problem; 2] {
    let rng = &mut Rng::with_seed(51);
    let plain = Conv2d { padding: [1, 0, 1, 2], ..Conv2d::default() };
    let deformable = DeformConv2d { padding: [1; 4], offset_groups: 3, ..DeformConv2d::default() };
    [
        conv2d(rng, plain, [1, 36, 7, 6], [20, 36, 3, 3]),
        deform_conv2d(rng, deformable, [2, 36, 5, 6], [20, 36, 3, 3], true, 2.0),
    ]
}

fn tune(gpu: &Gpu, problem: &Problem, data: DType) -> pliant::Result<Tuned> {
    pollster::block_on(async {
        match problem {
            Problem::Conv2d(op, inputs) => {
                Plan::tune(gpu, op, &inputs.map(|array| TensorSpec { shape: array.shape, dtype: data })).await
            }
            Problem::DeformConv2d(op, inputs) => {
                let specs = inputs.map(|array| TensorSpec { shape: array.shape, dtype: data });
                let offset = TensorSpec { dtype: DType::F32, ..specs.offset };
                Plan::tune(gpu, op, &DeformConv2dInputs { offset, ..specs }).await
            }
            other => panic!("{} has no strategies", other.describe()),
        }
    })
}

/// The text of a device, with another choice for each problem that it has.
fn with_choice(gpu: &Gpu, choice: &str) -> String {
    let change = |line: &str| match line.split_once(": ") {
        Some((problem, _)) => format!("{problem}: {choice}\n"),
        None => format!("{line}\n"),
    };
    gpu.tuning().lines().map(change).collect()
}

/// The bits of the output by a plan of the device's own choice.
fn bits(gpu: &Gpu, problem: &Problem) -> Vec<u32> {
    let device = Implementation::Device { gpu, strategy: None, storage: Storage::F32 };
    pollster::block_on(problem.run(device)).unwrap().iter().map(|value| value.to_bits()).collect()
}

fn check(gpu: &Gpu, problem: &Problem, data: DType) {
    let device = Implementation::Device { gpu, strategy: None, storage: Storage::new(data, DType::F32) };
    if let Err(failure) = check_on(problem, device) {
        panic!("{data}: {failure}\n{}", problem.describe());
    }
}

/// A server may tune in any of its threads.
fn in_any_thread<T: Send>(future: T) -> T {
    future
}

#[test]
fn every_candidate_is_right_and_a_choice_is_kept() {
    let gpu = &new_gpu();
    let empty = gpu.tuning();
    for (count, (problem, data)) in problems()
        .iter()
        .flat_map(|problem| [DType::F32, DType::F16, DType::BF16].map(|data| (problem, data)))
        .enumerate()
    {
        let tuned = tune(gpu, problem, data).unwrap();
        let rule = &tuned.candidates[0];
        if gpu.capabilities().software() {
            assert_eq!((&*rule.name, rule.strategy), ("im2col", Strategy::Im2col));
        }
        let names: Vec<_> = tuned.candidates.iter().map(|candidate| &candidate.name).collect();
        assert!(names.len() >= 3 && names.contains(&&"im2col".to_string()), "{names:?}");
        for candidate in &tuned.candidates {
            let Outcome::Right { least, median } = candidate.outcome else { panic!("{data}: {candidate:?}") };
            assert!(0.0 < least && least <= median, "{candidate:?}");
        }
        let chosen = &tuned.candidates[tuned.chosen];
        let text = gpu.tuning();
        assert!(text.starts_with(&empty) && text.lines().count() == empty.lines().count() + count + 1, "{text}");
        assert!(text.lines().any(|line| line.ends_with(&format!(": {}", chosen.name))), "{text}");
        check(gpu, problem, data);
    }
}

#[test]
fn the_same_text_gives_the_same_choice_and_the_same_bits() {
    let [untuned, gpu, later] = [new_gpu(), new_gpu(), new_gpu()];
    let kernels = |gpu: &Gpu, problem: &Problem| kernels_of(gpu, problem, None, DType::F32).unwrap();
    for problem in problems() {
        let (by_rule, before) = (kernels(&untuned, &problem), bits(&untuned, &problem));
        tune(&gpu, &problem, DType::F32).unwrap();
        later.set_tuning(&gpu.tuning()).unwrap();
        assert_eq!(gpu.tuning(), later.tuning());
        assert_eq!(kernels(&gpu, &problem), kernels(&later, &problem));
        assert_eq!(bits(&gpu, &problem), bits(&later, &problem));

        for (choice, used) in [
            ("fused 32x128 splits 2", ["fused_tile.32x128", "segment_sums"]),
            ("fused direct splits 3", ["fused_direct", "segment_sums"]),
            ("fused 64x64 splits 1", ["fused_tile.64x64", "fused_weight"]),
            ("im2col", ["pack_weight", "matmul"]),
        ] {
            let text = with_choice(&gpu, choice);
            let [one, other] = [new_gpu(), later.clone()];
            for gpu in [&one, &other] {
                gpu.set_tuning(&text).unwrap();
                assert_eq!(gpu.tuning(), text);
                let kernels = kernels(gpu, &problem);
                let uses = |name: &str| kernels.iter().any(|kernel| kernel.starts_with(name));
                assert!(used.iter().all(|name| uses(name)), "{choice}: {kernels:?}");
                check(gpu, &problem, DType::F32);
            }
            assert_eq!(bits(&one, &problem), bits(&other, &problem), "{choice}");
        }
        // A strategy that is forced is the rule's, and so is the choice for all other problems.
        let forced = kernels_of(&untuned, &problem, Some(Strategy::Fused), DType::F32).unwrap();
        assert_eq!(kernels_of(&gpu, &problem, Some(Strategy::Fused), DType::F32).unwrap(), forced);
        assert_eq!(kernels(&untuned, &problem), by_rule);
        assert_eq!(bits(&untuned, &problem), before);
    }
    let other = conv2d(&mut Rng::with_seed(52), Conv2d::default(), [1, 36, 7, 6], [20, 36, 3, 3]);
    assert_eq!(kernels(&gpu, &other), kernels(&untuned, &other));
    assert_eq!(bits(&gpu, &other), bits(&untuned, &other));
}

/// The short ways of an op and of a layer that holds it.
#[test]
fn cached_plans_are_made_anew() {
    let (gpu, rng) = (&new_gpu(), &mut Rng::with_seed(53));
    let input = normal(rng, [1, 8, 6, 5], 1.0).upload(gpu).unwrap();
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let weight = normal(rng, [9, 8, 3, 3], 1.0).upload(gpu).unwrap();
    let inputs = Conv2dInputs { input: input.clone(), weight, bias: None };
    let layer = DeformConv2dLayer { padding: [1; 4], ..DeformConv2dLayer::default() };
    let sizes = DeformConv2dSizes::new([8, 9], [3, 3]);
    let parameters = DeformConv2dParameters::new(gpu, &layer, &sizes, DType::F32, || rng.f32()).unwrap();
    let of_layer = DeformConv2dLayerInputs::new(&input, parameters.as_ref());
    let forward = || {
        let outputs = [op.forward(&inputs).unwrap(), layer.forward(&of_layer).unwrap()];
        outputs.map(|output| output.download_blocking::<f32>().unwrap())
    };

    let before = forward();
    pollster::block_on(in_any_thread(Conv2dPlan::tune(gpu, &op, &inputs))).unwrap();
    let deform = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let specs = DeformConv2dInputs {
        input: [1, 8, 6, 5].into(),
        offset: [1, 18, 6, 5].into(),
        weight: [9, 8, 3, 3].into(),
        mask: None,
        bias: Some([9].into()),
    };
    let specs = specs.map(|&shape: &Shape| TensorSpec { shape, dtype: DType::F32 });
    pollster::block_on(in_any_thread(DeformConv2dPlan::tune(gpu, &deform, &specs))).unwrap();

    let [by_columns, fused] = ["im2col", "fused direct splits 2"].map(|choice| with_choice(gpu, choice));
    gpu.set_tuning(&by_columns).unwrap();
    let columns = forward();
    gpu.set_tuning(&fused).unwrap();
    let tiles = forward();
    for ((before, columns), tiles) in before.iter().zip(&columns).zip(&tiles) {
        assert!(columns != tiles, "both give the same bits");
        let near = |a: &f32, b: &f32| (a - b).abs() < 1e-4;
        assert!(
            before.iter().zip(tiles).all(|(a, b)| near(a, b)) && columns.iter().zip(tiles).all(|(a, b)| near(a, b))
        );
    }
    assert_eq!(forward(), tiles);
    gpu.set_tuning(&by_columns).unwrap();
    assert_eq!(forward(), columns);
}

#[test]
fn a_text_of_something_else_is_refused() {
    let gpu = &new_gpu();
    for problem in problems() {
        tune(gpu, &problem, DType::F32).unwrap();
    }
    let text = gpu.tuning();
    let lines: Vec<_> = text.lines().collect();
    let [version, adapter, driver, plain, deformable] = lines[..] else { panic!("{text}") };
    let refused = |text: String, expected: &str| {
        let error = gpu.set_tuning(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}\nand not {expected}\nof\n{text}");
        assert_eq!(gpu.tuning(), lines.join("\n") + "\n", "a refusal changed something");
        error
    };
    for (line, what, word) in
        [(version, "0.0.7", "pliant"), (adapter, "Other 9, vendor 0x1", "adapter"), (driver, "x", "driver")]
    {
        let error =
            refused(text.replace(line, &format!("{word} {what}")), &format!("is for {word} \"{what}\"; this is"));
        assert!(matches!(error, Error::Unsupported(_)));
        refused(text.replace(line, ""), &format!("names no {word}"));
    }
    refused(String::new(), "line 1 of the tuning names no pliant");
    refused(format!("{version}\n{adapter}"), "line 3 of the tuning names no driver");
    let head = [version, adapter, driver].join("\n");
    let line = |line: &str, expected: &str| {
        let error = refused(format!("{head}\n{line}\n"), expected);
        assert!(error.to_string().starts_with("line 4 of the tuning "), "{error}");
    };
    let (problem, _) = plain.split_once(": ").unwrap();
    let (deform, _) = deformable.split_once(": ").unwrap();
    line("conv2d", "has no problem with a choice");
    line(problem, "has no problem with a choice");
    for choice in
        ["", "fused", "im2col ", "fused 32x129 splits 1", "fused direct splits", "fused direct splits -1", "Im2col"]
    {
        // Blanks at the end of a line are nothing.
        if choice != "im2col " {
            line(&format!("{problem}: {choice}"), if choice.is_empty() { "has no problem" } else { "names no choice" });
        }
    }
    for choice in ["fused direct splits 01", "fused direct splits 99999999999", "fused direct splits 1 1"] {
        line(&format!("{problem}: {choice}"), "names no choice");
    }
    for splits in [0, 8, 1000, u32::MAX] {
        // 81 terms make no 8 ranges of whole steps and one length.
        line(&format!("{problem}: fused direct splits {splits}"), "splits are not possible");
    }
    line(&format!("{problem}: fused-cooperative 16x16.32 splits 1"), "is not applicable: ");
    line(&format!("{deform}: winograd"), "is not applicable: ");
    let changed = [
        (problem.replace("conv2d", "conv3d"), "names no problem"),
        (problem.replace("f32 f32", "f32 f64"), "names no problem"),
        (problem.replace("groups 1", "groups 0"), "names no problem: "),
        (problem.replace("groups 1", "groups 01"), "names no problem"),
        (problem.replace("groups 1", "groups"), "names no problem"),
        (problem.replace("stride 1x1", "stride 1x1x1"), "names no problem"),
        (problem.replace("stride 1x1", "stride 0x1"), "names no problem: "),
        (problem.replace("input 1x36x7x6", "input 1x37x7x6"), "names no problem: "),
        (problem.replace("input 1x36x7x6", "input 4294967295x36x4294967295x6"), "names no problem: "),
        (deform.replace("border Zeros", "border zeros"), "names no problem"),
        (deform.replace("offset_groups 3", "offset_groups 5"), "names no problem: "),
        (deform.replace("offset_groups 3", "offset_groups 4294967295"), "names no problem: "),
        (deform.replace(" mask", ""), ""),
        (format!("{problem} mask"), "names no problem"),
        (format!("{problem} "), "names no problem"),
    ];
    for (problem, expected) in changed {
        if !expected.is_empty() {
            line(&format!("{problem}: im2col"), expected);
        }
    }
    refused(format!("{head}\n{plain}\n{plain}"), "line 5 of the tuning names a problem again");
    // Too large for any device, and for a list of its channels.
    let large = "conv2d f32 f32 input 1x4000000000x1x1 weight 1x4000000000x1x1 stride 1x1 padding 0x0x0x0 dilation 1x1 groups 1";
    line(&format!("{large}: fused direct splits 2"), "2 splits are not possible; 1 are the nearest");
    gpu.set_tuning(&format!("{head}\n{large}: fused direct splits 1")).unwrap();
    gpu.set_tuning(&format!("{head}\r\n\r\n{deformable}\r\n")).unwrap();
    assert_eq!(gpu.tuning(), format!("{head}\n{deformable}\n"));
}

#[test]
fn no_text_does_harm() {
    let gpu = &new_gpu();
    for problem in problems() {
        tune(gpu, &problem, DType::F32).unwrap();
    }
    let text = with_choice(gpu, "fused 32x128 splits 2");
    let rng = &mut Rng::with_seed(54);
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut bytes = text.clone().into_bytes();
        // Beyond the lines that say for what it holds.
        let head = text.lines().take(3).map(|line| line.len() + 1).sum::<usize>();
        for _ in 0..rng.usize(1..4) {
            let place = rng.usize(head..bytes.len());
            match rng.u32(..3) {
                0 => bytes[place] = rng.u8(b' '..b'~'),
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, rng.u8(b'0'..=b'9')),
            }
        }
        if let Ok(text) = String::from_utf8(bytes) {
            taken += usize::from(gpu.set_tuning(&text).is_ok());
        }
    }
    assert!((1..20_000).contains(&taken), "{taken} were taken");
}

#[test]
fn a_candidate_that_fails_is_listed_and_not_chosen() {
    let gpu = &new_gpu();
    let [problem, _] = problems();
    let mut failed = 0;
    for buffers in 0..40 {
        gpu.trim();
        gpu.inject_out_of_memory(buffers);
        match tune(gpu, &problem, DType::F32) {
            // It was the rule's choice that failed, or an input.
            Err(error) => assert!(matches!(error, Error::OutOfMemory(_)), "{error}"),
            Ok(tuned) => {
                let failing = |outcome: &Outcome| matches!(outcome, Outcome::Failed(Error::OutOfMemory(_)));
                assert!(!failing(&tuned.candidates[tuned.chosen].outcome));
                failed += tuned.candidates.iter().filter(|candidate| failing(&candidate.outcome)).count();
                check(gpu, &problem, DType::F32);
            }
        }
        if failed > 1 {
            break;
        }
    }
    assert!(failed > 0);
    gpu.inject_device_lost();
    assert!(matches!(tune(gpu, &problem, DType::F32), Err(Error::DeviceLost(_))));
}

/// By the clock; with bindings that split neither weights nor outputs; with nothing to do.
#[test]
fn tuning_takes_devices_and_problems_as_they_are() {
    let features = Gpu::OPTIONAL_FEATURES - wgpu::Features::TIMESTAMP_QUERY;
    let by_clock = pollster::block_on(Gpu::with_options(&GpuOptions { features, ..GpuOptions::default() })).unwrap();
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    for gpu in [by_clock, small] {
        for problem in problems() {
            let tuned = tune(&gpu, &problem, DType::F32).unwrap();
            let right = |outcome: &Outcome| matches!(outcome, Outcome::Right { least, .. } if *least > 0.0);
            assert!(tuned.candidates.iter().all(|candidate| right(&candidate.outcome)), "{tuned:?}");
            gpu.set_tuning(&gpu.tuning()).unwrap();
            check(&gpu, &problem, DType::F32);
        }
        let empty = Conv2dInputs { input: [0, 3, 5, 5].into(), weight: [2, 3, 3, 3].into(), bias: None };
        let empty = empty.map(|&shape: &Shape| TensorSpec { shape, dtype: DType::F32 });
        let tuned = pollster::block_on(Conv2dPlan::tune(&gpu, &Conv2d::default(), &empty)).unwrap();
        assert!(
            tuned.candidates.iter().all(|candidate| matches!(candidate.outcome, Outcome::Right { .. })),
            "{tuned:?}"
        );
        let input = Tensor::new(&gpu, [1, 4, 5, 5], DType::F32).unwrap();
        let weight = Tensor::new(&gpu, [2, 3, 3, 3], DType::F32).unwrap();
        let inputs = Conv2dInputs { input, weight, bias: None };
        let error = pollster::block_on(Conv2dPlan::tune(&gpu, &Conv2d::default(), &inputs)).unwrap_err();
        assert!(matches!(error, Error::Shape { argument: "weight", .. }));
    }
}
