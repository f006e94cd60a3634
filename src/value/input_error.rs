//! Inputs that are rejected before a request is sent.

/// A name, SID, size or other input that the service would refuse, or that would reach another
/// resource than the one meant. No request was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A name of no characters.
    #[error("the {what} is empty; give it 1 to {limit} characters")]
    Empty {
        /// The use of the text.
        what: &'static str,
        /// Most characters allowed.
        limit: usize,
    },
    /// A secret of no characters.
    #[error("the {what} is empty; a variable that it comes from may not be set")]
    EmptySecret {
        /// The use of the secret.
        what: &'static str,
    },
    /// A name of too many characters.
    #[error("the {what} has {length} characters, at most {limit} are allowed: \"{start}…\"")]
    TooLong {
        /// The use of the text.
        what: &'static str,
        /// Most characters allowed.
        limit: usize,
        /// Characters it has.
        length: usize,
        /// Its first characters.
        start: String,
    },
    /// A name that a URL path cannot carry.
    #[error(
        "the {what} \"{name}\" cannot be sent: as a segment of a URL path it addresses another \
         resource; choose another name"
    )]
    DotSegment {
        /// The use of the text.
        what: &'static str,
        /// The text.
        name: String,
    },
    /// A unique name that the service would take for a SID.
    #[error(
        "the unique name \"{name}\" is shaped like a SID, which no unique name may be; to address an \
         object by its SID, pass the SID as its type, such as `DocumentSid`"
    )]
    SidShaped {
        /// The text.
        name: String,
    },
    /// A text that is not the SID it is to be.
    #[error("{text} is not the SID of {of}, which is `{prefix}` and 32 hexadecimal digits")]
    Sid {
        /// The two letters it should begin with.
        prefix: &'static str,
        /// The kind of object that it should be the SID of.
        of: &'static str,
        /// The text, in quotes; or how long it is, if it may be a secret in the wrong place.
        text: String,
    },
    /// A prefix of no characters where it would select everything for removal.
    #[error(
        "the prefix is empty, which everything begins with; a variable that it comes from may not be \
         set. To remove everything, say so: `remove_all`"
    )]
    EmptyPrefix,
    /// Data of too many bytes.
    #[error("the {what} takes {size} bytes as JSON, at most {limit} are allowed")]
    DataTooLarge {
        /// The use of the data.
        what: &'static str,
        /// Most bytes of JSON text allowed.
        limit: usize,
        /// Bytes it takes.
        size: usize,
    },
    /// Data that is no JSON object.
    #[error(
        "the {what} is {found}, and the service takes only JSON objects; put it in a member of one, \
         as in {{\"value\": …}}"
    )]
    NotAnObject {
        /// The use of the data.
        what: &'static str,
        /// The kind of JSON value that it is.
        found: &'static str,
    },
    /// Data that cannot be written as JSON.
    #[error("the {what} cannot be written as JSON: {reason}")]
    Encode {
        /// The use of the data.
        what: &'static str,
        /// The error of serde.
        reason: String,
    },
    /// A time to live that is too long.
    #[error("the time to live is {seconds} seconds, 0 (never) to {limit} are allowed")]
    Ttl {
        /// Seconds asked for.
        seconds: u64,
        /// Most seconds allowed.
        limit: u64,
    },
    /// A page size out of range.
    #[error("the page size is {size}, 1 to {limit} are allowed")]
    PageSize {
        /// Records per page asked for.
        size: usize,
        /// Most records per page.
        limit: usize,
    },
    /// A list index below 0.
    #[error("the list index {index} is negative; indexes begin at 0")]
    Index {
        /// The index.
        index: i64,
    },
    /// A debouncing window out of range.
    #[error("the reachability debouncing window is {window:?}, 1 s to 30 s are allowed")]
    DebouncingWindow {
        /// The window.
        window: std::time::Duration,
    },
    /// A lifetime of an access token out of range.
    #[error("the lifetime of the access token is {lifetime:?}, 1 s to 24 h are allowed")]
    TokenLifetime {
        /// The lifetime.
        lifetime: std::time::Duration,
    },
    /// A revision that cannot be sent in a header, and is none of the service's.
    #[error("the revision {revision:?} cannot be sent; pass one that the service gave")]
    Revision {
        /// The revision.
        revision: String,
    },
    /// A request that could not be put together.
    #[error("the request cannot be made: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
}

/// For arguments that are taken as a value or as a text that may become one.
impl From<std::convert::Infallible> for InputError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// The most characters of a rejected text that an error shows.
const SHOWN: usize = 40;

fn start(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

impl InputError {
    pub(crate) fn too_long(what: &'static str, limit: usize, length: usize, text: &str) -> Self {
        Self::TooLong {
            what,
            limit,
            length,
            start: start(text),
        }
    }

    pub(crate) fn sid(prefix: &'static str, of: &'static str, text: &str) -> Self {
        // A secret in the place of a SID must not show. No secret looks like one.
        let bytes = text.as_bytes();
        let is_sid_like = bytes.len() <= 40
            && bytes.iter().take(2).all(u8::is_ascii_uppercase)
            && bytes.iter().skip(2).all(u8::is_ascii_hexdigit);
        let text = if is_sid_like {
            format!("\"{text}\"")
        } else {
            format!("a value of {} characters", text.chars().count())
        };
        Self::Sid { prefix, of, text }
    }
}
