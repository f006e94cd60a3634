//! The operations as the API description has them: a table that `build.rs` writes.

use std::fmt::{self, Display};

use http::Method;
use twilio_sync::api::{ObjectReference, ServiceReference};
use twilio_sync::{Identity, InputError, ItemKey, Revision, UniqueName};

include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// One operation of the API.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its name in the description, such as `FetchDocument`.
    pub(crate) name: &'static str,
    /// Its name in the generated client, such as `fetch_document`.
    pub(crate) id: &'static str,
    /// The resource that it is of, in the plural.
    pub(crate) resource: &'static str,
    pub(crate) summary: &'static str,
    /// What more there is to say; may be empty.
    pub(crate) description: &'static str,
    pub(crate) method: Method,
    /// Its path, with the names of parameters in braces.
    pub(crate) path: &'static str,
    /// The status of success.
    pub(crate) status: u16,
    pub(crate) parameters: &'static [Parameter],
}

impl Operation {
    /// Finds one by the name that the description or the generated client has for it.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        let mut all = OPERATIONS.iter();
        all.find(|operation| operation.name == name || operation.id == name)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        let mut all = self.parameters.iter();
        all.find(|parameter| parameter.is_called(name))
    }

    /// Whether it reads a page of a list.
    pub(crate) fn is_list(&self) -> bool {
        self.parameter("PageToken").is_some()
    }
}

/// One parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// Its name and `=`, as an argument begins.
    pub(crate) argument: &'static str,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
    pub(crate) description: &'static str,
}

impl Parameter {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || (self.place == Place::Header && self.name.replace('-', "") == name)
    }

    /// Whether it must be given: the Service in a path is else that of the settings.
    pub(crate) fn is_needed(&self) -> bool {
        self.required && !self.is_service_of_settings()
    }

    pub(crate) fn is_service_of_settings(&self) -> bool {
        self.place == Place::Path && self.name == "ServiceSid"
    }
}

/// Where a parameter travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Form,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "in the path",
            Self::Query => "in the query",
            Self::Header => "in a header",
            Self::Form => "in the form",
        })
    }
}

/// What values a parameter takes.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Boolean,
    Integer {
        minimum: Option<i64>,
        maximum: Option<i64>,
    },
    Choice(&'static [&'static str]),
    ServiceReference,
    ObjectReference,
    UniqueName,
    ItemKey,
    Identity,
    Revision,
}

impl Kind {
    /// Checks a value and gives it the form in which it is sent; or says why it is none.
    pub(crate) fn check(&self, text: String) -> Result<String, String> {
        let refused = |error: InputError| error.to_string();
        let misfit = || Err(format!("it must be {self}"));
        match self {
            Self::Text => Ok(text),
            Self::Boolean if text == "true" || text == "false" => Ok(text),
            Self::Choice(choices) if choices.contains(&text.as_str()) => Ok(text),
            Self::Boolean | Self::Choice(_) => misfit(),
            Self::Integer { minimum, maximum } => match text.parse::<i64>() {
                Ok(number)
                    if minimum.is_none_or(|minimum| number >= minimum)
                        && maximum.is_none_or(|maximum| number <= maximum) =>
                {
                    Ok(number.to_string())
                }
                _ => misfit(),
            },
            Self::ServiceReference => ServiceReference::new(text).map(Into::into).map_err(refused),
            Self::ObjectReference => ObjectReference::new(text).map(Into::into).map_err(refused),
            Self::UniqueName => UniqueName::new(text).map(Into::into).map_err(refused),
            Self::ItemKey => ItemKey::new(text).map(Into::into).map_err(refused),
            Self::Identity => Identity::new(text).map(Into::into).map_err(refused),
            Self::Revision => {
                // Nor an empty one, as of a variable that is not set: who gives one wants no blind write.
                let revision = Revision::new(text).to_string();
                if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_graphic()) {
                    Ok(revision)
                } else {
                    Err(refused(InputError::Revision { revision }))
                }
            }
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { minimum, maximum } => match (minimum, maximum) {
                (Some(minimum), Some(maximum)) => {
                    write!(f, "a whole number, {minimum} to {maximum}")
                }
                (Some(minimum), None) => write!(f, "a whole number, at least {minimum}"),
                (None, Some(maximum)) => write!(f, "a whole number, at most {maximum}"),
                (None, None) => f.write_str("a whole number"),
            },
            Self::Choice(choices) => f.write_str(&choices.join(" or ")),
            Self::ServiceReference => f.write_str("a SID, or default"),
            Self::ObjectReference => f.write_str("a SID or unique name"),
            Self::UniqueName => f.write_str("a unique name"),
            Self::ItemKey => f.write_str("a key"),
            Self::Identity => f.write_str("an identity"),
            Self::Revision => f.write_str("a revision"),
        }
    }
}
