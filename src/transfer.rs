//! Items on the way from one place to another: as JSON lines, or straight into another List or Map.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_core::Stream;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::api::Data;
use crate::bulk::failed;
use crate::call::CallFuture;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::resource::Draft;
use crate::ttl::{MAX_TTL, NEVER};

/// One object or item as a line of JSON: what it is found by, its data, and when it expires.
///
/// An export is such lines; an import reads them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// The key, of a Map's item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The index it had, of a List's item; an import gives it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// The unique name, of a Document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// The data.
    pub data: Data,
    /// When it expires, if ever. What has expired by the time of an import is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_expires: Option<DateTime<Utc>>,
}

impl Line {
    pub(crate) fn of_item(
        key: Option<String>,
        index: Option<i64>,
        data: Data,
        date_expires: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            key,
            index,
            unique_name: None,
            data,
            date_expires,
        }
    }

    /// Reads a line of an export.
    ///
    /// # Errors
    ///
    /// [`Error::Line`] if it is none.
    pub fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|source| Error::Line {
            line: line.chars().take(80).collect(),
            reason: source.to_string(),
        })
    }

    /// A write of the data with what is left of the time to live, held to what the target asks of
    /// data; `None` if nothing is left.
    pub(crate) fn draft(&self, now: DateTime<Utc>, target: &Context) -> Option<Draft> {
        let ttl = match self.date_expires {
            // Not "as it is": what is overwritten may have been about to expire.
            None => NEVER,
            Some(expires) => {
                let left = expires.signed_duration_since(now).to_std().ok()?;
                // Of two clocks one may be fast.
                left.clamp(Duration::from_secs(1), MAX_TTL)
            }
        };
        Some(Draft {
            data: Some(
                target
                    .check_json(self.data.as_str().to_owned())
                    .map_err(Box::new),
            ),
            ttl: Some(ttl),
            ..Draft::default()
        })
    }

    pub(crate) fn lacks(&self, what: &str) -> Error {
        Error::Line {
            line: serde_json::to_string(self)
                .unwrap_or_default()
                .chars()
                .take(80)
                .collect(),
            reason: format!("it has no `{what}`"),
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

/// The lines of an export, read one by one, with their numbers from 0.
pub(crate) fn numbered<S>(lines: S) -> impl Stream<Item = (usize, Result<Line>)> + Send + 'static
where
    S: Stream + Send + 'static,
    S::Item: AsRef<str> + Send,
{
    lines
        .enumerate()
        .filter(|(_, line)| std::future::ready(!line.as_ref().trim().is_empty()))
        .map(|(number, line)| (number, Line::parse(line.as_ref())))
}

/// The work of a line: none if it has expired, and a failure of its own if it is none.
pub(crate) fn numbered_job<R: Send + 'static>(
    number: usize,
    job: Result<Option<CallFuture<R>>>,
) -> Option<Result<(usize, CallFuture<R>)>> {
    let call = job.unwrap_or_else(|error| Some(failed(error)))?;
    Some(Ok((number, call)))
}
