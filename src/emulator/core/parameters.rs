//! Form and query parameters: they must be UTF-8 once decoded, while a `%`
//! that begins no escape stands for itself.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::emulator::store::ServiceError;

/// Names and values, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Decodes `application/x-www-form-urlencoded` text, which must be UTF-8.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, ServiceError> {
        text.split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let end = pair.iter().position(|byte| *byte == b'=');
                let (name, value) = pair.split_at(end.unwrap_or(pair.len()));
                Ok((decode(name)?, decode(value.get(1..).unwrap_or_default())?))
            })
            .collect::<Result<_, ServiceError>>()
            .map(Self)
    }

    /// The value of a parameter: the last, should there be several.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter().rev();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        let owned =
            |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        self.0.into_iter().map(owned).collect()
    }
}

fn decode(text: &[u8]) -> Result<Cow<'_, str>, ServiceError> {
    if !text.contains(&b'+') {
        return percent_decode(text)
            .decode_utf8()
            .map_err(|_| ServiceError::InvalidBody);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| ServiceError::InvalidBody)
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
}
