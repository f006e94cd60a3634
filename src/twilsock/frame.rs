//! Frames: `TWILSOCK V3.0 <length of the header>`, the header and the payload, each after a line end.

use serde_json::Value;

use super::messages::Header;

/// The largest frame that the emulator takes from a client, in bytes.
#[cfg(feature = "emulator")]
pub(crate) const MAX_FRAME: usize = 1024 * 1024;
/// The largest frame that a client takes from the service, in bytes. A page of 50 items may be more
/// than 1 MiB, by their keys and addresses; the rest is for what the real service may add or escape.
#[cfg(feature = "realtime")]
pub(crate) const MAX_FRAME_OF_SERVICE: usize = 16 * 1024 * 1024;
/// The largest header, in bytes: it has an access token and the headers of a request.
const MAX_HEADER: usize = 128 * 1024;
/// The longest first line.
const MAX_FIRST_LINE: usize = 32;

const MAGIC: &str = "TWILSOCK V3.0 ";
const LINE_END: &[u8] = b"\r\n";

/// A frame that was read.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    /// The header as it was received.
    pub(crate) text: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// The reason that bytes are no frame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FrameError {
    /// Its header is larger than a header may be. The WebSocket limits the size of the whole.
    #[error("the header is too large")]
    TooLarge,
    /// The first line is not that of a frame.
    #[error("it does not begin with TWILSOCK V3.0 and the length of a header")]
    NoFrame,
    /// It ends before its header or payload does, or goes on after it.
    #[error("the header or the payload has another length than stated")]
    WrongLength,
    /// The header is not the JSON of a message.
    #[error("the header is not valid: {0}")]
    InvalidHeader(String),
}

impl<'a> Frame<'a> {
    /// Reads a frame. A line end after the payload belongs to it, and may be absent.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (text, rest) = split(bytes)?;
        let header: Header = serde_json::from_slice(text)
            .map_err(|error| FrameError::InvalidHeader(error.to_string()))?;
        let (payload, end) = rest
            .split_at_checked(header.payload_size)
            .ok_or(FrameError::WrongLength)?;
        if !end.is_empty() && end != LINE_END {
            return Err(FrameError::WrongLength);
        }
        Ok(Self {
            header,
            text,
            payload,
        })
    }

    /// The id of what may be a frame with a header that cannot be read.
    pub(crate) fn id_of(bytes: &[u8]) -> Option<String> {
        let (header, _) = split(bytes).ok()?;
        let header: Value = serde_json::from_slice(header).ok()?;
        header.get("id")?.as_str().map(str::to_owned)
    }

    /// The JSON of a header for a frame with this payload: JSON without line ends, or nothing.
    pub(crate) fn text(mut header: Header, payload: &[u8]) -> Vec<u8> {
        header.payload_size = payload.len();
        if !payload.is_empty() && header.payload_type.is_none() {
            header.payload_type = Some("application/json".to_owned());
        }
        // No header has anything that can fail to serialise.
        serde_json::to_vec(&header).unwrap_or_default()
    }

    /// Writes a frame with the [text](Self::text) of its header.
    pub(crate) fn write(text: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(text.len() + payload.len() + MAX_FIRST_LINE);
        frame.extend(format!("{MAGIC}{}", text.len()).bytes());
        frame.extend(LINE_END);
        frame.extend(text);
        frame.extend(LINE_END);
        if !payload.is_empty() {
            frame.extend(payload);
            frame.extend(LINE_END);
        }
        frame
    }
}

/// The header of a frame, and all that follows the line end after it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    let start = bytes.get(..MAX_FIRST_LINE).unwrap_or(bytes);
    let end = start
        .windows(LINE_END.len())
        .position(|window| window == LINE_END)
        .ok_or(FrameError::NoFrame)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(FrameError::NoFrame)?;
    let rest = rest.strip_prefix(LINE_END).ok_or(FrameError::NoFrame)?;
    let length = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix(MAGIC))
        .filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|length| length.parse::<usize>().ok())
        .ok_or(FrameError::NoFrame)?;
    if length > MAX_HEADER {
        return Err(FrameError::TooLarge);
    }
    let (header, rest) = rest
        .split_at_checked(length)
        .ok_or(FrameError::WrongLength)?;
    let rest = rest.strip_prefix(LINE_END).ok_or(FrameError::WrongLength)?;
    Ok((header, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::messages::Method;
    use super::*;

    /// The number of cases of a property: `TWILIO_SYNC_LONG_TESTS` makes it five million.
    fn cases() -> ProptestConfig {
        let long = std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some();
        ProptestConfig::with_cases(if long { 5_000_000 } else { 256 })
    }

    fn frame(header: &Value, payload: &str) -> Vec<u8> {
        Frame::write(header.to_string().as_bytes(), payload.as_bytes())
    }

    fn written(header: Header, payload: &[u8]) -> Vec<u8> {
        Frame::write(&Frame::text(header, payload), payload)
    }

    #[test]
    fn frames_of_both_sdks_are_read() {
        let header = json!({
            "id": "TM1", "method": "message", "active_grant": "data_sync",
            "payload_type": "application/json; charset=utf-8",
            "http_request": {"host": "cds.us1.twilio.com", "path": "/v3/Maps/a%20b", "method": "POST",
                "params": {"From": ["k"], "Order": "asc"}, "headers": {"If-Match": ["1"]}},
            "payload_size": 7,
        });
        let text = header.to_string();
        for end in ["", "\r\n"] {
            let bytes = format!("TWILSOCK V3.0 {}\r\n{text}\r\n{{\"a\":1}}{end}", text.len());
            let read = Frame::parse(bytes.as_bytes()).unwrap();
            assert_eq!(read.payload, b"{\"a\":1}");
            let Method::Message { http_request, .. } = read.header.method else {
                panic!("{read:?}");
            };
            assert_eq!(http_request.path, "/v3/Maps/a%20b");
            assert_eq!(http_request.params["From"].first(), Some("k"));
            assert_eq!(http_request.header("if-match"), Some("1"));
        }
    }

    #[test]
    fn a_frame_is_written_as_it_is_read() {
        let header = Header::new("TM2", Method::Ping);
        assert_eq!(
            String::from_utf8(written(header, b"")).unwrap(),
            "TWILSOCK V3.0 45\r\n{\"id\":\"TM2\",\"payload_size\":0,\"method\":\"ping\"}\r\n"
        );
        let payload = br#"{"name":"\u00e9"}"#;
        let bytes = written(Header::new("TM3", Method::Ping), payload);
        let read = Frame::parse(&bytes).unwrap();
        assert_eq!(
            (read.header.id.as_str(), read.payload),
            ("TM3", &payload[..])
        );
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let good = frame(
            &json!({"id": "1", "method": "ping", "payload_size": 2}),
            "{}",
        );
        assert!(Frame::parse(&good).is_ok());
        let unknown = frame(&json!({"id": "1", "method": "telemetry.v1"}), "");
        let read = Frame::parse(&unknown).unwrap();
        assert!(matches!(read.header.method, Method::Other));
        for (bytes, error) in [
            (&b""[..], FrameError::NoFrame),
            (b"TWILSOCK V3.0 2\r\n{}", FrameError::WrongLength),
            (b"TWILSOCK V3.0 +2\r\n{}\r\n", FrameError::NoFrame),
            (b"TWILSOCK V2.0 2\r\n{}\r\n", FrameError::NoFrame),
            (b"TWILSOCK V3.0 999999999\r\n{}\r\n", FrameError::TooLarge),
            (
                b"TWILSOCK V3.0 99999999999999999999999\r\n{}\r\n",
                FrameError::NoFrame,
            ),
            (&good[..good.len() - 3], FrameError::WrongLength),
            (&[&good[..], b"x"].concat(), FrameError::WrongLength),
        ] {
            assert_eq!(Frame::parse(bytes).unwrap_err(), error);
        }
        assert_eq!(
            Frame::id_of(&frame(&json!({"id": "7", "method": 3}), "")).as_deref(),
            Some("7")
        );
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Frame::parse(&bytes), Frame::id_of(&bytes));
            let length = bytes.len();
            let framed = [format!("TWILSOCK V3.0 {length}\r\n").as_bytes(), &bytes, b"\r\n"].concat();
            let _ = (Frame::parse(&framed), Frame::id_of(&framed));
        }

        #[test]
        fn a_mutated_frame_is_read_or_refused(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        ) {
            let mut bytes = frame(
                &json!({"id": "1", "method": "reply", "status": {"code": 200, "status": "OK"},
                    "http_status": {"code": 404, "status": "ERROR"}, "payload_size": 2}),
                "{}",
            );
            for (at, byte, edit) in edits {
                let at = at.index(bytes.len());
                match edit {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ if bytes.len() > 1 => { bytes.remove(at); }
                    _ => {}
                }
            }
            if let Ok(read) = Frame::parse(&bytes) {
                let payload = read.payload.to_vec();
                let bytes = written(read.header, &payload);
                prop_assert_eq!(Frame::parse(&bytes).unwrap().payload, payload);
            }
        }

        #[test]
        fn any_id_and_payload_come_back(id in ".{0,40}", text in ".{0,200}") {
            let payload = serde_json::to_vec(&json!({ "text": text })).unwrap();
            let bytes = written(Header::new(&id, Method::Ping), &payload);
            let read = Frame::parse(&bytes).unwrap();
            prop_assert_eq!(read.header.id, id);
            prop_assert_eq!(read.payload, payload);
        }
    }
}
