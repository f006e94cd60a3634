//! Parameters: found by name, described to people, and their values checked.

use std::borrow::Cow;

use twilio_sync::Revision;
use twilio_sync::api::{Kind, Operation, Parameter, Place};
use twilio_sync::error::InputError;
use twilio_sync::value::{Identity, ItemKey, ObjectReference, ServiceReference, UniqueName};

/// Finds a parameter of an operation. A header may be named without its hyphens.
pub(super) fn find(operation: Operation, name: &str) -> Option<&'static Parameter> {
    let is_named = |parameter: &&Parameter| {
        parameter.name == name
            || (parameter.place == Place::Header && parameter.name.replace('-', "") == name)
    };
    operation.parameters().iter().find(is_named)
}

/// Returns true if an operation reads a page of a list.
pub(super) fn is_list(operation: Operation) -> bool {
    find(operation, "PageToken").is_some()
}

/// Returns true if a parameter must be given.
pub(super) fn is_needed(parameter: &Parameter) -> bool {
    parameter.required && !is_service_of_settings(parameter)
}

/// Returns true if a parameter is the Service in a path, which without a value is that of the settings.
pub(super) fn is_service_of_settings(parameter: &Parameter) -> bool {
    parameter.place == Place::Path && parameter.name == "ServiceSid"
}

/// Checks a value and gives it the form in which it is sent, or the reason why it cannot be.
pub(super) fn check(kind: Kind, text: String) -> Result<String, String> {
    let reason = |error: InputError| error.to_string();
    let misfit = || Err(format!("it must be {}", described(kind)));
    match kind {
        Kind::Boolean if text != "true" && text != "false" => misfit(),
        Kind::Choice(choices) if !choices.contains(&text.as_str()) => misfit(),
        Kind::Integer { minimum, maximum } => match text.parse::<i64>() {
            Ok(number)
                if minimum.is_none_or(|minimum| number >= minimum)
                    && maximum.is_none_or(|maximum| number <= maximum) =>
            {
                Ok(number.to_string())
            }
            _ => misfit(),
        },
        Kind::ServiceReference => ServiceReference::new(text).map(Into::into).map_err(reason),
        Kind::ObjectReference => ObjectReference::new(text).map(Into::into).map_err(reason),
        Kind::UniqueName => UniqueName::new(text).map(Into::into).map_err(reason),
        Kind::ItemKey => ItemKey::new(text).map(Into::into).map_err(reason),
        Kind::Identity => Identity::new(text).map(Into::into).map_err(reason),
        Kind::Revision => {
            // Nor an empty one, as of a variable that is not set: who gives one wants no blind write.
            let revision = Revision::new(text).to_string();
            if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_graphic()) {
                Ok(revision)
            } else {
                Err(reason(InputError::Revision { revision }))
            }
        }
        _ => Ok(text),
    }
}

/// The values that a parameter takes, in words.
pub(super) fn described(kind: Kind) -> Cow<'static, str> {
    match kind {
        Kind::Boolean => "true or false".into(),
        Kind::Integer { minimum, maximum } => match (minimum, maximum) {
            (Some(minimum), Some(maximum)) => {
                format!("a whole number, {minimum} to {maximum}").into()
            }
            (Some(minimum), None) => format!("a whole number, at least {minimum}").into(),
            (None, Some(maximum)) => format!("a whole number, at most {maximum}").into(),
            (None, None) => "a whole number".into(),
        },
        Kind::Choice(choices) => choices.join(" or ").into(),
        Kind::ServiceReference => "a SID, or default".into(),
        Kind::ObjectReference => "a SID or unique name".into(),
        Kind::UniqueName => "a unique name".into(),
        Kind::ItemKey => "a key".into(),
        Kind::Identity => "an identity".into(),
        Kind::Revision => "a revision".into(),
        _ => "a text".into(),
    }
}

/// The place of a parameter, in words.
pub(super) fn place(place: Place) -> &'static str {
    match place {
        Place::Path => "in the path",
        Place::Query => "in the query",
        Place::Header => "in a header",
        _ => "in the form",
    }
}
