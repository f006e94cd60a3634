//! The commands of the documentation and of the sessions beside this, whole outputs compared.

use std::fs;

use twilio_sync::Emulator;

use super::session::Session;

macro_rules! sessions {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            Session::new().check($file);
        })*

        const FILES: &[&str] = &[$($file),*];
    };
}

sessions! {
    tour: "docs/cli.md",
    api: "tests/cli/sessions/api.md",
    documents: "tests/cli/sessions/documents.md",
    lists: "tests/cli/sessions/lists.md",
    maps: "tests/cli/sessions/maps.md",
    streams: "tests/cli/sessions/streams.md",
    services: "tests/cli/sessions/services.md",
    permissions: "tests/cli/sessions/permissions.md",
    transfer: "tests/cli/sessions/transfer.md",
    webhooks: "tests/cli/sessions/webhooks.md",
}

const SETTINGS: &str = "tests/cli/sessions/settings.md";

#[tokio::test]
async fn settings() {
    let emulator = Emulator::builder()
        .auth_token("the token")
        .api_secret("the secret")
        .start()
        .await
        .unwrap();
    let mut session = Session::new();
    for (name, value) in [
        ("URL", emulator.url()),
        ("ACCOUNT", emulator.account_sid().as_str()),
        ("KEY", emulator.api_key().as_str()),
        ("SECRET", emulator.api_secret()),
    ] {
        session.export(name, value);
    }
    tokio::task::spawn_blocking(move || session.check(SETTINGS))
        .await
        .unwrap();
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines
        .take_while(|line| line.starts_with("  "))
        // A line that goes on with a description is further in.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn collect(session: &Session, command: &str, leaves: &mut Vec<String>) {
    // The operations have tests of their own.
    let help = session
        .pipe(&format!("twilio-sync {command} --help"))
        .output;
    let subcommands = if command == "api" {
        Vec::new()
    } else {
        listed(&help)
    };
    if subcommands.is_empty() {
        leaves.push(command.to_owned());
    }
    for subcommand in subcommands {
        collect(session, format!("{command} {subcommand}").trim(), leaves);
    }
}

#[test]
fn every_command_is_in_a_session() {
    let mut leaves = Vec::new();
    collect(&Session::new(), "", &mut leaves);
    assert!(leaves.len() > 40, "{leaves:?}");
    let root = env!("CARGO_MANIFEST_DIR");
    let files = FILES.iter().chain([&SETTINGS]);
    let texts = files.map(|file| fs::read_to_string(format!("{root}/{file}")).unwrap());
    let commands: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.starts_with("$ "))
        .collect();
    let is_run = |leaf: &String| {
        let call = format!("twilio-sync {leaf}");
        commands.iter().any(|line| line.contains(&call))
    };
    let missing: Vec<_> = leaves.iter().filter(|leaf| !is_run(leaf)).collect();
    assert!(missing.is_empty(), "in no session: {missing:?}");
}
