//! The shell around a command: its session, its settings and their sources (environment variables,
//! profiles), prompts and signals.

mod env_file;
pub(crate) mod environment;
pub(crate) mod ownership;
pub(crate) mod profiles;
pub(crate) mod prompts;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod signals;
