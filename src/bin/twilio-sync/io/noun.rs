//! The kinds of objects, as messages name them and tables show them.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use twilio_sync::kind::{Key, Kind, Objects};
use twilio_sync::value::Data;
use twilio_sync::{
    Document, Documents, List, Lists, Map, Maps, MessageStream, MessageStreams, SyncClient,
};

/// A kind of object, as commands name and show it.
pub(crate) trait Noun:
    Kind<Sid: FromStr + Display + Sync + Into<Key<Self>>> + Serialize
{
    /// Its name.
    const NOUN: &'static str;

    /// The columns of a table of such objects.
    const COLUMNS: &'static [&'static str];

    /// The objects of this kind.
    fn objects(sync: &SyncClient) -> Objects<Self>;
}

impl Noun for Document<Data> {
    const NOUN: &'static str = "Document";
    const COLUMNS: &'static [&'static str] = &["unique_name", "revision", "date_expires", "data"];

    fn objects(sync: &SyncClient) -> Documents<Data> {
        sync.documents()
    }
}

impl Noun for List {
    const NOUN: &'static str = "List";
    const COLUMNS: &'static [&'static str] = &["unique_name", "sid", "revision", "date_updated"];

    fn objects(sync: &SyncClient) -> Lists {
        sync.lists()
    }
}

impl Noun for Map {
    const NOUN: &'static str = "Map";
    const COLUMNS: &'static [&'static str] = &["unique_name", "sid", "revision", "date_updated"];

    fn objects(sync: &SyncClient) -> Maps {
        sync.maps()
    }
}

impl Noun for MessageStream {
    const NOUN: &'static str = "Message Stream";
    const COLUMNS: &'static [&'static str] = &["unique_name", "sid", "date_updated"];

    fn objects(sync: &SyncClient) -> MessageStreams {
        sync.streams()
    }
}
