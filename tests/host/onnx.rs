//! Whatever the bytes of a model are, they are read or refused.

use std::path::Path;

use pliant::Error;
use pliant::onnx::{Model, ModelPlan};

/// The committed models, by name.
fn models() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let models = files.filter(|file| file.extension().is_some_and(|extension| extension == "onnx"));
    let mut models: Vec<_> =
        models.map(|file| (file.file_stem().unwrap().to_str().unwrap().into(), std::fs::read(file).unwrap())).collect();
    models.sort();
    assert!(models.len() >= 8);
    models
}

#[test]
fn whole_models_are_read() {
    for (name, bytes) in models() {
        let model = Model::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!model.inputs().is_empty() && !model.outputs().is_empty(), "{name}");
    }
}

#[test]
fn models_and_plans_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Model>();
    crosses::<ModelPlan>();
}

#[test]
fn truncated_models_are_malformed() {
    for (name, bytes) in models() {
        let step = bytes.len().div_ceil(1500);
        for length in (0..bytes.len()).step_by(step) {
            let error = Model::read(&bytes[..length]).expect_err(&name);
            assert!(matches!(error, Error::Malformed(_)), "{name}, {length} bytes: {error}");
        }
    }
}

#[test]
fn altered_models_do_no_harm() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut refused = 0;
    for (_, bytes) in models() {
        let mut altered = bytes.clone();
        for _ in 0..3000 {
            // The ends hold the structure, the middle mostly weights.
            let at = match rng.u32(0..3) {
                0 => rng.usize(0..bytes.len().min(1000)),
                1 => bytes.len() - 1 - rng.usize(0..bytes.len().min(1000)),
                _ => rng.usize(0..bytes.len()),
            };
            altered[at] ^= rng.u8(1..);
            refused += usize::from(Model::read(&altered).is_err());
            if rng.bool() {
                altered[at] = bytes[at];
            } else {
                altered.copy_from_slice(&bytes);
            }
        }
    }
    assert!(refused > 3000, "only {refused} were refused");
}

#[test]
fn lengths_and_depths_do_no_harm() {
    // A field of 2^62 bytes: the producer's name, a graph.
    for tag in [0x12, 0x3a] {
        let bytes = [tag, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        assert!(matches!(Model::read(&bytes), Err(Error::Malformed(_))));
    }
    // Graphs in attributes of nodes of graphs.
    let mut bytes = Vec::new();
    for level in 0..5000 {
        bytes.splice(0..0, varint(bytes.len()));
        bytes.insert(0, [0x3a, 0x0a, 0x2a, 0x32][level % 4]);
    }
    assert!(Model::read(&bytes).is_err());
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
