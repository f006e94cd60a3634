//! Figures: of one measurement, and of all measurements of one contender.

use serde::{Deserialize, Serialize};

use crate::work::{Contender, Work};

/// One measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sample {
    /// Calls that were measured, and how long they took.
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    /// Calls of the process altogether.
    pub(crate) all_calls: u64,
    /// Time of the processor, in this process.
    pub(crate) cpu_seconds: f64,
    /// Microseconds, where calls are timed one by one.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// For each call, where they are counted.
    pub(crate) allocations: Option<f64>,
    pub(crate) allocated: Option<f64>,
    /// Most resident memory.
    pub(crate) peak_kib: u64,
    /// Requests that the emulator got, for all calls.
    pub(crate) requests: Option<u64>,
}

impl Sample {
    fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    fn cpu(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.calls as f64
    }
}

/// What the samples of one contender come to.
pub(crate) struct Row {
    pub(crate) work: Work,
    pub(crate) at: u64,
    pub(crate) contender: Contender,
    /// Requests for each call.
    pub(crate) requests: Option<f64>,
    /// Calls a second, and in ratio to bare reqwest.
    pub(crate) rate: f64,
    pub(crate) rate_ratio: Option<f64>,
    /// Microseconds of processor time for each call.
    pub(crate) cpu: f64,
    pub(crate) cpu_ratio: Option<f64>,
    pub(crate) allocations: Option<f64>,
    pub(crate) allocations_ratio: Option<f64>,
    pub(crate) allocated: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) peak_mib: f64,
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    Some(if figures.len().is_multiple_of(2) {
        f64::midpoint(figures[middle - 1], upper)
    } else {
        upper
    })
}

impl Row {
    /// The rows of one kind of work.
    pub(crate) fn of(work: Work, at: u64, samples: &[(Contender, Vec<Sample>)]) -> Vec<Self> {
        let bare = samples
            .iter()
            .find(|(contender, _)| *contender == Contender::Bare);
        let bare = bare.map(|(_, samples)| samples);
        let row = |(contender, samples): &(Contender, Vec<Sample>)| {
            let all = |figure: fn(&Sample) -> Option<f64>| {
                median(samples.iter().filter_map(figure).collect())
            };
            // Each round by itself.
            let ratio = |figure: fn(&Sample) -> Option<f64>| {
                let pairs = samples.iter().zip(bare?);
                let ratios = pairs.filter_map(|(one, other)| Some(figure(one)? / figure(other)?));
                median(ratios.collect())
            };
            Self {
                work,
                at,
                contender: *contender,
                requests: all(|sample| Some(sample.requests? as f64 / sample.all_calls as f64)),
                rate: all(|sample| Some(sample.rate())).unwrap_or_default(),
                rate_ratio: ratio(|sample| Some(sample.rate())),
                cpu: all(|sample| Some(sample.cpu())).unwrap_or_default(),
                cpu_ratio: ratio(|sample| Some(sample.cpu())),
                allocations: all(|sample| sample.allocations),
                allocations_ratio: ratio(|sample| sample.allocations),
                allocated: all(|sample| sample.allocated),
                p50: all(|sample| sample.p50),
                p99: all(|sample| sample.p99),
                peak_mib: all(|sample| Some(sample.peak_kib as f64 / 1024.0)).unwrap_or_default(),
            }
        };
        samples.iter().map(row).collect()
    }
}
