//! Figures that must be what they are.

use std::fmt;

use crate::sample::Row;
use crate::work::{Action, Contender};

/// A figure, and whether it is what it must be.
pub(crate) struct Verdict {
    pub(crate) text: String,
    pub(crate) is_good: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_good { "ok " } else { "BAD" };
        write!(f, "{verdict} {}", self.text)
    }
}

fn verdict(row: &Row, what: &str, value: f64, bound: &str, is_good: bool) -> Verdict {
    let Row {
        work,
        at,
        contender,
        ..
    } = row;
    Verdict {
        text: format!("{work}, {at} at a time, {contender}: {what} {value:.3} ({bound})"),
        is_good,
    }
}

/// How many requests a call is, exactly.
fn requests(row: &Row) -> f64 {
    let size = row.work.size as f64;
    match (row.contender, row.work.action) {
        // Pages of 50, and the call itself.
        (Contender::NodeList, _) => (size / 50.0).ceil() + 1.0,
        (Contender::Node | Contender::Python, Action::Stream) => 1.0 / 50.0,
        (_, Action::Stream) => 1.0 / 100.0,
        (Contender::Node | Contender::Python, Action::Remove) => 22.0 / 20.0,
        (_, Action::Remove) => 21.0 / 20.0,
        _ => 1.0,
    }
}

/// The counts: the same on every machine.
pub(crate) fn counts(rows: &[Row]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for row in rows {
        if let Some(value) = row.requests {
            let expected = requests(row);
            let is_good = (value - expected).abs() < 1e-6;
            let bound = format!("exactly {expected}");
            verdicts.push(verdict(row, "requests per call", value, &bound, is_good));
        }
        if let (Contender::Facade, Some(value)) = (row.contender, row.allocations_ratio) {
            let what = "allocations against bare reqwest";
            verdicts.push(verdict(row, what, value, "at most 1.2", value <= 1.2));
        }
    }
    verdicts
}

/// The ratios of times.
pub(crate) fn ratios(rows: &[Row]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for row in rows.iter().filter(|row| row.contender == Contender::Facade) {
        if let Some(value) = row.rate_ratio {
            let what = "calls per second against bare reqwest";
            verdicts.push(verdict(row, what, value, "at least 0.95", value >= 0.95));
        }
        if let Some(value) = row.cpu_ratio {
            let what = "processor time against bare reqwest";
            verdicts.push(verdict(row, what, value, "at most 1.10", value <= 1.10));
        }
        let is_node = |other: &&Row| {
            (other.contender, other.at) == (Contender::Node, 16)
                && (other.work, other.at) == (row.work, row.at)
        };
        if let Some(node) = rows.iter().find(is_node) {
            let value = row.rate / node.rate;
            let what = "calls per second against the Node SDK";
            verdicts.push(verdict(row, what, value, "at least 5", value >= 5.0));
        }
    }
    // Ten times the items, and no more memory.
    let streams = || {
        rows.iter()
            .filter(|row| row.work.is_stream() && row.contender == Contender::Facade)
    };
    let least = streams().min_by_key(|row| row.work.size);
    let most = streams().max_by_key(|row| row.work.size);
    if let (Some(least), Some(most)) = (least, most)
        && least.work.size < most.work.size
    {
        let more = most.peak_mib - least.peak_mib;
        verdicts.push(verdict(
            most,
            &format!("MiB more than for {} items:", least.work.size),
            more,
            "at most 8",
            more <= 8.0,
        ));
    }
    verdicts
}
