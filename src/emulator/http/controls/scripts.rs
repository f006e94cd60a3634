//! Faults as JSON, with the names of the functions of [`Fault`].

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::api::Operation;
use crate::emulator::core::{Fault, is_of_connection};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultScript {
    fault: Kind,
    /// For `status`: the number, headers and body of the response.
    status: Option<u16>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
    #[serde(default)]
    after_write: bool,
    delay_ms: Option<u64>,
    on: Option<String>,
    nth: Option<u64>,
    times: Option<u64>,
    #[serde(default)]
    always: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Status,
    Cut,
    CutAfterWrite,
    Truncate,
    Garbage,
    Delay,
}

impl FaultScript {
    /// The fault it describes, or the reason that it describes none.
    pub(super) fn fault(self) -> Result<Fault, String> {
        let mut fault = match (self.fault, self.status) {
            (Kind::Status, Some(status @ 200..=999)) => Fault::status(status),
            (Kind::Status, _) => return Err("\"status\" must be from 200 to 999".to_owned()),
            (_, Some(_)) => return Err("only the fault \"status\" has a status".to_owned()),
            (Kind::Cut, None) => Fault::cut(),
            (Kind::CutAfterWrite, None) => Fault::cut_after_write(),
            (Kind::Truncate, None) => Fault::truncate(),
            (Kind::Garbage, None) => Fault::garbage(),
            (Kind::Delay, None) if self.delay_ms.is_none() => {
                return Err("the fault \"delay\" needs \"delay_ms\"".to_owned());
            }
            (Kind::Delay, None) => Fault::delay(Duration::ZERO),
        };
        if self.fault != Kind::Status
            && (self.after_write || self.body.is_some() || self.headers.is_some())
        {
            return Err(
                "only the fault \"status\" has headers, a body and \"after_write\"".to_owned(),
            );
        }
        for (name, value) in self.headers.unwrap_or_default() {
            let value = HeaderValue::from_str(&value).map_err(|_| bad_header(&name))?;
            let parsed = name.parse::<HeaderName>().map_err(|_| bad_header(&name))?;
            if is_of_connection(&parsed) {
                return Err(format!(
                    "{name:?} belongs to the connection, and cannot be set"
                ));
            }
            fault = fault.header(parsed, value);
        }
        if let Some(body) = self.body {
            fault = fault.body(body);
        }
        if self.after_write {
            fault = fault.after_write();
        }
        if let Some(delay) = self.delay_ms {
            fault = fault.delayed(Duration::from_millis(delay));
        }
        if let Some(name) = self.on {
            let operation = Operation::all().find(|known| known.name() == name);
            fault = fault.on(operation.ok_or_else(|| format!("there is no operation {name:?}"))?);
        }
        if let Some(nth) = self.nth {
            fault = fault.nth(nth);
        }
        if let Some(times) = self.times {
            fault = fault.times(times);
        }
        Ok(if self.always { fault.always() } else { fault })
    }
}

fn bad_header(name: &str) -> String {
    format!("{name:?} cannot be a header with that value")
}
