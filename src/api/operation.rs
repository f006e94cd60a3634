//! The operations of the API, with the facts that the description has about each.

use std::fmt;

use http::Method;

use crate::error::Needed;

include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// The facts about one operation.
struct Row {
    operation: Operation,
    name: &'static str,
    id: &'static str,
    resource: &'static str,
    summary: &'static str,
    description: &'static str,
    method: Method,
    path: &'static str,
    status: u16,
    idempotence: Idempotence,
    parameters: &'static [Parameter],
}

/// The effect of sending a request a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Idempotence {
    /// It changes nothing.
    Safe,
    /// The second leaves what the first left.
    Idempotent,
    /// The second fails if the form has this field, a name under which there can be one object only.
    /// Without the field it may create another object.
    WithField(&'static str),
    /// It may create another object or message.
    Never,
}

/// A parameter of an operation, or a field of its form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, such as `PageSize`.
    pub name: &'static str,
    /// Its name with an equals sign, as the program `twilio-sync` takes it.
    pub(crate) argument: &'static str,
    /// Its place in the request.
    pub place: Place,
    /// `true` if the operation needs it.
    pub required: bool,
    /// The values that it takes.
    pub kind: Kind,
    /// Its purpose, in a sentence.
    pub description: &'static str,
}

impl Parameter {
    /// Its name with an equals sign, as in `PageSize=`.
    #[must_use]
    pub fn argument(&self) -> &'static str {
        self.argument
    }
}

/// The place of a parameter in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// A segment of the path.
    Path,
    /// A pair of the query.
    Query,
    /// A header.
    Header,
    /// A field of the form.
    Form,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        /// The lowest.
        minimum: Option<i64>,
        /// The highest.
        maximum: Option<i64>,
    },
    /// One of these.
    Choice(&'static [&'static str]),
    /// A [`ServiceReference`](crate::value::ServiceReference).
    ServiceReference,
    /// An [`ObjectReference`](crate::value::ObjectReference).
    ObjectReference,
    /// A [`UniqueName`](crate::value::UniqueName).
    UniqueName,
    /// An [`ItemKey`](crate::value::ItemKey).
    ItemKey,
    /// An [`Identity`](crate::value::Identity).
    Identity,
    /// A [`Revision`](crate::Revision).
    Revision,
}

impl Operation {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// All operations, those of a resource together.
    #[must_use]
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        ROWS.iter().map(|row| row.operation)
    }

    /// Its name in the description, such as `FetchDocument`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name of its method, such as `fetch_document`. Errors and logs show it.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The resource it belongs to, such as `Map items`.
    #[must_use]
    pub fn resource(self) -> &'static str {
        self.row().resource
    }

    /// Its effect, in a few words.
    #[must_use]
    pub fn summary(self) -> &'static str {
        self.row().summary
    }

    /// More about it; may be empty.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().description
    }

    /// Its HTTP method.
    #[must_use]
    pub fn method(self) -> &'static Method {
        &self.row().method
    }

    /// The template of its path, such as `/v1/Services/{ServiceSid}/Documents/{Sid}`.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.row().path
    }

    /// The status of a success.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// The effect of sending it a second time.
    #[must_use]
    pub fn idempotence(self) -> Idempotence {
        self.row().idempotence
    }

    /// The object that is missing if the response is a 404, and can be created. `None` for one item, since
    /// the item or its List or Map may be missing.
    pub(crate) fn needs(self) -> Option<Needed> {
        Some(match self {
            Self::FetchService => Needed::Service,
            Self::FetchDocument | Self::UpdateDocument => Needed::Document,
            Self::FetchSyncList
            | Self::UpdateSyncList
            | Self::CreateSyncListItem
            | Self::ListSyncListItem => Needed::List,
            Self::FetchSyncMap
            | Self::UpdateSyncMap
            | Self::CreateSyncMapItem
            | Self::ListSyncMapItem => Needed::Map,
            Self::FetchSyncStream | Self::CreateStreamMessage => Needed::Stream,
            _ => return None,
        })
    }

    /// Its parameters: those of path, query and header, and the fields of its form.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        self.row().parameters
    }

    /// The parameters in its path, in their order.
    pub(crate) fn path_parameters(self) -> impl Iterator<Item = &'static Parameter> {
        let parameters = self.parameters().iter();
        parameters.filter(|parameter| parameter.place == Place::Path)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_at_the_place_of_its_operation() {
        assert_eq!(Operation::all().len(), 48);
        for (at, operation) in Operation::all().enumerate() {
            assert_eq!(operation as usize, at, "{operation}");
        }
    }

    #[test]
    fn idempotence_goes_by_method_path_and_form() {
        use Operation as O;
        for (operation, expected) in [
            (O::FetchDocument, Idempotence::Safe),
            (O::DeleteDocument, Idempotence::Idempotent),
            (O::UpdateSyncListItem, Idempotence::Idempotent),
            (O::UpdateService, Idempotence::Idempotent),
            (O::CreateDocument, Idempotence::WithField("UniqueName")),
            (O::CreateSyncStream, Idempotence::WithField("UniqueName")),
            (O::CreateSyncMapItem, Idempotence::WithField("Key")),
            (O::CreateSyncListItem, Idempotence::Never),
            (O::CreateStreamMessage, Idempotence::Never),
            (O::CreateService, Idempotence::Never),
        ] {
            assert_eq!(operation.idempotence(), expected, "{operation}");
        }
    }
}
