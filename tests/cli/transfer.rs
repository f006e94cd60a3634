//! `twilio-sync export`, `import`, `diff` and `apply`: what the snapshots cannot show.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use twilio_sync::emulator::{Fault, LoggedRequest, Operation};
use twilio_sync::{Emulator, SyncClient};

/// The program against an emulator, in a folder where nothing of the machine's is seen.
struct Program {
    emulator: Emulator,
    sync: SyncClient,
    folder: TempDir,
}

impl Program {
    async fn start() -> Self {
        let emulator = Emulator::start().await.unwrap();
        Self {
            sync: emulator.client().unwrap(),
            emulator,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With this in its Service.
    async fn with(service: Value) -> Self {
        let program = Self::start().await;
        program.seed(service);
        program
    }

    fn seed(&self, mut service: Value) {
        service["unique_name"] = json!("default");
        self.emulator.seed(json!({"services": [service]})).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
        for (name, _) in std::env::vars() {
            if name.starts_with("TWILIO_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments.split(' '))
            .env("HOME", self.folder.path())
            .env("TWILIO_ACCOUNT_SID", self.emulator.account_sid())
            .env("TWILIO_API_KEY", self.emulator.api_key())
            .env("TWILIO_API_SECRET", self.emulator.api_secret())
            .env("TWILIO_SYNC_SERVICE_SID", "default")
            .env("TWILIO_SYNC_BASE_URL", self.emulator.url())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it, its arguments with blanks between: its exit code, standard output and standard error.
    fn run(&self, arguments: &str) -> (i32, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// Runs it, which is to succeed: its standard error.
    fn done(&self, arguments: &str) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments}: {out}{err}");
        err
    }

    /// What `diff` prints, and its exit code.
    fn diff(&self, file: &str) -> (i32, Vec<String>) {
        let (code, out, err) = self.run(&format!("diff -f {file}"));
        assert!(!err.contains("error"), "{err}");
        (code, out.lines().map(str::to_owned).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, lines: &[Value]) {
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        fs::write(self.path(name), lines.join("\n")).unwrap();
    }

    async fn list(&self, name: &str) -> Vec<Value> {
        let items = self.sync.list::<Value>(name).items();
        items.map_ok(|item| item.data).try_collect().await.unwrap()
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Something of everything, with more than a page of items and names of all sorts.
fn something() -> Value {
    let item = |n: i32| json!({"data": {"n": n, "text": "with\nan end of line"}});
    let entry = |n: i32| json!({"key": format!("k {n:03}/\"é"), "data": {"n": n}});
    json!({
        "documents": [
            {"unique_name": "desk-7", "data": {"busy": true}},
            {"unique_name": "desk \u{1b} é", "data": {"busy": false, "z": [1.50, null]}},
        ],
        "lists": [
            {"unique_name": "empty"},
            {"unique_name": "log", "items": (0..130).map(item).collect::<Vec<_>>()},
        ],
        "maps": [
            {"unique_name": "phones", "items": (0..120).map(entry).collect::<Vec<_>>()},
            {"unique_name": "last", "items": [entry(1)]},
        ],
        "streams": [{"unique_name": "events"}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_export_is_the_very_same_file() {
    let program = Program::with(something()).await;
    let notice = "Exported 2 Documents, 2 Lists with 130 items, 2 Maps with 121 items, \
                  1 Message Stream.\n";
    // A pipe has the notice and no progress.
    assert_eq!(program.done("export -o whole.jsonl"), notice);
    let whole = program.read("whole.jsonl");
    assert_eq!(whole.lines().count(), 2 + 2 + 130 + 2 + 121 + 1);
    assert_eq!(program.run("export").1, whole);

    let ends: Vec<_> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
    // At the ends of lines where something changes, around them, and anywhere else.
    let near = [0, 1, 2, 3, 4, 133, 134, 135, 136, 254, 255, 256, 257]
        .into_iter()
        .flat_map(|line| [ends[line] - 1, ends[line], ends[line] + 1]);
    let cuts = near.chain((0..whole.len()).step_by(997)).chain([0]);
    for cut in cuts.filter(|cut| *cut <= whole.len()) {
        fs::write(program.path("cut.jsonl"), &whole.as_bytes()[..cut]).unwrap();
        assert_eq!(
            program.done("export -o cut.jsonl --resume"),
            notice,
            "{cut}"
        );
        assert_eq!(program.read("cut.jsonl"), whole, "{cut}");
    }
    // Twice in a row, and from nothing.
    program.done("export -o cut.jsonl --resume");
    program.done("export -o new.jsonl --resume");
    assert_eq!(program.read("cut.jsonl"), whole);
    assert_eq!(program.read("new.jsonl"), whole);

    // One object alone.
    program.done("export map phones -o map.jsonl");
    let map = program.read("map.jsonl");
    for cut in (0..map.len()).step_by(1499) {
        fs::write(program.path("cut.jsonl"), &map.as_bytes()[..cut]).unwrap();
        program.done("export map phones -o cut.jsonl --resume");
        assert_eq!(program.read("cut.jsonl"), map, "{cut}");
    }
    let (code, _, err) = program.run("export list log -o map.jsonl --resume");
    assert_eq!(code, 64);
    assert!(
        err.contains("map.jsonl, line 1, is not of this export"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_for_its_owner_and_not_overwritten_unasked() {
    let program = Program::with(something()).await;
    program.done("export doc desk-7 -o a.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(program.path("a.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (code, _, err) = program.run("export list log -o a.jsonl");
    assert_eq!(code, 64);
    assert!(err.contains("--resume") && err.contains("--force"), "{err}");
    assert_eq!(program.read("a.jsonl").lines().count(), 1);
    program.done("export list log -o a.jsonl --force");
    assert_eq!(program.read("a.jsonl").lines().count(), 131);
    assert_eq!(program.run("export doc nobody").0, 3);
    assert_eq!(program.done("export stream events --quiet"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_can_be_resumed() {
    let program = Program::with(something()).await;
    program.done("export -o whole.jsonl");
    let fault = Fault::status(400).on(Operation::ListSyncListItem).nth(3);
    program.emulator.inject(fault);
    let (code, _, err) = program.run("export -o a.jsonl");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("--resume goes on from there"), "{err}");
    let lines = program.read("a.jsonl").lines().count();
    assert_eq!(lines, 2 + 2 + 100);
    program.emulator.clear_requests();
    program.done("export -o a.jsonl --resume");
    assert_eq!(program.read("a.jsonl"), program.read("whole.jsonl"));
    // Documents were complete, and so were all items but the last.
    let requests = program.emulator.requests();
    let count = |asked| {
        let is_it = |request: &&_| operation(request) == Some(asked);
        requests.iter().filter(is_it).count()
    };
    assert_eq!(count(Operation::ListDocument), 0);
    assert_eq!(count(Operation::ListSyncListItem), 1);
}

fn operation(request: &LoggedRequest) -> Option<Operation> {
    request.operation()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_name_is_counted_and_can_be_named_by_its_sid() {
    let program = Program::start().await;
    let sync = &program.sync;
    let form = twilio_sync::api::types::CreateSyncListRequest::default();
    let create = sync.api().create_sync_list(sync.service(), &form);
    let sid = sync.call(create).await.unwrap().sid;
    let list = sync.list_by_id::<Value>(&sid);
    list.add(&json!({"n": 1})).await.unwrap();

    let (code, out, err) = program.run("export");
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(
        err.starts_with("Left out 1 object without a unique name"),
        "{err}"
    );
    program.done(&format!("export list {sid} -o a.jsonl"));
    assert_eq!(program.read("a.jsonl").lines().count(), 2);
    program.done(&format!("export list {sid} -o a.jsonl --resume"));
    assert_eq!(program.done(&format!("diff list {sid} -f a.jsonl")), "");

    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 64);
    assert!(
        err.contains("line 1: the List") && err.contains("has no unique name"),
        "{err}"
    );
    program.done("import list copy -f a.jsonl");
    program.done(&format!("import list {sid} -f a.jsonl"));
    assert_eq!(program.list("copy").await, [json!({"n": 1})]);
    let twice: Vec<_> = list.items().try_collect().await.unwrap();
    assert_eq!(twice.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_and_imported_is_the_same() {
    let program = Program::with(something()).await;
    let hour = Duration::from_secs(3600);
    let sync = &program.sync;
    sync.maps().set_ttl("phones", hour).await.unwrap();
    let log = sync.list::<Value>("log");
    log.add(&json!({"late": 1})).ttl(hour).await.unwrap();
    let documents = sync.documents::<Value>();
    documents.set_ttl("desk-7", 2 * hour).await.unwrap();
    program.done("export -o a.jsonl");
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));

    program.emulator.reset();
    let notice = "Imported 2 Documents, 2 Lists with 131 items, 2 Maps with 121 items, \
                  1 Message Stream.\n";
    assert_eq!(program.done("import -f a.jsonl"), notice);
    assert!(!program.path("a.jsonl.import").exists());
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
    // Through a pipe too.
    program.emulator.reset();
    let file = fs::File::open(program.path("a.jsonl")).unwrap();
    let output = program.command("import").stdin(file).output().unwrap();
    assert_eq!(told(&output), (0, String::new(), notice.to_owned()));
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
    // Data is kept as it came, and order too, but for Documents, which are created some at a time.
    program.done("export -o b.jsonl");
    let without_dates = |name: &str| {
        let text = program.read(name);
        let line = |line: &str| line.split(r#","date_expires""#).next().unwrap().to_owned();
        let mut lines: Vec<_> = text.lines().map(line).collect();
        lines[..2].sort();
        lines
    };
    assert_eq!(without_dates("a.jsonl"), without_dates("b.jsonl"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_left_out() {
    let program = Program::start().await;
    let (past, future) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    program.write(
        "a.jsonl",
        &[
            json!({"kind": "document", "unique_name": "d", "data": {}, "date_expires": past}),
            json!({"kind": "list", "unique_name": "l", "date_expires": past}),
            json!({"kind": "list_item", "list": "l", "data": {}}),
            json!({"kind": "map", "unique_name": "m"}),
            json!({"kind": "map_item", "map": "m", "key": "k", "data": {}, "date_expires": past}),
            json!({"kind": "map_item", "map": "m", "key": "l", "data": {}, "date_expires": future}),
        ],
    );
    let err = program.done("import -f a.jsonl");
    assert_eq!(
        err,
        "Imported 1 Map with 1 item.\nLeft out 4 lines that expired meanwhile.\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_line_is_told_before_anything_is_written() {
    let program = Program::start().await;
    let good = json!({"kind": "document", "unique_name": "d", "data": {}});
    let key = json!({"kind": "map_item", "map": "m", "key": "k", "data": {}});
    let large = "x".repeat(16 * 1024);
    for (wrong, why) in [
        (json!({"kind": "document", "unique_name": "e"}), "`data`"),
        (json!({"kind": "thing"}), "unknown variant"),
        (
            json!({"change": "remove", "kind": "list", "unique_name": "l"}),
            "`change`",
        ),
        (
            json!({"kind": "list", "unique_name": ".."}),
            "cannot be sent",
        ),
        (
            json!({"kind": "document", "unique_name": "d", "data": {}}),
            "has line 1 already",
        ),
        (
            json!({"kind": "map_item", "map": "m", "key": "k", "data": {}}),
            "has line 2 already",
        ),
        (
            json!({"kind": "list_item", "list": "l", "data": large}),
            "at most 16384",
        ),
        (
            json!({"kind": "map_item", "map": "m", "key": "", "data": {}}),
            "is empty",
        ),
    ] {
        program.write("a.jsonl", &[good.clone(), key.clone(), wrong]);
        let (code, _, err) = program.run("import -f a.jsonl");
        assert_eq!(code, 64, "{err}");
        assert!(
            err.contains("a.jsonl, line 3: ") && err.contains(why),
            "{why}: {err}"
        );
        assert!(!program.path("a.jsonl.import").exists());
    }
    let (code, _, err) = program.run("import --file - --resume");
    assert_eq!(code, 64);
    assert!(err.contains("hint: --file FILE"), "{err}");
    let documents: Vec<_> = program
        .sync
        .documents::<Value>()
        .all()
        .try_collect()
        .await
        .unwrap();
    assert!(documents.is_empty());
}

/// Lines of a List with equal items among them.
fn log(count: usize) -> Vec<Value> {
    let item = |n| json!({"kind": "list_item", "list": "log", "data": {"n": n / 3}});
    (0..count).map(item).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_failed_is_resumed() {
    let program = Program::start().await;
    program.write("a.jsonl", &log(20));
    program.sync.lists().create("log").await.unwrap();
    let list = program.sync.list::<Value>("log");
    // What was there is not counted, though it is the same.
    list.add(&json!({"n": 0})).await.unwrap();
    let fault = Fault::status(400).on(Operation::CreateSyncListItem).nth(8);
    program.emulator.inject(fault);
    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("a.jsonl, line 8: ") && err.contains("--resume"),
        "{err}"
    );

    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 64);
    assert!(
        err.contains("--resume") && err.contains("--restart"),
        "{err}"
    );
    let (code, _, err) = program.run("import list other -f a.jsonl --resume");
    assert_eq!(code, 64);
    assert!(
        err.contains("and this one is into the list \"other\""),
        "{err}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let journal = fs::metadata(program.path("a.jsonl.import")).unwrap();
        assert_eq!(journal.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(
        program.done("import -f a.jsonl --resume"),
        "Imported 1 List with 13 items.\n7 lines were imported before.\n"
    );
    let data = |lines: &[Value]| {
        lines
            .iter()
            .map(|line| line["data"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(program.list("log").await[1..], data(&log(20)));

    // Where somebody else added something, it cannot be told.
    let fault = Fault::status(400).on(Operation::CreateSyncListItem).nth(4);
    program.emulator.inject(fault);
    assert_eq!(program.run("import -f a.jsonl").0, 1);
    list.add(&json!({"of": "another"})).await.unwrap();
    let (code, _, err) = program.run("import -f a.jsonl --resume");
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("that this import did not add"), "{err}");
    program.sync.lists().remove("log").await.unwrap();
    program.done("import -f a.jsonl --resume");
    assert_eq!(program.list("log").await, data(&log(20)));
    // Now it is done, and not done again.
    let (code, _, err) = program.run("import -f a.jsonl --resume");
    assert_eq!(code, 64);
    assert!(err.contains("no import of a.jsonl was broken off"), "{err}");
    assert!(!program.path("a.jsonl.import").exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn after_kills_each_item_is_there_once() {
    let program = Program::start().await;
    let mut lines = vec![json!({"kind": "map_item", "map": "m", "key": "k", "data": {}})];
    lines.extend(log(60));
    program.write("a.jsonl", &lines);
    let slow = Fault::delay(Duration::from_millis(15));
    program
        .emulator
        .inject(slow.on(Operation::CreateSyncListItem).always());
    let mut arguments = "import -f a.jsonl";
    for count in [1, 2, 17, 18, 40] {
        let mut command = program.command(arguments);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while items(&program).await < count {
            assert!(begun.elapsed() < Duration::from_secs(30), "{count}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        arguments = "import -f a.jsonl --resume";
    }
    assert!(items(&program).await < 60);
    program.emulator.clear_faults();
    program.done("import -f a.jsonl --resume");
    let data: Vec<_> = log(60).iter().map(|line| line["data"].clone()).collect();
    assert_eq!(program.list("log").await, data);
    assert!(!program.path("a.jsonl.import").exists());
}

/// How many items the List of [`log`] has.
#[cfg(unix)]
async fn items(program: &Program) -> usize {
    let items = program.sync.list::<Value>("log").items();
    let items: Result<Vec<_>, _> = items.try_collect().await;
    items.map_or(0, |items| items.len())
}

/// A line of a difference with `#` for the index of an item, which the service gives out as it likes.
fn without_index(line: &str) -> String {
    let words = line.splitn(5, ' ').enumerate().map(|(at, word)| {
        let is_index = at == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        if is_index { "#" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_difference_and_is_mended() {
    let program = Program::with(json!({
        "documents": [{"unique_name": "d", "data": {"a": 1, "b": 2}}],
        "lists": [{"unique_name": "l", "items": [{"data": {"n": 1}}, {"data": {"n": 2}}]}],
        "maps": [{"unique_name": "m", "items": [{"key": "k", "data": {"n": 1}}]}],
        "streams": [{"unique_name": "s"}],
    }))
    .await;
    program.done("export -o a.jsonl");
    let sync = &program.sync;
    let (documents, list) = (sync.documents::<Value>(), sync.list::<Value>("l"));
    let map = sync.map::<Value>("m");
    let data = json!({"n": 9});
    let hour = Duration::from_secs(3600);

    // The order of members is no difference.
    let same: Value = serde_json::from_str(r#"{"b": 2, "a": 1}"#).unwrap();
    documents.update("d", &same).await.unwrap();
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));

    // A line for each change, and what is left after `apply` without and with --prune.
    let check = async |expected: &[&str], surplus: usize| {
        let (code, lines) = program.diff("a.jsonl");
        assert_eq!(code, 2, "{expected:?}");
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        for (line, expected) in lines.iter().zip(expected) {
            let line = without_index(line);
            assert!(line.starts_with(expected), "{line}: {expected}");
        }
        let (code, out, _) = program.run("apply -f a.jsonl --dry-run --prune");
        assert_eq!((code, out.lines().count()), (2, lines.len()));
        assert_eq!(program.diff("a.jsonl"), (2, lines.clone()));
        program.done("apply -f a.jsonl");
        let (code, lines) = program.diff("a.jsonl");
        assert_eq!(
            (code, lines.len()),
            (if surplus == 0 { 0 } else { 2 }, surplus)
        );
        if surplus > 0 {
            let (code, _, err) = program.run("apply -f a.jsonl --prune");
            assert_eq!(code, 64, "{err}");
            assert_eq!(program.diff("a.jsonl").1.len(), surplus);
            program.done("apply -f a.jsonl --prune --yes");
        }
        assert_eq!(program.diff("a.jsonl"), (0, vec![]));
        assert_eq!(program.run("apply -f a.jsonl --dry-run --prune").0, 0);
    };
    documents.update("d", &data).await.unwrap();
    check(&[r#"~ doc d {"n":9} -> {"a":1,"b":2}"#], 0).await;
    documents.set_ttl("d", hour).await.unwrap();
    check(&["~ doc d expires 20"], 0).await;
    documents.remove("d").await.unwrap();
    check(&[r#"+ doc d {"a":1,"b":2}"#], 0).await;
    documents.create("e", &data).await.unwrap();
    check(&[r#"- doc e {"n":9}"#], 1).await;

    list.update(0, &data).await.unwrap();
    check(&[r#"~ list l # {"n":9} -> {"n":1}"#], 0).await;
    list.remove(1).await.unwrap();
    check(&[r#"+ list l item {"n":2}"#], 0).await;
    list.remove(0).await.unwrap();
    check(
        &[
            r#"~ list l # {"n":2} -> {"n":1}"#,
            r#"+ list l item {"n":2}"#,
        ],
        0,
    )
    .await;
    list.add(&data).ttl(hour).await.unwrap();
    check(&[r#"- list l # {"n":9} expires 20"#], 1).await;
    sync.lists().set_ttl("l", hour).await.unwrap();
    check(&["~ list l expires 20"], 0).await;
    sync.lists().remove("l").await.unwrap();
    check(
        &[
            "+ list l",
            r#"+ list l item {"n":1}"#,
            r#"+ list l item {"n":2}"#,
        ],
        0,
    )
    .await;

    map.set("k", &data).await.unwrap();
    check(&[r#"~ map m "k" {"n":9} -> {"n":1}"#], 0).await;
    map.set("k", &json!({"n": 1})).ttl(hour).await.unwrap();
    check(&[r#"~ map m "k" expires 20"#], 0).await;
    map.remove("k").await.unwrap();
    check(&[r#"+ map m "k" {"n":1}"#], 0).await;
    map.set("j", &data).await.unwrap();
    check(&[r#"- map m "j" {"n":9}"#], 1).await;
    sync.maps().create("n").await.unwrap();
    check(&["- map n"], 1).await;
    sync.streams().remove("s").await.unwrap();
    check(&["+ stream s"], 0).await;
    sync.streams().create("t").await.unwrap();
    check(&["- stream t"], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_is_compared_alone_and_under_another_name() {
    let program = Program::with(something()).await;
    program.done("export -o a.jsonl");
    let map = program.sync.map::<Value>("last");
    map.set("j", &json!({"n": 9})).await.unwrap();
    program.done("diff list log -f a.jsonl");
    let (code, out, _) = program.run("diff map last -f a.jsonl --json");
    let line: Value = serde_json::from_str(&out).unwrap();
    let expected = json!({
        "change": "remove", "kind": "map_item", "map": "last", "key": "j", "was": {"data": {"n": 9}},
    });
    assert_eq!((code, line), (2, expected));

    program.done("export map last -o m.jsonl");
    assert_eq!(program.run("diff map other -f m.jsonl").0, 2);
    program.done("apply map other -f m.jsonl");
    program.done("diff map other -f m.jsonl");
    // Nothing is guessed: not which of several objects, nor of another kind.
    assert_eq!(program.run("apply map another -f a.jsonl").0, 64);
    assert_eq!(program.run("apply list last -f m.jsonl").0, 64);

    fs::write(program.path("empty.jsonl"), "").unwrap();
    assert_eq!(program.run("apply -f empty.jsonl --prune --yes").0, 64);
    program.done("diff map last -f m.jsonl");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_meanwhile_is_kept() {
    let program = Program::with(something()).await;
    program.done("export -o a.jsonl");
    let sync = &program.sync;
    let map = sync.map::<Value>("last");
    let key = "k 001/\"é";
    map.set(key, &json!({"n": 5})).await.unwrap();
    let revision = map.get(key).await.unwrap().unwrap().revision;
    let body = r#"{"code": 54103, "message": "The revision does not match", "status": 412}"#;
    let fault = Fault::status(412)
        .body(body)
        .on(Operation::UpdateSyncMapItem);
    program.emulator.inject(fault);
    program.emulator.clear_requests();
    let (code, _, err) = program.run("apply -f a.jsonl");
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("run this again"), "{err}");
    let requests = program.emulator.requests();
    let is_update = |request: &&_| operation(request) == Some(Operation::UpdateSyncMapItem);
    let update = requests.iter().find(is_update).unwrap();
    assert_eq!(update.if_match(), Some(revision.as_str()));
    program.done("apply -f a.jsonl");

    // What was not there may be by now.
    sync.documents::<Value>().remove("desk-7").await.unwrap();
    let fault = Fault::status(409).on(Operation::CreateDocument);
    program
        .emulator
        .inject(fault.body(r#"{"code": 54301, "message": "exists", "status": 409}"#));
    assert_eq!(program.run("apply -f a.jsonl").0, 4);
    program.done("apply -f a.jsonl");
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
}
