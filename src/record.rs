//! What Documents and items are made of: data with a revision, dates and origin.

/// Defines one kind of record, its reading from the generated type, and the decoding of its data.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $record:ident {
            $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)*
        },
        raw: $raw:ty,
        title: |$this:ident| $title:expr $(,)?
    ) => {
        $(#[$doc])*
        ///
        /// It serialises as the service writes it, but for the links.
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct $record<T> {
            $($(#[$field_doc])* pub $field: $field_type,)*
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
                $crate::record::typed!(self, context, $record { $($field),* }, |$this| $title)
            }
        }

        impl<T: serde::de::DeserializeOwned> $record<T> {
            fn read(raw: $raw, context: &$crate::context::Context) -> $crate::Result<Self> {
                $crate::record::typed!(raw, context, $record { $($field),* }, |$this| $title)
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

/// Makes a record of what has the same fields, and its data as it came.
macro_rules! typed {
    ($raw:expr, $context:expr, $record:ident { $($field:ident),* }, |$this:ident| $title:expr) => {{
        let raw = $raw;
        let data = $context.decode(&raw.data, || {
            let $this = &raw;
            $title
        })?;
        Ok($record {
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
    }};
}

pub(crate) use {record, typed};
