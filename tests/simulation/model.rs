//! The behaviour of one name or key as a specification: an object, or nothing, and what each call may do to it.

use todc_utils::specifications::Specification;

/// A number in place of a text that differs from run to run, such as a SID.
pub(crate) type Symbol = u32;

/// An object or item as a call saw it or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) sid: Symbol,
    pub(crate) revision: Symbol,
    pub(crate) value: i64,
}

/// A version that a call asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) sid: Symbol,
    /// None for any revision of the object.
    pub(crate) revision: Option<Symbol>,
}

/// A write that may have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Create {
        value: i64,
        expires: bool,
    },
    Update {
        at: Option<Version>,
        value: Option<i64>,
        expires: bool,
    },
    Set {
        value: i64,
        expires: bool,
    },
    Increment {
        expires: bool,
    },
    Remove {
        at: Option<Version>,
    },
}

/// A call with its result, or an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There was nothing, or nothing of the version asked for.
    Absent {
        at: Option<Version>,
    },
    /// There was this.
    Present(Seen),
    /// There was something.
    Exists,
    /// There was another version.
    Conflict {
        at: Version,
    },
    Created {
        seen: Seen,
        expires: bool,
    },
    Updated {
        at: Option<Version>,
        seen: Seen,
        expires: bool,
    },
    Incremented {
        seen: Seen,
        expires: bool,
    },
    /// It got a time to live, and kept its data and its revision.
    Expires(Seen),
    /// There is nothing any more, or nothing of the version asked for.
    Gone {
        at: Option<Version>,
    },
    /// The outcome is unknown.
    Maybe(Write),
    /// A time to live has passed.
    Expired,
}

/// An object or item. What no call has seen yet of it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    sid: Option<Symbol>,
    revision: Option<Symbol>,
    value: i64,
    /// It has a time to live.
    expires: bool,
}

impl Object {
    fn new(value: i64, expires: bool) -> Self {
        Self {
            sid: None,
            revision: None,
            value,
            expires,
        }
    }

    /// It with what a call saw, if that is possible.
    fn learn(self, seen: Seen) -> Option<Self> {
        let fits = self.sid.is_none_or(|sid| sid == seen.sid)
            && self
                .revision
                .is_none_or(|revision| revision == seen.revision)
            && self.value == seen.value;
        fits.then_some(Self {
            sid: Some(seen.sid),
            revision: Some(seen.revision),
            ..self
        })
    }

    /// Returns true if it has a version that a call asked for, which must have been seen before.
    fn is_at(&self, at: Option<Version>) -> bool {
        at.is_none_or(|at| {
            self.sid == Some(at.sid) && (at.revision.is_none() || self.revision == at.revision)
        })
    }

    fn written(self, value: Option<i64>, expires: bool) -> Self {
        Self {
            revision: if value.is_some() { None } else { self.revision },
            value: value.unwrap_or(self.value),
            expires: self.expires || expires,
            ..self
        }
    }
}

type State = Option<Object>;

/// A write of nothing but a time to live.
pub(crate) const EXPIRES: Write = Write::Update {
    at: None,
    value: None,
    expires: true,
};

impl Write {
    /// The state after it, if it has an effect.
    fn apply(self, state: State) -> Option<State> {
        Some(match (self, state) {
            (Self::Create { value, expires } | Self::Set { value, expires }, None) => {
                Some(Object::new(value, expires))
            }
            (Self::Set { value, expires }, Some(object)) => {
                Some(object.written(Some(value), expires))
            }
            (Self::Update { at, value, expires }, Some(object)) if object.is_at(at) => {
                Some(object.written(value, expires))
            }
            (Self::Increment { expires }, Some(object)) => {
                Some(object.written(Some(object.value + 1), expires))
            }
            (Self::Remove { at }, Some(object)) if object.is_at(at) => None,
            _ => return None,
        })
    }
}

impl Step {
    /// The state after it, if it is possible.
    fn apply(self, state: State) -> Option<State> {
        match self {
            Self::Absent { at } => (!state.is_some_and(|object| object.is_at(at))).then_some(state),
            Self::Present(seen) => state?.learn(seen).map(Some),
            Self::Exists => state.is_some().then_some(state),
            Self::Conflict { at } => (!state?.is_at(Some(at))).then_some(state),
            Self::Created { seen, expires } => match state {
                None => Object::new(seen.value, expires).learn(seen).map(Some),
                Some(_) => None,
            },
            Self::Updated { at, seen, expires } => {
                let state = Write::Update {
                    at,
                    value: Some(seen.value),
                    expires,
                }
                .apply(state)?;
                state?.learn(seen).map(Some)
            }
            Self::Incremented { seen, expires } => Write::Increment { expires }
                .apply(state)??
                .learn(seen)
                .map(Some),
            Self::Expires(seen) => EXPIRES.apply(state)??.learn(seen).map(Some),
            Self::Gone { at } => Some(Write::Remove { at }.apply(state).unwrap_or(state)),
            Self::Maybe(write) => Some(write.apply(state).unwrap_or(state)),
            Self::Expired => Some(state.filter(|object| !object.expires)),
        }
    }
}

/// The specification of one name or key, at which there is nothing at first.
pub(crate) struct OneName;

impl Specification for OneName {
    type State = State;
    type Operation = Step;

    fn init() -> State {
        None
    }

    fn apply(step: &Step, state: &State) -> (bool, State) {
        let after = step.apply(*state);
        (after.is_some(), after.unwrap_or(*state))
    }
}
