//! What runs on a device. One device serves the whole program: a software adapter compiles each kernel at its first use.
//!
//! | file | shows |
//! | --- | --- |
//! | goldens | every strategy agrees with other systems |
//! | shapes | every op agrees with the reference on shapes in which no two axes are alike, and on the odd ones |
//! | properties | what holds without expected numbers |
//! | random | drawn problems, legal or not, on devices with small limits: both agree, or both refuse |
//! | limits | small bindings, small grids and large ones change nothing; what cannot be bound is an error |
//! | dtypes | storage of 16 bits: every bit pattern, every op, odd sizes |
//! | dialects | the short ways of other systems' operations, on their documents' examples |
//! | embedding | the caller's device, encoder and pass |
//! | onnx | models in ONNX files, with the feature of that name |
//! | faults | what goes wrong is told, by kind of fault |
//! | calls | plans, recorders, downloads, counters, and refusals at the call |

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod calls;
mod dialects;
mod dtypes;
mod embedding;
mod faults;
mod goldens;
mod limits;
#[cfg(feature = "onnx")]
mod onnx;
mod properties;
mod random;
mod shapes;
#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;

use std::sync::OnceLock;

use pliant::{Gpu, Strategy};

use support::compare::Expected;
use support::problem::{Implementation, Problem, Storage};

/// The device of all tests.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| match pollster::block_on(Gpu::new()) {
        Ok(gpu) => {
            eprintln!("on {gpu:?}");
            gpu
        }
        Err(error) => panic!("{error}"),
    })
}

/// Every implementation on a device: each strategy forced, and the plan's own choice.
fn implementations(gpu: &Gpu) -> impl Iterator<Item = Implementation<'_>> {
    let forced = Strategy::ALL.iter().map(|&strategy| Some(strategy));
    let strategies = std::iter::once(None).chain(forced);
    strategies.map(move |strategy| Implementation::Device { gpu, strategy, storage: Storage::F32 })
}

/// Holds a problem against the reference.
fn check_on(problem: &Problem, implementation: Implementation<'_>) -> Result<(), String> {
    let actual = pollster::block_on(problem.run(implementation)).map_err(|error| error.to_string())?;
    let storage = match implementation {
        Implementation::Reference => Storage::F32,
        Implementation::Device { storage, .. } => storage,
    };
    let reference = problem.stored(storage).reference().map_err(|error| error.to_string())?;
    Expected::of_reference(reference).stored(storage.data).compare(&actual).map_err(|miss| format!("output{miss}"))
}

fn check(problem: &Problem) {
    for implementation in implementations(gpu()) {
        if let Err(failure) = check_on(problem, implementation) {
            panic!("{failure}\n{}", problem.describe());
        }
    }
}
