//! The lifecycle helpers that every kind of named object has, derived by one macro.

/// Derives the facade of one kind of object: its lifecycle helpers by name and by SID, its listing,
/// and what connects it to the generated client.
macro_rules! facade {
    (
        $(#[$doc:meta])*
        $facade:ident $(<$data:ident>)?, $noun:literal, $object:ty, $sid:ident,
        create: $create:ident(|$new:ident, $name:ident| $create_form:expr $(, $created:ident)?),
        fetch: $fetch:ident,
        update: $update:ident($($if_match:ident,)? |$write:ident| $update_form:expr $(, $updated:ident)?),
        delete: $delete:ident,
        list: $list:ident,
        raw: $raw:ty
        $(, settle: |$settled:ident, $wrote:ident, $begun:ident| $settle:expr)? $(,)?
    ) => {
        $(#[$doc])*
        ///
        #[doc = concat!("A ", $noun, " is addressed by its unique name, or by its SID in the calls that end in `_by_id`. Each call is one request, unless it says otherwise.")]
        pub struct $facade $(<$data>)? {
            context: $crate::context::Context,
            $(data: std::marker::PhantomData<fn() -> $data>,)?
        }

        impl$(<$data>)? std::fmt::Debug for $facade $(<$data>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($facade)).field("context", &self.context).finish_non_exhaustive()
            }
        }

        impl$(<$data>)? Clone for $facade $(<$data>)? {
            fn clone(&self) -> Self {
                Self::with(self.context.clone())
            }
        }

        impl$(<$data>)? $facade $(<$data>)? {
            pub(crate) fn new(sync: $crate::SyncClient) -> Self {
                Self::with($crate::context::Context::new(sync))
            }

            fn with(context: $crate::context::Context) -> Self {
                Self { context, $(data: std::marker::PhantomData::<fn() -> $data>,)? }
            }

            fn by_name(&self, name: impl Into<String>) -> $crate::resource::Address {
                $crate::resource::Address::by_name(self.context.clone(), name)
            }

            fn by_id(&self, sid: &$crate::sids::$sid) -> $crate::resource::Address {
                $crate::resource::Address::by_id(self.context.clone(), sid)
            }
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? $facade $(<$data>)? {
            #[doc = concat!("Reads the ", $noun, " with a unique name.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ".")]
            pub async fn get(&self, name: impl Into<String>) -> $crate::Result<$object> {
                <$object as $crate::resource::Resource>::fetch(&self.by_name(name)).await
            }

            #[doc = concat!("Reads the ", $noun, " with a SID.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ".")]
            pub async fn get_by_id(&self, sid: &$crate::sids::$sid) -> $crate::Result<$object> {
                <$object as $crate::resource::Resource>::fetch(&self.by_id(sid)).await
            }

            #[doc = concat!("Looks for the ", $noun, " with a unique name: its SID, or `None` if there is none.")]
            ///
            /// # Errors
            ///
            /// If the service cannot tell.
            pub async fn search(&self, name: impl Into<String>) -> $crate::Result<Option<$crate::sids::$sid>> {
                let address = self.by_name(name);
                let sync = address.sync();
                let request = sync.api().$fetch(sync.service(), address.reference()?);
                Ok($crate::resource::found(sync.call(request).await)?.map(|object| object.sid))
            }

            #[doc = concat!("Sets after how long the ", $noun, " with a unique name expires, counted from now: at most one year, in whole seconds; zero for never.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ".")]
            pub async fn set_ttl(&self, name: impl Into<String>, ttl: std::time::Duration) -> $crate::Result<$object> {
                $crate::call::Update::new(self.by_name(name), $crate::resource::Draft::default()).ttl(ttl).await
            }

            #[doc = concat!("Sets after how long the ", $noun, " with a SID expires, otherwise like [`set_ttl`](Self::set_ttl).")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ".")]
            pub async fn set_ttl_by_id(&self, sid: &$crate::sids::$sid, ttl: std::time::Duration) -> $crate::Result<$object> {
                $crate::call::Update::new(self.by_id(sid), $crate::resource::Draft::default()).ttl(ttl).await
            }

            #[doc = concat!("Removes the ", $noun, " with a unique name, and all that is in it.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ". After an attempt of unknown outcome that is no error: it is gone, as was asked for.")]
            pub async fn remove(&self, name: impl Into<String>) -> $crate::Result<()> {
                <$object as $crate::resource::Resource>::delete(&self.by_name(name)).await
            }

            #[doc = concat!("Removes the ", $noun, " with a SID, and all that is in it.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("[`is_not_found`](crate::Error::is_not_found) if there is no such ", $noun, ".")]
            pub async fn remove_by_id(&self, sid: &$crate::sids::$sid) -> $crate::Result<()> {
                <$object as $crate::resource::Resource>::delete(&self.by_id(sid)).await
            }

            #[doc = concat!("Every ", $noun, " of the Service whose unique name begins with a text, as a stream. The service cannot look for them: all are read, one request for each 100.")]
            pub fn all_with_prefix(&self, prefix: impl Into<String>) -> $crate::Search<$object, $raw> {
                let (prefix, context) = (prefix.into(), self.context.clone());
                let listing = $crate::Listing::<$raw>::new(self.context.unchecked());
                let judge = move |object: &$raw| {
                    let name = object.unique_name.as_ref();
                    $crate::paging::Found::if_matching(name.is_some_and(|name| name.starts_with(&prefix)))
                };
                $crate::Search::new(listing, judge, move |object| $crate::record::Record::typed(object, &context))
            }

            #[doc = concat!("Every ", $noun, " of the Service, as a stream. One request for each 100.")]
            pub fn all(&self) -> $crate::Listing<$object> {
                $crate::Listing::new(self.context.clone())
            }
        }

        impl$(<$data>)? $crate::resource::Sealed for $object {}

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? $crate::resource::Resource for $object {
            type Address = $crate::resource::Address;

            async fn fetch(address: &Self::Address) -> $crate::Result<Self> {
                let sync = address.sync();
                let request = sync.responses().$fetch(sync.service(), address.reference()?);
                address.context.record(request).await
            }

            async fn update(address: &Self::Address, $write: &mut $crate::resource::Write) -> $crate::Result<Self> {
                let sync = address.sync();
                let form = $update_form;
                let request = sync.responses().$update(
                    sync.service(),
                    address.reference()?,
                    $($write.$if_match.as_ref(),)?
                    &form,
                );
                let result = address.context.record(request).await;
                $($write.$updated = form.$updated;)?
                result.map_err($crate::Error::after_write)
            }

            $(async fn settle(
                $settled: &Self::Address,
                $wrote: &$crate::resource::Write,
                $begun: chrono::DateTime<chrono::Utc>,
            ) -> $crate::Result<$crate::settle::Settled<Self>> {
                $settle.await
            })?

            async fn delete(address: &Self::Address) -> $crate::Result<()> {
                let sync = address.sync();
                let request = sync.api().$delete(sync.service(), address.reference()?);
                sync.call(request).await
            }
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? $crate::resource::Creatable for $object {
            type Place = $crate::resource::Address;

            fn found_at(place: &Self::Place) -> Option<&Self::Address> {
                Some(place)
            }

            async fn create(address: &Self::Address, $new: &mut $crate::resource::Write) -> $crate::Result<Self> {
                let sync = address.sync();
                let $name = address.unique_name()?;
                let form = $create_form;
                let request = sync.responses().$create(sync.service(), &form);
                let result = address.context.record(request).await;
                $($new.$created = form.$created;)?
                result.map_err($crate::Error::after_write)
            }
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? $crate::paging::Listed for $object {
            type Scope = $crate::context::Context;

            async fn page(context: &Self::Scope, query: &$crate::paging::PageQuery) -> $crate::Result<$crate::paging::Page<Self>> {
                let sync = &context.sync;
                let request = sync.responses().$list(sync.service(), query.page, query.page_size, query.page_token.as_deref());
                context.page(request).await
            }
        }
    };
}

/// Derives what the kinds of object without data of their own share: creation, and creation unless
/// there is one.
macro_rules! dataless_facade {
    ($facade:ident, $noun:literal, $object:ty, $page:ident) => {
        $crate::record::dataless_record!($object, $page);

        impl $facade {
            #[doc = concat!("Creates a ", $noun, " under a unique name.")]
            ///
            /// It fails with [`is_already_exists`](crate::Error::is_already_exists) if there is one.
            pub fn create(&self, name: impl Into<String>) -> $crate::call::Create<$object> {
                $crate::call::Create::new(self.by_name(name), $crate::resource::Draft::default())
            }

            #[doc = concat!("Finds the ", $noun, " with a unique name, or creates it if there is none; a time to live applies in the latter case.")]
            ///
            /// Cost: one request if it exists, two if not.
            pub fn ensure(&self, name: impl Into<String>) -> $crate::call::Ensure<$object> {
                $crate::call::Ensure::new(self.by_name(name), $crate::resource::Draft::default())
            }
        }
    };
}

/// Gives a facade or handle of typed data its variant under a contract.
macro_rules! checked {
    ($facade:ident<T>, $($context:ident).+) => {
        #[cfg(feature = "schema")]
        impl<T: schemars::JsonSchema> $facade<T> {
            /// The same with data checked against the JSON Schema of `T`: before it is written, and
            /// after it is read.
            ///
            /// Phones and browsers write to the same objects in other languages, and a type that
            /// decodes is not all that a schema can ask for. A violation is an
            /// [`Error::Contract`](crate::Error::Contract) that lists everything that is wrong.
            /// [`contract_schema`](crate::contract_schema) gives the schema to hand to others.
            #[must_use]
            pub fn checked(mut self) -> Self {
                let contract = std::sync::Arc::new($crate::schema::Contract::of::<T>());
                self.$($context).+.contract = Some(contract);
                self
            }
        }
    };
}

pub(crate) use {checked, dataless_facade, facade};
