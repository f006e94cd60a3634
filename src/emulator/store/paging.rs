//! Pages of an ordered collection.
//!
//! A page is found by the key it starts after (or ends before), never by a
//! count of what lies in front of it: a page deep in a collection costs what
//! the first one does, and what is added or removed between two pages makes
//! neither a gap nor a repetition.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const TOKEN_PREFIX: &str = "PT";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    #[default]
    #[serde(rename = "a")]
    Asc,
    #[serde(rename = "d")]
    Desc,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bounds {
    #[default]
    #[serde(rename = "i")]
    Inclusive,
    #[serde(rename = "e")]
    Exclusive,
}

/// A key as a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edge<K>(pub(crate) K, pub(crate) Bounds);

impl<K> Edge<K> {
    fn bound(&self) -> Bound<&K> {
        match self.1 {
            Bounds::Inclusive => Bound::Included(&self.0),
            Bounds::Exclusive => Bound::Excluded(&self.0),
        }
    }
}

/// The position of a page in a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Position<K> {
    /// The first page.
    #[serde(rename = "s")]
    Start,
    /// The page that begins at the edge.
    #[serde(rename = "n")]
    Next(Edge<K>),
    /// The page that ends at the edge.
    #[serde(rename = "p")]
    Previous(Edge<K>),
}

/// A walk over a collection, and one page of it: the contents of a page token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk<K> {
    pub(crate) order: Order,
    /// The start of the walk; the first key in its order when absent.
    pub(crate) from: Option<Edge<K>>,
    pub(crate) position: Position<K>,
}

impl<K> Default for Walk<K> {
    fn default() -> Self {
        Self {
            order: Order::Asc,
            from: None,
            position: Position::Start,
        }
    }
}

impl<K: Serialize> Walk<K> {
    /// The page token that leads to this page.
    pub(crate) fn token(&self) -> String {
        // Neither indexes nor keys can fail to serialise.
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }
}

impl<K: DeserializeOwned> Walk<K> {
    /// Reads a page token.
    pub(crate) fn from_token(token: &str) -> Option<Self> {
        let token = token.strip_prefix(TOKEN_PREFIX)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()
    }
}

/// One page: its entries in the order of the walk, and the pages beside it.
#[derive(Debug)]
pub(crate) struct Page<K, V> {
    pub(crate) entries: Vec<V>,
    pub(crate) previous: Option<Walk<K>>,
    pub(crate) next: Option<Walk<K>>,
}

impl<K, V> Page<K, V> {
    pub(crate) fn map<T>(self, map: impl FnMut(V) -> T) -> Page<K, T> {
        Page {
            entries: self.entries.into_iter().map(map).collect(),
            previous: self.previous,
            next: self.next,
        }
    }
}

impl<K: Ord + Clone> Walk<K> {
    /// Reads this page of at most `size` entries.
    pub(super) fn page<'a, V, T>(
        &self,
        map: &'a BTreeMap<K, V>,
        size: usize,
        view: impl Fn(&'a K, &'a V) -> T,
    ) -> Page<K, T> {
        let mut found = self.entries(map, size.saturating_add(1));
        let more = found.len() > size;
        found.truncate(size);
        if matches!(self.position, Position::Previous(_)) {
            found.reverse();
        }

        let (first, last) = (found.first().copied(), found.last().copied());
        let next = match &self.position {
            Position::Previous(edge) => {
                let edge = last.map_or_else(|| edge.other_side(), |(key, _)| beyond(key));
                self.at_if_any(map, Position::Next(edge))
            }
            _ => last
                .filter(|_| more)
                .map(|(key, _)| self.at(Position::Next(beyond(key)))),
        };
        let previous = match &self.position {
            Position::Start => None,
            Position::Next(edge) => {
                let edge = first.map_or_else(|| edge.other_side(), |(key, _)| beyond(key));
                self.at_if_any(map, Position::Previous(edge))
            }
            Position::Previous(_) => first
                .filter(|_| more)
                .map(|(key, _)| self.at(Position::Previous(beyond(key)))),
        };
        Page {
            entries: found.into_iter().map(|(k, v)| view(k, v)).collect(),
            previous,
            next,
        }
    }

    fn at(&self, position: Position<K>) -> Self {
        Self {
            order: self.order,
            from: self.from.clone(),
            position,
        }
    }

    fn at_if_any<V>(&self, map: &BTreeMap<K, V>, position: Position<K>) -> Option<Self> {
        let walk = self.at(position);
        (!walk.entries(map, 1).is_empty()).then_some(walk)
    }

    /// Up to `limit` entries, nearest to the page's edge first.
    fn entries<'a, V>(&self, map: &'a BTreeMap<K, V>, limit: usize) -> Vec<(&'a K, &'a V)> {
        let from = self.from.as_ref().map_or(Bound::Unbounded, Edge::bound);
        // The bounds of the page in the order of the walk.
        let (begin, end, back) = match &self.position {
            Position::Start => (from, Bound::Unbounded, false),
            Position::Next(edge) => (edge.bound(), Bound::Unbounded, false),
            Position::Previous(edge) => (from, edge.bound(), true),
        };
        let (low, high) = match self.order {
            Order::Asc => (begin, end),
            Order::Desc => (end, begin),
        };
        if is_empty(low, high) {
            return Vec::new();
        }
        let range = map.range::<K, _>((low, high));
        if back == (self.order == Order::Desc) {
            range.take(limit).collect()
        } else {
            range.rev().take(limit).collect()
        }
    }
}

impl<K: Clone> Edge<K> {
    /// The edge of the other side.
    fn other_side(&self) -> Self {
        let bounds = match self.1 {
            Bounds::Inclusive => Bounds::Exclusive,
            Bounds::Exclusive => Bounds::Inclusive,
        };
        Self(self.0.clone(), bounds)
    }
}

fn beyond<K: Clone>(key: &K) -> Edge<K> {
    Edge(key.clone(), Bounds::Exclusive)
}

/// Returns true if no key is between the two bounds (`BTreeMap::range` panics on some of those).
fn is_empty<K: Ord>(low: Bound<&K>, high: Bound<&K>) -> bool {
    use Bound::{Excluded, Included, Unbounded};
    match (low, high) {
        (Unbounded, _) | (_, Unbounded) => false,
        (Included(low), Included(high)) => low > high,
        (Included(low) | Excluded(low), Included(high) | Excluded(high)) => low >= high,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(page: &Page<u64, u64>) -> &[u64] {
        &page.entries
    }

    fn read(map: &BTreeMap<u64, u64>, walk: &Walk<u64>, size: usize) -> Page<u64, u64> {
        walk.page(map, size, |key, _| *key)
    }

    #[test]
    fn from_and_bounds_in_both_orders() {
        let map: BTreeMap<u64, u64> = [0, 2, 4].map(|key| (key, key)).into();
        let walk = |order, from, bounds| Walk {
            order,
            from: Some(Edge(from, bounds)),
            position: Position::Start,
        };
        for (order, from, bounds, expected) in [
            (Order::Asc, 2, Bounds::Inclusive, &[2, 4][..]),
            (Order::Asc, 2, Bounds::Exclusive, &[4]),
            (Order::Asc, 3, Bounds::Inclusive, &[4]),
            (Order::Desc, 2, Bounds::Inclusive, &[2, 0]),
            (Order::Desc, 2, Bounds::Exclusive, &[0]),
            (Order::Desc, 3, Bounds::Inclusive, &[2, 0]),
            (Order::Asc, 9, Bounds::Inclusive, &[]),
        ] {
            assert_eq!(keys(&read(&map, &walk(order, from, bounds), 9)), expected);
        }
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let map: BTreeMap<u64, u64> = (0..4).map(|key| (key, key)).collect();
        let first = read(&map, &Walk::default(), 2);
        assert!(first.previous.is_none());
        let last = read(&map, &first.next.unwrap(), 2);
        assert_eq!(keys(&last), [2, 3]);
        assert!(last.next.is_none());
        let back = read(&map, &last.previous.unwrap(), 2);
        assert_eq!(keys(&back), [0, 1]);
        assert!(back.previous.is_none() && back.next.is_some());
    }

    #[test]
    fn an_emptied_page_still_leads_back() {
        let mut map: BTreeMap<u64, u64> = (0..4).map(|key| (key, key)).collect();
        let next = read(&map, &Walk::default(), 2).next.unwrap();
        map.retain(|key, _| *key < 2);
        let empty = read(&map, &next, 2);
        assert!(empty.entries.is_empty() && empty.next.is_none());
        assert_eq!(keys(&read(&map, &empty.previous.unwrap(), 2)), [0, 1]);
    }

    #[test]
    fn no_token_makes_a_range_panic() {
        let map: BTreeMap<u64, u64> = (0..4).map(|key| (key, key)).collect();
        for order in [Order::Asc, Order::Desc] {
            for edge in 0..5 {
                for bounds in [Bounds::Inclusive, Bounds::Exclusive] {
                    let walk = Walk {
                        order,
                        from: Some(Edge(2, bounds)),
                        position: Position::Previous(Edge(edge, bounds)),
                    };
                    read(&map, &walk, 2);
                }
            }
        }
    }

    proptest! {
        /// While others come and go, a walk meets every lasting entry exactly once, in order.
        #[test]
        fn a_walk_meets_each_lasting_entry_once(
            lasting in prop::collection::btree_set(0_u64..60, 0..30),
            changes in prop::collection::vec((0_u64..60, any::<bool>()), 0..40),
            size in 1_usize..6,
            desc in any::<bool>(),
        ) {
            let mut map: BTreeMap<u64, u64> = lasting.iter().map(|key| (*key, *key)).collect();
            let order = if desc { Order::Desc } else { Order::Asc };
            let mut walk = Some(Walk { order, ..Walk::default() });
            let mut changes = changes.into_iter().filter(|(key, _)| !lasting.contains(key));
            let mut met = Vec::new();
            while let Some(at) = walk {
                let page = read(&map, &at, size);
                met.extend(page.entries);
                walk = page.next;
                for (key, add) in changes.by_ref().take(3) {
                    if add { map.insert(key, key); } else { map.remove(&key); }
                }
            }
            let sorted = met.is_sorted_by(|a, b| if desc { a > b } else { a < b });
            prop_assert!(sorted);
            met.retain(|key| lasting.contains(key));
            let mut expected: Vec<u64> = lasting.into_iter().collect();
            if desc { expected.reverse(); }
            prop_assert_eq!(met, expected);
        }

        /// Walking back from the last page meets the same entries as walking there.
        #[test]
        fn walking_back_retraces_the_walk(count in 0_u64..30, size in 1_usize..6, from in 0_u64..30) {
            let map: BTreeMap<u64, u64> = (0..count).map(|key| (key, key)).collect();
            let mut page = read(&map, &Walk { from: Some(Edge(from, Bounds::Inclusive)), ..Walk::default() }, size);
            let mut there = page.entries.clone();
            while let Some(next) = page.next {
                page = read(&map, &next, size);
                there.extend(&page.entries);
            }
            let mut back = page.entries.clone();
            while let Some(previous) = page.previous {
                page = read(&map, &previous, size);
                back.splice(0..0, page.entries.iter().copied());
            }
            prop_assert_eq!(there, back);
        }
    }
}
