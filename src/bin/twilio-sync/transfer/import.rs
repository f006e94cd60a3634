//! `twilio-sync import`

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::export::Kind;
use twilio_sync::kind::Dataless;
use twilio_sync::listing::Order;
use twilio_sync::value::{Data, DocumentSid};
use twilio_sync::{List, ListItems, Map, MapItems, MessageStream, SyncClient, Ttl};

use super::concurrently::{self, CONCURRENCY};
use super::contents::{Contents, Item, Object};
use super::counts::{Counts, plural};
use super::expiry::is_expiry_within;
use super::journal::{IfUnfinished, Journal, Mark};
use super::objects::{Existing, service_sid};
use super::progress::Progress;
use super::{FileOption, Scope, with_hint};
use crate::io::blocking::blocking;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::input::Reference;
use crate::io::noun::Noun;
use crate::shell::session::Session;

/// How long a request may still take effect after the program was killed.
const SETTLING: Duration = Duration::from_secs(1);
/// The maximum difference between the clocks of this machine and the service.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Write what an export has into the Service, or one object of it into an object
///
/// Documents and Map items replace what is there; List items are added at the end.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

    /// Go on with an import that was broken off; its Documents are written again
    #[arg(long, requires = "file", conflicts_with = "restart")]
    resume: bool,

    /// Begin anew, whatever an import that was broken off did
    #[arg(long, requires = "file")]
    restart: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let target = self.scope.place();
        let path = self.file.path();
        // Only a regular file can be read again and have a journal beside it.
        let file = path.filter(|path| is_readable_again(path));
        if file.is_none() && (self.resume || self.restart) {
            return Err(
                Failure::usage("this import cannot be resumed: it is not from a file")
                    .hint("--file FILE names the file"),
            );
        }
        let contents = Contents::read(path, target.as_ref()).await?;
        contents.warn_if_incomplete(&session.out);
        let journal = match file {
            Some(file) => {
                let if_unfinished = match (self.resume, self.restart) {
                    (true, _) => IfUnfinished::Resume,
                    (false, true) => IfUnfinished::Restart,
                    (false, false) => IfUnfinished::Refuse,
                };
                let service = service_sid(session.sync().await?).await?;
                let (file, target) = (file.to_owned(), target.clone());
                let fingerprint = contents.fingerprint.clone();
                let open = move || {
                    Journal::open(&file, fingerprint, if_unfinished, service, target.as_ref())
                };
                Some(blocking(open).await?)
            }
            None => None,
        };
        let mut import = Import {
            sync: session.sync().await?,
            title: &contents.title,
            progress: Progress::of(&session.out, contents.lines()),
            journal,
            counts: Counts::default(),
            expired: 0,
            before: 0,
        };
        import.all(contents.objects).await?;
        let Import {
            journal,
            counts,
            expired,
            before,
            progress,
            ..
        } = import;
        if let Some(journal) = journal {
            journal.remove()?;
        }
        drop(progress);
        let out = &session.out;
        out.notice(format_args!("Imported {counts}."));
        if before > 0 {
            out.notice(format_args!(
                "{} {} imported before.",
                plural(before, "line"),
                if before == 1 { "was" } else { "were" }
            ));
        }
        if expired > 0 {
            out.notice(format_args!(
                "Left out {} that expired meanwhile.",
                plural(expired, "line")
            ));
        }
        Ok(())
    }
}

/// Whether a path leads to a regular file, and is not another name of standard input.
fn is_readable_again(path: &Path) -> bool {
    let is_opened = path.starts_with("/proc") || path.starts_with("/dev/fd");
    !is_opened && path != Path::new("/dev/stdin") && path.is_file()
}

/// A running import.
struct Import<'a> {
    sync: &'a SyncClient,
    /// The name of the file in messages.
    title: &'a str,
    journal: Option<Journal>,
    progress: Progress,
    counts: Counts,
    expired: u64,
    /// The number of items that an interrupted import has written.
    before: u64,
}

impl Import<'_> {
    async fn all(&mut self, objects: Vec<Object>) -> Result<()> {
        let (documents, others): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .partition(|object| object.place.kind == Kind::Document);
        self.documents(documents).await?;
        for object in others {
            self.progress.at(&object.place);
            if let Some(journal) = &self.journal
                && journal.is_complete(&object.place)
            {
                self.before += object.items.len() as u64;
                self.progress.advance(object.lines());
                continue;
            }
            if Ttl::until(object.date_expires).is_none() {
                self.expired += object.lines();
                self.progress.advance(object.lines());
                continue;
            }
            self.object(object).await?;
        }
        Ok(())
    }

    /// Writes Documents concurrently.
    async fn documents(&mut self, documents: Vec<Object>) -> Result<()> {
        let sync = self.sync;
        let writes = documents.into_iter().map(|document| async move {
            let line = document.line.unwrap_or_default();
            let done = write_document(sync, &document).await;
            (line, done)
        });
        self.run(Kind::Document, writes).await
    }

    /// Runs writes concurrently, and counts those that were made and those that were skipped as expired.
    /// Each yields the number of its line.
    async fn run(
        &mut self,
        kind: Kind,
        writes: impl Iterator<Item: Future<Output = (u64, twilio_sync::Result<bool>)>>,
    ) -> Result<()> {
        let done = concurrently::run(writes, CONCURRENCY, |is_written| {
            if is_written {
                self.counts.add(kind, 1);
            } else {
                self.expired += 1;
            }
            self.progress.advance(1);
        });
        done.await.map_err(|(line, error)| self.failed(line, error))
    }

    /// Ensures that an object exists, and writes its items.
    async fn object(&mut self, object: Object) -> Result<()> {
        let first = object.items.first().map(|item| item.line);
        let line = object.line.or(first).unwrap_or_default();
        let existing = ensure(self.sync, &object)
            .await
            .map_err(|error| self.failed(line, error))?;
        self.counts.add(object.place.kind, 1);
        self.progress.advance(u64::from(object.line.is_some()));
        match object.place.kind {
            Kind::List => self.list_items(&object, existing.sid).await?,
            Kind::Map => self.map_items(&existing.sid, object.items).await?,
            _ => return Ok(()),
        }
        if let Some(journal) = &mut self.journal {
            journal.complete(object.place)?;
        }
        Ok(())
    }

    /// Adds the items of a List one after the other, except those that were added before.
    async fn list_items(&mut self, object: &Object, sid: String) -> Result<()> {
        // By its SID, which the journal has: another List may get its name meanwhile.
        let list = self.sync.list(Reference::new(&sid));
        let begin = match &mut self.journal {
            None => 0,
            Some(journal) => {
                if let Some(mark) = journal.mark(&object.place.name, &sid) {
                    tokio::time::sleep(SETTLING).await;
                    let added = added(&list, mark.last_index, object).await?;
                    self.before += added as u64;
                    self.progress.advance(added as u64);
                    added
                } else {
                    let last_index = last_index(&list).await?;
                    journal.begin(&object.place.name, Mark { sid, last_index })?;
                    0
                }
            }
        };
        for item in object.items.iter().skip(begin) {
            if let Some(ttl) = Ttl::until(item.date_expires) {
                let added = list.add(&item.data).ttl(ttl).await;
                added.map_err(|error| self.failed(item.line, error))?;
                self.counts.add(Kind::ListItem, 1);
            } else {
                self.expired += 1;
            }
            self.progress.advance(1);
        }
        Ok(())
    }

    /// Sets the items of a Map concurrently.
    async fn map_items(&mut self, sid: &str, items: Vec<Item>) -> Result<()> {
        let map: MapItems<Data> = self.sync.map(Reference::new(sid));
        let writes = items.into_iter().map(|item| {
            let map = &map;
            async move {
                let done = match Ttl::until(item.date_expires) {
                    Some(ttl) => {
                        let key = item.key.unwrap_or_default();
                        let set = map.set(key, &item.data).ttl(ttl).await;
                        set.map(|_| true)
                    }
                    None => Ok(false),
                };
                (item.line, done)
            }
        });
        self.run(Kind::MapItem, writes).await
    }

    /// The failure to write a line.
    fn failed(&self, line: u64, error: twilio_sync::Error) -> Failure {
        let failure = Failure::from(error).about(format_args!("{}, line {line}", self.title));
        let what_next = if self.journal.is_some() {
            "run the same with --resume: it goes on with what is missing"
        } else {
            "import again what it has of Documents and Maps; what was added to Lists before this line \
             stays there. From a --file it could be resumed"
        };
        with_hint(failure, what_next)
    }
}

/// Writes a Document unless it has expired: whether it did.
async fn write_document(sync: &SyncClient, document: &Object) -> twilio_sync::Result<bool> {
    let (Some(ttl), Some(data)) = (Ttl::until(document.date_expires), &document.data) else {
        return Ok(false);
    };
    let documents = sync.documents::<Data>();
    match Reference::<DocumentSid>::new(&document.place.name) {
        Reference::Name(name) => drop(documents.update_or_create(name, data).ttl(ttl).await?),
        Reference::Sid(sid) => drop(documents.update(sid, data).ttl(ttl).await?),
    }
    Ok(true)
}

/// Finds the List, Map or Message Stream with a unique name or SID, or creates the one with the name.
async fn ensure(sync: &SyncClient, object: &Object) -> twilio_sync::Result<Existing> {
    async fn ensure<K: Noun + Dataless + Into<Existing>>(
        sync: &SyncClient,
        object: &Object,
    ) -> twilio_sync::Result<Existing> {
        // Without a line of the object, its expiry is not known.
        let ttl = Ttl::until(object.date_expires).unwrap_or(Ttl::NEVER);
        let objects = K::objects(sync);
        let found = match Reference::<K::Sid>::new(&object.place.name) {
            Reference::Name(name) => objects.ensure(name).ttl(ttl).await?.object,
            Reference::Sid(sid) => objects.get(sid).await?,
        };
        Ok(found.into())
    }
    match object.place.kind {
        Kind::Document => {
            let name = Reference::new(&object.place.name);
            Ok(sync.documents::<Data>().get(name).await?.into())
        }
        Kind::List | Kind::ListItem => ensure::<List>(sync, object).await,
        Kind::Map | Kind::MapItem => ensure::<Map>(sync, object).await,
        Kind::Stream => ensure::<MessageStream>(sync, object).await,
    }
}

/// The index of the last item of a List.
async fn last_index(list: &ListItems<Data>) -> Result<Option<i64>> {
    let mut newest = list.items().order(Order::Desc).limit(1);
    Ok(newest.try_next().await?.map(|item| item.index))
}

/// The number of lines of a List that an interrupted import has handled, found by comparing them with the
/// items after an index. Items that have expired since then count too.
async fn added(list: &ListItems<Data>, after: Option<i64>, object: &Object) -> Result<usize> {
    let mut stored = list.export(after);
    let items = &object.items;
    let mut at = 0;
    while let Some(found) = stored.try_next().await? {
        let is_it = |item: &Item| {
            let data = found.data.as_ref();
            data.is_some_and(|data| item.data.is_same_json(data))
                && is_expiry_within(SKEW, item.date_expires, found.date_expires)
        };
        let is_gone = |item: &Item| item.date_expires.is_some_and(is_past);
        while items
            .get(at)
            .is_some_and(|item| !is_it(item) && is_gone(item))
        {
            at += 1;
        }
        if !items.get(at).is_some_and(is_it) {
            let index = found.index.unwrap_or_default();
            return Err(Failure::new(
                Exit::Conflict,
                format!(
                    "the {} has an item, of index {index}, that this import did not add, among those \
                     it added: how far it came cannot be told",
                    object.place
                ),
            )
            .hint("`twilio-sync diff` shows what differs, and `apply` mends it"));
        }
        at += 1;
    }
    Ok(at)
}

/// Whether a date may have passed by the clock of the service.
fn is_past(date: DateTime<Utc>) -> bool {
    date <= Utc::now() + SKEW
}
