//! Counts of what was exported or imported.

use std::fmt::{self, Display};

use super::Kind;

/// The number of objects, items and permissions of each kind. `Display` is for people: `2 Documents, 1
/// Map with 3 items, 2 permissions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; 9]);

impl Counts {
    /// Counts one more object, item or permission of a kind.
    pub fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// The number of objects, items or permissions of a kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// The number of all objects, items and permissions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count, noun: &str| {
            let ending = if count == 1 { "" } else { "s" };
            format!("{count} {noun}{ending}")
        };
        let mut parts = Vec::new();
        for kind in Kind::OBJECTS {
            let objects = plural(self.of(kind), &kind.to_string());
            match kind.items().map(|items| self.of(items)) {
                Some(items) if self.of(kind) + items > 0 => {
                    parts.push(format!("{objects} with {}", plural(items, "item")));
                }
                None if self.of(kind) > 0 => parts.push(objects),
                _ => {}
            }
        }
        let permissions = Kind::OBJECTS.into_iter().filter_map(Kind::permissions);
        let permissions: u64 = permissions.map(|kind| self.of(kind)).sum();
        if permissions > 0 {
            parts.push(plural(permissions, "permission"));
        }
        if parts.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_in_words() {
        let mut counts = Counts::default();
        assert_eq!(counts.to_string(), "nothing");
        let kinds = [Kind::Document, Kind::Document, Kind::List];
        for kind in kinds
            .into_iter()
            .chain([Kind::Map, Kind::Map, Kind::MapItem])
            .chain([Kind::MapPermission, Kind::DocumentPermission])
        {
            counts.add(kind);
        }
        assert_eq!(
            counts.to_string(),
            "2 Documents, 1 List with 0 items, 2 Maps with 1 item, 2 permissions"
        );
    }
}
