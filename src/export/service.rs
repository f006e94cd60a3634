//! The export of a whole Service, or of one object, as a stream of lines.

use std::collections::HashSet;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::stored::{self, Stored, StoredStream};
use super::{Counts, End, Entry, Heading, Kind, Place, Record, permissions};
use crate::client::SyncClient;
use crate::error::{LineError, Result};

/// An export of a Service or object: the stream of its lines, heading and end included.
///
/// It has the permissions of the objects if the Service has `acl_enabled`, or
/// [`with_permissions`](Self::with_permissions) says so. Objects without a usable unique name are under
/// their SIDs, and [counted](Self::unnamed). What is removed while it is read may be in it or not. After
/// an error the stream has no more lines; [`resume`](Self::resume) continues the export.
///
/// Cost: one request for each 100 objects of a kind, and for each 100 items of a List or Map; at least
/// one for each kind, List and Map. With permissions, one more for each Document, List and Map, and for
/// each further 100 permissions of one.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use futures_util::TryStreamExt;
/// use twilio_sync::export::Contents;
///
/// sync.maps().create("phonebook").await?;
/// sync.map("phonebook").set("alice", &serde_json::json!({"calls": 0})).await?;
/// let mut lines = String::new();
/// let mut export = sync.export(None).await?;
/// while let Some(record) = export.try_next().await? {
///     lines += &format!("{record}\n");
/// }
/// assert_eq!(lines.lines().count(), 4);
///
/// sync.maps().remove("phonebook").await?;
/// let imported = Contents::read(lines.as_bytes())?.import(&sync).await?;
/// assert_eq!(imported.counts.to_string(), "1 Map with 1 item");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct Export {
    sync: SyncClient,
    heading: Heading,
    written: PartialExport,
    objects: StoredStream,
    /// The object that is being exported, and the rest of its permissions and items.
    parts: Option<(Place, StoredStream)>,
    /// The objects that were removed while they were read, and were not taken yet.
    removed: Vec<Place>,
    /// The number of all that were.
    removals: u64,
    has_ended: bool,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Export");
        debug.field("heading", &self.heading);
        debug.field("written", &self.written);
        debug.finish_non_exhaustive()
    }
}

/// The lines that an export has written so far, from which it can be resumed.
#[derive(Debug, Default)]
pub struct PartialExport {
    has_heading: bool,
    objects: HashSet<Place>,
    /// The last line. All objects before that of this line are complete.
    last: Option<Entry>,
    /// The identities in the permissions of the last object.
    identities: HashSet<String>,
    counts: Counts,
    unnamed: u64,
    unaddressable: u64,
}

impl PartialExport {
    /// The number of entries.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Adds an entry that was read from the incomplete export.
    ///
    /// # Errors
    ///
    /// [`LineError`] if no export has it after the lines before it.
    pub fn add(&mut self, entry: Entry) -> Result<(), LineError> {
        let Some(place) = entry.place() else {
            return Err(LineError::invalid("it has no name"));
        };
        if entry.kind.is_object() {
            self.objects.insert(place);
            self.identities.clear();
        } else {
            let last = self.last.as_ref().and_then(Entry::place);
            if last.as_ref() != Some(&place) {
                return Err(LineError::invalid("it does not follow on its object"));
            }
            if entry.kind == Kind::ListItem && entry.index.is_none() {
                return Err(LineError::invalid("it has no `index`"));
            }
            self.identities.extend(entry.identity.clone());
        }
        self.has_heading = true;
        self.count(&entry);
        self.last = Some(entry);
        Ok(())
    }

    fn count(&mut self, entry: &Entry) {
        self.counts.add(entry.kind);
        self.unnamed += u64::from(entry.sid.is_some());
        self.unaddressable += u64::from(entry.is_unaddressable());
    }

    /// Adds the heading.
    pub fn add_heading(&mut self) {
        self.has_heading = true;
    }
}

impl SyncClient {
    /// Begins the export of the Service, or of one object in it: a stream of lines.
    ///
    /// Cost: one request for the settings of the Service, and one if an object is given. The stream makes
    /// more: [`Export`] has the account.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such object.
    pub async fn export(&self, object: Option<&Place>) -> Result<Export> {
        let service = self.services().get(self.service().clone()).await?;
        let (place, objects) = match object {
            None => (None, all(self, None)),
            Some(place) => {
                let object = stored::object(self, place).await?;
                (
                    object.entry.place(),
                    stream::once(ready(Ok(object))).boxed(),
                )
            }
        };
        let mut heading = Heading::new(service.sid.clone(), place);
        heading.permissions = service.acl_enabled;
        heading.settings = object.is_none().then(|| service.into());
        Ok(Export {
            sync: self.clone(),
            heading,
            written: PartialExport::default(),
            objects,
            parts: None,
            removed: Vec::new(),
            removals: 0,
            has_ended: false,
        })
    }
}

/// All objects of the Service, from a kind on.
fn all(sync: &SyncClient, begin: Option<Kind>) -> StoredStream {
    let sync = sync.clone();
    let kinds = Kind::OBJECTS.into_iter();
    stream::iter(kinds.filter(move |kind| begin <= Some(*kind)))
        .map(move |kind| stored::objects(&sync, kind))
        .flatten()
        .boxed()
}

impl Export {
    /// The first line.
    #[must_use]
    pub const fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Sets whether the export has the permissions of Documents, Lists and Maps. Default: if the Service
    /// has `acl_enabled`, as they have no effect otherwise.
    pub fn with_permissions(mut self, has_permissions: bool) -> Self {
        self.heading.permissions = has_permissions;
        self
    }

    /// Continues an export from the lines that it has written: these are not in the stream. Their heading
    /// must be [that of the same export](Heading::is_same_export).
    pub fn resume(mut self, written: PartialExport) -> Self {
        if let Some(last) = &written.last
            && let Some(place) = last.place()
        {
            // The kinds before it are complete.
            if self.heading.object.is_none() {
                self.objects = all(&self.sync, Some(place.kind));
            }
            // First, so that all objects but the last are complete if this is interrupted too.
            let parts = if last.kind.is_item() {
                stored::items(&self.sync, &place, &place.name, Some(last))
            } else {
                // A list of permissions can be read from its beginning only.
                let identities = written.identities.clone();
                let is_new = move |part: &Stored| {
                    let identity = part.entry.identity.as_ref();
                    ready(identity.is_none_or(|it| !identities.contains(it)))
                };
                let parts = self.parts_of(&place, &place.name);
                parts.try_filter(is_new).boxed()
            };
            self.parts = Some((place, parts));
        }
        self.written = written;
        self
    }

    /// The permissions and items of an object, by a unique name or SID.
    fn parts_of(&self, place: &Place, name: &str) -> StoredStream {
        let items = stored::items(&self.sync, place, name, None);
        if self.heading.permissions {
            let permissions = permissions::stored(&self.sync, place, name);
            return permissions.chain(items).boxed();
        }
        items
    }

    /// The number of entries, with those before it was resumed.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.written.counts
    }

    /// The number of objects without a unique name, or with one that only another client can make. An
    /// import leaves them out.
    #[must_use]
    pub const fn unnamed(&self) -> u64 {
        self.written.unnamed
    }

    /// The number of items and permissions whose key or identity only another client can make: `.` or
    /// `..`. An import leaves them out.
    #[must_use]
    pub const fn unaddressable(&self) -> u64 {
        self.written.unaddressable
    }

    /// Takes the objects that were removed before all their permissions and items were read. The last line
    /// has [the number of all of them](End::removed).
    pub fn take_removed(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.removed)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Record>> {
        if !self.written.has_heading {
            self.written.has_heading = true;
            return Poll::Ready(Ok(Record::Heading(self.heading.clone())));
        }
        let is_single = self.heading.object.is_some();
        loop {
            if let Some((place, parts)) = &mut self.parts {
                match ready!(parts.poll_next_unpin(cx)) {
                    Some(Err(error)) if error.is_not_found() && !is_single => {
                        self.removed.push(place.clone());
                        self.removals += 1;
                    }
                    Some(stored) => return Poll::Ready(stored.map(|it| self.entry(it))),
                    None => {}
                }
                self.parts = None;
                continue;
            }
            let Some(stored) = ready!(self.objects.poll_next_unpin(cx)).transpose()? else {
                return Poll::Ready(Ok(Record::End(self.end())));
            };
            if let Some(place) = stored.entry.place()
                && !self.written.objects.contains(&place)
            {
                let parts = self.parts_of(&place, &stored.sid);
                self.parts = Some((place, parts));
                return Poll::Ready(Ok(self.entry(stored)));
            }
        }
    }

    fn end(&self) -> End {
        let mut end = End::after(self.written.counts.total());
        end.removed = self.removals;
        end.unnamed = self.written.unnamed;
        end.unaddressable = self.written.unaddressable;
        end.without_permissions = self.heading.lacks_permissions();
        end
    }

    fn entry(&mut self, stored: Stored) -> Record {
        self.written.count(&stored.entry);
        Record::Entry(stored.entry)
    }
}

impl Stream for Export {
    type Item = Result<Record>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let record = ready!(self.poll(cx));
        // An end after an error would count the lines before it as a whole export.
        self.has_ended = matches!(record, Ok(Record::End(_)) | Err(_));
        Poll::Ready(Some(record))
    }
}
