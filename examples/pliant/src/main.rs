//! The program `pliant`: the main job on a photograph, the conformance corpus, benchmarks.
//!
//! `cargo run --release -p pliant-cli -- help` lists its commands.

#[macro_use]
mod print;

mod adapters;
mod bench;
mod conformance;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(not(feature = "onnx"))]
mod onnx_missing;
mod photo;
mod run;

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Parser, Subcommand};
use pliant_support::device;

#[cfg(not(feature = "onnx"))]
use onnx_missing as onnx;

/// A failure to be told to whoever started the program.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// A number between two others, both included.
pub(crate) fn number<T>(text: &str, least: T, most: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + Copy,
{
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {least} to {most} is needed")),
    }
}

/// Deformable convolution on any GPU: see it work, check it, time it.
#[derive(Parser)]
#[command(name = "pliant", version, args_conflicts_with_subcommands = true)]
// Its name is that of the commands' own.
#[group(skip)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Run a lens-shaped deformable convolution and a deformable attention over a photograph and write pictures (the default)
    Run(run::Arguments),
    /// List the adapters of this machine
    Adapters(adapters::Arguments),
    /// Run conformance cases and compare with what other systems computed
    Conformance(conformance::Arguments),
    /// Time deformable convolutions, verified first
    Bench(bench::Arguments),
    /// Run a model from an ONNX file on a picture or on NumPy's files
    #[cfg_attr(not(feature = "onnx"), command(about = onnx::MISSING))]
    Onnx(onnx::Arguments),
}

fn main() -> ExitCode {
    device::set_runtime_dir();
    let Arguments { command, run } = Arguments::parse();
    let command = command.unwrap_or(Command::Run(run));
    let result = pollster::block_on(async {
        match command {
            Command::Run(arguments) => run::main(arguments).await,
            Command::Adapters(arguments) => adapters::main(arguments).await,
            Command::Conformance(arguments) => conformance::main(arguments).await,
            Command::Bench(arguments) => bench::main(arguments).await,
            Command::Onnx(arguments) => onnx::main(arguments).await,
        }
    });
    result.unwrap_or_else(|failure| {
        eprintln!("pliant: {failure}");
        ExitCode::FAILURE
    })
}
