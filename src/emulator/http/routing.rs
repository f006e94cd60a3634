//! From a request's method and path to an operation.

use std::borrow::Cow;
use std::sync::LazyLock;

use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;

use crate::api::Operation;
use crate::emulator::store::ServiceError;

const VERSION: &str = "/v1";
/// The maximum number of segments in a path of the API.
const DEPTH: usize = 6;

/// The operations on one path.
struct Resource {
    /// The segments behind the version; none for a name.
    segments: Vec<Option<&'static str>>,
    operations: Vec<Operation>,
}

impl Resource {
    fn is_at(&self, segments: &[&str]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(own, given)| own.is_none_or(|own| own == *given))
    }
}

/// All resources, those of one path once.
static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let mut resources: Vec<(&str, Resource)> = Vec::new();
    for operation in Operation::all() {
        let path = unversioned(operation.path());
        if let Some((_, resource)) = resources.iter_mut().find(|(known, _)| *known == path) {
            resource.operations.push(operation);
            continue;
        }
        let segments = path.split('/').skip(1);
        let segments = segments.map(|text| (!text.starts_with('{')).then_some(text));
        let resource = Resource {
            segments: segments.collect(),
            operations: vec![operation],
        };
        resources.push((path, resource));
    }
    resources
        .into_iter()
        .map(|(_, resource)| resource)
        .collect()
});

/// The path as error messages have it: without the version.
pub(super) fn unversioned(path: &str) -> &str {
    path.strip_prefix(VERSION).unwrap_or(path)
}

/// The operations on the path of a request.
pub(super) struct Route<'a> {
    path: &'a str,
    operations: Option<&'static [Operation]>,
    method: &'a Method,
}

impl<'a> Route<'a> {
    /// Routes by the path as it came: what is percent-encoded divides no segments.
    pub(super) fn find(method: &'a Method, path: &'a str) -> Self {
        let operations = path
            .strip_prefix(VERSION)
            .and_then(|path| path.strip_prefix('/'))
            .and_then(|path| {
                let (segments, length) = segments::<DEPTH>(path)?;
                let segments = segments.get(..length)?;
                // An empty segment is no name.
                (!segments.contains(&""))
                    .then(|| RESOURCES.iter().find(|resource| resource.is_at(segments)))
                    .flatten()
                    .map(|resource| resource.operations.as_slice())
            });
        Self {
            path,
            operations,
            method,
        }
    }

    pub(super) fn operation(&self) -> Option<Operation> {
        let mut operations = self.operations?.iter().copied();
        operations.find(|operation| operation.method() == self.method)
    }

    /// The error where there is no operation.
    pub(super) fn error(&self) -> ServiceError {
        match self.operations {
            None => ServiceError::NotFound,
            Some(_) => ServiceError::MethodNotAllowed,
        }
    }

    /// The methods the path has, for the `Allow` header.
    pub(super) fn allow(&self) -> Option<HeaderValue> {
        let methods = self
            .operations?
            .iter()
            .map(|operation| operation.method().as_str());
        HeaderValue::from_str(&methods.collect::<Vec<_>>().join(", ")).ok()
    }

    /// The variable segments, decoded; what is not UTF-8 names nothing.
    pub(super) fn names(&self) -> Result<[Cow<'a, str>; 3], ServiceError> {
        let mut names = [const { Cow::Borrowed("") }; 3];
        // The names in /v1/Services/{}/Lists/{}/Items/{}: every second segment from the third on.
        let segments = self.path.split('/').skip(3).step_by(2);
        for (name, segment) in names.iter_mut().zip(segments) {
            *name = percent_decode_str(segment)
                .decode_utf8()
                .map_err(|_| ServiceError::NotFound)?;
        }
        Ok(names)
    }
}

/// Up to `N` segments and how many there are; none if there are more.
fn segments<const N: usize>(path: &str) -> Option<([&str; N], usize)> {
    let mut segments = [""; N];
    let mut length = 0;
    for segment in path.split('/') {
        *segments.get_mut(length)? = segment;
        length += 1;
    }
    Some((segments, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> (Option<Operation>, [String; 3]) {
        let route = Route::find(&Method::GET, path);
        let names = route.names().map(|names| names.map(Cow::into_owned));
        (route.operation(), names.unwrap_or_default())
    }

    #[test]
    fn names_may_hold_any_character() {
        let (operation, names) = names("/v1/Services/default/Maps/a%2Fb/Items/%25%5C%E2%82%AC");
        assert_eq!(operation, Some(Operation::FetchSyncMapItem));
        assert_eq!(names, ["default", "a/b", "%\\\u{20ac}"]);
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v2/Services",
            "/v1Services",
            "/v1/Services/",
            "/v1/services",
            "/v1/Services//Maps",
            "/v1/Services/a/Maps/b/Items/c/d/e",
            "*",
        ] {
            let route = Route::find(&Method::GET, path);
            assert_eq!(route.operation(), None, "{path}");
            assert_eq!(route.error(), ServiceError::NotFound);
        }
    }

    #[test]
    fn the_error_for_a_wrong_method_has_the_right_ones() {
        let route = Route::find(&Method::PUT, "/v1/Services");
        assert_eq!(route.error(), ServiceError::MethodNotAllowed);
        assert_eq!(route.allow().unwrap(), "GET, POST");
    }
}
