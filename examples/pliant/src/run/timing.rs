//! Where the time of a recording goes.

use std::time::{Duration, Instant};

use pliant::{Gpu, Recorder, StageTime};

/// So many runs are timed; the fastest counts.
const RUNS: usize = 3;

/// The times of a recording.
pub(super) struct Times {
    /// Where the time went.
    stages: Vec<StageTime>,
    /// The time of the whole, submitted at once.
    total: Duration,
}

impl Times {
    /// Runs a recording at once and stage by stage: once each to warm up, then a few times more, of which the fastest counts.
    pub(super) async fn of(recorder: &Recorder) -> pliant::Result<Self> {
        let submitted = || -> pliant::Result<Duration> {
            let start = Instant::now();
            recorder.submit()?;
            recorder.gpu().wait()?;
            Ok(start.elapsed())
        };
        submitted()?;
        recorder.profile().await?;
        let (mut total, mut stages) = (submitted()?, recorder.profile().await?);
        for _ in 1..RUNS {
            total = total.min(submitted()?);
            let again = recorder.profile().await?;
            if seconds(&again) < seconds(&stages) {
                stages = again;
            }
        }
        Ok(Self { stages, total })
    }

    /// Prints a line for each stage, and their sum.
    pub(super) fn print(&self, of: &str) {
        println!("\n{:<40} {:>10} {:>12}", of, "dispatches", "ms");
        for stage in &self.stages {
            println!("{:<40} {:>10} {:>12.3}", stage.kernel, stage.dispatches, stage.seconds * 1e3);
        }
        let dispatches: u32 = self.stages.iter().map(|stage| stage.dispatches).sum();
        println!("{:<40} {dispatches:>10} {:>12.3}", "sum", seconds(&self.stages) * 1e3);
        println!(
            "{:<40} {dispatches:>10} {:>12.3}",
            "total, submitted at once, by the clock",
            self.total.as_secs_f64() * 1e3
        );
    }
}

/// Says how the times that were printed were taken.
pub(super) fn explain(gpu: &Gpu) {
    let clock = if gpu.capabilities().timestamps() { "the device's timestamps" } else { "the clock" };
    println!(
        "\nFor the stages and their sum, timed by {clock}, each dispatch runs apart; the total is a run of its own, from"
    );
    println!("submitting all of them to the end. Both are the fastest of {RUNS} runs, after one to warm up.");
}

fn seconds(stages: &[StageTime]) -> f64 {
    stages.iter().map(|stage| stage.seconds).sum()
}
