//! Bodies as they come in and go out.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::Cut;
use crate::emulator::error::Failure;

/// The largest request body: ample for the largest data, percent-encoded.
pub(super) const MAX_REQUEST: usize = 256 * 1024;
/// How much of a body that is too large is read on, as many clients hear no
/// answer before they have sent all.
const MAX_IGNORED: usize = 16 * 1024 * 1024;

/// Why a request body cannot be had.
pub(super) enum Unread {
    Refused(Failure),
    /// The client is gone.
    Gone,
}

/// Reads a request body whole, which may have `max` bytes.
pub(super) async fn read(mut body: Incoming, max: usize) -> Result<Vec<u8>, Unread> {
    let mut whole = Vec::new();
    let mut length = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Unread::Gone)?;
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
        return Err(Unread::Refused(Failure::TooLarge));
    }
    Ok(whole)
}

/// A response body.
#[derive(Debug)]
pub(in crate::emulator) struct Answered {
    rest: Bytes,
    state: State,
    /// The length a body that breaks off is said to have.
    promised: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// All of it is to be sent, or was.
    Whole,
    /// Half of it is to be sent.
    Half,
    /// Half of it was sent, and may still be on its way to the socket.
    Sent,
    /// The connection goes now.
    Over,
}

impl Answered {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            rest: bytes,
            state: State::Whole,
            promised: 0,
        }
    }

    /// Breaks off in the middle, and its connection with it.
    pub(super) fn broken_off(mut self) -> Self {
        let length = self.rest.len();
        self.rest.truncate(length / 2);
        self.state = State::Half;
        self.promised = length as u64;
        self
    }
}

impl Body for Answered {
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
                // Once around the loop, in which hyper sends what it has.
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
            State::Half | State::Sent | State::Over => self.promised,
        })
    }
}
