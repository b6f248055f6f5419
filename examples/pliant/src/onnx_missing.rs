//! `onnx`, in a build without the cargo feature of that name.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::Failure;

pub(crate) const MISSING: &str =
    "Run a model from an ONNX file; this build cannot: it is without the cargo feature onnx";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Whatever it was called with
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _any: Vec<OsString>,
}

pub(crate) async fn main(_: Arguments) -> Result<ExitCode, Failure> {
    Err("this build is without the cargo feature onnx; \
         `cargo run --release -p pliant-cli -- onnx MODEL.onnx` builds it with it"
        .into())
}
