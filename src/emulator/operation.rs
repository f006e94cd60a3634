//! The operations of the API: their names, methods and paths, in one table.

use std::fmt;

use http::Method;

macro_rules! operations {
    ($($path:pat => { $($method:ident $name:ident),+ })+) => {
        /// An operation of the Sync API, by its name in Twilio's API description.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "each is what its name says")]
        pub enum Operation {
            $($($name,)+)+
        }

        impl Operation {
            /// All operations.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// Its name in the API description, such as `CreateSyncListItem`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$name => stringify!($name),)+)+
                }
            }

            /// The operations on a path, given as its segments after `/v1`.
            pub(super) fn on_path(segments: &[&str]) -> Option<&'static [(Method, Self)]> {
                match segments {
                    $($path => Some(const { &[$((Method::$method, Self::$name)),+] }),)+
                    _ => None,
                }
            }
        }
    };
}

operations! {
    ["Services"] => { GET ListService, POST CreateService }
    ["Services", _] => { GET FetchService, POST UpdateService, DELETE DeleteService }

    ["Services", _, "Documents"] => { GET ListDocument, POST CreateDocument }
    ["Services", _, "Documents", _] => {
        GET FetchDocument, POST UpdateDocument, DELETE DeleteDocument
    }
    ["Services", _, "Documents", _, "Permissions"] => { GET ListDocumentPermission }
    ["Services", _, "Documents", _, "Permissions", _] => {
        GET FetchDocumentPermission, POST UpdateDocumentPermission, DELETE DeleteDocumentPermission
    }

    ["Services", _, "Lists"] => { GET ListSyncList, POST CreateSyncList }
    ["Services", _, "Lists", _] => {
        GET FetchSyncList, POST UpdateSyncList, DELETE DeleteSyncList
    }
    ["Services", _, "Lists", _, "Items"] => { GET ListSyncListItem, POST CreateSyncListItem }
    ["Services", _, "Lists", _, "Items", _] => {
        GET FetchSyncListItem, POST UpdateSyncListItem, DELETE DeleteSyncListItem
    }
    ["Services", _, "Lists", _, "Permissions"] => { GET ListSyncListPermission }
    ["Services", _, "Lists", _, "Permissions", _] => {
        GET FetchSyncListPermission, POST UpdateSyncListPermission, DELETE DeleteSyncListPermission
    }

    ["Services", _, "Maps"] => { GET ListSyncMap, POST CreateSyncMap }
    ["Services", _, "Maps", _] => { GET FetchSyncMap, POST UpdateSyncMap, DELETE DeleteSyncMap }
    ["Services", _, "Maps", _, "Items"] => { GET ListSyncMapItem, POST CreateSyncMapItem }
    ["Services", _, "Maps", _, "Items", _] => {
        GET FetchSyncMapItem, POST UpdateSyncMapItem, DELETE DeleteSyncMapItem
    }
    ["Services", _, "Maps", _, "Permissions"] => { GET ListSyncMapPermission }
    ["Services", _, "Maps", _, "Permissions", _] => {
        GET FetchSyncMapPermission, POST UpdateSyncMapPermission, DELETE DeleteSyncMapPermission
    }

    ["Services", _, "Streams"] => { GET ListSyncStream, POST CreateSyncStream }
    ["Services", _, "Streams", _] => {
        GET FetchSyncStream, POST UpdateSyncStream, DELETE DeleteSyncStream
    }
    ["Services", _, "Streams", _, "Messages"] => { POST CreateStreamMessage }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_48() {
        assert_eq!(Operation::ALL.len(), 48);
    }

    #[test]
    fn a_path_leads_to_its_operations() {
        let on = |path: &str| Operation::on_path(&path.split('/').collect::<Vec<_>>());
        let items = on("Services/IS1/Lists/log/Items").unwrap();
        assert_eq!(items[1], (Method::POST, Operation::CreateSyncListItem));
        assert!(on("Services/IS1/Lists/log/Messages").is_none());
        assert!(on("Services/IS1/Documents/").is_some());
        assert!(on("").is_none());
    }
}
