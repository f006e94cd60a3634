//! `twilio-sync import`

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::api::Data;
use twilio_sync::{DocumentSid, List, ListSid, MapSid, Order, StreamSid, SyncClient};

use super::concurrently::{self, CONCURRENCY};
use super::contents::{Contents, Item, Object};
use super::entry::{Counts, Kind, ObjectKind, many};
use super::expiry::is_expiry_within;
use super::journal::{IfUnfinished, Journal, Mark};
use super::objects::{self, Existing, service_sid};
use super::progress::Progress;
use super::{FileOption, Scope, and_then, left};
use crate::failure::{Exit, Failure, Result};
use crate::input::{Reference, by};
use crate::session::{Session, blocking};

/// How long a request may be under way after the program that sent it was killed.
const SETTLING: Duration = Duration::from_secs(1);
/// How far the clocks of this machine and the service may be apart.
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
        // Only a file can be read again, and has a place for the journal beside it.
        let file = path.filter(|path| is_kept(path));
        if file.is_none() && (self.resume || self.restart) {
            return Err(
                Failure::usage("this import cannot be resumed: it is not from a file")
                    .hint("--file FILE names the file"),
            );
        }
        let contents = Contents::read(path, target.as_ref()).await?;
        contents.tell_if_not_whole(&session.out);
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
                many(before, "line"),
                if before == 1 { "was" } else { "were" }
            ));
        }
        if expired > 0 {
            out.notice(format_args!(
                "Left out {} that expired meanwhile.",
                many(expired, "line")
            ));
        }
        Ok(())
    }
}

/// Whether a path leads to a file that stays, so that it can be read again, and not to what is another
/// name of standard input.
fn is_kept(path: &Path) -> bool {
    let is_opened = path.starts_with("/proc") || path.starts_with("/dev/fd");
    !is_opened && path != Path::new("/dev/stdin") && path.is_file()
}

/// An import under way.
struct Import<'a> {
    sync: &'a SyncClient,
    /// What the file is called in messages.
    title: &'a str,
    journal: Option<Journal>,
    progress: Progress,
    counts: Counts,
    expired: u64,
    /// Lines of items that an import that was broken off has imported.
    before: u64,
}

impl Import<'_> {
    async fn all(&mut self, objects: Vec<Object>) -> Result<()> {
        let (documents, others): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .partition(|object| object.place.kind == ObjectKind::Document);
        self.documents(documents).await?;
        for object in others {
            self.progress
                .at(object.place.kind.noun(), &object.place.name);
            if let Some(journal) = &self.journal
                && journal.is_complete(&object.place)
            {
                self.before += object.items.len() as u64;
                self.progress.advance(object.lines());
                continue;
            }
            if left(object.date_expires).is_none() {
                self.expired += object.lines();
                self.progress.advance(object.lines());
                continue;
            }
            self.object(object).await?;
        }
        Ok(())
    }

    /// Writes Documents, some at a time.
    async fn documents(&mut self, documents: Vec<Object>) -> Result<()> {
        let sync = self.sync;
        let writes = documents.into_iter().map(|document| async move {
            let line = document.line.unwrap_or_default();
            let done = write_document(sync, &document).await;
            (line, done)
        });
        self.run(Kind::Document, writes).await
    }

    /// Runs writes, each of a line, some at a time, and counts those that were made: not those of what
    /// has expired.
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

    /// Sees to it that an object is there, and writes its items.
    async fn object(&mut self, object: Object) -> Result<()> {
        let first = object.items.first().map(|item| item.line);
        let line = object.line.or(first).unwrap_or_default();
        let existing = ensure(self.sync, &object)
            .await
            .map_err(|error| self.failed(line, error))?;
        self.counts.add(object.place.kind.kind(), 1);
        self.progress.advance(u64::from(object.line.is_some()));
        match object.place.kind {
            ObjectKind::List => self.list_items(&object, existing.sid).await?,
            ObjectKind::Map => self.map_items(&existing.sid, object.items).await?,
            ObjectKind::Document | ObjectKind::Stream => return Ok(()),
        }
        if let Some(journal) = &mut self.journal {
            journal.complete(object.place)?;
        }
        Ok(())
    }

    /// Adds items to a List, one after the other, but those that were added before.
    async fn list_items(&mut self, object: &Object, sid: String) -> Result<()> {
        // By its SID: another List that takes its place meanwhile is not the one in the journal.
        let list = objects::list(self.sync, &sid);
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
            if let Some(ttl) = left(item.date_expires) {
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

    /// Sets items of a Map, some at a time.
    async fn map_items(&mut self, sid: &str, items: Vec<Item>) -> Result<()> {
        let map = objects::map(self.sync, sid);
        let writes = items.into_iter().map(|item| {
            let map = &map;
            async move {
                let done = match left(item.date_expires) {
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

    /// A line that could not be written.
    fn failed(&self, line: u64, error: twilio_sync::Error) -> Failure {
        let failure = Failure::from(error).about(format_args!("{}, line {line}", self.title));
        let what_next = if self.journal.is_some() {
            "run the same with --resume: it goes on with what is missing"
        } else {
            "import again what it has of Documents and Maps; what was added to Lists before this line \
             stays there. From a --file it could be resumed"
        };
        and_then(failure, what_next)
    }
}

/// Writes a Document; whether it has not expired.
async fn write_document(sync: &SyncClient, document: &Object) -> twilio_sync::Result<bool> {
    let (Some(ttl), Some(data)) = (left(document.date_expires), &document.data) else {
        return Ok(false);
    };
    let documents = sync.documents::<Data>();
    match Reference::<DocumentSid>::new(&document.place.name) {
        Reference::Name(name) => drop(documents.update_or_create(name, data).ttl(ttl).await?),
        Reference::Sid(sid) => drop(documents.update_by_id(&sid, data).ttl(ttl).await?),
    }
    Ok(true)
}

/// Finds the List, Map or Message Stream of a unique name or SID, or creates that of the name.
async fn ensure(sync: &SyncClient, object: &Object) -> twilio_sync::Result<Existing> {
    // If there are only lines of its items, nothing is known of its expiry.
    let ttl = left(object.date_expires).unwrap_or_default();
    macro_rules! ensure {
        ($facade:expr, $sid:ty) => {
            match Reference::<$sid>::new(&object.place.name) {
                Reference::Name(name) => $facade.ensure(name).ttl(ttl).await?.object.into(),
                Reference::Sid(sid) => $facade.get_by_id(&sid).await?.into(),
            }
        };
    }
    Ok(match object.place.kind {
        ObjectKind::Document => by!(
            await sync.documents::<Data>(),
            Reference::<DocumentSid>::new(&object.place.name),
            get / get_by_id()
        )?
        .into(),
        ObjectKind::List => ensure!(sync.lists(), ListSid),
        ObjectKind::Map => ensure!(sync.maps(), MapSid),
        ObjectKind::Stream => ensure!(sync.streams(), StreamSid),
    })
}

/// The index of the last item of a List.
async fn last_index(list: &List<Data>) -> Result<Option<i64>> {
    let mut newest = list.items().order(Order::Desc).limit(1);
    Ok(newest.try_next().await?.map(|item| item.index))
}

/// How many of the lines of a List are accounted for by the items after an index: those that were
/// added, and those before them that are gone as they expired.
async fn added(list: &List<Data>, after: Option<i64>, object: &Object) -> Result<usize> {
    let mut stored = list.export(after);
    let items = &object.items;
    let mut at = 0;
    while let Some(found) = stored.try_next().await? {
        let is_it = |item: &Item| {
            item.data.is_same_json(&found.data)
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

/// Whether a date may be past by the clock of the service.
fn is_past(date: DateTime<Utc>) -> bool {
    date <= Utc::now() + SKEW
}
