//! Twilio's SDKs of other languages, in the versions of `tests/sdk`'s lock files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::sample::Sample;
use crate::work::{Contender, Job};
use crate::worker;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python() -> PathBuf {
    folder().join("tests/sdk/.venv/bin/python")
}

/// Why a contender cannot be measured here.
pub(crate) fn missing(contender: Contender) -> Option<String> {
    let install = "run tests/sdk/run, which installs it";
    match contender {
        Contender::Node | Contender::NodeList => {
            if !folder().join("tests/sdk/node/node_modules/twilio").exists() {
                return Some(format!("Twilio's Node SDK is not there; {install}"));
            }
            let node = Command::new("node").arg("--version").output();
            node.is_err().then(|| "there is no node".to_owned())
        }
        Contender::Python if !python().exists() => {
            Some(format!("Twilio's Python SDK is not there; {install}"))
        }
        _ => None,
    }
}

/// Takes a measurement in a process of the language's own, or of this program.
pub(crate) fn start(job: &Job) -> Result<Sample, Failure> {
    let scripts = folder().join("benches/compare");
    let mut command = match job.contender {
        Contender::Node | Contender::NodeList => {
            let mut node = Command::new("node");
            node.arg(scripts.join("sdk.mjs"));
            node
        }
        Contender::Python => {
            let mut python = Command::new(python());
            python.arg(scripts.join("sdk.py"));
            python
        }
        _ => return worker::start(job),
    };
    command.arg(serde_json::to_string(job)?);
    worker::run_command(command)
}
