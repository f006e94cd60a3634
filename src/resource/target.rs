//! Targets: the place of an object, an item or a collection, and the calls to it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::api::{Call, Form, Operation, Options, RawResponse, Read};
use crate::client::SyncClient;
use crate::error::Result;
use crate::resource::contract::Contract;
use crate::resource::key::{IntoKey, Key, Position};
use crate::resource::kind::{Collection, Resource};
use crate::resource::record::Record;
use crate::resource::write::Write;
use crate::value::{
    Identity, InputError, MAX_DATA_SIZE, ObjectReference, Revision, Segment, checked_object,
    encode, is_sid_shaped,
};

/// A place in a Service: all of it, an object, or an item of an object; with the client that reaches it,
/// the contract that data there must keep, and the options of calls to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) sync: SyncClient,
    pub(crate) contract: Option<Arc<Contract>>,
    pub(crate) options: Options,
    /// `true` once a call here has shown that the object or Service above exists.
    exists: Arc<AtomicBool>,
    object: Option<ObjectReference>,
    item: Option<String>,
    /// The reason why there is no such place.
    failure: Option<Box<InputError>>,
}

impl Target {
    /// The Service of a client.
    pub(crate) fn service(sync: SyncClient) -> Self {
        Self {
            exists: Arc::clone(sync.exists()),
            sync,
            contract: None,
            options: Options::default(),
            object: None,
            item: None,
            failure: None,
        }
    }

    /// An object here.
    pub(crate) fn object<K>(&self, key: impl IntoKey<K>) -> Self {
        self.clone().at(key.into_key())
    }

    /// The object itself, in place of a copy.
    pub(crate) fn at<K>(mut self, key: Key<K>) -> Self {
        match key.into_reference() {
            Ok(reference) => self.object = Some(reference),
            Err(error) => self.failure = Some(error),
        }
        self
    }

    /// The same place for calls to what is in its object, of which nothing is known yet.
    pub(crate) fn inside(mut self) -> Self {
        self.exists = Arc::default();
        self
    }

    /// The permission of an identity for the object here.
    pub(crate) fn identity(&self, identity: std::result::Result<Identity, InputError>) -> Self {
        let mut target = self.clone();
        match identity {
            Ok(identity) => target.item = Some(identity.into()),
            Err(error) => return target.failed(error),
        }
        target
    }

    /// The same place, whose calls fail with an error unless they fail with an earlier one.
    pub(crate) fn failed(mut self, error: InputError) -> Self {
        self.failure.get_or_insert_with(|| Box::new(error));
        self
    }

    /// An item of the object here.
    pub(crate) fn item<C: Collection>(&self, position: impl Into<Position<C>>) -> Self {
        let mut item = self.clone();
        match position.into().into_text() {
            Ok(text) => item.item = Some(text),
            Err(error) => {
                item.failure.get_or_insert(error);
            }
        }
        item
    }

    /// The same place with nothing asked of data.
    pub(crate) fn unchecked(&self) -> Self {
        Self {
            contract: None,
            ..self.clone()
        }
    }

    /// The same place in the object that a revision belongs to, if that is known: its name may by now be
    /// another object's.
    pub(crate) fn of_revision(&self, revision: Option<&Revision>) -> Cow<'_, Self> {
        match revision.and_then(Revision::object_sid) {
            Some(sid) => Cow::Owned(self.with_object_sid(sid)),
            None => Cow::Borrowed(self),
        }
    }

    /// The same place in the object with a SID.
    pub(crate) fn with_object_sid(&self, sid: &str) -> Self {
        let mut target = self.clone();
        let is_another = |given: &ObjectReference| is_sid_shaped(given.as_str()) && *given != sid;
        if let Some(given) = self.object.as_ref().filter(|given| is_another(given)) {
            let reason = format!("its revision belongs to {sid}, not to {given}");
            return target.failed(InputError::Request { reason });
        }
        match ObjectReference::new(sid) {
            Ok(reference) => target.object = Some(reference),
            Err(error) => target = target.failed(error),
        }
        target
    }

    /// Returns `true` if it has a name or key under which it can be read.
    pub(crate) fn is_named(&self) -> bool {
        self.object.is_some()
    }

    /// Returns `true` if it is an item, or a permission, of an object.
    pub(crate) fn is_item(&self) -> bool {
        self.item.is_some()
    }

    /// Returns `true` if its object is addressed by a SID, which no other object ever has.
    pub(crate) fn is_by_sid(&self) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| is_sid_shaped(object.as_str()))
    }

    /// Returns `true` if writes may be done twice.
    pub(crate) fn is_at_least_once(&self) -> bool {
        self.options.at_least_once || self.sync.is_at_least_once()
    }

    /// The name or SID of the object here.
    #[cfg(feature = "realtime")]
    pub(crate) fn key(&self) -> Result<&str> {
        match &self.failure {
            Some(error) => Err(InputError::clone(error).into()),
            None => Ok(self.name()),
        }
    }

    /// The name or SID of the object here; empty if there is none.
    pub(crate) fn name(&self) -> &str {
        self.object.as_ref().map_or("", ObjectReference::as_str)
    }

    /// Its name in an error.
    pub(crate) fn describe(&self) -> String {
        let object = self.name();
        match &self.item {
            Some(item) => format!("item \"{item}\" of \"{object}\""),
            None => format!("\"{object}\""),
        }
    }

    /// A call of an operation at this place.
    pub(crate) fn call<T>(&self, operation: Operation) -> Call<T>
    where
        T: serde::de::DeserializeOwned + Send + 'static,
    {
        let service: &dyn Segment = self.sync.service();
        let object = self.object.as_ref().map(|object| object as &dyn Segment);
        let item = self.item.as_ref().map(|item| item as &dyn Segment);
        // An operation on a collection takes the first of these only.
        let names = [Some(service), object, item];
        let count = names.iter().flatten().count();
        let names = names.map(|name| name.unwrap_or(service));
        let call = self.sync.api().call(operation, &names[..count]);
        let call = call.with_options(&self.options).below(&self.exists);
        match &self.failure {
            Some(error) => call.failed(InputError::clone(error)),
            None => call,
        }
    }

    /// Reads what is here.
    pub(crate) fn fetch<R: Resource>(&self) -> Call<R> {
        self.record(R::FETCH)
    }

    /// Writes to what is here; it must exist.
    pub(crate) fn update<R: Resource>(&self, write: &Write) -> Call<R> {
        let revision = write.if_match.as_ref();
        let call = self.of_revision(revision).record(R::UPDATE);
        call.with_fields(write.form(R::TTL)).with_if_match(revision)
    }

    /// Creates what is to be here, under the name or key of this place if it has one.
    pub(crate) fn create<R: Resource>(&self, write: &Write) -> Call<R> {
        let call = self.record(R::CREATE);
        let name = match (&self.item, &self.object) {
            (Some(item), _) => Some(item.as_str()),
            (None, object) => object.as_ref().map(ObjectReference::as_str),
        };
        let Some(field) = R::NAME else {
            return call.with_fields(write.form(R::TTL));
        };
        call.with_fields(write.form(R::TTL).field(field, name))
    }

    /// Removes what is here, if it still has a revision that is given.
    pub(crate) fn delete<R: Resource>(&self, if_match: Option<&Revision>) -> Call<()> {
        let call = self.of_revision(if_match).call(R::DELETE);
        call.with_if_match(if_match)
    }

    /// A call whose response is a record.
    pub(crate) fn record<R: Record>(&self, operation: Operation) -> Call<R> {
        self.call::<()>(operation)
            .read_by(read_record(self.contract.clone()))
    }

    /// A call whose response is a record, or that there is none.
    pub(crate) fn find<R: Record>(&self, operation: Operation) -> Call<Option<R>> {
        let read: Read<Option<R>> = match self.contract.clone() {
            None => Box::new(|response| unless_absent(response, |it| R::read(it, None))),
            Some(contract) => {
                Box::new(move |response| unless_absent(response, |it| R::read(it, Some(&contract))))
            }
        };
        self.call::<()>(operation).asking_above().read_by(read)
    }

    /// The JSON text of a value that is to be written: at most `limit` bytes, and as the contract wants it.
    pub(crate) fn encode<T: Serialize + ?Sized>(
        &self,
        what: &'static str,
        limit: usize,
        value: &T,
    ) -> Result<String> {
        let text = encode(what, limit, value)?;
        self.check(what, &text)?;
        Ok(text)
    }

    /// JSON text that is to be written as data, if it is an object of a size that fits, as the contract
    /// wants it.
    pub(crate) fn checked(&self, json: String) -> Result<String> {
        let json = checked_object("data", MAX_DATA_SIZE, json.into())?.into_owned();
        self.check("data", &json)?;
        Ok(json)
    }

    /// A contract is checked, if there is one, for JSON text that is to be written.
    pub(crate) fn check(&self, what: &str, json: &str) -> Result<()> {
        match &self.contract {
            Some(contract) => contract.check(json, false, || format!("the {what} to be written")),
            None => Ok(()),
        }
    }
}

/// Reads a record. Without a contract the closure has nothing to carry.
fn read_record<R: Record>(contract: Option<Arc<Contract>>) -> Read<R> {
    match contract {
        None => Box::new(|response| R::read(response, None)),
        Some(contract) => Box::new(move |response| R::read(response, Some(&contract))),
    }
}

/// Reads a response, unless it says that there is nothing.
pub(crate) fn unless_absent<T>(
    response: &RawResponse,
    read: impl FnOnce(&RawResponse) -> Result<T>,
) -> Result<Option<T>> {
    if response.is_not_found() {
        return Ok(None);
    }
    read(response).map(Some)
}

impl Write {
    /// The fields of a form, with the time to live under a name.
    fn form(&self, ttl: &str) -> Form {
        let data = self.data.as_deref();
        let text = |seconds: Option<i64>| seconds.map(|seconds| seconds.to_string());
        Form::with_capacity(data.map_or(0, str::len))
            .field("Data", data)
            .field(ttl, text(self.ttl).as_deref())
            .field("CollectionTtl", text(self.collection_ttl).as_deref())
    }
}
