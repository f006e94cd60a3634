//! `twilio-sync webhook`

use clap::Subcommand;
use serde_json::{Map, Value, json};
use twilio_sync::value::ApiKeySid;
use twilio_sync::webhooks::{Validator, Webhook};

use crate::io::failure::{Exit, Failure, Result};
use crate::io::input::Text;
use crate::io::output::{print, visible};
use crate::shell::environment;
use crate::shell::session::{Options, Run, Session, start_local};
use crate::shell::settings::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the signature of a webhook, and print its parameters; exit code 5 if it is not Twilio's
    ///
    /// The key is the account's auth token, also where calls are made with an API key: TWILIO_AUTH_TOKEN.
    Verify {
        /// The address it was posted to, query and all
        #[arg(long, value_name = "URL")]
        url: String,
        /// Its header X-Twilio-Signature
        #[arg(long, value_name = "SIGNATURE")]
        signature: String,
        /// Its body, @FILE, or - for standard input
        body: Option<String>,
    },
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        let Self::Verify {
            url,
            signature,
            body,
        } = self;
        let out = &session.out;
        let validator = Validator::new(auth_token(&session.options).await?);
        let text = Text::new(body, "body").read().await?;
        let is_signed = |body: &&str| validator.is_valid_body(&url, body.as_bytes(), &signature);
        // A file that was written with an editor ends with a line break, which no form does.
        let body = text.trim_end_matches(['\r', '\n']);
        if let Some(body) = [&*text, body].into_iter().find(is_signed) {
            return if out.is_quiet() {
                Ok(())
            } else {
                print(visible(body))
            };
        }
        let form: Vec<_> = url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        if !validator.is_valid(&url, &form, &signature) {
            return Err(Failure::new(
                Exit::Unauthorised,
                "the signature is not that of this body, posted to this address, by this auth token",
            )
            .hint(
                "the address is the one that Twilio called, scheme, port and query included; behind a \
                 proxy that is the proxy's",
            ));
        }
        let webhook = Webhook::from_parameters(form)
            .map_err(|error| Failure::new(Exit::Failure, format!("it is signed, but {error}")))?;
        let mut parameters = Map::new();
        for (name, value) in webhook.parameters() {
            let value = Value::from(value.as_str());
            match parameters.get_mut(name) {
                None => {
                    parameters.insert(name.clone(), value);
                }
                // A parameter that is there more than once.
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = json!([first.take(), value]),
            }
        }
        out.written(&parameters)
    }
}

/// The auth token, wherever it is set.
async fn auth_token(options: &Options) -> Result<String> {
    let connection = &options.connection;
    if connection.is_local() {
        let emulator = start_local().await?;
        let token = emulator.auth_token().to_owned();
        emulator.stop().await;
        return Ok(token);
    }
    let settings = Settings::read(connection)?;
    settings.announce(options.printing.quiet);
    // Where the older ACCOUNT_SID has an API key, AUTH_TOKEN is that one's secret.
    let is_secret = settings
        .get(environment::older::ACCOUNT_SID)
        .is_some_and(|sid| sid.starts_with(ApiKeySid::PREFIX));
    let older = || {
        (!is_secret)
            .then(|| settings.get(environment::older::AUTH_TOKEN))
            .flatten()
    };
    let token = settings.get(environment::AUTH_TOKEN).or_else(older);
    token.ok_or_else(|| {
        Failure::usage("there is no auth token, which webhooks are signed with")
            .hint("set TWILIO_AUTH_TOKEN; it is wanted beside an API key too")
    })
}
