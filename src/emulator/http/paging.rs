//! The page that a query requests, and the URLs of the pages beside it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::bodies::{Body, Site};
use crate::emulator::core::Parameters;
use crate::emulator::store::{
    Bounds, Edge, ItemRules, Order, Page, Position, ServiceError, Walk, whole_number,
};

const DEFAULT_SIZE: u64 = 50;
/// The maximum number of entries in a page.
const MAX_SIZE: u64 = 100;
/// The largest `PageSize` that is accepted, as the API once had pages of that size.
const MAX_REQUESTED_SIZE: u64 = 1_000;

/// The page that a query requests.
#[derive(Debug)]
pub(super) struct PageRequest<K> {
    pub(super) walk: Walk<K>,
    pub(super) size: usize,
    number: u64,
    /// `Order`, `From` and `Bounds` as they came, for the URLs of the pages.
    filters: String,
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// Reads the parameters that every list of the API takes.
    pub(super) fn read(query: &Parameters<'_>) -> Result<Self, ServiceError> {
        let size = query.read("PageSize", |text| {
            whole_number(text)
                .filter(|size| (1..=MAX_REQUESTED_SIZE).contains(size))
                .ok_or(ServiceError::InvalidPageSize)
        })?;
        let size = size.unwrap_or(DEFAULT_SIZE).min(MAX_SIZE);
        let number = query.read("Page", |text| {
            whole_number(text).ok_or(ServiceError::InvalidParameter("Page"))
        })?;
        let walk = query.read("PageToken", read_token)?;
        Ok(Self {
            walk: walk.unwrap_or_default(),
            size: usize::try_from(size).map_err(|_| ServiceError::InvalidPageSize)?,
            number: number.unwrap_or_default(),
            filters: String::new(),
        })
    }
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// Reads the parameters that lists of items take. A page token overrides the order and its start.
    pub(super) fn read_items<C: ItemRules<Key = K>>(
        query: &Parameters<'_>,
    ) -> Result<Self, ServiceError> {
        let order = query.read("Order", |text| match text {
            "asc" => Ok(Order::Asc),
            "desc" => Ok(Order::Desc),
            _ => Err(ServiceError::InvalidOrder),
        })?;
        let bounds = query.read("Bounds", |text| match text {
            "inclusive" => Ok(Bounds::Inclusive),
            "exclusive" => Ok(Bounds::Exclusive),
            _ => Err(ServiceError::InvalidBounds),
        })?;
        let from = query.read("From", C::parse_key)?;

        let mut request = Self::read(query)?;
        if query.get("PageToken").is_none() {
            request.walk = Walk {
                order: order.unwrap_or_default(),
                from: from.map(|key| Edge(key, bounds.unwrap_or_default())),
                position: Position::Start,
            };
        }
        for name in ["Order", "From", "Bounds"] {
            if let Some(value) = query.get(name) {
                let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
                request.filters.extend([name, "="]);
                request.filters.extend(value);
                request.filters.push('&');
            }
        }
        Ok(request)
    }
}

impl<K: Serialize> PageRequest<K> {
    /// The body that shows a page of the resource at `url`.
    pub(super) fn body<'a, V>(
        &self,
        site: Site<'a>,
        url: &str,
        key: &'static str,
        page: Page<K, V>,
    ) -> PageBody<'a, V> {
        let at = |number: u64, walk: Option<&Walk<K>>| {
            let Self { size, filters, .. } = self;
            let token = walk.map(token).unwrap_or_default();
            format!("{url}?{filters}PageSize={size}&Page={number}{token}")
        };
        let this = match self.walk.position {
            Position::Start => None,
            Position::Next(_) | Position::Previous(_) => Some(&self.walk),
        };
        let meta = Meta {
            first_page_url: at(0, None),
            key,
            next_page_url: page
                .next
                .map(|walk| at(self.number.saturating_add(1), Some(&walk))),
            page: self.number,
            page_size: self.size,
            previous_page_url: page
                .previous
                .map(|walk| at(self.number.saturating_sub(1), Some(&walk))),
            url: at(self.number, this),
        };
        PageBody {
            key,
            entries: page
                .entries
                .into_iter()
                .map(|view| Body(site, view))
                .collect(),
            meta,
        }
    }
}

/// The `PageToken` parameter that leads to a page.
fn token<K: Serialize>(walk: &Walk<K>) -> String {
    format!("&PageToken={}", walk.token())
}

fn read_token<K: DeserializeOwned>(token: &str) -> Result<Walk<K>, ServiceError> {
    Walk::from_token(token).ok_or(ServiceError::InvalidPageToken)
}

/// A page of the API.
pub(super) struct PageBody<'a, V> {
    key: &'static str,
    entries: Vec<Body<'a, V>>,
    meta: Meta,
}

impl<'a, V> Serialize for PageBody<'a, V>
where
    Body<'a, V>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.key, &self.entries)?;
        map.serialize_entry("meta", &self.meta)?;
        map.end()
    }
}

#[derive(Serialize)]
struct Meta {
    first_page_url: String,
    key: &'static str,
    next_page_url: Option<String>,
    page: u64,
    page_size: usize,
    previous_page_url: Option<String>,
    url: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::store::List;

    fn items(query: &str) -> Result<PageRequest<u64>, ServiceError> {
        PageRequest::read_items::<List>(&Parameters::parse(query.as_bytes())?)
    }

    #[test]
    fn bad_values_are_refused() {
        for (query, error) in [
            ("Order=ASC", ServiceError::InvalidOrder),
            ("Bounds=", ServiceError::InvalidBounds),
            ("From=-1", ServiceError::InvalidListIndex),
            ("PageSize=0", ServiceError::InvalidPageSize),
            ("PageSize=1001", ServiceError::InvalidPageSize),
            ("Page=x", ServiceError::InvalidParameter("Page")),
            ("PageToken=", ServiceError::InvalidPageToken),
            ("PageToken=PTIjEi", ServiceError::InvalidPageToken),
        ] {
            assert_eq!(items(query).unwrap_err(), error, "{query}");
        }
    }

    #[test]
    fn sizes_over_a_hundred_give_a_hundred() {
        assert_eq!(items("PageSize=1000").unwrap().size, 100);
        assert_eq!(items("").unwrap().size, 50);
    }

    #[test]
    fn a_token_overrides_what_it_remembers() {
        let walk = Walk {
            order: Order::Desc,
            from: Some(Edge(9, Bounds::Exclusive)),
            position: Position::Next(Edge(5, Bounds::Exclusive)),
        };
        let read = items(&format!("Order=asc&From=1{}", token(&walk))).unwrap();
        assert_eq!(read.walk, walk);
        assert_eq!(read.filters, "Order=asc&From=1&");
    }

    #[test]
    fn a_token_of_a_map_is_none_of_a_list() {
        let walk = Walk {
            position: Position::Next(Edge(Box::<str>::from("k"), Bounds::Exclusive)),
            ..Walk::default()
        };
        let read = items(&token(&walk)[1..]);
        assert_eq!(read.unwrap_err(), ServiceError::InvalidPageToken);
    }
}
