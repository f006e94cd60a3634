//! Export, import and copies of Documents and items: as lines of JSON, or from one object to another.
//!
//! An export is a text of lines: a [`Heading`] with the [`Settings`] of the Service, an [`Entry`] for each
//! object, permission and item, and an [`End`] that counts the entries. The program `twilio-sync` writes
//! and reads the same. An object comes before its permissions, and these before its items:
//!
//! ```json
//! {"kind":"export","version":1,"service_sid":"IS…","settings":{"acl_enabled":true},"permissions":true}
//! {"kind":"document","unique_name":"desk-7","data":{"busy":true},"date_expires":"2030-01-01T00:00:00Z"}
//! {"kind":"map","unique_name":"phonebook"}
//! {"kind":"map_permission","map":"phonebook","identity":"bob","access":{"read":true,"write":false,"manage":false}}
//! {"kind":"map_item","map":"phonebook","key":"alice","data":{"calls":0}}
//! {"kind":"end","lines":4}
//! ```
//!
//! Heading and end may be left out. [`Record`] parses any of these lines, and [`LineReader`] reads them from
//! a file. A setting that the heading does not have is neither compared nor changed, and without
//! `"permissions":true` only the permissions that have a line are.
//!
//! Objects without a unique name, or with one that only another client can make, such as `..` or a text
//! shaped like a SID, are in an export under their SIDs. Without a name they cannot be made in another
//! Service: comparisons and imports leave them out, and so they do Map items and permissions whose key or
//! identity is `.` or `..`. All are counted, in the end too. So are objects that were removed before all
//! their permissions and items were read, of which the export has only a part. An import of one object can
//! give it a name. Sync does not store the messages of Message Streams, so no export has them.
//!
//! | for | there is |
//! | --- | --- |
//! | a whole Service, or one object with its items | [`SyncClient::export`](crate::SyncClient::export), an [`Export`] |
//! | reading an export, and importing all of it | [`Contents`] |
//! | comparing an export with a Service, and making them equal | [`Plan`] |
//! | one Document, or the items of one List or Map | the methods `export`, `import` and `copy_to` |

mod apply;
mod contents;
mod counts;
mod documents;
mod entry;
mod items;
mod lines;
mod permissions;
mod plan;
mod record;
mod service;
mod settings;
mod stored;

pub use apply::{ApplyError, Imported};
pub use contents::{Contents, Line, Object};
pub use counts::Counts;
pub use entry::{Entry, Kind, Place};
pub use lines::{LineReader, MAX_LINE_SIZE, RawLine};
pub use plan::{Change, Plan, Verb, is_same_expiry};
pub use record::{End, Heading, Record};
pub use service::{Export, PartialExport};
pub use settings::{SettingChange, Settings};

pub use crate::error::{LineError, ReadError};

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
        let ttl = Ttl::until(self.date_expires);
        Ok(ttl.map(|ttl| draft(target, self.data.as_ref(), ttl)))
    }
}

/// A write of data, checked as the target requires. `NEVER` is sent too, since what is overwritten may
/// have an expiry.
fn draft(target: &Target, data: Option<&Data>, ttl: Ttl) -> Draft {
    let mut draft = data.map_or_else(Draft::default, |data| {
        Draft::of_text(target.checked(data.as_str().to_owned()))
    });
    draft.ttl(ttl);
    draft
}
