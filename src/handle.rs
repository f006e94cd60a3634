//! Handles: one List, Map or Message Stream, to work with what is in it.

/// Defines the handle of one kind of object.
macro_rules! handle {
    ($(#[$doc:meta])* $handle:ident, $sid:ty) => {
        $(#[$doc])*
        pub struct $handle<T> {
            address: $crate::resource::Address,
            data: std::marker::PhantomData<fn() -> T>,
        }

        impl<T> std::fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("address", &self.address)
                    .finish_non_exhaustive()
            }
        }

        impl<T> Clone for $handle<T> {
            fn clone(&self) -> Self {
                Self::at(self.address.clone())
            }
        }

        impl<T> $handle<T> {
            fn at(address: $crate::resource::Address) -> Self {
                Self { address, data: std::marker::PhantomData }
            }

            pub(crate) fn by_name(sync: $crate::SyncClient, name: impl Into<String>) -> Self {
                Self::at($crate::resource::Address::by_name($crate::context::Context::new(sync), name))
            }

            pub(crate) fn by_id(sync: $crate::SyncClient, sid: &$sid) -> Self {
                Self::at($crate::resource::Address::by_id($crate::context::Context::new(sync), sid))
            }
        }
    };
}

pub(crate) use handle;
