//! `twilio-sync export`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::{Line, SyncClient};

use super::entry::{Counts, Entry, ObjectKind, many};
use super::export_file::{Had, IfThere, Last, Lines, open};
use super::objects::{self, Existing};
use super::progress::Progress;
use super::{Scope, Target, blocking, named};
use crate::failure::{Exit, Failure, Result};
use crate::output::{unprinted, visible};
use crate::session::Session;

/// Write the Service, or one object, as lines of JSON
///
/// Objects without a unique name are left out, unless one is named by its SID.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    /// The file to write, for you alone; - (or nothing) for standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Go on with a file that was broken off
    #[arg(long, requires = "output", conflicts_with = "force")]
    resume: bool,

    /// Overwrite the file if it is there
    #[arg(long, requires = "output")]
    force: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let target = self.scope.target();
        let Some(path) = named(self.output.as_deref()) else {
            if self.resume {
                return Err(
                    Failure::usage("there is no file to go on with").hint("--output FILE names it")
                );
            }
            let progress = if io::stdout().is_terminal() {
                Progress::none()
            } else {
                Progress::counting(&session.out)
            };
            let to = BufWriter::new(io::stdout().lock());
            let export = Export::new(session, to, Counts::default(), progress, unprinted).await?;
            return export.run(target, &Had::default()).await;
        };
        let if_there = match (self.resume, self.force) {
            (true, _) => IfThere::Resume,
            (false, true) => IfThere::Overwrite,
            (false, false) => IfThere::Refuse,
        };
        // No file is made for a service that cannot be called.
        session.sync().await?;
        let (path, scope) = (path.to_owned(), target.clone());
        let title = path.display().to_string();
        let (to, had) = blocking(move || open(&path, if_there, scope.as_ref())).await?;
        let progress = Progress::counting(&session.out);
        progress.advance(had.counts.total());
        let unwritten = |error| Failure::io(&title, &error);
        let export = Export::new(session, to, had.counts, progress, unwritten).await?;
        let done = export.run(target, &had).await;
        done.map_err(|failure| match failure.exit {
            Exit::Failure => failure.hint(format!(
                "what was read is in {title}: the same with --resume goes on from there"
            )),
            _ => failure,
        })
    }
}

/// An export that is being written.
///
/// It writes on the main thread, which has nothing else to do: pages are read ahead on another.
struct Export<'a, W, F> {
    session: &'a Session,
    sync: &'a SyncClient,
    lines: Lines<W>,
    unwritten: F,
    counts: Counts,
    unnamed: u64,
    progress: Progress,
}

impl<'a, W: Write, F: Fn(io::Error) -> Failure> Export<'a, W, F> {
    async fn new(
        session: &'a Session,
        to: W,
        counts: Counts,
        progress: Progress,
        unwritten: F,
    ) -> Result<Self> {
        Ok(Self {
            session,
            sync: session.sync().await?,
            lines: Lines::new(to),
            unwritten,
            counts,
            unnamed: 0,
            progress,
        })
    }

    async fn run(mut self, target: Option<Target>, had: &Had) -> Result<()> {
        let read = self.read(target.as_ref(), had).await;
        // What was read is kept, whatever came after it.
        self.lines.flush().map_err(&self.unwritten)?;
        read?;
        drop(self.progress);
        let out = &self.session.out;
        if self.unnamed > 0 {
            out.notice(format_args!(
                "Left out {} without a unique name; export KIND SID exports one.",
                many(self.unnamed, "object")
            ));
        }
        out.notice(format_args!("Exported {}.", self.counts));
        Ok(())
    }

    async fn read(&mut self, target: Option<&Target>, had: &Had) -> Result<()> {
        // The last object first, so that again all but the last are complete if this breaks off too.
        if let Some(last) = &had.last {
            self.items(last, target.is_some()).await?;
        }
        if let Some(target) = target {
            let found = objects::find(self.sync, target.kind, &target.name).await?;
            let existing = found.ok_or_else(|| target.absent())?;
            return self.object(target.kind, existing, true, had).await;
        }
        let begin = had.last.as_ref().map(|last| last.kind);
        for kind in ObjectKind::ALL {
            // What comes before is complete.
            if begin.is_some_and(|begin| kind < begin) {
                continue;
            }
            let mut all = objects::all(self.sync, kind);
            while let Some(existing) = all.try_next().await? {
                if existing.unique_name.is_some() {
                    self.object(kind, existing, false, had).await?;
                } else {
                    self.unnamed += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes an object with its items, unless the file has it.
    async fn object(
        &mut self,
        kind: ObjectKind,
        existing: Existing,
        is_asked_for: bool,
        had: &Had,
    ) -> Result<()> {
        let sid = existing.sid.as_str();
        let name = existing.unique_name.as_deref().ok_or(sid);
        let title = name.unwrap_or_else(|sid| sid);
        if had.contains(kind, title) {
            return Ok(());
        }
        self.write(&Entry::object(
            kind,
            name,
            existing.data,
            existing.date_expires,
        ))?;
        let last = Last {
            kind,
            name: title.to_owned(),
            index: None,
            key: None,
        };
        self.items(&last, is_asked_for).await
    }

    /// Writes the items of an object that come after the last one.
    async fn items(&mut self, last: &Last, is_asked_for: bool) -> Result<()> {
        let name = last.name.as_str();
        self.progress.at(last.kind.noun(), name);
        let mut items = match last.kind {
            ObjectKind::List => objects::list(self.sync, name).export(last.index),
            ObjectKind::Map => objects::map(self.sync, name).export(last.key.as_deref()),
            ObjectKind::Document | ObjectKind::Stream => return Ok(()),
        };
        loop {
            let line = match items.try_next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(error) if error.is_not_found() && !is_asked_for => {
                    self.session.out.notice(format_args!(
                        "The {} \"{}\" was removed meanwhile.",
                        last.kind.noun(),
                        visible(name)
                    ));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            self.write(&of_item(name, line))?;
        }
    }

    fn write(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.lines.write(entry).map_err(&self.unwritten)?;
        self.counts.add(entry.kind, 1);
        self.progress.advance(1);
        Ok(())
    }
}

/// The line of an item, with what it is in.
fn of_item(name: &str, line: Line) -> Entry<'_> {
    let Line {
        key,
        index,
        data,
        date_expires,
        ..
    } = line;
    match key {
        Some(key) => Entry::map_item(name, key.into(), data, date_expires),
        None => Entry::list_item(name, index, data, date_expires),
    }
}
