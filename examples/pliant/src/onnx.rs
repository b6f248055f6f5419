//! `onnx`: a model from an ONNX file, on inputs from NumPy's files.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use pliant::Recorder;
use pliant::onnx::{Model, ModelPlan, ValueInfo};
use pliant_support::device::Device;
use pliant_support::npy::{Array, named};
use pliant_support::output;

use crate::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The model
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// An input, float32 or float16; those without a name are in the model's order
    #[arg(long = "input", value_name = "[NAME=]X.npy")]
    inputs: Vec<String>,
    /// Where an output goes
    #[arg(long = "output", value_name = "[NAME=]Y.npy")]
    outputs: Vec<String>,
    /// Expected value of an output
    #[arg(long = "expect", value_name = "[NAME=]Y.npy")]
    expected: Vec<String>,
    /// How far an output may be off, in parts of the largest element expected; 16 bits want 1e-2
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f32,
    #[command(flatten)]
    device: Device,
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    let file = &arguments.model;
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let model = Model::read(&bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    list("inputs", model.inputs());
    list("outputs", model.outputs());
    let names = |values| <[ValueInfo]>::iter(values).map(|value| value.name.as_str());
    let inputs = named(&arguments.inputs, "input", names(model.inputs()))?;
    let outputs = named(&arguments.outputs, "output", names(model.outputs()))?;
    let expected = named(&arguments.expected, "output", names(model.outputs()))?;
    outputs.iter().try_for_each(|(_, file)| output::file(file))?;

    let gpu = arguments.device.gpu().await?;
    println!("on {gpu:?}");
    let mut tensors = Vec::new();
    for (name, file) in &inputs {
        tensors.push((*name, Array::read(file)?.upload(&gpu)?));
    }
    let specs: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor.spec())).collect();
    let start = Instant::now();
    let plan = ModelPlan::new(&gpu, &model, &specs)?;
    println!("planned in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let start = Instant::now();
    let mut recorder = Recorder::new(&gpu);
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let given = plan.forward(&mut recorder, &tensors)?;
    recorder.submit()?;
    let mut arrays = Vec::new();
    for (name, tensor) in &given {
        arrays.push((*name, tensor.dtype(), Array::download(tensor).await?));
    }
    println!("{} dispatches, recorded and run in {:.1} ms", recorder.len(), start.elapsed().as_secs_f64() * 1e3);

    let mut code = ExitCode::SUCCESS;
    for (name, dtype, array) in &arrays {
        let elements = array.elements();
        let least = elements.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = elements.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        println!("{name} ({} of {dtype}): {least} to {largest}", array.shape);
        for (_, file) in outputs.iter().filter(|(output, _)| output == name) {
            array.write(file)?;
            println!("    wrote {}", file.display());
        }
        for (_, file) in expected.iter().filter(|(output, _)| output == name) {
            if !agrees(array, &Array::read(file)?, arguments.tolerance) {
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn list(what: &str, values: &[ValueInfo]) {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    println!("{what:<8} {}", values.join(", "));
}

fn agrees(actual: &Array, expected: &Array, tolerance: f32) -> bool {
    if actual.shape != expected.shape {
        println!("    FAILED: {} was expected", expected.shape);
        return false;
    }
    let expected = expected.elements();
    let largest = expected.iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
    let most = tolerance * largest;
    // NaN differs from everything but NaN.
    let alike = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
    let differences =
        actual.elements().into_iter().zip(expected).filter(|&(a, b)| !alike(a, b)).map(|(a, b)| (a - b).abs());
    let difference = differences.fold(0.0, |worst: f32, x| if x.is_nan() { f32::INFINITY } else { worst.max(x) });
    let passed = difference <= most;
    let verdict = if passed { "passed" } else { "FAILED" };
    println!("    {verdict}: largest difference {difference:.3e}, at most {most:.3e} allowed");
    passed
}
