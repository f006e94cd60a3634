//! Secrets are shown nowhere.

use twilio_sync::Emulator;

use super::session::Session;

/// Such as nothing else prints.
const TOKEN: &str = "5ecre7-auth-token";
const SECRET: &str = "5ecre7-api-secret";

/// What the emulator prints until it can be reached.
fn emulator_with(option: &str) -> String {
    format!(
        "twilio-sync emulator --port 0 {option} > printed 2>&1 & \
         until grep -q IS printed; do sleep 0.05; done; kill $!; wait $!; cat printed"
    )
}

#[tokio::test]
async fn no_output_has_a_secret() {
    let emulator = Emulator::builder()
        .auth_token(TOKEN)
        .api_secret(SECRET)
        .start()
        .await
        .unwrap();
    let mut session = Session::new();
    for (name, value) in [
        ("TWILIO_ACCOUNT_SID", emulator.account_sid().as_str()),
        ("TWILIO_AUTH_TOKEN", TOKEN),
        ("TWILIO_API_KEY", emulator.api_key().as_str()),
        ("TWILIO_API_SECRET", SECRET),
        ("TWILIO_SYNC_BASE_URL", emulator.url()),
        ("RUST_LOG", "trace"),
    ] {
        session.export(name, value);
    }
    let wrong = format!("TWILIO_API_SECRET={SECRET}-of-another");
    tokio::task::spawn_blocking(move || {
        for command in [
            "twilio-sync doc set desk-7 '{}'",
            "twilio-sync doc get desk-7",
            "twilio-sync doc get nothing",
            "twilio-sync token alice",
            "twilio-sync doctor",
            "twilio-sync doctor --json",
            "twilio-sync webhook verify --url https://example.com --signature x y=z",
            "twilio-sync --base-url http://127.0.0.1:9 doctor",
            "twilio-sync --base-url http://user:5ecre7-in-url@127.0.0.1:9 doctor",
            "twilio-sync --help",
            "twilio-sync emulator --help",
            "twilio-sync completions bash",
            "twilio-sync man",
            &emulator_with("--json"),
            &emulator_with(""),
            &emulator_with("--local"),
            "twilio-sync --verbose doc ls",
            &format!("{wrong} twilio-sync doc ls"),
            &format!("{wrong} twilio-sync doctor"),
            "echo \"$TWILIO_API_SECRET\" | twilio-sync login --account-sid $TWILIO_ACCOUNT_SID --api-key $TWILIO_API_KEY --base-url $TWILIO_SYNC_BASE_URL",
            "echo 5ecre7-wrong | twilio-sync login --yes --account-sid $TWILIO_ACCOUNT_SID --api-key $TWILIO_API_KEY --base-url $TWILIO_SYNC_BASE_URL",
            "twilio-sync profile ls",
            "echo 'api_secret = 5ecre7' >> .config/twilio-sync/profiles.toml; twilio-sync --profile default doc ls",
            "echo 'TWILIO_API_SECRET=\"5ecre7' > .env; twilio-sync doc ls",
        ] {
            for outcome in [session.pipe(command), session.terminal(command, "")] {
                assert!(!outcome.output.contains("5ecre7"), "{command}: {}", outcome.output);
                assert!(!outcome.output.is_empty() || outcome.code == 0, "{command}");
            }
        }
    })
    .await
    .unwrap();
}

/// The arguments of a process can be seen by everybody on the machine.
#[test]
fn no_option_takes_a_secret() {
    let session = Session::new();
    for command in ["", "login", "emulator", "webhook verify", "token"] {
        let help = session
            .pipe(&format!("twilio-sync {command} --help"))
            .output;
        for option in ["--auth-token", "--api-secret", "--secret", "--password"] {
            assert!(!help.contains(option), "{command} {option}");
        }
    }
}
