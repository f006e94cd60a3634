//! Items of Lists and Maps, which differ in what they are found by.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use crate::api::Data;

/// Defines the item of one kind of collection, and what connects it to the generated client.
macro_rules! item {
    (
        $(#[$doc:meta])*
        $item:ident {
            $(#[$position_doc:meta])* $position:ident: $position_type:ty,
            $(#[$parent_doc:meta])* $parent:ident: $parent_type:ty,
        },
        title: $title:literal,
        found by: $by:ty, |$given:ident| $sent:expr,
        starts at: $start:ty,
        fetch: $fetch:ident,
        update: $update:ident($update_form:ident),
        delete: $delete:ident,
        list: $list:ident $(,)?
    ) => {
        $crate::record::record! {
            $(#[$doc])*
            $item {
                $(#[$position_doc])*
                $position: $position_type,
                $(#[$parent_doc])*
                $parent: $parent_type,
            },
            page: ItemPage,
            title: |item| format!($title, item.$position, item.$parent),
        }

        impl<T: serde::de::DeserializeOwned + Send + 'static> $crate::resource::Resource for $item<T> {
            type Address = $crate::resource::ItemAddress<$by>;

            async fn fetch(address: &Self::Address) -> $crate::Result<Self> {
                let sync = address.parent.sync();
                let $given = address.position()?;
                let request =
                    sync.responses().$fetch(sync.service(), address.parent.reference()?, $sent);
                address.parent.context.record(request).await
            }

            async fn update(address: &Self::Address, write: &mut $crate::resource::Write) -> $crate::Result<Self> {
                let sync = address.parent.sync();
                let $given = address.position()?;
                let form = $update_form {
                    data: write.data.take(),
                    item_ttl: write.ttl,
                    collection_ttl: write.collection_ttl,
                    ttl: None,
                };
                let request = sync.responses().$update(
                    sync.service(),
                    address.parent.reference()?,
                    $sent,
                    write.if_match.as_ref(),
                    &form,
                );
                let result = address.parent.context.record(request).await;
                write.data = form.data;
                result.map_err($crate::Error::after_write)
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
                let request = sync.api().$delete(
                    sync.service(),
                    address.parent.reference()?,
                    $sent,
                    if_match,
                );
                sync.call(request).await
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

        impl<T: serde::de::DeserializeOwned + Send + 'static> $crate::paging::Listed for $item<T> {
            type Scope = $crate::resource::Address;

            async fn page(
                address: &Self::Scope,
                query: &$crate::paging::PageQuery,
            ) -> $crate::Result<$crate::paging::Page<Self>> {
                let sync = address.sync();
                let request = sync.responses().$list(
                    sync.service(),
                    address.reference()?,
                    query.bounds,
                    query.from.as_deref(),
                    query.order,
                    query.page,
                    query.page_size,
                    query.page_token.as_deref(),
                );
                address.context.page(request).await
            }
        }
    };
}

pub(crate) use item;

/// Whether data is an object with one member, of this name.
pub(crate) fn has_only_key(data: &Data, key: &str) -> bool {
    let mut reader = serde_json::Deserializer::from_str(data.as_str());
    // That it is one JSON value, and nothing else, was found when it was read.
    OnlyKey(key).deserialize(&mut reader).unwrap_or(false)
}

/// Compares the names of members, and neither copies them nor looks at the values.
struct OnlyKey<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for OnlyKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OnlyKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut is_only = None;
        while let Some(is_key) = members.next_key_seed(IsKey(self.0))? {
            members.next_value::<IgnoredAny>()?;
            // A member that is there twice is one member.
            is_only = Some(is_key && is_only != Some(false));
        }
        Ok(is_only == Some(true))
    }
}

/// Whether a text is this one.
struct IsKey<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_that_key_alone() {
        let has = |json: &str| has_only_key(&Data::from_json(json.to_owned()).unwrap(), "call");
        assert!(has(r#"{"call": {"deep": [1]}}"#));
        assert!(has(r#"{"\u0063all": 1}"#));
        assert!(has(r#"{"call": 1, "call": 2}"#));
        for json in [
            r#"{"call": 1, "x": 2}"#,
            r#"{"x": 1, "call": 2}"#,
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
