//! JSON Patch (RFC 6902), applied to text: what it does not change stays as it is written.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::data::Data;
use super::json::{Level, Member, is_same_json, level};

/// A JSON Patch, by the rules of [RFC 6902](https://www.rfc-editor.org/rfc/rfc6902).
///
/// It is exact: numbers, names and members that it does not change keep their text and their order,
/// numbers of any size are moved and copied as they are written, and `test` compares by value.
///
/// ```
/// use twilio_sync::value::{Data, JsonPatch};
///
/// let patch: JsonPatch = r#"[{"op":"add","path":"/calls/-","value":2}]"#.parse()?;
/// let data = Data::from_json(r#"{"n":12345678901234567890123,"calls":[1.0]}"#.to_owned())?;
/// let data = patch.apply(&data)?;
/// assert_eq!(data.as_str(), r#"{"n":12345678901234567890123,"calls":[1.0,2]}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonPatch(Vec<Step>);

/// A JSON Patch cannot be read, or cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// It is no JSON Patch.
    #[error("it is no JSON Patch: {reason}")]
    #[non_exhaustive]
    Invalid {
        /// The fault.
        reason: String,
    },
    /// The data has no value at a path, or no place for one.
    #[error("operation {operation} of the patch has no place in the data: {path:?}")]
    #[non_exhaustive]
    NoPlace {
        /// The number of the operation, from 0.
        operation: usize,
        /// The path.
        path: String,
    },
    /// A `test` has failed.
    #[error("operation {operation} of the patch, a test, has failed: another value is at {path:?}")]
    #[non_exhaustive]
    Test {
        /// The number of the operation, from 0.
        operation: usize,
        /// The path.
        path: String,
    },
}

/// An operation of a patch.
#[derive(Clone, Debug)]
enum Step {
    Add(Pointer, Data),
    Remove(Pointer),
    Replace(Pointer, Data),
    Move(Pointer, Pointer),
    Copy(Pointer, Pointer),
    Test(Pointer, Data),
}

/// A JSON Pointer (RFC 6901): the names and indexes on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer(Vec<String>);

impl FromStr for Pointer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        if parts.next() != Some("") {
            return Err("a path is empty or begins with /");
        }
        let unescaped = |part: &str| {
            let rest = part.replace("~0", "").replace("~1", "");
            if rest.contains('~') {
                return Err("in a path, ~ is written ~0, and / in a name ~1");
            }
            Ok(part.replace("~1", "/").replace("~0", "~"))
        };
        parts.map(unescaped).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            write!(f, "/{}", part.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

/// An operation as it is written. Members that the RFC does not define are ignored, as it says.
#[derive(Deserialize)]
struct RawStep {
    op: Op,
    path: Pointer,
    from: Option<Pointer>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Data>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// Reads data that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Data>, D::Error> {
    Data::deserialize(from).map(Some)
}

impl TryFrom<RawStep> for Step {
    type Error = PatchError;

    fn try_from(raw: RawStep) -> Result<Self, PatchError> {
        let RawStep {
            op,
            path,
            from,
            value,
        } = raw;
        let value = value.ok_or_else(|| PatchError::invalid("an operation has no `value`"));
        let from = from.ok_or_else(|| PatchError::invalid("an operation has no `from`"));
        Ok(match op {
            Op::Add => Self::Add(path, value?),
            Op::Remove => Self::Remove(path),
            Op::Replace => Self::Replace(path, value?),
            Op::Move => Self::Move(from?, path),
            Op::Copy => Self::Copy(from?, path),
            Op::Test => Self::Test(path, value?),
        })
    }
}

impl PatchError {
    fn invalid(reason: impl Display) -> Self {
        let reason = reason.to_string();
        Self::Invalid { reason }
    }
}

/// Fails for a text that is no JSON Patch.
impl FromStr for JsonPatch {
    type Err = PatchError;

    fn from_str(json: &str) -> Result<Self, PatchError> {
        let steps: Vec<RawStep> = serde_json::from_str(json).map_err(PatchError::invalid)?;
        let steps = steps.into_iter().map(Step::try_from);
        steps.collect::<Result<_, _>>().map(Self)
    }
}

impl JsonPatch {
    /// Applies all operations, in their order, or none.
    ///
    /// # Errors
    ///
    /// [`PatchError`] for the first operation that cannot be applied.
    pub fn apply(&self, data: &Data) -> Result<Data, PatchError> {
        let mut json = Cow::Borrowed(data.as_str());
        for (operation, step) in self.0.iter().enumerate() {
            if let Some(changed) = step.apply(&json, operation)? {
                json = changed.into();
            }
        }
        Data::from_json(json.into_owned()).map_err(PatchError::invalid)
    }
}

/// A change at the end of a path.
#[derive(Clone, Copy)]
enum Edit<'a> {
    Add(&'a str),
    Replace(&'a str),
    Remove,
}

impl Step {
    /// The changed text; `None` if it changes nothing.
    fn apply(&self, json: &str, operation: usize) -> Result<Option<String>, PatchError> {
        let no_place = |path: &Pointer| PatchError::NoPlace {
            operation,
            path: path.to_string(),
        };
        let read = |path: &Pointer| get(json, &path.0).ok_or_else(|| no_place(path));
        let write = |json: &str, path: &Pointer, change| {
            let changed = edit(json, &path.0, change, 0);
            changed.map(Some).ok_or_else(|| no_place(path))
        };
        match self {
            Self::Add(path, value) => write(json, path, Edit::Add(value.as_str())),
            Self::Remove(path) => write(json, path, Edit::Remove),
            Self::Replace(path, value) => write(json, path, Edit::Replace(value.as_str())),
            Self::Copy(from, path) => write(json, path, Edit::Add(read(from)?)),
            Self::Move(from, path) => {
                let value = read(from)?;
                if from == path {
                    return Ok(None);
                }
                // A value cannot be moved into itself.
                if path.0.starts_with(&from.0) {
                    return Err(no_place(path));
                }
                let without = write(json, from, Edit::Remove)?.unwrap_or_default();
                write(&without, path, Edit::Add(value))
            }
            Self::Test(path, value) if is_same_json(read(path)?, value.as_str()) => Ok(None),
            Self::Test(path, _) => Err(PatchError::Test {
                operation,
                path: path.to_string(),
            }),
        }
    }
}

/// The place of an index in an array; `end` is the one behind its last element.
fn index(token: &str, end: usize) -> Option<usize> {
    let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_number && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|at| is_number && *at < end)
}

/// The text of the value at a path.
fn get<'a>(json: &'a str, path: &[String]) -> Option<&'a str> {
    let mut json = json.trim_ascii();
    for (depth, token) in path.iter().enumerate() {
        json = match level(json, depth) {
            Level::Object(mut members) => {
                let at = members.position(token)?;
                match members.0.swap_remove(at).value {
                    Cow::Borrowed(value) => value,
                    Cow::Owned(_) => return None,
                }
            }
            Level::Array(elements) => elements[index(token, elements.len())?],
            Level::Scalar(_) => return None,
        };
    }
    Some(json)
}

/// The text with a change at a path; `None` if there is no such place.
fn edit(json: &str, path: &[String], change: Edit<'_>, depth: usize) -> Option<String> {
    let Some((token, rest)) = path.split_first() else {
        return match change {
            Edit::Add(value) | Edit::Replace(value) => Some(value.to_owned()),
            Edit::Remove => None,
        };
    };
    let is_last = rest.is_empty();
    match level(json, depth) {
        Level::Object(mut members) => {
            match (members.position(token), change) {
                (Some(_), Edit::Remove) if is_last => members.remove(token),
                (Some(at), _) => {
                    let changed = edit(&members.0[at].value, rest, change, depth + 1)?;
                    members.0[at].value = changed.into();
                }
                (None, Edit::Add(value)) if is_last => members.0.push(Member {
                    name: token.clone(),
                    key: serde_json::to_string(token).ok()?.into(),
                    value: value.into(),
                }),
                (None, _) => return None,
            }
            Some(members.to_string())
        }
        Level::Array(elements) => {
            let mut elements: Vec<Cow<'_, str>> = elements.into_iter().map(Cow::from).collect();
            let length = elements.len();
            match change {
                Edit::Add(value) if is_last && token == "-" => elements.push(value.into()),
                Edit::Add(value) if is_last => {
                    elements.insert(index(token, length + 1)?, value.into());
                }
                Edit::Remove if is_last => drop(elements.remove(index(token, length)?)),
                _ => {
                    let at = index(token, length)?;
                    elements[at] = edit(&elements[at], rest, change, depth + 1)?.into();
                }
            }
            Some(format!("[{}]", elements.join(",")))
        }
        Level::Scalar(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(data: &str, patch: &str) -> Result<String, PatchError> {
        let data = Data::from_json(data.to_owned()).unwrap();
        let patch: JsonPatch = patch.parse()?;
        patch.apply(&data).map(|data| data.as_str().to_owned())
    }

    /// The examples of RFC 6902, appendix A, that succeed, by their numbers.
    #[test]
    fn the_examples_of_the_rfc() {
        for (number, data, patch, expected) in [
            (
                1,
                r#"{"foo":"bar"}"#,
                r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
                r#"{"foo":"bar","baz":"qux"}"#,
            ),
            (
                2,
                r#"{"foo":["bar","baz"]}"#,
                r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
                r#"{"foo":["bar","qux","baz"]}"#,
            ),
            (
                3,
                r#"{"baz":"qux","foo":"bar"}"#,
                r#"[{"op":"remove","path":"/baz"}]"#,
                r#"{"foo":"bar"}"#,
            ),
            (
                4,
                r#"{"foo":["bar","qux","baz"]}"#,
                r#"[{"op":"remove","path":"/foo/1"}]"#,
                r#"{"foo":["bar","baz"]}"#,
            ),
            (
                5,
                r#"{"baz":"qux","foo":"bar"}"#,
                r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
                r#"{"baz":"boo","foo":"bar"}"#,
            ),
            (
                6,
                r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
                r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
                r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#,
            ),
            (
                7,
                r#"{"foo":["all","grass","cows","eat"]}"#,
                r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
                r#"{"foo":["all","cows","eat","grass"]}"#,
            ),
            (
                8,
                r#"{"baz":"qux","foo":["a",2,"c"]}"#,
                r#"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#,
                r#"{"baz":"qux","foo":["a",2,"c"]}"#,
            ),
            (
                10,
                r#"{"foo":"bar"}"#,
                r#"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
                r#"{"foo":"bar","child":{"grandchild":{}}}"#,
            ),
            (
                11,
                r#"{"foo":"bar"}"#,
                r#"[{"op":"add","path":"/baz","value":"qux","xyz":123}]"#,
                r#"{"foo":"bar","baz":"qux"}"#,
            ),
            (
                14,
                r#"{"/":9,"~1":10}"#,
                r#"[{"op":"test","path":"/~01","value":10}]"#,
                r#"{"/":9,"~1":10}"#,
            ),
            (
                16,
                r#"{"foo":["bar"]}"#,
                r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
                r#"{"foo":["bar",["abc","def"]]}"#,
            ),
        ] {
            assert_eq!(patched(data, patch).as_deref(), Ok(expected), "A.{number}");
        }
    }

    /// The examples of RFC 6902, appendix A, that fail, and others of their classes.
    #[test]
    fn patches_that_fail() {
        let test = |number| PatchError::Test {
            operation: 0,
            path: format!("/{number}"),
        };
        for (data, patch, error) in [
            // A.9, A.15
            (
                r#"{"baz":"qux"}"#,
                r#"[{"op":"test","path":"/baz","value":"bar"}]"#,
                test("baz"),
            ),
            (
                r#"{"/":9,"~1":10}"#,
                r#"[{"op":"test","path":"/~01","value":"10"}]"#,
                test("~01"),
            ),
        ] {
            assert_eq!(patched(data, patch), Err(error));
        }
        for (data, steps) in [
            // A.12
            (
                r#"{"foo":"bar"}"#,
                r#"{"op":"add","path":"/baz/bat","value":"qux"}"#,
            ),
            (r#"{"a":[1]}"#, r#"{"op":"add","path":"/a/2","value":1}"#),
            (r#"{"a":[1]}"#, r#"{"op":"add","path":"/a/00","value":1}"#),
            (r#"{"a":[1]}"#, r#"{"op":"add","path":"/a/+0","value":1}"#),
            (r#"{"a":[1]}"#, r#"{"op":"add","path":"/a/x","value":1}"#),
            (r#"{"a":[1]}"#, r#"{"op":"remove","path":"/a/-"}"#),
            (
                r#"{"a":[1]}"#,
                r#"{"op":"replace","path":"/a/1","value":1}"#,
            ),
            (r#"{"a":1}"#, r#"{"op":"replace","path":"/b","value":1}"#),
            (r#"{"a":1}"#, r#"{"op":"remove","path":"/b"}"#),
            (r#"{"a":1}"#, r#"{"op":"remove","path":""}"#),
            (r#"{"a":1}"#, r#"{"op":"test","path":"/b","value":null}"#),
            (r#"{"a":1}"#, r#"{"op":"copy","from":"/b","path":"/c"}"#),
            (
                r#"{"a":{"b":1}}"#,
                r#"{"op":"move","from":"/a","path":"/a/b"}"#,
            ),
        ] {
            let result = patched(data, &format!("[{steps}]"));
            assert!(
                matches!(result, Err(PatchError::NoPlace { .. })),
                "{steps}: {result:?}"
            );
        }
        for patch in [
            // A.13
            r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#,
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"test","path":"/a"}]"#,
            r#"[{"op":"copy","path":"/a"}]"#,
            r#"[{"op":"remove"}]"#,
            r#"[{"path":"/a"}]"#,
            r#"[{"op":"spam","path":"/a"}]"#,
            r#"[{"op":"remove","path":"a"}]"#,
            r#"[{"op":"remove","path":"/~2"}]"#,
            r#"[{"op":"remove","path":"/~"}]"#,
            r#"{"op":"remove","path":"/a"}"#,
            "[1]",
        ] {
            let result = patched(r#"{"a":1}"#, patch);
            assert!(
                matches!(result, Err(PatchError::Invalid { .. })),
                "{patch}: {result:?}"
            );
        }
        // An operation that fails undoes those before it.
        let patch = r#"[{"op":"remove","path":"/a"},{"op":"remove","path":"/a"}]"#;
        let error = patched(r#"{"a":1}"#, patch).unwrap_err();
        let expected = PatchError::NoPlace {
            operation: 1,
            path: "/a".to_owned(),
        };
        assert_eq!(error, expected);
    }

    proptest::proptest! {
        /// Members that a patch does not change keep their text, with any numbers.
        #[test]
        fn untouched_members_keep_their_text(
            number in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        ) {
            let data = format!("{{\"a\":[{number},{{\"b\":{number}}}],\"n\":{number}}}");
            let patch = r#"[{"op":"add","path":"/a/1/c","value":1},{"op":"move","from":"/n","path":"/m"}]"#;
            let expected = format!("{{\"a\":[{number},{{\"b\":{number},\"c\":1}}],\"m\":{number}}}");
            proptest::prop_assert_eq!(patched(&data, patch), Ok(expected));
        }
    }

    #[test]
    fn patches_are_exact() {
        let data =
            r#"{"z":1.0,"n":12345678901234567890123,"e":1e2,"\u0061":[1.50,2E+1],"":{"~/":0}}"#;
        for (step, expected) in [
            (
                r#"{"op":"move","from":"/n","path":"/m"}"#,
                r#"{"z":1.0,"e":1e2,"\u0061":[1.50,2E+1],"":{"~/":0},"m":12345678901234567890123}"#,
            ),
            (
                r#"{"op":"copy","from":"/a/0","path":"/a/-"}"#,
                r#"{"z":1.0,"n":12345678901234567890123,"e":1e2,"\u0061":[1.50,2E+1,1.50],"":{"~/":0}}"#,
            ),
            (
                r#"{"op":"replace","path":"//~0~1","value":99999999999999999999.10}"#,
                r#"{"z":1.0,"n":12345678901234567890123,"e":1e2,"\u0061":[1.50,2E+1],"":{"~/":99999999999999999999.10}}"#,
            ),
            (r#"{"op":"test","path":"/z","value":1}"#, data),
            (r#"{"op":"test","path":"/e","value":100.0}"#, data),
            (r#"{"op":"test","path":"/a","value":[15e-1,20]}"#, data),
            (r#"{"op":"move","from":"/a","path":"/a"}"#, data),
            (
                r#"{"op":"replace","path":"","value":{"b":null}}"#,
                r#"{"b":null}"#,
            ),
        ] {
            let patch = format!("[{step}]");
            assert_eq!(patched(data, &patch).as_deref(), Ok(expected), "{step}");
        }
        let test = r#"[{"op":"test","path":"/n","value":12345678901234567890124}]"#;
        assert!(matches!(patched(data, test), Err(PatchError::Test { .. })));
    }
}
