//! `twilio-sync apply`

use clap::Args;
use futures_util::{StreamExt, stream};
use twilio_sync::api::Data;
use twilio_sync::{DocumentSid, Error, ListSid, MapSid, StreamSid, SyncClient};

use super::contents::Contents;
use super::diff::{plain, print_changes};
use super::entry::{Kind, many};
use super::objects::{self, reference};
use super::plan::{Change, Plan, State, Verb};
use super::progress::Progress;
use super::{FileOption, Scope, left};
use crate::failure::{Exit, Failure, Result};
use crate::input::{by, with_options};
use crate::session::Session;

/// How many writes are under way at a time.
const CONCURRENCY: usize = 8;

/// Make the Service, or one object, as an export says
///
/// Only what differs is written, and only over what was compared: exit code 4 if somebody else wrote
/// meanwhile. Items of a List are compared by position.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

    /// Remove what the export does not have
    #[arg(long)]
    prune: bool,

    /// Print what would be done, as `diff` does, and do nothing; exit code 2 if there is anything
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let target = self.scope.target();
        let contents = Contents::read(self.file.path(), target.as_ref()).await?;
        if self.prune && contents.objects.is_empty() {
            return Err(Failure::usage(format!("{} is empty", contents.title))
                .hint("--prune would remove everything: leave it out, or use `rm`"));
        }
        let progress = Progress::counting(out);
        let mut plan =
            Plan::make(session.sync().await?, contents, target.as_ref(), progress).await?;
        plan.tell_left_out(out);
        let mut surplus = 0;
        if !self.prune {
            surplus = plan.count(Verb::Remove);
            plan.changes.retain(|change| change.verb() != Verb::Remove);
        }
        if self.dry_run {
            return print_changes(session, &plan.changes);
        }
        if let Some(question) = question(&plan) {
            session.confirm(&question).await?;
        }
        let [created, updated, removed] =
            [Verb::Create, Verb::Update, Verb::Remove].map(|verb| plan.count(verb));
        let progress = Progress::of(out, plan.changes.len() as u64);
        carry_out(session.sync().await?, plan, &progress).await?;
        drop(progress);
        out.notice(format_args!(
            "Created {created}, updated {updated}, removed {removed}."
        ));
        if surplus > 0 {
            out.notice(format_args!(
                "Left {} that the export does not have; --prune removes what is too much.",
                many(surplus, "thing")
            ));
        }
        Ok(())
    }
}

/// What is asked before anything is done; nothing if nothing is to be removed.
fn question(plan: &Plan) -> Option<String> {
    let removals = || {
        let changes = plan.changes.iter();
        changes.filter(|change| change.verb() == Verb::Remove)
    };
    let items = removals().filter(|change| change.kind.is_item()).count() as u64;
    let objects = removals().count() as u64 - items;
    let parts = [(objects, "object"), (items, "item")];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| many(count, noun))
        .collect();
    (!parts.is_empty()).then(|| format!("Remove {}", parts.join(" and ")))
}

/// Makes the changes: objects first, then what is in them, and removals last.
async fn carry_out(sync: &SyncClient, plan: Plan, progress: &Progress) -> Result<()> {
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

/// Those that pass a test, and the others.
fn split(
    changes: Vec<Change>,
    test: impl Fn(&Change) -> bool,
) -> (impl Iterator<Item = Change>, Vec<Change>) {
    let (those, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(test);
    (those.into_iter(), others)
}

/// Makes changes, some at a time. After a failure nothing more is begun, and what is under way is
/// finished.
async fn all(
    sync: &SyncClient,
    changes: impl IntoIterator<Item = Change>,
    concurrency: usize,
    progress: &Progress,
) -> Result<()> {
    let mut failure = None;
    let mut changes = changes.into_iter();
    let mut running = stream::FuturesUnordered::new();
    loop {
        while failure.is_none()
            && running.len() < concurrency
            && let Some(change) = changes.next()
        {
            running.push(async move {
                let done = make(sync, &change).await;
                (change, done)
            });
        }
        let Some((change, done)) = running.next().await else {
            return failure.map_or(Ok(()), Err);
        };
        match done {
            Ok(()) => progress.advance(1),
            Err(error) => {
                failure.get_or_insert_with(|| failed(&change, error));
            }
        }
    }
}

/// Makes a change.
async fn make(sync: &SyncClient, change: &Change) -> twilio_sync::Result<()> {
    match &change.new {
        Some(new) => write(sync, change, new).await,
        None => match remove(sync, change).await {
            // As it should be.
            Err(error) if error.is_not_found() => Ok(()),
            done => done,
        },
    }
}

async fn write(sync: &SyncClient, change: &Change, new: &State) -> twilio_sync::Result<()> {
    let name = change.name.as_str();
    let ttl = ttl(new);
    let empty = Data::from_json("{}".to_owned()).ok();
    let Some(data) = new.data.as_ref().or(empty.as_ref()) else {
        return Ok(());
    };
    let revision = change.old.as_ref().and_then(|old| old.revision.clone());
    let is_new = change.old.is_none();
    macro_rules! dataless {
        ($facade:expr, $sid:ty) => {
            if is_new {
                drop($facade.create(name).ttl(ttl).await?);
            } else {
                drop(by!(await $facade, reference::<$sid>(name), set_ttl / set_ttl_by_id(ttl))?);
            }
        };
    }
    match change.kind {
        Kind::Document if is_new => {
            drop(sync.documents::<Data>().create(name, data).ttl(ttl).await?);
        }
        Kind::Document => {
            let documents = sync.documents::<Data>();
            let call = by!(
                documents,
                reference::<DocumentSid>(name),
                update / update_by_id(data)
            );
            drop(with_options!(call.ttl(ttl), if_match: revision).await?);
        }
        Kind::List => dataless!(sync.lists(), ListSid),
        Kind::Map => dataless!(sync.maps(), MapSid),
        Kind::Stream => dataless!(sync.streams(), StreamSid),
        Kind::ListItem => {
            let list = objects::list(sync, name);
            match change.index.filter(|_| !is_new) {
                None => drop(list.add(data).ttl(ttl).await?),
                Some(index) => {
                    let call = list.update(index, data).ttl(ttl);
                    drop(with_options!(call, if_match: revision).await?);
                }
            }
        }
        Kind::MapItem => {
            let map = objects::map(sync, name);
            let key = change.key.as_deref().unwrap_or_default();
            if is_new {
                drop(map.create(key, data).ttl(ttl).await?);
            } else {
                let call = map.update(key, data).ttl(ttl);
                drop(with_options!(call, if_match: revision).await?);
            }
        }
    }
    Ok(())
}

async fn remove(sync: &SyncClient, change: &Change) -> twilio_sync::Result<()> {
    let old = change.old.as_ref();
    // Another object that has taken its name is not the one that was compared.
    let sid = old.and_then(|old| old.sid.as_deref());
    let sid = sid.unwrap_or(&change.name);
    let revision = old.and_then(|old| old.revision.clone());
    match change.kind {
        Kind::Document => {
            let documents = sync.documents::<Data>();
            by!(await documents, reference::<DocumentSid>(sid), remove / remove_by_id())
        }
        Kind::List => by!(await sync.lists(), reference::<ListSid>(sid), remove / remove_by_id()),
        Kind::Map => by!(await sync.maps(), reference::<MapSid>(sid), remove / remove_by_id()),
        Kind::Stream => {
            by!(await sync.streams(), reference::<StreamSid>(sid), remove / remove_by_id())
        }
        Kind::ListItem => {
            let list = objects::list(sync, &change.name);
            let call = list.remove(change.index.unwrap_or_default());
            with_options!(call, if_match: revision).await
        }
        Kind::MapItem => {
            let map = objects::map(sync, &change.name);
            let call = map.remove(change.key.as_deref().unwrap_or_default());
            with_options!(call, if_match: revision).await
        }
    }
}

/// What is left of the time to live; the least there is if nothing is by now.
fn ttl(new: &State) -> std::time::Duration {
    left(new.date_expires).unwrap_or(std::time::Duration::from_secs(1))
}

/// A change that could not be made.
fn failed(change: &Change, error: Error) -> Failure {
    let is_update = change.verb() == Verb::Update;
    // What was compared is not there any more as it was.
    let is_conflict = error.is_revision_conflict()
        || error.is_already_exists()
        || (is_update && error.is_not_found());
    let mut failure = Failure::from(error).about(place(change));
    if is_conflict {
        failure.exit = Exit::Conflict;
        return failure.hint("somebody else wrote meanwhile, which is kept: run this again");
    }
    failure.hint("what was done stays; run this again to do the rest")
}

/// What a change is to, in a message.
fn place(change: &Change) -> String {
    let object = format!("{} {}", change.kind.object().noun(), plain(&change.name));
    match (&change.key, change.index) {
        (Some(key), _) => format!("{object} {key:?}"),
        (None, Some(index)) => format!("{object}, item {index}"),
        (None, None) => object,
    }
}
