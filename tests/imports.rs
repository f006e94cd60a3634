//! Checks the direction of imports between the rooms of the library, of the emulator and of the
//! program.
//!
//! A room is a folder or a file directly under one of their roots: `src/`, `src/emulator/` and
//! `src/bin/twilio-sync/`. The tokens of each file are read, so macro bodies count, while comments,
//! strings and test modules do not. `lib.rs` is the front door and may import all, as `main.rs` may.
//! Generated code is not read. That the program has only the public API of the library is the
//! compiler's to check.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenTree::{Group, Ident, Punct};
use proc_macro2::{TokenStream, TokenTree};

/// The floors of the crate, from the ground up: a room may import rooms of the floors listed before
/// its own, and no others. Rooms on the same floor do not import each other.
const ORDER: &[&[&str]] = &[
    &["value"],
    &["error"],
    &["api"],
    &["transport"],
    &["client"],
    &["resource"],
    &["objects", "items"],
    &["documents", "lists", "maps", "streams", "services"],
    &["permissions"],
    &["conformance"],
    &["export"],
    &["tokens", "webhooks"],
    &["twilsock"],
    &["realtime"],
    &["emulator"],
];

/// The floors of the program.
const PROGRAM: &[&[&str]] = &[&["io"], &["shell"], &["transfer"], &["commands"]];

/// The floors of the emulator. The files beside these folders are on top of them.
const EMULATOR: &[&[&str]] = &[
    &["store"],
    &["subscribers"],
    &["core"],
    &["http", "realtime"],
];

/// A root and the floors of its rooms.
type House = (&'static str, &'static [&'static [&'static str]]);

/// The crates. A file belongs to the first one that has it.
const CRATES: &[House] = &[("src/bin/twilio-sync", PROGRAM), ("src", ORDER)];

/// All roots whose rooms are checked.
const HOUSES: &[House] = &[CRATES[0], CRATES[1], ("src/emulator", EMULATOR)];

/// The files on top of the rooms of a root, which may import all of them, as its root file may.
const TOP: &[&str] = &[
    "src/emulator/builder",
    "src/emulator/client",
    "src/emulator/in_process",
    "src/emulator/server",
];

/// Rooms that may import only some of the rooms before them: the room, and what it may import.
#[rustfmt::skip]
const LIMITED: &[(&str, &[&str])] = &[
    ("emulator", &["value", "error", "api", "transport", "client", "tokens", "webhooks", "twilsock"]),
];

/// The text of each file, by its path in the package.
type Files = BTreeMap<PathBuf, String>;

/// A path to something in this crate: its line, and what it names. Names are written as paths of
/// files: `crate::api::Call` is `src/api/Call`.
type Import = (usize, PathBuf);

/// The imports of each file, without test modules.
fn imports(files: &Files) -> BTreeMap<&Path, Vec<Import>> {
    let (mut imports, mut tests) = (BTreeMap::new(), Vec::new());
    for (file, text) in files {
        let mut scan = Scan::default();
        match text.parse() {
            Ok(tokens) => scan.walk(tokens, &module(file)),
            Err(error) => panic!("{}: {error}", file.display()),
        }
        imports.insert(file.as_path(), scan.imports);
        tests.extend(scan.tests);
    }
    imports.retain(|file, _| !tests.iter().any(|test| module(file).starts_with(test)));
    imports
}

fn module(file: &Path) -> PathBuf {
    match file.file_stem() {
        Some(name) if name != "mod" && name != "lib" && name != "main" => file.with_extension(""),
        _ => parent(file),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// The root and the floors of the crate that a module or a name is in.
fn crate_of(path: &Path) -> House {
    let found = CRATES.iter().find(|(root, _)| path.starts_with(root));
    *found.unwrap_or_else(|| panic!("{}: in no crate", path.display()))
}

/// The room under `root` that a module or a name is in. The root file and those on top are in none.
fn room<'a>(root: &str, path: &'a Path) -> Option<&'a str> {
    let within = path.strip_prefix(root).ok()?;
    let is_on_top = TOP.iter().any(|top| root != "src" && path.starts_with(top));
    let name = within.components().next()?.as_os_str().to_str()?;
    (!is_on_top).then_some(name)
}

#[derive(Default)]
struct Scan {
    imports: Vec<Import>,
    /// Modules in files of their own that are for tests only.
    tests: Vec<PathBuf>,
}

impl Scan {
    /// Reads tokens that stand in `module`, and those in groups among them.
    fn walk(&mut self, tokens: TokenStream, module: &Path) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let words: Vec<String> = tokens.iter().map(ToString::to_string).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut test_only = false; // Whether the next item is.
        for (at, token) in tokens.iter().enumerate() {
            let line = token.span().start().line;
            match (token, &words[..at], &words[at..]) {
                (Group(attribute), [.., "#"], _) if is_test(&attribute.stream()) => {
                    test_only = true;
                }
                (Group(_), [.., "mod", _], _) if test_only => {}
                (Group(body), [.., "mod", name], _) => self.walk(body.stream(), &module.join(name)),
                (_, [.., "mod", name], _) if test_only => self.tests.push(module.join(name)),
                (Group(_), [.., "pub"], [scope, ..]) if scope.starts_with("(in ") => {}
                (_, [.., ":", ":"], _) => {} // The rest of a path, which is read with its start.
                (Group(group), ..) => self.walk(group.stream(), module),
                (_, _, ["crate", ":", ":", ..]) => {
                    self.read(&tokens[at..], line, Path::new(crate_of(module).0));
                }
                (_, _, ["super" | "self", ":", ":", ..]) => self.read(&tokens[at..], line, module),
                _ => {}
            }
            test_only &= words[at] != ";" && !words[at].starts_with('{');
        }
    }

    /// Reads a path or use tree, or the rest of one that has named `base`. It starts at `line`.
    fn read(&mut self, tokens: &[TokenTree], line: usize, base: &Path) {
        match tokens {
            [Ident(word), rest @ ..] => {
                let path = match word.to_string().as_str() {
                    "crate" | "self" => base.to_owned(),
                    "super" => parent(base),
                    name => base.join(name),
                };
                match rest {
                    [one, two, rest @ ..] if is(one, ':') && is(two, ':') => {
                        self.read(rest, line, &path);
                    }
                    _ => self.imports.push((line, path)),
                }
            }
            [Group(group), ..] => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let branches = tokens.split(|token| is(token, ','));
                branches.for_each(|branch| self.read(branch, line, base));
            }
            // `*`, `<` or, in macros, `$`.
            [_, ..] => self.imports.push((line, base.to_owned())),
            [] => {}
        }
    }
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, Punct(punct) if punct.as_char() == mark)
}

/// Whether an attribute is `cfg(test)` or a `cfg(all(…))` with `test` in it.
fn is_test(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    let words: Vec<&str> = text.split([' ', '(', ')', ',']).collect();
    let has = |word| words.contains(&word);
    words[0] == "cfg" && has("test") && !has("any") && !has("not")
}

/// The imports that break the order, one a line.
fn findings((root, order): House, files: &Files) -> String {
    let modules: Vec<PathBuf> = files.keys().map(|file| module(file)).collect();
    let rooms: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| room(root, module))
        .collect();
    let mut found = BTreeSet::new();
    for (file, imports) in imports(files) {
        let module = module(file);
        let Some(own) = room(root, &module) else {
            continue;
        };
        if floor(order, own).is_none() {
            let fault = format!("{own}: unknown room; give it a place in the order");
            found.insert((file, 1, fault));
        }
        let inside = |(_, target): &Import| target.starts_with(root);
        for (line, target) in imports.into_iter().filter(inside) {
            let fault = match room(root, &target) {
                Some(other) if rooms.contains(other) => direction_fault(order, own, other),
                _ => Some(door_fault(&target)),
            };
            found.extend(fault.map(|fault| (file, line, fault)));
        }
    }
    let lines = found
        .iter()
        .map(|(file, line, fault)| format!("{}:{line}: {fault}", file.display()));
    lines.collect::<Vec<_>>().join("\n")
}

fn floor(order: &[&[&str]], room: &str) -> Option<usize> {
    order.iter().position(|floor| floor.contains(&room))
}

/// What is wrong with an import from the room `other` in the room `own`.
fn direction_fault(order: &[&[&str]], own: &str, other: &str) -> Option<String> {
    let bars = |(room, allowed): &(&str, &[&str])| *room == own && !allowed.contains(&other);
    let fault = match floor(order, other)?.cmp(&floor(order, own)?) {
        _ if own == other => return None,
        Ordering::Greater => format!("points up ({other} stands above {own} in the order)"),
        Ordering::Equal => format!("points aside ({other} stands beside {own} in the order)"),
        Ordering::Less if LIMITED.iter().any(bars) => format!("is not among the imports of {own}"),
        Ordering::Less => return None,
    };
    Some(format!("{own} -> {other} {fault}"))
}

fn door_fault(target: &Path) -> String {
    let within = target.strip_prefix(crate_of(target).0).unwrap_or(target);
    let name = Path::new("crate").join(within).display().to_string();
    let name = name
        .trim_end_matches(['/', '\\'])
        .replace(['/', '\\'], "::");
    format!("{name} goes through the front door; name the room")
}

/// For each file, the files of other rooms that it imports from.
fn graph<'a>(root: &str, files: &'a Files) -> BTreeMap<&'a Path, BTreeSet<&'a Path>> {
    let modules: BTreeMap<PathBuf, &Path> =
        files.keys().map(|file| (module(file), &**file)).collect();
    let file_of = |name: &Path| name.ancestors().find_map(|name| modules.get(name));
    let mut graph = BTreeMap::new();
    for (file, imports) in imports(files) {
        let others = imports.iter().filter_map(|(_, target)| file_of(target));
        let own = module(file);
        let others = others.filter(|other| {
            let other = module(other);
            let rooms = room(root, &own).zip(room(root, &other));
            rooms.is_some_and(|(own, other)| own != other)
        });
        graph.insert(file, others.copied().collect());
    }
    graph
}

/// A circle of files in different rooms, if there is one.
fn circle(root: &str, files: &Files) -> Option<String> {
    let mut graph = graph(root, files);
    // Goes from each file to one that it imports from, and takes away those that lead nowhere.
    let mut route: Vec<&Path> = Vec::new();
    while let Some(file) = route.last().or(graph.keys().next()).copied() {
        let next = graph[file].iter().find(|next| graph.contains_key(*next));
        let Some(next) = next.copied() else {
            graph.remove(file);
            route.pop();
            continue;
        };
        let start = route.iter().position(|file| *file == next);
        route.push(next);
        if let Some(start) = start {
            let names = route[start..].iter().map(|file| file.display().to_string());
            return Some(names.collect::<Vec<_>>().join(" -> "));
        }
    }
    None
}

fn read_folder(folder: &Path) -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for entry in fs::read_dir(root.join(folder)).expect("a folder") {
        let path = folder.join(entry.expect("an entry").file_name());
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(root.join(&path)).expect("a file of text");
            files.insert(path, text);
        } else if root.join(&path).is_dir() && path != Path::new("src/bin") {
            files.extend(read_folder(&path));
        }
    }
    files
}

#[test]
fn imports_follow_the_order() {
    for (root, order) in HOUSES {
        let findings = findings((root, order), &read_folder(Path::new(root)));
        assert!(findings.is_empty(), "\n{findings}");
    }
}

#[test]
fn no_circle_of_files_crosses_rooms() {
    for (root, _) in HOUSES {
        assert_eq!(circle(root, &read_folder(Path::new(root))), None);
    }
}

#[test]
fn paths_are_found() {
    let cases = r#"
use crate::{a::b, c::{self, d as e}, f::*,}; -- src/a/b src/c src/c/d src/f
use crate::a as b; -- src/a
use super::super::a::B; use super::c; use self::d; -- src/a/B src/x/c src/x/y/d
mod z { fn f() { super::g() } } use super::h; -- src/x/y/g src/x/h
macro_rules! m { ($t:ty) => { $crate::a::b!($crate::c::D<$t>) } } -- src/a/b src/c/D
macro_rules! m { ($t:ident) => { $crate::a::$t; } } -- src/a
fn f(_: crate::a::B<crate::c::D>) { for _ in crate::e::F { g } } -- src/a/B src/c/D src/e/F
#[derive(crate::a::B)] struct C(pub crate::d::E); -- src/a/B src/d/E
#[cfg(test)] use a::b; mod c { use crate::d; } -- src/d
#[cfg(not(test))] mod a { use crate::b; } -- src/b
pub(in crate::a) struct B(pub(crate) C, pub(in super::super) D); --
const A: &str = concat!("crate::a::b", "'crate::a"); --
/* crate::b */ /** crate::c */ fn f() {} // crate::d --
#[cfg(test)] mod tests { use crate::a; mod b { use crate::c; } } --
#[cfg(all(test, feature = "a"))] #[b] pub(crate) mod c { use crate::d; } --"#;
    for case in cases.trim().lines() {
        let (text, expected) = case.split_once(" --").expect("a text and what it names");
        let files = planted(&format!("src/x/y.rs: {text}"));
        let found = imports(&files).into_values().flatten();
        let found = found.map(|(_, target)| format!(" {}", target.display()));
        assert_eq!(found.collect::<String>(), expected, "{text}");
    }
}

/// Files, each as a line of its path and its text.
fn planted(lines: &str) -> Files {
    let mut files = Files::new();
    for line in lines.trim().lines() {
        let (path, text) = line.split_once(": ").expect("a path and a text");
        files.insert(path.into(), text.replace("\\n", "\n"));
    }
    files
}

#[test]
fn imports_against_the_order_are_found() {
    let files = "
src/cellar/mod.rs: use crate::items::Item;
src/client/mod.rs: use crate::error::Error;
src/client/tests/a.rs: use crate::emulator::Emulator;
src/emulator/mod.rs: use crate::client::Client; use crate::items::Item;
src/error.rs: use crate::value::Sid; use crate::Client; use super::*;
src/items.rs: use crate::objects::Object; #[cfg(test)] mod tests;
src/items/tests/a.rs: use crate::emulator::Emulator;
src/lib.rs: pub use crate::client::Client; pub use crate::Client as C;
src/objects.rs: use self::Object;
src/value/mod.rs: use super::error::Error;
src/value/sid.rs: \\n\\nuse crate::{client::{Client, Builder}, value::name};";
    let expected = "\
src/cellar/mod.rs:1: cellar: unknown room; give it a place in the order
src/client/tests/a.rs:1: client -> emulator points up (emulator stands above client in the order)
src/emulator/mod.rs:1: emulator -> items is not among the imports of emulator
src/error.rs:1: crate goes through the front door; name the room
src/error.rs:1: crate::Client goes through the front door; name the room
src/items.rs:1: items -> objects points aside (objects stands beside items in the order)
src/value/mod.rs:1: value -> error points up (error stands above value in the order)
src/value/sid.rs:3: value -> client points up (client stands above value in the order)";
    assert_eq!(findings(HOUSES[1], &planted(files)), expected);
}

#[test]
fn the_program_has_an_order_of_its_own() {
    let files = "
src/bin/twilio-sync/main.rs: use crate::commands::Arguments; use crate::io::failure::Exit;
src/bin/twilio-sync/api/mod.rs: use crate::io::output::print;
src/bin/twilio-sync/commands/mod.rs: use self::api::Call; use crate::transfer::export; use super::run;
src/bin/twilio-sync/commands/api.rs: use super::Arguments; use twilio_sync::kind::Kind;
src/bin/twilio-sync/io/failure.rs: use std::io; macro_rules! m { () => { $crate::shell::Session } }
src/bin/twilio-sync/shell/session.rs: \\nuse crate::{io::output, commands::api::Call};
src/bin/twilio-sync/transfer/export.rs: use crate::Arguments; use crate::shell::Session;";
    let expected = "\
src/bin/twilio-sync/api/mod.rs:1: api: unknown room; give it a place in the order
src/bin/twilio-sync/commands/mod.rs:1: crate::run goes through the front door; name the room
src/bin/twilio-sync/io/failure.rs:1: io -> shell points up (shell stands above io in the order)
src/bin/twilio-sync/shell/session.rs:2: shell -> commands points up (commands stands above shell in the order)
src/bin/twilio-sync/transfer/export.rs:1: crate::Arguments goes through the front door; name the room";
    assert_eq!(findings(HOUSES[0], &planted(files)), expected);
}

#[test]
fn the_emulator_has_an_order_of_its_own() {
    let files = "
src/emulator/attic/mod.rs: use super::store::Sid;
src/emulator/core/log.rs: use super::parameters::P; use crate::api::Call;
src/emulator/http/mod.rs: use super::core::Core; use crate::emulator::server::Socket;
src/emulator/mod.rs: use self::http::Api; use self::server::serve;
src/emulator/server.rs: use super::http::Api; use super::Emulator;
src/emulator/store/mod.rs: \\n\\nuse crate::emulator::{Emulator, subscribers::recent::Recent};
src/emulator/subscribers/mod.rs: use super::store::Sid; mod a { use super::super::core::Log; }";
    let expected = "\
src/emulator/attic/mod.rs:1: attic: unknown room; give it a place in the order
src/emulator/http/mod.rs:1: crate::emulator::server::Socket goes through the front door; name the room
src/emulator/store/mod.rs:3: crate::emulator::Emulator goes through the front door; name the room
src/emulator/store/mod.rs:3: store -> subscribers points up (subscribers stands above store in the order)
src/emulator/subscribers/mod.rs:1: subscribers -> core points up (core stands above subscribers in the order)";
    assert_eq!(findings(HOUSES[2], &planted(files)), expected);

    let files = "
src/emulator/mod.rs: use self::core::Core; use self::server::serve;
src/emulator/server.rs: use super::Emulator;
src/emulator/core/mod.rs: use super::store::Store;
src/emulator/store/mod.rs: //";
    let root = HOUSES[2].0;
    assert_eq!(circle(root, &planted(files)), None);
    let files = files.replace("//", "use super::core::Core;");
    let expected =
        "src/emulator/store/mod.rs -> src/emulator/core/mod.rs -> src/emulator/store/mod.rs";
    assert_eq!(circle(root, &planted(&files)).as_deref(), Some(expected));
}

#[test]
fn a_circle_is_found() {
    let files = "
src/lib.rs: pub use crate::a::b::B;
src/a/mod.rs: use self::b::B;
src/a/b.rs: use crate::c::{C, d::D}; use super::A;
src/c/mod.rs: use crate::e::E;
src/c/d.rs: use super::C;
src/e.rs: use crate::f;
src/f.rs: //";
    assert_eq!(circle("src", &planted(files)), None);
    let files = files.replace("//", "use crate::c::C;");
    let expected = "src/c/mod.rs -> src/e.rs -> src/f.rs -> src/c/mod.rs";
    assert_eq!(circle("src", &planted(&files)).as_deref(), Some(expected));
}
