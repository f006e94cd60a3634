//! `twilio-sync import`

use std::collections::HashSet;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::bulk::Bulk;
use twilio_sync::export::{Entry, Imported, Kind, Object, Settings};
use twilio_sync::listing::Order;
use twilio_sync::value::Data;
use twilio_sync::{ListItems, SyncClient};

use super::contents::Contents;
use super::journal::{IfUnfinished, Journal, Mark, Part};
use super::progress::Progress;
use super::{
    EXPIRED, FileOption, Parts, Scope, UNADDRESSABLE, UNNAMED, plural, warn_left_out, with_hint,
};
use crate::io::blocking::blocking;
use crate::io::failure::{Exit, Failure, Result, decisive};
use crate::io::input::Reference;
use crate::shell::session::Session;

/// How long a request may still take effect after the program was killed.
const SETTLING: Duration = Duration::from_secs(1);
/// The number of Map items after which the journal gets the number of those that are written.
const PART: usize = 20;
/// The maximum difference between the clocks of this machine and the service.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Write what an export has into the Service, or one object of it into an object
///
/// Documents, Map items, permissions and settings replace what is there; List items are added at the end.
/// acl_enabled is set first, permissions after the data, all other settings last.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

    #[command(flatten)]
    parts: Parts,

    /// Continue an import that was interrupted; its Documents are written again
    #[arg(long, requires = "file", conflicts_with = "restart")]
    resume: bool,

    /// Start again, whatever an interrupted import did
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
        let contents = Contents::read(path, self.parts, target.as_ref()).await?;
        contents.warn_if_incomplete(&session.out);
        let journal = match file {
            Some(file) => {
                let if_unfinished = match (self.resume, self.restart) {
                    (true, _) => IfUnfinished::Resume,
                    (false, true) => IfUnfinished::Restart,
                    (false, false) => IfUnfinished::Refuse,
                };
                let service = session.sync().await?.service_sid().await?.to_string();
                let (file, target) = (file.to_owned(), target.clone());
                let fingerprint = contents.fingerprint.clone();
                let open = move || {
                    Journal::open(&file, fingerprint, if_unfinished, service, target.as_ref())
                };
                Some(blocking(open).await?)
            }
            None => None,
        };
        let left_out = [
            (contents.unnamed, "object", UNNAMED),
            (contents.export.unaddressable, "record", UNADDRESSABLE),
        ];
        let mut import = Import {
            sync: session.sync().await?,
            title: contents.title.clone(),
            progress: Progress::of(&session.out, contents.lines()),
            journal,
            imported: Imported::default(),
            before: 0,
        };
        import.all(contents).await?;
        let Import {
            journal,
            imported,
            before,
            progress,
            ..
        } = import;
        if let Some(journal) = journal {
            journal.remove()?;
        }
        drop(progress);
        let out = &session.out;
        out.notice(format_args!("Imported {}.", imported.counts));
        if before > 0 {
            out.notice(format_args!(
                "{} {} imported before.",
                plural(before, "line"),
                if before == 1 { "was" } else { "were" }
            ));
        }
        if imported.expired > 0 {
            out.notice(format_args!(
                "Left out {} {EXPIRED}.",
                plural(imported.expired, "line")
            ));
        }
        warn_left_out(out, &left_out);
        Ok(())
    }
}

/// Returns `true` if a path leads to a regular file, and is not another name of standard input.
fn is_readable_again(path: &Path) -> bool {
    let is_opened = path.starts_with("/proc") || path.starts_with("/dev/fd");
    !is_opened && path != Path::new("/dev/stdin") && path.is_file()
}

/// A running import.
struct Import<'a> {
    sync: &'a SyncClient,
    /// The name of the file in messages.
    title: String,
    journal: Option<Journal>,
    progress: Progress,
    imported: Imported,
    /// The number of items that an interrupted import has written.
    before: u64,
}

impl Import<'_> {
    async fn all(&mut self, contents: Contents) -> Result<()> {
        let mut export = contents.export;
        let [first, last] = export.take_settings();
        self.settings(first).await?;
        let permissions = export.import_permissions(self.sync);
        let documents = export.import_documents(self.sync);
        self.run(documents, |_, _| Ok(())).await?;
        for object in export.objects {
            self.progress.at(&object.place);
            let lines = object.lines().count() as u64;
            let journal = self.journal.as_ref();
            if journal.is_some_and(|journal| journal.is_complete(&object.place)) {
                self.before += object.items.len() as u64;
                self.progress.advance(lines);
            } else if object.has_expired() {
                self.imported.expired += lines;
                self.progress.advance(lines);
            } else {
                self.object(object).await?;
            }
        }
        self.run(permissions, |_, _| Ok(())).await?;
        self.settings(last).await
    }

    async fn settings(&self, settings: Settings) -> Result<()> {
        let written = settings.write(self.sync).await;
        written.map_err(|error| self.failed("the settings", error))
    }

    /// Writes lines, with their numbers and kinds. A function gets the journal and the number of each line
    /// that is done.
    async fn run(
        &mut self,
        writes: Bulk<(u64, Kind), bool>,
        mut done: impl FnMut(&mut Journal, u64) -> Result<()> + Send,
    ) -> Result<()> {
        let (imported, progress) = (&mut self.imported, &self.progress);
        let (journal, mut recorded) = (&mut self.journal, Ok(()));
        let result = writes.run(|(line, kind), is_written| {
            imported.add(*kind, is_written);
            progress.advance(1);
            if let (Some(journal), Ok(())) = (journal.as_mut(), &recorded) {
                recorded = done(journal, *line);
            }
        });
        let result = result.await;
        recorded?;
        let Err(mut error) = result else {
            return Ok(());
        };
        // The first failure is that of the whole.
        let decisive = decisive(&error);
        error.failed.drain(..decisive);
        let line = error.failed.first().map_or(0, |((line, _), _)| *line);
        Err(self.failed(at(line), twilio_sync::Error::from(error)))
    }

    /// Ensures that an object exists, and writes its items.
    async fn object(&mut self, mut object: Object) -> Result<()> {
        let line = object.lines().next().map_or(0, |line| line.number);
        let ensured = object.ensure(self.sync).await;
        let sid = ensured.map_err(|error| self.failed(at(line), error))?;
        self.imported.counts.add(object.place.kind);
        self.progress.advance(u64::from(object.line.is_some()));
        if object.place.kind.items().is_none() {
            return Ok(());
        }
        let journal = self.journal.as_ref();
        let before = match object.place.kind {
            Kind::List => self.before(&object, &sid).await?,
            _ => journal.map_or(0, |journal| journal.written(&object.place.name, &sid)),
        };
        self.before += before as u64;
        self.progress.advance(before as u64);
        let mut first = FirstItems::new(&object, before);
        let writes = object.import_items(self.sync, &sid, before);
        let map = (object.place.kind == Kind::Map).then_some(&object.place.name);
        self.run(writes, |journal, line| {
            let (Some(items), Some(map)) = (first.done(line), map) else {
                return Ok(());
            };
            let sid = sid.clone();
            journal.write_part(map, Part { sid, items })
        })
        .await?;
        if let Some(journal) = &mut self.journal {
            journal.complete(object.place)?;
        }
        Ok(())
    }

    /// The number of lines of a List that an interrupted import has added. If it is the first import, the
    /// journal gets the position where it begins.
    async fn before(&mut self, object: &Object, sid: &str) -> Result<usize> {
        let Some(journal) = &mut self.journal else {
            return Ok(0);
        };
        // By its SID, which the journal has: another List may get its name meanwhile.
        let list = self.sync.list(Reference::new(sid));
        if let Some(mark) = journal.mark(&object.place.name, sid) {
            tokio::time::sleep(SETTLING).await;
            return added(&list, mark.last_index, object).await;
        }
        let mut newest = list.items().order(Order::Desc).limit(1);
        let last_index = newest.try_next().await?.map(|item| item.index);
        let sid = sid.to_owned();
        journal.begin(&object.place.name, Mark { sid, last_index })?;
        Ok(0)
    }

    /// The failure to write a part of the file.
    fn failed(&self, part: impl Display, error: twilio_sync::Error) -> Failure {
        let failure = Failure::from(error).about(format_args!("{}, {part}", self.title));
        let what_next = if self.journal.is_some() {
            "run the same with --resume: it continues with what is missing"
        } else {
            "import again what it has of Documents and Maps; what was added to Lists before this line \
             stays there. From a --file it could be resumed"
        };
        with_hint(failure, what_next)
    }
}

/// The items of an object up to the first one that is not done: they are not done in order.
struct FirstItems {
    /// The line of each item.
    lines: Vec<u64>,
    count: usize,
    /// The lines that were done after the first one that is not.
    later: HashSet<u64>,
}

impl FirstItems {
    fn new(object: &Object, count: usize) -> Self {
        Self {
            lines: object.items.iter().map(|line| line.number).collect(),
            count,
            later: HashSet::new(),
        }
    }

    /// Takes note that a line is done. The number of first items, each time that it passes a part.
    fn done(&mut self, line: u64) -> Option<usize> {
        let before = self.count;
        self.later.insert(line);
        while let Some(line) = self.lines.get(self.count)
            && self.later.remove(line)
        {
            self.count += 1;
        }
        (self.count / PART > before / PART).then_some(self.count)
    }
}

fn at(line: u64) -> String {
    format!("line {line}")
}

/// The number of lines of a List that an interrupted import has handled, found by comparing them with the
/// items after an index. Items that have expired since then count too.
async fn added(list: &ListItems<Data>, after: Option<i64>, object: &Object) -> Result<usize> {
    let mut stored = list.export(after);
    let mut items = object
        .items
        .iter()
        .map(|line| &line.entry)
        .enumerate()
        .peekable();
    let mut next = 0;
    while let Some(found) = stored.try_next().await? {
        let is_it = |item: &Entry| {
            item.has_same_data(&found) && is_within_skew(item.date_expires, found.date_expires)
        };
        let may_be_removed = |item: &Entry| item.date_expires.is_some_and(is_past);
        while items
            .next_if(|(_, it)| !is_it(it) && may_be_removed(it))
            .is_some()
        {}
        let Some((at, _)) = items.next_if(|(_, item)| is_it(item)) else {
            let index = found.index.unwrap_or_default();
            return Err(Failure::new(
                Exit::Conflict,
                format!(
                    "the {} has an item, of index {index}, that this import did not add, among those \
                     it added: the number of items that it added is not known",
                    object.place
                ),
            )
            .hint("`twilio-sync diff` shows what differs, and `apply` fixes it"));
        };
        next = at + 1;
    }
    Ok(next)
}

/// Returns `true` if two dates are equal but for the difference of the clocks, or both are absent.
fn is_within_skew(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.signed_duration_since(other).abs() <= SKEW,
        (one, other) => one == other,
    }
}

/// Returns `true` if a date may have passed by the clock of the service.
fn is_past(date: DateTime<Utc>) -> bool {
    date <= Utc::now() + SKEW
}
