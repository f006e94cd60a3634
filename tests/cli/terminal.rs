//! What a person at a terminal sees, and a pipe does not.

use std::time::SystemTime;

use axum::http::StatusCode;

use super::service::against;
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
fn data_is_shown_as_it_is_stored() {
    let session = local();
    let wide = r#"{"n":184467440737095516170,"z":0.1000000000000000055,"a":1,"a":2}"#;
    session.pipe(&format!(
        "twilio-sync doc set a '{{}}' -q; twilio-sync doc set x '{wide}' -q; \
         twilio-sync map create m -q; \
         twilio-sync map set m x '{wide}' -q"
    ));
    for command in ["doc ls", "map items m"] {
        let seen = session.terminal(&format!("stty cols 300; twilio-sync {command}"), "");
        assert_eq!(seen.code, 0, "{}", seen.output);
        assert!(seen.output.contains(wide), "{}", seen.output);
    }
    for command in ["doc get x", "map get m x", "api FetchDocument Sid=x"] {
        let seen = session.terminal(&format!("twilio-sync {command}"), "");
        assert_eq!(seen.code, 0, "{}", seen.output);
        let text: String = seen.output.split_whitespace().collect();
        assert!(text.contains(wide), "{}", seen.output);
    }
}

/// Data that no Rust type can hold is shown too.
#[tokio::test]
async fn data_of_any_number_and_depth_is_shown() {
    let record = |name: &str, data: &str| {
        format!(
            r#"{{"sid": "ET0123456789abcdef0123456789abcdef", "unique_name": "{name}",
                "account_sid": "AC0123456789abcdef0123456789abcdef",
                "service_sid": "IS0123456789abcdef0123456789abcdef", "revision": "0",
                "date_created": "2026-01-02T03:04:05Z", "date_updated": "2026-01-02T03:04:05Z",
                "date_expires": null, "created_by": "system", "url": "https://x.example",
                "links": {{}}, "data": {data}}}"#
        )
    };
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let records = [
        record("a", "{}"),
        record("b", "{\"n\":1e400}"),
        record("c", &deep),
        record("d", "{\"after\":1}"),
    ];
    let page = format!(
        r#"{{"documents": [{}], "meta": {{"key": "documents", "page": 0, "page_size": 100,
            "url": "https://x.example", "first_page_url": "https://x.example",
            "next_page_url": null, "previous_page_url": null}}}}"#,
        records.join(",")
    );
    let response = (StatusCode::OK, SystemTime::now(), page);
    let seen = against(response, |session: &Session| {
        session.terminal("stty cols 600; twilio-sync doc ls", "")
    })
    .await;
    assert_eq!(seen.code, 0, "{}", seen.output);
    for data in ["{}", "{\"n\":1e400}", &deep, "{\"after\":1}"] {
        assert!(seen.output.contains(data), "{data}: {}", seen.output);
    }
    let response = (StatusCode::OK, SystemTime::now(), record("c", &deep));
    let seen = against(response, |session: &Session| {
        session.terminal("twilio-sync doc get c", "")
    })
    .await;
    let text: String = seen.output.split_whitespace().collect();
    assert!(text.contains(&deep), "{}", seen.output);
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
