//! The contents of a webhook, typed.

use std::fmt;

use crate::value::{Data, DocumentSid, ListSid, MapSid, StreamMessageSid, StreamSid};

/// A webhook: an event, its object, and its actor.
#[derive(Clone, Debug)]
pub struct Webhook {
    parameters: Vec<(String, String)>,
    event: Event,
}

/// The event.
///
/// For Maps and Message Streams only the names of events are documented; their parameters are taken
/// to be like those of Documents and Lists. One that lacks the SID of its object is
/// [`Unknown`](Self::Unknown), and what else is missing is `None`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A Document was created.
    DocumentCreated(DocumentEvent),
    /// The data of a Document was written.
    DocumentUpdated(DocumentEvent),
    /// A Document was removed.
    DocumentRemoved(DocumentEvent),
    /// A List was created.
    ListCreated(ObjectEvent<ListSid>),
    /// A List was removed.
    ListRemoved(ObjectEvent<ListSid>),
    /// An item was added to a List.
    ListItemAdded(ListItemEvent),
    /// The data of an item of a List was written.
    ListItemUpdated(ListItemEvent),
    /// An item of a List was removed.
    ListItemRemoved(ListItemEvent),
    /// A Map was created.
    MapCreated(ObjectEvent<MapSid>),
    /// A Map was removed.
    MapRemoved(ObjectEvent<MapSid>),
    /// An item was added to a Map.
    MapItemAdded(MapItemEvent),
    /// The data of an item of a Map was written.
    MapItemUpdated(MapItemEvent),
    /// An item of a Map was removed.
    MapItemRemoved(MapItemEvent),
    /// A Message Stream was created.
    StreamCreated(ObjectEvent<StreamSid>),
    /// A Message Stream was removed.
    StreamRemoved(ObjectEvent<StreamSid>),
    /// A message was published.
    StreamMessagePublished(StreamMessageEvent),
    /// A client endpoint connected; [`Webhook::identity`] and [`Webhook::endpoint_id`] say which.
    EndpointConnected,
    /// A client endpoint disconnected.
    EndpointDisconnected,
    /// Something this version of the crate has no type for; see [`Webhook::event_type`] and
    /// [`Webhook::get`].
    Unknown,
}

/// The Document an event is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DocumentEvent {
    /// Its SID.
    pub sid: DocumentSid,
    /// Its unique name, if it has one.
    pub unique_name: Option<String>,
    /// How often its data was written, as a number.
    pub revision: Option<u64>,
    /// Its data; `None` if it was removed.
    pub data: Option<Data>,
}

/// The List, Map or Message Stream an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectEvent<S> {
    /// Its SID.
    pub sid: S,
    /// Its unique name, if it has one.
    pub unique_name: Option<String>,
    /// Its revision, as a number.
    pub revision: Option<u64>,
}

/// The item of a List an event is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListItemEvent {
    /// The List it is in.
    pub list: ObjectEvent<ListSid>,
    /// The number of the event among those of the List.
    pub event_id: Option<u64>,
    /// Its index.
    pub index: Option<i64>,
    /// Its revision, as a number.
    pub revision: Option<u64>,
    /// Its data.
    pub data: Option<Data>,
}

/// The item of a Map an event is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapItemEvent {
    /// The Map it is in.
    pub map: ObjectEvent<MapSid>,
    /// The number of the event among those of the Map.
    pub event_id: Option<u64>,
    /// Its key.
    pub key: Option<String>,
    /// Its revision, as a number.
    pub revision: Option<u64>,
    /// Its data.
    pub data: Option<Data>,
}

/// The message an event is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamMessageEvent {
    /// The Message Stream it was published to.
    pub stream: ObjectEvent<StreamSid>,
    /// Its SID.
    pub sid: Option<StreamMessageSid>,
    /// Its data.
    pub data: Option<Data>,
}

/// A form that is not a webhook of Sync.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// A parameter that every such event has is missing.
    #[error("not a webhook of Sync: it has no {parameter}{}", of(.event_type.as_deref()))]
    Missing {
        /// The event, if it is known.
        event_type: Option<String>,
        /// The parameter.
        parameter: String,
    },
    /// A parameter has a value that cannot be read.
    #[error("the webhook's {parameter} cannot be read: {reason}")]
    Value {
        /// The parameter.
        parameter: String,
        /// Why.
        reason: String,
    },
}

fn of(event_type: Option<&str>) -> impl fmt::Display {
    event_type.map_or(String::new(), |event_type| {
        format!(", as {event_type} should have")
    })
}

impl Webhook {
    /// Reads the body of a POST, or the query string of a GET: form parameters either way.
    ///
    /// # Errors
    ///
    /// If it has no `EventType`, or lacks what its event is about. An event of an unknown type is no
    /// error.
    pub fn parse(form: &str) -> Result<Self, WebhookError> {
        let form = form.strip_prefix('?').unwrap_or(form);
        Self::from_parameters(url::form_urlencoded::parse(form.as_bytes()).into_owned())
    }

    /// Reads parameters that are decoded already.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn from_parameters(
        parameters: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, WebhookError> {
        let mut webhook = Self {
            parameters: parameters.into_iter().collect(),
            event: Event::Unknown,
        };
        webhook.event = webhook.read()?;
        Ok(webhook)
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The name of the event, such as `document_created`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.get("EventType").unwrap_or_default()
    }

    /// The SID of the account.
    #[must_use]
    pub fn account_sid(&self) -> Option<&str> {
        self.get("AccountSid")
    }

    /// The SID of the Service.
    #[must_use]
    pub fn service_sid(&self) -> Option<&str> {
        self.get("ServiceSid")
    }

    /// Who did it; `system` if it was done through the REST API.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.get("Identity")
    }

    /// The endpoint that did it, if one did.
    #[must_use]
    pub fn endpoint_id(&self) -> Option<&str> {
        self.get("EndpointId")
    }

    /// A parameter by its name, also one that this crate does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// All parameters, as they came; what the signature is of.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    fn read(&self) -> Result<Event, WebhookError> {
        if self.event_type().is_empty() {
            return Err(WebhookError::Missing {
                event_type: None,
                parameter: "EventType".to_owned(),
            });
        }
        Ok(match self.event_type() {
            "document_created" => Event::DocumentCreated(self.document()?),
            "document_updated" => Event::DocumentUpdated(self.document()?),
            "document_removed" => Event::DocumentRemoved(self.document()?),
            "list_created" => Event::ListCreated(self.object("List", ListSid::lenient)?),
            "list_removed" => Event::ListRemoved(self.object("List", ListSid::lenient)?),
            "list_item_added" => Event::ListItemAdded(self.list_item()?),
            "list_item_updated" => Event::ListItemUpdated(self.list_item()?),
            "list_item_removed" => Event::ListItemRemoved(self.list_item()?),
            "map_created"
            | "map_removed"
            | "map_item_added"
            | "map_item_updated"
            | "map_item_removed"
            | "stream_created"
            | "stream_removed"
            | "stream_message_published" => {
                // What these have is taken from their neighbours; one that has something else is not
                // wrong.
                self.inferred().unwrap_or(Event::Unknown)
            }
            "endpoint_connected" => Event::EndpointConnected,
            "endpoint_disconnected" => Event::EndpointDisconnected,
            _ => Event::Unknown,
        })
    }

    /// An event whose parameters are not documented.
    fn inferred(&self) -> Result<Event, WebhookError> {
        Ok(match self.event_type() {
            "map_created" => Event::MapCreated(self.object("Map", MapSid::lenient)?),
            "map_removed" => Event::MapRemoved(self.object("Map", MapSid::lenient)?),
            "map_item_added" => Event::MapItemAdded(self.map_item()?),
            "map_item_updated" => Event::MapItemUpdated(self.map_item()?),
            "map_item_removed" => Event::MapItemRemoved(self.map_item()?),
            "stream_created" => Event::StreamCreated(self.object("Stream", StreamSid::lenient)?),
            "stream_removed" => Event::StreamRemoved(self.object("Stream", StreamSid::lenient)?),
            _ => Event::StreamMessagePublished(StreamMessageEvent {
                stream: self.object("Stream", StreamSid::lenient)?,
                sid: self.filled("MessageSid").map(StreamMessageSid::lenient),
                data: self.data("MessageData")?,
            }),
        })
    }

    /// A parameter that is there and not empty.
    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    fn data(&self, name: &str) -> Result<Option<Data>, WebhookError> {
        let data = self
            .filled(name)
            .map(|json| Data::from_json(json.to_owned()));
        data.transpose().map_err(|error| WebhookError::Value {
            parameter: name.to_owned(),
            reason: error.to_string(),
        })
    }

    /// A number; `None` if it is missing, or is no number, for not all of them are documented to be.
    fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.get(name)?.parse().ok()
    }

    fn object<S>(
        &self,
        kind: &str,
        sid: impl Fn(&str) -> S,
    ) -> Result<ObjectEvent<S>, WebhookError> {
        let name = format!("{kind}Sid");
        let Some(text) = self.filled(&name) else {
            return Err(WebhookError::Missing {
                event_type: Some(self.event_type().to_owned()),
                parameter: name,
            });
        };
        Ok(ObjectEvent {
            sid: sid(text),
            unique_name: self.filled(&format!("{kind}UniqueName")).map(str::to_owned),
            revision: self.number(&format!("{kind}Revision")),
        })
    }

    fn document(&self) -> Result<DocumentEvent, WebhookError> {
        let object = self.object("Document", DocumentSid::lenient)?;
        Ok(DocumentEvent {
            sid: object.sid,
            unique_name: object.unique_name,
            revision: object.revision,
            data: self.data("DocumentData")?,
        })
    }

    fn list_item(&self) -> Result<ListItemEvent, WebhookError> {
        Ok(ListItemEvent {
            list: self.object("List", ListSid::lenient)?,
            event_id: self.number("EventId"),
            index: self.number("ItemIndex"),
            revision: self.number("ItemRevision"),
            data: self.data("ItemData")?,
        })
    }

    fn map_item(&self) -> Result<MapItemEvent, WebhookError> {
        Ok(MapItemEvent {
            map: self.object("Map", MapSid::lenient)?,
            event_id: self.number("EventId"),
            key: self.get("ItemKey").map(str::to_owned),
            revision: self.number("ItemRevision"),
            data: self.data("ItemData")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_query_strings() {
        let text = "EventType=list_item_added&AccountSid=AC1&ServiceSid=IS1&Identity=system&EventId=7\
                    &ItemData=%7B%22n%22%3A1%7D&ItemIndex=3&ListSid=ES1&ListUniqueName=log+book\
                    &ItemRevision=7&ListRevision=8&Flavour=new";
        for form in [text.to_owned(), format!("?{text}")] {
            let webhook = Webhook::parse(&form).unwrap();
            let Event::ListItemAdded(item) = webhook.event() else {
                panic!("{webhook:?}")
            };
            assert_eq!(
                (item.event_id, item.index, item.revision),
                (Some(7), Some(3), Some(7))
            );
            assert_eq!(item.data.as_ref().unwrap().as_str(), "{\"n\":1}");
            assert_eq!(item.list.unique_name.as_deref(), Some("log book"));
            assert_eq!(
                (item.list.sid.as_str(), item.list.revision),
                ("ES1", Some(8))
            );
            assert_eq!(webhook.get("Flavour"), Some("new"));
            assert_eq!(webhook.identity(), Some("system"));
            assert_eq!(webhook.parameters().len(), 12);
        }
    }

    #[test]
    fn what_is_unknown_is_kept_and_what_is_missing_named() {
        let webhook = Webhook::parse("EventType=document_admired&By=bob").unwrap();
        assert!(matches!(webhook.event(), Event::Unknown));
        assert_eq!(
            (webhook.event_type(), webhook.get("By")),
            ("document_admired", Some("bob"))
        );
        let reason = |form: &str| Webhook::parse(form).unwrap_err().to_string();
        assert_eq!(reason("a=b"), "not a webhook of Sync: it has no EventType");
        assert_eq!(
            reason("EventType=document_created"),
            "not a webhook of Sync: it has no DocumentSid, as document_created should have"
        );
        assert!(
            reason("EventType=document_created&DocumentSid=ET1&DocumentData=%7B")
                .starts_with("the webhook's DocumentData cannot be read: EOF"),
        );
        // Numbers that are none, and names that are empty, are nothing.
        let form = "EventType=map_removed&MapSid=MP1&MapRevision=1af&MapUniqueName=";
        let webhook = Webhook::parse(form).unwrap();
        let Event::MapRemoved(map) = webhook.event() else {
            panic!("{webhook:?}")
        };
        assert_eq!((map.revision, &map.unique_name), (None, &None));
    }
}
