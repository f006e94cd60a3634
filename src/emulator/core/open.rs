//! The contents that an emulator starts with: those of the data file, or of a new account.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::AccountSettings;
use super::error::EmulatorError;
use crate::emulator::store::{Change, Kind, Millis, Random, Sid, State};
use crate::emulator::subscribers::data_file::{self, Account, DataFile, Unusable};

/// The contents of a core.
pub(crate) struct Contents {
    pub(super) account: Account,
    pub(super) default_service: Sid,
    pub(super) state: State,
    pub(super) data_file: Option<Arc<DataFile>>,
}

/// A data file, and the thread that writes it.
pub(crate) struct OpenDataFile {
    file: Arc<DataFile>,
    writer: thread::JoinHandle<()>,
}

impl OpenDataFile {
    /// Closes the file once the writes so far are in it.
    pub(crate) async fn close(self) {
        self.file.close();
        let writer = self.writer;
        if tokio::task::spawn_blocking(|| writer.join()).await.is_err() {
            tracing::warn!("the data file of the emulator was not closed");
        }
    }
}

/// The contents of the data file, completed by what was set; without a file, those of a new account.
///
/// It blocks where there is a data file.
pub(crate) fn open(
    settings: &AccountSettings,
    data_file: Option<&Path>,
    now: Millis,
    random: &Random,
) -> Result<(Contents, Option<OpenDataFile>), EmulatorError> {
    let Some(path) = data_file else {
        let account = settings.account(None, random)?;
        let mut state = State::default();
        let default_service = default_service(&account)?;
        state.add_default_service(default_service, now);
        let contents = Contents {
            account,
            default_service,
            state,
            data_file: None,
        };
        return Ok((contents, None));
    };
    let unusable = |error: Unusable| match error {
        Unusable::InUse => EmulatorError::DataFileInUse {
            path: path.to_owned(),
        },
        error => EmulatorError::DataFile {
            path: path.to_owned(),
            source: error.into(),
        },
    };
    let mut opened = data_file::open(path, now).map_err(unusable)?;
    let stored = opened.account.take();
    let stored_service = stored.as_ref().map(|stored| stored.service_sid.clone());
    let account = settings.account(stored, random)?;
    let mut default_service = default_service(&account)?;
    let mut state = std::mem::take(&mut opened.state);
    let mut change = Change::Updated;
    match stored_service {
        None => {
            state.add_default_service(default_service, now);
            change = Change::Created;
        }
        // A seed may have changed its SID since that was stored.
        Some(stored) if stored == account.service_sid => {
            default_service = state.default_service().unwrap_or(default_service);
        }
        Some(_) => state
            .rename_default_service(default_service)
            .map_err(|_| unusable(Unusable::ServiceTaken(default_service)))?,
    }
    let event = state.default_service_event(change);
    let (file, writer) = opened.begin(&account, event.as_ref()).map_err(unusable)?;
    let file = Arc::new(file);
    let contents = Contents {
        account,
        default_service,
        state,
        data_file: Some(Arc::clone(&file)),
    };
    Ok((contents, Some(OpenDataFile { file, writer })))
}

fn default_service(account: &Account) -> Result<Sid, EmulatorError> {
    let given = &account.service_sid;
    Sid::parse(Kind::Service, given).ok_or_else(|| EmulatorError::InvalidSid {
        what: "service SID",
        prefix: "IS",
        given: given.clone(),
    })
}
