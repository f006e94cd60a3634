//! The bodies of requests and responses as bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::timeout;

use super::Cut;

/// The largest request body: ample for the largest data, percent-encoded.
pub(super) const MAX_REQUEST: usize = 256 * 1024;
/// The part of a body over its limit that is read all the same, as many clients read no
/// response before they have sent all.
const MAX_IGNORED: usize = 16 * 1024 * 1024;

/// The time to wait for the next part of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request body that cannot be read.
pub(super) enum ReadError {
    /// The body is too large.
    TooLarge,
    /// The connection ended before the body did.
    Disconnected,
}

/// Reads a whole request body of at most `max` bytes.
pub(super) async fn read<B>(mut body: B, max: usize) -> Result<Vec<u8>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = Vec::new();
    let mut length = 0;
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        // A client that sends nothing for this time is no longer there.
        let frame = timeout(BODY_TIMEOUT, frame).await;
        let Some(frame) = frame.map_err(|_| ReadError::Disconnected)? else {
            break;
        };
        let frame = frame.map_err(|_| ReadError::Disconnected)?;
        if let Ok(data) = frame.into_data() {
            length += data.len();
            if length <= max {
                whole.extend_from_slice(&data);
            } else if length > max.max(MAX_IGNORED) {
                break;
            }
        }
    }
    if length > max {
        return Err(ReadError::TooLarge);
    }
    Ok(whole)
}

/// A response body.
#[derive(Debug)]
pub(in crate::emulator) struct ResponseBody {
    rest: Bytes,
    state: State,
    /// The announced length of a truncated body.
    announced: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The whole body is to be sent, or was.
    Whole,
    /// Half of it is to be sent.
    Half,
    /// Half of it was sent, and may still be on its way to the socket.
    Sent,
    /// The connection is cut now.
    Over,
}

impl ResponseBody {
    /// The body in one piece; fails if it is truncated.
    pub(in crate::emulator) fn into_bytes(self) -> Result<Bytes, Cut> {
        match self.state {
            State::Whole => Ok(self.rest),
            State::Half | State::Sent | State::Over => Err(Cut),
        }
    }

    pub(in crate::emulator) fn whole(bytes: Bytes) -> Self {
        Self {
            rest: bytes,
            state: State::Whole,
            announced: 0,
        }
    }

    /// Sends half of the body, then cuts the connection.
    pub(super) fn truncated(mut self) -> Self {
        let length = self.rest.len();
        self.rest.truncate(length / 2);
        self.state = State::Half;
        self.announced = length as u64;
        self
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.state {
            State::Whole if self.rest.is_empty() => Poll::Ready(None),
            State::Whole => {
                let rest = std::mem::take(&mut self.rest);
                Poll::Ready(Some(Ok(Frame::data(rest))))
            }
            State::Half => {
                self.state = State::Sent;
                let rest = std::mem::take(&mut self.rest);
                Poll::Ready(Some(Ok(Frame::data(rest))))
            }
            State::Sent => {
                // hyper sends the first half before it polls again.
                self.state = State::Over;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Over => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Whole && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self.state {
            State::Whole => self.rest.len() as u64,
            State::Half | State::Sent | State::Over => self.announced,
        })
    }
}
