//! Counts of what was exported or imported.

use std::fmt::{self, Display};

use twilio_sync::export::Kind;

/// The number of objects and items of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts([u64; 6]);

impl Counts {
    pub(crate) fn add(&mut self, kind: Kind, count: u64) {
        self.0[kind as usize] += count;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A count with its noun, in the plural where it is due.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_items = |count, noun, items| {
            let text = plural(count, noun);
            (count + items > 0).then(|| format!("{text} with {}", plural(items, "item")))
        };
        let alone = |count, noun| (count > 0).then(|| plural(count, noun));
        let [documents, lists, list_items, maps, map_items, streams] = self.0;
        let parts = [
            alone(documents, "Document"),
            with_items(lists, "List", list_items),
            with_items(maps, "Map", map_items),
            alone(streams, "Message Stream"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
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
        counts.add(Kind::Document, 3);
        counts.add(Kind::List, 1);
        counts.add(Kind::Map, 2);
        counts.add(Kind::MapItem, 1);
        assert_eq!(
            counts.to_string(),
            "3 Documents, 1 List with 0 items, 2 Maps with 1 item"
        );
    }
}
