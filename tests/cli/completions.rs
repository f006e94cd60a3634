//! `twilio-sync completions` and `twilio-sync man`.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::session::Session;

fn script(shell: &str) -> String {
    let outcome = Session::new().pipe(&format!("twilio-sync completions {shell}"));
    assert_eq!(outcome.code, 0, "{}", outcome.output);
    outcome.output
}

/// Runs a shell. A machine need not have every one, unless it is the gate's.
fn shell(name: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: {name}: {error}");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn scripts_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bash", "zsh", "fish"] {
        let path = folder.path().join(name);
        let script = script(name);
        for word in ["FetchDocument", "MapSid=", "completions", "profile"] {
            assert!(script.contains(word), "{name}: {word}");
        }
        fs::write(&path, script).unwrap();
        if let Some(output) = shell(name, &["-n", path.to_str().unwrap()]) {
            assert!(output.status.success(), "{name}: {output:?}");
        }
    }
}

/// What bash offers for the last of some words.
fn completed(words: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    let commands = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n\
         function=$(complete -p twilio-sync | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
         $function twilio-sync \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script("bash"),
        words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" "),
        words.len() - 1,
    );
    fs::write(&path, commands).unwrap();
    let output = shell("bash", &["--norc", path.to_str().unwrap()])?;
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_operations_and_parameters() {
    for (words, offered) in [
        (&["twilio-sync", "comp"][..], &["completions"][..]),
        (
            &["twilio-sync", "api", "FetchDoc"],
            &["FetchDocument", "FetchDocumentPermission"],
        ),
        (
            &["twilio-sync", "api", "FetchDocument", ""],
            &["ServiceSid=", "Sid="],
        ),
        (
            &["twilio-sync", "api", "UpdateSyncMapItem", "Key=a", "I"],
            &["If-Match=", "ItemTtl="],
        ),
        (&["twilio-sync", "completions", "b"], &["bash"]),
    ] {
        let Some(found) = completed(words) else {
            return;
        };
        for word in offered {
            assert!(
                found.iter().any(|found| found == word),
                "{words:?}: {found:?}"
            );
        }
    }
}

#[test]
fn fish_completes_operations_and_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    fs::write(&path, script("fish")).unwrap();
    for (line, offered) in [
        ("twilio-sync api FetchDoc", "FetchDocument"),
        ("twilio-sync api FetchDocument S", "Sid="),
        (
            "twilio-sync --json api UpdateSyncMapItem Key=a If",
            "If-Match=",
        ),
        ("twilio-sync completions b", "bash"),
    ] {
        let commands = format!("source {}; complete -C '{line}'", path.display());
        let Some(output) = shell("fish", &["--no-config", "-c", &commands]) else {
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let mut found = text.lines().filter_map(|line| line.split('\t').next());
        assert!(found.any(|word| word == offered), "{line}: {text}");
    }
}

#[test]
fn scripts_and_pages_have_nothing_of_the_environment() {
    let mut session = Session::new();
    session.export("TWILIO_API_SECRET", "5ecre7");
    session.export("TWILIO_SYNC_BASE_URL", "https://5ecre7.example.com");
    for command in [
        "completions bash",
        "completions zsh",
        "completions fish",
        "man",
    ] {
        let outcome = session.pipe(&format!("twilio-sync {command}"));
        assert_eq!(outcome.code, 0);
        assert!(!outcome.output.contains("5ecre7"), "{command}");
        let folder = session.folder().to_str().unwrap();
        assert!(!outcome.output.contains(folder), "{command}");
    }
}

#[test]
fn each_command_has_a_page() {
    let session = Session::new();
    let page = session.pipe("twilio-sync man").output;
    assert!(page.contains(".TH twilio-sync 1"), "{page}");
    let outcome = session.pipe("twilio-sync man --output pages/new");
    assert_eq!((outcome.output.as_str(), outcome.code), ("", 0));
    let folder = session.folder().join("pages/new");
    for name in ["", "-doc", "-doc-get", "-api", "-api-FetchDocument", "-man"] {
        let path = folder.join(format!("twilio-sync{name}.1"));
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.contains(".SH NAME"), "{name}: {page}");
    }
    // Whatever a page refers to is there.
    for entry in fs::read_dir(&folder).unwrap() {
        let page = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in page.lines().filter(|line| line.ends_with("(1)")) {
            let name = line.replace("(1)", "").replace('\\', "");
            assert!(folder.join(format!("{name}.1")).is_file(), "{line}");
        }
    }
}
