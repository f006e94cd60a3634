//! Exact JSON: comparison by value, and changes to a part of a text that leave the rest as it is.
//!
//! Values are read one level at a time and their parts stay text, so numbers of any size, unknown
//! members, repeated members and the order of members survive.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use similar::{Algorithm, DiffTag, capture_diff_slices};

/// The deepest level that is looked into. What is deeper is compared and replaced as text.
const MAX_DEPTH: usize = 128;

/// One value, with its parts as text.
pub(super) enum Level<'a> {
    Object(Members<'a>),
    Array(Vec<&'a str>),
    Scalar(&'a str),
}

/// A member of an object.
#[derive(Clone)]
pub(super) struct Member<'a> {
    /// The name, decoded where possible.
    pub(super) name: String,
    /// The name as text, in quotes.
    pub(super) key: Cow<'a, str>,
    pub(super) value: Cow<'a, str>,
}

/// The members of an object, in their order.
pub(super) struct Members<'a>(pub(super) Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let key = key.get();
                    members.push(Member {
                        // A name with a lone surrogate is JSON, and no text.
                        name: serde_json::from_str(key).unwrap_or_else(|_| key.to_owned()),
                        key: key.into(),
                        value: value.get().into(),
                    });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'a> Members<'a> {
    /// The place of a member; of the last one, if the name is repeated.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|member| member.name == name)
    }

    fn get(&self, name: &str) -> Option<&Member<'a>> {
        self.position(name).map(|at| &self.0[at])
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|member| member.name != name);
    }
}

impl fmt::Display for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, member) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{}:{}", member.key, member.value)?;
        }
        f.write_str("}")
    }
}

/// Reads one level of a JSON text.
pub(super) fn level(json: &str, depth: usize) -> Level<'_> {
    let json = json.trim_ascii();
    let read = match json.as_bytes().first() {
        _ if depth >= MAX_DEPTH => None,
        Some(b'{') => serde_json::from_str(json).ok().map(Level::Object),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json)
            .ok()
            .map(|elements| Level::Array(elements.into_iter().map(RawValue::get).collect())),
        _ => None,
    };
    read.unwrap_or(Level::Scalar(json))
}

/// Returns `true` if two texts have the same JSON value: order of members, white space, escapes and the
/// notation of numbers do not matter. Numbers are compared exactly.
pub(crate) fn is_same_json(one: &str, other: &str) -> bool {
    one == other || canonical(one, 0) == canonical(other, 0)
}

/// The same, but for the order of elements of arrays.
fn is_same_but_for_order(one: &str, other: &str) -> bool {
    let unordered = |json| canonical_in(json, 0, ArrayOrder::Ignored);
    one == other || unordered(one) == unordered(other)
}

/// The one text that all texts of a JSON value share.
fn canonical(json: &str, depth: usize) -> String {
    canonical_in(json, depth, ArrayOrder::Kept)
}

/// The treatment of the order of elements in a comparison of arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ArrayOrder {
    /// Arrays of another order are different.
    Kept,
    /// Arrays are compared as sets are, which may have each element several times.
    Ignored,
}

fn canonical_in(json: &str, depth: usize, order: ArrayOrder) -> String {
    match level(json, depth) {
        Level::Object(mut members) => {
            // Repeated names stay, in their order.
            members.0.sort_by(|one, other| one.name.cmp(&other.name));
            let members = members.0.iter().map(|member| {
                let (name, value) = (canonical(&member.key, depth), &member.value);
                format!("{name}:{}", canonical_in(value, depth + 1, order))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Level::Array(elements) => {
            let elements = elements.iter();
            let mut elements: Vec<_> = elements
                .map(|json| canonical_in(json, depth + 1, order))
                .collect();
            if order == ArrayOrder::Ignored {
                elements.sort_unstable();
            }
            format!("[{}]", elements.join(","))
        }
        Level::Scalar(json) => match json.as_bytes().first() {
            Some(b'"') => {
                let text: Result<String, _> = serde_json::from_str(json);
                let json_of = |text| serde_json::to_string(&text).ok();
                text.ok()
                    .and_then(json_of)
                    .unwrap_or_else(|| json.to_owned())
            }
            Some(b'-' | b'0'..=b'9') => decimal(json).unwrap_or_else(|| json.to_owned()),
            _ => json.to_owned(),
        },
    }
}

/// The one notation of a number: digits without zeros at either end, and an exponent.
fn decimal(number: &str) -> Option<String> {
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number),
    };
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(digits.len() - significant.len()).ok()?)?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    Some(format!("{sign}{significant}e{exponent}"))
}

/// The same JSON in its shortest text: without white space between values, and with characters in
/// place of their escapes where JSON allows it.
pub(crate) fn shortest(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        match next {
            '\\' => {
                let (letter, read) = unescaped(rest);
                length = read;
                match letter {
                    Some(letter) => text.push(letter),
                    None => text.push_str(&rest[..read]),
                }
            }
            '"' => {
                in_string = !in_string;
                text.push(next);
            }
            ' ' | '\t' | '\n' | '\r' if !in_string => {}
            _ => text.push(next),
        }
        rest = &rest[length..];
    }
    text
}

/// The character of the escape that a text begins with, if it can stand for itself in a string, and
/// the length of the escape.
fn unescaped(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let short = text.chars().nth(1);
    match (short, unit(0)) {
        (Some('/'), _) => (Some('/'), 2),
        (_, Some(high @ 0xD800..0xDC00)) => match unit(6) {
            Some(low @ 0xDC00..0xE000) => {
                let scalar = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(scalar), 12)
            }
            _ => (None, 6),
        },
        (_, Some(scalar)) => {
            let letter = char::from_u32(scalar);
            (
                letter.filter(|&letter| letter >= ' ' && letter != '"' && letter != '\\'),
                6,
            )
        }
        (letter, None) => (None, 1 + letter.map_or(0, char::len_utf8)),
    }
}

/// Applies a JSON Merge Patch, by the rules of RFC 7396, to a text, or to nothing.
pub(crate) fn merge_patch(target: Option<&str>, patch: &str) -> String {
    merge(target, patch, 0)
}

fn merge(target: Option<&str>, patch: &str, depth: usize) -> String {
    let Level::Object(patch_members) = level(patch, depth) else {
        return patch.trim_ascii().to_owned();
    };
    let mut members = match target.map(|target| level(target, depth)) {
        Some(Level::Object(members)) => members,
        _ => Members(Vec::new()),
    };
    for Member { name, key, value } in patch_members.0 {
        if value == "null" {
            members.remove(&name);
        } else if let Some(at) = members.position(&name) {
            let merged = merge(Some(&members.0[at].value), &value, depth + 1);
            members.0[at].value = merged.into();
        } else {
            let value = merge(None, &value, depth + 1).into();
            members.0.push(Member { name, key, value });
        }
    }
    members.to_string()
}

/// Applies the change from one text to another to a third, `stored`, of which `before` is a reading: a
/// program decoded it into a type of its own and encoded that again. Parts in which `before` and `after`
/// do not differ keep their text. `None` if the two are equal.
pub(crate) fn apply_change(stored: &str, before: &str, after: &str) -> Option<String> {
    change(stored, before, after, 0)
}

fn change(stored: &str, before: &str, after: &str, depth: usize) -> Option<String> {
    if canonical(before, depth) == canonical(after, depth) {
        return None;
    }
    let levels = (
        level(stored, depth),
        level(before, depth),
        level(after, depth),
    );
    Some(match levels {
        (Level::Object(stored), Level::Object(before), Level::Object(after)) => {
            change_members(stored, &before, after, |stored, before, after| {
                change(stored, before, after, depth + 1)
            })
        }
        (Level::Array(stored), Level::Array(before), Level::Array(after))
            if stored.len() == before.len() =>
        {
            change_elements(&stored, &before, &after, depth + 1)
        }
        _ => after.to_owned(),
    })
}

/// Applies the change of an object. A function gives the new text of a member that all three have, or
/// `None` if it did not change.
fn change_members<'a>(
    mut stored: Members<'a>,
    before: &Members<'_>,
    after: Members<'a>,
    change: impl Fn(&str, &str, &str) -> Option<String>,
) -> String {
    for member in &before.0 {
        if after.get(&member.name).is_none() {
            stored.remove(&member.name);
        }
    }
    for Member { name, key, value } in after.0 {
        let old = before.get(&name).map(|member| member.value.as_ref());
        match (old, stored.position(&name)) {
            (Some(old), Some(at)) => {
                let stored = &mut stored.0[at].value;
                if let Some(changed) = change(stored, old, &value) {
                    *stored = changed.into();
                }
            }
            (None, Some(at)) => stored.0[at].value = value,
            // The type adds the member when it is read, and the program did not change it.
            (Some(old), None) if is_same_json(old, &value) => {}
            (_, None) => stored.0.push(Member { name, key, value }),
        }
    }
    stored.to_string()
}

/// Returns `true` if a reading of a changed text has the change from `before` to `after`.
///
/// Only what differs between the two is compared: a type may read other parts anew each time, such as a
/// default that is the time of now. The order of elements does not matter, since a set has its own.
pub(crate) fn has_change(read: &str, before: &str, after: &str) -> bool {
    has_change_at(read, before, after, 0)
}

fn has_change_at(read: &str, before: &str, after: &str, depth: usize) -> bool {
    if canonical(before, depth) == canonical(after, depth) {
        return true;
    }
    let levels = (
        level(read, depth),
        level(before, depth),
        level(after, depth),
    );
    let (Level::Object(read), Level::Object(before), Level::Object(after)) = levels else {
        return is_same_but_for_order(read, after);
    };
    let is_changed = |Member { name, value, .. }: &Member<'_>| {
        read.get(name).is_some_and(|read| match before.get(name) {
            Some(before) => has_change_at(&read.value, &before.value, value, depth + 1),
            None => is_same_but_for_order(&read.value, value),
        })
    };
    let is_expected = |Member { name, .. }: &Member<'_>| after.get(name).is_some();
    after.0.iter().all(is_changed) && read.0.iter().all(is_expected)
}

/// Applies the change from one object to another to a third, as [`apply_change`] does, but takes members
/// that differ as a whole.
pub(crate) fn replace_members(stored: &str, before: &str, after: &str) -> String {
    let levels = (level(stored, 0), level(before, 0), level(after, 0));
    let (Level::Object(stored), Level::Object(before), Level::Object(after)) = levels else {
        return after.to_owned();
    };
    change_members(stored, &before, after, |_, before, after| {
        (!is_same_json(before, after)).then(|| after.to_owned())
    })
}

/// A stored object without the members that a type takes for one that it writes under another name, or
/// leaves out: beside what it writes, it cannot read them, or reads them as a member of another name.
pub(crate) fn without_other_names(
    stored: &str,
    written: &str,
    reading: impl Fn(&str) -> Option<String>,
) -> String {
    let levels = (level(stored, 0), level(written, 0));
    let (Level::Object(mut members), Level::Object(mut written)) = levels else {
        return stored.to_owned();
    };
    members.0.retain(|member| {
        if written.get(&member.name).is_some() {
            return true;
        }
        written.0.push(member.clone());
        let read = reading(&written.to_string());
        written.0.pop();
        read.is_some_and(|read| match level(&read, 0) {
            Level::Object(read) => {
                let mut names = read.0.iter().map(|member| &member.name);
                names.all(|name| written.get(name).is_some())
            }
            Level::Array(_) | Level::Scalar(_) => false,
        })
    });
    members.to_string()
}

/// Applies the change of an array. Elements that stay keep their text wherever they move to; those that
/// are replaced one for one are changed like members.
fn change_elements(stored: &[&str], before: &[&str], after: &[&str], depth: usize) -> String {
    let keys = |elements: &[&str]| -> Vec<String> {
        elements.iter().map(|json| canonical(json, depth)).collect()
    };
    let mut elements: Vec<Cow<'_, str>> = Vec::with_capacity(after.len());
    for step in capture_diff_slices(Algorithm::Myers, &keys(before), &keys(after)) {
        let (old, new) = (step.old_range(), step.new_range());
        match step.tag() {
            DiffTag::Equal => elements.extend(stored[old].iter().copied().map(Cow::from)),
            DiffTag::Replace if old.len() == new.len() => {
                elements.extend(old.zip(new).map(|(old, new)| {
                    let changed = change(stored[old], before[old], after[new], depth);
                    changed.map_or(Cow::from(stored[old]), Cow::from)
                }));
            }
            // The range is empty for a deletion.
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                elements.extend(after[new].iter().copied().map(Cow::from));
            }
        }
    }
    format!("[{}]", elements.join(","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn equality_is_by_exact_value() {
        for (one, other) in [
            (r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#),
            ("1.0", "1e0"),
            ("100", "1E+2"),
            ("0.10", "1e-1"),
            ("-0", "0.0e5"),
            (r#""\u0061\/""#, r#""a/""#),
            ("[1, [2]]", "[1,[2.0]]"),
        ] {
            assert!(is_same_json(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("184467440737095516170", "184467440737095516171"),
            ("0.1000000000000000055", "0.1"),
            ("1e999999999999999999999", "1e999999999999999999998"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            ("[1,2]", "[2,1]"),
            ("null", "{}"),
        ] {
            assert!(!is_same_json(one, other), "{one} {other}");
        }
    }

    #[test]
    fn deep_values_do_not_exhaust_the_stack() {
        let deep = |inner: &str| "[".repeat(8_000) + inner + &"]".repeat(8_000);
        assert!(is_same_json(&deep("1"), &deep("1")));
        assert!(!is_same_json(&deep("1"), &deep("2")));
        assert_eq!(
            apply_change(&deep("1"), &deep("1"), &deep("2")),
            Some(deep("2"))
        );
    }

    /// The table of RFC 7396, appendix A, and numbers that no type has.
    #[test]
    fn merge_patches() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (
                r#"{"n": 184467440737095516170, "z": 1.50, "a": 1}"#,
                r#"{"on":true,"a":2}"#,
                r#"{"n":184467440737095516170,"z":1.50,"a":2,"on":true}"#,
            ),
        ] {
            assert_eq!(
                merge_patch(Some(target), patch),
                expected,
                "{target} {patch}"
            );
        }
        assert_eq!(
            merge_patch(None, r#"{"a":{"b":null},"c":1}"#),
            r#"{"a":{},"c":1}"#
        );
    }

    #[test]
    fn a_change_keeps_what_it_does_not_touch() {
        for (stored, before, after, expected) in [
            // A member that the type does not know, and a number that it does not touch.
            (
                r#"{"x":1,"n":1.50,"b":false}"#,
                r#"{"n":1.5,"b":false}"#,
                r#"{"n":1.5,"b":true}"#,
                r#"{"x":1,"n":1.50,"b":true}"#,
            ),
            // A default that the type adds is written only if it is changed.
            (
                r#"{"a":1}"#,
                r#"{"a":1,"d":0}"#,
                r#"{"a":2,"d":0}"#,
                r#"{"a":2}"#,
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":1,"d":0}"#,
                r#"{"a":1,"d":5}"#,
                r#"{"a":1,"d":5}"#,
            ),
            (
                r#"{"a":1,"b":2}"#,
                r#"{"a":1,"b":2}"#,
                r#"{"b":2}"#,
                r#"{"b":2}"#,
            ),
            (r#"{"a":null}"#, "{}", r#"{"a":1}"#, r#"{"a":1}"#),
            // Elements keep what the type does not know of them.
            (
                r#"[{"x":1,"n":1},{"x":2,"n":2}]"#,
                r#"[{"n":1},{"n":2}]"#,
                r#"[{"n":9},{"n":2},{"n":3}]"#,
                r#"[{"x":1,"n":9},{"x":2,"n":2},{"n":3}]"#,
            ),
            (
                r#"[{"x":1,"n":1},{"x":2,"n":2}]"#,
                r#"[{"n":1},{"n":2}]"#,
                r#"[{"n":2}]"#,
                r#"[{"x":2,"n":2}]"#,
            ),
            // The type reads another shape than is stored.
            (r#""5""#, "5", "6", "6"),
        ] {
            assert_eq!(
                apply_change(stored, before, after).as_deref(),
                Some(expected),
                "{stored} {after}"
            );
        }
    }

    /// JSON values of few names, so that two of them share some.
    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            "[ab]?".prop_map(Value::from),
        ];
        scalar.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    /// A text: one spelling, another of the same value, and one of another value.
    type Spelled = [String; 3];

    fn numbers() -> impl Strategy<Value = Spelled> {
        ("-?[1-9][0-9]{0,29}", -30_i32..30).prop_map(|(digits, exponent)| {
            let other = format!("{digits}00.0E{}", exponent - 2);
            [
                format!("{digits}e{exponent}"),
                other,
                format!("{digits}1e{}", exponent - 1),
            ]
        })
    }

    fn strings() -> impl Strategy<Value = Spelled> {
        "[ -~é😀\n]{0,6}".prop_map(|text| {
            let escape = |unit| format!("\\u{unit:04x}");
            let escaped: String = text.encode_utf16().map(escape).collect();
            let json = |text: &str| Value::from(text).to_string();
            [
                json(&text),
                format!("\"{escaped}\""),
                json(&format!("{text}.")),
            ]
        })
    }

    /// JSON of any depth, with white space, in two spellings, and with one other value in it.
    fn spelled() -> impl Strategy<Value = Spelled> {
        let words = prop_oneof![
            Just(["true".into(), " true".into(), "false".into()]),
            Just(["null".into(), "null\n".into(), "0".into()]),
        ];
        let scalars = prop_oneof![numbers(), strings(), words];
        scalars.prop_recursive(3, 16, 4, |inner| {
            let several = prop::collection::vec(inner, 1..4);
            (several, any::<bool>()).prop_map(|(parts, is_array)| {
                let joined = |which: usize, space: &str| {
                    let parts = parts.iter().enumerate().map(|(at, part)| {
                        // One part has another value; the others have the spelling of the first.
                        let part = &part[if which == 2 && at > 0 { 0 } else { which }];
                        let name = if is_array {
                            String::new()
                        } else {
                            format!("\"k{at}\":{space}")
                        };
                        format!("{name}{part}{space}")
                    });
                    let parts: Vec<_> = parts.collect();
                    let (open, close) = if is_array { ('[', ']') } else { ('{', '}') };
                    format!("{open}{}{close}", parts.join(","))
                };
                [joined(0, ""), joined(1, " "), joined(2, "\t")]
            })
        })
    }

    proptest! {
        #[test]
        fn equality_sees_every_change_of_a_value_and_none_of_spelling([one, same, other] in spelled()) {
            prop_assert!(is_same_json(&one, &same), "{one} {same}");
            prop_assert!(!is_same_json(&one, &other), "{one} {other}");
            prop_assert!(!is_same_json(&same, &other), "{same} {other}");
        }

        /// A member keeps its text, whatever it is, when another one is changed.
        #[test]
        fn any_json_survives_a_change_beside_it([one, same, other] in spelled()) {
            let data = |n: u32| format!("{{\"a\":{same},\"n\":{n},\"\\u007a\":{other}}}");
            let (stored, expected) = (data(1), data(2));
            let read = format!("{{\"z\":{other},\"n\":1,\"a\":{one}}}");
            let changed = read.replace("\"n\":1", "\"n\":2");
            let results = [
                merge_patch(Some(&stored), r#"{"n":2}"#),
                apply_change(&stored, &read, &changed).unwrap(),
                apply_change(&stored, &stored, &expected).unwrap(),
            ];
            // White space around a value is none of it.
            let (same, other) = (same.trim_ascii(), other.trim_ascii());
            let expected = format!("{{\"a\":{same},\"n\":2,\"\\u007a\":{other}}}");
            for result in results {
                prop_assert_eq!(&result, &expected);
            }
            prop_assert_eq!(apply_change(&stored, &read, &read), None);
        }

        #[test]
        fn a_change_of_all_that_is_stored_leaves_what_is_to_be(before in value(), after in value()) {
            let (before, after) = (before.to_string(), after.to_string());
            let changed = apply_change(&before, &before, &after).unwrap_or(before);
            prop_assert!(is_same_json(&changed, &after), "{changed} for {after}");
        }

        /// However a value is written, its shortest text is the same JSON, and no longer.
        #[test]
        fn the_shortest_text_is_the_same_json(
            parts in prop::collection::vec(
                "[ -~]|\\PC|\\\\u[0-9a-fA-F]{4}|\\\\ud83d\\\\ude00|\\\\[/nt\"\\\\]", 0..8),
            indented in any::<bool>(),
        ) {
            let text = format!("{{\"a b\" : [\"{}\", 1.50 ] }}", parts.concat());
            // A text with a lone surrogate has no value to compare.
            prop_assume!(serde_json::from_str::<Value>(&text).is_ok());
            let text = if indented { text.replace(": [", ":\n\t[") } else { text };
            let short = shortest(&text);
            prop_assert!(is_same_json(&short, &text), "{} for {}", short, text);
            prop_assert!(short.len() < text.len());
            prop_assert_eq!(&shortest(&short), &short);
        }

        #[test]
        fn equality_agrees_with_equality_of_values(one in value(), other in value()) {
            prop_assert_eq!(is_same_json(&one.to_string(), &other.to_string()), one == other);
        }

        /// Members that a change does not name keep their text, whatever their numbers.
        #[test]
        fn untouched_members_keep_their_text(
            numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", 1..6),
            n in any::<u32>(),
        ) {
            let member = |(at, number): (usize, &String)| format!("\"m{at}\":{number}");
            let rest: Vec<_> = numbers.iter().enumerate().map(member).collect();
            let rest = rest.join(",");
            let stored = format!("{{{rest},\"n\":0}}");
            let expected = format!("{{{rest},\"n\":{n}}}");
            prop_assert_eq!(merge_patch(Some(&stored), &format!("{{\"n\":{n}}}")), &*expected);
            let changed = apply_change(&stored, r#"{"n":0}"#, &format!("{{\"n\":{n}}}"));
            prop_assert_eq!(changed.unwrap_or(stored), expected);
        }
    }
}
