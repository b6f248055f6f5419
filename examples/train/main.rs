//! Trains small networks to read handwritten digits that are turned, scaled and shifted: one with plain convolutions, a wider one, and the
//! first with its last two convolutions deformable. Every tensor is computed on the device, forward, backward and in the steps of descent.
//!
//! `cargo run --release --example train -- --help` lists the options.

mod digits;
mod picture;
mod training;

use std::process::ExitCode;

use clap::Parser;
use pliant_support::device;

/// A failure to be told to whoever started the program.
pub(crate) type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    device::set_runtime_dir();
    let arguments = training::Arguments::parse();
    match pollster::block_on(training::main(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("train: {failure}");
            ExitCode::FAILURE
        }
    }
}
