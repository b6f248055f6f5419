//! `conformance`: what other systems computed, computed here.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::Failure;
use crate::device::{Device, StrategyChoice};
use crate::support::case::{self, Verdict};
use crate::support::problem::Implementation;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders with cases, searched recursively, or single case files
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// How the cases' tensors are stored
    #[arg(long, value_enum, default_value = "f32")]
    dtype: DTypeName,
    #[command(flatten)]
    strategy: StrategyChoice,
    #[command(flatten)]
    device: Device,
}

#[derive(Clone, Copy, ValueEnum)]
enum DTypeName {
    F32,
    F16,
    Bf16,
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut cases = Vec::new();
    for path in &arguments.paths {
        cases.extend(case::find(path)?);
    }
    let gpu = arguments.device.gpu().await?;
    let strategy = arguments.strategy.strategy();
    println!("{} cases on {gpu:?}", cases.len());

    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let progress = indicatif::ProgressBar::new(cases.len() as u64);
    for case in &cases {
        let verdict = match arguments.dtype {
            DTypeName::F32 => case.judge(Implementation::Device(&gpu, strategy)).await,
            DTypeName::F16 | DTypeName::Bf16 => Verdict::Skipped("16-bit storage is not built yet".to_string()),
        };
        match verdict {
            Verdict::Passed => passed += 1,
            Verdict::Failed(why) => {
                failed += 1;
                progress.suspend(|| println!("FAILED {}: {why}", case.name));
            }
            Verdict::Skipped(why) => {
                skipped += 1;
                progress.suspend(|| println!("skipped {}: {why}", case.name));
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if passed + failed == 0 {
        eprintln!("pliant: no case was run");
    }
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
