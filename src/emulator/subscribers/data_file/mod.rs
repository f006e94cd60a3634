//! The data file: an embedded database that outlives the process.
//!
//! The state itself stays in memory. The events of each write are queued under the lock of the
//! store, and so in the order of the writes; a thread makes the changes of all that are queued by
//! then in one transaction. The response to a write follows when its transaction is on disk, so
//! however the process ends, the file has all acknowledged writes.

mod records;

use std::fs::{File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use redb::{
    Database, DatabaseError, ReadableTable, StorageError, TableDefinition, TableHandle,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::records::Records;
use super::Subscriber;
use crate::emulator::store::{
    Actor, Cause, Damage, Event, Millis, ServiceError, ServiceState, Sid, State,
};

/// The version of the records: 2 has creators, and counts the writes of a TTL alone of Documents; 3 has
/// contexts of Lists, and removals of items. Files of versions 1 and 2 are read as they are.
const FORMAT: u32 = 3;

/// The format and the account of the file.
const ABOUT: TableDefinition<&str, &[u8]> = TableDefinition::new("twilio-sync emulator");
const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const FORMAT_KEY: &str = "format";
const ACCOUNT_KEY: &str = "account";

/// The size of the cache of the database, in bytes: small, as all is in memory anyway.
const CACHE: usize = 16 * 1024 * 1024;

/// The account of a data file: stored in it, so that the next start has the same.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "that is what Twilio calls them")]
pub(in crate::emulator) struct Account {
    pub(in crate::emulator) account_sid: String,
    pub(in crate::emulator) auth_token: String,
    pub(in crate::emulator) api_key: String,
    pub(in crate::emulator) api_secret: String,
    pub(in crate::emulator) service_sid: String,
}

/// The advice for a damaged file.
const RESTORE: &str = "restore a copy of it, or move it away to begin with an empty one";

/// A data file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::emulator) enum Unusable {
    #[error("another process has it open")]
    InUse,
    #[error(
        "it has format {found}, and this version knows up to {FORMAT}: \
         use the newer version that wrote it, or another file"
    )]
    Newer { found: u32 },
    #[error("it is no data file of this emulator: choose another file")]
    Foreign,
    #[error("it has another service {0} already: set another SID for the default service")]
    ServiceTaken(Sid),
    #[error("it is damaged, {0}: {RESTORE}")]
    Damaged(#[from] Damage),
    #[error("it is damaged: {RESTORE}")]
    Broken,
    #[error(transparent)]
    Database(Box<redb::Error>),
    #[error(transparent)]
    File(#[from] io::Error),
}

impl Unusable {
    fn new(error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Corrupted(_) => Self::Broken,
            // The database reads where there is nothing.
            redb::Error::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
                ) =>
            {
                Self::Broken
            }
            error => Self::Database(Box::new(error)),
        }
    }
}

/// An open file and its contents.
pub(in crate::emulator) struct Opened {
    database: Database,
    /// None in a new file.
    pub(in crate::emulator) account: Option<Account>,
    pub(in crate::emulator) state: State,
}

/// Opens a data file, or creates one. It blocks.
pub(in crate::emulator) fn open(path: &Path, now: Millis) -> Result<Opened, Unusable> {
    let file = open_file(path)?;
    // The database panics on some damage.
    catch_unwind(AssertUnwindSafe(|| open_database(file, now))).unwrap_or(Err(Unusable::Broken))
}

/// Opens the database of a file, and checks and reads all of it.
fn open_database(file: File, now: Millis) -> Result<Opened, Unusable> {
    let mut database = Database::builder()
        .create_with_file_format_v3(true)
        .set_cache_size(CACHE)
        .create_file(file)
        .map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => Unusable::InUse,
            DatabaseError::Storage(StorageError::Io(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                Unusable::Foreign
            }
            error => Unusable::new(error),
        })?;
    // After a crash it is repaired by now, so that what differs from its checksums is damage.
    match database.check_integrity() {
        Ok(true) => {}
        Ok(false) => return Err(Unusable::Broken),
        Err(error) => return Err(Unusable::new(error)),
    }
    // Opening the tables creates those of a new file.
    let transaction = database.begin_write().map_err(Unusable::new)?;
    if has_unknown_tables(&transaction)? {
        return Err(Unusable::Foreign);
    }
    let account = read_account(&transaction)?;
    let state = records(&transaction)?.read(now)?;
    transaction.commit().map_err(Unusable::new)?;
    Ok(Opened {
        database,
        account,
        state,
    })
}

/// Opens the file. It contains secrets, if only the emulator's: a new one, or one that is empty, is
/// for its owner alone.
fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if file.metadata()?.len() == 0 {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}

/// Returns true if a database has tables that no data file has.
fn has_unknown_tables(transaction: &WriteTransaction) -> Result<bool, Unusable> {
    let known = [ABOUT.name(), RECORDS.name()];
    let mut tables = transaction.list_tables().map_err(Unusable::new)?;
    Ok(tables.any(|table| !known.contains(&table.name())))
}

/// The account of the file; none for a new one.
fn read_account(transaction: &WriteTransaction) -> Result<Option<Account>, Unusable> {
    let table = transaction.open_table(ABOUT).map_err(Unusable::new)?;
    let text = |key| -> Result<Option<Vec<u8>>, Unusable> {
        let value = table.get(key).map_err(Unusable::new)?;
        Ok(value.map(|value| value.value().to_vec()))
    };
    let Some(format) = text(FORMAT_KEY)? else {
        return Ok(None);
    };
    let found = serde_json::from_slice(&format).map_err(|_| Unusable::Foreign)?;
    if found > FORMAT {
        return Err(Unusable::Newer { found });
    }
    let account = text(ACCOUNT_KEY)?.ok_or(Unusable::Foreign)?;
    serde_json::from_slice(&account)
        .map(Some)
        .map_err(|_| Unusable::Foreign)
}

fn records(transaction: &WriteTransaction) -> Result<Records<'_>, Unusable> {
    let table = transaction.open_table(RECORDS).map_err(Unusable::new)?;
    Ok(Records(table))
}

impl Opened {
    /// Writes the account and the change of `event`, and takes events from now on.
    ///
    /// The handle is that of the thread that writes, which ends when the data file is closed or
    /// dropped.
    pub(in crate::emulator) fn begin(
        self,
        account: &Account,
        event: Option<&Event>,
    ) -> Result<(DataFile, JoinHandle<()>), Unusable> {
        let transaction = self.database.begin_write().map_err(Unusable::new)?;
        write_account(&transaction, account)?;
        if let Some(event) = event {
            records(&transaction)?.apply(event)?;
        }
        transaction.commit().map_err(Unusable::new)?;

        let (orders, received) = channel();
        let (progress, watched) = watch::channel(Progress::default());
        let database = self.database;
        let thread = thread::Builder::new()
            .name("twilio-sync data file".to_owned())
            .spawn(move || write_queued(&database, &received, &progress))?;
        let file = DataFile {
            orders,
            queued: AtomicU64::new(0),
            progress: watched,
        };
        Ok((file, thread))
    }
}

enum Order {
    Write(Vec<Arc<Event>>),
    Close,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of writes that are on disk.
    stored: u64,
    failed: bool,
}

/// A data file in use.
pub(in crate::emulator) struct DataFile {
    orders: Sender<Order>,
    /// The number of writes that were queued.
    queued: AtomicU64,
    progress: watch::Receiver<Progress>,
}

impl DataFile {
    /// The number of writes that were queued so far.
    pub(in crate::emulator) fn queued(&self) -> u64 {
        self.queued.load(Ordering::Acquire)
    }

    /// Waits until the first `queued` writes are on disk.
    pub(in crate::emulator) async fn stored(&self, queued: u64) -> Result<(), ServiceError> {
        let mut progress = self.progress.clone();
        let progress = progress
            .wait_for(|progress| progress.failed || progress.stored >= queued)
            .await
            .map_err(|_| ServiceError::NotStored)?;
        if progress.stored >= queued {
            Ok(())
        } else {
            Err(ServiceError::NotStored)
        }
    }

    /// Makes the thread write all that is queued, close the file and end.
    pub(in crate::emulator) fn close(&self) {
        // If the thread has ended, the file is closed.
        let _ = self.orders.send(Order::Close);
    }
}

impl Subscriber for DataFile {
    fn wants(&self, _: &ServiceState, _: &Actor, _: Cause) -> bool {
        true
    }

    fn receive(&self, events: &[Arc<Event>]) {
        // The thread ends before the data file only when the emulator stops.
        if self.orders.send(Order::Write(events.to_vec())).is_ok() {
            self.queued.fetch_add(1, Ordering::Release);
        }
    }
}

/// Writes until it has to close the file, or cannot write.
fn write_queued(database: &Database, orders: &Receiver<Order>, progress: &watch::Sender<Progress>) {
    while let Some(batch) = Batch::receive(orders) {
        if batch.writes > 0 {
            // After a error the state of the file is unknown to this process:
            // it takes no more writes, and none is acknowledged.
            if let Err(error) = write_batch(database, &batch.events) {
                tracing::error!(%error, "the data file of the emulator cannot be written");
                progress.send_modify(|progress| progress.failed = true);
                return;
            }
            progress.send_modify(|progress| progress.stored += batch.writes);
        }
        if batch.last {
            return;
        }
    }
}

/// The writes of one transaction.
struct Batch {
    events: Vec<Arc<Event>>,
    writes: u64,
    last: bool,
}

impl Batch {
    /// Waits for an order, and takes all orders that are queued by then.
    fn receive(orders: &Receiver<Order>) -> Option<Self> {
        let mut batch = Self {
            events: Vec::new(),
            writes: 0,
            last: false,
        };
        let mut next = Some(orders.recv().ok()?);
        while let Some(order) = next {
            match order {
                Order::Write(events) => {
                    batch.events.extend(events);
                    batch.writes += 1;
                    next = orders.try_recv().ok();
                }
                Order::Close => {
                    batch.last = true;
                    next = None;
                }
            }
        }
        Some(batch)
    }
}

fn write_batch(database: &Database, events: &[Arc<Event>]) -> Result<(), Unusable> {
    let transaction = database.begin_write().map_err(Unusable::new)?;
    let mut records = records(&transaction)?;
    for event in events {
        records.apply(event)?;
    }
    // The table must be closed before its transaction is committed.
    drop(records);
    transaction.commit().map_err(Unusable::new)?;
    Ok(())
}

fn write_account(transaction: &WriteTransaction, account: &Account) -> Result<(), Unusable> {
    let mut table = transaction.open_table(ABOUT).map_err(Unusable::new)?;
    // Neither can fail to serialise.
    let json = serde_json::to_vec(account).unwrap_or_default();
    table
        .insert(ACCOUNT_KEY, json.as_slice())
        .map_err(Unusable::new)?;
    table
        .insert(FORMAT_KEY, FORMAT.to_string().as_bytes())
        .map_err(Unusable::new)?;
    Ok(())
}
