//! Calls whose options hang on them: `.await` sends one.

use std::fmt::{self, Debug};
use std::future::ready;
use std::pin::Pin;
use std::time::Duration;

use crate::error::Result;
use crate::resource::{Creatable, Draft, Item, Named, Resource};
use crate::revision::Revision;
use crate::settle::{create_settled, update_settled};
use crate::upsert::{self, Policy, Writable};

/// The future behind a call with options.
pub(crate) type CallFuture<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What became of an object by a call that may create, change or leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It did not exist and was created.
    Created,
    /// It existed and was written to.
    Updated,
    /// It existed and was left as it was.
    Unchanged,
}

/// An object or item after a call that may create, change or leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written<R> {
    /// What became of it.
    pub outcome: Outcome,
    /// The object or item as it is now.
    pub object: R,
    /// How many rounds of reading and writing it took; more than 1 if others interfered. An object
    /// that a lost attempt of this very call may have created counts as found. Requests that were sent
    /// again for a passing reason are not counted here; see
    /// [`on_attempt`](crate::SyncClientBuilder::on_attempt).
    pub attempts: u32,
}

impl<R> Written<R> {
    pub(crate) fn new(object: R, outcome: Outcome, attempts: u32) -> Self {
        Self {
            outcome,
            object,
            attempts,
        }
    }

    /// Whether the call created it.
    #[must_use]
    pub fn is_created(&self) -> bool {
        self.outcome == Outcome::Created
    }
}

/// Defines a call on a [`Resource`] whose options hang on it and that `.await` sends.
macro_rules! call {
    (
        $(#[$doc:meta])*
        $name:ident<R: $bound:ident>, $output:ty,
        |$address:ident: $address_type:ty, $write:ident $(, $option:ident: $option_type:ty)?| $send:expr
    ) => {
        $(#[$doc])*
        #[must_use = "nothing is sent before `.await`"]
        pub struct $name<R: $bound> {
            address: $address_type,
            draft: Draft,
            $($option: $option_type,)?
        }

        impl<R: $bound> $name<R> {
            pub(crate) fn new(address: $address_type, draft: Draft) -> Self {
                Self { address, draft $(, $option: <$option_type>::default())? }
            }
        }

        impl<R: $bound> Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("address", &self.address)
                    .finish_non_exhaustive()
            }
        }

        impl<R: $bound> IntoFuture for $name<R> {
            type Output = Result<$output>;
            type IntoFuture = CallFuture<$output>;

            fn into_future(self) -> Self::IntoFuture {
                let Self { address: $address, draft $(, $option)? } = self;
                // Here already, so that the future holds the one and not the other too.
                match draft.finish() {
                    Ok(mut $write) => Box::pin(async move {
                        let $write = &mut $write;
                        $send
                    }),
                    Err(error) => Box::pin(ready(Err(error))),
                }
            }
        }
    };
}

/// Gives calls the option of a time to live.
macro_rules! ttl_option {
    ($($name:ident<R: $bound:ident>),*) => {$(
        impl<R: $bound> $name<R> {
            /// After how long it expires and is removed: at most one year, in whole seconds, a part
            /// of a second counting as one; zero for never. Without it, what is new never expires,
            /// and the expiry of what exists stays as it is.
            pub fn ttl(mut self, ttl: Duration) -> Self {
                self.draft.ttl = Some(ttl);
                self
            }
        }

        impl<R: $bound + Item> $name<R> {
            /// After how long, from now, the List or Map with all its items expires and is removed:
            /// at most one year, zero for never. Without it, its expiry stays as it is.
            pub fn collection_ttl(mut self, ttl: Duration) -> Self {
                self.draft.collection_ttl = Some(ttl);
                self
            }
        }
    )*};
}

call! {
    /// Creates an object or item. It fails if there is one of that name or key.
    Create<R: Creatable>, R, |address: R::Place, write| {
        create_settled(&address, write).await
    }
}

call! {
    /// Writes to an object or item. It fails if there is none.
    Update<R: Resource>, R, |address: R::Address, write| {
        update_settled(&address, write).await
    }
}

call! {
    /// Writes to a Document or Map item, or creates it if there is none;
    /// [`policy`](UpdateOrCreate::policy) chooses what to do with what is there.
    UpdateOrCreate<R: Writable>, Written<R>, |address: R::Address, write, policy: Policy| {
        upsert::write(&policy, &address, write).await
    }
}

call! {
    /// Finds an object, or creates it if there is none.
    Ensure<R: Named>, Written<R>, |address: R::Address, write| {
        upsert::ensure(&address, write).await
    }
}

call! {
    /// Removes an item.
    Remove<R: Item>, (), |address: R::Address, write| {
        match &write.if_match {
            Some(revision) => R::delete_at(&address, revision).await,
            None => R::delete(&address).await,
        }
    }
}

ttl_option!(
    Create<R: Creatable>,
    Update<R: Resource>,
    UpdateOrCreate<R: Writable>,
    Ensure<R: Named>
);

impl<R: Writable> UpdateOrCreate<R> {
    /// What to do with what is there. Default: [`Policy::Replace`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

impl<R: Resource> Update<R> {
    /// Writes only if the object or item still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    ///
    /// If an answer is lost and the write, sent again, meets a conflict, reading back tells: it
    /// succeeded if the data is what was written, whoever wrote it.
    pub fn if_match(mut self, revision: impl Into<Revision>) -> Self {
        self.draft.if_match = Some(revision.into());
        self
    }
}

impl<R: Item> Remove<R> {
    /// Removes the item only if it still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    pub fn if_match(mut self, revision: impl Into<Revision>) -> Self {
        self.draft.if_match = Some(revision.into());
        self
    }
}
