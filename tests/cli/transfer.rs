//! `twilio-sync export`, `import`, `diff` and `apply`: what the snapshots cannot show.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::{TryStreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use twilio_sync::api::Operation;
use twilio_sync::emulator::{Fault, LoggedRequest};
use twilio_sync::permissions::Access;
use twilio_sync::value::Data;
use twilio_sync::{Emulator, SyncClient};

use super::session::Session;

/// The program against an emulator, in a folder where nothing of the machine's is seen.
pub(crate) struct Program {
    pub(crate) emulator: Emulator,
    pub(crate) sync: SyncClient,
    folder: TempDir,
}

impl Program {
    pub(crate) async fn start() -> Self {
        Self::on(Emulator::start().await.unwrap())
    }

    fn on(emulator: Emulator) -> Self {
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
        if service["friendly_name"].is_null() {
            service["friendly_name"] = json!("Default Service");
        }
        self.emulator.seed(json!({"services": [service]})).unwrap();
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
        for (name, _) in std::env::vars() {
            if name.starts_with("TWILIO_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments.split(' '))
            .env("HOME", self.folder.path())
            .env("TWILIO_ACCOUNT_SID", self.emulator.account_sid().as_str())
            .env("TWILIO_API_KEY", self.emulator.api_key().as_str())
            .env("TWILIO_API_SECRET", self.emulator.api_secret())
            .env("TWILIO_SYNC_SERVICE_SID", "default")
            .env("TWILIO_SYNC_BASE_URL", self.emulator.url())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it, its arguments with blanks between: its exit code, standard output and standard error.
    pub(crate) fn run(&self, arguments: &str) -> (i32, String, String) {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Who may do what with a file.
    #[cfg(unix)]
    fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Leaves only the beginning of an export.
    fn cut(&self, name: &str, whole: &str, at: usize) {
        // It may not be there.
        let _ = fs::remove_file(self.path(name));
        let part = self.path(&format!("{name}.part"));
        fs::write(part, &whole.as_bytes()[..at]).unwrap();
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

/// The notices about an export without permissions.
const NOT_EXPORTED: &str =
    "Left out permissions, since acl_enabled is off: --permissions true exports them.\n";
const NOT_COMPARED: &str = "Did not compare permissions: the export was made without them.\n";

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
    let notice = format!("{notice}{NOT_EXPORTED}");
    // A pipe has the notice and no progress.
    assert_eq!(program.done("export -o whole.jsonl"), notice);
    let whole = program.read("whole.jsonl");
    assert_eq!(whole.lines().count(), 1 + 2 + 2 + 130 + 2 + 121 + 1 + 1);
    assert_eq!(program.run("export").1, whole);

    let ends: Vec<_> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
    // At the ends of lines where something changes, around them, and anywhere else.
    let near = [
        0, 1, 2, 3, 4, 5, 134, 135, 136, 137, 255, 256, 257, 258, 259,
    ]
    .into_iter()
    .flat_map(|line| [ends[line] - 1, ends[line], ends[line] + 1]);
    let cuts = near.chain((0..whole.len()).step_by(997)).chain([0]);
    for cut in cuts.filter(|cut| *cut <= whole.len()) {
        program.cut("cut.jsonl", &whole, cut);
        assert_eq!(
            program.done("export -o cut.jsonl --resume"),
            notice,
            "{cut}"
        );
        assert_eq!(program.read("cut.jsonl"), whole, "{cut}");
        assert!(!program.path("cut.jsonl.part").exists());
    }
    #[cfg(unix)]
    assert_eq!(program.mode("cut.jsonl"), 0o600);
    // From nothing too. What is whole is there.
    program.done("export -o new.jsonl --resume");
    assert_eq!(program.read("new.jsonl"), whole);
    let (code, _, err) = program.run("export -o new.jsonl --resume");
    assert_eq!(code, 64);
    assert!(err.contains("new.jsonl is there already"), "{err}");

    // One object alone.
    program.done("export map phones -o map.jsonl");
    let map = program.read("map.jsonl");
    for cut in (0..map.len()).step_by(1499) {
        program.cut("cut.jsonl", &map, cut);
        program.done("export map phones -o cut.jsonl --resume");
        assert_eq!(program.read("cut.jsonl"), map, "{cut}");
    }
    let heading: Value = serde_json::from_str(map.lines().next().unwrap()).unwrap();
    let service = format!(r#""service_sid":{}"#, heading["service_sid"]);
    // A part is gone on with only by the same export of the same Service.
    let other = r#""service_sid":"IS0123456789abcdef0123456789abcdef""#;
    for (arguments, text) in [
        ("export list log", map.clone()),
        ("export", map.clone()),
        ("export map phones", whole.clone()),
        ("export map phones", map.replacen(&service, other, 1)),
    ] {
        program.cut("cut.jsonl", &text, text.len() / 2);
        let (code, _, err) = program.run(&format!("{arguments} -o cut.jsonl --resume"));
        assert_eq!(code, 64, "{arguments}");
        assert!(
            err.contains("cut.jsonl.part, line 1, is not of this export: it is of "),
            "{err}"
        );
        assert_eq!(
            program.read("cut.jsonl.part"),
            text[..text.len() / 2],
            "what is not its own is left as it is"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_for_its_owner_and_not_overwritten_unasked() {
    let program = Program::with(something()).await;
    program.done("export doc desk-7 -o a.jsonl");
    #[cfg(unix)]
    assert_eq!(program.mode("a.jsonl"), 0o600);
    let (code, _, err) = program.run("export list log -o a.jsonl");
    assert_eq!(code, 64);
    assert!(err.contains("--force"), "{err}");
    assert_eq!(program.read("a.jsonl").lines().count(), 3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Also where others could read what was there.
        let all = fs::Permissions::from_mode(0o644);
        fs::set_permissions(program.path("a.jsonl"), all).unwrap();
    }
    program.done("export list log -o a.jsonl --force");
    assert_eq!(program.read("a.jsonl").lines().count(), 133);
    #[cfg(unix)]
    assert_eq!(program.mode("a.jsonl"), 0o600);
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
    assert!(
        err.contains("--resume continues: what was read is in a.jsonl.part"),
        "{err}"
    );
    assert!(!program.path("a.jsonl").exists());
    let lines = program.read("a.jsonl.part").lines().count();
    assert_eq!(lines, 1 + 2 + 2 + 100);
    let (code, _, err) = program.run("export -o a.jsonl");
    assert_eq!(code, 64);
    assert!(err.contains("--resume") && err.contains("--force"), "{err}");
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
    let sid = create.await.unwrap().sid;
    let list = sync.list::<Value>(&sid);
    list.add(&json!({"n": 1})).await.unwrap();

    let (code, out, err) = program.run("export");
    assert_eq!((code, out.lines().count()), (0, 4));
    assert_eq!(
        err,
        format!(
            "Exported 1 List with 1 item.\nExported 1 object without a usable unique name, which \
             `import`, `diff` and `apply` leave out.\n{NOT_EXPORTED}"
        )
    );
    program.done(&format!("export list {sid} -o a.jsonl"));
    assert_eq!(program.read("a.jsonl").lines().count(), 4);
    let text = program.read("a.jsonl");
    program.cut("a.jsonl", &text, text.len() - 5);
    program.done(&format!("export list {sid} -o a.jsonl --resume"));
    assert_eq!(program.read("a.jsonl"), text);
    let diff = format!("diff list {sid} -f a.jsonl");
    assert_eq!(program.done(&diff), NOT_COMPARED);
    assert_eq!(program.done("diff -f a.jsonl"), NOT_COMPARED);

    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 64);
    assert!(
        err.contains("line 2: the List") && err.contains("has no usable unique name"),
        "{err}"
    );
    program.done("import list copy -f a.jsonl");
    program.done(&format!("import list {sid} -f a.jsonl"));
    assert_eq!(program.list("copy").await, [json!({"n": 1})]);
    let twice: Vec<_> = list.items().try_collect().await.unwrap();
    assert_eq!(twice.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_are_left_out_are_told_of() {
    let program = Program::with(something()).await;
    let permissions = program.sync.documents::<Value>().permissions("desk-7");
    permissions.grant("alice", Access::READ).await.unwrap();
    assert!(program.done("export -o a.jsonl").ends_with(NOT_EXPORTED));
    let end = program.read("a.jsonl");
    let end = end.lines().last().unwrap();
    assert!(end.contains(r#""without_permissions":true"#), "{end}");
    permissions.revoke("alice").await.unwrap();
    for command in ["diff", "apply"] {
        let err = program.done(&format!("{command} -f a.jsonl"));
        assert!(err.starts_with(NOT_COMPARED), "{command}: {err}");
    }
    // Not where nobody wants them, or there can be none.
    let unwanted = "diff -f a.jsonl --permissions false";
    assert_eq!(program.done(unwanted), "");
    for arguments in ["--permissions false", "--permissions true"] {
        let export = format!("export {arguments} -o b.jsonl --force");
        let err = program.done(&export);
        assert!(!err.contains(NOT_EXPORTED), "{err}");
    }
    assert_eq!(program.done("diff -f b.jsonl"), "");
    assert_eq!(program.done("export stream events --quiet"), "");
}

/// A Map that is removed while it is exported is in the file only in part, which is no secret.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_during_an_export_is_told_of() {
    let program = Program::with(something()).await;
    // The second page of its items.
    let fault = Fault::status(404).nth(2).on(Operation::ListSyncMapItem);
    program.emulator.inject(fault);
    let err = program.done("export -o a.jsonl --quiet --permissions false");
    assert_eq!(
        err,
        "The Map \"phones\" was removed meanwhile: the export has only a part of it.\n"
    );
    let warning = "a.jsonl has only a part of 1 object that was removed during the export.\n";
    for command in ["diff", "apply", "import"] {
        let (_, _, err) = program.run(&format!("{command} -f a.jsonl --quiet --permissions false"));
        assert_eq!(err, warning, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_a_limit() {
    let program = Program::start().await;
    fs::write(program.path("a.jsonl"), " ".repeat((1 << 20) + 1)).unwrap();
    fs::write(program.path("b.jsonl.part"), " ".repeat((1 << 20) + 1)).unwrap();
    for (arguments, line) in [
        (
            "import -f a.jsonl",
            "a.jsonl, line 1: it has more than 1048576 bytes",
        ),
        (
            "export -o b.jsonl --resume",
            "b.jsonl.part, line 1: it has more than 1048576 bytes",
        ),
    ] {
        let (code, _, err) = program.run(arguments);
        assert_eq!(code, 64, "{err}");
        assert!(err.contains(line), "{err}");
    }
    // It is read no further than that.
    #[cfg(unix)]
    {
        let (code, _, err) = program.run("import -f /dev/zero");
        assert_eq!(code, 64, "{err}");
    }
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
        lines[1..3].sort();
        lines
    };
    assert_eq!(without_dates("a.jsonl"), without_dates("b.jsonl"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_and_the_program_read_each_others_files() {
    let program = Program::with(json!({
        "documents": [{"unique_name": "desk", "data": {"n": 1}}],
        "maps": [{"unique_name": "map", "items": [{"key": "a", "data": {"n": 1.50}}]}],
    }))
    .await;
    let sync = &program.sync;
    program.done("export map map -o map.jsonl --quiet");
    sync.maps().create("copy").await.unwrap();
    let (map, copy) = (sync.map::<Data>("map"), sync.map::<Data>("copy"));
    let file = program.read("map.jsonl");
    let lines: Vec<String> = file.lines().map(str::to_owned).collect();
    copy.import(stream::iter(lines)).await.unwrap();
    let data = copy.get("a").await.unwrap().data;
    assert_eq!(data.decode::<Value>().unwrap(), json!({"n": 1.5}));

    let mut entries: Vec<_> = map.export(None).try_collect().await.unwrap();
    assert_eq!(file.lines().nth(2), Some(entries[0].to_string().as_str()));
    entries.push(sync.documents::<Data>().export("desk").await.unwrap());
    let lines: Vec<_> = entries.iter().map(ToString::to_string).collect();
    fs::write(program.path("library.jsonl"), lines.join("\n")).unwrap();
    map.remove("a").await.unwrap();
    sync.documents::<Data>().remove("desk").await.unwrap();
    program.done("import -f library.jsonl --quiet");
    assert!(map.get("a").await.unwrap().data.is_same_json(&data));
    assert!(sync.documents::<Data>().get("desk").await.is_ok());
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
            json!({"kind": "list", "unique_name": ""}),
            "the unique name is empty",
        ),
        (
            json!({"kind": "list_permission", "list": "l", "identity": "alice"}),
            "`access`",
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
            json!({"kind": "list_item", "list": "l", "data": {"x": large}}),
            "at most 16384",
        ),
        (
            json!({"kind": "list_item", "list": "l", "data": "x"}),
            "takes only JSON objects",
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
    assert_eq!(program.mode("a.jsonl.import"), 0o600);
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

    // Where somebody else added something, the number of added items is not known.
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
    assert!(
        err.contains("no import of a.jsonl was interrupted"),
        "{err}"
    );
    assert!(!program.path("a.jsonl.import").exists());
}

/// The number of writes of Map items that the emulator was asked for since the last time.
fn item_writes(program: &Program) -> usize {
    let requests = program.emulator.requests();
    program.emulator.clear_requests();
    let is_write = |request: &&LoggedRequest| {
        let operation = request.operation();
        operation == Some(Operation::CreateSyncMapItem)
            || operation == Some(Operation::UpdateSyncMapItem)
    };
    requests.iter().filter(is_write).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_a_map_continues_after_what_was_written() {
    let program = Program::start().await;
    let item = |n: usize| json!({"kind": "map_item", "map": "m", "key": format!("k{n:03}"), "data": {"n": n}});
    let lines: Vec<_> = (0..200).map(item).collect();
    program.write("a.jsonl", &lines);
    let fault = || Fault::status(400).on(Operation::CreateSyncMapItem);
    program.emulator.inject(fault().nth(151));
    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 1, "{err}");
    let missing = 200 - (item_writes(&program) - 1);

    let err = program.done("import -f a.jsonl --resume");
    // Of 8 in flight the 151st request was for item 143 or a later one, and all before it were written: at
    // most 60 items are left, and each takes at most two requests.
    let again = item_writes(&program);
    assert!((missing..=120).contains(&again), "{again}");
    assert!(err.contains(" lines were imported before."), "{err}");
    let map = program.sync.map::<Value>("m");
    let items: Vec<_> = map.items().try_collect().await.unwrap();
    assert_eq!(items.len(), 200);

    // Another Map of the name has none of them.
    program.sync.maps().remove("m").await.unwrap();
    program.emulator.inject(fault().nth(101));
    assert_eq!(program.run("import -f a.jsonl").0, 1);
    program.sync.maps().remove("m").await.unwrap();
    program.emulator.clear_requests();
    program.done("import -f a.jsonl --resume");
    // The first is looked for, and created as the others are.
    assert_eq!(item_writes(&program), 201);
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
async fn each_change_is_a_difference_and_is_applied() {
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
    let revision = map.get(key).await.unwrap().revision;
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

/// A whole export of the Service with these lines.
fn whole(program: &Program, lines: &[Value]) -> Vec<Value> {
    program.done("export -o heading.jsonl --force");
    let heading = program.read("heading.jsonl");
    let heading = serde_json::from_str(heading.lines().next().unwrap()).unwrap();
    let end = json!({"kind": "end", "lines": lines.len()});
    [&[heading], lines, &[end]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_whole_export_says_what_is_extra() {
    let program = Program::with(something()).await;
    program.done("export -o a.jsonl");
    let text = program.read("a.jsonl");
    let lines: Vec<_> = text.lines().collect();
    let last = lines.len() - 1;
    for (text, lacks) in [
        (lines[..last].join("\n"), "an end that counts its lines"),
        (lines[..last - 9].join("\n"), "an end that counts its lines"),
        ([&lines[..3], &lines[4..]].concat().join("\n"), "an end"),
        (format!("{text}{text}").replace("unique_name", "sid"), ""),
        (lines[1..].join("\n"), "its heading"),
        (lines[1..last].join("\n"), "its heading"),
    ] {
        fs::write(program.path("b.jsonl"), text).unwrap();
        let (code, _, err) = program.run("apply -f b.jsonl --prune --yes");
        assert_eq!(code, 64);
        let why = format!("b.jsonl is not a whole export: it lacks {lacks}");
        assert!(lacks.is_empty() || err.contains(&why), "{err}");
    }
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
    // Without it such a file is as good as another.
    fs::write(program.path("b.jsonl"), lines[1..last].join("\n")).unwrap();
    assert_eq!(program.done("diff -f b.jsonl"), "");
    assert_eq!(program.run("import -f b.jsonl").0, 0);
    program.done("apply -f a.jsonl --prune --yes");
    fs::write(program.path("b.jsonl"), lines[..last].join("\n")).unwrap();
    let err = program.done("diff -f b.jsonl");
    assert!(err.contains("b.jsonl is not a whole export"), "{err}");

    // One of another version is not understood.
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    fs::write(program.path("b.jsonl"), newer).unwrap();
    for command in ["import", "diff", "apply"] {
        let (code, _, err) = program.run(&format!("{command} -f b.jsonl"));
        assert_eq!(code, 64);
        assert!(
            err.contains("line 1: it is an export of version 2")
                && err.contains("a newer twilio-sync"),
            "{err}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_one_object_is_of_no_other() {
    let program = Program::with(something()).await;
    program.done("export -o all.jsonl");
    program.done("export map last -o m.jsonl");
    // Without a scope it has its own.
    assert_eq!(program.diff("m.jsonl"), (0, vec![]));
    program.done("apply -f m.jsonl --prune --yes");
    let map = program.sync.map::<Value>("last");
    map.set("j", &json!({})).await.unwrap();
    assert_eq!(
        program.diff("m.jsonl"),
        (2, vec![r#"- map last "j" {}"#.to_owned()])
    );
    for arguments in [
        "map phones -f m.jsonl",
        "map new -f m.jsonl",
        "list log -f m.jsonl",
    ] {
        let (code, _, err) = program.run(&format!("apply {arguments} --prune --yes"));
        assert_eq!(code, 64, "{arguments}: {err}");
    }
    // Its SID is as good as its name, and another's is not.
    let sid = program.sync.maps().search("phones").await.unwrap().unwrap();
    let (code, _, err) = program.run(&format!("apply map {sid} -f m.jsonl --prune --yes"));
    assert_eq!(code, 64, "{err}");
    let sid = program.sync.maps().search("last").await.unwrap().unwrap();
    let (code, _, err) = program.run(&format!("apply map {sid} -f m.jsonl --prune"));
    assert_eq!(code, 64, "{err}");
    // It is said what is to be removed, and from where.
    assert!(
        err.contains("Remove 1 item from the Service IS")
            && err.contains(" \"j\")? Standard input"),
        "{err}"
    );
    program.done(&format!("apply map {sid} -f m.jsonl --prune --yes"));
    assert_eq!(program.diff("all.jsonl"), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_left_alone() {
    let program = Program::with(json!({
        "documents": [{"unique_name": "d", "data": {}}],
        "lists": [
            {"unique_name": "l", "items": [{"data": {"n": 1}}, {"data": {"n": 2}}, {"data": {"n": 1}}]},
            {"unique_name": "k", "items": [{"data": {"n": 1}}]},
            {"unique_name": "two", "items": [
                {"data": {"n": 1}}, {"data": {"n": 2}}, {"data": {"n": 3}},
            ]},
        ],
        "maps": [{"unique_name": "m", "items": [{"key": "k", "data": {"n": 1}}, {"key": "x", "data": {"n": 2}}]}],
    }))
    .await;
    let past = "2020-01-01T00:00:00Z";
    let old =
        |kind: &str, name: &str| json!({"kind": kind, "unique_name": name, "date_expires": past});
    let item =
        |list: &str, data: i32| json!({"kind": "list_item", "list": list, "data": {"n": data}});
    let with_expiry = |mut line: Value| {
        line["date_expires"] = json!(past);
        line
    };
    let lines = [
        with_expiry(json!({"kind": "document", "unique_name": "d", "data": {}})),
        with_expiry(json!({"kind": "document", "unique_name": "gone", "data": {}})),
        // In the List are 1, 2, 1: of these the first is gone, and the second is there for longer.
        with_expiry(item("l", 1)),
        item("l", 1),
        with_expiry(item("l", 2)),
        item("l", 1),
        with_expiry(item("l", 3)),
        with_expiry(item("two", 1)),
        with_expiry(item("two", 2)),
        item("two", 3),
        old("list", "k"),
        item("k", 1),
        json!({"kind": "map", "unique_name": "m"}),
        with_expiry(json!({"kind": "map_item", "map": "m", "key": "k", "data": {"n": 5}})),
        with_expiry(json!({"kind": "map_item", "map": "m", "key": "gone", "data": {"n": 5}})),
    ];
    program.write("a.jsonl", &whole(&program, &lines));
    let (code, lines) = program.diff("a.jsonl");
    assert_eq!(
        (code, lines),
        (2, vec![r#"- map m "x" {"n":2}"#.to_owned()])
    );
    let err = program.done("apply -f a.jsonl --prune --yes");
    assert!(
        err.contains("Left out 11 lines that expired meanwhile.\nCreated 0, updated 0, removed 1."),
        "{err}"
    );
    assert_eq!(
        program.list("l").await,
        [json!({"n": 1}), json!({"n": 2}), json!({"n": 1})]
    );
    // Where all has expired it says nothing of what is extra.
    program.write("a.jsonl", &whole(&program, &[old("list", "l")]));
    let (code, _, err) = program.run("apply -f a.jsonl --prune --yes");
    assert_eq!(code, 64);
    assert!(err.contains("has expired meanwhile"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_service_destroys_nothing() {
    let program = Program::with(something()).await;
    program.done("export -o a.jsonl");
    let text = program.read("a.jsonl");
    for operation in [Operation::FetchService, Operation::ListDocument] {
        let fault = Fault::status(400).on(operation).always();
        program.emulator.inject(fault);
        let (code, _, err) = program.run("export -o a.jsonl --force");
        assert_eq!(code, 1, "{err}");
        // There is nothing to be gone on with.
        assert!(!err.contains("--resume"), "{err}");
        assert!(!program.path("a.jsonl.part").exists());
        assert_eq!(program.read("a.jsonl"), text);
        program.emulator.clear_faults();
    }
    let fault = Fault::status(400).on(Operation::ListSyncListItem);
    program.emulator.inject(fault);
    let (code, _, err) = program.run("export -o a.jsonl --force");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("a.jsonl.part"), "{err}");
    assert_eq!(program.read("a.jsonl"), text);
    program.done("export -o a.jsonl --force --resume");
    assert_eq!(program.read("a.jsonl"), text);
    // What somebody else has open is not it.
    let file = fs::File::open(program.path("a.jsonl")).unwrap();
    program.done("export doc desk-7 -o a.jsonl --force");
    assert_eq!(std::io::read_to_string(file).unwrap(), text);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_is_told_by_the_exit_code() {
    let item = |n: i32| json!({"key": format!("k{n}"), "data": {"x": "x".repeat(8_000)}});
    let items: Vec<_> = (0..60).map(item).collect();
    let program = Program::with(json!({"maps": [{"unique_name": "m", "items": items}]})).await;
    let script = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        for (name, value) in program.command("").get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("program", env!("CARGO_BIN_EXE_twilio-sync"));
        told(&command.current_dir(program.folder.path()).output().unwrap())
    };
    let (_, _, err) = script(
        "mkfifo fifo; head -c 1 fifo > one & \"$program\" export -o fifo; echo \"code $?\" >&2",
    );
    assert!(
        err.contains("error: fifo: ") && err.contains("code 1"),
        "{err}"
    );
    let (_, _, err) = script("{ \"$program\" export; echo \"code $?\" >&2; } | head -c 1");
    assert_eq!(err, "code 141\n");
    program.done("export -o a.jsonl");
    program.sync.maps().remove("m").await.unwrap();
    let (_, _, err) =
        script("{ \"$program\" diff -f a.jsonl --quiet; echo \"code $?\" >&2; } | head -c 1");
    assert_eq!(err, "code 2\n");
}

/// Runs a command that is held up where it asks for Message Streams, and does something meanwhile.
async fn meanwhile(program: &Program, arguments: &str, run: impl AsyncFnOnce()) -> (i32, String) {
    let fault = Fault::delay(Duration::from_secs(1)).on(Operation::ListSyncStream);
    program.emulator.inject(fault);
    program.emulator.clear_requests();
    let mut command = program.command(arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let is_compared =
        |request: &LoggedRequest| operation(request) == Some(Operation::ListSyncMapItem);
    while !program.emulator.requests().iter().any(is_compared) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    run().await;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output());
    let (code, _, err) = told(&output.await.unwrap().unwrap());
    (code, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_again_meanwhile_is_not_what_was_compared() {
    let program = Program::with(json!({
        "documents": [{"unique_name": "d", "data": {"n": 1}}],
        "maps": [{"unique_name": "m", "items": [{"key": "k", "data": {"n": 1}}]}],
    }))
    .await;
    program.done("export -o a.jsonl");
    let (documents, maps) = (program.sync.documents::<Value>(), program.sync.maps());
    let (mine, theirs) = (json!({"n": 2}), json!({"n": 3}));
    documents.update("d", &mine).await.unwrap();
    let renewed = async || {
        documents.remove("d").await.unwrap();
        documents.create("d", &theirs).await.unwrap();
    };
    let (code, err) = meanwhile(&program, "apply -f a.jsonl", renewed).await;
    assert_eq!(code, 4, "{err}");
    assert!(
        err.contains("error: doc d: ") && err.contains("run this again"),
        "{err}"
    );
    assert_eq!(documents.get("d").await.unwrap().data, theirs);
    program.done("apply -f a.jsonl");

    let map = program.sync.map::<Value>("m");
    map.set("k", &mine).await.unwrap();
    let renewed = async || {
        maps.remove("m").await.unwrap();
        maps.create("m").await.unwrap();
        map.set("k", &theirs).await.unwrap();
    };
    let (code, err) = meanwhile(&program, "apply -f a.jsonl", renewed).await;
    assert_eq!(code, 4, "{err}");
    assert_eq!(map.get("k").await.unwrap().data, theirs);
    program.done("apply -f a.jsonl");

    // An extra Document that is written meanwhile.
    documents.create("e", &mine).await.unwrap();
    let written = async || drop(documents.update("e", &theirs).await.unwrap());
    let (code, err) = meanwhile(&program, "apply -f a.jsonl --prune --yes", written).await;
    assert_eq!(code, 4, "{err}");
    assert_eq!(documents.get("e").await.unwrap().data, theirs);
    program.done("apply -f a.jsonl --prune --yes");
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_as_it_came() {
    let program = Program::start().await;
    let data = json!({"text": "\u{7f}".repeat(8_000)});
    program.write(
        "a.jsonl",
        &[
            json!({"kind": "document", "unique_name": "d", "data": data}),
            json!({"kind": "list_item", "list": "l", "data": data}),
            json!({"kind": "map_item", "map": "m", "key": "k", "data": data}),
        ],
    );
    program.done("import -f a.jsonl");
    program.done("diff -f a.jsonl");
    let item = program.sync.map::<Value>("m").get("k").await.unwrap();
    assert_eq!(item.data, data);
}

#[test]
fn an_export_does_not_steer_a_terminal() {
    let mut session = Session::new();
    session.export("TWILIO_SYNC_LOCAL", "1");
    session.pipe("printf '{\"a\":\"\\302\\23331m\"}' | twilio-sync doc set d - --quiet");
    let export = "twilio-sync export doc d --quiet";
    let seen = session.terminal(export, "").output;
    assert!(seen.contains(r#""\u009b31m""#), "{seen:?}");
    assert!(session.pipe(export).output.contains("\"\u{9b}31m\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_of_a_file_runs_at_a_time() {
    let program = Program::start().await;
    program.write("a.jsonl", &log(40));
    let slow = Fault::delay(Duration::from_millis(50));
    program
        .emulator
        .inject(slow.on(Operation::CreateSyncListItem).always());
    let mut child = program.command("import -f a.jsonl").spawn().unwrap();
    let begun = Instant::now();
    while !program.path("a.jsonl.import").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for arguments in ["", " --resume", " --restart"] {
        let (code, _, err) = program.run(&format!("import -f a.jsonl{arguments}"));
        assert_eq!(code, 1);
        assert!(err.contains("an import of a.jsonl is running"), "{err}");
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(program.list("log").await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_of_its_file_and_no_other() {
    let program = Program::start().await;
    program.write("a.jsonl", &log(4));
    let fail = |nth| {
        let fault = Fault::status(400).on(Operation::CreateSyncListItem);
        program.emulator.inject(fault.nth(nth));
        assert_eq!(program.run("import -f a.jsonl").0, 1);
    };
    fail(2);
    let text = program.read("a.jsonl");
    fs::write(program.path("a.jsonl"), text.replace('0', "9")).unwrap();
    let (code, _, err) = program.run("import -f a.jsonl --resume");
    assert_eq!(code, 64);
    assert!(
        err.contains("a.jsonl was changed since") && err.contains("--restart"),
        "{err}"
    );
    fs::write(program.path("a.jsonl"), text).unwrap();
    assert_eq!(
        program.done("import -f a.jsonl --resume"),
        "Imported 1 List with 3 items.\n1 line was imported before.\n"
    );
    // Another file in its place is not touched.
    for foreign in ["of somebody else", "of somebody else\n", "{}\n"] {
        fs::write(program.path("a.jsonl.import"), foreign).unwrap();
        for arguments in ["", " --resume", " --restart"] {
            let (code, _, err) = program.run(&format!("import -f a.jsonl{arguments}"));
            assert_eq!(code, 64);
            assert!(
                err.contains("a.jsonl.import is no journal of an import"),
                "{err}"
            );
        }
        assert_eq!(program.read("a.jsonl.import"), foreign);
    }
    // A journal that came to nothing is one.
    for journal in ["", "{\"serv", "{\"service\":\"IS"] {
        fs::write(program.path("a.jsonl.import"), journal).unwrap();
        program.done("import -f a.jsonl");
    }
    // Where there can be none, there is a way without.
    fs::create_dir(program.path("a.jsonl.import")).unwrap();
    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 1);
    assert!(err.contains("hint: from standard input"), "{err}");
    #[cfg(unix)]
    {
        let file = fs::File::open(program.path("a.jsonl")).unwrap();
        let mut command = program.command("import -f /dev/stdin");
        let (code, _, err) = told(&command.stdin(file).output().unwrap());
        assert_eq!(code, 0, "{err}");
        let (code, _, err) = program.run("import -f /dev/stdin --resume");
        assert_eq!(code, 64);
        assert!(err.contains("it is not from a file"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_first_what_is_in_the_way() {
    let program = Program::start().await;
    program.write("a.jsonl", &log(4));
    let fault = Fault::status(401).on(Operation::CreateSyncListItem);
    program.emulator.inject(fault);
    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 5);
    assert!(
        err.contains("hint: `twilio-sync doctor`")
            && err.contains("; then run the same with --resume"),
        "{err}"
    );
    let (code, _, err) = program.run("import a.jsonl");
    assert_eq!(code, 64);
    assert!(err.contains("--file a.jsonl"), "{err}");
    let (_, _, err) = program.run("export a.jsonl");
    assert!(err.contains("--output a.jsonl"), "{err}");
}

/// A Service with an ACL, settings and permissions, and with what only other clients can make.
fn everything() -> Value {
    let rights = |identity: &str, write: bool| json!({"identity": identity, "read": true, "write": write, "manage": false});
    let mut service = something();
    let settings = json!({
        "friendly_name": "Desks",
        "acl_enabled": true,
        "webhook_url": "https://user:secret@example.com/sync?token=secret",
        "reachability_webhooks_enabled": true,
        "reachability_debouncing_enabled": true,
        "reachability_debouncing_window": 7000,
    });
    for (name, value) in settings.as_object().unwrap() {
        service[name] = value.clone();
    }
    for (kind, at, identity) in [
        ("documents", 0, "alice"),
        ("lists", 1, "bob"),
        ("maps", 1, "é/.."),
    ] {
        service[kind][at]["permissions"] = json!([rights(identity, true), rights("..", false)]);
    }
    for (kind, object) in [
        ("documents", json!({"unique_name": "..", "data": {}})),
        (
            "documents",
            json!({"data": {}, "permissions": [rights("alice", true)]}),
        ),
        ("lists", json!({"items": [{"data": {}}]})),
        (
            "maps",
            json!({"unique_name": "odd", "items": [{"key": "..", "data": {}}]}),
        ),
        ("streams", json!({})),
    ] {
        service[kind].as_array_mut().unwrap().push(object);
    }
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_and_settings_there_and_back() {
    let program = Program::with(everything()).await;
    let other = program.sync.services().create("other").await.unwrap();
    let there = |arguments: &str| format!("--service {} {arguments}", other.sid);
    let err = program.done("export -o a.jsonl --quiet");
    assert_eq!(
        err,
        "Exported 4 objects without a usable unique name, which `import`, `diff` and `apply` leave \
         out.\nExported 4 records whose key or identity no path can carry, which \
         `import`, `diff` and `apply` leave out.\n"
    );
    let left_out = "Left out 4 objects without a usable unique name, of the export.\n";
    let unaddressable = "Left out 4 records whose key or identity no path can carry.\n";
    let all_left_out = format!("{left_out}{unaddressable}");
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
    let dry_run = there("apply -f a.jsonl --dry-run --quiet");
    let (code, out, err) = program.run(&dry_run);
    assert_eq!((code, err), (2, all_left_out.clone()));
    assert!(!out.contains("secret"), "{out}");
    assert!(out.contains("~ service webhook_url \"\" -> \"https://***@example.com/sync?***\"\n"));
    assert!(
        out.contains("+ map last permission \"é/..\" read, write\n"),
        "{out}"
    );
    assert_eq!(
        program.done(&there("apply -f a.jsonl --quiet")),
        all_left_out
    );
    assert_eq!(program.done(&there("diff -f a.jsonl")), all_left_out);

    // An import does the same, also when it is resumed.
    program.emulator.reset();
    let fault = Fault::status(400).on(Operation::UpdateSyncMapPermission);
    program.emulator.inject(fault);
    let (code, _, err) = program.run("import -f a.jsonl");
    assert_eq!(code, 1, "{err}");
    let service = program.sync.services().get("default").await.unwrap();
    assert!(service.acl_enabled && service.webhook_url.is_none());
    program.done("import -f a.jsonl --resume");
    assert_eq!(program.done("diff -f a.jsonl"), all_left_out);

    // `diff` shows changed permissions and settings; `apply --prune` removes extra permissions.
    let permissions = program.sync.documents::<Value>().permissions("desk-7");
    permissions.grant("alice", Access::READ).await.unwrap();
    permissions.grant("dave", Access::READ).await.unwrap();
    let update = program.sync.services().update("default").acl_enabled(false);
    update.await.unwrap();
    let lines = [
        "~ service acl_enabled false -> true",
        "~ doc desk-7 permission \"alice\" read -> read, write",
        "- doc desk-7 permission \"dave\" read",
    ];
    assert_eq!(
        program.diff("a.jsonl"),
        (2, lines.map(str::to_owned).to_vec())
    );
    let (_, out, _) = program.run("diff -f a.jsonl --json");
    let json: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rights = |write: bool| json!({"read": true, "write": write, "manage": false});
    assert_eq!(
        json[..2],
        [
            json!({
                "change": "update", "kind": "setting", "name": "acl_enabled", "value": true, "was": false,
            }),
            json!({
                "change": "update", "kind": "document_permission", "document": "desk-7",
                "identity": "alice", "access": rights(true), "was": {"access": rights(false)},
            }),
        ]
    );
    // Either can be left alone.
    let (_, out, _) = program.run("diff -f a.jsonl --settings false");
    assert_eq!(out.lines().count(), 2);
    assert_eq!(
        program
            .run("diff -f a.jsonl --settings false --permissions false")
            .0,
        0
    );
    program.done("apply -f a.jsonl --quiet");
    assert_eq!(program.diff("a.jsonl"), (2, vec![lines[2].to_owned()]));
    let (code, _, err) = program.run("apply -f a.jsonl --prune");
    assert_eq!(code, 64);
    assert!(
        err.contains("Remove 1 permission from the Service"),
        "{err}"
    );
    program.done("apply -f a.jsonl --prune --yes");
    assert_eq!(program.diff("a.jsonl"), (0, vec![]));
    // One object says nothing of the settings.
    program.done("export map last -o m.jsonl --quiet");
    assert!(!program.read("m.jsonl").contains("settings"));
    let update = program.sync.services().update("default").acl_enabled(false);
    update.await.unwrap();
    program.done("apply -f m.jsonl --prune --yes");
    assert_eq!(program.diff("m.jsonl"), (0, vec![]));
}

/// Imports from 8 processes into one Map, which know nothing of each other.
async fn eight_imports(items: u32, data: Value, rate: f64, most_refused: f64) {
    const PROCESSES: u32 = 8;
    let emulator = Emulator::builder().rate_limits(true).start().await.unwrap();
    let program = Program::on(emulator);
    for number in 0..PROCESSES {
        let item = |n| json!({"kind": "map_item", "map": "m", "key": format!("{number}-{n}"), "data": data});
        let lines: Vec<_> = (0..items).map(item).collect();
        program.write(&format!("{number}.jsonl"), &lines);
    }
    program.sync.maps().create("shared").await.unwrap();
    program.emulator.clear_requests();
    let started = chrono::Utc::now();
    let imports: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let import = format!("import map shared -f {number}.jsonl --quiet");
            program.command(&import).spawn().unwrap()
        })
        .collect();
    for mut import in imports {
        assert!(import.wait().unwrap().success());
    }

    // For each write of an item: the seconds since the start, its process, and its status.
    let mut writes = Vec::new();
    for request in program.emulator.requests() {
        let (_, key) = match request.operation() {
            Some(Operation::UpdateSyncMapItem) => request.path().rsplit_once('/').unwrap(),
            Some(Operation::CreateSyncMapItem) => ("", request.path()),
            _ => continue,
        };
        let created = request.form_value("Key");
        let key = created.as_deref().unwrap_or(key);
        let number: usize = key.split('-').next().unwrap().parse().unwrap();
        let seconds = (request.received() - started).as_seconds_f64();
        writes.push((seconds, number, request.status().unwrap().as_u16()));
    }
    let part = |of: &dyn Fn(&(f64, usize, u16)) -> bool,
                among: &dyn Fn(&(f64, usize, u16)) -> bool| {
        let all = writes.iter().filter(|it| among(it));
        let some = all.clone().filter(|it| of(it)).count();
        f64::from(u32::try_from(some).unwrap()) / f64::from(u32::try_from(all.count()).unwrap())
    };
    let refused = part(&|it| it.2 == 429, &|it| it.0 > 10.0);
    let wrong = part(&|it| it.2 == 404 || it.2 == 409, &|it| it.2 != 429);
    // When each process had written all.
    let ends: Vec<f64> = (0..PROCESSES as usize)
        .map(|number| {
            let own = writes.iter().filter(|it| it.1 == number);
            own.map(|it| it.0).fold(0.0, f64::max)
        })
        .collect();
    let (first, last) = ends.iter().fold((f64::MAX, 0.0_f64), |(first, last), end| {
        (first.min(*end), last.max(*end))
    });
    let throughput_until = |end: f64| {
        let written = writes.iter().filter(|it| it.2 < 300 && it.0 <= end).count();
        f64::from(u32::try_from(written).unwrap()) / (end * rate)
    };
    let (together, whole) = (throughput_until(first), throughput_until(last));
    let rates: Vec<f64> = ends.iter().map(|end| f64::from(items) / end).collect();
    let sum: f64 = rates.iter().sum();
    let jain = sum * sum / (8.0 * rates.iter().map(|rate| rate * rate).sum::<f64>());
    println!(
        "{items} items each: {together:.2} of the rate in the {first:.0} s until the first process ended, \
         {whole:.2} in all {last:.0} s; {refused:.3} refused after 10 s; {wrong:.3} wrong expectations; \
         Jain's index {jain:.3}, {rates:.2?}"
    );
    assert!(together >= 0.9, "{together}");
    // Those that end last take minutes to take over what the others leave.
    assert!(whole >= 0.7, "{whole}");
    assert!(refused <= most_refused, "{refused}");
    assert!(jain >= 0.9, "{jain}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn eight_imports_of_large_items_share_the_rate_of_a_map() {
    eight_imports(60, json!({"text": "x".repeat(11_000)}), 2.0, 0.12).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn eight_imports_of_small_items_share_the_rate_of_a_map() {
    eight_imports(200, json!({}), 20.0, 0.1).await;
}
