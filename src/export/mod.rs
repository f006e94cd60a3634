//! Export, import and copies of Documents and items: as lines of JSON, or from one object to another.
//!
//! An export is a text of lines: a [`Heading`], an [`Entry`] for each object and item, and an [`End`]
//! that counts the entries. The program `twilio-sync` writes and reads the same. An object comes before
//! its items:
//!
//! ```json
//! {"kind":"export","version":1,"service_sid":"IS…"}
//! {"kind":"document","unique_name":"desk-7","data":{"busy":true},"date_expires":"2030-01-01T00:00:00Z"}
//! {"kind":"map","unique_name":"phonebook"}
//! {"kind":"map_item","map":"phonebook","key":"alice","data":{"calls":0}}
//! {"kind":"end","lines":3}
//! ```
//!
//! Heading and end may be left out. [`Record`] parses any of these lines.

mod documents;
mod entry;
mod items;
mod record;

pub use entry::{Entry, Kind, Place};
pub use record::{End, Heading, Record};

pub use crate::error::LineError;

use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::resource::target::Target;
use crate::resource::write::Draft;
use crate::value::{Data, Ttl};

impl Entry {
    /// A write of an entry of a kind; `None` if it has expired.
    fn draft(&self, kind: Kind, target: &Target) -> Result<Option<Draft>> {
        if self.kind != kind {
            return Err(LineError::kind(&self.kind, &kind).into());
        }
        self.check()?;
        let data = self.data.as_ref();
        Ok(data.and_then(|data| draft(data, self.date_expires, target)))
    }
}

/// A write of data with what is left of its time to live, checked as the target requires; `None` if
/// nothing is left.
fn draft(data: &Data, date_expires: Option<DateTime<Utc>>, target: &Target) -> Option<Draft> {
    // `NEVER` is sent too, since what is overwritten may have an expiry.
    let ttl = Ttl::until(date_expires)?;
    let mut draft = Draft::of_text(target.checked(data.as_str().to_owned()));
    draft.ttl(ttl);
    Some(draft)
}
