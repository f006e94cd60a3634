//! When two dates of expiry are one.

use chrono::{DateTime, TimeDelta, Utc};

/// How far two dates of expiry may be apart: they are set as times to live, in whole seconds, and a
/// request takes its time.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Whether two things expire at the same time, or neither does.
pub(crate) fn is_same_expiry(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    is_expiry_within(TOLERANCE, one, other)
}

/// Whether two things expire within some time of each other, or neither does.
pub(crate) fn is_expiry_within(
    tolerance: TimeDelta,
    one: Option<DateTime<Utc>>,
    other: Option<DateTime<Utc>>,
) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.signed_duration_since(other).abs() <= tolerance,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_expiry_may_be_seconds_apart() {
        let now = Utc::now();
        let at = |seconds| Some(now + TimeDelta::seconds(seconds));
        assert!(is_same_expiry(None, None) && is_same_expiry(at(0), at(5)));
        assert!(!is_same_expiry(at(6), at(0)) && !is_same_expiry(None, at(0)));
    }
}
