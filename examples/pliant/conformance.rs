//! `conformance`: what other systems computed, computed here.

use std::path::PathBuf;
use std::process::ExitCode;

use pliant::DType;

use crate::Failure;
use crate::device::{Device, StrategyChoice};
use crate::support::case::{self, Verdict};
use crate::support::problem::{Implementation, Storage};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders with cases, searched recursively, or single case files
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// How the cases' tensors are stored; with 16 bits, the reference on the rounded inputs is the measure
    #[arg(long, default_value = "f32")]
    dtype: DType,
    /// How offsets and masks are stored [default: as the others]
    #[arg(long)]
    offset_dtype: Option<DType>,
    #[command(flatten)]
    strategy: StrategyChoice,
    #[command(flatten)]
    device: Device,
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut cases = Vec::new();
    for path in &arguments.paths {
        cases.extend(case::find(path)?);
    }
    let gpu = arguments.device.gpu().await?;
    let strategy = arguments.strategy.strategy();
    let storage = Storage::new(arguments.dtype, arguments.offset_dtype.unwrap_or(arguments.dtype));
    println!("{} cases on {gpu:?}", cases.len());

    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let progress = indicatif::ProgressBar::new(cases.len() as u64);
    for case in &cases {
        let verdict = case.judge(Implementation::Device { gpu: &gpu, strategy, storage }).await;
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
