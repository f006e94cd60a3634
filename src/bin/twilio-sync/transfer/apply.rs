//! `twilio-sync apply`

use clap::Args;
use twilio_sync::export::Kind;
use twilio_sync::kind::Dataless;
use twilio_sync::value::Data;
use twilio_sync::{Error, List, Map, MessageStream, SyncClient, Ttl};

use super::concurrently::{self, CONCURRENCY};
use super::contents::Contents;
use super::counts::plural;
use super::diff::{print_changes, subject};
use super::objects::service_sid;
use super::plan::{Change, Plan, State, Verb};
use super::progress::Progress;
use super::{FileOption, Scope, with_hint};
use crate::io::failure::{Exit, Failure, Result};
use crate::io::input::{Reference, with_options};
use crate::io::noun::Noun;
use crate::shell::session::Session;

/// The number of removals that are named in the question.
const NAMED: usize = 5;

/// Make the Service, or one object, as an export says
///
/// Only what differs is written, and only over what was compared: exit code 4 if somebody else wrote
/// meanwhile. Items of a List are compared by position. An export of one object is applied to that one.
/// What has expired since the export is left alone.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

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
        let (contents, target) = Contents::read_to_compare(path, target).await?;
        if self.prune {
            contents.check_prune(target.as_ref())?;
        }
        contents.warn_if_incomplete(out);
        let (title, renamed) = (contents.title.clone(), contents.renamed.clone());
        let sync = session.sync().await?;
        let progress = Progress::counting(out);
        let mut plan = Plan::make(sync, contents, target.as_ref(), progress).await?;
        plan.print_left_out(out);
        let mut surplus = 0;
        if !self.prune {
            surplus = plan.count(Verb::Remove);
            plan.changes.retain(|change| change.verb() != Verb::Remove);
        } else if !plan.has_any {
            return Err(
                Failure::usage(format!("all that {title} has expired meanwhile"))
                    .hint("--prune would remove everything else: leave it out, or use `rm`"),
            );
        } else if renamed.is_some() && renamed != plan.found {
            return Err(Failure::usage(format!("{title} is of another object"))
                .hint("without --prune it can be applied"));
        }
        if self.dry_run {
            return print_changes(session, &plan.changes);
        }
        if plan.count(Verb::Remove) > 0 {
            let service = service_sid(sync).await?;
            session.confirm(&question(&plan, &service)).await?;
        }
        let [created, updated, removed] =
            [Verb::Create, Verb::Update, Verb::Remove].map(|verb| plan.count(verb));
        let progress = Progress::of(out, plan.changes.len() as u64);
        execute(sync, plan, &progress).await?;
        drop(progress);
        out.notice(format_args!(
            "Created {created}, updated {updated}, removed {removed}."
        ));
        if surplus > 0 {
            out.notice(format_args!(
                "Left {} that the export does not have; --prune removes what is too much.",
                plural(surplus, "thing")
            ));
        }
        Ok(Exit::Done)
    }
}

/// The question before anything is changed.
fn question(plan: &Plan, service: &str) -> String {
    let removals: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.verb() == Verb::Remove)
        .collect();
    let items = removals.iter().filter(|change| change.kind.is_item());
    let items = items.count() as u64;
    let objects = removals.len() as u64 - items;
    let parts = [(objects, "object"), (items, "item")];
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

/// Executes a plan: objects first, then items and Documents, and removals last.
async fn execute(sync: &SyncClient, plan: Plan, progress: &Progress) -> Result<()> {
    let (removals, writes) = split(plan.changes, |change| change.verb() == Verb::Remove);
    let (objects, items) = split(writes, |change| {
        !change.kind.is_item() && change.kind != Kind::Document
    });
    let (added, others) = split(items, |change| {
        change.kind == Kind::ListItem && change.verb() == Verb::Create
    });
    all(sync, objects, CONCURRENCY, progress).await?;
    all(sync, others, CONCURRENCY, progress).await?;
    // Their order matters.
    all(sync, added, 1, progress).await?;
    all(sync, removals, CONCURRENCY, progress).await
}

/// The changes that pass a test, and the others.
fn split(
    changes: Vec<Change>,
    test: impl Fn(&Change) -> bool,
) -> (impl Iterator<Item = Change>, Vec<Change>) {
    let (those, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(test);
    (those.into_iter(), others)
}

/// Makes changes, a number of them at a time.
async fn all(
    sync: &SyncClient,
    changes: impl IntoIterator<Item = Change>,
    concurrency: usize,
    progress: &Progress,
) -> Result<()> {
    let jobs = changes
        .into_iter()
        .enumerate()
        .map(|(at, change)| async move {
            let done = make(sync, &change).await;
            (at, done.map_err(|refusal| failed(&change, refusal)))
        });
    concurrently::run(jobs, concurrency, |()| progress.advance(1))
        .await
        .map_err(|(_, failure)| failure)
}

/// Why a change was not made.
enum Refusal {
    /// It was changed after it was compared.
    Changed,
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Makes a change.
async fn make(sync: &SyncClient, change: &Change) -> Result<(), Refusal> {
    match &change.new {
        Some(new) => Ok(write(sync, change, new).await?),
        None => match remove(sync, change).await {
            // Gone already.
            Err(Refusal::Error(error)) if error.is_not_found() => Ok(()),
            done => done,
        },
    }
}

async fn write(sync: &SyncClient, change: &Change, new: &State) -> twilio_sync::Result<()> {
    let name = change.address();
    let ttl = ttl(new);
    let old = change.old.as_ref();
    let is_new = old.is_none();
    let revision = old.and_then(|old| old.revision.clone());
    match (change.kind, &new.data) {
        (Kind::Document, Some(data)) => {
            let documents = sync.documents();
            if is_new {
                drop(documents.create(name, data).ttl(ttl).await?);
            } else {
                let call = documents.update(Reference::new(name), data).ttl(ttl);
                drop(with_options!(call, if_match: revision).await?);
            }
        }
        (Kind::List, _) => write_dataless::<List>(sync, name, is_new, ttl).await?,
        (Kind::Map, _) => write_dataless::<Map>(sync, name, is_new, ttl).await?,
        (Kind::Stream, _) => write_dataless::<MessageStream>(sync, name, is_new, ttl).await?,
        (Kind::ListItem, Some(data)) => {
            let list = sync.list(Reference::new(name));
            match change.index.filter(|_| !is_new) {
                None => drop(list.add(data).ttl(ttl).await?),
                Some(index) => {
                    let call = list.update(index, data).ttl(ttl);
                    drop(with_options!(call, if_match: revision).await?);
                }
            }
        }
        (Kind::MapItem, Some(data)) => {
            let map = sync.map(Reference::new(name));
            let key = change.key.as_deref().unwrap_or_default();
            if is_new {
                drop(map.create(key, data).ttl(ttl).await?);
            } else {
                let call = map.update(key, data).ttl(ttl);
                drop(with_options!(call, if_match: revision).await?);
            }
        }
        // Lines of these always have data.
        (Kind::Document | Kind::ListItem | Kind::MapItem, None) => {}
    }
    Ok(())
}

/// Creates an object without data, or sets when it expires.
async fn write_dataless<K: Noun + Dataless>(
    sync: &SyncClient,
    name: &str,
    is_new: bool,
    ttl: Ttl,
) -> twilio_sync::Result<()> {
    let objects = K::objects(sync);
    if is_new {
        objects.create(name).ttl(ttl).await?;
    } else {
        objects.set_ttl(Reference::new(name), ttl).await?;
    }
    Ok(())
}

async fn remove(sync: &SyncClient, change: &Change) -> Result<(), Refusal> {
    let name = change.address();
    let revision = change.old.as_ref().and_then(|old| old.revision.clone());
    match change.kind {
        Kind::Document => {
            let documents = sync.documents::<Data>();
            // The API has no conditional removal of Documents.
            let found = documents.get(Reference::new(name)).await?;
            if revision.is_some_and(|revision| revision != found.revision) {
                return Err(Refusal::Changed);
            }
            documents.remove(Reference::new(name)).await?;
        }
        Kind::List => sync.lists().remove(Reference::new(name)).await?,
        Kind::Map => sync.maps().remove(Reference::new(name)).await?,
        Kind::Stream => sync.streams().remove(Reference::new(name)).await?,
        Kind::ListItem => {
            let list = sync.list::<Data>(Reference::new(name));
            let call = list.remove(change.index.unwrap_or_default());
            with_options!(call, if_match: revision).await?;
        }
        Kind::MapItem => {
            let map = sync.map::<Data>(Reference::new(name));
            let call = map.remove(change.key.as_deref().unwrap_or_default());
            with_options!(call, if_match: revision).await?;
        }
    }
    Ok(())
}

/// The remaining time to live; the shortest possible if it has just expired.
fn ttl(new: &State) -> Ttl {
    Ttl::until(new.date_expires).unwrap_or(Ttl::from_secs(1))
}

/// The failure to make a change.
fn failed(change: &Change, refusal: Refusal) -> Failure {
    let failure = match refusal {
        Refusal::Changed => Failure::new(Exit::Conflict, "it is not what was compared"),
        Refusal::Error(error) => {
            // It was changed after it was compared.
            let is_conflict = error.is_revision_conflict()
                || error.is_already_exists()
                || (change.sid.is_some() && error.is_not_found());
            let mut failure = Failure::from(error);
            if is_conflict {
                failure.exit = Exit::Conflict;
            }
            failure
        }
    };
    let failure = failure.about(subject(change));
    if failure.exit == Exit::Conflict {
        return failure.hint("somebody else wrote meanwhile, which is kept: run this again");
    }
    with_hint(
        failure,
        "run this again to do the rest; what was done stays",
    )
}
