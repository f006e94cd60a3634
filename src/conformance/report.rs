//! The report of a run.

use std::fmt::{self, Display};

use super::failure::Failure;
use super::rule::Rule;

/// The result of each rule that was checked, in the order of the run.
///
/// It displays as a line for each rule that failed, and a line with the numbers.
#[derive(Debug)]
#[must_use]
pub struct Report {
    pub(super) checked: Vec<Checked>,
}

/// A rule with its result.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The rule.
    pub rule: &'static Rule,
    /// The result of its check.
    pub result: Result<(), Failure>,
}

impl Report {
    /// The rules that were checked, each with its result.
    #[must_use]
    pub fn checked(&self) -> &[Checked] {
        &self.checked
    }

    /// The rules that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&'static Rule, &Failure)> {
        let checked = self.checked.iter();
        checked.filter_map(|checked| Some((checked.rule, checked.result.as_ref().err()?)))
    }

    /// Returns `true` if no rule failed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failures().next().is_none()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rule, failure) in self.failures() {
            writeln!(f, "{rule}: {failure}")?;
        }
        let (all, failed) = (self.checked.len(), self.failures().count());
        write!(f, "{} of {all} rules passed", all - failed)
    }
}
