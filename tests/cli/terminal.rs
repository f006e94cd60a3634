//! What a person at a terminal sees, and a pipe does not.

use super::session::Session;

fn local() -> Session {
    let mut session = Session::new();
    session.export("TWILIO_SYNC_LOCAL", "1");
    session
}

#[test]
fn a_terminal_gets_a_table_in_colour_and_a_pipe_json() {
    let session = local();
    assert_eq!(
        session
            .pipe("twilio-sync doc set desk-7 '{}' --quiet")
            .output,
        ""
    );
    let table = session.terminal("twilio-sync doc ls", "").output;
    assert!(
        table.contains("UNIQUE NAME") && table.contains("\u{1b}["),
        "{table:?}"
    );
    let json = session.pipe("twilio-sync doc ls").output;
    assert!(
        json.starts_with('{') && !json.contains("UNIQUE NAME") && !json.contains('\u{1b}'),
        "{json:?}"
    );

    let mut session = session;
    session.export("NO_COLOR", "1");
    let table = session
        .terminal("twilio-sync doc ls; twilio-sync doc get x", "")
        .output;
    assert!(
        table.contains("UNIQUE NAME") && table.contains("error:"),
        "{table:?}"
    );
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

#[test]
fn removal_asks_on_a_terminal() {
    let session = local();
    session.pipe("twilio-sync doc set desk-7 '{}' --quiet");
    let declined = session.terminal("twilio-sync doc rm desk-7", "n\n");
    assert!(
        declined
            .output
            .contains("Remove the Document \"desk-7\"? [y/N]"),
        "{}",
        declined.output
    );
    assert_eq!(declined.code, 1);
    assert_eq!(session.pipe("twilio-sync doc get desk-7").code, 0);
    let confirmed = session.terminal("twilio-sync doc rm desk-7", "y\n");
    assert_eq!(confirmed.code, 0, "{}", confirmed.output);
    assert_eq!(session.pipe("twilio-sync doc get desk-7").code, 3);
}

#[test]
fn login_does_not_show_the_secret() {
    let session = Session::new();
    let answers =
        "AC0123456789abcdef0123456789abcdef\nSK0123456789abcdef0123456789abcdef\nhush-hush\n\n";
    let login = session.terminal("twilio-sync login --offline", answers);
    assert_eq!(login.code, 0, "{}", login.output);
    assert!(
        login.output.contains("API secret (not shown)"),
        "{}",
        login.output
    );
    let file = std::fs::read_to_string(session.folder().join(".config/twilio-sync/profiles.toml"));
    assert!(file.unwrap().contains("hush-hush"));
}

#[test]
fn progress_is_for_a_terminal() {
    let session = local();
    let lines = (0..300).fold(String::new(), |mut lines, n| {
        use std::fmt::Write as _;
        let _ = writeln!(
            lines,
            r#"{{"kind":"map_item","map":"m","key":"k{n}","data":{{}}}}"#
        );
        lines
    });
    std::fs::write(session.folder().join("m.jsonl"), lines).unwrap();
    for command in [
        "twilio-sync import --file m.jsonl",
        "twilio-sync export --output m2.jsonl --force",
    ] {
        let seen = session.terminal(command, "");
        assert_eq!(seen.code, 0, "{}", seen.output);
        // What is drawn again and again moves the cursor.
        assert!(seen.output.contains("\u{1b}[2K"), "{:?}", seen.output);
        // The rate is in the progress alone.
        assert!(seen.output.contains("/s, "), "{:?}", seen.output);
        for command in [command.to_owned(), format!("{command} --quiet")] {
            let piped = session.pipe(&command);
            assert_eq!(piped.code, 0, "{}", piped.output);
            assert!(
                !piped.output.contains('\u{1b}') && !piped.output.contains('\r'),
                "{:?}",
                piped.output
            );
        }
    }
}

/// The first of two local commands has the data file until it ends; the second must not have it while
/// it waits for what the first writes.
#[test]
fn one_local_command_feeds_another() {
    let session = local();
    session.pipe("twilio-sync doc set a '{\"from\": \"a\"}' --quiet");
    let fed = session.pipe(
        "{ sleep 0.2; twilio-sync doc get a --data; } | twilio-sync doc set b - --quiet; \
         { sleep 0.2; twilio-sync export doc a --quiet; } | twilio-sync import doc c --quiet; \
         twilio-sync doc get b --data; twilio-sync doc get c --data",
    );
    assert_eq!(fed.output, "{\"from\":\"a\"}\n{\"from\":\"a\"}\n");
}
