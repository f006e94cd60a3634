//! JSON as text. A record is taken apart without decoding its values, so that numbers of any size,
//! repeated members and the order of members are shown as they came.

use twilio_sync::value::Data;

/// The deepest level that is still indented further than the one around it.
const MAX_INDENT: usize = 32;

/// The members of an object, in their order.
pub(super) struct Members(Vec<(String, Data)>);

impl Members {
    /// Reads one level of a JSON text; `None` if it is not an object.
    pub(super) fn read(json: &str) -> Option<Self> {
        let data = Data::from_json(json.to_owned()).ok()?;
        data.members().map(Self)
    }

    /// The text of the value of a member that has one: not `null`. Of a repeated name, the last one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut members = self.iter().rev();
        let (_, value) = members.find(|(other, _)| *other == name)?;
        (value != "null").then_some(value)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let members = self.0.iter();
        members.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The decoded text of a JSON string. `None` if it is another value, or has half of a surrogate pair,
/// which is JSON and no text.
pub(super) fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// The same JSON with a line for each member and element, below a margin of some columns. Values keep their
/// text.
pub(super) fn indented(json: &str, margin: usize) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let begin_line = |text: &mut String, depth: usize| {
        text.push('\n');
        let indent = margin + 2 * depth.min(MAX_INDENT);
        text.extend(std::iter::repeat_n(' ', indent));
    };
    let is_space = |letter: &char| matches!(letter, ' ' | '\t' | '\n' | '\r');
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            in_string = is_escaped || letter != '"';
            is_escaped = letter == '\\' && !is_escaped;
            text.push(letter);
            continue;
        }
        match letter {
            '{' | '[' => {
                text.push(letter);
                while letters.next_if(is_space).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    begin_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                begin_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            letter if is_space(&letter) => {}
            letter => {
                in_string = letter == '"';
                text.push(letter);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_their_text() {
        let json = r#"{"n": 1e400, "a": 0.1000000000000000055, "n": null, "\ud800": "\ud800"}"#;
        let members = Members::read(json).unwrap();
        let found: Vec<_> = members.iter().collect();
        let expected = [
            ("n", "1e400"),
            ("a", "0.1000000000000000055"),
            ("n", "null"),
            (r#""\ud800""#, r#""\ud800""#),
        ];
        assert_eq!(found, expected);
        assert_eq!(members.get("n"), None);
        assert_eq!(string(r#""\ud800""#), None);
        assert!(Members::read("[1]").is_none());
    }

    #[test]
    fn indented_json_is_the_same_json() {
        let json = r#"{ "b":[ ],"a":[1.50,{"x":"}, \"[\\"}],"a":{},"n":18446744073709551617 }"#;
        let expected = r#"{
  "b": [],
  "a": [
    1.50,
    {
      "x": "}, \"[\\"
    }
  ],
  "a": {},
  "n": 18446744073709551617
}"#;
        assert_eq!(indented(json, 0), expected);
    }

    #[test]
    fn deep_json_is_shown() {
        let json = format!("{}1{}", "[".repeat(8_000), "]".repeat(8_000));
        let shown: String = indented(&json, 0).split_whitespace().collect();
        assert_eq!(shown, json);
    }
}
