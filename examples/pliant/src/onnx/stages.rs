//! `onnx --stages`, `onnx --plot`: where the time of a model goes, by operator and by node.

use std::path::Path;
use std::time::{Duration, Instant};

use pliant::Gpu;
use pliant::onnx::NodeTime;
use pliant_support::chart::plotters::prelude::*;
use pliant_support::chart::plotters::style::text_anchor::HPos;
use pliant_support::chart::{self, Area, COLOURS, Chart, Drawn};

use super::Planned;
use crate::Failure;

/// So many runs are timed, fewer where they take longer than `ENOUGH` together; the fastest counts.
const RUNS: usize = 3;
const ENOUGH: Duration = Duration::from_secs(10);

/// The nodes that are listed, and the bars of each half of the chart.
const LISTED: usize = 40;
const BARS: usize = 10;

/// The time of a model.
pub(super) struct Stages {
    nodes: Vec<NodeTime>,
    /// The time of the whole, submitted at once.
    total: Duration,
    title: String,
    timestamps: bool,
}

/// A line of a table: a node, or all nodes of an operator.
#[derive(Default)]
struct Row {
    name: String,
    operator: String,
    output: String,
    nodes: usize,
    dispatches: usize,
    seconds: f64,
    bytes: u64,
    flops: u64,
}

impl Row {
    fn add(&mut self, node: &NodeTime) {
        self.nodes += 1;
        self.dispatches += node.dispatches;
        self.seconds += node.seconds;
        self.bytes += node.bytes;
        self.flops += node.flops;
    }

    /// The columns that all rows have: dispatches, time, share, bytes and rates.
    fn numbers(&self, all: f64) -> String {
        let rate = |amount: u64| match amount {
            0 => "-".to_string(),
            _ => format!("{:.2}", amount as f64 * 1e-9 / self.seconds.max(1e-12)),
        };
        let share = 100.0 * self.seconds / all.max(1e-12);
        let (milliseconds, megabytes) = (self.seconds * 1e3, self.bytes as f64 * 1e-6);
        let (bytes, flops) = (rate(self.bytes), rate(self.flops));
        format!("{:>10} {milliseconds:>10.3} {share:>6.1} % {megabytes:>9.2} {bytes:>8} {flops:>8}", self.dispatches)
    }
}

/// The names of the columns that all rows have.
fn headings() -> String {
    format!("{:>10} {:>10} {:>8} {:>9} {:>8} {:>8}", "dispatches", "ms", "share", "MB", "GB/s", "GFLOP/s")
}

impl Stages {
    /// Times a model that has run before.
    pub(super) async fn of(planned: &Planned<'_>, gpu: &Gpu) -> pliant::Result<Self> {
        let inputs = planned.inputs();
        let mut fastest: Option<(Vec<NodeTime>, f64)> = None;
        let (begin, mut total) = (Instant::now(), Duration::MAX);
        for _ in 0..RUNS {
            let start = Instant::now();
            planned.run(gpu).await?;
            total = total.min(start.elapsed());
            let nodes = planned.plan.profile(gpu, &inputs).await?;
            let seconds = nodes.iter().map(|node| node.seconds).sum();
            if fastest.as_ref().is_none_or(|(_, least)| seconds < *least) {
                fastest = Some((nodes, seconds));
            }
            if begin.elapsed() > ENOUGH {
                break;
            }
        }
        let nodes = fastest.map(|(nodes, _)| nodes).unwrap_or_default();
        let title = format!("Where the time goes on {}", gpu.capabilities().info.name);
        Ok(Self { nodes, total, title, timestamps: gpu.capabilities().timestamps() })
    }

    fn seconds(&self) -> f64 {
        self.nodes.iter().map(|node| node.seconds).sum()
    }

    /// The operators, those that take longest first.
    fn operators(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for node in &self.nodes {
            let index = rows.iter().position(|row| row.name == node.operator).unwrap_or_else(|| {
                rows.push(Row { name: node.operator.clone(), ..Row::default() });
                rows.len() - 1
            });
            rows[index].add(node);
        }
        sorted(rows)
    }

    /// The nodes, those that take longest first.
    fn nodes(&self) -> Vec<Row> {
        let row = |node: &NodeTime| {
            let (name, operator, output) = (node.node.clone(), node.operator.clone(), node.output.shape.to_string());
            let mut row = Row { name, operator, output, ..Row::default() };
            row.add(node);
            row
        };
        sorted(self.nodes.iter().map(row).collect())
    }

    pub(super) fn print(&self) {
        let (all, operators, nodes) = (self.seconds(), self.operators(), self.nodes());
        println!("\n{:<24} {:>6} {}", "operator", "nodes", headings());
        for row in &operators {
            println!("{:<24} {:>6} {}", row.name, row.nodes, row.numbers(all));
        }
        let mut sum = Row::default();
        self.nodes.iter().for_each(|node| sum.add(node));
        println!("{:<24} {:>6} {}", "sum", sum.nodes, sum.numbers(all));
        let total = self.total.as_secs_f64() * 1e3;
        println!("{:<31} {:>10} {total:>10.3} warm", "total, submitted at once, clock", "");

        println!("\n{:<40} {:<18} {:<18} {}", "node", "operator", "output", headings());
        for row in nodes.iter().take(LISTED) {
            println!("{:<40} {:<18} {:<18} {}", end(&row.name, 40), row.operator, row.output, row.numbers(all));
        }
        if let Some(rest) = nodes.get(LISTED..).filter(|rest| !rest.is_empty()) {
            let seconds: f64 = rest.iter().map(|row| row.seconds).sum();
            println!("and {} more of {:.3} ms together", rest.len(), seconds * 1e3);
        }
        let clock = if self.timestamps { "the device's timestamps" } else { "the clock" };
        println!(
            "\nTimed by {clock}, each dispatch apart; the total is a run of its own. The fastest of {RUNS} warm runs at most."
        );
        println!("A dispatch is a run of a kernel.");
        println!(
            "MB are those of inputs, weights and outputs, each counted once; GFLOP those of products and convolutions."
        );
    }

    pub(super) fn plot(&self, file: &Path) -> Result<(), Failure> {
        chart::save(self, file)?;
        println!("wrote {}", file.display());
        Ok(())
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    rows
}

/// The end of a name, which tells more than its beginning, where the whole is too long.
fn end(name: &str, most: usize) -> String {
    match name.chars().count() {
        long if long > most => format!("...{}", name.chars().skip(long - (most - 3)).collect::<String>()),
        _ => name.to_string(),
    }
}

/// Bars of the operators above, of the nodes that take longest below.
impl Chart for Stages {
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let title = format!("{}: {:.1} ms, {} nodes", self.title, self.seconds() * 1e3, self.nodes.len());
        let halves = area.margin(36, 0, 0, 0).titled(&title, chart::title())?.split_evenly((2, 1));
        let operator = |row: &Row| format!("{} ({})", row.name, row.nodes);
        self.bars(&halves[0], "ms by operator, number of nodes in brackets", &self.operators(), operator, COLOURS[0])?;
        let node = |row: &Row| format!("{} {}", end(&row.name, 26), row.operator);
        self.bars(&halves[1], "ms of the nodes that take longest", &self.nodes(), node, COLOURS[1])
    }
}

impl Stages {
    fn bars<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        axis: &str,
        rows: &[Row],
        name: impl Fn(&Row) -> String,
        colour: RGBColor,
    ) -> Drawn<B> {
        let rows = &rows[..rows.len().min(BARS)];
        let most = rows.first().map_or(0.0, |row| row.seconds * 1e3).max(1e-6);
        let mut chart = ChartBuilder::on(area);
        chart.margin(24).margin_right(96).x_label_area_size(150).y_label_area_size(1000);
        // Room for what is written beside the longest.
        let mut chart = chart.build_cartesian_2d(0.0..1.6 * most, rows.len().max(1) as f64..0.0)?;
        chart::mesh(&mut chart, [axis, ""]).disable_y_mesh().y_labels(0).draw()?;
        for (place, row) in rows.iter().enumerate() {
            let (milliseconds, middle) = (row.seconds * 1e3, place as f64 + 0.5);
            let bar = Rectangle::new([(0.0, middle - 0.35), (milliseconds, middle + 0.35)], colour.filled());
            chart.draw_series([bar])?;
            let share = 100.0 * row.seconds / self.seconds().max(1e-12);
            let rate = row.bytes as f64 * 1e-9 / row.seconds.max(1e-12);
            let words =
                format!("{milliseconds:.2} ms, {share:.0} %, {:.1} MB, {rate:.1} GB/s", row.bytes as f64 * 1e-6);
            let [(left, y), (right, _)] = [0.0, milliseconds].map(|x| chart.backend_coord(&(x, middle)));
            // Where a chart is part of an area, its places are those of the whole.
            let (x0, y0) = area.get_base_pixel();
            chart::note_beside(area, &name(row), [left - x0 - 24, y - y0], HPos::Right)?;
            chart::note_beside(area, &words, [right - x0 + 24, y - y0], HPos::Left)?;
        }
        Ok(())
    }
}
