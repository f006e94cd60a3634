//! What the helpers read from answers: Documents and items, which are data with a revision, dates and
//! origin, and the other objects, which have no data of their own.

use std::convert::identity;

use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::reading;
use crate::api::types::PageMeta;
use crate::api::{self, ErrorBody};
use crate::context::Context;
use crate::error::Result;
use crate::paging::Page;
use crate::report::Reported;

/// What the service answers with where it is asked for one object, or a page of them.
pub(crate) trait Record: DeserializeOwned {
    /// The same with its data as it came.
    type Raw: DeserializeOwned;

    /// A page of them.
    type Page<R: DeserializeOwned>: DeserializeOwned + Into<Records<R>>;

    /// Decodes the data.
    fn typed(raw: Self::Raw, context: &Context) -> Result<Self>;
}

/// What is in a page, whatever its member is called.
pub(crate) struct Records<R> {
    records: Vec<R>,
    meta: PageMeta,
}

/// Defines the pages that have their records under these names.
macro_rules! pages {
    ($($page:ident { $member:ident })*) => {$(
        #[derive(Deserialize)]
        pub(crate) struct $page<R> {
            $member: Vec<R>,
            meta: PageMeta,
        }

        impl<R> From<$page<R>> for Records<R> {
            fn from(page: $page<R>) -> Self {
                Self { records: page.$member, meta: page.meta }
            }
        }
    )*};
}

pages! {
    DocumentPage { documents }
    ItemPage { items }
    ListPage { lists }
    MapPage { maps }
    StreamPage { streams }
}

impl<R> Records<R> {
    fn page<T>(self, make: impl Fn(R) -> Result<T>) -> Page<T> {
        Page {
            records: self.records.into_iter().map(make).collect(),
            meta: self.meta,
        }
    }
}

impl Context {
    /// Awaits a call that answers with a record.
    pub(crate) fn record<R: Record>(
        &self,
        call: impl Future<Output = Result<Response, api::Error<ErrorBody>>>,
    ) -> impl Future<Output = Result<R>> {
        self.read(call, identity, R::typed)
    }

    /// Awaits a call that answers with a page of records.
    pub(crate) fn page<R: Record>(
        &self,
        call: impl Future<Output = Result<Response, api::Error<ErrorBody>>>,
    ) -> impl Future<Output = Result<Page<R>>> {
        self.read(
            call,
            |whole: R::Page<R>| whole.into().page(Ok),
            |raw: R::Page<R::Raw>, context| Ok(raw.into().page(|record| R::typed(record, context))),
        )
    }

    /// Awaits a call and reads its answer: in one pass, data included. If that fails, a second one
    /// finds out what it is that does not fit: the answer, or the data in it.
    fn read<W: DeserializeOwned, R: DeserializeOwned, T>(
        &self,
        call: impl Future<Output = Result<Response, api::Error<ErrorBody>>>,
        whole: impl Fn(W) -> T,
        typed: impl Fn(R, &Self) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        Reported::new(call, move |result, report| {
            reading::<R, _>(result, report, |body| {
                // A contract is held against the data as it came.
                if !self.has_contract()
                    && let Ok(read) = serde_json::from_slice(body)
                {
                    return Ok(Ok(whole(read)));
                }
                let raw = serde_json::from_slice(body)?;
                Ok(typed(raw, self))
            })
        })
    }
}

/// Makes an object without data of its own a record.
macro_rules! dataless_record {
    ($object:ty, $page:ident) => {
        impl $crate::record::Record for $object {
            type Raw = Self;
            type Page<R: serde::de::DeserializeOwned> = $crate::record::$page<R>;

            fn typed(raw: Self, _: &$crate::context::Context) -> $crate::Result<Self> {
                Ok(raw)
            }
        }
    };
}

/// Defines one kind of record with data.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $record:ident {
            $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)*
        },
        page: $page:ident,
        title: |$this:ident| $title:expr $(,)?
    ) => {
        $(#[$doc])*
        ///
        /// It serialises as the service writes it, but for the links, and deserialises from what the
        /// service writes.
        #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
        #[non_exhaustive]
        pub struct $record<T> {
            $($(#[$field_doc])* pub $field: $field_type,)*
            /// The value.
            // Said this way, data that is not there is no `None` of a `T` that is an option.
            #[serde(
                deserialize_with = "serde::Deserialize::deserialize",
                bound(deserialize = "T: serde::Deserialize<'de>")
            )]
            pub data: T,
            /// The version, which changes with every write of the data.
            pub revision: $crate::Revision,
            /// When it expires; `None` for never, or as late as what it is in.
            pub date_expires: Option<chrono::DateTime<chrono::Utc>>,
            /// When it was created.
            pub date_created: chrono::DateTime<chrono::Utc>,
            /// When it was last changed.
            pub date_updated: chrono::DateTime<chrono::Utc>,
            /// The identity of the creator; `system` for the REST API.
            pub created_by: String,
            /// The account it belongs to.
            pub account_sid: $crate::sids::AccountSid,
            /// The Service it belongs to.
            pub service_sid: $crate::sids::ServiceSid,
        }

        impl<T> $record<T> {
            /// What to call it in an error.
            fn title(&self) -> String {
                let $this = self;
                $title
            }
        }

        impl $record<$crate::api::Data> {
            /// The same with its data decoded.
            pub(crate) fn typed<T: serde::de::DeserializeOwned>(
                self,
                context: &$crate::context::Context,
            ) -> $crate::Result<$record<T>> {
                let data = context.decode(&self.data, || self.title())?;
                Ok($record {
                    $($field: self.$field,)*
                    data,
                    revision: self.revision,
                    date_expires: self.date_expires,
                    date_created: self.date_created,
                    date_updated: self.date_updated,
                    created_by: self.created_by,
                    account_sid: self.account_sid,
                    service_sid: self.service_sid,
                })
            }
        }

        impl<T: serde::de::DeserializeOwned> $crate::record::Record for $record<T> {
            type Raw = $record<$crate::api::Data>;
            type Page<R: serde::de::DeserializeOwned> = $crate::record::$page<R>;

            fn typed(raw: Self::Raw, context: &$crate::context::Context) -> $crate::Result<Self> {
                raw.typed(context)
            }
        }

        impl<T> $crate::resource::Versioned for $record<T>
        where
            T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        {
            type Data = T;
            type Raw = $record<$crate::api::Data>;

            fn revision(&self) -> &$crate::Revision {
                &self.revision
            }

            fn data(&self) -> &T {
                &self.data
            }

            fn data_mut(&mut self) -> &mut T {
                &mut self.data
            }

            fn date_created(&self) -> chrono::DateTime<chrono::Utc> {
                self.date_created
            }

            fn title(&self) -> String {
                self.title()
            }

            fn decode(raw: Self::Raw, context: &$crate::context::Context) -> $crate::Result<Self> {
                raw.typed(context)
            }
        }
    };
}

pub(crate) use {dataless_record, record};
