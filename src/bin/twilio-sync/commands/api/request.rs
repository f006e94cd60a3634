//! From the arguments of an operation to its request.

use std::fmt::{self, Display};

use http::Method;
use twilio_sync::api::{Call, Operation, Parameter, Place};
use twilio_sync::value::Data;
use twilio_sync::{Revision, SyncClient};

use super::nearest;
use super::parameters::{self, is_needed};
use crate::io::failure::{Failure, Result};
use crate::io::input::Text;
use crate::io::output::visible;

/// A request of an operation, all of it checked.
#[derive(Debug)]
pub(super) struct Request {
    operation: Operation,
    values: Vec<(&'static Parameter, String)>,
}

impl Request {
    /// Reads and checks the arguments.
    pub(super) async fn read(operation: Operation, arguments: Vec<String>) -> Result<Self> {
        let given = named(operation, arguments)?;
        let mut values = Vec::with_capacity(given.len());
        for (parameter, value) in given {
            let value = match value {
                Given::Value(value) => value,
                Given::Source(source) => read(parameter, source).await?,
            };
            let value = parameters::check(parameter.kind, value);
            let value =
                value.map_err(|reason| Failure::usage(format!("{}: {reason}", parameter.name)))?;
            values.push((parameter, value));
        }
        Ok(Self { operation, values })
    }

    /// The call, with the Service of the settings if none is given.
    pub(super) fn call(&self, sync: &SyncClient) -> Call<Option<Data>> {
        let parameters = self.operation.parameters().iter();
        let names = parameters
            .filter(|parameter| parameter.place == Place::Path)
            .map(|parameter| self.get(parameter.name).unwrap_or(sync.service().as_str()));
        let mut call = sync.api().operation(self.operation, names);
        for (name, value) in self.of(Place::Query) {
            call = call.with_query(name, Some(value));
        }
        if self.operation.method() == Method::POST {
            call = call.with_form(&self.of(Place::Form).collect::<Vec<_>>());
        }
        let revision = self.get("If-Match").map(Revision::new);
        call.with_if_match(revision.as_ref())
    }

    fn of(&self, place: Place) -> impl Iterator<Item = (&'static str, &str)> {
        let values = self.values.iter();
        values
            .filter(move |(parameter, _)| parameter.place == place)
            .map(|(parameter, value)| (parameter.name, value.as_str()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter();
        values.find_map(|(parameter, value)| (parameter.name == name).then_some(value.as_str()))
    }

    /// Sets a parameter, if the operation has it, or removes its value.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.values.retain(|(parameter, _)| parameter.name != name);
        if let (Some(value), Some(parameter)) = (value, parameters::find(self.operation, name)) {
            self.values.push((parameter, value));
        }
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        for (name, value) in self.of(Place::Path) {
            write!(f, " {name}={}", visible(value))?;
        }
        Ok(())
    }
}

/// The value given for a parameter.
enum Given {
    Value(String),
    /// The source of the value: `@` and a file, or `-`.
    Source(String),
}

/// Finds the parameter that each argument gives a value for. Fails if one is unknown, given twice or missing.
fn named(operation: Operation, arguments: Vec<String>) -> Result<Vec<(&'static Parameter, Given)>> {
    let mut given: Vec<(&Parameter, Given)> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            let failure = format!("\"{}\" is not NAME=VALUE", visible(&argument));
            return Err(Failure::usage(failure).hint(all_of(operation)));
        };
        let literal = name.strip_suffix(':');
        let name = literal.unwrap_or(name);
        let Some(parameter) = parameters::find(operation, name) else {
            let failure = format!("{operation} has no parameter \"{}\"", visible(name));
            let names = operation
                .parameters()
                .iter()
                .map(|parameter| parameter.name);
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
    let missing = operation.parameters().iter();
    let missing: Vec<_> = missing
        .filter(|parameter| is_needed(parameter) && !is_given(parameter.name))
        .map(|parameter| parameter.name)
        .collect();
    if !missing.is_empty() {
        let failure = format!("{operation} needs {}", missing.join(", "));
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

/// The parameters of an operation.
fn all_of(operation: Operation) -> String {
    let parameters = operation.parameters().iter().map(|parameter| {
        let need = if is_needed(parameter) {
            " (required)"
        } else {
            ""
        };
        format!("{}{need}", parameter.name)
    });
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    format!("{operation} takes {parameters}; `twilio-sync api {operation} --help` explains them")
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
