//! Data that breaks its contract.

use std::fmt::{self, Display};

use serde_json::Value;

use super::data::after_write_text;

/// Data that breaks the contract it is under: it was not written, or should not have been.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContractError {
    /// The object or item, as `document "desk-7"`, or the data to be written.
    pub object: String,
    /// The type whose schema is the contract.
    pub contract: &'static str,
    /// All that is wrong.
    pub violations: Vec<Violation>,
    /// `true` if it is in the response to a write, which took effect.
    pub after_write: bool,
}

impl Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            contract,
            violations,
            after_write,
        } = self;
        write!(f, "{object} breaks the contract of {contract}: ")?;
        for (at, violation) in violations.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        f.write_str(after_write_text(*after_write))
    }
}

impl std::error::Error for ContractError {}

/// One place in data that breaks a contract.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The place, as a JSON Pointer such as `/skills/2`; empty for the whole.
    pub path: String,
    /// The value there.
    pub value: Value,
    /// The rule it breaks, in words.
    pub rule: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "the whole"
        } else {
            &self.path
        };
        write!(f, "at {path}: {}", self.rule)
    }
}
