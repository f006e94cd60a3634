//! Times to live: after how long an object or item expires and is removed by the service.

use std::time::Duration;

use crate::error::InputError;

/// The longest time to live, one year of 365 days.
pub const MAX_TTL: Duration = Duration::from_secs(31_536_000);

/// The time to live of what never expires.
pub const NEVER: Duration = Duration::ZERO;

/// The whole seconds the service takes. A part of a second counts as a whole one, so that a short
/// time to live never becomes 0, which means "never".
pub(crate) fn seconds(ttl: Duration) -> Result<i64, InputError> {
    let seconds = ttl
        .as_secs()
        .saturating_add(u64::from(ttl.subsec_nanos() > 0));
    match i64::try_from(seconds) {
        Ok(whole) if seconds <= MAX_TTL.as_secs() => Ok(whole),
        _ => Err(InputError::Ttl {
            seconds,
            limit: MAX_TTL.as_secs(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_a_second() {
        assert_eq!(seconds(Duration::from_millis(1)), Ok(1));
        assert_eq!(seconds(Duration::from_millis(1500)), Ok(2));
        assert_eq!(seconds(NEVER), Ok(0));
    }

    #[test]
    fn one_year_is_the_limit() {
        assert_eq!(seconds(MAX_TTL), Ok(31_536_000));
        let error = seconds(Duration::from_secs(31_536_001)).unwrap_err();
        assert!(error.to_string().contains("31536001"), "{error}");
        assert!(seconds(Duration::MAX).is_err());
    }
}
