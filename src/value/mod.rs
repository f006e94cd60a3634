//! The values that calls are made of, each checked by its type before a request is sent: names, keys,
//! SIDs, revisions, times to live, data.

mod data;
mod input_error;
mod json;
mod json_patch;
mod name;
mod reference;
mod revision;
mod sid;
mod text;
mod ttl;

pub use data::{Data, MAX_DATA_SIZE, MAX_MESSAGE_SIZE};
pub(crate) use data::{checked_object, encode};
pub use input_error::InputError;
pub(crate) use json::{
    apply_change, has_change, is_same_json, merge_patch, replace_members, without_other_names,
};
pub use json_patch::{JsonPatch, PatchError};
pub use name::{Identity, ItemKey, MAX_IDENTITY_LENGTH, MAX_NAME_LENGTH, UniqueName};
pub use reference::{ObjectReference, ServiceReference};
pub use revision::Revision;
pub(crate) use sid::is_sid_shaped;
pub use sid::{
    AccountSid, ApiKeySid, DocumentSid, ListSid, MapSid, ServiceSid, StreamMessageSid, StreamSid,
};
pub(crate) use text::Segment;
pub use ttl::Ttl;
