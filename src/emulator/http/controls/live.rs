//! Faults for live clients as JSON, with the names of the functions of [`LiveFault`], and the log of
//! frames.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::shown::date;
use crate::emulator::core::{LiveFault, LoggedFrame, Sender};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveFaultScript {
    fault: Kind,
    /// For `close` and `refuse`.
    status: Option<u16>,
    /// For `close` and `refuse`: the shortest and the longest time to stay away.
    back_off_ms: Option<(u64, u64)>,
    /// For `stall` and `delay`.
    time_ms: Option<u64>,
    identity: Option<String>,
    times: Option<u64>,
    #[serde(default)]
    always: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Cut,
    Stall,
    Close,
    ExpireToken,
    ForgetLog,
    Refuse,
    Delay,
    Duplicate,
    Reorder,
}

impl LiveFaultScript {
    /// The fault it describes, or the reason that it describes none.
    pub(super) fn fault(self) -> Result<LiveFault, String> {
        let has_status = matches!(self.fault, Kind::Close | Kind::Refuse);
        let has_time = matches!(self.fault, Kind::Stall | Kind::Delay);
        if self.status.is_some() != has_status || (self.back_off_ms.is_some() && !has_status) {
            return Err(
                "the faults \"close\" and \"refuse\" need \"status\", and they alone have it \
                 and \"back_off_ms\""
                    .to_owned(),
            );
        }
        if self.time_ms.is_some() != has_time {
            return Err(
                "the faults \"stall\" and \"delay\" need \"time_ms\", and they alone have it"
                    .to_owned(),
            );
        }
        let status = self.status.unwrap_or_default();
        if has_status && !(300..=599).contains(&status) {
            return Err("\"status\" must be from 300 to 599".to_owned());
        }
        let time = Duration::from_millis(self.time_ms.unwrap_or_default());
        let mut fault = match self.fault {
            Kind::Cut => LiveFault::cut(),
            Kind::Stall => LiveFault::stall(time),
            Kind::Close => LiveFault::close(status),
            Kind::ExpireToken => LiveFault::expire_token(),
            Kind::ForgetLog => LiveFault::forget_log(),
            Kind::Refuse => LiveFault::refuse(status),
            Kind::Delay => LiveFault::delay(time),
            Kind::Duplicate => LiveFault::duplicate(),
            Kind::Reorder => LiveFault::reorder(),
        };
        if let Some((shortest, longest)) = self.back_off_ms {
            let millis = Duration::from_millis;
            fault = fault.back_off(millis(shortest), millis(longest));
        }
        if let Some(identity) = self.identity {
            fault = fault.identity(identity);
        }
        if let Some(times) = self.times {
            fault = fault.times(times);
        }
        Ok(if self.always { fault.always() } else { fault })
    }
}

#[derive(Serialize)]
pub(super) struct ShownFrame<'a> {
    time: String,
    endpoint: &'a str,
    identity: &'a str,
    sender: Sender,
    header: Option<&'a RawValue>,
    /// Text, as it was sent.
    payload: &'a str,
}

impl<'a> ShownFrame<'a> {
    pub(super) fn new(frame: &'a LoggedFrame) -> Self {
        Self {
            time: date(frame.time()),
            endpoint: frame.endpoint(),
            identity: frame.identity(),
            sender: frame.sender,
            header: serde_json::from_str(frame.header()).ok(),
            payload: frame.payload(),
        }
    }
}
