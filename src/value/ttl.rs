//! Times to live: after how long the service removes an object or item.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::input_error::InputError;

/// A time to live: after how long, from the moment of the write, an object or item expires and is
/// removed by the service.
///
/// At most one year, in whole seconds; a part of a second counts as a whole one. Zero means
/// [`NEVER`](Self::NEVER), as in the API. The limit is checked when a call is sent.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::Ttl;
///
/// assert_eq!(Ttl::from_secs(180), Ttl::from(Duration::from_secs(180)));
/// assert_eq!(Ttl::from_secs(0), Ttl::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(Duration);

impl Ttl {
    /// It never expires.
    pub const NEVER: Self = Self(Duration::ZERO);

    /// The longest time to live: one year of 365 days.
    pub const MAX: Self = Self(Duration::from_secs(31_536_000));

    /// A time to live in seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The time that is left until a date, by the clock of this machine; [`NEVER`](Self::NEVER) without a
    /// date, and `None` if the date has passed. It is at least one second, and at most
    /// [`MAX`](Self::MAX), since clocks differ.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use twilio_sync::Ttl;
    ///
    /// let left = Ttl::until(Some(Utc::now() + TimeDelta::seconds(60)));
    /// assert!(left > Some(Ttl::from_secs(50)) && left <= Some(Ttl::from_secs(60)));
    /// assert_eq!(Ttl::until(Some(Utc::now() - TimeDelta::seconds(1))), None);
    /// assert_eq!(Ttl::until(None), Some(Ttl::NEVER));
    /// ```
    #[must_use]
    pub fn until(date_expires: Option<DateTime<Utc>>) -> Option<Self> {
        let Some(date) = date_expires else {
            return Some(Self::NEVER);
        };
        let left = date.signed_duration_since(Utc::now()).to_std().ok()?;
        Some(Self(left).clamp(Self::from_secs(1), Self::MAX))
    }

    /// The time to live as a duration; zero for never.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// The whole seconds that the service takes. A part of a second counts as a whole one, so that a
    /// short time to live never becomes 0, which means "never".
    pub(crate) fn seconds(self) -> Result<i64, InputError> {
        let part = u64::from(self.0.subsec_nanos() > 0);
        let seconds = self.0.as_secs().saturating_add(part);
        let limit = Self::MAX.0.as_secs();
        match i64::try_from(seconds) {
            Ok(whole) if seconds <= limit => Ok(whole),
            _ => Err(InputError::Ttl { seconds, limit }),
        }
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_a_second() {
        assert_eq!(Ttl::from(Duration::from_millis(1)).seconds(), Ok(1));
        assert_eq!(Ttl::from(Duration::from_millis(1500)).seconds(), Ok(2));
        assert_eq!(Ttl::NEVER.seconds(), Ok(0));
    }

    #[test]
    fn one_year_is_the_limit() {
        assert_eq!(Ttl::MAX.seconds(), Ok(31_536_000));
        let error = Ttl::from_secs(31_536_001).seconds().unwrap_err();
        assert!(error.to_string().contains("31536001"), "{error}");
        assert!(Ttl::from(Duration::MAX).seconds().is_err());
    }
}
