//! Table of what tuning found: a line for each candidate of a shape.

use pliant::{Candidate, DType, Gpu, Outcome, Tuned};
use serde_json::json;

use super::report::Format;

/// Prints the candidates of each shape as it comes, the heading with the first.
pub(crate) struct Table {
    format: Format,
    adapter: String,
    begun: bool,
}

const HEADINGS: [&str; 6] = ["shape", "type", "candidate", "least ms", "median ms", "of the rule's"];
const WIDTHS: [usize; 6] = [10, 4, 32, 9, 9, 13];

/// So many columns from the left hold names, the others numbers.
const NAMES: usize = 3;

impl Table {
    pub(crate) fn new(format: Format, gpu: &Gpu) -> Self {
        Self { format, adapter: gpu.capabilities().info.name.clone(), begun: false }
    }

    pub(crate) fn print(&mut self, shape: &str, dtype: DType, tuned: &Tuned) {
        let rule = tuned.candidates.first().and_then(|rule| times(&rule.outcome)).map(|[least, _]| least);
        for (index, candidate) in tuned.candidates.iter().enumerate() {
            let (by_rule, chosen) = (index == 0, index == tuned.chosen);
            if self.format == Format::Json {
                println!("{}", self.json([shape, &dtype.to_string()], candidate, rule, [by_rule, chosen]));
                continue;
            }
            let Candidate { name, outcome, .. } = candidate;
            let marks = [(by_rule, ", the rule's"), (chosen, " *")];
            let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
            let [least, median, ratio] = match (times(outcome), rule) {
                (Some([least, median]), Some(rule)) => {
                    [format!("{:.3}", least * 1e3), format!("{:.3}", median * 1e3), format!("{:.2}", least / rule)]
                }
                _ => ["-", "-", "-"].map(str::to_string),
            };
            let cells = [shape.to_string(), dtype.to_string(), format!("{name}{marks}"), least, median, ratio];
            self.line(&cells, why(outcome).as_deref());
        }
    }

    fn line(&mut self, cells: &[String; 6], why: Option<&str>) {
        let first = !std::mem::replace(&mut self.begun, true);
        let headings = HEADINGS.map(str::to_string);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        if self.format == Format::Markdown {
            if first {
                println!("| {} |", headings.join(" | "));
                println!("| --- | --- | --- | ---: | ---: | ---: |");
            }
            let [names @ .., least, median, ratio] = cells;
            println!("| {}{why} | {least} | {median} | {ratio} |", names.join(" | "));
            return;
        }
        if first {
            println!("{}: a star marks the choice; 'of the rule's' is the share of the rule's time", self.adapter);
            println!("{}", padded(&headings));
        }
        println!("{}{why}", padded(cells));
    }

    fn json(
        &self,
        [shape, dtype]: [&str; 2],
        candidate: &Candidate,
        rule: Option<f64>,
        [by_rule, chosen]: [bool; 2],
    ) -> serde_json::Value {
        let times = times(&candidate.outcome);
        json!({
            "shape": shape,
            "dtype": dtype,
            "adapter": self.adapter,
            "candidate": candidate.name,
            "strategy": candidate.strategy.name(),
            "rule": by_rule,
            "chosen": chosen,
            "least_ms": times.map(|[least, _]| least * 1e3),
            "median_ms": times.map(|[_, median]| median * 1e3),
            "of_rule": times.zip(rule).map(|([least, _], rule)| least / rule),
            "out": why(&candidate.outcome),
        })
    }
}

/// Least and median seconds, where the result is right.
fn times(outcome: &Outcome) -> Option<[f64; 2]> {
    match outcome {
        Outcome::Right { least, median } => Some([*least, *median]),
        _ => None,
    }
}

/// Why a candidate is out of the question, if it is.
fn why(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Wrong(miss) => Some(format!("wrong: {miss}")),
        Outcome::Failed(error) => Some(error.to_string()),
        _ => None,
    }
}

/// A line of the table: names at the left of their columns, numbers at the right.
fn padded(cells: &[String; 6]) -> String {
    let pad = |(index, (cell, width)): (usize, (&String, usize))| {
        if index < NAMES { format!("{cell:width$}") } else { format!("{cell:>width$}") }
    };
    cells.iter().zip(WIDTHS).enumerate().map(pad).collect::<Vec<_>>().join("  ")
}
