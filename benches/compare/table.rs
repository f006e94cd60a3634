//! The table of figures, in Markdown.

use std::fmt::Write;

use crate::sample::Row;

/// Three digits, and no more.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

pub(crate) fn of(rows: &[Row]) -> String {
    let mut table = "\
| work | at a time | contender | requests/call | calls/s | × bare | CPU µs/call | × bare | allocations/call | × bare | bytes/call | p50 µs | p99 µs | peak MiB |
| --- | --: | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
"
    .to_owned();
    for row in rows {
        // Writing to a string does not fail.
        let _ = write!(table, "| {} | {} | {} |", row.work, row.at, row.contender);
        for value in [
            row.requests,
            Some(row.rate),
            row.rate_ratio,
            Some(row.cpu),
            row.cpu_ratio,
            row.allocations,
            row.allocations_ratio,
            row.allocated,
            row.p50,
            row.p99,
            Some(row.peak_mib),
        ] {
            let _ = write!(table, " {} |", figure(value));
        }
        table.push('\n');
    }
    table
}
