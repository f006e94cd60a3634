//! `twilio-sync doctor`: what is set, what works, and what to do about what does not.

use std::time::{Duration, SystemTime};

use clap::Args;
use futures_util::stream;
use serde::Serialize;
use twilio_sync::error::ConnectionFailure;
use twilio_sync::{Error, RetryPolicy, Service, SyncClient, SyncClientBuilder};
use url::Url;

use crate::io::failure::{Exit, Failure, Result};
use crate::io::output::{Output, Styled, one_line, print_styled, visible};
use crate::shell::environment;
use crate::shell::session::{Run, Session, connect};
use crate::shell::settings::{Connection, Settings};

/// The allowed difference of the clocks: access tokens that are signed here are dated by the one here.
const TOLERANCE: Duration = Duration::from_secs(60);
/// The time limit of a response.
const PATIENCE: Duration = Duration::from_secs(10);

/// The result of a check.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            ok: true,
            detail: detail.into(),
            hint: None,
            exit: Exit::Failure,
        }
    }

    fn bad(check: &'static str, exit: Exit, detail: impl Into<String>, hint: &str) -> Self {
        Self {
            ok: false,
            exit,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            ..Self::good(check, detail)
        }
    }

    fn of_failure(check: &'static str, failure: &Failure) -> Self {
        let hint = failure.hinted().unwrap_or_default();
        Self::bad(check, failure.exit, failure.message(), hint)
    }
}

/// Check settings, reachability, clock, credentials and Service, and explain what fails
#[derive(Args, Debug)]
pub(crate) struct Arguments {}

impl Run for Arguments {
    async fn run(self, session: &Session) -> Result<()> {
        let connection = &session.options.connection;
        let findings = if connection.is_local() {
            let (builder, emulator) = connect(&session.options).await?;
            let mut findings = vec![Finding::good("settings", "the local emulator")];
            findings.extend(call(&client(builder)?).await);
            if let Some(emulator) = emulator {
                emulator.stop().await;
            }
            findings
        } else {
            examine(connection).await
        };
        show(&session.out, findings).await
    }
}

async fn show(out: &Output, findings: Vec<Finding>) -> Result<()> {
    let failed = findings.iter().find(|finding| !finding.ok);
    let failure = failed.map(|finding| {
        let count = findings.iter().filter(|finding| !finding.ok).count();
        let checks = if count == 1 { "check" } else { "checks" };
        Failure::new(finding.exit, format!("{count} {checks} failed"))
    });
    if out.is_json() {
        out.records(&[], stream::iter(findings.into_iter().map(Ok)))
            .await?;
    } else {
        for finding in findings {
            let text = Styled::default().plain(finding.check).plain(": ");
            let text = if finding.ok {
                text.good("ok")
            } else {
                text.bad("failed")
            };
            let mut text = text.plain(": ").plain(&one_line(&finding.detail));
            if let Some(hint) = finding.hint {
                text = text.plain("\n  hint: ").plain(&one_line(&hint));
            }
            print_styled(&text)?;
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Looks at the settings, and if they can be used, at the service.
async fn examine(connection: &Connection) -> Vec<Finding> {
    let settings = match Settings::read(connection) {
        Ok(settings) => settings,
        Err(failure) => return vec![Finding::of_failure("settings", &failure)],
    };
    let builder = match settings.client_builder() {
        Ok(builder) => builder,
        Err(failure) => return vec![Finding::of_failure("settings", &failure)],
    };
    // Made before they are shown: an address with a password in it is refused.
    let sync = match client(builder) {
        Ok(sync) => sync,
        Err(failure) => return vec![Finding::of_failure("settings", &failure)],
    };
    let mut findings = vec![Finding::good("settings", described(&settings))];
    findings.extend(call(&sync).await);
    findings
}

/// Who calls, and where the settings come from. No secrets.
fn described(settings: &Settings) -> String {
    let found = environment::SHOWN.iter().filter_map(|variable| {
        let (value, source) = settings.find(variable)?;
        let value = if environment::ADDRESSES.contains(variable) {
            without_secrets(&value)
        } else {
            value
        };
        let value = visible(&value);
        Some(if Some(source) == settings.credentials() {
            format!("{variable} {value}")
        } else {
            format!("{variable} {value} from {source}")
        })
    });
    let from = settings
        .credentials()
        .map(|source| format!("credentials from {source}"));
    from.into_iter().chain(found).collect::<Vec<_>>().join("; ")
}

/// An address with `***` for what may be a secret in it: user, password, query and fragment.
fn without_secrets(address: &str) -> String {
    let Some(mut url) = Url::parse(address).ok().filter(Url::has_host) else {
        return "***".to_owned();
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !has_user && url.query().is_none() && url.fragment().is_none() {
        return address.to_owned();
    }
    if has_user {
        // These cannot fail where there is a host.
        let _ = url.set_username("***");
        let _ = url.set_password(None);
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    if url.fragment().is_some() {
        url.set_fragment(Some("***"));
    }
    url.to_string()
}

/// A client that tries once.
fn client(builder: SyncClientBuilder) -> Result<SyncClient> {
    let builder = builder.retry(RetryPolicy::none()).timeout(PATIENCE);
    Ok(builder.build()?)
}

/// Calls the service, and returns the findings about reachability, clock, credentials and Service.
async fn call(sync: &SyncClient) -> Vec<Finding> {
    let result = sync.services().get(sync.service()).response().await;
    let mut findings = vec![reachability(sync.base_url(), result.as_ref().err()).await];
    let date = match &result {
        Ok(response) => response.date(),
        Err(error) => error.call().and_then(|call| call.date),
    };
    if !matches!(result, Err(Error::Connection(_))) {
        findings.push(clock(date.map(SystemTime::from)));
    }
    findings.extend(access(sync, result.map(|response| response.value)));
    findings
}

/// The finding about the connection.
async fn reachability(url: &Url, error: Option<&Error>) -> Finding {
    let check = "reachability";
    let Some(Error::Connection(error)) = error else {
        let url = url.as_str().trim_end_matches('/');
        return Finding::good(check, format!("{url} responds"));
    };
    let hint = match error.kind {
        ConnectionFailure::Connect if !resolves(url).await => {
            "the name cannot be resolved: check the network, the region and the edge"
        }
        ConnectionFailure::Connect => {
            "nothing responds there, or TLS fails: check the address, HTTPS_PROXY and the firewall"
        }
        ConnectionFailure::Timeout => "no response in 10 seconds: check proxies and the firewall",
        _ => "something on the way cuts connections: check proxies",
    };
    Finding::bad(check, Exit::Failure, error.to_string(), hint)
}

/// Looks the host of an address up.
async fn resolves(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    tokio::net::lookup_host((host, port))
        .await
        .is_ok_and(|mut addresses| addresses.next().is_some())
}

/// The finding about the clock here and that of the service.
fn clock(date: Option<SystemTime>) -> Finding {
    let check = "clock";
    let Some(theirs) = date else {
        return Finding::good(check, "the response has no date to compare with");
    };
    let now = SystemTime::now();
    let (apart, relation) = match now.duration_since(theirs) {
        Ok(apart) => (apart, "ahead"),
        Err(error) => (error.duration(), "behind"),
    };
    if apart <= TOLERANCE {
        return Finding::good(check, "the same as the service's, to the minute");
    }
    let apart = humantime::format_duration(Duration::from_secs(apart.as_secs()));
    Finding::bad(
        check,
        Exit::Failure,
        format!("the clock here is {apart} {relation}"),
        "set it, or let NTP: access tokens signed here are refused, or expire early",
    )
}

/// The findings about the credentials and the Service.
fn access(sync: &SyncClient, result: twilio_sync::Result<Service>) -> Vec<Finding> {
    let service = sync.service();
    let accepted = || Finding::good("credentials", "accepted");
    match result {
        Ok(found) => {
            let name = found.friendly_name.as_deref().unwrap_or("without a name");
            let acl = if found.acl_enabled { "on" } else { "off" };
            let text = format!("{} ({}), permissions {acl}", found.sid, visible(name));
            vec![accepted(), Finding::good("service", text)]
        }
        Err(Error::Connection(_)) => Vec::new(),
        Err(error) if error.is_not_found() => vec![
            accepted(),
            Finding::bad(
                "service",
                Exit::NotFound,
                format!("there is no Service {service} in this account"),
                "`twilio-sync service ls` has those there are; TWILIO_SYNC_SERVICE_SID or --service says which",
            ),
        ],
        Err(error) => {
            let failure = Failure::from(error);
            let (check, hint) = match failure.exit {
                Exit::Unauthorised => (
                    "credentials",
                    "check that the secret is that of the API key, and the key one of this account and region",
                ),
                _ => ("service", ""),
            };
            vec![Finding::bad(check, failure.exit, failure.message(), hint)]
        }
    }
}
