//! The errors of an emulator itself, as opposed to the error responses that it sends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An emulator that cannot be started or controlled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// Another program has the port.
    #[error(
        "{address} is in use: stop what listens there, or choose another port (0 takes a free one)"
    )]
    PortInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose an address of this machine and a port you may use")]
    Unavailable {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A SID that was set has another form.
    #[error(
        "{given:?} is no {what}: give {prefix} and 32 lower-case hex digits, or none to have one chosen"
    )]
    InvalidSid {
        /// The kind of the SID.
        what: &'static str,
        /// The prefix of that kind.
        prefix: &'static str,
        /// The text that was set.
        given: String,
    },
    /// A secret that was set is empty.
    #[error("the {what} is empty: set another one, or none to have one chosen")]
    EmptySecret {
        /// The use of the secret.
        what: &'static str,
    },
    /// The operating system has no random bytes for secrets.
    #[error(
        "the system gives no random bytes for the secrets: set an auth token and an API secret"
    )]
    NoRandomness(#[source] io::Error),
    /// The runtime shut down while the emulator started.
    #[error("the runtime ended while the emulator started")]
    Interrupted(#[source] io::Error),
    /// Another process has the data file open.
    #[error(
        "another process has the data file {} open: stop that one, or choose another file",
        path.display()
    )]
    DataFileInUse {
        /// The file.
        path: PathBuf,
    },
    /// The data file cannot be used.
    #[error("the data file {} cannot be used", path.display())]
    DataFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The seed is invalid; the text says where.
    #[error("the seed cannot be used: {0}")]
    InvalidSeed(String),
    /// There is no Service of that name.
    #[error("there is no service {0:?}: give its SID, or \"default\"")]
    UnknownService(String),
}
