//! Rules that every Sync service keeps, to test one with: an emulator, a proxy, or an
//! [`HttpService`](crate::http_service::HttpService) of your own.
//!
//! [`run_all`] checks all rules with a client and returns a [`Report`]. [`run`] checks some of them,
//! and each rule is a function too, such as [`documents::an_update_replaces_the_data`].
//!
//! ```
//! # #[cfg(feature = "emulator")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use twilio_sync::{Emulator, conformance};
//!
//! let emulator = Emulator::in_process()?;
//! let sync = emulator.client()?; // a client of the service to test
//!
//! let quick = conformance::rules().filter(|rule| !rule.is_slow());
//! let report = conformance::run(&sync, quick).await;
//! assert!(report.is_passed(), "{report}");
//!
//! conformance::lists::an_index_is_never_reused(&sync).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "emulator"))]
//! # fn main() {}
//! ```
//!
//! # On an account in use
//!
//! A rule uses only objects that it creates. Their unique names begin with `conformance-` and a random
//! number, and the rule removes them at its end, passed or failed. Objects stay if the future of a rule
//! is dropped or a removal fails; [`all_with_prefix`](crate::kind::Objects::all_with_prefix) finds
//! them.
//!
//! Rules run one after the other, with about 900 requests in all. The real service allows about 20
//! writes a second to one object, so give a client of it a [`RateLimit`](crate::RateLimit) below that.
//!
//! Some rules can be left out, with a filter on [`rules`]:
//!
//! | rules | left out with |
//! | --- | --- |
//! | those that wait for time to pass, up to a minute each | [`is_slow`](Rule::is_slow) |
//! | those that create and remove a Service of their own, for its settings and access control | [`needs_own_service`](Rule::needs_own_service) |
//! | those that no public source states | [`source`](Rule::source) |

mod expect;
mod failure;
mod fixture;
mod report;
mod rule;

pub mod data;
pub mod documents;
pub mod errors;
pub mod expiry;
pub mod lists;
pub mod maps;
pub mod names;
pub mod pages;
pub mod permissions;
pub mod records;
pub mod services;
pub mod streams;

pub use failure::Failure;
pub use report::{Checked, Report};
pub use rule::{Rule, Source};

use crate::client::SyncClient;

/// The rules of each subject.
const SUBJECTS: &[&[Rule]] = &[
    names::RULES,
    records::RULES,
    data::RULES,
    documents::RULES,
    lists::RULES,
    maps::RULES,
    streams::RULES,
    pages::RULES,
    expiry::RULES,
    permissions::RULES,
    services::RULES,
    errors::RULES,
];

/// All rules, those of a subject together.
pub fn rules() -> impl Iterator<Item = &'static Rule> + Clone {
    SUBJECTS.iter().copied().flatten()
}

/// Checks all rules, one after the other.
pub async fn run_all(sync: &SyncClient) -> Report {
    run(sync, rules()).await
}

/// Checks some of the [`rules`], one after the other. A rule that fails does not stop it.
pub async fn run(sync: &SyncClient, rules: impl IntoIterator<Item = &'static Rule>) -> Report {
    let mut checked = Vec::new();
    for rule in rules {
        let result = rule.check(sync).await;
        checked.push(Checked { rule, result });
    }
    Report { checked }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own_and_a_statement() {
        let names: BTreeSet<_> = rules().map(ToString::to_string).collect();
        assert_eq!(names.len(), rules().count());
        for rule in rules() {
            assert!(
                rule.statement().ends_with('.'),
                "{rule}: {}",
                rule.statement()
            );
        }
    }
}
