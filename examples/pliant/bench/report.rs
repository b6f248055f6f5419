//! One line for each pass that was timed: as text, in Markdown, or as JSON.

use pliant::{DType, Strategy};
use serde_json::json;

use super::timing::Pass;

/// A pass that was timed, and what it is held against.
pub(crate) struct Row {
    pub(crate) shape: &'static str,
    pub(crate) offsets: &'static str,
    pub(crate) dtype: DType,
    pub(crate) strategy: Strategy,
    /// Whether a plan chooses this strategy by itself.
    pub(crate) chosen: bool,
    /// Whether forward and backward were timed together.
    pub(crate) backward: bool,
    pub(crate) pass: Pass,
    /// Floating-point operations of all contractions.
    pub(crate) flops: u64,
    /// What must be moved at least.
    pub(crate) bytes: u64,
    /// The input's size, channels last.
    pub(crate) packed_bytes: u64,
    /// Floating-point operations a second, and bytes a second, that the device reaches.
    pub(crate) matmul: f64,
    pub(crate) copy: f64,
}

impl Row {
    /// Floating-point operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.flops as f64 / self.pass.times.seconds()
    }

    /// Bytes a second.
    fn bandwidth(&self) -> f64 {
        self.bytes as f64 / self.pass.times.seconds()
    }

    /// Floating-point operations a byte.
    pub(crate) fn intensity(&self) -> f64 {
        self.flops as f64 / self.bytes as f64
    }

    /// What it shares with passes of other shapes and offsets.
    pub(crate) fn series(&self) -> String {
        format!("{} {}", self.strategy, self.dtype)
    }

    fn pass_name(&self) -> &'static str {
        if self.backward { "forward+backward" } else { "forward" }
    }

    /// The columns of the table: heading, width, cell. A star marks the strategy that a plan chooses by itself.
    fn columns(&self) -> [(&'static str, usize, String); 17] {
        let ms = |seconds: f64| format!("{:.3}", seconds * 1e3);
        let mega = |bytes: u64| format!("{:.1}", bytes as f64 * 1e-6);
        let percent = |share: f64| format!("{:.1} %", share * 1e2);
        let Pass { first, times, extra_bytes } = &self.pass;
        [
            ("shape", 10, self.shape.to_string()),
            ("offsets", 13, self.offsets.to_string()),
            ("type", 4, self.dtype.to_string()),
            ("strategy", 19, format!("{}{}", self.strategy, if self.chosen { " *" } else { "" })),
            ("pass", 16, self.pass_name().to_string()),
            ("first ms", 9, ms(first.as_secs_f64())),
            ("min ms", 9, ms(times.min.as_secs_f64())),
            ("median ms", 9, ms(times.median.as_secs_f64())),
            ("device ms", 9, times.device.map_or("-".to_string(), |device| ms(device.as_secs_f64()))),
            ("host us", 7, format!("{:.0}", times.host_median.as_secs_f64() * 1e6)),
            ("dispatches", 10, times.dispatches.to_string()),
            ("GFLOP/s", 8, format!("{:.1}", self.rate() * 1e-9)),
            ("of matmul", 9, percent(self.rate() / self.matmul)),
            ("GB/s", 7, format!("{:.2}", self.bandwidth() * 1e-9)),
            ("of copy", 7, percent(self.bandwidth() / self.copy)),
            ("extra MB", 8, mega(*extra_bytes)),
            ("image MB", 8, mega(self.packed_bytes)),
        ]
    }

    fn json(&self, adapter: &str) -> serde_json::Value {
        let Pass { first, times, extra_bytes } = &self.pass;
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        json!({
            "shape": self.shape,
            "offsets": self.offsets,
            "dtype": self.dtype.to_string(),
            "strategy": self.strategy.name(),
            "chosen": self.chosen,
            "pass": self.pass_name(),
            "adapter": adapter,
            "first_ms": ms(*first),
            "min_ms": ms(times.min),
            "median_ms": ms(times.median),
            "device_ms": times.device.map(ms),
            "host_median_us": times.host_median.as_secs_f64() * 1e6,
            "dispatches": times.dispatches,
            "gflops": self.rate() * 1e-9,
            "matmul_gflops": self.matmul * 1e-9,
            "gbytes": self.bandwidth() * 1e-9,
            "copy_gbytes": self.copy * 1e-9,
            "extra_bytes": extra_bytes,
            "packed_image_bytes": self.packed_bytes,
        })
    }
}

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Markdown,
    Json,
}

/// Prints each row as it comes, the heading with the first.
pub(crate) struct Table {
    format: Format,
    adapter: String,
    stages: bool,
    begun: bool,
}

impl Table {
    pub(crate) fn new(format: Format, adapter: String, stages: bool) -> Self {
        Self { format, adapter, stages, begun: false }
    }

    pub(crate) fn print(&mut self, row: &Row) {
        let columns = row.columns();
        let line = |cell: &dyn Fn(&(&'static str, usize, String)) -> String, between: &str| {
            columns.iter().map(cell).collect::<Vec<_>>().join(between)
        };
        // Names stand at the left, numbers at the right.
        let is_name = |heading: &str| ["shape", "offsets", "type", "strategy", "pass"].contains(&heading);
        let padded = |heading: &str, width: usize, text: &str| {
            if is_name(heading) { format!("{text:width$}") } else { format!("{text:>width$}") }
        };
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Json => println!("{}", row.json(&self.adapter)),
            Format::Markdown => {
                if first {
                    println!("| {} |", line(&|(heading, ..)| heading.to_string(), " | "));
                    let rule = |(heading, ..): &(&str, usize, String)| if is_name(heading) { "---" } else { "---:" };
                    println!("| {} |", line(&|column| rule(column).to_string(), " | "));
                }
                println!("| {} |", line(&|(.., cell)| cell.clone(), " | "));
            }
            Format::Text => {
                if first {
                    println!("{}", line(&|&(heading, width, _)| padded(heading, width, heading), "  "));
                }
                println!("{}", line(&|(heading, width, cell)| padded(heading, *width, cell), "  "));
                for stage in row.pass.times.stages.iter().filter(|_| self.stages) {
                    println!("    {:9.3} ms  {} x{}", stage.seconds * 1e3, stage.kernel, stage.dispatches);
                }
            }
        }
    }
}
