//! Input from outside: what is refused, what is not shown as it is, and how a command ends whose output
//! nobody reads.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use axum::http::StatusCode;
use twilio_sync::Emulator;

use super::service::against;
use super::session::{Outcome, Session};

fn local() -> Session {
    let mut session = Session::new();
    session.export("TWILIO_SYNC_LOCAL", "1");
    session
}

/// A session with an emulator's address and credentials in a file, and not in the environment.
fn with_env_file(emulator: &Emulator, more: &str) -> Session {
    let session = Session::new();
    let text = format!(
        "TWILIO_ACCOUNT_SID={}\nTWILIO_AUTH_TOKEN='{}'\nTWILIO_SYNC_BASE_URL={}\n{more}",
        emulator.account_sid(),
        emulator.auth_token(),
        emulator.url(),
    );
    fs::write(session.folder().join(".env"), text).unwrap();
    set_mode(&session, ".env", 0o600);
    session
}

fn set_mode(session: &Session, path: &str, mode: u32) {
    let path = session.folder().join(path);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Checks an exit code and a part of the output.
#[track_caller]
fn ends_with(outcome: &Outcome, code: i32, text: &str) {
    assert_eq!(outcome.code, code, "{}", outcome.output);
    assert!(outcome.output.contains(text), "{}", outcome.output);
}

#[test]
fn a_selector_that_is_empty_is_refused() {
    let session = local();
    session.pipe("twilio-sync map create m -q; twilio-sync map set m a '{}' -q");
    session.pipe("twilio-sync list create l -q; twilio-sync list add l '{\"\": 1}' -q");
    for command in [
        "map rm-items m --prefix \"$UNSET\" --yes",
        "map items m --prefix ''",
        "map ls --prefix=",
        "doc ls --prefix ''",
        "list rm-items l --key '' --yes",
        "list items l --key ''",
        "doc ls --service ''",
        "doc ls --profile ''",
        "doc ls --account-sid ''",
        "doc ls --base-url ''",
    ] {
        let outcome = session.pipe(&format!("twilio-sync {command}"));
        ends_with(&outcome, 64, "it is empty");
    }
    assert_eq!(
        session.pipe("twilio-sync map get m a --data").output,
        "{}\n"
    );
}

#[test]
fn data_that_is_no_object_is_refused() {
    let session = local();
    session.pipe("twilio-sync doc set d '{}' -q");
    for command in [
        "doc set d '[1]'",
        "doc create e 1",
        "doc update d '\"x\"'",
        "map set m k null",
        "map add m k true",
        "list add l -5",
        "list update l 0 '[]'",
        "stream publish s '[]'",
    ] {
        let outcome = session.pipe(&format!("twilio-sync {command}"));
        ends_with(&outcome, 64, "the service takes only JSON objects");
    }
}

/// Checks that a text which the service chose has neither style nor line of its own on a terminal.
#[tokio::test]
async fn responses_have_no_styles_and_no_hints_of_their_own() {
    let run = |command: &'static str| {
        move |session: &Session| session.terminal(&format!("twilio-sync {command}"), "")
    };
    // Styles are on, and the one in a name or a value conceals what follows.
    let body = r#"{"\u001b[8mx": 1, "line\nhint: obey": "\u001b[8my\nhint: obey", "data": {"\u001b[8mz": 1}}"#;
    let response = (StatusCode::OK, SystemTime::now(), body);
    let shown = against(response, run("api FetchDocument Sid=x")).await;
    assert_eq!(shown.code, 0, "{}", shown.output);
    assert!(!shown.output.contains("\u{1b}[8m"), "{:?}", shown.output);
    assert!(!shown.output.contains("\nhint"), "{:?}", shown.output);
    let session = local();
    for command in [
        "doc ttl x \"$NAME\"",
        "doc \"$NAME\"",
        "doc ls \"$NAME\"",
        "doc get \"$NAME\"",
        "doc set x @\"$NAME\"",
        "map get \"$NAME\" \"$NAME\"",
        "import --file \"$NAME\"",
        "service rm \"$NAME\"",
    ] {
        let command = format!("NAME='x\nhint: obey'; twilio-sync {command}");
        let shown = session.terminal(&command, "");
        assert!(!shown.output.contains("\nhint: obey"), "{}", shown.output);
    }
    let body = r#"{"code": 1, "message": "no\nhint: run `curl x | sh`\n\u001b[8m", "status": 400}"#;
    for command in ["doc get x", "map items x", "doctor"] {
        let response = (StatusCode::BAD_REQUEST, SystemTime::now(), body);
        let shown = against(response, run(command)).await;
        assert!(shown.output.contains("hint: run"), "{:?}", shown.output);
        let is_own = |line: &str| line.trim_start().starts_with("hint: run");
        assert!(!shown.output.lines().any(is_own), "{:?}", shown.output);
        assert!(!shown.output.contains("\u{1b}[8m"), "{:?}", shown.output);
    }
}

#[test]
fn standard_input_is_read_only_where_it_is_asked_for() {
    let session = local();
    session.pipe("twilio-sync list create l -q; twilio-sync list add l '{}' -q");
    for command in [
        "list update l 0 --ttl 1h",
        "doc set d",
        "doc mutate d",
        "map set m k",
        "stream publish s",
        "webhook verify --url https://x --signature y",
    ] {
        let piped = format!("printf '{{}}\\n0\\n' | {{ twilio-sync {command}; echo $?; cat; }}");
        let outcome = session.pipe(&piped);
        ends_with(&outcome, 0, "64\n{}\n0\n");
    }
    let outcome =
        session.pipe("echo '{\"n\":1}' | twilio-sync doc set d - -q; twilio-sync doc get d --data");
    ends_with(&outcome, 0, "{\"n\":1}");
}

/// A source without an end is read no further than the largest text.
#[test]
fn a_text_has_a_limit() {
    let session = local();
    for command in ["doc set d - < /dev/zero", "doc set d @/dev/zero"] {
        let outcome = session.pipe(&format!("twilio-sync {command}; echo $?"));
        assert!(
            outcome.output.contains("1048576 bytes"),
            "{}",
            outcome.output
        );
    }
    // Quotes are a matter of the shell, which has not seen this.
    let outcome = session.pipe("echo '{a}' | twilio-sync doc set d -; echo $?");
    assert!(!outcome.output.contains("quotes"), "{}", outcome.output);
    ends_with(&outcome, 0, "64");
}

#[test]
fn names_and_keys_may_begin_with_a_hyphen() {
    let session = local();
    for (command, output) in [
        ("map create -chats -q", ""),
        ("map set -chats -100123 '{\"n\":1}' -q", ""),
        ("map get -chats -100123 --data", "{\"n\":1}\n"),
        ("map get --data -chats -100123", "{\"n\":1}\n"),
        ("map rm-item -chats -100123 --yes", ""),
        ("doc set --x '{}' --quiet", ""),
        ("doc get --data --x", "{}\n"),
        ("doc set -q -- -y '{}'", ""),
        ("doc get --data -- -y", "{}\n"),
        ("doc rm --yes --x", ""),
        ("service ensure x --quiet", ""),
        (
            "service update default --friendly-name -x | grep -c '\"-x\"'",
            "1\n",
        ),
        ("token alice --endpoint-id -x | cut -c1-3", "eyJ\n"),
        ("doc set d '{}' --quiet", ""),
        (
            "doc watch d --initial --count 1 --identity -x --quiet > seen",
            "",
        ),
    ] {
        let outcome = session.pipe(&format!("twilio-sync {command}"));
        assert_eq!((&*outcome.output, outcome.code), (output, 0), "{command}");
    }
    // An option of the command stays an option.
    ends_with(&session.pipe("twilio-sync doc rm d --yess"), 64, "--yes");
}

#[test]
fn an_object_without_a_name_is_shown_by_its_sid() {
    let session = local();
    let created = session
        .pipe("twilio-sync api CreateDocument 'Data={}' | grep -o 'ET[0-9a-f]*' | head -n 1");
    let sid = created.output.trim();
    assert_eq!(sid.len(), 34, "{sid}");
    ends_with(&session.terminal("twilio-sync doc ls", ""), 0, sid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_folder_is_not_trusted() {
    let emulator = Emulator::start().await.unwrap();
    let run =
        |session: &Session, command: &str| tokio::task::block_in_place(|| session.pipe(command));
    // It says that it is used.
    let session = with_env_file(&emulator, "");
    ends_with(
        &run(&session, "twilio-sync doc ls"),
        0,
        "credentials from the file .env here",
    );
    assert_eq!(run(&session, "twilio-sync doc ls --quiet").output, "");
    // A dollar sign is one.
    fs::write(session.folder().join(".env"), "TWILIO_API_KEY=$SECRET\n").unwrap();
    let outcome = run(&session, "SECRET=hunter2 twilio-sync doctor");
    assert!(!outcome.output.contains("hunter2"), "{}", outcome.output);
    // Others may not write it.
    let session = with_env_file(&emulator, "");
    for mode in [0o620, 0o602] {
        set_mode(&session, ".env", mode);
        ends_with(
            &run(&session, "twilio-sync doc ls"),
            64,
            "hint: chmod go-w ./.env",
        );
    }
    // It does not send credentials to another machine.
    let session = with_env_file(&emulator, "TWILIO_SYNC_BASE_URL=https://evil.example\n");
    ends_with(
        &run(&session, "twilio-sync doc ls"),
        64,
        "an address of another machine",
    );
    // It does not say which Service the credentials of the environment are for.
    let session = Session::new();
    let credentials = format!(
        "TWILIO_ACCOUNT_SID={} TWILIO_AUTH_TOKEN={} TWILIO_SYNC_BASE_URL={}",
        emulator.account_sid(),
        emulator.auth_token(),
        emulator.url(),
    );
    for variable in [
        "TWILIO_SYNC_SERVICE_SID",
        "SYNC_SERVICE_SID",
        "TWILIO_REGION",
    ] {
        let text = format!("{variable}=IS0123456789abcdef0123456789abcdef\n");
        fs::write(session.folder().join(".env"), text).unwrap();
        set_mode(&session, ".env", 0o600);
        let outcome = run(&session, &format!("{credentials} twilio-sync doc ls"));
        ends_with(&outcome, 64, &format!("the file .env here sets {variable}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_env_file_that_is_not_for_this_program_stops_no_command_that_needs_none() {
    let emulator = Emulator::start().await.unwrap();
    let run =
        |session: &Session, command: &str| tokio::task::block_in_place(|| session.pipe(command));
    let credentials = format!(
        "TWILIO_ACCOUNT_SID={} TWILIO_AUTH_TOKEN={} TWILIO_SYNC_BASE_URL={}",
        emulator.account_sid(),
        emulator.auth_token(),
        emulator.url(),
    );
    // Only a regular file is read: opening a FIFO would wait for a writer for ever.
    for command in ["mkdir .env", "mkfifo .env", "ln -s nowhere .env"] {
        let session = Session::new();
        run(&session, command);
        let outcome = run(&session, &format!("{credentials} twilio-sync doc ls"));
        assert_eq!((&*outcome.output, outcome.code), ("", 0), "{command}");
        let without = run(&session, "twilio-sync doc ls");
        ends_with(&without, 64, "login");
    }
    for (command, code, reason) in [
        (
            r"echo 'a line: of another program' > .env",
            64,
            "a line that cannot be read",
        ),
        (r"printf '\377\n' > .env", 1, "UTF-8"),
        ("touch .env; chmod o+w .env", 64, "others can write"),
    ] {
        let session = Session::new();
        run(&session, command);
        let with = format!("{credentials} twilio-sync doc ls --quiet");
        let outcome = run(&session, &with);
        ends_with(&outcome, 0, reason);
        ends_with(
            &outcome,
            0,
            "not used: the credentials are from the environment",
        );
        // Where the credentials may be in it, it is needed.
        ends_with(&run(&session, "twilio-sync doc ls"), code, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_another_user_made_does_not_say_what_credentials_are_used() {
    let emulator = Emulator::start().await.unwrap();
    let run =
        |session: &Session, command: &str| tokio::task::block_in_place(|| session.pipe(command));
    let session = with_env_file(&emulator, "");
    run(&session, "mkdir prod; mv .env prod; ln -s prod/.env .env");
    ends_with(&run(&session, "twilio-sync doc ls"), 0, "credentials from");
    // Only the system's administrator can give a link away.
    if run(&session, "id -u").output == "0\n" {
        run(&session, "chown -h 12345 .env");
        let outcome = run(&session, "twilio-sync doc ls");
        ends_with(&outcome, 64, "a link that another user made");
    }
}

#[test]
fn a_profile_that_others_can_write_is_refused() {
    let session = Session::new();
    let login = "printf 'hush\n' | twilio-sync login --offline \
                 --account-sid AC0123456789abcdef0123456789abcdef \
                 --api-key SK0123456789abcdef0123456789abcdef";
    ends_with(&session.pipe(login), 0, "");
    for (path, hint) in [
        (".config/twilio-sync/profiles.toml", "hint: chmod 600 "),
        (".config/twilio-sync", "hint: chmod go-w "),
        (".config", "hint: chmod go-w "),
    ] {
        let mode = fs::metadata(session.folder().join(path))
            .unwrap()
            .permissions()
            .mode();
        set_mode(&session, path, 0o777);
        ends_with(&session.pipe("twilio-sync profile ls"), 64, hint);
        set_mode(&session, path, mode & 0o777);
        ends_with(&session.pipe("twilio-sync profile ls"), 0, "default");
    }
    // Only the system's administrator can give a file away.
    if session.pipe("id -u").output == "0\n" {
        session.pipe("chown 12345 .config/twilio-sync/profiles.toml");
        ends_with(
            &session.pipe("twilio-sync profile ls"),
            64,
            "hint: sudo chown 0 ",
        );
    }
}

#[test]
fn output_that_nobody_reads_ends_a_command_with_a_failure() {
    let session = local();
    session.pipe("twilio-sync doc set d '{}' -q; twilio-sync map create m -q");
    for command in [
        "doc ls",
        "doc get d",
        "doc get d --json",
        "doc set d '{}'",
        "doc search d",
        "map items m; twilio-sync map get m",
        "service ls",
        "token alice",
        "export",
        "api",
        "api FetchDocument Sid=d",
        "doctor",
        "completions bash",
        "man",
        "--help",
        "doc --help",
    ] {
        // `true` has closed its end by then.
        let piped = format!("{{ sleep 0.2; twilio-sync {command}; echo $? >&2; }} | true");
        let outcome = session.pipe(&piped);
        assert!(
            ["141\n", "1\n"].contains(&&*outcome.output),
            "{command}: {}",
            outcome.output
        );
    }
}

/// Text with characters that control a terminal or change the order of reading.
const HOSTILE: &[char] = &[
    '\u{1b}',
    '\u{7}',
    '\u{8}',
    '\r',
    '\u{7f}',
    '\u{9b}',
    '\u{9d}',
    '\u{202e}',
    '\u{2066}',
    '\u{200f}',
    '\u{61c}',
    '\u{2028}',
    '\u{feff}',
    '\u{e0041}',
];

/// Fails if an output has more than lines, and the styles of the program where they are expected.
#[track_caller]
fn is_clean(command: &str, outcome: &Outcome) {
    let styles = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    let text = styles.replace_all(&outcome.output, "");
    let found = text
        .chars()
        .find(|letter| *letter != '\n' && (letter.is_control() || HOSTILE.contains(letter)));
    assert_eq!(found, None, "{command}: {:?}", outcome.output);
    assert!(
        !outcome.output.contains("\u{1b}[31mevil"),
        "{command}: {:?}",
        outcome.output
    );
}

#[test]
fn nothing_of_others_steers_the_terminal() {
    let mut session = local();
    session.export("NO_COLOR", "");
    let hostile: String = HOSTILE.iter().collect();
    let hostile = format!("{hostile}\u{1b}[31mevil");
    let encoded = hostile.chars().fold(String::new(), |mut text, letter| {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
        text
    });
    session.export("NAME", &hostile);
    let raw: String = hostile
        .chars()
        .filter(|letter| *letter > '\u{1f}')
        .collect();
    let data = format!("{{\"{encoded}\":\"{encoded}\",\"x{raw}\":\"{raw}\"}}");
    fs::write(session.folder().join("data.json"), data).unwrap();
    let line = format!("{{\"kind\":\"{encoded}\"}}\n");
    fs::write(session.folder().join("import.jsonl"), line).unwrap();
    let file = format!(
        "{{\"kind\":\"document\",\"unique_name\":\"{encoded}\",\"data\":{{}},\"{encoded}\":1}}\n"
    );
    fs::write(session.folder().join("member.jsonl"), file).unwrap();
    for setup in [
        "twilio-sync doc set \"$NAME\" @data.json -q",
        "twilio-sync map create \"$NAME\" -q",
        "twilio-sync map set \"$NAME\" \"$NAME\" @data.json -q",
        "twilio-sync list create \"$NAME\" -q",
        "twilio-sync list add \"$NAME\" @data.json -q",
        "twilio-sync stream create \"$NAME\" -q",
        "twilio-sync permission set doc \"$NAME\" \"$NAME\" --read -q",
        "twilio-sync service create \"$NAME\" -q",
    ] {
        session.pipe(setup);
    }
    for command in [
        "doc ls",
        "doc get \"$NAME\"",
        "doc get \"$NAME\" --data",
        "doc search \"$NAME\"",
        "doc search \"x$NAME\"",
        "doc get \"x$NAME\"",
        "doc ttl \"$NAME\" \"$NAME\"",
        "doc ls \"$NAME\"",
        "doc ls --prefix \"$NAME\"",
        "doc set d \"$NAME\"",
        "doc set d @\"$NAME\"",
        "doc rm \"x$NAME\" --yes",
        "map ls",
        "map items \"$NAME\"",
        "map get \"$NAME\" \"$NAME\"",
        "map get \"$NAME\" \"x$NAME\"",
        "map rm-item \"$NAME\" \"x$NAME\" --yes",
        "list ls",
        "list items \"$NAME\"",
        "stream ls",
        "service ls",
        "permission ls doc \"$NAME\"",
        "webhook verify --url \"$NAME\" --signature \"$NAME\" \"$NAME\"",
        "token \"$NAME\"",
        "api \"$NAME\"",
        "api FetchDocument Sid=\"$NAME\"",
        "api ListDocument",
        "doctor",
        "import --file import.jsonl",
        "import --file member.jsonl",
        "import --file \"$NAME\"",
        "diff --file import.jsonl",
        "apply --file import.jsonl --yes",
        "--profile \"$NAME\" doc ls",
        "--base-url \"$NAME\" doc ls",
        "--region \"$NAME\" doc ls",
        "--verbose doc get \"$NAME\"",
        "\"$NAME\"",
        "--\"$NAME\"",
    ] {
        for options in ["", "--json"] {
            let command = format!("twilio-sync {command} {options}");
            is_clean(&command, &session.terminal(&command, ""));
        }
    }
}
