//! Items of Lists and Maps, which differ in what they are found by.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::api::Data;

/// Defines the item of one kind of collection, and what connects it to the generated client.
macro_rules! item {
    (
        $(#[$doc:meta])*
        $item:ident {
            $(#[$position_doc:meta])* $position:ident: $position_type:ty,
            $(#[$parent_doc:meta])* $parent:ident: $parent_type:ty,
        },
        raw: $raw:ty,
        title: $title:literal,
        found by: $by:ty, |$given:ident| $sent:expr,
        starts at: $start:ty,
        fetch: $fetch:ident,
        update: $update:ident($update_form:ident),
        delete: $delete:ident,
        list: $list:ident $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $item<T> {
            $(#[$position_doc])*
            pub $position: $position_type,
            $(#[$parent_doc])*
            pub $parent: $parent_type,
            /// The value.
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

        impl<T> $item<T> {
            fn title(position: &$position_type, parent: &$parent_type) -> String {
                format!($title, position, parent)
            }

            fn with_data<U>(self, data: U) -> $item<U> {
                $item {
                    $position: self.$position,
                    $parent: self.$parent,
                    data,
                    revision: self.revision,
                    date_expires: self.date_expires,
                    date_created: self.date_created,
                    date_updated: self.date_updated,
                    created_by: self.created_by,
                    account_sid: self.account_sid,
                    service_sid: self.service_sid,
                }
            }
        }

        impl $item<$crate::api::Data> {
            /// The item with its data decoded.
            pub(crate) fn typed<T: serde::de::DeserializeOwned>(
                self,
                context: &$crate::context::Context,
            ) -> $crate::Result<$item<T>> {
                let data = context.decode(&self.data, || Self::title(&self.$position, &self.$parent))?;
                Ok(self.with_data(data))
            }
        }

        impl<T: serde::de::DeserializeOwned> $item<T> {
            fn read(raw: $raw, context: &$crate::context::Context) -> $crate::Result<Self> {
                $item {
                    $position: raw.$position,
                    $parent: raw.$parent,
                    data: raw.data,
                    revision: raw.revision,
                    date_expires: raw.date_expires,
                    date_created: raw.date_created,
                    date_updated: raw.date_updated,
                    created_by: raw.created_by,
                    account_sid: raw.account_sid,
                    service_sid: raw.service_sid,
                }
                .typed(context)
            }
        }

        impl<T: serde::de::DeserializeOwned + Send + 'static> $crate::resource::Resource for $item<T> {
            type Address = $crate::resource::ItemAddress<$by>;

            async fn fetch(address: &Self::Address) -> $crate::Result<Self> {
                let sync = address.parent.sync();
                let $given = address.position()?;
                let raw = sync
                    .call(sync.api().$fetch(sync.service(), address.parent.reference()?, $sent))
                    .await?;
                Self::read(raw, &address.parent.context)
            }

            async fn update(address: &Self::Address, write: $crate::resource::Write) -> $crate::Result<Self> {
                let sync = address.parent.sync();
                let $given = address.position()?;
                let form = $update_form {
                    data: write.data,
                    item_ttl: write.ttl,
                    collection_ttl: write.collection_ttl,
                    ttl: None,
                };
                let raw = sync
                    .call(sync.api().$update(
                        sync.service(),
                        address.parent.reference()?,
                        $sent,
                        write.if_match.as_ref(),
                        &form,
                    ))
                    .await?;
                Self::read(raw, &address.parent.context).map_err($crate::Error::after_write)
            }

            async fn settle(
                address: &Self::Address,
                write: &$crate::resource::Write,
                begun: chrono::DateTime<chrono::Utc>,
            ) -> $crate::Result<$crate::settle::Settled<Self>> {
                // An item's revision is a number of its collection's, which counts all its items'
                // writes: it does not tell how many there were to this one.
                $crate::settle::by_reading_back::<$item<$crate::api::Data>, _>(
                    address,
                    write,
                    begun,
                    |_, _| false,
                    |raw| raw.typed(&address.parent.context),
                )
                .await
            }

            async fn delete(address: &Self::Address) -> $crate::Result<()> {
                Self::remove(address, None).await
            }
        }

        impl<T: serde::de::DeserializeOwned> $item<T> {
            async fn remove(
                address: &$crate::resource::ItemAddress<$by>,
                if_match: Option<&$crate::Revision>,
            ) -> $crate::Result<()> {
                let sync = address.parent.sync();
                let $given = address.position()?;
                sync.call(sync.api().$delete(
                    sync.service(),
                    address.parent.reference()?,
                    $sent,
                    if_match,
                ))
                .await
            }
        }

        impl<T> $crate::resource::Sealed for $item<T> {}

        impl<T: serde::de::DeserializeOwned + Send + 'static> $crate::resource::Item for $item<T> {
            type Position = $start;

            async fn delete_at(
                address: &Self::Address,
                revision: &$crate::Revision,
            ) -> $crate::Result<()> {
                Self::remove(address, Some(revision)).await
            }
        }

        impl<T> $crate::resource::Versioned for $item<T>
        where
            T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        {
            type Data = T;
            type Raw = $item<$crate::api::Data>;

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
                Self::title(&self.$position, &self.$parent)
            }

            fn decode(raw: Self::Raw, context: &$crate::context::Context) -> $crate::Result<Self> {
                raw.typed(context)
            }
        }

        impl<T: serde::de::DeserializeOwned + Send + 'static> $crate::paging::Listed for $item<T> {
            type Scope = $crate::resource::Address;

            async fn page(
                address: &Self::Scope,
                query: &$crate::paging::PageQuery,
            ) -> $crate::Result<$crate::paging::Page<Self>> {
                let sync = address.sync();
                let request = sync.api().$list(
                    sync.service(),
                    address.reference()?,
                    query.bounds,
                    query.from.as_deref(),
                    query.order,
                    query.page,
                    query.page_size,
                    query.page_token.as_deref(),
                );
                let page = sync.call(request).await?;
                Ok($crate::paging::Page {
                    records: page.items.into_iter().map(|raw| Self::read(raw, &address.context)).collect(),
                    meta: page.meta,
                })
            }
        }
    };
}

pub(crate) use item;

/// Whether data is an object with one member, of this name.
pub(crate) fn has_only_key(data: &Data, key: &str) -> bool {
    // The values are not looked at, and so neither copied nor parsed into anything.
    #[allow(clippy::zero_sized_map_values)]
    let members = data.decode::<BTreeMap<String, IgnoredAny>>();
    members.is_ok_and(|members| members.len() == 1 && members.contains_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_that_key_alone() {
        let has = |json: &str| has_only_key(&Data::from_json(json.to_owned()).unwrap(), "call");
        assert!(has(r#"{"call": {"deep": [1]}}"#));
        for json in [
            r#"{"call": 1, "x": 2}"#,
            r#"{"x": 1}"#,
            "{}",
            "[\"call\"]",
            "\"call\"",
            "null",
        ] {
            assert!(!has(json), "{json}");
        }
    }
}
