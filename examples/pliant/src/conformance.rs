//! `conformance`: what other systems computed, computed here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use pliant::DType;
use pliant_support::case::{self, Verdict};
use pliant_support::device::{DTYPES, Device, StrategyChoice};
use pliant_support::problem::{Implementation, Storage};

use crate::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders with cases, searched recursively, or single case files
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// How the cases' tensors are stored, one after another; with 16 bits, the reference on the rounded inputs is the measure
    #[arg(long, value_name = DTYPES, default_value = "f32", value_delimiter = ',')]
    dtype: Vec<DType>,
    /// How offsets and masks are stored [default: as the others]
    #[arg(long, value_name = DTYPES)]
    offset_dtype: Option<DType>,
    /// Print a line for each source of cases, below one of headings: its name, passed, failed, not applicable, skipped
    #[arg(long)]
    table: bool,
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
    let strategies = arguments.strategy.choices();
    let storage = |&dtype: &DType| Storage::new(dtype, arguments.offset_dtype.unwrap_or(dtype));
    let runs: Vec<_> = arguments
        .dtype
        .iter()
        .map(storage)
        .flat_map(|storage| strategies.iter().map(move |&strategy| (storage, strategy)))
        .collect();
    if !arguments.table {
        println!("{} cases on {gpu:?}", cases.len());
    }

    let mut by_source: BTreeMap<&str, Tally> = BTreeMap::new();
    let progress = indicatif::ProgressBar::new((cases.len() * runs.len()) as u64);
    for &(storage, strategy) in &runs {
        for case in &cases {
            let tally = by_source.entry(&case.source).or_default();
            match case.judge(Implementation::Device { gpu: &gpu, strategy, storage }).await {
                Verdict::Passed => tally.passed += 1,
                Verdict::Failed(why) => {
                    tally.failed += 1;
                    progress.suspend(|| eprintln!("FAILED {} in {}: {why}", case.name, storage.data));
                }
                Verdict::NotApplicable(_) => tally.not_applicable += 1,
                Verdict::Skipped(why) => {
                    tally.skipped += 1;
                    if !arguments.table {
                        progress.suspend(|| println!("skipped {}: {why}", case.name));
                    }
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    if arguments.table {
        println!("source\tpassed\tfailed\tnot applicable\tskipped");
    }
    let (mut passed, mut failed, mut not_applicable, mut skipped) = (0, 0, 0, 0);
    for (source, tally) in &by_source {
        passed += tally.passed;
        failed += tally.failed;
        not_applicable += tally.not_applicable;
        skipped += tally.skipped;
        if arguments.table {
            let Tally { passed, failed, not_applicable, skipped } = tally;
            println!("{source}\t{passed}\t{failed}\t{not_applicable}\t{skipped}");
        }
    }
    if !arguments.table {
        println!("{passed} passed, {failed} failed, {not_applicable} not applicable, {skipped} skipped");
    }
    if passed + failed == 0 {
        eprintln!("pliant: no case was run");
    }
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    not_applicable: u32,
    skipped: u32,
}
