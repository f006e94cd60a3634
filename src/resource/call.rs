//! Calls with options: `.await` sends one.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use crate::api::call_options;
use crate::error::Result;
use crate::resource::bulk::{Bulk, JobOptions, Work};
use crate::resource::kind::{Dataless, Item, Resource};
use crate::resource::outcome;
use crate::resource::record::Versioned;
use crate::resource::target::Target;
use crate::resource::upsert;
use crate::resource::write::Draft;
use crate::value::{Revision, Ttl};

/// The effect of a call that may create, change or leave an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Written<R> {
    /// The effect of the call.
    pub outcome: Outcome,
    /// The object or item as it is now.
    pub object: R,
    /// The number of rounds of reading and writing; more than 1 if others interfered. An object
    /// that a lost attempt of this very call may have created counts as found. Retries of a request are
    /// not counted here; see [`on_attempt`](crate::SyncClientBuilder::on_attempt).
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

    /// Returns `true` if the call created it.
    #[must_use]
    pub fn is_created(&self) -> bool {
        self.outcome == Outcome::Created
    }
}

/// Defines a call that has options and that `.await` sends.
macro_rules! call {
    (
        $(#[$doc:meta])*
        $name:ident<R: $bound:path>, $output:ty, |$target:ident, $write:ident, $option:ident| $send:expr
    ) => {
        $(#[$doc])*
        #[must_use = "nothing is sent before `.await`"]
        pub struct $name<R> {
            target: Target,
            draft: Draft,
            option: bool,
            resource: PhantomData<fn() -> R>,
        }

        impl<R> $name<R> {
            pub(crate) fn new(target: Target, draft: Draft) -> Self {
                Self { target, draft, option: false, resource: PhantomData }
            }
        }

        call_options!([R] $name<R>, target.options);

        impl<R> Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("target", &self.target).finish_non_exhaustive()
            }
        }

        impl<R: $bound> Work<$output> for $name<R> {
            fn with(mut self, given: &JobOptions) -> Self {
                self.target.options = given.options.clone();
                if let Some(ttl) = given.ttl {
                    self.draft.ttl(ttl);
                }
                self
            }
        }

        impl<R: $bound> IntoFuture for $name<R> {
            type Output = Result<$output>;
            type IntoFuture = BoxFuture<'static, Result<$output>>;

            fn into_future(self) -> Self::IntoFuture {
                let Self { target: $target, draft, option: $option, .. } = self;
                Box::pin(async move {
                    let $write = draft.finish()?;
                    $send
                })
            }
        }
    };
}

/// Gives calls the option of a time to live.
macro_rules! ttl_option {
    ($($name:ident),*) => {$(
        impl<R> $name<R> {
            /// After how long it expires and is removed. Without it, what is new never expires, and the
            /// expiry of what exists stays as it is.
            pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
                self.draft.ttl(ttl.into());
                self
            }
        }

        impl<R: Item> $name<R> {
            /// After how long, from now, the List or Map with all its items expires and is removed.
            /// Without it, its expiry stays as it is.
            pub fn collection_ttl(mut self, ttl: impl Into<Ttl>) -> Self {
                self.draft.collection_ttl(ttl.into());
                self
            }
        }
    )*};
}

/// Gives calls the option of a revision that must still be the stored one.
macro_rules! if_match_option {
    ($($(#[$doc:meta])* $name:ident<R $(: $bound:ident)?>),*) => {$(
        impl<R $(: $bound)?> $name<R> {
            $(#[$doc])*
            pub fn if_match(mut self, revision: impl Into<Revision>) -> Self {
                self.draft.if_match(revision.into());
                self
            }
        }
    )*};
}

call! {
    /// Creates an object or item. It fails if there is one of that name or key.
    Create<R: Resource>, R, |target, write, _option| outcome::create(&target, &write).await
}

call! {
    /// Writes to an object or item. It fails if there is none.
    Update<R: Resource>, R, |target, write, _option| outcome::update(&target, &write).await
}

call! {
    /// Replaces the data of a Document or item, or creates it if there is none.
    UpdateOrCreate<R: Versioned>, Written<R>,
    |target, write, unless_equal| if unless_equal {
        Box::pin(upsert::unless_equal(&target, &write)).await
    } else {
        upsert::update_or_create(&target, &write, false).await
    }
}

call! {
    /// Merges a patch into the data of a Document or item, or creates it if there is none.
    Merge<R: Versioned>, Written<R>,
    |target, write, _option| upsert::merge(&target, &write).await
}

call! {
    /// Finds an object, or creates it if there is none.
    Ensure<R: Dataless>, Written<R>, |target, write, _option| upsert::ensure(&target, &write).await
}

call! {
    /// Removes an object or item.
    ///
    /// If a response is lost, it reads back. That there is nothing any more is a success, whoever removed it;
    /// what somebody else created since is left alone.
    Remove<R: Resource>, (), |target, write, _option| {
        outcome::remove::<R>(&target, write.if_match.as_ref()).await.map(drop)
    }
}

ttl_option!(Create, Update, UpdateOrCreate, Merge, Ensure);

impl<K, R> Bulk<K, Written<R>> {
    /// After how long, from its write, each of them expires and is removed. Without it, what is new
    /// never expires, and the expiry of what exists stays as it is.
    pub fn ttl(self, ttl: impl Into<Ttl>) -> Self {
        self.with_ttl(ttl.into())
    }
}

impl<K, R: Item> Bulk<K, R> {
    /// After how long, from its write, each of them expires and is removed. Without it, none does.
    pub fn ttl(self, ttl: impl Into<Ttl>) -> Self {
        self.with_ttl(ttl.into())
    }
}

if_match_option! {
    /// Writes only if the object or item still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    ///
    /// The revision of a record that a call gave belongs to that object: if another has its name by now, the
    /// call fails with [`is_not_found`](crate::Error::is_not_found).
    Update<R>,
    /// Removes the item only if it still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    Remove<R: Item>
}

impl<R> UpdateOrCreate<R> {
    /// Writes nothing if the stored data is equal as JSON; a time to live is written in any case.
    ///
    /// Cost: one request if it is equal, two otherwise.
    pub fn unless_equal(mut self) -> Self {
        self.option = true;
        self
    }
}
