//! Contracts: data that others write too, checked against the JSON Schema of a Rust type.

use crate::error::Result;

/// Without the feature `schema` there are none.
#[cfg(not(feature = "schema"))]
#[derive(Debug)]
pub enum Contract {}

#[cfg(not(feature = "schema"))]
impl Contract {
    pub(crate) fn check(&self, _: &str, _: bool, _: impl FnOnce() -> String) -> Result<()> {
        match *self {}
    }
}

#[cfg(feature = "schema")]
pub(crate) use schema::Contract;
#[cfg(feature = "schema")]
pub use schema::contract_schema;

#[cfg(feature = "schema")]
mod schema {
    use std::fmt::{self, Debug};

    use jsonschema::{ValidationError, Validator};
    use schemars::{JsonSchema, Schema};
    use serde_json::Value;

    use super::Result;
    use crate::error::{ContractError, Error, Violation};

    /// The JSON Schema of a type, to hand to those who write the same data in other languages.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use twilio_sync::contract::contract_schema;
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
    pub struct Contract {
        /// The name of the type.
        name: &'static str,
        /// Or the reason why the schema cannot be used, which each check gives.
        validator: Result<Validator, String>,
    }

    impl Debug for Contract {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("Contract").field(&self.name).finish()
        }
    }

    impl Contract {
        pub(crate) fn of<T: JsonSchema>() -> Self {
            let schema = contract_schema::<T>();
            Self {
                name: std::any::type_name::<T>(),
                validator: jsonschema::options()
                    .should_validate_formats(true)
                    .build(schema.as_value())
                    .map_err(|error| error.to_string()),
            }
        }

        /// Checks JSON text, and lists everything in it that breaks the contract.
        pub(crate) fn check(
            &self,
            json: &str,
            after_write: bool,
            object: impl FnOnce() -> String,
        ) -> Result<()> {
            let violations = match (&self.validator, serde_json::from_str::<Value>(json)) {
                (Err(reason), _) => vec![Violation {
                    path: String::new(),
                    value: Value::Null,
                    rule: format!("the schema itself cannot be used: {reason}"),
                }],
                (Ok(_), Err(error)) => vec![Violation {
                    path: String::new(),
                    value: Value::Null,
                    rule: format!("the data cannot be checked: {error}"),
                }],
                (Ok(validator), Ok(value)) => {
                    validator.iter_errors(&value).map(violation).collect()
                }
            };
            if violations.is_empty() {
                return Ok(());
            }
            Err(Error::Contract(Box::new(ContractError {
                object: object(),
                contract: self.name,
                violations,
                after_write,
            })))
        }
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "the validator gives them by value"
    )]
    fn violation(error: ValidationError<'_>) -> Violation {
        Violation {
            path: error.instance_path().to_string(),
            value: error.instance().clone().into_owned(),
            rule: error.to_string(),
        }
    }
}

/// Gives the objects or items of typed data their variant under a contract.
macro_rules! checked {
    ($($generics:tt)*) => {
        #[cfg(feature = "schema")]
        impl<T: schemars::JsonSchema> $($generics)* {
            /// The same with data checked against the JSON Schema of `T`: before it is written, and
            /// after it is read.
            ///
            /// Phones and browsers write to the same objects in other languages, and a type that
            /// decodes is not all that a schema can ask for. A violation is an
            /// [`Error::Contract`](crate::Error::Contract) that lists everything that is wrong.
            /// [`contract_schema`](crate::contract::contract_schema) gives the schema to hand to others.
            #[must_use]
            pub fn checked(mut self) -> Self {
                let contract = crate::resource::contract::Contract::of::<T>();
                self.target.contract = Some(std::sync::Arc::new(contract));
                self
            }
        }
    };
}

pub(crate) use checked;
