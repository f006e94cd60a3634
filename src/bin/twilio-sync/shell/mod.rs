//! What a command runs in: the session, its settings, where they come from (environment, profiles), and the person who is asked.

pub(crate) mod environment;
pub(crate) mod profiles;
pub(crate) mod prompts;
pub(crate) mod session;
pub(crate) mod settings;
