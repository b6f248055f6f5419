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
    /// Minimum memory traffic in bytes.
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

    /// Name of the series: strategy and element type, which it shares with passes of other shapes and offsets.
    pub(crate) fn series(&self) -> String {
        format!("{} {}", self.strategy, self.dtype)
    }

    fn pass_name(&self) -> &'static str {
        if self.backward { "forward+backward" } else { "forward" }
    }

    /// The cells under [`COLUMNS`].
    fn cells(&self) -> [String; COLUMNS.len()] {
        let ms = |seconds: f64| format!("{:.3}", seconds * 1e3);
        let mega = |bytes: u64| format!("{:.1}", bytes as f64 * 1e-6);
        let percent = |share: f64| format!("{:.1} %", share * 1e2);
        let Pass { first, times, extra_bytes } = &self.pass;
        [
            self.shape.to_string(),
            self.offsets.to_string(),
            self.dtype.to_string(),
            format!("{}{}", self.strategy, if self.chosen { " *" } else { "" }),
            self.pass_name().to_string(),
            ms(first.as_secs_f64()),
            ms(times.min.as_secs_f64()),
            ms(times.median.as_secs_f64()),
            times.device.map_or("-".to_string(), |device| ms(device.as_secs_f64())),
            format!("{:.0}", times.host_median.as_secs_f64() * 1e6),
            times.dispatches.to_string(),
            format!("{:.1}", self.rate() * 1e-9),
            percent(self.rate() / self.matmul),
            format!("{:.2}", self.bandwidth() * 1e-9),
            percent(self.bandwidth() / self.copy),
            mega(*extra_bytes),
            mega(self.packed_bytes),
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

/// A column of the table.
struct Column {
    heading: &'static str,
    width: usize,
    meaning: &'static str,
}

const fn column(heading: &'static str, width: usize, meaning: &'static str) -> Column {
    Column { heading, width, meaning }
}

/// So many columns from the left hold names, the others numbers.
const NAMES: usize = 5;

const COLUMNS: [Column; 17] = [
    column("shape", 10, "its name in the suite"),
    column("offsets", 13, "where the taps sample: see --offsets"),
    column("type", 4, "how all tensors but the offsets are stored"),
    column("strategy", 19, "the family of kernels; a star marks the one that a plan chooses by itself"),
    column("pass", 16, "what was timed: forward, or forward and backward together"),
    column("first ms", 9, "a first call: plan, pipelines and one run; of forward+backward, after forward has run"),
    column("min ms", 9, "the least time by the clock, from recording to the end of the work, once warm"),
    column("median ms", 9, "the median of the same times"),
    column("device ms", 9, "the sum of the dispatches by the device's own timestamps; - where it has none"),
    column("host us", 7, "the median of recording and submitting, in microseconds"),
    column("dispatches", 10, "how many there are in one run"),
    column("GFLOP/s", 8, "operations of the contractions a second, by the lesser of min ms and device ms"),
    column("of matmul", 9, "the share of the best plain matrix product on this device"),
    column("GB/s", 7, "what must be read and written at least, a second"),
    column("of copy", 7, "the share of a plain copy on this device"),
    column("extra MB", 8, "memory beyond inputs, outputs and gradients"),
    column("image MB", 8, "the input once, channels last, as a strategy packs it"),
];

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
        let cells = row.cells();
        let headings = COLUMNS.map(|column| column.heading.to_string());
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Json => println!("{}", row.json(&self.adapter)),
            Format::Markdown => {
                if first {
                    println!("| {} |", headings.join(" | "));
                    let rules: [_; COLUMNS.len()] =
                        std::array::from_fn(|index| if index < NAMES { "---" } else { "---:" });
                    println!("| {} |", rules.join(" | "));
                }
                println!("| {} |", cells.join(" | "));
            }
            Format::Text => {
                if first {
                    println!("{}", padded(&headings));
                }
                println!("{}", padded(&cells));
                for stage in row.pass.times.stages.iter().filter(|_| self.stages) {
                    println!("    {:9.3} ms  {} x{}", stage.seconds * 1e3, stage.kernel, stage.dispatches);
                }
            }
        }
    }

    /// Prints what the headings mean, below a table of text.
    pub(crate) fn explain(&self) {
        if self.format == Format::Text && self.begun {
            println!();
            for Column { heading, meaning, .. } in &COLUMNS {
                println!("{heading:<10}  {meaning}");
            }
        }
    }
}

/// A line of the table: names at the left of their columns, numbers at the right.
fn padded(cells: &[String; COLUMNS.len()]) -> String {
    let pad = |(index, (cell, column)): (usize, (&String, &Column))| {
        let width = column.width;
        if index < NAMES { format!("{cell:width$}") } else { format!("{cell:>width$}") }
    };
    cells.iter().zip(&COLUMNS).enumerate().map(pad).collect::<Vec<_>>().join("  ")
}
