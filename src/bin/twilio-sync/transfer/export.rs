//! `twilio-sync export`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use futures_util::TryStreamExt;
use twilio_sync::export::{Export, Record};

use super::export_file::{ExportFile, IfExists};
use super::lines::Writer;
use super::progress::Progress;
use super::{Scope, UNADDRESSABLE, UNNAMED, absent, plural, unless_dash, with_hint};
use crate::io::blocking::blocking;
use crate::io::failure::{Failure, Result};
use crate::io::output::{Output, unprinted};
use crate::shell::session::Session;

/// Write the Service, or one object, as lines of JSON
///
/// The settings of the Service come first, a password in the address of its webhook included. Objects
/// without a unique name are under their SIDs, and only an import of one object can give it a name. Sync
/// does not store the messages of Message Streams.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    /// The file to write, for you alone; - (or nothing) for standard output. Until it is whole it is
    /// FILE.part
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// With the permissions of Documents, Lists and Maps, which takes one more request for each.
    /// Default: if the Service has acl_enabled; otherwise a notice says that they are left out
    #[arg(long, value_name = "true|false")]
    permissions: Option<bool>,

    /// Continue an export that was interrupted
    #[arg(long, requires = "output")]
    resume: bool,

    /// Replace the file if it is there; without --resume, start again
    #[arg(long, requires = "output")]
    force: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let path = unless_dash(self.output.as_deref());
        if path.is_none() && self.resume {
            return Err(
                Failure::usage("there is no file to continue").hint("--output FILE names it")
            );
        }
        // No file is created if the Service cannot be called or the object does not exist.
        let sync = session.sync().await?;
        let place = self.scope.place();
        let mut export = match (sync.export(place.as_ref()).await, place) {
            (Err(error), Some(place)) if error.is_not_found() => return Err(absent(&place)),
            (export, _) => export?,
        };
        if let Some(permissions) = self.permissions {
            export = export.with_permissions(permissions);
        }
        let out = &session.out;
        let Some(path) = path else {
            let is_terminal = io::stdout().is_terminal();
            let progress = if is_terminal {
                Progress::none()
            } else {
                Progress::counting(out)
            };
            let mut to = Writer::new(BufWriter::new(io::stdout().lock()), is_terminal);
            write(&mut export, &mut to, &progress, out, unprinted).await?;
            drop(progress);
            print_summary(out, &export, self.permissions);
            return Ok(());
        };
        let if_exists = IfExists {
            resume: self.resume,
            force: self.force,
        };
        let (file, heading) = (path.to_owned(), export.heading().clone());
        let (file, written) =
            blocking(move || ExportFile::open(&file, if_exists, &heading)).await?;
        let mut export = export.resume(written);
        let progress = Progress::counting(out);
        progress.advance(export.counts().total());
        let mut to = Writer::new(file, false);
        let title = path.display().to_string();
        let failed = |error| Failure::io(&title, &error);
        let done = write(&mut export, &mut to, &progress, out, failed).await;
        drop(progress);
        let file = to.into_inner();
        if let Err(failure) = done {
            let Some(part) = file.keep(export.counts().total() == 0) else {
                return Err(failure);
            };
            let part = part.display();
            let hint = format!("the same with --resume continues: what was read is in {part}");
            return Err(with_hint(failure, &hint));
        }
        print_summary(out, &export, self.permissions);
        blocking(move || file.finish()).await
    }
}

/// Writes an export. It writes on the main thread; pages are read ahead on another one.
async fn write<W: Write>(
    export: &mut Export,
    to: &mut Writer<W>,
    progress: &Progress,
    out: &Output,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<()> {
    let done = loop {
        let next = export.try_next().await;
        for place in export.take_removed() {
            progress.warning(
                out,
                format_args!(
                    "The {place} was removed meanwhile: the export has only a part of it."
                ),
            );
        }
        let record = match next {
            Ok(Some(record)) => record,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        if let Err(error) = to.write(&record) {
            break Err(failed(error));
        }
        if let Record::Entry(entry) = &record {
            progress.advance(1);
            if let (true, Some(place)) = (entry.kind.is_object(), entry.place()) {
                progress.at(&place);
            }
        }
    };
    // The data read so far is kept after a failure too.
    let flushed = to.flush().map_err(failed);
    done.and(flushed)
}

/// Prints what was exported, and what was left out. `permissions` is the option of the command line.
fn print_summary(out: &Output, export: &Export, permissions: Option<bool>) {
    out.notice(format_args!("Exported {}.", export.counts()));
    let heading = export.heading();
    // An export of one object is imported under the name that is given.
    let unnamed = if heading.object.is_some() {
        0
    } else {
        export.unnamed()
    };
    for (count, noun, why) in [
        (unnamed, "object", UNNAMED),
        (export.unaddressable(), "record", UNADDRESSABLE),
    ] {
        if count > 0 {
            out.warning(format_args!(
                "Exported {} {why}, which `import`, `diff` and `apply` leave out.",
                plural(count, noun)
            ));
        }
    }
    // Most Services without an ACL have no permissions. Whoever says --permissions false knows.
    if heading.lacks_permissions() && permissions.is_none() {
        out.notice(
            "Left out permissions, since acl_enabled is off: --permissions true exports them.",
        );
    }
}
