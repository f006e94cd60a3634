//! A rule: its name, its statement, and the function that checks it.

use std::fmt::{self, Debug, Display};

use futures_util::future::BoxFuture;

use super::failure::Failure;
use crate::client::SyncClient;

/// A rule that a Sync service keeps.
pub struct Rule {
    pub(super) subject: &'static str,
    pub(super) name: &'static str,
    pub(super) statement: &'static str,
    pub(super) source: Source,
    pub(super) need: Option<Need>,
    pub(super) check: for<'a> fn(&'a SyncClient) -> BoxFuture<'a, Result<(), Failure>>,
}

/// The origin of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Twilio states it, or others have seen the service do it.
    Documented,
    /// It follows from what is documented, or is a choice of this crate's emulator. The real service
    /// may differ.
    Inferred,
}

/// A reason to leave out a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Time,
    OwnService,
}

impl Rule {
    /// The subject, which is the module of its function, such as `documents`.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.subject
    }

    /// The name, which is that of its function, such as `an_update_replaces_the_data`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The rule in words.
    #[must_use]
    pub fn statement(&self) -> &'static str {
        self.statement.trim()
    }

    /// The origin of the rule.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns `true` if the check waits for time to pass, or makes more than 50 requests.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.need == Some(Need::Time)
    }

    /// Returns `true` if the check creates a Service of its own and removes it.
    #[must_use]
    pub fn needs_own_service(&self) -> bool {
        self.need == Some(Need::OwnService)
    }

    /// Checks the rule with a client of the service.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the service does not keep the rule, or a call fails.
    pub async fn check(&self, sync: &SyncClient) -> Result<(), Failure> {
        (self.check)(sync).await
    }
}

/// The subject and the name: `documents::an_update_replaces_the_data`.
impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.subject, self.name)
    }
}

impl Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.to_string()).finish()
    }
}

/// Defines the rules of a subject: a public function for each, which removes the objects of the rule
/// when its body is done, and the table `RULES` of them. The documentation is the statement.
macro_rules! rules {
    ($subject:literal: $(
        $(#[doc = $statement:literal])+
        #[rule($source:ident $(, $need:ident)?)]
        async fn $name:ident($fixture:ident: &$type:ident) $body:block
    )*) => {
        pub(super) const RULES: &[crate::conformance::rule::Rule] = &[$(
            crate::conformance::rule::Rule {
                subject: $subject,
                name: stringify!($name),
                statement: concat!($($statement),+),
                source: crate::conformance::rule::Source::$source,
                need: crate::conformance::rule::rules!(@need $($need)?),
                check: |sync| Box::pin($name(sync)),
            },
        )*];

        $(
            $(#[doc = $statement])+
            ///
            /// # Errors
            ///
            /// [`Failure`](crate::conformance::Failure) if the service does not keep the rule, or a
            /// call fails.
            pub async fn $name(
                sync: &crate::client::SyncClient,
            ) -> Result<(), crate::conformance::failure::Failure> {
                let fixture = crate::conformance::fixture::Fixture::new(sync);
                let result = async {
                    let $fixture: &$type = &fixture;
                    $body
                    Ok(())
                };
                let result = result.await;
                fixture.remove_objects(result).await
            }
        )*
    };
    (@need) => { None };
    (@need $need:ident) => { Some(crate::conformance::rule::Need::$need) };
}
pub(super) use rules;
