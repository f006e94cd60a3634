//! Contracts: data that others write too, checked against the JSON Schema of a Rust type.

use std::fmt::{self, Debug, Display};

use jsonschema::Validator;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::error::{Error, Result, after_write_text};

/// The JSON Schema of a type, to hand to those who write the same data in other languages.
///
/// ```
/// use schemars::JsonSchema;
/// use twilio_sync::contract_schema;
///
/// #[derive(JsonSchema)]
/// struct Operator {
///     name: String,
///     busy: bool,
/// }
///
/// let schema = contract_schema::<Operator>();
/// assert_eq!(schema.get("required"), Some(&serde_json::json!(["name", "busy"])));
/// ```
#[must_use]
pub fn contract_schema<T: JsonSchema>() -> Schema {
    schemars::schema_for!(T)
}

/// A contract made ready to check data.
pub(crate) struct Contract {
    /// The type it is of.
    of: &'static str,
    /// Or why its schema cannot be used, which each check tells.
    validator: Result<Validator, String>,
}

impl Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}

impl Contract {
    pub(crate) fn of<T: JsonSchema>() -> Self {
        let schema = contract_schema::<T>();
        Self {
            of: std::any::type_name::<T>(),
            validator: jsonschema::options()
                .should_validate_formats(true)
                .build(schema.as_value())
                .map_err(|error| error.to_string()),
        }
    }

    /// Checks JSON text, and lists everything in it that breaks the contract.
    pub(crate) fn check(&self, json: &str, title: impl FnOnce() -> String) -> Result<()> {
        let violations = match (&self.validator, serde_json::from_str::<Value>(json)) {
            (Err(reason), _) => vec![Violation {
                path: String::new(),
                value: Value::Null,
                rule: format!("the schema itself cannot be used: {reason}"),
            }],
            // What is no JSON is told as such when it is decoded.
            (_, Err(_)) => return Ok(()),
            (Ok(validator), Ok(value)) => validator
                .iter_errors(&value)
                .map(|error| Violation::new(&error))
                .collect(),
        };
        if violations.is_empty() {
            return Ok(());
        }
        Err(Error::Contract(Box::new(ContractError {
            object: title(),
            contract: self.of,
            violations,
            after_write: false,
        })))
    }
}

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
    /// Whether it came in answer to a write, which took effect.
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
    /// Where, as a JSON Pointer such as `/skills/2`; empty for the whole.
    pub path: String,
    /// What is there.
    pub value: Value,
    /// The rule it breaks, in words.
    pub rule: String,
}

impl Violation {
    fn new(error: &jsonschema::ValidationError<'_>) -> Self {
        Self {
            path: error.instance_path().to_string(),
            value: error.instance().clone().into_owned(),
            rule: error.to_string(),
        }
    }
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
