//! When what is there is what a file says.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use twilio_sync::api::Data;

/// How far two dates of expiry may be apart: they are set as times to live, in whole seconds, and a
/// request takes its time.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Whether two texts are the same JSON, whatever the order of members.
pub(crate) fn is_same_data(one: &Data, other: &Data) -> bool {
    let value = |data: &Data| data.decode::<Value>().ok();
    one.as_str() == other.as_str()
        || value(one).is_some_and(|one| value(other).is_some_and(|other| one == other))
}

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
    fn data_is_compared_as_json() {
        let same = |one: &str, other: &str| {
            let data = |text: &str| Data::from_json(text.to_owned()).unwrap();
            is_same_data(&data(one), &data(other))
        };
        assert!(same(r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#) && !same(r#"{"a":1}"#, r#"{"a":"1"}"#));
    }

    #[test]
    fn dates_of_expiry_may_be_seconds_apart() {
        let now = Utc::now();
        let at = |seconds| Some(now + TimeDelta::seconds(seconds));
        assert!(is_same_expiry(None, None) && is_same_expiry(at(0), at(5)));
        assert!(!is_same_expiry(at(6), at(0)) && !is_same_expiry(None, at(0)));
    }
}
