//! `onnx --check`: models with inputs and outputs beside them, in folders.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pliant::Gpu;
use pliant::onnx::Model;
use pliant_support::npy::Array;

use super::{Agreement, Arguments, Planned};
use crate::Failure;

pub(super) async fn main(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut folders = Vec::new();
    for folder in &arguments.model {
        if folder.is_file() {
            return Err(format!("{}: --check needs a folder that has a model.onnx", folder.display()).into());
        }
        let before = folders.len();
        find(folder, &mut folders)?;
        if folders.len() == before {
            return Err(format!("{} has no model.onnx and no folder that has", folder.display()).into());
        }
    }
    let gpu = arguments.device.gpu().await?;
    println!("on {gpu:?}");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for folder in &folders {
        println!("{}", folder.display());
        if !folder.join("outputs").is_dir() {
            println!("    skipped: it has no folder outputs");
            skipped += 1;
            continue;
        }
        match check(arguments, &gpu, folder).await {
            Ok(true) => passed += 1,
            Ok(false) => failed += 1,
            Err(error) => {
                println!("    FAILED: {error}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if passed > 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Folders of a model, in order of their names.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    if folder.join("model.onnx").is_file() {
        found.push(folder.to_path_buf());
        return Ok(());
    }
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut inner: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    inner.sort();
    inner.iter().try_for_each(|folder| find(folder, found))
}

/// The arrays of a folder, by name.
fn arrays(folder: &Path) -> Result<Vec<(String, Array)>, String> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut arrays = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "npy") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            arrays.push((name, Array::read(&path)?));
        }
    }
    arrays.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(arrays)
}

async fn check(arguments: &Arguments, gpu: &Gpu, folder: &Path) -> Result<bool, Failure> {
    let model = Model::open(folder.join("model.onnx"))?;
    let (inputs, expected) = (arrays(&folder.join("inputs"))?, arrays(&folder.join("outputs"))?);
    let given: Vec<_> = inputs.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    let planned = Planned::new(gpu, model, &given, Vec::new(), arguments)?;
    let outputs = planned.run(gpu).await?.outputs;
    println!("    {}", planned.memory());
    if let Some(explain) = arguments.explain {
        explain.print(planned.plan.fusions());
    }
    let mut passed = !expected.is_empty();
    for (name, expected) in &expected {
        let Some((_, output)) = outputs.iter().find(|(output, _)| output == name) else {
            println!("    {name}: FAILED: the model has no such output");
            passed = false;
            continue;
        };
        let array = Array::download(output).await?;
        let agreement = Agreement::of(&array, output.dtype(), expected, arguments.tolerance());
        println!("    {name}: {agreement}");
        passed &= agreement.passed;
    }
    Ok(passed)
}
