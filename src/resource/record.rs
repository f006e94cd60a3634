//! Records: what the service sends for an object, an item or a permission.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use crate::api::RawResponse;
use crate::error::{DataError, Error, Result};
use crate::resource::contract::Contract;
use crate::resource::kind::{Listed, Resource};
use crate::value::{Data, Revision};

/// A record of the service.
///
/// Implemented by this crate only; a bound of functions over any [`Listing`](crate::listing::Listing).
pub trait Record: Listed + DeserializeOwned + Send + 'static {
    /// The same with its data as it came.
    #[doc(hidden)]
    type Raw: Record<Raw = Self::Raw>;

    /// Decodes the data, as a contract wants it.
    #[doc(hidden)]
    fn typed(raw: Self::Raw, contract: Option<&Contract>, after_write: bool) -> Result<Self>;

    /// The fields that distinguish one write from another; none for a record that is no object or item.
    #[doc(hidden)]
    fn version(raw: &Self::Raw) -> Option<Version<'_>> {
        let _ = raw;
        None
    }

    /// Notes in its revision the object that it belongs to.
    #[doc(hidden)]
    fn bind_revision(&mut self) {}

    /// Its name in an error.
    #[doc(hidden)]
    fn title(&self) -> String;

    /// The same with its revision bound to the object that it belongs to.
    #[doc(hidden)]
    #[must_use]
    fn bound(mut self) -> Self {
        self.bind_revision();
        self
    }

    /// Reads a response in one pass, data included. If that fails, a second pass finds out what does
    /// not fit: the record, or the data in it.
    #[doc(hidden)]
    fn read(response: &RawResponse, contract: Option<&Contract>) -> Result<Self> {
        // A contract is held against the data as it came.
        if contract.is_none()
            && let Some(record) = response.json_if_it_fits::<Self>()?
        {
            return Ok(record.bound());
        }
        let raw = response.json::<Self::Raw>()?.bound();
        Self::typed(raw, contract, response.is_write())
    }
}

/// The fields of an object or item that distinguish one write from another.
#[derive(Debug)]
pub struct Version<'a> {
    /// The SID of the object; of an item, that of its List or Map.
    pub(crate) object_sid: &'a str,
    /// The data as it was sent, and its revision; none for an object without data.
    pub(crate) content: Option<(&'a Data, &'a Revision)>,
    pub(crate) date_created: DateTime<Utc>,
    pub(crate) date_updated: DateTime<Utc>,
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

/// A resource with data: a Document or an item. Implemented by this crate only.
pub trait Versioned: Resource + Record<Raw = <Self as Versioned>::Untyped> {
    /// The type of the data.
    type Data: DeserializeOwned + Send + 'static;

    /// The same with its data as it came.
    #[doc(hidden)]
    type Untyped: Versioned<Data = Data>;

    /// The version, which changes with every write of the data.
    fn revision(&self) -> &Revision;

    /// The data.
    fn data(&self) -> &Self::Data;

    /// The data, to be changed here; nothing is written.
    fn data_mut(&mut self) -> &mut Self::Data;
}

/// Decodes data that was read, if it is as the contract wants it.
pub(crate) fn decode<T: DeserializeOwned>(
    data: &Data,
    contract: Option<&Contract>,
    after_write: bool,
    object: impl Fn() -> String,
) -> Result<T> {
    if let Some(contract) = contract {
        contract.check(data.as_str(), after_write, &object)?;
    }
    data.decode().map_err(|error| {
        // The usual path does without the bookkeeping that finds the place.
        let mut reader = serde_json::Deserializer::from_str(data.as_str());
        let located = serde_path_to_error::deserialize::<_, T>(&mut reader).err();
        let (path, source) = located.map_or((".".to_owned(), error), |located| {
            (located.path().to_string(), located.into_inner())
        });
        Error::Data(Box::new(DataError {
            object: object(),
            expected: std::any::type_name::<T>(),
            path,
            after_write,
            source,
        }))
    })
}

/// Defines a record: its own fields, and those that all of them have. One with a type parameter has
/// data of that type, and a revision.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $record:ident $(<$data:ident>)? {
            $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)*
        }
    ) => {
        $(#[$doc])*
        ///
        /// It serialises as the service writes it, but for the links, and deserialises from what the
        /// service writes.
        #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
        #[non_exhaustive]
        pub struct $record $(<$data>)? {
            $($(#[$field_doc])* pub $field: $field_type,)*
            $(
                /// The value.
                // Said this way, data that is not there is no `None` of a `T` that is an option.
                #[serde(
                    deserialize_with = "serde::Deserialize::deserialize",
                    bound(deserialize = "T: serde::Deserialize<'de>")
                )]
                pub data: $data,
                /// The version, which changes with every write of the data.
                pub revision: crate::value::Revision,
            )?
            /// When it expires; `None` for never, or as late as the object it is in.
            pub date_expires: Option<chrono::DateTime<chrono::Utc>>,
            /// When it was created.
            pub date_created: chrono::DateTime<chrono::Utc>,
            /// When it was last changed.
            pub date_updated: chrono::DateTime<chrono::Utc>,
            /// The identity of the creator; `system` for the REST API.
            pub created_by: String,
            /// The account it belongs to.
            pub account_sid: crate::value::AccountSid,
            /// The Service it belongs to.
            pub service_sid: crate::value::ServiceSid,
        }

        impl$(<$data>)? crate::resource::kind::Sealed for $record $(<$data>)? {}
    };
}

/// Derives how a record with data is read, from the names of its own fields, that of them which has the
/// SID of the object, and its name in errors.
macro_rules! data_record {
    ($record:ident { $($field:ident),* } of $object_sid:ident, |$this:ident| $title:expr) => {
        impl<T: serde::de::DeserializeOwned + Send + 'static> crate::resource::record::Record for $record<T> {
            type Raw = $record<crate::value::Data>;

            fn typed(
                raw: Self::Raw,
                contract: Option<&crate::resource::contract::Contract>,
                after_write: bool,
            ) -> crate::error::Result<Self> {
                let data = crate::resource::record::decode(&raw.data, contract, after_write, || raw.title())?;
                Ok(Self {
                    $($field: raw.$field,)*
                    data,
                    revision: raw.revision,
                    date_expires: raw.date_expires,
                    date_created: raw.date_created,
                    date_updated: raw.date_updated,
                    created_by: raw.created_by,
                    account_sid: raw.account_sid,
                    service_sid: raw.service_sid,
                })
            }

            fn version(raw: &Self::Raw) -> Option<crate::resource::record::Version<'_>> {
                Some(crate::resource::record::Version {
                    object_sid: raw.$object_sid.as_str(),
                    content: Some((&raw.data, &raw.revision)),
                    date_created: raw.date_created,
                    date_updated: raw.date_updated,
                    date_expires: raw.date_expires,
                })
            }

            fn bind_revision(&mut self) {
                self.revision.bind(self.$object_sid.as_str());
            }

            fn title(&self) -> String {
                let $this = self;
                $title
            }
        }

        impl<T: serde::de::DeserializeOwned + Send + 'static> crate::resource::record::Versioned for $record<T> {
            type Data = T;
            type Untyped = $record<crate::value::Data>;

            fn revision(&self) -> &crate::value::Revision {
                &self.revision
            }

            fn data(&self) -> &T {
                &self.data
            }

            fn data_mut(&mut self) -> &mut T {
                &mut self.data
            }
        }
    };
}

/// Derives how a record without data is read.
macro_rules! dataless_record {
    ($record:ident $({ $revision:ident })?, $noun:literal) => {
        impl crate::resource::record::Record for $record {
            type Raw = Self;

            fn typed(
                raw: Self,
                _: Option<&crate::resource::contract::Contract>,
                _: bool,
            ) -> crate::error::Result<Self> {
                Ok(raw)
            }

            fn version(raw: &Self) -> Option<crate::resource::record::Version<'_>> {
                Some(crate::resource::record::Version {
                    object_sid: raw.sid.as_str(),
                    content: None,
                    date_created: raw.date_created,
                    date_updated: raw.date_updated,
                    date_expires: raw.date_expires,
                })
            }

            $(fn bind_revision(&mut self) {
                self.$revision.bind(self.sid.as_str());
            })?

            fn title(&self) -> String {
                format!("{} {}", $noun, self.sid)
            }
        }
    };
}

pub(crate) use {data_record, dataless_record, record};
