//! Tests on a device. One device serves the whole program: a software adapter compiles each kernel at its first use.
//!
//! | file | shows |
//! | --- | --- |
//! | goldens | every strategy agrees with other systems |
//! | shapes | every op agrees with the reference on shapes in which no two axes are alike, and on the odd ones |
//! | properties | what holds without expected numbers |
//! | values | what is not finite, in each input of each op, and denormals |
//! | strategies | each kernel of each strategy, on shapes that make it the one; what is not applicable is told |
//! | tuning | choices by measurement are right, are kept, and travel as text to a device of the same kind and to no other |
//! | random | drawn problems, legal or not, on devices with small limits: both agree, or both refuse |
//! | recordings | drawn shapes are recorded, and not run: what is bound was taken |
//! | loops | kernels' loops run as often as they state at most, and are cut where a device does not run them to their end |
//! | limits | small bindings, small grids and large ones change nothing; what cannot be bound is an error |
//! | reductions | sums, extremes, sorted elements and cumulative sums along axes: every function, in one stage and in several |
//! | sizes | large images: rows and planes that do not fit at once, and work that grows with the image and no faster |
//! | spatial | images resized and pooled, in every form |
//! | attention | scaled dot-product attention: every layout, addends that broadcast, queries that attend to nothing |
//! | dtypes | storage of 16 bits: every bit pattern, every op, odd sizes |
//! | movement | copies: every form, in floats and integers, bit for bit |
//! | roi | regions of interest: every pooling, its borders and bins, in whatever pieces |
//! | grids | samples of grids: every mode and padding, and where their rules change |
//! | gradients | backward passes agree with the reference, writing and adding, in any storage, and what they refuse |
//! | convolution_gradients | the same for what samples; the same bits, whatever the strips; directional derivatives |
//! | nn | layers, forward and backward, against the reference, and what they make and refuse |
//! | weights | parameters of layers in safetensors files, with the feature of that name |
//! | dialects | the short ways of other systems' operations, on their documents' examples |
//! | training | an optimiser's steps; a whole network's gradients and steps agree with the reference |
//! | embedding | the caller's device, encoder and pass |
//! | onnx | models in ONNX files, with the feature of that name |
//! | pictures | pictures as inputs and outputs of models, with the feature `image` |
//! | extremes | extreme shapes of every op are recorded in dispatches that their work accounts for |
//! | faults | what goes wrong is told, by kind of fault |
//! | downloads | nothing stale is read back, and nothing that was not submitted |
//! | calls | plans, recorders, downloads, counters, and refusals at the call |

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod attention;
mod calls;
mod convolution_gradients;
mod dialects;
mod downloads;
mod dtypes;
mod elementwise;
mod embedding;
mod extremes;
mod faults;
mod goldens;
mod gradients;
mod grids;
mod limits;
mod loops;
mod movement;
mod nn;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "image")]
mod pictures;
mod points;
mod properties;
mod random;
mod recordings;
mod reductions;
mod roi;
mod shapes;
mod sizes;
mod spatial;
mod strategies;
mod training;
mod tuning;
mod values;
#[cfg(feature = "safetensors")]
mod weights;
mod winograd;

use std::sync::OnceLock;

use fastrand::Rng;
use pliant::{Gpu, GpuOptions, Strategy};
use pliant_support::{self as support, network, network_reference};

use support::compare::Expected;
use support::problem::{Array, Implementation, Problem, Storage, Ways, before};
use support::random::normal;

/// The device of all tests.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let options = GpuOptions { cooperative_matrices: true, ..GpuOptions::default() };
    GPU.get_or_init(|| match pollster::block_on(Gpu::with_options(&options)) {
        Ok(gpu) => {
            eprintln!("on {gpu:?}");
            gpu
        }
        Err(error) => panic!("{error}"),
    })
}

/// Whether the adapter runs on the CPU and is too slow there for all that others do, as SwiftShader is: tests do a part of it.
fn slow() -> bool {
    let capabilities = gpu().capabilities();
    capabilities.software() && !capabilities.textures()
}

/// All, or one of so many on a slow adapter.
fn some<T>(all: impl IntoIterator<Item = T>, of: usize) -> impl Iterator<Item = T> {
    all.into_iter().step_by(if slow() { of } else { 1 })
}

/// The plan's own choice of a strategy in f32, and the other strategies forced, that do any convolution. Cooperative kernels do not do f32, and tiles
/// are for some windows: see strategies.rs, winograd.rs.
fn strategies_of(gpu: &Gpu) -> impl Iterator<Item = Option<Strategy>> {
    let own = if gpu.capabilities().software() { Strategy::Im2col } else { Strategy::Fused };
    let others = [Strategy::Im2col, Strategy::Fused].into_iter().filter(move |&other| other != own);
    std::iter::once(None).chain(others.map(Some))
}

/// The strategies of a problem: the plan's own choice alone where they make no difference.
fn strategies_for(gpu: &Gpu, problem: &Problem) -> impl Iterator<Item = Option<Strategy>> {
    strategies_of(gpu).take(if problem.has_strategies() { usize::MAX } else { 1 })
}

/// Every implementation in f32 on a device.
fn implementations(gpu: &Gpu) -> impl Iterator<Item = Implementation<'_>> {
    strategies_of(gpu).map(move |strategy| Implementation::Device { gpu, strategy, storage: Storage::F32 })
}

/// Holds a problem against the reference, where the implementation is applicable.
fn check_on(problem: &Problem, implementation: Implementation<'_>) -> Result<(), String> {
    let actual = match pollster::block_on(problem.run(implementation)) {
        Ok(actual) => actual,
        Err(error) => return implementation.not_applicable(&error).map(drop).ok_or(error.to_string()),
    };
    let storage = implementation.storage();
    let reference = problem.stored(storage).reference().map_err(|error| error.to_string())?;
    let expected = problem.expected(reference, implementation).map_err(|error| error.to_string())?;
    expected.stored(storage.data).compare(&actual).map_err(|miss| format!("output{miss}"))
}

/// Holds the gradients of a problem against the reference, where there is a backward pass; `seed` draws that of the output.
fn check_backward_on(
    problem: &Problem,
    seed: u64,
    implementation: Implementation<'_>,
    ways: Ways,
) -> Result<(), String> {
    let storage = implementation.storage();
    let elements = problem.stored(storage).reference().map_err(|error| error.to_string())?.value.len() as u32;
    let grad_output = normal(&mut Rng::with_seed(seed), [elements], 1.0);
    check_gradients_on(problem, &grad_output, implementation, ways)
}

/// Compares a device's gradients with the reference's for this gradient of the output.
fn check_gradients_on(
    problem: &Problem,
    grad_output: &Array,
    implementation: Implementation<'_>,
    ways: Ways,
) -> Result<(), String> {
    let Implementation::Device { gpu, strategy, storage } = implementation else { return Ok(()) };
    let failed = |error: pliant::Error| error.to_string();
    let (problem, grad_output) = (problem.stored(storage), grad_output.stored(storage.data));
    let references = problem.gradients(&grad_output).map_err(failed)?;
    if references.is_empty() {
        return Ok(());
    }
    let gradients = match pollster::block_on(problem.backward_on(gpu, strategy, storage, &grad_output, ways)) {
        Ok(gradients) => gradients,
        Err(error) => return implementation.not_applicable(&error).map(drop).ok_or(failed(error)),
    };
    assert_eq!(gradients.len(), references.len(), "{}", problem.describe());
    for (gradient, (name, reference)) in gradients.into_iter().zip(references) {
        assert_eq!(gradient.name, name);
        let mut sum = reference.clone();
        for (index, (value, magnitude)) in sum.value.iter_mut().zip(&mut sum.magnitude).enumerate() {
            let before = f64::from(before(index));
            (*value, *magnitude) = (*value + before, *magnitude + value.abs() + before.abs());
        }
        let expected = |reference| Expected::of_reference(reference).stored(gradient.dtype);
        expected(reference).compare(&gradient.value).map_err(|miss| format!("{name}{miss}"))?;
        if ways == Ways::All {
            expected(sum).compare(&gradient.added).map_err(|miss| format!("{name}, added, {miss}"))?;
        }
    }
    Ok(())
}

fn check(problem: &Problem) {
    check_each_on(problem, gpu());
}

fn check_each_on(problem: &Problem, gpu: &Gpu) {
    let all = if problem.has_strategies() { usize::MAX } else { 1 };
    for implementation in implementations(gpu).take(all) {
        if let Err(failure) = check_on(problem, implementation) {
            panic!("{failure}\n{}", problem.describe());
        }
    }
}
