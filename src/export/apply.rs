//! Writing and removing the objects, permissions and items of an export, and its settings.

use std::future::ready;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_core::Stream;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryFutureExt, stream};

use super::contents::{Contents, Line, Object};
use super::plan::{Change, Plan, Verb};
use super::stored::{self, by_object, key};
use super::{Counts, Entry, Kind, Settings, draft, permissions};
use crate::client::SyncClient;
use crate::documents::Document;
use crate::error::{Error, Result};
use crate::lists::{List, ListItem};
use crate::maps::{Map, MapItem};
use crate::resource::bulk::{Bulk, Job, JobOptions, Work};
use crate::resource::call::{Create, Ensure, Update};
use crate::resource::found;
use crate::resource::kind::{Kind as _, Resource};
use crate::resource::outcome;
use crate::resource::target::Target;
use crate::resource::upsert::Upserts;
use crate::resource::write::Draft;
use crate::value::{Data, Ttl};

/// The change that failed, with the reason. What was changed before it stays; to do the rest, compare
/// again.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", change.as_ref().and_then(|change| change.entry.place())
    .map_or_else(|| "the settings".to_owned(), |place| place.to_string()))]
#[non_exhaustive]
pub struct ApplyError {
    /// The change; if several failed, the first of them in the plan. `None` if it is that of the settings.
    pub change: Option<Box<Change>>,
    /// The reason.
    pub source: Box<Error>,
}

impl ApplyError {
    /// Returns `true` if somebody else wrote after the comparison. That write is kept, and the change was not
    /// made.
    ///
    /// Returns `false` if the [outcome](Error::is_outcome_unknown) of the change is unknown: what it met may
    /// be its own first attempt.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let error = &self.source;
        let has_met_another = error.is_revision_conflict()
            || error.is_already_exists()
            || matches!(**error, Error::Refused(_))
            || (self.change.as_ref().is_some_and(|it| it.sid.is_some()) && error.is_not_found());
        has_met_another && !error.is_outcome_unknown()
    }
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        *error.source
    }
}

/// The counts of an import.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Imported {
    /// The objects, items and permissions that were written, or that exist.
    pub counts: Counts,
    /// The number of lines that were left out since they have expired.
    pub expired: u64,
    /// The number of objects that were left out since they have no usable unique name.
    pub unnamed: u64,
    /// The number of items and permissions that were left out since no path can carry their key or
    /// identity.
    pub unaddressable: u64,
}

impl Imported {
    /// Counts a line.
    pub fn add(&mut self, kind: Kind, is_written: bool) {
        if is_written {
            self.counts.add(kind);
        } else {
            self.expired += 1;
        }
    }
}

impl Plan {
    /// Makes the changes: objects first, then Documents and items, then additions to Lists in their order,
    /// then permissions, and removals last. `done` is called after each of them. `acl_enabled` is set before
    /// them, and cleared after them, when all other settings are written too, so that no change is posted to a
    /// webhook that is new.
    ///
    /// Only what was compared is overwritten or removed: a Document is read again just before its removal,
    /// which the service cannot make conditional. Lists, Maps and Message Streams are removed with all
    /// that is in them by then, and permissions and settings are written whatever they are by then.
    ///
    /// Cost: one request for each change, two for the removal of a Document, and at most two for settings.
    ///
    /// # Errors
    ///
    /// [`ApplyError`] for the first change that failed.
    pub async fn apply(
        self,
        sync: &SyncClient,
        mut done: impl FnMut(&Change) + Send,
    ) -> Result<(), ApplyError> {
        let [first, last] = Settings::of_changes(&self.settings).split();
        first.apply(sync).await?;
        let mut stages: [Vec<Change>; 5] = Default::default();
        for change in self.changes {
            stages[change.stage()].push(change);
        }
        for changes in stages {
            let is_ordered = changes
                .first()
                .is_some_and(|first| first.stage() == ADDITIONS);
            let changes: Arc<[Change]> = changes.into();
            let (shared, sync) = (changes.clone(), sync.clone());
            let jobs = stream::iter(0..changes.len()).map(move |at| {
                let (sync, changes) = (sync.clone(), shared.clone());
                let job: Job<()> =
                    Box::new(move |_| Box::pin(async move { changes[at].make(&sync).await }));
                Ok((at, job))
            });
            let made = bulk(jobs, is_ordered)
                .run(|at, ()| done(&changes[*at]))
                .await;
            if let Err(error) = made
                && let Some((at, source)) = error.failed.into_iter().next()
            {
                return Err(ApplyError {
                    change: Some(changes[at].clone().into()),
                    source: source.into(),
                });
            }
        }
        last.apply(sync).await
    }
}

impl Settings {
    async fn apply(self, sync: &SyncClient) -> Result<(), ApplyError> {
        let written = self.write(sync).await;
        written.map_err(|source| ApplyError {
            change: None,
            source: source.into(),
        })
    }
}

/// The stage of additions to Lists.
const ADDITIONS: usize = 2;

impl Change {
    /// The changes of a stage are made when those of the stages before it are done.
    fn stage(&self) -> usize {
        match (self.verb, self.entry.kind) {
            (Verb::Remove, _) => 4,
            (_, kind) if kind.is_permission() => 3,
            (Verb::Create, Kind::ListItem) => ADDITIONS,
            (_, Kind::List | Kind::Map | Kind::Stream) => 0,
            _ => 1,
        }
    }

    async fn make(&self, sync: &SyncClient) -> Result<()> {
        let name = self.entry.name().unwrap_or_default();
        let object = self.sid.as_deref().unwrap_or(name);
        if self.entry.kind.is_permission() {
            let (access, options) = (self.entry.access, JobOptions::default());
            return permissions::write(sync, object, &self.entry, access, &options).await;
        }
        let old = self.old.as_ref();
        let index = old.and_then(|old| old.index);
        let target = target(sync, object, &self.entry, index);
        match self.entry.kind {
            Kind::ListItem => self.make_at::<ListItem<Data>>(target).await,
            Kind::MapItem => self.make_at::<MapItem<Data>>(target).await,
            Kind::Document if self.verb == Verb::Remove => self.remove_document(target).await,
            kind => by_object!(
                kind,
                Document => self.make_at::<Document<Data>>(target).await,
                K => self.make_at::<K>(target).await
            ),
        }
    }

    async fn make_at<R: Resource>(&self, target: Target) -> Result<()> {
        if self.verb == Verb::Remove {
            return found(outcome::remove::<R>(&target, self.revision.as_ref()).await).map(drop);
        }
        let ttl = time_left(self.entry.date_expires);
        let mut draft = draft(&target, self.entry.data.as_ref(), ttl);
        if self.verb == Verb::Create {
            return Create::<R>::new(target, draft).await.map(drop);
        }
        if let Some(revision) = &self.revision {
            draft.if_match(revision.clone());
        }
        Update::<R>::new(target, draft).await.map(drop)
    }

    /// Removes a Document if it is as it was compared. The API has no conditional removal of Documents.
    async fn remove_document(&self, target: Target) -> Result<()> {
        match found(target.fetch::<Document<Data>>().await)? {
            Some(document) if self.revision.as_ref() != Some(&document.revision) => {
                Err(Error::Refused("it is not what was compared".into()))
            }
            Some(_) => found(outcome::remove::<Document<Data>>(&target, None).await).map(drop),
            None => Ok(()),
        }
    }
}

/// The place of an entry in the object with a unique name or SID, with the index of an item that a List
/// has.
fn target(sync: &SyncClient, object: &str, entry: &Entry, index: Option<i64>) -> Target {
    let service = Target::service(sync.clone());
    let object = by_object!(
        entry.kind,
        Document => service.at(key::<Document<Data>>(object)),
        K => service.at(key::<K>(object))
    );
    match (&entry.key, index) {
        (Some(key), _) if entry.kind == Kind::MapItem => object.item::<Map>(key),
        (_, Some(index)) => object.item::<List>(index),
        _ => object,
    }
}

impl Contents {
    /// Writes all of it, beside what the Service has: Documents, Map items, permissions and settings replace
    /// what is there, List items are added at the end. What has expired, and what cannot be made in another
    /// Service, is left out and counted.
    ///
    /// Cost: one request for each line, two for a List, Map or Message Stream that does not exist yet and for
    /// some new Documents and Map items, and at most two for settings.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] before anything is written if its only object has no usable unique name. After
    /// another error, what was written stays.
    pub async fn import(mut self, sync: &SyncClient) -> Result<Imported> {
        let mut imported = Imported {
            unnamed: self.take_unnamed()?,
            unaddressable: self.unaddressable,
            ..Imported::default()
        };
        let [first, last] = self.take_settings();
        first.write(sync).await?;
        let permissions = self.import_permissions(sync);
        let documents = self.import_documents(sync);
        documents
            .run(|(_, kind), done| imported.add(*kind, done))
            .await?;
        for mut object in self.objects {
            if object.has_expired() {
                imported.expired += object.lines().count() as u64;
                continue;
            }
            let sid = object.ensure(sync).await?;
            imported.counts.add(object.place.kind);
            let items = object.import_items(sync, &sid, 0);
            items
                .run(|(_, kind), done| imported.add(*kind, done))
                .await?;
        }
        permissions
            .run(|(_, kind), done| imported.add(*kind, done))
            .await?;
        last.write(sync).await?;
        Ok(imported)
    }

    /// Takes the settings of the Service out of it: those to be written first, and those to be written
    /// when all else is.
    pub fn take_settings(&mut self) -> [Settings; 2] {
        let heading = self.heading.as_mut();
        let settings = heading.and_then(|heading| heading.settings.take());
        settings.unwrap_or_default().split()
    }

    /// Takes the permissions out of it, and writes them: the objects must exist by then. The keys of the
    /// [`Bulk`] are the numbers and kinds of lines, and its results are `false` for permissions for
    /// objects that have expired.
    ///
    /// Cost: one request for each.
    pub fn import_permissions(&mut self, sync: &SyncClient) -> Bulk<(u64, Kind), bool> {
        let lines: Vec<_> = self
            .objects
            .iter_mut()
            .flat_map(|object| {
                let has_expired = object.has_expired();
                let lines = std::mem::take(&mut object.permissions);
                lines.into_iter().map(move |line| (has_expired, line))
            })
            .collect();
        let sync = sync.clone();
        let jobs = lines.into_iter().map(move |(has_expired, line)| {
            let (sync, Line { number, entry }) = (sync.clone(), line);
            let key = (number, entry.kind);
            let job: Job<bool> = Box::new(move |options| {
                let options = options.clone();
                Box::pin(async move {
                    let object = entry.name().unwrap_or_default();
                    if !has_expired {
                        permissions::write(&sync, object, &entry, entry.access, &options).await?;
                    }
                    Ok(!has_expired)
                })
            });
            Ok((key, job))
        });
        Bulk::new(stream::iter(jobs))
    }

    /// Takes the Documents out of it, and writes them. The keys of the [`Bulk`] are the numbers and kinds of
    /// lines, and its results are `false` for Documents that have expired and were not written.
    ///
    /// Cost: one request for each if all exist or all are new, but for two for the first if it is
    /// new; two at each change from one to the other.
    pub fn import_documents(&mut self, sync: &SyncClient) -> Bulk<(u64, Kind), bool> {
        let is_document = |object: &mut Object| object.place.kind == Kind::Document;
        let documents = self.objects.extract_if(.., is_document);
        let lines = documents.filter_map(|object| Some((object.place.name, object.line?)));
        import(sync, lines.collect())
    }
}

impl Object {
    /// Finds the object, or creates it unless it is named by a SID. Returns its SID.
    ///
    /// Cost: one request if it exists, two if not.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](Error::is_not_found) if it is a Document or named by a SID, and does not exist.
    pub async fn ensure(&self, sync: &SyncClient) -> Result<String> {
        if self.place.is_sid() {
            return Ok(stored::object(sync, &self.place).await?.sid);
        }
        // Without a line of the object, its expiry is not known.
        let expires = self.line.as_ref().and_then(|line| line.entry.date_expires);
        let ttl = time_left(expires);
        let target = target(sync, &self.place.name, &self.place.clone().into(), None);
        by_object!(
            self.place.kind,
            Document => Ok(stored::object(sync, &self.place).await?.sid),
            K => {
                let ensured = Ensure::<K>::new(target, Draft::default()).ttl(ttl).await?;
                Ok(ensured.object.sid().to_string())
            }
        )
    }

    /// Takes its items out of it, and writes them into the List or Map with a SID, but for the first ones
    /// that are skipped. The keys of the [`Bulk`] are the numbers and kinds of lines, and its results are `false` for
    /// items that have expired and were not written. List items are added one after the other.
    ///
    /// Cost: one request for each List item; Map items as
    /// [`set_many`](crate::kind::Items::set_many).
    pub fn import_items(
        &mut self,
        sync: &SyncClient,
        sid: &str,
        skip: usize,
    ) -> Bulk<(u64, Kind), bool> {
        let items = std::mem::take(&mut self.items).into_iter().skip(skip);
        import(sync, items.map(|line| (sid.to_owned(), line)).collect())
    }
}

/// The time to live until a date. The shortest possible if the date has just passed: an object that was to
/// expire must not stay.
fn time_left(expires: Option<DateTime<Utc>>) -> Ttl {
    Ttl::until(expires).unwrap_or(Ttl::from_secs(1))
}

/// Writes lines, each into an object with a unique name or SID.
fn import(sync: &SyncClient, lines: Vec<(String, Line)>) -> Bulk<(u64, Kind), bool> {
    let is_ordered = lines
        .first()
        .is_some_and(|(_, line)| line.entry.kind == Kind::ListItem);
    let (sync, upserts) = (sync.clone(), Upserts::default());
    let jobs = stream::iter(lines).map(move |(name, Line { number, entry })| {
        let (sync, upserts, line) = (sync.clone(), upserts.clone(), (number, entry.kind));
        let job: Job<bool> = Box::new(move |options| {
            let Some(ttl) = Ttl::until(entry.date_expires) else {
                return Box::pin(ready(Ok(false)));
            };
            let target = target(&sync, &name, &entry, None);
            let draft = draft(&target, entry.data.as_ref(), ttl);
            match entry.kind {
                Kind::MapItem => done(upserts.job::<MapItem<Data>>(target, draft)(options)),
                Kind::ListItem => run(options, Create::<ListItem<Data>>::new(target, draft)),
                _ if entry.sid.is_some() => {
                    run(options, Update::<Document<Data>>::new(target, draft))
                }
                _ => done(upserts.job::<Document<Data>>(target, draft)(options)),
            }
        });
        Ok((line, job))
    });
    bulk(jobs, is_ordered)
}

fn bulk<K, R>(
    jobs: impl Stream<Item = Result<(K, Job<R>)>> + Send + 'static,
    is_ordered: bool,
) -> Bulk<K, R> {
    if is_ordered {
        Bulk::in_order(jobs)
    } else {
        Bulk::new(jobs)
    }
}

fn run<R: 'static>(options: &JobOptions, call: impl Work<R>) -> BoxFuture<'static, Result<bool>> {
    done(call.with(options).into_future())
}

fn done<R: 'static>(call: BoxFuture<'static, Result<R>>) -> BoxFuture<'static, Result<bool>> {
    call.map_ok(|_| true).boxed()
}
