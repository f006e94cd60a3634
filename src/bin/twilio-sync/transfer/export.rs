//! `twilio-sync export`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::SyncClient;
use twilio_sync::export::{End, Entry, Heading, Kind};
use twilio_sync::value::Data;

use super::counts::{Counts, plural};
use super::export_file::{ExportFile, IfExists, Partial, Position};
use super::lines::Writer;
use super::objects::{self, Existing, service_sid};
use super::progress::Progress;
use super::{Scope, absent, unless_dash, with_hint};
use crate::io::blocking::blocking;
use crate::io::failure::{Failure, Result};
use crate::io::input::Reference;
use crate::io::output::unprinted;
use crate::shell::session::Session;

/// Write the Service, or one object, as lines of JSON
///
/// Objects without a unique name are left out, unless one is named by its SID.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    /// The file to write, for you alone; - (or nothing) for standard output. Until it is whole it is
    /// FILE.part
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Go on with an export that was broken off
    #[arg(long, requires = "output")]
    resume: bool,

    /// Replace the file if it is there; without --resume, begin anew
    #[arg(long, requires = "output")]
    force: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let path = unless_dash(self.output.as_deref());
        if path.is_none() && self.resume {
            return Err(
                Failure::usage("there is no file to go on with").hint("--output FILE names it")
            );
        }
        // No file is created if the Service cannot be called or the object does not exist.
        let sync = session.sync().await?;
        let object = match self.scope.place() {
            Some(place) => {
                let found = objects::find(sync, &place).await?;
                Some((place.kind, found.ok_or_else(|| absent(&place))?))
            }
            None => None,
        };
        let of = object.as_ref();
        let of = of.map(|(kind, existing)| existing.place(*kind));
        let heading = Heading::new(service_sid(sync).await?, of);
        let Some(path) = path else {
            let is_terminal = io::stdout().is_terminal();
            let progress = if is_terminal {
                Progress::none()
            } else {
                Progress::counting(&session.out)
            };
            let to = Writer::new(BufWriter::new(io::stdout().lock()), is_terminal);
            let mut export =
                Export::new(sync, to, Partial::default(), progress, unprinted, session);
            export.run(&heading, object).await?;
            export.finish();
            return Ok(());
        };
        let if_exists = IfExists {
            resume: self.resume,
            force: self.force,
        };
        let (file, of) = (path.to_owned(), heading.clone());
        let (to, partial) = blocking(move || ExportFile::open(&file, if_exists, &of)).await?;
        let title = path.display().to_string();
        let progress = Progress::counting(&session.out);
        progress.advance(partial.counts.total());
        let unwritten = |error| Failure::io(&title, &error);
        let to = Writer::new(to, false);
        let mut export = Export::new(sync, to, partial, progress, unwritten, session);
        let done = export.run(&heading, object).await;
        match done {
            Ok(()) => {
                let file = export.finish();
                blocking(move || file.finish()).await
            }
            Err(failure) => Err(match export.keep() {
                Some(part) => with_hint(
                    failure,
                    &format!(
                        "the same with --resume goes on: what was read is in {}",
                        part.display()
                    ),
                ),
                None => failure,
            }),
        }
    }
}

/// An export that is being written.
///
/// It writes on the main thread; pages are read ahead on another one.
struct Export<'a, W, F> {
    session: &'a Session,
    sync: &'a SyncClient,
    to: Writer<W>,
    unwritten: F,
    /// What was exported before.
    partial: Partial,
    counts: Counts,
    unnamed: u64,
    progress: Progress,
}

impl<'a, W: Write, F: Fn(io::Error) -> Failure> Export<'a, W, F> {
    fn new(
        sync: &'a SyncClient,
        to: Writer<W>,
        partial: Partial,
        progress: Progress,
        unwritten: F,
        session: &'a Session,
    ) -> Self {
        Self {
            session,
            sync,
            to,
            unwritten,
            counts: partial.counts,
            partial,
            unnamed: 0,
            progress,
        }
    }

    /// Writes the export of one object, or of the whole Service.
    async fn run(&mut self, heading: &Heading, object: Option<(Kind, Existing)>) -> Result<()> {
        if !self.partial.has_heading {
            self.to.write(heading).map_err(&self.unwritten)?;
        }
        let mut done = self.read(object).await;
        if done.is_ok() {
            let end = End::after(self.counts.total());
            done = self.to.write(&end).map_err(&self.unwritten);
        }
        // What was read is kept, also after a failure.
        let flushed = self.to.flush().map_err(&self.unwritten);
        done.and(flushed)
    }

    /// Prints a summary, and returns the destination.
    fn finish(self) -> W {
        drop(self.progress);
        let out = &self.session.out;
        if self.unnamed > 0 {
            out.notice(format_args!(
                "Left out {} without a unique name; export KIND SID exports one.",
                plural(self.unnamed, "object")
            ));
        }
        out.notice(format_args!("Exported {}.", self.counts));
        self.to.into_inner()
    }

    async fn read(&mut self, object: Option<(Kind, Existing)>) -> Result<()> {
        let last = self.partial.last.take();
        let begin = last.as_ref().map(|last| last.place.kind);
        // The incomplete object first, so that all but the last are complete if this is interrupted too.
        if let Some(last) = last {
            self.items(last, object.is_some()).await?;
        }
        if let Some((kind, existing)) = object {
            return self.object(kind, existing, true).await;
        }
        for kind in Kind::OBJECTS {
            // Kinds before it are complete.
            if begin.is_some_and(|begin| kind < begin) {
                continue;
            }
            let mut all = objects::all(self.sync, kind);
            while let Some(existing) = all.try_next().await? {
                if existing.unique_name.is_some() {
                    self.object(kind, existing, false).await?;
                } else {
                    self.unnamed += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes an object with its items, unless it was exported before.
    async fn object(&mut self, kind: Kind, existing: Existing, is_asked_for: bool) -> Result<()> {
        let place = existing.place(kind);
        if self.partial.contains(&place) {
            return Ok(());
        }
        let mut entry = Entry::new(kind, &place.name);
        entry.data = existing.data;
        entry.date_expires = existing.date_expires;
        self.write(&entry)?;
        self.items(place.into(), is_asked_for).await
    }

    /// Writes the items of an object after a position.
    async fn items(&mut self, after: Position, is_asked_for: bool) -> Result<()> {
        let name = &after.place.name;
        self.progress.at(&after.place);
        let mut items = match after.place.kind {
            Kind::List => {
                let list = self.sync.list::<Data>(Reference::new(name));
                list.export(after.index)
            }
            Kind::Map => {
                let map = self.sync.map::<Data>(Reference::new(name));
                map.export(after.key.as_deref())
            }
            _ => return Ok(()),
        };
        loop {
            let entry = match items.try_next().await {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                Err(error) if error.is_not_found() && !is_asked_for => {
                    self.progress.notice(
                        &self.session.out,
                        format_args!("The {} was removed meanwhile.", after.place),
                    );
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            self.write(&entry)?;
        }
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        self.to.write(entry).map_err(&self.unwritten)?;
        self.counts.add(entry.kind, 1);
        self.progress.advance(1);
        Ok(())
    }
}

impl<F> Export<'_, ExportFile, F> {
    /// Keeps the partial file, and returns its path if there is one.
    fn keep(self) -> Option<PathBuf> {
        self.to.into_inner().keep(self.counts.total() == 0)
    }
}
