//! The comparison of expiry dates.

use chrono::{DateTime, TimeDelta, Utc};

/// How far equal dates may be apart: they are set as times to live, in whole seconds, and requests take
/// time.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Whether two dates are equal within the tolerance, or both are absent.
pub(crate) fn is_same_expiry(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    is_expiry_within(TOLERANCE, one, other)
}

/// Whether two dates are equal within a given tolerance, or both are absent.
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
