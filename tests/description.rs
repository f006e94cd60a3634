//! Compares `openapi/twilio_sync_v1.json` with Twilio's own description, operation by operation.
//!
//! Twilio's description is not part of this repository. It is read from the file that
//! `TWILIO_SYNC_REFERENCE` names, or from `../shared/openapi/twilio_sync_v1.json`; without either
//! the comparison is skipped, and says so. Differences that are meant stand in the table of
//! `openapi/README.md`, which this test reads: one that is not there fails, and so does a row that
//! no difference needs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// What is compared: for each place in a description, the facts about it.
type Facts = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A description with its references followed.
struct Description(Value);

impl Description {
    fn resolve<'a>(&'a self, mut node: &'a Value) -> &'a Value {
        while let Some(reference) = node["$ref"].as_str() {
            let pointer = reference
                .strip_prefix('#')
                .expect("a reference within the file");
            node = self
                .0
                .pointer(pointer)
                .unwrap_or_else(|| panic!("nothing at {reference}"));
        }
        // A reference with a description of its own is wrapped.
        match node["allOf"].as_array().map(Vec::as_slice) {
            Some([one]) => self.resolve(one),
            _ => node,
        }
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            for verb in ["get", "post", "delete", "put", "patch", "head", "options"] {
                if let Some(operation) = item.get(verb) {
                    let place = format!("{} {path}", verb.to_uppercase());
                    self.operation(&place, operation, &mut facts);
                }
            }
        }
        facts
    }

    fn operation(&self, place: &str, operation: &Value, facts: &mut Facts) {
        let id = operation["operationId"].as_str().expect("an operation id");
        facts.insert(place.to_owned(), [format!("operationId={id}")].into());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = self.resolve(parameter);
            let (name, location) = (&parameter["name"], &parameter["in"]);
            let place = format!("{place} {} {}", text(location), text(name));
            let required = parameter["required"] == true;
            self.schema(&place, &parameter["schema"], required, facts);
        }
        let contents = &operation["requestBody"]["content"];
        for (media_type, content) in contents.as_object().into_iter().flatten() {
            let place = format!("{place} body {media_type}");
            self.schema(&place, &content["schema"], true, facts);
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let response = self.resolve(response);
            let place = format!("{place} {status}");
            facts.insert(place.clone(), BTreeSet::new());
            for (name, header) in response["headers"].as_object().into_iter().flatten() {
                let header = self.resolve(header);
                self.schema(
                    &format!("{place} header {name}"),
                    &header["schema"],
                    false,
                    facts,
                );
            }
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                self.schema(
                    &format!("{place} {media_type}"),
                    &content["schema"],
                    true,
                    facts,
                );
            }
        }
    }

    /// The facts about a schema, and about the members and elements below it.
    fn schema(&self, place: &str, schema: &Value, required: bool, facts: &mut Facts) {
        let schema = self.resolve(schema);
        let mut about = BTreeSet::new();
        if required {
            about.insert("required".to_owned());
        }
        if schema["nullable"] == true {
            about.insert("nullable".to_owned());
        }
        // A choice between single values is how an enum gives each of them a description.
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            for key in ["type", "enum"] {
                if let Some(value) = choice.get(key) {
                    let value = if key == "enum" { &value[0] } else { value };
                    about.insert(format!("{key}={}", text(value)));
                }
            }
        }
        for value in schema["enum"].as_array().into_iter().flatten() {
            about.insert(format!("enum={}", text(value)));
        }
        for key in [
            "type",
            "format",
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "default",
        ] {
            if let Some(value) = schema.get(key) {
                about.insert(format!("{key}={}", text(value)));
            }
        }
        facts.insert(place.to_owned(), about);
        let needed: Vec<_> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let required = needed.iter().any(|needed| *needed == name);
            self.schema(&format!("{place} .{name}"), member, required, facts);
        }
        if let Some(items) = schema.get("items") {
            self.schema(&format!("{place} []"), items, true, facts);
        }
        if let Some(additional) = schema.get("additionalProperties") {
            self.schema(&format!("{place} {{}}"), additional, false, facts);
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A row of the table of intended differences.
#[derive(Debug)]
struct Intended {
    place: String,
    gone: Vec<String>,
    new: Vec<String>,
}

fn intended() -> Vec<Intended> {
    let readme = fs::read_to_string(root().join("openapi/README.md")).expect("openapi/README.md");
    let list = |cell: &str| -> Vec<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    let (_, table) = readme
        .split_once("| where | gone | new | why |")
        .expect("the table");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            Intended {
                place: cells[1].trim_matches('`').to_owned(),
                gone: list(cells[2]),
                new: list(cells[3]),
            }
        })
        .collect()
}

/// Whether a text matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The differences that no row of the table covers, and the rows that cover none.
fn compare(reference: &Facts, ours: &Facts, intended: &[Intended]) -> (Vec<String>, Vec<String>) {
    let mut used = BTreeSet::new();
    let mut unexpected = Vec::new();
    let mut check = |place: &str, fact: &str, is_new: bool| {
        // The first row for a place is the only one, so that a wide row excuses nothing that a
        // narrow one before it does not.
        let row = intended.iter().position(|row| matches(&row.place, place));
        let row = row.filter(|row| {
            let row = &intended[*row];
            let facts = if is_new { &row.new } else { &row.gone };
            facts.iter().any(|pattern| matches(pattern, fact))
        });
        match row {
            Some(row) => drop(used.insert(row)),
            None if is_new => unexpected.push(format!("{place}: ours adds `{fact}`")),
            None => unexpected.push(format!("{place}: ours lacks `{fact}`")),
        }
    };
    let nothing = BTreeSet::new();
    let places: BTreeSet<_> = reference.keys().chain(ours.keys()).collect();
    for place in places {
        let (theirs, here) = (reference.get(place), ours.get(place));
        if theirs.is_none() != here.is_none() {
            check(place, "place", here.is_some());
            continue;
        }
        let (theirs, here) = (theirs.unwrap_or(&nothing), here.unwrap_or(&nothing));
        for gone in theirs.difference(here) {
            check(place, gone, false);
        }
        for new in here.difference(theirs) {
            check(place, new, true);
        }
    }
    let unused = intended
        .iter()
        .enumerate()
        .filter(|(row, _)| !used.contains(row));
    (
        unexpected,
        unused.map(|(_, row)| format!("{row:?}")).collect(),
    )
}

fn ours() -> Description {
    Description(read(&root().join("openapi/twilio_sync_v1.json")))
}

fn reference() -> Option<Description> {
    let path = env::var_os("TWILIO_SYNC_REFERENCE").map(PathBuf::from);
    let path = path.or_else(|| {
        let beside = root().join("../shared/openapi/twilio_sync_v1.json");
        beside.exists().then_some(beside)
    })?;
    Some(Description(read(&path)))
}

#[test]
fn the_description_states_the_same_facts_as_twilios() {
    let Some(reference) = reference() else {
        // Past the test runner, which keeps what a passing test prints to itself.
        let skipped =
            "skipped: there is no Twilio description to compare with; see openapi/README.md";
        writeln!(std::io::stderr(), "{skipped}").expect("standard error");
        return;
    };
    let (unexpected, unused) = compare(&reference.facts(), &ours().facts(), &intended());
    assert!(
        unexpected.is_empty() && unused.is_empty(),
        "{} differences are not in the table of openapi/README.md:\n{}\n{} rows of it are of no use:\n{}",
        unexpected.len(),
        unexpected.join("\n"),
        unused.len(),
        unused.join("\n"),
    );
}

#[test]
fn a_difference_that_is_not_in_the_table_is_found() {
    let changed = |from: &str, to: &str| {
        let text = ours().0.to_string();
        assert!(text.contains(from), "{from} is not in the description");
        Description(serde_json::from_str(&text.replacen(from, to, 1)).unwrap()).facts()
    };
    let before = ours().facts();
    for (from, to) in [
        ("\"maximum\":100", "\"maximum\":50"),
        ("^ET[0-9a-fA-F]{32}$", "^EX[0-9a-fA-F]{32}$"),
        ("\"enum\":[\"desc\"]", "\"enum\":[\"down\"]"),
        ("\"name\":\"If-Match\"", "\"name\":\"If-None-Match\""),
        ("\"ItemTtl\"", "\"ItemTTL\""),
        ("\"FetchDocument\"", "\"ReadDocument\""),
        ("\"204\"", "\"200\""),
        ("\"date_expires\"", "\"expires\""),
    ] {
        let (unexpected, _) = compare(&before, &changed(from, to), &[]);
        assert!(!unexpected.is_empty(), "{from} -> {to} went unnoticed");
    }
}

#[test]
fn every_part_of_the_description_is_described() {
    fn walk(node: &Value, place: &str, missing: &mut Vec<String>) {
        let described = node["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        let is_schema = node.get("type").is_some() && !place.contains("/headers/");
        let is_part = place.ends_with("/additionalProperties")
            || place.ends_with("/items")
            || place.ends_with("/schema")
            || place.contains("/securitySchemes/");
        if is_schema && !is_part && !described {
            missing.push(place.to_owned());
        }
        match node {
            Value::Object(members) => members
                .iter()
                .filter(|(name, _)| *name != "enum" && *name != "required")
                .for_each(|(name, node)| walk(node, &format!("{place}/{name}"), missing)),
            Value::Array(nodes) => nodes
                .iter()
                .enumerate()
                .for_each(|(at, node)| walk(node, &format!("{place}/{at}"), missing)),
            _ => {}
        }
    }
    let mut missing = Vec::new();
    walk(&ours().0, "", &mut missing);
    assert!(
        missing.is_empty(),
        "without a description:\n{}",
        missing.join("\n")
    );
}
