//! The form parameters of webhooks: their names, in this one place, and their values.

use std::fmt;

use crate::emulator::store::{Data, Event, EventChange, Happening, ItemName, Kind, Subject};

/// The names of parameters, and the values of [`EVENT_TYPE`](name::EVENT_TYPE).
pub(super) mod name {
    pub(in crate::emulator) const ACCOUNT_SID: &str = "AccountSid";
    pub(in crate::emulator) const SERVICE_SID: &str = "ServiceSid";
    pub(in crate::emulator) const EVENT_TYPE: &str = "EventType";
    pub(in crate::emulator) const IDENTITY: &str = "Identity";
    /// Of events of endpoints only: nothing else that happens here has one.
    pub(in crate::emulator) const ENDPOINT_ID: &str = "EndpointId";
    pub(in crate::emulator) const EVENT_ID: &str = "EventId";
    pub(in crate::emulator) const ITEM_INDEX: &str = "ItemIndex";
    pub(in crate::emulator) const ITEM_KEY: &str = "ItemKey";
    pub(in crate::emulator) const ITEM_DATA: &str = "ItemData";
    pub(in crate::emulator) const ITEM_REVISION: &str = "ItemRevision";
    pub(in crate::emulator) const MESSAGE_SID: &str = "MessageSid";
    pub(in crate::emulator) const MESSAGE_DATA: &str = "MessageData";
}

/// What the names of parameters begin with, by kind, and those of event types.
fn prefixes(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Document => ("Document", "document"),
        Kind::List => ("List", "list"),
        Kind::Map => ("Map", "map"),
        Kind::Stream | Kind::Message => ("Stream", "stream"),
        Kind::Service => ("Service", "service"),
    }
}

/// Who writes over REST.
const REST_IDENTITY: &str = "system";

/// The parameters an event is posted with.
pub(super) fn parameters(account_sid: &str, event: &Event) -> Vec<(String, String)> {
    let mut form = Form(Vec::new());
    form.add(name::ACCOUNT_SID, account_sid);
    form.add(name::SERVICE_SID, event.service);
    form.add(name::EVENT_TYPE, event_type(&event.what));
    match &event.what {
        Happening::Endpoint {
            identity, endpoint, ..
        } => {
            form.add(name::IDENTITY, identity);
            form.add(name::ENDPOINT_ID, endpoint);
        }
        what => {
            form.add(name::IDENTITY, REST_IDENTITY);
            form.add_happening(what);
        }
    }
    form.0
}

fn event_type(what: &Happening) -> String {
    match what {
        Happening::Object(change, subject) => {
            let change = match change {
                EventChange::Created => "created",
                EventChange::Updated => "updated",
                EventChange::Removed => "removed",
            };
            format!("{}_{change}", prefixes(subject.kind()).1)
        }
        Happening::Item {
            change, collection, ..
        } => {
            let change = match change {
                EventChange::Created => "added",
                EventChange::Updated => "updated",
                EventChange::Removed => "removed",
            };
            format!("{}_item_{change}", prefixes(collection.kind()).1)
        }
        Happening::Message { .. } => "stream_message_published".to_owned(),
        Happening::Endpoint { connected, .. } => if *connected {
            "endpoint_connected"
        } else {
            "endpoint_disconnected"
        }
        .to_owned(),
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn add(&mut self, name: &str, value: impl fmt::Display) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    fn add_data(&mut self, name: &str, data: &Data) {
        self.add(name, data.json().get());
    }

    fn add_happening(&mut self, what: &Happening) {
        match what {
            Happening::Object(change, subject) => {
                self.add_subject(subject);
                let prefix = prefixes(subject.kind()).0;
                if let Some(data) = &subject.data
                    && *change != EventChange::Removed
                {
                    self.add_data(&format!("{prefix}Data"), data);
                }
            }
            Happening::Item {
                collection,
                event,
                name,
                revision,
                data,
                ..
            } => {
                self.add(name::EVENT_ID, event);
                match name {
                    ItemName::Index(index) => self.add(name::ITEM_INDEX, index),
                    ItemName::Key(key) => self.add(name::ITEM_KEY, key),
                }
                self.add_data(name::ITEM_DATA, data);
                self.add(name::ITEM_REVISION, revision);
                self.add_subject(collection);
            }
            Happening::Message { stream, sid, data } => {
                self.add_subject(stream);
                self.add(name::MESSAGE_SID, sid);
                self.add_data(name::MESSAGE_DATA, data);
            }
            Happening::Endpoint { .. } => {}
        }
    }

    /// Names an object; one without a unique name has an empty one. Revisions are decimal here.
    fn add_subject(&mut self, subject: &Subject) {
        let prefix = prefixes(subject.kind()).0;
        self.add(&format!("{prefix}Sid"), subject.sid);
        let unique_name = subject.unique_name.as_deref().unwrap_or_default();
        self.add(&format!("{prefix}UniqueName"), unique_name);
        if let Some(revision) = subject.revision {
            self.add(&format!("{prefix}Revision"), revision);
        }
    }
}
