//! Dates and expiries.

use std::num::NonZeroI64;

/// Milliseconds since 1970.
pub(crate) type Millis = i64;

/// The date at which an object or item expires, after the first millisecond of 1970.
///
/// An absent one takes no space of its own: a list can have a million items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiry(NonZeroI64);

impl Expiry {
    /// The expiry at this date, or at the earliest there is.
    pub(crate) fn at(date: Millis) -> Self {
        Self(NonZeroI64::new(date.max(1)).unwrap_or(NonZeroI64::MIN))
    }

    pub(crate) fn millis(self) -> Millis {
        self.0.get()
    }
}
