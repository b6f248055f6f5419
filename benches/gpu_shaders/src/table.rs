//! Tables of what drivers made of the kernels, and the limits that it is held to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::chip::Compiled;
use crate::listing::{Counts, Kind};

/// A kernel on a chip.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kernel: String,
    pub(crate) for_gpus: bool,
    /// The invocations of a workgroup.
    pub(crate) invocations: u32,
    pub(crate) chip: &'static str,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// The code, and its hottest code.
    Compiled(Compiled, Option<Counts>),
    /// The driver cannot have this kernel, and the reason.
    Left(&'static str),
    Failed(String),
}

impl Row {
    /// Whether the driver cannot have the kernel.
    pub(crate) fn left(&self) -> bool {
        matches!(self.outcome, Outcome::Left(_))
    }
}

/// The narrowest workgroup that fills a wave of 32 invocations.
const WAVE: u32 = 32;

/// A share in percent, as tables have it.
fn percent(share: f64) -> f64 {
    (share * 1000.0).floor() / 10.0
}

/// The tables of all rows, as Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut page = String::new();
    for (title, for_gpus) in [("Kernels of GPUs", true), ("Kernels of adapters that run on the CPU", false)] {
        let rows: Vec<_> = rows.iter().filter(|row| row.for_gpus == for_gpus).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(page, "## {title}\n");
        page += "| kernel | chip | VGPRs | spills | scratch | LDS bytes | waves per SIMD | instructions | hot code | multiply-adds | share |\n";
        page += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        rows.iter().for_each(|row| summary(&mut page, row));
        page += "\nHot code, instruction by instruction:\n\n";
        page += "| kernel | chip | multiply-adds | other vector | scalar | scalar loads | LDS | loads, by bits | stores | branches | waits | hints |\n";
        page += "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |\n";
        rows.iter().for_each(|row| by_kind(&mut page, row));
        page.push('\n');
    }
    page
}

fn summary(page: &mut String, row: &Row) {
    let Row { kernel, chip, outcome, .. } = row;
    let _ = match outcome {
        Outcome::Left(reason) => writeln!(page, "| {kernel} | {chip} | not compiled: {reason} |||||||||"),
        Outcome::Failed(reason) => {
            writeln!(page, "| {kernel} | {chip} | failed: {} |||||||||", reason.lines().next().unwrap_or_default())
        }
        Outcome::Compiled(code, hottest) => {
            let of_hottest = match hottest {
                None => "- | - | -".to_string(),
                Some(counts) => {
                    let (all, multiply_adds) = (counts.instructions(), counts.of(Kind::MultiplyAdd));
                    format!("{all} | {multiply_adds} | {:.1} %", percent(counts.share()))
                }
            };
            let Compiled { vector_registers, spills, scratch, workgroup_memory, waves, instructions, .. } = code;
            writeln!(
                page,
                "| {kernel} | {chip} | {vector_registers} | {spills} | {scratch} | {workgroup_memory} | {waves} | {instructions} | {of_hottest} |"
            )
        }
    };
}

fn by_kind(page: &mut String, row: &Row) {
    let Row { kernel, chip, outcome: Outcome::Compiled(_, Some(counts)), .. } = row else { return };
    let kinds = |kinds: &[Kind]| kinds.iter().map(|kind| counts.of(*kind).to_string()).collect::<Vec<_>>().join(" | ");
    let before = kinds(&[Kind::MultiplyAdd, Kind::Vector, Kind::Scalar, Kind::ScalarLoad, Kind::WorkgroupMemory]);
    let loads = counts.loads().map(|(bits, count)| format!("{count} x {bits}")).collect::<Vec<_>>().join(", ");
    let behind = kinds(&[Kind::Store, Kind::Branch, Kind::Wait, Kind::Hint]);
    let _ = writeln!(page, "| {kernel} | {chip} | {before} | {loads} | {behind} |");
}

/// The least share that is held to, in percent: a loop with less is bound by something else.
const HELD: f64 = 5.0;

/// The part of a share that is held to: another version of the driver may take an instruction or two more.
const KEPT: f64 = 0.98;

/// The lines of a file of limits that hold each share nearly as it is.
pub(crate) fn shares(rows: &[Row]) -> String {
    let mut lines = String::new();
    for row in rows.iter().filter(|row| row.for_gpus) {
        let Outcome::Compiled(_, Some(counts)) = &row.outcome else { continue };
        let share = percent(counts.share());
        if share >= HELD {
            let _ = writeln!(lines, "{} {} {:.1}", row.kernel, row.chip, percent(KEPT * counts.share()));
        }
    }
    lines
}

/// Limits of the code of a GPU's kernels.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// The least share of multiplications with additions in the hottest code, in percent, by kernel and chip.
    shares: BTreeMap<(String, String), f64>,
    /// Kernels, or some variants of one, of adapters that run on the CPU, which no GPU runs unless a strategy is forced on it: nothing is asked of
    /// them.
    software: BTreeSet<String>,
}

impl Limits {
    /// Reads lines `KERNEL CHIP SHARE` and `KERNEL software`; whatever follows a `#` is a comment.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let fault = |what: &str| format!("line {}: {what}: {line}", index + 1);
            let new = match words[..] {
                [] => true,
                [kernel, "software"] => limits.software.insert(kernel.to_string()),
                [kernel, chip, share] => {
                    let share: f64 = share.parse().map_err(|_| fault("the share is no number"))?;
                    limits.shares.insert((kernel.to_string(), chip.to_string()), share).is_none()
                }
                _ => return Err(fault("neither KERNEL CHIP SHARE nor KERNEL software")),
            };
            if !new {
                return Err(fault("stands there twice"));
            }
        }
        Ok(limits)
    }

    /// How rows of all kernels and chips breach the limits, a line each.
    pub(crate) fn breaches(&self, rows: &[Row]) -> Vec<String> {
        let mut breaches = Vec::new();
        let mut seen = BTreeSet::new();
        for Row { kernel, for_gpus, invocations, chip, outcome } in rows {
            let software: Vec<_> = self.software.iter().filter(|named| is_of(kernel, named)).cloned().collect();
            let held = *for_gpus && software.is_empty();
            seen.extend(software.into_iter().map(|named| (named, String::new())));
            seen.insert((kernel.clone(), (*chip).to_string()));
            let mut breach = |what: String| breaches.push(format!("{kernel} on {chip} {what}"));
            match outcome {
                Outcome::Left(_) => {}
                Outcome::Failed(reason) => breach(format!("is not compiled: {reason}")),
                Outcome::Compiled(code, hottest) if held => {
                    if code.spills != 0 {
                        breach(format!("spills {} registers", code.spills));
                    }
                    if code.scratch != 0 {
                        breach(format!("takes {} bytes of scratch", code.scratch));
                    }
                    let share = percent(hottest.as_ref().map_or(0.0, Counts::share));
                    if let Some(least) =
                        self.shares.get(&(kernel.clone(), (*chip).to_string())).filter(|least| share < **least)
                    {
                        breach(format!(
                            "has a share of {share:.1} % multiply-adds in its hottest code, less than {least:.1} %"
                        ));
                    }
                }
                Outcome::Compiled(..) => {}
            }
            if held && *invocations < WAVE {
                breach(format!("has workgroups of {invocations} invocations, fewer than {WAVE}"));
            }
        }
        let named =
            self.shares.keys().cloned().chain(self.software.iter().map(|kernel| (kernel.clone(), String::new())));
        for (kernel, chip) in named.filter(|named| !seen.contains(named)) {
            let on = if chip.is_empty() { String::new() } else { format!(" on {chip}") };
            breaches.push(format!("there is no {kernel}{on}, which the limits name"));
        }
        breaches
    }
}

/// Whether a kernel's variant, which stands behind dots, is one of those named.
fn is_of(kernel: &str, named: &str) -> bool {
    kernel.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::hottest;

    /// A kernel whose hottest code has a share of 50 %.
    fn row(change: impl FnOnce(&mut Row)) -> Row {
        let hottest = hottest("BB0:\n\tv_fmac_f32 v0, v1, v2\n\ts_branch BB0\n");
        let outcome = Outcome::Compiled(Compiled::default(), hottest);
        let mut row = Row { kernel: "tile".to_string(), for_gpus: true, invocations: 64, chip: "GFX1100", outcome };
        change(&mut row);
        row
    }

    fn breaches(limits: &str, row: Row) -> Vec<String> {
        Limits::read(limits).unwrap().breaches(&[row])
    }

    #[test]
    fn what_keeps_its_limits_passes() {
        let passes = |limits, row| assert_eq!(breaches(limits, row), Vec::<String>::new());
        passes("", row(|_| ()));
        passes("# a comment\n\ntile GFX1100 50.0 # another\n", row(|_| ()));
        passes("tile software\n", row(|row| row.invocations = 8));
        passes("tile software\n", row(|row| (row.kernel, row.invocations) = ("tile.64".to_string(), 8)));
        passes("tile.64 software\n", row(|row| (row.kernel, row.invocations) = ("tile.64.half".to_string(), 8)));
        passes("", row(|row| row.outcome = Outcome::Left("no")));
        let code = Compiled { spills: 600, scratch: 64, ..Compiled::default() };
        passes("", row(|row| (row.for_gpus, row.outcome) = (false, Outcome::Compiled(code, None))));
    }

    #[test]
    fn breaches_are_found() {
        let finds = |limits, row, what: &str| {
            let found = breaches(limits, row);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        };
        finds("tile GFX1100 50.1", row(|_| ()), "a share of 50.0 %");
        finds("", row(|row| row.invocations = 8), "8 invocations");
        finds("tile NAVI21 50", row(|_| ()), "no tile on NAVI21");
        finds("gone software", row(|_| ()), "no gone,");
        finds("til software", row(|_| ()), "no til,");
        finds("", row(|row| row.outcome = Outcome::Failed("why".to_string())), "why");
        let compiled = |code| row(|row| row.outcome = Outcome::Compiled(code, None));
        finds("", compiled(Compiled { spills: 2, ..Compiled::default() }), "spills 2");
        finds("", compiled(Compiled { scratch: 16, ..Compiled::default() }), "16 bytes");
        finds("tile GFX1100 1", compiled(Compiled::default()), "a share of 0.0 %");
    }

    #[test]
    fn a_file_that_says_something_else_is_refused() {
        for (text, fault) in [
            ("tile", "line 1: neither"),
            ("\ntile GFX1100 most", "line 2: the share"),
            ("tile GFX1100 1\ntile GFX1100 2", "line 2: stands there twice"),
            ("tile software\ntile software", "line 2: stands there twice"),
        ] {
            let error = Limits::read(text).unwrap_err();
            assert!(error.starts_with(fault), "{error}");
        }
    }

    #[test]
    fn tables_have_what_was_measured() {
        let rows = [row(|_| ()), row(|row| row.outcome = Outcome::Left("no"))];
        let page = markdown(&rows);
        assert!(page.contains("| tile | GFX1100 | 0 | 0 | 0 | 0 | 0 | 0 | 2 | 1 | 50.0 % |"), "{page}");
        assert!(page.contains("| tile | GFX1100 | not compiled: no |"), "{page}");
        assert_eq!(shares(&rows), "tile GFX1100 49.0\n");
    }
}
