//! Export, import and copies of Documents and items: as JSON lines, or straight from place to place.

mod documents;
mod items;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_core::Stream;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::resource::bulk::{Job, failed};
use crate::resource::target::Target;
use crate::resource::write::Draft;
use crate::value::{Data, Ttl};

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
    pub(crate) fn draft(&self, now: DateTime<Utc>, target: &Target) -> Option<Draft> {
        let ttl = match self.date_expires {
            // Not "as it is": what is overwritten may have been about to expire.
            None => Ttl::NEVER,
            Some(expires) => {
                let left = expires.signed_duration_since(now).to_std().ok()?;
                // Of two clocks one may be fast.
                Ttl::from(left.clamp(Duration::from_secs(1), Ttl::MAX.as_duration()))
            }
        };
        let mut draft = Draft::of_text(target.checked(self.data.as_str().to_owned()));
        draft.ttl(ttl);
        Some(draft)
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
    job: Result<Option<Job<R>>>,
) -> Option<Result<(usize, Job<R>)>> {
    let call = job.unwrap_or_else(|error| Some(failed(error)))?;
    Some(Ok((number, call)))
}
