//! The form parameters of webhooks: their names, in this one place, and their values.

use std::fmt;

use crate::emulator::store::{
    Change, Data, Event, ItemName, ItemState, Kind, ObjectState, Subject,
};

/// The names of parameters, and the values of [`EVENT_TYPE`](name::EVENT_TYPE).
pub(super) mod name {
    pub(in crate::emulator) const ACCOUNT_SID: &str = "AccountSid";
    pub(in crate::emulator) const SERVICE_SID: &str = "ServiceSid";
    pub(in crate::emulator) const EVENT_TYPE: &str = "EventType";
    pub(in crate::emulator) const IDENTITY: &str = "Identity";
    /// Only events of endpoints, and of what client software writes, have it.
    pub(in crate::emulator) const ENDPOINT_ID: &str = "EndpointId";
    pub(in crate::emulator) const EVENT_ID: &str = "EventId";
    pub(in crate::emulator) const ITEM_INDEX: &str = "ItemIndex";
    pub(in crate::emulator) const ITEM_KEY: &str = "ItemKey";
    pub(in crate::emulator) const ITEM_DATA: &str = "ItemData";
    pub(in crate::emulator) const ITEM_REVISION: &str = "ItemRevision";
    pub(in crate::emulator) const MESSAGE_SID: &str = "MessageSid";
    pub(in crate::emulator) const MESSAGE_DATA: &str = "MessageData";
}

/// The prefixes of parameters and of event types, by kind.
fn prefixes(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Document => ("Document", "document"),
        Kind::List => ("List", "list"),
        Kind::Map => ("Map", "map"),
        Kind::Stream | Kind::Message => ("Stream", "stream"),
        Kind::Service => ("Service", "service"),
    }
}

/// The parameters of the webhook of an event; none if no webhook has such events.
pub(super) fn parameters(account_sid: &str, event: &Event) -> Option<Vec<(String, String)>> {
    let mut form = Form(Vec::new());
    form.add(name::ACCOUNT_SID, account_sid);
    form.add(name::SERVICE_SID, event.service.sid());
    form.add(name::EVENT_TYPE, event_type(&event.subject)?);
    form.add(name::IDENTITY, event.actor.name());
    if let Some(endpoint) = &event.endpoint {
        form.add(name::ENDPOINT_ID, endpoint);
    }
    form.add_subject(&event.subject);
    Some(form.0)
}

/// The type of the webhook of an event; none if no webhook has such events.
pub(super) fn event_type(subject: &Subject) -> Option<String> {
    Some(match subject {
        Subject::Object(change, object) => {
            let change = match change {
                Change::Created => "created",
                Change::Updated => "updated",
                Change::Removed => "removed",
                Change::ExpirySet => return None,
            };
            format!("{}_{change}", prefixes(object.kind()).1)
        }
        Subject::Item(change, item) => {
            let change = match change {
                Change::Created => "added",
                Change::Updated => "updated",
                Change::Removed => "removed",
                Change::ExpirySet => return None,
            };
            format!("{}_item_{change}", prefixes(item.collection.kind()).1)
        }
        Subject::Message { .. } => "stream_message_published".to_owned(),
        Subject::Endpoint { connected, .. } => if *connected {
            "endpoint_connected"
        } else {
            "endpoint_disconnected"
        }
        .to_owned(),
        Subject::Service(..) | Subject::Permission(..) => return None,
    })
}

struct Form(Vec<(String, String)>);

impl Form {
    fn add(&mut self, name: &str, value: impl fmt::Display) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    fn add_data(&mut self, name: &str, data: &Data) {
        self.add(name, data.json().get());
    }

    fn add_subject(&mut self, subject: &Subject) {
        match subject {
            Subject::Object(change, object) => {
                self.add_object(object);
                let prefix = prefixes(object.kind()).0;
                if let Some(data) = &object.parts.data
                    && *change != Change::Removed
                {
                    self.add_data(&format!("{prefix}Data"), data);
                }
            }
            Subject::Item(_, item) => {
                let ItemState {
                    collection,
                    name: item_name,
                    item,
                    ..
                } = item;
                self.add(name::EVENT_ID, collection.event_id().unwrap_or_default());
                match item_name {
                    ItemName::Index(index) => self.add(name::ITEM_INDEX, index),
                    ItemName::Key(key) => self.add(name::ITEM_KEY, key),
                }
                self.add_data(name::ITEM_DATA, &item.data);
                self.add(name::ITEM_REVISION, item.revision);
                self.add_object(collection);
            }
            Subject::Message { stream, sid, data } => {
                self.add_object(stream);
                self.add(name::MESSAGE_SID, sid);
                self.add_data(name::MESSAGE_DATA, data);
            }
            Subject::Endpoint { endpoint, .. } => self.add(name::ENDPOINT_ID, endpoint),
            Subject::Service(..) | Subject::Permission(..) => {}
        }
    }

    /// Names an object; one without a unique name has an empty one. Revisions are decimal here.
    fn add_object(&mut self, object: &ObjectState) {
        let prefix = prefixes(object.kind()).0;
        self.add(&format!("{prefix}Sid"), object.sid);
        let unique_name = object.unique_name.as_deref().unwrap_or_default();
        self.add(&format!("{prefix}UniqueName"), unique_name);
        if let Some(revision) = object.parts.revision {
            self.add(&format!("{prefix}Revision"), revision);
        }
    }
}
