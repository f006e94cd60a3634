//! Items on the way from one place to another: as JSON lines, or straight into another List or Map.

use chrono::{DateTime, TimeDelta, Utc};
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::api::Data;
use crate::error::{Error, Result};
use crate::resource::Draft;

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

    /// A write of the data with what is left of the time to live; `None` if nothing is.
    pub(crate) fn draft(&self, now: DateTime<Utc>) -> Option<Draft> {
        let ttl = match self.date_expires {
            None => None,
            Some(expires) if expires <= now => return None,
            Some(expires) => Some(
                expires
                    .signed_duration_since(now)
                    .max(TimeDelta::seconds(1)),
            ),
        };
        Some(Draft {
            data: Some(Ok(self.data.as_str().to_owned())),
            ttl: ttl.and_then(|ttl| ttl.to_std().ok()),
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
pub(crate) fn numbered<S>(lines: S) -> BoxStream<'static, Result<(usize, Line)>>
where
    S: Stream + Send + 'static,
    S::Item: AsRef<str> + Send,
{
    lines
        .enumerate()
        .filter(|(_, line)| std::future::ready(!line.as_ref().trim().is_empty()))
        .map(|(number, line)| Ok((number, Line::parse(line.as_ref())?)))
        .boxed()
}
