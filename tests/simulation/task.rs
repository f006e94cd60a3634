//! The tasks of a history: each makes random calls, one after another, and records them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use twilio_sync::call::Outcome;
use twilio_sync::error::WriteOutcome;
use twilio_sync::{Error, Result, SyncClient};

use crate::careless::Flaw;
use crate::history::History;
use crate::model::{EXPIRES, Seen, Step, Version, Write};
use crate::place::{Kind, Place, Setting, Snapshot};

/// A task with its client.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) sync: SyncClient,
    pub(crate) random: fastrand::Rng,
    pub(crate) names: usize,
    pub(crate) calls: usize,
    /// Most of a pause between two calls.
    pub(crate) pause: Duration,
    /// A time to live, as some writes have it.
    pub(crate) ttl: Duration,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) history: Arc<History>,
}

/// A call: what it sends.
#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Create { expires: bool },
    Update { expires: bool },
    UpdateSeen { expires: bool },
    Set(Setting),
    Increment { expires: bool },
    Expire,
    Remove,
    RemoveSeen,
}

impl Call {
    /// Returns true if it sets a time to live.
    fn expires(self) -> bool {
        match self {
            Self::Create { expires }
            | Self::Update { expires }
            | Self::UpdateSeen { expires }
            | Self::Increment { expires } => expires,
            Self::Expire => true,
            Self::Read | Self::Set(_) | Self::Remove | Self::RemoveSeen => false,
        }
    }
}

impl Task {
    pub(crate) async fn run(mut self) {
        let place = Place::new(self.kind, &self.sync);
        let mut seen = HashMap::<String, Snapshot>::new();
        for _ in 0..self.calls {
            let pause = self.pause.mul_f64(self.random.f64().powi(3));
            tokio::time::sleep(pause).await;
            let name = format!("name-{}", self.random.usize(0..self.names));
            let value = self.random.i64(0..3);
            let call = self.choose();
            let began = self.history.now();
            let version = seen.get(&name).cloned();
            let (step, snapshot) = self
                .make(&place, call, &name, value, version.as_ref())
                .await;
            self.history.record(self.number, &name, began, step);
            if call.expires() {
                self.history
                    .record_expiry(self.number, &name, began, self.ttl);
            }
            if let Some(snapshot) = snapshot {
                seen.insert(name, snapshot);
            }
        }
    }

    fn choose(&mut self) -> Call {
        let expires = self.random.u8(0..6) == 0;
        let settings = [Setting::Replace, Setting::UnlessEqual, Setting::Merge];
        let setting = self.random.choice(settings).unwrap();
        let has_data = self.kind != Kind::Lists;
        match self.random.u8(0..17) {
            0..3 => Call::Create { expires },
            3..5 => Call::Update {
                expires: expires || !has_data,
            },
            5..8 => Call::Remove,
            8 => Call::RemoveSeen,
            9 => Call::Set(setting),
            10 if has_data => Call::UpdateSeen { expires },
            11..13 if has_data => Call::Increment { expires },
            13 if has_data => Call::Expire,
            _ => Call::Read,
        }
    }

    /// Makes a call, and returns what it says of the object.
    #[allow(clippy::too_many_lines)] // one call after the other
    async fn make(
        &self,
        place: &Place,
        call: Call,
        name: &str,
        value: i64,
        version: Option<&Snapshot>,
    ) -> (Option<Step>, Option<Snapshot>) {
        let value = if self.kind == Kind::Lists { 0 } else { value };
        let written = (self.kind != Kind::Lists).then_some(value);
        let ttl = |expires: bool| expires.then_some(self.ttl);
        match call {
            Call::Read => {
                let read = place.get(name).await;
                self.step(read, Step::Present, None, None)
            }
            Call::Create { expires } => {
                let ttl = ttl(expires).unwrap_or_default();
                let created = match self.flaw {
                    Some(Flaw::SettlesByContent) => Flaw::create(place, name, value, ttl).await,
                    _ => place.create(name, value, ttl).await,
                };
                let write = Write::Create { value, expires };
                self.step(
                    created,
                    |seen| Step::Created { seen, expires },
                    None,
                    Some(write),
                )
            }
            Call::Update { expires } => {
                let updated = place.update(name, value, ttl(expires), None).await;
                let write = Write::Update {
                    at: None,
                    value: written,
                    expires,
                };
                self.step(
                    updated,
                    |seen| Step::Updated {
                        at: None,
                        seen,
                        expires,
                    },
                    None,
                    Some(write),
                )
            }
            Call::UpdateSeen { expires } => {
                let Some(version) = version else {
                    return (None, None);
                };
                let at = Some(self.version(version));
                let updated = place
                    .update(name, value, ttl(expires), Some(&version.revision))
                    .await;
                let write = Write::Update {
                    at,
                    value: written,
                    expires,
                };
                self.step(
                    updated,
                    |seen| Step::Updated { at, seen, expires },
                    at,
                    Some(write),
                )
            }
            Call::Set(setting) => {
                let set = place.set(name, value, setting).await;
                let (outcome, set) = match set {
                    Ok((outcome, snapshot)) => (outcome, Ok(snapshot)),
                    Err(error) => (Outcome::Unchanged, Err(error)),
                };
                let success = |seen| match outcome {
                    Outcome::Created => Step::Created {
                        seen,
                        expires: false,
                    },
                    Outcome::Updated => Step::Updated {
                        at: None,
                        seen,
                        expires: false,
                    },
                    _ => Step::Present(seen),
                };
                let write = match self.kind {
                    Kind::Lists => Write::Create {
                        value,
                        expires: false,
                    },
                    _ => Write::Set {
                        value,
                        expires: false,
                    },
                };
                self.step(set, success, None, Some(write))
            }
            Call::Increment { expires } => {
                let incremented = match self.flaw {
                    Some(Flaw::MutatesByName) => Flaw::increment(place, name, ttl(expires)).await,
                    _ => place.increment(name, ttl(expires)).await,
                };
                let success = |seen| Step::Incremented { seen, expires };
                self.step(
                    incremented,
                    success,
                    None,
                    Some(Write::Increment { expires }),
                )
            }
            Call::Expire => {
                let set = place.expire(name, self.ttl).await;
                self.step(set, Step::Expires, None, Some(EXPIRES))
            }
            Call::Remove => {
                let removed = match self.flaw {
                    Some(Flaw::RemovesByName) => Flaw::remove(place, name).await,
                    _ => place.remove(name, None).await,
                };
                removal(removed, None)
            }
            Call::RemoveSeen => {
                let Some(version) = version else {
                    return (None, None);
                };
                let mut at = self.version(version);
                if self.kind != Kind::MapItems {
                    at.revision = None;
                }
                let removed = place.remove(name, Some(version)).await;
                removal(removed, Some(at))
            }
        }
    }

    fn version(&self, snapshot: &Snapshot) -> Version {
        let seen = self.seen(snapshot);
        Version {
            sid: seen.sid,
            revision: Some(seen.revision),
        }
    }

    fn seen(&self, snapshot: &Snapshot) -> Seen {
        let revision = match self.kind {
            // That of a List counts the writes to its items.
            Kind::Lists => "",
            _ => snapshot.revision.as_str(),
        };
        Seen {
            sid: self.history.symbol(&snapshot.sid),
            revision: self.history.symbol(revision),
            value: snapshot.value,
        }
    }

    /// The step of a call that returns what it saw or wrote.
    fn step(
        &self,
        result: Result<Snapshot>,
        success: impl FnOnce(Seen) -> Step,
        at: Option<Version>,
        write: Option<Write>,
    ) -> (Option<Step>, Option<Snapshot>) {
        match result {
            Ok(snapshot) => (Some(success(self.seen(&snapshot))), Some(snapshot)),
            Err(error) => (step_of_error(&error, at, write), None),
        }
    }
}

/// The step of a removal.
fn removal(removed: Result<()>, at: Option<Version>) -> (Option<Step>, Option<Snapshot>) {
    let step = match removed {
        Ok(()) => Some(Step::Gone { at }),
        Err(error) => step_of_error(&error, at, Some(Write::Remove { at })),
    };
    (step, None)
}

/// The step of a call that failed, if its error says anything about the object.
fn step_of_error(error: &Error, at: Option<Version>, write: Option<Write>) -> Option<Step> {
    match error.outcome() {
        WriteOutcome::Unknown => Some(Step::Maybe(write.expect("only writes are in doubt"))),
        WriteOutcome::NotDone if error.is_not_found() => Some(Step::Absent { at }),
        WriteOutcome::NotDone if error.is_already_exists() => Some(Step::Exists),
        WriteOutcome::NotDone if error.is_revision_conflict() => at.map(|at| Step::Conflict { at }),
        WriteOutcome::NotDone => None,
        outcome => panic!("{outcome:?}: {error}"),
    }
}
