//! Writes whose effect is not known: they are neither a failure that can be tried again nor a conflict.

use std::fs;

use serde_json::json;
use twilio_sync::api::Operation;
use twilio_sync::emulator::Fault;

use super::transfer::Program;

const HINT: &str = "read what is there before you run this again";

/// Checks that a command says that its outcome is not known, and blames nobody.
#[track_caller]
fn is_unknown(program: &Program, command: &str) {
    let (code, out, err) = program.run(command);
    assert_eq!(code, 6, "{command}: {out}{err}");
    assert!(err.contains(HINT), "{command}: {err}");
    assert!(!err.contains("which is kept"), "{command}: {err}");
}

/// Has the next write of an operation take effect, and cuts its response.
fn cut_response(program: &Program, operation: Operation) {
    let fault = Fault::cut_after_write().on(operation);
    program.emulator.inject(fault);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_may_have_been_made_is_no_conflict() {
    let program = Program::start().await;
    let counter = json!({"n": 1});
    program
        .sync
        .documents()
        .create("counter", &counter)
        .await
        .unwrap();
    // It takes effect, the response is cut, and the retry meets the revision that it made.
    cut_response(&program, Operation::UpdateDocument);
    is_unknown(&program, "doc mutate counter {\"n\":2}");

    program.sync.lists().create("log").await.unwrap();
    cut_response(&program, Operation::CreateSyncListItem);
    is_unknown(&program, "list add log {}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_work_that_may_have_been_done_is_no_conflict() {
    let program = Program::start().await;
    let document = json!({"n": 1});
    program
        .sync
        .documents()
        .create("x", &document)
        .await
        .unwrap();
    let lines = "{\"kind\":\"document\",\"unique_name\":\"x\",\"data\":{\"n\":2}}\n";
    fs::write(program.path("x.jsonl"), lines).unwrap();
    cut_response(&program, Operation::UpdateDocument);
    is_unknown(&program, "apply --file x.jsonl");

    let lines = "{\"kind\":\"list_item\",\"list\":\"log\",\"data\":{}}\n";
    fs::write(program.path("log.jsonl"), lines).unwrap();
    cut_response(&program, Operation::CreateSyncListItem);
    is_unknown(&program, "import --file log.jsonl");
}
