//! `twilio-sync token`

use std::time::Duration;

use clap::Args;

use crate::io::failure::Result;
use crate::io::input::{span, with_options};
use crate::shell::session::{Run, Session};

/// Make an access token for client software, signed by the API key
///
/// No request is made. Whoever has the token acts as the identity until it expires.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Whom the token is for
    identity: String,
    /// For how long it is valid: at most 24h
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "1h")]
    ttl: Duration,
    /// The application's own name of the device or browser session
    #[arg(long, value_name = "ID")]
    endpoint_id: Option<String>,
}

impl Run for Arguments {
    async fn run(self, session: &Session) -> Result<()> {
        let sync = session.sync().await?;
        let token = sync.access_token(self.identity).lifetime(self.ttl);
        let token = with_options!(token, endpoint_id: self.endpoint_id).sign()?;
        session.out.value("token", token.as_str())
    }
}
