//! SIDs as the store has them: a kind and 128 bits.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kind of the resource that a SID names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Service,
    Document,
    List,
    Map,
    Stream,
    Message,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Service => "IS",
            Self::Document => "ET",
            Self::List => "ES",
            Self::Map => "MP",
            Self::Stream => "TO",
            Self::Message => "TZ",
        }
    }

    /// Returns whether objects of this kind have permissions.
    pub(super) const fn takes_permissions(self) -> bool {
        matches!(self, Self::Document | Self::List | Self::Map)
    }
}

/// The 128 bits after the prefix; a record's kind is known from where it is.
pub(crate) type Id = u128;

/// A SID, written as its two-letter prefix and 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sid {
    pub(super) kind: Kind,
    pub(super) id: Id,
}

impl Sid {
    /// The SID with these 128 bits.
    pub(crate) fn new(kind: Kind, id: Id) -> Self {
        Self { kind, id }
    }

    #[cfg(test)]
    pub(crate) fn random(kind: Kind) -> Self {
        Self {
            kind,
            id: fastrand::u128(..),
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.kind
    }

    /// Reads a SID of this kind.
    pub(crate) fn parse(kind: Kind, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(kind.prefix())?;
        (is_sid_shaped(text))
            .then(|| u128::from_str_radix(digits, 16).ok())
            .flatten()
            .map(|id| Self { kind, id })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.prefix())?;
        hex(self.id, |digits| f.write_str(digits))
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Gives the 32 digits of a number, in a fraction of the time `{:032x}` takes.
fn hex<R>(id: Id, with: impl FnOnce(&str) -> R) -> R {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(id.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    with(std::str::from_utf8(&text).unwrap_or_default())
}

/// Returns true if `text` has the form of a SID of any kind, with digits in lower case. No unique name
/// may have it.
pub(crate) fn is_sid_shaped(text: &str) -> bool {
    let Some((prefix, digits)) = text.as_bytes().split_at_checked(2) else {
        return false;
    };
    prefix.iter().all(u8::is_ascii_uppercase)
        && digits.len() == 32
        && digits
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_kind_and_lower_case_are_read() {
        let sid = Sid::random(Kind::Document);
        let text = sid.to_string();
        assert_eq!(text, format!("ET{:032x}", sid.id));
        assert_eq!(Sid::parse(Kind::Document, &text), Some(sid));
        assert_eq!(Sid::parse(Kind::List, &text), None);
        assert_eq!(Sid::parse(Kind::Document, &text[..33]), None);
        let loud = format!("ET{}", "ABCDEF00".repeat(4));
        assert_eq!(Sid::parse(Kind::Document, &loud), None);
        assert!(!is_sid_shaped(&loud) && is_sid_shaped(&loud.to_lowercase().replace("et", "ET")));
    }
}
