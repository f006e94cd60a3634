//! Form and query parameters: they must be UTF-8 once decoded, while a `%`
//! that begins no escape stands for itself.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::emulator::error::Failure;
use crate::emulator::store::Ttl;

/// Names and values, in the order they came.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Decodes `application/x-www-form-urlencoded` text, which must be UTF-8.
    pub(in crate::emulator) fn parse(text: &'a [u8]) -> Result<Self, Failure> {
        text.split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let end = pair.iter().position(|byte| *byte == b'=');
                let (name, value) = pair.split_at(end.unwrap_or(pair.len()));
                Ok((decode(name)?, decode(value.get(1..).unwrap_or_default())?))
            })
            .collect::<Result<_, Failure>>()
            .map(Self)
    }

    /// The value of a parameter: the last, should there be several.
    pub(in crate::emulator) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter().rev();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    pub(in crate::emulator) fn into_pairs(self) -> Vec<(String, String)> {
        let owned =
            |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        self.0.into_iter().map(owned).collect()
    }

    /// Reads a parameter that may be absent.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.get(name).map(read).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.read(name, |text| {
            if text.eq_ignore_ascii_case("true") {
                Ok(true)
            } else if text.eq_ignore_ascii_case("false") {
                Ok(false)
            } else {
                Err(Failure::InvalidBody)
            }
        })
    }

    pub(super) fn required_flag(&self, name: &'static str) -> Result<bool, Failure> {
        self.flag(name)?.ok_or(Failure::MissingParameter(name))
    }

    pub(super) fn ttl(&self, name: &str) -> Result<Option<Ttl>, Failure> {
        self.read(name, Ttl::parse).map(Option::flatten)
    }

    /// A TTL that goes by two names: `Ttl` counts only where `name` is not given.
    pub(super) fn ttl_or_alias(&self, name: &str) -> Result<Option<Ttl>, Failure> {
        match self.ttl(name)? {
            None => self.ttl("Ttl"),
            given => Ok(given),
        }
    }
}

fn decode(text: &[u8]) -> Result<Cow<'_, str>, Failure> {
    if !text.contains(&b'+') {
        return percent_decode(text)
            .decode_utf8()
            .map_err(|_| Failure::InvalidBody);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Failure::InvalidBody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let form = Parameters::parse(b"&a=1+2%2B3&%C3%A9==&a=4&b").unwrap();
        assert_eq!(form.get("a"), Some("4"));
        assert_eq!(form.get("\u{e9}"), Some("="));
        assert_eq!((form.get("b"), form.get("c")), (Some(""), None));
        assert_eq!(form.into_pairs()[0].1, "1 2+3");
        assert!(Parameters::parse(b"a=%ff").is_err());
        assert!(Parameters::parse(b"a=+%ff").is_err());
    }

    #[test]
    fn an_alias_counts_only_alone() {
        let ttl = |form: &str| {
            Parameters::parse(form.as_bytes())
                .unwrap()
                .ttl_or_alias("ItemTtl")
        };
        assert_eq!(ttl("Ttl=5&ItemTtl=6"), ttl("ItemTtl=6"));
        assert_eq!(ttl("Ttl=5"), ttl("ItemTtl=5"));
        assert_eq!(ttl("Ttl=x&ItemTtl=6"), ttl("ItemTtl=6"));
        assert_eq!(ttl("Ttl=x&ItemTtl="), Err(Failure::InvalidTtl));
    }

    #[test]
    fn flags_are_true_or_false() {
        let form = Parameters::parse(b"Read=true&Write=False&Manage=1").unwrap();
        assert_eq!(form.required_flag("Read"), Ok(true));
        assert_eq!(form.flag("Write"), Ok(Some(false)));
        assert_eq!(form.flag("Manage"), Err(Failure::InvalidBody));
        assert_eq!(form.required_flag("X"), Err(Failure::MissingParameter("X")));
    }
}
