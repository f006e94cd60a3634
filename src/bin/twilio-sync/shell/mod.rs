//! What a command runs in: the session, its settings and profiles, and the person who is asked.

pub(crate) mod profiles;
pub(crate) mod prompts;
pub(crate) mod session;
pub(crate) mod settings;
