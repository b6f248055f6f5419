//! Models in ONNX files agree with ONNX Runtime; what does not fit is refused by the node's name.

use std::path::{Path, PathBuf};

use pliant::onnx::{Model, ModelOptions, ModelPlan};
use pliant::{DType, Error, Gpu, Recorder, Tensor, TensorSpec};

use crate::gpu;
use crate::support::compare::Expected;
use crate::support::npy::Array;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name)
}

fn bytes(model: &str) -> Vec<u8> {
    std::fs::read(file(&format!("{model}.onnx"))).unwrap()
}

/// A model with its inputs uploaded.
fn model(name: &str, gpu: &Gpu) -> (Model, Vec<(String, Tensor)>) {
    let model = Model::read(&bytes(name)).unwrap();
    let upload = |input: &str| Array::read(&file(&format!("{name}.{input}.npy"))).unwrap().upload(gpu).unwrap();
    let inputs = model.inputs().iter().map(|input| (input.name.clone(), upload(&input.name))).collect();
    (model, inputs)
}

fn specs(inputs: &[(String, Tensor)]) -> Vec<(&str, TensorSpec)> {
    inputs.iter().map(|(name, tensor)| (name.as_str(), tensor.spec())).collect()
}

fn tensors(inputs: &[(String, Tensor)]) -> Vec<(&str, &Tensor)> {
    inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect()
}

fn run(plan: &ModelPlan, inputs: &[(String, Tensor)]) -> Vec<(String, Array)> {
    let mut recorder = Recorder::new(gpu());
    let outputs = plan.forward(&mut recorder, &tensors(inputs)).unwrap();
    recorder.submit().unwrap();
    let download = |tensor: &Tensor| pollster::block_on(Array::download(tensor)).unwrap();
    outputs.iter().map(|(name, tensor)| (name.to_string(), download(tensor))).collect()
}

/// Each contraction on the way to an output, of so many terms, may lose (16 + 2 sqrt(terms)) · 2^-24, here and in ONNX Runtime, and
/// with 16 bits each node half a unit in the last place. All of it is taken as parts of the largest element.
fn tolerance(contractions: &[u32], roundings: u32, largest: f64) -> f64 {
    let ulps: f64 = contractions.iter().map(|&terms| 16.0 + 2.0 * f64::from(terms).sqrt()).sum();
    (2.0 * ulps * 2f64.powi(-24) + 2.0 * f64::from(roundings) * 2f64.powi(-11)) * largest
}

fn check(name: &str, output: &str, actual: &Array, expected: &Array, contractions: &[u32], roundings: u32) {
    assert_eq!(actual.shape, expected.shape, "{name}, {output}");
    let expected = expected.elements();
    let largest = expected.iter().fold(0.0, |largest: f64, element| largest.max(element.abs()));
    assert!(largest > 0.1, "{name}, {output}: only zeros are expected");
    let expected = Expected::within(expected, tolerance(contractions, roundings, largest), 0.0);
    let actual: Vec<_> = actual.elements().into_iter().map(|x| x as f32).collect();
    expected.compare(&actual).unwrap_or_else(|miss| panic!("{name}: {output}{miss}"));
}

#[test]
fn models_agree_with_onnx_runtime() {
    // Of the stem, of two layers with their offsets, of the pool, and of the gate.
    let net = &[27, 72, 72, 72, 36, 99, 16, 4][..];
    let models: &[(&str, usize, &[u32], u32)] = &[
        ("deform_conv", 1, &[36], 0),
        ("dcnv2", 1, &[54, 54], 0),
        ("net", 1, net, 0),
        ("net_of_old", 1, net, 0),
        ("attributes", 6, &[48], 0),
        ("forms", 3, &[9], 0),
        ("opset10", 2, &[27], 0),
        ("half", 1, &[36, 36], 5),
        ("volumes", 4, &[36], 0),
        ("clip", 6, &[], 0),
        ("clip_of_old", 3, &[], 0),
    ];
    for &(name, many, contractions, roundings) in models {
        let (model, inputs) = model(name, gpu());
        let plan = ModelPlan::new(gpu(), &model, &specs(&inputs)).unwrap();
        let outputs = run(&plan, &inputs);
        assert_eq!(outputs.len(), many);
        for ((output, array), (planned, spec)) in outputs.iter().zip(plan.outputs()) {
            assert_eq!((output.as_str(), array.shape), (planned, spec.shape));
            let expected = Array::read(&file(&format!("{name}.{output}.npy"))).unwrap();
            check(name, output, array, &expected, contractions, roundings);
        }
    }
}

/// The file leaves batch, height and width open.
#[test]
fn shapes_are_those_of_the_inputs() {
    let (model, inputs) = model("dcnv2", gpu());
    assert_eq!(model.inputs()[0].extents, Some(vec![None, Some(6), None, None]));
    let whole = run(&ModelPlan::new(gpu(), &model, &specs(&inputs)).unwrap(), &inputs).remove(0).1.elements();
    let first = inputs[0].1.download_blocking::<f32>().unwrap();
    let first = vec![("x".to_string(), Tensor::upload(gpu(), [1, 6, 8, 7], &first[..6 * 8 * 7]).unwrap())];
    let one = run(&ModelPlan::new(gpu(), &model, &specs(&first)).unwrap(), &first).remove(0).1;
    assert_eq!(one.shape, [1, 5, 8, 7].into());
    let one: Vec<_> = one.elements().into_iter().map(|x| x as f32).collect();
    let expected = whole[..5 * 8 * 7].to_vec();
    Expected::within(expected, tolerance(&[54, 54], 0, 1.6), 0.0).compare(&one).unwrap();
}

/// A call repeated makes nothing but tensors.
#[test]
fn a_call_repeated_makes_nothing() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let (model, inputs) = model("net", &gpu);
    let plan = ModelPlan::new(&gpu, &model, &specs(&inputs)).unwrap();
    let call = || {
        let mut recorder = Recorder::new(&gpu);
        let outputs = plan.forward(&mut recorder, &tensors(&inputs)).unwrap();
        recorder.submit().unwrap();
        outputs[0].1.download_blocking::<f32>().unwrap()
    };
    let first = call();
    let counts = gpu.counts();
    (0..10).for_each(|_| assert_eq!(call(), first));
    assert_eq!(gpu.counts(), counts);
}

/// Tensors that are used again do not mix up, in one recording or in several, submitted once or twice.
#[test]
fn a_plan_serves_many_calls() {
    let (model, inputs) = model("net", gpu());
    let plan = ModelPlan::new(gpu(), &model, &specs(&inputs)).unwrap();
    let zeros = Tensor::new(gpu(), inputs[0].1.shape(), DType::F32).unwrap();
    let mut recorder = Recorder::new(gpu());
    let first = plan.forward(&mut recorder, &tensors(&inputs)).unwrap().remove(0).1;
    let other = plan.forward(&mut recorder, &[("x", &zeros)]).unwrap().remove(0).1;
    recorder.submit().unwrap();
    recorder.submit().unwrap();
    let alone: Vec<_> = run(&plan, &inputs).remove(0).1.elements().into_iter().map(|x| x as f32).collect();
    assert_eq!(first.download_blocking::<f32>().unwrap(), alone);
    assert_ne!(other.download_blocking::<f32>().unwrap(), alone);
}

#[test]
fn inputs_are_refused_with_both_figures() {
    let (model, inputs) = model("dcnv2", gpu());
    let spec = |extents: [u32; 4]| TensorSpec { shape: extents.into(), dtype: DType::F32 };
    let legal = spec([2, 6, 8, 7]);
    let table: &[(&[(&str, TensorSpec)], &str)] = &[
        (&[], r#"input "x" was not given"#),
        (&[("z", legal)], r#"input "z" was given; the model has x"#),
        (&[("x", legal), ("x", legal)], r#"input "x" was given twice"#),
        (&[("x", spec([2, 5, 8, 7]))], "the model declares x (?x6x?x? of f32); 2x5x8x7 was given"),
        (&[("x", TensorSpec { dtype: DType::F16, ..legal })], "the model declares x (?x6x?x? of f32); f16 was given"),
        (
            &[("x", spec([2, 6, 0, 7]))],
            r#"node "node_conv2d" of type Conv: input (2x6x0x7) has height of extent 0; at least 1 is needed"#,
        ),
    ];
    for (given, message) in table {
        assert_eq!(ModelPlan::new(gpu(), &model, given).err().unwrap().to_string(), *message);
    }
    let (several, _) = self::model("deform_conv", gpu());
    let missing = ModelPlan::new(gpu(), &several, &[("offset", spec([2, 18, 7, 9]))]).err().unwrap();
    assert_eq!(missing.to_string(), r#"inputs "x", "mask" were not given"#);
    let plan = ModelPlan::new(gpu(), &model, &[("x", legal)]).unwrap();
    let mut recorder = Recorder::new(gpu());
    let smaller = Tensor::new(gpu(), [1, 6, 8, 7], DType::F32).unwrap();
    let error = plan.forward(&mut recorder, &[("x", &smaller)]).unwrap_err();
    assert_eq!(error.to_string(), r#"input "x" is 1x6x8x7; the plan was made for 2x6x8x7"#);
    assert!(plan.forward(&mut recorder, &[]).is_err() && recorder.is_empty());
    plan.forward(&mut recorder, &tensors(&inputs)).unwrap();
}

/// Models that can still be read after a byte was altered are planned or refused.
#[test]
fn altered_models_do_no_harm() {
    let (_, inputs) = model("deform_conv", gpu());
    let bytes = bytes("deform_conv");
    let (mut planned, mut refused) = (0, 0);
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let Ok(model) = Model::read(&altered) else { continue };
        match ModelPlan::new(gpu(), &model, &specs(&inputs)) {
            Ok(_) => planned += 1,
            Err(Error::Validation(message)) => panic!("byte {at}: {message}"),
            Err(_) => refused += 1,
        }
    }
    assert!(planned > 0 && refused > 20, "{planned} planned, {refused} refused");
}

/// Networks of many operators, bytes of which were altered.
#[test]
fn altered_networks_do_no_harm() {
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut planned, mut refused) = (0, 0);
    for folder in std::fs::read_dir(file("models")).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        let inputs = arrays(&folder.join("inputs"));
        let inputs: Vec<_> = inputs.into_iter().map(|(name, array)| (name, array.upload(gpu()).unwrap())).collect();
        for _ in 0..60 {
            let mut altered = bytes.clone();
            for _ in 0..rng.usize(1..40) {
                let at = rng.usize(..altered.len());
                altered[at] = if rng.bool() { rng.u8(..) } else { altered[at] ^ 1 << rng.u32(..8) };
            }
            let Ok(model) = Model::read(&altered) else { continue };
            match ModelPlan::new(gpu(), &model, &specs(&inputs)) {
                Ok(_) => planned += 1,
                Err(Error::Validation(message)) => panic!("{}: {message}", folder.display()),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(planned > 20 && refused > 0, "{planned} planned, {refused} refused");
}

/// The arrays of a folder, by the names of their files.
fn arrays(folder: &Path) -> Vec<(String, Array)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.file_stem().unwrap().to_string_lossy().into_owned(), Array::read(&file).unwrap())).collect()
}

/// Published networks with random weights, whole: their files have hundreds of nodes of some forty operators.
#[test]
fn whole_networks_agree_with_onnx_runtime() {
    for folder in std::fs::read_dir(file("models")).unwrap().map(|entry| entry.unwrap().path()) {
        let model = Model::open(folder.join("model.onnx")).unwrap();
        assert!(model.operators().iter().all(|operator| operator.refusal.is_none()));
        let inputs = arrays(&folder.join("inputs"));
        let inputs: Vec<_> = inputs.into_iter().map(|(name, array)| (name, array.upload(gpu()).unwrap())).collect();
        let plan = ModelPlan::new(gpu(), &model, &specs(&inputs)).unwrap();
        // Lifetimes pay: of each network, less than a third is left.
        assert!(3 * plan.memory() < plan.unshared_memory(), "{}", folder.display());
        let outputs = run(&plan, &inputs);
        for (name, expected) in arrays(&folder.join("outputs")) {
            let (_, actual) = outputs.iter().find(|(output, _)| *output == name).unwrap();
            assert_eq!(actual.shape, expected.shape);
            let expected = expected.elements();
            let largest = expected.iter().fold(0.0, |largest: f64, element| largest.max(element.abs()));
            let expected = Expected::within(expected, 1e-4 * largest, 0.0);
            let actual: Vec<_> = actual.elements().into_iter().map(|x| x as f32).collect();
            expected.compare(&actual).unwrap_or_else(|miss| panic!("{}: {name}{miss}", folder.display()));
        }
    }
}

/// A recording is submitted again with what its input holds by then.
#[test]
fn a_recording_is_replayed() {
    let (model, inputs) = model("net", gpu());
    let plan = ModelPlan::new(gpu(), &model, &specs(&inputs)).unwrap();
    let expected = run(&plan, &inputs).remove(0).1.elements();
    let given = Tensor::new(gpu(), inputs[0].1.shape(), DType::F32).unwrap();
    let mut recorder = Recorder::new(gpu());
    let output = plan.forward(&mut recorder, &[("x", &given)]).unwrap().remove(0).1;
    recorder.submit().unwrap();
    let zeros = output.download_blocking::<f32>().unwrap();
    let x = inputs[0].1.download_blocking::<f32>().unwrap();
    gpu().queue().write_buffer(given.buffer(), given.offset(), bytemuck::cast_slice(&x));
    recorder.submit().unwrap();
    let again = output.download_blocking::<f32>().unwrap();
    assert!(again.iter().map(|&x| f64::from(x)).eq(expected) && again != zeros);
}

/// Nodes have the times of their dispatches, and the bytes of what they read and write.
#[test]
fn every_node_has_its_time() {
    let (model, inputs) = model("net", gpu());
    let options = ModelOptions { rules: &[], ..ModelOptions::default() };
    let plan = ModelPlan::with_options(gpu(), &model, &specs(&inputs), options).unwrap();
    let mut recorder = Recorder::new(gpu());
    plan.forward(&mut recorder, &tensors(&inputs)).unwrap();
    let nodes = pollster::block_on(plan.profile(gpu(), &tensors(&inputs))).unwrap();
    assert_eq!(nodes.iter().map(|node| node.dispatches).sum::<usize>(), recorder.len());
    assert!(nodes.iter().map(|node| node.seconds).sum::<f64>() > 0.0);
    let operators = model.operators();
    for node in &nodes {
        assert!(operators.iter().any(|operator| operator.name == node.operator), "{node:?}");
        assert!(!node.node.is_empty() && !node.node.contains('"') && node.bytes > 0, "{node:?}");
        assert_eq!(
            node.flops > 0,
            ["Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul"].contains(&&*node.operator)
        );
    }
    // Of the stem: 2x3x18x22 of f32, its weight and its output, whose terms are 27.
    let stem = nodes.iter().find(|node| node.operator == "Conv").unwrap();
    let output = stem.output.shape.elements();
    let channels = u64::from(stem.output.shape.extents()[1]);
    assert!(stem.bytes >= 4 * (2 * 3 * 18 * 22 + 27 * channels + output), "{stem:?}");
    assert_eq!(stem.flops, 2 * 27 * output);
}
