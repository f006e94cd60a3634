//! `twilio-sync apply`

use clap::Args;
use twilio_sync::export::{ApplyError, Kind, Plan, Verb};

use super::contents::Contents;
use super::diff::{plan, print_changes, subject};
use super::progress::Progress;
use super::{FileOption, Parts, Scope, plural, with_hint};
use crate::io::failure::{Exit, Failure, Result};
use crate::shell::session::Session;

/// The number of removals that are named in the question.
const NAMED: usize = 5;

/// Make the Service, or one object, as an export says
///
/// Only what differs is written, and only over what was compared: exit code 4 if somebody else wrote
/// meanwhile, 6 if it is not known whether a change was made. Items of a List are compared by position. An
/// export of one object is applied to that one. Lines that have expired since the export are left alone.
/// Settings and permissions are written whatever they are by then: acl_enabled is set first, permissions
/// after the data, all other settings last.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

    #[command(flatten)]
    parts: Parts,

    /// Remove what the export, which must be whole, does not have. A Document is read again just
    /// before, and stays if somebody wrote it; Lists, Maps and Message Streams go with whatever is in
    /// them by then
    #[arg(long)]
    prune: bool,

    /// Print what would be done, as `diff` does, and do nothing; exit code 2 if there is anything
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = &session.out;
        let (path, target) = (self.file.path(), self.scope.place());
        let (contents, target) = Contents::read_to_compare(path, self.parts, target).await?;
        if self.prune {
            contents.check_prune(target.as_ref())?;
        }
        contents.warn_if_incomplete(out);
        let (title, renamed) = (contents.title.clone(), contents.renamed.clone());
        let mut plan = plan(session, contents, target.as_ref()).await?;
        let mut surplus = 0;
        if !self.prune {
            surplus = count(&plan, Verb::Remove);
            plan.changes.retain(|change| change.verb != Verb::Remove);
        } else if !plan.has_any {
            return Err(
                Failure::usage(format!("all that {title} has expired meanwhile"))
                    .hint("--prune would remove everything else: leave it out, or use `rm`"),
            );
        } else if renamed.is_some() && renamed != plan.unique_name {
            return Err(Failure::usage(format!("{title} is of another object"))
                .hint("without --prune it can be applied"));
        }
        if self.dry_run {
            return print_changes(session, &plan);
        }
        let [created, updated, removed] =
            [Verb::Create, Verb::Update, Verb::Remove].map(|verb| count(&plan, verb));
        let sync = session.sync().await?;
        if removed > 0 {
            let service = sync.service_sid().await?;
            session.confirm(&question(&plan, service.as_str())).await?;
        }
        let updated = updated + plan.settings.len() as u64;
        let progress = Progress::of(out, plan.changes.len() as u64);
        let applied = plan.apply(sync, |_| progress.advance(1)).await;
        applied.map_err(failed)?;
        drop(progress);
        out.notice(format_args!(
            "Created {created}, updated {updated}, removed {removed}."
        ));
        if surplus > 0 {
            out.notice(format_args!(
                "Left {} that the export does not have; --prune removes what is extra.",
                plural(surplus, "thing")
            ));
        }
        Ok(Exit::Done)
    }
}

/// The number of changes of a kind.
fn count(plan: &Plan, verb: Verb) -> u64 {
    let changes = plan.changes.iter();
    changes.filter(|change| change.verb == verb).count() as u64
}

/// The question before anything is changed.
fn question(plan: &Plan, service: &str) -> String {
    let removals: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.verb == Verb::Remove)
        .collect();
    let count = |is_it: fn(Kind) -> bool| {
        let counted = removals.iter().filter(|change| is_it(change.entry.kind));
        counted.count() as u64
    };
    let parts = [
        (count(Kind::is_object), "object"),
        (count(Kind::is_item), "item"),
        (count(Kind::is_permission), "permission"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| plural(count, noun))
        .collect();
    let mut named: Vec<_> = removals
        .iter()
        .take(NAMED)
        .map(|one| subject(one))
        .collect();
    if let more @ 1.. = removals.len() - named.len() {
        named.push(format!("{more} more"));
    }
    format!(
        "Remove {} from the Service {service} ({})",
        parts.join(" and "),
        named.join(", ")
    )
}

/// The failure to make a change.
fn failed(error: ApplyError) -> Failure {
    let is_conflict = error.is_conflict();
    let change = error.change.as_deref();
    let subject = change.map_or_else(|| "the settings".to_owned(), subject);
    let mut failure = Failure::from(twilio_sync::Error::from(error)).about(subject);
    if is_conflict {
        failure.exit = Exit::Conflict;
        return failure.hint("somebody else wrote meanwhile, which is kept: run this again");
    }
    with_hint(
        failure,
        "run this again to do the rest; what was done stays",
    )
}
