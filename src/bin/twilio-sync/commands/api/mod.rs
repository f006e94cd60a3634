//! `twilio-sync api`: any operation of the API, by its name in the description.
//!
//! `command` shows the operations to clap, `parameters` checks values, `request` makes a call of the
//! arguments, and `pages` prints a whole list.

mod command;
mod pages;
mod parameters;
mod request;

use clap::Args;
use http::Method;
use serde_json::json;
use twilio_sync::api::Operation;

use crate::io::failure::Result;
use crate::io::output::print;
use crate::shell::session::{Run, Session};

use self::command::Call;
use self::request::Request;

/// The likeness from which a name is offered instead of an unknown one, the same as in clap.
const ALIKE: f64 = 0.7;

/// Call any operation of the API; without one, list all of them
///
/// An operation goes by its name in the API description, as FetchDocument, and its parameters by
/// theirs: api FetchDocument Sid=desk-7. ServiceSid may be left out: it is the Service of the settings.
/// The body of the response is printed as it came, or as a listing on a terminal.
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "OPERATION",
    subcommand_help_heading = "Operations"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    call: Option<Call>,
}

impl Run for Arguments {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let Some(call) = self.call else {
            return list(out.is_json());
        };
        let operation = call.operation?;
        let request = Request::read(operation, call.arguments).await?;
        if operation.method() == Method::DELETE {
            session.confirm(&format!("Call {request}")).await?;
        }
        let sync = session.sync().await?;
        if call.is_all {
            return pages::print_all(sync, request).await;
        }
        if let Some(body) = request.call(sync).await? {
            return out.record(&body);
        }
        out.done("Done; the response is empty.");
        Ok(())
    }
}

/// Prints what there is, for people unless it is to be JSON.
fn list(is_json: bool) -> Result<()> {
    if is_json {
        return Operation::all().try_for_each(|operation| {
            print(json!({
                "operation": operation.name(),
                "resource": operation.resource(),
                "summary": operation.summary(),
                "method": operation.method().as_str(),
                "path": operation.path(),
            }))
        });
    }
    let width = Operation::all().map(|operation| operation.name().len());
    let width = width.max().unwrap_or_default();
    let operations: Vec<_> = Operation::all().collect();
    let resources = operations.chunk_by(|one, next| one.resource() == next.resource());
    let resources = resources.map(|operations| {
        let lines = operations
            .iter()
            .map(|operation| format!("  {:width$}  {}\n", operation.name(), operation.summary()));
        let resource = operations
            .first()
            .map_or("", |operation| operation.resource());
        format!("{resource}\n{}", lines.collect::<String>())
    });
    let hint = "`twilio-sync api OPERATION --help` explains an operation and its parameters.";
    print(format_args!(
        "{}\n{hint}",
        resources.collect::<Vec<_>>().join("\n")
    ))
}

/// The name that is most like one that there is not.
fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.to_lowercase();
    let names = names.map(|other| (strsim::jaro(&other.to_lowercase(), &name), other));
    let nearest = names.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.and_then(|(alike, other)| (alike > ALIKE).then_some(other))
}
