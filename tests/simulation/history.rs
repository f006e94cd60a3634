//! Histories of concurrent calls, and whether there is an order that explains them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as Actions};
use tokio::time::Instant;

use crate::model::{OneName, Step, Symbol};

/// A moment: the time, and the order of moments at one time.
type Moment = (Duration, usize);

/// A call that ended, or an expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    began: Moment,
    /// None where it may have its effect at any time after it began.
    ended: Option<Moment>,
    task: usize,
    step: Step,
}

/// The calls of one run by their names.
#[derive(Debug)]
pub(crate) struct History {
    start: Instant,
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    moments: usize,
    entries: BTreeMap<String, Vec<Entry>>,
    symbols: HashMap<String, Symbol>,
    outcomes: Outcomes,
}

/// How the calls of a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) done: u64,
    pub(crate) not_done: u64,
    pub(crate) unknown: u64,
}

impl Outcomes {
    pub(crate) fn add(&mut self, others: Self) {
        self.done += others.done;
        self.not_done += others.not_done;
        self.unknown += others.unknown;
    }
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            recorded: Mutex::default(),
        }
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a text, the same for the same text.
    pub(crate) fn symbol(&self, text: &str) -> Symbol {
        let symbols = &mut self.recorded().symbols;
        let next = Symbol::try_from(symbols.len()).unwrap();
        *symbols.entry(text.to_owned()).or_insert(next)
    }

    pub(crate) fn now(&self) -> Moment {
        let recorded = &mut self.recorded();
        recorded.moments += 1;
        (self.start.elapsed(), recorded.moments)
    }

    /// Records a call that ended now. A call that is known to have done and seen nothing has no step.
    pub(crate) fn record(&self, task: usize, name: &str, began: Moment, step: Option<Step>) {
        let now = self.now();
        let mut recorded = self.recorded();
        let outcomes = &mut recorded.outcomes;
        let Some(step) = step else {
            outcomes.not_done += 1;
            return;
        };
        let ended = match step {
            Step::Maybe(_) => None,
            _ => Some(now),
        };
        match ended {
            None => outcomes.unknown += 1,
            Some(_) => outcomes.done += 1,
        }
        let entry = Entry {
            began,
            ended,
            task,
            step,
        };
        recorded
            .entries
            .entry(name.to_owned())
            .or_default()
            .push(entry);
    }

    /// Records that what a call wrote may expire after a time to live.
    pub(crate) fn record_expiry(&self, task: usize, name: &str, began: Moment, ttl: Duration) {
        let entry = Entry {
            began: (began.0 + ttl, 0),
            ended: None,
            task,
            step: Step::Expired,
        };
        self.recorded()
            .entries
            .entry(name.to_owned())
            .or_default()
            .push(entry);
    }

    pub(crate) fn outcomes(&self) -> Outcomes {
        self.recorded().outcomes
    }

    /// The names of which no order of the calls, each at a moment between its begin and its end, explains the
    /// results.
    pub(crate) fn violations(&self) -> Vec<String> {
        let recorded = self.recorded();
        let entries = recorded.entries.iter();
        entries
            .filter(|(_, entries)| !is_linearizable(entries))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

fn is_linearizable(entries: &[Entry]) -> bool {
    let mut actions = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        actions.push((entry.began, (number, Action::Call(entry.step))));
        let ended = entry.ended.unwrap_or((Duration::MAX, 0));
        actions.push((ended, (number, Action::Response(entry.step))));
    }
    // A stable order: calls of one moment stay before their responses.
    actions.sort_by_key(|(moment, _)| *moment);
    let actions = actions.into_iter().map(|(_, action)| action).collect();
    WGLChecker::<OneName>::is_linearizable(Actions::from_actions(actions))
}

/// Each name with its calls, in the order in which they began.
impl Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, entries) in &self.recorded().entries {
            writeln!(f, "{name}")?;
            let mut entries = entries.clone();
            entries.sort_by_key(|entry| entry.began);
            for Entry {
                began,
                ended,
                task,
                step,
            } in entries
            {
                let began = began.0.as_secs_f64();
                let ended = ended.map_or(f64::INFINITY, |(ended, _)| ended.as_secs_f64());
                writeln!(f, "  {began:9.4} {ended:9.4} task {task} {step:?}")?;
            }
        }
        Ok(())
    }
}
