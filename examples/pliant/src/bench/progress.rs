//! How far a piece of work has come, and how long it will still take: on standard error, since tables go to standard output.

use std::cell::Cell;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressFinish, ProgressStyle};

/// A piece of work, of units that take equally long. On a terminal it is a bar, which goes when this is dropped; elsewhere a line,
/// if it takes long.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether the line has been written.
    told: Cell<bool>,
}

impl Progress {
    pub(crate) fn new(what: String, units: u64) -> Self {
        let bar = ProgressBar::new(units).with_prefix(what).with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{prefix}: {bar:30} {elapsed} so far{msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, told: Cell::new(false) }
    }

    /// Says how many units it is, where that was not known before.
    pub(crate) fn set_units(&self, units: u64) {
        self.bar.set_length(units);
    }

    /// Says that so many more units are done.
    pub(crate) fn advance(&self, units: u64) {
        /// Work shorter than this gets no line.
        const LONG: Duration = Duration::from_secs(10);
        self.bar.inc(units);
        let done = self.bar.position();
        let left = self.bar.length().unwrap_or(done).saturating_sub(done);
        let left = self.bar.elapsed().mul_f64(left as f64 / done.max(1) as f64);
        self.bar.set_message(format!(", about {} left", HumanDuration(left)));
        if self.bar.is_hidden() && left > LONG && !self.told.replace(true) {
            eprintln!("{}: about {} left", self.bar.prefix(), HumanDuration(left));
        }
    }
}
