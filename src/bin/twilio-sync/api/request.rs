//! From the arguments of an operation to its request.

use std::fmt::{self, Display};

use http::Method;
use progenitor_client::{ClientInfo, RequestBuilderExt};
use twilio_sync::api::{Data, ObjectReference, ServiceReference};
use twilio_sync::{ErrorBody, SyncClient};

use super::nearest;
use super::operations::{Operation, Parameter, Place};
use crate::failure::{Failure, Result};
use crate::input::Text;
use crate::output::visible;

/// A request of an operation, all of it checked.
#[derive(Debug)]
pub(super) struct Request {
    operation: &'static Operation,
    values: Vec<(&'static Parameter, String)>,
}

impl Request {
    /// Reads and checks the arguments.
    pub(super) async fn read(
        operation: &'static Operation,
        arguments: Vec<String>,
    ) -> Result<Self> {
        let given = named(operation, arguments)?;
        let mut values = Vec::with_capacity(given.len());
        for (parameter, value) in given {
            let value = match value {
                Given::Value(value) => value,
                Given::Source(source) => read(parameter, source).await?,
            };
            let value = parameter.kind.check(value);
            let value =
                value.map_err(|reason| Failure::usage(format!("{}: {reason}", parameter.name)))?;
            values.push((parameter, value));
        }
        Ok(Self { operation, values })
    }

    /// The path it goes to, with a Service for those that name none.
    pub(super) fn path(&self, service: &ServiceReference) -> Result<String> {
        let mut path = String::new();
        for segment in self.operation.path.split('/').skip(1) {
            path.push('/');
            let name = segment.strip_prefix('{');
            match name.and_then(|name| name.strip_suffix('}')) {
                None => path.push_str(segment),
                Some(name) => match self.get(Place::Path, name) {
                    // Its kind was checked; this sees to it that it is one segment of a path.
                    Some(value) => {
                        let value = ObjectReference::new(value)?;
                        path.push_str(&value.path_segment().to_string());
                    }
                    None => path.push_str(&service.path_segment().to_string()),
                },
            }
        }
        Ok(path)
    }

    /// Sends it, the way of the generated client: the answer's body, if it has one.
    pub(super) async fn send(&self, sync: &SyncClient) -> Result<Option<Data>> {
        let api = sync.api();
        let Operation { id, method, .. } = self.operation;
        let url = format!("{}{}", api.baseurl(), self.path(sync.service())?);
        let mut request = api.client().request(method.clone(), url);
        for parameter in self.of(Place::Query) {
            request = request.query(&[parameter]);
        }
        for (name, value) in self.of(Place::Header) {
            request = request.header(name, value);
        }
        if *method == Method::POST {
            let form: Vec<_> = self.of(Place::Form).collect();
            request = RequestBuilderExt::<ErrorBody>::form_urlencoded(request, &form)
                .map_err(|error| Failure::usage(error.to_string()))?;
        }
        let request = request
            .build()
            .map_err(|error| Failure::usage(error.to_string()))?;
        Ok(sync.send(id, request).await?)
    }

    fn of(&self, place: Place) -> impl Iterator<Item = (&'static str, &str)> {
        let values = self.values.iter();
        values
            .filter(move |(parameter, _)| parameter.place == place)
            .map(|(parameter, value)| (parameter.name, value.as_str()))
    }

    fn get(&self, place: Place, name: &str) -> Option<&str> {
        let mut values = self.of(place);
        values.find_map(|(other, value)| (other == name).then_some(value))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values
            .iter()
            .any(|(parameter, _)| parameter.name == name)
    }

    /// Sets a parameter, if the operation has it.
    pub(super) fn set(&mut self, name: &str, value: String) {
        self.values.retain(|(parameter, _)| parameter.name != name);
        if let Some(parameter) = self.operation.parameter(name) {
            self.values.push((parameter, value));
        }
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.name)?;
        for (name, value) in self.of(Place::Path) {
            write!(f, " {name}={}", visible(value))?;
        }
        Ok(())
    }
}

/// What is given for a parameter.
enum Given {
    Value(String),
    /// Where the value is: `@` and a file, or `-`.
    Source(String),
}

/// Whose values the arguments are. None is unknown, doubled or missing.
fn named(
    operation: &'static Operation,
    arguments: Vec<String>,
) -> Result<Vec<(&'static Parameter, Given)>> {
    let mut given: Vec<(&Parameter, Given)> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            let failure = format!("\"{}\" is not NAME=VALUE", visible(&argument));
            return Err(Failure::usage(failure).hint(all_of(operation)));
        };
        let literal = name.strip_suffix(':');
        let name = literal.unwrap_or(name);
        let Some(parameter) = operation.parameter(name) else {
            let failure = format!("{} has no parameter \"{}\"", operation.name, visible(name));
            let names = operation.parameters.iter().map(|parameter| parameter.name);
            let nearest = nearest(name, names);
            let hint = nearest.map(|nearest| format!("did you mean {nearest}? "));
            let hint = hint.unwrap_or_default() + &all_of(operation);
            return Err(Failure::usage(failure).hint(hint));
        };
        if given.iter().any(|(other, _)| other.name == parameter.name) {
            let failure = format!("{} is given twice", parameter.name);
            return Err(Failure::usage(failure).hint(all_of(operation)));
        }
        let value = value.to_owned();
        given.push((
            parameter,
            if literal.is_none() && (value == "-" || value.starts_with('@')) {
                Given::Source(value)
            } else {
                Given::Value(value)
            },
        ));
    }
    let is_given = |name| given.iter().any(|(parameter, _)| parameter.name == name);
    let missing = operation.parameters.iter();
    let missing: Vec<_> = missing
        .filter(|parameter| parameter.is_needed() && !is_given(parameter.name))
        .map(|parameter| parameter.name)
        .collect();
    if !missing.is_empty() {
        let failure = format!("{} needs {}", operation.name, missing.join(", "));
        return Err(Failure::usage(failure).hint(all_of(operation)));
    }
    let is_standard_input =
        |(_, value): &&(_, Given)| matches!(value, Given::Source(source) if source == "-");
    if given.iter().filter(is_standard_input).count() > 1 {
        let failure = "only one value can come from standard input";
        return Err(Failure::usage(failure).hint("NAME=@FILE takes a value from a file"));
    }
    Ok(given)
}

/// What an operation takes.
fn all_of(operation: &Operation) -> String {
    let name = operation.name;
    let parameters = operation.parameters.iter().map(|parameter| {
        let need = if parameter.is_needed() {
            " (required)"
        } else {
            ""
        };
        format!("{}{need}", parameter.name)
    });
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    format!("{name} takes {parameters}; `twilio-sync api {name} --help` explains them")
}

/// A value from where it is said to be.
async fn read(parameter: &Parameter, source: String) -> Result<String> {
    let mut text = Text::new(Some(source), parameter.name).read().await?;
    // Editors and `echo` end a text with a line break, which is no part of it.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
