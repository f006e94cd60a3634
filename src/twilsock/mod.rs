//! Twilsock: the protocol of Twilio's realtime SDKs over a WebSocket, for both of its ends.
//!
//! A binary message of the WebSocket is a [frame](frame): a header in JSON, and a payload. The
//! [headers](messages) say what a frame is for. The protocol is not documented by Twilio; what is known
//! of it comes from its open-source SDKs.

mod frame;
mod messages;

pub(crate) use self::frame::Frame;
#[cfg(feature = "emulator")]
pub(crate) use self::frame::MAX_FRAME;
#[cfg(feature = "realtime")]
pub(crate) use self::frame::MAX_FRAME_OF_SERVICE;
#[cfg(feature = "realtime")]
pub(crate) use self::messages::Values;
#[cfg(feature = "emulator")]
pub(crate) use self::messages::{
    AccountDescriptor, ContinuationStatus, InitRegistration, OfflineStorage,
};
pub(crate) use self::messages::{Header, HttpRequest, Method, Reply, Status, Token};
