//! Comparisons of what the service does with what a rule says.

use std::fmt::Debug;

use crate::conformance::failure::Failure;
use crate::error::{Error, Result};

/// Compares a value with the one that the rule says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a rule compares values that it has just made"
)]
pub(super) fn equal<F, E>(subject: &str, found: F, expected: E) -> Result<(), Failure>
where
    F: PartialEq<E> + Debug,
    E: Debug,
{
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    Err(Failure::new(subject, expected, found))
}

/// Checks a property of a value that is said in words.
pub(super) fn holds(
    subject: &str,
    is_so: bool,
    expected: &str,
    found: &dyn Debug,
) -> Result<(), Failure> {
    if is_so {
        return Ok(());
    }
    Err(Failure::new(subject, expected, format!("{found:?}")))
}

/// Checks that a call fails with an error response of this status and code.
pub(super) fn error<T>(
    subject: &str,
    result: Result<T>,
    status: u16,
    code: i64,
) -> Result<Error, Failure> {
    let found = match result {
        Ok(_) => "a success".to_owned(),
        Err(error) => {
            let found = (error.status().map(|status| status.as_u16()), error.code());
            if found == (Some(status), Some(code)) {
                return Ok(error);
            }
            error.to_string()
        }
    };
    let expected = format!("status {status} and code {code}");
    Err(Failure::new(subject, expected, found))
}

/// Checks that a call fails because there is no such object, item, permission or Service.
pub(super) fn not_found<T>(subject: &str, result: Result<T>) -> Result<(), Failure> {
    error(subject, result, 404, 20404).map(drop)
}
